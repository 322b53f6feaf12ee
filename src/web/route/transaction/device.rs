//! The pages of a transaction that waits for another device.

use poem::Response;

use super::{show::qr_href, stopped};
use crate::{
    authn::service::{AuthnError, Pending},
    factor::{Activation, service},
    id::FactorId,
    message::{self, Medium},
    model::push::PushResult,
    web::{
        factor::push::{self, Approval, Enrolling, Follow},
        route::{visit::Visit, waiting::Place},
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
    let open = service::push::is_open(factor, app.now());
    if !open || !message::can_send(app, Medium::Email) {
        stage.ways.retain(|way| *way != Way::Invite);
    }
    let enrolling = match service::push::activation(app, factor) {
        Activation::Push(activation) if open => Some(Enrolling {
            qr_href: qr_href(factor, &activation.qr_token),
            address: service::push::address(app, factor),
        }),
        _ => None,
    };
    let follow = follow(&visit, &place, PushResult::Waiting);
    let markup = push::enrol(&stage, enrolling.as_ref().map(|enrolling| (enrolling, &follow)));
    place.live_page(visit, markup)
}
