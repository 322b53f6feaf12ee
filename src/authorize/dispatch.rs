//! The only place that chooses the next step. Every page hands its result in here and goes where it is sent.

use std::sync::Arc;

use super::{
    checks::ValidRequest,
    decide::{DecideError, decide},
    device,
    flow::{Ending, Flow, FlowError, Pending, Progress, complete, freeze},
    front_channel::IssueError,
    interact::{self, Needs, Wanted, without_asking},
    issue::{self, AuthorizationResponse, Issuing},
    step_up::{self, StepUpError},
};
use crate::{
    app::App,
    cache::servers::ServerState,
    claims::subject,
    consent,
    fault::Fault,
    id::{ConsentId, FlowId, UserId},
    model::{client::Client, session::Session, user::Holder},
    protocol::{
        error::{ErrorCode, OAuthError},
        grant_type::GrantType,
        prompt::Prompt,
        scope::ScopeSet,
    },
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType},
};

/// Where the browser goes next.
#[derive(Clone, Debug)]
pub enum Step {
    /// To the client, with an answer.
    Respond(Box<AuthorizationResponse>),
    /// To the sign-in page.
    SignIn(FlowId),
    /// To the page where the user of the session proves, or enrols, a further factor.
    Factor(FlowId),
    /// To the account chooser.
    ChooseAccount(FlowId),
    /// To the consent page.
    Consent(FlowId),
    /// To the page that asks whether a device may have what it asks for.
    ConfirmDevice(FlowId),
    /// To the end: the device learns it at its next poll.
    DeviceDecided(DeviceVerdict),
}

/// What was decided about a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeviceVerdict {
    /// It gets its tokens.
    Approved,
    /// It does not, because somebody said so or a policy does; the text tells why.
    Denied(String),
}

/// The browser at hand.
pub struct Browser<'a> {
    /// The value of its cookie that binds flows to it.
    pub binding: &'a str,
    /// Its live session.
    pub session: Option<&'a Session>,
    /// Who sent the request.
    pub caller: &'a Caller,
}

/// A request on its way: fresh, or frozen in a flow.
pub enum Journey<'a> {
    /// It just arrived; nothing is written unless something has to be asked.
    Fresh(Box<ValidRequest>),
    /// It is frozen.
    Frozen(&'a Flow),
}

impl Journey<'_> {
    fn request(&self) -> &ValidRequest {
        match self {
            Self::Fresh(request) => request,
            Self::Frozen(flow) => &flow.pending.request,
        }
    }

    fn progress(&self) -> Progress {
        match self {
            Self::Fresh(_) => Progress::default(),
            Self::Frozen(flow) => flow.pending.progress.clone(),
        }
    }

    fn ending(&self) -> &Ending {
        match self {
            Self::Fresh(_) => &Ending::Response,
            Self::Frozen(flow) => &flow.pending.ending,
        }
    }

    /// The grant that the journey makes, as access policies name it.
    fn grant_types(&self) -> &'static [GrantType] {
        match self.ending() {
            Ending::Response => self.request().response_type.grant_types(),
            Ending::Device(_) => &[GrantType::DeviceCode],
        }
    }

    fn flow(&self) -> Option<&Flow> {
        match self {
            Self::Fresh(_) => None,
            Self::Frozen(flow) => Some(flow),
        }
    }
}

