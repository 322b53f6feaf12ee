//! DPoP under attack (RFC 9449 §4.3, §5–§11): forged and replayed proofs, stolen codes, refresh tokens and access tokens.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use stepgate::{id::AuthorizationServerId, store};

use crate::support::{
    Test, TestApp,
    dpop::{ProofKey, TOKEN, USERINFO, proof_claims, prove},
    fixtures::{self, ALICE, MACHINE, OKTA, REDIRECT_URI, SECRET, SERVICE, SPA, WEB},
    http::{Browser, Client, ok},
    op::{claims, code_form},
};

use super::assert_refused;

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_c10_a_code_bound_to_a_key_is_redeemed_with_that_key_only,
        sec_d11_a_bound_refresh_token_is_neither_used_nor_spent_without_its_key,
        sec_h02_a_proof_is_used_once_wherever_it_is_presented,
        sec_h02_of_32_concurrent_replays_one_wins,
        sec_h02_a_replayed_proof_spends_nothing;
    sqlite:
        sec_h01_forged_proofs_are_refused_at_the_token_endpoint,
        sec_h01_times_and_addresses,
        sec_h01_a_forged_proof_is_401_at_userinfo,
        sec_h02_a_proof_is_used_once_at_userinfo,
        sec_h03_a_nonce_is_asked_for_where_it_is_required,
        sec_h03_nonces_rotate_and_are_known_to_every_node,
        sec_h03_userinfo_asks_for_a_nonce_too,
        sec_h04_a_bound_token_is_worth_nothing_without_its_proof,
        sec_h04_a_bearer_token_is_no_dpop_token,
        sec_h05_the_key_of_the_request_redeems_the_code,
        sec_h05_a_malformed_thumbprint_is_refused,
        sec_h05_a_proof_binds_a_pushed_request,
        sec_h06_confidential_clients_may_switch_keys,
        sec_h07_the_token_type_says_whether_the_token_is_bound,
        sec_h07_a_client_that_owes_a_proof_gets_nothing_without,
    ]
}

const MACHINE_GRANT: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "api")];
/// A client whose tokens must be bound.
const BOUND: &str = "bound";

fn refresh_form(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

/// Tokens of Alice that are bound to a key.
async fn tokens(app: &TestApp, client: &str, key: &ProofKey, scope: &str) -> Value {
    let code = app.code(client, scope, ALICE).await;
    let tokens = ok(&app.token_proving(client, &[&key.for_token(app)], &code_form(&code)).await);
    assert_eq!(tokens["token_type"], "DPoP");
    tokens
}

async fn register_bound(app: &TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "dpop_bound_access_tokens": true,
    });
    fixtures::client(&app.app, BOUND, metadata, Some(SECRET)).await;
}

/// RFC 9449 §10: whoever stole the code (and the verifier) does not hold the key. The code survives the attempts.
async fn sec_c10_a_code_bound_to_a_key_is_redeemed_with_that_key_only(app: TestApp) {
    let (key, thief) = (ProofKey::new(), ProofKey::new());
    for client in [WEB, SPA] {
        let mut browser = Browser::new();
        let jkt = key.jkt();
        let code = app.code_in(&mut browser, "default", client, &[("dpop_jkt", &jkt)], ALICE).await;
        let form = code_form(&code);
        for _ in 0..4 {
            assert_refused(&app.token_proving(client, &[], &form).await, 400, "invalid_dpop_proof");
            let other = thief.for_token(&app);
            assert_refused(&app.token_proving(client, &[&other], &form).await, 400, "invalid_dpop_proof");
        }
        let tokens = ok(&app.token_proving(client, &[&key.for_token(&app)], &form).await);
        // A thief who replays the code cannot sign the user out either.
        let other = thief.for_token(&app);
        assert_refused(&app.token_proving(client, &[&other], &form).await, 400, "invalid_dpop_proof");
        assert_eq!(app.introspect(text(&tokens, "access_token")).await["active"], true);
        // The rightful client's own replay does (RFC 6749 §4.1.2).
        let again = app.token_proving(client, &[&key.for_token(&app)], &form).await;
        assert_refused(&again, 400, "invalid_grant");
        assert_eq!(app.introspect(text(&tokens, "access_token")).await["active"], false);
    }
}

