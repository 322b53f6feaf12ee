//! Which claims a scope asks for (OpenID Connect Core §5.4).

/// The claims of a scope; none for scopes that stand for no claims. `groups` is not among them: it is a scope
/// of the org authorization server only.
pub fn claims_of(scope: &str) -> &'static [&'static str] {
    match scope {
        "profile" => &[
            "name",
            "given_name",
            "family_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
        "email" => &["email", "email_verified"],
        "address" => &["address"],
        "phone" => &["phone_number", "phone_number_verified"],
        _ => &[],
    }
}

/// The few claims that Okta's org authorization server keeps in an ID token beside an access token.
pub fn thin_claims_of(scope: &str) -> &'static [&'static str] {
    match scope {
        "profile" => &["name", "preferred_username"],
        "email" => &["email"],
        _ => &[],
    }
}

/// Scopes that stand for claims, in the order in which their claims are written.
pub const CLAIM_SCOPES: [&str; 4] = ["profile", "email", "address", "phone"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_scopes_stand_for_claims() {
        assert_eq!(CLAIM_SCOPES.map(|scope| claims_of(scope).len()), [14, 2, 1, 2]);
        assert!(["openid", "offline_access", "groups", "x"].iter().all(|scope| claims_of(scope).is_empty()));
        for scope in CLAIM_SCOPES {
            assert!(thin_claims_of(scope).iter().all(|claim| claims_of(scope).contains(claim)));
        }
    }
}
