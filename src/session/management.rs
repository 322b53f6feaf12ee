//! Session Management 1.0: `session_state`, by which a client notices that who is signed in here has changed.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    id::{ClientId, SessionId},
    protocol::redirect_uri::origin_of,
};

/// The OP browser state of a session (§3.2): readable by script in the browser, other for every session, and of no use to
/// find the session by.
pub fn browser_state(app: &App, session: &SessionId) -> String {
    URL_SAFE_NO_PAD.encode(keys::hmac_sha256(&app.derived.browser_state, &[session.as_str().as_bytes()]))
}

/// `session_state` of an answer to a client at this redirect URI (§2). Absent for redirect URIs that are no web page's:
/// nobody there could ask whether it still holds.
pub fn session_state(
    app: &App,
    client: &ClientId,
    redirect_uri: &str,
    session: &SessionId,
) -> Option<String> {
    let mut salt = [0_u8; 16];
    app.random.fill(&mut salt);
    let salt = URL_SAFE_NO_PAD.encode(salt);
    Some(computed(client.as_str(), &origin_of(redirect_uri)?, &browser_state(app, session), &salt))
}

/// §3: a hash over client, origin, browser state and salt, then the salt. `web/assets/check_session.js` computes the same.
fn computed(client_id: &str, origin: &str, browser_state: &str, salt: &str) -> String {
    let digest = Sha256::digest(format!("{client_id} {origin} {browser_state} {salt}"));
    let mut hash = digest.iter().fold(String::new(), |mut hash, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    hash.push('.');
    hash.push_str(salt);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_in_hexadecimal_with_the_salt_behind_it() {
        // printf 'client https://rp.example state salt' | sha256sum
        assert_eq!(
            computed("client", "https://rp.example", "state", "salt"),
            "37db79748c7776004ab3ce2ccbe09541a2445cf5ece8769f5d27f90c253edbc5.salt"
        );
    }
}
