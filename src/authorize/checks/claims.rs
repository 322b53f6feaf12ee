//! `claims` (OpenID Connect Core §5.5). It is OpenID Connect's: without the scope `openid` it is read and not followed.

use super::{Draft, Facts};
use crate::{
    id::UserId,
    protocol::{
        acr::{self, Acr},
        claims_request::ClaimsRequest,
        error::{ErrorCode, OAuthError},
        scope::OPENID,
    },
};

pub(super) fn check(facts: &Facts<'_>, draft: &mut Draft) -> Result<(), OAuthError> {
    let Some(text) = facts.request.claims.as_deref() else { return Ok(()) };
    let claims = ClaimsRequest::parse(text)?;
    if !draft.scope.contains(OPENID) {
        return Ok(());
    }
    // Core §5.5.1: `sub` with a value is answered for that very user or not at all, like a hint.
    if let Some(subject) = claims.subject()? {
        let subject = UserId::new(subject);
        if draft.hinted_user.as_ref().is_some_and(|hinted| *hinted != subject) {
            return Err(OAuthError::invalid_request(
                "The parameter claims names another subject than the id_token_hint.",
            ));
        }
        draft.hinted_user = Some(subject);
    }
    check_acr(&claims.essential_acr())?;
    draft.claims = claims;
    Ok(())
}

/// Core §5.5.1.1: nobody is asked to sign in for what no sign-in here can reach.
fn check_acr(essential: &[&str]) -> Result<(), OAuthError> {
    let reachable = |value: &&str| value.parse::<Acr>().is_ok_and(|acr| acr::SUPPORTED.contains(&acr));
    if essential.is_empty() || essential.iter().any(reachable) { Ok(()) } else { Err(unmet()) }
}

/// The same for `acr_values`: Okta's clients expect an error where none of its levels can be reached. Values that are not
/// known ask for nothing.
pub(super) fn check_acr_values(values: &[String]) -> Result<(), OAuthError> {
    let known: Vec<&str> =
        values.iter().map(String::as_str).filter(|value| value.parse::<Acr>().is_ok()).collect();
    check_acr(&known)
}

/// The essential `acr` cannot be reached (Unmet Authentication Requirements §2).
pub(in crate::authorize) fn unmet() -> OAuthError {
    OAuthError::new(
        ErrorCode::UnmetAuthenticationRequirements,
        "The requested authentication context cannot be reached.",
    )
}
