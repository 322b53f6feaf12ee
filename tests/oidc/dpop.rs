//! DPoP as clients meet it (RFC 9449).

use serde_json::json;

use crate::support::{
    Test, TestApp,
    dpop::{ProofKey, TOKEN, USERINFO},
    fixtures::{ALICE, MACHINE, OKTA, REDIRECT_URI, SECRET, SPA, WEB},
    http::{Browser, ok},
    op::{claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_x1_a_proof_buys_a_token_that_is_bound_to_its_key,
        oidc_x2_a_bound_token_opens_userinfo_together_with_a_proof,
        oidc_x3_a_code_may_be_bound_to_a_key,
        oidc_x4_a_nonce_is_supplied_and_the_second_try_succeeds,
        oidc_x5_bound_refresh,
        the_algorithms_of_proofs_are_published,
        browsers_may_read_the_nonce,
    ]
}

/// RFC 9449 §4.3, §5, §6.1
async fn oidc_x1_a_proof_buys_a_token_that_is_bound_to_its_key(app: TestApp) {
    let key = ProofKey::new();
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    let tokens = ok(&app.token_proving(MACHINE, &[&key.for_token(&app)], &form).await);
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["cnf"]["jkt"], key.jkt());
    let elsewhere = key.proof(&app, "POST", USERINFO);
    let refused = app.token_proving(MACHINE, &[&elsewhere], &form).await;
    assert_eq!((refused.status, refused.json()["error"].clone()), (400, json!("invalid_dpop_proof")));
}

/// RFC 9449 §7.1
async fn oidc_x2_a_bound_token_opens_userinfo_together_with_a_proof(app: TestApp) {
    let key = ProofKey::new();
    let code = app.code(SPA, "openid email", ALICE).await;
    let tokens = ok(&app.token_proving(SPA, &[&key.for_token(&app)], &code_form(&code)).await);
    let token = tokens["access_token"].as_str().unwrap();
    let answer = ok(&app.userinfo_proving("DPoP", token, &[&key.for_userinfo(&app, token)]).await);
    assert_eq!(answer["email"], ALICE);
    assert_eq!(app.userinfo_proving("DPoP", token, &[]).await.status, 401);
    assert_eq!(app.userinfo(token).await.status, 401);
}

/// RFC 9449 §10
async fn oidc_x3_a_code_may_be_bound_to_a_key(app: TestApp) {
    let (key, other) = (ProofKey::new(), ProofKey::new());
    let mut browser = Browser::new();
    let code = app.code_in(&mut browser, "default", SPA, &[("dpop_jkt", &key.jkt())], ALICE).await;
    let refused = app.token_proving(SPA, &[&other.for_token(&app)], &code_form(&code)).await;
    assert_eq!((refused.status, refused.json()["error"].clone()), (400, json!("invalid_dpop_proof")));
    ok(&app.token_proving(SPA, &[&key.for_token(&app)], &code_form(&code)).await);
}

/// RFC 9449 §8: as Okta asks for it, unless the proof was not asked for at all.
async fn oidc_x4_a_nonce_is_supplied_and_the_second_try_succeeds(app: TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "client_credentials"],
        "response_types": ["code"],
        "profile": "okta_compat",
        "dpop_bound_access_tokens": true,
    });
    crate::support::fixtures::client(&app.app, "okta-bound", metadata, Some(SECRET)).await;
    let key = ProofKey::new();
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    let asked = app.token_proving("okta-bound", &[&key.for_token(&app)], &form).await;
    assert_eq!((asked.status, asked.json()["error"].clone()), (400, json!("use_dpop_nonce")));
    let nonce = asked.header("dpop-nonce").unwrap();
    let proof = key.proof_with(&app, "POST", TOKEN, &json!({"nonce": nonce}));
    assert_eq!(ok(&app.token_proving("okta-bound", &[&proof], &form).await)["token_type"], "DPoP");
    let uninvited = app.token_proving(OKTA, &[&key.for_token(&app)], &form).await;
    assert_eq!(ok(&uninvited)["token_type"], "Bearer");
}

/// RFC 9449 §5: the refresh token of a public client is bound, the one of a confidential client is not.
async fn oidc_x5_bound_refresh(app: TestApp) {
    let (key, other) = (ProofKey::new(), ProofKey::new());
    for (client, may_switch) in [(SPA, false), (WEB, true)] {
        let code = app.code(client, "openid offline_access", ALICE).await;
        let tokens = ok(&app.token_proving(client, &[&key.for_token(&app)], &code_form(&code)).await);
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        let switched = app.token_proving(client, &[&other.for_token(&app)], &form).await;
        assert_eq!(switched.status == 200, may_switch, "{}", switched.text());
        if !may_switch {
            ok(&app.token_proving(client, &[&key.for_token(&app)], &form).await);
        }
    }
}

/// RFC 9449 §5.1
async fn the_algorithms_of_proofs_are_published(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    let algs = metadata["dpop_signing_alg_values_supported"].as_array().unwrap();
    assert!(algs.contains(&json!("ES256")) && algs.contains(&json!("EdDSA")), "{algs:?}");
    assert!(!algs.contains(&json!("none")) && !algs.contains(&json!("HS256")), "{algs:?}");
}

/// RFC 9449 §8: a page of another origin reads the header only when it is exposed.
async fn browsers_may_read_the_nonce(app: TestApp) {
    let metadata = json!({
        "application_type": "browser",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "profile": "okta_compat",
    });
    crate::support::fixtures::client(&app.app, SPA, metadata, None).await;
    let code = app.code(SPA, "openid", ALICE).await;
    let request = app.client().request(http::Method::POST, TOKEN);
    let request =
        request.header("origin", "https://app.example.com").header("dpop", &ProofKey::new().for_token(&app));
    let asked = request.form(&[&code_form(&code)[..], &[("client_id", SPA)]].concat()).send().await;
    assert_eq!((asked.status, asked.json()["error"].clone()), (400, json!("use_dpop_nonce")));
    assert!(asked.header("dpop-nonce").is_some());
    assert_eq!(asked.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(asked.header("access-control-expose-headers").unwrap().contains("dpop-nonce"));
}
