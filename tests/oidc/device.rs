//! The device grant (RFC 8628) as devices and people use it.

use http::Method;
use serde_json::json;

use crate::support::{
    Test, TestApp,
    device::{DEVICE_CODE, TV, device, devices},
    fixtures::{ALICE, SECRET},
    http::Browser,
    op::claims,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_device_signs_its_person_in_and_stays_signed_in;
        sqlite:
            the_device_authorization_response_has_its_members,
            a_confidential_device_authenticates,
            each_server_has_its_device_endpoint,
            the_device_endpoint_is_advertised,
            consent_for_a_device_is_remembered_and_always_asked_again,
            what_was_typed_may_be_in_any_case_with_spaces_and_dashes,
            oidc_h1_the_device_pages_have_their_ids_and_need_no_script,
            an_account_can_be_changed_on_the_way
    ]
}

/// From the first request to the refreshed token (RFC 8628 §1).
async fn a_device_signs_its_person_in_and_stays_signed_in(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid email offline_access").await;
    app.clock.advance(30);
    app.decide(codes["user_code"].as_str().unwrap(), ALICE, "approve").await;
    let signed_in = app.app.now().unix_timestamp();
    app.clock.advance(30);
    let response = app.poll(TV, codes["device_code"].as_str().unwrap()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let tokens = response.json();
    assert_eq!(tokens["scope"], "openid email offline_access");
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!((&id_token["aud"], &id_token["amr"]), (&json!(TV), &json!(["pwd"])));
    assert_eq!(id_token["acr"], "urn:okta:loa:1fa:pwd");
    // When the person signed in, not when the device came.
    assert!((id_token["auth_time"].as_i64().unwrap() - signed_in).abs() <= 1);
    assert!(id_token["sid"].is_string() && id_token.get("nonce").is_none());
    let userinfo = app.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(userinfo["email"], ALICE);
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", TV),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    let refreshed = app.client().post_form("/oauth2/default/v1/token", &form).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert!(app.logged("app.oauth2.as.authorize.device", None).await);
}

/// RFC 8628 §3.2, §6.1.
async fn the_device_authorization_response_has_its_members(app: TestApp) {
    devices(&app).await;
    let response = app.device_authorize_at("default", TV, "openid").await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let codes = response.json();
    assert_eq!(codes["device_code"].as_str().unwrap().len(), 43);
    let user_code = codes["user_code"].as_str().unwrap();
    assert_eq!((user_code.len(), user_code.as_bytes()[4]), (9, b'-'));
    assert!(user_code.replace('-', "").chars().all(|letter| "BCDFGHJKLMNPQRSTVWXZ".contains(letter)));
    assert_eq!(codes["verification_uri"], app.url("/activate"));
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&json!(600), &json!(5)));
    assert_eq!(codes.as_object().unwrap().len(), 6);
    // Secrets have no place in a URL, and the endpoint takes forms only.
    let in_url = app.client().request(Method::POST, "/oauth2/default/v1/device/authorize?client_id=tv");
    assert_eq!(in_url.form(&[("client_id", TV)]).send().await.status, 400);
    assert_eq!(app.client().get("/oauth2/default/v1/device/authorize").await.status, 405);
}

/// RFC 8628 §3.1: the client authenticates as at the token endpoint.
async fn a_confidential_device_authenticates(app: TestApp) {
    let method = json!({"token_endpoint_auth_method": "client_secret_basic"});
    let mut metadata = json!({"application_type": "native", "grant_types": [DEVICE_CODE]});
    metadata.as_object_mut().unwrap().extend(method.as_object().unwrap().clone());
    crate::support::fixtures::client(&app.app, "kiosk", metadata, Some(SECRET)).await;
    let ask = |secret: &'static str| {
        let request = app.client().request(Method::POST, "/oauth2/default/v1/device/authorize");
        request.basic("kiosk", secret).form(&[("scope", "openid")]).send()
    };
    let refused = ask("wrong").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    assert!(refused.header("www-authenticate").is_some());
    let bare = app.device_authorize_at("default", "kiosk", "openid").await;
    assert_eq!(bare.json()["error"], "invalid_client");
    let codes = ask(SECRET).await.json();
    app.decide(codes["user_code"].as_str().unwrap(), ALICE, "approve").await;
    let form = [("grant_type", DEVICE_CODE), ("device_code", codes["device_code"].as_str().unwrap())];
    assert_eq!(app.poll("kiosk", codes["device_code"].as_str().unwrap()).await.status, 401);
    assert_eq!(app.token("kiosk", &form).await.status, 200);
}

