//! Client authentication as it appears in a request (RFC 6749 §2.3; RFC 7523 §2.2; Core §9).

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::error::OAuthError;
use crate::protocol::params::{Params, decode_component};
use crate::protocol::wire_enum::wire_enum;
use crate::secret::Secret;

wire_enum! {
    /// A `token_endpoint_auth_method` (RFC 7591 §2; Core §9).
    AuthMethod {
        /// The secret in the `Authorization` header (RFC 6749 §2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// The secret in the body (RFC 6749 §2.3.1).
        ClientSecretPost = "client_secret_post",
        /// An assertion with a MAC keyed by the secret (Core §9).
        ClientSecretJwt = "client_secret_jwt",
        /// An assertion signed by the client's private key (Core §9).
        PrivateKeyJwt = "private_key_jwt",
        /// A certificate by an authority that is trusted here (RFC 8705 §2.1).
        TlsClientAuth = "tls_client_auth",
        /// A certificate that the client has registered (RFC 8705 §2.2).
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
        /// A public client (RFC 6749 §2.1).
        None = "none",
    }
}

/// The one supported `client_assertion_type` (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest `Authorization` header value, in bytes.
const MAX_HEADER: usize = 8192;
/// Longest client identifier, in bytes.
const MAX_CLIENT_ID: usize = 255;
/// Longest client assertion, in bytes.
const MAX_ASSERTION: usize = 16_384;

/// How a client says who it is; nothing is verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientAuthentication {
    /// HTTP Basic (RFC 6749 §2.3.1).
    Basic {
        /// The client identifier.
        id: String,
        /// The client secret.
        secret: Secret<String>,
    },
    /// HTTP Basic with an identifier and no colon: malformed, but sent by Okta's browser library when it introspects
    /// or revokes. Whoever accepts it does so there only, and for public clients only.
    BasicWithoutSecret {
        /// The client identifier.
        id: String,
    },
    /// `client_id` and `client_secret` in the body (RFC 6749 §2.3.1).
    Post {
        /// The client identifier.
        id: String,
        /// The client secret.
        secret: Secret<String>,
    },
    /// A JWT assertion (RFC 7523 §2.2).
    Assertion {
        /// The JWT.
        assertion: Secret<String>,
        /// `client_id`, if sent: must be the assertion's subject (RFC 7521 §4.2).
        client_id: Option<String>,
    },
    /// `client_id` alone (RFC 6749 §3.2.1).
    None {
        /// The client identifier.
        id: String,
    },
    /// `client_id` and the certificate of the connection (RFC 8705 §2).
    Certificate {
        /// The client identifier.
        id: String,
        /// The certificate.
        certificate: ClientCertificate,
    },
    /// Nothing at all.
    Missing,
}

/// Why no client authentication can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientAuthError {
    /// The `Authorization` header has another scheme than Basic.
    #[error("the authorization scheme is not Basic")]
    Scheme,
    /// The Basic credentials are not canonical base64 of two form-encoded halves.
    #[error("the Basic credentials are malformed")]
    MalformedBasic,
    /// More than one method is used (RFC 6749 §2.3).
    #[error("more than one client authentication method is used")]
    SeveralMethods,
    /// The header and the body name different clients.
    #[error("the header and the body name different clients")]
    ClientIdMismatch,
    /// A secret comes without `client_id`.
    #[error("client_secret comes without client_id")]
    SecretWithoutId,
    /// `client_assertion` and `client_assertion_type` do not come together, or the type is not [`JWT_BEARER`].
    #[error("the client assertion type is missing or not supported")]
    AssertionType,
    /// A value is too long.
    #[error("a client authentication value is too long")]
    TooLong,
}

impl ClientAuthentication {
    /// Reads the `Authorization` header and the body.
    ///
    /// # Errors
    ///
    /// [`ClientAuthError`]; two methods at once are never resolved to one of them.
    pub fn extract(authorization: Option<&str>, params: &Params) -> Result<Self, ClientAuthError> {
        let client_id = params.one("client_id");
        let secret = params.one("client_secret");
        let assertion = params.one("client_assertion");
        if client_id.is_some_and(|id| id.len() > MAX_CLIENT_ID)
            || assertion.is_some_and(|assertion| assertion.len() > MAX_ASSERTION)
        {
            return Err(ClientAuthError::TooLong);
        }
        // RFC 6749 §2.3: not more than one method per request.
        if [authorization.is_some(), secret.is_some(), assertion.is_some()]
            .iter()
            .filter(|&&used| used)
            .count()
            > 1
        {
            return Err(ClientAuthError::SeveralMethods);
        }
        if let Some(authorization) = authorization {
            return from_header(authorization, client_id);
        }
        // RFC 7521 §4.2: the two parameters are required together.
        match (assertion, params.one("client_assertion_type")) {
            (Some(assertion), Some(JWT_BEARER)) => {
                let client_id = client_id.map(str::to_owned);
                return Ok(Self::Assertion { assertion: Secret::new(assertion.to_owned()), client_id });
            }
            (Some(_), _) | (None, Some(_)) => return Err(ClientAuthError::AssertionType),
            (None, None) => {}
        }
        match (client_id, secret) {
            (Some(id), Some(secret)) => {
                Ok(Self::Post { id: id.to_owned(), secret: Secret::new(secret.to_owned()) })
            }
            (Some(id), None) => Ok(Self::None { id: id.to_owned() }),
            (None, Some(_)) => Err(ClientAuthError::SecretWithoutId),
            (None, None) => Ok(Self::Missing),
        }
    }

