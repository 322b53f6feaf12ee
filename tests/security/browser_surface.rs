//! What browsers can be made to do: forms, frames, cookies, caches, other origins, other tabs.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use stepgate::{
    app::{SameSite, Settings},
    id::TrustedOriginId,
    model::Status,
    store::{self, trusted_origin::TrustedOrigin},
};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{self, ALICE, ASKING, BOB, OTHER, PASSWORD, REDIRECT_URI, SECRET, SPA, WEB},
    html::Form,
    http::{Browser, Cookie, Response},
    op::{CHALLENGE, answer, claims, error_code, public_code_form, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_l02_somebody_elses_flow_is_an_error_page,
        sec_l03_the_session_cookie_changes_whenever_somebody_signs_in,
        sec_l09_a_consent_form_cannot_widen_what_was_asked_for,
        sec_l09_a_consent_is_given_once_and_by_its_own_browser,
        sec_l10_finishing_one_tab_never_completes_another,
        a_posted_authorization_request_sees_a_lax_session;
    sqlite:
        sec_l01_a_form_without_its_own_token_is_refused,
        sec_l01_a_form_sent_from_another_site_is_refused,
        sec_l01_get_changes_nothing,
        sec_l03_a_session_cookie_is_dead_after_logout,
        sec_l04_on_http_cookies_are_named_by_port_and_unreadable_by_script,
        oidc_h4_on_https_cookies_are_host_bound_and_hsts_is_sent,
        sec_l04_a_refused_post_from_another_site_leaves_the_browsers_cookies_alone,
        sec_l05_every_page_carries_a_strict_policy,
        sec_l05_faults_have_pages_and_documents_of_their_own,
        sec_l06_documents_are_for_any_origin_and_pages_for_none,
        sec_l06_endpoints_are_for_the_origins_of_the_client,
        sec_l06_errors_are_for_the_origins_of_the_client,
        sec_l06_preflights_list_exactly_what_is_allowed,
        sec_l06_strange_origins_get_no_headers_and_no_error,
        sec_l07_answers_with_secrets_are_not_stored,
        sec_l07_documents_and_assets_are_cacheable,
        sec_l10_cancelling_a_forced_sign_in_does_not_freshen_the_session;
    ]
}

/// The name of the session cookie on http.
fn session_cookie(app: &TestApp) -> String {
    format!("sid_{}", app.app.settings.port())
}

/// The cookie with this name that the browser would send to the provider.
async fn cookie(app: &TestApp, browser: &mut Browser, name: &str) -> Option<Cookie> {
    browser.open(&app.url("/")).await;
    browser.cookie(name).cloned()
}

async fn session_of(app: &TestApp, browser: &mut Browser) -> Option<String> {
    cookie(app, browser, &session_cookie(app)).await.map(|cookie| cookie.value)
}

async fn signed_in(app: &TestApp, login: &str) -> Browser {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), login).await;
    browser
}

/// What a silent request answers in this browser: `code`, or the error.
async fn silently(app: &TestApp, browser: &mut Browser) -> String {
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    let mut answer = answer(browser);
    answer
        .remove("error")
        .unwrap_or_else(|| if answer.contains_key("code") { "code".to_owned() } else { panic!("{answer:?}") })
}

/// How much has happened, refused forms left out.
async fn happened(app: &TestApp) -> usize {
    app.log().await.iter().filter(|(name, _)| name != "security.csrf_rejected").count()
}

/// Each kind of page with a form, in a browser of its own: the form is ready to be sent.
async fn forms(app: &TestApp) -> Vec<(Browser, Form)> {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", PASSWORD).press("sign_in");
    let mut forms = vec![(browser, form)];

    let mut browser = Browser::new();
    let asking = app.authorize_url(ASKING, &[("scope", "openid car:drive")]);
    let page = app.sign_in(&mut browser, &asking, ALICE).await;
    forms.push((browser, page.form("consent-form").press("accept")));

    let mut browser = signed_in(app, ALICE).await;
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    forms.push((browser, page.form("accounts-form").press("other")));

    let mut browser = signed_in(app, ALICE).await;
    let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    forms.push((browser, page.form("logout-form").press("confirm")));
    for (browser, _) in &mut forms {
        // What the browser says of itself stays true on the error pages in between.
        browser.send_always("origin", &app.issuer);
    }
    forms
}

