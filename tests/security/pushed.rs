//! F1–F6 and B7: pushed authorization requests (RFC 9126 §4, §7).

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use stepgate::{secret::TokenHash, store};

use super::{assert_page, assert_refused, traces};
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, OTHER, PASSWORD, REDIRECT_URI, SECRET, SPA, WEB},
    http::Browser,
    op::{CHALLENGE, VERIFIER, answer, authorization_request, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_f01_of_many_flows_that_one_request_began_one_is_completed,
            sec_f01_a_denial_spends_the_request_too;
        sqlite:
            sec_f01_a_spent_request_is_a_page,
            sec_f02_somebody_elses_expired_or_altered_request_is_a_page,
            sec_f03_a_pushed_request_names_no_other,
            sec_f04_only_the_client_itself_pushes,
            sec_f05_a_client_that_must_push_cannot_be_sent_by_the_browser,
            sec_f06_what_was_pushed_is_shown_nowhere,
            sec_b07_the_pushed_challenge_wins_and_is_not_merged,
            sec_c04_a_request_uri_is_nothing_else,
            sec_x06_what_public_clients_leave_behind_is_bounded
    ]
}

const PAR: &str = "/oauth2/default/v1/par";

async fn consumed(app: &TestApp, request_uri: &str) -> bool {
    let found = store::pushed_request::find(&app.app.db, &TokenHash::of(request_uri)).await.unwrap();
    found.unwrap().consumed_at.is_some()
}

/// F1: the claim is in the unit that issues the code, so flows in different browsers cannot both be completed.
async fn sec_f01_of_many_flows_that_one_request_began_one_is_completed(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let url = app.pushed_url(WEB, &name);
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut browser = Browser::new();
        let page = browser.open(&url).await;
        assert!(page.body_contains("login-page"), "{}", page.words());
        waiting.push((browser, page));
    }
    assert!(!consumed(&app, &name).await, "looking at it spends nothing");
    let completed = join_all(waiting.into_iter().map(async |(mut browser, page)| {
        let response = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let code = browser.url().as_str().starts_with(REDIRECT_URI).then(|| answer(&browser)["code"].clone());
        if code.is_none() {
            assert_page(&response, "expired_flow");
        }
        code
    }))
    .await;
    let codes: Vec<_> = completed.into_iter().flatten().collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    assert_eq!(app.redeem(WEB, &codes[0]).await.status, 200);
    assert!(consumed(&app, &name).await);
    let issued = app.log().await.into_iter().filter(|(kind, _)| kind == "app.oauth2.as.authorize.code");
    assert_eq!(issued.count(), 1);
}

/// F1: an answer is an answer. Cancelling, and an error for `prompt=none`, end the request.
async fn sec_f01_a_denial_spends_the_request_too(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let mut browser = Browser::new();
    let page = browser.open(&app.pushed_url(WEB, &name)).await;
    let mut other = Browser::new();
    let elsewhere = other.open(&app.pushed_url(WEB, &name)).await;
    browser.submit(&page.form("login-form").press("cancel")).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
    assert!(consumed(&app, &name).await);
    let late = sign_in_on(&mut other, &elsewhere, ALICE, PASSWORD).await;
    assert_page(&late, "expired_flow");
    let name = app.pushed(WEB, &[("prompt", "none")]).await;
    let mut browser = Browser::new();
    browser.open(&app.pushed_url(WEB, &name)).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    assert_page(&browser.open(&app.pushed_url(WEB, &name)).await, "invalid_request_uri");
}

/// F1: reloading before completion works, afterwards it is a page, also with a session that needs no sign-in.
async fn sec_f01_a_spent_request_is_a_page(app: TestApp) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let name = app.pushed(WEB, &[]).await;
    browser.open(&app.pushed_url(WEB, &name)).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    for mut browser in [browser, Browser::new()] {
        assert_page(&browser.open(&app.pushed_url(WEB, &name)).await, "invalid_request_uri");
    }
}

