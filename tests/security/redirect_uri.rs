//! A: redirect URIs and open redirects (RFC 6749 §3.1.2; RFC 9700 §2.1, §4.1, §4.11; OpenID Connect Core §3.1.2.1).

use http::Method;
use serde_json::json;
use stepgate::protocol::client_metadata::ClientMetadata;

use super::{assert_page, assert_refused, traces};
use crate::support::{
    Test, TestApp,
    fixtures::{
        self, ALICE, ASKING, NATIVE, OTHER, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, SECRET, SERVICE, WEB,
    },
    http::{Browser, Response},
    op::{VERIFIER, answer},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_a01_an_unregistered_uri_ends_on_our_page,
            sec_a02_only_the_registered_bytes_are_a_registered_uri,
            sec_a03_a_dot_is_a_dot_and_traffic_registers_nothing,
            sec_a04_dangerous_schemes_end_on_our_page,
            sec_a05_an_installed_application_gets_any_port_of_its_loopback_address,
            sec_a05_other_clients_get_their_own_port_only,
            sec_a06_without_a_redirect_uri_openid_is_refused_and_a_single_uri_is_enough_for_oauth,
            sec_a07_where_errors_go_is_said_once,
            sec_a09_a_code_is_redeemed_with_the_redirect_uri_of_its_request,
            sec_a10_no_fragment_is_inherited,
            sec_a12_after_logout_only_registered_addresses_are_gone_to,
            sec_a13_after_a_form_the_browser_is_sent_on_with_303,
            sec_a14_form_post_goes_nowhere_but_to_the_client,
            sec_a14_a_response_mode_is_known_and_checks_the_uri_like_all_others,
            sec_a15_a_response_type_must_be_registered,
            sec_a15_a_pending_request_cannot_be_changed;
        plain: sec_a04_dangerous_schemes_are_not_registered
    ]
}

async fn authorize(app: &TestApp, client: &str, more: &[(&str, &str)]) -> Response {
    app.client().get(&app.authorize_url(client, more)).await
}

/// The request was understood: the user is to sign in.
#[track_caller]
fn assert_goes_on(response: &Response) {
    assert_eq!(response.status, 303, "{}", response.text());
    assert_eq!(response.location().unwrap().path(), "/signin");
}

/// A redirect URI that is not registered is told to the user, and nothing else happens (RFC 6749 §4.1.2.1).
async fn sec_a01_an_unregistered_uri_ends_on_our_page(app: TestApp) {
    let before = traces(&app).await;
    for uri in ["https://evil.example/callback", "https://app.example.com/other", "nothing", "/callback"] {
        // Also where the request is wrong in other ways, and where nothing would be asked.
        for more in [("state", "x"), ("response_type", "foo"), ("prompt", "none"), ("scope", "\u{7f}")] {
            let response = authorize(&app, WEB, &[("redirect_uri", uri), more]).await;
            assert_page(&response, "invalid_redirect_uri");
        }
    }
    assert_eq!(traces(&app).await, before);
    assert_goes_on(&authorize(&app, WEB, &[]).await);
}

