//! G: which issuer an answer is from (RFC 9207; RFC 8414 §3.3; RFC 9700 §4.4).

use serde_json::Value;

use super::assert_page;
use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, ASKING, WEB},
    http::Browser,
    op::{answer, base, claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_g01_every_authorization_response_names_the_issuer,
        sec_g02_metadata_names_the_issuer_it_was_fetched_from,
        sec_g02_the_issuer_is_configured_and_not_heard_from_a_request,
        sec_g03_tokens_name_the_issuer_of_the_metadata,
        sec_g03_other_hosts_are_not_answered_for
    ]
}

/// Each server with its issuer and the paths of its metadata.
fn servers(app: &TestApp) -> [(&'static str, String, Vec<&'static str>); 2] {
    [
        (
            "org",
            app.issuer.clone(),
            vec!["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
        ),
        (
            "default",
            app.url("/oauth2/default"),
            vec![
                "/oauth2/default/.well-known/openid-configuration",
                "/oauth2/default/.well-known/oauth-authorization-server",
                "/.well-known/openid-configuration/oauth2/default",
                "/.well-known/oauth-authorization-server/oauth2/default",
            ],
        ),
    ]
}

/// RFC 9207 §2: every response has `iss`, success or error, in every mode.
async fn sec_g01_every_authorization_response_names_the_issuer(app: TestApp) {
    for (server, issuer, _) in servers(&app) {
        let url = |more: &[(&str, &str)]| app.authorize_url_at(server, ASKING, more);
        let mut browser = Browser::new();
        // An error before anything is asked, and one because nothing may be.
        for more in [[("scope", "nothing")], [("prompt", "none")], [("prompt", "none login")]] {
            browser.open(&url(&more)).await;
            let refused = answer(&browser);
            assert!(refused.contains_key("error"));
            assert_eq!(refused["iss"], issuer, "{more:?}");
        }
        // Cancelled by the user.
        let page = browser.open(&url(&[])).await;
        browser.submit(&page.form("login-form").press("cancel")).await;
        assert_eq!(
            (answer(&browser)["error"].as_str(), &answer(&browser)["iss"]),
            ("access_denied", &issuer)
        );
        // Success, in every mode.
        app.sign_in(&mut browser, &app.authorize_url_at(server, WEB, &[]), ALICE).await;
        assert!(answer(&browser).contains_key("code"));
        assert_eq!(answer(&browser)["iss"], issuer);
        let in_mode = |mode| app.authorize_url_at(server, WEB, &[("response_mode", mode)]);
        browser.open(&in_mode("fragment")).await;
        let fragment: Vec<_> = form_urlencoded::parse(browser.url().fragment().unwrap().as_bytes()).collect();
        assert!(fragment.iter().any(|(name, value)| name == "iss" && *value == issuer), "{fragment:?}");
        let page = browser.open(&in_mode("form_post")).await;
        assert_eq!(page.form("form-post").field("iss"), Some(issuer.as_str()));
        let page = browser.open(&in_mode("okta_post_message")).await;
        assert!(page.body_contains(&format!("\"iss\":\"{issuer}\"")), "{}", page.text());
    }
}

/// RFC 8414 §3.3: `issuer` is what the URL was made from, byte for byte; so is every endpoint below it.
async fn sec_g02_metadata_names_the_issuer_it_was_fetched_from(app: TestApp) {
    for (server, issuer, paths) in servers(&app) {
        for path in paths {
            let metadata = app.client().get(path).await;
            assert_eq!(metadata.status, 200, "{path}");
            let metadata = metadata.json();
            assert_eq!(metadata["issuer"], issuer, "{path}");
            assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
            for (name, value) in metadata.as_object().unwrap() {
                // Clients are registered at the org server, for all of them.
                let at = if name == "registration_endpoint" { "org" } else { server };
                let endpoints = app.url(&base(at));
                if name.ends_with("_endpoint") || name == "jwks_uri" {
                    assert!(value.as_str().unwrap().starts_with(&endpoints), "{name}: {value}");
                }
            }
        }
    }
    // The org server has one address and not a second one under its id.
    for path in
        ["/oauth2/org/.well-known/openid-configuration", "/oauth2/nothing/.well-known/openid-configuration"]
    {
        assert_eq!(app.client().get(path).await.status, 404, "{path}");
    }
    let page = app.client().get(&app.authorize_url_at("nothing", WEB, &[])).await;
    assert!(matches!(page.status, 400 | 404) && page.header("location").is_none(), "{}", page.words());
}

/// What a request says about hosts and schemes goes into no document, redirect or token.
async fn sec_g02_the_issuer_is_configured_and_not_heard_from_a_request(app: TestApp) {
    let claims_to_be = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "444"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-host", "evil.example"),
        ("origin", "https://evil.example"),
    ];
    for (_, _, paths) in servers(&app) {
        for path in paths {
            let plain = app.client().get(path).await;
            let mut request = app.client().request(http::Method::GET, path);
            for (name, value) in claims_to_be {
                request = request.header(name, value);
            }
            let dressed = request.send().await;
            assert_eq!(dressed.json(), plain.json(), "{path}");
        }
    }
    let mut request = app.client().request(http::Method::GET, &app.authorize_url(WEB, &[("prompt", "none")]));
    for (name, value) in claims_to_be {
        request = request.header(name, value);
    }
    let response = request.send().await;
    let location = response.location().unwrap();
    assert!(location.query_pairs().any(|(name, value)| name == "iss" && value == app.url("/oauth2/default")));
    assert!(!location.as_str().contains("evil"), "{location}");
}

/// OpenID Connect Core §3.1.3.7: `iss` of a token is the issuer of the metadata, also for access tokens.
async fn sec_g03_tokens_name_the_issuer_of_the_metadata(app: TestApp) {
    let mut browser = Browser::new();
    for (server, issuer, _) in servers(&app) {
        let code = app.code_in(&mut browser, server, WEB, &[], ALICE).await;
        let form = code_form(&code);
        let tokens: Value = app.token_at(server, WEB, &form).await.json();
        for name in ["id_token", "access_token"] {
            assert_eq!(claims(tokens[name].as_str().unwrap())["iss"], issuer, "{server} {name}");
        }
    }
}

/// One issuer, one host: others get 421 and nothing else (RFC 9110 §15.5.20).
async fn sec_g03_other_hosts_are_not_answered_for(app: TestApp) {
    let own = app.issuer.strip_prefix("http://").unwrap();
    let port = own.rsplit_once(':').unwrap().1;
    let foreign = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1:{port}"),
        format!("localhost.:{port}"),
        "localhost".to_owned(),
        "localhost:1".to_owned(),
        format!("{own},evil.example"),
    ];
    for host in &foreign {
        for path in ["/.well-known/openid-configuration", "/oauth2/default/v1/keys", "/signin", "/"] {
            let request = app.client().request(http::Method::GET, path).header("host", host);
            let response = request.send().await;
            assert_eq!(response.status, 421, "{host} {path}");
            assert!(!response.body_contains("evil") && response.header("location").is_none());
            assert!(response.header("set-cookie").is_none());
        }
    }
    let request = app.client().request(http::Method::GET, "/.well-known/openid-configuration");
    assert_eq!(request.header("host", &own.to_uppercase()).send().await.status, 200);
    let page = app.client().get(&app.authorize_url(WEB, &[("redirect_uri", "https://evil.example/")])).await;
    assert_page(&page, "invalid_redirect_uri");
}
