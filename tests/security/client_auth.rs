//! Client authentication under attack (RFC 6749 §2.3, §5.2; RFC 7523; OpenID Connect Core §9; RFC 8725).

use std::net::{IpAddr, Ipv4Addr};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use http::Method;
use keys::{Algorithm, MacAlgorithm, MacKey, SigningKey};
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use serde_json::{Value, json};
use stepgate::{
    client::secret,
    id::{ClientId, ClientSecretId},
    limit::rate::{Bucket, Rate},
    model::Status,
    ports::fetch::FetchError,
    protocol::client_auth::{AuthMethod, JWT_BEARER},
    secret::Secret,
    store,
};

use crate::support::{
    Test, TestApp,
    app::{Change, Node},
    assertion::{changed, present},
    fixtures::{
        self, ALICE, MACHINE, NATIVE, OTHER, REDIRECT_URI, SECRET, SERVICE, SPA, WEB, WEB_JWT, WEB_POST,
    },
    http::{Client, Response},
    op::code_form,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_e08_an_assertion_is_used_once_wherever_it_is_presented,
        sec_e08_a_restart_forgets_no_assertion,
        sec_e08_an_empty_redis_forgets_no_assertion,
        sec_e08_of_16_concurrent_uses_of_an_assertion_one_wins,
        sec_e12_unknown_wrong_and_disabled_clients_look_alike,
        sec_e14_two_secrets_live_side_by_side_and_die_at_once;
    sqlite:
        sec_e01_only_the_registered_method_counts,
        sec_e01_an_unsigned_assertion_beside_a_valid_secret_is_refused,
        sec_e02_two_methods_at_once_are_refused,
        sec_e03_a_secret_neither_appears_nor_disappears,
        sec_e04_basic_credentials_are_form_encoded,
        sec_e04_malformed_basic_credentials_are_refused,
        a_bare_client_id_in_basic_counts_for_public_clients_at_introspect_and_revoke_only,
        sec_e05_the_registered_algorithm_and_no_other,
        sec_e05_forged_signatures_prove_nothing,
        sec_e06_keys_named_in_the_header_are_ignored,
        sec_e06_a_strange_kid_finds_nothing,
        sec_e07_the_audience_is_this_server_by_profile,
        sec_e07_the_called_endpoint_is_an_audience_too,
        sec_e08_an_assertion_without_jti,
        sec_e09_lifetimes_and_clocks,
        sec_e10_issuer_and_subject_are_the_client,
        sec_e11_other_kinds_of_jwt_are_no_assertions,
        sec_e13_jwks_uri_is_asked_for_an_unknown_key_but_not_all_the_time,
        sec_e13_the_last_good_keys_outlive_a_failing_jwks_uri_for_a_day,
        sec_e15_machines_get_no_scopes_of_users_nor_unknown_ones,
        sec_e16_a_grant_type_that_is_off_is_off_at_every_server,
        sec_e17_a_burst_of_wrong_secrets_slows_down_that_address_only,
    ]
}

const TOKEN: &str = "/oauth2/default/v1/token";
const MACHINE_GRANT: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "api")];
/// A machine with a registered Ed25519 key.
const SIGNER: &str = "signer";
const JWKS_URI: &str = "https://client.example.com/jwks.json";

#[track_caller]
fn assert_accepted(response: &Response) {
    assert_eq!(response.status, 200, "{}", response.text());
}

/// RFC 6749 §5.2: 401 `invalid_client`, nothing cached, no token.
#[track_caller]
fn assert_refused(response: &Response) {
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (401, Some("invalid_client")),
        "{}",
        response.text()
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.json().get("access_token").is_none());
}

fn jwks(keys: &[&SigningKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()})
}

/// Registers a machine that authenticates with `private_key_jwt`.
async fn machine(app: &TestApp, id: &str, more: Value) {
    let mut metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, id, metadata, None).await;
}

/// [`SIGNER`] with its key.
async fn signer(app: &TestApp) -> SigningKey {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    machine(app, SIGNER, json!({"jwks": jwks(&[&key])})).await;
    key
}

/// A fresh assertion of [`SIGNER`] for the `default` server, with some claims replaced (`null` takes one out).
fn claims_with(app: &TestApp, client: &str, changes: &Value) -> Value {
    changed(app.assertion_claims(client, app.url("/oauth2/default")), changes)
}

fn fresh(app: &TestApp, key: &SigningKey) -> String {
    key.sign_jwt(None, &claims_with(app, SIGNER, &json!({}))).unwrap()
}

fn b64(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A JWT with any header and any signature.
fn forged(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", b64(signature))
}

/// A JWT with any header, signed with a key that writes raw signatures.
fn signed_by(pair: &KeyPair, header: &Value, claims: &Value) -> String {
    forged(header, claims, |input| pair.sign(input).unwrap())
}

fn ed25519() -> (KeyPair, Value) {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key_raw()), "use": "sig", "alg": "EdDSA"});
    (pair, jwk)
}

fn named(jwk: &Value, kid: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk["kid"] = json!(kid);
    jwk
}

async fn with_basic(app: &TestApp, authorization: &str) -> Response {
    app.client()
        .request(Method::POST, TOKEN)
        .header("authorization", authorization)
        .form(&MACHINE_GRANT)
        .send()
        .await
}

/// A client of another node of the same installation.
async fn present_at(app: &TestApp, node: &Node, assertion: &str) -> Response {
    let credentials = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    Client::new(&format!("http://{}", node.address))
        .request(Method::POST, TOKEN)
        .header("host", app.app.settings.authority())
        .form(&[&MACHINE_GRANT[..], &credentials].concat())
        .send()
        .await
}

