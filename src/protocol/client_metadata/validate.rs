//! What client metadata must keep to: every member by itself, and all of them together.

use serde_json::Value;
use url::Url;

use super::{
    ApplicationType, CertificateSubject, ClientMetadata, Introspect, MetadataError, Profile, RotationType,
    SubjectType,
};
use crate::protocol::{
    client_auth::AuthMethod,
    distinguished_name::DistinguishedName,
    grant_type::GrantType,
    redirect_uri::{RedirectUriKind, RegisteredRedirectUri},
    response_type::ResponseType,
    wildcard_redirect::{RedirectUriPattern, WildcardRedirect, is_pattern},
};

/// The longest URI, in characters.
const MAX_URI: usize = 2048;
/// The longest name, contact or reference, in characters.
const MAX_TEXT: usize = 255;
/// The most redirect or post-logout redirect URIs.
const MAX_REDIRECT_URIS: usize = 100;
/// The most entries of any other list.
pub(super) const MAX_ENTRIES: usize = 20;
/// The most seconds a replaced refresh token may be used again (Okta).
const MAX_LEEWAY: u8 = 60;

/// Signature algorithms with a key pair (RFC 7518 §3.1; RFC 8037 §3.1).
const ASYMMETRIC: &[&str] =
    &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
/// Algorithms keyed by the client secret (RFC 7518 §3.1).
const SYMMETRIC: &[&str] = &["HS256", "HS384", "HS512"];
/// Encryption to a public key (RFC 7518 §4.3, §4.6).
const ENCRYPTION_ALG: &[&str] = &["RSA-OAEP-256", "ECDH-ES"];
/// Ciphers (RFC 7518 §5.3).
const ENCRYPTION_ENC: &[&str] = &["A128GCM", "A256GCM"];
/// Algorithms of the FAPI 2.0 Security Profile §5.4.1.
const FAPI2: &[&str] = &["PS256", "ES256", "EdDSA"];

impl ClientMetadata {
    /// Checks every member and their consistency. Meant for metadata with defaults filled in.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] for the first member that breaks a rule.
    pub fn validate(&self) -> Result<(), MetadataError> {
        self.check_texts()?;
        self.check_uris()?;
        self.check_endpoints()?;
        self.check_redirect_uris()?;
        self.check_sector()?;
        self.check_grants()?;
        self.check_authentication()?;
        self.check_algorithms()?;
        self.check_encryption()?;
        self.check_keys()?;
        self.check_certificate()?;
        self.check_profile()
    }

    fn check_texts(&self) -> Result<(), MetadataError> {
        if let Some(name) = &self.client_name {
            check_text("client_name", name)?;
        }
        for (member, list) in [("contacts", &self.contacts), ("default_acr_values", &self.default_acr_values)]
        {
            ensure(list.len() <= MAX_ENTRIES, member, "has too many entries")?;
            list.iter().try_for_each(|text| check_text(member, text))?;
        }
        let leeway = self.refresh_token.map_or(0, |settings| settings.leeway);
        ensure(leeway <= MAX_LEEWAY, "refresh_token", "leeway is 0 to 60 seconds")
    }

    fn check_uris(&self) -> Result<(), MetadataError> {
        for (member, uri) in
            [("client_uri", &self.client_uri), ("policy_uri", &self.policy_uri), ("tos_uri", &self.tos_uri)]
        {
            check_uri(member, uri.as_deref(), Transport::HttpsOrLoopback)?;
        }
        for (member, uri) in [
            ("logo_uri", &self.logo_uri),
            ("jwks_uri", &self.jwks_uri),
            // Registration §2: it MUST use https.
            ("sector_identifier_uri", &self.sector_identifier_uri),
            // Registration §2: the initiate_login_uri must use https.
            ("initiate_login_uri", &self.initiate_login_uri),
        ] {
            check_uri(member, uri.as_deref(), Transport::Https)?;
        }
        Ok(())
    }

