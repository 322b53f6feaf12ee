//! `push` at the Factors API: the enrolment of a device, and transactions (`/factors/{factorId}/transactions/{transactionId}`).

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::{OpenApi, param::Path};
use serde_json::{Map, Value, json};

use super::{
    asker::{Asked, asked, may_change_factors},
    commit, load, place, refused,
    schema::{ActivateFactor, FactorDoc, RemovedDoc, VerifyDoc},
    view::{self, Place, link},
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::Answer as Documented,
        v1::administrator::Right,
    },
    app::App,
    factor::{
        Activation, FactorError, PushActivation,
        service::{
            self,
            push::{Invitation, Polled, Question, WantsNumbers},
        },
    },
    id::PushTransactionId,
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        push::{PushResult, PushTransaction},
    },
    protocol::timestamp::timestamp,
    store::unit::Outcome,
};

/// The endpoints.
pub struct PushFactors(pub(in crate::api) Served);

#[OpenApi]
impl PushFactors {
    /// Whether the device of an enrolment was enrolled (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/lifecycle/activate/poll",
        method = "post",
        operation_id = "pollFactorActivation"
    )]
    async fn poll_activation(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.activation_polled(request, (&user_id, &factor_id)).await)
    }

    /// Mail the address that the device of an enrolment opens (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/lifecycle/activate/email",
        method = "post",
        operation_id = "sendActivationEmail"
    )]
    async fn email(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        body: JsonBody<ActivateFactor>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.invited(request, (&user_id, &factor_id), (&body, FactorKind::Email)).await)
    }

    /// Text the address that the device of an enrolment opens (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/lifecycle/activate/sms",
        method = "post",
        operation_id = "sendActivationSms"
    )]
    async fn sms(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        body: JsonBody<ActivateFactor>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.invited(request, (&user_id, &factor_id), (&body, FactorKind::Sms)).await)
    }

    /// What became of a question to a device (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/transactions/:transaction_id",
        method = "get",
        operation_id = "getFactorTransactionStatus"
    )]
    async fn transaction(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        transaction_id: Path<String>,
    ) -> Documented<VerifyDoc> {
        Documented::of(self.polled(request, (&user_id, &factor_id), &transaction_id).await)
    }

    /// Take a question to a device back (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/transactions/:transaction_id",
        method = "delete",
        operation_id = "cancelFactorTransaction"
    )]
    async fn cancel(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        transaction_id: Path<String>,
    ) -> Documented<RemovedDoc> {
        Documented::of(self.cancelled(request, (&user_id, &factor_id), &transaction_id).await)
    }
}

/// Begins an enrolment anew whose time is over, and tells where one stands.
pub(super) async fn activate(app: &App, asked: &Asked, factor: Factor) -> Result<Response, Response> {
    let factor = if factor.is_active() || service::push::is_open(&factor, app.now()) {
        factor
    } else {
        let (renewed, unit) = service::push::restart(app, &factor).map_err(refused)?;
        match commit(app, unit).await? {
            Outcome::Won => renewed,
            Outcome::Lost(_) => load(app, asked, factor.id.as_str()).await?,
        }
    };
    Ok(activation_told(app, asked, &factor))
}

fn activation_told(app: &App, asked: &Asked, factor: &Factor) -> Response {
    let place = place(app, asked);
    match factor.status {
        FactorStatus::PendingActivation => {}
        FactorStatus::Active => {
            return json_response(StatusCode::OK, &view::factor(&place, factor, None));
        }
        FactorStatus::Inactive => return refused(FactorError::WrongStatus),
    }
    let Activation::Push(activation) = service::push::activation(app, factor) else {
        return refused(FactorError::WrongStatus);
    };
    let href = place.of(factor, "");
    let told = if service::push::is_open(factor, app.now()) {
        waiting(&href, &href, &activation, Some("poll"))
    } else {
        timed_out(&href, &activation)
    };
    json_response(StatusCode::OK, &told)
}

/// An enrolment that waits for its device: `picture` is where the QR code is, `href` where the rest is.
pub(in crate::api) fn waiting(
    picture: &str,
    href: &str,
    activation: &PushActivation,
    poll: Option<&str>,
) -> Value {
    let send = |name: &str| {
        let mut send = link(&format!("{href}/lifecycle/activate/{name}"), &["POST"]);
        view::name(&mut send, name);
        send
    };
    let qr = format!("{picture}/qr/{}", activation.qr_token.expose());
    let mut links = Map::from_iter([
        ("qrcode".to_owned(), json!({ "href": qr, "type": "image/png" })),
        ("send".to_owned(), json!([send("email"), send("sms")])),
    ]);
    if let Some(poll) = poll {
        links.insert(poll.to_owned(), link(&format!("{href}/lifecycle/activate/poll"), &["POST"]));
    }
    json!({ "expiresAt": timestamp(activation.expires_at), "factorResult": "WAITING", "_links": links })
}

/// An enrolment whose time is over.
pub(in crate::api) fn timed_out(href: &str, activation: &PushActivation) -> Value {
    json!({
        "expiresAt": timestamp(activation.expires_at),
        "factorResult": "TIMEOUT",
        "_links": { "activate": link(&format!("{href}/lifecycle/activate"), &["POST"]) },
    })
}

