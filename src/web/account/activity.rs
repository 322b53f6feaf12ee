//! What happened in an account, in plain words.

use maud::{Markup, html};
use time::OffsetDateTime;

use super::{Frame, PATH, Place, page, when};
use crate::{
    syslog::own::{By, Deed, Outcome},
    web::{icon, id, layout::Person},
};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happening {
    /// What it was.
    pub deed: Deed,
    /// Whether it succeeded.
    pub outcome: Outcome,
    /// Who did it.
    pub by: By,
    /// When.
    pub at: OffsetDateTime,
    /// Browser and system that it came from.
    pub device: Option<String>,
    /// The address that it came from.
    pub ip: Option<String>,
    /// The name of the application concerned.
    pub application: Option<String>,
    /// What people call the factor concerned.
    pub factor: Option<&'static str>,
    /// How many like it there were.
    pub count: u32,
}

/// A page of it.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Whose account it is.
    pub person: Person,
    /// What happened.
    pub happenings: Vec<Happening>,
    /// Where older ones are; absent: there are none.
    pub older: Option<String>,
    /// Whether newer ones come before these.
    pub newer: Newer,
}

/// Whether there is something newer than a page shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Newer {
    /// There may be.
    Yes,
    /// It is the first page.
    No,
}

/// Renders a page.
pub fn activity(view: &Activity) -> Markup {
    let frame =
        Frame { id: id::ACTIVITY_PAGE, title: "Your activity", person: &view.person, place: Place::Below };
    page(
        &frame,
        &html! {
            div.sections {
                section.part aria-label="Activity" {
                    @if view.happenings.is_empty() { p.nothing { "Nothing more." } } @else { (happenings(&view.happenings)) }
                    @if view.older.is_some() || view.newer == Newer::Yes {
                        nav.after.pages aria-label="Pages" {
                            @if view.newer == Newer::Yes { a.button.small href={ (PATH) "/activity" } { "Newest" } }
                            @if let Some(older) = &view.older { a.button.small id=(id::ACTIVITY_OLDER) href=(older) { "Older" } }
                        }
                    }
                }
            }
        },
    )
}

pub(super) fn happenings(all: &[Happening]) -> Markup {
    html! { ol.rows { @for one in all { li { (row(one)) } } } }
}

fn row(one: &Happening) -> Markup {
    let refused = one.outcome == Outcome::Refused || one.deed == Deed::Denied;
    html! {
        div.row.quiet {
            span class=(if refused { "sign bad" } else { "sign" }) {
                @if refused { (icon::warning(20)) } @else { (icon::tick(20)) }
            }
            div.text {
                p.what {
                    (title(one))
                    @if one.count > 1 { " (" (one.count) " times)" }
                }
                @if let Some(application) = &one.application { p { bdi { (application) } } }
                @if let Some(factor) = one.factor { p { (factor) } }
                p {
                    (when(one.at))
                    @if let Some(device) = &one.device { " · " bdi { (device) } }
                    @if let Some(ip) = &one.ip { " · " bdi { (ip) } }
                    @if one.by == By::Other { " · by your administrator" }
                }
            }
        }
    }
}

fn title(one: &Happening) -> &'static str {
    match (one.deed, one.outcome) {
        (Deed::SignIn, Outcome::Success) => "Signed in",
        (Deed::SignIn, Outcome::Refused) => "A sign-in was refused",
        (Deed::SignOut, _) => "Signed out",
        (Deed::SignOutElsewhere, _) => "Signed out of devices",
        (Deed::Factor, Outcome::Success) => "Confirmed by a sign-in method",
        (Deed::Factor, Outcome::Refused) => "A sign-in method was not confirmed",
        (Deed::Lock, _) => "The account was locked",
        (Deed::Unlock, _) => "The account was unlocked",
        (Deed::Password, Outcome::Success) => "The password was changed",
        (Deed::Password, Outcome::Refused) => "A change of the password was refused",
        (Deed::PasswordReset, _) => "A new password was asked for",
        (Deed::Profile, _) => "The profile was changed",
        (Deed::FactorAdded, _) => "A sign-in method was added",
        (Deed::FactorRemoved, _) => "A sign-in method was removed",
        (Deed::FactorsReset, _) => "All sign-in methods were removed",
        (Deed::FactorChanged, _) if one.factor.is_some() => "A sign-in method was renamed",
        (Deed::FactorChanged, _) => "Recovery codes were changed",
        (Deed::FactorSuspended, _) => "A sign-in method was suspended",
        (Deed::FactorRestored, _) => "A sign-in method can be used again",
        (Deed::Denied, _) => "A sign-in was denied on a device",
        (Deed::Consent, _) => "An application was let in",
        (Deed::Withdrawal, _) => "An application was shut out",
        (Deed::Device, _) => "A device was let in",
        (Deed::Reuse, _) => "A token was presented twice; what it belonged to was ended",
    }
}
