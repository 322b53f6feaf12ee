//! J: the device grant (RFC 8628; RFC 9700 §4.5).

use std::sync::Arc;

use http::Method;
use serde_json::json;
use stepgate::{
    limit::{
        lockout::UNTIL_RESET,
        rate::{Bucket, Rate},
    },
    model::user::UserStatus,
    store,
    store::unit::Unit,
    user::login::LoginKey,
};
use tokio::sync::Barrier;

use super::assert_refused;
use crate::support::{
    Test, TestApp,
    app::Change,
    device::{DEVICE_CODE, RADIO, TV, device, devices},
    fixtures::{ALICE, BOB, PASSWORD, SECRET, WEB},
    http::{Browser, Client, Response},
    op::{error_code, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_j01_a_poll_that_comes_too_early_makes_the_interval_longer,
            sec_j01_pending_denied_and_expired_are_told_apart,
            sec_j02_of_32_concurrent_polls_one_gets_the_tokens,
            sec_j02_a_device_code_of_another_client_or_server_buys_nothing,
            sec_j05_two_browsers_decide_once,
            sec_j06_what_ended_before_the_poll_ends_the_device;
        sqlite:
            sec_j03_five_wrong_codes_are_all_that_a_browser_may_type,
            sec_j03_an_address_may_try_ten_codes_a_minute,
            sec_j03_every_wrong_code_is_answered_alike,
            sec_j03_requests_of_one_address_are_capped,
            sec_j04_the_complete_link_shows_code_and_client_and_needs_a_click,
            sec_j04_the_page_says_who_asked_and_escapes_it,
            sec_j05_the_decision_needs_our_form_and_the_same_session,
            sec_j05_a_code_opens_nothing_once_it_was_decided,
            sec_j05_access_policy_and_consent_apply,
            sec_j07_the_scope_at_token_is_the_scope_approved,
            sec_c04_a_device_code_and_a_code_are_not_each_other,
            sec_e15_a_device_gets_no_unknown_scope,
            sec_e16_the_device_grant_is_off_unless_registered,
            sec_l01_the_device_forms_refuse_foreign_tokens,
            sec_m05_wrong_device_codes_are_answered_alike
    ]
}

fn text<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// RFC 8628 §3.5: `slow_down` makes the interval five seconds longer for this and all later polls, whoever counts.
async fn sec_j01_a_poll_that_comes_too_early_makes_the_interval_longer(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    assert_eq!(codes["interval"], 5);
    let code = text(&codes, "device_code");
    assert_refused(&app.poll(TV, code).await, 400, "authorization_pending");
    assert_refused(&app.poll(TV, code).await, 400, "slow_down");
    // Ten seconds from now on; five no longer do, and make it fifteen.
    app.clock.advance(6);
    assert_refused(&app.poll(TV, code).await, 400, "slow_down");
    app.clock.advance(14);
    assert_refused(&app.poll(TV, code).await, 400, "slow_down");
    app.clock.advance(20);
    assert_refused(&app.poll(TV, code).await, 400, "authorization_pending");
    // The interval is in the database: another node knows it.
    let node = app.second_node().await;
    let second = Client::new(&format!("http://{}", node.address));
    let authority = app.issuer.trim_start_matches("http://");
    let form = [("grant_type", DEVICE_CODE), ("client_id", TV), ("device_code", code)];
    let poll = async || {
        let request = second.request(Method::POST, "/oauth2/default/v1/token").header("host", authority);
        request.form(&form).send().await
    };
    app.clock.advance(19);
    assert_refused(&poll().await, 400, "slow_down");
    app.clock.advance(25);
    assert_refused(&poll().await, 400, "authorization_pending");
    // A device that waits is no event; one that was too fast neither.
    assert!(!app.log().await.iter().any(|(_, reason)| reason.is_some()));
}

