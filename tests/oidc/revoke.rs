//! Revocation: RFC 7009.

use http::Method;
use serde_json::json;

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, MACHINE, OTHER, SECRET, SPA, WEB},
    http::{Browser, Response},
    op::{code_form, public_code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_d12_a_revoked_refresh_token_takes_its_access_tokens_along,
            sec_d12_a_revoked_access_token_leaves_the_refresh_token,
            a_revocation_counts_on_every_node;
        sqlite:
            sec_d12_a_token_of_another_client_lives_on,
            sec_d12_unknown_and_dead_tokens_are_answered_alike,
            sec_d12_a_failure_of_storage_is_not_a_success,
            a_token_of_a_machine_is_revoked,
            a_client_that_does_not_authenticate_revokes_nothing,
            a_public_client_revokes_its_own_tokens,
            sec_k06_another_authorization_server_revokes_nothing,
            a_hint_is_only_a_hint,
            malformed_requests_are_refused,
    ]
}

const ENDPOINT: &str = "/oauth2/default/v1/revoke";

async fn revoke(app: &TestApp, client: &str, token: &str) -> Response {
    let request = app.client().request(Method::POST, ENDPOINT).basic(client, SECRET);
    request.form(&[("token", token)]).send().await
}

async fn is_active(app: &TestApp, token: &str) -> bool {
    app.introspect(token).await["active"] == true
}

async fn revocations(app: &TestApp) -> usize {
    app.log().await.iter().filter(|(event_type, _)| event_type == "app.oauth2.as.token.revoke").count()
}

/// RFC 7009 §2.1: with a refresh token, the access tokens of the same grant are revoked too; other grants are not.
async fn sec_d12_a_revoked_refresh_token_takes_its_access_tokens_along(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let bystander = app.tokens(WEB, "openid offline_access", ALICE).await;
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
    let response = revoke(&app, WEB, refresh).await;
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(!is_active(&app, access).await);
    assert!(!is_active(&app, refresh).await);
    assert_eq!(app.userinfo(access).await.status, 401);
    let refreshed = app.refresh(WEB, refresh).await;
    assert_eq!((refreshed.status, &refreshed.json()["error"]), (400, &json!("invalid_grant")));
    assert_eq!(revocations(&app).await, 1);
    assert!(is_active(&app, bystander["access_token"].as_str().unwrap()).await);
    assert!(is_active(&app, bystander["refresh_token"].as_str().unwrap()).await);
}

/// RFC 7009 §2.1: an access token may be revoked on its own.
async fn sec_d12_a_revoked_access_token_leaves_the_refresh_token(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
    assert_eq!(revoke(&app, WEB, access).await.status, 200);
    assert!(!is_active(&app, access).await);
    assert_eq!(app.userinfo(access).await.status, 401);
    assert!(is_active(&app, refresh).await);
    let refreshed = app.refresh(WEB, refresh).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert!(is_active(&app, refreshed.json()["access_token"].as_str().unwrap()).await);
    assert!(!is_active(&app, access).await);
}

/// What one node answered with 200, no node accepts any more.
async fn a_revocation_counts_on_every_node(app: TestApp) {
    let node = app.second_node().await;
    let host = app.app.settings.authority();
    let there = crate::support::http::Client::new(&format!("http://{}", node.address));
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
    let userinfo = || {
        let request = there.request(Method::GET, "/oauth2/default/v1/userinfo").header("host", host);
        request.bearer(access).send()
    };
    assert_eq!(userinfo().await.status, 200);
    assert_eq!(revoke(&app, WEB, refresh).await.status, 200);
    assert_eq!(userinfo().await.status, 401);
    let request = there.request(Method::POST, "/oauth2/default/v1/token").header("host", host);
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let refreshed = request.basic(WEB, SECRET).form(&form).send().await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
}

/// RFC 7009 §2.1: the token must have been issued to the client; if not, nothing happens, and nothing is given away.
async fn sec_d12_a_token_of_another_client_lives_on(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    for token in ["access_token", "refresh_token", "id_token"] {
        let token = tokens[token].as_str().unwrap();
        let response = revoke(&app, OTHER, token).await;
        assert_eq!((response.status, response.body.len()), (200, 0));
        assert!(is_active(&app, token).await);
    }
    assert_eq!(revocations(&app).await, 0);
    assert_eq!(app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.status, 200);
}

/// RFC 7009 §2.2: an invalid token is no error, since it is what the client wants it to be.
async fn sec_d12_unknown_and_dead_tokens_are_answered_alike(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let first = revoke(&app, WEB, refresh).await;
    app.clock.advance(3601);
    for token in [refresh, tokens["access_token"].as_str().unwrap(), "never-issued", "a.b.c", "ünknown"] {
        let response = revoke(&app, WEB, token).await;
        assert_eq!((response.status, &response.body), (first.status, &first.body), "{token}");
    }
    assert_eq!(revocations(&app).await, 1);
}

