//! Authentication method references (RFC 8176 §2, and Okta's).

use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// One value of the `amr` claim.
    Amr {
        /// Password (RFC 8176).
        Pwd = "pwd",
        /// More than one class of factor (RFC 8176).
        Mfa = "mfa",
        /// One-time password (RFC 8176).
        Otp = "otp",
        /// Text message (RFC 8176).
        Sms = "sms",
        /// Telephone call (RFC 8176).
        Tel = "tel",
        /// Knowledge-based answer (RFC 8176).
        Kba = "kba",
        /// Proof of possession of a key (RFC 8176).
        Pop = "pop",
        /// Proof of possession of a key in hardware (RFC 8176).
        Hwk = "hwk",
        /// Proof of possession of a key in software (RFC 8176).
        Swk = "swk",
        /// Smart card (RFC 8176).
        Sc = "sc",
        /// Personal identification number (RFC 8176).
        Pin = "pin",
        /// Test of user presence (RFC 8176).
        User = "user",
        /// Fingerprint (RFC 8176).
        Fpt = "fpt",
        /// Face recognition (RFC 8176).
        Face = "face",
        /// Geolocation (RFC 8176).
        Geo = "geo",
        /// More than one channel (RFC 8176).
        Mca = "mca",
        /// Risk-based authentication (RFC 8176).
        Rba = "rba",
        /// Windows integrated authentication (RFC 8176).
        Wia = "wia",
        /// Phishing-resistant (OpenID EAP ACR Values).
        Phr = "phr",
        /// Phishing-resistant and hardware-protected (OpenID EAP ACR Values).
        Phrh = "phrh",
        /// Email (Okta).
        Email = "email",
        /// Federated sign-in (Okta).
        Fed = "fed",
        /// Duo (Okta).
        Duo = "duo",
        /// Symantec VIP (Okta).
        Symantec = "symantec",
        /// Google Authenticator (Okta).
        GoogleOtp = "google_otp",
        /// Okta Verify (Okta).
        OktaVerify = "okta_verify",
        /// On-premises one-time password (Okta).
        OathOtp = "oath_otp",
        /// RSA SecurID (Okta).
        Rsa = "rsa",
        /// YubiKey one-time password (Okta).
        Yubikey = "yubikey",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_registered() {
        assert_eq!(serde_json::to_string(&[Amr::Mfa, Amr::Otp, Amr::Pwd]).unwrap(), r#"["mfa","otp","pwd"]"#);
        assert_eq!("google_otp".parse(), Ok(Amr::GoogleOtp));
    }

    #[test]
    fn the_misspellings_in_circulation_are_refused() {
        for value in ["opt", "oauth_otp", "PWD", ""] {
            assert!(value.parse::<Amr>().is_err(), "{value}");
        }
    }
}
