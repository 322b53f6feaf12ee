//! X1, X2, X5, X6: what can be smuggled in by text, line ends, repetition and size (ASVS 5.0 §1.2, §2.2, §4.2).
//!
//! X7 to X10 are tested where the code is, X12 in `framing`; too much of everything at every address in `limits`.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use serde_json::json;
use sha2::Sha256;
use stepgate::{
    id::{AuthorizationServerId, ScopeId},
    model::authorization_server::{Scope, ScopeConsent},
    secret::Secret,
    store,
    user::login::LoginKey,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{assert_page, assert_refused, traces};
use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, PASSWORD, REDIRECT_URI, SECRET, SERVICE, WEB, WEB_JWT},
    http::{Browser, Response},
    op::{answer, code_form, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_x01_what_users_and_clients_are_called_is_text,
        sec_x01_what_a_request_says_is_text,
        sec_x01_an_answer_by_page_is_text,
        sec_x01_nothing_unknown_is_echoed,
        sec_x02_line_ends_reach_no_header,
        sec_x02_line_ends_in_a_token_request_are_text,
        sec_x05_a_parameter_is_sent_once_in_one_place,
        sec_x05_members_of_a_client_assertion_are_sent_once,
        sec_x06_many_scopes_and_resources_are_refused_at_once,
        sec_x06_wishes_for_languages_are_bounded_and_never_an_error,
        sec_x06_a_large_header_is_refused_at_once,
        sec_x06_a_large_body_is_refused_before_it_is_sent,
        sec_x06_an_endless_body_is_cut_off
    ]
}

/// Markup that would run or leave its place if any of it were written raw.
const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "\" autofocus onfocus=\"alert(1)",
    "' onfocus='alert(1)",
    "</title></textarea></style><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "--><svg onload=alert(1)><!--",
    "{{constructor.constructor('alert(1)')()}}${7*7}",
    "&lt;script&gt;&quot;&#x27;",
];

/// The characters that make markup: of escaped text there is none, so a page has as many as with harmless text.
fn markup(page: &Response) -> [usize; 3] {
    ["<", ">", "\""].map(|character| page.text().matches(character).count())
}

