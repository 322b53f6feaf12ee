//! Introspection: RFC 7662, and who may ask about which token.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::json;
use stepgate::{
    id::ClientId,
    model::{Status, user::UserStatus},
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, BOB, MACHINE, OKTA, OTHER, REDIRECT_URI, SECRET, SERVICE, SPA, WEB, WEB_POST},
    http::{Browser, Response},
    op::{claims, code_form, public_code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            an_access_token_is_described,
            sec_k02_a_client_sees_its_own_tokens_and_a_privileged_one_all;
        sqlite:
            a_refresh_token_is_described,
            an_id_token_is_described,
            an_id_token_dies_with_its_session,
            an_id_token_dies_when_its_session_runs_out,
            a_token_of_a_machine_is_described_without_a_user,
            a_hint_is_only_a_hint,
            sec_k02_anonymous_callers_are_refused,
            sec_k02_inactive_tokens_answer_with_the_same_bytes,
            sec_k02_a_public_client_sees_its_own_tokens_only,
            sec_k02_tokens_die_with_their_user,
            sec_k02_tokens_die_with_their_client,
            sec_k06_tokens_of_another_authorization_server_are_inactive,
            malformed_requests_are_refused,
            only_post_is_served,
    ]
}

const ENDPOINT: &str = "/oauth2/default/v1/introspect";
const INACTIVE: &str = r#"{"active":false}"#;

async fn ask(app: &TestApp, client: &str, token: &str) -> Response {
    let request = app.client().request(Method::POST, ENDPOINT).basic(client, SECRET);
    let response = request.form(&[("token", token)]).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    response
}