/// RFC 9700 §4.7: a form without the token of its flow, step and browser is refused and changes nothing; with it, it
/// goes through.
async fn sec_l01_a_form_without_its_own_token_is_refused(app: TestApp) {
    let mut forms = forms(&app).await;
    let tokens: Vec<String> = forms.iter().map(|(_, form)| form.field("csrf").unwrap().to_owned()).collect();
    for (index, (browser, form)) in forms.iter_mut().enumerate() {
        let before = happened(&app).await;
        let mut without = form.clone();
        without.fields.retain(|(name, _)| name != "csrf");
        let another = tokens[(index + 1) % tokens.len()].as_str();
        for bad in [without, form.clone().fill("csrf", ""), form.clone().fill("csrf", another), {
            let shortened = &tokens[index][1..];
            form.clone().fill("csrf", shortened)
        }] {
            let page = browser.submit(&bad).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{bad:?}");
        }
        // A flow of another browser has another token.
        let page = browser.submit(&form.clone().fill("flow_id", "flw0000000000000000")).await;
        assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"));
        assert_eq!(happened(&app).await, before, "something happened");
        let page = browser.submit(form).await;
        assert_ne!(page.status, 403, "{}", page.text());
        assert!(!page.body_contains("error-page"), "{}", page.text());
    }
    assert!(app.logged("security.csrf_rejected", None).await);
}

/// RFC 9700 §4.7, Fetch Metadata: a form that another site's page sends is refused, whatever it carries.
async fn sec_l01_a_form_sent_from_another_site_is_refused(app: TestApp) {
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        for (mut browser, form) in forms(&app).await {
            let before = happened(&app).await;
            browser.send_always(name, value);
            let page = browser.submit(&form).await;
            assert_eq!((page.status, error_code(&page)), (403, "csrf_rejected"), "{name}: {value}");
            assert_eq!(happened(&app).await, before);
        }
    }
}

/// RFC 9110 §9.2.1: GET is safe. What a form says is not believed in a URL.
async fn sec_l01_get_changes_nothing(app: TestApp) {
    for (mut browser, form) in forms(&app).await {
        let before = happened(&app).await;
        let (_, flow) = form.fields.iter().find(|(name, _)| name == "flow_id").unwrap().clone();
        let fields = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query: String =
            form_urlencoded::Serializer::new(format!("flow={flow}&")).extend_pairs(fields).finish();
        let page = browser.open(&format!("{}?{query}", app.url(&form.action))).await;
        assert!(page.status == 200 || page.status == 405, "{}", page.text());
        assert_eq!(happened(&app).await, before, "{}", form.action);
    }
}

/// RFC 9700 §4.7 (login CSRF): a link with somebody else's flow shows an error, and neither its page nor its form works
/// in another browser.
async fn sec_l02_somebody_elses_flow_is_an_error_page(app: TestApp) {
    let mut attacker = Browser::new();
    let page = attacker.open(&app.authorize_url(WEB, &[("state", "the-attackers")])).await;
    let form = page.form("login-form");
    let flow = form.field("flow_id").unwrap().to_owned();
    for mut victim in [Browser::new(), signed_in(&app, ALICE).await] {
        for path in ["/signin", "/consent", "/accounts"] {
            let shown = victim.open(&app.url(&format!("{path}?flow={flow}"))).await;
            assert_eq!((shown.status, error_code(&shown)), (400, "foreign_flow"), "{path}");
        }
        // Even with the attacker's token the form is not this browser's.
        victim.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
        let before = session_of(&app, &mut victim).await;
        victim.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
        let sent = form.clone().fill("identifier", BOB).fill("password", PASSWORD).press("sign_in");
        let shown = victim.submit(&sent).await;
        assert_eq!((shown.status, error_code(&shown)), (403, "csrf_rejected"));
        assert_eq!(session_of(&app, &mut victim).await, before);
    }
    // In the browser that began it, the flow still works.
    attacker.open(&app.url(&format!("/signin?flow={flow}"))).await;
    sign_in_on(&mut attacker, &page, BOB, PASSWORD).await;
    assert_eq!(answer(&attacker)["state"], "the-attackers");
}

/// OWASP ASVS 7.2.4: the cookie is new at sign-in, at re-authentication and when the user changes; a planted or an old
/// one opens nothing.
async fn sec_l03_the_session_cookie_changes_whenever_somebody_signs_in(app: TestApp) {
    let name = session_cookie(&app);
    let planted = "A".repeat(43);
    let mut browser = Browser::new();
    browser.open(&app.url("/")).await;
    browser.plant(&name, &planted);
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let first = session_of(&app, &mut browser).await.unwrap();
    let again = app.authorize_url(WEB, &[("prompt", "login")]);
    app.sign_in(&mut browser, &again, ALICE).await;
    let second = session_of(&app, &mut browser).await.unwrap();
    app.sign_in(&mut browser, &again, BOB).await;
    let third = session_of(&app, &mut browser).await.unwrap();
    let all = [&planted, &first, &second, &third];
    for (index, value) in all.iter().enumerate() {
        assert!(!all[..index].contains(value), "a cookie came again");
        let mut thief = Browser::new();
        thief.open(&app.url("/")).await;
        thief.plant(&name, value);
        let expected = if index == 3 { "code" } else { "login_required" };
        assert_eq!(silently(&app, &mut thief).await, expected, "cookie {index}");
    }
}