/// RFC 9449 §5: refresh tokens of public clients are bound to the key; a wrong key leaves them as they are.
async fn sec_d11_a_bound_refresh_token_is_neither_used_nor_spent_without_its_key(app: TestApp) {
    let (key, thief) = (ProofKey::new(), ProofKey::new());
    let tokens = tokens(&app, SPA, &key, "openid offline_access").await;
    let first = text(&tokens, "refresh_token");
    for _ in 0..2 {
        assert_refused(&app.token_proving(SPA, &[], &refresh_form(first)).await, 400, "invalid_dpop_proof");
        let other = thief.for_token(&app);
        let stolen = app.token_proving(SPA, &[&other], &refresh_form(first)).await;
        assert_refused(&stolen, 400, "invalid_dpop_proof");
        // Past the leeway, had it been spent.
        app.clock.advance(120);
    }
    let next = ok(&app.token_proving(SPA, &[&key.for_token(&app)], &refresh_form(first)).await);
    assert_eq!(
        (&next["token_type"], claims(text(&next, "access_token"))["cnf"]["jkt"].clone()),
        (&json!("DPoP"), json!(key.jkt()))
    );
    // The thief's replay of the spent token is not even noticed as reuse: it would sign the user out.
    app.clock.advance(120);
    let other = thief.for_token(&app);
    assert_refused(&app.token_proving(SPA, &[&other], &refresh_form(first)).await, 400, "invalid_dpop_proof");
    let second = text(&next, "refresh_token");
    ok(&app.token_proving(SPA, &[&key.for_token(&app)], &refresh_form(second)).await);
}

/// RFC 9449 §11.1: on any node, also on one that was started later.
async fn sec_h02_a_proof_is_used_once_wherever_it_is_presented(app: TestApp) {
    let key = ProofKey::new();
    let host = app.app.settings.authority().to_owned();
    let node = app.second_node().await;
    let proof = key.for_token(&app);
    ok(&app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await);
    let later = app.second_node().await;
    for address in [node.address, later.address] {
        let client = Client::new(&format!("http://{address}"));
        let replayed = prove(&client, (MACHINE, &host), &[&proof], &MACHINE_GRANT).await;
        assert_refused(&replayed, 400, "invalid_dpop_proof");
        // Another client that saw the proof may not use it either.
        let replayed = prove(&client, (SERVICE, &host), &[&proof], &MACHINE_GRANT).await;
        assert_refused(&replayed, 400, "invalid_dpop_proof");
        ok(&prove(&client, (MACHINE, &host), &[&key.for_token(&app)], &MACHINE_GRANT).await);
    }
    // As long as the proof is fresh enough, and at the end of the window too.
    app.clock.advance(300);
    let replayed = app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await;
    assert_refused(&replayed, 400, "invalid_dpop_proof");
    assert!(app.logged("app.oauth2.as.token.grant", Some("dpop_replayed")).await);
    // The same jti of another key is another proof.
    let jti = json!({"jti": "the-same"});
    for key in [ProofKey::new(), ProofKey::new()] {
        let proof = key.proof_with(&app, "POST", TOKEN, &jti);
        ok(&app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await);
    }
}

/// Using a proof up is one conditional statement, not a look and then a write.
async fn sec_h02_of_32_concurrent_replays_one_wins(app: TestApp) {
    let key = ProofKey::new();
    let node = app.second_node().await;
    let host = app.app.settings.authority().to_owned();
    let clients = [app.client(), Client::new(&format!("http://{}", node.address))];
    let proof = key.for_token(&app);
    let proofs = [proof.as_str()];
    let requests = (0..32).map(|n| prove(&clients[n % 2], (MACHINE, &host), &proofs, &MACHINE_GRANT));
    let answers = join_all(requests).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused(answer, 400, "invalid_dpop_proof");
    }
}

