//! The device grant as a device and a person use it (RFC 8628).

use http::Method;
use serde_json::{Value, json};

use super::{
    app::TestApp,
    fixtures::{self, PASSWORD},
    http::{Browser, Response},
    op::{base, sign_in_on},
};

/// A public client on a device that refreshes.
pub(crate) const TV: &str = "tv";
/// A second one, to whom nothing of the first belongs.
pub(crate) const RADIO: &str = "radio";
/// The grant type.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Registers [`TV`] and [`RADIO`].
pub(crate) async fn devices(app: &TestApp) {
    for id in [TV, RADIO] {
        device(app, id, json!({})).await;
    }
}

/// Registers a client on a device.
pub(crate) async fn device(app: &TestApp, id: &str, more: Value) {
    let mut metadata = json!({
        "application_type": "native",
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, id, metadata, None).await;
}

impl TestApp {
    /// A device authorization request of a public client.
    pub(crate) async fn device_authorize_at(&self, server: &str, client: &str, scope: &str) -> Response {
        self.client()
            .request(Method::POST, &format!("{}/v1/device/authorize", base(server)))
            .header("user-agent", "Television/1.0")
            .form(&[("client_id", client), ("scope", scope)])
            .send()
            .await
    }

    /// The codes of a device, at the `default` server.
    pub(crate) async fn device_codes(&self, client: &str, scope: &str) -> Value {
        let response = self.device_authorize_at("default", client, scope).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// A poll of a public client at the `default` server.
    pub(crate) async fn poll(&self, client: &str, device_code: &str) -> Response {
        let form = [("grant_type", DEVICE_CODE), ("client_id", client), ("device_code", device_code)];
        self.client().post_form("/oauth2/default/v1/token", &form).await
    }

    /// Types a user code.
    pub(crate) async fn activate(&self, browser: &mut Browser, user_code: &str) -> Response {
        let page = browser.open(&self.url("/activate")).await;
        browser.submit(&page.form("device-form").fill("user_code", user_code)).await
    }

    /// Types a user code and signs in, up to the page that asks.
    pub(crate) async fn to_confirmation(
        &self,
        browser: &mut Browser,
        user_code: &str,
        login: &str,
    ) -> Response {
        let page = self.activate(browser, user_code).await;
        let page = if page.body_contains("login-page") {
            sign_in_on(browser, &page, login, PASSWORD).await
        } else {
            page
        };
        assert!(page.body_contains("device-confirm-page"), "{}", page.words());
        page
    }

    /// Types a user code, signs in and presses `approve` or `deny`.
    pub(crate) async fn decide(&self, user_code: &str, login: &str, decision: &str) -> Response {
        let mut browser = Browser::new();
        let page = self.to_confirmation(&mut browser, user_code, login).await;
        let page = browser.submit(&page.form("device-confirm-form").press(decision)).await;
        assert!(page.body_contains("device-done-page"), "{}", page.words());
        page
    }

    /// The tokens of a device that its person approved.
    pub(crate) async fn device_tokens(&self, client: &str, scope: &str, login: &str) -> Value {
        let codes = self.device_codes(client, scope).await;
        self.decide(codes["user_code"].as_str().unwrap(), login, "approve").await;
        let response = self.poll(client, codes["device_code"].as_str().unwrap()).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }
}