/// The pages of a journey, with everything that users and clients are called being this text.
async fn pages(app: &TestApp, number: usize, text: &str) -> Vec<Response> {
    let id = format!("hostile-{number}");
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let link = |path: &str| format!("https://app.example.com/{path}?{encoded}&x='");
    let metadata = json!({
        "client_name": text,
        "logo_uri": link("logo.png"),
        "policy_uri": link("policy"),
        "tos_uri": link("tos"),
        "client_uri": link("home"),
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "consent_method": "REQUIRED",
    });
    fixtures::client(&app.app, &id, metadata, Some(SECRET)).await;
    let login = format!("user-{number}@example.com");
    let hash = app.app.passwords.hash(Secret::new(PASSWORD.to_owned())).await.unwrap();
    let profile = json!({"displayName": text, "firstName": text, "lastName": text});
    let user = fixtures::user(&login, &profile, hash, app.app.now());
    let name = format!("hostile:{number}");
    let scope = Scope {
        id: ScopeId::generate(app.app.random.as_ref()),
        name: name.clone(),
        display_name: Some(text.to_owned()),
        description: Some(text.to_owned()),
        consent: ScopeConsent::Required,
        optional: true,
        default: false,
        published: true,
        system: false,
        sensitive: false,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::insert(&tx, &user, LoginKey::normalize(&login).unwrap().as_str()).await.unwrap();
    store::server::upsert_scope(&tx, &AuthorizationServerId::new("default"), &scope).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let mut browser = Browser::new();
    let asked = format!("openid {name}");
    let url = |more: (&str, &str)| app.authorize_url(&id, &[("scope", &asked), more]);
    let sign_in = browser.open(&url(("x", "y"))).await;
    let failed = sign_in_on(&mut browser, &sign_in, &login, "wrong").await;
    let consent = sign_in_on(&mut browser, &failed, &login, PASSWORD).await;
    assert!(consent.body_contains("consent-form"), "{}", consent.words());
    let accounts = browser.open(&url(("prompt", "select_account"))).await;
    assert!(accounts.body_contains("accounts-form"), "{}", accounts.words());
    let error = browser.open(&url(("redirect_uri", "https://evil.example/"))).await;
    assert_page(&error, "invalid_redirect_uri");
    let home = browser.open(&app.url("/")).await;
    let logout = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    assert!(logout.body_contains("logout-form"), "{}", logout.words());
    vec![sign_in, failed, consent, accounts, error, home, logout]
}

/// Names, logos, links, scopes and people are text wherever they are shown; a logo is an `https` image.
async fn sec_x01_what_users_and_clients_are_called_is_text(app: TestApp) {
    let harmless = pages(&app, 0, "Acme").await;
    for (number, text) in HOSTILE.iter().enumerate() {
        let hostile = pages(&app, number + 1, text).await;
        for (page, like) in hostile.iter().zip(&harmless) {
            assert_eq!(markup(page), markup(like), "{text} on {}: {}", page.url, page.text());
            assert!(!page.body_contains("=\"javascript:"), "{}", page.text());
            let policy = page.header("content-security-policy").unwrap();
            assert!(!policy.contains("unsafe") && !policy.contains("alert"), "{policy}");
        }
        // It is shown, not dropped: otherwise the test would prove nothing.
        assert!(hostile[2].words().contains("asks for your permission"), "{}", hostile[2].words());
    }
    let metadata = json!({
        "logo_uri": "javascript:alert(1)",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    for logo in
        ["javascript:alert(1)", "data:image/svg+xml,<svg onload=alert(1)>", "http://app.example.com/l.png"]
    {
        let mut metadata = metadata.clone();
        metadata["logo_uri"] = json!(logo);
        let metadata: stepgate::protocol::client_metadata::ClientMetadata =
            serde_json::from_value(metadata).unwrap();
        assert!(metadata.with_defaults().validate().is_err(), "{logo}");
    }
}

/// Whatever a link to the sign-in page says arrives there as text, and comes back from a failed attempt as text.
async fn sec_x01_what_a_request_says_is_text(app: TestApp) {
    let names =
        ["login_hint", "ui_locales", "claims_locales", "display", "acr_values", "state", "nonce", "idp", "x"];
    let url = |text: &str| app.authorize_url(WEB, &names.map(|name| (name, text)));
    let harmless = Browser::new().open(&url("Acme")).await;
    for text in HOSTILE {
        let mut browser = Browser::new();
        browser.send_always("accept-language", "de<script>");
        browser.send_always("user-agent", "\"><script>alert(1)</script>");
        let page = browser.open(&url(text)).await;
        assert_eq!(markup(&page), markup(&harmless), "{text}: {}", page.text());
        assert_eq!(page.form("login-form").field("identifier"), Some(text));
        let again = sign_in_on(&mut browser, &page, text, text).await;
        assert_eq!(again.form("login-form").field("identifier"), Some(text.trim()));
        assert_eq!(again.text().matches("<script").count(), page.text().matches("<script").count());
    }
}

/// `form_post` and `okta_post_message` carry `state` in a page.
async fn sec_x01_an_answer_by_page_is_text(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    for text in HOSTILE {
        let url = |mode| app.authorize_url(WEB, &[("response_mode", mode), ("state", text)]);
        let page = browser.open(&url("form_post")).await;
        assert_eq!(page.form("form-post").field("state"), Some(text));
        assert_eq!(page.text().matches("<script").count(), 1);
        let page = browser.open(&url("okta_post_message")).await;
        assert_eq!(page.text().matches("<script").count(), 1, "{}", page.text());
        assert_eq!(page.text().matches("</script").count(), 1, "{}", page.text());
        let script = page.text().split("<script").nth(1).unwrap().split("</script>").next().unwrap();
        let script = script.split_once('>').unwrap().1;
        assert!(!script.contains(['<', '>', '&']), "{script}");
        // The data is the state itself, and it goes to the client's origin only.
        let (data, origin) = script.rsplit_once("})(").unwrap().1.rsplit_once(',').unwrap();
        assert_eq!(origin, "\"https://app.example.com\");");
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["state"], text);
    }
}

/// Errors have fixed texts: neither pages nor JSON say again what was sent.
async fn sec_x01_nothing_unknown_is_echoed(app: TestApp) {
    for text in HOSTILE.iter().map(|text| format!("{text}gronk")) {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let mut browser = Browser::new();
        for url in [
            app.url(&format!("/{encoded}")),
            app.url(&format!("/oauth2/{encoded}/v1/authorize")),
            app.url(&format!("/signin?flow={encoded}")),
            app.url(&format!("/consent?flow={encoded}")),
            app.url(&format!("/assets/{encoded}")),
            app.authorize_url(&text, &[]),
            app.authorize_url(WEB, &[("redirect_uri", &text)]),
            app.url(&format!("/oauth2/default/v1/authorize?ticket={encoded}")),
            app.url(&format!("/oauth2/default/v1/logout?id_token_hint={encoded}&state={encoded}")),
        ] {
            let page = browser.open(&url).await;
            assert!(!page.body_contains("gronk"), "{url}: {}", page.text());
        }
        for form in [
            [("grant_type", text.as_str()), ("scope", "x")],
            [("grant_type", "client_credentials"), ("scope", &text)],
            [("grant_type", "authorization_code"), ("code", &text)],
            [("grant_type", "refresh_token"), ("refresh_token", &text)],
        ] {
            let response = app.token(WEB, &form).await;
            assert_eq!(response.status, 400, "{}", response.text());
            assert!(!response.body_contains("gronk"), "{}", response.text());
        }
        let response = app.client().get(&format!("/oauth2/default/v1/{encoded}")).await;
        assert_eq!(response.header("content-type"), Some("application/json;charset=UTF-8"));
        assert!(!response.body_contains("gronk"), "{}", response.text());
    }
}

/// RFC 9110 §5.5: a line end in a header would end it; NUL is refused before anything reads it.
async fn sec_x02_line_ends_reach_no_header(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "display",
        "login_hint",
        "id_token_hint",
        "ui_locales",
        "acr_values",
        "code_challenge",
        "code_challenge_method",
        "resource",
        "request",
        "request_uri",
        "x",
    ];
    for end in ["\r\n", "\n", "\r", "\u{85}", "\u{2028}", "%0d%0a"] {
        let text = format!("a{end}x-smuggled: 1{end}set-cookie: smuggled=1{end}{end}<html>");
        for name in names {
            let response = browser.open(&app.authorize_url(WEB, &[(name, &text)])).await;
            assert_clean(&response, name);
            if let Some(location) = response.header("location") {
                assert!(location.starts_with(REDIRECT_URI) && location.is_ascii(), "{location}");
                if name == "state" {
                    assert_eq!(answer(&browser)["state"], text);
                }
            }
        }
    }
    let before = traces(&app).await;
    for name in names {
        let page = browser.open(&app.authorize_url(WEB, &[(name, "a\0b")])).await;
        assert_page(&page, "invalid_request");
    }
    assert_eq!(traces(&app).await, before);
}

#[track_caller]
fn assert_clean(response: &Response, name: &str) {
    assert!(response.status < 500, "{name}: {}", response.status);
    assert!(!response.headers.contains_key("x-smuggled"), "{name}: {:?}", response.headers);
    for cookie in response.headers.get_all("set-cookie") {
        assert!(!cookie.to_str().unwrap().contains("smuggled"), "{name}: {cookie:?}");
    }
}

/// The token endpoint answers JSON, whose strings have no line ends (RFC 8259 §7); the system log keeps one event per
/// line of text.
async fn sec_x02_line_ends_in_a_token_request_are_text(app: TestApp) {
    let text = "a\r\nx-smuggled: 1\r\nset-cookie: smuggled=1\r\n\r\n";
    for name in
        ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "x"]
    {
        let mut form = code_form("c").to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, text));
        let response = app.token(WEB, &form).await;
        assert_clean(&response, name);
        assert!(matches!(response.status, 400 | 401), "{name}: {}", response.text());
        assert!(!response.text().contains(['\r', '\n']) && !response.body_contains("smuggled"));
        *form.last_mut().unwrap() = (name, "a\0b");
        assert_refused(&app.token(WEB, &form).await, 400, "invalid_request");
    }
    // A user agent and a login go into the log as they are, as one field of one event.
    let mut browser = Browser::new();
    browser.send_always("user-agent", "agent \u{fe}");
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let failed = sign_in_on(&mut browser, &page, "a\r\nuser.session.start SUCCESS", "wrong").await;
    assert_clean(&failed, "identifier");
    let started =
        app.log().await.into_iter().filter(|(kind, why)| kind == "user.session.start" && why.is_none());
    assert_eq!(started.count(), 0);
}

