//! The start page of a development server: where everything is, and configuration to copy.

use maud::{Markup, html};

use super::layout::{PRODUCT, document};
use super::signin::DemoUser;
use super::{icon, style};

/// What the start page shows.
#[derive(Clone, Debug)]
pub struct HomePage {
    /// The issuers; the first is the one snippets use.
    pub issuers: Vec<Issuer>,
    /// A public client for browsers.
    pub single_page: Option<DemoClient>,
    /// A confidential client for servers.
    pub web: Option<DemoClient>,
    /// A client for machine access (RFC 6749 §4.4).
    pub service: Option<ServiceClient>,
    /// The users that exist.
    pub users: Vec<DemoUser>,
    /// Where the playground is.
    pub playground_href: Option<String>,
    /// Other pages worth a link, such as the API's documentation: text and address.
    pub links: Vec<(String, String)>,
}

/// An authorization server.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Issuer {
    /// What people call it.
    pub name: String,
    /// Its issuer identifier (RFC 8414 §2).
    pub issuer: String,
}

/// A client that signs users in.
#[derive(Clone, Debug)]
pub struct DemoClient {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret` of a confidential client, which is no secret on a development server.
    pub client_secret: Option<String>,
    /// The redirect URI that is registered.
    pub redirect_uri: String,
}

/// A client that acts for itself.
#[derive(Clone, Debug)]
pub struct ServiceClient {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: String,
    /// A scope it may ask for.
    pub scope: String,
}

/// Renders the start page.
pub fn home(page: &HomePage) -> Markup {
    let head = html! { link rel="stylesheet" href=(style::CONSOLE_STYLE.path()); };
    document(
        "Development server",
        &head,
        &html! {
            div.console {
                (bar(page))
                main id="home-page" {
                    header.hero {
                        h1 { "Your authorization server is running" }
                        p { "It speaks OpenID Connect, OAuth 2.0 and Okta’s API. Point your application at an issuer below, or try a sign-in first." }
                        @if let Some(href) = &page.playground_href { a.button.primary href=(href) { "Open the playground" } }
                    }
                    (issuers(&page.issuers))
                    (accounts(page))
                    @if let Some(issuer) = page.issuers.first() { (configuration(page, &issuer.issuer)) }
                }
            }
        },
    )
}

fn bar(page: &HomePage) -> Markup {
    html! {
        header.bar {
            a.name href="/" { (icon::mark(28)) (PRODUCT) }
            span.badge { "Development" }
            nav aria-label="Pages" {
                @for (text, href) in &page.links { a href=(href) { (text) } }
            }
        }
    }
}

fn issuers(issuers: &[Issuer]) -> Markup {
    html! {
        section.section aria-labelledby="issuers" {
            h2 id="issuers" { "Issuers" }
            div.grid.pair {
                @for issuer in issuers {
                    div.box {
                        h3 { (issuer.name) }
                        code.uri { (issuer.issuer) }
                        p.links {
                            a href={ (issuer.issuer) "/.well-known/openid-configuration" } { "OpenID configuration" }
                            a href={ (issuer.issuer) "/.well-known/oauth-authorization-server" } { "OAuth metadata" }
                        }
                    }
                }
            }
        }
    }
}

fn accounts(page: &HomePage) -> Markup {
    html! {
        section.section aria-labelledby="demo" {
            h2 id="demo" { "Demo users and clients" }
            div.grid.pair {
                @if !page.users.is_empty() {
                    div.box {
                        h3 { "Users and their passwords" }
                        table.data {
                            tbody { @for user in &page.users { (row(&user.login, &user.password)) } }
                        }
                    }
                }
                @if let Some(client) = &page.single_page { (client_box("Single-page app", client)) }
                @if let Some(client) = &page.web { (client_box("Web app", client)) }
                @if let Some(client) = &page.service {
                    div.box {
                        h3 { "Service" }
                        table.data {
                            tbody {
                                (row("Client ID", &client.client_id))
                                (row("Client secret", &client.client_secret))
                                (row("Scope", &client.scope))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn client_box(title: &str, client: &DemoClient) -> Markup {
    html! {
        div.box {
            h3 { (title) }
            table.data {
                tbody {
                    (row("Client ID", &client.client_id))
                    @if let Some(secret) = &client.client_secret { (row("Client secret", secret)) }
                    (row("Redirect URI", &client.redirect_uri))
                }
            }
        }
    }
}

fn row(name: &str, value: &str) -> Markup {
    html! { tr { th scope="row" { (name) } td { code { (value) } } } }
}

fn configuration(page: &HomePage, issuer: &str) -> Markup {
    html! {
        section.section aria-labelledby="configuration" {
            h2 id="configuration" { "Configure your application" }
            p { "Copy, paste, run." }
            @if let Some(client) = &page.single_page {
                (snippet("Single-page app", "@okta/okta-auth-js", &okta_auth_js(issuer, client)))
                (snippet("Single-page app", "oidc-client-ts", &oidc_client_ts(issuer, client)))
            }
            @if let Some(client) = &page.web {
                (snippet("Web app", "openid-client (Node.js)", &openid_client(issuer, client)))
                (snippet("Web app", "environment", &environment(issuer, client)))
            }
            @if let Some(client) = &page.service { (snippet("Service", "curl", &curl(issuer, client))) }
        }
    }
}

fn snippet(kind: &str, library: &str, code: &str) -> Markup {
    html! {
        details.box {
            summary { (kind) small { (library) } }
            pre tabindex="0" { code { (code) } }
        }
    }
}

fn okta_auth_js(issuer: &str, client: &DemoClient) -> String {
    format!(
        "import {{ OktaAuth }} from '@okta/okta-auth-js';\n\n\
         export const oktaAuth = new OktaAuth({{\n  issuer: {},\n  clientId: {},\n  redirectUri: {},\n  \
         scopes: ['openid', 'profile', 'email', 'offline_access'],\n}});\n\n\
         // Start:    await oktaAuth.signInWithRedirect();\n\
         // Callback: await oktaAuth.handleLoginRedirect();\n",
        literal(issuer),
        literal(&client.client_id),
        literal(&client.redirect_uri),
    )
}

fn oidc_client_ts(issuer: &str, client: &DemoClient) -> String {
    format!(
        "import {{ UserManager }} from 'oidc-client-ts';\n\n\
         export const userManager = new UserManager({{\n  authority: {},\n  client_id: {},\n  redirect_uri: {},\n  \
         response_type: 'code',\n  scope: 'openid profile email offline_access',\n}});\n\n\
         // Start:    await userManager.signinRedirect();\n\
         // Callback: const user = await userManager.signinCallback();\n",
        literal(issuer),
        literal(&client.client_id),
        literal(&client.redirect_uri),
    )
}

fn openid_client(issuer: &str, client: &DemoClient) -> String {
    let insecure = if issuer.starts_with("http:") {
        ",\n  undefined, { execute: [client.allowInsecureRequests] }, // http: development only"
    } else {
        ","
    };
    format!(
        "import * as client from 'openid-client';\n\n\
         const config = await client.discovery(\n  new URL({}), {}, {}{insecure}\n);\n\n\
         // Start\n\
         const codeVerifier = client.randomPKCECodeVerifier();\n\
         const state = client.randomState();\n\
         const url = client.buildAuthorizationUrl(config, {{\n  redirect_uri: {},\n  scope: 'openid profile email',\n  \
         code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),\n  code_challenge_method: 'S256',\n  state,\n}});\n\n\
         // Callback\n\
         const tokens = await client.authorizationCodeGrant(config, currentUrl, {{\n  \
         pkceCodeVerifier: codeVerifier,\n  expectedState: state,\n}});\n",
        literal(issuer),
        literal(&client.client_id),
        literal(client.client_secret.as_deref().unwrap_or_default()),
        literal(&client.redirect_uri),
    )
}

fn environment(issuer: &str, client: &DemoClient) -> String {
    let secret = client
        .client_secret
        .as_deref()
        .map(|secret| format!("CLIENT_SECRET={}\n", quoted(secret)))
        .unwrap_or_default();
    format!(
        "ISSUER={}\nCLIENT_ID={}\n{secret}REDIRECT_URI={}\n",
        quoted(issuer),
        quoted(&client.client_id),
        quoted(&client.redirect_uri)
    )
}

fn curl(issuer: &str, client: &ServiceClient) -> String {
    let token = format!(
        "{}/v1/token",
        if issuer.contains("/oauth2/") { issuer.to_owned() } else { format!("{issuer}/oauth2") }
    );
    format!(
        "curl {} \\\n  -u {} \\\n  -d grant_type=client_credentials \\\n  --data-urlencode {}\n",
        quoted(&token),
        quoted(&format!("{}:{}", client.client_id, client.client_secret)),
        quoted(&format!("scope={}", client.scope)),
    )
}

/// The text as a JavaScript string.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::assert_escaped;

    fn page(text: &str) -> HomePage {
        let client = DemoClient {
            client_id: text.to_owned(),
            client_secret: Some(text.to_owned()),
            redirect_uri: format!("http://localhost:3000/{text}"),
        };
        HomePage {
            issuers: vec![Issuer {
                name: text.to_owned(),
                issuer: format!("http://localhost:8080/oauth2/{text}"),
            }],
            single_page: Some(client.clone()),
            web: Some(client),
            service: Some(ServiceClient {
                client_id: text.to_owned(),
                client_secret: text.to_owned(),
                scope: text.to_owned(),
            }),
            users: vec![DemoUser { login: text.to_owned(), password: text.to_owned() }],
            playground_href: Some(format!("/playground?{text}")),
            links: vec![(text.to_owned(), format!("/docs?{text}"))],
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_start_page_is_escaped() {
        assert_escaped(|text| home(&page(text)));
    }

    #[test]
    fn snippets_quote_their_values() {
        assert_eq!(literal("a'b\"c"), r#""a'b\"c""#);
        assert_eq!(quoted("a'b"), r"'a'\''b'");
    }
}
