//! Okta's Factors API (`/api/v1/users/{userId}/factors…`).

mod asker;
mod backup_codes;
pub(in crate::api) mod ceremony;
pub(in crate::api) mod push;
mod schema;
pub(in crate::api) mod view;

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::{OpenApi, param::Path};
use serde_json::{Map, Value};
use time::Duration;

use self::{
    asker::{Asked, Asker, asked, may_change_factors},
    schema::{
        ActivateFactor, CatalogDoc, EnrollFactor, FactorDoc, FactorsDoc, QrDoc, QuestionsDoc, RemovedDoc,
        VerifyDoc, VerifyFactor,
    },
    view::Place,
};
use super::{administrator::Right, query::Query as RequestQuery};
use crate::{
    api::{
        Served,
        error::{
            factor::{envelope, unsupported},
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::Answer as Documented,
    },
    app::App,
    authn::account::{self, RemovalError},
    factor::{Activate, Answer, Enrolment, FactorError, Proof, UpdatePhone, code, service},
    id::{FactorId, FactorProfileId, UserId},
    model::{
        factor::{AnswerShape, Factor, FactorKind, FactorStatus},
        policy::Requirement,
    },
    secret::Secret,
    store::unit::{Outcome, Unit},
    user::policies,
};

pub use backup_codes::BackupCodes;
pub use push::PushFactors;

/// The endpoints.
pub struct UserFactors(pub(in crate::api) Served);

#[OpenApi]
impl UserFactors {
    /// All factors of a user (Okta Factors API)
    #[oai(path = "/api/v1/users/:user_id/factors", method = "get", operation_id = "listFactors")]
    async fn list(&self, request: &Request, user_id: Path<String>) -> Documented<FactorsDoc> {
        Documented::of(self.listed(request, &user_id).await)
    }

    /// Enrol a factor (Okta Factors API)
    ///
    /// `activate=true`: it is active at once. `updatePhone=true`: it takes the place of another phone.
    /// `tokenLifetimeSeconds`: how long the code of a mail lives; at most 600 count.
    #[oai(path = "/api/v1/users/:user_id/factors", method = "post", operation_id = "enrollFactor")]
    async fn enroll(
        &self,
        request: &Request,
        user_id: Path<String>,
        body: JsonBody<EnrollFactor>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.enrolled(request, &user_id, &body).await)
    }

    /// The kinds of factors that a user has or may enrol (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/catalog",
        method = "get",
        operation_id = "listSupportedFactors"
    )]
    async fn catalog(&self, request: &Request, user_id: Path<String>) -> Documented<CatalogDoc> {
        Documented::of(self.cataloged(request, &user_id).await)
    }

    /// The questions that can be chosen; they are no secret (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/questions",
        method = "get",
        operation_id = "listSupportedSecurityQuestions"
    )]
    async fn questions(&self, user_id: Path<String>) -> Documented<QuestionsDoc> {
        Documented::new(asked_by_anybody(&user_id).await)
    }

    /// A factor (Okta Factors API)
    #[oai(path = "/api/v1/users/:user_id/factors/:factor_id", method = "get", operation_id = "getFactor")]
    async fn get(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.shown(request, &user_id, &factor_id).await)
    }

    /// Remove a factor (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id",
        method = "delete",
        operation_id = "unenrollFactor"
    )]
    async fn delete(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
    ) -> Documented<RemovedDoc> {
        Documented::of(self.removed(request, &user_id, &factor_id).await)
    }

    /// Activate a factor by a first proof (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/lifecycle/activate",
        method = "post",
        operation_id = "activateFactor"
    )]
    async fn activate(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        body: JsonBody<ActivateFactor>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.activated(request, &user_id, &factor_id, &body).await)
    }

    /// Send the code of an enrolment again (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/resend",
        method = "post",
        operation_id = "resendEnrollFactor"
    )]
    async fn resend(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        body: JsonBody<EnrollFactor>,
    ) -> Documented<FactorDoc> {
        Documented::of(self.resent(request, &user_id, &factor_id, &body).await)
    }

    /// Send a code, or verify an answer (Okta Factors API)
    ///
    /// `tokenLifetimeSeconds`: how long the code of a mail lives; at most 600 count.
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/verify",
        method = "post",
        operation_id = "verifyFactor"
    )]
    async fn verify(
        &self,
        request: &Request,
        user_id: Path<String>,
        factor_id: Path<String>,
        body: JsonBody<VerifyFactor>,
    ) -> Documented<VerifyDoc> {
        let ids = (user_id.as_str(), factor_id.as_str());
        Documented::of(self.verified(request, ids, &body).await)
    }

    /// The QR code of an enrolment, for whoever was told its address (Okta Factors API)
    #[oai(
        path = "/api/v1/users/:user_id/factors/:factor_id/qr/:token",
        method = "get",
        operation_id = "getFactorQrCode"
    )]
    async fn qr(
        &self,
        user_id: Path<String>,
        factor_id: Path<String>,
        token: Path<String>,
    ) -> Documented<QrDoc> {
        Documented::of(self.pictured(&user_id, &factor_id, &token).await)
    }
}

