//! What a command changes is seen by a running server within a second.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;

use super::{ISSUER, Place, Server, block_on, printed};
use crate::support::{Test, http::Browser, op::answer};

pub(super) fn trials() -> Vec<Test> {
    trials![plain:
        a_suspended_user_is_out_at_once_and_back_after_unsuspension,
        a_new_password_ends_what_the_old_one_began,
        a_reset_password_opens_nothing_and_a_link_is_printed_once,
        an_expired_password_can_be_replaced_by_a_temporary_one,
        only_users_without_a_password_are_invited,
        revoked_sessions_end_sign_in_and_tokens,
        an_unlocked_user_may_try_again,
        clients_are_disabled_enabled_and_get_new_secrets,
        keys_are_rotated_and_revoked,
        an_applied_file_takes_effect,
    ]
}

const SECOND: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Asks until the change that was just made is seen; what is asked a second later must see it.
async fn seen_within_a_second(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    loop {
        let last = started.elapsed() >= SECOND;
        if ask().await {
            return;
        }
        assert!(!last, "{what} was not seen within a second");
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

const PASSWORD: &str = "Correct-horse-7";
const APP: &str = "app";
const ANN: (&str, &str) = ("ann@example.com", PASSWORD);

/// A development server with users and a public client.
fn with_users() -> (Place, super::DevServer) {
    let place = Place::new();
    place.set("PASSWORD", PASSWORD);
    place.write(
        "seed.yaml",
        0o600,
        "users:\n  - {login: ann@example.com, password: {env: PASSWORD}}\n\
         \x20 - {login: lou@example.com, password: {env: PASSWORD}, status: LOCKED_OUT}\n\
         clients:\n  - {client_id: app, client_name: App, application_type: browser,\n\
         \x20    redirect_uris: [\"http://localhost:3000/callback\"], grant_types: [authorization_code, refresh_token]}\n",
    );
    let dev = place.dev(&["--seed", "seed.yaml"]);
    (place, dev)
}

fn user(place: &Place, action: &[&str], input: &str) {
    place.run_with(&[&["user", "--data", "data"], action].concat(), input).succeeded();
}

/// Whether session, access token and refresh token of a user are dead.
async fn is_out(dev: &super::DevServer, browser: &mut Browser, tokens: &Value) -> bool {
    let bearer = tokens["access_token"].as_str().unwrap();
    let userinfo =
        dev.client().request(Method::GET, "/oauth2/default/v1/userinfo").bearer(bearer).send().await;
    browser.open(&dev.authorize_url(APP, "none")).await;
    let session_ended = answer(browser).get("error").is_some_and(|error| error == "login_required");
    let refreshed = dev.refresh(APP, tokens).await;
    let refused = refreshed.status == 400 && refreshed.json()["error"] == "invalid_grant";
    userinfo.status == 401 && session_ended && refused
}

/// A browser with a live session, and its tokens.
async fn signed_in(dev: &super::DevServer) -> (Browser, Value) {
    let mut browser = Browser::new();
    let tokens = dev.tokens(&mut browser, APP, ANN).await.expect("a sign-in");
    browser.open(&dev.authorize_url(APP, "none")).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    (browser, tokens)
}

fn a_suspended_user_is_out_at_once_and_back_after_unsuspension() {
    let (place, dev) = with_users();
    block_on(async {
        let (mut browser, tokens) = signed_in(&dev).await;
        user(&place, &["suspend", ANN.0], "");
        seen_within_a_second("the suspension", async || is_out(&dev, &mut browser, &tokens).await).await;
        assert!(dev.tokens(&mut Browser::new(), APP, ANN).await.is_none());
        user(&place, &["unsuspend", ANN.0], "");
        assert!(dev.tokens(&mut Browser::new(), APP, ANN).await.is_some());
        assert!(is_out(&dev, &mut browser, &tokens).await, "what was revoked stays revoked");
    });
}

fn a_new_password_ends_what_the_old_one_began() {
    let (place, dev) = with_users();
    block_on(async {
        let (mut browser, tokens) = signed_in(&dev).await;
        user(&place, &["set-password", ANN.0, "--password-stdin"], "Battery-staple-9\n");
        seen_within_a_second("the password", async || is_out(&dev, &mut browser, &tokens).await).await;
        assert!(dev.tokens(&mut Browser::new(), APP, ANN).await.is_none());
        assert!(dev.tokens(&mut Browser::new(), APP, (ANN.0, "Battery-staple-9")).await.is_some());
    });
}

/// What a command about a user prints.
fn said(place: &Place, action: &[&str]) -> String {
    place.run_with(&[&["user", "--data", "data"], action].concat(), "").succeeded()
}

/// The token of a link to a page.
#[track_caller]
fn linked<'a>(out: &'a str, page: &str) -> &'a str {
    let (_, token) = out.split_once(&format!("{page}?token=")).unwrap_or_else(|| panic!("no link: {out}"));
    token.trim()
}

