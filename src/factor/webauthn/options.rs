//! What browsers are told (§5.4, §5.5), in Okta's form.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{PRODUCT, RelyingParty, encoded};
use crate::model::policy::{UserVerification, WebauthnRules};

/// How long a challenge counts, for browsers, in milliseconds.
const TIMEOUT: u32 = 300_000;

/// What authenticators know the user by (§5.4.3): the id, in the bytes that Okta's clients make of it, which read it as
/// base64url.
pub(super) fn handle(user: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(user).unwrap_or_else(|_| user.as_bytes().to_vec())
}

/// A user, as authenticators show it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The id.
    pub id: &'a str,
    /// The login.
    pub name: &'a str,
    /// What people call the user.
    pub display_name: &'a str,
}

/// The options for `navigator.credentials.create()` in Okta's form (§5.4).
pub fn creation_options(
    rp: &RelyingParty,
    account: Account<'_>,
    rules: &WebauthnRules,
    (challenge, known): (&[u8], &[String]),
) -> Value {
    let verification = rules.user_verification.as_str();
    let excluded: Vec<Value> = known.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "attestation": rules.attestation.as_str(),
        "authenticatorSelection": {
            "userVerification": verification,
            "requireResidentKey": false,
            "residentKey": "preferred",
        },
        "challenge": encoded(challenge),
        "excludeCredentials": excluded,
        "pubKeyCredParams": [
            { "type": "public-key", "alg": -7 },
            { "type": "public-key", "alg": -35 },
            { "type": "public-key", "alg": -257 },
        ],
        "rp": { "name": PRODUCT, "id": rp.id },
        "timeout": TIMEOUT,
        "user": {
            "id": encoded(&handle(account.id)),
            "name": account.name,
            "displayName": account.display_name,
        },
    })
}

/// The options for `navigator.credentials.get()` in Okta's form (§5.5); `allowed` empty: whatever the authenticator holds.
pub fn request_options(
    rp: &RelyingParty,
    verification: UserVerification,
    (challenge, allowed): (&[u8], &[&str]),
) -> Value {
    let allowed: Vec<Value> = allowed.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "challenge": encoded(challenge),
        "userVerification": verification.as_str(),
        "rpId": rp.id,
        "allowCredentials": allowed,
        "timeout": TIMEOUT,
        "extensions": {},
    })
}
