//! Sender-constrained tokens (RFC 9449 §5, RFC 8705 §3): one place that says which proof a client owes, what the tokens
//! are bound to, and whether a refresh token or code may be used by whoever sends it.

use super::{Context, GrantError, Redeemed};
use crate::{
    client::{
        dpop::{self, Expected, Proof, ProofError},
        sender::Sender,
    },
    model::{confirmation::Confirmation, grant::Grant},
    protocol::{
        client_certificate::ClientCertificate,
        client_metadata::Profile,
        dpop::{DpopError, ProofHeader},
        grant_type::GrantType,
    },
    store,
};

/// What the sender of a token request has proved.
#[derive(Default)]
pub(super) struct Proven {
    proof: Option<Proof>,
    /// `x5t#S256` of the certificate.
    certificate: Option<String>,
    /// What new tokens are bound to.
    confirmation: Option<Confirmation>,
}

/// Verifies what the sender sent and that it is all that the client owes.
pub(super) fn prove(
    context: &Context<'_>,
    sender: &Sender,
    grant_type: GrantType,
) -> Result<Proven, GrantError> {
    let metadata = &context.client.metadata;
    let proof = proof(context, sender, grant_type)?;
    // RFC 9449 §5.2
    if metadata.dpop_bound_access_tokens && proof.is_none() {
        return Err(DpopError::Missing.into());
    }
    let certificate = sender.certificate.as_ref().map(ClientCertificate::thumbprint);
    let bound = metadata.tls_client_certificate_bound_access_tokens;
    // RFC 8705 §3.4
    if bound && certificate.is_none() {
        return Err(GrantError::InvalidGrant("certificate_missing"));
    }
    // FAPI 2.0 Security Profile §5.3.2.1: only sender-constrained access tokens.
    let strict = metadata.profile == Profile::Fapi2 && proof.is_none();
    if strict && certificate.is_none() {
        return Err(DpopError::Missing.into());
    }
    let confirmation = Confirmation {
        jkt: proof.as_ref().map(|proof| proof.jkt.clone()),
        x5t_s256: certificate.clone().filter(|_| bound || strict),
    };
    let confirmation = Some(confirmation).filter(|found| *found != Confirmation::default());
    Ok(Proven { proof, certificate, confirmation })
}

fn proof(context: &Context<'_>, sender: &Sender, grant_type: GrantType) -> Result<Option<Proof>, GrantError> {
    // Okta's SDKs send a proof whether or not the application is set up for it, and expect `Bearer` where it is not.
    let uninvited = context.client.is_okta_compat()
        && !context.client.metadata.dpop_bound_access_tokens
        && grant_type == GrantType::ClientCredentials;
    match &sender.proof {
        ProofHeader::Absent => Ok(None),
        ProofHeader::Present(_) | ProofHeader::Unreadable if uninvited => Ok(None),
        ProofHeader::Unreadable => Err(DpopError::Header.into()),
        ProofHeader::Present(proof) => {
            let targets = &context.server.endpoint_urls("token");
            let expected = Expected { method: &sender.method, targets, access_token: None };
            Ok(Some(dpop::verify(context.app, context.server, context.client, proof, &expected)?))
        }
    }
}

impl Proven {
    /// Whether the sender may use what the grant is bound to (RFC 9449 §5, RFC 8705 §4).
    pub(super) fn may_use(&self, grant: &Grant) -> Result<(), GrantError> {
        let Some(bound) = &grant.confirmation else { return Ok(()) };
        if let Some(jkt) = &bound.jkt {
            self.holds(jkt)?;
        }
        if bound.x5t_s256.is_some() && bound.x5t_s256 != self.certificate {
            return Err(GrantError::InvalidGrant("bound_to_another_certificate"));
        }
        Ok(())
    }

    /// Whether the sender may redeem a code that names a key (RFC 9449 §10).
    pub(super) fn may_redeem(&self, dpop_jkt: Option<&str>) -> Result<(), GrantError> {
        dpop_jkt.map_or(Ok(()), |jkt| self.holds(jkt))
    }

    fn holds(&self, jkt: &str) -> Result<(), GrantError> {
        match &self.proof {
            None => Err(DpopError::Missing.into()),
            Some(proof) if proof.jkt == jkt => Ok(()),
            Some(_) => Err(DpopError::AnotherKey.into()),
        }
    }

    /// What the tokens of a redeemed grant are bound to: to what was proved now, and to what the grant was bound to.
    pub(super) fn confirmation(&self, grant: Option<&Grant>) -> Option<Confirmation> {
        let before = grant.and_then(|grant| grant.confirmation.clone());
        match (self.confirmation.clone(), before) {
            (Some(now), Some(before)) => {
                Some(Confirmation { jkt: now.jkt.or(before.jkt), x5t_s256: now.x5t_s256.or(before.x5t_s256) })
            }
            (now, before) => now.or(before),
        }
    }

    /// Makes the unit of a redeemed grant use the proof, and bind the refresh token where that is owed.
    ///
    /// Refresh tokens of confidential clients are bound by client authentication: those may change their keys. Those of
    /// public clients are bound to the key of their first use (RFC 9449 §5, RFC 8705 §4).
    pub(super) fn guard(&self, context: &Context<'_>, redeemed: &mut Redeemed) -> Result<(), GrantError> {
        if let Some(grant) = &redeemed.grant {
            self.may_use(grant)?;
        }
        let mut unit = std::mem::take(&mut redeemed.unit);
        if let (Some(grant), Some(confirmation)) = (&redeemed.grant, &self.confirmation)
            && context.client.metadata.is_public()
            && redeemed.refresh_token.is_some()
            && redeemed.kind != GrantType::RefreshToken
        {
            unit = store::grant::bind(unit, &grant.id, confirmation)?;
        }
        redeemed.unit = match &self.proof {
            Some(proof) => unit.precede(proof.claim()),
            None => unit,
        };
        Ok(())
    }

    /// What a lost claim of a guarded unit means.
    pub(super) fn lost(&self, claim: usize, of_grant: fn(usize) -> GrantError) -> GrantError {
        match (&self.proof, claim) {
            (Some(_), 0) => DpopError::Replayed.into(),
            (Some(_), claim) => of_grant(claim - 1),
            (None, claim) => of_grant(claim),
        }
    }
}

impl From<ProofError> for GrantError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Refused(error) => Self::Dpop(error),
            ProofError::UseNonce(nonce) => Self::UseDpopNonce(nonce),
        }
    }
}
