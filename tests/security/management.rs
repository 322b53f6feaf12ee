//! Group Y and what else concerns the management API: who may, what cannot be assigned, what is never told.

use http::Method;
use serde_json::{Value, json};
use stepgate::model::api_token::Access;

use crate::support::{
    Test, TestApp,
    api_token::assert_error,
    fixtures::{self, ALICE, BOB, MACHINE, SECRET, WEB},
    http::Browser,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_y01_every_operation_asks_for_its_right,
        sec_y02_a_machine_does_not_become_an_administrator,
        sec_y03_nothing_is_assigned_but_what_is_offered,
        sec_y04_what_is_secret_is_never_told,
        sec_y05_what_a_filter_leaves_out_is_in_no_list,
        sec_y08_a_user_sees_only_the_own_session,
        sec_k07_ids_of_another_installation_name_nobody,
        sec_x03_texts_of_attackers_are_only_texts,
        sec_s07_a_reset_by_an_administrator_ends_sessions_and_is_logged,
    ]
}

const USERS: &str = "/api/v1/users";

/// Every operation of administrators that changes something, with a body that would be accepted.
fn changes() -> Vec<(Method, String, Value)> {
    let profile =
        json!({"firstName": "E", "lastName": "V", "email": "e@example.com", "login": "eve@example.com"});
    let mut changes = vec![
        (Method::POST, USERS.to_owned(), json!({"profile": profile})),
        (Method::POST, format!("{USERS}/{BOB}"), json!({"profile": {"nickName": "x"}})),
        (Method::PUT, format!("{USERS}/{BOB}"), json!({"profile": profile})),
        (Method::DELETE, format!("{USERS}/{BOB}"), json!({})),
        (Method::DELETE, format!("{USERS}/{BOB}/sessions"), json!({})),
    ];
    for step in [
        "lifecycle/activate",
        "lifecycle/reactivate",
        "lifecycle/deactivate",
        "lifecycle/suspend",
        "lifecycle/unsuspend",
        "lifecycle/unlock",
        "lifecycle/expire_password",
        "lifecycle/expire_password_with_temp_password",
        "lifecycle/reset_password?sendEmail=false",
        "lifecycle/reset_factors",
        "credentials/change_password",
        "credentials/change_recovery_question",
        "credentials/forgot_password",
        "credentials/forgot_password_recovery_question",
    ] {
        changes.push((Method::POST, format!("{USERS}/{BOB}/{step}"), json!({})));
    }
    changes
}

/// A token that reads, one of another kind, a session of a user: none of them changes anything.
async fn sec_y01_every_operation_asks_for_its_right(app: TestApp) {
    let reads = app.api_token(Access::Read).await;
    let tokens = app.tokens(WEB, "openid", BOB).await;
    let bearer = tokens["access_token"].as_str().unwrap();
    let before = app.read(&format!("{USERS}/{BOB}"), &reads).await.json();
    for (method, path, body) in changes() {
        let with_read = app.ssws(method.clone(), &path, &reads).json(&body).send().await;
        assert_error(&with_read, 403, "E0000006");
        let as_user = app.client().request(method.clone(), &path).bearer(bearer).json(&body).send().await;
        assert_error(&as_user, 401, "E0000011");
        let nobody = app.client().request(method, &path).json(&body).send().await;
        assert_error(&nobody, 401, "E0000011");
    }
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[("scope", "openid")], BOB).await;
    for path in [USERS.to_owned(), format!("{USERS}/{BOB}"), "/api/v1/logs".to_owned()] {
        assert_error(&browser.open(&app.url(&path)).await, 401, "E0000011");
    }
    let mut after = app.read(&format!("{USERS}/{BOB}"), &reads).await.json();
    after["lastLogin"] = before["lastLogin"].clone();
    assert_eq!(after, before);
    assert_error(&app.read(&format!("{USERS}/eve@example.com"), &reads).await, 404, "E0000007");
}

/// A machine with `okta.users.manage` could otherwise reset an administrator's password, and be one.
async fn sec_y02_a_machine_does_not_become_an_administrator(app: TestApp) {
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "okta_scopes": ["okta.users.manage"],
    });
    fixtures::client(&app.app, MACHINE, metadata, Some(SECRET)).await;
    app.app.forget_configuration();
    let form = [("grant_type", "client_credentials"), ("scope", "okta.users.manage")];
    let token = app.token_at("org", MACHINE, &form).await.json();
    let token = token["access_token"].as_str().unwrap();
    let admin = app.admin().await;
    for (method, path, body) in changes() {
        if path == USERS {
            continue;
        }
        let path = path.replace(BOB, admin.id.as_str());
        let refused = app.client().request(method, &path).bearer(token).json(&body).send().await;
        assert_error(&refused, 403, "E0000006");
    }
    let same = stepgate::store::user::find(&app.app.db, &admin.id).await.unwrap().unwrap();
    assert_eq!(same.password_hash, admin.password_hash);
    assert_eq!((same.status, same.updated_at), (admin.status, same.updated_at));
}

