//! A factor that is added from the account page: chosen, set up, and proved for the first time in this very session.

use http::StatusCode;
use maud::Markup;
use poem::{Request, Response, handler};

use super::{Owner, Target, device, done, either, enter_to_change, named};
use crate::{
    app::App,
    authn::{account::Protection, facts::enrollable, service::AuthnError},
    factor::{Activate as Begins, Activation, Answer, Enrolment, FactorError, Purpose, UpdatePhone, service},
    id::FactorId,
    model::{
        factor::{AnswerShape, Factor, FactorKind, FactorStatus},
        policy::Requirement,
    },
    protocol::params::Params,
    secret::Secret,
    session::sso::Opened,
    store::unit::Outcome,
    web::{
        account::{Notice, PATH},
        factor::{
            activate::{ACTION_ACTIVATE, Activate, activate},
            enroll::{Done, Offer, choose},
            verify::Remember,
            webauthn::{self, Begins as Starts, Ceremonial, Ceremony},
        },
        route::{
            answer::fault_page,
            form::Form,
            home::nothing_here,
            transaction::{asking, asks_first, attestation, detail, problem, profile, seed},
            visit::Visit,
        },
        step::{Stage, StepError, Way},
    },
};

/// What the owner may add.
pub(super) fn offers(app: &App, owner: &Owner) -> Vec<(FactorKind, Requirement)> {
    enrollable(app, &owner.policies.enroll, &owner.factors)
}

/// A page of an enrolment.
pub(super) fn stage(visit: &Visit<'_>, target: &Target, error: Option<StepError>, ways: Vec<Way>) -> Stage {
    let form = visit.form(&target.path(), "account");
    Stage { client: None, person: None, form, error, ways, beginning: None }
}

/// Shows what can be added.
#[handler]
pub(crate) async fn get(visit: Visit<'_>) -> Response {
    either(
        async {
            let (visit, owner) = enter_to_change(visit, &Target::AddMethod, Protection::Factors).await?;
            Ok(choice(visit, &owner, (StatusCode::OK, None)))
        }
        .await,
    )
}

fn choice(visit: Visit<'_>, owner: &Owner, (status, error): (StatusCode, Option<StepError>)) -> Response {
    let stage = stage(&visit, &Target::AddMethod, error, vec![Way::Cancel]);
    let offer = |(kind, requirement)| Offer { kind, requirement, done: Done::No };
    let offers: Vec<Offer> = offers(visit.app, owner).into_iter().map(offer).collect();
    if offers.is_empty() {
        return visit.redirect(PATH);
    }
    visit.page(status, choose(&stage, &offers))
}

/// Begins to add what was chosen.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    either(begin(visit, &params).await)
}

async fn begin(visit: Visit<'_>, params: &Params) -> Result<Response, Response> {
    if params.one("action") == Some(Way::Cancel.action()) {
        return Ok(visit.redirect(PATH));
    }
    let (visit, owner) = enter_to_change(visit, &Target::AddMethod, Protection::Factors).await?;
    let chosen = params.one("kind").and_then(FactorKind::from_key);
    let kind = chosen.filter(|kind| offers(visit.app, &owner).iter().any(|(offered, _)| offered == kind));
    let Some(kind) = kind else {
        // Also the way back from the page that asks for something first.
        return Ok(choice(visit, &owner, (StatusCode::OK, None)));
    };
    if params.one("action") == Some(Way::Choices.action()) {
        return Ok(choice(visit, &owner, (StatusCode::OK, None)));
    }
    if asks_first(params).is_some() {
        return Ok(ask(visit, &owner, (kind, None), (StatusCode::OK, None)));
    }
    let enrolment = Enrolment {
        kind,
        profile: profile(kind, params),
        factor_profile_id: None,
        activate: Begins::ByUser,
        update_phone: UpdatePhone::Keep,
        token_lifetime: None,
    };
    let purpose = Purpose::Session(&owner.session.id);
    let enrolled = service::enroll(visit.app, &owner.user, enrolment, purpose, visit.caller).await;
    let typed = params.one("phoneNumber").or(params.one("question"));
    let enrolled = match enrolled {
        Ok(enrolled) => enrolled,
        Err(error) => {
            return Err(match problem(AuthnError::Factor(error)) {
                Ok((status, error)) => ask(visit, &owner, (kind, typed), (status, Some(error))),
                Err(error) => stopped(visit, error),
            });
        }
    };
    match visit.app.db.writer().commit(enrolled.unit).await {
        Ok(Outcome::Won) if enrolled.factor.is_active() => Ok(done(visit, Notice::Added)),
        Ok(Outcome::Won) => Ok(visit.redirect(&Target::Activate(enrolled.factor.id).path())),
        Ok(Outcome::Lost(_)) => Err(choice(visit, &owner, (StatusCode::BAD_REQUEST, Some(StepError::Moved)))),
        Err(fault) => Err(fault_page(visit, &fault)),
    }
}