/// OWASP ASVS 7.4.1: after logout the old value opens nothing, and the next session has another one.
async fn sec_l03_a_session_cookie_is_dead_after_logout(app: TestApp) {
    let mut browser = signed_in(&app, ALICE).await;
    let old = session_of(&app, &mut browser).await.unwrap();
    let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    let page = browser.submit(&page.form("logout-form").press("confirm")).await;
    assert!(page.body_contains("signed-out-page"));
    assert_eq!(session_of(&app, &mut browser).await, None);
    browser.plant(&session_cookie(&app), &old);
    assert_eq!(silently(&app, &mut browser).await, "login_required");
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert_ne!(session_of(&app, &mut browser).await.unwrap(), old);
}

/// RFC 6265bis §4.1: on http the name carries the port, because the ports of a host share their cookies.
async fn sec_l04_on_http_cookies_are_named_by_port_and_unreadable_by_script(app: TestApp) {
    let mut browser = signed_in(&app, ALICE).await;
    let port = app.app.settings.port();
    for (bare, lives) in [("sid", None), ("dt", Some("31536000")), ("accounts", Some("31536000"))] {
        let cookie = cookie(&app, &mut browser, &format!("{bare}_{port}")).await.unwrap();
        assert_eq!(cookie.attribute("httponly"), Some(""));
        assert_eq!(cookie.attribute("path"), Some("/"));
        assert_eq!(cookie.attribute("samesite"), Some("Lax"));
        assert_eq!(cookie.attribute("domain"), None);
        assert_eq!(cookie.attribute("max-age"), lives);
        // 256 random bits in base64url, or a signed list.
        assert!(cookie.value.len() >= 43 && cookie.value.len() < 4096, "{bare}");
        assert!(browser.cookie(bare).is_none());
    }
}

fn on_https(settings: &mut Settings) {
    "https://id.example.com".clone_into(&mut settings.issuer);
    settings.same_site = SameSite::None;
}

/// RFC 6265bis §4.1.3.2, RFC 6797: on https every cookie is `__Host-` and `Secure`, a planted one of the bare name is
/// not looked at, and every answer asks for https.
async fn oidc_h4_on_https_cookies_are_host_bound_and_hsts_is_sent(app: TestApp) {
    let app = app.restart(Change { settings: Some(on_https), ..Change::default() }).await;
    let client = app.client();
    let send = async |method: Method, target: &str, jar: &BTreeMap<String, String>, form: &[(&str, &str)]| {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = target.trim_start_matches("https://id.example.com").to_owned();
        let request = client
            .request(method, &path)
            .header("host", "id.example.com")
            .header("origin", "https://id.example.com")
            .header("cookie", &cookies.join("; "));
        let response = if form.is_empty() { request.send().await } else { request.form(form).send().await };
        assert_eq!(response.header("strict-transport-security"), Some("max-age=31536000"), "{path}");
        response
    };
    let keep = |response: &Response, jar: &mut BTreeMap<String, String>| {
        for set in response.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.starts_with("__Host-"), "{set}");
            // Session Management 1.0 §3.2: the one cookie that script must read; it opens nothing.
            let hidden = if set.starts_with("__Host-bs=") { "" } else { " HttpOnly;" };
            assert!(set.ends_with(&format!("; Path=/;{hidden} Secure; SameSite=None")), "{set}");
            let (name, rest) = set.split_once('=').unwrap();
            jar.insert(name.to_owned(), rest.split_once(';').unwrap().0.to_owned());
        }
    };
    let mut jar = BTreeMap::new();
    let url = app.authorize_url(WEB, &[]);
    let query = url.split_once("/oauth2").unwrap().1;
    let target = format!("/oauth2{query}");
    let redirect = send(Method::GET, &target, &jar, &[]).await;
    keep(&redirect, &mut jar);
    let page = send(Method::GET, redirect.header("location").unwrap(), &jar, &[]).await;
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", PASSWORD).press("sign_in");
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let done = send(Method::POST, &form.action, &jar, &fields).await;
    assert_eq!(done.status, 303, "{}", done.text());
    keep(&done, &mut jar);
    assert_eq!(jar.keys().collect::<Vec<_>>(), ["__Host-accounts", "__Host-bs", "__Host-dt", "__Host-sid"]);
    let silent = format!("{target}&prompt=none");
    let ours = send(Method::GET, &silent, &jar, &[]).await;
    assert!(ours.header("location").unwrap().contains("code="));
    let bare = jar.iter().map(|(name, value)| (name.replace("__Host-", ""), value.clone())).collect();
    let planted = send(Method::GET, &silent, &bare, &[]).await;
    assert!(planted.header("location").unwrap().contains("error=login_required"));
    // Also where no page is: documents, errors, JSON.
    for path in ["/oauth2/v1/keys", "/nothing", "/oauth2/v1/nothing"] {
        send(Method::GET, path, &jar, &[]).await;
    }
    send(Method::POST, "/oauth2/v1/token", &jar, &[("grant_type", "none")]).await;
}

