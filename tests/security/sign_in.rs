//! Signing in: what a refusal tells, and whose authentication an answer speaks of.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stepgate::{
    model::user::{User, UserStatus},
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, ASKING, BOB, OTHER, PASSWORD, WEB},
    http::{Browser, Response},
    op::{answer, claims, code_form, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_m01_every_refused_password_looks_alike,
        sec_t01_amr_and_acr_are_what_was_earned,
        sec_t04_prompt_login_and_max_age_force_new_credentials,
        sec_t07_a_hint_never_switches_the_user;
    sqlite:
        sec_m01_an_empty_password_is_no_attempt_and_tells_nothing,
        sec_m06_a_lock_is_told_to_nobody_who_did_not_prove_the_password,
        sec_t04_refreshing_keeps_the_authentication,
        sec_t06_prompt_none_answers_without_a_page,
        sec_t07_only_an_id_token_of_ours_for_this_client_is_a_hint,
        prompt_select_account_asks_although_somebody_is_signed_in;
    ]
}

/// Adds a user whose password is [`PASSWORD`], changed as told.
async fn add(app: &TestApp, login: &str, change: impl FnOnce(&mut User)) {
    let key = LoginKey::normalize(ALICE).unwrap();
    let alice = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
    let profile = json!({"firstName": "Some", "lastName": "One"});
    let mut user = fixtures::user(login, &profile, alice.password_hash.unwrap(), app.app.now());
    change(&mut user);
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::insert(&tx, &user, login).await.unwrap();
    tx.commit().await.unwrap();
}

/// One attempt in a new browser.
async fn attempt(app: &TestApp, login: &str, password: &str) -> (Browser, Response) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let answer = sign_in_on(&mut browser, &page, login, password).await;
    (browser, answer)
}

/// An answer without what differs from one attempt to the next by nature.
fn shape(answer: &Response, login: &str) -> (u16, Vec<(String, String)>, String) {
    let form = answer.form("login-form");
    let csp = answer.header("content-security-policy").unwrap();
    let nonce = csp.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0.to_owned();
    let ids = [form.field("flow_id").unwrap(), form.field("csrf").unwrap(), nonce.as_str(), login];
    let clean = |text: &str| ids.iter().fold(text.to_owned(), |text, id| text.replace(id, "…"));
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-okta-request-id" | "content-length"))
        .filter(|(name, _)| !name.as_str().starts_with("x-rate-limit"))
        .map(|(name, value)| (name.to_string(), clean(value.to_str().unwrap())))
        .collect();
    (answer.status, headers, clean(answer.text()))
}

/// OWASP ASVS 6.3.8: an unknown user, a wrong password, a locked, suspended or passwordless user and an endless password
/// get the same answer; only the log knows.
async fn sec_m01_every_refused_password_looks_alike(app: TestApp) {
    add(&app, "suspended@example.com", |user| user.status = UserStatus::Suspended).await;
    add(&app, "deprovisioned@example.com", |user| user.status = UserStatus::Deprovisioned).await;
    add(&app, "staged@example.com", |user| user.status = UserStatus::Staged).await;
    add(&app, "nopassword@example.com", |user| user.password_hash = None).await;
    for _ in 0..10 {
        attempt(&app, BOB, "wrong").await;
    }
    let endless = "p".repeat(10 * 1024);
    let (_, wrong) = attempt(&app, ALICE, "wrong").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.words().contains("Unable to sign in"), "{}", wrong.words());
    let expected = shape(&wrong, ALICE);
    for (login, password, reason) in [
        ("nobody@example.com", PASSWORD, "unknown_user"),
        ("nobody@example.com", endless.as_str(), "unknown_user"),
        ("@", PASSWORD, "unknown_user"),
        (ALICE, endless.as_str(), "invalid_credentials"),
        (ALICE, "Correct-Horse-1 ", "invalid_credentials"),
        (ALICE, "correct-horse-1", "invalid_credentials"),
        (BOB, "wrong", "locked_out"),
        (BOB, PASSWORD, "locked_out"),
        ("suspended@example.com", PASSWORD, "user_not_active"),
        ("deprovisioned@example.com", PASSWORD, "user_not_active"),
        ("staged@example.com", PASSWORD, "user_not_active"),
        ("nopassword@example.com", PASSWORD, "invalid_credentials"),
    ] {
        let (_, answer) = attempt(&app, login, password).await;
        assert_eq!(shape(&answer, login), expected, "{login}");
        assert!(app.logged("user.session.start", Some(reason)).await, "{login}: {reason}");
        // Nobody was signed in.
        assert!(!answer.headers.contains_key("location"));
    }
    let (browser, _) = attempt(&app, ALICE, PASSWORD).await;
    assert!(browser.url().as_str().contains("code="), "the right password still signs in");
}