fn a_reset_password_opens_nothing_and_a_link_is_printed_once() {
    let (place, dev) = with_users();
    block_on(async {
        let (mut browser, tokens) = signed_in(&dev).await;
        let out = said(&place, &["reset-password", ANN.0]);
        assert!(out.contains("RECOVERY"), "{out}");
        let token = linked(&out, "/signin/reset-password");
        assert_eq!(token.len(), 43, "{out}");
        seen_within_a_second("the reset", async || is_out(&dev, &mut browser, &tokens).await).await;
        assert!(dev.tokens(&mut Browser::new(), APP, ANN).await.is_none());
        // A second link is another one; and none is printed that was mailed.
        let again = said(&place, &["reset-password", ANN.0]);
        assert_ne!(linked(&again, "/signin/reset-password"), token);
        let refused =
            place.run_with(&["user", "--data", "data", "reset-password", ANN.0, "--send-email"], "");
        assert!(!refused.out.contains("token="), "{refused:?}");
        user(&place, &["set-password", ANN.0, "--password-stdin"], "Battery-staple-9\n");
        assert!(dev.tokens(&mut Browser::new(), APP, (ANN.0, "Battery-staple-9")).await.is_some());
    });
}

fn an_expired_password_can_be_replaced_by_a_temporary_one() {
    let (place, dev) = with_users();
    block_on(async {
        let out = said(&place, &["expire-password", ANN.0]);
        assert!(out.contains("PASSWORD_EXPIRED") && out.lines().count() == 1, "{out}");
        let out = said(&place, &["expire-password", ANN.0, "--temporary"]);
        let temporary = out.lines().last().unwrap();
        assert!(out.lines().count() == 2 && temporary.len() >= 16, "{out}");
        assert!(dev.tokens(&mut Browser::new(), APP, ANN).await.is_none());
    });
}

