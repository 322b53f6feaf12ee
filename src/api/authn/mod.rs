//! Okta's Authentication API (`/api/v1/authn…`): one file for each group of endpoints, and `view`, which tells a
//! transaction in Okta's JSON. The machine behind it is [`crate::authn`].
//!
//! Who sends `Authorization: SSWS` is a trusted application: it names the device of its user, gets recovery tokens, and hands
//! session tokens to whom it likes. Everybody else is public.

pub mod credentials;
pub mod factors;
pub mod navigation;
pub mod primary;
pub mod push;
pub mod recovery;

mod schema;
mod view;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::types::{Any, Type};
use serde_json::{Map, Value};

use self::push::AutoPush;
use crate::{
    api::{
        Served,
        error::{
            factor,
            oauth::json_response,
            okta::{Envelope, failed, rate_limit_headers},
        },
        header_text,
        json_body::JsonBody,
        payload::documented,
        v1::administrator::trusted_application,
    },
    app::App,
    authn::{
        service::{AuthnError, Face, Reply, Visitor},
        session_token::BoundTo,
    },
    factor::FactorError,
    model::{
        factor::FactorKind,
        recovery::{PhoneChannel, RecoveryKind},
    },
    secret::{Secret, opaque_token},
    syslog::Caller,
    user::{password::PasswordError, recovery::RecoveryError},
    web::{
        cookie::{BROWSER_LIFETIME, Cookie, Lifetime},
        route::cookies,
    },
};

/// The longest name that a trusted application gives a device.
const MAX_DEVICE_TOKEN: usize = 32;
/// The longest `relayState`.
const MAX_RELAY_STATE: usize = 2048;
/// The longest text of any other member.
const MAX_TEXT: usize = 4096;
/// All groups of endpoints.
pub type Endpoints = (
    primary::Primary,
    factors::Factors,
    push::Push,
    credentials::Credentials,
    recovery::Recovery,
    navigation::Navigation,
);

/// All groups of endpoints, for one application or for documentation alone.
pub fn endpoints(served: &Served) -> Endpoints {
    (
        primary::Primary(served.clone()),
        factors::Factors(served.clone()),
        push::Push(served.clone()),
        credentials::Credentials(served.clone()),
        recovery::Recovery(served.clone()),
        navigation::Navigation(served.clone()),
    )
}

documented! {
    /// What answers to a transaction mean.
    TransactionDoc: schema::TransactionObject = &[
        (200, "Where the transaction stands"),
        (400, "The request cannot be read, or a member is wrong"),
        (401, "The credentials or the token are not valid"),
        (403, "The step is not allowed now, or the code, answer or password is not accepted"),
        (429, "Too many requests"),
    ];
    /// What an answer without a transaction means.
    EmptyDoc: Any<Value> = &[
        (200, "The transaction is over"),
        (400, "The request cannot be read"),
        (401, "The state token is not valid"),
    ];
}

/// A request that was read.
struct Asked<'a> {
    app: &'a App,
    caller: Caller,
    members: Map<String, Value>,
    query: crate::protocol::params::Params,
    bound_to: BoundTo,
    device: Option<String>,
    /// Cookies for the browser: what makes it known, where it had nothing, and which devices it asks by itself.
    set_cookies: Vec<HeaderValue>,
    /// The factors whose devices this browser asks by itself.
    auto_push: AutoPush,
}

impl<'a> Asked<'a> {
    /// Reads a request: who sends it, from where, and what.
    async fn read<T: Type>(
        served: &'a Served,
        request: &Request,
        caller: &Caller,
        body: &JsonBody<T>,
    ) -> Result<Self, Response> {
        let app = served.app()?;
        let trusted = trusted_application(app, request).await?;
        let members = body.document()?;
        let query = crate::protocol::params::Params::parse_query(request.uri().query().unwrap_or_default())
            .map_err(|_| Envelope::invalid(StatusCode::BAD_REQUEST, "query").respond())?;
        let origin = header_text(request, header::ORIGIN);
        let bound_to = match (&trusted, origin) {
            (Some(_), _) => BoundTo::TrustedApplication,
            (None, Some(origin)) => BoundTo::Origin(origin.to_owned()),
            (None, None) => BoundTo::Program,
        };
        let caller = trusted.map_or_else(|| caller.clone(), |trusted| trusted.caller().clone());
        let auto_push = AutoPush::of(app, request);
        let mut asked =
            Self { app, caller, members, query, bound_to, device: None, set_cookies: Vec::new(), auto_push };
        asked.device = asked.device(request)?;
        Ok(asked)
    }