/// F2: RFC 9126 §7.1–7.2. Nothing happens to the request.
async fn sec_f02_somebody_elses_expired_or_altered_request_is_a_page(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let before = traces(&app).await;
    let random = name.rsplit(':').next().unwrap();
    let altered = |from: &str, to: &str| name.replace(from, to);
    let mut names = vec![
        altered("request_uri:", "request_uri:A"),
        altered("urn:", "URN:"),
        format!("{name}A"),
        format!("{name} "),
        format!("{name}#"),
        name[..name.len() - 1].to_owned(),
        altered(random, &random.to_uppercase()),
        altered(random, &TokenHash::of(&name).encoded()),
        altered(random, ""),
        altered(random, "%00"),
        altered(random, "' OR 1=1 --"),
    ];
    names.retain(|other| *other != name);
    for other in names {
        let page = Browser::new().open(&app.pushed_url(WEB, &other)).await;
        assert_page(&page, "invalid_request");
    }
    assert_page(&Browser::new().open(&app.pushed_url(OTHER, &name)).await, "invalid_request_uri");
    assert_eq!(traces(&app).await, before);
    assert!(!consumed(&app, &name).await);
    app.clock.advance(61);
    assert_page(&Browser::new().open(&app.pushed_url(WEB, &name)).await, "invalid_request_uri");
}

/// F3: RFC 9126 §2.1.
async fn sec_f03_a_pushed_request_names_no_other(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    for uri in [name.as_str(), "https://app.example.com/request.jwt", "x"] {
        assert_refused(&app.push(WEB, &[("request_uri", uri)]).await, 400, "invalid_request");
    }
}

/// F4: RFC 9126 §2.1, §2.3.
async fn sec_f04_only_the_client_itself_pushes(app: TestApp) {
    let form = authorization_request(WEB, &[]);
    let unauthenticated = app.client().post_form(PAR, &form).await;
    assert_refused(&unauthenticated, 401, "invalid_client");
    let request = |id: &str, secret: &str| app.client().request(Method::POST, PAR).basic(id, secret);
    let wrong = request(WEB, "a-wrong-secret-of-thirty-two-characters").form(&form).send().await;
    assert_refused(&wrong, 401, "invalid_client");
    assert!(wrong.header("www-authenticate").unwrap().starts_with("Basic "));
    assert_refused(&request("nobody", SECRET).form(&[]).send().await, 401, "invalid_client");
    // The names differ: whose request it is, is not guessed.
    assert_refused(&request(OTHER, SECRET).form(&form).send().await, 400, "invalid_request");
    let mut twice = form.clone();
    twice.push(("scope", "openid"));
    assert_refused(&request(WEB, SECRET).form(&twice).send().await, 400, "invalid_request");
    let mut both = form.clone();
    both.push(("client_secret", SECRET));
    assert_refused(&request(WEB, SECRET).form(&both).send().await, 400, "invalid_request");
    assert_eq!(app.client().get(PAR).await.status, 405);
    let in_url = format!("{PAR}?client_id={WEB}&client_secret={SECRET}");
    let response = app.client().request(Method::POST, &in_url).form(&form).send().await;
    assert_refused(&response, 400, "invalid_request");
    // No colon, as Okta's browser library introspects: not here.
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(SPA)
    };
    let bare = app.client().request(Method::POST, PAR).header("authorization", &format!("Basic {encoded}"));
    assert_refused(&bare.form(&[]).send().await, 401, "invalid_client");
}

/// F5: RFC 9126 §6: a request that did not come from the client is not its request.
async fn sec_f05_a_client_that_must_push_cannot_be_sent_by_the_browser(app: TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "require_pushed_authorization_requests": true,
    });
    fixtures::client(&app.app, "pushing", metadata, Some(SECRET)).await;
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.authorize_url("pushing", &[])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
    let form = authorization_request("pushing", &[]);
    let posted = app.client().post_form("/oauth2/default/v1/authorize", &form).await;
    browser.open(posted.location().unwrap().as_str()).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
    let evil = [("redirect_uri", "https://evil.example/")];
    assert_page(&browser.open(&app.authorize_url("pushing", &evil)).await, "invalid_redirect_uri");
    let name = app.pushed("pushing", &[]).await;
    browser.open(&app.pushed_url("pushing", &name)).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
}