/// Only the same bytes are the same URI (RFC 9700 §2.1).
async fn sec_a02_only_the_registered_bytes_are_a_registered_uri(app: TestApp) {
    let registered = "https://app.example.com/cb/One?tenant=1&x=2";
    let metadata = json!({
        "redirect_uris": [registered],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "exact", metadata, Some(SECRET)).await;
    assert_goes_on(&authorize(&app, "exact", &[("redirect_uri", registered)]).await);
    let before = traces(&app).await;
    for uri in [
        "https://app.example.com/cb/One/?tenant=1&x=2",
        "https://app.example.com/cb/One?tenant=1&x=2/",
        "https://app.example.com/cb/One?tenant=1&x=2&y=3",
        "https://app.example.com/cb/One?tenant=1",
        "https://app.example.com/cb/One?tenant=2&x=2",
        "https://app.example.com/cb/One?x=2&tenant=1",
        "https://app.example.com/cb/One?tenant=1&x=2&",
        "https://app.example.com/cb/One",
        "https://app.example.com/cb/One?tenant=1&x=2#frag",
        "https://app.example.com/cb/One?tenant=1&x=2#",
        "https://app.example.com:443/cb/One?tenant=1&x=2",
        "https://app.example.com:/cb/One?tenant=1&x=2",
        "HTTPS://app.example.com/cb/One?tenant=1&x=2",
        "http://app.example.com/cb/One?tenant=1&x=2",
        "https://APP.example.com/cb/One?tenant=1&x=2",
        "https://app.example.com/cb/one?tenant=1&x=2",
        "https://app.example.com/cb/One;x?tenant=1&x=2",
        "https://app.example.com/cb/../cb/One?tenant=1&x=2",
        "https://app.example.com/cb/%2e%2e/cb/One?tenant=1&x=2",
        "https://app.example.com/cb%2FOne?tenant=1&x=2",
        "https://app.example.com/cb%252FOne?tenant=1&x=2",
        "https://app.example.com/cb/%4Fne?tenant=1&x=2",
        "https://app.example.com/cb/One%00?tenant=1&x=2",
        "https://app.example.com/cb/One%2500?tenant=1&x=2",
        "https://app.example.com@evil.example/cb/One?tenant=1&x=2",
        "https://evil.example\\@app.example.com/cb/One?tenant=1&x=2",
        "https://app.example.com\\@evil.example/cb/One?tenant=1&x=2",
        "https://app.example.com/cb/One\t?tenant=1&x=2",
        "https://app.example.com/cb/One\r\n?tenant=1&x=2",
        "https://app.example.com/cb/One?tenant=1&x=2\n",
        "\thttps://app.example.com/cb/One?tenant=1&x=2",
        " https://app.example.com/cb/One?tenant=1&x=2",
        "https://app.example.com/cb/One?tenant=1&x=2 ",
        "https://app.example.com./cb/One?tenant=1&x=2",
        "https://\u{430}pp.example.com/cb/One?tenant=1&x=2",
        "https://xn--pp-8tc.example.com/cb/One?tenant=1&x=2",
        "https://app.example.com.evil.tld/cb/One?tenant=1&x=2",
        "https://evil-app.example.com/cb/One?tenant=1&x=2",
        "https://sub.app.example.com/cb/One?tenant=1&x=2",
        "//app.example.com/cb/One?tenant=1&x=2",
        "https:app.example.com/cb/One?tenant=1&x=2",
    ] {
        let response = authorize(&app, "exact", &[("redirect_uri", uri)]).await;
        assert_page(&response, "invalid_redirect_uri");
    }
    // A NUL cannot be carried at all.
    let nul =
        authorize(&app, "exact", &[("redirect_uri", "https://app.example.com/cb/One\0?tenant=1&x=2")]).await;
    assert_page(&nul, "invalid_request");
    assert_eq!(traces(&app).await, before);
}

/// What is registered is no pattern, and what was once sent is not registered by it (RFC 9700 §4.1.3).
async fn sec_a03_a_dot_is_a_dot_and_traffic_registers_nothing(app: TestApp) {
    let metadata = json!({
        "redirect_uris": ["https://foo.example.com"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "dotted", metadata, Some(SECRET)).await;
    assert_goes_on(&authorize(&app, "dotted", &[("redirect_uri", "https://foo.example.com")]).await);
    for uri in ["https://fooaexample.com", "https://foo.exampleXcom", "https://foo.example.com/"] {
        let response = authorize(&app, "dotted", &[("redirect_uri", uri)]).await;
        assert_page(&response, "invalid_redirect_uri");
    }
    // A client without any: the first one seen is not the right one, and neither is the second time it is seen.
    for _ in 0..2 {
        let response = authorize(&app, SERVICE, &[("redirect_uri", "https://first.example/cb")]).await;
        assert_page(&response, "invalid_redirect_uri");
    }
}

/// Schemes that run code, show data or read files (RFC 8252 §7.1; RFC 9700 §4.1).
const DANGEROUS: [&str; 14] = [
    "javascript:alert(1)",
    "JavaScript://app.example.com/%0aalert(1)",
    "\u{1}javascript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "DATA:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://app.example.com/0",
    "about:blank",
    "view-source:https://app.example.com/callback",
    "filesystem:https://app.example.com/temporary/x",
    "ws://app.example.com/callback",
];

/// Registration refuses what a browser would run, for installed applications too.
fn sec_a04_dangerous_schemes_are_not_registered() {
    for uri in DANGEROUS {
        for (member, kind) in
            [("redirect_uris", "web"), ("redirect_uris", "native"), ("post_logout_redirect_uris", "native")]
        {
            let mut metadata = json!({
                "application_type": kind,
                "redirect_uris": [REDIRECT_URI],
                "grant_types": ["authorization_code"],
                "response_types": ["code"],
            });
            let read = |metadata: &serde_json::Value| {
                serde_json::from_value::<ClientMetadata>(metadata.clone()).unwrap().with_defaults().validate()
            };
            assert!(read(&metadata).is_ok());
            metadata[member] = json!([uri]);
            assert!(read(&metadata).is_err(), "{member} of {kind}: {uri:?}");
        }
    }
}

/// At authorize and logout they are no more than unregistered.
async fn sec_a04_dangerous_schemes_end_on_our_page(app: TestApp) {
    let mut browser = Browser::new();
    let id_token = id_token(&app, &mut browser).await;
    for uri in DANGEROUS {
        for client in [WEB, NATIVE] {
            let response = authorize(&app, client, &[("redirect_uri", uri)]).await;
            assert_page(&response, "invalid_redirect_uri");
            assert!(!response.body_contains("href=\"javascript"), "{}", response.text());
        }
        let page = logout(&app, &mut browser, &id_token, uri).await;
        assert_page(&page, "invalid_post_logout_redirect_uri");
    }
}

/// The system gives an installed application its port (RFC 8252 §7.3, §8.3); nothing else may differ.
async fn sec_a05_an_installed_application_gets_any_port_of_its_loopback_address(app: TestApp) {
    for uri in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:8080/callback",
        "http://127.0.0.1:65535/callback",
        "com.example.app:/callback",
    ] {
        assert_goes_on(&authorize(&app, NATIVE, &[("redirect_uri", uri)]).await);
    }
    for uri in [
        "http://localhost/callback",
        "http://localhost:8080/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:8080.evil.example/callback",
        "http://127.0.0.1:8080@evil.example/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:08080/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:-1/callback",
        "http://127.1:8080/callback",
        "http://0x7f000001:8080/callback",
        "http://2130706433/callback",
        "http://[::1]:8080/callback",
        "https://127.0.0.1:8080/callback",
        "http://127.0.0.1:8080/other",
        "http://127.0.0.1:8080/callback/",
        "http://127.0.0.1:8080/callback?x=1",
        "http://127.0.0.1:8080/callback#x",
        "com.example.app://callback",
        "com.example.app:/callback2",
        "com.example.app:callback",
        "com.example.App:/callback",
    ] {
        let response = authorize(&app, NATIVE, &[("redirect_uri", uri)]).await;
        assert_page(&response, "invalid_redirect_uri");
    }
}

/// The exception is for installed applications (RFC 8252 §7.3): a web client's development address is exact.
async fn sec_a05_other_clients_get_their_own_port_only(app: TestApp) {
    let metadata = json!({
        "redirect_uris": ["http://127.0.0.1:3000/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "local", metadata, Some(SECRET)).await;
    assert_goes_on(&authorize(&app, "local", &[("redirect_uri", "http://127.0.0.1:3000/cb")]).await);
    let response = authorize(&app, "local", &[("redirect_uri", "http://127.0.0.1:3001/cb")]).await;
    assert_page(&response, "invalid_redirect_uri");
}

/// OpenID Connect requires `redirect_uri` (Core §3.1.2.1); OAuth does when there is a choice (RFC 6749 §3.1.2.3).
async fn sec_a06_without_a_redirect_uri_openid_is_refused_and_a_single_uri_is_enough_for_oauth(app: TestApp) {
    let response = authorize(&app, WEB, &[("redirect_uri", "-")]).await;
    assert_page(&response, "invalid_redirect_uri");
    let response = authorize(&app, NATIVE, &[("redirect_uri", "-"), ("scope", "car:drive")]).await;
    assert_page(&response, "invalid_redirect_uri");
    let mut browser = Browser::new();
    let more = [("redirect_uri", "-"), ("scope", "car:drive")];
    let code = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{}", browser.url());
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    assert_eq!(app.token(WEB, &form).await.status, 200);
}

/// A parameter is sent once (RFC 6749 §3.1); of two addresses neither is answered to.
async fn sec_a07_where_errors_go_is_said_once(app: TestApp) {
    let url = app.authorize_url(WEB, &[]);
    let encoded = "https%3A%2F%2Fapp.example.com%2Fcallback";
    for twice in [
        format!("{url}&redirect_uri={encoded}"),
        format!("{url}&redirect_uri=https%3A%2F%2Fevil.example%2F"),
        format!("{url}&redirect_uri="),
        format!("{url}&redirect%5Furi={encoded}"),
        format!("{url}&client_id={WEB}"),
        format!("{url}&client_id={OTHER}"),
        format!("{url}&client_id=&state=x"),
    ] {
        assert_page(&app.client().get(&twice).await, "invalid_request");
    }
    // Query and body, equal and different.
    let query = url.split_once('?').unwrap().1;
    for (path, body) in [
        (url.as_str(), query),
        (url.as_str(), "state=x"),
        ("/oauth2/default/v1/authorize?client_id=web", query),
        ("/oauth2/default/v1/authorize?state=x", query),
    ] {
        let request = app.client().request(Method::POST, path);
        let response = request.body("application/x-www-form-urlencoded", body.to_owned()).send().await;
        assert_page(&response, "invalid_request");
    }
    // Any other parameter sent twice is told to the client.
    let mut browser = Browser::new();
    browser.open(&format!("{url}&nonce=other")).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
}

/// RFC 6749 §4.1.3: the redirect URI of the token request is that of the authorization request.
async fn sec_a09_a_code_is_redeemed_with_the_redirect_uri_of_its_request(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    for uri in [
        None,
        Some(""),
        Some("https://app.example.com/callback/"),
        Some("https://app.example.com/Callback"),
        Some("https://app.example.com/callback?x=1"),
        Some("https://evil.example/callback"),
    ] {
        let mut form =
            vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        form.extend(uri.map(|uri| ("redirect_uri", uri)));
        assert_refused(&app.token(WEB, &form).await, 400, "invalid_grant");
    }
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
    // A request that named none is not redeemed with another.
    let mut browser = Browser::new();
    let more = [("redirect_uri", "-"), ("scope", "car:drive")];
    let code = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    let mut form = vec![("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    form.push(("redirect_uri", "https://evil.example/callback"));
    assert_refused(&app.token(WEB, &form).await, 400, "invalid_grant");
}

/// Browsers carry a fragment over a redirect that has none (RFC 9110 §10.2.2): ours always has one.
async fn sec_a10_no_fragment_is_inherited(app: TestApp) {
    let mut browser = Browser::new();
    let response = app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert!(answer(&browser).contains_key("code"));
    assert!(response.header("location").unwrap().ends_with('#'), "{:?}", response.headers);
    let response = browser.open(&app.authorize_url(OTHER, &[("prompt", "none"), ("scope", "?\"")])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
    assert!(response.header("location").unwrap().ends_with('#'), "{:?}", response.headers);
}

async fn id_token(app: &TestApp, browser: &mut Browser) -> String {
    let code = app.code_in(browser, "default", WEB, &[], ALICE).await;
    app.redeem(WEB, &code).await.json()["id_token"].as_str().unwrap().to_owned()
}

async fn logout(app: &TestApp, browser: &mut Browser, id_token: &str, uri: &str) -> Response {
    let mut url = url::Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("id_token_hint", id_token),
        ("post_logout_redirect_uri", uri),
        ("state", "s"),
    ]);
    browser.open(url.as_str()).await
}

/// RP-Initiated Logout §3: the target is registered, byte for byte, or the user stays on our page, signed in.
async fn sec_a12_after_logout_only_registered_addresses_are_gone_to(app: TestApp) {
    let mut browser = Browser::new();
    let id_token = id_token(&app, &mut browser).await;
    for uri in [
        "https://app.example.com/goodbye/",
        "https://app.example.com/goodbye?x=1",
        "https://app.example.com/goodbye#x",
        "https://app.example.com:443/goodbye",
        "https://APP.example.com/goodbye",
        "https://app.example.com/Goodbye",
        "https://app.example.com.evil.example/goodbye",
        "https://app.example.com@evil.example/goodbye",
        "https://app.example.com/goodbye ",
        "https://app.example.com/goodbye\r\n",
        REDIRECT_URI,
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "/signin",
    ] {
        let page = logout(&app, &mut browser, &id_token, uri).await;
        assert_page(&page, "invalid_post_logout_redirect_uri");
    }
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert!(answer(&browser).contains_key("code"), "the session is alive: {}", browser.url());
    // Names that other products take targets from mean nothing here.
    let confirmation = browser
        .open(&app.url(
            "/oauth2/default/v1/logout?fromURI=https://evil.example&returnTo=//evil.example&RelayState=/x",
        ))
        .await;
    assert_eq!((confirmation.status, confirmation.header("location")), (200, None));
    assert!(!confirmation.body_contains("evil.example"));
    let gone = logout(&app, &mut browser, &id_token, POST_LOGOUT_REDIRECT_URI).await;
    assert_eq!(gone.header("location"), Some("https://app.example.com/goodbye?state=s#"));
}

/// RFC 9700 §4.12: 307 and 308 would send the password on to the client.
async fn sec_a13_after_a_form_the_browser_is_sent_on_with_303(app: TestApp) {
    let mut browser = Browser::new();
    let signed_in = app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert_eq!(signed_in.status, 303);
    assert!(signed_in.location().unwrap().as_str().starts_with(REDIRECT_URI));
    // Consent, given and refused.
    for decision in ["accept", "deny"] {
        let url = app.authorize_url(ASKING, &[("scope", "openid car:sell"), ("prompt", "consent")]);
        let page = browser.open(&url).await;
        let answered = browser.submit(&page.form("consent-form").press(decision)).await;
        assert_eq!(answered.status, 303, "{decision}");
        assert!(answered.location().unwrap().as_str().starts_with(REDIRECT_URI));
    }
    // Cancelled sign-in.
    let mut other = Browser::new();
    let page = other.open(&app.authorize_url(WEB, &[])).await;
    let cancelled = other.submit(&page.form("login-form").press("cancel")).await;
    assert_eq!(cancelled.status, 303);
    // The authorization request itself, sent as a form.
    let url = app.authorize_url(WEB, &[]);
    let (path, query) = url.split_once('?').unwrap();
    let request = app.client().request(Method::POST, path);
    let posted = request.body("application/x-www-form-urlencoded", query.to_owned()).send().await;
    assert_eq!(posted.status, 303);
    // Logout, confirmed.
    let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    let form = page.form("logout-form").press("confirm");
    let out = browser.submit(&form).await;
    assert!(matches!(out.status, 200 | 303), "{}", out.status);
}

/// Form Post Response Mode §2: every value is a value, and the form can go to the client only (CSP §6.4.1).
async fn sec_a14_form_post_goes_nowhere_but_to_the_client(app: TestApp) {
    let mut browser = Browser::new();
    let state = "\"><script>alert(1)</script>'&lt;";
    let more = [("response_mode", "form_post"), ("state", state)];
    let page = app.sign_in(&mut browser, &app.authorize_url(WEB, &more), ALICE).await;
    assert_form_post(&page, state);
    assert!(page.form("form-post").field("code").is_some());
    // Errors likewise.
    let more = [("response_mode", "form_post"), ("state", state), ("scope", "nothing")];
    let page = browser.open(&app.authorize_url(WEB, &more)).await;
    assert_form_post(&page, state);
    assert_eq!(page.form("form-post").field("error"), Some("invalid_scope"));
}

#[track_caller]
fn assert_form_post(page: &Response, state: &str) {
    assert_eq!((page.status, page.header("location")), (200, None));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let form = page.form("form-post");
    assert_eq!((form.method.as_str(), form.action.as_str()), ("POST", REDIRECT_URI));
    assert_eq!(form.field("state"), Some(state));
    assert_eq!(page.text().matches("<script").count(), 1, "{}", page.text());
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action https://app.example.com;"), "{policy}");
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(nonce.len() >= 22 && !policy.contains("unsafe"), "{policy}");
    assert!(page.body_contains(&format!("<script nonce=\"{nonce}\">")));
}

/// Multiple Response Types §2.1: an unknown mode is refused where a known one would be answered.
async fn sec_a14_a_response_mode_is_known_and_checks_the_uri_like_all_others(app: TestApp) {
    for mode in ["unknown", "Query", "JWT", "okta_post_message.jwt", "query jwt"] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(WEB, &[("response_mode", mode)])).await;
        assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{mode}: {}", browser.url());
        assert_eq!(answer(&browser)["error"], "invalid_request", "{mode}");
    }
    for mode in ["query", "fragment", "form_post", "okta_post_message", "jwt", "unknown"] {
        let more = [("response_mode", mode), ("redirect_uri", "https://evil.example/")];
        assert_page(&authorize(&app, WEB, &more).await, "invalid_redirect_uri");
    }
    // Multiple Response Types §5: a token never travels in a query, and neither does the refusal of one.
    for response_type in ["token", "id_token", "id_token token", "code id_token"] {
        let more = [("response_mode", "query"), ("response_type", response_type)];
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(WEB, &more)).await;
        assert_eq!(browser.url().query(), None, "{}", browser.url());
        let fragment = browser.url().fragment().unwrap();
        assert!(fragment.contains("error=un"), "{fragment}");
    }
}

/// RFC 6749 §4.1.2.1: `unauthorized_client`.
async fn sec_a15_a_response_type_must_be_registered(app: TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["implicit"],
        "response_types": ["id_token"],
    });
    fixtures::client(&app.app, "implicit", metadata, Some(SECRET)).await;
    let mut browser = Browser::new();
    browser.open(&app.authorize_url("implicit", &[])).await;
    let refused = answer(&browser);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("unauthorized_client", "a-state"));
    assert_eq!(refused["iss"], app.url("/oauth2/default"));
    browser.open(&app.authorize_url(WEB, &[("response_type", "token")])).await;
    assert!(
        browser.url().fragment().unwrap().contains("error=unsupported_response_type"),
        "{}",
        browser.url()
    );
}