    fn check_redirect_uris(&self) -> Result<(), MetadataError> {
        for (member, list) in [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ] {
            ensure(list.len() <= MAX_REDIRECT_URIS, member, "has too many entries")?;
            for (index, uri) in list.iter().enumerate() {
                let first = list.iter().position(|known| known == uri);
                ensure(first == Some(index), member, "has an entry twice")?;
                // Okta: patterns are for sign-in, not for logout.
                let wildcard = self.wildcard_redirect == WildcardRedirect::Subdomain;
                if wildcard && member == "redirect_uris" && is_pattern(uri) {
                    let reason = "has a wildcard that is not in the lowest label of an https URI below a domain of one's own";
                    ensure(RedirectUriPattern::parse(uri).is_ok(), member, reason)?;
                    continue;
                }
                let Ok(uri) = RegisteredRedirectUri::parse(uri) else {
                    return refuse(member, "has an entry that is not allowed as a redirect URI");
                };
                // RFC 8252 §7.1: private-use schemes belong to installed applications.
                let native = self.application_type == ApplicationType::Native;
                let private = uri.kind() == RedirectUriKind::PrivateUse;
                ensure(
                    native || !private,
                    member,
                    "has a private-use scheme, which only native clients may have",
                )?;
            }
        }
        Ok(())
    }

    /// Core §8.1: several hosts share a sector only through a document that names them all.
    fn check_sector(&self) -> Result<(), MetadataError> {
        let fits = self.subject_type == SubjectType::Public || self.sector().is_some();
        ensure(fits, "subject_type", "pairwise needs redirect URIs of one host, or a sector_identifier_uri")
    }

    fn check_grants(&self) -> Result<(), MetadataError> {
        let grants = |grant_type| self.allows_grant_type(grant_type);
        ensure(self.grant_types.len() <= MAX_ENTRIES, "grant_types", "has too many entries")?;
        ensure(!self.grant_types.is_empty(), "grant_types", "is empty")?;
        self.check_grants_of_kind()?;
        if self.application_type == ApplicationType::Service {
            let only = self.grant_types.iter().all(|known| {
                matches!(
                    known,
                    GrantType::ClientCredentials | GrantType::TokenExchange | GrantType::JwtBearer
                )
            });
            ensure(
                only,
                "grant_types",
                "must be client_credentials, token-exchange or jwt-bearer only for a service",
            )?;
            ensure(self.redirect_uris.is_empty(), "redirect_uris", "must be empty for a service")?;
            let empty = self.post_logout_redirect_uris.is_empty();
            ensure(empty, "post_logout_redirect_uris", "must be empty for a service")?;
            let only = self.response_types.iter().all(|known| *known == ResponseType::Token);
            return ensure(only, "response_types", "must be empty for a service");
        }
        // Registration §2: grant types and response types correspond.
        let code = self.response_types.iter().any(|known| known.has_code());
        let front = self.response_types.iter().any(|known| known.is_front_channel());
        let consistent = code == grants(GrantType::AuthorizationCode);
        ensure(
            consistent,
            "response_types",
            "code and the grant type authorization_code require each other",
        )?;
        let consistent = front == grants(GrantType::Implicit);
        ensure(
            consistent,
            "response_types",
            "id_token or token and the grant type implicit require each other",
        )?;
        let redirects = !self.redirect_uris.is_empty();
        ensure(redirects || !(code || front), "redirect_uris", "needs at least one entry")?;
        let refreshable = self.grant_types.iter().any(|known| {
            !matches!(
                known,
                GrantType::RefreshToken
                    | GrantType::ClientCredentials
                    | GrantType::Implicit
                    | GrantType::JwtBearer
            )
        });
        ensure(
            refreshable || !grants(GrantType::RefreshToken),
            "grant_types",
            "refresh_token needs a grant that issues refresh tokens",
        )
    }