/// F6: CVE-2024-4540. Between push and answer nothing of the request can be seen: not in addresses, cookies, pages or
/// the system log. Scopes are shown by the consent page and `login_hint` by the sign-in page, which is what they are for.
async fn sec_f06_what_was_pushed_is_shown_nowhere(app: TestApp) {
    let secrets = ["pushed-state-secret", "pushed-nonce-secret", "pushed-acr-secret", CHALLENGE];
    let more = [("state", secrets[0]), ("nonce", secrets[1]), ("acr_values", secrets[2])];
    let name = app.pushed(WEB, &more).await;
    let mut browser = Browser::new();
    let page = browser.open(&app.pushed_url(WEB, &name)).await;
    let wrong = sign_in_on(&mut browser, &page, ALICE, "wrong").await;
    for (page, secret) in [&page, &wrong].into_iter().flat_map(|page| secrets.map(|secret| (page, secret))) {
        assert!(!page.text().contains(secret), "{secret} on the page");
        assert!(!page.url.as_str().contains(secret), "{secret} in {}", page.url);
        assert!(!format!("{:?}", page.headers).contains(secret), "{secret} in {:?}", page.headers);
    }
    assert!(!page.text().contains(&name) && !page.url.as_str().contains(&name));
    sign_in_on(&mut browser, &wrong, ALICE, PASSWORD).await;
    assert_eq!(answer(&browser)["state"], secrets[0]);
    let since = time::OffsetDateTime::UNIX_EPOCH;
    let events = store::log_event::list(&app.app.db, since, 10_000).await.unwrap();
    let log = format!("{events:?}");
    assert!(log.contains("app.oauth2.as.authorize.code"));
    for secret in secrets.into_iter().chain([name.as_str()]) {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

/// B7: the challenge that the client pushed is the one; what the browser adds neither replaces nor completes it.
async fn sec_b07_the_pushed_challenge_wins_and_is_not_merged(app: TestApp) {
    let other = "x".repeat(43);
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let name = app.pushed(WEB, &[]).await;
    let url = format!("{}&code_challenge={other}&code_challenge_method=S256", app.pushed_url(WEB, &name));
    browser.open(&url).await;
    let code = answer(&browser)["code"].clone();
    assert_eq!(app.redeem(WEB, &code).await.status, 200, "the pushed one");
    // Nothing was pushed: nothing comes from outside, so a verifier is one too many (RFC 9700 §4.8.2).
    let none = [("code_challenge", "-"), ("code_challenge_method", "-")];
    let name = app.pushed(WEB, &none).await;
    let url = format!("{}&code_challenge={CHALLENGE}&code_challenge_method=S256", app.pushed_url(WEB, &name));
    browser.open(&url).await;
    let code = answer(&browser)["code"].clone();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    let verifier = [("code_verifier", VERIFIER)];
    assert_refused(&app.token(WEB, &[&form[..], &verifier[..]].concat()).await, 400, "invalid_grant");
    assert_eq!(app.token(WEB, &form).await.status, 200);
}

/// C4: each artefact is good for one thing (CVE-2026-4282).
async fn sec_c04_a_request_uri_is_nothing_else(app: TestApp) {
    let name = app.pushed(WEB, &[]).await;
    let random = name.rsplit(':').next().unwrap();
    for artefact in [name.as_str(), random] {
        assert_refused(&app.redeem(WEB, artefact).await, 400, "invalid_grant");
        assert_refused(&app.refresh(WEB, artefact).await, 400, "invalid_grant");
        assert_eq!(app.introspect(artefact).await, json!({"active": false}));
        assert!(matches!(app.userinfo(artefact).await.status, 400 | 401));
    }
    assert!(!consumed(&app, &name).await);
    // And nothing else is a request.
    let code = app.code(WEB, "openid", ALICE).await;
    for artefact in [code.as_str(), "urn:ietf:params:oauth:request_uri:"] {
        let name = format!("urn:ietf:params:oauth:request_uri:{artefact}");
        assert_page(&Browser::new().open(&app.pushed_url(WEB, &name)).await, "invalid_request_uri");
    }
}

/// X6: whoever knows the name of a public client can push; how much waits for one address is limited.
async fn sec_x06_what_public_clients_leave_behind_is_bounded(app: TestApp) {
    use stepgate::limit::rate::{Bucket, Rate};
    let few = Rate { limit: 3, window: std::time::Duration::from_secs(900) };
    let change =
        crate::support::app::Change { rates: vec![(Bucket::AuthorizePending, few)], ..Default::default() };
    let app = app.restart(change).await;
    let form = authorization_request(SPA, &[]);
    for _ in 0..3 {
        assert_eq!(app.client().post_form(PAR, &form).await.status, 201);
    }
    let refused = app.client().post_form(PAR, &form).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert!(refused.header("retry-after").is_some() || refused.header("x-rate-limit-reset").is_some());
    assert_eq!(app.push(WEB, &[]).await.status, 201, "who authenticates is known");
    app.clock.advance(61);
    assert_eq!(app.client().post_form(PAR, &form).await.status, 201);
}
