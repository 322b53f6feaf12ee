//! Clients that want to be told of a logout, and what they are told.

use serde_json::{Value, json};
use stepgate::{jobs::deliver::deliver_due, ports::fetch::Fetched};

use super::{
    app::TestApp,
    fixtures::{self, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, SECRET},
};

/// Where a client wants its logout tokens.
pub(crate) fn backchannel_logout_uri(client: &str) -> String {
    format!("https://{client}.example.com/backchannel_logout")
}

/// Gives a confidential client more metadata, beside what it needs for the code flow.
pub(crate) async fn configure(app: &TestApp, client: &str, more: Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [POST_LOGOUT_REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, client, metadata, Some(SECRET)).await;
}

/// Gives clients a back channel whose other end answers with this status.
pub(crate) async fn listen(app: &TestApp, clients: &[&str], status: u16) {
    for client in clients {
        let uri = backchannel_logout_uri(client);
        configure(app, client, json!({ "backchannel_logout_uri": uri })).await;
        answer_with(app, client, status);
    }
}

/// What the back channel of a client answers from now on.
pub(crate) fn answer_with(app: &TestApp, client: &str, status: u16) {
    let answer = Fetched { status, content_type: None, body: Vec::new() };
    app.fetch.answer(&backchannel_logout_uri(client), Ok(answer));
}

/// The logout tokens that a client was sent so far, delivering what is due first.
pub(crate) async fn told(app: &TestApp, client: &str) -> Vec<String> {
    deliver_due(&app.app).await.unwrap();
    let uri = backchannel_logout_uri(client);
    let sent = app.fetch.posted().into_iter().filter(|(to, _)| *to == uri);
    sent.map(|(_, form)| form.strip_prefix("logout_token=").expect("one field").to_owned()).collect()
}
