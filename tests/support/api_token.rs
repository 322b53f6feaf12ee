//! API tokens, and calls of the management API with them.

use http::Method;
use serde_json::Value;
use stepgate::{
    model::{api_token::Access, user::User},
    store,
    syslog::Caller,
    user::{api_token, login::LoginKey},
};

use super::{
    TestApp, fixtures,
    http::{Request, Response},
};

/// An administrator, who exists once a test asks for an API token.
pub(crate) const ADMIN: &str = "root@example.com";

impl TestApp {
    /// A new API token of [`ADMIN`].
    pub(crate) async fn api_token(&self, access: Access) -> String {
        let admin = self.admin().await;
        let value = api_token::generate(&self.app);
        let tx = self.app.db.begin_write().await.unwrap();
        let caller = Caller::system("test");
        api_token::create(&self.app, &tx, &admin, ("test", access, &value), &caller).await.unwrap();
        tx.commit().await.unwrap();
        value.expose().clone()
    }

    /// The administrator.
    pub(crate) async fn admin(&self) -> User {
        let key = LoginKey::normalize(ADMIN).unwrap();
        if let Some(admin) = store::user::find_by_login(&self.app.db, key.as_str()).await.unwrap() {
            return admin;
        }
        fixtures::administrator(&self.app, ADMIN).await
    }

    /// A call of the management API with an API token.
    pub(crate) fn ssws(&self, method: Method, path: &str, token: &str) -> Request {
        self.client().request(method, path).header("authorization", &format!("SSWS {token}"))
    }

    /// Reads something of the management API.
    pub(crate) async fn read(&self, path: &str, token: &str) -> Response {
        self.ssws(Method::GET, path, token).send().await
    }

    /// Sends a document to the management API.
    pub(crate) async fn post(&self, path: &str, token: &str, document: &Value) -> Response {
        self.ssws(Method::POST, path, token).json(document).send().await
    }
}

/// Okta's error of this code.
#[track_caller]
pub(crate) fn assert_error(response: &Response, status: u16, code: &str) {
    let told = response.json()["errorCode"].clone();
    assert_eq!((response.status, told.as_str()), (status, Some(code)), "{}", response.text());
}
