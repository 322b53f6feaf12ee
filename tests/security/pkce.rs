//! B: proof key for code exchange (RFC 7636; RFC 9700 §2.1.1, §4.5.3, §4.8).

use serde_json::json;
use stepgate::{protocol::client_metadata::ClientMetadata, secret::TokenHash, store};

use super::assert_refused;
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, NATIVE, REDIRECT_URI, SECRET, SPA, WEB},
    http::{Browser, Response},
    op::{CHALLENGE, VERIFIER, answer, public_code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_b06_three_wrong_verifiers_burn_the_code,
            sec_b06_so_do_three_at_the_same_moment;
        sqlite:
            sec_b01_a_public_client_sends_a_challenge,
            sec_b01_so_does_a_confidential_client_that_is_registered_so,
            sec_b02_only_s256_is_a_method,
            sec_b03_a_malformed_challenge_is_refused_even_when_it_is_empty,
            sec_b04_a_code_with_a_challenge_needs_its_verifier,
            sec_b05_a_verifier_without_a_challenge_is_a_downgrade,
            sec_b06_another_verifier_buys_nothing;
        plain: sec_b08_a_public_client_cannot_do_without
    ]
}

/// The parameters of the answer to a request that is answered at once.
async fn refusal(
    app: &TestApp,
    client: &str,
    more: &[(&str, &str)],
) -> std::collections::BTreeMap<String, String> {
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(client, more)).await;
    assert!(browser.url().as_str().starts_with(REDIRECT_URI), "{}", browser.url());
    let answer = answer(&browser);
    assert_eq!(answer["state"], "a-state");
    assert!(!answer.contains_key("code"));
    answer
}

async fn redeem_with(app: &TestApp, client: &str, code: &str, verifier: Option<&str>) -> Response {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)];
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    app.token(client, &form).await
}

/// RFC 9700 §2.1.1: public clients must use PKCE, and the server must enforce it.
async fn sec_b01_a_public_client_sends_a_challenge(app: TestApp) {
    let without = [("code_challenge", "-"), ("code_challenge_method", "-")];
    assert_eq!(refusal(&app, SPA, &without).await["error"], "invalid_request");
    assert_eq!(refusal(&app, SPA, &[("code_challenge", "-")]).await["error"], "invalid_request");
    let mut browser = Browser::new();
    let loopback = "http://127.0.0.1:9999/callback";
    browser.open(&app.authorize_url(NATIVE, &[("redirect_uri", loopback), without[0], without[1]])).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
    // The good case, with the public client's token request.
    let code = app.code(SPA, "openid", ALICE).await;
    let form = public_code_form(SPA, &code);
    let response = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!(response.status, 200, "{}", response.text());
}

/// The same for a confidential client with `pkce_required`; others may do without.
async fn sec_b01_so_does_a_confidential_client_that_is_registered_so(app: TestApp) {
    for required in [true, false] {
        let metadata = json!({
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "pkce_required": required,
        });
        fixtures::client(&app.app, "strict", metadata, Some(SECRET)).await;
        let without = [("code_challenge", "-"), ("code_challenge_method", "-")];
        if required {
            assert_eq!(refusal(&app, "strict", &without).await["error"], "invalid_request");
        } else {
            let code = app.code_in(&mut Browser::new(), "default", "strict", &without, ALICE).await;
            assert_eq!(redeem_with(&app, "strict", &code, None).await.status, 200);
        }
    }
}

