//! Payloads that are both served and documented: forms whose errors are OAuth's own, and answers with their schema.

use std::marker::PhantomData;

use poem::{IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::{
    ApiResponse, impl_apirequest_for_payload,
    payload::{ParsePayload, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};

use super::error::oauth::OAuthFailure;
use crate::protocol::{
    error::OAuthError,
    params::{FORM, Params, is_form},
};

/// Names that must never stand in a URL, where logs and histories keep them.
const SECRET_NAMES: [&str; 12] = [
    "client_secret",
    "client_assertion",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "username",
    "password",
    "assertion",
    "device_code",
    "subject_token",
    "actor_token",
];

/// A form as raw parameters, each at most once (RFC 6749 §3.2); `T` documents what they mean.
pub struct OAuthForm<T> {
    /// The parameters.
    pub params: Params,
    schema: PhantomData<fn() -> T>,
}

impl<T: Type> Payload for OAuthForm<T> {
    const CONTENT_TYPE: &'static str = FORM;

    fn check_content_type(_: &str) -> bool {
        // Checked when the body is read, where the error is OAuth's.
        true
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ParsePayload for OAuthForm<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let params = form(request, body).await?;
        Ok(Self { params, schema: PhantomData })
    }
}

impl_apirequest_for_payload!(OAuthForm<T>, T: Type);

async fn form(request: &Request, body: &mut RequestBody) -> Result<Params> {
    if !is_form(request.content_type()) {
        let error =
            OAuthError::invalid_request("The Content-Type must be application/x-www-form-urlencoded.");
        return Err(OAuthFailure::from(error).into());
    }
    let bytes = body.take()?.into_bytes().await?;
    let params = Params::parse_form(&bytes).map_err(|error| OAuthFailure::from(OAuthError::from(error)))?;
    if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
        let query =
            Params::parse_query(query).map_err(|error| OAuthFailure::from(OAuthError::from(error)))?;
        if let Some((name, _)) =
            query.iter().find(|(name, _)| SECRET_NAMES.contains(name) || params.contains(name))
        {
            tracing::debug!(parameter = name, "a parameter of a form was sent in the URL");
            let error = OAuthError::invalid_request("Parameters must be sent in the body, once.");
            return Err(OAuthFailure::from(error).into());
        }
    }
    Ok(params)
}

/// What an endpoint answers when all is well, for the document.
pub trait Documentation: Send {
    /// Statuses with their meaning; the first is the good one.
    const STATUSES: &'static [(u16, &'static str)];
    /// The schema of the good answer, if it is JSON.
    type Schema: Type;
}

/// Declares what endpoints answer: `Name: Schema = statuses;`, see [`Documentation`].
macro_rules! documented {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $schema:ty = $statuses:expr;)*) => {$(
        $(#[$doc])*
        $vis struct $name;

        impl $crate::api::payload::Documentation for $name {
            const STATUSES: &'static [(u16, &'static str)] = $statuses;
            type Schema = $schema;
        }
    )*};
}
pub(crate) use documented;

/// A ready answer together with its documentation.
pub struct Answer<D>(Response, PhantomData<fn() -> D>);

impl<D> Answer<D> {
    /// Wraps a ready answer.
    pub fn new(response: impl IntoResponse) -> Self {
        Self(response.into_response(), PhantomData)
    }

    /// Wraps what an endpoint answers, whichever way it got there.
    pub fn of(answer: Result<Response, Response>) -> Self {
        Self(answer.unwrap_or_else(|refusal| refusal), PhantomData)
    }
}

impl<D: Documentation> IntoResponse for Answer<D> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<D: Documentation> ApiResponse for Answer<D> {
    fn meta() -> MetaResponses {
        let responses = D::STATUSES
            .iter()
            .enumerate()
            .map(|(index, &(status, description))| MetaResponse {
                description,
                status: Some(status),
                status_range: None,
                content: if index == 0 && status != 204 {
                    vec![MetaMediaType { content_type: "application/json", schema: D::Schema::schema_ref() }]
                } else {
                    Vec::new()
                },
                headers: Vec::new(),
            })
            .collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        D::Schema::register(registry);
    }
}
