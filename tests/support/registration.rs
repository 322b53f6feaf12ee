//! Clients that register themselves, and machines that administer them.

use http::Method;
use serde_json::{Value, json};
use stepgate::secret::TokenHash;

use super::{
    app::{Change, TestApp},
    fixtures::{self, REDIRECT_URI, SECRET},
    http::Response,
};

/// The path of clients.
pub(crate) const CLIENTS: &str = "/oauth2/v1/clients";
/// The initial access token of [`restricted`].
pub(crate) const INITIAL: &str = "an-initial-access-token-of-many-characters";
/// A machine with every scope for clients.
pub(crate) const ADMIN: &str = "client-admin";

/// The same application where anybody may register.
pub(crate) async fn open(app: TestApp) -> TestApp {
    app.restart(Change { settings: Some(|settings| settings.registration.open = true), ..Change::default() })
        .await
}

/// The same application where holders of [`INITIAL`] may register.
pub(crate) async fn restricted(app: TestApp) -> TestApp {
    let settings: fn(&mut stepgate::app::Settings) = |settings| {
        settings.registration.initial_access_tokens = vec![TokenHash::of("another"), TokenHash::of(INITIAL)];
    };
    app.restart(Change { settings: Some(settings), ..Change::default() }).await
}

/// Metadata of a client with a redirect URI.
#[expect(clippy::needless_pass_by_value, reason = "callers write the JSON in place")]
pub(crate) fn web(more: Value) -> Value {
    let mut metadata = json!({"client_name": "Registered", "redirect_uris": [REDIRECT_URI]});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metadata
}

/// What a client was told when it registered.
pub(crate) struct Known {
    /// `client_id`.
    pub(crate) id: String,
    /// `client_secret`, or nothing.
    pub(crate) secret: String,
    /// `registration_access_token`.
    pub(crate) token: String,
    /// Everything.
    pub(crate) document: Value,
}

impl Known {
    /// The path of `registration_client_uri`.
    pub(crate) fn path(&self) -> String {
        format!("{CLIENTS}/{}", self.id)
    }
}

impl TestApp {
    /// A request about clients; without a token where it is empty.
    pub(crate) async fn clients(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Response {
        let mut request = self.client().request(method, path);
        if !token.is_empty() {
            request = request.bearer(token);
        }
        match body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }

    /// Registers a client.
    pub(crate) async fn register(&self, token: &str, metadata: &Value) -> Known {
        let response = self.clients(Method::POST, CLIENTS, token, Some(metadata)).await;
        assert_eq!(response.status, 201, "{}", response.text());
        let document = response.json();
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        Known {
            id: text("client_id"),
            secret: text("client_secret"),
            token: text("registration_access_token"),
            document,
        }
    }

    /// An access token of the org server for a machine with these scopes.
    pub(crate) async fn administrator(&self, scopes: &[&str]) -> String {
        let metadata = json!({
            "application_type": "service",
            "okta_scopes": ["okta.clients.register", "okta.clients.read", "okta.clients.manage"],
        });
        fixtures::client(&self.app, ADMIN, metadata, Some(SECRET)).await;
        let scope = scopes.join(" ");
        let form = [("grant_type", "client_credentials"), ("scope", scope.as_str())];
        let response = self.token_at("org", ADMIN, &form).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["access_token"].as_str().unwrap().to_owned()
    }
}
