//! The pages on which a user proves a factor.

use maud::{Markup, html};

use super::{name, picture, yubikey};
use crate::{
    factor::question::MAX_ANSWER,
    model::factor::FactorKind,
    web::{
        icon, id,
        step::{Page, Stage, described, main_button, page},
    },
};

/// The value of the field `action` that sends a code, or an answer.
pub const ACTION_VERIFY: &str = "verify";
/// The value of the field `action` that asks for a code to be sent.
pub const ACTION_SEND: &str = "send";
/// Digits of a code that is sent, or that an authenticator app shows.
const CODE_DIGITS: u32 = 6;
/// The value of the field `action` that sends a recovery code.
pub const ACTION_VERIFY_BACKUP_CODE: &str = "verify_backup_code";

/// What the box "remember this device" looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remember {
    /// There is none.
    Unavailable,
    /// It starts empty.
    Unticked,
    /// It starts ticked.
    Ticked,
}

/// A factor to prove.
#[derive(Clone, Debug)]
pub struct Prove {
    /// What it is.
    pub kind: FactorKind,
    /// Where the code went, masked.
    pub destination: Option<String>,
    /// The question.
    pub question: Option<String>,
    /// Whether this browser can be remembered.
    pub remember: Remember,
}

/// The page that takes a code or an answer.
pub fn verify(stage: &Stage, prove: &Prove) -> Markup {
    let frame = Page {
        id: id::FACTOR_PAGE,
        title: "Confirm it’s you",
        purpose: purpose(prove),
        icon: picture(prove.kind),
    };
    page(
        stage,
        &frame,
        html! {
            @match prove.kind {
                FactorKind::Question => (answer(stage, prove)),
                FactorKind::Yubikey => (yubikey::field(stage)),
                // Tokens differ; their users see how long a code is.
                FactorKind::HotpCustom => (code(stage, None)),
                _ => (code(stage, Some(CODE_DIGITS))),
            }
            (remember(prove.remember))
            (main_button(ACTION_VERIFY, "Confirm"))
        },
    )
}

fn purpose(prove: &Prove) -> Markup {
    html! {
        @match (prove.kind, &prove.destination) {
            (FactorKind::Question, _) => { "Answer your security question" },
            (FactorKind::Sms, Some(to)) => { "We sent a text message to " strong { bdi { (to) } } },
            (FactorKind::Call, Some(to)) => { "We are calling " strong { bdi { (to) } } },
            (FactorKind::Email, Some(to)) => { "We sent a code and a link to " strong { bdi { (to) } } },
            (FactorKind::TotpOkta | FactorKind::TotpGoogle, _) => { "Enter the code from your authenticator app" },
            (FactorKind::HotpCustom, _) => { "Enter the code that your token shows" },
            (FactorKind::Webauthn | FactorKind::U2f, _) => { "Use your passkey or security key" },
            (FactorKind::Push, _) => { "Approve on your device" },
            (FactorKind::Yubikey, _) => { "Touch your YubiKey" },
            (FactorKind::Sms | FactorKind::Call | FactorKind::Email, None) => { "Enter the code that we sent" },
        }
    }
}

/// The field for a code; with how many digits it has, where that is known.
pub(super) fn code(stage: &Stage, digits: Option<u32>) -> Markup {
    let (invalid, error) = described(stage);
    let help = digits.map(|_| "code-help");
    let described: Vec<&str> = error.into_iter().chain(help).collect();
    let described = (!described.is_empty()).then(|| described.join(" "));
    html! {
        div.field {
            label for=(id::PASS_CODE) { "Code" }
            input.code type="text" id=(id::PASS_CODE) name="passCode" required maxlength="16" inputmode="numeric"
                autocomplete="one-time-code" autocapitalize="none" autocorrect="off" spellcheck="false"
                aria-invalid=[invalid] aria-describedby=[described];
            @if let Some(digits) = digits { p.help id="code-help" { (digits) " digits" } }
        }
    }
}

/// The field for a code of six digits.
pub(in crate::web) fn code_field(stage: &Stage) -> Markup {
    code(stage, Some(CODE_DIGITS))
}

fn answer(stage: &Stage, prove: &Prove) -> Markup {
    let (invalid, error) = described(stage);
    html! {
        div.field {
            label for=(id::ANSWER) { (prove.question.as_deref().unwrap_or("Your answer")) }
            input type="password" id=(id::ANSWER) name="answer" required maxlength=(MAX_ANSWER) autocomplete="off"
                aria-invalid=[invalid] aria-describedby=[error];
        }
    }
}

/// The box that has this browser remembered.
pub(super) fn remember(remember: Remember) -> Markup {
    html! {
        @if remember != Remember::Unavailable {
            label.check {
                input type="checkbox" id=(id::REMEMBER_DEVICE) name="rememberDevice" value="true" checked[remember == Remember::Ticked];
                span { "Don’t ask again on this device for a while" }
            }
        }
    }
}

/// The page that asks before a code is sent.
pub fn send(stage: &Stage, (kind, destination): (FactorKind, Option<&str>), box_of: Remember) -> Markup {
    let frame = Page {
        id: id::FACTOR_PAGE,
        title: "Confirm it’s you",
        purpose: html! {
            (name(kind))
            @if let Some(to) = destination { " to " strong { bdi { (to) } } }
        },
        icon: picture(kind),
    };
    let label = match kind {
        FactorKind::Call => "Call me",
        _ => "Send me a code",
    };
    page(stage, &frame, html! { (remember(box_of)) (main_button(ACTION_SEND, label)) })
}

/// The page that takes a recovery code.
pub fn backup_code(stage: &Stage) -> Markup {
    let frame = Page {
        id: id::BACKUP_CODE_PAGE,
        title: "Use a recovery code",
        purpose: html! { "Each code works once" },
        icon: icon::token(24),
    };
    let (invalid, error) = described(stage);
    page(
        stage,
        &frame,
        html! {
            div.field {
                label for=(id::BACKUP_CODE) { "Recovery code" }
                input.code type="text" id=(id::BACKUP_CODE) name="code" required maxlength="64" autocomplete="off"
                    autocapitalize="characters" autocorrect="off" spellcheck="false" aria-invalid=[invalid] aria-describedby=[error];
            }
            (main_button(ACTION_VERIFY_BACKUP_CODE, "Confirm"))
        },
    )
}