/// RFC 7009 §2.2.1: when it cannot be done, the client must learn that the token lives on.
async fn sec_d12_a_failure_of_storage_is_not_a_success(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.app.db.clone().close().await;
    for token in ["access_token", "refresh_token"] {
        let response = revoke(&app, WEB, tokens[token].as_str().unwrap()).await;
        assert_eq!(response.status, 503, "{token}: {}", response.text());
        assert_eq!(response.json()["error"], "temporarily_unavailable", "{token}");
    }
}

/// A token without a grant (RFC 6749 §4.4) is revoked by its `jti`.
async fn a_token_of_a_machine_is_revoked(app: TestApp) {
    let form = [("grant_type", "client_credentials"), ("scope", "car:drive")];
    let [first, second] = [app.token(MACHINE, &form).await.json(), app.token(MACHINE, &form).await.json()];
    assert_eq!(revoke(&app, MACHINE, first["access_token"].as_str().unwrap()).await.status, 200);
    assert!(!is_active(&app, first["access_token"].as_str().unwrap()).await);
    assert!(is_active(&app, second["access_token"].as_str().unwrap()).await);
}

/// RFC 7009 §2.1: client authentication first; a refusal is RFC 6749 §5.2's.
async fn a_client_that_does_not_authenticate_revokes_nothing(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let post = || app.client().request(Method::POST, ENDPOINT);
    for request in [
        post().form(&[("token", token)]),
        post().form(&[("token", token), ("client_id", WEB)]),
        post().form(&[("token", token), ("client_id", WEB), ("client_secret", SECRET)]),
        post().basic(WEB, "wrong").form(&[("token", token)]),
        post().bearer(tokens["access_token"].as_str().unwrap()).form(&[("token", token)]),
    ] {
        let response = request.send().await;
        assert_eq!((response.status, &response.json()["error"]), (401, &json!("invalid_client")));
    }
    assert!(is_active(&app, token).await);
}

/// RFC 7009 §5: a public client names itself; the token that it holds is its proof.
async fn a_public_client_revokes_its_own_tokens(app: TestApp) {
    let code = app.code(SPA, "openid offline_access", ALICE).await;
    let form = public_code_form(SPA, &code);
    let own = app.client().post_form("/oauth2/default/v1/token", &form).await.json();
    let other = app.tokens(WEB, "openid offline_access", ALICE).await;
    for token in [&own["refresh_token"], &other["refresh_token"]] {
        let form = [("client_id", SPA), ("token", token.as_str().unwrap())];
        assert_eq!(app.client().post_form(ENDPOINT, &form).await.status, 200);
    }
    assert!(!is_active(&app, own["access_token"].as_str().unwrap()).await);
    assert!(is_active(&app, other["access_token"].as_str().unwrap()).await);
}

/// A token is revoked where it was issued.
async fn sec_k06_another_authorization_server_revokes_nothing(app: TestApp) {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "org", WEB, &[("scope", "openid offline_access")], ALICE).await;
    let form = code_form(&code);
    let tokens = app.token_at("org", WEB, &form).await.json();
    for token in ["access_token", "refresh_token"] {
        assert_eq!(revoke(&app, WEB, tokens[token].as_str().unwrap()).await.status, 200);
    }
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_eq!(app.token_at("org", WEB, &form).await.status, 200);
    let request = app.client().request(Method::GET, "/oauth2/v1/userinfo");
    assert_eq!(request.bearer(tokens["access_token"].as_str().unwrap()).send().await.status, 200);
}

/// RFC 7009 §2.1: a wrong or unknown hint only costs a longer search.
async fn a_hint_is_only_a_hint(app: TestApp) {
    for hint in ["access_token", "refresh_token", "device_secret", ""] {
        let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
        for token in ["access_token", "refresh_token"] {
            let token = tokens[token].as_str().unwrap();
            let request = app.client().request(Method::POST, ENDPOINT).basic(WEB, SECRET);
            let response = request.form(&[("token", token), ("token_type_hint", hint)]).send().await;
            assert_eq!(response.status, 200, "{hint}: {}", response.text());
            assert!(!is_active(&app, token).await, "{hint}");
        }
    }
}

/// RFC 7009 §2.1, RFC 6749 §3.2: POST, one `token`, in the body, which is a form.
async fn malformed_requests_are_refused(app: TestApp) {
    let post = |path: &str| app.client().request(Method::POST, path).basic(WEB, SECRET);
    let in_url = format!("{ENDPOINT}?token=x");
    for (what, request) in [
        ("no token", post(ENDPOINT).form(&[])),
        ("an empty token", post(ENDPOINT).form(&[("token", "")])),
        ("two tokens", post(ENDPOINT).form(&[("token", "x"), ("token", "y")])),
        ("JSON", post(ENDPOINT).json(&json!({"token": "x"}))),
        ("a token in the URL", post(&in_url).form(&[("token", "x")])),
    ] {
        let response = request.send().await;
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_request")), "{what}");
    }
    let request = app.client().request(Method::GET, &in_url).basic(WEB, SECRET);
    assert_eq!(request.send().await.status, 405);
}
