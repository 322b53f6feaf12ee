//! K5: token exchange (RFC 8693; OpenID Connect Native SSO 1.0).

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    id::{AuthorizationServerId, ClientId, GrantId, PolicyId, RuleId},
    model::{
        Status,
        authorization_server::{
            AccessPolicy, AccessRule, AuthorizationServer, PolicyClients, RuleConditions, TokenLifetimes,
        },
    },
    ports::random::SystemRandom,
    setup, store,
    store::unit::Unit,
};
use tokio::sync::Barrier;

use super::assert_refused;
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, BOB, SECRET, WEB},
    http::{Browser, Response},
    op::{VERIFIER, answer, claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_k05_whatever_ends_the_subject_ends_what_was_exchanged,
            sec_k05_a_device_secret_takes_along_what_it_signed_in,
            sec_k05_a_device_secret_that_is_revoked_at_the_same_moment_leaves_nothing;
        sqlite:
            a_service_acts_on_behalf_of_a_user,
            sec_k05_only_a_live_access_token_of_this_server_is_a_subject,
            sec_k05_another_server_is_a_subject_only_where_it_is_trusted,
            sec_k05_the_target_is_this_server,
            sec_k05_neither_scope_nor_lifetime_grows,
            sec_k05_actors_are_nested_and_their_number_is_limited,
            sec_t03_the_second_application_has_a_policy_of_its_own,
            sec_k05_native_sso_needs_the_id_token_of_the_same_sign_in,
            a_second_application_signs_in_with_the_device_secret,
            a_device_secret_is_for_native_applications_that_stay_signed_in,
            sec_e15_an_exchange_gives_no_scopes_of_users,
            sec_e16_the_exchange_is_off_unless_registered,
            malformed_exchanges_are_invalid_requests
    ]
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const DEVICE_SECRET: &str = "urn:x-oath:params:oauth:token-type:device-secret";
/// A service that acts for users.
const GATEWAY: &str = "gateway";
const NATIVE_URI: &str = "com.example.one:/callback";

async fn gateways(app: &TestApp) {
    for id in [GATEWAY, "gateway-2", "gateway-3", "gateway-4", "gateway-5", "gateway-6"] {
        let metadata = json!({"application_type": "service", "grant_types": [EXCHANGE]});
        fixtures::client(&app.app, id, metadata, Some(SECRET)).await;
    }
}

