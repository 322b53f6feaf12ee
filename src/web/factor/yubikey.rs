//! The field that a YubiKey fills in: it types like a keyboard, and ends with the enter key.

use maud::{Markup, html};

use super::{enroll::ACTION_ENROLL, name, picture};
use crate::{
    factor::yubikey::PASS_CODE,
    model::factor::FactorKind,
    web::{
        id,
        step::{Page, Stage, described, main_button, page},
    },
};

/// The page on which a user enrols a YubiKey.
pub fn enroll(stage: &Stage) -> Markup {
    let frame = Page {
        id: id::ENROLL_YUBIKEY_PAGE,
        title: name(FactorKind::Yubikey),
        purpose: html! { "Touch your YubiKey: it types a password and sends it" },
        icon: picture(FactorKind::Yubikey),
    };
    page(
        stage,
        &frame,
        html! {
            input type="hidden" name="kind" value=(FactorKind::Yubikey.key());
            (field(stage))
            (main_button(ACTION_ENROLL, "Set up"))
        },
    )
}

/// The field for a one-time password of a YubiKey, which has the keyboard at once.
pub(super) fn field(stage: &Stage) -> Markup {
    let (invalid, error) = described(stage);
    let described = error.map_or_else(|| "code-help".to_owned(), |error| format!("{error} code-help"));
    // A keyboard may add white space.
    let most = PASS_CODE.saturating_add(4);
    html! {
        div.field {
            label for=(id::PASS_CODE) { "One-time password" }
            input type="password" id=(id::PASS_CODE) name="passCode" required maxlength=(most) autofocus
                autocomplete="one-time-code" autocapitalize="none" autocorrect="off" spellcheck="false"
                aria-invalid=[invalid] aria-describedby=(described);
            p.help id="code-help" { "Insert your YubiKey, make sure that this field is selected, and touch the key." }
        }
    }
}
