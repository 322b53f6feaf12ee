//! The page on which a user proves a factor for the first time.

use maud::{Markup, html};

use super::{name, picture, verify::code};
use crate::{
    model::factor::FactorKind,
    secret::Secret,
    web::{
        id,
        step::{Page, Stage, main_button, page},
    },
};

/// The value of the field `action` that sends the first code.
pub const ACTION_ACTIVATE: &str = "activate";

/// A factor to activate.
#[derive(Clone, Debug)]
pub struct Activate {
    /// What it is.
    pub kind: FactorKind,
    /// Where the code went, masked.
    pub destination: Option<String>,
    /// Digits of a code.
    pub digits: u32,
    /// What an authenticator app needs; shown once.
    pub seed: Option<Seed>,
}

/// What an authenticator app needs.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The address of the picture.
    pub qr_href: String,
    /// The same as text.
    pub shared_secret: Secret<String>,
}

/// Renders the page.
pub fn activate(stage: &Stage, activate: &Activate) -> Markup {
    let frame = Page {
        id: id::ACTIVATE_PAGE,
        title: name(activate.kind),
        purpose: purpose(activate),
        icon: picture(activate.kind),
    };
    page(
        stage,
        &frame,
        html! {
            @if let Some(seed) = &activate.seed { (picture_and_key(seed)) }
            (code(stage, Some(activate.digits)))
            (main_button(ACTION_ACTIVATE, "Confirm"))
        },
    )
}

fn purpose(activate: &Activate) -> Markup {
    html! {
        @match (activate.kind, &activate.destination) {
            (FactorKind::TotpOkta | FactorKind::TotpGoogle, _) => { "Scan the picture with your authenticator app, then enter the code that it shows" },
            (FactorKind::Call, Some(to)) => { "We are calling " strong { bdi { (to) } } },
            (_, Some(to)) => { "We sent a code to " strong { bdi { (to) } } },
            (_, None) => { "Enter the code" },
        }
    }
}

fn picture_and_key(seed: &Seed) -> Markup {
    let groups: Vec<String> = seed
        .shared_secret
        .expose()
        .as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    html! {
        div.qr {
            img src=(seed.qr_href) width="216" height="216" id=(id::QR_CODE) alt="QR code with the key below";
        }
        details.manual {
            summary { "Can’t scan it?" }
            p.help id="manual-help" { "Enter this key in your app (time based):" }
            code id=(id::SHARED_SECRET) aria-describedby="manual-help" { (groups.join(" ")) }
        }
    }
}
