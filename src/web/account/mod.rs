//! The account page: where users look after what protects their account, and see who is in. Pure: views in, markup out.
//! Everything works without a script.

pub mod activity;
pub mod codes;
pub mod method;
pub mod overview;

use maud::{Markup, html};
use time::{OffsetDateTime, macros::format_description};

use super::{
    icon,
    layout::{PRODUCT, Person, document, person as who},
    style,
};
use crate::{authn::account::Kept, protocol::timestamp::timestamp};

/// Where the account page is; everything of it is below.
pub const PATH: &str = crate::message::ACCOUNT;

/// What was done, as the page says it afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A factor was added.
    Added,
    /// A factor was removed.
    Removed,
    /// A factor got another name.
    Renamed,
    /// The password was changed.
    Password,
    /// A session was ended.
    SessionEnded,
    /// All other sessions were ended.
    OthersEnded,
    /// An application was shut out.
    Withdrawn,
    /// A language was chosen.
    Language,
    /// The user did not confirm who it is.
    Unconfirmed,
}

impl Notice {
    const ALL: [Self; 9] = [
        Self::Added,
        Self::Removed,
        Self::Renamed,
        Self::Password,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::Withdrawn,
        Self::Language,
        Self::Unconfirmed,
    ];

    /// The value of the parameter `done` that brings it about.
    pub fn key(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Password => "password",
            Self::SessionEnded => "session",
            Self::OthersEnded => "sessions",
            Self::Withdrawn => "app",
            Self::Language => "language",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    /// The notice of a key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.key() == key)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Added => "The sign-in method was added.",
            Self::Removed => "The sign-in method was removed.",
            Self::Renamed => "The new name was saved.",
            Self::Password => "Your password was changed.",
            Self::SessionEnded => "That device was signed out.",
            Self::OthersEnded => {
                "All other devices were signed out, and those that were remembered are asked again."
            }
            Self::Withdrawn => "The application can no longer use your account. It has to ask again.",
            Self::Language => "The language was saved.",
            Self::Unconfirmed => "Nothing was changed.",
        }
    }
}

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The last factor that a policy requires stays.
    Kept(Kept),
    /// What was entered cannot be used; the text says why.
    Invalid(String),
    /// Something else happened at the same moment.
    Moved,
}

impl Problem {
    fn title(&self) -> &'static str {
        match self {
            Self::Kept(_) => "This method has to stay",
            Self::Invalid(_) => "This cannot be used",
            Self::Moved => "Something changed meanwhile",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Kept(kept) => why_kept(*kept),
            Self::Invalid(why) => why,
            Self::Moved => "Nothing was done. Look again, and try once more.",
        }
    }
}

fn why_kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Required => {
            "Your organisation requires a method of this kind, and it is your only one. Add another one first."
        }
        Kept::LastForSignIn => {
            "Your organisation asks for a method beside the password when you sign in, and this is your last one. \
             Add another one first."
        }
    }
}

/// A page of the account.
pub(super) struct Frame<'a> {
    /// The stable id of `main`.
    pub(super) id: &'a str,
    /// The title, and the only heading of the first level.
    pub(super) title: &'a str,
    /// Whose account it is.
    pub(super) person: &'a Person,
    /// Whether it leads back to the first page.
    pub(super) place: Place,
}

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The first page.
    Top,
    /// Below it.
    Below,
}

/// Renders a page of the account.
pub(super) fn page(frame: &Frame<'_>, content: &Markup) -> Markup {
    let head = html! { link rel="stylesheet" href=(style::ACCOUNT_STYLE.path()); };
    document(
        frame.title,
        &head,
        &html! {
            div.account {
                header.bar {
                    a.name href=(PATH) { (icon::mark(28)) (PRODUCT) }
                    a.button.quiet.small href="/oauth2/v1/logout" { (icon::exit(18)) "Sign out" }
                }
                main id=(frame.id) {
                    @if frame.place == Place::Below {
                        p.back { a href=(PATH) { "Back to your account" } }
                    }
                    header.title {
                        h1 { (frame.title) }
                        (who(frame.person, None))
                    }
                    (content)
                }
                footer.foot { span.secured { (icon::mark(16)) "Secured by " (PRODUCT) } }
            }
        },
    )
}

pub(super) fn notice(notice: Option<Notice>) -> Markup {
    html! {
        @if let Some(notice) = notice {
            div.told id="account-notice" role="status" {
                @if notice == Notice::Unconfirmed { (icon::warning(20)) } @else { (icon::tick(20)) }
                p { (notice.text()) }
            }
        }
    }
}

pub(super) fn alert(problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            div.alert id="account-error" role="alert" {
                (icon::warning(20))
                div { h2 { (problem.title()) } p { (problem.text()) } }
            }
        }
    }
}

