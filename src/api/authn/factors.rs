//! Factors in a transaction: enrolling, activating, proving, sending again.

use std::sync::Arc;

use poem::{Request, Response, web::Data};
use poem_openapi::{OpenApi, param::Path, types::Any};
use serde_json::{Map, Value, json};

use super::{
    Asked, TransactionDoc, invalid,
    schema::{EnrollBody, StateTokenBody, VerifyBody},
};
use crate::{
    api::{
        Served,
        error::{
            factor::{envelope, unsupported},
            oauth::json_response,
        },
        json_body::JsonBody,
        payload::{Answer, documented},
        v1::user_factors::ceremony::{assertion, attestation},
    },
    authn::{
        service::factors::{self, Given},
        transaction::Remember,
    },
    factor::{question::QUESTIONS, u2f},
    id::FactorId,
    model::factor::FactorKind,
    secret::Secret,
    syslog::Caller,
};

/// The endpoints.
pub struct Factors(pub(super) Served);

/// What stands in the place of a factor's id where a recovery or bypass code is given.
const RECOVERY_CODE: &str = "recovery_code";

documented! {
    QuestionsDoc: Any<Value> = &[(200, "The questions")];
}

#[OpenApi]
impl Factors {
    /// The questions that can be answered (Okta Authentication API)
    #[oai(path = "/api/v1/authn/factors/questions", method = "get", operation_id = "listAuthnQuestions")]
    #[expect(clippy::unused_async, reason = "operations are futures")]
    async fn questions(&self) -> Answer<QuestionsDoc> {
        let all = QUESTIONS.map(|(question, text)| json!({ "question": question, "questionText": text }));
        Answer::new(json_response(http::StatusCode::OK, &all))
    }

    /// Enrol a factor (Okta Authentication API)
    #[oai(path = "/api/v1/authn/factors", method = "post", operation_id = "enrollFactorInAuthn")]
    async fn enroll(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<EnrollBody>,
    ) -> Answer<TransactionDoc> {
        Answer::of(self.enrol(request, &caller, &body).await)
    }

    /// Prove a factor that was enrolled (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/lifecycle/activate",
        method = "post",
        operation_id = "activateFactorInAuthn"
    )]
    async fn activate(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<VerifyBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let token = asked.state_token()?;
            let given = match attestation(&asked.members)? {
                Some(attestation) => Given::Attestation(attestation),
                None => Given::PassCode(asked.secret("passCode")?),
            };
            let factor = FactorId::new(factor_id.0);
            asked.answer(factors::activate(asked.app, &asked.visitor(), token, (&factor, given)).await)
        };
        Answer::of(answer.await)
    }

    /// Have the code of an enrolment sent again (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/lifecycle/resend",
        method = "post",
        operation_id = "resendActivationInAuthn"
    )]
    async fn resend_activation(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let factor = FactorId::new(factor_id.0);
            let token = asked.state_token()?;
            asked.answer(factors::resend_activation(asked.app, &asked.visitor(), token, &factor).await)
        };
        Answer::of(answer.await)
    }

    /// Choose or prove a factor (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/verify",
        method = "post",
        operation_id = "verifyFactorInAuthn"
    )]
    async fn verify(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<VerifyBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let given = match (asked.text("passCode")?, asked.text("answer")?, assertion(&asked.members)?) {
                (Some(code), _, _) => Given::PassCode(Secret::new(code.to_owned())),
                (None, Some(answer), _) => Given::Answer(Secret::new(answer.to_owned())),
                (None, None, Some(assertion)) => Given::Assertion(assertion),
                (None, None, None) => Given::Nothing,
            };
            // Programs that poll say it once.
            let remember = asked.query.one("rememberDevice");
            let remember = remember.map(|said| if said == "true" { Remember::Yes } else { Remember::No });
            let factor = FactorId::new(factor_id.0);
            let token = asked.state_token()?;
            let visitor = asked.visitor();
            if let (RECOVERY_CODE, Given::PassCode(code)) = (factor.as_str(), &given) {
                return asked.answer(factors::use_backup_code(asked.app, &visitor, token, code).await);
            }
            if factor.as_str() == FactorKind::Webauthn.factor_type() {
                let what = (FactorKind::Webauthn, given);
                return asked.answer(factors::verify_kind(asked.app, &visitor, token, what, remember).await);
            }
            let step = factors::verify(asked.app, &visitor, token, (&factor, given), remember);
            asked.answer(step.await)
        };
        Answer::of(answer.await)
    }

    /// Have the code of a factor sent again (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/verify/resend",
        method = "post",
        operation_id = "resendChallengeInAuthn"
    )]
    async fn resend(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let factor = FactorId::new(factor_id.0);
            let token = asked.state_token()?;
            asked.answer(factors::resend(asked.app, &asked.visitor(), token, &factor).await)
        };
        Answer::of(answer.await)
    }
}

impl Factors {
    async fn enrol(
        &self,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<EnrollBody>,
    ) -> Result<Response, Response> {
        let asked = Asked::read(&self.0, request, caller, body).await?;
        let token = asked.state_token()?;
        let factor_type = asked.required("factorType")?;
        let kind = FactorKind::parse(factor_type, asked.text("provider")?)
            .ok_or_else(|| unsupported(factor_type).respond())?;
        if kind == FactorKind::U2f {
            return Err(envelope(&u2f::not_enrolled()).respond());
        }
        let mut profile = match asked.members.get("profile") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(profile)) => profile.clone(),
            Some(_) => return Err(invalid("profile", "must be an object")),
        };
        if let Some(code) = asked.text("passCode")? {
            profile.insert("passCode".to_owned(), code.into());
        }
        asked.answer(factors::enroll(asked.app, &asked.visitor(), token, (kind, profile)).await)
    }
}