    /// A bare identifier together with a certificate may be an authentication by it (RFC 8705 §2); beside other
    /// credentials a certificate only binds tokens.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<&ClientCertificate>) -> Self {
        match (self, certificate) {
            (Self::None { id }, Some(certificate)) => {
                Self::Certificate { id, certificate: certificate.clone() }
            }
            (other, _) => other,
        }
    }

    /// The identifier the client gives, unless only an assertion names it.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Basic { id, .. }
            | Self::BasicWithoutSecret { id }
            | Self::Post { id, .. }
            | Self::Certificate { id, .. }
            | Self::None { id } => Some(id),
            Self::Assertion { client_id, .. } => client_id.as_deref(),
            Self::Missing => None,
        }
    }
}

fn from_header(
    authorization: &str,
    client_id: Option<&str>,
) -> Result<ClientAuthentication, ClientAuthError> {
    if authorization.len() > MAX_HEADER {
        return Err(ClientAuthError::TooLong);
    }
    let (scheme, encoded) = authorization.split_once(' ').ok_or(ClientAuthError::MalformedBasic)?;
    // RFC 9110 §11.1: the scheme is compared without regard to case.
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(ClientAuthError::Scheme);
    }
    let decoded =
        STANDARD.decode(encoded.trim_start_matches(' ')).map_err(|_| ClientAuthError::MalformedBasic)?;
    let decoded = Zeroizing::new(decoded);
    // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
    let mut halves = decoded.splitn(2, |&byte| byte == b':');
    let half = |encoded: &[u8]| decode_component(encoded).map_err(|_| ClientAuthError::MalformedBasic);
    let id = half(halves.next().unwrap_or_default())?;
    let secret = halves.next().map(half).transpose()?.map(Secret::new);
    let printable = |text: &str| !text.chars().any(char::is_control);
    if id.is_empty() || id.len() > MAX_CLIENT_ID || !printable(&id) {
        return Err(ClientAuthError::MalformedBasic);
    }
    if client_id.is_some_and(|client_id| client_id != id) {
        return Err(ClientAuthError::ClientIdMismatch);
    }
    match secret {
        Some(secret) if !printable(secret.expose()) => Err(ClientAuthError::MalformedBasic),
        Some(secret) => Ok(ClientAuthentication::Basic { id, secret }),
        None => Ok(ClientAuthentication::BasicWithoutSecret { id }),
    }
}