/// The questions are the same for everybody, and asked for in the middle of a sign-in.
fn asked_by_anybody(_user_id: &str) -> std::future::Ready<Response> {
    std::future::ready(json_response(StatusCode::OK, &view::questions()))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(error: FactorError) -> Response {
    envelope(&error).respond()
}

/// How an enrolment is to happen.
struct How {
    activate: Activate,
    update_phone: UpdatePhone,
    token_lifetime: Option<Duration>,
}

impl How {
    fn of(request: &Request) -> Result<Self, Response> {
        let query = RequestQuery::of(request)?;
        let vouched = query.flag("activate")?.unwrap_or(false);
        let replaces = query.flag("updatePhone")?.unwrap_or(false);
        Ok(Self {
            activate: if vouched { Activate::AtOnce } else { Activate::ByUser },
            update_phone: if replaces { UpdatePhone::Replace } else { UpdatePhone::Keep },
            token_lifetime: lifetime(&query)?,
        })
    }
}

/// The life of a code as a parameter names it (Okta: 1 to 86400).
fn lifetime(query: &RequestQuery) -> Result<Option<Duration>, Response> {
    const NAME: &str = "tokenLifetimeSeconds";
    let Some(text) = query.text(NAME) else { return Ok(None) };
    let seconds = text.parse::<i64>().ok().filter(|seconds| (1..=86_400).contains(seconds));
    seconds
        .map(|seconds| Some(Duration::seconds(seconds)))
        .ok_or_else(|| Envelope::validation(NAME, [format!("{NAME}: must be between 1 and 86400")]).respond())
}

impl UserFactors {
    async fn listed(&self, request: &Request, user_id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersRead).await?;
        let factors = service::list(app, &asked.user.id).await.map_err(failed)?;
        let place = place(app, &asked);
        let views: Vec<Value> = factors.iter().map(|factor| view::factor(&place, factor, None)).collect();
        Ok(json_response(StatusCode::OK, &views))
    }

    async fn cataloged(&self, request: &Request, user_id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersRead).await?;
        let factors = service::list(app, &asked.user.id).await.map_err(failed)?;
        let policies = policies::of_user(app, &asked.user, asked.caller.ip).await;
        let policies = policies.map_err(failed)?;
        let place = place(app, &asked);
        let entries = FactorKind::ALL.into_iter().filter_map(|kind| {
            let requirement = policies.enroll.requirement(kind);
            let enrolled = factors.iter().find(|factor| factor.kind == kind);
            let offered = requirement != Requirement::NotAllowed && service::is_offered(app, kind);
            let listed = offered || enrolled.is_some();
            listed.then(|| view::supported(&place, kind, (enrolled, requirement)))
        });
        Ok(json_response(StatusCode::OK, &entries.collect::<Vec<Value>>()))
    }

    async fn enrolled(
        &self,
        request: &Request,
        user_id: &str,
        body: &JsonBody<EnrollFactor>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        let how = How::of(request)?;
        let members = body.document()?;
        let enrolment = enrolment(&members, &how)?;
        may_enroll(app, &asked, enrolment.kind).await?;
        let enrolled = service::enroll(app, &asked.user, enrolment, asked.purpose(), &asked.caller).await;
        let enrolled = enrolled.map_err(refused)?;
        match commit(app, enrolled.unit).await? {
            Outcome::Won => {
                let view = view::factor(&place(app, &asked), &enrolled.factor, enrolled.activation.as_ref());
                Ok(json_response(StatusCode::OK, &view))
            }
            Outcome::Lost(0) => Err(refused(FactorError::already_set_up())),
            // The password that enrols it was used at the same moment.
            Outcome::Lost(_) => Err(refused(FactorError::Replayed)),
        }
    }

    async fn shown(&self, request: &Request, user_id: &str, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersRead).await?;
        let factor = load(app, &asked, id).await?;
        Ok(json_response(StatusCode::OK, &view::factor(&place(app, &asked), &factor, None)))
    }

    async fn removed(&self, request: &Request, user_id: &str, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        // One that is proved at this moment is looked at again.
        for _ in 0..LOOKS {
            let factor = load(app, &asked, id).await?;
            let unit = match &asked.asker {
                Asker::Administrator(_) => {
                    service::reset(app, &asked.user, &factor, &asked.caller).await.map_err(failed)?
                }
                Asker::Owner(_) => removed_by_owner(app, &asked, &factor).await?,
            };
            match commit(app, unit).await? {
                Outcome::Won => return Ok(StatusCode::NO_CONTENT.into()),
                Outcome::Lost(0) => {}
                // What must be left was removed at the same moment.
                Outcome::Lost(_) => return Err(refused(FactorError::NotAllowed)),
            }
        }
        Err(refused(FactorError::WrongStatus))
    }

    async fn activated(
        &self,
        request: &Request,
        user_id: &str,
        id: &str,
        body: &JsonBody<ActivateFactor>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        let members = body.document()?;
        let factor = load(app, &asked, id).await?;
        if factor.kind == FactorKind::Push {
            return push::activate(app, &asked, factor).await;
        }
        let answer = match (ceremony::attestation(&members)?, secret(&members, "passCode")?) {
            (Some(attestation), _) => Answer::Attestation(attestation),
            (None, Some(pass_code)) => Answer::PassCode(pass_code),
            (None, None) if factor.kind == FactorKind::Webauthn => return Err(missing("attestation")),
            (None, None) => return Err(missing("passCode")),
        };
        let how = (asked.purpose(), &asked.caller);
        let proof = service::activate(app, &asked.user, &factor, &answer, how).await.map_err(refused)?;
        win(app, proof).await?;
        let factor = load(app, &asked, id).await?;
        Ok(json_response(StatusCode::OK, &view::factor(&place(app, &asked), &factor, None)))
    }

    async fn resent(
        &self,
        request: &Request,
        user_id: &str,
        id: &str,
        body: &JsonBody<EnrollFactor>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        // The body repeats the enrolment; what is stored counts.
        body.optional_document()?;
        let factor = load(app, &asked, id).await?;
        if factor.status != FactorStatus::PendingActivation {
            return Err(refused(FactorError::WrongStatus));
        }
        let how = (asked.purpose(), &asked.caller);
        let challenged = service::challenge(app, &asked.user, &factor, how).await.map_err(refused)?;
        commit(app, challenged.unit).await?;
        Ok(json_response(StatusCode::OK, &view::factor(&place(app, &asked), &factor, None)))
    }

    async fn verified(
        &self,
        request: &Request,
        (user_id, id): (&str, &str),
        body: &JsonBody<VerifyFactor>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        let members = body.optional_document()?;
        let factor = load(app, &asked, id).await?;
        if factor.kind == FactorKind::Push {
            return push::challenge(app, &asked, &factor, &members).await;
        }
        let how = (asked.purpose(), &asked.caller);
        let Some(answer) = answer(&members)? else {
            if !factor.kind.is_sent() && factor.kind.answer() != AnswerShape::Signature {
                return Err(missing(if factor.kind == FactorKind::Question { "answer" } else { "passCode" }));
            }
            if factor.status == FactorStatus::PendingActivation {
                return Err(refused(FactorError::WrongStatus));
            }
            let lifetime = lifetime(&RequestQuery::of(request)?)?.unwrap_or(code::LIFETIME);
            let challenged = service::challenge_for(app, &asked.user, (&factor, lifetime), how).await;
            let challenged = challenged.map_err(refused)?;
            commit(app, challenged.unit).await?;
            let told = view::challenged(&place(app, &asked), &factor, challenged.shown);
            return Ok(json_response(StatusCode::OK, &told));
        };
        let proof = service::verify(app, &asked.user, &factor, &answer, how).await.map_err(refused)?;
        win(app, proof).await?;
        Ok(json_response(StatusCode::OK, &view::succeeded()))
    }

    async fn pictured(&self, user_id: &str, id: &str, token: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let (user, factor) = (UserId::new(user_id), FactorId::new(id));
        let png = service::qr_code(app, &user, &factor, token).await.map_err(|error| match error {
            FactorError::Unknown => Envelope::not_found(id, "UserFactor").respond(),
            other => refused(other),
        })?;
        let mut response = Response::builder().content_type("image/png").body(png);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

fn place(app: &App, asked: &Asked) -> Place {
    // The address of a QR code names the user by id: it is opened without a session.
    Place::new(&app.settings.issuer, asked.user.id.as_str())
}

async fn commit(app: &App, unit: Unit) -> Result<Outcome, Response> {
    app.db.writer().commit(unit).await.map_err(failed)
}

/// Commits a proof that buys nothing but its own result.
async fn win(app: &App, proof: Proof) -> Result<(), Response> {
    match commit(app, proof.unit).await? {
        Outcome::Won => Ok(()),
        Outcome::Lost(_) => Err(refused(FactorError::Replayed)),
    }
}

async fn load(app: &App, asked: &Asked, id: &str) -> Result<Factor, Response> {
    service::load(app, &asked.user.id, &FactorId::new(id)).await.map_err(|error| match error {
        FactorError::Unknown => Envelope::not_found(id, "UserFactor").respond(),
        other => refused(other),
    })
}

/// What policy says to somebody who enrols a factor. Tokens are the administrators' to hand out; what nobody enrols is refused
/// with what can be done instead.
async fn may_enroll(app: &App, asked: &Asked, kind: FactorKind) -> Result<(), Response> {
    let policies = policies::of_user(app, &asked.user, asked.caller.ip).await;
    let allowed = policies.map_err(failed)?.enroll.requirement(kind) != Requirement::NotAllowed;
    let handed_out = matches!(kind, FactorKind::HotpCustom | FactorKind::Yubikey);
    let given = handed_out && matches!(asked.asker, Asker::Administrator(_)) || kind == FactorKind::U2f;
    if allowed || given { Ok(()) } else { Err(refused(FactorError::NotAllowed)) }
}

/// The last factor that a policy requires is not its user's to remove.
async fn removed_by_owner(app: &App, asked: &Asked, factor: &Factor) -> Result<Unit, Response> {
    let policies = policies::of_user(app, &asked.user, asked.caller.ip).await.map_err(failed)?;
    let removed = account::remove(app, (&asked.user, &policies), factor, &asked.caller).await;
    removed.map_err(|error| match error {
        RemovalError::Kept(_) => refused(FactorError::NotAllowed),
        RemovalError::Fault(fault) => failed(fault),
    })
}

fn enrolment(members: &Map<String, Value>, how: &How) -> Result<Enrolment, Response> {
    let invalid = |cause: &str| Envelope::validation("factorEnrollRequest", [cause.to_owned()]).respond();
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let Some(factor_type) = text("factorType") else { return Err(invalid("factorType: is required")) };
    let kind =
        FactorKind::parse(factor_type, text("provider")).ok_or_else(|| unsupported(factor_type).respond())?;
    let mut profile = match members.get("profile") {
        Some(Value::Object(profile)) => profile.clone(),
        Some(Value::Null) | None => Map::new(),
        Some(_) => return Err(invalid("profile: must be an object")),
    };
    let pass_code = members.get("verify").and_then(|verify| verify.get("passCode"));
    if let Some(code) = pass_code.or_else(|| members.get("passCode")) {
        profile.insert("passCode".to_owned(), code.clone());
    }
    Ok(Enrolment {
        kind,
        profile,
        factor_profile_id: text("factorProfileId").map(FactorProfileId::new),
        activate: how.activate,
        update_phone: how.update_phone,
        token_lifetime: how.token_lifetime,
    })
}

/// How often a factor is looked at that is to be removed.
const LOOKS: usize = 5;

/// The longest answer that is looked at.
const MAX_ANSWER: usize = 1024;

fn secret(members: &Map<String, Value>, name: &'static str) -> Result<Option<Secret<String>>, Response> {
    match members.get(name) {
        Some(Value::String(text)) if text.len() <= MAX_ANSWER => Ok(Some(Secret::new(text.clone()))),
        Some(Value::Null) | None => Ok(None),
        Some(_) => {
            Err(Envelope::validation(name, [format!("{name}: must be text of a usual length")]).respond())
        }
    }
}

/// What the body answers with; absent: it asks for a code.
fn answer(members: &Map<String, Value>) -> Result<Option<Answer>, Response> {
    if let Some(assertion) = ceremony::assertion(members)? {
        return Ok(Some(Answer::Assertion(assertion)));
    }
    if let Some(answer) = secret(members, "answer")? {
        return Ok(Some(Answer::Text(answer)));
    }
    let answer = match (secret(members, "passCode")?, secret(members, "nextPassCode")?) {
        (Some(one), Some(two)) => Some(Answer::PassCodes(one, two)),
        (Some(one), None) => Some(Answer::PassCode(one)),
        (None, Some(_)) => return Err(missing("passCode")),
        (None, None) => None,
    };
    Ok(answer)
}

fn missing(name: &'static str) -> Response {
    Envelope::validation(name, [format!("{name}: is required")]).respond()
}
