//! The pages of the device grant (RFC 8628 §3.3): typing the user code, deciding, and what comes after.

use maud::{Markup, html};

use super::consent::{ConsentScope, scopes};
use super::layout::{Card, ClientCard, FlowForm, Person, Width, card, client_tile, hidden, person};
use super::{icon, id};

/// The value of the field `decision` that the approve button sends.
pub const DECISION_APPROVE: &str = "approve";

/// The value of the field `decision` that the deny button sends.
pub const DECISION_DENY: &str = "deny";

/// What the page for user codes shows.
#[derive(Clone, Debug)]
pub struct DevicePage {
    /// Where the form goes; its fields are `flow_id`, `csrf`, `user_code`.
    pub form: FlowForm,
    /// What the field starts with: `verification_uri_complete` carries the code.
    pub user_code: Option<String>,
    /// What was wrong with the last code.
    pub error: Option<DevicePageError>,
}

/// What was wrong with a user code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DevicePageError {
    /// Malformed, unknown, expired or used: one text for all.
    WrongCode,
    /// Too many were tried.
    TooMany,
}

impl DevicePageError {
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::WrongCode => (
                "This code doesn’t work",
                "Check it against the one on your device. A code works once, for ten minutes.",
            ),
            Self::TooMany => ("Too many codes", "Wait a few minutes, then try again."),
        }
    }
}

/// What the page shows on which a user decides.
#[derive(Clone, Debug)]
pub struct DeviceConfirmPage {
    /// The client on the device.
    pub client: ClientCard,
    /// Who is signed in.
    pub user: Person,
    /// Where another account can be chosen.
    pub switch_account_href: Option<String>,
    /// The code that the device shows.
    pub user_code: String,
    /// The address the request came from.
    pub ip: String,
    /// What the device says it is.
    pub user_agent: Option<String>,
    /// When it asked, for people.
    pub requested_at: String,
    /// What is asked for.
    pub scopes: Vec<ConsentScope>,
    /// Where the form goes; its fields are `flow_id`, `csrf`, `decision` and one `scope` per ticked optional scope.
    pub form: FlowForm,
}

/// What the page after the decision shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeviceDonePage {
    /// The device gets its tokens.
    Approved,
    /// It does not; the text says why.
    Denied(String),
}

/// Renders the page for user codes.
pub fn device(page: &DevicePage) -> Markup {
    let frame = Card { id: id::DEVICE_PAGE, title: "Connect a device", width: Width::Narrow, client: None };
    let described = page.error.map_or("user-code-help", |_| "device-error user-code-help");
    let invalid = page.error.filter(|error| *error == DevicePageError::WrongCode).map(|_| "true");
    card(
        &frame,
        html! {
            header.head {
                div.tile { (icon::device(28)) }
                h1 { "Connect a device" }
                p { "Enter the code that your device shows" }
            }
            @if let Some(error) = page.error {
                @let (title, text) = error.text();
                div.alert id="device-error" role="alert" {
                    (icon::warning(20))
                    div { h2 { (title) } p { (text) } }
                }
            }
            form.stack id="device-form" method="post" action=(page.form.action) {
                (hidden(&page.form))
                div.field {
                    label for=(id::USER_CODE) { "Code" }
                    input.code type="text" id=(id::USER_CODE) name="user_code" value=[&page.user_code] required
                        maxlength="64" placeholder="XXXX-XXXX" autocomplete="one-time-code" autocapitalize="characters"
                        autocorrect="off" spellcheck="false" aria-invalid=[invalid] aria-describedby=(described);
                    p.help id="user-code-help" { "Eight letters; dash and upper case don’t matter." }
                }
                div.buttons {
                    button.button.primary type="submit" id=(id::DEVICE_SUBMIT) { "Continue" }
                }
            }
        },
    )
}

