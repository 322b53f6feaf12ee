//! The parts of pages that a browser runs a ceremony of a passkey or security key on (Web Authentication Level 3 §5.1).

use maud::{Markup, html};
use serde_json::Value;

use super::{
    name, picture,
    verify::{Remember, remember},
};
use crate::{
    model::factor::FactorKind,
    web::{
        id,
        step::{Page, Stage, main_button, page_of},
        style::WEBAUTHN_SCRIPT,
    },
};

/// What the browser is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ceremony {
    /// Register a credential.
    Create,
    /// Sign with one of these.
    Get,
    /// Offer the credentials that it holds where it fills in names.
    Conditional,
}

impl Ceremony {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Conditional => "conditional",
        }
    }
}

/// When a ceremony begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// With the page.
    AtOnce,
    /// With a button.
    ByButton,
}

/// A ceremony on a page: what goes to the browser, and which `action` its form then sends.
#[derive(Clone, Debug)]
pub struct Ceremonial {
    /// What is to be done.
    pub ceremony: Ceremony,
    /// The options, as JSON.
    pub options: Value,
    /// The value of the field `action`.
    pub action: &'static str,
    /// When it begins.
    pub begins: Begins,
    /// The nonce of the page's policy.
    pub nonce: String,
}

impl Ceremonial {
    /// The options as the form carries them.
    pub(in crate::web) fn data(&self) -> String {
        self.options.to_string()
    }

    /// The word for the ceremony.
    pub(in crate::web) fn kind(&self) -> &'static str {
        self.ceremony.as_str()
    }

    /// The word for when it begins.
    pub(in crate::web) fn start(&self) -> &'static str {
        match self.begins {
            Begins::AtOnce => "at-once",
            Begins::ByButton => "by-button",
        }
    }

    /// The script that runs it.
    pub(in crate::web) fn script(&self) -> Markup {
        html! { script type="module" src=(WEBAUTHN_SCRIPT.path()) nonce=(self.nonce) {} }
    }
}

/// What the script says while it waits, and when it cannot go on.
pub(in crate::web) fn notes() -> Markup {
    html! {
        noscript { p.help { "This needs JavaScript, which is switched off in your browser. Choose another way." } }
        p.help id="webauthn-waiting" data-webauthn-note role="status" hidden { "Follow what your browser or device asks of you." }
        p.help id="webauthn-failed" data-webauthn-note role="status" hidden { "That did not work, or was cancelled. Try again, or choose another way." }
        p.help id="webauthn-known" data-webauthn-note role="status" hidden { "This authenticator is set up already. Use another one." }
        p.help id="webauthn-unsupported" data-webauthn-note role="status" hidden { "This browser cannot use passkeys or security keys. Choose another way." }
    }
}

/// What somebody is to do with an authenticator of this kind.
fn purpose(kind: FactorKind) -> Markup {
    html! {
        @if kind == FactorKind::U2f { "Insert your security key and touch it" }
        @else { "Your fingerprint, face, PIN or a security key" }
    }
}

/// The page that begins a ceremony: it sends this `action`.
pub fn begin(stage: &Stage, kind: FactorKind, action: &str) -> Markup {
    let frame =
        Page {
            id: id::FACTOR_PAGE, title: "Confirm it’s you", purpose: purpose(kind), icon: picture(kind)
        };
    let label =
        if kind == FactorKind::U2f { "Use your security key" } else { "Use your passkey or security key" };
    page_of(&stage.of_ceremony(), &frame, html! { (notes()) (main_button(action, label)) }, None)
}

/// The page that registers a passkey or security key, or asks for one.
pub fn ceremony(stage: &Stage, (kind, ceremonial): (FactorKind, &Ceremonial), box_of: Remember) -> Markup {
    let confirm = (id::FACTOR_PAGE, "Confirm it’s you");
    let ((id, title), label) = match (ceremonial.ceremony, kind) {
        (Ceremony::Create, _) => ((id::ACTIVATE_PAGE, name(kind)), "Set up"),
        (Ceremony::Get | Ceremony::Conditional, FactorKind::U2f) => (confirm, "Use your security key"),
        (Ceremony::Get | Ceremony::Conditional, _) => (confirm, "Use your passkey"),
    };
    let frame = Page { id, title, purpose: purpose(kind), icon: picture(kind) };
    page_of(
        &stage.of_ceremony(),
        &frame,
        html! {
            (notes())
            (remember(box_of))
            div.buttons {
                button.button.primary type="button" id=(id::WEBAUTHN_START) data-webauthn-start hidden { (label) }
            }
        },
        Some(ceremonial),
    )
}
