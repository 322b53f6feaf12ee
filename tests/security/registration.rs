//! A4, A11, B8, E14, W2, W3, X5, X10, Y6: clients that register themselves, and what they try.

use http::Method;
use serde_json::{Value, json};
use stepgate::ports::fetch::{FetchError, Fetched};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, MACHINE, REDIRECT_URI, SECRET, WEB},
    http::{Browser, Response},
    op::{answer, code_form},
    registration::{ADMIN, CLIENTS, INITIAL, open, restricted, web},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_e14_two_new_secrets_at_once_leave_two_live,
        sec_y06_a_registration_access_token_is_for_its_own_client;
    sqlite:
        sec_a04_a_dangerous_redirect_uri_is_refused_over_http,
        sec_a11_an_error_for_an_unknown_client_asks_before_the_user_is_sent_on,
        sec_a11_clients_that_somebody_vouches_for_are_answered_at_once,
        sec_a11_a_login_started_for_an_unknown_client_asks_too,
        sec_b08_an_update_does_not_turn_pkce_off,
        sec_b08_an_update_changes_method_secret_and_keys_together,
        sec_e14_a_new_secret_lives_beside_one_old_one,
        sec_w02_a_sector_is_json_and_answers_200,
        sec_w03_what_a_sector_answers_is_not_told,
        sec_x05_a_registration_says_everything_once,
        sec_x10_numbers_beyond_their_range_are_refused,
        sec_y06_registration_is_closed_unless_it_is_opened,
        sec_y06_a_client_cannot_set_what_is_an_administrator_s,
        sec_y06_an_update_keeps_what_an_administrator_decided,
        sec_y06_no_user_s_token_administers_clients,
        sec_y06_a_client_that_was_switched_off_cannot_change_itself,
        sec_y06_registrations_from_one_address_are_counted;
    ]
}

/// RFC 6749 §3.1.2, RFC 8252 §8.4 (CVE-2026-9086, CVE-2024-21637): what runs code, shows data or reads files is no
/// address to send an answer to, however it is written.
async fn sec_a04_a_dangerous_redirect_uri_is_refused_over_http(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({}))).await;
    for scheme in ["javascript", "data", "vbscript", "file", "blob", "about", "JavaScript", "DATA"] {
        for before in ["", " ", "\t", "\n", "\u{1}", "\u{a0}"] {
            for member in ["redirect_uris", "post_logout_redirect_uris"] {
                for kind in ["web", "native"] {
                    let uri = format!("{before}{scheme}:alert(1)//x");
                    let mut metadata = web(json!({"application_type": kind}));
                    metadata[member] = json!([REDIRECT_URI, uri]);
                    for (method, path, token) in [
                        (Method::POST, CLIENTS, ""),
                        (Method::PUT, known.path().as_str(), known.token.as_str()),
                    ] {
                        let response = app.clients(method, path, token, Some(&metadata)).await;
                        assert_eq!(response.status, 400, "{uri:?}");
                        assert_eq!(response.json()["error"], "invalid_redirect_uri", "{uri:?}");
                    }
                }
            }
        }
    }
}

fn is_leaving_page(page: &Response) -> bool {
    page.header("location").is_none() && page.body_contains("id=\"leaving-page\"")
}