/// Renders the page on which a user decides.
pub fn confirm(page: &DeviceConfirmPage) -> Markup {
    let frame = Card {
        id: id::DEVICE_CONFIRM_PAGE,
        title: "Allow this device",
        width: Width::Narrow,
        client: Some(&page.client),
    };
    card(
        &frame,
        html! {
            header.head {
                (client_tile(Some(&page.client)))
                h1 { "Allow this device?" }
                p { strong { bdi { (page.client.name) } } " wants to use your account on another device" }
            }
            form.stack id="device-confirm-form" method="post" action=(page.form.action) {
                (hidden(&page.form))
                div.confirm {
                    h2.label id="device-code" { "Your device must show this code" }
                    p.code aria-labelledby="device-code" { (page.user_code) }
                }
                div.caution role="note" {
                    (icon::warning(20))
                    p {
                        strong { "Allow it only if you started this yourself" }
                        ", just now, on a device in front of you. If somebody sent you the code or a link, they want your account."
                    }
                }
                dl.facts {
                    div { dt { "Requested" } dd { (page.requested_at) } }
                    div { dt { "From address" } dd { bdi { (page.ip) } } }
                    @if let Some(user_agent) = &page.user_agent {
                        div { dt { "Device says" } dd { bdi { (user_agent) } } }
                    }
                }
                div.identity {
                    span.unseen { "Signed in as " }
                    (person(&page.user, None))
                    @if let Some(href) = &page.switch_account_href { a href=(href) { "Not you?" } }
                }
                (scopes(&page.scopes))
                div.buttons.pair {
                    button.button.primary type="submit" id=(id::DEVICE_APPROVE) name="decision" value=(DECISION_APPROVE) { "Allow" }
                    button.button type="submit" id=(id::DEVICE_DENY) name="decision" value=(DECISION_DENY) { "Don’t allow" }
                }
            }
        },
    )
}

/// Renders the page after the decision.
pub fn done(page: &DeviceDonePage) -> Markup {
    let (title, tile) = match page {
        DeviceDonePage::Approved => ("Device connected", "tile good"),
        DeviceDonePage::Denied(_) => ("Device not connected", "tile danger"),
    };
    let frame = Card { id: id::DEVICE_DONE_PAGE, title, width: Width::Narrow, client: None };
    card(
        &frame,
        html! {
            header.head {
                div class=(tile) {
                    @match page {
                        DeviceDonePage::Approved => { (icon::tick(28)) },
                        DeviceDonePage::Denied(_) => { (icon::cross(28)) },
                    }
                }
                h1 { (title) }
                p role="status" {
                    @match page {
                        DeviceDonePage::Approved => { "Go back to your device: it signs in by itself in a few seconds. You can close this page." },
                        DeviceDonePage::Denied(reason) => { (reason) " You can close this page." },
                    }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{
        consent::ScopeChoice,
        corpus::{assert_escaped, assert_ids, client, form},
    };

    fn entry(text: &str) -> DevicePage {
        DevicePage {
            form: form(text),
            user_code: Some(text.to_owned()),
            error: Some(DevicePageError::WrongCode),
        }
    }

    fn decision(text: &str) -> DeviceConfirmPage {
        DeviceConfirmPage {
            client: client(text),
            user: Person { display_name: text.to_owned(), login: format!("{text}@example.com") },
            switch_account_href: Some(format!("/accounts?flow={text}")),
            user_code: text.to_owned(),
            ip: text.to_owned(),
            user_agent: Some(text.to_owned()),
            requested_at: text.to_owned(),
            scopes: vec![ConsentScope {
                name: text.to_owned(),
                display_name: text.to_owned(),
                description: Some(text.to_owned()),
                choice: ScopeChoice::Optional,
            }],
            form: form(text),
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_device_pages_is_escaped() {
        assert_escaped(|text| device(&entry(text)));
        assert_escaped(|text| confirm(&decision(text)));
        assert_escaped(|text| done(&DeviceDonePage::Denied(text.to_owned())));
    }

    #[test]
    fn the_device_pages_keep_their_ids() {
        let html = device(&entry("Acme")).into_string();
        assert_ids(&html, &[id::DEVICE_PAGE, id::USER_CODE, id::DEVICE_SUBMIT]);
        assert!(html.contains("role=\"alert\"") && !html.contains("autofocus"));
        let html = confirm(&decision("Acme")).into_string();
        assert_ids(&html, &[id::DEVICE_CONFIRM_PAGE, id::DEVICE_APPROVE, id::DEVICE_DENY]);
        assert_ids(&done(&DeviceDonePage::Approved).into_string(), &[id::DEVICE_DONE_PAGE]);
    }
}