/// RFC 8628 §3.5: each ending has its own code, and a code that is over stays over.
async fn sec_j01_pending_denied_and_expired_are_told_apart(app: TestApp) {
    devices(&app).await;
    let denied = app.device_codes(TV, "openid").await;
    let page = app.decide(text(&denied, "user_code"), ALICE, "deny").await;
    assert!(page.body_contains("Device not connected"), "{}", page.words());
    for _ in 0..2 {
        assert_refused(&app.poll(TV, text(&denied, "device_code")).await, 400, "access_denied");
    }
    let approved = app.device_codes(TV, "openid").await;
    app.decide(text(&approved, "user_code"), ALICE, "approve").await;
    let waiting = app.device_codes(TV, "openid").await;
    app.clock.advance(599);
    assert_refused(&app.poll(TV, text(&waiting, "device_code")).await, 400, "authorization_pending");
    app.clock.advance(2);
    for codes in [&waiting, &approved, &denied] {
        assert_refused(&app.poll(TV, text(codes, "device_code")).await, 400, "expired_token");
    }
    let page = app.activate(&mut Browser::new(), text(&waiting, "user_code")).await;
    assert_eq!(page.status, 400);
    assert!(app.logged("app.oauth2.as.token.grant", Some("device_code_expired")).await);
    assert!(app.logged("app.oauth2.as.token.grant", Some("user_denied")).await);
}

async fn race(app: &TestApp, clients: &[Client], device_code: &str) -> Vec<Response> {
    const POLLS: usize = 32;
    let barrier = Arc::new(Barrier::new(POLLS));
    let authority = app.issuer.trim_start_matches("http://").to_owned();
    let tasks: Vec<_> = (0..POLLS)
        .map(|n| {
            let (barrier, authority) = (Arc::clone(&barrier), authority.clone());
            let (client, code) = (clients[n % clients.len()].clone(), device_code.to_owned());
            tokio::spawn(async move {
                let form = [("grant_type", DEVICE_CODE), ("client_id", TV), ("device_code", code.as_str())];
                barrier.wait().await;
                let request = client.request(Method::POST, "/oauth2/default/v1/token");
                request.header("host", &authority).form(&form).send().await
            })
        })
        .collect();
    let mut responses = Vec::new();
    for task in tasks {
        responses.push(task.await.unwrap());
    }
    responses
}

/// A device code buys tokens once, also when 32 polls on two nodes come at the same moment.
async fn sec_j02_of_32_concurrent_polls_one_gets_the_tokens(app: TestApp) {
    devices(&app).await;
    let node = app.second_node().await;
    let second = Client::new(&format!("http://{}", node.address));
    let codes = app.device_codes(TV, "openid offline_access").await;
    app.decide(text(&codes, "user_code"), ALICE, "approve").await;
    let code = text(&codes, "device_code");
    let responses = race(&app, &[app.client(), second], code).await;
    let (won, lost): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 200);
    assert_eq!(won.len(), 1);
    for response in lost {
        assert_refused(response, 400, "invalid_grant");
    }
    assert_refused(&app.poll(TV, code).await, 400, "invalid_grant");
    // The winner's tokens live: what came later proves nothing against them.
    let tokens = won[0].json();
    assert_eq!(app.introspect(text(&tokens, "access_token")).await["active"], true);
    assert_eq!(app.introspect(text(&tokens, "refresh_token")).await["active"], true);
}

/// RFC 6749 §5.2: issued to another client or at another server. Its owner can still poll, and its interval is its own.
async fn sec_j02_a_device_code_of_another_client_or_server_buys_nothing(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let code = text(&codes, "device_code");
    let poll_at_org = async || {
        let form = [("grant_type", DEVICE_CODE), ("client_id", TV), ("device_code", code)];
        app.client().post_form("/oauth2/v1/token", &form).await
    };
    for _ in 0..2 {
        assert_refused(&app.poll(RADIO, code).await, 400, "invalid_grant");
        assert_refused(&poll_at_org().await, 400, "invalid_grant");
    }
    assert_refused(&app.poll(TV, code).await, 400, "authorization_pending");
    app.decide(text(&codes, "user_code"), ALICE, "approve").await;
    assert_refused(&app.poll(RADIO, code).await, 400, "invalid_grant");
    assert_refused(&poll_at_org().await, 400, "invalid_grant");
    assert_eq!(app.poll(TV, code).await.status, 200);
}

/// RFC 8628 §5.1: a browser that typed five wrong codes types no more, not even a right one, while the codes live.
async fn sec_j03_five_wrong_codes_are_all_that_a_browser_may_type(app: TestApp) {
    let app =
        app.restart(Change { rates: vec![(Bucket::UserCode, Rate::per_minute(100))], ..Change::default() });
    let app = app.await;
    devices(&app).await;
    // Windows of ten minutes begin at full ones.
    let now = app.app.now().unix_timestamp();
    app.clock.advance(600 - now.rem_euclid(600));
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    for _ in 0..5 {
        let page = app.activate(&mut browser, "BBBB-BBBB").await;
        assert_eq!((page.status, page.body_contains("This code doesn’t work")), (400, true));
    }
    let page = app.activate(&mut browser, text(&codes, "user_code")).await;
    assert_eq!((page.status, page.body_contains("Too many codes")), (429, true));
    assert!(page.header("retry-after").unwrap().parse::<i64>().unwrap() > 60);
    // Another browser is not affected, and right codes are not counted.
    let mut other = Browser::new();
    for _ in 0..6 {
        let page = app.activate(&mut other, text(&codes, "user_code")).await;
        assert!(page.body_contains("login-page"), "{}", page.words());
    }
    assert!(app.logged("system.org.rate_limit.violation", Some("user_code")).await);
}