/// The page that asks for what an enrolment needs; where nothing has to be said, the choice.
fn ask(
    visit: Visit<'_>,
    owner: &Owner,
    (kind, typed): (FactorKind, Option<&str>),
    (status, error): (StatusCode, Option<StepError>),
) -> Response {
    let stage = stage(&visit, &Target::AddMethod, error.clone(), vec![Way::Choices, Way::Cancel]);
    match asking(&stage, kind, (Some(&owner.user), typed)) {
        Some(markup) => visit.page(status, markup),
        None => choice(visit, owner, (status, error)),
    }
}

/// What no page of the enrolment tells.
fn stopped(visit: Visit<'_>, error: AuthnError) -> Response {
    match error {
        AuthnError::Fault(fault) => fault_page(visit, &fault),
        _ => nothing_here(visit),
    }
}

/// Shows what activates a factor that waits for it.
#[handler]
pub(crate) async fn get_activate(visit: Visit<'_>, request: &Request) -> Response {
    let id = named(request);
    either(waiting(visit, &id).await)
}

async fn waiting(visit: Visit<'_>, id: &FactorId) -> Result<Response, Response> {
    let (visit, owner) = super::enter(visit, &Target::Activate(id.clone())).await?;
    if owner.factor(id).is_some_and(Factor::is_active) {
        // Nothing is left to do here, not even to prove the new one.
        return Ok(done(visit, Notice::Added));
    }
    let (visit, owner) = enter(visit, id).await?;
    match owner.factor(id) {
        Some(factor) => Ok(show(visit, &owner, factor, (StatusCode::OK, None)).await),
        None => Err(nothing_here(visit)),
    }
}

async fn enter<'a>(visit: Visit<'a>, id: &FactorId) -> super::Entered<'a> {
    enter_to_change(visit, &Target::Activate(id.clone()), Protection::Factors).await
}

