//! Okta's `sessionToken`: exchanged once for a session, by whom it was issued for.

use http::Method;
use keys::{Algorithm, SigningKey};
use serde_json::json;
use stepgate::{
    model::{session::VerifiedFactor, user::UserStatus},
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, BOB, OKTA, OTHER, REDIRECT_URI, WEB},
    http::Browser,
    op::{answer, claims, error_code},
    session_token::{for_client, for_origin, trust, user_id},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_session_token_opens_one_session_of_many_that_try_at_once;
        sqlite:
            a_session_token_signs_in_silently_and_leaves_the_url,
            a_session_token_is_for_clients_that_follow_okta_only,
            a_session_token_is_ignored_beside_a_session,
            a_session_token_is_for_the_client_or_origin_it_was_issued_for,
            a_session_token_dies_with_time_and_with_its_user,
            a_session_token_in_a_request_object_is_ignored,
            a_session_token_in_a_form_is_neither_used_nor_kept,
            a_session_token_is_kept_as_a_hash_and_never_logged,
            a_link_with_a_session_token_opens_a_session_and_leads_on,
            a_link_beside_a_session_leads_on_and_leaves_the_token,
            sec_a12_a_link_leads_to_trusted_addresses_only,
    ]
}

const PORTAL: &str = "https://portal.example.com";

fn silent(app: &TestApp, client: &str, token: &str) -> String {
    app.authorize_url(client, &[("prompt", "none"), ("sessionToken", token)])
}

/// `code`, or the error, of a silent request with a token in this browser.
async fn exchanged(app: &TestApp, browser: &mut Browser, client: &str, token: &str) -> String {
    browser.open(&silent(app, client, token)).await;
    let mut answer = answer(browser);
    answer.remove("error").unwrap_or_else(|| {
        assert!(answer.contains_key("code"), "{answer:?}");
        "code".to_owned()
    })
}

/// Okta: `prompt=none` with a token is silent sign-in. The token is gone from the URL before anything is answered.
async fn a_session_token_signs_in_silently_and_leaves_the_url(app: TestApp) {
    let user = user_id(&app, ALICE).await;
    let at = app.app.now() - time::Duration::minutes(2);
    let factors = vec![VerifiedFactor::password(at)];
    let bound = stepgate::authn::session_token::BoundTo::Client(stepgate::id::ClientId::new(OKTA));
    let token = stepgate::authn::session_token::issue(&app.app, &user, factors, bound)
        .await
        .unwrap()
        .expose()
        .clone();
    let mut browser = Browser::new().stay();
    let first = browser.open(&silent(&app, OKTA, &token)).await;
    assert_eq!(first.status, 302);
    let clean = first.location().unwrap();
    assert_eq!(clean.as_str().replace("%20", "+"), app.authorize_url(OKTA, &[("prompt", "none")]));
    assert_eq!(first.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(first.header("cache-control"), Some("no-store"));
    browser.open(clean.as_str()).await;
    let code = answer(&browser)["code"].clone();
    let tokens = app.redeem(OKTA, &code).await.json();
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id_token["sub"], user.as_str());
    assert_eq!(id_token["auth_time"], at.unix_timestamp());
    assert!(app.logged("user.session.start", None).await);
}

/// A one-time artefact under real concurrency: one request of many gets the session.
async fn a_session_token_opens_one_session_of_many_that_try_at_once(app: TestApp) {
    for round in 0..5 {
        let token = for_client(&app, ALICE, OKTA).await;
        let attempts = (0..8).map(|_| async {
            let mut browser = Browser::new();
            exchanged(&app, &mut browser, OKTA, &token).await
        });
        let outcomes = futures_util::future::join_all(attempts).await;
        let won = outcomes.iter().filter(|outcome| *outcome == "code").count();
        assert_eq!(won, 1, "round {round}: {outcomes:?}");
    }
    assert!(app.logged("user.session.start", Some("invalid_session_token")).await);
}

/// Other clients never asked for this parameter: for them it does not exist.
async fn a_session_token_is_for_clients_that_follow_okta_only(app: TestApp) {
    let token = for_client(&app, ALICE, WEB).await;
    assert_eq!(exchanged(&app, &mut Browser::new(), WEB, &token).await, "login_required");
    let token = for_client(&app, ALICE, OKTA).await;
    assert_eq!(exchanged(&app, &mut Browser::new(), WEB, &token).await, "login_required");
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "code", "it was not spent");
}