/// RFC 8628 §5.1: ten codes a minute and address, right or wrong, with however many browsers.
async fn sec_j03_an_address_may_try_ten_codes_a_minute(app: TestApp) {
    devices(&app).await;
    let now = app.app.now().unix_timestamp();
    app.clock.advance(60 - now.rem_euclid(60));
    let codes = app.device_codes(TV, "openid").await;
    for n in 0..10 {
        assert_eq!(app.activate(&mut Browser::new(), "BBBB-BBBB").await.status, 400, "{n}");
    }
    let page = app.activate(&mut Browser::new(), text(&codes, "user_code")).await;
    assert_eq!(page.status, 429);
    app.clock.advance(60);
    let page = app.activate(&mut Browser::new(), text(&codes, "user_code")).await;
    assert!(page.body_contains("login-page"), "{}", page.words());
}

/// Malformed, unknown, expired and used codes look the same, apart from what was typed.
async fn sec_j03_every_wrong_code_is_answered_alike(app: TestApp) {
    let rates = vec![(Bucket::UserCode, Rate::per_minute(1000))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    devices(&app).await;
    let used = app.device_codes(TV, "openid").await;
    app.decide(text(&used, "user_code"), ALICE, "approve").await;
    let expired = app.device_codes(TV, "openid").await;
    app.clock.advance(601);
    let mut answers = Vec::new();
    for code in ["", "x", "BBBB-BBBB", "AAAA-AAAA", text(&used, "user_code"), text(&expired, "user_code")] {
        let page = app.activate(&mut Browser::new(), code).await;
        assert_eq!(page.status, 400, "{code}");
        let html = page.text().replace(&format!(" value=\"{code}\""), "");
        let csrf = page.form("device-form").field("csrf").unwrap().to_owned();
        answers.push(html.replace(&csrf, "").replace(" value=\"\"", ""));
    }
    let first = answers.remove(0);
    for answer in answers {
        assert_eq!(answer, first);
    }
}

/// Each request leaves a row: one address does not fill the table, and others do not notice (RFC 8628 §5.1).
async fn sec_j03_requests_of_one_address_are_capped(app: TestApp) {
    let rate = Rate { limit: 3, window: std::time::Duration::from_secs(900) };
    let app =
        app.restart(Change { rates: vec![(Bucket::AuthorizePending, rate)], ..Change::default() }).await;
    devices(&app).await;
    for _ in 0..3 {
        app.device_codes(TV, "openid").await;
    }
    let refused = app.device_authorize_at("default", TV, "openid").await;
    assert_eq!((refused.status, refused.header("cache-control")), (429, Some("no-store")));
    assert!(refused.header("retry-after").is_some());
    app.clock.advance(601);
    app.device_codes(TV, "openid").await;
}

/// RFC 8628 §3.3.1, §5.4: the link fills the code in; code and client are shown and a click is needed, also for
/// somebody who is signed in.
async fn sec_j04_the_complete_link_shows_code_and_client_and_needs_a_click(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid profile").await;
    let complete = text(&codes, "verification_uri_complete");
    assert_eq!(
        complete,
        format!("{}?user_code={}", text(&codes, "verification_uri"), text(&codes, "user_code"))
    );
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    browser.open(&app.url("/activate")).await;
    for _ in 0..2 {
        let page = browser.open(complete).await;
        assert_eq!(page.form("device-form").field("user_code"), codes["user_code"].as_str());
    }
    let page = browser.open(complete).await;
    let page = browser.submit(&page.form("device-form")).await;
    assert!(page.url.path().starts_with("/activate/confirm"), "{}", page.url);
    for shown in
        [text(&codes, "user_code"), "The client tv", "only if you started this", ALICE, "Your profile"]
    {
        assert!(page.body_contains(shown), "{shown}: {}", page.words());
    }
    // Looking at the page, as often as one likes, decides nothing.
    browser.open(page.url.as_str()).await;
    assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "authorization_pending");
    let page = browser.submit(&page.form("device-confirm-form").press("approve")).await;
    assert!(page.body_contains("device-done-page"), "{}", page.words());
    app.clock.advance(6);
    assert_eq!(app.poll(TV, text(&codes, "device_code")).await.status, 200);
}

