//! Refresh tokens: rotation without forks. The child of a token is computed from it, so every use of the parent inside
//! the leeway gives the same child; after the leeway, or once the child was used, the parent is proof of reuse.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use time::{Duration, OffsetDateTime};

use crate::{
    app::DerivedKeys,
    id::GrantId,
    secret::{Secret, TokenHash},
    store::refresh_token::RefreshToken,
};

/// The token that replaces a refresh token: `HMAC(server key, parent hash ‖ family)`.
pub fn child(keys: &DerivedKeys, parent: &TokenHash, family: &GrantId) -> Secret<String> {
    let mac = keys::hmac_sha256(&keys.refresh_token, &[parent.as_bytes(), family.as_str().as_bytes()]);
    Secret::new(URL_SAFE_NO_PAD.encode(mac))
}

/// What a use of a refresh token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// The first.
    First,
    /// A repeat inside the leeway: a response was lost, or requests ran in parallel.
    Repeat,
    /// Proof that the token was copied: its family is to be revoked.
    Reuse,
    /// Too late.
    Expired,
}

/// Tells what a use of a rotating refresh token is. The leeway runs from the first use and is never extended.
pub fn classify(token: &RefreshToken, leeway: Duration, now: OffsetDateTime) -> Use {
    match token.first_used_at {
        // A leeway of zero means that exactly one caller wins, whatever their clocks say.
        Some(first) if token.child_used || leeway.is_zero() || now >= first + leeway => Use::Reuse,
        Some(_) => Use::Repeat,
        None if token.expires_at <= now => Use::Expired,
        None => Use::First,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(first_used_at: Option<i64>, child_used: bool) -> RefreshToken {
        RefreshToken {
            grant_id: GrantId::new("g"),
            expires_at: at(1000),
            first_used_at: first_used_at.map(at),
            child_used,
        }
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn the_leeway_runs_from_the_first_use_and_ends_with_the_childs() {
        let leeway = Duration::seconds(30);
        assert_eq!(classify(&token(None, false), leeway, at(500)), Use::First);
        assert_eq!(classify(&token(None, false), leeway, at(1000)), Use::Expired);
        assert_eq!(classify(&token(Some(500), false), leeway, at(529)), Use::Repeat);
        assert_eq!(classify(&token(Some(500), false), leeway, at(530)), Use::Reuse);
        assert_eq!(classify(&token(Some(500), true), leeway, at(501)), Use::Reuse);
        assert_eq!(classify(&token(Some(500), false), Duration::ZERO, at(500)), Use::Reuse);
    }
}