/// A replayed proof loses the whole unit: neither code nor refresh token is spent, and nobody is suspected.
async fn sec_h02_a_replayed_proof_spends_nothing(app: TestApp) {
    let key = ProofKey::new();
    let used = key.for_token(&app);
    ok(&app.token_proving(MACHINE, &[&used], &MACHINE_GRANT).await);
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let form = code_form(&code);
    assert_refused(&app.token_proving(WEB, &[&used], &form).await, 400, "invalid_dpop_proof");
    let tokens = ok(&app.token_proving(WEB, &[&key.for_token(&app)], &form).await);
    let refresh = text(&tokens, "refresh_token");
    assert_refused(
        &app.token_proving(WEB, &[&used], &refresh_form(refresh)).await,
        400,
        "invalid_dpop_proof",
    );
    // Past the leeway, had it been spent.
    app.clock.advance(120);
    ok(&app.token_proving(WEB, &[&key.for_token(&app)], &refresh_form(refresh)).await);
    assert_eq!(app.introspect(text(&tokens, "access_token")).await["active"], true);
    assert!(!app.logged("app.oauth2.as.token.detect_reuse", None).await);
}

/// Proofs that differ from a right one in one thing, for a request.
fn forgeries(app: &TestApp, key: &ProofKey, method: &str, path: &str, ath: &Value) -> Vec<(String, String)> {
    let header = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        header
    };
    let mut claims = proof_claims(app, method, path);
    claims.as_object_mut().unwrap().extend(ath.as_object().unwrap().clone());
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let mut forged = Vec::new();
    for bad in [
        header("typ", json!("jwt")),
        header("typ", json!("at+jwt")),
        header("typ", Value::Null),
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("alg", json!("ES384")),
        header("alg", json!("PS256")),
        header("alg", json!("es256")),
        header("jwk", Value::Null),
        header("jwk", json!({"kty": "oct", "k": "AAAA"})),
        header("jwk", json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})),
        header("jwk", ProofKey::new().jwk()),
        header("crit", json!(["exp"])),
    ] {
        forged.push((format!("header {bad}"), key.sign(&bad, &claims)));
    }
    let mut private = key.jwk();
    private["d"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
    let mut off_curve = key.jwk();
    off_curve["x"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
    for jwk in [private, off_curve] {
        forged.push((format!("jwk {jwk}"), key.sign(&header("jwk", jwk), &claims)));
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        forged.push((format!("without {name}"), key.sign(&key.header(), &without)));
        for value in [json!(""), json!([1]), Value::Null] {
            forged.push((format!("{name} {value}"), key.sign(&key.header(), &with(name, value))));
        }
    }
    for (name, value) in [
        ("htm", json!(method.to_ascii_lowercase())),
        ("htm", json!("PUT")),
        ("htu", json!("https://evil.example/oauth2/default/v1/token")),
        ("htu", json!(app.url("/oauth2/v1/token"))),
        ("htu", json!(app.url("/oauth2/default/v1/introspect"))),
        ("htu", json!(path)),
        ("nbf", json!(app.app.now().unix_timestamp() + 3600)),
        ("exp", json!(app.app.now().unix_timestamp() - 3600)),
        ("iat", json!(app.app.now().unix_timestamp() - 3600)),
        ("iat", json!(app.app.now().unix_timestamp() + 3600)),
    ] {
        forged.push((format!("{name} {value}"), key.sign(&key.header(), &with(name, value))));
    }
    let good = key.sign(&key.header(), &claims);
    let parts: Vec<&str> = good.split('.').collect();
    let other = key.sign(&key.header(), &with("jti", json!("another")));
    for (what, text) in [
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("another's signature", format!("{}.{}.{}", parts[0], parts[1], other.rsplit('.').next().unwrap())),
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("too long", format!("{good}{}", "A".repeat(8192))),
        ("two in one header", format!("{good}, {other}")),
    ] {
        forged.push((what.to_owned(), text));
    }
    forged
}

/// RFC 9449 §4.3.
async fn sec_h01_forged_proofs_are_refused_at_the_token_endpoint(app: TestApp) {
    let key = ProofKey::new();
    for (what, proof) in forgeries(&app, &key, "POST", TOKEN, &json!({})) {
        let response = app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await;
        assert_eq!(response.status, 400, "{what}: {}", response.text());
        assert_refused(&response, 400, "invalid_dpop_proof");
    }
    // Two headers, each of which is right.
    let (one, two) = (key.for_token(&app), key.for_token(&app));
    let both = app.token_proving(MACHINE, &[&one, &two], &MACHINE_GRANT).await;
    assert_refused(&both, 400, "invalid_dpop_proof");
    // Nothing of that was used up.
    ok(&app.token_proving(MACHINE, &[&one], &MACHINE_GRANT).await);
    // Further members are no offence.
    let mut header = key.header();
    header["kid"] = json!("x");
    header["jwk"]["kid"] = json!("x");
    let mut claims = proof_claims(&app, "POST", TOKEN);
    claims["sub"] = json!("x");
    claims["nonce"] = json!("of-somebody-else");
    ok(&app.token_proving(MACHINE, &[&key.sign(&header, &claims)], &MACHINE_GRANT).await);
}

/// RFC 9449 §4.3, items 9 and 11; ten seconds off either way are no offence.
async fn sec_h01_times_and_addresses(app: TestApp) {
    let key = ProofKey::new();
    let now = app.app.now().unix_timestamp();
    let url = app.url(TOKEN);
    for (name, value) in [
        ("iat", json!(now - 10)),
        ("iat", json!(now + 10)),
        ("htu", json!(format!("{url}?a=b"))),
        ("htu", json!(format!("{url}#c"))),
        ("htu", json!(url.replacen("http://localhost", "HTTP://LOCALHOST", 1))),
        ("nbf", json!(now)),
        ("exp", json!(now + 60)),
    ] {
        let proof = key.proof_with(&app, "POST", TOKEN, &json!({name: value}));
        ok(&app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await);
    }
}

/// RFC 9449 §7.1: a challenge with the scheme, the error and the algorithms.
async fn sec_h01_a_forged_proof_is_401_at_userinfo(app: TestApp) {
    let key = ProofKey::new();
    let tokens = tokens(&app, WEB, &key, "openid email").await;
    let token = text(&tokens, "access_token");
    let ath = json!({"ath": stepgate::secret::TokenHash::of(token).encoded()});
    for (what, proof) in forgeries(&app, &key, "GET", USERINFO, &ath) {
        let response = app.userinfo_proving("DPoP", token, &[&proof]).await;
        assert_eq!(response.status, 401, "{what}");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\""), "{what}: {challenge}");
        assert!(challenge.contains("algs=\"") && challenge.contains("ES256"), "{challenge}");
    }
    let proofs = [key.for_userinfo(&app, token), key.for_userinfo(&app, token)];
    assert_eq!(app.userinfo_proving("DPoP", token, &[&proofs[0], &proofs[1]]).await.status, 401);
    assert_eq!(ok(&app.userinfo_proving("DPoP", token, &[&proofs[0]]).await)["email"], ALICE);
}