/// Core §9: a client uses the method it is registered for; right credentials by another method prove nothing.
async fn sec_e01_only_the_registered_method_counts(app: TestApp) {
    let key = signer(&app).await;
    let mac = MacKey::new(MacAlgorithm::Hs256, SECRET.as_bytes()).unwrap();
    let http = app.client();
    for (client, right) in
        [(WEB, "basic"), (WEB_POST, "post"), (WEB_JWT, "secret_jwt"), (SIGNER, "key_jwt"), (SPA, "none")]
    {
        for method in ["basic", "post", "secret_jwt", "key_jwt", "none"] {
            let claims = claims_with(&app, client, &json!({}));
            let request = http.request(Method::POST, TOKEN);
            let response = match method {
                "basic" => request.basic(client, SECRET).form(&MACHINE_GRANT).send().await,
                "post" => {
                    let credentials = [("client_id", client), ("client_secret", SECRET)];
                    request.form(&[&MACHINE_GRANT[..], &credentials].concat()).send().await
                }
                "secret_jwt" => {
                    present(&http, TOKEN, &mac.sign_jwt(None, &claims).unwrap(), &MACHINE_GRANT).await
                }
                "key_jwt" => {
                    present(&http, TOKEN, &key.sign_jwt(None, &claims).unwrap(), &MACHINE_GRANT).await
                }
                _ => request.form(&[&MACHINE_GRANT[..], &[("client_id", client)]].concat()).send().await,
            };
            if method != right {
                assert_refused(&response);
            } else if client == SPA {
                // Known, but without that grant.
                assert_eq!(response.json()["error"], "unauthorized_client");
            } else {
                assert_accepted(&response);
            }
        }
    }
}

/// An assertion that proves nothing is not made good by a secret.
async fn sec_e01_an_unsigned_assertion_beside_a_valid_secret_is_refused(app: TestApp) {
    let claims = claims_with(&app, WEB_POST, &json!({}));
    let unsigned = forged(&json!({"alg": "none"}), &claims, |_| Vec::new());
    let form = [&MACHINE_GRANT[..], &[("client_id", WEB_POST), ("client_secret", SECRET)]].concat();
    let response = present(&app.client(), TOKEN, &unsigned, &form).await;
    assert_eq!((response.status, response.json()["error"].as_str()), (400, Some("invalid_request")));
    let alone = [&MACHINE_GRANT[..], &[("client_id", WEB_POST)]].concat();
    assert_refused(&present(&app.client(), TOKEN, &unsigned, &alone).await);
    assert_accepted(&app.client().post_form(TOKEN, &form).await);
}

