//! Okta's Users API.

use http::Method;
use serde_json::{Value, json};
use stepgate::model::api_token::Access;

use crate::support::{
    Test, TestApp,
    api_token::{ADMIN, assert_error},
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::{Browser, Response},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_user_is_created_read_changed_and_deleted, of_two_who_take_a_login_one_gets_it, the_life_cycle;
        sqlite:
            creation_begins_in_the_status_that_was_asked_for,
            a_profile_is_validated,
            lists_are_paged_and_filtered,
            an_etag_guards_a_change,
            passwords_are_expired_and_reset,
            credentials_are_changed_by_those_who_know_them,
            the_browser_of_a_user_sees_and_ends_its_own,
            sessions_are_read_refreshed_and_ended_by_administrators,
            errors_are_okta_s,
    ]
}

const USERS: &str = "/api/v1/users";

fn profile(login: &str) -> Value {
    json!({"firstName": "Isaac", "lastName": "Brock", "email": login, "login": login})
}

fn causes(response: &Response) -> Vec<String> {
    let body = response.json();
    let causes = body["errorCauses"].as_array().unwrap();
    causes.iter().map(|cause| cause["errorSummary"].as_str().unwrap().to_owned()).collect()
}

async fn create(app: &TestApp, token: &str, login: &str) -> Value {
    let body = json!({"profile": profile(login), "credentials": {"password": {"value": "Tlpwnd0s-Xy7"}}});
    let created = app.post(USERS, token, &body).await;
    assert_eq!(created.status, 200, "{}", created.text());
    created.json()
}

async fn a_user_is_created_read_changed_and_deleted(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let created = create(&app, &token, "Isaac.Brock@example.com").await;
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("00u") && id.len() == 20);
    assert_eq!(created["status"], "ACTIVE");
    assert_eq!(created["credentials"], json!({"password": {}, "provider": {"type": "OKTA", "name": "OKTA"}}));
    assert_eq!(created["_links"]["self"]["href"], app.url(&format!("{USERS}/{id}")));
    assert!(created["_links"]["suspend"].is_object() && created["_links"]["activate"].is_null());
    // By id, by login in any case, by the part before the @.
    for name in [id, "isaac.brock@EXAMPLE.com", "isaac.brock"] {
        let read = app.read(&format!("{USERS}/{name}"), &token).await;
        assert_eq!((read.status, read.json()), (200, created.clone()), "{name}");
    }
    let changed = app
        .post(
            &format!("{USERS}/{id}"),
            &token,
            &json!({"profile": {"lastName": "Newton", "nickName": "Ike"}}),
        )
        .await;
    assert_eq!(changed.json()["profile"]["firstName"], "Isaac");
    assert_eq!(changed.json()["profile"]["lastName"], "Newton");
    let removed = app.post(&format!("{USERS}/{id}"), &token, &json!({"profile": {"nickName": null}})).await;
    assert!(removed.json()["profile"].get("nickName").is_none());
    let replace = json!({"profile": profile("isaac@example.com")});
    let replaced = app.ssws(Method::PUT, &format!("{USERS}/{id}"), &token).json(&replace).send().await;
    assert_eq!(replaced.json()["profile"], profile("isaac@example.com"));
    // Two steps: deactivated, then gone.
    let path = format!("{USERS}/{id}");
    let delete = || app.ssws(Method::DELETE, &path, &token).send();
    assert_eq!(delete().await.status, 204);
    assert_eq!(app.read(&path, &token).await.json()["status"], "DEPROVISIONED");
    assert_eq!(delete().await.status, 204);
    assert_error(&app.read(&path, &token).await, 404, "E0000007");
    assert_error(&delete().await, 404, "E0000007");
    let log: Vec<String> = app.log().await.into_iter().map(|(kind, _)| kind).collect();
    for kind in ["create", "activate", "deactivate", "delete.completed"] {
        let kind = format!("user.lifecycle.{kind}");
        assert_eq!(log.iter().filter(|known| **known == kind).count(), 1, "{kind}: {log:?}");
    }
}