/// The org server has the endpoint too; a server that does not exist is told as everywhere.
async fn each_server_has_its_device_endpoint(app: TestApp) {
    devices(&app).await;
    let codes = app.device_authorize_at("org", TV, "openid groups").await;
    assert_eq!(codes.status, 200, "{}", codes.text());
    let codes = codes.json();
    app.decide(codes["user_code"].as_str().unwrap(), ALICE, "approve").await;
    let code = codes["device_code"].as_str().unwrap();
    assert_eq!(app.poll(TV, code).await.json()["error"], "invalid_grant");
    let form = [("grant_type", DEVICE_CODE), ("client_id", TV), ("device_code", code)];
    let tokens = app.client().post_form("/oauth2/v1/token", &form).await.json();
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["iss"], app.issuer);
    assert_eq!(app.device_authorize_at("nowhere", TV, "openid").await.status, 404);
    assert_eq!(app.device_authorize_at("org/", TV, "openid").await.status, 404);
}

/// RFC 8628 §4.
async fn the_device_endpoint_is_advertised(app: TestApp) {
    for (path, base) in [("", "/oauth2"), ("/oauth2/default", "/oauth2/default")] {
        let document = app.client().get(&format!("{path}/.well-known/openid-configuration")).await.json();
        let endpoint = app.url(&format!("{base}/v1/device/authorize"));
        assert_eq!(document["device_authorization_endpoint"], endpoint);
        assert!(document["grant_types_supported"].as_array().unwrap().contains(&json!(DEVICE_CODE)));
    }
}

/// RFC 8628 §5.4: whatever a user agreed to before, a device is asked about.
async fn consent_for_a_device_is_remembered_and_always_asked_again(app: TestApp) {
    device(&app, TV, json!({"consent_method": "REQUIRED"})).await;
    let mut browser = Browser::new();
    for round in 0..2 {
        let codes = app.device_codes(TV, "openid car:drive").await;
        let page = app.to_confirmation(&mut browser, codes["user_code"].as_str().unwrap(), ALICE).await;
        let done = browser.submit(&page.form("device-confirm-form").press("approve")).await;
        assert!(done.body_contains("device-done-page"), "{round}: {}", done.words());
        assert_eq!(app.poll(TV, codes["device_code"].as_str().unwrap()).await.status, 200);
    }
    assert!(app.logged("app.oauth2.as.consent.grant", None).await);
}

/// RFC 8628 §6.1.
async fn what_was_typed_may_be_in_any_case_with_spaces_and_dashes(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let code = codes["user_code"].as_str().unwrap();
    let bare = code.replace('-', "");
    for typed in [code, &bare, &code.to_lowercase(), &format!(" {} {} ", &bare[..3], &bare[3..])] {
        let page = app.activate(&mut Browser::new(), typed).await;
        assert!(page.body_contains("login-page"), "{typed}: {}", page.words());
    }
}

/// Scripted browsers find everything by id; nothing a person fills in is hidden, and no page has a script.
async fn oidc_h1_the_device_pages_have_their_ids_and_need_no_script(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    let entry = browser.open(&app.url("/activate")).await;
    let confirm = app.to_confirmation(&mut browser, codes["user_code"].as_str().unwrap(), ALICE).await;
    let done = browser.submit(&confirm.form("device-confirm-form").press("approve")).await;
    let mut headings = Vec::new();
    for (page, ids) in [
        (entry, vec!["device-page", "user-code", "device-submit"]),
        (confirm, vec!["device-confirm-page", "device-approve", "device-deny"]),
        (done, vec!["device-done-page"]),
    ] {
        assert_eq!(page.status, 200, "{}", page.url);
        for id in ids {
            assert_eq!(page.text().matches(&format!("id=\"{id}\"")).count(), 1, "{id} at {}", page.url);
        }
        for hidden in page.text().split("type=\"hidden\"").skip(1) {
            let name = hidden.split_once("name=\"").unwrap().1.split_once('"').unwrap().0;
            assert!(["flow_id", "csrf"].contains(&name), "{name} is hidden at {}", page.url);
        }
        assert!(!page.body_contains("<script") && !page.body_contains("autofocus"), "{}", page.url);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.text().matches("<h1").count(), 1);
        headings.push(page.text().split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned());
    }
    assert_eq!(headings, ["Connect a device", "Allow this device?", "Device connected"]);
}

/// "Not you?" leads to the accounts and back to the same question.
async fn an_account_can_be_changed_on_the_way(app: TestApp) {
    devices(&app).await;
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    let page = app.to_confirmation(&mut browser, codes["user_code"].as_str().unwrap(), ALICE).await;
    let accounts = browser.follow(&page, "Not you?").await;
    assert!(accounts.body_contains("account-list"), "{}", accounts.words());
    let page = browser.submit(&accounts.form("accounts-form").press("other")).await;
    let bob = crate::support::fixtures::BOB;
    let page =
        crate::support::op::sign_in_on(&mut browser, &page, bob, crate::support::fixtures::PASSWORD).await;
    assert!(page.body_contains("device-confirm-page") && page.body_contains(bob), "{}", page.words());
    browser.submit(&page.form("device-confirm-form").press("approve")).await;
    let tokens = app.poll(TV, codes["device_code"].as_str().unwrap()).await.json();
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["sub"], bob);
}