async fn sec_h02_a_proof_is_used_once_at_userinfo(app: TestApp) {
    let key = ProofKey::new();
    let tokens = tokens(&app, WEB, &key, "openid").await;
    let token = text(&tokens, "access_token");
    let proof = key.for_userinfo(&app, token);
    assert_eq!(app.userinfo_proving("DPoP", token, &[&proof]).await.status, 200);
    assert_eq!(app.userinfo_proving("DPoP", token, &[&proof]).await.status, 401);
    assert_eq!(app.userinfo_proving("DPoP", token, &[&key.for_userinfo(&app, token)]).await.status, 200);
}

/// Makes nonces a duty at the `default` server.
async fn require_nonces(app: &TestApp) {
    let id = AuthorizationServerId::new("default");
    let tx = app.app.db.begin_write().await.unwrap();
    let mut server = store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.settings.dpop_nonce_required = true;
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// RFC 9449 §8: refused with the nonce that the next proof needs; clients whose proofs need none are not bothered.
async fn sec_h03_a_nonce_is_asked_for_where_it_is_required(app: TestApp) {
    let key = ProofKey::new();
    let without = app.token_proving(MACHINE, &[&key.for_token(&app)], &MACHINE_GRANT).await;
    ok(&without);
    assert_eq!(without.header("dpop-nonce"), None);

    require_nonces(&app).await;
    let proof = key.for_token(&app);
    let asked = app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await;
    assert_refused(&asked, 400, "use_dpop_nonce");
    let nonce = asked.header("dpop-nonce").unwrap().to_owned();
    for wrong in [json!({"nonce": "wrong"}), json!({"nonce": ""}), json!({"nonce": format!("{nonce}A")})] {
        let proof = key.proof_with(&app, "POST", TOKEN, &wrong);
        let refused = app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await;
        assert_refused(&refused, 400, "use_dpop_nonce");
        assert_eq!(refused.header("dpop-nonce"), Some(nonce.as_str()));
    }
    let proof = key.proof_with(&app, "POST", TOKEN, &json!({"nonce": nonce}));
    let answer = app.token_proving(MACHINE, &[&proof], &MACHINE_GRANT).await;
    assert_eq!(ok(&answer)["token_type"], "DPoP");
    assert_eq!(answer.header("dpop-nonce"), Some(nonce.as_str()));
}

/// The nonce of the hour before is accepted; after that it is asked for anew.
async fn sec_h03_nonces_rotate_and_are_known_to_every_node(app: TestApp) {
    require_nonces(&app).await;
    let key = ProofKey::new();
    let host = app.app.settings.authority().to_owned();
    let node = app.second_node().await;
    let nodes = [app.client(), Client::new(&format!("http://{}", node.address))];
    let ask = async |client: &Client, nonce: &str| {
        let proof = key.proof_with(&app, "POST", TOKEN, &json!({"nonce": nonce}));
        prove(client, (MACHINE, &host), &[&proof], &MACHINE_GRANT).await
    };
    let first = ask(&nodes[0], "").await.header("dpop-nonce").unwrap().to_owned();
    ok(&ask(&nodes[1], &first).await);
    app.clock.advance(3600);
    let answer = ask(&nodes[1], &first).await;
    ok(&answer);
    // A fresh one comes with the answer, before the old one is too old.
    let second = answer.header("dpop-nonce").unwrap().to_owned();
    assert_ne!(first, second);
    app.clock.advance(3600);
    assert_refused(&ask(&nodes[0], &first).await, 400, "use_dpop_nonce");
    ok(&ask(&nodes[0], &second).await);
}

async fn sec_h03_userinfo_asks_for_a_nonce_too(app: TestApp) {
    let key = ProofKey::new();
    let tokens = tokens(&app, WEB, &key, "openid").await;
    let token = text(&tokens, "access_token");
    require_nonces(&app).await;
    let asked = app.userinfo_proving("DPoP", token, &[&key.for_userinfo(&app, token)]).await;
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").unwrap().starts_with("DPoP error=\"use_dpop_nonce\""));
    let nonce = asked.header("dpop-nonce").unwrap();
    let ath = stepgate::secret::TokenHash::of(token).encoded();
    let proof = key.proof_with(&app, "GET", USERINFO, &json!({"nonce": nonce, "ath": ath}));
    let answer = app.userinfo_proving("DPoP", token, &[&proof]).await;
    ok(&answer);
    assert_eq!(answer.header("dpop-nonce"), Some(nonce));
}