/// RFC 6749 §2.3: never more than one method; never the first that fits.
async fn sec_e02_two_methods_at_once_are_refused(app: TestApp) {
    let key = signer(&app).await;
    let http = app.client();
    let refused = |response: Response| {
        assert_eq!(
            (response.status, response.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{}",
            response.text()
        );
    };
    let request = || http.request(Method::POST, TOKEN);
    let body_secret = [&MACHINE_GRANT[..], &[("client_id", WEB), ("client_secret", SECRET)]].concat();
    refused(request().basic(WEB, SECRET).form(&body_secret).send().await);
    let assertion = fresh(&app, &key);
    let credentials = [("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
    refused(request().basic(WEB, SECRET).form(&[&MACHINE_GRANT[..], &credentials].concat()).send().await);
    refused(present(&http, TOKEN, &assertion, &body_secret).await);
    // The assertion was not used up by that.
    assert_accepted(&present(&http, TOKEN, &assertion, &MACHINE_GRANT).await);
    let other_id = [&MACHINE_GRANT[..], &[("client_id", OTHER)]].concat();
    refused(request().basic(WEB, SECRET).form(&other_id).send().await);
    refused(request().basic(WEB, SECRET).basic(WEB, SECRET).form(&MACHINE_GRANT).send().await);
    refused(request().basic(WEB, SECRET).bearer("token").form(&MACHINE_GRANT).send().await);
    let twice =
        [&MACHINE_GRANT[..], &[("client_id", WEB_POST), ("client_id", WEB_POST), ("client_secret", SECRET)]];
    refused(http.post_form(TOKEN, &twice.concat()).await);
    // RFC 7521 §4.2: client_id beside an assertion must be its subject.
    let assertion = fresh(&app, &key);
    assert_refused(&present(&http, TOKEN, &assertion, &other_id).await);
    let same_id = [&MACHINE_GRANT[..], &[("client_id", SIGNER)]].concat();
    assert_accepted(&present(&http, TOKEN, &assertion, &same_id).await);
    // The same client_id beside Basic is no second method.
    assert_accepted(
        &request()
            .basic(WEB, SECRET)
            .form(&[&MACHINE_GRANT[..], &[("client_id", WEB)]].concat())
            .send()
            .await,
    );
}

/// A public client has no secret to send, a confidential one does not get by without.
async fn sec_e03_a_secret_neither_appears_nor_disappears(app: TestApp) {
    let http = app.client();
    let code = app.code(SPA, "openid", ALICE).await;
    let redemption = code_form(&code);
    for client in [SPA, NATIVE] {
        let with_secret = [&redemption[..], &[("client_id", client), ("client_secret", SECRET)]].concat();
        assert_refused(&http.post_form(TOKEN, &with_secret).await);
        let basic = http.request(Method::POST, TOKEN).basic(client, SECRET).form(&redemption).send().await;
        assert_refused(&basic);
        assert!(basic.header("www-authenticate").unwrap().starts_with("Basic "));
    }
    // Refused before the code was looked at.
    assert_accepted(&http.post_form(TOKEN, &[&redemption[..], &[("client_id", SPA)]].concat()).await);
    for client in [WEB, WEB_POST, WEB_JWT, SERVICE] {
        let form = [&MACHINE_GRANT[..], &[("client_id", client)]].concat();
        assert_refused(&http.post_form(TOKEN, &form).await);
        let empty = [&form[..], &[("client_secret", "")]].concat();
        assert_refused(&http.post_form(TOKEN, &empty).await);
        assert_refused(
            &http.request(Method::POST, TOKEN).basic(client, "").form(&MACHINE_GRANT).send().await,
        );
    }
    assert_refused(&http.post_form(TOKEN, &MACHINE_GRANT).await);
}

/// RFC 6749 §2.3.1: both halves are `application/x-www-form-urlencoded` before they are joined.
async fn sec_e04_basic_credentials_are_form_encoded(app: TestApp) {
    let (id, secret) = ("a:b+c%é d", "s:p+a%c e/of-more-than-thirty-two-characters");
    let metadata = json!({"application_type": "service", "grant_types": ["client_credentials"]});
    fixtures::client(&app.app, id, metadata, Some(secret)).await;
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let header =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    assert_accepted(&with_basic(&app, &header(&encoded(id), &encoded(secret))).await);
    // Percent encoding everywhere is the same; so is another case of the scheme.
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let lower = header(&encoded(id), &percent).replacen("Basic", "bAsIc", 1);
    assert_accepted(&with_basic(&app, &lower).await);
    // Unencoded it is something else.
    assert_refused(&with_basic(&app, &header(&encoded(id), secret)).await);
    assert_refused(&with_basic(&app, &header(&encoded(id), &encoded(&encoded(secret)))).await);
}

/// What is not exactly base64 of two halves is not guessed at.
async fn sec_e04_malformed_basic_credentials_are_refused(app: TestApp) {
    // Its base64 ends with padding.
    let right = format!("{WEB}:{SECRET}");
    assert!(STANDARD.encode(&right).ends_with('='));
    let url_safe = URL_SAFE.encode(format!("{WEB}:{SECRET}?>~?>~?>~"));
    assert!(url_safe.contains(['-', '_']));
    for authorization in [
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD_NO_PAD.encode(&right)),
        format!("Basic {} x", STANDARD.encode(&right)),
        format!("Basic {}", STANDARD.encode(&right)) + "=",
        format!("Basic {url_safe}"),
        format!("Basic {}", STANDARD.encode(WEB)),
        format!("Basic {}", STANDARD.encode(format!(":{SECRET}"))),
        format!("Basic {}", STANDARD.encode(format!("{right}\0"))),
        format!("Basic {}", STANDARD.encode(format!("{right}%00"))),
        format!("Basic {}", STANDARD.encode(format!("{right}%zz"))),
        format!("Basic {}", STANDARD.encode([right.as_bytes(), b"\xe9"].concat())),
        format!("Digest {}", STANDARD.encode(&right)),
        format!("Bearer {SECRET}"),
    ] {
        let response = with_basic(&app, &authorization).await;
        assert_refused(&response);
        // RFC 6749 §5.2: an answer to a header carries a challenge.
        assert!(response.header("www-authenticate").is_some(), "{authorization}");
    }
    assert_accepted(&with_basic(&app, &format!("Basic {}", STANDARD.encode(right))).await);
}

/// Okta's browser library sends its bare client id there; for anybody else it is malformed.
async fn a_bare_client_id_in_basic_counts_for_public_clients_at_introspect_and_revoke_only(app: TestApp) {
    let ask = async |path: &str, client: &str| {
        app.client()
            .request(Method::POST, &format!("/oauth2/default/v1/{path}"))
            .header("authorization", &format!("Basic {}", STANDARD.encode(client)))
            .form(&[("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", "x")])
            .send()
            .await
    };
    for path in ["introspect", "revoke"] {
        assert_accepted(&ask(path, SPA).await);
        assert_refused(&ask(path, WEB).await);
        assert_refused(&ask(path, "nobody").await);
    }
    assert_refused(&ask("token", SPA).await);
}

/// RFC 8725 §3.1: the registration decides the algorithm, the header can only agree.
async fn sec_e05_the_registered_algorithm_and_no_other(app: TestApp) {
    let (rsa, ec) =
        (SigningKey::generate(Algorithm::Rs256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
    let registered = json!({"jwks": jwks(&[&rsa, &ec]), "token_endpoint_auth_signing_alg": "ES256"});
    machine(&app, "es256", registered).await;
    machine(&app, "any-alg", json!({"jwks": jwks(&[&rsa, &ec])})).await;
    let assertion =
        |key: &SigningKey, client| key.sign_jwt(None, &claims_with(&app, client, &json!({}))).unwrap();
    assert_accepted(&app.token_by_assertion(&assertion(&ec, "es256")).await);
    assert_refused(&app.token_by_assertion(&assertion(&rsa, "es256")).await);
    assert_accepted(&app.token_by_assertion(&assertion(&rsa, "any-alg")).await);
    // A public key is no secret: HMAC keyed with it must not verify.
    for material in
        [rsa.public_jwk().to_string().into_bytes(), b64(rsa.public_jwk()["n"].as_str().unwrap()).into()]
    {
        for client in ["any-alg", "es256"] {
            let mac = MacKey::new(MacAlgorithm::Hs256, &material).unwrap();
            let confused = mac.sign_jwt(None, &claims_with(&app, client, &json!({}))).unwrap();
            assert_refused(&app.token_by_assertion(&confused).await);
        }
    }
    // FAPI 2.0 Security Profile §5.4: PS256, ES256 and EdDSA only.
    machine(&app, "fapi", json!({"jwks": jwks(&[&rsa, &ec]), "profile": "fapi2"})).await;
    assert_accepted(&app.token_by_assertion(&assertion(&ec, "fapi")).await);
    assert_refused(&app.token_by_assertion(&assertion(&rsa, "fapi")).await);
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_algorithm")).await);
}

/// RFC 8725 §3.2, §3.3; RFC 7515 §4.1.11: `none`, zero signatures, strangers' keys and unknown `crit` are refused.
async fn sec_e05_forged_signatures_prove_nothing(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    machine(&app, SIGNER, json!({"jwks": jwks(&[&key])})).await;
    let claims = || claims_with(&app, SIGNER, &json!({}));
    let kid = key.kid();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None", "kid": kid}),
        json!({"alg": "nOnE"}),
        json!({"alg": ""}),
        json!({"kid": kid}),
        json!({"alg": ["ES256"], "kid": kid}),
        json!({"alg": "ES256", "kid": kid}),
        json!({"alg": "ES384", "kid": kid}),
        json!({"alg": "HS256"}),
    ] {
        for signature in [vec![], vec![0], vec![0; 64], vec![0xff; 64]] {
            assert_refused(&app.token_by_assertion(&forged(&header, &claims(), |_| signature)).await);
        }
    }
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_refused(&app.token_by_assertion(&stranger.sign_jwt(None, &claims()).unwrap()).await);
    // A claim changed after signing.
    let genuine = key.sign_jwt(None, &claims()).unwrap();
    let parts: Vec<&str> = genuine.split('.').collect();
    let changed = format!("{}.{}.{}", parts[0], b64(claims().to_string()), parts[2]);
    assert_refused(&app.token_by_assertion(&changed).await);
    assert_refused(&app.token_by_assertion(&format!("{}.{}.", parts[0], parts[1])).await);
    assert_accepted(&app.token_by_assertion(&genuine).await);

    // `crit` counts even under a right signature.
    let (pair, jwk) = ed25519();
    machine(&app, SIGNER, json!({"jwks": {"keys": [named(&jwk, "k1")]}})).await;
    let plain = json!({"alg": "EdDSA", "kid": "k1"});
    assert_accepted(&app.token_by_assertion(&signed_by(&pair, &plain, &claims())).await);
    for header in [
        json!({"alg": "EdDSA", "kid": "k1", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"], "b64": true}),
        json!({"alg": "EdDSA", "kid": "k1", "crit": []}),
        json!({"alg": "EdDSA", "kid": "k1", "zip": "DEF"}),
    ] {
        assert_refused(&app.token_by_assertion(&signed_by(&pair, &header, &claims())).await);
    }
}

/// RFC 8725 §3.10: what a header says about keys is the attacker's word.
async fn sec_e06_keys_named_in_the_header_are_ignored(app: TestApp) {
    let (_, jwk) = ed25519();
    machine(&app, SIGNER, json!({"jwks": {"keys": [named(&jwk, "k1")]}})).await;
    let (attacker, evil) = ed25519();
    let evil = named(&evil, "evil");
    let evil_uri = "https://evil.example.com/jwks.json";
    app.fetch.put(evil_uri, json!({"keys": [evil.clone()]}).to_string());
    for header in [
        json!({"alg": "EdDSA", "kid": "evil", "jwk": evil}),
        json!({"alg": "EdDSA", "kid": "k1", "jwk": evil}),
        json!({"alg": "EdDSA", "jwk": evil}),
        json!({"alg": "EdDSA", "kid": "evil", "jku": evil_uri}),
        json!({"alg": "EdDSA", "kid": "evil", "x5u": evil_uri}),
        json!({"alg": "EdDSA", "kid": "evil", "x5c": [attacker.public_key_pem()]}),
    ] {
        let assertion = signed_by(&attacker, &header, &claims_with(&app, SIGNER, &json!({})));
        assert_refused(&app.token_by_assertion(&assertion).await);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_signature")).await);
}

/// A `kid` is compared and nothing else.
async fn sec_e06_a_strange_kid_finds_nothing(app: TestApp) {
    let (pair, jwk) = ed25519();
    machine(&app, SIGNER, json!({"jwks": {"keys": [named(&jwk, "k1")]}})).await;
    let sign = |kid: &Value| {
        signed_by(&pair, &json!({"alg": "EdDSA", "kid": kid}), &claims_with(&app, SIGNER, &json!({})))
    };
    for kid in [
        json!("../../etc/passwd"),
        json!("k1' OR '1'='1"),
        json!(["k1"]),
        json!({"k1": 1}),
        json!(1),
        json!(null),
        json!("K1"),
        json!("x".repeat(300)),
    ] {
        assert_refused(&app.token_by_assertion(&sign(&kid)).await);
    }
    for length in [20_000, 1 << 20] {
        let response = app.token_by_assertion(&sign(&json!("x".repeat(length)))).await;
        assert!(matches!(response.status, 400 | 401 | 413), "{}", response.status);
    }
    assert_accepted(&app.token_by_assertion(&sign(&json!("k1"))).await);
}

/// `standard` and `okta_compat`: the issuer, or this server's token endpoint, and arrays of nothing else; `fapi2`: the
/// issuer as the only string (FAPI 2.0 Security Profile §5.3.2.1).
async fn sec_e07_the_audience_is_this_server_by_profile(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    for profile in ["standard", "okta_compat", "fapi2"] {
        machine(&app, profile, json!({"profile": profile, "jwks": jwks(&[&key])})).await;
    }
    let issuer = app.url("/oauth2/default");
    let token = app.url(TOKEN);
    let evil = "https://evil.example.com";
    let (everybody, lenient, nobody) = ("standard okta_compat fapi2", "standard okta_compat", "");
    for (audience, accepted_for) in [
        (json!(issuer), everybody),
        (json!(token), lenient),
        (json!([issuer]), lenient),
        (json!([token]), lenient),
        (json!([issuer, token]), lenient),
        (json!([issuer, evil]), nobody),
        (json!([evil, token]), nobody),
        (json!([issuer, 1]), nobody),
        (json!([]), nobody),
        (json!({"aud": issuer}), nobody),
        (json!(1), nobody),
        (json!(null), nobody),
        (json!(""), nobody),
        (json!(evil), nobody),
        (json!(format!("{issuer}/")), nobody),
        (json!(format!("{token}/")), nobody),
        (json!(issuer.replacen("http", "HTTP", 1)), nobody),
        (json!(format!("{issuer} {evil}")), nobody),
        // The other authorization server, and another endpoint than the one called.
        (json!(app.issuer), nobody),
        (json!(app.url("/oauth2/v1/token")), nobody),
        (json!(app.url("/oauth2/default/v1/introspect")), nobody),
        (json!(app.url("/oauth2/default/v1/par")), nobody),
    ] {
        for profile in ["standard", "okta_compat", "fapi2"] {
            let claims = claims_with(&app, profile, &json!({"aud": audience}));
            let response = app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await;
            assert_eq!(
                response.status == 200,
                accepted_for.split(' ').any(|known| known == profile),
                "{profile}: {audience}: {}",
                response.text()
            );
        }
        // Failures of one client and address are counted by the minute.
        app.clock.advance(60);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_audience")).await);
}

/// At introspection and revocation the address that was called is good, too, except under `fapi2`.
async fn sec_e07_the_called_endpoint_is_an_audience_too(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    for profile in ["standard", "fapi2"] {
        machine(&app, profile, json!({"profile": profile, "jwks": jwks(&[&key])})).await;
        for path in ["introspect", "revoke"] {
            let path = format!("/oauth2/default/v1/{path}");
            for (audience, accepted) in [
                (app.url(&path), profile == "standard"),
                (app.url(TOKEN), profile == "standard"),
                (app.url("/oauth2/default"), true),
                (app.issuer.clone(), false),
            ] {
                let claims = claims_with(&app, profile, &json!({"aud": audience}));
                let assertion = key.sign_jwt(None, &claims).unwrap();
                let response = present(&app.client(), &path, &assertion, &[("token", "x")]).await;
                if accepted {
                    assert_accepted(&response);
                } else {
                    assert_refused(&response);
                }
            }
        }
    }
}

/// RFC 7523 §3: an assertion is not used twice; the same endpoint, another one, another node.
async fn sec_e08_an_assertion_is_used_once_wherever_it_is_presented(app: TestApp) {
    let key = signer(&app).await;
    let node = app.second_node().await;
    let introspect = "/oauth2/default/v1/introspect";
    let http = app.client();
    for first in ["token", "introspect", "node"] {
        let assertion = fresh(&app, &key);
        let accepted = match first {
            "token" => app.token_by_assertion(&assertion).await,
            "introspect" => present(&http, introspect, &assertion, &[("token", "x")]).await,
            _ => present_at(&app, &node, &assertion).await,
        };
        assert_accepted(&accepted);
        app.clock.advance(299);
        assert_refused(&app.token_by_assertion(&assertion).await);
        assert_refused(&present(&http, introspect, &assertion, &[("token", "x")]).await);
        assert_refused(&present_at(&app, &node, &assertion).await);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_replayed")).await);
    // The key is client and jti: a new signature over the same jti is the same use, another client's is not.
    let claims = claims_with(&app, SIGNER, &json!({"jti": "the-same"}));
    assert_accepted(&app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await);
    let claims = claims_with(&app, SIGNER, &json!({"jti": "the-same"}));
    assert_refused(&app.token_by_assertion(&key.sign_jwt(Some("JWT"), &claims).unwrap()).await);
    machine(&app, "second-signer", json!({"jwks": jwks(&[&key])})).await;
    let claims = claims_with(&app, "second-signer", &json!({"jti": "the-same"}));
    assert_accepted(&app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await);
    // An assertion that did not verify uses nothing up.
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let claims = claims_with(&app, SIGNER, &json!({"jti": "not-spent-by-a-stranger"}));
    assert_refused(&app.token_by_assertion(&stranger.sign_jwt(None, &claims).unwrap()).await);
    assert_accepted(&app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await);
}

/// What was used is in the database. (The issuer differs after the restart, the `jti` does not.)
async fn sec_e08_a_restart_forgets_no_assertion(app: TestApp) {
    let key = signer(&app).await;
    let sign = |app: &TestApp, jti: &str| {
        key.sign_jwt(None, &claims_with(app, SIGNER, &json!({"jti": jti}))).unwrap()
    };
    assert_accepted(&app.token_by_assertion(&sign(&app, "before")).await);
    let app = app.restart(Change::default()).await;
    assert_refused(&app.token_by_assertion(&sign(&app, "before")).await);
    assert_accepted(&app.token_by_assertion(&sign(&app, "after")).await);
}

/// Nor is it in Redis.
async fn sec_e08_an_empty_redis_forgets_no_assertion(app: TestApp) {
    let key = signer(&app).await;
    let assertion = fresh(&app, &key);
    assert_accepted(&app.token_by_assertion(&assertion).await);
    if let Some(url) = &app.redis_url {
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let () = redis::cmd("FLUSHDB").query_async(&mut connection).await.unwrap();
    }
    assert_refused(&app.token_by_assertion(&assertion).await);
}

/// Using up is one conditional statement, not a look and then a write.
async fn sec_e08_of_16_concurrent_uses_of_an_assertion_one_wins(app: TestApp) {
    let key = signer(&app).await;
    let assertion = fresh(&app, &key);
    let http = app.client();
    let credentials = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
    let form = [&MACHINE_GRANT[..], &credentials].concat();
    let requests: Vec<_> =
        (0..16).map(|_| tokio::spawn(http.request(Method::POST, TOKEN).form(&form).send())).collect();
    let mut accepted = 0;
    for request in requests {
        let response = request.await.unwrap();
        if response.status == 200 {
            accepted += 1;
        } else {
            assert_refused(&response);
        }
    }
    assert_eq!(accepted, 1);
}

/// `jti` is required; `okta_compat` may do without one for at most five minutes.
async fn sec_e08_an_assertion_without_jti(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    for profile in ["standard", "okta_compat", "fapi2"] {
        machine(&app, profile, json!({"profile": profile, "jwks": jwks(&[&key])})).await;
        let now = app.app.now().unix_timestamp();
        let sign = |changes: Value| key.sign_jwt(None, &claims_with(&app, profile, &changes)).unwrap();
        let short = app.token_by_assertion(&sign(json!({"jti": null, "exp": now + 290}))).await;
        if profile == "okta_compat" {
            assert_accepted(&short);
        } else {
            assert_refused(&short);
        }
        assert_refused(&app.token_by_assertion(&sign(json!({"jti": null, "exp": now + 330}))).await);
        for jti in [json!(""), json!("x".repeat(256))] {
            assert_refused(&app.token_by_assertion(&sign(json!({"jti": jti}))).await);
        }
        assert_accepted(&app.token_by_assertion(&sign(json!({"jti": "x".repeat(255)}))).await);
    }
}

/// RFC 7523 §3: `exp` is required and near; `iat` and `nbf` may be ahead by no more than the clock skew of 60 s.
async fn sec_e09_lifetimes_and_clocks(app: TestApp) {
    let key = signer(&app).await;
    // The request takes its time: refused cases keep a distance that it cannot cover. The exact bounds are in the unit
    // test of the same name.
    for (changes, accepted) in [
        (json!({"exp": null}), false),
        (json!({"exp": -1}), false),
        (json!({"exp": -300}), false),
        (json!({"exp": 0}), false),
        (json!({"exp": 30}), true),
        (json!({"exp": 3600}), true),
        (json!({"exp": 3800}), false),
        (json!({"exp": 86_400}), false),
        (json!({"iat": null}), true),
        (json!({"iat": 59}), true),
        (json!({"iat": 90}), false),
        (json!({"iat": -59}), true),
        (json!({"nbf": 59}), true),
        (json!({"nbf": 90}), false),
        (json!({"nbf": -61}), true),
    ] {
        let now = app.app.now().unix_timestamp();
        let moved: serde_json::Map<String, Value> = changes
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, by)| (name.clone(), by.as_i64().map_or(Value::Null, |by| json!(now + by))))
            .collect();
        let claims = claims_with(&app, SIGNER, &Value::Object(moved));
        let response = app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await;
        assert_eq!(response.status == 200, accepted, "{changes}: {}", response.text());
        if !accepted {
            assert_refused(&response);
        }
    }
    let now = app.app.now().unix_timestamp();
    for changes in [
        json!({"exp": (now + 300).to_string()}),
        json!({"exp": [now + 300]}),
        json!({"exp": 1e300}),
        json!({"iat": now.to_string()}),
        json!({"nbf": true}),
    ] {
        let claims = claims_with(&app, SIGNER, &changes);
        assert_refused(&app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_lifetime")).await);
}

/// RFC 7523 §3: `iss` and `sub` are both the client.
async fn sec_e10_issuer_and_subject_are_the_client(app: TestApp) {
    let key = signer(&app).await;
    machine(&app, "neighbour", json!({"jwks": jwks(&[&SigningKey::generate(Algorithm::EdDsa).unwrap()])}))
        .await;
    for changes in [
        json!({"sub": null}),
        json!({"iss": null}),
        json!({"sub": null, "iss": null}),
        json!({"sub": "neighbour"}),
        json!({"iss": "neighbour"}),
        json!({"sub": "neighbour", "iss": "neighbour"}),
        json!({"sub": "nobody", "iss": "nobody"}),
        json!({"sub": "", "iss": ""}),
        json!({"sub": [SIGNER], "iss": [SIGNER]}),
        json!({"iss": app.url("/oauth2/default")}),
        json!({"sub": SIGNER.to_uppercase(), "iss": SIGNER.to_uppercase()}),
    ] {
        let claims = claims_with(&app, SIGNER, &changes);
        assert_refused(&app.token_by_assertion(&key.sign_jwt(None, &claims).unwrap()).await);
        // Naming the signer beside it does not help.
        let form = [&MACHINE_GRANT[..], &[("client_id", SIGNER)]].concat();
        let claims = claims_with(&app, SIGNER, &changes);
        let assertion = key.sign_jwt(None, &claims).unwrap();
        assert_refused(&present(&app.client(), TOKEN, &assertion, &form).await);
    }
    assert_accepted(&app.token_by_assertion(&fresh(&app, &key)).await);
}

/// RFC 8725 §3.11: a JWT that was made for something else is no assertion, whoever signed it.
async fn sec_e11_other_kinds_of_jwt_are_no_assertions(app: TestApp) {
    let key = signer(&app).await;
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "secevent+jwt",
    ] {
        let claims = claims_with(&app, SIGNER, &json!({}));
        assert_refused(&app.token_by_assertion(&key.sign_jwt(Some(typ), &claims).unwrap()).await);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("assertion_wrong_type")).await);
    for typ in
        [None, Some("JWT"), Some("client-authentication+jwt"), Some("application/client-authentication+JWT")]
    {
        let claims = claims_with(&app, SIGNER, &json!({}));
        assert_accepted(&app.token_by_assertion(&key.sign_jwt(typ, &claims).unwrap()).await);
    }
    // Our own tokens, of users and of the machine itself.
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let own = app.token_by_assertion(&fresh(&app, &key)).await.json();
    for token in
        [&tokens["id_token"], &tokens["access_token"], &own["access_token"], &tokens["refresh_token"]]
    {
        let token = token.as_str().unwrap();
        assert_refused(&app.token_by_assertion(token).await);
        let form = [&MACHINE_GRANT[..], &[("client_id", WEB)]].concat();
        assert_refused(&present(&app.client(), TOKEN, token, &form).await);
    }
}

/// ASVS 10.4: nobody learns which clients exist, or why one was refused.
async fn sec_e12_unknown_wrong_and_disabled_clients_look_alike(app: TestApp) {
    let key = signer(&app).await;
    let look = |response: &Response| {
        assert_refused(response);
        (response.status, response.text().to_owned(), response.header("www-authenticate").map(str::to_owned))
    };
    let basic = async |client: &str, secret: &str| {
        look(
            &app.client()
                .request(Method::POST, TOKEN)
                .basic(client, secret)
                .form(&MACHINE_GRANT)
                .send()
                .await,
        )
    };
    let wrong = basic(MACHINE, "wrong-secret-of-more-than-thirty-two-characters").await;
    assert_eq!(basic("nobody", SECRET).await, wrong);
    assert_eq!(basic("nobody", "").await, wrong);
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let assertion = async |key: &SigningKey, client: &str| {
        let assertion = key.sign_jwt(None, &claims_with(&app, client, &json!({}))).unwrap();
        look(&app.token_by_assertion(&assertion).await)
    };
    let wrong_key = assertion(&stranger, SIGNER).await;
    assert_eq!(assertion(&stranger, "nobody").await, wrong_key);
    for id in [MACHINE, SIGNER] {
        let tx = app.app.db.begin_write().await.unwrap();
        let mut client = store::client::find_in(&tx, &ClientId::new(id)).await.unwrap().unwrap();
        client.status = Status::Inactive;
        store::client::update(&tx, &client).await.unwrap();
        tx.commit().await.unwrap();
    }
    app.app.forget_configuration();
    assert_eq!(basic(MACHINE, SECRET).await, wrong);
    assert_eq!(assertion(&key, SIGNER).await, wrong_key);
    // The log does know.
    for reason in ["wrong_secret_or_method", "unknown_client", "client_inactive", "assertion_signature"] {
        assert!(app.logged("app.oauth2.invalid_client_credentials", Some(reason)).await, "{reason}");
    }
}

/// OpenID Connect Core §10.1: a key that is not known yet is looked up, but an attacker who invents key ids does not
/// make us fetch.
async fn sec_e13_jwks_uri_is_asked_for_an_unknown_key_but_not_all_the_time(app: TestApp) {
    let (first, second) =
        (SigningKey::generate(Algorithm::Es256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
    machine(&app, SIGNER, json!({"jwks_uri": JWKS_URI})).await;
    app.fetch.put(JWKS_URI, jwks(&[&first]).to_string());
    assert_accepted(&app.token_by_assertion(&fresh(&app, &first)).await);
    // The client rotates; the set was fetched a moment ago.
    app.fetch.put(JWKS_URI, jwks(&[&first, &second]).to_string());
    assert_refused(&app.token_by_assertion(&fresh(&app, &second)).await);
    assert_accepted(&app.token_by_assertion(&fresh(&app, &first)).await);
    app.clock.advance(61);
    assert_accepted(&app.token_by_assertion(&fresh(&app, &second)).await);
    assert_accepted(&app.token_by_assertion(&fresh(&app, &first)).await);
    // A stranger's key stays unknown, and asking for it uses the budget of the minute up.
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    app.clock.advance(61);
    assert_refused(&app.token_by_assertion(&fresh(&app, &stranger)).await);
    app.fetch.put(JWKS_URI, jwks(&[&stranger]).to_string());
    assert_refused(&app.token_by_assertion(&fresh(&app, &stranger)).await);
}

/// A key host that is down does not lock its client out, for a day.
async fn sec_e13_the_last_good_keys_outlive_a_failing_jwks_uri_for_a_day(app: TestApp) {
    let (key, stranger) =
        (SigningKey::generate(Algorithm::Es256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
    machine(&app, SIGNER, json!({"jwks_uri": JWKS_URI})).await;
    // Never read yet: nothing to go by.
    assert_refused(&app.token_by_assertion(&fresh(&app, &key)).await);
    app.clock.advance(61);
    app.fetch.put(JWKS_URI, jwks(&[&key]).to_string());
    assert_accepted(&app.token_by_assertion(&fresh(&app, &key)).await);
    for (hours, body) in [(1, None), (10, Some("not json")), (10, Some(r#"{"keys": 1}"#))] {
        match body {
            None => app.fetch.answer(JWKS_URI, Err(FetchError::Unreachable("down".to_owned()))),
            Some(body) => app.fetch.put(JWKS_URI, body),
        }
        app.clock.advance(hours * 3600);
        assert_refused(&app.token_by_assertion(&fresh(&app, &stranger)).await);
        assert_accepted(&app.token_by_assertion(&fresh(&app, &key)).await);
    }
    app.clock.advance(4 * 3600);
    assert_refused(&app.token_by_assertion(&fresh(&app, &key)).await);
    app.clock.advance(61);
    app.fetch.put(JWKS_URI, jwks(&[&key]).to_string());
    assert_accepted(&app.token_by_assertion(&fresh(&app, &key)).await);
}

/// While a secret is being changed both work; one that is switched off or deleted works no more at all.
async fn sec_e14_two_secrets_live_side_by_side_and_die_at_once(app: TestApp) {
    const NEW: &str = "a-new-secret-of-more-than-thirty-two-characters";
    const OFF: &str = "an-inactive-secret-of-more-than-thirty-two-characters";
    let hs256 = |secret: &str| {
        let claims = claims_with(&app, WEB_JWT, &json!({}));
        MacKey::new(MacAlgorithm::Hs256, secret.as_bytes()).unwrap().sign_jwt(None, &claims).unwrap()
    };
    let mut new: Vec<(&str, AuthMethod, ClientSecretId)> = Vec::new();
    let tx = app.app.db.begin_write().await.unwrap();
    for (client, method) in [(MACHINE, AuthMethod::ClientSecretBasic), (WEB_JWT, AuthMethod::ClientSecretJwt)]
    {
        for (text, status) in [(NEW, Status::Active), (OFF, Status::Inactive)] {
            let id = ClientId::new(client);
            let mut stored =
                secret::store(&app.app, &id, method, &Secret::new(text.to_owned()), app.app.now()).unwrap();
            stored.status = status;
            store::client::insert_secret(&tx, &id, &stored).await.unwrap();
            if status == Status::Active {
                new.push((client, method, stored.id));
            }
        }
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let basic = async |secret: &str| {
        app.client().request(Method::POST, TOKEN).basic(MACHINE, secret).form(&MACHINE_GRANT).send().await
    };
    for secret in [SECRET, NEW] {
        assert_accepted(&basic(secret).await);
        assert_accepted(&app.token_by_assertion(&hs256(secret)).await);
    }
    assert_refused(&basic(OFF).await);
    assert_refused(&app.token_by_assertion(&hs256(OFF)).await);
    // Another node has read the client, too.
    let node = app.second_node().await;
    assert_accepted(&present_at(&app, &node, &hs256(SECRET)).await);
    let before = store::installation::generation(&node.app.db).await.unwrap();
    let tx = app.app.db.begin_write().await.unwrap();
    for (client, _, keep) in &new {
        store::client::delete_secrets_except(&tx, &ClientId::new(*client), std::slice::from_ref(keep))
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    assert_refused(&basic(SECRET).await);
    assert_refused(&app.token_by_assertion(&hs256(SECRET)).await);
    assert_accepted(&basic(NEW).await);
    assert_accepted(&app.token_by_assertion(&hs256(NEW)).await);
    // The write raised the generation; a node that sees it rise forgets what it had read.
    assert!(store::installation::generation(&node.app.db).await.unwrap() > before);
    node.app.forget_configuration();
    assert_refused(&present_at(&app, &node, &hs256(SECRET)).await);
    assert_accepted(&present_at(&app, &node, &hs256(NEW)).await);
}

/// RFC 6749 §4.4: a machine acts for itself; there is no user to sign in, and unknown scopes are never ignored.
async fn sec_e15_machines_get_no_scopes_of_users_nor_unknown_ones(app: TestApp) {
    for scope in [
        "openid",
        "api openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
        "api offline_access",
        "groups",
        "api no-such-scope",
        "no-such-scope",
        "API",
    ] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let response = app.token(SERVICE, &form).await;
        assert_eq!(
            (response.status, response.json()["error"].as_str()),
            (400, Some("invalid_scope")),
            "{scope}: {}",
            response.text()
        );
    }
    let granted =
        app.token(SERVICE, &[("grant_type", "client_credentials"), ("scope", "api car:drive")]).await;
    assert_accepted(&granted);
    let granted = granted.json();
    assert_eq!(granted["scope"], "api car:drive");
    assert!(granted.get("id_token").is_none() && granted.get("refresh_token").is_none());
}

/// RFC 6749 §5.2: `unauthorized_client`, by whichever address and whatever policies say.
async fn sec_e16_a_grant_type_that_is_off_is_off_at_every_server(app: TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    fixtures::client(&app.app, "code-only", metadata, Some(SECRET)).await;
    for server in ["default", "org"] {
        for (client, form) in [
            ("code-only", [("grant_type", "refresh_token"), ("refresh_token", "x")]),
            ("code-only", [("grant_type", "client_credentials"), ("scope", "api")]),
            (SERVICE, [("grant_type", "authorization_code"), ("code", "x")]),
            (SERVICE, [("grant_type", "refresh_token"), ("refresh_token", "x")]),
        ] {
            let response = app.token_at(server, client, &form).await;
            assert_eq!(
                (response.status, response.json()["error"].as_str()),
                (400, Some("unauthorized_client")),
                "{server} {client} {form:?}: {}",
                response.text()
            );
        }
        // Not served at all, for anybody.
        for grant_type in
            ["interaction_code", "implicit", "urn:openid:params:grant-type:ciba", "nonsense", ""]
        {
            let form = [("grant_type", grant_type), ("username", ALICE), ("password", fixtures::PASSWORD)];
            let response = app.token_at(server, WEB, &form).await;
            assert_eq!(response.status, 400, "{}", response.text());
            let expected = if grant_type.is_empty() { "invalid_request" } else { "unsupported_grant_type" };
            assert_eq!(response.json()["error"], expected, "{grant_type}");
        }
    }
}

/// Guessing is slowed down where it comes from; the owner of the client elsewhere does not notice.
async fn sec_e17_a_burst_of_wrong_secrets_slows_down_that_address_only(app: TestApp) {
    let rates = vec![(Bucket::ClientAuthenticationFailure, Rate::per_minute(5))];
    let app = app.restart(Change { rates, ..Change::default() }).await;
    let ask = async |from: u8, client: &str, secret: &str| {
        #[expect(clippy::disallowed_methods, reason = "the client of a test, not of the application")]
        let transport = reqwest::Client::builder()
            .no_proxy()
            .local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)))
            .build()
            .unwrap();
        let body = "grant_type=client_credentials&scope=api";
        let answer = transport
            .post(app.url(TOKEN))
            .basic_auth(client, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
    };
    // Windows are whole minutes: begin at the start of one.
    let second = app.app.now().unix_timestamp().rem_euclid(60);
    app.clock.advance(61 - second);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(ask(1, SERVICE, "wrong").await.0);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    // The right secret is not even looked at.
    let (status, headers, body) = ask(1, SERVICE, SECRET).await;
    assert_eq!(status, 429, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["error"].is_string() && body["errorCode"].is_string(), "{body}");
    assert!(headers.contains_key("x-rate-limit-reset"));
    assert_eq!(ask(1, MACHINE, SECRET).await.0, 200, "another client from there");
    assert_eq!(ask(2, SERVICE, SECRET).await.0, 200, "the same client from elsewhere");
    app.clock.advance(60);
    assert_eq!(ask(1, SERVICE, SECRET).await.0, 200, "a minute later");
}
