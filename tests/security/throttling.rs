//! Guessing: how many passwords are looked at, on whose account, and how a caller is told to slow down.

use futures_util::future::join_all;
use http::Method;
use stepgate::{
    limit::rate::{Bucket, Rate},
    model::user::User,
    store,
};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{ALICE, BOB, PASSWORD, SECRET, WEB},
    http::{Browser, Response},
    op::{error_code, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_n01_of_a_parallel_burst_only_the_budget_is_looked_at,
        sec_n01_pages_and_programs_share_the_budget,
        sec_n02_every_spelling_of_a_login_is_charged_to_one_user,
        sec_n04_a_lock_survives_a_restart_and_a_flushed_cache,
        sec_n05_strangers_cannot_lock_a_user_out_of_a_known_browser;
    sqlite:
        sec_n02_every_spelling_of_a_login_shares_one_rate,
        sec_n05_a_known_browser_has_a_budget_of_its_own,
        sec_n06_forwarded_addresses_of_strangers_do_not_split_the_budget,
        sec_n07_a_throttled_oauth_request_is_told_in_both_dialects,
        sec_n07_a_throttled_page_is_a_page,
        sec_n07_failed_client_authentications_have_a_budget;
    ]
}

async fn user(app: &TestApp, login: &str) -> User {
    store::user::find_by_login(&app.app.db, login).await.unwrap().unwrap()
}

/// One attempt in a new browser; whether it signed in.
async fn attempt(app: &TestApp, login: &str, password: &str) -> bool {
    attempt_in(app, &mut Browser::new(), login, password).await
}

/// The same in this browser.
pub(super) async fn attempt_in(app: &TestApp, browser: &mut Browser, login: &str, password: &str) -> bool {
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    sign_in_on(browser, &page, login, password).await;
    browser.url().as_str().contains("code=")
}

async fn lock(app: &TestApp, login: &str) {
    for _ in 0..10 {
        assert!(!attempt(app, login, "wrong").await);
    }
}

/// NIST SP 800-63B-4 §3.2.2: every attempt is charged before its password is looked at, so that two hundred at once are
/// no more than ten one after the other.
async fn sec_n01_of_a_parallel_burst_only_the_budget_is_looked_at(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let form = page.form("login-form").fill("identifier", ALICE).fill("password", "wrong").press("sign_in");
    let binding = browser.cookie(&format!("dt_{}", app.app.settings.port())).unwrap().clone();
    let cookie = format!("{}={}", binding.name, binding.value);
    let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let client = app.client();
    let burst = (0..200).map(|_| {
        client
            .request(Method::POST, "/signin")
            .header("origin", &app.issuer)
            .header("cookie", &cookie)
            .form(&fields)
            .send()
    });
    for answer in join_all(burst).await {
        assert!(matches!(answer.status, 400 | 429), "{} {}", answer.status, answer.text());
        assert!(answer.body_contains("login-page"));
    }
    let alice = user(&app, ALICE).await;
    assert_eq!(alice.lock.failures_total, 10, "charged more than the budget");
    assert_eq!(alice.lock.lockouts, 1);
    assert!(alice.lock.locked_until.is_some());
    let locks = app.log().await.into_iter().filter(|(name, _)| name == "user.account.lock").count();
    assert_eq!(locks, 1, "the lock is logged once");
    assert!(!attempt(&app, ALICE, PASSWORD).await, "locked");
    app.clock.advance(15 * 60 - 60);
    assert!(!attempt(&app, ALICE, PASSWORD).await, "still locked");
    app.clock.advance(61);
    assert!(attempt(&app, ALICE, PASSWORD).await, "the lock is over");
    assert_eq!(user(&app, ALICE).await.lock.failures_total, 0);
}

