//! What devices that approve speak (`/api/v1/authenticator/…`): [`crate::factor::push`] describes it. A statement that a
//! device signed stands in for a credential.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response, web::Data};
use poem_openapi::{Object, OpenApi, types::Any};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::{Answer, documented},
    },
    app::App,
    factor::service::device::{self, DeviceError},
    protocol::timestamp::http_date,
    syslog::Caller,
};

/// The endpoints.
pub struct Authenticator(pub(in crate::api) Served);

/// What a device says.
#[derive(Object)]
struct DeviceStatement {
    /// A compact JWS (RFC 7515) with `typ` `stepgate-authenticator+jwt`, algorithm ES256.
    statement: String,
}

documented! {
    EnrolledDoc: Any<Value> = &[
        (201, "The device is enrolled"),
        (400, "The statement cannot be read"),
        (401, "The token opens nothing, or nothing any more"),
    ];
    ChallengeDoc: Any<Value> = &[
        (200, "What the device is asked, or that it is asked nothing"),
        (400, "The statement cannot be read"),
        (401, "The device is not enrolled"),
        (429, "Too many requests are waiting"),
    ];
    ResultDoc: Any<Value> = &[
        (200, "The answer counts"),
        (400, "The statement cannot be read"),
        (401, "The device is not enrolled"),
        (409, "The challenge was answered, taken back, or is over"),
    ];
}

#[OpenApi]
impl Authenticator {
    /// Enrol a device that approves (RFC 7515, RFC 7517)
    #[oai(path = "/api/v1/authenticator/enroll", method = "post", operation_id = "enrollAuthenticator")]
    async fn enroll(
        &self,
        caller: Data<&Arc<Caller>>,
        body: JsonBody<DeviceStatement>,
    ) -> Answer<EnrolledDoc> {
        Answer::of(self.enrolled(&caller, &body).await)
    }

    /// Wait for a challenge, for at most 25 seconds (RFC 7515)
    #[oai(path = "/api/v1/authenticator/wait", method = "post", operation_id = "awaitAuthenticatorChallenge")]
    async fn wait(&self, _request: &Request, body: JsonBody<DeviceStatement>) -> Answer<ChallengeDoc> {
        Answer::of(self.waited(&body).await)
    }

    /// Approve or deny a challenge (RFC 7515)
    #[oai(
        path = "/api/v1/authenticator/answer",
        method = "post",
        operation_id = "answerAuthenticatorChallenge"
    )]
    async fn answer(&self, caller: Data<&Arc<Caller>>, body: JsonBody<DeviceStatement>) -> Answer<ResultDoc> {
        Answer::of(self.answered(&caller, &body).await)
    }
}

fn statement(body: &JsonBody<DeviceStatement>) -> Result<String, Response> {
    let missing = || Envelope::validation("statement", ["statement: is required".to_owned()]).respond();
    body.document()?.get("statement").and_then(Value::as_str).map(ToOwned::to_owned).ok_or_else(missing)
}

fn refused(app: &App, error: DeviceError) -> Response {
    match error {
        DeviceError::Malformed => {
            Envelope::validation("statement", ["statement: cannot be read".to_owned()]).respond()
        }
        DeviceError::Clock => clock(app.now()),
        DeviceError::Unauthorized => Envelope::invalid_token().respond(),
        DeviceError::Over => {
            let over = "The challenge was answered, taken back, or is over";
            Envelope::new(StatusCode::CONFLICT, "E0000238", over).respond()
        }
        DeviceError::Busy => Envelope::rate_limit().respond(),
        DeviceError::Fault(fault) => failed(fault),
    }
}

/// What is wrong is the clock of the device, which is told the time.
fn clock(now: OffsetDateTime) -> Response {
    let problem = "iat: must be the time, which is in the header Date".to_owned();
    let mut response = Envelope::validation("statement", [problem]).respond();
    response.headers_mut().extend(HeaderValue::from_str(&http_date(now)).map(|date| (header::DATE, date)));
    response
}

impl Authenticator {
    async fn enrolled(
        &self,
        caller: &Caller,
        body: &JsonBody<DeviceStatement>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let (factor, user) =
            device::enroll(app, &statement(body)?, caller).await.map_err(|error| refused(app, error))?;
        let told = json!({
            "factor": factor.id,
            "user": user.id,
            "login": user.login,
            "issuer": app.settings.issuer,
        });
        Ok(json_response(StatusCode::CREATED, &told))
    }

    async fn waited(&self, body: &JsonBody<DeviceStatement>) -> Result<Response, Response> {
        let app = self.0.app()?;
        let challenge =
            Box::pin(device::wait(app, statement(body)?)).await.map_err(|error| refused(app, error))?;
        let told = challenge.as_ref().map(device::told);
        Ok(json_response(StatusCode::OK, &json!({ "challenge": told })))
    }

    async fn answered(
        &self,
        caller: &Caller,
        body: &JsonBody<DeviceStatement>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let result =
            device::answer(app, &statement(body)?, caller).await.map_err(|error| refused(app, error))?;
        Ok(json_response(StatusCode::OK, &json!({ "result": result.as_str() })))
    }
}
