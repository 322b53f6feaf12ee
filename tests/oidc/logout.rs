//! RP-Initiated Logout 1.0: whose session ends, who is asked first, and where the browser goes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use url::Url;

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, OTHER, POST_LOGOUT_REDIRECT_URI, WEB},
    http::{Browser, Response},
    op::{answer, claims},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: oidc_l1_a_valid_hint_ends_the_session_and_returns_to_the_client, sec_u05_after_logout_nothing_opens;
        sqlite:
            oidc_l1_by_post_the_answer_is_303,
            oidc_l1_an_expired_hint_is_accepted,
            oidc_l1_a_fitting_client_id_is_accepted,
            sec_u02_state_is_returned_byte_for_byte_and_only_when_sent,
            oidc_l2_an_unregistered_uri_is_never_gone_to,
            oidc_l2_without_a_valid_hint_there_is_no_redirect,
            oidc_l2_a_client_id_that_contradicts_the_hint_is_refused,
            oidc_l3_without_parameters_the_user_is_asked,
            oidc_l3_a_hint_alone_ends_the_session,
            oidc_l3_without_a_session_there_is_nothing_to_end,
            sec_u01_a_confirmation_can_be_declined,
            sec_u01_a_forged_confirmation_is_refused,
            sec_u03_a_hint_about_somebody_else_is_confirmed,
            sec_u05_offline_access_outlives_the_session,
            sec_u05_pages_are_not_kept,
            unknown_servers_and_unreadable_requests_get_a_page,
    ]
}

/// A browser in which Alice signed in, and the tokens she got.
async fn signed_in(app: &TestApp, scope: &str) -> (Browser, Value) {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[("scope", scope)], ALICE).await;
    let response = app.redeem(WEB, &code).await;
    assert_eq!(response.status, 200, "{}", response.text());
    (browser, response.json())
}

