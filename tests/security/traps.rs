//! Defaults of the libraries beneath us that would be holes: each was found in the version in use and is kept closed
//! here.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use keys::{Algorithm, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, SECRET, WEB, WEB_JWT},
    http::{Browser, Response},
    op::{answer, claims, error_code},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_e05_required_claims_of_an_assertion_are_required,
        sec_x05_duplicate_json_members_of_an_assertion_are_refused,
        sec_e05_the_algorithm_is_the_registered_one_not_the_headers,
        sec_x07_an_assertion_is_a_plain_compact_jws,
        sec_k01_our_resource_endpoints_take_our_signature_only,
        sec_k04_only_an_access_token_that_counts_is_one,
        sec_x04_no_other_path_leads_to_a_document,
        sec_x06_large_forms_are_refused_with_or_without_a_length,
        sec_x06_a_chunked_form_needs_no_length,
        sec_x07_compressed_forms_are_refused,
        sec_x05_duplicate_form_parameters_are_refused,
        sec_l01_a_forged_browser_cookie_does_not_make_a_token;
    ]
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn jws(header: &str, payload: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let mac = hmac_sha256(key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// A client credentials request that is authenticated by an assertion (RFC 7523 §2.2).
async fn present(app: &TestApp, assertion: &str) -> Response {
    app.client()
        .post_form(
            "/oauth2/default/v1/token",
            &[
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion),
            ],
        )
        .await
}

fn assert_refused(response: &Response, what: &str) {
    assert!(matches!(response.status, 400 | 401), "{what}: {} {}", response.status, response.text());
    assert_eq!(response.json()["error"], "invalid_client", "{what}: {}", response.text());
}

/// The claims of a good assertion of a client; `id` makes its `jti`.
fn good(app: &TestApp, client: &str, id: &str) -> Value {
    let now = app.app.now().unix_timestamp();
    json!({
        "iss": client, "sub": client, "aud": app.url("/oauth2/default"), "jti": id, "iat": now, "exp": now + 60,
    })
}

const HS256: &str = r#"{"alg":"HS256"}"#;

/// RFC 7523 §3: josekit's validator passes what is absent. `iss`, `sub`, `aud`, `exp` and `jti` are required, of their
/// type, and `aud` is ours alone.
async fn sec_e05_required_claims_of_an_assertion_are_required(app: TestApp) {
    let now = app.app.now().unix_timestamp();
    let ours = app.url("/oauth2/default");
    let cases = [
        ("iss", vec![Value::Null, json!(""), json!("web"), json!([WEB_JWT]), json!(1)]),
        ("sub", vec![Value::Null, json!("web"), json!({})]),
        (
            "aud",
            vec![
                Value::Null,
                json!([]),
                json!(""),
                json!([ours, "https://other.example"]),
                json!(["https://other.example", ours]),
                json!([[ours]]),
                json!({ "aud": ours }),
                json!("https://other.example"),
                json!(app.url("/oauth2/default/")),
                json!(app.url("/oauth2/default/v1/introspect")),
                json!(app.url("")),
            ],
        ),
        (
            "exp",
            vec![
                Value::Null,
                json!((now + 60).to_string()),
                json!(true),
                json!(now - 1),
                json!(0),
                json!(-1),
                json!(1e300),
                json!(i64::MAX),
                json!(now + 2 * 3600),
            ],
        ),
        ("jti", vec![Value::Null, json!(""), json!(7), json!("j".repeat(300))]),
        ("iat", vec![json!("yesterday"), json!(now + 3600)]),
        ("nbf", vec![json!({}), json!(now + 3600)]),
    ];
    let mut count = 0;
    for (name, values) in cases {
        for value in values {
            count += 1;
            let mut claims = good(&app, WEB_JWT, &format!("bad-{count}"));
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
            let refused = present(&app, &jws(HS256, &claims.to_string(), SECRET.as_bytes())).await;
            assert_refused(&refused, &format!("{name} = {value}"));
            if !value.is_null() {
                continue;
            }
            claims[name] = Value::Null;
            let refused = present(&app, &jws(HS256, &claims.to_string(), SECRET.as_bytes())).await;
            assert_refused(&refused, &format!("{name} = null"));
        }
    }
    for aud in [json!(ours), json!(app.url("/oauth2/default/v1/token")), json!([ours])] {
        let mut claims = good(&app, WEB_JWT, &format!("good-{aud}"));
        claims["aud"] = aud;
        let accepted = present(&app, &jws(HS256, &claims.to_string(), SECRET.as_bytes())).await;
        assert_eq!(accepted.status, 200, "{}", accepted.text());
    }
}

/// RFC 7515 §4, RFC 8725 §2.4: parsers disagree on which of two members counts, so there may be one.
async fn sec_x05_duplicate_json_members_of_an_assertion_are_refused(app: TestApp) {
    let now = app.app.now().unix_timestamp();
    let payload = |more: &str, id: &str| {
        format!(
            r#"{{"iss":"{WEB_JWT}","sub":"{WEB_JWT}","aud":"{}","jti":"{id}","exp":{}{more}}}"#,
            app.url("/oauth2/default"),
            now + 60
        )
    };
    for (index, more) in [
        format!(r#","sub":"{WEB_JWT}""#),
        r#","sub":"web""#.to_owned(),
        r#","\u0073ub":"web""#.to_owned(),
        r#","jti":"another""#.to_owned(),
        format!(r#","exp":{}"#, now + 120),
        r#","x":{"y":1,"y":2}"#.to_owned(),
        r#","x":[{"y":1,"y":2}]"#.to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let refused =
            present(&app, &jws(HS256, &payload(more, &format!("dup-{index}")), SECRET.as_bytes())).await;
        assert_refused(&refused, more);
    }
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
    ] {
        let refused = present(&app, &jws(header, &payload("", "header"), SECRET.as_bytes())).await;
        assert_refused(&refused, header);
    }
    let accepted = present(&app, &jws(HS256, &payload(r#","x":{"y":1}"#, "single"), SECRET.as_bytes())).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
}

/// RFC 8725 §3.1: a key is for one algorithm. A public key is no HMAC secret, `none` is nothing, and a client's method
/// decides which kind of key is looked for.
async fn sec_e05_the_algorithm_is_the_registered_one_not_the_headers(app: TestApp) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let public = key.public_jwk().clone();
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public]},
    });
    fixtures::client(&app.app, "keyed", metadata, None).await;
    let claims = |id: &str| good(&app, "keyed", id);
    let accepted = present(&app, &key.sign_jwt(None, &claims("signed")).unwrap()).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    let x = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    for (index, secret) in [
        public.to_string().into_bytes(),
        json!({"keys": [public]}).to_string().into_bytes(),
        x,
        public["x"].as_str().unwrap().as_bytes().to_vec(),
        b"".to_vec(),
        SECRET.as_bytes().to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        let forged = jws(HS256, &claims(&format!("hmac-{index}")).to_string(), &secret);
        assert_refused(&present(&app, &forged).await, &format!("HS256 {index}"));
    }
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for alg in ["none", "None", "NONE", "", "ES384", "RS256", "EdDSA", "es256", "HS1"] {
        let header = json!({"alg": alg, "kid": public["kid"]}).to_string();
        let unsigned = format!("{}.{}", encode(&header), encode(&claims(&format!("alg-{alg}")).to_string()));
        let signature = URL_SAFE_NO_PAD.encode([0; 64]);
        assert_refused(&present(&app, &format!("{unsigned}.")).await, alg);
        assert_refused(&present(&app, &format!("{unsigned}.{signature}")).await, alg);
    }
    // CVE-2022-21449: a signature of zeros is none; and another key of the same algorithm is not this client's.
    let header = json!({"alg": "ES256"}).to_string();
    let zeros =
        format!("{}.{}.{}", encode(&header), encode(&claims("zeros").to_string()), encode(&"\0".repeat(64)));
    assert_refused(&present(&app, &zeros).await, "zeros");
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_refused(&present(&app, &stranger.sign_jwt(None, &claims("stranger")).unwrap()).await, "stranger");
    // A client with a secret is not authenticated by a key that the assertion brings along.
    let header = json!({"alg": "ES256", "jwk": stranger.public_jwk()}).to_string();
    let payload = good(&app, WEB_JWT, "embedded").to_string();
    let embedded = format!("{}.{}.{}", encode(&header), encode(&payload), encode(&"\0".repeat(64)));
    assert_refused(&present(&app, &embedded).await, "embedded jwk");
}