/// Chooses and takes the next step.
///
/// # Errors
/// The flow cannot go on, or a fault.
pub async fn dispatch(
    app: &App,
    server: &Arc<ServerState>,
    client: &Client,
    journey: Journey<'_>,
    browser: &Browser<'_>,
) -> Result<Step, FlowError> {
    let now = app.now();
    let journey = knowing_the_hinted_user(app, client, journey).await?;
    let request = journey.request();
    let progress = journey.progress();
    // Core §3.1.2.2: somebody else than the hinted user signed in; that is not what the client asked for.
    if let (Some(hinted), Some(user)) = (&request.hinted_user, &progress.authenticated)
        && hinted != user
    {
        let error =
            OAuthError::new(ErrorCode::LoginRequired, "Another user signed in than the one asked for.");
        return deny(app, &journey, &error, browser.caller).await;
    }
    let signed_in = live_user(app, browser.session).await?;
    let session = signed_in.as_ref().map(|(session, _)| *session);
    let mut needs = interact::needs(request, session, &progress, Wanted::default(), now);
    if let (Needs::Nothing, Some((session, user))) = (&needs, &signed_in) {
        let of = (request, &progress);
        let requirement =
            step_up::requirement(app, (server, client), of, (session, user), browser.caller).await;
        let requirement = match requirement {
            Ok(requirement) => requirement,
            Err(StepUpError::Denied(error)) => return deny(app, &journey, &error, browser.caller).await,
            Err(StepUpError::Fault(fault)) => return Err(fault.into()),
        };
        let consent = consent_missing(app, server, client, of, session).await?;
        needs = interact::needs(request, Some(session), &progress, Wanted { requirement, consent }, now);
    }
    if request.prompts().is_none()
        && let Err(error) = without_asking(&needs)
    {
        // A pushed request is answered once, whatever the answer (RFC 9126 §4).
        if request.pushed.is_some() {
            return deny(app, &journey, &error, browser.caller).await;
        }
        return Ok(respond(issue::error(request.destination.clone(), &error)));
    }
    match (needs, signed_in) {
        (Needs::Nothing, Some(signed_in)) => {
            finish(app, (server, client), &journey, (signed_in, &progress), browser).await
        }
        (Needs::Consent(_), Some(signed_in)) => {
            // A refusal that no consent can change is told before anything is asked.
            let asked = (request, request.scope.clone());
            match decide(app, server, (client, journey.grant_types()), asked, signed_in).await {
                Err(DecideError::Denied(error)) => deny(app, &journey, &error, browser.caller).await,
                Err(DecideError::Fault(fault)) => Err(fault.into()),
                Ok(_) => {
                    // One page asks for both: whether the device may, and what.
                    let page = match journey.ending() {
                        Ending::Response => Step::Consent,
                        Ending::Device(_) => Step::ConfirmDevice,
                    };
                    Ok(page(frozen(app, journey, browser).await?))
                }
            }
        }
        (Needs::Factor(_), Some(_)) => Ok(Step::Factor(frozen(app, journey, browser).await?)),
        (Needs::ChooseAccount, _) => Ok(Step::ChooseAccount(frozen(app, journey, browser).await?)),
        (Needs::Login | Needs::Nothing | Needs::Factor(_) | Needs::Consent(_), _) => {
            Ok(Step::SignIn(frozen(app, journey, browser).await?))
        }
    }
}

/// Puts the user in the place of the pairwise subject that a hint names (Core §8.1). Whoever is named otherwise, by the
/// user's own id or by the subject of another sector, is replaced by nobody: the client learns nothing by guessing.
async fn knowing_the_hinted_user<'a>(
    app: &App,
    client: &Client,
    journey: Journey<'a>,
) -> Result<Journey<'a>, Fault> {
    match journey {
        Journey::Fresh(mut request) if client.is_pairwise() => {
            if let Some(hinted) = request.hinted_user.take() {
                let user = subject::user_behind(app, client, hinted.as_str()).await?;
                request.hinted_user = Some(user.unwrap_or_else(|| UserId::new("nobody")));
            }
            Ok(Journey::Fresh(request))
        }
        Journey::Fresh(_) | Journey::Frozen(_) => Ok(journey),
    }
}

/// The session with its user, as long as that user is active: suspension ends sign-on at the next request.
async fn live_user<'a>(
    app: &App,
    session: Option<&'a Session>,
) -> Result<Option<(&'a Session, Holder)>, Fault> {
    let Some(session) = session else { return Ok(None) };
    let user = store::user::find_holder(&app.db, &session.user_id).await?;
    Ok(user.filter(|user| session.counts_for(user)).map(|user| (session, user)))
}

/// The scopes that still have to be agreed to; within a flow an agreement counts once, also for `prompt=consent`.
async fn consent_missing(
    app: &App,
    server: &ServerState,
    client: &Client,
    (request, progress): (&ValidRequest, &Progress),
    session: &Session,
) -> Result<ScopeSet, Fault> {
    if progress.agreed.as_ref().is_some_and(|(user, _)| *user == session.user_id) {
        return Ok(ScopeSet::new());
    }
    let prompted = request.prompts().contains(Prompt::Consent);
    let remembered = if prompted
        || client.metadata.consent_method == crate::protocol::client_metadata::ConsentMethod::Trusted
    {
        Vec::new()
    } else {
        store::consent::scopes(&app.db, &session.user_id, &client.id, &server.config.server.id).await?
    };
    Ok(consent::to_ask(client, &server.config, &request.scope, (prompted, &remembered)))
}