/// The login is unique, however it is written and whoever comes at the same moment.
async fn of_two_who_take_a_login_one_gets_it(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let bodies: Vec<Value> = ["twin@example.com", "TWIN@example.com", "Twin@Example.com", "twin@EXAMPLE.COM"]
        .into_iter()
        .map(|login| json!({"profile": profile(login)}))
        .collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| app.post(USERS, &token, body))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_error(lost, 400, "E0000001");
        assert!(causes(lost)[0].starts_with("login: "), "{}", lost.text());
    }
    let taken = app.post(&format!("{USERS}/{ALICE}"), &token, &json!({"profile": {"login": BOB}})).await;
    assert_error(&taken, 400, "E0000001");
    assert!(causes(&taken).iter().any(|cause| cause.starts_with("login: ")), "{}", taken.text());
}

async fn creation_begins_in_the_status_that_was_asked_for(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let with = |login: &str| json!({"profile": profile(login), "credentials": {"password": {"value": "Tlpwnd0s-Xy7"}}});
    let without = |login: &str| json!({"profile": profile(login)});
    for (query, body, status) in [
        ("", with("a1@example.com"), "ACTIVE"),
        ("?activate=true", without("a2@example.com"), "PROVISIONED"),
        ("?activate=false", with("a3@example.com"), "STAGED"),
        ("?activate=true&nextLogin=changePassword", with("a4@example.com"), "PASSWORD_EXPIRED"),
    ] {
        let created = app.post(&format!("{USERS}{query}"), &token, &body).await;
        assert_eq!(created.json()["status"], status, "{query}: {}", created.text());
    }
    for (query, body, code) in [
        ("?nextLogin=changePassword", without("b1@example.com"), "E0000124"),
        ("?activate=false&nextLogin=changePassword", with("b2@example.com"), "E0000125"),
        ("?activate=perhaps", with("b3@example.com"), "E0000001"),
        ("?nextLogin=never", with("b4@example.com"), "E0000001"),
    ] {
        assert_error(&app.post(&format!("{USERS}{query}"), &token, &body).await, 400, code);
    }
    // An imported hash that the hasher cannot verify is not taken for a password.
    let hash = json!({"algorithm": "BCRYPT", "workFactor": 10, "salt": "x", "value": "y"});
    let imported = json!({"profile": profile("c@example.com"), "credentials": {"password": {"hash": hash}}});
    assert_error(&app.post(USERS, &token, &imported).await, 400, "E0000001");
    let weak = json!({"profile": profile("c@example.com"), "credentials": {"password": {"value": "short"}}});
    let refused = app.post(USERS, &token, &weak).await;
    assert_error(&refused, 400, "E0000001");
    assert!(causes(&refused)[0].starts_with("password: "), "{}", refused.text());
    assert_error(&app.read(&format!("{USERS}/c@example.com"), &token).await, 404, "E0000007");
    let group = json!({"profile": profile("c@example.com"), "groupIds": ["00g00000000000000000"]});
    assert_error(&app.post(USERS, &token, &group).await, 404, "E0000007");
    assert_error(&app.read(&format!("{USERS}/c@example.com"), &token).await, 404, "E0000007");
}

async fn a_profile_is_validated(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let changed = |name: &str, value: Value| {
        let mut profile = profile("valid@example.com");
        profile[name] = value;
        json!({"profile": profile})
    };
    for body in [
        changed("login", json!("x@y")),
        changed("login", json!("not-an-address")),
        changed("login", json!(7)),
        changed("email", json!("nobody")),
        changed("firstName", json!("x".repeat(51))),
        changed("firstName", Value::Null),
        changed("displayName", json!("a\r\nBcc: eve@example.com")),
        changed("emailVerified", json!(true)),
        changed("shoe size", json!(43)),
        changed("deep", json!({"a": {"b": 1}})),
        json!({}),
        json!({"profile": []}),
        json!({"profile": profile("valid@example.com"), "credentials": {"provider": {"type": "LDAP"}}}),
    ] {
        assert_error(&app.post(USERS, &token, &body).await, 400, "E0000001");
    }
    let custom = app.post(USERS, &token, &changed("shoeSize", json!(43))).await;
    assert_eq!(custom.json()["profile"]["shoeSize"], 43, "{}", custom.text());
}