/// RFC 9700 §4.11.2: the server is no redirector for whoever registered. Nobody signed in and nobody vouches for the
/// client: an error stops at a page of ours that names the host and leaves going on to the user.
async fn sec_a11_an_error_for_an_unknown_client_asks_before_the_user_is_sent_on(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({"application_type": "browser"}))).await;
    let errors: [&[(&str, &str)]; 5] = [
        &[("response_type", "-")],
        &[("response_type", "bogus")],
        &[("scope", "unheard-of")],
        &[("code_challenge", "-"), ("code_challenge_method", "-")],
        &[("max_age", "-1")],
    ];
    for more in errors {
        let page = Browser::new().open(&app.authorize_url(&known.id, more)).await;
        assert!(is_leaving_page(&page), "{more:?}: {}", page.words());
        assert!(page.words().contains("app.example.com"), "{}", page.words());
        assert!(!page.body_contains("<script") && page.header("refresh").is_none());
        let onward = page.link("Go on");
        assert!(onward.as_str().starts_with(REDIRECT_URI), "{onward}");
        assert!(onward.query_pairs().any(|(name, _)| name == "error"));
        assert!(onward.query_pairs().any(|(name, value)| name == "state" && value == "a-state"));
    }
    // In a form, and in a fragment.
    let form = [("scope", "unheard-of"), ("response_mode", "form_post")];
    let page = Browser::new().open(&app.authorize_url(&known.id, &form)).await;
    assert!(is_leaving_page(&page) && page.form("leaving-form").action == REDIRECT_URI);
    let fragment = [("scope", "unheard-of"), ("response_mode", "fragment")];
    let page = Browser::new().open(&app.authorize_url(&known.id, &fragment)).await;
    assert!(is_leaving_page(&page) && page.link("Go on").fragment().unwrap().contains("error=invalid_scope"));
    // Cancelling is an error as well: the user decides, and is told where it leads.
    let mut browser = Browser::new();
    let login = browser.open(&app.authorize_url(&known.id, &[])).await;
    let page = browser.submit(&login.form("login-form").press("cancel")).await;
    assert!(is_leaving_page(&page), "{}", page.words());
    // The silent family is what a frame without a screen waits for.
    let mut browser = Browser::new();
    browser.open(&app.authorize_url(&known.id, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    // Somebody who is signed in came through our own page.
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.authorize_url(&known.id, &[("scope", "unheard-of")])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
}

/// RFC 9700 §4.11.2: where the source of the redirect URI is trusted, the answer goes there by itself (RFC 6749
/// §4.1.2.1).
async fn sec_a11_clients_that_somebody_vouches_for_are_answered_at_once(app: TestApp) {
    let app = restricted(app).await;
    let token = app.administrator(&["okta.clients.register"]).await;
    let by_machine = app.register(&token, &web(json!({}))).await;
    let by_token = app.register(INITIAL, &web(json!({}))).await;
    for client in [WEB, &by_machine.id, &by_token.id] {
        let mut browser = Browser::new();
        browser.open(&app.authorize_url(client, &[("scope", "unheard-of")])).await;
        assert_eq!(answer(&browser)["error"], "invalid_scope", "{client}");
    }
}

/// OpenID Connect Core §4, RFC 9700 §4.11: nor is a started login a way to an address that nobody checked.
async fn sec_a11_a_login_started_for_an_unknown_client_asks_too(app: TestApp) {
    let app = open(app).await;
    let metadata = web(json!({"initiate_login_uri": "https://elsewhere.example/start"}));
    let known = app.register("", &metadata).await;
    let link = format!("/login/initiate?client_id={}", known.id);
    let page = app.client().get(&link).await;
    assert!(is_leaving_page(&page) && page.words().contains("elsewhere.example"), "{}", page.words());
    assert!(page.link("Go on").as_str().starts_with("https://elsewhere.example/start?iss="));
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.url(&link)).await;
    assert!(browser.url().as_str().starts_with("https://elsewhere.example/start?iss="));
}

