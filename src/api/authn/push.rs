//! `push` in a transaction: the enrolment of a device, what is told of a question, and whether a browser asks by itself.

use std::sync::Arc;

use http::{HeaderValue, header};
use poem::{Request, web::Data};
use poem_openapi::{OpenApi, param::Path};
use serde_json::{Map, Value, json};

use super::{Asked, TransactionDoc, schema::StateTokenBody};
use crate::{
    api::{
        Served,
        json_body::JsonBody,
        payload::Answer,
        v1::user_factors::push::{invitation, timed_out, waiting},
    },
    app::App,
    authn::service::{Pending, Reply, push},
    factor::{Activation, service},
    id::FactorId,
    model::{
        factor::{Factor, FactorKind},
        push::PushResult,
    },
    syslog::Caller,
    web::{
        cookie::{BROWSER_LIFETIME, Cookie, Lifetime},
        route::cookies,
    },
};

/// The endpoints.
pub struct Push(pub(super) Served);

#[OpenApi]
impl Push {
    /// Whether the device of an enrolment was enrolled (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/lifecycle/activate/poll",
        method = "post",
        operation_id = "pollActivationInAuthn"
    )]
    async fn poll(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let (factor, token) = (FactorId::new(factor_id.0), asked.state_token()?);
            asked.answer(push::poll_activation(asked.app, &asked.visitor(), token, &factor).await)
        };
        Answer::of(answer.await)
    }

    /// Mail the address that the device of an enrolment opens (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/lifecycle/activate/email",
        method = "post",
        operation_id = "sendActivationEmailInAuthn"
    )]
    async fn email(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let (factor, token) = (FactorId::new(factor_id.0), asked.state_token()?);
            let invitation = invitation(FactorKind::Email, &asked.members);
            asked.answer(push::invite(asked.app, &asked.visitor(), token, (&factor, invitation)).await)
        };
        Answer::of(answer.await)
    }

    /// Text the address that the device of an enrolment opens (Okta Authentication API)
    #[oai(
        path = "/api/v1/authn/factors/:factor_id/lifecycle/activate/sms",
        method = "post",
        operation_id = "sendActivationSmsInAuthn"
    )]
    async fn sms(
        &self,
        request: &Request,
        caller: Data<&Arc<Caller>>,
        factor_id: Path<String>,
        body: JsonBody<StateTokenBody>,
    ) -> Answer<TransactionDoc> {
        let answer = async {
            let asked = Asked::read(&self.0, request, &caller, &body).await?;
            let (factor, token) = (FactorId::new(factor_id.0), asked.state_token()?);
            let invitation = invitation(FactorKind::Sms, &asked.members);
            asked.answer(push::invite(asked.app, &asked.visitor(), token, (&factor, invitation)).await)
        };
        Answer::of(answer.await)
    }
}

/// Whether the enrolment of a device can still be completed.
pub(super) fn is_open(app: &App, pending: &Pending, factor: &FactorId) -> bool {
    pending.facts.factor(factor).is_some_and(|factor| service::push::is_open(factor, app.now()))
}

/// Whether a device has still to answer.
pub(super) fn waits(app: &App, pending: &Pending) -> bool {
    pending.facts.push.as_ref().is_some_and(|asked| asked.result(app.now()) == PushResult::Waiting)
}

/// What the enrolment of a device needs.
pub(super) fn activation(app: &App, factor: &Factor) -> Option<Value> {
    let Activation::Push(activation) = service::push::activation(app, factor) else { return None };
    let issuer = &app.settings.issuer;
    let picture = format!("{issuer}/api/v1/users/{}/factors/{}", factor.user_id, factor.id);
    let href = format!("{issuer}/api/v1/authn/factors/{}", factor.id);
    Some(if service::push::is_open(factor, app.now()) {
        waiting(&picture, &href, &activation, None)
    } else {
        timed_out(&href, &activation)
    })
}

/// How many devices a browser asks by itself.
const MOST: usize = 5;

/// The factors whose devices a browser asks without being told to (Okta `autoPush`). It proves nothing: what is asked is
/// asked like anything else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct AutoPush(Vec<FactorId>);

impl AutoPush {
    /// What the browser remembers.
    pub(super) fn of(app: &App, request: &Request) -> Self {
        let sent = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let value = cookies(app).find(sent, Cookie::AutoPush).unwrap_or_default();
        let ids = value.split('.').filter(|id| id.starts_with(FactorKind::Push.id_prefix()) && id.len() < 64);
        Self(ids.take(MOST).map(FactorId::new).collect())
    }

    /// What is told of the devices of a user (`factorsPolicyInfo`).
    pub(super) fn told(&self, factors: &[Factor]) -> Value {
        let devices = factors.iter().filter(|factor| factor.kind == FactorKind::Push && factor.is_active());
        let told = devices
            .map(|factor| (factor.id.to_string(), json!({ "autoPushEnabled": self.0.contains(&factor.id) })));
        Value::Object(told.collect::<Map<_, _>>())
    }

    /// What is to be remembered when a device approved, and a wish was told; absent: what was before.
    pub(super) fn after(&self, reply: &Reply, wish: Option<bool>) -> Option<Self> {
        let Reply::Success(success) = reply else { return None };
        let proved = success.proven.last().and_then(|proof| proof.factor_id.clone());
        let proved = proved.filter(|id| id.as_str().starts_with(FactorKind::Push.id_prefix()))?;
        let mut ids: Vec<FactorId> = self.0.iter().filter(|id| **id != proved).cloned().collect();
        if wish? {
            ids.insert(0, proved);
        }
        ids.truncate(MOST);
        Some(Self(ids))
    }

    /// The cookie that remembers it.
    pub(super) fn cookie(&self, app: &App) -> Option<HeaderValue> {
        let ids: Vec<&str> = self.0.iter().map(FactorId::as_str).collect();
        let cookies = cookies(app);
        let cookie = if ids.is_empty() {
            cookies.delete(Cookie::AutoPush)
        } else {
            cookies.set(Cookie::AutoPush, &ids.join("."), Lifetime::MaxAge(BROWSER_LIFETIME))
        };
        HeaderValue::from_str(&cookie).ok()
    }
}
