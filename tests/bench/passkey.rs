//! People with a passkey, and programs that have them prove it through the Factors API: a challenge, and a signature over it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::child::API_TOKEN;
use super::holders::user_id;
use super::load::{Connection, Failure, Lane, source};
use super::scenarios::{CONNECTIONS, post_json};

/// Proves the passkey of one user again and again.
pub(crate) struct Assert {
    to: SocketAddr,
    /// Where its factor is verified.
    verify: String,
    authenticator: Authenticator,
}

impl Assert {
    /// As many users as there are connections, each with a new passkey.
    pub(crate) async fn lanes(to: SocketAddr) -> Result<Vec<Self>, Failure> {
        let mut connection = Connection::open(to, source(0)).await?;
        let mut lanes = Vec::new();
        for holder in 0..CONNECTIONS {
            let factors = format!("/api/v1/users/{}/factors", user_id(holder));
            let body = json!({"factorType": "webauthn", "provider": "FIDO"});
            let begun = call(&mut connection, to, (&factors, &body)).await?;
            let factor = format!("{factors}/{}", begun["id"].as_str().unwrap_or_default());
            let mut authenticator = Authenticator::at(&format!("http://localhost:{}", to.port()));
            let made = authenticator.create(&begun["_embedded"]["activation"]);
            call(&mut connection, to, (&format!("{factor}/lifecycle/activate"), &made)).await?;
            lanes.push(Self { to, verify: format!("{factor}/verify"), authenticator });
        }
        Ok(lanes)
    }
}

impl Lane for Assert {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let asked = call(connection, self.to, (&self.verify, &json!({}))).await?;
        let assertion = self.authenticator.get(&asked["_embedded"]["challenge"]);
        let told = call(connection, self.to, (&self.verify, &assertion)).await?;
        if told["factorResult"] == "SUCCESS" { Ok(true) } else { Err(told.to_string()) }
    }
}

async fn call(
    connection: &mut Connection,
    to: SocketAddr,
    (path, body): (&str, &Value),
) -> Result<Value, Failure> {
    let headers = format!("authorization: SSWS {API_TOKEN}\r\n");
    let answer = connection.exchange(&post_json(to, path, &headers, body)).await?.expect(200)?;
    serde_json::from_str(answer.body).map_err(|error| error.to_string())
}