/// RFC 8628 §5.4: who asked, from where and when is shown as text, whatever it is.
async fn sec_j04_the_page_says_who_asked_and_escapes_it(app: TestApp) {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    device(&app, TV, json!({"client_name": hostile})).await;
    let response = app
        .client()
        .request(Method::POST, "/oauth2/default/v1/device/authorize")
        .header("user-agent", hostile)
        .form(&[("client_id", TV), ("scope", "openid")])
        .send()
        .await;
    let mut browser = Browser::new();
    let page = app.to_confirmation(&mut browser, text(&response.json(), "user_code"), ALICE).await;
    assert!(page.words().contains("127.0.0.1") && page.words().contains(" UTC"), "{}", page.words());
    assert_eq!(page.words().matches("<img src=x").count(), 2, "{}", page.words());
    assert!(!page.body_contains("<script") && !page.body_contains("<img src=x"));
    // The typed code goes back into its field, and only there.
    let page = browser.open(&app.url("/activate?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).await;
    assert!(!page.body_contains("<script"));
    assert_eq!(page.form("device-form").field("user_code"), Some("\"><script>alert(1)</script>"));
}

/// The decision is a form of ours, for this flow, in this browser and this session.
async fn sec_j05_the_decision_needs_our_form_and_the_same_session(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), ALICE).await;
    let form = page.form("device-confirm-form").press("approve");
    // Another browser, also one of the same user.
    let mut other = Browser::new();
    app.to_confirmation(&mut other, text(&codes, "user_code"), ALICE).await;
    assert_eq!(error_code(&other.submit(&form).await), "csrf_rejected");
    // The same browser after somebody else signed in.
    let sign_in = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    sign_in_on(&mut browser, &sign_in, BOB, PASSWORD).await;
    let page = browser.open(page.url.as_str()).await;
    assert!(page.body_contains(BOB), "{}", page.words());
    assert_eq!(error_code(&browser.submit(&form).await), "csrf_rejected");
    // The same browser, signed out.
    let logout = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    browser.submit(&logout.form("logout-form").press("confirm")).await;
    browser.open(page.url.as_str()).await;
    assert_eq!(error_code(&browser.submit(&form).await), "csrf_rejected");
    assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "authorization_pending");
    // The page for consent, which warns of nothing, is not a way round.
    let mut browser = Browser::new();
    let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), ALICE).await;
    let around = browser.open(&page.url.as_str().replace("/activate/confirm", "/consent")).await;
    assert!(around.body_contains("device-confirm-page"), "{}", around.words());
}

/// The user code is spent with the decision; the device code is not a user code.
async fn sec_j05_a_code_opens_nothing_once_it_was_decided(app: TestApp) {
    devices(&app).await;
    for decision in ["approve", "deny"] {
        let codes = app.device_codes(TV, "openid").await;
        app.decide(text(&codes, "user_code"), ALICE, decision).await;
        assert_eq!(app.activate(&mut Browser::new(), text(&codes, "user_code")).await.status, 400);
        assert_eq!(app.activate(&mut Browser::new(), text(&codes, "device_code")).await.status, 400);
    }
}

/// Two people with one code: the first decision counts, the second is told that it is over.
async fn sec_j05_two_browsers_decide_once(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let mut forms = Vec::new();
    for (login, decision) in [(ALICE, "approve"), (BOB, "approve"), (ALICE, "deny")] {
        let mut browser = Browser::new();
        let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), login).await;
        forms.push((browser, page.form("device-confirm-form").press(decision)));
    }
    let barrier = Arc::new(Barrier::new(forms.len()));
    let tasks: Vec<_> = forms
        .into_iter()
        .map(|(mut browser, form)| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                browser.submit(&form).await
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        let page = task.await.unwrap();
        if page.body_contains("device-done-page") {
            done += 1;
        } else {
            assert_eq!(error_code(&page), "expired_flow");
        }
    }
    assert_eq!(done, 1);
    let granted =
        app.log().await.into_iter().filter(|(kind, _)| kind == "app.oauth2.as.authorize.device").count();
    let polled = app.poll(TV, text(&codes, "device_code")).await;
    assert_eq!(polled.status == 200, granted == 1, "{}", polled.text());
}

