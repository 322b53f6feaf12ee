//! A device that approves, enrolled from the account page: the page waits for it.

use http::StatusCode;
use poem::{Request, Response, handler};

use super::{Owner, Target, either, enrolment::stage, enter, named};
use crate::{
    factor::{FactorError, service},
    model::factor::Factor,
    store::unit::Outcome,
    web::{
        factor::push::{Follow, enrol},
        headers,
        route::{
            answer::fault_page,
            transaction::{enrolling, enrolment_state, told},
            visit::Visit,
        },
        step::Way,
    },
};

/// The page, which goes on when the device is enrolled.
pub(super) fn show(visit: Visit<'_>, factor: &Factor) -> Response {
    let state = enrolment_state(visit.app, factor);
    let target = Target::Activate(factor.id.clone());
    let stage = stage(&visit, &target, None, vec![Way::Cancel]);
    let page = target.path();
    let look = format!("{page}/state");
    let follow = Follow { page, look, state: state.as_str(), nonce: visit.nonce.clone() };
    let enrolling = enrolling(visit.app, factor);
    let markup = enrol(&stage, enrolling.as_ref().map(|enrolling| (enrolling, &follow)));
    let headers = headers::live_page(&visit.nonce, None, visit.hsts());
    visit.html(StatusCode::OK, headers, markup)
}

/// Begins it anew: what was shown before opens nothing any more.
pub(super) async fn again(visit: Visit<'_>, factor: &Factor) -> Response {
    let page = Target::Activate(factor.id.clone()).path();
    match service::push::restart(visit.app, factor) {
        Ok((_, unit)) => match visit.app.db.writer().commit(unit).await {
            Ok(Outcome::Won | Outcome::Lost(_)) => visit.redirect(&page),
            Err(fault) => fault_page(visit, &fault),
        },
        Err(FactorError::Fault(fault)) => fault_page(visit, &fault),
        Err(_) => visit.redirect(&page),
    }
}

/// What the script of the page is told.
#[handler]
pub(crate) async fn get_state(visit: Visit<'_>, request: &Request) -> Response {
    let id = named(request);
    let found = async {
        let (visit, owner): (Visit<'_>, Owner) = enter(visit, &Target::Activate(id.clone())).await?;
        let state = owner.factor(&id).map(|factor| enrolment_state(visit.app, factor));
        Ok(told(&visit, state))
    };
    either(found.await)
}