async fn the_life_cycle(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let body = json!({"profile": profile("cycle@example.com")});
    let created = app.post(&format!("{USERS}?activate=false"), &token, &body).await.json();
    let id = created["id"].as_str().unwrap();
    let turn =
        async |step: &str| app.post(&format!("{USERS}/{id}/lifecycle/{step}"), &token, &json!({})).await;
    let status = async || app.read(&format!("{USERS}/{id}"), &token).await.json()["status"].clone();
    assert_error(&turn("suspend").await, 400, "E0000001");
    assert_error(&turn("reactivate").await, 403, "E0000038");
    let activated = turn("activate?sendEmail=false").await.json();
    let link = activated["activationUrl"].as_str().unwrap();
    assert!(link.starts_with(&app.issuer) && link.contains(activated["activationToken"].as_str().unwrap()));
    assert_eq!(status().await, "PROVISIONED");
    assert_error(&turn("activate").await, 403, "E0000016");
    assert_eq!(turn("reactivate").await.status, 200);
    let password = json!({"credentials": {"password": {"value": "Tlpwnd0s-Xy7"}}});
    let active = app.post(&format!("{USERS}/{id}"), &token, &password).await;
    assert_eq!(active.json()["status"], "ACTIVE", "{}", active.text());
    assert_error(&turn("unlock").await, 403, "E0000032");
    assert_eq!(turn("suspend").await.status, 200);
    assert_eq!(status().await, "SUSPENDED");
    assert_error(&turn("suspend").await, 400, "E0000001");
    assert_eq!(turn("unsuspend").await.status, 200);
    assert_error(&turn("unsuspend").await, 400, "E0000001");
    assert_eq!(turn("deactivate").await.status, 200);
    assert_error(&turn("deactivate").await, 400, "E0000001");
    // Who comes back is activated anew, with a new password.
    assert_eq!(turn("activate").await.json(), json!({}));
    assert_eq!(status().await, "PROVISIONED");
}

async fn lists_are_paged_and_filtered(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for n in 0..5 {
        create(&app, &token, &format!("page{n}@example.com")).await;
    }
    let mut seen = Vec::new();
    let mut path = format!("{USERS}?limit=3");
    loop {
        let page = app.read(&path, &token).await;
        assert_eq!(page.status, 200, "{}", page.text());
        seen.extend(
            page.json().as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()),
        );
        let links: Vec<&str> =
            page.headers.get_all("link").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(links[0].ends_with("rel=\"self\""), "{links:?}");
        let Some(next) = links.iter().find(|link| link.ends_with("rel=\"next\"")) else { break };
        let url = next.split_once('>').unwrap().0.trim_start_matches('<');
        path = url.strip_prefix(&app.issuer).unwrap().to_owned();
        assert!(path.contains("limit=3"), "{path}");
    }
    // Alice, Bob, the administrator and five more, each once.
    assert_eq!(seen.len(), 8, "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 8);
    let found = async |query: &str| {
        let page = app.read(&format!("{USERS}?{query}"), &token).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        page.json().as_array().unwrap().len()
    };
    assert_eq!(found("q=page").await, 5);
    assert_eq!(found("q=Brock&limit=2").await, 2);
    assert_eq!(found("filter=profile.login+eq+%22PAGE1@example.com%22").await, 1);
    assert_eq!(found("filter=status+eq+%22SUSPENDED%22").await, 0);
    assert_eq!(found("search=profile.login+sw+%22page%22+and+status+eq+%22ACTIVE%22").await, 5);
    assert_eq!(found("search=profile.lastName+eq+%22Brock%22+or+profile.login+sw+%22alice%22").await, 6);
    assert_eq!(found("search=created+gt+%222999-01-01T00:00:00.000Z%22").await, 0);
    let id = &seen[0];
    assert_eq!(found(&format!("search=id+eq+%22{id}%22")).await, 1);
    app.post(&format!("{USERS}/page0@example.com/lifecycle/deactivate"), &token, &json!({})).await;
    assert_eq!(found("limit=200").await, 7, "the deactivated are left out");
    assert_eq!(found("filter=status+eq+%22DEPROVISIONED%22").await, 1);
    for (query, code) in [
        ("limit=0", "E0000029"),
        ("limit=201", "E0000029"),
        ("limit=-1", "E0000029"),
        ("after=x", "E0000029"),
        ("filter=nonsense", "E0000031"),
        ("filter=profile.city+eq+%22x%22", "E0000031"),
        ("filter=status+pr", "E0000031"),
        ("search=profile.city+ne+%22x%22", "E0000031"),
        ("search=password+eq+%22x%22", "E0000031"),
        ("search=id+pr&filter=id+eq+%22x%22", "E0000033"),
        ("q=a&q=b", "E0000001"),
    ] {
        assert_error(&app.read(&format!("{USERS}?{query}"), &token).await, 400, code);
    }
}

