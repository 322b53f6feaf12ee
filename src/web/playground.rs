//! The playground: a single-page public client that shows every step of signing in, with PKCE (RFC 7636), pushed
//! requests (RFC 9126), DPoP (RFC 9449), implicit and hybrid responses, and a device beside it (RFC 8628). Its logic is
//! `assets/playground.js`; this is its page.

use maud::{Markup, PreEscaped, html};

use super::home::Issuer;
use super::layout::{PRODUCT, document};
use super::response::script_json;
use super::{icon, style};

/// What the playground is told.
#[derive(Clone, Debug)]
pub struct PlaygroundPage {
    /// The public client it acts as; `{origin}/playground` is its redirect URI and post-logout redirect URI.
    pub client_id: String,
    /// The client that plays the device; absent: there is none.
    pub device_client_id: Option<String>,
    /// The issuers to choose from; the first is the default.
    pub issuers: Vec<Issuer>,
    /// The scopes it starts with.
    pub scope: String,
}

/// Renders the playground; `nonce` admits its script.
pub fn playground(page: &PlaygroundPage, nonce: &str) -> Markup {
    let config = serde_json::json!({
        "client_id": page.client_id,
        "device_client_id": page.device_client_id,
        "issuers": page.issuers,
    });
    let head = html! { link rel="stylesheet" href=(style::CONSOLE_STYLE.path()); };
    document(
        "Playground",
        &head,
        &html! {
            div.console {
                header.bar {
                    a.name href="/" { (icon::mark(28)) (PRODUCT) }
                    nav aria-label="Pages" { a href="/" { "Start page" } }
                }
                main id="playground-page" {
                    header.hero {
                        h1 { "Playground" }
                        p { "A single-page app without a backend: code, implicit and hybrid responses, PKCE, pushed requests, DPoP, and a device. Each request and response in full, each check spelled out." }
                    }
                    noscript {
                        div.alert role="alert" { (icon::warning(20)) div { h2 { "JavaScript is off" } p { "The playground is a JavaScript application. Every other page works without." } } }
                    }
                    div.alert id="problem" role="alert" hidden {
                        (icon::warning(20))
                        div { h2 { "That did not work" } p id="problem-text" {} }
                    }
                    div.play {
                        div.side { (settings(page)) (actions()) }
                        div.grid { (results()) }
                    }
                }
            }
            script type="application/json" id="playground-config" { (PreEscaped(script_json(&config))) }
            script type="module" nonce=(nonce) src=(style::PLAYGROUND_SCRIPT.path()) {}
        },
    )
}

fn settings(page: &PlaygroundPage) -> Markup {
    html! {
        section.box aria-labelledby="settings-title" {
            h2 id="settings-title" { "Request" }
            form.stack id="settings" {
                div.field { label for="issuer" { "Issuer" } select id="issuer" {} }
                div.field {
                    label for="scope" { "Scopes" }
                    input type="text" id="scope" value=(page.scope) autocomplete="off" spellcheck="false" autocapitalize="none";
                }
                div.field {
                    label for="response_type" { "Response type" }
                    select id="response_type" {
                        @for kind in RESPONSE_TYPES { option value=(kind) { (kind) } }
                    }
                }
                div.two {
                    div.field {
                        label for="prompt" { "Prompt" }
                        select id="prompt" {
                            option value="" { "(not sent)" }
                            @for prompt in ["none", "login", "consent", "select_account"] { option value=(prompt) { (prompt) } }
                        }
                    }
                    div.field {
                        label for="response_mode" { "Response mode" }
                        select id="response_mode" {
                            option value="" { "(not sent)" }
                            @for mode in ["query", "fragment"] { option value=(mode) { (mode) } }
                        }
                    }
                }
                div.field {
                    label for="acr_values" { "ACR values" }
                    input type="text" id="acr_values" list="acr-known" autocomplete="off" spellcheck="false" autocapitalize="none";
                    datalist id="acr-known" {
                        @for acr in ["urn:okta:loa:1fa:any", "urn:okta:loa:1fa:pwd", "urn:okta:loa:2fa:any", "phr", "phrh"] { option value=(acr) {} }
                    }
                }
                div.two {
                    div.field { label for="max_age" { "Max age (seconds)" } input type="number" id="max_age" min="0"; }
                    div.field {
                        label for="login_hint" { "Login hint" }
                        input type="text" id="login_hint" autocomplete="off" spellcheck="false" autocapitalize="none";
                    }
                }
                label.check { input type="checkbox" id="par"; span { "Push the request first (PAR)" } }
                label.check { input type="checkbox" id="dpop"; span { "Bind the tokens to a key of this browser (DPoP)" } }
                button.button.primary type="submit" id="act-authorize" { "Sign in" }
                button.button type="button" id="act-device" disabled { "Sign in on a device" }
            }
            p.help { "Client " code id="client-id" {} " · redirect URI " code id="redirect-uri" {} }
        }
    }
}

/// What may be asked for: a code, tokens through the browser, or both (Core §3).
const RESPONSE_TYPES: [&str; 6] =
    ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];

fn actions() -> Markup {
    let buttons = [
        ("act-userinfo", "UserInfo"),
        ("act-refresh", "Refresh"),
        ("act-renew", "Silent renew"),
        ("act-introspect", "Introspect"),
        ("act-revoke", "Revoke access"),
        ("act-revoke-refresh", "Revoke refresh"),
        ("act-logout", "Sign out"),
        ("act-forget", "Forget tokens"),
    ];
    html! {
        section.box aria-labelledby="actions-title" {
            h2 id="actions-title" { "Then" }
            div.actions {
                @for (id, text) in buttons { button.button type="button" id=(id) disabled { (text) } }
            }
        }
    }
}

fn results() -> Markup {
    html! {
        section.box id="device" role="status" hidden {
            h2 { "A device waits" }
            p { "Its code is " strong { code id="device-code" {} } "." }
            p { a id="device-link" target="_blank" rel="opener" { "Approve it in a new tab" } }
        }
        section.section.flush aria-labelledby="tokens-title" {
            h2 id="tokens-title" { "Tokens" }
            p.empty id="tokens-empty" { "No tokens yet. Sign in to get some." }
            div.tokens id="tokens" {}
        }
        section.section.flush aria-labelledby="timeline-title" {
            div.title {
                h2 id="timeline-title" { "Requests and responses" }
                button.button.small type="button" id="act-clear" disabled { "Clear" }
            }
            p.empty id="timeline-empty" { "Every request appears here, latest first." }
            div.timeline id="timeline" role="log" aria-live="polite" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::assert_escaped;

    fn page(text: &str) -> PlaygroundPage {
        PlaygroundPage {
            client_id: text.to_owned(),
            device_client_id: Some(text.to_owned()),
            issuers: vec![Issuer { name: text.to_owned(), issuer: format!("http://localhost:8080/{text}") }],
            scope: text.to_owned(),
        }
    }

    #[test]
    fn sec_x01_the_playground_configuration_cannot_leave_its_block() {
        assert_escaped(|text| playground(&page(text), "n0nce"));
    }

    #[test]
    fn every_element_the_script_asks_for_is_in_the_page() {
        let html = playground(&page("Acme"), "n0nce").into_string();
        for part in style::PLAYGROUND_SCRIPT.text.split("$(\"").skip(1) {
            let id = part.split('"').next().unwrap();
            assert!(html.contains(&format!(" id=\"{id}\"")), "{id}");
        }
    }
}