/// RFC 9700 §2.1.1: a public client cannot talk itself out of PKCE, neither by saying so nor by turning into another
/// kind of client; a machine that administers it may make it confidential without.
async fn sec_b08_an_update_does_not_turn_pkce_off(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({"application_type": "browser"}))).await;
    for metadata in [
        json!({"application_type": "browser", "pkce_required": false}),
        json!({"application_type": "native", "pkce_required": false}),
        json!({"token_endpoint_auth_method": "client_secret_post", "pkce_required": false}),
    ] {
        let response =
            app.clients(Method::PUT, &known.path(), &known.token, Some(&web(metadata.clone()))).await;
        assert_eq!(response.status, 400, "{metadata}: {}", response.text());
        assert!(response.json()["error_description"].as_str().unwrap().starts_with("pkce_required"));
    }
    let confidential = web(json!({"token_endpoint_auth_method": "client_secret_post"}));
    let response = app.clients(Method::PUT, &known.path(), &known.token, Some(&confidential)).await;
    assert_eq!((response.status, &response.json()["pkce_required"]), (200, &json!(true)));
    let without = [("code_challenge", "-"), ("code_challenge_method", "-")];
    let page = Browser::new().open(&app.authorize_url(&known.id, &without)).await;
    assert!(is_leaving_page(&page), "{}", page.words());

    let token = app.administrator(&["okta.clients.manage"]).await;
    let public = web(json!({"application_type": "browser", "pkce_required": false}));
    assert_eq!(app.clients(Method::PUT, &known.path(), &token, Some(&public)).await.status, 400);
    let confidential = web(json!({"pkce_required": false}));
    let response = app.clients(Method::PUT, &known.path(), &token, Some(&confidential)).await;
    assert_eq!(response.json()["pkce_required"], false, "{}", response.text());
}

async fn token_status(app: &TestApp, client: &str, secret: &str) -> u16 {
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token");
    let form = [("grant_type", "client_credentials"), ("scope", "car:drive")];
    request.basic(client, secret).form(&form).send().await.status
}