/// RFC 6749 §3.2: no parameter twice, and RFC 6749 §2.3.1: none in the URL that belongs into the body.
async fn sec_x05_a_parameter_is_sent_once_in_one_place(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let token = tokens["access_token"].as_str().unwrap();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    for (path, client, form) in [
        (
            "/oauth2/default/v1/token",
            WEB,
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", "openid")],
        ),
        (
            "/oauth2/default/v1/introspect",
            SERVICE,
            vec![("token", token), ("token_type_hint", "access_token")],
        ),
        ("/oauth2/default/v1/revoke", WEB, vec![("token", token), ("token_type_hint", "access_token")]),
    ] {
        for &(name, value) in &form {
            for second in [value, "other", ""] {
                let mut twice = form.clone();
                twice.push((name, second));
                let request = app.client().request(Method::POST, path).basic(client, SECRET);
                assert_refused(&request.form(&twice).send().await, 400, "invalid_request");
            }
            // Also in the query, and also where the body has it not.
            let url = format!(
                "{path}?{}",
                form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
            );
            let request = app.client().request(Method::POST, &url).basic(client, SECRET);
            assert_refused(&request.form(&form).send().await, 400, "invalid_request");
        }
        // Unknown ones too; encoding does not make two names of one.
        for (first, second) in [("x=1", "x=2"), ("x=1", "%78=1")] {
            let body = format!("{first}&{second}&token=t&grant_type=client_credentials");
            let request = app.client().request(Method::POST, path).basic(client, SECRET);
            let response = request.body("application/x-www-form-urlencoded", body).send().await;
            assert_refused(&response, 400, "invalid_request");
        }
    }
    // Nothing of it was done.
    assert_eq!(app.introspect(token).await["active"], true);
    assert_eq!(app.refresh(WEB, refresh_token).await.status, 200);
    // Logout and authorize, whose answers are pages or redirects.
    let mut browser = Browser::new();
    let page = browser.open(&app.url("/oauth2/default/v1/logout?state=a&state=b")).await;
    assert_page(&page, "invalid_request");
    for name in ["state", "scope", "nonce", "prompt", "code_challenge", "response_type", "response_mode", "x"]
    {
        browser.open(&format!("{}&{name}=1&{name}=2", app.authorize_url(WEB, &[(name, "-")]))).await;
        assert_eq!(answer(&browser)["error"], "invalid_request", "{name}: {}", browser.url());
    }
}