/// Members that are not offered change nothing, at creation and at every change.
async fn sec_y03_nothing_is_assigned_but_what_is_offered(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let evil = json!({
        "id": "00uevil0000000000000",
        "status": "DEPROVISIONED",
        "created": "2000-01-01T00:00:00.000Z",
        "admin": true,
        "isAdmin": true,
        "passwordHash": "x",
        "password_hash": "x",
        "notBefore": 0,
        "_links": {"self": {"href": "https://evil.example"}},
        "profile": {
            "firstName": "E", "lastName": "V", "email": "eve@example.com", "login": "eve@example.com",
        },
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
    });
    let created = app.post(USERS, &token, &evil).await.json();
    let id = created["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "00uevil0000000000000");
    assert_eq!(created["status"], "PROVISIONED");
    for method in [Method::POST, Method::PUT] {
        let path = format!("{USERS}/{id}");
        let changed = app.ssws(method, &path, &token).json(&evil).send().await.json();
        assert_eq!((&changed["id"], &changed["status"]), (&created["id"], &created["status"]));
        assert_eq!(changed["created"], created["created"]);
    }
    let stored = stepgate::store::user::find(&app.app.db, &stepgate::id::UserId::new(id.as_str())).await;
    let stored = stored.unwrap().unwrap();
    assert!(!stored.admin && stored.password_hash.is_none());
    let mut verified = evil;
    verified["profile"]["emailVerified"] = json!(true);
    assert_error(&app.post(&format!("{USERS}/{id}"), &token, &verified).await, 400, "E0000001");
    let mut mastered = verified;
    mastered["profile"].as_object_mut().unwrap().remove("emailVerified");
    mastered["credentials"]["provider"]["type"] = json!("FEDERATION");
    assert_error(&app.post(&format!("{USERS}/{id}"), &token, &mastered).await, 400, "E0000001");
}

/// Passwords, hashes and answers are in no answer and no event.
async fn sec_y04_what_is_secret_is_never_told(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let body = json!({
        "profile": {"firstName": "E", "lastName": "V", "email": "eve@example.com", "login": "eve@example.com"},
        "credentials": {
            "password": {"value": "Tlpwnd0s-Xy7"},
            "recovery_question": {"question": "Which river?", "answer": "canary-answer"},
        },
    });
    let created = app.post(USERS, &token, &body).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let read = app.read(&format!("{USERS}/eve@example.com"), &token).await;
    let list = app.read(&format!("{USERS}?q=eve"), &token).await;
    let logs = app.read("/api/v1/logs", &token).await;
    for answer in [created, read, list, logs] {
        let text = answer.text().to_owned();
        for secret in ["Tlpwnd0s-Xy7", "canary-answer", "$argon2", token.as_str()] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

async fn sec_y05_what_a_filter_leaves_out_is_in_no_list(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    app.post(&format!("{USERS}/{BOB}/lifecycle/deactivate"), &token, &json!({})).await;
    let logins = async |query: &str| {
        let page = app.read(&format!("{USERS}{query}"), &token).await.json();
        let logins =
            page.as_array().unwrap().iter().map(|user| user["profile"]["login"].as_str().unwrap().to_owned());
        logins.collect::<Vec<_>>()
    };
    for query in
        ["", "?q=bob", "?limit=200", "?search=status+eq+%22ACTIVE%22", "?filter=status+eq+%22ACTIVE%22"]
    {
        assert!(!logins(query).await.contains(&BOB.to_owned()), "{query}");
    }
    assert_eq!(logins("?filter=status+eq+%22DEPROVISIONED%22").await, [BOB]);
}

async fn sec_y08_a_user_sees_only_the_own_session(app: TestApp) {
    let mut alice = Browser::new();
    app.code_in(&mut alice, "default", WEB, &[("scope", "openid")], ALICE).await;
    let mut bob = Browser::new();
    app.code_in(&mut bob, "default", WEB, &[("scope", "openid")], BOB).await;
    let mine = alice.open(&app.url("/api/v1/sessions/me")).await.json();
    let path = format!("/api/v1/sessions/{}", mine["id"].as_str().unwrap());
    assert_error(&bob.open(&app.url(&path)).await, 401, "E0000011");
    assert_error(&alice.open(&app.url(&path)).await, 401, "E0000011");
    assert_eq!(bob.open(&app.url("/api/v1/sessions/me")).await.json()["login"], BOB);
}

/// One installation is one tenant: what another one knows by its id is nobody here, on every route.
async fn sec_k07_ids_of_another_installation_name_nobody(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for (method, path, mut body) in changes() {
        if path == USERS {
            continue;
        }
        for member in ["oldPassword", "newPassword", "password"] {
            body[member] = json!({"value": "Tlpwnd0s-Xy7"});
        }
        let path = path.replace(BOB, "00u0123456789abcdefg");
        assert_error(&app.ssws(method, &path, &token).json(&body).send().await, 404, "E0000007");
    }
    let session = app.ssws(Method::DELETE, "/api/v1/sessions/1020123456789abcdefg", &token).send().await;
    assert_error(&session, 404, "E0000007");
}

/// Quotes, wildcards and endless texts in filters, searches, cursors and paths neither match more nor break anything.
async fn sec_x03_texts_of_attackers_are_only_texts(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    // As long as a program can make an address at all.
    let long = "x".repeat(65_000);
    for text in
        ["'", "\\", "%", "_", "%25", "' OR '1'='1", "\u{0}", "a' UNION SELECT * FROM \"user\" --", "\u{202e}"]
    {
        let quoted = encode(&format!("profile.login eq {}", json!(text)));
        for query in [format!("filter={quoted}"), format!("search={quoted}"), format!("q={}", encode(text))] {
            let page = app.read(&format!("{USERS}?{query}"), &token).await;
            let nobody = page.status == 200 && page.json() == json!([]);
            assert!(nobody || page.status == 400, "{query}: {}", page.text());
        }
        let read = app.read(&format!("{USERS}/{}", encode(text).replace('+', "%20")), &token).await;
        assert!([400, 404].contains(&read.status), "{text}: {}", read.text());
        let cursor = app.read(&format!("{USERS}?after={}", encode(text)), &token).await;
        // A query with a character that no text has is refused as a whole.
        assert_error(&cursor, 400, if text == "\u{0}" { "E0000001" } else { "E0000029" });
        let log = app
            .read(&format!("/api/v1/logs?filter={}", encode(&format!("actor.id eq {}", json!(text)))), &token)
            .await;
        assert_eq!(log.json(), json!([]), "{text}");
    }
    for query in ["filter", "search", "q", "after", "sortBy"] {
        let refused = app.read(&format!("{USERS}?{query}={long}"), &token).await;
        assert!((400..=431).contains(&refused.status), "{query}: {}", refused.status);
    }
    let deep = encode(&format!("{}id pr{}", "(".repeat(21), ")".repeat(21)));
    assert_error(&app.read(&format!("{USERS}?search={deep}"), &token).await, 400, "E0000031");
    let nested = format!("{}1{}", "{\"a\":".repeat(2000), "}".repeat(2000));
    let refused = app.ssws(Method::POST, USERS, &token).body("application/json", nested).send().await;
    assert_error(&refused, 400, "E0000003");
    // A cursor that was tampered with, or is of another list.
    let page = app.read(&format!("{USERS}?limit=1"), &token).await;
    let next = page.headers.get_all("link").iter().nth(1).unwrap().to_str().unwrap();
    let cursor = next.split_once("after=").unwrap().1.split(['&', '>']).next().unwrap();
    assert_eq!(app.read(&format!("{USERS}?limit=1&after={cursor}"), &token).await.status, 200);
    assert_error(&app.read(&format!("{USERS}?after=A{}", &cursor[1..]), &token).await, 400, "E0000029");
    assert_error(&app.read(&format!("/api/v1/logs?after={cursor}"), &token).await, 400, "E0000029");
}

/// The user is told, sessions and tokens end, and what was done is in the log with who did it.
async fn sec_s07_a_reset_by_an_administrator_ends_sessions_and_is_logged(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for (step, event) in [
        ("reset_password?sendEmail=true", "user.account.reset_password"),
        ("reset_factors", "user.mfa.factor.reset_all"),
    ] {
        let login = if step == "reset_factors" { BOB } else { ALICE };
        let email = json!({"profile": {"email": login}});
        let named = app.post(&format!("{USERS}/{login}"), &token, &email).await;
        assert_eq!(named.status, 200, "{}", named.text());
        let mut browser = Browser::new();
        app.code_in(&mut browser, "default", WEB, &[("scope", "openid")], login).await;
        let tokens = app.tokens(WEB, "openid offline_access", login).await;
        app.clock.advance(2);
        let messages = stepgate::store::sweep::outbox_depth(&app.app.db).await.unwrap();
        let done = app.post(&format!("{USERS}/{login}/lifecycle/{step}"), &token, &json!({})).await;
        assert_eq!((done.status, done.json()), (200, json!({})), "the administrator sees no secret");
        assert!(stepgate::store::sweep::outbox_depth(&app.app.db).await.unwrap() > messages, "{step}");
        assert_error(&browser.open(&app.url("/api/v1/sessions/me")).await, 404, "E0000007");
        let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refreshed.status, 400, "{step}: {}", refreshed.text());
        let log = app.read(&format!("/api/v1/logs?filter=eventType+eq+%22{event}%22"), &token).await.json();
        assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
        assert_eq!(log[0]["actor"]["alternateId"], "root@example.com");
        assert_eq!(log[0]["target"][0]["alternateId"], login);
    }
}
