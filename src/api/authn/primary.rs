//! Beginning a transaction, and looking at one.

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, Response, web::Data};
use poem_openapi::OpenApi;

use super::{
    Asked, TransactionDoc,
    schema::{AuthnBody, StateTokenBody},
};
use crate::{
    api::{
        Served,
        error::okta::{Envelope, failed},
        json_body::JsonBody,
        payload::Answer,
    },
    authn::{
        service::{
            Start, navigation,
            primary::{Credentials, submit_password, with_activation_token, with_password},
        },
        session_token::BoundTo,
    },
    id::ClientId,
    syslog::Caller,
};

/// The endpoints.
pub struct Primary(pub(super) Served);

#[OpenApi]
impl Primary {
    /// Sign in, or go on with a sign-in (Okta Authentication API)
    #[oai(path = "/api/v1/authn", method = "post", operation_id = "authenticate")]
    async fn authenticate(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<AuthnBody>,
    ) -> Answer<TransactionDoc> {
        Answer::of(Box::pin(self.begin(request, &caller, &body)).await)
    }

    /// Look where a sign-in stands (Okta Authentication API)
    #[oai(path = "/api/v1/authn/introspect", method = "post", operation_id = "introspectAuthentication")]
    async fn introspect(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        Answer::of(self.look(request, &caller, &body).await)
    }
}

impl Primary {
    async fn begin(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<AuthnBody>,
    ) -> Result<Response, Response> {
        let asked = Asked::read(&self.0, request, caller, body).await?;
        let visitor = asked.visitor();
        let username = asked.text("username")?;
        if let Some(state_token) = asked.text("stateToken")? {
            let reply = match username {
                None => navigation::look(asked.app, &visitor, state_token).await,
                Some(login) => {
                    let password = asked.secret("password")?;
                    let credentials = Credentials { login, password: &password };
                    submit_password(asked.app, &visitor, state_token, credentials).await
                }
            };
            return asked.answer(reply);
        }
        let start = Start {
            options: asked.options()?,
            relay_state: asked.text("relayState")?.map(ToOwned::to_owned),
            audience: audience(&asked).await?,
            device: asked.device.clone().filter(|_| asked.bound_to == BoundTo::TrustedApplication),
            ..Start::default()
        };
        if let Some(token) = asked.text("token")?.filter(|_| username.is_none()) {
            return asked.answer(with_activation_token(asked.app, &visitor, token, start).await);
        }
        let login = asked.required("username")?;
        let password = asked.secret("password")?;
        let credentials = Credentials { login, password: &password };
        asked.answer(with_password(asked.app, &visitor, credentials, start).await)
    }

    async fn look(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<StateTokenBody>,
    ) -> Result<Response, Response> {
        let asked = Asked::read(&self.0, request, caller, body).await?;
        asked.answer(navigation::look(asked.app, &asked.visitor(), asked.state_token()?).await)
    }
}

/// The application that the user is on the way to.
async fn audience(asked: &Asked<'_>) -> Result<Option<ClientId>, Response> {
    let Some(audience) = asked.text("audience")? else { return Ok(None) };
    let id = ClientId::new(audience);
    let client = asked.app.clients.find(&asked.app.db, &id).await.map_err(failed)?;
    if client.is_some_and(|client| client.is_active()) {
        return Ok(Some(id));
    }
    let unknown = Envelope::invalid(StatusCode::BAD_REQUEST, "authRequest");
    Err(unknown.because("audience: The application is not known.").respond())
}
