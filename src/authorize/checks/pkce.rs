//! PKCE (RFC 7636 §4.3): S256 only, required of public clients and of those registered so, enforced whenever sent.

use super::{Draft, Facts};
use crate::protocol::{error::OAuthError, pkce::CodeChallenge, response_type::ResponseType};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    // Without a code there is nothing to prove (RFC 7636 §1).
    if !draft.response_type.is_some_and(ResponseType::has_code) {
        return Ok(());
    }
    let method = facts.request.code_challenge_method.as_deref();
    match facts.request.code_challenge.as_deref() {
        Some(challenge) => {
            draft.code_challenge = Some(CodeChallenge::parse(challenge, method)?.encoded());
            Ok(())
        }
        None if method.is_some() => {
            Err(OAuthError::invalid_request("The parameter code_challenge is missing."))
        }
        // RFC 9700 §2.1.1
        None if facts.client.metadata.requires_pkce() => {
            Err(OAuthError::invalid_request("PKCE is required: the parameter code_challenge is missing."))
        }
        None => Ok(()),
    }
}