impl From<ClientAuthError> for OAuthError {
    fn from(error: ClientAuthError) -> Self {
        match error {
            ClientAuthError::Scheme => {
                Self::invalid_client("The Authorization header must use the Basic scheme.")
            }
            ClientAuthError::MalformedBasic => Self::invalid_client("The Basic credentials are malformed."),
            ClientAuthError::SeveralMethods => {
                Self::invalid_request("Only one client authentication method may be used.")
            }
            ClientAuthError::ClientIdMismatch => {
                Self::invalid_request("The client_id differs from the one in the Authorization header.")
            }
            ClientAuthError::SecretWithoutId => Self::invalid_request("The parameter client_id is missing."),
            ClientAuthError::AssertionType => {
                Self::invalid_request("The client_assertion_type is missing or not supported.")
            }
            ClientAuthError::TooLong => Self::invalid_request("A client authentication value is too long."),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::params::encode_component;

    fn extract(authorization: Option<&str>, body: &str) -> Result<ClientAuthentication, ClientAuthError> {
        ClientAuthentication::extract(authorization, &Params::parse_form(body.as_bytes()).unwrap())
    }

    fn basic(userpass: &str) -> String {
        format!("Basic {}", STANDARD.encode(userpass))
    }

    fn secret(value: &str) -> Secret<String> {
        Secret::new(value.to_owned())
    }

    #[test]
    fn basic_credentials_are_read_and_the_scheme_has_no_case() {
        let expected = ClientAuthentication::Basic { id: "web".to_owned(), secret: secret("s3cret") };
        for scheme in ["Basic", "basic", "BASIC"] {
            let header = format!("{scheme} {}", STANDARD.encode("web:s3cret"));
            assert_eq!(extract(Some(&header), "grant_type=x&client_id=web"), Ok(expected.clone()));
        }
    }

    #[test]
    fn sec_e04_both_halves_are_form_decoded() {
        let header = basic("a%3Ab+c:%25%2B%C3%A9:x");
        assert_eq!(
            extract(Some(&header), ""),
            Ok(ClientAuthentication::Basic { id: "a:b c".to_owned(), secret: secret("%+é:x") })
        );
    }

    #[test]
    fn sec_e04_malformed_basic_credentials_are_refused() {
        let unpadded = format!("Basic {}", STANDARD_NO_PAD.encode("web:s"));
        let url_safe = format!("Basic {}", URL_SAFE.encode("web:??>>~~"));
        let trailing = format!("{} x", basic("web:secret"));
        let loose_bits = basic("web:s").replace("nM=", "nN=");
        for header in [
            "Basic",
            "Basic ",
            "Basic !!!",
            &unpadded,
            &url_safe,
            &trailing,
            &loose_bits,
            &basic("web:a%"),
            &basic("web:a\0"),
            &basic("web:a%00"),
            &basic("we%0ab:a"),
            &basic(":secret"),
            &basic(""),
        ] {
            assert_eq!(extract(Some(header), ""), Err(ClientAuthError::MalformedBasic), "{header}");
        }
        let latin = format!("Basic {}", STANDARD.encode(b"web:\xe9"));
        assert_eq!(extract(Some(&latin), ""), Err(ClientAuthError::MalformedBasic));
        assert_eq!(extract(Some("Bearer abc"), ""), Err(ClientAuthError::Scheme));
    }

    #[test]
    fn basic_without_a_colon_is_reported_as_such() {
        let id = "spa".to_owned();
        assert_eq!(
            extract(Some(&basic("spa")), ""),
            Ok(ClientAuthentication::BasicWithoutSecret { id: id.clone() })
        );
        assert_eq!(
            extract(Some(&basic("spa:")), ""),
            Ok(ClientAuthentication::Basic { id, secret: secret("") })
        );
    }

    #[test]
    fn the_body_carries_a_secret_an_assertion_or_only_the_identifier() {
        assert_eq!(
            extract(None, "client_id=web&client_secret=s"),
            Ok(ClientAuthentication::Post { id: "web".to_owned(), secret: secret("s") })
        );
        let body = format!("client_assertion=a.b.c&client_assertion_type={}", encode_component(JWT_BEARER));
        let assertion = extract(None, &body).unwrap();
        assert_eq!(
            assertion,
            ClientAuthentication::Assertion { assertion: secret("a.b.c"), client_id: None }
        );
        assert_eq!(extract(None, &format!("{body}&client_id=web")).unwrap().client_id(), Some("web"));
        assert_eq!(extract(None, "client_id=spa"), Ok(ClientAuthentication::None { id: "spa".to_owned() }));
        assert_eq!(extract(None, "grant_type=x"), Ok(ClientAuthentication::Missing));
    }

    #[test]
    fn sec_e02_two_methods_at_once_are_refused() {
        let header = basic("web:s");
        let assertion =
            format!("client_assertion=a.b.c&client_assertion_type={}", encode_component(JWT_BEARER));
        for (authorization, body) in [
            (Some(header.as_str()), "client_id=web&client_secret=s".to_owned()),
            (Some(header.as_str()), assertion.clone()),
            (None, format!("{assertion}&client_id=web&client_secret=s")),
            (Some("Bearer x"), "client_id=web&client_secret=s".to_owned()),
        ] {
            assert_eq!(extract(authorization, &body), Err(ClientAuthError::SeveralMethods), "{body}");
        }
        assert_eq!(extract(Some(&header), "client_id=other"), Err(ClientAuthError::ClientIdMismatch));
    }

    #[test]
    fn an_assertion_needs_the_jwt_bearer_type() {
        for body in [
            "client_assertion=a.b.c",
            "client_assertion=a.b.c&client_assertion_type=saml",
            "client_id=web&client_assertion_type=x",
        ] {
            assert_eq!(extract(None, body), Err(ClientAuthError::AssertionType), "{body}");
        }
        assert_eq!(extract(None, "client_secret=s"), Err(ClientAuthError::SecretWithoutId));
        assert_eq!(extract(None, &format!("client_id={}", "x".repeat(256))), Err(ClientAuthError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(id in "[ -~é]{1,30}", password in "[ -~é]{0,30}") {
            let header = basic(&format!("{}:{}", encode_component(&id), encode_component(&password)));
            prop_assert_eq!(
                extract(Some(&header), ""),
                Ok(ClientAuthentication::Basic { id, secret: secret(&password) })
            );
        }

        #[test]
        fn an_arbitrary_header_never_panics(header in "\\PC{0,60}") {
            let _ = extract(Some(&header), "");
        }
    }
}
