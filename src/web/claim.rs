//! What claims are called where people read of them (OpenID Connect Core §5.1).

/// A standard claim in words; absent for other names.
pub fn in_words(claim: &str) -> Option<&'static str> {
    Some(match claim {
        "name" => "Your full name",
        "given_name" => "Your first name",
        "family_name" => "Your last name",
        "middle_name" => "Your middle name",
        "nickname" => "Your nickname",
        "preferred_username" => "Your username",
        "profile" => "The address of your profile page",
        "picture" => "Your picture",
        "website" => "The address of your website",
        "gender" => "Your gender",
        "birthdate" => "Your date of birth",
        "zoneinfo" => "Your time zone",
        "locale" => "Your language and region",
        "updated_at" => "When your profile last changed",
        "email" => "Your email address",
        "email_verified" => "Whether your email address was verified",
        "address" => "Your postal address",
        "phone_number" => "Your phone number",
        "phone_number_verified" => "Whether your phone number was verified",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::scope_claims::{CLAIM_SCOPES, claims_of};

    #[test]
    fn every_claim_that_a_scope_stands_for_has_words_of_its_own() {
        let claims: Vec<&str> = CLAIM_SCOPES.into_iter().flat_map(claims_of).copied().collect();
        let mut words: Vec<&str> = claims.iter().map(|claim| in_words(claim).unwrap()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), claims.len());
        assert_eq!(in_words("acr"), None);
    }
}