fn only_users_without_a_password_are_invited() {
    let (place, _dev) = with_users();
    said(&place, &["add", "new@example.com", "--no-password"]);
    linked(&said(&place, &["invite", "new@example.com"]), "/welcome");
    let refused = place.run_with(&["user", "--data", "data", "invite", ANN.0], "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("PROVISIONED") && !refused.out.contains("token="), "{refused:?}");
}

fn revoked_sessions_end_sign_in_and_tokens() {
    let (place, dev) = with_users();
    block_on(async {
        let (mut browser, tokens) = signed_in(&dev).await;
        user(&place, &["revoke-sessions", ANN.0], "");
        seen_within_a_second("the revocation", async || is_out(&dev, &mut browser, &tokens).await).await;
        assert!(dev.tokens(&mut browser, APP, ANN).await.is_some(), "the user may sign in again");
    });
}

fn an_unlocked_user_may_try_again() {
    let (place, dev) = with_users();
    let lou = ("lou@example.com", PASSWORD);
    block_on(async {
        assert!(dev.tokens(&mut Browser::new(), APP, lou).await.is_none());
        user(&place, &["unlock", lou.0], "");
        assert!(dev.tokens(&mut Browser::new(), APP, lou).await.is_some());

        // The lock that wrong passwords bring.
        for _ in 0..10 {
            assert!(dev.tokens(&mut Browser::new(), APP, (lou.0, "Wrong-horse-7")).await.is_none());
        }
        assert!(dev.tokens(&mut Browser::new(), APP, lou).await.is_none());
        user(&place, &["unlock", lou.0], "");
        assert!(dev.tokens(&mut Browser::new(), APP, lou).await.is_some());

        user(&place, &["delete", lou.0], "");
        assert!(dev.tokens(&mut Browser::new(), APP, lou).await.is_none());
    });
}

/// Budgets that polling does not spend.
const RATES: &str = "[limits.rates]\nclient_authentication_failure = \"10000/1m\"";

fn service_client(place: &Place) -> String {
    let add = ["client", "add", "--name", "Service", "--type", "service", "--id", "svc"];
    printed(&place.run(&add).succeeded(), "client_secret").to_owned()
}

async fn token_status(server: &Server, secret: &str) -> u16 {
    server.token(("svc", secret), "api").await.status
}

fn clients_are_disabled_enabled_and_get_new_secrets() {
    let place = Place::new();
    let server = place.serve(RATES);
    block_on(async {
        assert_eq!(token_status(&server, "not-yet-registered").await, 401);
        let first = service_client(&place);
        seen_within_a_second("the client", async || token_status(&server, &first).await == 200).await;
        place.run(&["client", "disable", "svc"]).succeeded();
        seen_within_a_second("disabling", async || token_status(&server, &first).await == 401).await;
        place.run(&["client", "enable", "svc"]).succeeded();
        seen_within_a_second("enabling", async || token_status(&server, &first).await == 200).await;
        let rotated = place.run(&["client", "rotate-secret", "svc"]).succeeded();
        let second = printed(&rotated, "client_secret");
        assert_ne!(first, second);
        seen_within_a_second("the secret", async || token_status(&server, second).await == 200).await;
        assert_eq!(token_status(&server, &first).await, 200, "the previous secret keeps working");
        let rotated = place.run(&["client", "rotate-secret", "svc", "--revoke-old"]).succeeded();
        let third = printed(&rotated, "client_secret");
        let old_are_dead =
            async || token_status(&server, &first).await == 401 && token_status(&server, second).await == 401;
        seen_within_a_second("the revocation", old_are_dead).await;
        assert_eq!(token_status(&server, third).await, 200);
    });
}

/// The key ids that the `default` server publishes for RS256.
async fn published(server: &Server) -> Vec<String> {
    let keys = server.get("/oauth2/default/v1/keys").await.json();
    let keys = keys["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "RS256");
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// A token and the key that signed it.
async fn signed_by(server: &Server, secret: &str) -> (String, String) {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let response = server.token(("svc", secret), "api").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let token = response.json()["access_token"].as_str().unwrap().to_owned();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    (token, header["kid"].as_str().unwrap().to_owned())
}

async fn is_active(server: &Server, secret: &str, token: &str) -> bool {
    let request = server.request(Method::POST, "/oauth2/default/v1/introspect").basic("svc", secret);
    request.form(&[("token", token)]).send().await.json()["active"] == true
}

fn keys_are_rotated_and_revoked() {
    let place = Place::new();
    let server = place.serve(RATES);
    let secret = service_client(&place);
    block_on(async {
        seen_within_a_second("the client", async || token_status(&server, &secret).await == 200).await;
        let (old_token, old) = signed_by(&server, &secret).await;
        assert!(published(&server).await.contains(&old));
        assert!(is_active(&server, &secret, &old_token).await);

        place.run(&["keys", "rotate", "--now", "--server", "default", "--alg", "RS256"]).succeeded();
        seen_within_a_second("the rotation", async || signed_by(&server, &secret).await.1 != old).await;
        let (new_token, new) = signed_by(&server, &secret).await;
        let keys = published(&server).await;
        assert!(keys.contains(&old) && keys.contains(&new), "{keys:?}");
        assert!(is_active(&server, &secret, &old_token).await, "a retired key still verifies");

        place.run(&["keys", "revoke", &old]).succeeded();
        seen_within_a_second("the revocation", async || !published(&server).await.contains(&old)).await;
        assert!(!is_active(&server, &secret, &old_token).await);
        assert!(is_active(&server, &secret, &new_token).await);

        // The active one: another takes its place.
        place.run(&["keys", "revoke", &new]).succeeded();
        seen_within_a_second("the revocation", async || !published(&server).await.contains(&new)).await;
        let (_, third) = signed_by(&server, &secret).await;
        assert!(third != new && published(&server).await.contains(&third));
        place.run(&["keys", "revoke", &old]).failed(1);
    });
}

fn an_applied_file_takes_effect() {
    let place = Place::new();
    let server = place.serve(RATES);
    let secret = service_client(&place);
    place.write(
        "seed.yaml",
        0o600,
        "clients:\n  - {client_id: other, client_secret: {env: OTHER_SECRET}, client_name: Other, application_type: service}\n\
         authorization_servers:\n  - {id: default, scopes: [{name: orders.read}]}\n\
         \x20 - {id: orders, audience: \"https://api.example.com\", scopes: [{name: orders.read}]}\n",
    );
    place.set("OTHER_SECRET", "a-secret-of-twenty-two");
    block_on(async {
        let metadata = "/oauth2/orders/.well-known/oauth-authorization-server";
        let scope = async || server.token(("svc", &secret), "orders.read").await;
        seen_within_a_second("the client", async || token_status(&server, &secret).await == 200).await;
        assert_eq!((scope().await.status, server.get(metadata).await.status), (400, 404));
        place.run(&["apply", "seed.yaml"]).succeeded();
        seen_within_a_second("the scope", async || scope().await.status == 200).await;
        seen_within_a_second("the server", async || server.get(metadata).await.status == 200).await;
        let issuer = server.get(metadata).await.json()["issuer"].clone();
        assert_eq!(issuer, format!("{ISSUER}/oauth2/orders"));
        let keys = server.get("/oauth2/orders/v1/keys").await.json();
        assert!(keys["keys"].as_array().is_some_and(|keys| !keys.is_empty()), "{keys}");
        assert_eq!(server.token(("other", "a-secret-of-twenty-two"), "api").await.status, 200);
    });
}
