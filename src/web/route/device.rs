//! The browser's half of the device grant (RFC 8628 §3.3): a user code opens a request, the sign-in journey does what it
//! does for every request, and a click decides. Nothing here changes anything on GET, whatever the link says.

use http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response, handler};
use time::macros::format_description;

use super::{
    answer::{fault_page, flow_error},
    consent::{asked_for, decide},
    form::{About, Form, Link, query},
    step,
    visit::{Visit, card},
    waiting::Waiting,
};
use crate::{
    authorize::{
        device::{self, OpenError},
        dispatch::{DeviceVerdict, Journey, dispatch},
        flow::{Ending, FlowError},
    },
    fault::Fault,
    limit::rate::retry_after,
    store::{self, device_code::DeviceCode},
    web::{
        device::{
            DECISION_APPROVE, DeviceConfirmPage, DeviceDonePage, DevicePage, DevicePageError,
            confirm as confirm_page, device as device_page, done,
        },
        layout::Person,
    },
};

/// The page that decides.
pub(super) const CONFIRM: &str = "/activate/confirm";
/// What the form of the first page is about: no flow has begun.
const NO_FLOW: &str = "activate";
/// The longest code that is shown again.
const MAX_SHOWN: usize = 64;

/// Shows the page for user codes; `verification_uri_complete` fills the code in, and no more.
#[handler]
pub(crate) fn get(visit: Visit<'_>, request: &Request) -> Response {
    entry(visit, query(request).one("user_code"), (StatusCode::OK, None))
}

fn entry(
    visit: Visit<'_>,
    typed: Option<&str>,
    (status, error): (StatusCode, Option<DevicePageError>),
) -> Response {
    let page = DevicePage {
        form: visit.form(device::ACTIVATE, NO_FLOW),
        user_code: typed.map(|typed| typed.chars().take(MAX_SHOWN).collect()),
        error,
    };
    visit.page(status, device_page(&page))
}

/// Takes a user code.
#[handler]
pub(crate) async fn post(Form(visit, (), params): Form<'_, ()>) -> Response {
    let app = visit.app;
    let typed = params.one("user_code").unwrap_or_default();
    let browser = visit.browser();
    match device::open(app, typed, &browser).await {
        Ok(opened) => {
            let journey = Journey::Frozen(&opened.flow);
            let next = dispatch(app, &opened.server, &opened.client, journey, &browser).await;
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
impl About for (Waiting, DeviceCode) {
    async fn load(visit: &Visit<'_>, flow: Option<&str>) -> Result<Self, FlowError> {
        let waiting = Waiting::load(visit, flow).await?;
        let Ending::Device(id) = &waiting.flow.pending.ending else { return Err(FlowError::Unknown) };
        let app = visit.app;
        let code = store::device_code::find_pending(&app.db, id, app.now()).await?;
        Ok((waiting, code.ok_or(FlowError::Unknown)?))
    }
}

/// Shows the page that asks whether the device may have what it asks for.
#[handler]
pub(crate) async fn get_confirm(Link(visit, (waiting, code)): Link<'_, (Waiting, DeviceCode)>) -> Response {
    match confirmation(&visit, &waiting, &code).await {
        Ok(Some(page)) => visit.page(StatusCode::OK, confirm_page(&page)),
        Ok(None) => visit.redirect(&waiting.at("/signin")),
        Err(fault) => fault_page(visit, &fault),
    }
}

/// What the page shows; absent when nobody is signed in.
async fn confirmation(
    visit: &Visit<'_>,
    waiting: &Waiting,
    code: &DeviceCode,
) -> Result<Option<DeviceConfirmPage>, Fault> {
    let Some(user) = visit.user().await? else { return Ok(None) };
    let at = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    Ok(Some(DeviceConfirmPage {
        client: card(&waiting.client),
        user: Person::of(&user.login, &user.profile),
        switch_account_href: Some(waiting.at("/accounts")),
        user_code: device::user_code(visit.app, code)?,
        ip: code.ip.clone().unwrap_or_else(|| "unknown".to_owned()),
        user_agent: code.user_agent.clone(),
        requested_at: code.created_at.format(&at).unwrap_or_default(),
        scopes: asked_for(waiting),
        form: visit.form(CONFIRM, waiting.flow.id.as_str()),
    }))
}

/// Takes the decision.
#[handler]
pub(crate) async fn post_confirm(
    Form(visit, (waiting, _), params): Form<'_, (Waiting, DeviceCode)>,
) -> Response {
    decide(visit, waiting, &params, (DECISION_APPROVE, "You did not allow it.")).await
}

/// The end of a device's journey.
pub(super) fn decided(visit: Visit<'_>, verdict: &DeviceVerdict) -> Response {
    let page = match verdict {
        DeviceVerdict::Approved => DeviceDonePage::Approved,
        DeviceVerdict::Denied(reason) => DeviceDonePage::Denied(reason.clone()),
    };
    visit.page(StatusCode::OK, done(&page))
}
