//! The pages of a transaction that waits for another device.

use http::header;
use poem::Response;

use super::{show::qr_href, stopped};
use crate::{
    app::App,
    authn::service::{AuthnError, Pending},
    factor::{Activation, service},
    id::FactorId,
    message::{self, Medium},
    model::{factor::Factor, push::PushResult},
    web::{
        factor::push::{self, Approval, Enrolling, Follow},
        headers,
        route::{
            visit::{Visit, set_headers},
            waiting::Place,
        },
        step::{Stage, Way},
    },
};

/// How the page follows what another device does.
fn follow(visit: &Visit<'_>, place: &Place, result: PushResult) -> Follow {
    Follow {
        page: format!("/signin/step?flow={}", place.name()),
        look: format!("/signin/push?flow={}", place.name()),
        state: result.as_str(),
        nonce: visit.nonce.clone(),
    }
}

/// The page that waits for an approval.
pub(super) fn approval(
    visit: Visit<'_>,
    place: &Place,
    (pending, factor): (&Pending, &FactorId),
    mut stage: Stage,
) -> Response {
    let now = visit.app.now();
    let asked = pending.facts.push.as_ref();
    let result = asked.map_or(PushResult::Cancelled, |asked| asked.result(now));
    let approval = Approval {
        device: pending.facts.factor(factor).and_then(|factor| factor.name.clone()),
        result,
        number: asked.and_then(|asked| asked.correct_answer(now)),
    };
    if result != PushResult::Waiting {
        // The main button does that.
        stage.ways.retain(|way| *way != Way::Resend);
    }
    let markup = push::approve(&stage, &approval, &follow(&visit, place, result));
    place.live_page(visit, markup)
}

/// The page that waits for a device to be enrolled.
pub(super) fn enrolment(
    visit: Visit<'_>,
    place: Place,
    (pending, factor): (&Pending, &FactorId),
    mut stage: Stage,
) -> Response {
    let app = visit.app;
    let Some(factor) = pending.facts.factor(factor) else { return stopped(visit, place, AuthnError::Token) };
    let enrolling = enrolling(app, factor);
    if enrolling.is_none() || !message::can_send(app, Medium::Email) {
        stage.ways.retain(|way| *way != Way::Invite);
    }
    let follow = follow(&visit, &place, PushResult::Waiting);
    let markup = push::enrol(&stage, enrolling.as_ref().map(|enrolling| (enrolling, &follow)));
    place.live_page(visit, markup)
}

/// What the device of an enrolment needs; absent: its time is over.
pub(in crate::web::route) fn enrolling(app: &App, factor: &Factor) -> Option<Enrolling> {
    match service::push::activation(app, factor) {
        Activation::Push(activation) if service::push::is_open(factor, app.now()) => Some(Enrolling {
            qr_href: qr_href(factor, &activation.qr_token),
            address: service::push::address(app, factor),
        }),
        _ => None,
    }
}

/// How far the enrolment of a device is.
pub(in crate::web::route) fn enrolment_state(app: &App, factor: &Factor) -> PushResult {
    if factor.is_active() {
        PushResult::Success
    } else if service::push::is_open(factor, app.now()) {
        PushResult::Waiting
    } else {
        PushResult::Timeout
    }
}

/// What the script of a page that waits for another device is told: enough to know that the page is old.
pub(in crate::web::route) fn told(visit: &Visit<'_>, state: Option<PushResult>) -> Response {
    let state = state.map_or("OVER", PushResult::as_str);
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(serde_json::json!({ "state": state }).to_string());
    set_headers(&mut response, headers::document(visit.hsts()));
    response
}