/// Whoever could see that a login is locked would see that it exists, and could tell the last guess from the one before.
/// While a lock holds no password is looked at, so nobody can prove one then and nobody is told: the log knows, and the
/// owner signs in when it is over.
async fn sec_m06_a_lock_is_told_to_nobody_who_did_not_prove_the_password(app: TestApp) {
    let (_, wrong) = attempt(&app, ALICE, "wrong").await;
    let expected = shape(&wrong, ALICE);
    // The guess that locks looks like those before and after it.
    for number in 1..=13 {
        let (_, answer) = attempt(&app, BOB, "wrong").await;
        assert_eq!(shape(&answer, BOB), expected, "{number}");
        assert_eq!(app.logged("user.account.lock", None).await, number >= 10, "{number}");
        assert_eq!(app.logged("user.session.start", Some("locked_out")).await, number > 10, "{number}");
    }
    let (mut browser, right) = attempt(&app, BOB, PASSWORD).await;
    assert_eq!(shape(&right, BOB), expected, "the right password proves nothing while the lock holds");
    for text in ["locked", "Locked", "unlock", "Too many attempts"] {
        assert!(!right.body_contains(text), "{text}: {}", right.words());
    }
    // Nor do the other ways to present a password, or to ask without one.
    let metadata = json!({
        "application_type": "native",
        "grant_types": ["password"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    fixtures::client(&app.app, "own-app", metadata, Some(fixtures::SECRET)).await;
    let password_grant = async |login: &str, password: &str| {
        let form =
            [("grant_type", "password"), ("username", login), ("password", password), ("scope", "openid")];
        let response = app.token("own-app", &form).await;
        (response.status, response.text().to_owned())
    };
    let unknown = password_grant("nobody@example.com", PASSWORD).await;
    assert_eq!(unknown.0, 400);
    assert_eq!(password_grant(BOB, "wrong").await, unknown);
    assert_eq!(password_grant(BOB, PASSWORD).await, unknown);
    browser.open(&app.authorize_url(WEB, &[("prompt", "none"), ("login_hint", BOB)])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    app.clock.advance(15 * 60 + 1);
    let (browser, _) = attempt(&app, BOB, PASSWORD).await;
    assert!(browser.url().as_str().contains("code="), "the owner signs in when the lock is over");
}

/// An empty field is told before anything is looked up: it is no guess, so it is charged to nobody.
async fn sec_m01_an_empty_password_is_no_attempt_and_tells_nothing(app: TestApp) {
    let before = app.log().await.len();
    let (_, known) = attempt(&app, ALICE, "").await;
    let (_, unknown) = attempt(&app, "nobody@example.com", "").await;
    assert_eq!(known.status, 400);
    assert_eq!(shape(&known, ALICE), shape(&unknown, "nobody@example.com"));
    assert_eq!(app.log().await.len(), before);
    let key = LoginKey::normalize(ALICE).unwrap();
    let alice = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
    assert_eq!(alice.lock.failures_total, 0);
}

async fn id_token(app: &TestApp, code: &str) -> Value {
    let tokens = app.redeem(WEB, code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    claims(tokens.json()["id_token"].as_str().unwrap())
}

/// Core §2, RFC 8176: a password is `pwd` and Okta's level `1fa:pwd`; a requested level is reported when it was earned
/// and never because it was requested.
async fn sec_t01_amr_and_acr_are_what_was_earned(app: TestApp) {
    let mut browser = Browser::new();
    for (requested, acr) in [
        ("-", "urn:okta:loa:1fa:pwd"),
        ("urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("urn:okta:loa:2fa:any urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("phr urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("urn:okta:loa:2fa:any:ifpossible", "urn:okta:loa:1fa:pwd"),
        ("gold", "urn:okta:loa:1fa:pwd"),
    ] {
        let code = app.code_in(&mut browser, "default", WEB, &[("acr_values", requested)], ALICE).await;
        let id_token = id_token(&app, &code).await;
        assert_eq!(id_token["acr"], acr, "{requested}");
        assert_eq!(id_token["amr"], json!(["pwd"]), "{requested}");
        assert!(id_token["auth_time"].is_i64());
    }
}

/// Core §3.1.2.1: `prompt=login` and an exceeded `max_age` ask for credentials again, and `auth_time` is the time of
/// that answer.
async fn sec_t04_prompt_login_and_max_age_force_new_credentials(app: TestApp) {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let first = id_token(&app, &code).await["auth_time"].as_i64().unwrap();
    for more in
        [&[("prompt", "login")] as &[_], &[("max_age", "0")], &[("max_age", "1")], &[("max_age", "99")]]
    {
        app.clock.advance(100);
        let url = app.authorize_url(WEB, more);
        let page = browser.open(&url).await;
        assert!(page.body_contains("login-page"), "{more:?}");
        // Neither going round the page nor a wrong password helps.
        let page = sign_in_on(&mut browser, &page, ALICE, "wrong").await;
        assert_eq!(page.status, 400);
        sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let now = app.app.now().unix_timestamp();
        let auth_time = id_token(&app, &answer(&browser)["code"]).await["auth_time"].as_i64().unwrap();
        assert!((now - 5..=now).contains(&auth_time), "{more:?}: {auth_time} is not now, {now}");
        assert!(auth_time >= first + 100);
    }
    // A session that is young enough is good enough, and keeps its time.
    app.clock.advance(50);
    let code = app.code_in(&mut browser, "default", WEB, &[("max_age", "3600")], "nobody").await;
    let auth_time = id_token(&app, &code).await["auth_time"].as_i64().unwrap();
    assert!(auth_time <= app.app.now().unix_timestamp() - 50);
}

/// Core §12.2: a refreshed ID token speaks of the original authentication.
async fn sec_t04_refreshing_keeps_the_authentication(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(1000);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.json();
    let before = claims(tokens["id_token"].as_str().unwrap());
    let after = claims(refreshed["id_token"].as_str().unwrap());
    for name in ["auth_time", "acr", "amr", "sub", "aud", "iss"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert!(after["iat"].as_i64().unwrap() >= before["iat"].as_i64().unwrap() + 1000);
}

/// Core §3.1.2.6: `prompt=none` never shows a page; it says what would have been asked.
async fn sec_t06_prompt_none_answers_without_a_page(app: TestApp) {
    let mut browser = Browser::new();
    let ask = async |browser: &mut Browser, client: &str, more: &[(&str, &str)]| {
        let response = browser.open(&app.authorize_url(client, more)).await;
        assert!(matches!(response.status, 302 | 303), "{}", response.text());
        let answer = answer(browser);
        assert_eq!(answer["state"], "a-state");
        assert_eq!(answer["iss"], app.url("/oauth2/default"));
        answer.get("error").cloned().unwrap_or_else(|| "none".to_owned())
    };
    let none = ("prompt", "none");
    assert_eq!(ask(&mut browser, WEB, &[none]).await, "login_required");
    // Nobody learns whether an account exists.
    assert_eq!(ask(&mut browser, WEB, &[none, ("login_hint", ALICE)]).await, "login_required");
    assert_eq!(ask(&mut browser, WEB, &[none, ("login_hint", "nobody@example.com")]).await, "login_required");
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert_eq!(ask(&mut browser, WEB, &[none]).await, "none");
    assert_eq!(ask(&mut browser, ASKING, &[none, ("scope", "openid car:drive")]).await, "consent_required");
    assert_eq!(ask(&mut browser, WEB, &[none, ("max_age", "0")]).await, "login_required");
    app.clock.advance(100);
    assert_eq!(ask(&mut browser, WEB, &[none, ("max_age", "99")]).await, "login_required");
    assert_eq!(ask(&mut browser, WEB, &[none, ("max_age", "200")]).await, "none");
    // Core §3.1.2.1: `none` with any other value is an error.
    for both in ["none login", "none consent", "none select_account", "login none"] {
        assert_eq!(ask(&mut browser, WEB, &[("prompt", both)]).await, "invalid_request", "{both}");
    }
}

/// Core §3.1.2.1: `select_account` asks although one account has a session.
async fn prompt_select_account_asks_although_somebody_is_signed_in(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    assert!(page.body_contains("account-list"));
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account login")])).await;
    assert!(page.body_contains("account-list"));
    let user = page.form("accounts-form");
    let page = browser.submit(&user.press("Use another account")).await;
    assert!(page.body_contains("login-page"));
}

/// Core §3.1.2.2: with a hint, no answer is ever about another user, signed in before or on the way.
async fn sec_t07_a_hint_never_switches_the_user(app: TestApp) {
    let hint = app.tokens(WEB, "openid", ALICE).await["id_token"].as_str().unwrap().to_owned();
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), BOB).await;
    let hinted = [("id_token_hint", hint.as_str())];
    browser.open(&app.authorize_url(WEB, &[hinted[0], ("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    // Bob signs in where Alice was expected.
    let page = browser.open(&app.authorize_url(WEB, &hinted)).await;
    assert!(page.body_contains("login-page"), "{}", page.words());
    sign_in_on(&mut browser, &page, BOB, PASSWORD).await;
    let answered = answer(&browser);
    assert_eq!(answered.get("error").map(String::as_str), Some("login_required"), "{answered:?}");
    assert!(!answered.contains_key("code"));
    assert_eq!(answered["state"], "a-state");
    // Alice herself goes through, then also silently.
    let page = browser.open(&app.authorize_url(WEB, &hinted)).await;
    sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    let first = id_token(&app, &answer(&browser)["code"]).await;
    assert_eq!(first["sub"], claims(&hint)["sub"]);
    browser.open(&app.authorize_url(WEB, &[hinted[0], ("prompt", "none")])).await;
    assert!(answer(&browser).contains_key("code"));
}

/// Core §3.1.2.1: what is not an ID token that this server issued to this client is refused, whoever is signed in.
async fn sec_t07_only_an_id_token_of_ours_for_this_client_is_a_hint(app: TestApp) {
    let mut browser = Browser::new();
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let good = tokens["id_token"].as_str().unwrap();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let mut altered = claims(good);
    let code = app.code(WEB, "openid", BOB).await;
    altered["sub"] = id_token(&app, &code).await["sub"].clone();
    let altered = URL_SAFE_NO_PAD.encode(altered.to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let code = app.code_in(&mut browser, "org", WEB, &[], ALICE).await;
    let org = app.token_at("org", WEB, &code_form(&code)).await.json();
    for (what, hint) in [
        ("altered", format!("{header}.{altered}.{signature}")),
        ("unsigned", format!("{none}.{payload}.")),
        ("without its signature", format!("{header}.{payload}.")),
        ("an access token", tokens["access_token"].as_str().unwrap().to_owned()),
        ("of the org server", org["id_token"].as_str().unwrap().to_owned()),
        ("nonsense", "nonsense".to_owned()),
    ] {
        browser.open(&app.authorize_url(WEB, &[("id_token_hint", &hint)])).await;
        let answer = answer(&browser);
        assert_eq!(answer.get("error").map(String::as_str), Some("invalid_request"), "{what}: {answer:?}");
    }
    browser.open(&app.authorize_url(OTHER, &[("id_token_hint", good)])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request", "issued to another client");
    browser.open(&app.authorize_url(WEB, &[("id_token_hint", good)])).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}
