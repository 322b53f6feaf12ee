//! Moving through a transaction without proving anything.

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, web::Data};
use poem_openapi::OpenApi;
use serde_json::{Map, Value};

use super::{Asked, EmptyDoc, TransactionDoc, refused, schema::StateTokenBody};
use crate::{
    api::{Served, error::oauth::json_response, json_body::JsonBody, payload::Answer},
    authn::service::navigation,
    syslog::Caller,
};

/// The endpoints.
pub struct Navigation(pub(super) Served);

#[OpenApi]
impl Navigation {
    /// Go back to choose again (Okta Authentication API)
    #[oai(path = "/api/v1/authn/previous", method = "post", operation_id = "previousInAuthn")]
    async fn previous(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            asked.answer(navigation::previous(asked.app, &asked.visitor(), asked.state_token()?).await)
        };
        Answer::of(answer.await)
    }

    /// Put off what is offered (Okta Authentication API)
    #[oai(path = "/api/v1/authn/skip", method = "post", operation_id = "skipInAuthn")]
    async fn skip(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            asked.answer(navigation::skip(asked.app, &asked.visitor(), asked.state_token()?).await)
        };
        Answer::of(answer.await)
    }

    /// Give a transaction up (Okta Authentication API)
    #[oai(path = "/api/v1/authn/cancel", method = "post", operation_id = "cancelAuthn")]
    async fn cancel(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<EmptyDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let ended = navigation::cancel(asked.app, &asked.visitor(), asked.state_token()?).await;
            let relay_state = ended.map_err(|error| refused(&error))?;
            let told = relay_state.map(|text| ("relayState".to_owned(), Value::from(text)));
            Ok(json_response(StatusCode::OK, &told.into_iter().collect::<Map<_, _>>()))
        };
        Answer::of(answer.await)
    }
}
