//! Back-Channel Logout 1.0: a logout token, minted when it is delivered, so that its two minutes are whole.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    app::App,
    cache::servers::ServerState,
    claims::subject,
    fault::Fault,
    id::base62,
    model::client::Client,
    session::farewell::{self, Notice},
    store::outbox::Message,
};

/// How long a client may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a logout token counts, in seconds (§2.4: preferably at most two minutes).
const LIFETIME: i64 = 120;
/// The one member of `events` (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How a delivery ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The client has taken the token.
    Delivered,
    /// There is nobody to tell any more.
    Moot,
    /// The client did not take it; the text is for the log.
    Failed(String),
}

/// Tells one client that a session has ended.
///
/// # Errors
/// The database, or a key of ours.
pub async fn deliver(app: &App, message: &Message) -> Result<(Notice, Delivery), Fault> {
    let notice = farewell::open(app, message)?;
    let Some((server, client, uri)) = addressee(app, &notice).await? else {
        return Ok((notice, Delivery::Moot));
    };
    let sub = subject::of(app, &client, &notice.user_id).await?;
    let token = mint(app, (&server, &client), &notice, &sub)?;
    let delivery = match app.fetch.post_form(&uri, &[("logout_token", &token)], TIMEOUT).await {
        // §2.8: some frameworks turn an empty 200 into a 204.
        Ok(200 | 204) => Delivery::Delivered,
        Ok(status) => Delivery::Failed(format!("the client answered {status}")),
        Err(error) => Delivery::Failed(error.to_string()),
    };
    Ok((notice, delivery))
}

async fn addressee(
    app: &App,
    notice: &Notice,
) -> Result<Option<(Arc<ServerState>, Arc<Client>, Url)>, Fault> {
    let client = app.clients.find(&app.db, &notice.client_id).await?.filter(|client| client.is_active());
    let server = app.server(notice.server_id.as_str()).await?;
    let (Some(client), Some(server)) = (client, server) else { return Ok(None) };
    let uri = client.metadata.backchannel_logout_uri.as_deref().and_then(|uri| Url::parse(uri).ok());
    Ok(uri.map(|uri| (server, client, uri)))
}

/// The logout token (§2.4): `sub` and `sid` as in the ID token, no `nonce`, and a `typ` that no other token has.
fn mint(
    app: &App,
    (server, client): (&ServerState, &Client),
    notice: &Notice,
    sub: &str,
) -> Result<String, Fault> {
    let iat = app.now().unix_timestamp();
    let claims: Map<String, Value> = [
        ("iss", json!(server.issuer)),
        ("sub", json!(sub)),
        ("aud", json!(client.id)),
        ("iat", json!(iat)),
        ("exp", json!(iat + LIFETIME)),
        ("jti", json!(format!("LO.{}", base62(app.random.as_ref(), 22)))),
        ("events", json!({ EVENT: {} })),
        ("sid", json!(notice.session_id)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let signer = server.id_token_signer(client)?;
    signer.sign_jwt(Some("logout+jwt"), &claims).map_err(|error| Fault::Crypto(error.to_string()))
}
