//! Bound access tokens at our own protected resources (RFC 9449 §7, RFC 8705 §3): whoever presents one proves to hold the
//! key, and a token without a key is presented as a bearer token only.

use super::AccessTokenClaims;
use crate::{
    app::App,
    cache::servers::ServerState,
    client::{
        dpop::{self, Expected, ProofError},
        sender::Sender,
    },
    fault::Fault,
    model::{client::Client, confirmation::Confirmation},
    protocol::{
        bearer::PresentedToken,
        client_certificate::ClientCertificate,
        dpop::{DpopError, ProofHeader},
        token_response::TokenType,
    },
    store::unit::{Outcome, Unit},
};

/// Why a token may not be used by whoever sends it.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// The scheme or the certificate is not the one of the token.
    #[error("the token is bound to another key, or to none")]
    Mismatch,
    /// The proof is not accepted.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The key that an access token is bound to.
pub fn confirmation(claims: &AccessTokenClaims) -> Confirmation {
    // The token is ours: what is not a confirmation was never written.
    claims.claims.get("cnf").and_then(|cnf| serde_json::from_value(cnf.clone()).ok()).unwrap_or_default()
}

/// Checks that an access token is presented by whom it was issued to, at the endpoint with these addresses.
///
/// # Errors
/// It is not, or a fault.
pub async fn check(
    app: &App,
    (server, targets): (&ServerState, &[String]),
    (client, claims): (&Client, &AccessTokenClaims),
    presented: &PresentedToken,
    sender: &Sender,
) -> Result<(), BindingError> {
    let bound = confirmation(claims);
    if bound.x5t_s256.is_some()
        && bound.x5t_s256 != sender.certificate.as_ref().map(ClientCertificate::thumbprint)
    {
        return Err(BindingError::Mismatch);
    }
    // RFC 9449 §7.2: a bound token is not a bearer token, nor the other way round.
    let jkt = match (bound.jkt, presented.token_type) {
        (None, TokenType::Bearer) => return Ok(()),
        (Some(jkt), TokenType::DPoP) => jkt,
        (None | Some(_), TokenType::Bearer | TokenType::DPoP | TokenType::NotApplicable) => {
            return Err(BindingError::Mismatch);
        }
    };
    let header = match &sender.proof {
        ProofHeader::Present(header) => header,
        ProofHeader::Absent => return Err(refused(DpopError::Missing)),
        ProofHeader::Unreadable => return Err(refused(DpopError::Header)),
    };
    let access_token = Some(presented.token.expose().as_str());
    let expected = Expected { method: &sender.method, targets, access_token };
    let proof = dpop::verify(app, server, client, header, &expected)?;
    if proof.jkt != jkt {
        return Err(refused(DpopError::AnotherKey));
    }
    match app.db.writer().commit(Unit::new().claim(proof.claim())).await? {
        Outcome::Won => Ok(()),
        Outcome::Lost(_) => Err(refused(DpopError::Replayed)),
    }
}

fn refused(error: DpopError) -> BindingError {
    BindingError::Proof(ProofError::Refused(error))
}