/// NIST SP 800-63B-4 §3.2.2: whoever guesses at both doors has one budget.
async fn sec_n01_pages_and_programs_share_the_budget(app: TestApp) {
    let guess = serde_json::json!({ "username": ALICE, "password": "wrong" });
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut browser = Browser::new();
        let page = browser.open(&app.authorize_url(WEB, &[])).await;
        waiting.push((browser, page));
    }
    let pages = waiting
        .into_iter()
        .map(async |(mut browser, page)| sign_in_on(&mut browser, &page, ALICE, "wrong").await.status);
    let programs = (0..180).map(async |_| app.authn("", &guess).await.status);
    let (pages, programs) = futures_util::join!(join_all(pages), join_all(programs));
    assert!(pages.iter().all(|status| matches!(status, 400 | 429)), "{pages:?}");
    assert!(programs.iter().all(|status| matches!(status, 401 | 429)), "{programs:?}");
    assert_eq!(user(&app, ALICE).await.lock.failures_total, 10);
    assert!(!attempt(&app, ALICE, PASSWORD).await, "locked");
    assert_eq!(
        app.authn("", &serde_json::json!({ "username": ALICE, "password": PASSWORD })).await.status,
        401
    );
}

/// The spellings of Alice's login (RFC 8265 §3.3: case, width, composition; spaces around it are trimmed).
const SPELLINGS: [&str; 5] = [
    "alice@example.com",
    "ALICE@EXAMPLE.COM",
    "  Alice@Example.com ",
    "ａｌｉｃｅ@example.com",
    "alice＠example.com",
];

/// The counter is the user's, whatever was typed.
async fn sec_n02_every_spelling_of_a_login_is_charged_to_one_user(app: TestApp) {
    for round in 0..2 {
        for (index, spelling) in SPELLINGS.into_iter().enumerate() {
            assert!(!attempt(&app, spelling, "wrong").await);
            assert_eq!(
                user(&app, ALICE).await.lock.failures_total,
                5 * round + u32::try_from(index).unwrap() + 1
            );
        }
    }
    for spelling in SPELLINGS {
        assert!(!attempt(&app, spelling, PASSWORD).await, "{spelling} is not locked");
    }
    assert!(attempt(&app, BOB, PASSWORD).await, "somebody else is not");
    app.clock.advance(15 * 60 + 1);
    assert!(attempt(&app, SPELLINGS[3], PASSWORD).await);
}

/// The rate of a name is that of the normalised name, and is charged for names that nobody has too.
async fn sec_n02_every_spelling_of_a_login_shares_one_rate(app: TestApp) {
    let rates = vec![(Bucket::SignInUsername, Rate::per_minute(4))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    for login in [SPELLINGS[1], "nobody@example.com"] {
        let mut statuses = Vec::new();
        for spelling in SPELLINGS {
            let typed = if login.starts_with("nobody") { login } else { spelling };
            let mut browser = Browser::new();
            let page = browser.open(&app.authorize_url(WEB, &[])).await;
            let answer = sign_in_on(&mut browser, &page, typed, "wrong").await;
            if answer.status == 429 {
                assert!(answer.words().contains("Too many attempts"));
                let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait));
            }
            statuses.push(answer.status);
        }
        assert_eq!(statuses, [400, 400, 400, 400, 429], "{login}");
    }
    // A throttled attempt is not charged to the user.
    assert_eq!(user(&app, ALICE).await.lock.failures_total, 4);
    app.clock.advance(61);
    assert!(attempt(&app, ALICE, PASSWORD).await);
}

/// The lock is a row: neither a restart nor a lost cache opens it, and a flow begun before it does not either.
async fn sec_n04_a_lock_survives_a_restart_and_a_flushed_cache(app: TestApp) {
    let mut waiting = Browser::new();
    let page = waiting.open(&app.authorize_url(WEB, &[])).await;
    lock(&app, ALICE).await;
    sign_in_on(&mut waiting, &page, ALICE, PASSWORD).await;
    assert!(!waiting.url().as_str().contains("code="), "a flow in flight went round the lock");
    app.empty_redis();
    assert!(!attempt(&app, ALICE, PASSWORD).await);
    let app = app.restart(Change::default()).await;
    assert!(!attempt(&app, ALICE, PASSWORD).await);
    app.clock.advance(15 * 60 + 1);
    assert!(attempt(&app, ALICE, PASSWORD).await);
}

