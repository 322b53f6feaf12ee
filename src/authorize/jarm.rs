//! Authorization responses as JWTs (JWT Secured Authorization Response Mode): signed by us, for one client, for a short
//! time. The issuer is inside, and nowhere else (RFC 9207 §2.4).

use serde_json::{Map, json};
use time::Duration;

use super::issue::AuthorizationResponse;
use crate::{app::App, fault::Fault};

/// How long a client may take to read a response (JARM §2.1 recommends at most ten minutes).
const LIFETIME: Duration = Duration::minutes(5);

/// Puts the parameters of a response into a JWT, where its mode asks for one; success and errors alike.
///
/// # Errors
/// There is no key to sign with, or the server or client is gone.
pub async fn signed(app: &App, answer: AuthorizationResponse) -> Result<AuthorizationResponse, Fault> {
    let destination = &answer.destination;
    if !destination.response_mode.is_signed() {
        return Ok(answer);
    }
    let server = app.server(destination.server_id.as_str()).await?;
    let client = app.clients.find(&app.db, &destination.client_id).await?;
    let (Some(server), Some(client)) = (server, client) else {
        return Err(Fault::stored("the server or client of a response"));
    };
    let now = app.now();
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(destination.iss));
    claims.insert("aud".to_owned(), json!(destination.client_id));
    claims.insert("iat".to_owned(), json!(now.unix_timestamp()));
    claims.insert("exp".to_owned(), json!((now + LIFETIME).unix_timestamp()));
    for (name, value) in answer.params.iter().filter(|(name, _)| *name != "iss") {
        claims.insert((*name).to_owned(), json!(value));
    }
    let signer = server.authorization_response_signer(&client)?;
    let jwt = signer.sign_jwt(None, &claims).map_err(|error| Fault::Crypto(error.to_string()))?;
    Ok(AuthorizationResponse { params: vec![("response", jwt)], ..answer })
}