async fn machine_token(app: &TestApp, client: &str) -> String {
    let response = app.token(client, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await;
    response.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", response.text())).to_owned()
}

/// RFC 7662 §2.2: what an active access token says, and nothing that the token does not.
async fn an_access_token_is_described(app: TestApp) {
    let tokens = app.tokens(WEB, "openid profile car:drive", ALICE).await;
    let token = tokens["access_token"].as_str().unwrap();
    let signed = claims(token);
    let response = ask(&app, SERVICE, token).await;
    assert_eq!(response.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let told = response.json();
    assert_eq!(told["active"], true);
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["client_id"], WEB);
    assert_eq!(told["username"], ALICE);
    let mut scope: Vec<&str> = told["scope"].as_str().unwrap().split(' ').collect();
    scope.sort_unstable();
    assert_eq!(scope, ["car:drive", "openid", "profile"]);
    for member in ["iss", "sub", "aud", "iat", "exp", "jti", "uid", "auth_time"] {
        assert!(!signed[member].is_null(), "{member}: {signed}");
        assert_eq!(told[member], signed[member], "{member}");
    }
}

/// RFC 7662 §2.1: a refresh token can be asked about; it has no audience to show.
async fn a_refresh_token_is_described(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let told = ask(&app, SERVICE, tokens["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(told["active"], true);
    assert_eq!(told["client_id"], WEB);
    assert_eq!(told["username"], ALICE);
    assert_eq!(told["sub"], claims(tokens["access_token"].as_str().unwrap())["uid"]);
    let scope = told["scope"].as_str().unwrap();
    assert!(scope.contains("openid") && scope.contains("offline_access"), "{scope}");
    // The idle lifetime is a week by default.
    let left = told["exp"].as_i64().unwrap() - app.app.now().unix_timestamp();
    assert!((604_700..=604_800).contains(&left), "{left}");
    app.clock.advance(604_801);
    assert_eq!(ask(&app, SERVICE, tokens["refresh_token"].as_str().unwrap()).await.text(), INACTIVE);
}

/// Okta's servers also answer about ID tokens; they die with their `exp`.
async fn an_id_token_is_described(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = tokens["id_token"].as_str().unwrap();
    let told = ask(&app, WEB, token).await.json();
    assert_eq!(told["active"], true);
    assert_eq!(told["aud"], WEB);
    assert_eq!(told["sub"], claims(token)["sub"]);
    assert_eq!(ask(&app, OTHER, token).await.text(), INACTIVE);
    app.clock.advance(3601);
    assert_eq!(ask(&app, WEB, token).await.text(), INACTIVE);
}

/// RFC 7662 §2.2: an ID token says that somebody is signed in; after logout nobody is. Offline access outlives it, other
/// sessions go on, and as a hint it still says whose it was (RP-Initiated Logout §4, Core §3.1.2.2).
async fn an_id_token_dies_with_its_session(app: TestApp) {
    let mut browser = Browser::new();
    let more = [("scope", "openid offline_access")];
    let code = app.code_in(&mut browser, "default", WEB, &more, ALICE).await;
    let tokens = app.redeem(WEB, &code).await.json();
    let elsewhere = app.tokens(WEB, "openid offline_access", ALICE).await;
    let [id_token, refresh_token] = ["id_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap());
    assert_eq!(ask(&app, WEB, id_token).await.json()["active"], true);
    let logout = app.url(&format!("/oauth2/default/v1/logout?id_token_hint={id_token}"));
    browser.open(&logout).await;
    assert!(app.logged("user.session.end", None).await);
    for client in [WEB, SERVICE] {
        assert_eq!(ask(&app, client, id_token).await.text(), INACTIVE);
    }
    assert_eq!(ask(&app, WEB, elsewhere["id_token"].as_str().unwrap()).await.json()["active"], true);
    assert_eq!(ask(&app, WEB, refresh_token).await.json()["active"], true);
    // What a refresh tells of the old session is no more alive than it.
    let refreshed = app.refresh(WEB, refresh_token).await.json();
    let again = refreshed["id_token"].as_str().unwrap();
    assert_eq!(claims(again)["sid"], claims(id_token)["sid"]);
    assert_eq!(ask(&app, WEB, again).await.text(), INACTIVE);
    assert_eq!(ask(&app, WEB, refreshed["access_token"].as_str().unwrap()).await.json()["active"], true);
    let hinted = app.authorize_url(WEB, &[("id_token_hint", id_token), ("prompt", "none")]);
    browser.open(&hinted).await;
    assert!(browser.url().as_str().contains("error=login_required"), "{}", browser.url());
}

/// The same where nobody ended it: two hours without use, twelve at most.
async fn an_id_token_dies_when_its_session_runs_out(app: TestApp) {
    fixtures::settings(&app.app, "default", |settings| settings.id_token_lifetime = 86_400).await;
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = tokens["id_token"].as_str().unwrap();
    app.clock.advance(2 * 3600 - 5);
    assert_eq!(ask(&app, WEB, token).await.json()["active"], true);
    app.clock.advance(10);
    assert_eq!(ask(&app, WEB, token).await.text(), INACTIVE);
    // Swept away it is over just the same.
    let fresh = app.tokens(WEB, "openid", ALICE).await;
    let fresh = fresh["id_token"].as_str().unwrap();
    assert_eq!(ask(&app, WEB, fresh).await.json()["active"], true);
    let beyond = app.app.now() + time::Duration::days(2);
    store::sweep::sweep(&app.app.db, store::sweep::Expired::Sessions, beyond).await.unwrap();
    assert_eq!(ask(&app, WEB, fresh).await.text(), INACTIVE);
}

/// RFC 7662 §2.2: `username` is a person's; a machine is its own subject.
async fn a_token_of_a_machine_is_described_without_a_user(app: TestApp) {
    let token = machine_token(&app, MACHINE).await;
    let told = ask(&app, MACHINE, &token).await.json();
    assert_eq!(
        (&told["active"], &told["sub"], &told["client_id"]),
        (&json!(true), &json!(MACHINE), &json!(MACHINE))
    );
    assert_eq!((told.get("username"), told.get("uid")), (None, None));
}

/// RFC 7662 §2.1: with a wrong or unknown `token_type_hint` the search goes on among all kinds.
async fn a_hint_is_only_a_hint(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    for token in ["access_token", "refresh_token", "id_token"] {
        for hint in ["access_token", "refresh_token", "id_token", "device_secret", ""] {
            let form = [("token", tokens[token].as_str().unwrap()), ("token_type_hint", hint)];
            let request = app.client().request(Method::POST, ENDPOINT).basic(WEB, SECRET);
            let response = request.form(&form).send().await;
            assert_eq!(response.json()["active"], true, "{token} as {hint}: {}", response.text());
        }
    }
}

/// RFC 7662 §2.1: the endpoint MUST require authorization, or tokens could be guessed at it.
async fn sec_k02_anonymous_callers_are_refused(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = tokens["access_token"].as_str().unwrap();
    let post = || app.client().request(Method::POST, ENDPOINT);
    for form in [
        vec![("token", token)],
        vec![("token", token), ("client_id", WEB)],
        vec![("token", token), ("client_id", WEB_POST), ("client_secret", "wrong")],
        vec![("token", token), ("client_id", "nobody"), ("client_secret", SECRET)],
    ] {
        let response = post().form(&form).send().await;
        assert_eq!((response.status, &response.json()["error"]), (401, &json!("invalid_client")), "{form:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.json().get("active"), None);
    }
    // RFC 6749 §5.2: who tried a header is told the scheme.
    for (name, secret) in [(WEB, "wrong"), ("nobody", SECRET)] {
        let response = post().basic(name, secret).form(&[("token", token)]).send().await;
        assert_eq!((response.status, &response.json()["error"]), (401, &json!("invalid_client")));
        assert!(response.header("www-authenticate").unwrap().starts_with("Basic "));
    }
    // The token itself is no credential of its client here.
    let response = post().bearer(token).form(&[("token", token)]).send().await;
    assert_eq!((response.status, &response.json()["error"]), (401, &json!("invalid_client")));
}

/// RFC 7662 §2.2, §4: a client knows of its own tokens; only one that was set to know all knows of others'.
async fn sec_k02_a_client_sees_its_own_tokens_and_a_privileged_one_all(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    for token in ["access_token", "refresh_token", "id_token"] {
        let token = tokens[token].as_str().unwrap();
        assert_eq!(ask(&app, WEB, token).await.json()["active"], true);
        assert_eq!(ask(&app, SERVICE, token).await.json()["active"], true);
        for stranger in [OTHER, MACHINE, OKTA] {
            assert_eq!(ask(&app, stranger, token).await.text(), INACTIVE, "{stranger}");
        }
    }
}

/// RFC 7662 §2.2: whatever the reason, the answer is `{"active":false}` and nothing else; one cannot be told from another.
async fn sec_k02_inactive_tokens_answer_with_the_same_bytes(app: TestApp) {
    let expired = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.clock.advance(3601);
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    let rotated = app.tokens(WEB, "openid offline_access", ALICE).await;
    let rotated = rotated["refresh_token"].as_str().unwrap();
    let successor = app.refresh(WEB, rotated).await.json();
    let revoked = app.tokens(WEB, "openid offline_access", ALICE).await;
    let form = [("token", revoked["refresh_token"].as_str().unwrap())];
    let revocation = app
        .client()
        .request(Method::POST, "/oauth2/default/v1/revoke")
        .basic(WEB, SECRET)
        .form(&form)
        .send()
        .await;
    assert_eq!(revocation.status, 200);
    let alive = app.tokens(WEB, "openid offline_access", BOB).await;
    let foreign = app.tokens(OTHER, "openid offline_access", BOB).await;
    assert_eq!(ask(&app, WEB, alive["access_token"].as_str().unwrap()).await.json()["active"], true);
    assert_eq!(ask(&app, WEB, successor["refresh_token"].as_str().unwrap()).await.json()["active"], true);

    let text = |tokens: &serde_json::Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    let access = text(&alive, "access_token");
    let cases = [
        ("unknown", "an-opaque-token-that-nobody-issued".to_owned()),
        ("unknown JWT", "a.b.c".to_owned()),
        ("expired access token", text(&expired, "access_token")),
        ("expired ID token", text(&expired, "id_token")),
        ("revoked access token", text(&revoked, "access_token")),
        ("revoked refresh token", text(&revoked, "refresh_token")),
        ("rotated refresh token", rotated.to_owned()),
        ("code", code),
        ("foreign access token", text(&foreign, "access_token")),
        ("foreign refresh token", text(&foreign, "refresh_token")),
        ("foreign ID token", text(&foreign, "id_token")),
        ("cut", access[..access.len() - 4].to_owned()),
        ("unsigned", format!("{}.", access.rsplit_once('.').unwrap().0)),
    ];
    let mut first: Option<Vec<String>> = None;
    for (what, token) in cases {
        let response = ask(&app, WEB, &token).await;
        assert_eq!(response.text(), INACTIVE, "{what}");
        let mut names: Vec<String> = response.headers.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        assert_eq!(&names, first.get_or_insert_with(|| names.clone()), "{what}");
    }
}

/// A public client cannot prove who it is: it learns of its own tokens and never of others'.
async fn sec_k02_a_public_client_sees_its_own_tokens_only(app: TestApp) {
    // Even when it was registered to know all.
    let metadata = json!({
        "application_type": "browser", "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "introspect": "own",
    });
    fixtures::client(&app.app, SPA, metadata, None).await;
    let code = app.code(SPA, "openid", ALICE).await;
    let form = public_code_form(SPA, &code);
    let own = app.client().post_form("/oauth2/default/v1/token", &form).await.json();
    let own = own["access_token"].as_str().unwrap();
    let other = app.tokens(WEB, "openid", ALICE).await;
    let other = other["access_token"].as_str().unwrap();
    for (token, active) in [(own, true), (other, false)] {
        let by_id = app.client().post_form(ENDPOINT, &[("client_id", SPA), ("token", token)]).await;
        assert_eq!(by_id.json()["active"], active);
        // Okta's browser library sends the bare client id in a Basic header here.
        let bare = format!("Basic {}", STANDARD.encode(SPA));
        let request = app.client().request(Method::POST, ENDPOINT).header("authorization", &bare);
        assert_eq!(request.form(&[("token", token)]).send().await.json()["active"], active);
    }
    // A confidential client may not do that.
    let bare = format!("Basic {}", STANDARD.encode(WEB));
    let request = app.client().request(Method::POST, ENDPOINT).header("authorization", &bare);
    assert_eq!(request.form(&[("token", other)]).send().await.status, 401);
}

/// RFC 7662 §4: the state at this very moment counts, not the one at issue.
async fn sec_k02_tokens_die_with_their_user(app: TestApp) {
    let alice = app.tokens(WEB, "openid offline_access", ALICE).await;
    let bob = app.tokens(WEB, "openid offline_access", BOB).await;
    let key = LoginKey::normalize(ALICE).unwrap();
    let mut user = store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap();
    user.status = UserStatus::Suspended;
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::update(&tx, &user, key.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    for token in ["access_token", "refresh_token", "id_token"] {
        assert_eq!(ask(&app, SERVICE, alice[token].as_str().unwrap()).await.text(), INACTIVE, "{token}");
        assert_eq!(ask(&app, SERVICE, bob[token].as_str().unwrap()).await.json()["active"], true, "{token}");
    }
}

/// The same for a client that is switched off, with and without a grant.
async fn sec_k02_tokens_die_with_their_client(app: TestApp) {
    let web = app.tokens(WEB, "openid offline_access", ALICE).await;
    let machine = machine_token(&app, MACHINE).await;
    assert_eq!(ask(&app, SERVICE, &machine).await.json()["active"], true);
    for id in [WEB, MACHINE] {
        let mut client = store::client::find(&app.app.db, &ClientId::new(id)).await.unwrap().unwrap();
        client.status = Status::Inactive;
        let tx = app.app.db.begin_write().await.unwrap();
        store::client::update(&tx, &client).await.unwrap();
        tx.commit().await.unwrap();
    }
    app.app.forget_configuration();
    assert_eq!(ask(&app, SERVICE, &machine).await.text(), INACTIVE);
    for token in ["access_token", "refresh_token", "id_token"] {
        assert_eq!(ask(&app, SERVICE, web[token].as_str().unwrap()).await.text(), INACTIVE, "{token}");
    }
}

/// Each authorization server knows its own tokens only.
async fn sec_k06_tokens_of_another_authorization_server_are_inactive(app: TestApp) {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "org", WEB, &[("scope", "openid offline_access")], ALICE).await;
    let form = code_form(&code);
    let org = app.token_at("org", WEB, &form).await.json();
    let custom = app.tokens(WEB, "openid offline_access", ALICE).await;
    for (endpoint, own, foreign) in
        [("/oauth2/v1/introspect", &org, &custom), ("/oauth2/default/v1/introspect", &custom, &org)]
    {
        for token in ["access_token", "refresh_token", "id_token"] {
            for (tokens, active) in [(own, true), (foreign, false)] {
                let request = app.client().request(Method::POST, endpoint).basic(WEB, SECRET);
                let response = request.form(&[("token", tokens[token].as_str().unwrap())]).send().await;
                assert_eq!(response.json()["active"], active, "{endpoint} {token}");
            }
        }
    }
}

/// RFC 7662 §2.1, RFC 6749 §3.2: one `token`, in the body, which is a form.
async fn malformed_requests_are_refused(app: TestApp) {
    let post = |path: &str| app.client().request(Method::POST, path).basic(WEB, SECRET);
    let in_url = format!("{ENDPOINT}?token=x");
    for (what, request) in [
        ("no token", post(ENDPOINT).form(&[])),
        ("an empty token", post(ENDPOINT).form(&[("token", "")])),
        ("two tokens", post(ENDPOINT).form(&[("token", "x"), ("token", "y")])),
        ("JSON", post(ENDPOINT).json(&json!({"token": "x"}))),
        ("a token in the URL", post(&in_url).form(&[("token", "x")])),
        ("a token in the URL alone", post(&in_url).form(&[])),
    ] {
        let response = request.send().await;
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_request")), "{what}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
    }
}

/// RFC 7662 §2.1: POST.
async fn only_post_is_served(app: TestApp) {
    let request = app.client().request(Method::GET, &format!("{ENDPOINT}?token=x")).basic(WEB, SECRET);
    assert_eq!(request.send().await.status, 405);
}