/// Access policies, assignment and consent are the ones of every other sign-in.
async fn sec_j05_access_policy_and_consent_apply(app: TestApp) {
    devices(&app).await;
    // Not assigned: told before anything is asked, and the device learns it.
    let tx = app.app.db.begin_write().await.unwrap();
    let id = stepgate::id::ClientId::new(TV);
    let mut client = store::client::find_in(&tx, &id).await.unwrap().unwrap();
    client.assignment = Some(stepgate::model::client::Assignment::default());
    store::client::update(&tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    let page = app.activate(&mut browser, text(&codes, "user_code")).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(page.body_contains("device-done-page") && page.body_contains("not assigned"), "{}", page.words());
    assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "access_denied");
    // Cancelling the sign-in denies as well.
    let codes = app.device_codes(RADIO, "openid").await;
    let mut browser = Browser::new();
    let page = app.activate(&mut browser, text(&codes, "user_code")).await;
    let page = browser.submit(&page.form("login-form").press("cancel")).await;
    assert!(page.body_contains("device-done-page"), "{}", page.words());
    assert_refused(&app.poll(RADIO, text(&codes, "device_code")).await, 400, "access_denied");
}

/// A grant stands only while what it rests on does: the user, the session, the client.
async fn sec_j06_what_ended_before_the_poll_ends_the_device(app: TestApp) {
    devices(&app).await;
    let key = LoginKey::normalize(ALICE).unwrap();
    let alice = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
    for end in ["suspended", "locked", "revoked", "signed out"] {
        let codes = app.device_codes(TV, "openid offline_access").await;
        let mut browser = Browser::new();
        let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), ALICE).await;
        browser.submit(&page.form("device-confirm-form").press("approve")).await;
        let mut user = alice.clone();
        match end {
            "suspended" => user.status = UserStatus::Suspended,
            "locked" => user.lock.locked_until = Some(UNTIL_RESET),
            "revoked" => {
                let hash = stepgate::secret::TokenHash::of(text(&codes, "device_code"));
                let code =
                    store::device_code::find_by_device_code(&app.app.db, &hash).await.unwrap().unwrap();
                let store::device_code::Decision::Approved(grant) = code.decision else { panic!() };
                let revoke = store::grant::revoke(&grant, "test", app.app.now());
                app.app.db.writer().commit(Unit::new().change(revoke)).await.unwrap();
            }
            _ => {
                let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
                browser.submit(&page.form("logout-form").press("confirm")).await;
            }
        }
        let save = async |user| {
            let tx = app.app.db.begin_write().await.unwrap();
            store::user::update(&tx, user, key.as_str()).await.unwrap();
            tx.commit().await.unwrap();
        };
        save(&user).await;
        assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "invalid_grant");
        save(&alice).await;
        if matches!(end, "suspended" | "locked") {
            // Nothing was spent by the refusal.
            assert_eq!(app.poll(TV, text(&codes, "device_code")).await.status, 200, "{end}");
        }
    }
}

/// What the person saw and approved is what the device gets: nothing that the poll says adds to it.
async fn sec_j07_the_scope_at_token_is_the_scope_approved(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid car:drive car:paint").await;
    let mut browser = Browser::new();
    let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), ALICE).await;
    let mut form = page.form("device-confirm-form").press("approve");
    // An optional scope is left out; one that was never asked for is smuggled in.
    form.fields.retain(|(name, _)| name != "scope");
    browser.submit(&form.smuggle("scope", "car:sell")).await;
    let form = [
        ("grant_type", DEVICE_CODE),
        ("client_id", TV),
        ("device_code", text(&codes, "device_code")),
        ("scope", "openid car:drive car:paint car:sell offline_access"),
    ];
    let response = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let tokens = response.json();
    assert_eq!(tokens["scope"], "openid car:drive");
    assert!(tokens.get("refresh_token").is_none());
    let active = app.introspect(text(&tokens, "access_token")).await;
    assert_eq!((&active["scope"], &active["client_id"]), (&json!("openid car:drive"), &json!(TV)));
}

