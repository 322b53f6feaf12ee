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
    authn::service::{
        Start, navigation,
        primary::{Credentials, submit_password, with_activation_token, with_password},
    },
    id::ClientId,
    model::assurance::{Assurance, AuthenticationRequirement},
    model::policy::Access,
    syslog::Caller,
    user::policies::PolicyFacts,
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
        Answer::of(self.begin(request, &caller, &body).await)
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
            requirement: requirement(&asked, username).await?,
            token: None,
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

/// What the application wants that the user is on the way to (`audience`).
async fn requirement(
    asked: &Asked<'_>,
    username: Option<&str>,
) -> Result<AuthenticationRequirement, Response> {
    let none = AuthenticationRequirement::default();
    let Some(audience) = asked.text("audience")? else { return Ok(none) };
    let unknown = || {
        Envelope::invalid(StatusCode::BAD_REQUEST, "authRequest")
            .because("audience: The application is not known.")
            .respond()
    };
    let app = asked.app;
    let client = app.clients.find(&app.db, &ClientId::new(audience)).await.map_err(failed)?;
    let client = client.filter(|client| client.is_active()).ok_or_else(unknown)?;
    let Some(user) = user(asked, username).await? else { return Ok(none) };
    let facts = PolicyFacts::load(app, &user.id).await.map_err(failed)?;
    let decided = facts.set.for_app(&client.id, &facts.subject(&user.id, asked.caller.ip));
    // A user who may not use it learns that from the application; nothing about the login is told here.
    Ok(match decided.access {
        Access::Allow => none.and(Assurance::of_session(decided.assurance)),
        Access::Deny => none,
    })
}

async fn user(
    asked: &Asked<'_>,
    username: Option<&str>,
) -> Result<Option<crate::model::user::User>, Response> {
    let key = username.and_then(|login| crate::user::login::LoginKey::normalize(login.trim()).ok());
    match key {
        Some(key) => crate::store::user::find_by_login(&asked.app.db, key.as_str()).await.map_err(failed),
        None => Ok(None),
    }
}