/// RFC 9449 §7: scheme, proof, hash of the token, key.
async fn sec_h04_a_bound_token_is_worth_nothing_without_its_proof(app: TestApp) {
    let (key, thief) = (ProofKey::new(), ProofKey::new());
    let tokens = tokens(&app, WEB, &key, "openid").await;
    let token = text(&tokens, "access_token");
    let other = ok(&app.redeem(WEB, &app.code(WEB, "openid", ALICE).await).await);
    assert_eq!(app.userinfo(token).await.status, 401);
    assert_eq!(app.userinfo_proving("Bearer", token, &[&key.for_userinfo(&app, token)]).await.status, 401);
    for (what, proofs) in [
        ("none", vec![]),
        ("another key", vec![thief.for_userinfo(&app, token)]),
        ("without ath", vec![key.proof(&app, "GET", USERINFO)]),
        ("ath of another token", vec![key.for_userinfo(&app, text(&other, "access_token"))]),
        ("for the token endpoint", vec![key.for_token(&app)]),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let response = app.userinfo_proving("DPoP", token, &proofs).await;
        assert_eq!(response.status, 401, "{what}");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_dpop_proof"), "{what}: {challenge}");
    }
    let form = app.client().request(Method::POST, USERINFO).form(&[("access_token", token)]);
    assert_eq!(form.send().await.status, 401);
    ok(&app.userinfo_proving("dpop", token, &[&key.for_userinfo(&app, token)]).await);
}

