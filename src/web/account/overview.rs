//! The first page of the account: everything at a glance.

use maud::{Markup, html};
use time::OffsetDateTime;

use super::{
    Frame, Notice, PATH, Place, Problem,
    activity::{Happening, happenings},
    alert, notice, page, when,
};
use crate::{
    id::{ClientId, FactorId, SessionId},
    model::factor::{FactorKind, FactorStatus},
    web::{
        factor::{name, picture},
        icon, id,
        layout::{ClientCard, FlowForm, Person, client_tile, hidden},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Whose account it is.
    pub person: Person,
    /// What was just done.
    pub notice: Option<Notice>,
    /// Why something was not.
    pub problem: Option<Problem>,
    /// The factors.
    pub methods: Vec<Method>,
    /// Whether another one can be added.
    pub more: More,
    /// The recovery codes.
    pub codes: Codes,
    /// The password.
    pub password: Password,
    /// Where the user is signed in.
    pub devices: Vec<Device>,
    /// Ends sessions: sends `end=<session id>` or `others=1`.
    pub devices_form: FlowForm,
    /// What was let in.
    pub apps: Vec<App>,
    /// Shuts out: sends `revoke=<client id>`.
    pub apps_form: FlowForm,
    /// What happened last.
    pub happenings: Vec<Happening>,
    /// The languages: tag and name.
    pub languages: Vec<(&'static str, &'static str)>,
    /// The tag of the one in use.
    pub language: &'static str,
    /// Chooses one: sends `language=<tag>`.
    pub language_form: FlowForm,
}

/// A factor.
#[derive(Clone, Debug)]
pub struct Method {
    /// Which.
    pub id: FactorId,
    /// What it is.
    pub kind: FactorKind,
    /// What the user calls it.
    pub name: Option<String>,
    /// A phone or address, masked, a question, or the model of an authenticator.
    pub detail: Option<String>,
    /// Whether it can be used.
    pub status: FactorStatus,
    /// When it was added.
    pub added: OffsetDateTime,
    /// When it was last used.
    pub used: Option<OffsetDateTime>,
}

impl Method {
    /// What it is called: by its user, or by its kind.
    pub(super) fn title(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| name(self.kind))
    }
}

/// Whether another factor can be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum More {
    /// One can.
    Possible,
    /// There is none that policy allows and the user lacks.
    None,
}

/// The recovery codes of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codes {
    /// There is no factor that they could stand in for.
    Useless,
    /// So many can still be used.
    Left(usize),
}

/// The password of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Password {
    /// There is none.
    None,
    /// It is not the user's to change.
    Fixed,
    /// It can be changed; when it was.
    Changeable(Option<OffsetDateTime>),
}

/// A session.
#[derive(Clone, Debug)]
pub struct Device {
    /// Which.
    pub id: SessionId,
    /// Browser and system.
    pub name: String,
    /// Whether it is carried about.
    pub mobile: bool,
    /// Where it began.
    pub ip: Option<String>,
    /// When it began.
    pub since: OffsetDateTime,
    /// When it was last used.
    pub seen: OffsetDateTime,
    /// Whether it is this very one.
    pub here: Here,
}

/// Whether a session is the one that looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Here {
    /// It is.
    Yes,
    /// It is another.
    No,
}

/// An application that was let in.
#[derive(Clone, Debug)]
pub struct App {
    /// Which.
    pub client_id: ClientId,
    /// What it shows of itself.
    pub card: ClientCard,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: OffsetDateTime,
    /// Whether it acts while its user is away.
    pub offline: bool,
}

const SECTIONS: [(&str, &str); 7] = [
    ("methods", "Sign-in methods"),
    ("recovery-codes", "Recovery codes"),
    ("password", "Password"),
    ("devices", "Devices"),
    ("apps", "Applications"),
    ("activity", "Activity"),
    ("language", "Language"),
];

/// Renders the page.
pub fn overview(view: &Overview) -> Markup {
    let frame =
        Frame { id: id::ACCOUNT_PAGE, title: "Your account", person: &view.person, place: Place::Top };
    page(
        &frame,
        &html! {
            (notice(view.notice))
            (alert(view.problem.as_ref()))
            div.columns {
                nav.contents aria-label="On this page" {
                    ul { @for (id, title) in SECTIONS { li { a href={ "#" (id) } { (title) } } } }
                }
                div.sections {
                    (section(SECTIONS[0], "What you prove beside your password when you sign in.", &methods(view)))
                    (section(SECTIONS[1], "Each stands in once for a method that you lost.", &codes(view.codes)))
                    (section(SECTIONS[2], "", &password(view.password)))
                    (section(SECTIONS[3], "Where you are signed in.", &devices(view)))
                    (section(SECTIONS[4], "What you let use your account.", &apps(view)))
                    (section(SECTIONS[5], "What happened in your account last.", &activity(&view.happenings)))
                    (section(SECTIONS[6], "", &language(view)))
                }
            }
        },
    )
}

fn section((id, title): (&str, &str), about: &str, content: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! {
        section.part id=(id) aria-labelledby=(heading) {
            header {
                h2 id=(heading) { (title) }
                @if !about.is_empty() { p { (about) } }
            }
            (content)
        }
    }
}

fn methods(view: &Overview) -> Markup {
    html! {
        @if view.methods.is_empty() {
            p.nothing { "There is none yet: whoever knows your password can sign in. Add one." }
        } @else {
            ul.rows { @for method in &view.methods { li { (method_row(method)) } } }
        }
        @if view.more == More::Possible {
            div.after { a.button.primary.small id=(id::METHOD_ADD) href={ (PATH) "/methods/add" } { "Add a method" } }
        }
    }
}