    /// What tells the device apart. Only a trusted application may say it; a browser has its cookie, which it is given when
    /// it asks to be remembered.
    fn device(&mut self, request: &Request) -> Result<Option<String>, Response> {
        if self.bound_to == BoundTo::TrustedApplication {
            let context = self.members.get("context").and_then(Value::as_object);
            let Some(token) = context.and_then(|context| context.get("deviceToken")) else {
                return Ok(None);
            };
            let token = token.as_str().filter(|token| !token.is_empty() && token.len() <= MAX_DEVICE_TOKEN);
            let token =
                token.ok_or_else(|| invalid("context.deviceToken", "must have 1 to 32 characters"))?;
            // Never the value of a cookie of ours.
            return Ok(Some(format!("device-token:{token}")));
        }
        let sent = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = cookies(self.app);
        if let Some(known) = cookies.find(sent, Cookie::Browser) {
            return Ok(Some(known.to_owned()));
        }
        if !self.flag("rememberDevice") || !matches!(self.bound_to, BoundTo::Origin(_)) {
            return Ok(None);
        }
        let fresh = opaque_token(self.app.random.as_ref());
        let cookie = cookies.set(Cookie::Browser, fresh.expose(), Lifetime::MaxAge(BROWSER_LIFETIME));
        self.set_cookies.extend(HeaderValue::from_str(&cookie));
        Ok(Some(fresh.expose().clone()))
    }

    /// Who takes the step.
    fn visitor(&self) -> Visitor<'_> {
        Visitor { caller: &self.caller, device: self.device.as_deref(), face: Face::Api(&self.bound_to) }
    }

    /// Whether a query parameter is `true`.
    fn flag(&self, name: &str) -> bool {
        self.query.one(name) == Some("true")
    }

    /// A member that is text, if it is there.
    fn text(&self, name: &'static str) -> Result<Option<&str>, Response> {
        let limit = if name == "relayState" { MAX_RELAY_STATE } else { MAX_TEXT };
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= limit => Ok(Some(text)),
            Some(Value::String(_)) => Err(invalid(name, "is too long")),
            Some(_) => Err(invalid(name, "must be a string")),
        }
    }

    /// A member that must be there.
    fn required(&self, name: &'static str) -> Result<&str, Response> {
        let given = self.text(name)?.filter(|text| !text.is_empty());
        given.ok_or_else(|| invalid(name, "The field cannot be left blank"))
    }

    /// A secret that must be there.
    fn secret(&self, name: &'static str) -> Result<Secret<String>, Response> {
        Ok(Secret::new(self.required(name)?.to_owned()))
    }

    /// The state token; without one there is no transaction.
    fn state_token(&self) -> Result<&str, Response> {
        self.text("stateToken")?.ok_or_else(|| Envelope::invalid_token().respond())
    }

    /// A member that is true or false; absent: false.
    fn truth(&self, name: &'static str) -> Result<bool, Response> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(given)) => Ok(*given),
            Some(_) => Err(invalid(name, "must be true or false")),
        }
    }

    /// What is asked for at the beginning (Okta `options`).
    fn options(&self) -> Result<crate::authn::rules::Options, Response> {
        let options = match self.members.get("options") {
            None | Some(Value::Null) => return Ok(crate::authn::rules::Options::default()),
            Some(Value::Object(options)) => options,
            Some(_) => return Err(invalid("options", "must be an object")),
        };
        let flag = |name: &str| options.get(name).is_some_and(|value| *value == Value::Bool(true));
        Ok(crate::authn::rules::Options {
            multi_optional_factor_enroll: flag("multiOptionalFactorEnroll"),
            warn_before_password_expired: flag("warnBeforePasswordExpired"),
        })
    }

    /// Tells where a step led.
    fn answer(&self, reply: Result<Reply, AuthnError>) -> Result<Response, Response> {
        let reply = reply.map_err(|error| refused(&error))?;
        let told = view::reply(self.app, &reply, &self.auto_push);
        let mut response = json_response(StatusCode::OK, &told);
        let wish = self.query.one("autoPush").map(|wish| wish == "true");
        let of_page = self.bound_to != BoundTo::TrustedApplication;
        let auto_push = self.auto_push.after(&reply, wish).filter(|_| of_page);
        let auto_push = auto_push.and_then(|auto_push| auto_push.cookie(self.app));
        for cookie in self.set_cookies.iter().chain(&auto_push) {
            response.headers_mut().append(header::SET_COOKIE, cookie.clone());
        }
        Ok(response)
    }
}

/// E0000001 about one member.
fn invalid(member: &str, problem: &str) -> Response {
    Envelope::validation(member, [format!("{member}: {problem}")]).respond()
}