/// RFC 9449 §7.2
async fn sec_h04_a_bearer_token_is_no_dpop_token(app: TestApp) {
    let key = ProofKey::new();
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = text(&tokens, "access_token");
    let response = app.userinfo_proving("DPoP", token, &[&key.for_userinfo(&app, token)]).await;
    assert_eq!(response.status, 401);
    assert!(response.header("www-authenticate").unwrap().starts_with("DPoP error=\"invalid_token\""));
    assert_eq!(app.userinfo(token).await.status, 200);
}

/// RFC 9449 §10
async fn sec_h05_the_key_of_the_request_redeems_the_code(app: TestApp) {
    let (key, other) = (ProofKey::new(), ProofKey::new());
    let jkt = key.jkt();
    for (proofs, accepted) in [(vec![], false), (vec![&other], false), (vec![&key], true)] {
        let mut browser = Browser::new();
        let code = app.code_in(&mut browser, "default", WEB, &[("dpop_jkt", &jkt)], ALICE).await;
        let proofs: Vec<String> = proofs.iter().map(|key| key.for_token(&app)).collect();
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let response = app.token_proving(WEB, &proofs, &code_form(&code)).await;
        assert_eq!(response.status == 200, accepted, "{}", response.text());
    }
}

async fn sec_h05_a_malformed_thumbprint_is_refused(app: TestApp) {
    for jkt in ["x", &"é".repeat(43), &"A".repeat(44), &"A".repeat(42)] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(WEB, &[("dpop_jkt", jkt)])).await;
        let answer = crate::support::op::answer(&browser);
        assert_eq!(answer.get("error").map(String::as_str), Some("invalid_request"), "{jkt}");
    }
}