/// RFC 6749 §3.1: the endpoint takes POST from other sites, which come without `Lax` cookies. If it gave such a request
/// new ones, any site could make the browser forget its flows and that its user knows it.
async fn sec_l04_a_refused_post_from_another_site_leaves_the_browsers_cookies_alone(app: TestApp) {
    for path in ["/oauth2/default/v1/authorize", "/oauth2/nowhere/v1/authorize"] {
        let refused = app
            .client()
            .request(Method::POST, path)
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .body("text/plain", "client_id=web")
            .send()
            .await;
        assert!(refused.status == 400 || refused.status == 404, "{}", refused.text());
        assert!(refused.body_contains("error-page"));
        assert_eq!(refused.header("set-cookie"), None, "{path}");
    }
}

/// The directives of a page's Content-Security-Policy.
fn policy(page: &Response) -> BTreeMap<String, String> {
    let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{}", page.url));
    policy
        .split(';')
        .map(|directive| {
            let (name, value) = directive.trim().split_once(' ').unwrap();
            (name.to_owned(), value.trim().to_owned())
        })
        .collect()
}

/// What every page has to say; returns its nonce.
fn assert_page(page: &Response, referrer: &str) -> String {
    let at = page.url.path();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{at}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{at}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{at}");
    assert_eq!(page.header("cross-origin-opener-policy"), Some("unsafe-none"), "{at}");
    assert_eq!(page.header("referrer-policy"), Some(referrer), "{at}");
    assert_eq!(page.header("strict-transport-security"), None, "never on localhost");
    assert!(page.header("x-okta-request-id").unwrap().starts_with("req"), "{at}");
    let policy = policy(page);
    assert_eq!(policy["default-src"], "'none'", "{at}");
    assert_eq!(policy["base-uri"], "'none'", "{at}");
    let nonce = policy["script-src"].strip_prefix("'nonce-").unwrap().strip_suffix('\'').unwrap().to_owned();
    assert!(nonce.len() >= 22, "{at}");
    assert_eq!(policy["style-src"], format!("'self' 'nonce-{nonce}'"));
    assert!(!page.header("content-security-policy").unwrap().contains("unsafe"), "{at}");
    for tag in page.text().split("<script").skip(1) {
        let tag = tag.split_once('>').unwrap().0;
        // A block of data is no script.
        let allowed = [&format!("nonce=\"{nonce}\""), "src=\"/assets/", "type=\"application/json\""];
        assert!(allowed.iter().any(|it| tag.contains(it)), "{at}: {tag}");
    }
    for inline in [" style=\"", " onclick=", " onload=", " onsubmit=", "javascript:"] {
        assert!(!page.body_contains(inline), "{at}: {inline}");
    }
    nonce
}

fn develop(settings: &mut Settings) {
    settings.dev = true;
    settings.playground_client = Some(stepgate::id::ClientId::new(SPA));
}

/// CSP Level 3, OWASP ASVS 3.4: every page has a nonce policy without inline script, is framed by nobody and kept by
/// nobody; a form leads to ourselves and to the scheme of the validated redirect URI, a posted answer to its origin.
async fn sec_l05_every_page_carries_a_strict_policy(app: TestApp) {
    let app = app.restart(Change { settings: Some(develop), ..Change::default() }).await;
    let mut nonces = Vec::new();
    let mut browser = Browser::new();
    let with_target = "'self' https:";

    let login = browser.open(&app.authorize_url(WEB, &[])).await;
    let wrong = sign_in_on(&mut browser, &login, ALICE, "wrong").await;
    browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:drive")])).await;
    let consent =
        app.sign_in(&mut browser, &app.authorize_url(ASKING, &[("scope", "openid car:drive")]), ALICE).await;
    assert!(consent.body_contains("consent-page"));
    let accounts = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    for page in [&login, &wrong, &consent, &accounts] {
        nonces.push(assert_page(page, "same-origin"));
        assert_eq!(policy(page)["form-action"], with_target);
        assert_eq!(policy(page)["frame-ancestors"], "'none'");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
    }

    let home = browser.open(&app.url("/")).await;
    let playground = browser.open(&app.url("/playground")).await;
    let logout = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    let signed_out = browser.submit(&logout.form("logout-form").press("confirm")).await;
    assert!(signed_out.body_contains("signed-out-page"));
    for page in [&home, &playground, &logout, &signed_out] {
        nonces.push(assert_page(page, "same-origin"));
        assert_eq!(policy(page)["form-action"], "'self'");
        assert_eq!(policy(page)["frame-ancestors"], "'none'");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
    }

    let unknown_client = browser.open(&app.authorize_url("nobody", &[])).await;
    let bad_uri = browser.open(&app.authorize_url(WEB, &[("redirect_uri", "https://evil.example/cb")])).await;
    let no_flow = browser.open(&app.url("/signin?flow=flw1")).await;
    let no_server = browser.open(&app.url("/oauth2/nowhere/v1/authorize")).await;
    let not_found = browser.open(&app.url("/nothing/here")).await;
    let wrong_method = app.client().request(Method::DELETE, "/signin").send().await;
    let csrf = app.client().post_form("/signin", &[("flow_id", "x")]).await;
    let statuses = [400, 400, 400, 404, 404, 405, 403];
    for (page, status) in [&unknown_client, &bad_uri, &no_flow, &no_server, &not_found, &wrong_method, &csrf]
        .into_iter()
        .zip(statuses)
    {
        assert_eq!(page.status, status, "{}", page.text());
        assert!(page.body_contains("id=\"error-code\""));
        nonces.push(assert_page(page, "no-referrer"));
        assert_eq!(policy(page)["form-action"], "'none'");
        assert_eq!(policy(page)["frame-ancestors"], "'none'");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("location"), None);
    }

    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let form_post = browser.open(&app.authorize_url(WEB, &[("response_mode", "form_post")])).await;
    nonces.push(assert_page(&form_post, "origin"));
    assert_eq!(policy(&form_post)["form-action"], "https://app.example.com");
    assert_eq!(policy(&form_post)["frame-ancestors"], "'none'");
    let message = browser.open(&app.authorize_url(WEB, &[("response_mode", "okta_post_message")])).await;
    nonces.push(assert_page(&message, "no-referrer"));
    assert_eq!(policy(&message)["form-action"], "'none'");
    // The client's page embeds this one: it, and nobody else.
    assert_eq!(policy(&message)["frame-ancestors"], "https://app.example.com");
    assert_eq!(message.header("x-frame-options"), None);

    let count = nonces.len();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), count, "a nonce came again");
}