/// A moment as people read it.
pub(super) fn when(at: OffsetDateTime) -> Markup {
    let people = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    html! { time datetime=(timestamp(at)) { (at.format(&people).unwrap_or_default()) } }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::{
        id::{ClientId, FactorId, SessionId},
        model::factor::{FactorKind, FactorStatus},
        secret::Secret,
        syslog::own::{By, Deed, Outcome},
        web::{
            account::{
                activity::{Activity, Happening, Newer, activity},
                codes::{RecoveryCodes, Stage, recovery_codes},
                method::{MethodPage, method},
                overview::{App, Codes, Device, Here, Method, More, Overview, Password, overview},
            },
            corpus::{assert_escaped, assert_ids, client, form},
            id,
        },
    };

    const AT: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn person(text: &str) -> Person {
        Person { display_name: text.to_owned(), login: format!("{text}@example.com") }
    }

    fn one(text: &str, status: FactorStatus) -> Method {
        Method {
            id: FactorId::new(text),
            kind: FactorKind::Sms,
            name: Some(text.to_owned()),
            detail: Some(text.to_owned()),
            status,
            added: AT,
            used: Some(AT),
        }
    }

    fn happening(text: &str) -> Happening {
        Happening {
            deed: Deed::Factor,
            outcome: Outcome::Refused,
            by: By::Other,
            at: AT,
            device: Some(text.to_owned()),
            ip: Some(text.to_owned()),
            application: Some(text.to_owned()),
            factor: Some("Text message"),
            count: 3,
        }
    }

    fn device(text: &str, here: Here) -> Device {
        let name = text.to_owned();
        let ip = Some(text.to_owned());
        Device { id: SessionId::new(text), name, mobile: false, ip, since: AT, seen: AT, here }
    }

    fn everything(text: &str) -> Overview {
        Overview {
            person: person(text),
            notice: Some(Notice::Added),
            problem: Some(Problem::Invalid(text.to_owned())),
            methods: vec![
                one(text, FactorStatus::Active),
                one(text, FactorStatus::PendingActivation),
                one(text, FactorStatus::Inactive),
            ],
            more: More::Possible,
            codes: Codes::Left(2),
            password: Password::Changeable(Some(AT)),
            devices: vec![device(text, Here::Yes), device(text, Here::No)],
            devices_form: form(text),
            apps: vec![App {
                client_id: ClientId::new(text),
                card: client(text),
                scopes: vec![text.to_owned()],
                since: AT,
                offline: true,
            }],
            apps_form: form(text),
            happenings: vec![happening(text)],
            languages: vec![("en", "English"), ("de", "Deutsch")],
            language: "de",
            language_form: form(text),
        }
    }

    fn page_of_method(text: &str, kept: Option<Kept>) -> MethodPage {
        MethodPage {
            person: person(text),
            method: one(text, FactorStatus::Active),
            typed: text.to_owned(),
            problem: Some(Problem::Invalid(text.to_owned())),
            kept,
            form: form(text),
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_pages_of_the_account_is_escaped() {
        assert_escaped(|text| overview(&everything(text)));
        assert_escaped(|text| method(&page_of_method(text, None)));
        assert_escaped(|text| {
            let older = Some(format!("/account/activity?before={text}"));
            let happenings = vec![happening(text)];
            activity(&Activity { person: person(text), happenings, older, newer: Newer::Yes })
        });
        assert_escaped(|text| {
            let stage = Stage::Made(vec![Secret::new(text.to_owned())]);
            recovery_codes(&RecoveryCodes { person: person(text), stage })
        });
    }

    #[test]
    fn the_pages_of_the_account_keep_their_ids() {
        let html = overview(&everything("Acme")).into_string();
        assert_ids(
            &html,
            &[
                id::ACCOUNT_PAGE,
                id::METHOD_ADD,
                id::CODES_MAKE,
                id::PASSWORD_CHANGE,
                id::SESSIONS_END,
                id::ACTIVITY_ALL,
                id::LANGUAGE_SAVE,
            ],
        );
        let html = method(&page_of_method("Acme", None)).into_string();
        assert_ids(&html, &[id::METHOD_PAGE, id::METHOD_NAME, id::METHOD_RENAME, id::METHOD_REMOVE]);
    }

    #[test]
    fn a_factor_that_stays_has_a_reason_in_place_of_a_button() {
        for kept in [Kept::Required, Kept::LastForSignIn] {
            let html = method(&page_of_method("Acme", Some(kept))).into_string();
            assert!(!html.contains(id::METHOD_REMOVE) && html.contains(why_kept(kept)));
        }
    }

    #[test]
    fn a_notice_is_known_by_its_key_and_by_nothing_else() {
        for notice in Notice::ALL {
            assert_eq!(Notice::from_key(notice.key()), Some(notice));
        }
        assert_eq!(Notice::from_key("<script>"), None);
        assert_eq!(Notice::from_key(""), None);
    }
}