/// RFC 9110 §13.1.1.
async fn an_etag_guards_a_change(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let path = format!("{USERS}/{BOB}");
    let tag = app.read(&path, &token).await.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let body = json!({"profile": {"email": "bob@example.com", "nickName": "B"}});
    let with = |tag: &str| app.ssws(Method::POST, &path, &token).header("if-match", tag).json(&body).send();
    assert_error(&with("nonsense").await, 400, "E0000242");
    assert_error(&with("W/\"0123\"").await, 412, "E0000231");
    assert_eq!(with(&tag).await.status, 200);
    assert_error(&with(&tag).await, 412, "E0000231");
    assert_eq!(with("*").await.status, 200);
}

async fn passwords_are_expired_and_reset(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let turn =
        async |step: &str| app.post(&format!("{USERS}/{BOB}/lifecycle/{step}"), &token, &json!({})).await;
    let expired = turn("expire_password").await;
    assert_eq!((expired.status, &expired.json()["status"]), (200, &json!("PASSWORD_EXPIRED")));
    let temporary = turn("expire_password_with_temp_password?revokeSessions=true").await.json();
    assert!(temporary["tempPassword"].as_str().unwrap().len() >= 16);
    assert!(turn("expire_password?tempPassword=true").await.json()["tempPassword"].is_string());
    assert_error(&turn("reset_password").await, 400, "E0000001");
    let reset = turn("reset_password?sendEmail=false").await.json();
    assert!(reset["resetPasswordUrl"].as_str().unwrap().starts_with(&app.issuer), "{reset}");
    let bob = app.read(&format!("{USERS}/{BOB}"), &token).await.json();
    assert_eq!(bob["status"], "RECOVERY");
    assert_eq!(turn("reset_password?sendEmail=true").await.json(), json!({}));
    assert_eq!(turn("reset_factors").await.json(), json!({}));
}

async fn credentials_are_changed_by_those_who_know_them(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let post = async |what: &str, body: Value| {
        app.post(&format!("{USERS}/{ALICE}/credentials/{what}"), &token, &body).await
    };
    let change = |old: &str, new: &str| json!({"oldPassword": {"value": old}, "newPassword": {"value": new}});
    assert_error(&post("change_password", change("Wrong-Horse-1", "Tlpwnd0s-Xy7")).await, 403, "E0000014");
    assert_error(&post("change_password", change(PASSWORD, "short")).await, 403, "E0000014");
    assert_error(&post("change_password", json!({})).await, 400, "E0000001");
    let changed = post("change_password", change(PASSWORD, "Tlpwnd0s-Xy7")).await;
    assert_eq!(changed.json()["provider"]["type"], "OKTA", "{}", changed.text());
    let question = json!({
        "password": {"value": "Tlpwnd0s-Xy7"},
        "recovery_question": {"question": "Which river?", "answer": "The Ohre"},
    });
    let set = post("change_recovery_question", question.clone()).await;
    assert_eq!(set.json()["recovery_question"], json!({"question": "Which river?"}), "{}", set.text());
    let mut wrong = question;
    wrong["password"]["value"] = json!("Wrong-Horse-1");
    assert_error(&post("change_recovery_question", wrong).await, 403, "E0000014");
    let answer = |answer: &str| json!({"password": {"value": "Another-Pw-77"}, "recovery_question": {"answer": answer}});
    assert_error(&post("forgot_password_recovery_question", answer("The Elbe")).await, 403, "E0000087");
    assert_eq!(post("forgot_password_recovery_question", answer("the  ohre")).await.status, 200);
    let begun = post("forgot_password?sendEmail=false", json!({})).await;
    assert!(begun.json()["resetPasswordUrl"].is_string(), "{}", begun.text());
    // Nobody recovers twice.
    assert_error(&post("forgot_password", json!({})).await, 403, "E0000034");
}