/// Why a step was not taken, in Okta's codes.
fn refused(error: &AuthnError) -> Response {
    let envelope = match error {
        // What policy cannot be satisfied by is told like a wrong password: who may not sign in learns no rule.
        AuthnError::Refused | AuthnError::Unreachable => Envelope::authentication_failed(),
        AuthnError::Throttled(count) => {
            let mut response = Envelope::rate_limit().respond();
            rate_limit_headers(response.headers_mut(), count);
            return response;
        }
        AuthnError::Busy => Envelope::rate_limit(),
        AuthnError::Token => Envelope::invalid_token(),
        AuthnError::Locked => locked(),
        AuthnError::NotAllowed => not_allowed(),
        AuthnError::Factor(error) => return factor_refused(error),
        AuthnError::Password(error) => return password_refused(error),
        AuthnError::Recovery(error) => return recovery_refused(error, RecoveryKind::Password),
        AuthnError::Fault(fault) => return failed(fault),
    };
    envelope.respond()
}

fn envelope(status: u16, code: &'static str, summary: &str) -> Envelope {
    Envelope::new(StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN), code, summary)
}

/// E0000079: what is not published is refused.
fn not_allowed() -> Envelope {
    const SUMMARY: &str = "This operation is not allowed in the current authentication state.";
    envelope(403, "E0000079", SUMMARY).because(SUMMARY)
}

fn locked() -> Envelope {
    envelope(403, "E0000069", "User Locked")
}

fn wrong(cause: &str) -> Envelope {
    envelope(403, "E0000068", "Invalid Passcode/Answer").because(cause)
}

/// Refusals of factors as the Factors API tells them, but for what only a transaction has.
fn factor_refused(error: &FactorError) -> Response {
    match error {
        // Okta tells a used code like a wrong one here.
        FactorError::Replayed => wrong("The passcode was used before. Wait for the next one.").respond(),
        FactorError::Invalid { member, problem } => invalid(member, problem),
        FactorError::Unknown | FactorError::WrongStatus => not_allowed().respond(),
        FactorError::Fault(fault) => failed(fault),
        FactorError::Wrong
        | FactorError::OutsideWindow
        | FactorError::Locked
        | FactorError::TooManyAttempts
        | FactorError::TooManyMessages(_)
        | FactorError::SentRecently(_)
        | FactorError::PhoneNumber
        | FactorError::PhoneExtension
        | FactorError::Country
        | FactorError::NotAllowed => factor::envelope(error).respond(),
    }
}

fn password_refused(error: &PasswordError) -> Response {
    let not_updated =
        |cause: String| envelope(403, "E0000014", "Update of credentials failed").because(cause);
    let envelope = match error {
        PasswordError::NotAllowed => envelope(403, "E0000035", "Change password not allowed."),
        PasswordError::WrongPassword => {
            not_updated("oldPassword: The credentials provided were incorrect.".to_owned())
        }
        PasswordError::Locked => locked(),
        PasswordError::TooYoung { .. } | PasswordError::Weak(_) => not_updated(format!("password: {error}")),
        PasswordError::Status(_) => {
            envelope(403, "E0000038", "This operation is not allowed in the user's current status.")
        }
        PasswordError::Busy => Envelope::rate_limit(),
        PasswordError::Fault(fault) => return failed(fault),
    };
    envelope.respond()
}

fn recovery_refused(error: &RecoveryError, kind: RecoveryKind) -> Response {
    let envelope = match error {
        RecoveryError::Throttled(count) => {
            return Envelope::rate_limit().until(*count).respond();
        }
        RecoveryError::NotAllowed if kind == RecoveryKind::Unlock => {
            envelope(403, "E0000032", "Unlock is not allowed for this user.")
        }
        RecoveryError::NotAllowed => {
            envelope(403, "E0000034", "Forgot password not allowed on specified user.")
        }
        RecoveryError::UnknownUser => envelope(403, "E0000095", "Recovery not allowed for unknown user."),
        RecoveryError::Unknown => Envelope::invalid_token(),
        RecoveryError::Spent => envelope(
            403,
            "E0000105",
            "You have accessed a link that has expired or has been previously used.",
        ),
        RecoveryError::WrongCode => wrong("The token does not match. Try again."),
        RecoveryError::WrongAnswer => {
            envelope(403, "E0000087", "The recovery question answer did not match our records.")
        }
        RecoveryError::Locked => locked(),
        RecoveryError::SentRecently(PhoneChannel::Sms) => {
            factor::envelope(&FactorError::SentRecently(FactorKind::Sms))
        }
        RecoveryError::SentRecently(PhoneChannel::Call) => {
            factor::envelope(&FactorError::SentRecently(FactorKind::Call))
        }
        RecoveryError::TooManyMessages | RecoveryError::Busy => Envelope::rate_limit(),
        RecoveryError::Invalid { member, problem } => return invalid(member, problem),
        RecoveryError::Status(_) => {
            envelope(403, "E0000038", "This operation is not allowed in the user's current status.")
        }
        RecoveryError::Fault(fault) => return failed(fault),
    };
    envelope.respond()
}