async fn exchange_as(app: &TestApp, client: &str, token: &str, more: &[(&str, &str)]) -> Response {
    let mut form =
        vec![("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    for &(name, value) in more {
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
    }
    app.token(client, &form).await
}

async fn exchange(app: &TestApp, token: &str) -> Response {
    exchange_as(app, GATEWAY, token, &[]).await
}

async fn subject(app: &TestApp, scope: &str) -> String {
    app.tokens(WEB, scope, ALICE).await["access_token"].as_str().unwrap().to_owned()
}

fn access(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["access_token"].as_str().unwrap().to_owned()
}

/// RFC 8693 §2.2.1, §4.1: a token for the user, of the service, that says who acts.
async fn a_service_acts_on_behalf_of_a_user(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid profile car:drive car:paint").await;
    let more =
        [("scope", "car:drive"), ("audience", "api://default"), ("requested_token_type", ACCESS_TOKEN)];
    let response = exchange_as(&app, GATEWAY, &token, &more).await;
    let exchanged = access(&response);
    let body = response.json();
    assert_eq!((&body["issued_token_type"], &body["token_type"]), (&json!(ACCESS_TOKEN), &json!("Bearer")));
    assert_eq!(body["scope"], "car:drive");
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
    let claims = claims(&exchanged);
    assert_eq!((&claims["sub"], &claims["cid"]), (&json!(ALICE), &json!(GATEWAY)));
    assert_eq!(claims["act"], json!({"sub": GATEWAY}));
    assert_eq!((&claims["aud"], &claims["scp"]), (&json!("api://default"), &json!(["car:drive"])));
    let active = app.introspect(&exchanged).await;
    assert_eq!((&active["active"], &active["client_id"]), (&json!(true), &json!(GATEWAY)));
    assert_eq!((&active["username"], &active["act"]), (&json!(ALICE), &json!({"sub": GATEWAY})));
    // Without a scope: all of the subject's that a service may have.
    assert_eq!(exchange(&app, &token).await.json()["scope"], "car:drive car:paint");
    // The service revokes its own token, and no other.
    let revoke = app.client().request(Method::POST, "/oauth2/default/v1/revoke").basic(GATEWAY, SECRET);
    assert_eq!(revoke.form(&[("token", exchanged.as_str())]).send().await.status, 200);
    assert_eq!(app.introspect(&exchanged).await, json!({"active": false}));
    assert_eq!(app.introspect(&token).await["active"], true);
}

/// Everything that is not a live access token of this server, for a user, is refused alike.
async fn sec_k05_only_a_live_access_token_of_this_server_is_a_subject(app: TestApp) {
    gateways(&app).await;
    let tokens = app.tokens(WEB, "openid offline_access car:drive", ALICE).await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let machine =
        app.token(fixtures::SERVICE, &[("grant_type", "client_credentials"), ("scope", "car:drive")]);
    let machine = access(&machine.await);
    let mut browser = Browser::new();
    let org = app.code_in(&mut browser, "org", WEB, &[("scope", "openid")], ALICE).await;
    let form = code_form(&org);
    let org = access(&app.token_at("org", WEB, &form).await);
    let good = text("access_token");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let unknown = exchange(&app, "unknown").await;
    for token in [text("id_token"), text("refresh_token"), machine, org, forged, String::from("x.y.z")] {
        let refused = exchange(&app, &token).await;
        assert_refused(&refused, 400, "invalid_grant");
        // M5: why is not told.
        assert_eq!(refused.body, unknown.body);
    }
    assert_eq!(exchange(&app, &good).await.status, 200);
    app.clock.advance(3601);
    assert_refused(&exchange(&app, &good).await, 400, "invalid_grant");
}

/// The grant is the subject's: revocation, logout, suspension and clients that are switched off reach every token made
/// of it, at any depth, and nothing more is made of it.
async fn sec_k05_whatever_ends_the_subject_ends_what_was_exchanged(app: TestApp) {
    gateways(&app).await;
    for end in ["grant", "jti", "session", "first client", "acting client"] {
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, "default", WEB, &[("scope", "openid car:drive")], ALICE).await;
        let token = access(&app.redeem(WEB, &code).await);
        let first = access(&exchange(&app, &token).await);
        let second = access(&exchange_as(&app, "gateway-2", &first, &[]).await);
        for token in [&first, &second] {
            assert_eq!(app.introspect(token).await["active"], true, "{end}");
        }
        let jti = claims(&token)["jti"].as_str().unwrap().to_owned();
        let grant = GrantId::new(jti.rsplit('.').next().unwrap());
        let now = app.app.now();
        let switch = async |client: &str, status| {
            let tx = app.app.db.begin_write().await.unwrap();
            let id = ClientId::new(client);
            let mut client = store::client::find_in(&tx, &id).await.unwrap().unwrap();
            client.status = status;
            store::client::update(&tx, &client).await.unwrap();
            tx.commit().await.unwrap();
            app.app.forget_configuration();
        };
        match end {
            "grant" => {
                let revoke = Unit::new().change(store::grant::revoke(&grant, "test", now));
                app.app.db.writer().commit(revoke).await.unwrap();
            }
            "jti" => {
                let change = store::grant::revoke_jti(&jti, now + time::Duration::HOUR);
                app.app.db.writer().commit(Unit::new().change(change)).await.unwrap();
            }
            "session" => {
                let page = browser.open(&app.url("/oauth2/default/v1/logout")).await;
                browser.submit(&page.form("logout-form").press("confirm")).await;
            }
            "first client" => switch(WEB, Status::Inactive).await,
            _ => switch(GATEWAY, Status::Inactive).await,
        }
        let dead = |token: Value| assert_eq!(token, json!({"active": false}), "{end}");
        match end {
            // One token of many was revoked: the others live on (RFC 7009 §2.1), but no more come of this one.
            "jti" => {
                assert_refused(&exchange(&app, &token).await, 400, "invalid_grant");
                assert_eq!(app.introspect(&first).await["active"], true);
            }
            "acting client" => dead(app.introspect(&first).await),
            _ => {
                dead(app.introspect(&first).await);
                dead(app.introspect(&second).await);
                assert_refused(&exchange(&app, &token).await, 400, "invalid_grant");
                assert_refused(&exchange_as(&app, "gateway-2", &first, &[]).await, 400, "invalid_grant");
            }
        }
        switch(WEB, Status::Active).await;
        switch(GATEWAY, Status::Active).await;
    }
}

