//! The page of recovery codes: made on a click, shown once, printed without anything else.

use maud::{Markup, html};

use super::{Frame, PATH, Place, page};
use crate::{
    secret::Secret,
    web::{
        icon, id,
        layout::{FlowForm, Person, hidden},
    },
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct RecoveryCodes {
    /// Whose account it is.
    pub person: Person,
    /// What there is.
    pub stage: Stage,
}

/// How far it is.
#[derive(Clone, Debug)]
pub enum Stage {
    /// There is no factor that codes could stand in for.
    Useless,
    /// They can be made: so many are left of those from before.
    Before {
        /// How many.
        left: usize,
        /// Makes them.
        form: FlowForm,
    },
    /// They were made: shown once.
    Made(Vec<Secret<String>>),
}

/// Renders the page.
pub fn recovery_codes(view: &RecoveryCodes) -> Markup {
    let frame = Frame {
        id: id::RECOVERY_CODES_PAGE,
        title: "Recovery codes",
        person: &view.person,
        place: Place::Below,
    };
    page(
        &frame,
        &html! {
            div.sections {
                section.part aria-label="Recovery codes" {
                    @match &view.stage {
                        Stage::Useless => { p.nothing { "Add a sign-in method first: the codes stand in for one." } },
                        Stage::Before { left, form } => (before(*left, form)),
                        Stage::Made(codes) => (made(codes)),
                    }
                }
            }
        },
    )
}

fn before(left: usize, form: &FlowForm) -> Markup {
    html! {
        p { "When you lose your phone or key, a recovery code stands in for it, once. Keep the codes where only you find them: \
             on paper, or in a password manager." }
        @if left > 0 {
            div.caution {
                (icon::warning(20))
                p { "You have " (left) " left. They stop working as soon as you make new ones." }
            }
        }
        form.stack id="codes-form" method="post" action=(form.action) {
            (hidden(form))
            div.after { button.button.primary.small type="submit" id=(id::CODES_MAKE) { "Make 10 codes" } }
        }
    }
}

fn made(codes: &[Secret<String>]) -> Markup {
    html! {
        div.told role="status" {
            (icon::tick(20))
            p { "These are your codes. They are shown this once: print them, or write them down. Those from before no longer work." }
        }
        ol.codes id=(id::RECOVERY_CODES) aria-label="Your recovery codes" {
            @for code in codes { li { code { (code.expose()) } } }
        }
        p.fine.unprinted { "To print, use your browser’s menu: only the codes go on the paper." }
        div.after { a.button.primary.small href=(PATH) { "I have kept them" } }
    }
}
