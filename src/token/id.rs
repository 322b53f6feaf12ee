//! ID tokens (OpenID Connect Core §2): who signed in, when and how, for one client.

use keys::{Content, Limits, Recipient};
use serde_json::{Map, Value, json};
use time::Duration;

use super::{Mint, MintError};
use crate::{
    cache::servers::ServerState,
    claims::assemble::Target,
    fault::Fault,
    id::{ClientId, SessionId},
    ports::random::Random,
};

/// What an ID token is bound to beside its user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binding<'a> {
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// The access token that comes along (`at_hash`).
    pub access_token: Option<&'a str>,
    /// The code that comes along (`c_hash`).
    pub code: Option<&'a str>,
    /// Who alone may read it, see [`crate::client::encryption::of_id_tokens`]. A client that asked for encryption gets
    /// nothing without it.
    pub recipient: Option<&'a Recipient>,
}

/// Mints an ID token for the subject of `mint`; absent when no user takes part.
///
/// # Errors
/// A claim or the signature could not be computed.
pub fn mint(mint: &Mint<'_>, binding: Binding<'_>, random: &dyn Random) -> Result<Option<String>, MintError> {
    let Some(subject) = &mint.subject else { return Ok(None) };
    let signer = mint.server.id_token_signer(mint.client)?;
    let lifetime = Duration::seconds(mint.server.config.server.settings.id_token_lifetime.into());
    let iat = mint.now.unix_timestamp();
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(mint.server.issuer));
    claims.insert("sub".to_owned(), json!(subject.sub));
    claims.insert("aud".to_owned(), json!(mint.client.id));
    claims.insert("iat".to_owned(), json!(iat));
    claims.insert("exp".to_owned(), json!(iat + lifetime.whole_seconds()));
    claims.insert("jti".to_owned(), json!(format!("ID.{}", crate::id::base62(random, 22))));
    claims.insert("auth_time".to_owned(), json!(subject.auth_time.unix_timestamp()));
    claims.insert("amr".to_owned(), json!(subject.amr));
    if let Some(acr) = subject.acr {
        claims.insert("acr".to_owned(), json!(acr));
    }
    if let Some(session) = subject.session {
        claims.insert("sid".to_owned(), json!(session));
    }
    if mint.client.is_okta_compat() {
        claims.insert("ver".to_owned(), json!(1));
        claims.insert("idp".to_owned(), json!(mint.server.org_id));
    }
    if let Some(nonce) = binding.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    if let Some(token) = binding.access_token {
        // Core §3.1.3.6
        claims.insert("at_hash".to_owned(), json!(signer.algorithm().left_half_hash(token.as_bytes())));
    }
    if let Some(code) = binding.code {
        // Core §3.3.2.11
        claims.insert("c_hash".to_owned(), json!(signer.algorithm().left_half_hash(code.as_bytes())));
    }
    // Core §5.4: userinfo tells the rest, if an access token leads there: this one, or that which the code buys.
    let with_access_token = binding.access_token.is_some() || binding.code.is_some();
    let target = Target::IdToken { with_access_token };
    for (name, value) in mint.claims(target)? {
        claims.insert(name, value);
    }
    let signed = signer.sign_jwt(None, &claims)?;
    // Core §2: signed first, then encrypted.
    match binding.recipient {
        Some(recipient) => Ok(Some(recipient.encrypt(Content::Jwt, &signed)?)),
        None if mint.client.metadata.id_token_encrypted_response_alg.is_some() => {
            Err(Fault::Crypto("an ID token was to be encrypted and has no recipient".to_owned()).into())
        }
        None => Ok(Some(signed)),
    }
}

/// What an `id_token_hint` proves: whom it speaks of and to whom it was issued. It may have expired (Core §3.1.2.2).
#[derive(Clone, Debug)]
pub struct Hint {
    /// `sub`: the user as the client sees it, see [`crate::claims::subject::user_behind`].
    pub subject: String,
    /// `aud`.
    pub client: ClientId,
    /// `sid`.
    pub session: Option<SessionId>,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Verifies an ID token that we issued, expired or not; absent when it is not one.
pub fn verify_hint(server: &ServerState, token: &str) -> Option<Hint> {
    let parsed = keys::parse(token, &Limits::default()).ok()?;
    if parsed.header().typ().is_some_and(|_| !parsed.header().is_type("jwt")) {
        return None;
    }
    let claims = server.verify(&parsed)?.into_map();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(server.issuer.as_str()) || !text("jti").is_some_and(|jti| jti.starts_with("ID.")) {
        return None;
    }
    Some(Hint {
        subject: text("sub")?.to_owned(),
        client: ClientId::new(text("aud")?),
        session: text("sid").map(SessionId::new),
        claims,
    })
}