/// RFC 9700 §2.1.1: `plain` shows the verifier to whoever sees the request; no method means `plain` (RFC 7636 §4.3).
async fn sec_b02_only_s256_is_a_method(app: TestApp) {
    for client in [SPA, WEB] {
        for method in ["plain", "-", "", "s256", "S512", "S256 plain"] {
            let refused = refusal(&app, client, &[("code_challenge_method", method)]).await;
            assert_eq!(refused["error"], "invalid_request", "{client} {method}");
        }
    }
    let refused =
        refusal(&app, WEB, &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")]).await;
    assert_eq!(refused["error"], "invalid_request");
    for path in ["/.well-known/openid-configuration", "/oauth2/default/.well-known/openid-configuration"] {
        let metadata = app.client().get(path).await.json();
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    }
}

/// RFC 7636 §4.2: 43 characters of base64url. Sent empty it is malformed, not absent.
async fn sec_b03_a_malformed_challenge_is_refused_even_when_it_is_empty(app: TestApp) {
    let long = "A".repeat(129);
    for client in [SPA, WEB] {
        for challenge in [
            "",
            &CHALLENGE[..42],
            &format!("{CHALLENGE}="),
            &format!("{CHALLENGE}A"),
            &CHALLENGE.replace('-', "+"),
            &CHALLENGE.replace('-', " "),
            &CHALLENGE.replace('-', "é"),
            &"~".repeat(43),
            &long,
        ] {
            let refused = refusal(&app, client, &[("code_challenge", challenge)]).await;
            assert_eq!(refused["error"], "invalid_request", "{client} {challenge}");
        }
    }
    let refused = refusal(&app, WEB, &[("code_challenge", ""), ("code_challenge_method", "-")]).await;
    assert_eq!(refused["error"], "invalid_request");
}

/// RFC 7636 §4.6: without the verifier a code with a challenge is worth nothing.
async fn sec_b04_a_code_with_a_challenge_needs_its_verifier(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    assert_refused(&redeem_with(&app, WEB, &code, None).await, 400, "invalid_grant");
    assert_refused(&redeem_with(&app, WEB, &code, Some("")).await, 400, "invalid_grant");
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
}

/// RFC 9700 §4.8.2: an attacker who strips the challenge from the request must not profit from it.
async fn sec_b05_a_verifier_without_a_challenge_is_a_downgrade(app: TestApp) {
    let without = [("code_challenge", "-"), ("code_challenge_method", "-")];
    let code = app.code_in(&mut Browser::new(), "default", WEB, &without, ALICE).await;
    for verifier in [VERIFIER, "short"] {
        let refused = redeem_with(&app, WEB, &code, Some(verifier)).await;
        assert_refused(&refused, 400, "invalid_grant");
    }
    assert_eq!(redeem_with(&app, WEB, &code, None).await.status, 200);
}

/// RFC 7636 §4.1, §4.6: the verifier is 43 to 128 unreserved characters, and the one of the challenge.
async fn sec_b06_another_verifier_buys_nothing(app: TestApp) {
    let short = &VERIFIER[..42];
    let long = "a".repeat(129);
    let alphabet = VERIFIER.replace('-', "+");
    for verifier in [&CHALLENGE.to_lowercase(), CHALLENGE, short, &long, &alphabet] {
        let code = app.code(WEB, "openid", ALICE).await;
        assert_refused(&redeem_with(&app, WEB, &code, Some(verifier)).await, 400, "invalid_grant");
        assert_eq!(app.redeem(WEB, &code).await.status, 200, "one failure burns nothing");
    }
}

/// Guessing is not an option: the third wrong verifier burns the code, and the log says so.
async fn sec_b06_three_wrong_verifiers_burn_the_code(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    let wrong = "a".repeat(43);
    for failures in 1..=3 {
        assert_refused(&redeem_with(&app, WEB, &code, Some(&wrong)).await, 400, "invalid_grant");
        let (row, _) =
            store::authorization_code::find(&app.app.db, &TokenHash::of(&code)).await.unwrap().unwrap();
        assert_eq!((row.failures, row.consumed_at), (failures, None));
    }
    assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    assert!(
        app.logged("app.oauth2.as.token.grant", Some("code_verifier_guessed")).await,
        "{:?}",
        app.log().await
    );
}

/// Counted by the database: guesses that overlap are as many guesses.
async fn sec_b06_so_do_three_at_the_same_moment(app: TestApp) {
    let code = app.code(WEB, "openid", ALICE).await;
    let wrong = "a".repeat(43);
    let guess = || redeem_with(&app, WEB, &code, Some(&wrong));
    let (first, second, third) = tokio::join!(guess(), guess(), guess());
    for response in [first, second, third] {
        assert_refused(&response, 400, "invalid_grant");
    }
    assert_refused(&app.redeem(WEB, &code).await, 400, "invalid_grant");
    assert!(app.logged("app.oauth2.as.token.grant", Some("code_verifier_guessed")).await);
}

/// A public client has no other proof: PKCE cannot be switched off for it (RFC 9700 §2.1.1).
fn sec_b08_a_public_client_cannot_do_without() {
    let metadata = |method: &str, required: Option<bool>| {
        let mut metadata = json!({
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
        });
        if let Some(required) = required {
            metadata["pkce_required"] = json!(required);
        }
        serde_json::from_value::<ClientMetadata>(metadata).unwrap().with_defaults()
    };
    let public = metadata("none", Some(false));
    assert!(public.validate().is_err() && public.requires_pkce());
    let public = metadata("none", None);
    assert!(public.validate().is_ok() && public.requires_pkce());
    let confidential = metadata("client_secret_basic", Some(false));
    assert!(confidential.validate().is_ok() && !confidential.requires_pkce());
}