async fn the_browser_of_a_user_sees_and_ends_its_own(app: TestApp) {
    let none = app.client().get(&format!("{USERS}/me")).await;
    assert_error(&none, 403, "E0000005");
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[("scope", "openid")], ALICE).await;
    let mut other = Browser::new();
    app.code_in(&mut other, "default", WEB, &[("scope", "openid")], ALICE).await;
    let me = browser.open(&app.url(&format!("{USERS}/me"))).await;
    assert_eq!(me.json()["profile"]["login"], ALICE, "{}", me.text());
    let token = app.api_token(Access::Manage).await;
    let me = app.read(&format!("{USERS}/me"), &token).await;
    assert_eq!(me.json()["profile"]["login"], ADMIN);
    // The cookie is for its own user alone.
    assert_error(&browser.open(&app.url(&format!("{USERS}/{BOB}"))).await, 401, "E0000011");
    assert_error(&browser.open(&app.url(USERS)).await, 401, "E0000011");
    assert_error(
        &app.post(&format!("{USERS}/me/lifecycle/delete_sessions"), &token, &json!({})).await,
        403,
        "E0000005",
    );
}

async fn sessions_are_read_refreshed_and_ended_by_administrators(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[("scope", "openid")], ALICE).await;
    let mine = browser.open(&app.url("/api/v1/sessions/me")).await.json();
    let path = format!("/api/v1/sessions/{}", mine["id"].as_str().unwrap());
    let read = app.read(&path, &token).await;
    assert_eq!((read.status, &read.json()["login"]), (200, &json!(ALICE)), "{}", read.text());
    assert_eq!(app.post(&format!("{path}/lifecycle/refresh"), &token, &json!({})).await.status, 200);
    let reads = app.api_token(Access::Read).await;
    assert_eq!(app.read(&path, &reads).await.status, 200);
    assert_error(&app.ssws(Method::DELETE, &path, &reads).send().await, 403, "E0000006");
    assert_eq!(app.ssws(Method::DELETE, &path, &token).send().await.status, 204);
    assert_error(&app.read(&path, &token).await, 404, "E0000007");
    assert_error(&browser.open(&app.url("/api/v1/sessions/me")).await, 404, "E0000007");
    // All sessions of a user; tokens stay unless it is said that they go.
    let tokens = app.tokens(WEB, "openid offline_access", BOB).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let end = async |query: &str| {
        app.ssws(Method::DELETE, &format!("{USERS}/{BOB}/sessions{query}"), &token).send().await.status
    };
    assert_eq!(end("").await, 204);
    let refreshed = app.refresh(WEB, refresh).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_eq!(end("?oauthTokens=true").await, 204);
    let dead = app.refresh(WEB, refreshed.json()["refresh_token"].as_str().unwrap()).await;
    assert_eq!(dead.status, 400);
}

async fn errors_are_okta_s(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    assert_error(&app.read("/api/v1/nothing", &token).await, 404, "E0000008");
    let patch = app.ssws(Method::PATCH, USERS, &token).send().await;
    assert_error(&patch, 405, "E0000022");
    let body = |kind: &'static str, text: &'static str| {
        app.ssws(Method::POST, USERS, &token).body(kind, text).send()
    };
    assert_error(&body("application/json", "{").await, 400, "E0000003");
    assert_error(&body("application/json", r#"{"profile": {}, "profile": {}}"#).await, 400, "E0000003");
    assert_error(&body("text/plain", "{}").await, 400, "E0000021");
    let unknown = app.read(&format!("{USERS}/00u00000000000000000"), &token).await;
    assert_error(&unknown, 404, "E0000007");
    let error = unknown.json();
    assert_eq!(error["errorSummary"], "Not found: Resource not found: 00u00000000000000000 (User)");
    assert_eq!(error["errorLink"], "E0000007");
    assert!(error["errorId"].as_str().unwrap().starts_with("oae"));
    for name in
        ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", "date", "x-okta-request-id"]
    {
        assert!(unknown.header(name).is_some(), "{name}");
    }
}
