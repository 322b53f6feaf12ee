//! Refresh tokens under attack (RFC 6749 §6; RFC 9700 §4.14): reuse, races, lifetimes, withdrawal.

use http::Method;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use stepgate::{
    id::{AuthorizationServerId, ClientId, PolicyId, RuleId, UserId},
    model::{
        Status,
        authorization_server::{
            AccessPolicy, AccessRule, PolicyClients, RuleConditions, ServerConfig, TokenLifetimes,
        },
        client::Client,
        user::{User, UserStatus},
    },
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    app::{Change, Node},
    fixtures::{self, ALICE, OKTA, OTHER, REDIRECT_URI, SECRET, SERVICE, SPA, WEB},
    http::{self as web, Response},
    op::{claims, public_code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_d01_a_rotated_token_after_the_leeway_revokes_the_family,
        sec_d02_of_32_concurrent_refreshes_without_leeway_one_wins,
        sec_d02_32_concurrent_refreshes_inside_the_leeway_stay_one_family,
        sec_d03_the_leeway_starts_at_the_first_use_and_is_never_extended,
        sec_d03_a_used_child_turns_its_parent_into_reuse,
        sec_d04_a_restart_forgets_no_rotation,
        sec_d04_a_second_node_knows_of_the_rotation,
        sec_d04_an_empty_redis_forgets_no_rotation,
        sec_d05_another_client_neither_uses_nor_spends_a_token,
        sec_d06_scope_may_narrow_but_never_widen,
        sec_d07_the_idle_end_slides_but_never_past_the_absolute_end,
        sec_d08_a_user_who_may_not_sign_in_cannot_be_refreshed,
        sec_d08_what_was_withdrawn_cannot_be_refreshed,
        sec_d09_the_latest_not_before_of_server_client_and_user_wins,
        sec_d12_revoking_a_refresh_token_kills_everything_of_its_grant,
        sec_d12_revoking_an_access_token_leaves_the_rest,
        sec_d12_unknown_and_foreign_tokens_answer_200_without_effect,
        sec_d12_a_revocation_that_was_not_stored_is_not_acknowledged,
        sec_d13_a_lost_response_is_repeated_inside_the_leeway,
        a_static_refresh_token_stays_and_slides;
    sqlite:
        sec_d05_a_public_client_names_itself,
        sec_d05_a_token_of_another_server_is_refused,
        sec_d07_a_static_token_ends_at_the_absolute_end,
    ]
}

const SCOPE: &str = "openid profile offline_access";
/// A confidential client whose leeway is zero.
const STRICT: &str = "strict";

/// The refresh token of a token response.
#[track_caller]
fn refresh_token(tokens: &Value) -> &str {
    tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {tokens}"))
}

/// The access token of a token response.
#[track_caller]
fn access_token(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap_or_else(|| panic!("no access token: {tokens}"))
}

/// Refreshes where it must succeed.
async fn refreshed(app: &TestApp, client: &str, token: &str) -> Value {
    let response = app.refresh(client, token).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

#[track_caller]
fn assert_refused(response: &Response, error: &str) {
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (400, Some(error)),
        "{}",
        response.text()
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.json().get("access_token").is_none());
}

/// Nothing of the grant that these tokens belong to works any more.
async fn assert_family_is_dead(app: &TestApp, client: &str, tokens: &Value) {
    assert_refused(&app.refresh(client, refresh_token(tokens)).await, "invalid_grant");
    assert_eq!(app.introspect(access_token(tokens)).await, json!({"active": false}));
    assert_eq!(app.introspect(refresh_token(tokens)).await, json!({"active": false}));
    assert_eq!(app.userinfo(access_token(tokens)).await.status, 401);
}

async fn reuse_was_logged(app: &TestApp) -> bool {
    app.logged("app.oauth2.as.token.detect_reuse", Some("refresh_token_reused")).await
}

async fn register_strict(app: &TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "refresh_token": {"rotation_type": "ROTATE", "leeway": 0},
    });
    fixtures::client(&app.app, STRICT, metadata, Some(SECRET)).await;
}