/// A browser in which the user has signed in is charged for itself: strangers lock the account for strangers.
async fn sec_n05_strangers_cannot_lock_a_user_out_of_a_known_browser(app: TestApp) {
    let mut known = Browser::new();
    assert!(attempt_in(&app, &mut known, ALICE, PASSWORD).await);
    lock(&app, ALICE).await;
    assert!(!attempt(&app, ALICE, PASSWORD).await, "strangers are locked out");
    // The session lives on, and the owner can prove the password again.
    known.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert!(known.url().as_str().contains("code="), "{}", known.url());
    assert!(attempt_in(&app, &mut known, ALICE, PASSWORD).await);
    assert!(!attempt(&app, ALICE, PASSWORD).await, "which does not open the lock for strangers");
    // The browser is known for Alice, not for others.
    lock(&app, BOB).await;
    assert!(!attempt_in(&app, &mut known, BOB, PASSWORD).await);
}

/// A known browser may guess no more than a stranger, and its guesses lock nobody else out.
async fn sec_n05_a_known_browser_has_a_budget_of_its_own(app: TestApp) {
    let mut known = Browser::new();
    assert!(attempt_in(&app, &mut known, ALICE, PASSWORD).await);
    for _ in 0..10 {
        assert!(!attempt_in(&app, &mut known, ALICE, "wrong").await);
    }
    assert!(!attempt_in(&app, &mut known, ALICE, PASSWORD).await, "the stolen browser is locked");
    assert_eq!(user(&app, ALICE).await.lock.failures_total, 0);
    assert!(attempt(&app, ALICE, PASSWORD).await, "her other browsers are not");
    app.clock.advance(15 * 60 + 1);
    assert!(attempt_in(&app, &mut known, ALICE, PASSWORD).await);
}

/// RFC 7239 §8.1: who may not say on whose behalf a request comes is counted, and logged, under the own address.
async fn sec_n06_forwarded_addresses_of_strangers_do_not_split_the_budget(app: TestApp) {
    let rates = vec![(Bucket::SignInFailure, Rate::per_minute(6)), (Bucket::Token, Rate::per_minute(3))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let headers = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "198.51.100.2, 127.0.0.1"),
        ("forwarded", "for=198.51.100.3"),
        ("x-real-ip", "198.51.100.4"),
        ("x-forwarded-for", "garbage, \"[::]\""),
        ("true-client-ip", "198.51.100.5"),
        ("x-forwarded-for", "198.51.100.6"),
    ];
    let mut statuses = Vec::new();
    for (name, value) in headers {
        let mut browser = Browser::new();
        browser.send_always(name, value);
        let page = browser.open(&app.authorize_url(WEB, &[])).await;
        statuses.push(sign_in_on(&mut browser, &page, "nobody@example.com", "wrong").await.status);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 400, 429]);
    let mut statuses = Vec::new();
    for (name, value) in &headers[..4] {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/token").header(name, value);
        statuses.push(
            request.basic(WEB, SECRET).form(&[("grant_type", "client_credentials")]).send().await.status,
        );
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    let since = time::OffsetDateTime::UNIX_EPOCH;
    for (_, event) in store::log_event::list(&app.app.db, since, 100).await.unwrap() {
        // What the program does of itself comes from nowhere.
        if event.event_type != "app.oauth2.as.key.rollover" && event.event_type != "app.oauth2.key.rollover" {
            assert_eq!(event.ip.as_deref(), Some("127.0.0.1"), "{}", event.event_type);
        }
    }
}

