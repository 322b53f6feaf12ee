//! New passwords in a transaction.

use std::sync::Arc;

use poem::{Request, web::Data};
use poem_openapi::OpenApi;

use super::{
    Asked, TransactionDoc,
    schema::{ChangePasswordBody, ResetPasswordBody},
};
use crate::{
    api::{Served, json_body::JsonBody, payload::Answer},
    authn::service::credentials,
    syslog::Caller,
    user::password::RevokeSessions,
};

/// The endpoints.
pub struct Credentials(pub(super) Served);

#[OpenApi]
impl Credentials {
    /// Change the password, given the old one (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/credentials/change_password",
        method = "post",
        operation_id = "changePasswordInAuthn"
    )]
    async fn change(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<ChangePasswordBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let token = asked.state_token()?;
            let (old, new) = (asked.secret("oldPassword")?, asked.secret("newPassword")?);
            let revoke = revoke(&asked)?;
            let visitor = asked.visitor();
            let step = credentials::change(asked.app, &visitor, token, (&old, &new), revoke);
            asked.answer(step.await)
        };
        Answer::of(answer.await)
    }

    /// Set a new password after a recovery (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/credentials/reset_password",
        method = "post",
        operation_id = "resetPasswordInAuthn"
    )]
    async fn reset(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<ResetPasswordBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let (token, new) = (asked.state_token()?, asked.secret("newPassword")?);
            // Whoever had the old password may have had more (security rule S8): a recovery always ends all sessions.
            asked.truth("revokeSessions")?;
            let revoke = RevokeSessions::All;
            asked.answer(credentials::reset(asked.app, &asked.visitor(), token, &new, revoke).await)
        };
        Answer::of(answer.await)
    }
}

/// Okta leaves sessions alone unless it is told otherwise.
fn revoke(asked: &Asked<'_>) -> Result<RevokeSessions<'static>, poem::Response> {
    Ok(if asked.truth("revokeSessions")? { RevokeSessions::All } else { RevokeSessions::None })
}