/// RFC 7515 §7, RFC 7516 §4.1.3: no JSON serialisation, no encryption, no compression, no critical extension, and no
/// other kind of token.
async fn sec_x07_an_assertion_is_a_plain_compact_jws(app: TestApp) {
    let payload = |id: &str| good(&app, WEB_JWT, id).to_string();
    for header in [
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
        r#"{"alg":"HS256","typ":"logout+jwt"}"#,
        r#"["HS256"]"#,
        r#"{}"#,
        "",
    ] {
        let refused = present(&app, &jws(header, &payload(header), SECRET.as_bytes())).await;
        assert_refused(&refused, header);
    }
    let token = jws(HS256, &payload("compact"), SECRET.as_bytes());
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let jwe = URL_SAFE_NO_PAD
        .encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128CBC-HS256","zip":"DEF","p2c":1000000}"#);
    for (what, other) in [
        ("five parts", format!("{jwe}.{body}.{body}.{body}.{signature}")),
        ("four parts", format!("{token}.{signature}")),
        ("two parts", format!("{header}.{body}")),
        ("a dot at the end", format!("{token}.")),
        ("padding", format!("{token}=")),
        ("a space", format!("{token} ")),
        ("a line break", format!("{header}.\n{body}.{signature}")),
        ("detached", format!("{header}..{signature}")),
        ("flattened JSON", json!({"protected": header, "payload": body, "signature": signature}).to_string()),
        (
            "general JSON",
            json!({"payload": body, "signatures": [{"protected": header, "signature": signature}]})
                .to_string(),
        ),
        ("standard base64", token.replace(['-', '_'], "+")),
    ] {
        if other != token {
            assert_refused(&present(&app, &other).await, what);
        }
    }
    let accepted = present(&app, &token).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert_refused(&present(&app, &token).await, "the second time");
}

