//! Recovery of passwords and of locked accounts.

use std::sync::Arc;

use http::StatusCode;
use poem::{Request, Response, web::Data};
use poem_openapi::{OpenApi, param::Path};

use super::{
    Asked, TransactionDoc, invalid, recovery_refused, refused,
    schema::{RecoveryAnswerBody, RecoveryBody, RecoveryTokenBody, StateTokenBody, VerifyBody},
    view,
};
use crate::{
    api::{
        Served,
        error::{oauth::json_response, okta::Envelope},
        json_body::JsonBody,
        payload::Answer,
    },
    authn::{
        service::{
            AuthnError, Start,
            recovery::{self, Begin, Way},
        },
        session_token::BoundTo,
    },
    model::recovery::{PhoneChannel, RecoveryKind},
    syslog::Caller,
};

/// The endpoints.
pub struct Recovery(pub(super) Served);

#[OpenApi]
impl Recovery {
    /// Begin to recover a password (Okta Authentication API)
    #[oai(path = "/api/v1/authn/recovery/password", method = "post", operation_id = "recoverPassword")]
    async fn password(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<RecoveryBody>,
    ) -> Answer<TransactionDoc> {
        Answer::of(self.begin(request, &caller, &body, RecoveryKind::Password).await)
    }

    /// Begin to unlock an account (Okta Authentication API)
    #[oai(path = "/api/v1/authn/recovery/unlock", method = "post", operation_id = "recoverAccount")]
    async fn unlock(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<RecoveryBody>,
    ) -> Answer<TransactionDoc> {
        Answer::of(self.begin(request, &caller, &body, RecoveryKind::Unlock).await)
    }

    /// Prove a recovery by its code (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/recovery/factors/:factor_type/verify",
        method = "post",
        operation_id = "verifyRecoveryCode"
    )]
    async fn verify(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_type: Path<String>,
        body: JsonBody<VerifyBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let channel = channel(&factor_type)?;
            let (token, code) = (asked.state_token()?, asked.secret("passCode")?);
            asked.answer(recovery::verify(asked.app, &asked.visitor(), token, (channel, &code)).await)
        };
        Answer::of(answer.await)
    }

    /// Have the code of a recovery sent again (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/recovery/factors/:factor_type/resend",
        method = "post",
        operation_id = "resendRecoveryCode"
    )]
    async fn resend(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_type: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let channel = channel(&factor_type)?;
            let token = asked.state_token()?;
            asked.answer(recovery::resend(asked.app, &asked.visitor(), token, channel).await)
        };
        Answer::of(answer.await)
    }

    /// Go on with the token of a link (Okta Authentication API)
    #[oai(path = "/api/v1/authn/recovery/token", method = "post", operation_id = "verifyRecoveryToken")]
    async fn token(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<RecoveryTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let token = asked.required("recoveryToken")?;
            let start = Start { options: asked.options()?, ..Start::default() };
            asked.answer(recovery::with_token(asked.app, &asked.visitor(), token, start).await)
        };
        Answer::of(answer.await)
    }

    /// Answer the recovery question (Okta Authentication API)
    #[oai(path = "/api/v1/authn/recovery/answer", method = "post", operation_id = "answerRecoveryQuestion")]
    async fn answer(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<RecoveryAnswerBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let (token, answer) = (asked.state_token()?, asked.secret("answer")?);
            asked.answer(recovery::answer(asked.app, &asked.visitor(), token, &answer).await)
        };
        Answer::of(answer.await)
    }
}

fn channel(factor_type: &Path<String>) -> Result<PhoneChannel, Response> {
    PhoneChannel::parse(factor_type).ok_or_else(|| Envelope::unknown_path().respond())
}

impl Recovery {
    async fn begin(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<RecoveryBody>,
        kind: RecoveryKind,
    ) -> Result<Response, Response> {
        let asked = Asked::read(&self.0, request, caller, body).await?;
        let login = asked.required("username")?;
        let relay_state = asked.text("relayState")?.map(ToOwned::to_owned);
        let way = way(&asked, kind)?;
        let start = Start { relay_state: relay_state.clone(), ..Start::default() };
        let visitor = asked.visitor();
        let begun = match recovery::start(asked.app, &visitor, login, (kind, way), start).await {
            Ok(begun) => begun,
            Err(AuthnError::Recovery(error)) => return Err(recovery_refused(&error, kind)),
            Err(error) => return Err(refused(&error)),
        };
        match begun {
            Begin::Sent(reply) => asked.answer(Ok(reply)),
            Begin::Mailed => Ok(json_response(StatusCode::OK, &view::mailed(kind, relay_state.as_deref()))),
            Begin::Token(handed) => {
                Ok(json_response(StatusCode::OK, &view::handed(asked.app, kind, &handed)))
            }
        }
    }
}

/// How the recovery is to be proved. Only a trusted application may leave that open: it gets the token itself.
fn way(asked: &Asked<'_>, kind: RecoveryKind) -> Result<Way, Response> {
    let unknown = || invalid("factorType", "must be EMAIL, SMS or CALL");
    match asked.text("factorType")? {
        None if asked.bound_to == BoundTo::TrustedApplication => Ok(Way::Application),
        None => Err(invalid("factorType", "The field cannot be left blank")),
        Some(given) if given.eq_ignore_ascii_case("EMAIL") => Ok(Way::Email),
        Some(given) => match PhoneChannel::parse(given).ok_or_else(unknown)? {
            // Okta unlocks by mail and text message only.
            PhoneChannel::Call if kind == RecoveryKind::Unlock => Err(unknown()),
            channel => Ok(Way::Phone(channel)),
        },
    }
}