fn method_row(method: &Method) -> Markup {
    let here = format!("{PATH}/methods/{}", method.id);
    let pending = method.status == FactorStatus::PendingActivation;
    html! {
        div.row {
            span.sign { (picture(method.kind)) }
            div.text {
                p.what {
                    bdi { (method.title()) }
                    @match method.status {
                        FactorStatus::Active => {},
                        FactorStatus::PendingActivation => { " " span.badge { "Not finished" } },
                        FactorStatus::Inactive => { " " span.badge { "Suspended" } },
                    }
                }
                @if method.name.is_some() { p { (name(method.kind)) } }
                @if let Some(detail) = &method.detail { p { bdi { (detail) } } }
                p {
                    @if let Some(used) = method.used { "Last used " (when(used)) }
                    @else { "Added " (when(method.added)) }
                }
            }
            div.acts {
                @if pending {
                    a.button.small href={ (here) "/activate" } aria-label={ "Finish " (method.title()) } { "Finish" }
                }
                a.button.small href=(here) aria-label={ "Manage " (method.title()) } { "Manage" }
            }
        }
    }
}

fn codes(codes: Codes) -> Markup {
    html! {
        @match codes {
            Codes::Useless => { p.nothing { "Add a sign-in method first: the codes stand in for one." } },
            Codes::Left(left) => {
                div.row {
                    span.sign { (icon::token(24)) }
                    div.text {
                        p.what {
                            @if left == 0 { "You have none" } @else { (left) " left" }
                        }
                        @if left == 0 { p { "Make some, and keep them where only you find them." } }
                        @else if left < 3 { p { "Make new ones before you run out." } }
                    }
                    a.button.small id=(id::CODES_MAKE) href={ (PATH) "/recovery-codes" } {
                        @if left == 0 { "Make codes" } @else { "Make new codes" }
                    }
                }
            }
        }
    }
}

fn password(password: Password) -> Markup {
    html! {
        div.row {
            span.sign { (icon::lock(24)) }
            @match password {
                Password::None => { div.text { p.what { "You have no password" } } },
                Password::Fixed => {
                    div.text { p.what { "Set" } p { "Your organisation does not let you change it here." } }
                },
                Password::Changeable(changed) => {
                    div.text {
                        p.what { "Set" }
                        @if let Some(changed) = changed { p { "Changed " (when(changed)) } }
                    }
                    a.button.small id=(id::PASSWORD_CHANGE) href={ (PATH) "/password" } { "Change password" }
                }
            }
        }
    }
}

fn devices(view: &Overview) -> Markup {
    let others = view.devices.iter().any(|device| device.here == Here::No);
    html! {
        form id="devices-form" method="post" action=(view.devices_form.action) {
            (hidden(&view.devices_form))
            ul.rows { @for device in &view.devices { li { (device_row(device)) } } }
            @if others {
                div.after {
                    button.button.small type="submit" id=(id::SESSIONS_END) name="others" value="1" { "Sign out all other devices" }
                }
                p.fine.hint { "Applications that can act while you are away go on, until you remove their access." }
            }
        }
    }
}

fn device_row(device: &Device) -> Markup {
    let place = device.ip.as_deref().unwrap_or("an unknown address");
    html! {
        div.row {
            span.sign { @if device.mobile { (icon::authenticator(24)) } @else { (icon::device(24)) } }
            div.text {
                p.what {
                    bdi { (device.name) }
                    @if device.here == Here::Yes { " " span.badge.good { "This device" } }
                }
                p { "From " bdi { (place) } }
                p { "Last used " (when(device.seen)) }
                p { "Signed in " (when(device.since)) }
            }
            @if device.here == Here::No {
                button.button.small type="submit" name="end" value=(device.id)
                    aria-label={ "Sign out " (device.name) " from " (place) } { "Sign out" }
            }
        }
    }
}

fn apps(view: &Overview) -> Markup {
    html! {
        @if view.apps.is_empty() {
            p.nothing { "None." }
        } @else {
            form id="apps-form" method="post" action=(view.apps_form.action) {
                (hidden(&view.apps_form))
                ul.rows { @for app in &view.apps { li { (app_row(app)) } } }
            }
        }
    }
}

fn app_row(app: &App) -> Markup {
    html! {
        div.row {
            (client_tile(Some(&app.card)))
            div.text {
                p.what { bdi { (app.card.name) } }
                @if app.offline { p { "Can act while you are away" } }
                @if !app.scopes.is_empty() { p { "May use: " bdi { (app.scopes.join(", ")) } } }
                p { "Since " (when(app.since)) }
            }
            button.button.small type="submit" name="revoke" value=(app.client_id)
                aria-label={ "Remove access of " (app.card.name) } { "Remove access" }
        }
    }
}

fn activity(all: &[Happening]) -> Markup {
    html! {
        @if all.is_empty() { p.nothing { "Nothing yet." } } @else { (happenings(all)) }
        div.after { a.button.small id=(id::ACTIVITY_ALL) href={ (PATH) "/activity" } { "See all activity" } }
    }
}

fn language(view: &Overview) -> Markup {
    html! {
        form.inline id="language-form" method="post" action=(view.language_form.action) {
            (hidden(&view.language_form))
            div.field {
                label for="language-choice" { "Messages to you are written in" }
                select id="language-choice" name="language" {
                    @for (tag, name) in &view.languages {
                        option value=(tag) lang=(tag) selected[*tag == view.language] { (name) }
                    }
                }
            }
            button.button.small type="submit" id=(id::LANGUAGE_SAVE) { "Save language" }
        }
    }
}