/// Okta: a session that is there stays, and the token is left alone.
async fn a_session_token_is_ignored_beside_a_session(app: TestApp) {
    let token = for_client(&app, ALICE, OKTA).await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(OKTA, &[]), BOB).await;
    assert_eq!(exchanged(&app, &mut browser, OKTA, &token).await, "code");
    let tokens = app.redeem(OKTA, &answer(&browser)["code"]).await.json();
    let sub = claims(tokens["id_token"].as_str().unwrap())["sub"].clone();
    assert_eq!(sub, user_id(&app, BOB).await.as_str());
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "code", "it was not spent");
}

/// A token that one client or page obtained is of no use at another.
async fn a_session_token_is_for_the_client_or_origin_it_was_issued_for(app: TestApp) {
    for token in [
        for_client(&app, ALICE, OTHER).await,
        for_origin(&app, ALICE, "https://evil.example").await,
        for_origin(&app, ALICE, "https://app.example.com.evil.example").await,
        for_origin(&app, ALICE, "http://app.example.com").await,
    ] {
        assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "login_required");
    }
    let token = for_origin(&app, ALICE, "https://app.example.com").await;
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "code");
}

/// Five minutes; and whatever ends a user's sessions ends this one before it begins.
async fn a_session_token_dies_with_time_and_with_its_user(app: TestApp) {
    for garbage in ["x", "", "A".repeat(43).as_str(), "%00"] {
        assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, garbage).await, "login_required", "{garbage}");
    }
    let token = for_client(&app, ALICE, OKTA).await;
    app.clock.advance(299);
    let late = for_client(&app, ALICE, OKTA).await;
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "code");
    app.clock.advance(301);
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &late).await, "login_required");
    for status in [UserStatus::Active, UserStatus::Suspended] {
        let token = for_client(&app, BOB, OKTA).await;
        app.clock.advance(1);
        let tx = app.app.db.begin_write().await.unwrap();
        let key = LoginKey::normalize(BOB).unwrap();
        let mut bob = store::user::find_by_login_in(&tx, key.as_str()).await.unwrap().unwrap();
        bob.status = status;
        // A changed password moves this moment.
        bob.not_before = app.app.now();
        store::user::update(&tx, &bob, key.as_str()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "login_required", "{status:?}");
    }
}

/// POST requests are stored until the browser has followed a redirect: no credential is stored with them.
async fn a_session_token_in_a_form_is_neither_used_nor_kept(app: TestApp) {
    use sea_orm::EntityTrait;
    let token = for_client(&app, ALICE, OKTA).await;
    let url = url::Url::parse(&silent(&app, OKTA, &token)).unwrap();
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let posted = app.client().post_form("/oauth2/default/v1/authorize", &fields).await;
    assert_eq!(posted.status, 303);
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let flows = entity::flow::Entity::find().all(&database).await.unwrap();
    assert!(!flows.is_empty() && flows.iter().all(|flow| !flow.payload.contains(&token)), "{flows:?}");
    let mut browser = Browser::new();
    browser.open(posted.location().unwrap().as_str()).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    assert_eq!(exchanged(&app, &mut Browser::new(), OKTA, &token).await, "code");
}

async fn a_session_token_is_kept_as_a_hash_and_never_logged(app: TestApp) {
    use sea_orm::EntityTrait;
    let token = for_client(&app, ALICE, OKTA).await;
    exchanged(&app, &mut Browser::new(), OKTA, &token).await;
    exchanged(&app, &mut Browser::new(), OKTA, &token).await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let rows = entity::session_token::Entity::find().all(&database).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].consumed_at.is_some() && !format!("{rows:?}").contains(&token));
    let events = entity::log_event::Entity::find().all(&database).await.unwrap();
    assert!(!format!("{events:?}").contains(&token));
}

fn link(app: &TestApp, token: &str, target: &str) -> String {
    let mut url = url::Url::parse(&app.url("/login/sessionCookieRedirect")).unwrap();
    url.query_pairs_mut().append_pair("token", token).append_pair("redirectUrl", target);
    url.into()
}

async fn has_session(app: &TestApp, browser: &mut Browser) -> bool {
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    answer(browser).contains_key("code")
}

