//! Authorization server and OpenID provider metadata (RFC 8414 §2; OpenID Connect Discovery 1.0 §3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The discovery document. Members keep this order; those that are `None` are left out.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The issuer identifier, equal to every `iss` (RFC 8414 §2).
    pub issuer: String,
    /// The authorization endpoint (RFC 8414 §2).
    pub authorization_endpoint: String,
    /// The token endpoint (RFC 8414 §2).
    pub token_endpoint: String,
    /// The userinfo endpoint (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// The dynamic registration endpoint (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// Where the public keys are (RFC 8414 §2).
    pub jwks_uri: String,
    /// The response types (RFC 8414 §2).
    pub response_types_supported: Vec<String>,
    /// The response modes (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_modes_supported: Option<Vec<String>>,
    /// The grant types (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types_supported: Option<Vec<String>>,
    /// The kinds of subject identifiers (Discovery §3); required for OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_types_supported: Option<Vec<String>>,
    /// The algorithms of ID tokens (Discovery §3); required for OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signing_alg_values_supported: Option<Vec<String>>,
    /// How keys of encrypted ID tokens are agreed on (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encryption_alg_values_supported: Option<Vec<String>>,
    /// The ciphers of encrypted ID tokens (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encryption_enc_values_supported: Option<Vec<String>>,
    /// The algorithms of signed userinfo responses (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signing_alg_values_supported: Option<Vec<String>>,
    /// How keys of encrypted userinfo responses are agreed on (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encryption_alg_values_supported: Option<Vec<String>>,
    /// The ciphers of encrypted userinfo responses (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encryption_enc_values_supported: Option<Vec<String>>,
    /// The scopes (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes_supported: Option<Vec<String>>,
    /// The client authentication methods (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The algorithms of client assertions (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// The claims (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_supported: Option<Vec<String>>,
    /// The authentication contexts (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_values_supported: Option<Vec<String>>,
    /// The values of `display` (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_values_supported: Option<Vec<String>>,
    /// The values of `prompt` (Initiating User Registration §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_values_supported: Option<Vec<String>>,
    /// The languages of the pages (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_locales_supported: Option<Vec<String>>,
    /// The PKCE methods (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The introspection endpoint (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// Its client authentication methods (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The algorithms of client assertions there (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// The algorithms of introspection answers as JWTs (RFC 9701 §7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signing_alg_values_supported: Option<Vec<String>>,
    /// The revocation endpoint (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Its client authentication methods (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The algorithms of client assertions there (RFC 8414 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// The logout endpoint (RP-Initiated Logout §2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// The session management frame (Session Management §3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_session_iframe: Option<String>,
    /// Whether there is front-channel logout (Front-Channel Logout §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_supported: Option<bool>,
    /// Whether it carries `iss` and `sid` (Front-Channel Logout §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_session_supported: Option<bool>,
    /// Whether there is back-channel logout (Back-Channel Logout §2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_supported: Option<bool>,
    /// Whether it carries `sid` (Back-Channel Logout §2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_session_supported: Option<bool>,
    /// Whether `claims` is read (Discovery §3); absent means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_parameter_supported: Option<bool>,
    /// Whether `request` is read (Discovery §3); absent means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_parameter_supported: Option<bool>,
    /// Whether `request_uri` is read (Discovery §3); absent means **yes**.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uri_parameter_supported: Option<bool>,
    /// Whether request URIs must be registered (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_request_uri_registration: Option<bool>,
    /// The algorithms of request objects (Discovery §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg_values_supported: Option<Vec<String>>,
    /// The PAR endpoint (RFC 9126 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Whether only pushed requests are accepted (RFC 9126 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_pushed_authorization_requests: Option<bool>,
    /// The device authorization endpoint (RFC 8628 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// The algorithms of DPoP proofs (RFC 9449 §5.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// The algorithms of responses that are JWTs (JARM §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signing_alg_values_supported: Option<Vec<String>>,
    /// Where clients are asked for a certificate (RFC 8705 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls_endpoint_aliases: Option<BTreeMap<String, String>>,
    /// Whether access tokens can be bound to a certificate (RFC 8705 §3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_certificate_bound_access_tokens: Option<bool>,
    /// Whether responses carry `iss` (RFC 9207 §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_absent_ones_are_left_out() {
        let metadata = Metadata {
            issuer: "https://id.example".to_owned(),
            authorization_endpoint: "https://id.example/authorize".to_owned(),
            token_endpoint: "https://id.example/token".to_owned(),
            jwks_uri: "https://id.example/keys".to_owned(),
            response_types_supported: vec!["code".to_owned()],
            request_uri_parameter_supported: Some(false),
            ..Metadata::default()
        };
        let json = serde_json::to_string(&metadata).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/authorize","#,
                r#""token_endpoint":"https://id.example/token","jwks_uri":"https://id.example/keys","#,
                r#""response_types_supported":["code"],"request_uri_parameter_supported":false}"#
            )
        );
        assert_eq!(serde_json::from_str::<Metadata>(&json).unwrap(), metadata);
    }

    #[test]
    fn a_member_of_the_wrong_type_is_refused() {
        assert!(serde_json::from_str::<Metadata>(r#"{"response_types_supported":"code"}"#).is_err());
    }
}