/// Refreshes at another node of the same installation.
async fn refresh_at(app: &TestApp, node: &Node, client: &str, token: &str) -> Response {
    web::Client::new(&format!("http://{}", node.address))
        .request(Method::POST, "/oauth2/default/v1/token")
        .header("host", app.app.settings.authority())
        .basic(client, SECRET)
        .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
        .send()
        .await
}

/// Sends the same refresh 32 times at once.
async fn stampede(app: &TestApp, client: &str, token: &str) -> Vec<Response> {
    let http = app.client();
    let requests: Vec<_> = (0..32)
        .map(|_| {
            let request = http
                .request(Method::POST, "/oauth2/default/v1/token")
                .basic(client, SECRET)
                .form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
            tokio::spawn(request.send())
        })
        .collect();
    let mut responses = Vec::new();
    for request in requests {
        responses.push(request.await.unwrap());
    }
    responses
}

async fn revoke(app: &TestApp, client: &str, token: &str) -> Response {
    app.client()
        .request(Method::POST, "/oauth2/default/v1/revoke")
        .basic(client, SECRET)
        .form(&[("token", token)])
        .send()
        .await
}

async fn change_user(app: &TestApp, login: &str, change: impl FnOnce(&mut User)) -> UserId {
    let tx = app.app.db.begin_write().await.unwrap();
    let key = LoginKey::normalize(login).unwrap();
    let mut user = store::user::find_by_login_in(&tx, key.as_str()).await.unwrap().unwrap();
    change(&mut user);
    store::user::update(&tx, &user, key.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    user.id
}

async fn change_client(app: &TestApp, id: &str, change: impl FnOnce(&mut Client)) {
    let tx = app.app.db.begin_write().await.unwrap();
    let mut client = store::client::find_in(&tx, &ClientId::new(id)).await.unwrap().unwrap();
    change(&mut client);
    store::client::update(&tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

async fn change_server(app: &TestApp, change: impl FnOnce(&mut ServerConfig)) {
    let tx = app.app.db.begin_write().await.unwrap();
    let id = AuthorizationServerId::new("default");
    let mut config = store::server::find_in(&tx, &id).await.unwrap().unwrap();
    change(&mut config);
    store::server::update(&tx, &config.server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// One policy for everybody with these lifetimes, in minutes: access token, absolute end, idle end.
async fn limit_lifetimes(app: &TestApp, (access, absolute, idle): (u32, u32, u32)) {
    let rule = AccessRule {
        id: RuleId::generate(app.app.random.as_ref()),
        name: "everybody".to_owned(),
        priority: 1,
        status: Status::Active,
        conditions: RuleConditions::default(),
        lifetimes: TokenLifetimes {
            access_token_lifetime_minutes: access,
            refresh_token_lifetime_minutes: absolute,
            refresh_token_window_minutes: idle,
        },
    };
    let policy = AccessPolicy {
        id: PolicyId::generate(app.app.random.as_ref()),
        name: "everybody".to_owned(),
        priority: 1,
        status: Status::Active,
        clients: PolicyClients::All,
        rules: vec![rule],
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_policy(&tx, &AuthorizationServerId::new("default"), &policy).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

async fn execute(app: &TestApp, sql: &str) {
    let database = Database::connect(app.database_url()).await.unwrap();
    assert!(database.execute_unprepared(sql).await.unwrap().rows_affected() > 0, "{sql}");
    app.app.forget_configuration();
}

/// RFC 9700 §4.14.2: a token that comes back after its leeway was copied; nobody keeps what was issued from it.
async fn sec_d01_a_rotated_token_after_the_leeway_revokes_the_family(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let next = refreshed(&app, WEB, refresh_token(&tokens)).await;
    app.clock.advance(31);
    assert!(!reuse_was_logged(&app).await);
    let replayed = app.refresh(WEB, refresh_token(&tokens)).await;
    assert_refused(&replayed, "invalid_grant");
    assert_eq!(replayed.json()["error_description"], "The refresh token is invalid or expired.");
    assert_family_is_dead(&app, WEB, &next).await;
    assert_eq!(app.introspect(access_token(&tokens)).await["active"], false);
    assert!(reuse_was_logged(&app).await);
    // Another grant of the same user and client is another family.
    let other = app.tokens(WEB, SCOPE, ALICE).await;
    assert_eq!(app.introspect(access_token(&other)).await["active"], true);
}

/// RFC 9700 §4.14.2, with leeway 0: exactly one caller wins, and the others prove reuse.
async fn sec_d02_of_32_concurrent_refreshes_without_leeway_one_wins(app: TestApp) {
    register_strict(&app).await;
    let tokens = app.tokens(STRICT, SCOPE, ALICE).await;
    let responses = stampede(&app, STRICT, refresh_token(&tokens)).await;
    let won: Vec<&Response> = responses.iter().filter(|response| response.status == 200).collect();
    assert_eq!(won.len(), 1, "{:?}", responses.iter().map(|response| response.status).collect::<Vec<_>>());
    for lost in responses.iter().filter(|response| response.status != 200) {
        assert_refused(lost, "invalid_grant");
    }
    assert!(reuse_was_logged(&app).await);
    assert_family_is_dead(&app, STRICT, &won[0].json()).await;
}

/// The child is computed from its parent, so however many requests run in parallel there is one child and one family.
async fn sec_d02_32_concurrent_refreshes_inside_the_leeway_stay_one_family(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let answers: Vec<Value> = stampede(&app, WEB, refresh_token(&tokens))
        .await
        .iter()
        .map(|response| {
            assert_eq!(response.status, 200, "{}", response.text());
            response.json()
        })
        .collect();
    let child = refresh_token(&answers[0]);
    assert!(answers.iter().all(|answer| refresh_token(answer) == child));
    let mut jtis: Vec<Value> =
        answers.iter().map(|answer| claims(access_token(answer))["jti"].clone()).collect();
    jtis.sort_by_key(Value::to_string);
    jtis.dedup();
    assert_eq!(jtis.len(), 32);
    assert!(!reuse_was_logged(&app).await);
    // Each access token can be revoked by itself.
    assert_eq!(revoke(&app, WEB, access_token(&answers[0])).await.status, 200);
    assert_eq!(app.introspect(access_token(&answers[0])).await["active"], false);
    assert_eq!(app.introspect(access_token(&answers[31])).await["active"], true);
    // The one child carries on, and revoking it ends all 32.
    let last = refreshed(&app, WEB, child).await;
    assert_eq!(revoke(&app, WEB, refresh_token(&last)).await.status, 200);
    for answer in [&answers[1], &answers[31]] {
        assert_eq!(app.introspect(access_token(answer)).await["active"], false);
    }
}

/// The leeway runs from the first use; repeats do not prolong it.
async fn sec_d03_the_leeway_starts_at_the_first_use_and_is_never_extended(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    app.clock.advance(3600);
    let first = refreshed(&app, WEB, refresh_token(&tokens)).await;
    for _ in 0..2 {
        app.clock.advance(10);
        let again = refreshed(&app, WEB, refresh_token(&tokens)).await;
        assert_eq!(refresh_token(&again), refresh_token(&first));
    }
    app.clock.advance(11);
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "invalid_grant");
    assert_family_is_dead(&app, WEB, &first).await;
    assert!(reuse_was_logged(&app).await);
}

/// Once the child was used its holder has it: whoever still sends the parent is somebody else.
async fn sec_d03_a_used_child_turns_its_parent_into_reuse(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let child = refreshed(&app, WEB, refresh_token(&tokens)).await;
    let grandchild = refreshed(&app, WEB, refresh_token(&child)).await;
    assert!(!reuse_was_logged(&app).await);
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "invalid_grant");
    assert!(reuse_was_logged(&app).await);
    assert_family_is_dead(&app, WEB, &grandchild).await;
}

/// What was spent is spent in the database.
async fn sec_d04_a_restart_forgets_no_rotation(app: TestApp) {
    register_strict(&app).await;
    let tokens = app.tokens(STRICT, SCOPE, ALICE).await;
    let kept = app.tokens(STRICT, SCOPE, ALICE).await;
    let next = refreshed(&app, STRICT, refresh_token(&tokens)).await;
    let app = app.restart(Change::default()).await;
    refreshed(&app, STRICT, refresh_token(&kept)).await;
    assert_refused(&app.refresh(STRICT, refresh_token(&tokens)).await, "invalid_grant");
    assert_refused(&app.refresh(STRICT, refresh_token(&next)).await, "invalid_grant");
    assert!(reuse_was_logged(&app).await);
}

/// Every node asks the same database.
async fn sec_d04_a_second_node_knows_of_the_rotation(app: TestApp) {
    let node = app.second_node().await;
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let here = refreshed(&app, WEB, refresh_token(&tokens)).await;
    // Inside the leeway the other node computes the same child.
    let there = refresh_at(&app, &node, WEB, refresh_token(&tokens)).await;
    assert_eq!(there.status, 200, "{}", there.text());
    assert_eq!(refresh_token(&there.json()), refresh_token(&here));
    app.clock.advance(31);
    assert_refused(&refresh_at(&app, &node, WEB, refresh_token(&tokens)).await, "invalid_grant");
    assert_family_is_dead(&app, WEB, &here).await;
}

/// Redis accelerates; it decides nothing.
async fn sec_d04_an_empty_redis_forgets_no_rotation(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let next = refreshed(&app, WEB, refresh_token(&tokens)).await;
    if let Some(url) = &app.redis_url {
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let () = redis::cmd("FLUSHDB").query_async(&mut connection).await.unwrap();
    }
    app.clock.advance(31);
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "invalid_grant");
    assert_family_is_dead(&app, WEB, &next).await;
}

/// RFC 6749 §6: a refresh token is bound to the client it was issued to; a stranger cannot even spend it, nor get its
/// family revoked.
async fn sec_d05_another_client_neither_uses_nor_spends_a_token(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    assert_refused(&app.refresh(OTHER, refresh_token(&tokens)).await, "invalid_grant");
    let next = refreshed(&app, WEB, refresh_token(&tokens)).await;
    app.clock.advance(31);
    assert_refused(&app.refresh(OTHER, refresh_token(&tokens)).await, "invalid_grant");
    assert!(!reuse_was_logged(&app).await);
    refreshed(&app, WEB, refresh_token(&next)).await;
}

/// RFC 6749 §3.2.1: a client that does not authenticate sends its `client_id`.
async fn sec_d05_a_public_client_names_itself(app: TestApp) {
    let code = app.code(SPA, SCOPE, ALICE).await;
    let http = app.client();
    let form = public_code_form(SPA, &code);
    let tokens = http.post_form("/oauth2/default/v1/token", &form).await.json();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(&tokens))];
    let anonymous = http.post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!((anonymous.status, anonymous.json()["error"].as_str()), (401, Some("invalid_client")));
    let named = [&form[..], &[("client_id", SPA)]].concat();
    let refreshed = http.post_form("/oauth2/default/v1/token", &named).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_ne!(refreshed.json()["refresh_token"], tokens["refresh_token"]);
}

/// A refresh token of one authorization server is nothing at another.
async fn sec_d05_a_token_of_another_server_is_refused(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token(&tokens))];
    assert_refused(&app.token_at("org", WEB, &form).await, "invalid_grant");
    refreshed(&app, WEB, refresh_token(&tokens)).await;
}