/// OWASP ASVS 16.5.1: our own fault tells nothing but an id, in the format of the surface, with the same headers.
async fn sec_l05_faults_have_pages_and_documents_of_their_own(app: TestApp) {
    let mut known = signed_in(&app, ALICE).await;
    let app = app.restart(Change::default()).await;
    known.open(&app.url("/")).await;
    known.plant(&session_cookie(&app), &"A".repeat(43));
    app.app.db.clone().close().await;
    let mut stranger = Browser::new();
    for browser in [&mut stranger, &mut known] {
        let page = browser.open(&app.authorize_url(WEB, &[])).await;
        assert_eq!((page.status, error_code(&page)), (503, "server_error"));
        assert_page(&page, "no-referrer");
        assert!(page.body_contains("id=\"error-id\""));
        for inside in ["sqlite", "sqlx", "pool", "SELECT", "panicked"] {
            assert!(!page.body_contains(inside), "{}", page.text());
        }
    }
    let token = app.token(WEB, &[("grant_type", "client_credentials")]).await;
    assert_eq!((token.status, token.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert_eq!(token.header("cache-control"), Some("no-store"));
    assert_eq!(token.header("x-content-type-options"), Some("nosniff"));
    assert!(token.header("x-okta-request-id").is_some());
}

async fn with_origin(app: &TestApp, method: Method, path: &str, origin: &str) -> Response {
    app.client().request(method, path).header("origin", origin).send().await
}

fn assert_no_cors(response: &Response) {
    for (name, _) in &response.headers {
        assert!(!name.as_str().starts_with("access-control-"), "{}: {name}", response.url);
    }
}

/// Fetch §3.2: documents are public, without credentials; pages and authorize are for no other origin.
async fn sec_l06_documents_are_for_any_origin_and_pages_for_none(app: TestApp) {
    let registered = "https://app.example.com";
    for origin in ["https://anybody.example", registered, "null"] {
        for path in [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/oauth2/default/.well-known/openid-configuration",
            "/oauth2/default/.well-known/oauth-authorization-server",
            "/oauth2/default/v1/keys",
            "/oauth2/v1/keys",
            "/v1/keys",
        ] {
            let document = with_origin(&app, Method::GET, path, origin).await;
            assert_eq!(document.status, 200, "{path}");
            assert_eq!(document.header("access-control-allow-origin"), Some("*"), "{path}");
            assert_eq!(document.header("access-control-allow-credentials"), None, "{path}");
        }
        for path in [
            "/oauth2/default/v1/authorize?client_id=web",
            "/oauth2/default/v1/logout",
            "/signin",
            "/consent",
            "/accounts",
            "/",
            "/nothing",
            "/oauth2/nothing",
        ] {
            assert_no_cors(&with_origin(&app, Method::GET, path, origin).await);
            let preflight = app
                .client()
                .request(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .send()
                .await;
            assert_no_cors(&preflight);
        }
    }
}

const ELSEWHERE: &str = "elsewhere";

/// Two more clients' worth of origins: another redirect URI, and trusted origins with and without `CORS`.
async fn more_origins(app: &TestApp) {
    let metadata = json!({
        "application_type": "browser",
        "redirect_uris": ["https://elsewhere.example.com/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    fixtures::client(&app.app, ELSEWHERE, metadata, None).await;
    let tx = app.app.db.begin_write().await.unwrap();
    for (name, scopes, status) in [
        ("trusted", vec!["CORS"], Status::Active),
        ("redirect-only", vec!["REDIRECT"], Status::Active),
        ("switched-off", vec!["CORS"], Status::Inactive),
    ] {
        let origin = TrustedOrigin {
            id: TrustedOriginId::generate(app.app.random.as_ref()),
            name: name.to_owned(),
            origin: format!("https://{name}.example.com"),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            status,
        };
        store::trusted_origin::upsert(&tx, &origin).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// Fetch §3.2: an answer about a client is for the origins of that client's redirect URIs and for trusted origins,
/// without credentials.
async fn sec_l06_endpoints_are_for_the_origins_of_the_client(app: TestApp) {
    more_origins(&app).await;
    let mut browser = Browser::new();
    for (origin, readable) in [
        ("https://app.example.com", true),
        ("https://trusted.example.com", true),
        ("https://elsewhere.example.com", false),
        ("https://redirect-only.example.com", false),
        ("https://switched-off.example.com", false),
        ("https://evil.example", false),
        ("https://app.example.com.evil.example", false),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("https://APP.example.com", false),
        ("null", false),
    ] {
        let code = app.code_in(&mut browser, "default", SPA, &[], ALICE).await;
        let response = app
            .client()
            .request(Method::POST, "/oauth2/default/v1/token")
            .header("origin", origin)
            .form(&public_code_form(SPA, &code))
            .send()
            .await;
        let allowed = response.header("access-control-allow-origin");
        assert_eq!(allowed, readable.then_some(origin), "{origin}: {}", response.text());
        assert_eq!(response.header("access-control-allow-credentials"), None);
        assert_eq!(response.header("vary"), Some("Origin"), "{origin}");
        assert_eq!(response.status == 200, readable, "{origin}: {}", response.text());
        if readable {
            let exposed = response.header("access-control-expose-headers").unwrap();
            for name in
                ["www-authenticate", "x-okta-request-id", "x-rate-limit-remaining", "dpop-nonce", "date"]
            {
                assert!(exposed.contains(name), "{exposed}");
            }
        }
    }
    // Without an origin nothing is said, but caches learn that it matters.
    let response = app.token(WEB, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await;
    assert_no_cors(&response);
    assert_eq!(response.header("vary"), Some("Origin"));
}

/// Whoever may call may also read why it was refused.
async fn sec_l06_errors_are_for_the_origins_of_the_client(app: TestApp) {
    for path in ["par", "introspect", "revoke", "device/authorize"] {
        for (origin, readable) in [("https://app.example.com", true), ("https://evil.example", false)] {
            let path = format!("/oauth2/default/v1/{path}");
            let asked = app.client().request(Method::POST, &path).header("origin", origin);
            // What is asked for is missing, or not for this client.
            let refused = asked.form(&[("client_id", SPA)]).send().await;
            assert_eq!(refused.status, 400, "{path}: {}", refused.text());
            let allowed = refused.header("access-control-allow-origin");
            assert_eq!(allowed, readable.then_some(origin), "{path}");
        }
    }
}

/// Fetch §3.2.2: the lists of a preflight are exact, and it says nothing to strangers.
async fn sec_l06_preflights_list_exactly_what_is_allowed(app: TestApp) {
    let preflight = async |path: &str, origin: &str| {
        app.client()
            .request(Method::OPTIONS, path)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,x-evil")
            .send()
            .await
    };
    for name in ["token", "userinfo", "revoke", "introspect"] {
        for base in ["/oauth2/default/v1", "/oauth2/v1"] {
            let path = format!("{base}/{name}");
            let allowed = preflight(&path, "https://app.example.com").await;
            assert_eq!(allowed.status, 204, "{path}");
            assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.com"));
            assert_eq!(allowed.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
            assert_eq!(
                allowed.header("access-control-allow-headers"),
                Some(
                    "authorization, content-type, accept, accept-language, dpop, x-okta-user-agent-extended, \
                     x-device-fingerprint"
                )
            );
            assert_eq!(allowed.header("access-control-allow-credentials"), None);
            assert_eq!(allowed.header("vary"), Some("Origin"));
            for stranger in ["https://evil.example", "null", "https://app.example.com/", "*"] {
                let refused = preflight(&path, stranger).await;
                assert_eq!(refused.status, 204, "unknown origins get no headers, not an error");
                assert_no_cors(&refused);
            }
        }
    }
}

/// An `Origin` that no browser would send harms nobody.
async fn sec_l06_strange_origins_get_no_headers_and_no_error(app: TestApp) {
    let long = format!("https://{}.example", "a".repeat(4000));
    let code = app.code(SPA, "openid", ALICE).await;
    let tokens =
        app.client().post_form("/oauth2/default/v1/token", &public_code_form(SPA, &code)).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    for origin in ["ü", "https://ü.example", "", "file://", "https://a b", long.as_str()] {
        let response = app
            .client()
            .request(Method::GET, "/oauth2/default/v1/userinfo")
            .header("origin", origin)
            .bearer(token)
            .send()
            .await;
        assert_eq!(response.status, 200, "{origin}");
        assert_no_cors(&response);
    }
}

/// RFC 6749 §5.1, RFC 9700 §4.2.4: what carries a token, a code or a person's data is kept by nobody.
async fn sec_l07_answers_with_secrets_are_not_stored(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    let refused = app.redeem(WEB, "nonsense").await;
    let introspect = app
        .client()
        .request(Method::POST, "/oauth2/default/v1/introspect")
        .basic(WEB, SECRET)
        .form(&[("token", access_token)])
        .send()
        .await;
    let userinfo = app.userinfo(access_token).await;
    let no_token = app.client().get("/oauth2/default/v1/userinfo").await;
    assert_eq!(
        [refreshed.status, refused.status, introspect.status, userinfo.status, no_token.status],
        [200, 400, 200, 200, 401]
    );
    let mut browser = Browser::new().stay();
    let to_login = browser.open(&app.authorize_url(WEB, &[])).await;
    let login = browser.open(to_login.location().unwrap().as_str()).await;
    let code = sign_in_on(&mut browser, &login, ALICE, PASSWORD).await;
    assert!(code.location().unwrap().as_str().contains("code="));
    assert_eq!(code.status, 303, "after a form, GET follows");
    let again = browser.open(&app.authorize_url(WEB, &[])).await;
    assert!(again.location().unwrap().as_str().contains("code="));
    let error =
        browser.open(&app.authorize_url(WEB, &[("scope", "openid"), ("response_type", "nonsense")])).await;
    for redirect in [&code, &again, &error] {
        assert_eq!(redirect.header("referrer-policy"), Some("no-referrer"));
    }
    for response in
        [&refreshed, &refused, &introspect, &userinfo, &no_token, &to_login, &login, &code, &again, &error]
    {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{}", response.url);
    }
}

/// RFC 9111: documents may be kept for a while and asked for again, assets for ever.
async fn sec_l07_documents_and_assets_are_cacheable(app: TestApp) {
    for path in ["/.well-known/openid-configuration", "/oauth2/default/v1/keys", "/v1/keys"] {
        let document = app.client().get(path).await;
        let caching = document.header("cache-control").unwrap();
        let max_age: u32 = caching
            .split(',')
            .find_map(|directive| directive.trim().strip_prefix("max-age="))
            .unwrap_or_else(|| panic!("{path}: {caching}"))
            .parse()
            .unwrap();
        // Never longer than keys overlap: a key is published a day before it signs.
        assert!((1..=86_400).contains(&max_age), "{path}");
        let etag = document.header("etag").unwrap();
        let again = app.client().request(Method::GET, path).header("if-none-match", etag).send().await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    let page = app.client().get("/nothing").await;
    let (_, rest) = page.text().split_once("/assets/").unwrap();
    let asset = app.client().get(&format!("/assets/{}", rest.split_once('"').unwrap().0)).await;
    assert_eq!(asset.status, 200);
    assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(asset.header("cross-origin-resource-policy"), Some("same-origin"));
    for path in ["/assets/nothing.css", "/assets/..%2f..%2fetc%2fpasswd", "/assets/%00"] {
        assert_eq!(app.client().get(path).await.status, 404, "{path}");
    }
}

/// RFC 6749 §3.3, §10.2: what was asked for is frozen; the form can leave optional scopes out and add nothing.
async fn sec_l09_a_consent_form_cannot_widen_what_was_asked_for(app: TestApp) {
    let mut browser = Browser::new();
    let url = app.authorize_url(ASKING, &[("scope", "openid car:drive car:paint")]);
    let page = app.sign_in(&mut browser, &url, ALICE).await;
    let mut form = page.form("consent-form").press("accept");
    form.fields.retain(|(name, _)| name != "scope");
    for scope in ["car:sell", "offline_access", "profile", "openid", "*"] {
        form = form.smuggle("scope", scope);
    }
    form = form.smuggle("client_id", WEB).smuggle("redirect_uri", "https://evil.example/cb");
    browser.submit(&form).await;
    assert_eq!(browser.url().host_str(), Some("app.example.com"));
    let tokens = app.redeem(ASKING, &answer(&browser)["code"]).await.json();
    // The required scope stays, the optional one was left out, nothing came on top.
    assert_eq!(tokens["scope"], "openid car:drive");
    assert!(tokens["refresh_token"].is_null());
    // What was remembered is what was agreed to: the next request for more asks again.
    let page = browser.open(&app.authorize_url(ASKING, &[("scope", "openid car:drive car:sell")])).await;
    assert!(page.body_contains("consent-page"));
}

/// RFC 6749 §10.2: a consent counts once, from the browser and for the user it was shown to.
async fn sec_l09_a_consent_is_given_once_and_by_its_own_browser(app: TestApp) {
    let url = app.authorize_url(ASKING, &[("scope", "openid car:drive")]);
    let mut alice = Browser::new();
    let page = app.sign_in(&mut alice, &url, ALICE).await;
    let form = page.form("consent-form").press("accept");
    let mut bob = signed_in(&app, BOB).await;
    let shown = bob.open(page.url.as_str()).await;
    assert_eq!((shown.status, error_code(&shown)), (400, "foreign_flow"));
    bob.send_always("origin", &app.issuer);
    let shown = bob.submit(&form).await;
    assert_eq!((shown.status, error_code(&shown)), (403, "csrf_rejected"));
    alice.submit(&form).await;
    assert!(answer(&alice).contains_key("code"));
    let shown = alice.submit(&form).await;
    assert_eq!((shown.status, error_code(&shown)), (400, "expired_flow"));
    let log = app.log().await;
    let count = |name: &str| log.iter().filter(|(known, _)| known == name).count();
    assert_eq!(count("app.oauth2.as.consent.grant"), 1);
    // Alice's first sign-in and Bob's made one code each.
    assert_eq!(count("app.oauth2.as.authorize.code"), 2);
}

/// Core §3.1.2: requests of two tabs are two flows; each answer goes to the client that asked in that tab.
async fn sec_l10_finishing_one_tab_never_completes_another(app: TestApp) {
    let mut browser = Browser::new();
    let first = browser.open(&app.authorize_url(WEB, &[("state", "one")])).await;
    let second = browser.open(&app.authorize_url(OTHER, &[("state", "two")])).await;
    let flow = |page: &Response| page.form("login-form").field("flow_id").unwrap().to_owned();
    assert_ne!(flow(&first), flow(&second));
    sign_in_on(&mut browser, &first, ALICE, PASSWORD).await;
    let one = answer(&browser);
    assert_eq!(one["state"], "one");
    let codes = app.log().await.iter().filter(|(name, _)| name == "app.oauth2.as.authorize.code").count();
    assert_eq!(codes, 1, "only the first tab is answered");
    // The code is the first client's alone.
    assert_eq!(app.redeem(OTHER, &one["code"]).await.json()["error"], "invalid_grant");
    let still = browser.open(&app.url(&format!("/signin?flow={}", flow(&second)))).await;
    assert!(still.body_contains("login-page"));
    sign_in_on(&mut browser, &still, BOB, PASSWORD).await;
    let two = answer(&browser);
    assert_eq!(two["state"], "two");
    let tokens = app.redeem(OTHER, &two["code"]).await.json();
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["sub"], BOB);
}

/// Core §3.1.2.1, §3.1.2.6: a cancelled re-authentication is `access_denied`, and the session is as old as it was.
async fn sec_l10_cancelling_a_forced_sign_in_does_not_freshen_the_session(app: TestApp) {
    let mut browser = signed_in(&app, ALICE).await;
    app.clock.advance(100);
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    let form = page.form("login-form").press("cancel");
    browser.submit(&form).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
    assert_eq!(answer(&browser)["state"], "a-state");
    let again = browser.submit(&form).await;
    assert_eq!(error_code(&again), "expired_flow", "a cancelled flow is over");
    browser.open(&app.authorize_url(WEB, &[("prompt", "none"), ("max_age", "50")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    assert_eq!(silently(&app, &mut browser).await, "code");
}

/// RFC 6749 §3.1: a POSTed request becomes a GET, with which a browser sends a `SameSite=Lax` session; the ticket in
/// between is good once.
async fn a_posted_authorization_request_sees_a_lax_session(app: TestApp) {
    let mut browser = signed_in(&app, ALICE).await;
    let fields = [
        ("client_id", WEB),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "posted"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    // From another site, so without the session's cookie.
    let post = app
        .client()
        .request(Method::POST, "/oauth2/default/v1/authorize")
        .header("origin", "https://app.example.com")
        .header("sec-fetch-site", "cross-site")
        .form(&fields)
        .send()
        .await;
    assert_eq!(post.status, 303, "{}", post.text());
    assert_eq!(post.header("cache-control"), Some("no-store"));
    let ticket = post.location().unwrap();
    assert!(!ticket.as_str().contains("state"), "the request does not travel in the URL: {ticket}");
    browser.open(ticket.as_str()).await;
    assert_eq!(answer(&browser)["state"], "posted");
    assert!(answer(&browser).contains_key("code"));
    let again = browser.open(ticket.as_str()).await;
    assert_eq!((again.status, error_code(&again)), (400, "expired_flow"));
    let (id, _) = ticket.query().unwrap().split_once('.').unwrap();
    let guessed =
        browser.open(&app.url(&format!("/oauth2/default/v1/authorize?{id}.{}", "A".repeat(43)))).await;
    assert_eq!((guessed.status, error_code(&guessed)), (400, "expired_flow"));
    // A query beside the form is refused: which of the two would count?
    let mixed = app.client().post_form("/oauth2/default/v1/authorize?client_id=web", &fields).await;
    assert_eq!((mixed.status, error_code(&mixed)), (400, "invalid_request"));
}