/// RFC 9068 §4: an access token is verified with the server's own keys and their algorithms.
async fn sec_k01_our_resource_endpoints_take_our_signature_only(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let token = tokens["access_token"].as_str().unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let jwks = app.client().get("/oauth2/default/v1/keys").await;
    let claims = claims(token).to_string();
    let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let mut forged = vec![format!("{unsigned}.{payload}."), format!("{header}.{payload}.")];
    for key in jwks.json()["keys"].as_array().unwrap() {
        let head = json!({"alg": "HS256", "kid": key["kid"]}).to_string();
        forged.push(jws(&head, &claims, key.to_string().as_bytes()));
        forged.push(jws(&head, &claims, key["n"].as_str().unwrap_or_default().as_bytes()));
    }
    forged.push(format!(
        "{header}.{}.{signature}",
        URL_SAFE_NO_PAD.encode(claims.replace(ALICE, "bob@example.com"))
    ));
    let stranger = SigningKey::generate(Algorithm::Rs256).unwrap();
    forged.push(stranger.sign_jwt(None, &serde_json::from_str::<Value>(&claims).unwrap()).unwrap());
    for token in &forged {
        let refused = app.userinfo(token).await;
        assert_eq!(refused.status, 401, "{token}");
        assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
        assert_eq!(app.introspect(token).await, json!({"active": false}), "{token}");
    }
    assert_eq!(app.userinfo(token).await.status, 200);
}

/// RFC 9068 §4, RFC 8725 §3.11: neither an ID token nor a refresh token is an access token, nor is one past its time.
async fn sec_k04_only_an_access_token_that_counts_is_one(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    for other in ["id_token", "refresh_token"] {
        assert_eq!(app.userinfo(&token(other)).await.status, 401, "{other}");
    }
    assert_eq!(app.userinfo(&token("access_token")).await.status, 200);
    app.clock.advance(3601);
    assert_eq!(app.userinfo(&token("access_token")).await.status, 401);
}

/// RFC 3986 §5.2.4, §3.3: what is not exactly a path of ours leads nowhere.
async fn sec_x04_no_other_path_leads_to_a_document(app: TestApp) {
    let authority = app.app.settings.authority().to_owned();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let document = "/oauth2/default/v1/keys";
    assert!(raw(&app, get(document).as_bytes()).await.starts_with("HTTP/1.1 200"));
    for path in [
        "/oauth2/../oauth2/default/v1/keys",
        "/oauth2/%2e%2e/oauth2/default/v1/keys",
        "/oauth2/default/v1/./keys",
        "//oauth2/default/v1/keys",
        "/oauth2//default/v1/keys",
        "/oauth2/default/v1/keys/",
        "/oauth2/default/v1/keys;a=b",
        "/oauth2/default;a=b/v1/keys",
        "/oauth2/default/v1/keys.",
        "/oauth2/default/v1/keys%00",
        "/oauth2/default%2Fv1%2Fkeys",
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
    ] {
        let answer = raw(&app, get(path).as_bytes()).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(matches!(status, "400" | "404"), "{path}: {answer}");
    }
}

/// Sends bytes and reads what comes until the server closes.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", app.app.settings.port())).await.unwrap();
    // The server may close before it has read all.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn chunked(app: &TestApp, body: &[u8], repeat: usize) -> Vec<u8> {
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{WEB}:{SECRET}"));
    let mut request = format!(
        "POST /oauth2/default/v1/token HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
        app.app.settings.authority()
    )
    .into_bytes();
    for _ in 0..repeat {
        request.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        request.extend_from_slice(body);
        request.extend_from_slice(b"\r\n");
    }
    request
}