/// RFC 6749 §6: the scope must not exceed what was granted; what is omitted stays granted.
async fn sec_d06_scope_may_narrow_but_never_widen(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access car:drive", ALICE).await;
    for scope in ["openid offline_access car:drive profile", "openid car:drive car:fly", "email"] {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token(&tokens)), ("scope", scope)];
        assert_refused(&app.token(WEB, &form).await, "invalid_scope");
    }
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", refresh_token(&tokens)), ("scope", "car:drive")];
    let narrow = app.token(WEB, &form).await;
    assert_eq!(narrow.status, 200, "{}", narrow.text());
    let narrow = narrow.json();
    assert_eq!(narrow["scope"], "car:drive");
    assert_eq!(claims(access_token(&narrow))["scp"], json!(["car:drive"]));
    assert!(narrow.get("id_token").is_none(), "openid was not asked for");
    let whole = refreshed(&app, WEB, refresh_token(&narrow)).await;
    assert_eq!(whole["scope"], "openid offline_access car:drive");
}

/// Each use moves the idle end, never past the absolute end of the grant.
async fn sec_d07_the_idle_end_slides_but_never_past_the_absolute_end(app: TestApp) {
    limit_lifetimes(&app, (5, 30, 10)).await;
    let idle = app.tokens(WEB, SCOPE, ALICE).await;
    let mut tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let granted_at = claims(access_token(&tokens))["iat"].as_i64().unwrap();
    for _ in 0..3 {
        app.clock.advance(9 * 60);
        tokens = refreshed(&app, WEB, refresh_token(&tokens)).await;
    }
    let exp = app.introspect(refresh_token(&tokens)).await["exp"].as_i64().unwrap();
    assert!((granted_at..=granted_at + 30 * 60).contains(&exp), "{exp}");
    // Unused for more than ten minutes.
    assert_refused(&app.refresh(WEB, refresh_token(&idle)).await, "invalid_grant");
    app.clock.advance(3 * 60 + 1);
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "invalid_grant");
    assert_eq!(app.introspect(refresh_token(&tokens)).await, json!({"active": false}));
    // Age is not theft.
    assert!(!reuse_was_logged(&app).await);
}