/// RFC 9449 §10.1: a proof at the PAR endpoint, the parameter, or both of the same key.
async fn sec_h05_a_proof_binds_a_pushed_request(app: TestApp) {
    const PAR: &str = "/oauth2/default/v1/par";
    let (key, other) = (ProofKey::new(), ProofKey::new());
    let (jkt, another) = (key.jkt(), other.jkt());
    let push = async |proof: Option<&str>, jkt: Option<&str>| {
        let mut request = app.client().request(Method::POST, PAR).basic(WEB, SECRET);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let mut form = vec![
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", crate::support::op::CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        form.extend(jkt.map(|jkt| ("dpop_jkt", jkt)));
        request.form(&form).send().await
    };
    let different = push(Some(&key.proof(&app, "POST", PAR)), Some(&another)).await;
    assert_refused(&different, 400, "invalid_request");
    assert_refused(&push(Some(&key.for_token(&app)), None).await, 400, "invalid_dpop_proof");
    assert_refused(&push(Some("garbage"), None).await, 400, "invalid_dpop_proof");
    let used = key.proof(&app, "POST", PAR);
    assert_eq!(push(Some(&used), None).await.status, 201);
    assert_refused(&push(Some(&used), None).await, 400, "invalid_dpop_proof");

    for (proof, parameter) in [
        (Some(key.proof(&app, "POST", PAR)), None),
        (None, Some(&jkt)),
        (Some(key.proof(&app, "POST", PAR)), Some(&jkt)),
    ] {
        let pushed = push(proof.as_deref(), parameter.map(String::as_str)).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        let request_uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let mut url = url::Url::parse(&app.url("/oauth2/default/v1/authorize")).unwrap();
        url.query_pairs_mut().extend_pairs([("client_id", WEB), ("request_uri", &request_uri)]);
        let mut browser = Browser::new();
        app.sign_in(&mut browser, url.as_str(), ALICE).await;
        let code = crate::support::op::answer(&browser)["code"].clone();
        let form = code_form(&code);
        let stolen = app.token_proving(WEB, &[&other.for_token(&app)], &form).await;
        assert_refused(&stolen, 400, "invalid_dpop_proof");
        assert_refused(&app.token_proving(WEB, &[], &form).await, 400, "invalid_dpop_proof");
        ok(&app.token_proving(WEB, &[&key.for_token(&app)], &form).await);
    }
}

/// RFC 9449 §5: refresh tokens of confidential clients are bound by client authentication (D11 has the public ones).
async fn sec_h06_confidential_clients_may_switch_keys(app: TestApp) {
    let (old, new) = (ProofKey::new(), ProofKey::new());
    let tokens = tokens(&app, WEB, &old, "openid offline_access").await;
    let refresh = text(&tokens, "refresh_token");
    let next = ok(&app.token_proving(WEB, &[&new.for_token(&app)], &refresh_form(refresh)).await);
    assert_eq!(claims(text(&next, "access_token"))["cnf"]["jkt"], new.jkt());
}

/// RFC 9449 §5, §6.2: in the answer, in the token and at introspection. Okta's SDKs send proofs uninvited.
async fn sec_h07_the_token_type_says_whether_the_token_is_bound(app: TestApp) {
    let key = ProofKey::new();
    let bound = ok(&app.token_proving(MACHINE, &[&key.for_token(&app)], &MACHINE_GRANT).await);
    assert_eq!(bound["token_type"], "DPoP");
    assert_eq!(claims(text(&bound, "access_token"))["cnf"], json!({"jkt": key.jkt()}));
    let told = app.introspect(text(&bound, "access_token")).await;
    assert_eq!((&told["token_type"], &told["cnf"]["jkt"]), (&json!("DPoP"), &json!(key.jkt())));

    let bearer = ok(&app.token_proving(MACHINE, &[], &MACHINE_GRANT).await);
    assert_eq!(bearer["token_type"], "Bearer");
    assert_eq!(claims(text(&bearer, "access_token")).get("cnf"), None);
    let told = app.introspect(text(&bearer, "access_token")).await;
    assert_eq!((&told["token_type"], told.get("cnf")), (&json!("Bearer"), None));

    for proofs in [vec![key.for_token(&app)], vec!["garbage".to_owned()]] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let uninvited = ok(&app.token_proving(OKTA, &proofs, &MACHINE_GRANT).await);
        assert_eq!(uninvited["token_type"], "Bearer");
    }

    let tokens = tokens(&app, SPA, &key, "openid offline_access").await;
    let told = app.introspect(text(&tokens, "refresh_token")).await;
    assert_eq!((&told["token_type"], &told["cnf"]["jkt"]), (&json!("DPoP"), &json!(key.jkt())));
}

/// RFC 9449 §5.2
async fn sec_h07_a_client_that_owes_a_proof_gets_nothing_without(app: TestApp) {
    register_bound(&app).await;
    let key = ProofKey::new();
    let refused = app.token_proving(BOUND, &[], &MACHINE_GRANT).await;
    assert_refused(&refused, 400, "invalid_dpop_proof");
    let code = app.code(BOUND, "openid offline_access", ALICE).await;
    let refused = app.token_proving(BOUND, &[], &code_form(&code)).await;
    assert_refused(&refused, 400, "invalid_dpop_proof");
    let tokens = ok(&app.token_proving(BOUND, &[&key.for_token(&app)], &code_form(&code)).await);
    let form = refresh_form(text(&tokens, "refresh_token"));
    assert_refused(&app.token_proving(BOUND, &[], &form).await, 400, "invalid_dpop_proof");
    assert_eq!(ok(&app.token_proving(BOUND, &[&key.for_token(&app)], &form).await)["token_type"], "DPoP");
}
