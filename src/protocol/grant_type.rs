//! The grant types clients can be registered for (IANA, CIBA, and Okta's).

use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// A `grant_type`, as in client metadata (RFC 7591 §2) and token requests.
    GrantType {
        /// Authorization code (RFC 6749 §4.1).
        AuthorizationCode = "authorization_code",
        /// Refresh token (RFC 6749 §6).
        RefreshToken = "refresh_token",
        /// Client credentials (RFC 6749 §4.4).
        ClientCredentials = "client_credentials",
        /// Tokens from the authorization endpoint (RFC 6749 §4.2); never sent in a token request.
        Implicit = "implicit",
        /// Resource owner password credentials (RFC 6749 §4.3).
        Password = "password",
        /// Device authorization (RFC 8628).
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// Token exchange (RFC 8693).
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
        /// JWT assertion (RFC 7523 §2.1).
        JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer",
        /// SAML 2.0 assertion (RFC 7522 §2.1).
        Saml2Bearer = "urn:ietf:params:oauth:grant-type:saml2-bearer",
        /// Client-initiated backchannel authentication (CIBA Core §4).
        Ciba = "urn:openid:params:grant-type:ciba",
        /// Interaction code (Okta).
        InteractionCode = "interaction_code",
        /// One-time password (Okta, direct authentication).
        Otp = "urn:okta:params:oauth:grant-type:otp",
        /// Out-of-band authenticator (Okta, direct authentication).
        Oob = "urn:okta:params:oauth:grant-type:oob",
        /// One-time password as second factor (Okta, direct authentication).
        MfaOtp = "http://auth0.com/oauth/grant-type/mfa-otp",
        /// Out-of-band authenticator as second factor (Okta, direct authentication).
        MfaOob = "http://auth0.com/oauth/grant-type/mfa-oob",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grant_types_are_spelled_as_registered() {
        assert_eq!("authorization_code".parse(), Ok(GrantType::AuthorizationCode));
        assert_eq!(GrantType::DeviceCode.as_str(), "urn:ietf:params:oauth:grant-type:device_code");
    }

    #[test]
    fn unknown_grant_types_are_refused() {
        for value in ["", "Authorization_Code", "device_code", "authorization_code "] {
            assert!(value.parse::<GrantType>().is_err(), "{value}");
        }
    }
}