/// Asks the device of a factor: 201, and where to look for the answer.
pub(super) async fn challenge(
    app: &App,
    asked: &Asked,
    factor: &Factor,
    members: &Map<String, Value>,
) -> Result<Response, Response> {
    let wants = members.get("useNumberMatchingChallenge") == Some(&Value::Bool(true));
    let numbers = if wants { WantsNumbers::Yes } else { WantsNumbers::AsPolicy };
    let question = Question { application: None, numbers };
    let how = (asked.purpose(), &asked.caller);
    let begun = service::push::ask(app, &asked.user, factor, question, how).await.map_err(refused)?;
    if commit(app, begun.unit).await? != Outcome::Won {
        return Err(refused(FactorError::TooManyMessages));
    }
    app.push_waiters.wake(&factor.id);
    let place = place(app, asked);
    let told = transaction(app, &place, factor, &begun.transaction);
    let mut response = json_response(StatusCode::CREATED, &told);
    let location = place.of(factor, &format!("/transactions/{}", begun.transaction.id));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A question to a device, in Okta's words.
fn transaction(app: &App, place: &Place, factor: &Factor, asked: &PushTransaction) -> Value {
    let now = app.now();
    let result = asked.result(now);
    let mut told = Map::from_iter([("factorResult".to_owned(), json!(result.as_str()))]);
    let mut add = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    match result {
        PushResult::Success => {}
        PushResult::Waiting => {
            let here = place.of(factor, &format!("/transactions/{}", asked.id));
            add("expiresAt", json!(timestamp(asked.expires_at)));
            add("_links", json!({ "poll": link(&here, &["GET"]), "cancel": link(&here, &["DELETE"]) }));
            if let Some(number) = asked.correct_answer(now) {
                add("_embedded", json!({ "challenge": { "correctAnswer": number } }));
            }
        }
        PushResult::Rejected | PushResult::Timeout | PushResult::Cancelled => {
            let verify = link(&place.of(factor, "/verify"), &["POST"]);
            let own = link(&place.of(factor, ""), &["GET", "DELETE"]);
            add("_links", json!({ "verify": verify, "factor": own }));
        }
    }
    Value::Object(told)
}

impl PushFactors {
    async fn activation_polled(
        &self,
        request: &Request,
        (user_id, id): (&str, &str),
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        let factor = device(load(app, &asked, id).await?)?;
        if !factor.is_active() {
            // S1: the picture that is told makes whoever sees it the owner of a factor.
            may_change_factors(app, &asked).await?;
        }
        Ok(activation_told(app, &asked, &factor))
    }

    async fn invited(
        &self,
        request: &Request,
        (user_id, id): (&str, &str),
        (body, by): (&JsonBody<ActivateFactor>, FactorKind),
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        let members = body.optional_document()?;
        let invitation = invitation(by, &members);
        let factor = device(load(app, &asked, id).await?)?;
        let how = (asked.purpose(), &asked.caller);
        let unit =
            service::push::invite(app, &asked.user, &factor, invitation, how).await.map_err(refused)?;
        commit(app, unit).await?;
        Ok(activation_told(app, &asked, &factor))
    }

    async fn polled(
        &self,
        request: &Request,
        (user_id, id): (&str, &str),
        transaction_id: &str,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        let (factor, found) = found(app, &asked, (id, transaction_id)).await?;
        let told = transaction(app, &place(app, &asked), &factor, &found);
        let how = (asked.purpose(), &asked.caller);
        // What an approval buys here is that it is told, while the factor counts; who asks again after a lost answer is told
        // again.
        if found.result(app.now()) == PushResult::Success && !factor.is_active() {
            return Err(refused(FactorError::Locked));
        }
        if let Polled::Approved(proof) =
            service::push::poll(app, &factor, Some(found), how).await.map_err(failed)?
        {
            commit(app, proof.unit).await?;
        }
        Ok(json_response(StatusCode::OK, &told))
    }

    async fn cancelled(
        &self,
        request: &Request,
        (user_id, id): (&str, &str),
        transaction_id: &str,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        let (_, found) = found(app, &asked, (id, transaction_id)).await?;
        service::push::cancel(app, &found).await.map_err(failed)?;
        Ok(StatusCode::NO_CONTENT.into())
    }
}

/// How the device is reached, as the body of an invitation says.
pub(in crate::api) fn invitation(by: FactorKind, members: &Map<String, Value>) -> Invitation {
    let profile = members.get("profile").and_then(Value::as_object);
    let number = profile.and_then(|profile| profile.get("phoneNumber")).and_then(Value::as_str);
    match by {
        FactorKind::Sms => Invitation::Sms(number.unwrap_or_default().to_owned()),
        _ => Invitation::Email,
    }
}

fn device(factor: Factor) -> Result<Factor, Response> {
    if factor.kind == FactorKind::Push { Ok(factor) } else { Err(refused(FactorError::WrongStatus)) }
}

async fn found(
    app: &App,
    asked: &Asked,
    (id, transaction_id): (&str, &str),
) -> Result<(Factor, PushTransaction), Response> {
    let factor = device(load(app, asked, id).await?)?;
    let unknown = || Envelope::not_found(transaction_id, "FactorTransaction").respond();
    let wanted = PushTransactionId::new(transaction_id);
    let found = service::push::find(app, &factor, &wanted, asked.purpose()).await;
    let found = found.map_err(|error| match error {
        FactorError::Unknown => unknown(),
        other => refused(other),
    })?;
    Ok((factor, found))
}
