//! The pages on which a user sets a factor up, as far as something has to be said first.

use maud::{Markup, html};

use super::{name, picture};
use crate::{
    factor::question::MAX_ANSWER,
    model::{factor::FactorKind, policy::Requirement},
    web::{
        icon, id,
        step::{Page, Stage, described, main_button, page},
    },
};

/// The value of the field `action` that enrols.
pub const ACTION_ENROLL: &str = "enroll";

/// A kind that can be set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Which.
    pub kind: FactorKind,
    /// Whether it must be.
    pub requirement: Requirement,
    /// Whether it has been.
    pub done: Done,
}

/// Whether a factor has been set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// It has.
    Yes,
    /// Not yet.
    No,
}

/// The page on which a user chooses what to set up.
pub fn choose(stage: &Stage, offers: &[Offer]) -> Markup {
    let frame = Page {
        id: id::ENROLL_PAGE,
        title: "Protect your account",
        purpose: html! { "Set up another way to confirm it’s you" },
        icon: icon::shield(28),
    };
    // What is left of what must be set up comes before what may be.
    let mut offers = offers.to_vec();
    offers.sort_by_key(|offer| (offer.done == Done::No, offer.requirement != Requirement::Required));
    page(
        stage,
        &frame,
        html! {
            ul.choices aria-label="What can be set up" {
                @for offer in &offers { li { (offer_button(offer)) } }
            }
        },
    )
}

fn offer_button(offer: &Offer) -> Markup {
    html! {
        @if offer.done == Done::Yes {
            div.choice {
                (icon::tick(24))
                span.text { span { (name(offer.kind)) } span.detail { "Set up" } }
            }
        } @else {
            button.choice type="submit" name="kind" value=(offer.kind.key()) {
                (picture(offer.kind))
                span.text {
                    span {
                        (name(offer.kind))
                        @if offer.requirement == Requirement::Required { " " span.badge { "Required" } }
                    }
                    span.detail { (about(offer.kind)) }
                }
            }
        }
    }
}

fn about(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Question => "A question whose answer only you know",
        FactorKind::Sms => "A code by text message",
        FactorKind::Call => "A code that a voice reads out",
        FactorKind::Email => "A code by mail",
        FactorKind::TotpOkta => "A code from an app on your phone; works offline",
        FactorKind::TotpGoogle => "A code from Google Authenticator; works offline",
        FactorKind::HotpCustom => "A code from a token that you were given",
        FactorKind::Webauthn => "Your fingerprint, face, PIN or a security key",
        FactorKind::U2f => "A security key that was registered for you",
        FactorKind::Push => "Approve on another device",
        FactorKind::Yubikey => "Touch your YubiKey",
    }
}

/// The page that asks for a phone.
pub fn phone(stage: &Stage, kind: FactorKind, typed: Option<&str>) -> Markup {
    let (invalid, error) = described(stage);
    let described = error.map_or_else(|| "phone-help".to_owned(), |error| format!("{error} phone-help"));
    let frame = Page {
        id: id::ENROLL_PHONE_PAGE,
        title: name(kind),
        purpose: html! { "We send a code to check the number" },
        icon: picture(kind),
    };
    page(
        stage,
        &frame,
        html! {
            input type="hidden" name="kind" value=(kind.key());
            div.field {
                label for=(id::PHONE_NUMBER) { "Phone number" }
                input type="tel" id=(id::PHONE_NUMBER) name="phoneNumber" value=[typed] required maxlength="32"
                    autocomplete="tel" placeholder="+44 7700 900123" aria-invalid=[invalid] aria-describedby=(described);
                p.help id="phone-help" { "With the country code." }
            }
            @if kind == FactorKind::Call {
                div.field {
                    label for="phone-extension" { "Extension " span.optional { "(optional)" } }
                    input type="text" id="phone-extension" name="phoneExtension" maxlength="15" inputmode="numeric" autocomplete="tel-extension";
                }
            }
            (main_button(ACTION_ENROLL, if kind == FactorKind::Call { "Call me" } else { "Send me a code" }))
        },
    )
}

/// The page that asks before a code is sent to the user's own mail address.
pub fn email(stage: &Stage, address: Option<&str>) -> Markup {
    let frame = Page {
        id: id::ENROLL_EMAIL_PAGE,
        title: name(FactorKind::Email),
        purpose: html! {
            "We send a code to "
            @match address { Some(address) => strong { bdi { (address) } }, None => "your mail address" }
        },
        icon: picture(FactorKind::Email),
    };
    page(
        stage,
        &frame,
        html! {
            input type="hidden" name="kind" value=(FactorKind::Email.key());
            (main_button(ACTION_ENROLL, "Send me a code"))
        },
    )
}

/// The page that asks for a question and its answer; `chosen` is the key of the question that was chosen before.
pub fn question(stage: &Stage, questions: &[(String, String)], chosen: Option<&str>) -> Markup {
    let (invalid, error) = described(stage);
    let described = error.map_or_else(|| "answer-help".to_owned(), |error| format!("{error} answer-help"));
    let frame = Page {
        id: id::ENROLL_QUESTION_PAGE,
        title: name(FactorKind::Question),
        purpose: html! { "Choose a question whose answer nobody else can find" },
        icon: picture(FactorKind::Question),
    };
    page(
        stage,
        &frame,
        html! {
            input type="hidden" name="kind" value=(FactorKind::Question.key());
            div.field {
                label for=(id::QUESTION) { "Question" }
                select id=(id::QUESTION) name="question" required {
                    @for (key, text) in questions { option value=(key) selected[chosen == Some(key)] { (text) } }
                }
            }
            div.field {
                label for=(id::ANSWER) { "Answer" }
                input type="text" id=(id::ANSWER) name="answer" required minlength="4" maxlength=(MAX_ANSWER) autocomplete="off"
                    aria-invalid=[invalid] aria-describedby=(described);
                p.help id="answer-help" { "At least four characters; upper case doesn’t matter." }
            }
            (main_button(ACTION_ENROLL, "Save"))
        },
    )
}