/// A lookup names what it looks for (RFC 9700 §4.5).
async fn sec_c04_a_device_code_and_a_code_are_not_each_other(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid offline_access").await;
    app.decide(text(&codes, "user_code"), ALICE, "approve").await;
    let device_code = text(&codes, "device_code");
    assert_refused(&app.redeem(WEB, device_code).await, 400, "invalid_grant");
    assert_refused(&app.refresh(WEB, device_code).await, 400, "invalid_grant");
    assert_eq!(app.introspect(device_code).await, json!({"active": false}));
    let code = app.code(WEB, "openid", ALICE).await;
    let refresh_token = app.device_tokens(TV, "openid offline_access", ALICE).await;
    let flips = [format!("{device_code}A"), device_code[1..].to_owned(), device_code.to_lowercase()];
    let others = [code.as_str(), text(&refresh_token, "refresh_token"), text(&codes, "user_code")];
    for other in others.into_iter().chain(flips.iter().map(String::as_str)) {
        assert_refused(&app.poll(TV, other).await, 400, "invalid_grant");
    }
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
    assert_eq!(app.poll(TV, device_code).await.status, 200);
}

/// RFC 8628 §3.1: a scope that does not exist here is not approved by somebody who cannot know it.
async fn sec_e15_a_device_gets_no_unknown_scope(app: TestApp) {
    devices(&app).await;
    for scope in ["no-such-scope", "openid no-such-scope", "OPENID", "openid  email"] {
        assert_refused(&app.device_authorize_at("default", TV, scope).await, 400, "invalid_scope");
    }
    // Without the grant refresh_token, offline access is nothing that could be had.
    device(&app, RADIO, json!({"grant_types": [DEVICE_CODE]})).await;
    let tokens = app.device_tokens(RADIO, "openid offline_access", ALICE).await;
    assert_eq!((&tokens["scope"], tokens.get("refresh_token")), (&json!("openid"), None));
}

/// The grant is the client's or it is not, at every server and at both endpoints.
async fn sec_e16_the_device_grant_is_off_unless_registered(app: TestApp) {
    devices(&app).await;
    for server in ["default", "org"] {
        let path = if server == "org" { "/oauth2/v1" } else { "/oauth2/default/v1" };
        let request = app.client().request(Method::POST, &format!("{path}/device/authorize"));
        let refused = request.basic(WEB, SECRET).form(&[("scope", "openid")]).send().await;
        assert_refused(&refused, 400, "unauthorized_client");
        let form = [("grant_type", DEVICE_CODE), ("device_code", "x")];
        assert_refused(&app.token_at(server, WEB, &form).await, 400, "unauthorized_client");
    }
    // Taken away in between.
    let codes = app.device_codes(TV, "openid").await;
    let user_code = text(&codes, "user_code");
    let metadata = json!({"grant_types": ["authorization_code"], "redirect_uris": ["http://127.0.0.1/cb"]});
    device(&app, TV, metadata).await;
    assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "unauthorized_client");
    assert_eq!(app.activate(&mut Browser::new(), user_code).await.status, 400);
}

/// Forms without our token, with one of another step or from another site change nothing.
async fn sec_l01_the_device_forms_refuse_foreign_tokens(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    let entry = browser.open(&app.url("/activate")).await;
    let code_form = entry.form("device-form").fill("user_code", text(&codes, "user_code"));
    let page = app.to_confirmation(&mut browser, text(&codes, "user_code"), ALICE).await;
    let form = page.form("device-confirm-form").press("approve");
    let stolen = code_form.field("csrf").unwrap().to_owned();
    for (form, csrf) in
        [(code_form.clone(), String::new()), (form.clone(), String::new()), (form.clone(), stolen)]
    {
        let refused = browser.submit(&form.fill("csrf", &csrf)).await;
        assert_eq!((refused.status, error_code(&refused)), (403, "csrf_rejected"));
        browser.open(page.url.as_str()).await;
    }
    browser.send_always("origin", "https://evil.example");
    for form in [code_form, form] {
        assert_eq!(browser.submit(&form).await.status, 403);
    }
    assert_refused(&app.poll(TV, text(&codes, "device_code")).await, 400, "authorization_pending");
}

/// Whose code it was, or whether it ever was one, is not told.
async fn sec_m05_wrong_device_codes_are_answered_alike(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let spent = app.device_codes(RADIO, "openid").await;
    app.decide(text(&spent, "user_code"), ALICE, "approve").await;
    assert_eq!(app.poll(RADIO, text(&spent, "device_code")).await.status, 200);
    let unknown = app.poll(RADIO, "unknown").await;
    for other in [text(&codes, "device_code"), text(&spent, "device_code")] {
        let answer = app.poll(RADIO, other).await;
        assert_eq!((answer.status, &answer.body), (unknown.status, &unknown.body));
    }
}
