//! The browser's half of the device grant (RFC 8628 §3.3): a user code opens a request, the sign-in journey does what it
//! does for every request, and a click decides. Nothing here changes anything on GET, whatever the link says.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};
use poem::{Body, Request, Response, handler, web::Data};
use time::macros::format_description;

use super::{
    answer::{fault_page, flow_error},
    authorize::{no_visit, own_form, own_form_of},
    consent::{asked_for, decide, signed_in_as},
    signin::{Waiting, flow_in},
    step,
    visit::{Visit, card},
};
use crate::{
    app::App,
    authorize::{
        device::{self, OpenError},
        dispatch::{DeviceVerdict, Journey, dispatch},
        flow::{Ending, FlowError},
    },
    limit::rate::retry_after,
    protocol::params::Params,
    store::{self, device_code::DeviceCode},
    syslog::Caller,
    web::{
        device::{
            DECISION_APPROVE, DeviceConfirmPage, DeviceDonePage, DevicePage, DevicePageError,
            confirm as confirm_page, device as device_page, done,
        },
        headers,
    },
};

/// What forms of the first page are bound to.
const STEP: &str = "activate";
/// The longest code that is shown again.
const MAX_SHOWN: usize = 64;

/// What forms of the page that decides are bound to: also to the session, so that nobody approves for somebody else.
fn confirm_step(visit: &Visit<'_>) -> String {
    let session = visit.session.as_ref().map_or("", |session| session.id.as_str());
    format!("activate-confirm {session}")
}

/// Shows the page for user codes; `verification_uri_complete` fills the code in, and no more.
#[handler]
pub(crate) async fn get(request: &Request, app: Data<&Arc<App>>, caller: Data<&Arc<Caller>>) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    let params = Params::parse_query(request.uri().query().unwrap_or_default()).unwrap_or_default();
    entry(visit, params.one("user_code"), (StatusCode::OK, None))
}

fn entry(
    visit: Visit<'_>,
    typed: Option<&str>,
    (status, error): (StatusCode, Option<DevicePageError>),
) -> Response {
    let page = DevicePage {
        form: visit.form(device::ACTIVATE, STEP, STEP),
        user_code: typed.map(|typed| typed.chars().take(MAX_SHOWN).collect()),
        error,
    };
    let headers = headers::page(&visit.nonce, None, visit.hsts());
    visit.html(status, headers, device_page(&page))
}

/// Takes a user code.
#[handler]
pub(crate) async fn post(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form(request, body, (&app, &caller), STEP).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let typed = params.one("user_code").unwrap_or_default();
    let browser = visit.browser();
    match device::open(&app, typed, &browser).await {
        Ok(opened) => {
            let journey = Journey::Frozen(&opened.flow);
            let next = dispatch(&app, &opened.server, &opened.client, journey, &browser).await;
            step(visit, next, &Method::POST).await
        }
        Err(OpenError::WrongCode) => {
            let wrong = Some(DevicePageError::WrongCode);
            entry(visit, Some(typed), (StatusCode::BAD_REQUEST, wrong))
        }
        Err(OpenError::Throttled(count)) => {
            let seconds = retry_after(&count, app.now());
            let many = Some(DevicePageError::TooMany);
            let mut response = entry(visit, None, (StatusCode::TOO_MANY_REQUESTS, many));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(OpenError::Flow(error)) => flow_error(visit, error),
    }
}

/// A device that waits for its user, with the frozen request that is about it.
async fn load(visit: &Visit<'_>, flow: Option<&str>) -> Result<(Waiting, DeviceCode), FlowError> {
    let waiting = Waiting::load(visit, flow).await?;
    let Ending::Device(id) = &waiting.flow.pending.ending else { return Err(FlowError::Unknown) };
    let app = visit.app;
    let code = store::device_code::find_pending(&app.db, id, app.now()).await?.ok_or(FlowError::Unknown)?;
    Ok((waiting, code))
}

/// Shows the page that asks whether the device may have what it asks for.
#[handler]
pub(crate) async fn get_confirm(
    request: &Request,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let visit = match Visit::begin(&app, &caller, request.headers()).await {
        Ok(visit) => visit,
        Err(fault) => return no_visit(&app, &caller, &fault),
    };
    let (waiting, code) = match load(&visit, flow_in(request).as_deref()).await {
        Ok(loaded) => loaded,
        Err(error) => return flow_error(visit, error),
    };
    match confirmation(&visit, &waiting, &code).await {
        Ok(Some(page)) => {
            let headers = headers::page(&visit.nonce, None, visit.hsts());
            visit.html(StatusCode::OK, headers, confirm_page(&page))
        }
        Ok(None) => visit.redirect(&format!("/signin?flow={}", waiting.flow.id)),
        Err(fault) => fault_page(visit, &fault),
    }
}

/// What the page shows; absent when nobody is signed in.
async fn confirmation(
    visit: &Visit<'_>,
    waiting: &Waiting,
    code: &DeviceCode,
) -> Result<Option<DeviceConfirmPage>, crate::fault::Fault> {
    let Some(session) = &visit.session else { return Ok(None) };
    let Some(user) = store::user::find_holder(&visit.app.db, &session.user_id).await? else {
        return Ok(None);
    };
    let at = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    Ok(Some(DeviceConfirmPage {
        client: card(&waiting.client),
        user: signed_in_as(&user),
        switch_account_href: Some(format!("/accounts?flow={}", waiting.flow.id)),
        user_code: device::user_code(visit.app, code)?,
        ip: code.ip.clone().unwrap_or_else(|| "unknown".to_owned()),
        user_agent: code.user_agent.clone(),
        requested_at: code.created_at.format(&at).unwrap_or_default(),
        scopes: asked_for(waiting),
        form: visit.form("/activate/confirm", waiting.flow.id.as_str(), &confirm_step(visit)),
    }))
}

/// Takes the decision.
#[handler]
pub(crate) async fn post_confirm(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    caller: Data<&Arc<Caller>>,
) -> Response {
    let (visit, params) = match own_form_of(request, body, (&app, &caller), confirm_step).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    match load(&visit, params.one("flow_id")).await {
        Ok((waiting, _)) => {
            decide(visit, waiting, &params, (DECISION_APPROVE, "You did not allow it.")).await
        }
        Err(error) => flow_error(visit, error),
    }
}

/// The end of a device's journey.
pub(super) fn decided(visit: Visit<'_>, verdict: &DeviceVerdict) -> Response {
    let page = match verdict {
        DeviceVerdict::Approved => DeviceDonePage::Approved,
        DeviceVerdict::Denied(reason) => DeviceDonePage::Denied(reason.clone()),
    };
    let headers = headers::page(&visit.nonce, None, visit.hsts());
    visit.html(StatusCode::OK, headers, done(&page))
}