/// The same ends hold where the token itself stays.
async fn sec_d07_a_static_token_ends_at_the_absolute_end(app: TestApp) {
    limit_lifetimes(&app, (5, 30, 10)).await;
    let idle = app.tokens(OKTA, SCOPE, ALICE).await;
    let tokens = app.tokens(OKTA, SCOPE, ALICE).await;
    for _ in 0..3 {
        app.clock.advance(9 * 60);
        refreshed(&app, OKTA, refresh_token(&tokens)).await;
    }
    assert_refused(&app.refresh(OKTA, refresh_token(&idle)).await, "invalid_grant");
    app.clock.advance(3 * 60 + 1);
    assert_refused(&app.refresh(OKTA, refresh_token(&tokens)).await, "invalid_grant");
}

/// Every grant asks the same question: may there still be tokens for this user?
async fn sec_d08_a_user_who_may_not_sign_in_cannot_be_refreshed(app: TestApp) {
    for status in [
        UserStatus::Suspended,
        UserStatus::Deprovisioned,
        UserStatus::LockedOut,
        UserStatus::PasswordExpired,
        UserStatus::Recovery,
    ] {
        let tokens = app.tokens(WEB, SCOPE, ALICE).await;
        let fixed = app.tokens(OKTA, SCOPE, ALICE).await;
        change_user(&app, ALICE, |user| user.status = status).await;
        assert_family_is_dead(&app, WEB, &tokens).await;
        assert_family_is_dead(&app, OKTA, &fixed).await;
        change_user(&app, ALICE, |user| user.status = UserStatus::Active).await;
    }
    // Ending all sessions and tokens (a password reset does it, too).
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let id = change_user(&app, ALICE, |_| {}).await;
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::end_everything(&tx, &id, "password_reset", app.app.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_family_is_dead(&app, WEB, &tokens).await;
    // Nobody is left.
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::delete(&tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    assert_family_is_dead(&app, WEB, &tokens).await;
    assert!(!reuse_was_logged(&app).await);
}

/// The client's grant type, the server's scope and the grant itself may be taken away after issue.
async fn sec_d08_what_was_withdrawn_cannot_be_refreshed(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let metadata = |grants: Value| {
        json!({
            "redirect_uris": [REDIRECT_URI],
            "grant_types": grants,
            "response_types": ["code"],
        })
    };
    fixtures::client(&app.app, WEB, metadata(json!(["authorization_code"])), None).await;
    // RFC 6749 §5.2: the client may not use this grant type.
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "unauthorized_client");
    fixtures::client(&app.app, WEB, metadata(json!(["authorization_code", "refresh_token"])), None).await;
    refreshed(&app, WEB, refresh_token(&tokens)).await;

    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    change_client(&app, WEB, |client| client.status = Status::Inactive).await;
    let refused = app.refresh(WEB, refresh_token(&tokens)).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(app.introspect(access_token(&tokens)).await["active"], false);
    change_client(&app, WEB, |client| client.status = Status::Active).await;
    let tokens = refreshed(&app, WEB, refresh_token(&tokens)).await;

    change_server(&app, |config| config.server.status = Status::Inactive).await;
    assert_eq!(app.refresh(WEB, refresh_token(&tokens)).await.status, 404);
    change_server(&app, |config| config.server.status = Status::Active).await;

    execute(&app, r#"DELETE FROM "scope" WHERE "name" = 'offline_access' AND "server_id" = 'default'"#).await;
    assert_refused(&app.refresh(WEB, refresh_token(&tokens)).await, "invalid_grant");
}

/// One moment before which everything is dead, at three levels; the latest decides, in refresh, introspection and
/// userinfo alike.
async fn sec_d09_the_latest_not_before_of_server_client_and_user_wins(app: TestApp) {
    let hour = time::Duration::HOUR;
    for level in ["server", "client", "user"] {
        let tokens = app.tokens(WEB, SCOPE, ALICE).await;
        app.clock.advance(1);
        let now = app.app.now();
        let at = |this: &str| if this == level { now } else { now - hour };
        change_server(&app, |config| config.server.not_before = at("server")).await;
        change_client(&app, WEB, |client| client.not_before = at("client")).await;
        change_user(&app, ALICE, |user| user.not_before = at("user")).await;
        assert_family_is_dead(&app, WEB, &tokens).await;
        app.clock.advance(1);
        let later = app.tokens(WEB, SCOPE, ALICE).await;
        assert_eq!(app.introspect(access_token(&later)).await["active"], true, "{level}");
        assert_eq!(app.userinfo(access_token(&later)).await.status, 200);
        refreshed(&app, WEB, refresh_token(&later)).await;
        // Older cuts at every level do no harm.
        app.clock.advance(2 * 3600);
    }
    // A machine's token has no grant: server and client decide.
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    for level in ["server", "client"] {
        let token = app.token(SERVICE, &form).await.json();
        app.clock.advance(2);
        let now = app.app.now();
        let at = |this: &str| if this == level { now } else { now - hour };
        change_server(&app, |config| config.server.not_before = at("server")).await;
        change_client(&app, SERVICE, |client| client.not_before = at("client")).await;
        assert_eq!(app.introspect(access_token(&token)).await["active"], false, "{level}");
        app.clock.advance(2);
        let token = app.token(SERVICE, &form).await.json();
        assert_eq!(app.introspect(access_token(&token)).await["active"], true, "{level}");
        app.clock.advance(2 * 3600);
    }
}

/// RFC 7009 §2.1: revoking a refresh token revokes the access tokens of the same grant.
async fn sec_d12_revoking_a_refresh_token_kills_everything_of_its_grant(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let next = refreshed(&app, WEB, refresh_token(&tokens)).await;
    let bystander = app.tokens(WEB, SCOPE, ALICE).await;
    let revoked = revoke(&app, WEB, refresh_token(&next)).await;
    assert_eq!((revoked.status, revoked.text()), (200, ""));
    assert_family_is_dead(&app, WEB, &next).await;
    assert_eq!(app.introspect(access_token(&tokens)).await["active"], false);
    assert!(app.logged("app.oauth2.as.token.revoke", None).await);
    refreshed(&app, WEB, refresh_token(&bystander)).await;
    // RFC 7009 §2.2: a token that is dead already answers alike.
    assert_eq!(revoke(&app, WEB, refresh_token(&next)).await.status, 200);
}

/// RFC 7009 §2.1: an access token may be revoked alone.
async fn sec_d12_revoking_an_access_token_leaves_the_rest(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let next = refreshed(&app, WEB, refresh_token(&tokens)).await;
    assert_eq!(revoke(&app, WEB, access_token(&tokens)).await.status, 200);
    assert_eq!(app.introspect(access_token(&tokens)).await, json!({"active": false}));
    assert_eq!(app.userinfo(access_token(&tokens)).await.status, 401);
    assert_eq!(app.introspect(access_token(&next)).await["active"], true);
    refreshed(&app, WEB, refresh_token(&next)).await;
    let token = app.token(SERVICE, &[("grant_type", "client_credentials"), ("scope", "api")]).await.json();
    assert_eq!(revoke(&app, SERVICE, access_token(&token)).await.status, 200);
    assert_eq!(app.introspect(access_token(&token)).await, json!({"active": false}));
}

/// RFC 7009 §2.2: an invalid token is no error, and whoever asks learns nothing about tokens of others.
async fn sec_d12_unknown_and_foreign_tokens_answer_200_without_effect(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    for token in ["no-such-token", "a.b.c", refresh_token(&tokens), access_token(&tokens)] {
        let answer = revoke(&app, OTHER, token).await;
        assert_eq!((answer.status, answer.text()), (200, ""));
    }
    assert!(!app.logged("app.oauth2.as.token.revoke", None).await);
    assert_eq!(app.introspect(access_token(&tokens)).await["active"], true);
    refreshed(&app, WEB, refresh_token(&tokens)).await;
    // Without credentials nothing is even looked up.
    let anonymous = app.client().post_form("/oauth2/default/v1/revoke", &[("token", "x")]).await;
    assert_eq!((anonymous.status, anonymous.json()["error"].as_str()), (401, Some("invalid_client")));
}

/// RFC 7009 §2.2.1: the client must take the token to live on; it is never told 200.
async fn sec_d12_a_revocation_that_was_not_stored_is_not_acknowledged(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    app.app.db.clone().close().await;
    for token in [refresh_token(&tokens), access_token(&tokens)] {
        let answer = revoke(&app, WEB, token).await;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (503, Some("temporarily_unavailable")),
            "{}",
            answer.text()
        );
    }
}

/// The response got lost on its way: the client repeats the request and finds everything as it should be.
async fn sec_d13_a_lost_response_is_repeated_inside_the_leeway(app: TestApp) {
    let tokens = app.tokens(WEB, SCOPE, ALICE).await;
    let lost = refreshed(&app, WEB, refresh_token(&tokens)).await;
    app.clock.advance(20);
    let repeated = refreshed(&app, WEB, refresh_token(&tokens)).await;
    assert_eq!(refresh_token(&repeated), refresh_token(&lost));
    assert_ne!(access_token(&repeated), access_token(&lost));
    app.clock.advance(3600);
    let next = refreshed(&app, WEB, refresh_token(&repeated)).await;
    assert_eq!(app.introspect(access_token(&next)).await["active"], true);
    assert!(!reuse_was_logged(&app).await);
}

/// `rotation_type: STATIC`: the token stays the same, however often and in parallel it is used; its idle end moves.
async fn a_static_refresh_token_stays_and_slides(app: TestApp) {
    let tokens = app.tokens(OKTA, SCOPE, ALICE).await;
    for response in stampede(&app, OKTA, refresh_token(&tokens)).await {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(refresh_token(&response.json()), refresh_token(&tokens));
    }
    let before = app.introspect(refresh_token(&tokens)).await["exp"].as_i64().unwrap();
    app.clock.advance(3600);
    let next = refreshed(&app, OKTA, refresh_token(&tokens)).await;
    let after = app.introspect(refresh_token(&tokens)).await["exp"].as_i64().unwrap();
    assert!(after >= before + 3600, "{before} {after}");
    assert!(!reuse_was_logged(&app).await);
    assert_refused(&app.refresh(OTHER, refresh_token(&tokens)).await, "invalid_grant");
    assert_eq!(revoke(&app, OKTA, refresh_token(&tokens)).await.status, 200);
    assert_family_is_dead(&app, OKTA, &next).await;
}