/// Okta: 302 with the session cookie, to a trusted origin or to ourselves; once.
async fn a_link_with_a_session_token_opens_a_session_and_leads_on(app: TestApp) {
    trust(&app, PORTAL, &["REDIRECT"]).await;
    for target in ["https://portal.example.com/home?x=1#top".to_owned(), app.url("/oauth2/v1/authorize?x")] {
        let token = for_origin(&app, ALICE, PORTAL).await;
        let mut browser = Browser::new().stay();
        let response = browser.open(&link(&app, &token, &target)).await;
        assert_eq!((response.status, response.header("location")), (302, Some(target.as_str())));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        let mut browser = {
            let sid = format!("sid_{}", app.app.settings.port());
            browser.open(&app.url("/nothing")).await;
            let cookie = browser.cookie(&sid).expect("a session cookie");
            assert_eq!(cookie.attribute("httponly"), Some(""));
            browser
        };
        assert!(has_session(&app, &mut browser).await);
        let again = Browser::new().open(&link(&app, &token, &target)).await;
        assert_eq!((again.status, error_code(&again)), (400, "invalid_session_token"));
    }
    // Of another page's token, or a client's, nothing is opened.
    for token in [
        for_origin(&app, ALICE, "https://evil.example").await,
        for_client(&app, ALICE, OKTA).await,
        String::new(),
    ] {
        let mut browser = Browser::new();
        let refused = browser.open(&link(&app, &token, PORTAL)).await;
        assert_eq!((refused.status, error_code(&refused)), (400, "invalid_session_token"));
        assert!(!has_session(&app, &mut browser).await);
    }
}

async fn a_link_beside_a_session_leads_on_and_leaves_the_token(app: TestApp) {
    trust(&app, PORTAL, &["REDIRECT"]).await;
    let token = for_origin(&app, ALICE, PORTAL).await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), BOB).await;
    let response = browser.open(&link(&app, &token, PORTAL)).await;
    assert_eq!((response.status, response.header("location")), (302, Some(PORTAL)));
    let other = Browser::new().open(&link(&app, &token, PORTAL)).await;
    assert_eq!(other.status, 302, "it was not spent");
}

/// CVE-2024-7260 and its kin: whatever a browser might read as another origin is refused on a page of ours, and the
/// token is not spent.
async fn sec_a12_a_link_leads_to_trusted_addresses_only(app: TestApp) {
    trust(&app, PORTAL, &["REDIRECT"]).await;
    trust(&app, "https://cors.example.com", &["CORS"]).await;
    let token = for_origin(&app, ALICE, PORTAL).await;
    let host = app.issuer.trim_start_matches("http://").to_owned();
    for bad in [
        "//evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "https://portal.example.com@evil.example/",
        "https://portal.example.com.evil.example/",
        "https://portal.example.com\\@evil.example",
        "https://portal.example.com:8443/",
        "http://portal.example.com/",
        "HTTPS://portal.example.com/",
        "https://PORTAL.example.com/",
        " https://portal.example.com/",
        "https://portal.example.com/\u{9}",
        "https://portal.example.com/\r\nX: y",
        "https://cors.example.com/",
        "https://app.example.com/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "/signin",
        "portal.example.com",
        &format!("http://evil.example#{host}"),
        &format!("http://{host}@evil.example/"),
        "",
        &format!("{PORTAL}/{}", "x".repeat(2048)),
    ] {
        let mut browser = Browser::new();
        let page = browser.open(&link(&app, &token, bad)).await;
        assert_eq!((page.status, error_code(&page)), (400, "invalid_redirect_url"), "{bad:?}");
        assert!(!has_session(&app, &mut browser).await, "{bad:?}");
    }
    let twice = format!("{}&redirectUrl=https://evil.example", link(&app, &token, PORTAL));
    let page = Browser::new().open(&twice).await;
    assert_eq!(error_code(&page), "invalid_redirect_url");
    let posted = app.client().request(Method::POST, "/login/sessionCookieRedirect").send().await;
    assert_eq!(posted.status, 405);
    assert_eq!(Browser::new().open(&link(&app, &token, PORTAL)).await.status, 302, "it was not spent");
}

/// It could not be taken out of the URL: the browser would be sent round in circles.
async fn a_session_token_in_a_request_object_is_ignored(app: TestApp) {
    const SIGNING: &str = "okta-signing";
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let metadata = json!({
        "profile": "okta_compat",
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.public_jwk()]},
    });
    fixtures::client(&app.app, SIGNING, metadata, None).await;
    let token = for_client(&app, ALICE, SIGNING).await;
    let object = app.signed_request(SIGNING, &key, &json!({"sessionToken": token, "prompt": "none"}));
    let url = app.bare_url(&[
        ("client_id", SIGNING),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid"),
        ("request", &object),
    ]);
    let mut browser = Browser::new();
    browser.open(&url).await;
    assert_eq!(answer(&browser)["error"], "login_required", "{}", browser.url());
}