/// What Okta's clients read before they try again: they fail without `Date` and `X-Rate-Limit-Reset`.
fn assert_says_when(response: &Response, now: i64, limit: &str) {
    assert_eq!(response.status, 429);
    assert_eq!(response.header("x-rate-limit-limit"), Some(limit));
    assert_eq!(response.header("x-rate-limit-remaining"), Some("0"));
    let reset: i64 = response.header("x-rate-limit-reset").unwrap().parse().unwrap();
    assert!((now..=now + 61).contains(&reset), "{reset} is not within a minute of {now}");
    assert!(response.header("date").is_some());
    // RFC 6585 §4, RFC 9110 §10.2.3.
    let wait: i64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

/// RFC 6585 §4: 429 on an OAuth endpoint is one object with OAuth's members and Okta's.
async fn sec_n07_a_throttled_oauth_request_is_told_in_both_dialects(app: TestApp) {
    let rates = [Bucket::Token, Bucket::Introspect, Bucket::Revoke, Bucket::Userinfo]
        .map(|bucket| (bucket, Rate::per_minute(1)))
        .to_vec();
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let form = [("grant_type", "client_credentials")];
    let good = app.token(WEB, &form).await;
    assert_eq!(good.status, 200, "{}", good.text());
    assert_eq!(good.header("x-rate-limit-limit"), Some("1"));
    assert_eq!(good.header("x-rate-limit-remaining"), Some("0"));
    assert_eq!(good.header("retry-after"), None);
    for name in ["token", "introspect", "revoke", "userinfo"] {
        let path = format!("/oauth2/default/v1/{name}");
        let send = async || {
            let request =
                app.client().request(Method::POST, &path).header("origin", "https://app.example.com");
            request.basic(WEB, SECRET).form(&form).send().await
        };
        if name != "token" {
            assert_ne!(send().await.status, 429, "{name}");
        }
        let throttled = send().await;
        assert_says_when(&throttled, app.app.now().unix_timestamp(), "1");
        let body = throttled.json();
        assert!(body["error"].is_string() && body["error_description"].is_string(), "{body}");
        assert_eq!(body["errorCode"], "E0000047");
        assert!(body["errorSummary"].is_string() && body["errorLink"].is_string());
        assert!(body["errorId"].as_str().unwrap().len() > 10);
        assert_eq!(body["errorCauses"], serde_json::json!([]));
        assert_eq!(throttled.header("cache-control"), Some("no-store"));
    }
    app.clock.advance(61);
    assert_eq!(app.token(WEB, &form).await.status, 200);
}

/// RFC 6585 §4: people read it on a page, other callers in Okta's envelope; documents are not limited.
async fn sec_n07_a_throttled_page_is_a_page(app: TestApp) {
    let rates = [Bucket::Authorize, Bucket::Management].map(|bucket| (bucket, Rate::per_minute(1))).to_vec();
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let url = app.authorize_url(WEB, &[("prompt", "none")]);
    let mut browser = Browser::new();
    browser.open(&url).await;
    let page = browser.open(&url).await;
    assert_says_when(&page, app.app.now().unix_timestamp(), "1");
    assert_eq!(error_code(&page), "too_many_requests");
    let path = "/oauth2/v1/nothing";
    assert_eq!(app.client().get(path).await.status, 404);
    let envelope = app.client().get(path).await;
    assert_says_when(&envelope, app.app.now().unix_timestamp(), "1");
    assert_eq!(envelope.json()["errorCode"], "E0000047");
    for _ in 0..5 {
        assert_eq!(app.client().get("/oauth2/v1/keys").await.status, 200);
    }
}

/// RFC 6749 §2.3.1: guessing a client's secret has a budget per client and address; the right one counts nothing.
async fn sec_n07_failed_client_authentications_have_a_budget(app: TestApp) {
    let rates = vec![(Bucket::ClientAuthenticationFailure, Rate::per_minute(3))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let send = async |client: &str, secret: &str| {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/token");
        request.basic(client, secret).form(&[("grant_type", "client_credentials")]).send().await
    };
    for _ in 0..5 {
        assert_eq!(send(WEB, SECRET).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(send(WEB, "wrong").await.status, 401);
    }
    let throttled = send(WEB, "wrong").await;
    assert_says_when(&throttled, app.app.now().unix_timestamp(), "3");
    assert_eq!(throttled.json()["errorCode"], "E0000047");
    assert_eq!(send("other", SECRET).await.status, 200, "another client is not concerned");
    app.clock.advance(61);
    assert_eq!(send(WEB, SECRET).await.status, 200);
}
