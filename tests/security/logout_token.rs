//! U4: logout tokens (Back-Channel Logout 1.0 §2.4–2.8) and their delivery.

use keys::{Limits, parse};
use serde_json::Value;
use stepgate::{jobs::deliver::deliver_due, ports::fetch::FetchError};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, OTHER, WEB},
    http::Browser,
    op::claims,
    relying_party::{answer_with, backchannel_logout_uri, listen, told},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_u04_a_delivery_is_tried_again_with_growing_pauses_and_then_given_up;
        sqlite:
            sec_u04_a_logout_token_is_typed_short_lived_and_without_nonce,
            sec_u04_a_logout_token_is_accepted_nowhere,
            sec_u04_a_client_that_is_down_delays_nobody,
            sec_u04_a_message_is_sealed_and_opens_in_its_own_row_only,
            sec_u04_what_changed_since_counts_at_delivery,
    ]
}

/// A session with tokens for [`WEB`] that was ended.
async fn ended(app: &TestApp, login: &str) -> Value {
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", WEB, &[], login).await;
    let tokens = app.redeem(WEB, &code).await.json();
    app.log_out(&mut browser, &tokens).await;
    tokens
}

async fn logout_token(app: &TestApp) -> String {
    listen(app, &[WEB], 200).await;
    ended(app, ALICE).await;
    told(app, WEB).await.pop().unwrap()
}

/// §2.4: `typ`, `kid`, signature of the key of the ID tokens; `iat`, a unique `jti`, `exp` two minutes ahead; no `nonce`.
async fn sec_u04_a_logout_token_is_typed_short_lived_and_without_nonce(app: TestApp) {
    let token = logout_token(&app).await;
    let parsed = parse(&token, &Limits::default()).unwrap();
    assert!(parsed.header().is_type("logout+jwt"));
    assert!(parsed.header().kid().is_some());
    let server = app.app.server("default").await.unwrap().unwrap();
    let claims = server.verify(&parsed).expect("our signature").into_map();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]);
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(time("exp") - time("iat"), 120);
    assert!((time("iat") - app.app.now().unix_timestamp()).abs() <= 1);
    let again = logout_token(&app).await;
    assert_ne!(crate::support::op::claims(&again)["jti"], claims["jti"]);
}

/// §2.4: nobody mistakes it for an ID token or an access token.
async fn sec_u04_a_logout_token_is_accepted_nowhere(app: TestApp) {
    let token = logout_token(&app).await;
    assert_eq!(app.introspect(&token).await["active"], false);
    assert_eq!(app.userinfo(&token).await.status, 401);
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let hint = [("id_token_hint", token.as_str())];
    let answer = app.client().get(&app.authorize_url(WEB, &hint)).await;
    let location = answer.location().unwrap();
    assert!(location.as_str().contains("error=invalid_request"), "{location}");
    let url = app.url(&format!("/oauth2/default/v1/logout?id_token_hint={token}"));
    let page = browser.open(&url).await;
    assert!(page.body_contains("logout-page"), "the user is asked: {}", page.words());
}

/// §2.8: retried a bounded number of times; then the log says so and the message is gone.
async fn sec_u04_a_delivery_is_tried_again_with_growing_pauses_and_then_given_up(app: TestApp) {
    listen(&app, &[WEB], 503).await;
    ended(&app, ALICE).await;
    let mut first = None;
    for (attempt, pause) in [5, 30, 120, 600, 3600, 0].into_iter().enumerate() {
        let tokens = told(&app, WEB).await;
        assert_eq!(tokens.len(), attempt + 1, "before {pause}");
        // Minted anew: the last attempt carries a token that counts as long as the first one did.
        let exp = claims(tokens.last().unwrap())["exp"].as_i64().unwrap();
        assert!(exp > app.app.now().unix_timestamp());
        first.get_or_insert(exp);
        app.clock.advance(pause - 1);
        assert_eq!(told(&app, WEB).await.len(), attempt + 1, "too early: {pause}");
        app.clock.advance(1);
    }
    assert!(app.logged("user.authentication.slo", Some("backchannel_logout_failed")).await);
    app.clock.advance(86_400);
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    // A client that comes back in time is told once.
    ended(&app, BOB).await;
    let before = told(&app, WEB).await.len();
    answer_with(&app, WEB, 204);
    app.clock.advance(5);
    assert_eq!(told(&app, WEB).await.len(), before + 1);
    app.clock.advance(86_400);
    assert_eq!(told(&app, WEB).await.len(), before + 1);
}

/// §2.8: one client's failure is not another one's, and the response body is nobody's business.
async fn sec_u04_a_client_that_is_down_delays_nobody(app: TestApp) {
    listen(&app, &[WEB, OTHER], 200).await;
    for failure in
        [Err(FetchError::Timeout), Err(FetchError::Forbidden), Err(FetchError::Unreachable("x".into()))]
    {
        app.fetch.answer(&backchannel_logout_uri(WEB), failure);
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, "default", OTHER, &[], ALICE).await;
        app.redeem(OTHER, &code).await;
        let code = app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
        let tokens = app.redeem(WEB, &code).await.json();
        let before = told(&app, OTHER).await.len();
        app.log_out(&mut browser, &tokens).await;
        assert_eq!(told(&app, OTHER).await.len(), before + 1);
    }
}

/// At rest nothing tells who was signed in where, and rows cannot be exchanged.
async fn sec_u04_a_message_is_sealed_and_opens_in_its_own_row_only(app: TestApp) {
    use sea_orm::{ConnectionTrait, EntityTrait, Statement};
    listen(&app, &[WEB], 200).await;
    let tokens = ended(&app, ALICE).await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let row = entity::outbox::Entity::find().one(&database).await.unwrap().unwrap();
    let sid = claims(tokens["id_token"].as_str().unwrap())["sid"].as_str().unwrap().to_owned();
    assert!(row.payload.starts_with("v1.") && !row.payload.contains(&sid), "{}", row.payload);
    let sql = "UPDATE outbox SET id = 'msg00000000000000000'";
    database.execute_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
    assert_eq!(told(&app, WEB).await.len(), 0);
}

/// A client that was switched off, or took its URI away, is not told.
async fn sec_u04_what_changed_since_counts_at_delivery(app: TestApp) {
    listen(&app, &[WEB], 200).await;
    ended(&app, ALICE).await;
    crate::support::relying_party::configure(&app, WEB, serde_json::json!({})).await;
    assert_eq!(told(&app, WEB).await.len(), 0);
    app.clock.advance(86_400);
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0, "there is nobody to tell any more");
}