/// A request is frozen when it arrives: no later step reads it from the browser again.
async fn sec_a15_a_pending_request_cannot_be_changed(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:sell")])).await;
    let changes = [
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("redirect_uri", "https://evil.example/"),
        ("client_id", OTHER),
        ("scope", "openid car:sell offline_access"),
        ("state", "evil"),
        ("code_challenge", "-"),
    ];
    // In the link …
    let mut link = browser.url().clone();
    link.query_pairs_mut().extend_pairs(changes);
    let page_by_link = browser.open(link.as_str()).await;
    assert_eq!(page_by_link.status, 200, "{}", page.words());
    // … and in the forms.
    let smuggle = |form: crate::support::html::Form| {
        changes.iter().fold(form, |form, (name, value)| form.smuggle(name, value))
    };
    let form = smuggle(page_by_link.form("login-form"));
    let form = form.fill("identifier", ALICE).fill("password", fixtures::PASSWORD).press("sign_in");
    let consent = browser.submit(&form).await;
    let form = smuggle(consent.form("consent-form")).press("accept");
    browser.submit(&form).await;
    assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{}", browser.url());
    let answer = answer(&browser);
    assert_eq!(answer["state"], "a-state");
    assert_refused(&app.redeem(OTHER, &answer["code"]).await, 400, "invalid_grant");
    let tokens = app.redeem(ASKING, &answer["code"]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert_eq!(tokens.json()["scope"], "openid car:sell");
    assert!(tokens.json().get("refresh_token").is_none());
    // A finished request is not resumed.
    let again = browser.open(link.as_str()).await;
    assert_page(&again, "expired_flow");
}