/// RFC 7519 §4: names within a claims set are unique; ours is not the parser that takes the last of two.
async fn sec_x05_members_of_a_client_assertion_are_sent_once(app: TestApp) {
    let issuer = app.url("/oauth2/default");
    let now = app.app.now().unix_timestamp();
    let assertion = |header: &str, number: u8, more: &str| {
        let claims = format!(
            "{{\"iss\":\"{WEB_JWT}\",\"sub\":\"{WEB_JWT}\",\"aud\":\"{issuer}\",\"iat\":{now},\"exp\":{},\"jti\":\"j{number}\"{more}}}",
            now + 60
        );
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let send = async |assertion: String| {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "car:drive"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        app.client().post_form("/oauth2/default/v1/token", &form).await
    };
    let header = "{\"alg\":\"HS256\"}";
    let good = send(assertion(header, 0, "")).await;
    assert_eq!(good.status, 200, "{}", good.text());
    let other = format!(",\"iss\":\"{WEB}\"");
    let nested = ",\"x\":{\"a\":1,\"a\":2}";
    for (number, (header, more)) in [
        (header, other.as_str()),
        (header, ",\"sub\":\"web-jwt\""),
        (header, ",\"exp\":99999999999"),
        (header, ",\"aud\":\"https://evil.example\""),
        (header, ",\"j\\u0074i\":\"other\""),
        (header, nested),
        ("{\"alg\":\"HS256\",\"alg\":\"none\"}", ""),
        ("{\"alg\":\"none\",\"alg\":\"HS256\"}", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let number = u8::try_from(number).unwrap() + 1;
        let refused = send(assertion(header, number, more)).await;
        assert_eq!(refused.status, 401, "{header} {more}: {}", refused.text());
        assert_refused(&refused, 401, "invalid_client");
    }
}

/// How long the refusal of something large may take on a busy machine; without a bound it would take far longer.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn post(app: &TestApp, path: &str, body: String) -> Response {
    let began = Instant::now();
    let request = app.client().request(Method::POST, path).basic(WEB, SECRET);
    let response = request.body("application/x-www-form-urlencoded", body).send().await;
    assert!(began.elapsed() < AT_ONCE, "{path}: {:?}", began.elapsed());
    response
}

/// 10⁵ scopes and 10⁴ resources are refused by their number or size (CVE-2026-4634), at every endpoint that reads them.
async fn sec_x06_many_scopes_and_resources_are_refused_at_once(app: TestApp) {
    let before = traces(&app).await;
    let (token, authorize) = ("/oauth2/default/v1/token", "/oauth2/default/v1/authorize");
    let scopes = |count: usize| (0..count).map(|_| "s").collect::<Vec<_>>().join("+");
    let resources = |count: usize| (0..count).map(|_| "resource=a".to_owned()).collect::<Vec<_>>().join("&");
    let query = app.authorize_url(WEB, &[("scope", "-")]);
    let query = query.split_once('?').unwrap().1;
    let form = |scope: &str| format!("grant_type=client_credentials&scope={scope}");
    assert_eq!(post(&app, token, form(&scopes(100_000))).await.status, 413);
    assert_refused(&post(&app, token, form(&scopes(20_000))).await, 400, "invalid_scope");
    assert_eq!(post(&app, authorize, format!("{query}&scope={}", scopes(100_000))).await.status, 413);
    let response = post(&app, token, format!("grant_type=client_credentials&scope={}", scopes(101))).await;
    assert_refused(&response, 400, "invalid_scope");
    assert_eq!(
        post(&app, token, format!("grant_type=client_credentials&{}", resources(10_000))).await.status,
        413
    );
    for count in [5_000, 200] {
        let form = format!("grant_type=client_credentials&{}", resources(count));
        assert_refused(&post(&app, token, form).await, 400, "invalid_request");
    }
    assert_eq!(post(&app, authorize, format!("{query}&{}", resources(10_000))).await.status, 413);
    assert_eq!(traces(&app).await, before);
    // In a URL there is less room.
    let mut browser = Browser::new();
    let page = browser.open(&format!("{}&{}", app.authorize_url(WEB, &[]), resources(1_000))).await;
    assert_page(&page, "invalid_request");
    let page = browser.open(&format!("{}&{}", app.authorize_url(WEB, &[]), resources(11))).await;
    assert_page(&page, "invalid_request");
    let page = browser.open(&app.authorize_url(WEB, &[("scope", &"s ".repeat(5_000))])).await;
    assert_page(&page, "invalid_request");
    browser.open(&app.authorize_url(WEB, &[("scope", vec!["s"; 101].join(" ").as_str())])).await;
    assert_eq!(answer(&browser)["error"], "invalid_scope");
    let (status, _) =
        exchange(&app, &format!("GET {authorize}?scope={} HTTP/1.1\r\n", scopes(100_000)), Rest::Nothing)
            .await;
    assert!(matches!(status, 414 | 431), "{status}");
    assert_eq!(traces(&app).await, before);
}

/// A wish for a language is never an error (Core §3.1.2.1) and leaves nothing behind (CVE-2026-79651).
async fn sec_x06_wishes_for_languages_are_bounded_and_never_an_error(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    for locales in [
        vec!["de"; 300].join(" "),
        "x".repeat(1024),
        (0..200).map(|n| format!("a{n:03}")).collect::<Vec<_>>().join(" "),
    ] {
        browser.open(&app.authorize_url(WEB, &[("ui_locales", &locales)])).await;
        assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    }
    let page = browser.open(&app.authorize_url(WEB, &[("ui_locales", &"x".repeat(1025))])).await;
    assert_page(&page, "invalid_request");
}

/// What follows the head of a raw request.
enum Rest {
    /// Nothing.
    Nothing,
    /// Chunks of 1 KiB without end.
    Chunks,
}

/// Sends a raw request; the status of the answer, and how many bytes of the rest went out before it came.
async fn exchange(app: &TestApp, head: &str, rest: Rest) -> (u16, usize) {
    let authority = app.issuer.strip_prefix("http://").unwrap();
    let port = authority.rsplit_once(':').unwrap().1;
    let began = Instant::now();
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = format!("{head}host: {authority}\r\n\r\n");
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&sent);
    // The answer may come while the request is still being sent, and end the connection.
    let sending = tokio::spawn(async move {
        if to.write_all(head.as_bytes()).await.is_ok() && matches!(rest, Rest::Chunks) {
            let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
            while to.write_all(chunk.as_bytes()).await.is_ok() {
                counter.fetch_add(1024, std::sync::atomic::Ordering::SeqCst);
            }
        }
        to
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match tokio::time::timeout(AT_ONCE, from.read(&mut buffer)).await.expect("an answer in time") {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
    let sent = sent.load(std::sync::atomic::Ordering::SeqCst);
    sending.abort();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status =
        answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {answer}")), sent)
}

/// RFC 6585 §5: 431, for one field and for the sum of many.
async fn sec_x06_a_large_header_is_refused_at_once(app: TestApp) {
    for path in ["/oauth2/default/v1/token", "/oauth2/default/v1/authorize?client_id=web", "/signin"] {
        let large = format!("GET {path} HTTP/1.1\r\nx-large: {}\r\n", "x".repeat(1024 * 1024));
        assert_eq!(exchange(&app, &large, Rest::Nothing).await.0, 431, "{path}");
        let cookies = format!("GET {path} HTTP/1.1\r\ncookie: {}\r\n", "a=b; ".repeat(20_000));
        assert_eq!(exchange(&app, &cookies, Rest::Nothing).await.0, 431, "{path}");
        let many: String = (0..2_000).map(|number| format!("x-{number}: {number}\r\n")).collect();
        assert_eq!(
            exchange(&app, &format!("GET {path} HTTP/1.1\r\n{many}"), Rest::Nothing).await.0,
            431,
            "{path}"
        );
    }
    // Below the limit a header is looked at: it is too long for credentials.
    let request = app.client().request(Method::POST, "/oauth2/default/v1/token");
    let response = request
        .header("authorization", &format!("Basic {}", "QQ==".repeat(3_000)))
        .form(&[("grant_type", "client_credentials")])
        .send()
        .await;
    assert!(matches!(response.status, 400 | 401), "{}", response.text());
}

/// RFC 9110 §15.5.14: what is declared too large is refused before it comes, and not read.
async fn sec_x06_a_large_body_is_refused_before_it_is_sent(app: TestApp) {
    for path in [
        "/oauth2/default/v1/token",
        "/oauth2/default/v1/introspect",
        "/oauth2/default/v1/par",
        "/oauth2/default/v1/authorize",
        "/signin",
        "/oauth2/default/v1/logout",
    ] {
        for length in ["104857600", "65537", "18446744073709551615"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"
            );
            let (status, _) = exchange(&app, &head, Rest::Nothing).await;
            assert!(status == 413 || (status == 431 && length.len() > 10), "{path} {length}: {status}");
        }
        let head = format!(
            "POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 104857600\r\nexpect: 100-continue\r\n"
        );
        assert_eq!(exchange(&app, &head, Rest::Nothing).await.0, 413, "{path}");
    }
}

/// A body that never ends is read as far as its limit.
async fn sec_x06_an_endless_body_is_cut_off(app: TestApp) {
    for path in [
        "/oauth2/default/v1/token",
        "/oauth2/default/v1/par",
        "/oauth2/default/v1/authorize",
        "/signin",
        "/nothing",
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n"
        );
        let (status, sent) = exchange(&app, &head, Rest::Chunks).await;
        assert_eq!(status, 413, "{path}");
        // The limit, and what fits into the buffers of two sockets.
        assert!(sent < 16 * 1024 * 1024, "{path}: {sent} bytes");
    }
    assert_eq!(app.client().get("/oauth2/default/v1/keys").await.status, 200);
}
