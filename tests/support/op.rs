//! The provider as a relying party and a person use it: authorization requests, sign-in, token requests.

use serde_json::Value;
use url::Url;

use super::{
    app::TestApp,
    fixtures::{PASSWORD, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, SECRET},
    http::{Browser, Response},
};

/// A code verifier and its S256 challenge (RFC 7636 appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`].
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The form that redeems a code of [`TestApp::code`] (RFC 6749 §4.1.3).
pub(crate) fn code_form(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ]
}

/// The same from a client that has nothing but its name.
pub(crate) fn public_code_form<'a>(client: &'a str, code: &'a str) -> [(&'a str, &'a str); 5] {
    let [grant_type, code, redirect_uri, code_verifier] = code_form(code);
    [grant_type, ("client_id", client), code, redirect_uri, code_verifier]
}

/// The path of an authorization server: the org server, or a custom one.
pub(crate) fn base(server: &str) -> String {
    if server == "org" { "/oauth2".to_owned() } else { format!("/oauth2/{server}") }
}

/// The parameters of an authorization request; `more` replaces or adds some, and takes one out when its value is `-`.
pub(crate) fn authorization_request<'a>(
    client: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut params = vec![
        ("client_id", client),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "a-state"),
        ("nonce", "a-nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for &(name, value) in more {
        params.retain(|(known, _)| *known != name);
        if value != "-" {
            params.push((name, value));
        }
    }
    params
}

impl TestApp {
    /// The URL of an authorization request at the `default` server; `more` replaces or adds parameters, and takes one
    /// out when its value is `-`.
    pub(crate) fn authorize_url(&self, client: &str, more: &[(&str, &str)]) -> String {
        self.authorize_url_at("default", client, more)
    }

    /// The URL of an authorization request at an authorization server.
    pub(crate) fn authorize_url_at(&self, server: &str, client: &str, more: &[(&str, &str)]) -> String {
        let params = authorization_request(client, more);
        let mut url = Url::parse(&self.url(&format!("{}/v1/authorize", base(server)))).unwrap();
        url.query_pairs_mut().extend_pairs(params);
        url.into()
    }

    /// Follows an authorization request to the sign-in page, signs in, and returns where the browser was sent.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, url: &str, login: &str) -> Response {
        let page = browser.open(url).await;
        sign_in_on(browser, &page, login, PASSWORD).await
    }

    /// A code for a user who signs in in a new browser, at the `default` server.
    pub(crate) async fn code(&self, client: &str, scope: &str, login: &str) -> String {
        let mut browser = Browser::new();
        self.code_in(&mut browser, "default", client, &[("scope", scope)], login).await
    }

    /// A code for a user who signs in in this browser, if that is needed.
    #[expect(clippy::too_many_arguments, reason = "who, where, what and as whom")]
    pub(crate) async fn code_in(
        &self,
        browser: &mut Browser,
        server: &str,
        client: &str,
        more: &[(&str, &str)],
        login: &str,
    ) -> String {
        let url = self.authorize_url_at(server, client, more);
        let page = browser.open(&url).await;
        if page.body_contains("login-page") {
            sign_in_on(browser, &page, login, PASSWORD).await;
        }
        answer(browser).get("code").unwrap_or_else(|| panic!("no code: {:?}", browser.url())).clone()
    }

    /// A token request at an authorization server, authenticated by `client_secret_basic`.
    pub(crate) async fn token_at(&self, server: &str, client: &str, form: &[(&str, &str)]) -> Response {
        self.client()
            .request(http::Method::POST, &format!("{}/v1/token", base(server)))
            .basic(client, SECRET)
            .form(form)
            .send()
            .await
    }

    /// A token request at the `default` server, authenticated by `client_secret_basic`.
    pub(crate) async fn token(&self, client: &str, form: &[(&str, &str)]) -> Response {
        self.token_at("default", client, form).await
    }

    /// Redeems a code of [`Self::code`].
    pub(crate) async fn redeem(&self, client: &str, code: &str) -> Response {
        self.token(client, &code_form(code)).await
    }

    /// Ends the session that the tokens are from.
    pub(crate) async fn log_out(&self, browser: &mut Browser, tokens: &Value) {
        let mut url = Url::parse(&self.url("/oauth2/default/v1/logout")).unwrap();
        url.query_pairs_mut()
            .append_pair("id_token_hint", tokens["id_token"].as_str().unwrap())
            .append_pair("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI);
        browser.open(url.as_str()).await;
        assert_eq!(browser.url().as_str(), POST_LOGOUT_REDIRECT_URI);
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, client: &str, refresh_token: &str) -> Response {
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Tokens for a user: signed in, code redeemed.
    pub(crate) async fn tokens(&self, client: &str, scope: &str, login: &str) -> Value {
        let code = self.code(client, scope, login).await;
        let response = self.redeem(client, &code).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// What introspection at the `default` server says of a token, asked by the service that may know all of them.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let response = self
            .client()
            .request(http::Method::POST, "/oauth2/default/v1/introspect")
            .basic(super::fixtures::SERVICE, SECRET)
            .form(&[("token", token)])
            .send()
            .await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Userinfo at the `default` server.
    pub(crate) async fn userinfo(&self, access_token: &str) -> Response {
        self.client()
            .request(http::Method::GET, "/oauth2/default/v1/userinfo")
            .bearer(access_token)
            .send()
            .await
    }

    /// The reasons and types of the system log, oldest first.
    pub(crate) async fn log(&self) -> Vec<(String, Option<String>)> {
        let since = time::OffsetDateTime::UNIX_EPOCH;
        let events = stepgate::store::log_event::list(&self.app.db, since, 10_000).await.unwrap();
        events.into_iter().map(|(_, event)| (event.event_type, event.reason)).collect()
    }

    /// Whether the system log has an event of that type (and reason).
    pub(crate) async fn logged(&self, event_type: &str, reason: Option<&str>) -> bool {
        self.log()
            .await
            .iter()
            .any(|(known, why)| known == event_type && (reason.is_none() || why.as_deref() == reason))
    }
}

/// Fills in and sends the sign-in form of a page.
pub(crate) async fn sign_in_on(
    browser: &mut Browser,
    page: &Response,
    login: &str,
    password: &str,
) -> Response {
    let form = page.form("login-form").fill("identifier", login).fill("password", password).press("sign_in");
    browser.submit(&form).await
}

/// The parameters of the answer that the browser was sent to its client with.
pub(crate) fn answer(browser: &Browser) -> std::collections::BTreeMap<String, String> {
    browser.url().query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The machine code that an error page prints.
#[track_caller]
pub(crate) fn error_code(page: &Response) -> &str {
    let code = page.text().split_once("id=\"error-code\">").and_then(|(_, rest)| rest.split_once('<'));
    code.unwrap_or_else(|| panic!("no error page at {}: {} {}", page.url, page.status, page.words())).0
}
