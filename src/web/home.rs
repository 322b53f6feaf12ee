//! The start page of a development server: where everything is, and configuration to copy.

use maud::{Markup, html};

use super::layout::{PRODUCT, document};
use super::signin::{CHANGED, DemoUser};
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
    /// The administrator for whom programs act.
    pub administrator: Option<DemoAdministrator>,
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

/// An administrator without a password, and a token with which programs act for it.
#[derive(Clone, Debug)]
pub struct DemoAdministrator {
    /// The sign-in name.
    pub login: String,
    /// The API token (Okta's `SSWS`), which is no secret on a development server.
    pub api_token: String,
    /// The address that the snippet calls.
    pub users_uri: String,
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

fn has_clients(page: &HomePage) -> bool {
    page.single_page.is_some() || page.web.is_some() || page.service.is_some()
}

fn accounts(page: &HomePage) -> Markup {
    if !has_clients(page) && page.users.is_empty() && page.administrator.is_none() {
        return Markup::default();
    }
    html! {
        section.section aria-labelledby="demo" {
            h2 id="demo" { "Demo users and clients" }
            div.grid.pair {
                @if !page.users.is_empty() {
                    div.box {
                        h3 { "Users and their passwords" }
                        table.data {
                            tbody { @for user in &page.users { (user_row(user)) } }
                        }
                    }
                }
                @if let Some(administrator) = &page.administrator {
                    div.box {
                        h3 { "Administrator" }
                        table.data {
                            tbody {
                                (row("Login", &administrator.login))
                                (row("API token", &administrator.api_token))
                            }
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

fn user_row(user: &DemoUser) -> Markup {
    match &user.password {
        Some(password) => row(&user.login, password),
        None => html! { tr { th scope="row" { (user.login) } td { (CHANGED) } } },
    }
}

fn row(name: &str, value: &str) -> Markup {
    html! { tr { th scope="row" { (name) } td { code { (value) } } } }
}

fn configuration(page: &HomePage, issuer: &str) -> Markup {
    if !has_clients(page) && page.administrator.is_none() {
        return Markup::default();
    }
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
            @if let Some(administrator) = &page.administrator {
                (snippet("Management API", "curl", &management(administrator)))
            }
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
        "\n  { execute: [client.allowInsecureRequests] }, // http: development only"
    } else {
        ""
    };
    let secret = literal(client.client_secret.as_deref().unwrap_or_default());
    format!(
        "import * as client from 'openid-client';\n\n\
         const config = await client.discovery(\n  new URL({}), {}, {secret}, client.ClientSecretBasic({secret}),{insecure}\n);\n\n\
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

fn management(administrator: &DemoAdministrator) -> String {
    format!(
        "curl {} \\\n  -H {}\n",
        quoted(&administrator.users_uri),
        quoted(&format!("Authorization: SSWS {}", administrator.api_token)),
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
            users: vec![DemoUser { login: text.to_owned(), password: Some(text.to_owned()) }],
            administrator: Some(DemoAdministrator {
                login: text.to_owned(),
                api_token: text.to_owned(),
                users_uri: format!("http://localhost:8080/api/v1/users?{text}"),
            }),
            playground_href: Some(format!("/playground?{text}")),
            links: vec![(text.to_owned(), format!("/docs?{text}"))],
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_start_page_is_escaped() {
        assert_escaped(|text| home(&page(text)));
    }

    #[test]
    fn what_a_server_without_demo_data_lacks_has_no_heading() {
        let full = page("Acme");
        let empty = HomePage {
            single_page: None,
            web: None,
            service: None,
            users: Vec::new(),
            administrator: None,
            ..full.clone()
        };
        for heading in ["Demo users and clients", "Configure your application"] {
            assert!(home(&full).into_string().contains(heading), "{heading}");
            assert!(!home(&empty).into_string().contains(heading), "{heading}");
        }
    }

    /// The library authenticates with `client_secret_post` unless it is told otherwise; a client has the one method it
    /// is registered with, which is `client_secret_basic` by default (RFC 7591 §2).
    #[test]
    fn the_snippet_of_a_web_application_authenticates_as_the_client_is_registered() {
        let client = page("s").web.unwrap();
        for issuer in ["http://localhost:8080", "https://id.example.com"] {
            let code = openid_client(issuer, &client);
            assert!(code.contains(r#""s", "s", client.ClientSecretBasic("s"),"#), "{code}");
            assert_eq!(code.contains("allowInsecureRequests"), issuer.starts_with("http:"), "{code}");
        }
    }

    #[test]
    fn a_password_that_was_changed_is_not_shown() {
        let changed =
            HomePage { users: vec![DemoUser { login: "demo".to_owned(), password: None }], ..page("Acme") };
        assert!(home(&changed).into_string().contains(CHANGED));
    }

    #[test]
    fn snippets_quote_their_values() {
        assert_eq!(literal("a'b\"c"), r#""a'b\"c""#);
        assert_eq!(quoted("a'b"), r"'a'\''b'");
    }
}
