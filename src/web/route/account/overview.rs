//! The first page of the account.

use http::StatusCode;
use poem::{Request, Response, handler};

use super::{Owner, Target, activity, either, enrolment, enter};
use crate::{
    consent::withdraw::{self, Offline},
    factor::backup_code::{self, BackupKind},
    fault::Fault,
    message,
    model::factor::{Factor, has_possession},
    session::sso,
    store,
    syslog::{own, user_agent},
    web::{
        account::{
            Notice, PATH, Problem,
            overview::{App, Codes, Device, Here, Method, More, Overview, Password, overview},
        },
        route::{
            answer::fault_page,
            form::query,
            transaction::detail,
            visit::{Visit, card},
        },
    },
};

/// How much of what happened is shown at a glance.
const GLANCE: u64 = 5;

/// Shows the page.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let notice = query(request).one("done").and_then(Notice::from_key);
    either(async { Ok(show(enter(visit, &Target::Overview).await?, notice, None).await) }.await)
}

/// The page, after something was done or was not.
pub(super) async fn show(
    (visit, owner): (Visit<'_>, Owner),
    notice: Option<Notice>,
    problem: Option<Problem>,
) -> Response {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match view(&visit, &owner, notice, problem).await {
        Ok(view) => visit.page(status, overview(&view)),
        Err(fault) => fault_page(visit, &fault),
    }
}

async fn view(
    visit: &Visit<'_>,
    owner: &Owner,
    notice: Option<Notice>,
    problem: Option<Problem>,
) -> Result<Overview, Fault> {
    let app = visit.app;
    let form = |path: &str| visit.form(&format!("{PATH}{path}"), "account");
    let latest = own::page(app, &owner.user.id, None, GLANCE).await?;
    let more = !enrolment::offers(app, owner).is_empty();
    Ok(Overview {
        person: owner.person(),
        notice,
        problem,
        methods: owner.factors.iter().map(method).collect(),
        more: if more { More::Possible } else { More::None },
        codes: codes(visit, owner).await?,
        password: password(owner),
        devices: devices(visit, owner).await?,
        devices_form: form("/sessions"),
        apps: apps(visit, owner).await?,
        apps_form: form("/apps"),
        happenings: latest.into_iter().map(activity::happening).collect(),
        languages: message::languages().collect(),
        language: message::language_of(&owner.user),
        language_form: form("/language"),
    })
}

/// A factor as its owner sees it.
pub(super) fn method(factor: &Factor) -> Method {
    Method {
        id: factor.id.clone(),
        kind: factor.kind,
        name: factor.name.clone(),
        detail: detail(factor).or_else(|| factor.profile_text("authenticatorName").map(ToOwned::to_owned)),
        status: factor.status,
        added: factor.created_at,
        used: factor.last_verified_at,
    }
}

async fn codes(visit: &Visit<'_>, owner: &Owner) -> Result<Codes, Fault> {
    if !has_possession(&owner.factors) {
        return Ok(Codes::Useless);
    }
    let left = backup_code::list(visit.app, &owner.user, BackupKind::Recovery).await?;
    Ok(Codes::Left(left.len()))
}

fn password(owner: &Owner) -> Password {
    match (&owner.user.password_hash, owner.policies.password.allow_change) {
        (None, _) => Password::None,
        (Some(_), false) => Password::Fixed,
        (Some(_), true) => Password::Changeable(owner.user.password_changed_at),
    }
}

/// Where the user is signed in: this browser first.
async fn devices(visit: &Visit<'_>, owner: &Owner) -> Result<Vec<Device>, Fault> {
    let (app, now) = (visit.app, visit.app.now());
    let open = store::session::open_of_user(&app.db, &owner.user.id, now).await?;
    let live = open.into_iter().filter(|(session, _)| {
        sso::is_live(session, app.settings.session.idle, now) && session.outlives(owner.user.not_before)
    });
    let mut devices: Vec<Device> = live
        .map(|(session, origin)| Device {
            here: if session.id == owner.session.id { Here::Yes } else { Here::No },
            id: session.id,
            name: user_agent::in_words(origin.user_agent.as_deref()),
            mobile: user_agent::is_mobile(origin.user_agent.as_deref()),
            ip: origin.ip,
            since: session.created_at,
            seen: session.last_seen_at,
        })
        .collect();
    devices.sort_by_key(|device| device.here == Here::No);
    Ok(devices)
}

async fn apps(visit: &Visit<'_>, owner: &Owner) -> Result<Vec<App>, Fault> {
    let mut apps = Vec::new();
    for application in withdraw::applications(visit.app, &owner.user.id).await? {
        let mut scopes: Vec<String> = Vec::new();
        for permission in &application.permissions {
            let server = visit.app.server(permission.server_id.as_str()).await?;
            for name in permission.scope.iter() {
                let known = server.as_ref().and_then(|server| server.config.scope(name));
                let shown = known.and_then(|scope| scope.display_name.clone());
                scopes.push(shown.unwrap_or_else(|| name.to_owned()));
            }
        }
        scopes.dedup();
        apps.push(App {
            client_id: application.client.id.clone(),
            card: card(&application.client),
            scopes,
            since: application.since,
            offline: application.offline == Offline::Yes,
        });
    }
    Ok(apps)
}