    /// Grants that only some kinds of application may have (Okta).
    fn check_grants_of_kind(&self) -> Result<(), MetadataError> {
        use ApplicationType::{Native, Service, Web};
        let rules: [(GrantType, &[ApplicationType], &'static str); 4] = [
            (GrantType::DeviceCode, &[Native], "device_code is for native clients only"),
            // RFC 9700 §2.4: a last resort for installed applications of one's own.
            (GrantType::Password, &[Native], "password is for native clients only"),
            (
                GrantType::TokenExchange,
                &[Native, Service],
                "token-exchange is for services and native clients",
            ),
            (GrantType::JwtBearer, &[Web, Service], "jwt-bearer is for services and web clients"),
        ];
        for (grant_type, kinds, reason) in rules {
            let fits = !self.allows_grant_type(grant_type) || kinds.contains(&self.application_type);
            ensure(fits, "grant_types", reason)?;
        }
        // RFC 7523 §3.1: the assertion says nothing of the client.
        let bearer = self.allows_grant_type(GrantType::JwtBearer);
        ensure(!(bearer && self.is_public()), "grant_types", "jwt-bearer needs a client that authenticates")
    }

    fn check_authentication(&self) -> Result<(), MetadataError> {
        const METHOD: &str = "token_endpoint_auth_method";
        let public = self.is_public();
        match self.application_type {
            // A browser shows its code and storage to everyone: there is nothing to authenticate with.
            ApplicationType::Browser => ensure(public, METHOD, "must be none for a browser client")?,
            ApplicationType::Service => ensure(!public, METHOD, "must not be none for a service")?,
            ApplicationType::Web | ApplicationType::Native => {}
        }
        // RFC 6749 §4.4: only confidential clients have credentials of their own.
        let own = self.allows_grant_type(GrantType::ClientCredentials);
        ensure(!(public && own), "grant_types", "client_credentials needs a client that authenticates")?;
        // RFC 9700 §2.1.1: public clients must use PKCE.
        let without = self.pkce_required == Some(false);
        ensure(!(public && without), "pkce_required", "must be true for a public client")?;
        let server = self.introspect == Introspect::Server;
        ensure(!(public && server), "introspect", "must be own for a public client")?;
        // They are given to a client that acts for itself, and to nobody else.
        let administers = !self.okta_scopes.is_empty();
        ensure(own || !administers, "okta_scopes", "needs the grant type client_credentials")
    }

    fn check_algorithms(&self) -> Result<(), MetadataError> {
        if let Some(alg) = self.token_endpoint_auth_signing_alg.as_deref() {
            let fits = match self.auth_method() {
                AuthMethod::ClientSecretJwt => SYMMETRIC.contains(&alg),
                AuthMethod::PrivateKeyJwt => ASYMMETRIC.contains(&alg),
                AuthMethod::ClientSecretBasic
                | AuthMethod::ClientSecretPost
                | AuthMethod::TlsClientAuth
                | AuthMethod::SelfSignedTlsClientAuth
                | AuthMethod::None => false,
            };
            ensure(fits, "token_endpoint_auth_signing_alg", "does not fit the authentication method")?;
        }
        for (member, alg) in self.response_algorithms() {
            ensure(alg.as_deref().is_none_or(|alg| ASYMMETRIC.contains(&alg)), member, "is not supported")?;
        }
        if let Some(alg) = self.authorization_signed_response_alg.as_deref() {
            ensure(ASYMMETRIC.contains(&alg), "authorization_signed_response_alg", "is not supported")?;
        }
        if let Some(alg) = self.request_object_signing_alg.as_deref() {
            // RFC 9101 §10.2: an unsigned request object proves nothing.
            // Only the secret of client_secret_jwt is kept in a form that can verify a MAC.
            let keyed = self.auth_method() == AuthMethod::ClientSecretJwt;
            let known = ASYMMETRIC.contains(&alg) || (SYMMETRIC.contains(&alg) && keyed);
            ensure(known, "request_object_signing_alg", "is not supported")?;
        }
        Ok(())
    }

    /// What is signed for the client.
    fn response_algorithms(&self) -> [(&'static str, &Option<String>); 3] {
        [
            ("id_token_signed_response_alg", &self.id_token_signed_response_alg),
            ("userinfo_signed_response_alg", &self.userinfo_signed_response_alg),
            ("introspection_signed_response_alg", &self.introspection_signed_response_alg),
        ]
    }

    fn check_encryption(&self) -> Result<(), MetadataError> {
        for ((alg_member, alg), (enc_member, enc)) in [
            (
                ("id_token_encrypted_response_alg", &self.id_token_encrypted_response_alg),
                ("id_token_encrypted_response_enc", &self.id_token_encrypted_response_enc),
            ),
            (
                ("userinfo_encrypted_response_alg", &self.userinfo_encrypted_response_alg),
                ("userinfo_encrypted_response_enc", &self.userinfo_encrypted_response_enc),
            ),
        ] {
            match (alg.as_deref(), enc.as_deref()) {
                (None, None) => {}
                // Registration §2: enc needs alg.
                (None, Some(_)) => return refuse(enc_member, "needs the alg that goes with it"),
                // Registration §2 would mean A128CBC-HS256, which is not supported.
                (Some(_), None) => return refuse(enc_member, "must be given with alg: A128GCM or A256GCM"),
                (Some(alg), Some(enc)) => {
                    ensure(ENCRYPTION_ALG.contains(&alg), alg_member, "is not supported")?;
                    ensure(ENCRYPTION_ENC.contains(&enc), enc_member, "is not supported")?;
                    let keys = self.jwks.is_some() || self.jwks_uri.is_some();
                    ensure(keys, alg_member, "needs jwks or jwks_uri")?;
                }
            }
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), MetadataError> {
        // RFC 7591 §2: jwks and jwks_uri must not both be present.
        let both = self.jwks.is_some() && self.jwks_uri.is_some();
        ensure(!both, "jwks", "must not be given together with jwks_uri")?;
        let none = self.jwks.is_none() && self.jwks_uri.is_none();
        let needed =
            matches!(self.auth_method(), AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth);
        let reason = "or jwks_uri is needed for private_key_jwt and self_signed_tls_client_auth";
        ensure(!(none && needed), "jwks", reason)?;
        let Some(jwks) = &self.jwks else {
            return Ok(());
        };
        let Some(keys) = jwks.get("keys").and_then(Value::as_array) else {
            return refuse("jwks", "is not a JWK set");
        };
        ensure(!keys.is_empty() && keys.len() <= MAX_ENTRIES, "jwks", "needs 1 to 20 keys")?;
        for key in keys {
            let known = matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC" | "OKP"));
            ensure(known, "jwks", "has a key whose kty is not RSA, EC or OKP")?;
            let private =
                ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|part| key.get(part).is_some());
            ensure(!private, "jwks", "has a private key")?;
        }
        Ok(())
    }

    /// RFC 8705 §2.1.2: exactly one attribute of the certificate identifies the client.
    fn check_certificate(&self) -> Result<(), MetadataError> {
        const MEMBER: &str = "tls_client_auth_subject_dn";
        let given = [
            &self.tls_client_auth_subject_dn,
            &self.tls_client_auth_san_dns,
            &self.tls_client_auth_san_uri,
            &self.tls_client_auth_san_ip,
            &self.tls_client_auth_san_email,
        ];
        let count = given.iter().filter(|value| value.is_some()).count();
        if self.auth_method() != AuthMethod::TlsClientAuth {
            return ensure(count == 0, MEMBER, "and its like go with tls_client_auth only");
        }
        let Some(subject) = self.certificate_subject() else {
            return refuse(MEMBER, "or exactly one of its like is needed for tls_client_auth");
        };
        match subject {
            CertificateSubject::Dn(dn) => {
                ensure(DistinguishedName::parse(dn).is_some(), MEMBER, "is not a distinguished name")
            }
            CertificateSubject::Dns(dns) => check_text("tls_client_auth_san_dns", dns),
            CertificateSubject::Uri(uri) => {
                check_text("tls_client_auth_san_uri", uri)?;
                ensure(Url::parse(uri).is_ok(), "tls_client_auth_san_uri", "is not a URI")
            }
            CertificateSubject::Ip(ip) => {
                ensure(ip.parse::<std::net::IpAddr>().is_ok(), "tls_client_auth_san_ip", "is not an address")
            }
            CertificateSubject::Email(email) => check_text("tls_client_auth_san_email", email),
        }
    }

    /// FAPI 2.0 Security Profile §5.3.2.
    fn check_profile(&self) -> Result<(), MetadataError> {
        if self.profile != Profile::Fapi2 {
            return Ok(());
        }
        let strong = matches!(
            self.auth_method(),
            AuthMethod::PrivateKeyJwt | AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth
        );
        let reason = "must be private_key_jwt or by certificate in the profile fapi2";
        ensure(strong, "token_endpoint_auth_method", reason)?;
        let code = self.response_types.iter().all(|known| *known == ResponseType::Code);
        ensure(code, "response_types", "must be code only in the profile fapi2")?;
        ensure(self.pkce_required != Some(false), "pkce_required", "must be true in the profile fapi2")?;
        // FAPI 2.0 Security Profile §5.3.2.2: redirect URIs are compared exactly.
        let exact = self.wildcard_redirect == WildcardRedirect::Disabled;
        ensure(exact, "wildcard_redirect", "must be DISABLED in the profile fapi2")?;
        for (member, alg) in [
            ("token_endpoint_auth_signing_alg", &self.token_endpoint_auth_signing_alg),
            ("request_object_signing_alg", &self.request_object_signing_alg),
            ("authorization_signed_response_alg", &self.authorization_signed_response_alg),
        ]
        .into_iter()
        .chain(self.response_algorithms())
        {
            let fits = alg.as_deref().is_none_or(|alg| FAPI2.contains(&alg));
            ensure(fits, member, "must be PS256, ES256 or EdDSA in the profile fapi2")?;
        }
        let rotated =
            self.refresh_token.is_some_and(|settings| settings.rotation_type == RotationType::Rotate);
        ensure(!rotated, "refresh_token", "must be STATIC in the profile fapi2")
    }
}

#[derive(Clone, Copy)]
pub(super) enum Transport {
    Https,
    HttpsOrLoopback,
}

pub(super) fn ensure(holds: bool, member: &'static str, reason: &'static str) -> Result<(), MetadataError> {
    if holds { Ok(()) } else { refuse(member, reason) }
}

fn refuse(member: &'static str, reason: &'static str) -> Result<(), MetadataError> {
    Err(MetadataError { member, reason })
}

pub(super) fn check_text(member: &'static str, text: &str) -> Result<(), MetadataError> {
    ensure(!text.trim().is_empty(), member, "is empty")?;
    ensure(text.chars().count() <= MAX_TEXT, member, "is too long")?;
    // Overrides of writing direction let one name look like another.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    ensure(!text.chars().any(hidden), member, "has control characters")
}

pub(super) fn check_uri(
    member: &'static str,
    uri: Option<&str>,
    transport: Transport,
) -> Result<(), MetadataError> {
    let Some(uri) = uri else {
        return Ok(());
    };
    ensure(uri.len() <= MAX_URI, member, "is too long")?;
    ensure(uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), member, "is not a URI")?;
    let Ok(url) = Url::parse(uri) else {
        return refuse(member, "is not a URI");
    };
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let secure = url.scheme() == "https"
        || match transport {
            Transport::Https => false,
            Transport::HttpsOrLoopback => url.scheme() == "http" && loopback,
        };
    ensure(secure, member, "must use https")?;
    ensure(url.username().is_empty() && url.password().is_none(), member, "has user information")?;
    ensure(url.has_host(), member, "has no host")
}
