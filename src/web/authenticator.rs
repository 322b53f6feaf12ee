//! Stepgate Authenticator: a page that approves sign-ins. It opens from the QR code of an enrolment, keeps a key that does
//! not leave the browser, and speaks the protocol of [`crate::factor::push`]; its logic is `assets/authenticator.js`.

use maud::{Markup, html};

use super::layout::{Card, Width, card};
use super::{icon, id, style};

/// Where the page is.
pub const PATH: &str = "/authenticator";

/// Renders the page; `nonce` admits its script, `issuer` is whom it approves for.
pub fn authenticator(issuer: &str, nonce: &str) -> Markup {
    let frame =
        Card { id: id::AUTHENTICATOR_PAGE, title: "Authenticator", width: Width::Narrow, client: None };
    card(
        &frame,
        html! {
            header.head {
                div.tile { (icon::authenticator(28)) }
                h1 { "Authenticator" }
                p { "Approve sign-ins on this device" }
            }
            noscript {
                div.alert role="alert" {
                    (icon::warning(20))
                    div { h2 { "JavaScript is off" } p { "This page keeps a key and signs with it: it needs JavaScript. Use another way to confirm it’s you, or the command " code { "stepgate authenticator" } "." } }
                }
            }
            div.alert id="authenticator-problem" role="alert" hidden {
                (icon::warning(20))
                div { h2 { "That did not work" } p id="authenticator-problem-text" {} }
            }
            div.stack id="authenticator" data-issuer=(issuer) aria-live="polite" {
                p.help id="authenticator-empty" hidden {
                    "No account uses this device yet. Set up “Stepgate Authenticator” where you sign in, then scan the picture, or open its address here."
                }
                form.stack id="authenticator-enroll" hidden {
                    div.field {
                        label for="authenticator-name" { "Name of this device" }
                        input type="text" id="authenticator-name" maxlength="64" autocomplete="off" required;
                    }
                    div.buttons { button.button.primary type="submit" id="authenticator-enroll-submit" { "Use this device" } }
                }
                ul.accounts id="authenticator-accounts" aria-label="Accounts" {}
                p.help id="authenticator-waiting" hidden { "Keep this page open. Questions appear here." }
                section.stack id="authenticator-question" hidden aria-labelledby="authenticator-question-title" {
                    h2 id="authenticator-question-title" { "Are you signing in?" }
                    dl.facts {
                        div { dt { "Account" } dd id="authenticator-login" {} }
                        div { dt { "Application" } dd id="authenticator-application" {} }
                        div { dt { "From" } dd id="authenticator-address" {} }
                        div { dt { "Browser" } dd id="authenticator-agent" {} }
                        div { dt { "Time" } dd id="authenticator-time" {} }
                    }
                    p id="authenticator-hint" {}
                    div.numbers id="authenticator-numbers" role="group" aria-labelledby="authenticator-hint" {}
                    div.buttons {
                        button.button.primary type="button" id="authenticator-approve" hidden { "Yes, it’s me" }
                        button.button.quiet type="button" id="authenticator-deny" { "No, it’s not me" }
                    }
                }
                p id="authenticator-done" role="status" hidden {}
            }
            script type="module" nonce=(nonce) src=(style::AUTHENTICATOR_SCRIPT.path()) {}
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::assert_ids;

    #[test]
    fn the_page_has_what_its_script_needs_and_says_what_it_needs_itself() {
        let html = authenticator("https://id.example.com", "n0nce").into_string();
        assert_ids(
            &html,
            &[
                id::AUTHENTICATOR_PAGE,
                "authenticator",
                "authenticator-enroll",
                "authenticator-numbers",
                "authenticator-approve",
                "authenticator-deny",
                "authenticator-question",
                "authenticator-done",
                "authenticator-problem",
            ],
        );
        assert!(html.contains("data-issuer=\"https://id.example.com\""));
        assert!(html.contains("<noscript>"));
    }

    #[test]
    fn every_id_that_the_script_looks_for_is_there() {
        let html = authenticator("https://id.example.com", "n0nce").into_string();
        let script = style::AUTHENTICATOR_SCRIPT.text;
        for wanted in script.split("at(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("id=\"authenticator-{wanted}\"")), "{wanted}");
        }
    }
}