/// RFC 9110 §15.5.14: poem reads forms of any size; ours end at 64 KiB, also when no length was announced.
async fn sec_x06_large_forms_are_refused_with_or_without_a_length(app: TestApp) {
    let large = "a".repeat(65 * 1024);
    let token = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(WEB, SECRET);
    let token = token.form(&[("grant_type", "client_credentials"), ("padding", &large)]).send().await;
    assert_eq!((token.status, token.json()["error"].as_str()), (413, Some("invalid_request")));
    assert_eq!(token.header("cache-control"), Some("no-store"));
    assert_eq!(token.header("connection"), Some("close"));
    for path in [
        "/signin",
        "/consent",
        "/accounts",
        "/logout",
        "/oauth2/default/v1/authorize",
        "/oauth2/default/v1/logout",
    ] {
        let page = app.client().post_form(path, &[("padding", &large)]).await;
        assert_eq!(page.status, 413, "{path}");
        assert_eq!(error_code(&page), "invalid_request", "{path}");
    }
    // It never ends, so it is cut off where the limit is.
    let endless = raw(&app, &chunked(&app, &[b'a'; 1024], 80)).await;
    assert!(endless.starts_with("HTTP/1.1 413"), "{endless}");
    let just_right = "a".repeat(60 * 1024);
    let token = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(WEB, SECRET);
    let token = token.form(&[("grant_type", "client_credentials"), ("padding", &just_right)]).send().await;
    assert_ne!(token.status, 413, "{}", token.text());
}

/// RFC 9112 §6.3: some clients send forms without a length; poem's own limit would answer 411.
async fn sec_x06_a_chunked_form_needs_no_length(app: TestApp) {
    let mut request = chunked(&app, b"grant_type=client_credentials", 1);
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(&app, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("access_token"));
}

/// RFC 9110 §15.5.16: a few compressed bytes could unfold to gigabytes.
async fn sec_x07_compressed_forms_are_refused(app: TestApp) {
    for coding in ["gzip", "deflate", "br", "identity, gzip"] {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(WEB, SECRET);
        let request = request.header("content-encoding", coding);
        let refused = request.form(&[("grant_type", "client_credentials")]).send().await;
        assert_eq!(
            (refused.status, refused.json()["error"].as_str()),
            (415, Some("invalid_request")),
            "{coding}"
        );
    }
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(WEB, SECRET);
    let request = request.header("content-encoding", "identity");
    assert_eq!(request.form(&[("grant_type", "client_credentials")]).send().await.status, 200);
}

/// RFC 6749 §3.2: serde would take the last of two; the request is refused, whatever the parameter is.
async fn sec_x05_duplicate_form_parameters_are_refused(app: TestApp) {
    for (name, value) in [("grant_type", "client_credentials"), ("scope", "api"), ("unknown", "1")] {
        let form = [("grant_type", "client_credentials"), ("scope", "api"), ("unknown", "1"), (name, value)];
        let refused = app.token(WEB, &form).await;
        assert_eq!(
            (refused.status, refused.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{name}"
        );
    }
    for body in [r#"{"grant_type":"client_credentials"}"#, "grant_type=client_credentials"] {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/token").basic(WEB, SECRET);
        let refused = request.body("application/json", body).send().await;
        assert_eq!(
            (refused.status, refused.json()["error"].as_str()),
            (400, Some("invalid_request")),
            "{body}"
        );
    }
    let mut browser = Browser::new();
    let page = browser.open(&format!("{}&client_id={WEB}", app.authorize_url(WEB, &[]))).await;
    assert_eq!((page.status, error_code(&page)), (400, "invalid_request"));
    // Once client and address are certain, the client is told.
    browser.open(&format!("{}&nonce=another", app.authorize_url(WEB, &[]))).await;
    assert_eq!(answer(&browser)["error"], "invalid_request");
}

/// poem's own form tokens are made with a key of zeros unless one is given: ours depend on the installation's.
async fn sec_l01_a_forged_browser_cookie_does_not_make_a_token(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let form = page
        .form("login-form")
        .fill("identifier", ALICE)
        .fill("password", fixtures::PASSWORD)
        .press("sign_in");
    let name = format!("dt_{}", app.app.settings.port());
    let binding = browser.cookie(&name).unwrap().value.clone();
    let flow = form.field("flow_id").unwrap().to_owned();
    let mut message = Vec::new();
    for part in ["csrf", &flow, "signin", &binding] {
        message.extend_from_slice(&u64::try_from(part.len()).unwrap().to_be_bytes());
        message.extend_from_slice(part.as_bytes());
    }
    let forged = URL_SAFE_NO_PAD.encode(hmac_sha256(&[0; 32], &message));
    let refused = browser.submit(&form.fill("csrf", &forged)).await;
    assert_eq!((refused.status, error_code(&refused)), (403, "csrf_rejected"));
}