fn logout_url(app: &TestApp, parameters: &[(&str, &str)]) -> String {
    let mut url = Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

/// Whether the browser gets a code without anybody signing in.
async fn has_session(app: &TestApp, browser: &mut Browser) -> bool {
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    let answer = answer(browser);
    match answer.get("error") {
        Some(error) => assert_eq!(error, "login_required"),
        None => assert!(answer.contains_key("code"), "{answer:?}"),
    }
    answer.contains_key("code")
}

fn is_page(response: &Response, id: &str) -> bool {
    response.body_contains(&format!("id=\"{id}\""))
}

fn hint(tokens: &Value) -> &str {
    tokens["id_token"].as_str().unwrap()
}

/// §2, §3: session ended, the browser at the registered URI, nothing but `state` added.
async fn oidc_l1_a_valid_hint_ends_the_session_and_returns_to_the_client(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let parameters = [
        ("id_token_hint", hint(&tokens)),
        ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
        ("state", "x y&z"),
    ];
    let response = browser.open(&logout_url(&app, &parameters)).await;
    assert_eq!(response.status, 302, "{}", response.words());
    let location = response.location().unwrap();
    assert_eq!(location.as_str().split('?').next(), Some(POST_LOGOUT_REDIRECT_URI));
    let added: Vec<(String, String)> = location.query_pairs().into_owned().collect();
    assert_eq!(added, [("state".to_owned(), "x y&z".to_owned())]);
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(!has_session(&app, &mut browser).await);
    assert!(app.logged("user.session.end", None).await);
}

/// §2: POST as well; RFC 9700 §4.12: answered by 303, so that the form is not sent on.
async fn oidc_l1_by_post_the_answer_is_303(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    has_session(&app, &mut browser).await;
    let sid = cookie(&app, &mut browser).await;
    let form = [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
    let request = app.client().request(Method::POST, "/oauth2/default/v1/logout").header("cookie", &sid);
    let response = request.form(&form).send().await;
    assert_eq!(response.status, 303, "{}", response.words());
    assert_eq!(response.header("location"), Some(POST_LOGOUT_REDIRECT_URI));
    assert!(!has_session(&app, &mut browser).await);
}

/// The session cookie as a header.
async fn cookie(app: &TestApp, browser: &mut Browser) -> String {
    browser.open(&app.url("/")).await;
    let name = format!("sid_{}", app.app.settings.port());
    format!("{name}={}", browser.cookie(&name).expect("a session cookie").value)
}

/// §2: an expired ID token is still proof of who asks.
async fn oidc_l1_an_expired_hint_is_accepted(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    app.clock.advance(3601);
    assert!(claims(hint(&tokens))["exp"].as_i64().unwrap() < app.app.now().unix_timestamp());
    let parameters =
        [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
    browser.open(&logout_url(&app, &parameters)).await;
    assert_eq!(browser.url().as_str(), POST_LOGOUT_REDIRECT_URI);
    assert!(!has_session(&app, &mut browser).await);
}

/// §2: `client_id` together with a hint must name the client that the hint was issued to.
async fn oidc_l1_a_fitting_client_id_is_accepted(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let parameters = [
        ("id_token_hint", hint(&tokens)),
        ("client_id", WEB),
        ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
        ("logout_hint", ALICE),
        ("ui_locales", "de fr"),
        ("unknown", "ignored"),
    ];
    browser.open(&logout_url(&app, &parameters)).await;
    assert_eq!(browser.url().as_str(), POST_LOGOUT_REDIRECT_URI);
}

/// §3: `state` is opaque; without one nothing is added.
async fn sec_u02_state_is_returned_byte_for_byte_and_only_when_sent(app: TestApp) {
    let long = "s".repeat(1024);
    for state in [Some("ä=&#+%20\"<>"), Some(long.as_str()), None] {
        let (mut browser, tokens) = signed_in(&app, "openid").await;
        let mut parameters =
            vec![("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
        parameters.extend(state.map(|state| ("state", state)));
        browser.open(&logout_url(&app, &parameters)).await;
        assert_eq!(answer(&browser).get("state").map(String::as_str), state);
        assert_eq!(browser.url().query().is_some(), state.is_some());
    }
}

/// §3: the URI must equal a registered one; the request is then refused whole, and the session lives on.
async fn oidc_l2_an_unregistered_uri_is_never_gone_to(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    for uri in [
        "https://evil.example/goodbye",
        "https://app.example.com/goodbye?added=1",
        "https://app.example.com/goodbye/",
        "https://app.example.com/goodbye#f",
        "https://app.example.com/Goodbye",
        "https://app.example.com:443/goodbye",
        "http://app.example.com/goodbye",
        "https://app.example.com@evil.example/goodbye",
        "javascript:alert(1)",
        "//evil.example",
        // A redirect URI is not a post-logout redirect URI.
        crate::support::fixtures::REDIRECT_URI,
    ] {
        let parameters =
            [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", uri), ("state", "s")];
        let response = browser.open(&logout_url(&app, &parameters)).await;
        assert_eq!((response.status, is_page(&response, "error-page")), (400, true), "{uri}");
        assert!(response.words().contains("invalid_post_logout_redirect_uri"), "{uri}");
        assert!(has_session(&app, &mut browser).await, "{uri}");
    }
}

/// §2, §3: without proof of who asks the user is asked, and no URI is gone to even if it is registered.
async fn oidc_l2_without_a_valid_hint_there_is_no_redirect(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let valid = claims(hint(&tokens));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let foreign = SigningKey::generate(Algorithm::Rs256).unwrap();
    let kid =
        keys::parse(hint(&tokens), &keys::Limits::default()).unwrap().header().kid().unwrap().to_owned();
    let server = app.app.server("default").await.unwrap().unwrap();
    let ours = server.access_token_signer().unwrap();
    let changed = |name: &str, value: &str| {
        let mut claims = valid.clone();
        claims[name] = json!(value);
        claims
    };
    let signature = hint(&tokens).rsplit_once('.').unwrap().1;
    let cases = [
        ("none", String::new()),
        ("not a token", "abc".to_owned()),
        ("alg none", format!("{}.{}.", encode(&json!({"alg": "none", "kid": kid})), encode(&valid))),
        ("a foreign key", foreign.sign_jwt(None, &valid).unwrap()),
        (
            "altered claims",
            format!(
                "{}.{}.{signature}",
                encode(&json!({"alg": "RS256", "kid": kid})),
                encode(&changed("sub", "x"))
            ),
        ),
        ("another issuer", ours.sign_jwt(None, &changed("iss", "https://evil.example")).unwrap()),
        ("an access token", tokens["access_token"].as_str().unwrap().to_owned()),
        ("another kind of token", ours.sign_jwt(Some("at+jwt"), &valid).unwrap()),
    ];
    for (what, token) in cases {
        let parameters = [
            ("id_token_hint", token.as_str()),
            ("client_id", WEB),
            ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
            ("state", "s"),
        ];
        let page = browser.open(&logout_url(&app, &parameters)).await;
        assert_eq!((page.status, is_page(&page, "logout-page")), (200, true), "{what}: {}", page.words());
        assert!(has_session(&app, &mut browser).await, "{what}");
    }
    // Whose audience is no client of ours, that hint leads nowhere either.
    let unknown = ours.sign_jwt(None, &changed("aud", "nobody")).unwrap();
    let parameters =
        [("id_token_hint", unknown.as_str()), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
    browser.open(&logout_url(&app, &parameters)).await;
    assert_eq!(browser.url().origin().ascii_serialization(), app.issuer);
    // Not even after the user agreed.
    let (mut browser, _) = signed_in(&app, "openid").await;
    let parameters = [("client_id", WEB), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
    let page = browser.open(&logout_url(&app, &parameters)).await;
    let done = browser.submit(&page.form("logout-form").press("confirm")).await;
    assert_eq!((done.status, is_page(&done, "signed-out-page")), (200, true), "{}", done.words());
    assert!(!has_session(&app, &mut browser).await);
}

/// §2: a mismatch is an error; nothing ends.
async fn oidc_l2_a_client_id_that_contradicts_the_hint_is_refused(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    for client in [OTHER, "nobody"] {
        let parameters = [
            ("id_token_hint", hint(&tokens)),
            ("client_id", client),
            ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
        ];
        let response = browser.open(&logout_url(&app, &parameters)).await;
        assert_eq!((response.status, is_page(&response, "error-page")), (400, true), "{client}");
        assert!(has_session(&app, &mut browser).await, "{client}");
    }
}

/// §2: "the OP MUST ask the End-User"; then there is a page that says so, and no redirect.
async fn oidc_l3_without_parameters_the_user_is_asked(app: TestApp) {
    for parameters in [vec![], vec![("state", "s")], vec![("client_id", WEB)]] {
        let (mut browser, _) = signed_in(&app, "openid").await;
        let page = browser.open(&logout_url(&app, &parameters)).await;
        assert_eq!((page.status, is_page(&page, "logout-page")), (200, true), "{}", page.words());
        assert!(page.words().contains(ALICE));
        assert!(is_page(&page, "logout-confirm") && is_page(&page, "logout-cancel"));
        let done = browser.submit(&page.form("logout-form").press("confirm")).await;
        assert_eq!((done.status, is_page(&done, "signed-out-page")), (200, true), "{}", done.words());
        assert_eq!(browser.url().origin().ascii_serialization(), app.issuer);
        assert!(!has_session(&app, &mut browser).await);
    }
}

/// §2: proof of who asks, but nowhere to go.
async fn oidc_l3_a_hint_alone_ends_the_session(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let done = browser.open(&logout_url(&app, &[("id_token_hint", hint(&tokens)), ("state", "s")])).await;
    assert_eq!((done.status, is_page(&done, "signed-out-page")), (200, true), "{}", done.words());
    assert!(!has_session(&app, &mut browser).await);
}

/// §2: a browser without a session is signed out already; with a valid hint it still returns to the client.
async fn oidc_l3_without_a_session_there_is_nothing_to_end(app: TestApp) {
    let (_, tokens) = signed_in(&app, "openid").await;
    let mut stranger = Browser::new();
    let done = stranger.open(&logout_url(&app, &[])).await;
    assert_eq!((done.status, is_page(&done, "signed-out-page")), (200, true));
    let unproven = [("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI), ("client_id", WEB)];
    let done = stranger.open(&logout_url(&app, &unproven)).await;
    assert_eq!((done.status, is_page(&done, "signed-out-page")), (200, true));
    let parameters =
        [("id_token_hint", hint(&tokens)), ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI)];
    stranger.open(&logout_url(&app, &parameters)).await;
    assert_eq!(stranger.url().as_str(), POST_LOGOUT_REDIRECT_URI);
    assert!(!app.logged("user.session.end", None).await);
}

/// §2: the user may say no.
async fn sec_u01_a_confirmation_can_be_declined(app: TestApp) {
    let (mut browser, _) = signed_in(&app, "openid").await;
    let page = browser.open(&logout_url(&app, &[])).await;
    browser.submit(&page.form("logout-form").press("cancel")).await;
    assert!(has_session(&app, &mut browser).await);
}

/// RFC 9700 §4.7: the confirmation of another browser, another page or none at all ends nothing.
async fn sec_u01_a_forged_confirmation_is_refused(app: TestApp) {
    let (mut victim, _) = signed_in(&app, "openid").await;
    let (mut attacker, _) = signed_in(&app, "openid").await;
    let foreign = attacker.open(&logout_url(&app, &[])).await.form("logout-form");
    let page = victim.open(&logout_url(&app, &[])).await;
    let own = page.form("logout-form");
    let evil = URL_SAFE_NO_PAD.encode("https://evil.example/");
    for (what, form) in [
        ("the token of another browser", own.clone().fill("csrf", foreign.field("csrf").unwrap())),
        ("no token", own.clone().fill("csrf", "")),
        ("another target", own.clone().fill("flow_id", &evil)),
    ] {
        let refused = victim.submit(&form.press("confirm")).await;
        assert_eq!(refused.status, 403, "{what}: {}", refused.words());
        assert!(has_session(&app, &mut victim).await, "{what}");
        victim.open(&logout_url(&app, &[])).await;
    }
    // With everything right, but sent by a page of another site.
    let sid = cookie(&app, &mut victim).await;
    let fields = [
        ("csrf", own.field("csrf").unwrap()),
        ("flow_id", own.field("flow_id").unwrap()),
        ("decision", "confirm"),
    ];
    let request = app.client().request(Method::POST, "/logout").header("cookie", &sid);
    let refused = request.header("origin", "https://evil.example").form(&fields).send().await;
    assert_eq!(refused.status, 403);
    assert!(has_session(&app, &mut victim).await);
}

/// §2: a hint about another user than the one signed in proves nothing: the one signed in is asked.
async fn sec_u03_a_hint_about_somebody_else_is_confirmed(app: TestApp) {
    let (mut browser, _) = signed_in(&app, "openid").await;
    let bob = app.tokens(WEB, "openid", BOB).await;
    let parameters = [
        ("id_token_hint", hint(&bob)),
        ("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI),
        ("state", "s"),
    ];
    let page = browser.open(&logout_url(&app, &parameters)).await;
    assert_eq!((page.status, is_page(&page, "logout-page")), (200, true), "{}", page.words());
    assert!(page.words().contains(ALICE) && !page.words().contains(BOB));
    assert!(has_session(&app, &mut browser).await);
    // Whoever asks is known, so with the user's word the way back is open.
    let page = browser.open(&logout_url(&app, &parameters)).await;
    let done = browser.submit(&page.form("logout-form").press("confirm")).await;
    assert_eq!(done.status, 303);
    // The empty fragment keeps a browser from carrying its own one over (RFC 9110 §10.2.2).
    assert_eq!(browser.url().as_str(), format!("{POST_LOGOUT_REDIRECT_URI}?state=s#"));
    assert!(!has_session(&app, &mut browser).await);
}

/// The cookie, and the tokens of the session that hold no offline access, are dead on every node.
async fn sec_u05_after_logout_nothing_opens(app: TestApp) {
    let node = app.second_node().await;
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let access = tokens["access_token"].as_str().unwrap();
    let stolen = cookie(&app, &mut browser).await;
    let (name, value) = stolen.split_once('=').unwrap();
    let code = app.code_in(&mut browser, "default", WEB, &[("scope", "openid offline_access")], ALICE).await;
    assert_eq!(app.userinfo(access).await.status, 200);
    browser.open(&logout_url(&app, &[("id_token_hint", hint(&tokens))])).await;
    assert!(browser.cookie(name).is_none());
    let mut thief = Browser::new();
    thief.open(&app.url("/")).await;
    thief.plant(name, value);
    assert!(!has_session(&app, &mut thief).await);
    assert_eq!(app.introspect(access).await["active"], false);
    assert_eq!(app.userinfo(access).await.status, 401);
    // A code that was still on its way buys nothing.
    assert_eq!(app.redeem(WEB, &code).await.json()["error"], "invalid_grant");
    let there = crate::support::http::Client::new(&format!("http://{}", node.address));
    let host = app.app.settings.authority();
    let request = there.request(Method::GET, "/oauth2/default/v1/userinfo").header("host", host);
    assert_eq!(request.bearer(access).send().await.status, 401);
    let url = app.authorize_url(WEB, &[("prompt", "none")]);
    let path = url.strip_prefix(&app.issuer).unwrap();
    let request = there.request(Method::GET, path).header("host", host).header("cookie", &stolen);
    let location = request.send().await.location().unwrap();
    assert!(location.query().unwrap().contains("error=login_required"), "{location}");
}

/// Core §11: offline access is for when the user is not there.
async fn sec_u05_offline_access_outlives_the_session(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid offline_access").await;
    browser.open(&logout_url(&app, &[("id_token_hint", hint(&tokens))])).await;
    assert!(!has_session(&app, &mut browser).await);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
}

/// The back button shows nothing, and no other site frames these pages.
async fn sec_u05_pages_are_not_kept(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let asked = browser.open(&logout_url(&app, &[])).await;
    let done = browser.open(&logout_url(&app, &[("id_token_hint", hint(&tokens))])).await;
    for page in [asked, done] {
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    }
}

async fn unknown_servers_and_unreadable_requests_get_a_page(app: TestApp) {
    let (mut browser, tokens) = signed_in(&app, "openid").await;
    let page = browser.open(&app.url("/oauth2/nobody/v1/logout")).await;
    assert_eq!((page.status, is_page(&page, "error-page")), (404, true));
    let twice = [("id_token_hint", hint(&tokens)), ("state", "a"), ("state", "b")];
    let page = browser.open(&logout_url(&app, &twice)).await;
    assert_eq!((page.status, is_page(&page, "error-page")), (400, true), "{}", page.words());
    let request = app.client().request(Method::POST, "/oauth2/default/v1/logout");
    let page = request.json(&json!({"id_token_hint": hint(&tokens)})).send().await;
    assert_eq!((page.status, is_page(&page, "error-page")), (400, true));
    assert!(has_session(&app, &mut browser).await);
}
