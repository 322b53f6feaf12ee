//! Introspection answers as signed JWTs (RFC 9701 §5): proof, for a caller that has to show it to others.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    cache::servers::ServerState, fault::Fault, model::client::Client,
    protocol::introspection::IntrospectionResponse,
};

/// `typ` of the JWT (RFC 9701 §5), and its media type without `application/`. Nothing here takes a JWT of this type for an
/// access token, an ID token or an assertion (§8.1).
pub const TYPE: &str = "token-introspection+jwt";

/// Signs an answer for the caller who asked. It has neither `sub` nor `exp` (RFC 9701 §5): the answer holds for the moment.
///
/// # Errors
/// There is no key, or it does not sign.
pub fn sign(
    server: &ServerState,
    caller: &Client,
    answer: &IntrospectionResponse,
    now: OffsetDateTime,
) -> Result<String, Fault> {
    let claims: Value = json!({
        "iss": server.issuer,
        "aud": caller.id,
        "iat": now.unix_timestamp(),
        "token_introspection": answer,
    });
    let algorithm = caller.metadata.introspection_signed_response_alg.as_deref();
    let signer = server.signer_of_responses(caller, algorithm)?;
    signer.sign_jwt(Some(TYPE), &claims).map_err(|error| Fault::Crypto(error.to_string()))
}