async fn frozen(app: &App, journey: Journey<'_>, browser: &Browser<'_>) -> Result<FlowId, FlowError> {
    match journey {
        Journey::Frozen(flow) => Ok(flow.id.clone()),
        Journey::Fresh(request) => {
            let ending = Ending::Response;
            let pending = Pending { request: *request, progress: Progress::default(), ending };
            let (id, row) = freeze(app, &pending, browser.binding, browser.caller).await?;
            app.db.writer().commit(Unit::new().row(row)).await?;
            Ok(id)
        }
    }
}

fn respond(response: AuthorizationResponse) -> Step {
    Step::Respond(Box::new(response))
}

async fn finish(
    app: &App,
    (server, client): (&ServerState, &Client),
    journey: &Journey<'_>,
    (signed_in, progress): ((&Session, Holder), &Progress),
    browser: &Browser<'_>,
) -> Result<Step, FlowError> {
    let request = journey.request();
    let session = signed_in.0;
    let mut unit = Unit::new();
    let scope = match &progress.agreed {
        Some((user, agreed)) if *user == session.user_id => {
            // Agreed once, remembered per user, client, server and scope.
            for scope in agreed.iter() {
                let id = ConsentId::generate(app.random.as_ref());
                let of = (user, &request.client_id, &request.server_id);
                unit = unit.change(store::consent::remember(&id, of, scope, app.now()));
            }
            let event = Event::new(EventType::ConsentGrant)
                .server(&request.server_id)
                .client(&request.client_id)
                .user(user)
                .with("scopes", agreed.to_string());
            unit = unit.row(event.row(browser.caller, app.random.as_ref(), app.now()));
            request.scope.intersection(agreed)
        }
        Some(_) | None => request.scope.clone(),
    };
    let grant_types = journey.grant_types();
    let decision = match decide(app, server, (client, grant_types), (request, scope), signed_in).await {
        Ok(decision) => decision,
        Err(DecideError::Denied(error)) => return deny(app, journey, &error, browser.caller).await,
        Err(DecideError::Fault(fault)) => return Err(fault.into()),
    };
    let issuing = Issuing { server, client, session, flow: journey.flow(), caller: browser.caller };
    let issued = match journey.ending() {
        Ending::Response => {
            issue::issue(app, &issuing, request, decision, unit).await.map(|response| response.map(respond))
        }
        Ending::Device(id) => device::approve(app, &issuing, (id, request), decision, unit)
            .await
            .map(|approved| approved.map(|()| Step::DeviceDecided(DeviceVerdict::Approved)))
            .map_err(IssueError::Fault),
    };
    match issued {
        Ok(step) => step.ok_or(FlowError::Unknown),
        Err(IssueError::Claims(error)) => {
            tracing::error!(%error, "a claim could not be computed");
            deny(app, journey, &OAuthError::server_error(), browser.caller).await
        }
        Err(IssueError::NoEncryptionKey(error)) => {
            tracing::warn!(%error, client.id = %client.id, "an ID token cannot be encrypted");
            let error = OAuthError::invalid_request("The client has no key to encrypt its ID tokens to.");
            deny(app, journey, &error, browser.caller).await
        }
        Err(IssueError::Fault(fault)) => Err(fault.into()),
    }
}

/// Ends the journey with a denial, which is logged.
///
/// # Errors
/// The flow was completed meanwhile, or a fault.
pub async fn deny(
    app: &App,
    journey: &Journey<'_>,
    error: &OAuthError,
    caller: &Caller,
) -> Result<Step, FlowError> {
    let request = journey.request();
    let kind = if error.code == ErrorCode::AccessDenied { "access_denied" } else { "refused" };
    let event = Event::failure(EventType::Authorize, kind)
        .server(&request.server_id)
        .client(&request.client_id)
        .with("description", error.description());
    let now = app.now();
    let unit = Unit::new().row(event.row(caller, app.random.as_ref(), now));
    let mut unit = complete(unit, request, journey.flow(), now);
    if let Ending::Device(id) = journey.ending() {
        unit = unit.claim(store::device_code::claim_denial(id, now));
    }
    match (app.db.writer().commit(unit).await?, journey.ending()) {
        (store::unit::Outcome::Won, Ending::Response) => {
            Ok(respond(issue::error(request.destination.clone(), error)))
        }
        (store::unit::Outcome::Won, Ending::Device(_)) => {
            Ok(Step::DeviceDecided(DeviceVerdict::Denied(error.description().to_owned())))
        }
        (store::unit::Outcome::Lost(_), _) => Err(FlowError::Unknown),
    }
}