async fn show(
    visit: Visit<'_>,
    owner: &Owner,
    factor: &Factor,
    (status, error): (StatusCode, Option<StepError>),
) -> Response {
    if factor.kind == FactorKind::Push {
        return device::show(visit, factor);
    }
    if factor.status != FactorStatus::PendingActivation {
        return visit.redirect(PATH);
    }
    let mut ways = Vec::new();
    if factor.kind.is_sent() {
        ways.push(Way::Resend);
    }
    ways.push(Way::Cancel);
    let stage = stage(&visit, &Target::Activate(factor.id.clone()), error, ways);
    match markup(&visit, &stage, (owner, factor)).await {
        Ok(markup) => visit.page(status, markup),
        Err(FactorError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => visit.redirect(PATH),
    }
}

async fn markup(
    visit: &Visit<'_>,
    stage: &Stage,
    (owner, factor): (&Owner, &Factor),
) -> Result<Markup, FactorError> {
    let destination = detail(factor).filter(|_| factor.kind.is_sent());
    let of = |digits, seed| Activate { kind: factor.kind, destination, digits, seed };
    match factor.kind.answer() {
        AnswerShape::Signature => registration(visit, stage, (owner, factor)).await,
        AnswerShape::OwnCode => {
            let (activation, unit) = service::show_again(visit.app, factor).await?;
            visit.app.db.writer().commit(unit).await?;
            match activation {
                Activation::Token(token) => {
                    Ok(activate(stage, &of(token.key_length, Some(seed(factor, &token)))))
                }
                Activation::Options(_) | Activation::Push(_) => Err(FactorError::WrongStatus),
            }
        }
        AnswerShape::SentCode => Ok(activate(stage, &of(SENT_DIGITS, None))),
        AnswerShape::Text | AnswerShape::Approval => Err(FactorError::WrongStatus),
    }
}

/// Digits of a code that is sent.
const SENT_DIGITS: u32 = 6;

/// The page on which an authenticator registers.
async fn registration(
    visit: &Visit<'_>,
    stage: &Stage,
    (owner, factor): (&Owner, &Factor),
) -> Result<Markup, FactorError> {
    let how = (Purpose::Session(&owner.session.id), visit.caller);
    let challenged = service::challenge(visit.app, &owner.user, factor, how).await?;
    visit.app.db.writer().commit(challenged.unit).await?;
    let options = challenged.shown.ok_or(FactorError::WrongStatus)?;
    // Whoever has something to read first is not interrupted.
    let begins = if stage.error.is_none() { Starts::AtOnce } else { Starts::ByButton };
    let nonce = visit.nonce.clone();
    let (ceremony, action) = (Ceremony::Create, ACTION_ACTIVATE);
    let ceremonial = Ceremonial { ceremony, options, action, begins, nonce };
    Ok(webauthn::ceremony(stage, (factor.kind, &ceremonial), Remember::Unavailable))
}

/// Activates it by a first proof, or has its code sent again.
#[handler]
pub(crate) async fn post_activate(Form(visit, (), params): Form<'_, ()>, request: &Request) -> Response {
    let id = named(request);
    either(proved(visit, &id, &params).await)
}

async fn proved(visit: Visit<'_>, id: &FactorId, params: &Params) -> Result<Response, Response> {
    if params.one("action") == Some(Way::Cancel.action()) {
        return Ok(visit.redirect(PATH));
    }
    let (mut visit, owner) = enter(visit, id).await?;
    let Some(factor) = owner.factor(id) else { return Err(nothing_here(visit)) };
    if factor.kind == FactorKind::Push {
        return Ok(device::again(visit, factor).await);
    }
    let outcome = if params.one("action") == Some(Way::Resend.action()) {
        resend(&visit, &owner, factor).await.map(|()| None)
    } else {
        prove(&visit, &owner, factor, params).await.map(Some)
    };
    match outcome {
        Ok(None) => Ok(visit.redirect(&Target::Activate(id.clone()).path())),
        Ok(Some(opened)) => {
            visit.open_session(opened.session, opened.cookie.expose());
            Ok(done(visit, Notice::Added))
        }
        Err(error) => Err(match problem(AuthnError::Factor(error)) {
            Ok((status, error)) => show(visit, &owner, factor, (status, Some(error))).await,
            Err(error) => stopped(visit, error),
        }),
    }
}

async fn resend(visit: &Visit<'_>, owner: &Owner, factor: &Factor) -> Result<(), FactorError> {
    let how = (Purpose::Session(&owner.session.id), visit.caller);
    let challenged = service::challenge(visit.app, &owner.user, factor, how).await?;
    visit.app.db.writer().commit(challenged.unit).await?;
    Ok(())
}

/// Activates the factor. As in a sign-in its first proof counts for the session, whose cookie is new from then on.
async fn prove(
    visit: &Visit<'_>,
    owner: &Owner,
    factor: &Factor,
    params: &Params,
) -> Result<Opened, FactorError> {
    let how = (Purpose::Session(&owner.session.id), visit.caller);
    let typed = || Answer::PassCode(Secret::new(params.one("passCode").unwrap_or_default().to_owned()));
    let answer = attestation(params).map_or_else(typed, Answer::Attestation);
    let proof = service::activate(visit.app, &owner.user, factor, &answer, how).await?;
    let (unit, opened) = owner.shows(visit, proof.unit, proof.verified).await?;
    match visit.app.db.writer().commit(unit).await? {
        Outcome::Won => Ok(opened),
        Outcome::Lost(_) => Err(FactorError::Replayed),
    }
}