/// RFC 7592 §2.2: metadata is checked on update as on create, and what depends on the method changes with it: no secret
/// survives the method that used it, a method that needs one gets a new one, keys are replaced whole.
async fn sec_b08_an_update_changes_method_secret_and_keys_together(app: TestApp) {
    let app = open(app).await;
    let metadata = |method: &str| {
        web(json!({
            "token_endpoint_auth_method": method,
            "grant_types": ["authorization_code", "client_credentials"],
        }))
    };
    let update = async |path: &str, token: &str, metadata: &Value| {
        let response = app.clients(Method::PUT, path, token, Some(metadata)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    };
    let known = app.register("", &metadata("client_secret_basic")).await;
    assert_eq!(token_status(&app, &known.id, &known.secret).await, 200);
    // The same secret does for both ways of sending it.
    let told = update(&known.path(), &known.token, &metadata("client_secret_post")).await;
    assert!(told.get("client_secret").is_none() && told["client_secret_expires_at"] == 0);
    assert_eq!(token_status(&app, &known.id, &known.secret).await, 401);
    let told = update(&known.path(), &known.token, &metadata("client_secret_basic")).await;
    assert!(told.get("client_secret").is_none());
    assert_eq!(token_status(&app, &known.id, &known.secret).await, 200);

    let mut by_key = metadata("private_key_jwt");
    by_key["jwks"] = json!({"keys": [{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]});
    let told = update(&known.path(), &known.token, &by_key).await;
    assert!(told.get("client_secret").is_none() && told.get("client_secret_expires_at").is_none());
    assert_eq!(token_status(&app, &known.id, &known.secret).await, 401);
    let told = update(&known.path(), &known.token, &metadata("client_secret_basic")).await;
    let fresh = told["client_secret"].as_str().unwrap();
    assert!(fresh != known.secret && told.get("jwks").is_none());
    assert_eq!(token_status(&app, &known.id, &known.secret).await, 401);
    assert_eq!(token_status(&app, &known.id, fresh).await, 200);
    // What is kept as a hash cannot sign assertions.
    let told = update(&known.path(), &known.token, &metadata("client_secret_jwt")).await;
    assert!(told["client_secret"].as_str().is_some_and(|secret| secret != fresh && secret.len() >= 32));
}

/// Okta: during rotation the newest two secrets live; the one before them dies at once, on every node.
async fn sec_e14_a_new_secret_lives_beside_one_old_one(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let path = format!("{CLIENTS}/{MACHINE}/lifecycle/newSecret");
    let fresh = async || {
        app.clock.advance(1);
        let told = app.clients(Method::POST, &path, &token, None).await.json();
        told["client_secret"].as_str().unwrap().to_owned()
    };
    let first = fresh().await;
    for secret in [SECRET, &first] {
        assert_eq!(token_status(&app, MACHINE, secret).await, 200);
    }
    let before = stepgate::store::installation::generation(&app.app.db).await.unwrap();
    let second = fresh().await;
    assert!(stepgate::store::installation::generation(&app.app.db).await.unwrap() > before);
    assert_eq!(token_status(&app, MACHINE, SECRET).await, 401);
    for secret in [&first, &second] {
        assert_eq!(token_status(&app, MACHINE, secret).await, 200);
    }
}

/// Two rotations at the same moment are one after the other: never are there three live secrets.
async fn sec_e14_two_new_secrets_at_once_leave_two_live(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let path = format!("{CLIENTS}/{MACHINE}/lifecycle/newSecret");
    let calls = (0..6).map(|_| app.clients(Method::POST, &path, &token, None));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let id = stepgate::id::ClientId::new(MACHINE);
    let client = stepgate::store::client::find(&app.app.db, &id).await.unwrap().unwrap();
    assert_eq!(client.secrets.len(), 2);
}

/// RFC 8259 §11: what is fetched is what was asked for: a JSON document that was found.
async fn sec_w02_a_sector_is_json_and_answers_200(app: TestApp) {
    const SECTOR: &str = "https://sector.example.com/uris.json";
    let app = open(app).await;
    let metadata = web(json!({"sector_identifier_uri": SECTOR}));
    let body = json!([REDIRECT_URI]).to_string().into_bytes();
    let json_type = Some("application/json".to_owned());
    for outcome in [
        Ok(Fetched { status: 404, content_type: json_type.clone(), body: body.clone() }),
        Ok(Fetched { status: 302, content_type: json_type.clone(), body: body.clone() }),
        Ok(Fetched { status: 200, content_type: json_type.clone(), body: b"[".to_vec() }),
        Err(FetchError::TooLarge),
    ] {
        app.fetch.answer(SECTOR, outcome);
        let response = app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await;
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_client_metadata")));
    }
    app.fetch.answer(SECTOR, Ok(Fetched { status: 200, content_type: json_type, body }));
    assert_eq!(app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await.status, 201);
}

/// A registrant learns nothing of hosts in our network: not what they answer, nor whether they are there.
async fn sec_w03_what_a_sector_answers_is_not_told(app: TestApp) {
    const SECTOR: &str = "https://inside.example.com/secret";
    let app = open(app).await;
    let metadata = web(json!({"sector_identifier_uri": SECTOR}));
    let mut told = Vec::new();
    for outcome in [
        Ok(Fetched {
            status: 200,
            content_type: Some("application/json".to_owned()),
            body: b"{\"password\": \"from-the-inside\"}".to_vec(),
        }),
        Ok(Fetched { status: 500, content_type: None, body: b"stack trace from-the-inside".to_vec() }),
        Err(FetchError::Forbidden),
        Err(FetchError::Timeout),
        Err(FetchError::Unreachable("connection refused".to_owned())),
    ] {
        app.fetch.answer(SECTOR, outcome);
        let response = app.clients(Method::POST, CLIENTS, "", Some(&metadata)).await;
        assert_eq!(response.status, 400);
        assert!(!response.body_contains("from-the-inside"));
        told.push(response.json());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

/// RFC 8259 §4: a document that says a thing twice is read differently by different readers; nor are other notations, or
/// depths that cost, JSON here.
async fn sec_x05_a_registration_says_everything_once(app: TestApp) {
    let app = open(app).await;
    let fine = format!(r#"{{"redirect_uris": ["{REDIRECT_URI}"]}}"#);
    let send = async |content_type: &str, body: String| {
        app.client().request(Method::POST, CLIENTS).body(content_type, body).send().await
    };
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        assert_eq!(send(content_type, fine.clone()).await.status, 201);
    }
    let deep =
        format!(r#"{{"redirect_uris": ["{REDIRECT_URI}"], "x": {}{}}}"#, "[".repeat(40), "]".repeat(40));
    for body in [
        format!(r#"{{"redirect_uris": ["{REDIRECT_URI}"], "redirect_uris": ["https://evil.example/"]}}"#),
        format!(
            r#"{{"redirect_uris": ["{REDIRECT_URI}"], "redirect\u005furis": ["https://evil.example/"]}}"#
        ),
        format!(r#"{{"redirect_uris": ["{REDIRECT_URI}"], "jwks": {{"keys": [], "keys": []}}}}"#),
        deep,
        format!("{fine}{fine}"),
        format!("[{fine}]"),
        fine.replace('"', "'"),
        fine.replace('}', ",}"),
        format!("// comment\n{fine}"),
        "null".to_owned(),
        String::new(),
    ] {
        let response = send("application/json", body.clone()).await;
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_request")), "{body}");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let response = send(content_type, fine.clone()).await;
        assert_eq!(
            (response.status, &response.json()["error"]),
            (400, &json!("invalid_request")),
            "{content_type}"
        );
    }
    let large = format!(r#"{{"x": "{}"}}"#, "x".repeat(70_000));
    assert_eq!(send("application/json", large).await.status, 413);
}

/// RFC 8259 §6: numbers that other readers would wrap, round or call infinite are refused.
async fn sec_x10_numbers_beyond_their_range_are_refused(app: TestApp) {
    let app = open(app).await;
    for number in
        ["-1", "1.5", "1e309", "NaN", "Infinity", "4294967296", "18446744073709551616", "\"7\"", "1e2"]
    {
        let body = format!(r#"{{"redirect_uris": ["{REDIRECT_URI}"], "default_max_age": {number}}}"#);
        let request = app.client().request(Method::POST, CLIENTS).body("application/json", body);
        let response = request.send().await;
        assert_eq!(response.status, 400, "{number}: {}", response.text());
    }
}

/// RFC 7591 §3: who may register is decided by the operator: nobody, holders of a token, or everybody.
async fn sec_y06_registration_is_closed_unless_it_is_opened(app: TestApp) {
    let post = async |app: &TestApp, token: &str| {
        app.clients(Method::POST, CLIENTS, token, Some(&web(json!({})))).await.status
    };
    assert_eq!(post(&app, "").await, 401);
    assert_eq!(post(&app, INITIAL).await, 401);
    let app = restricted(app).await;
    assert_eq!(post(&app, "").await, 401);
    assert_eq!(post(&app, INITIAL).await, 201);
    let app = open(app).await;
    assert_eq!(post(&app, "").await, 201);
    // A wrong token is not as good as none.
    assert_eq!(post(&app, "wrong").await, 401);
    // Other schemes are no way around it.
    let request = app.client().request(Method::POST, CLIENTS).basic(WEB, SECRET);
    assert_eq!(request.json(&web(json!({}))).send().await.status, 401);
    let query = format!("{CLIENTS}?access_token={INITIAL}");
    assert_eq!(app.clients(Method::POST, &query, "", Some(&web(json!({})))).await.status, 400);
}

/// RFC 7592 §1.2, §2 (keycloak#53079): a registration access token reads, changes and deletes its own client; whether
/// another one exists is not told, and nothing of it changes.
async fn sec_y06_a_registration_access_token_is_for_its_own_client(app: TestApp) {
    let app = open(app).await;
    let own = app.register("", &web(json!({"client_name": "Own"}))).await;
    let other = app.register("", &web(json!({"client_name": "Other"}))).await;
    let mut answers = Vec::new();
    for id in [other.id.as_str(), WEB, "0oaNobody"] {
        let path = format!("{CLIENTS}/{id}");
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::PUT, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/lifecycle/newSecret")),
        ] {
            let response = app.clients(method.clone(), &path, &own.token, Some(&web(json!({})))).await;
            assert_eq!(response.status, 401, "{method} {path}");
            let challenge = response.header("www-authenticate").unwrap().to_owned();
            answers.push((challenge, response.body));
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    for (method, path) in [
        (Method::GET, CLIENTS.to_owned()),
        (Method::POST, CLIENTS.to_owned()),
        (Method::POST, format!("{}/lifecycle/newSecret", own.path())),
    ] {
        assert_eq!(app.clients(method, &path, &own.token, Some(&web(json!({})))).await.status, 401, "{path}");
    }
    let read = app.clients(Method::GET, &other.path(), &other.token, None).await;
    assert_eq!(read.json()["client_name"], "Other");
    // It is kept as a hash, and is no token for anything else.
    let id = stepgate::id::ClientId::new(own.id.as_str());
    let hash = stepgate::secret::TokenHash::of(&own.token);
    let found = stepgate::store::registration_access_token::find_client(&app.app.db, &hash).await.unwrap();
    assert_eq!(found, Some(id));
    assert_eq!(app.userinfo(&own.token).await.status, 401);
    let introspected = app.introspect(&own.token).await;
    assert_eq!(introspected["active"], false);
}

/// RFC 7591 §2: consent, strictness, introspection of others' tokens and administrative scopes are not a client's own to
/// decide; they are neither taken nor told.
async fn sec_y06_a_client_cannot_set_what_is_an_administrator_s(app: TestApp) {
    let app = open(app).await;
    let wishes = json!({
        "consent_method": "TRUSTED", "introspect": "server", "profile": "okta_compat",
        "okta_scopes": ["okta.clients.manage"], "assignment": {"users": []}, "status": "INACTIVE",
        "registered_by": "ADMINISTRATOR", "not_before": 0, "scope": "okta.clients.manage",
        "grant_types": ["authorization_code", "client_credentials"],
    });
    let known = app.register("", &web(wishes.clone())).await;
    for _ in 0..2 {
        let id = stepgate::id::ClientId::new(known.id.as_str());
        let client = stepgate::store::client::find(&app.app.db, &id).await.unwrap().unwrap();
        let metadata = serde_json::to_value(&client.metadata).unwrap();
        assert_eq!(metadata["consent_method"], "REQUIRED");
        assert_eq!((&metadata["introspect"], &metadata["profile"]), (&json!("own"), &json!("standard")));
        assert!(client.metadata.okta_scopes.is_empty() && client.assignment.is_none() && client.is_active());
        assert!(!client.is_vouched_for());
        let told = app.clients(Method::PUT, &known.path(), &known.token, Some(&web(wishes.clone()))).await;
        assert_eq!(told.status, 200, "{}", told.text());
        for member in ["consent_method", "introspect", "profile", "okta_scopes", "assignment", "status"] {
            assert!(told.json().get(member).is_none(), "{member}");
        }
    }
    let form = [("grant_type", "client_credentials"), ("scope", "okta.clients.manage")];
    let request = app.client().request(Method::POST, "/oauth2/v1/token").basic(&known.id, &known.secret);
    assert_eq!(request.form(&form).send().await.json()["error"], "invalid_scope");
    // Users are asked, although nothing else would ask them.
    let mut browser = Browser::new();
    let page = app.sign_in(&mut browser, &app.authorize_url(&known.id, &[]), ALICE).await;
    assert!(page.body_contains("consent-page"));
}

/// The same for clients that an administrator set up: a full replacement replaces what is the client's, no more.
async fn sec_y06_an_update_keeps_what_an_administrator_decided(app: TestApp) {
    let token = app.administrator(&["okta.clients.manage"]).await;
    let path = format!("{CLIENTS}/{}", fixtures::OKTA);
    let wishes = web(json!({"profile": "standard", "introspect": "server", "consent_method": "REQUIRED"}));
    assert_eq!(app.clients(Method::PUT, &path, &token, Some(&wishes)).await.status, 200);
    let id = stepgate::id::ClientId::new(fixtures::OKTA);
    let client = stepgate::store::client::find(&app.app.db, &id).await.unwrap().unwrap();
    let metadata = serde_json::to_value(&client.metadata).unwrap();
    assert_eq!((&metadata["profile"], &metadata["introspect"]), (&json!("okta_compat"), &json!("own")));
    assert_eq!(metadata["consent_method"], "TRUSTED");
    assert!(client.is_vouched_for());
    // The secret was not touched.
    assert_eq!(client.secrets.len(), 1);
}

/// What a user agreed to is not what a machine was given: tokens of users, of other servers, bound to a key or revoked
/// administer nothing (RFC 9700 §2.3).
async fn sec_y06_no_user_s_token_administers_clients(app: TestApp) {
    let machine = app.administrator(&["okta.clients.manage"]).await;
    let mut browser = Browser::new();
    let more = [("scope", "openid okta.clients.manage")];
    let code = app.code_in(&mut browser, "org", WEB, &more, ALICE).await;
    let form = code_form(&code);
    let tokens = app.token_at("org", WEB, &form).await.json();
    assert!(!tokens["scope"].as_str().unwrap().contains("okta"), "{tokens}");
    let elsewhere =
        app.token(MACHINE, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await.json();
    for token in [
        tokens["access_token"].as_str().unwrap(),
        tokens["id_token"].as_str().unwrap(),
        elsewhere["access_token"].as_str().unwrap(),
        &format!("{machine}x"),
    ] {
        let response = app.clients(Method::GET, CLIENTS, token, None).await;
        assert_eq!(response.status, 401, "{}", response.text());
    }
    assert_eq!(app.clients(Method::GET, CLIENTS, &machine, None).await.status, 200);
    let dpop = app.client().request(Method::GET, CLIENTS).header("authorization", &format!("DPoP {machine}"));
    assert_eq!(dpop.send().await.status, 401);
    let form = [("token", machine.as_str())];
    let revoke = app.client().request(Method::POST, "/oauth2/v1/revoke").basic(ADMIN, SECRET).form(&form);
    assert_eq!(revoke.send().await.status, 200);
    assert_eq!(app.clients(Method::GET, CLIENTS, &machine, None).await.status, 401);
}

/// A client that an administrator switched off stays as it is.
async fn sec_y06_a_client_that_was_switched_off_cannot_change_itself(app: TestApp) {
    let app = open(app).await;
    let known = app.register("", &web(json!({}))).await;
    let id = stepgate::id::ClientId::new(known.id.as_str());
    let tx = app.app.db.begin_write().await.unwrap();
    let mut client = stepgate::store::client::find_in(&tx, &id).await.unwrap().unwrap();
    client.status = stepgate::model::Status::Inactive;
    stepgate::store::client::update(&tx, &client).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = app.clients(method.clone(), &known.path(), &known.token, Some(&web(json!({})))).await;
        assert_eq!(response.status, 401, "{method}");
    }
}

/// A registration leaves a row for ever: an address has a budget of them.
async fn sec_y06_registrations_from_one_address_are_counted(app: TestApp) {
    use stepgate::limit::rate::{Bucket, Rate};
    let settings: fn(&mut stepgate::app::Settings) = |settings| settings.registration.open = true;
    let rates = vec![(Bucket::Registration, Rate::per_minute(2))];
    let app = app
        .restart(crate::support::app::Change { settings: Some(settings), rates, ..Default::default() })
        .await;
    let post = async || app.clients(Method::POST, CLIENTS, "", Some(&web(json!({})))).await;
    assert_eq!((post().await.status, post().await.status), (201, 201));
    let response = post().await;
    assert_eq!((response.status, &response.json()["errorCode"]), (429, &json!("E0000047")));
    assert!(response.header("retry-after").is_some());
    app.clock.advance(120);
    assert_eq!(post().await.status, 201);
}