/// A foreign server's token is a subject only where that server is trusted.
async fn sec_k05_another_server_is_a_subject_only_where_it_is_trusted(app: TestApp) {
    gateways(&app).await;
    let server = setup::new_server(&app.app, ("orders", "Orders", "api://orders"), app.app.now());
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::insert(&tx, &server).await.unwrap();
    let default = AuthorizationServerId::new("default");
    let scopes = store::server::find_in(&tx, &default).await.unwrap().unwrap().scopes;
    for mut scope in scopes {
        scope.id = stepgate::id::ScopeId::generate(&SystemRandom);
        store::server::upsert_scope(&tx, &server.id, &scope).await.unwrap();
    }
    tx.commit().await.unwrap();
    setup::maintain_keys(&app.app).await.unwrap();
    app.app.forget_configuration();
    let token = subject(&app, "openid car:drive").await;
    let at_orders = async |token: &str| {
        let form = [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
        app.token_at("orders", GATEWAY, &form).await
    };
    assert_refused(&at_orders(&token).await, 400, "invalid_grant");
    let tx = app.app.db.begin_write().await.unwrap();
    let mut trusting: AuthorizationServer = server.clone();
    trusting.settings.trusted_servers.push(default);
    store::server::update(&tx, &trusting).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let exchanged = access(&at_orders(&token).await);
    let said = claims(&exchanged);
    assert_eq!((&said["iss"], &said["aud"]), (&json!(app.url("/oauth2/orders")), &json!("api://orders")));
    let introspect = async |token: &str| {
        let request = app.client().request(Method::POST, "/oauth2/orders/v1/introspect");
        request.basic(fixtures::SERVICE, SECRET).form(&[("token", token)]).send().await.json()
    };
    assert_eq!(introspect(&exchanged).await["active"], true);
    // Trust goes one way, and can be taken back.
    assert_refused(&exchange(&app, &exchanged).await, 400, "invalid_grant");
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    assert_eq!(introspect(&exchanged).await, json!({"active": false}));
}

/// RFC 8693 §2.2.2.
async fn sec_k05_the_target_is_this_server(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid car:drive").await;
    for (name, value, status) in [
        ("audience", "api://default", 200),
        ("resource", "api://default", 200),
        ("audience", "https://other.example.com", 400),
        ("resource", "https://other.example.com/api", 400),
        ("audience", "API://default", 400),
    ] {
        let answer = exchange_as(&app, GATEWAY, &token, &[(name, value)]).await;
        assert_eq!(answer.status, status, "{value}: {}", answer.text());
        if status == 400 {
            assert_refused(&answer, 400, "invalid_target");
        }
    }
}

async fn rule(app: &TestApp, grant_types: &[&str], scopes: &[&str]) {
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let rule = |id: &str, priority, conditions| AccessRule {
        id: RuleId::new(id),
        name: id.to_owned(),
        priority,
        status: Status::Active,
        conditions,
        lifetimes: TokenLifetimes::default(),
    };
    let special = RuleConditions {
        grant_types: texts(grant_types),
        scopes: texts(scopes),
        ..RuleConditions::default()
    };
    let policy = AccessPolicy {
        id: PolicyId::new("00ptest"),
        name: "Test".to_owned(),
        priority: 1,
        status: Status::Active,
        clients: PolicyClients::All,
        rules: vec![rule("0prspecial", 1, special), rule("0prany", 2, RuleConditions::default())],
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_policy(&tx, &AuthorizationServerId::new("default"), &policy).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// What the user's token does not have, the service does not get, unless a rule names both scope and grant.
async fn sec_k05_neither_scope_nor_lifetime_grows(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid car:drive").await;
    for scope in ["car:paint", "car:drive car:paint", "no-such-scope", "car:sell"] {
        let refused = exchange_as(&app, GATEWAY, &token, &[("scope", scope)]).await;
        assert_refused(&refused, 400, "invalid_scope");
    }
    rule(&app, &[], &["*"]).await;
    assert_refused(
        &exchange_as(&app, GATEWAY, &token, &[("scope", "car:paint")]).await,
        400,
        "invalid_scope",
    );
    rule(&app, &[EXCHANGE], &["car:drive", "car:paint"]).await;
    let widened = exchange_as(&app, GATEWAY, &token, &[("scope", "car:drive car:paint")]).await;
    assert_eq!(widened.json()["scope"], "car:drive car:paint", "{}", widened.text());
    // Never longer than what it was exchanged for.
    app.clock.advance(3000);
    let late = exchange(&app, &token).await;
    assert!(late.json()["expires_in"].as_i64().unwrap() <= 600, "{}", late.text());
    let end = |token: &str| claims(token)["exp"].as_i64().unwrap();
    assert!((0..=1).contains(&(end(&token) - end(&access(&late)))));
}

/// RFC 8693 §4.1: who acted before stays in the token; a chain has an end.
async fn sec_k05_actors_are_nested_and_their_number_is_limited(app: TestApp) {
    gateways(&app).await;
    let mut token = subject(&app, "openid car:drive").await;
    for client in [GATEWAY, "gateway-2", "gateway-3", "gateway-4", "gateway-5"] {
        let before = claims(&token).get("act").cloned();
        token = access(&exchange_as(&app, client, &token, &[]).await);
        let act = claims(&token)["act"].clone();
        assert_eq!((&act["sub"], act.get("act").cloned()), (&json!(client), before));
        assert_eq!(app.introspect(&token).await["active"], true);
    }
    assert_refused(&exchange_as(&app, "gateway-6", &token, &[]).await, 400, "invalid_grant");
}

/// Scopes that speak of a user, or need one, are not a service's.
async fn sec_e15_an_exchange_gives_no_scopes_of_users(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid profile email offline_access car:drive").await;
    for scope in ["openid", "profile", "offline_access", "device_sso", "car:drive openid"] {
        let refused = exchange_as(&app, GATEWAY, &token, &[("scope", scope)]).await;
        assert_refused(&refused, 400, "invalid_scope");
    }
    assert_eq!(exchange(&app, &token).await.json()["scope"], "car:drive");
    let without = subject(&app, "openid profile").await;
    assert_refused(&exchange(&app, &without).await, 400, "invalid_scope");
}

/// Off for clients, at the org server, and for clients that prove nothing.
async fn sec_e16_the_exchange_is_off_unless_registered(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid car:drive").await;
    assert_refused(&exchange_as(&app, WEB, &token, &[]).await, 400, "unauthorized_client");
    assert_refused(&exchange_as(&app, fixtures::SERVICE, &token, &[]).await, 400, "unauthorized_client");
    let form = [("grant_type", EXCHANGE), ("subject_token", &token), ("subject_token_type", ACCESS_TOKEN)];
    assert_refused(&app.token_at("org", GATEWAY, &form).await, 400, "unsupported_grant_type");
    assert_refused(&app.token_at("org", WEB, &form).await, 400, "unauthorized_client");
    natives(&app).await;
    let mut public = form.to_vec();
    public.push(("client_id", "two"));
    let refused = app.client().post_form("/oauth2/default/v1/token", &public).await;
    assert_refused(&refused, 400, "unauthorized_client");
    // A browser is no place for it.
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(GATEWAY, SECRET);
    let refused = request.header("origin", "https://app.example.com").form(&form).send().await;
    assert_refused(&refused, 400, "unauthorized_client");
}

/// RFC 8693 §2.1.
async fn malformed_exchanges_are_invalid_requests(app: TestApp) {
    gateways(&app).await;
    let token = subject(&app, "openid car:drive").await;
    for more in [
        vec![("subject_token_type", "access_token")],
        vec![("subject_token_type", "")],
        vec![("subject_token", "")],
        vec![("subject_token_type", ID_TOKEN)],
        vec![("actor_token", "x")],
        vec![("actor_token_type", DEVICE_SECRET)],
        vec![("actor_token", "x"), ("actor_token_type", ACCESS_TOKEN)],
        vec![("actor_token", "x"), ("actor_token_type", DEVICE_SECRET)],
        vec![("requested_token_type", ID_TOKEN)],
        vec![("requested_token_type", "urn:nonsense")],
    ] {
        let refused = exchange_as(&app, GATEWAY, &token, &more).await;
        assert_refused(&refused, 400, "invalid_request");
    }
}

async fn natives(app: &TestApp) {
    for id in ["one", "two"] {
        let metadata = json!({
            "application_type": "native",
            "redirect_uris": [NATIVE_URI],
            "grant_types": ["authorization_code", "refresh_token", EXCHANGE],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        fixtures::client(&app.app, id, metadata, None).await;
    }
}

/// Signs in to the first application, in a browser of its own.
async fn first(app: &TestApp, browser: &mut Browser, scope: &str, login: &str) -> Value {
    let url = app.authorize_url("one", &[("redirect_uri", NATIVE_URI), ("scope", scope)]);
    let page = browser.open(&url).await;
    if page.body_contains("login-page") {
        crate::support::op::sign_in_on(browser, &page, login, fixtures::PASSWORD).await;
    }
    let code = answer(browser)["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "one"),
        ("code", &code),
        ("redirect_uri", NATIVE_URI),
        ("code_verifier", VERIFIER),
    ];
    let response = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

const SSO: &str = "openid offline_access device_sso";

async fn second(app: &TestApp, id_token: &Value, secret: &Value, scope: &str) -> Response {
    let form = [
        ("grant_type", EXCHANGE),
        ("client_id", "two"),
        ("subject_token", id_token.as_str().unwrap()),
        ("subject_token_type", ID_TOKEN),
        ("actor_token", secret.as_str().unwrap()),
        ("actor_token_type", DEVICE_SECRET),
        ("audience", "api://default"),
        ("scope", scope),
    ];
    app.client().post_form("/oauth2/default/v1/token", &form).await
}

/// Native SSO §4: the same user and session, told truthfully, with a refresh token of its own.
async fn a_second_application_signs_in_with_the_device_secret(app: TestApp) {
    natives(&app).await;
    let tokens = first(&app, &mut Browser::new(), SSO, ALICE).await;
    let of_first = claims(tokens["id_token"].as_str().unwrap());
    assert!(of_first["ds_hash"].is_string());
    app.clock.advance(100);
    let response =
        second(&app, &tokens["id_token"], &tokens["device_secret"], "openid email offline_access").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert!(body.get("device_secret").is_none());
    let of_second = claims(body["id_token"].as_str().unwrap());
    assert_eq!(of_second["aud"], "two");
    for same in ["sub", "sid", "auth_time", "acr", "amr", "iss"] {
        assert_eq!(of_second[same], of_first[same], "{same}");
    }
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "two"),
        ("refresh_token", body["refresh_token"].as_str().unwrap()),
    ];
    let refreshed = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    // An ID token that has expired, or that a refresh gave, is as good.
    app.clock.advance(4000);
    assert_eq!(second(&app, &tokens["id_token"], &tokens["device_secret"], "openid").await.status, 200);
    // Okta: introspection tells the session.
    let active = app.introspect(tokens["device_secret"].as_str().unwrap()).await;
    assert_eq!((&active["active"], &active["sid"]), (&json!(true), &of_first["sid"]));
    assert!(active["exp"].is_i64());
}

/// Native SSO §3.1: it takes a native application, and both scopes.
async fn a_device_secret_is_for_native_applications_that_stay_signed_in(app: TestApp) {
    natives(&app).await;
    for scope in ["openid offline_access", "openid device_sso", "offline_access device_sso"] {
        assert!(
            first(&app, &mut Browser::new(), scope, ALICE).await.get("device_secret").is_none(),
            "{scope}"
        );
    }
    assert!(app.tokens(WEB, SSO, ALICE).await.get("device_secret").is_none());
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&json!("device_sso")));
    let org = app.client().get("/.well-known/openid-configuration").await.json();
    assert!(!org["scopes_supported"].as_array().unwrap().contains(&json!("device_sso")));
    assert!(!org["grant_types_supported"].as_array().unwrap().contains(&json!(EXCHANGE)));
}

/// T3: what was proved at the first application must satisfy the policy of the second.
async fn sec_t03_the_second_application_has_a_policy_of_its_own(app: TestApp) {
    natives(&app).await;
    let mut browser = Browser::new();
    let tokens = first(&app, &mut browser, SSO, ALICE).await;
    for rule in ["factor_mode: 2FA", "access: DENY", "reauthenticate_in_minutes: 1"] {
        app.seed(&format!(
            "authentication_policies: [{{name: Two, clients: [two], rules: [{{name: All, {rule}}}]}}]\n"
        ))
        .await;
        app.clock.advance(61);
        let refused = second(&app, &tokens["id_token"], &tokens["device_secret"], "openid").await;
        assert_refused(&refused, 400, "invalid_grant");
    }
    app.seed(
        "authentication_policies: [{name: Two, clients: [two], rules: [{name: All, factor_mode: 2FA}]}]\n",
    )
    .await;
    app.step_up_by(&mut browser, "otp").await;
    let tokens = first(&app, &mut browser, SSO, ALICE).await;
    let response = second(&app, &tokens["id_token"], &tokens["device_secret"], "openid").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let told = claims(response.json()["id_token"].as_str().unwrap());
    assert_eq!(told["amr"], json!(["pwd", "otp", "mfa"]));
}

/// Native SSO §4.3: secret and ID token are of one sign-in; neither is worth anything without the other.
async fn sec_k05_native_sso_needs_the_id_token_of_the_same_sign_in(app: TestApp) {
    natives(&app).await;
    let alice = first(&app, &mut Browser::new(), SSO, ALICE).await;
    let bob = first(&app, &mut Browser::new(), SSO, BOB).await;
    let again = first(&app, &mut Browser::new(), SSO, ALICE).await;
    let other_client = app.tokens(WEB, "openid", ALICE).await;
    for (id_token, secret) in [
        (&bob["id_token"], &alice["device_secret"]),
        (&alice["id_token"], &bob["device_secret"]),
        (&again["id_token"], &alice["device_secret"]),
        (&other_client["id_token"], &alice["device_secret"]),
        (&alice["access_token"], &alice["device_secret"]),
        (&alice["id_token"], &alice["refresh_token"]),
        (&alice["id_token"], &json!("unknown")),
    ] {
        assert_refused(&second(&app, id_token, secret, "openid").await, 400, "invalid_grant");
    }
    for scope in ["email", "offline_access"] {
        let refused = second(&app, &alice["id_token"], &alice["device_secret"], scope).await;
        assert_refused(&refused, 400, "invalid_scope");
    }
    assert_eq!(second(&app, &alice["id_token"], &alice["device_secret"], "openid").await.status, 200);
}

/// Revoking the secret kills what was signed in with it; it dies itself with the refresh token it came with.
async fn sec_k05_a_device_secret_takes_along_what_it_signed_in(app: TestApp) {
    natives(&app).await;
    let tokens = first(&app, &mut Browser::new(), SSO, ALICE).await;
    let derived =
        second(&app, &tokens["id_token"], &tokens["device_secret"], "openid offline_access").await.json();
    let revoke = async |client: &str, token: &Value| {
        let form =
            [("client_id", client), ("token", token.as_str().unwrap()), ("token_type_hint", "device_secret")];
        assert_eq!(app.client().post_form("/oauth2/default/v1/revoke", &form).await.status, 200);
    };
    // Another client's word counts for nothing (RFC 7009 §2.1).
    revoke("two", &tokens["device_secret"]).await;
    assert_eq!(app.introspect(derived["access_token"].as_str().unwrap()).await["active"], true);
    revoke("one", &tokens["device_secret"]).await;
    for name in ["access_token", "refresh_token"] {
        let dead = app.introspect(derived[name].as_str().unwrap()).await;
        assert_eq!(dead, json!({"active": false}), "{name}");
        assert_eq!(app.introspect(tokens[name].as_str().unwrap()).await["active"], true, "{name}");
    }
    assert_eq!(app.introspect(tokens["device_secret"].as_str().unwrap()).await, json!({"active": false}));
    let refused = second(&app, &tokens["id_token"], &tokens["device_secret"], "openid").await;
    assert_refused(&refused, 400, "invalid_grant");

    let tokens = first(&app, &mut Browser::new(), SSO, ALICE).await;
    revoke("one", &tokens["refresh_token"]).await;
    let refused = second(&app, &tokens["id_token"], &tokens["device_secret"], "openid").await;
    assert_refused(&refused, 400, "invalid_grant");
    assert_eq!(app.introspect(tokens["device_secret"].as_str().unwrap()).await, json!({"active": false}));
}

/// Exchanges and a revocation behind one barrier: whoever won, no derived token is alive afterwards.
async fn sec_k05_a_device_secret_that_is_revoked_at_the_same_moment_leaves_nothing(app: TestApp) {
    natives(&app).await;
    let tokens = first(&app, &mut Browser::new(), SSO, ALICE).await;
    const TRIES: usize = 8;
    let barrier = Arc::new(Barrier::new(TRIES + 1));
    let client = app.client();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let tasks: Vec<_> = (0..=TRIES)
        .map(|n| {
            let (barrier, client) = (Arc::clone(&barrier), client.clone());
            let (id_token, secret) = (text("id_token"), text("device_secret"));
            tokio::spawn(async move {
                barrier.wait().await;
                if n == TRIES {
                    let form = [("client_id", "one"), ("token", secret.as_str())];
                    return client.post_form("/oauth2/default/v1/revoke", &form).await;
                }
                let form = [
                    ("grant_type", EXCHANGE),
                    ("client_id", "two"),
                    ("subject_token", id_token.as_str()),
                    ("subject_token_type", ID_TOKEN),
                    ("actor_token", secret.as_str()),
                    ("actor_token_type", DEVICE_SECRET),
                    ("scope", "openid"),
                ];
                client.post_form("/oauth2/default/v1/token", &form).await
            })
        })
        .collect();
    for task in tasks {
        let response = task.await.unwrap();
        assert!(matches!(response.status, 200 | 400), "{}", response.text());
        if response.status == 200 && !response.body.is_empty() {
            let token = access(&response);
            // The revocation may be the last of all.
            let form = [("client_id", "one"), ("token", tokens["device_secret"].as_str().unwrap())];
            app.client().post_form("/oauth2/default/v1/revoke", &form).await;
            assert_eq!(app.introspect(&token).await, json!({"active": false}));
        }
    }
}
