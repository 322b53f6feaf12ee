//! Client metadata (RFC 7591 §2; OpenID Connect Registration 1.0 §2; Okta's client settings) and its consistency.

mod endpoints;
mod localized;
mod redirect;
mod sector;
mod validate;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::localized::Localized;
use crate::protocol::client_auth::AuthMethod;
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::grant_type::GrantType;
use crate::protocol::okta_scope::OktaScope;
use crate::protocol::response_type::ResponseType;
use crate::protocol::wildcard_redirect::WildcardRedirect;
use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// What kind of application the client is (Registration §2; Okta).
    #[derive(Default)]
    ApplicationType {
        /// A web application with a server that keeps secrets.
        #[default]
        Web = "web",
        /// An application installed on a device.
        Native = "native",
        /// A single-page application.
        Browser = "browser",
        /// A service without users.
        Service = "service",
    }
}

wire_enum! {
    /// Whether users are asked for consent (Okta).
    #[derive(Default)]
    ConsentMethod {
        /// Never, unless the request asks for it.
        #[default]
        Trusted = "TRUSTED",
        /// Once for every scope that needs it.
        Required = "REQUIRED",
    }
}

wire_enum! {
    /// What happens to a refresh token when it is used (Okta).
    RotationType {
        /// It is replaced (RFC 9700 §4.14.2).
        Rotate = "ROTATE",
        /// It stays.
        Static = "STATIC",
    }
}

wire_enum! {
    /// Which tokens the client may introspect.
    #[derive(Default)]
    Introspect {
        /// Its own.
        #[default]
        Own = "own",
        /// Every token of the authorization server.
        Server = "server",
    }
}

wire_enum! {
    /// How strictly the client is treated.
    #[derive(Default)]
    Profile {
        /// By the standards.
        #[default]
        Standard = "standard",
        /// As Okta would, where Okta differs.
        OktaCompat = "okta_compat",
        /// By the FAPI 2.0 Security Profile.
        Fapi2 = "fapi2",
    }
}

wire_enum! {
    /// Whether a user has the same `sub` for every client (Core §8).
    #[derive(Default)]
    SubjectType {
        /// The same everywhere.
        #[default]
        Public = "public",
        /// One for each sector, which tells nothing of the others.
        Pairwise = "pairwise",
    }
}

/// Rotation of refresh tokens (Okta).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefreshTokenSettings {
    /// Whether a used refresh token is replaced.
    pub rotation_type: RotationType,
    /// How long a replaced refresh token may be used again, in seconds, 0 to 60.
    #[serde(default)]
    pub leeway: u8,
}

/// What is known of a client. Members that are empty or `None` were not given; [`ClientMetadata::with_defaults`] fills
/// them in. Unknown members are ignored (RFC 7591 §2).
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// `client_name`, shown to users (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// `client_uri`: the client's home page (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// `logo_uri`, loaded by users' browsers (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// `policy_uri` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// `tos_uri` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// `contacts`: usually mail addresses (RFC 7591 §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// `application_type` (Registration §2; Okta).
    pub application_type: ApplicationType,
    /// `redirect_uris` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// `post_logout_redirect_uris` (RP-Initiated Logout §3.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// `response_types` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<ResponseType>,
    /// `grant_types` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<GrantType>,
    /// `token_endpoint_auth_method` (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// `token_endpoint_auth_signing_alg`: the one algorithm of client assertions (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// `id_token_signed_response_alg` (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// `request_object_signing_alg`: the one algorithm of request objects (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// `jwks`: the client's public keys (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// `jwks_uri`: where the client's public keys are (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// `default_max_age`, in seconds (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// `require_auth_time` (Registration §2).
    pub require_auth_time: bool,
    /// `default_acr_values` (Registration §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// `initiate_login_uri` (Registration §2; Core §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// `subject_type`: whether `sub` is the same for every client (Registration §2; Core §8).
    pub subject_type: SubjectType,
    /// `sector_identifier_uri`: a list of redirect URIs that share pairwise subjects (Registration §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// `userinfo_signed_response_alg`: userinfo as a JWT (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// `id_token_encrypted_response_alg` (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<String>,
    /// `id_token_encrypted_response_enc` (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<String>,
    /// `userinfo_encrypted_response_alg` (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<String>,
    /// `userinfo_encrypted_response_enc` (Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<String>,
    /// `introspection_signed_response_alg`: introspection as a JWT (RFC 9701 §6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<String>,
    /// `authorization_signed_response_alg`: authorization responses as JWTs (JARM §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<String>,
    /// `request_uris`: where request objects may be fetched (Registration §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// `require_signed_request_object` (RFC 9101 §10.5).
    pub require_signed_request_object: bool,
    /// `require_pushed_authorization_requests` (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// `dpop_bound_access_tokens` (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// `tls_client_certificate_bound_access_tokens` (RFC 8705 §3.4).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// `tls_client_auth_subject_dn` (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// `tls_client_auth_san_dns` (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// `tls_client_auth_san_uri` (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// `tls_client_auth_san_ip` (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    /// `tls_client_auth_san_email` (RFC 8705 §2.1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// `frontchannel_logout_uri` (Front-Channel Logout §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// `frontchannel_logout_session_required` (Front-Channel Logout §2).
    pub frontchannel_logout_session_required: bool,
    /// `backchannel_logout_uri` (Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// `backchannel_logout_session_required` (Back-Channel Logout §2.2).
    pub backchannel_logout_session_required: bool,
    /// `wildcard_redirect`: whether `*` in `redirect_uris` is a wildcard; not unless an administrator says so (Okta).
    pub wildcard_redirect: WildcardRedirect,
    /// `consent_method` (Okta).
    pub consent_method: ConsentMethod,
    /// `pkce_required` (Okta).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkce_required: Option<bool>,
    /// `refresh_token` (Okta).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<RefreshTokenSettings>,
    /// `introspect`: which tokens the client may introspect.
    pub introspect: Introspect,
    /// `profile`: how strictly the client is treated.
    pub profile: Profile,
    /// `okta_scopes`: what the client may administer with its own credentials; nothing unless an administrator says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub okta_scopes: Vec<OktaScope>,
    /// `client_name#de` and so on (RFC 7591 §2.2).
    #[serde(flatten)]
    pub localized: Localized,
}

/// The one attribute that the certificate of a client must have (RFC 8705 §2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateSubject<'a> {
    /// The subject, as RFC 4514 writes it.
    Dn(&'a str),
    /// A DNS name among the alternative names.
    Dns(&'a str),
    /// A URI among them.
    Uri(&'a str),
    /// An address among them.
    Ip(&'a str),
    /// A mail address among them.
    Email(&'a str),
}

/// A member of the metadata that is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct MetadataError {
    /// The name of the member.
    pub member: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ClientMetadata {
    /// The authentication method: the one given, else Okta's default for the application type.
    pub fn auth_method(&self) -> AuthMethod {
        self.token_endpoint_auth_method.unwrap_or(match self.application_type {
            ApplicationType::Web | ApplicationType::Service => AuthMethod::ClientSecretBasic,
            ApplicationType::Native | ApplicationType::Browser => AuthMethod::None,
        })
    }

    /// The attribute that the client's certificate must have; `None` unless exactly one is registered.
    pub fn certificate_subject(&self) -> Option<CertificateSubject<'_>> {
        let mut found = [
            self.tls_client_auth_subject_dn.as_deref().map(CertificateSubject::Dn),
            self.tls_client_auth_san_dns.as_deref().map(CertificateSubject::Dns),
            self.tls_client_auth_san_uri.as_deref().map(CertificateSubject::Uri),
            self.tls_client_auth_san_ip.as_deref().map(CertificateSubject::Ip),
            self.tls_client_auth_san_email.as_deref().map(CertificateSubject::Email),
        ]
        .into_iter()
        .flatten();
        match (found.next(), found.next()) {
            (Some(subject), None) => Some(subject),
            (_, _) => None,
        }
    }

    /// Whether the client cannot keep a secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.auth_method() == AuthMethod::None
    }

    /// Whether a `code_challenge` is mandatory: always for public clients and under FAPI 2.0, else as given
    /// (RFC 9700 §2.1.1).
    pub fn requires_pkce(&self) -> bool {
        self.is_public()
            || self.profile == Profile::Fapi2
            || self.pkce_required.unwrap_or(matches!(
                self.application_type,
                ApplicationType::Native | ApplicationType::Browser
            ))
    }

    /// Whether authorization requests must be pushed: as given, and always under FAPI 2.0 (RFC 9126 §6).
    pub fn requires_pushed_request(&self) -> bool {
        self.require_pushed_authorization_requests || self.profile == Profile::Fapi2
    }

    /// Rotation of refresh tokens: as given, else replaced with 30 seconds of leeway for public clients and not
    /// replaced for confidential ones (RFC 9700 §4.14.2; Okta).
    pub fn refresh_token_settings(&self) -> RefreshTokenSettings {
        self.refresh_token.unwrap_or(if self.is_public() {
            RefreshTokenSettings { rotation_type: RotationType::Rotate, leeway: 30 }
        } else {
            RefreshTokenSettings { rotation_type: RotationType::Static, leeway: 0 }
        })
    }

    /// The algorithm of the client's ID tokens; `RS256` by default (Registration §2).
    pub fn id_token_alg(&self) -> &str {
        self.id_token_signed_response_alg.as_deref().unwrap_or(self.default_alg())
    }

    /// The algorithm of what is signed for the client where it registered none (Registration §2; RFC 9701 §6).
    pub fn default_alg(&self) -> &'static str {
        match self.profile {
            Profile::Standard | Profile::OktaCompat => "RS256",
            Profile::Fapi2 => "PS256",
        }
    }

    /// Whether the client may use the grant type.
    pub fn allows_grant_type(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether the client may use the response type. Okta registers single words that may be combined.
    pub fn allows_response_type(&self, response_type: ResponseType) -> bool {
        if self.response_types.contains(&response_type) {
            return true;
        }
        let has = |word| self.response_types.contains(&word);
        self.profile == Profile::OktaCompat
            && (!response_type.has_code() || has(ResponseType::Code))
            && (!response_type.has_id_token() || has(ResponseType::IdToken))
            && (!response_type.has_token() || has(ResponseType::Token))
    }

    /// Fills in what was not given, by application type (RFC 7591 §2; Registration §2; Okta).
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        if self.application_type == ApplicationType::Service {
            if self.grant_types.is_empty() {
                self.grant_types.push(GrantType::ClientCredentials);
            }
        } else if self.grant_types.is_empty() {
            if self.response_types.is_empty() {
                self.response_types.push(ResponseType::Code);
            }
            if self.response_types.iter().any(|known| known.has_code()) {
                self.grant_types.push(GrantType::AuthorizationCode);
            }
            if self.response_types.iter().any(|known| known.is_front_channel()) {
                self.grant_types.push(GrantType::Implicit);
            }
        } else if self.response_types.is_empty() && self.allows_grant_type(GrantType::AuthorizationCode) {
            self.response_types.push(ResponseType::Code);
        }
        self.token_endpoint_auth_method = Some(self.auth_method());
        self.pkce_required = Some(self.pkce_required.unwrap_or_else(|| self.requires_pkce()));
        if self.allows_grant_type(GrantType::RefreshToken) {
            self.refresh_token = Some(self.refresh_token_settings());
        }
        self.id_token_signed_response_alg = Some(self.id_token_alg().to_owned());
        self
    }
}

/// `invalid_redirect_uri` for the two lists of redirect URIs, else `invalid_client_metadata` (RFC 7591 §3.2.2).
impl From<MetadataError> for OAuthError {
    fn from(error: MetadataError) -> Self {
        let code = match error.member {
            "redirect_uris" | "post_logout_redirect_uris" => ErrorCode::InvalidRedirectUri,
            _ => ErrorCode::InvalidClientMetadata,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(metadata: Value) -> ClientMetadata {
        serde_json::from_value::<ClientMetadata>(metadata).unwrap().with_defaults()
    }

    fn refused(metadata: Value) -> &'static str {
        parse(metadata).validate().unwrap_err().member
    }

    fn web(extra: Value) -> Value {
        let mut base = json!({"client_name": "Demo", "redirect_uris": ["https://rp.example/cb"]});
        let Value::Object(extra) = extra else { panic!() };
        for (name, value) in extra {
            base[name] = value;
        }
        base
    }

    #[test]
    fn defaults_follow_the_application_type() {
        let client = parse(web(json!({})));
        assert_eq!(client.validate(), Ok(()));
        assert_eq!(client.auth_method(), AuthMethod::ClientSecretBasic);
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
        assert_eq!(client.response_types, [ResponseType::Code]);
        assert_eq!((client.pkce_required, client.id_token_alg()), (Some(false), "RS256"));

        let client = parse(web(
            json!({"application_type": "browser", "grant_types": ["authorization_code", "refresh_token"]}),
        ));
        assert_eq!(client.validate(), Ok(()));
        assert!(client.is_public() && client.requires_pkce());
        assert_eq!(
            client.refresh_token,
            Some(RefreshTokenSettings { rotation_type: RotationType::Rotate, leeway: 30 })
        );

        let client = parse(json!({"application_type": "service"}));
        assert_eq!(client.validate(), Ok(()));
        assert_eq!(client.grant_types, [GrantType::ClientCredentials]);
        assert!(client.response_types.is_empty() && !client.is_public());

        let client = parse(web(json!({"response_types": ["code id_token", "id_token"]})));
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::Implicit]);
        assert_eq!(client.validate(), Ok(()));
    }

    #[test]
    fn unknown_members_are_ignored_and_the_rest_survives_the_round_trip() {
        let client = parse(web(json!({"software_id": "x", "unheard_of": 1, "contacts": ["a@rp.example"]})));
        let stored = serde_json::to_value(&client).unwrap();
        assert_eq!(serde_json::from_value::<ClientMetadata>(stored).unwrap(), client);
        assert!(serde_json::from_value::<ClientMetadata>(json!({"grant_types": ["foo"]})).is_err());
    }

    #[test]
    fn public_clients_use_none_and_pkce() {
        assert_eq!(
            refused(web(
                json!({"application_type": "browser", "token_endpoint_auth_method": "client_secret_post"})
            )),
            "token_endpoint_auth_method"
        );
        for application_type in ["browser", "native", "web"] {
            let client = json!({
                "application_type": application_type, "token_endpoint_auth_method": "none", "pkce_required": false
            });
            assert_eq!(refused(web(client)), "pkce_required", "{application_type}");
        }
        assert_eq!(
            refused(web(json!({
                "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]
            }))),
            "grant_types"
        );
        assert_eq!(refused(web(json!({"application_type": "native", "introspect": "server"}))), "introspect");
    }

    #[test]
    fn grant_types_and_response_types_correspond() {
        for client in [
            json!({"grant_types": ["implicit"], "response_types": ["code"]}),
            json!({"grant_types": ["authorization_code"], "response_types": ["id_token"]}),
            json!({"grant_types": ["authorization_code"], "response_types": ["code id_token"]}),
            json!({"grant_types": ["client_credentials"], "response_types": ["code"]}),
        ] {
            assert_eq!(refused(web(client.clone())), "response_types", "{client}");
        }
        assert_eq!(
            refused(web(json!({"grant_types": ["client_credentials", "refresh_token"]}))),
            "grant_types"
        );
        assert_eq!(refused(json!({"client_name": "Demo"})), "redirect_uris");
    }

    #[test]
    fn a_service_has_client_credentials_and_no_redirect_uris() {
        let service = |extra: Value| {
            let mut base = json!({"application_type": "service"});
            let Value::Object(extra) = extra else { panic!() };
            for (name, value) in extra {
                base[name] = value;
            }
            base
        };
        assert_eq!(refused(service(json!({"grant_types": ["authorization_code"]}))), "grant_types");
        assert_eq!(refused(service(json!({"redirect_uris": ["https://rp.example/cb"]}))), "redirect_uris");
        assert_eq!(
            refused(service(json!({"token_endpoint_auth_method": "none"}))),
            "token_endpoint_auth_method"
        );
        assert_eq!(parse(service(json!({"introspect": "server"}))).validate(), Ok(()));
    }

    #[test]
    fn redirect_uris_obey_the_rules_of_registration() {
        for uri in [
            "https://rp.example/cb#f",
            "javascript:alert(1)",
            "http://rp.example/cb",
            "com.example.app:/cb",
            "/cb",
        ] {
            let error = parse(web(json!({"redirect_uris": [uri]}))).validate().unwrap_err();
            assert_eq!(OAuthError::from(error).code, ErrorCode::InvalidRedirectUri, "{uri}");
            assert_eq!(
                refused(web(json!({"post_logout_redirect_uris": [uri]}))),
                "post_logout_redirect_uris"
            );
        }
        assert_eq!(
            refused(web(json!({"redirect_uris": ["https://a.example", "https://a.example"]}))),
            "redirect_uris"
        );
        let native = json!({"application_type": "native", "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb"]});
        assert_eq!(parse(native).validate(), Ok(()));
    }

    #[test]
    fn sec_x01_uris_names_and_contacts_are_checked() {
        for (member, value) in [
            ("logo_uri", json!("http://localhost/logo.png")),
            ("logo_uri", json!("data:image/png;base64,AAAA")),
            ("logo_uri", json!("https://u:p@rp.example/logo.png")),
            ("client_uri", json!("http://rp.example")),
            ("tos_uri", json!("javascript:alert(1)")),
            ("policy_uri", json!(" https://rp.example")),
            ("initiate_login_uri", json!("http://localhost/login")),
            ("jwks_uri", json!("http://rp.example/jwks")),
            ("client_name", json!("a\u{0}b")),
            ("client_name", json!("evil\u{202e}gpj")),
            ("client_name", json!("   ")),
            ("client_name", json!("x".repeat(256))),
            ("contacts", json!(["a\r\nb"])),
            ("contacts", json!(vec!["a"; 21])),
        ] {
            let mut extra = json!({});
            extra[member] = value.clone();
            assert_eq!(refused(web(extra)), member, "{value}");
        }
        let fine = json!({
            "logo_uri": "https://rp.example/logo.png", "client_uri": "http://localhost:3000", "client_name": "Bücher & Co"
        });
        assert_eq!(parse(web(fine)).validate(), Ok(()));
    }

    #[test]
    fn keys_are_public_and_given_in_one_way() {
        let key = json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"});
        let with = |keys: Value| web(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}));
        assert_eq!(parse(with(json!({"keys": [key]}))).validate(), Ok(()));
        for keys in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": ["x"]}),
            json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}),
            json!({"keys": [{"kty": "EC", "d": "private"}]}),
        ] {
            assert_eq!(refused(with(keys.clone())), "jwks", "{keys}");
        }
        assert_eq!(refused(web(json!({"token_endpoint_auth_method": "private_key_jwt"}))), "jwks");
        let both = json!({"jwks": {"keys": [key]}, "jwks_uri": "https://rp.example/jwks"});
        assert_eq!(refused(web(both)), "jwks");
    }

    #[test]
    fn algorithms_fit_their_use() {
        for (extra, member) in [
            (json!({"id_token_signed_response_alg": "none"}), "id_token_signed_response_alg"),
            (json!({"id_token_signed_response_alg": "HS256"}), "id_token_signed_response_alg"),
            (json!({"request_object_signing_alg": "none"}), "request_object_signing_alg"),
            (json!({"token_endpoint_auth_signing_alg": "RS256"}), "token_endpoint_auth_signing_alg"),
            (
                json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"}),
                "token_endpoint_auth_signing_alg",
            ),
        ] {
            assert_eq!(refused(web(extra)), member);
        }
        let fine = json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS256"});
        assert_eq!(parse(web(fine)).validate(), Ok(()));
        assert_eq!(
            refused(web(json!({"refresh_token": {"rotation_type": "ROTATE", "leeway": 61}}))),
            "refresh_token"
        );
    }

    #[test]
    fn fapi2_clients_authenticate_by_key_and_use_code_only() {
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]});
        let fapi = |extra: Value| {
            let mut base = web(
                json!({"profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks.clone()}),
            );
            let Value::Object(extra) = extra else { panic!() };
            for (name, value) in extra {
                base[name] = value;
            }
            base
        };
        let client = parse(fapi(json!({})));
        assert_eq!(client.validate(), Ok(()));
        assert!(client.requires_pkce());
        assert_eq!(refused(web(json!({"profile": "fapi2"}))), "token_endpoint_auth_method");
        assert_eq!(refused(fapi(json!({"response_types": ["code id_token"]}))), "response_types");
        assert_eq!(
            refused(fapi(json!({"id_token_signed_response_alg": "RS256"}))),
            "id_token_signed_response_alg"
        );
    }

    #[test]
    fn okta_clients_combine_registered_words() {
        let types = json!({
            "profile": "okta_compat",
            "grant_types": ["authorization_code", "implicit"],
            "response_types": ["code", "id_token"]
        });
        let client = parse(web(types));
        assert!(client.allows_response_type(ResponseType::CodeIdToken));
        assert!(!client.allows_response_type(ResponseType::CodeToken));
        let standard = parse(web(json!({"response_types": ["code", "id_token"]})));
        assert!(!standard.allows_response_type(ResponseType::CodeIdToken));
    }

    /// RFC 8705 §2.1.2: exactly one attribute, and only for the method that reads it.
    #[test]
    fn sec_i02_exactly_one_attribute_of_the_certificate_is_registered() {
        let tls = |more: Value| {
            let mut base = web(json!({"token_endpoint_auth_method": "tls_client_auth"}));
            base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            base
        };
        for one in [
            json!({"tls_client_auth_subject_dn": "CN=a,O=b"}),
            json!({"tls_client_auth_san_dns": "a.example"}),
            json!({"tls_client_auth_san_uri": "https://a.example/"}),
            json!({"tls_client_auth_san_ip": "2001:db8::1"}),
            json!({"tls_client_auth_san_email": "a@b.example"}),
        ] {
            assert_eq!(parse(tls(one.clone())).validate(), Ok(()), "{one}");
            assert_eq!(refused(web(one)), "tls_client_auth_subject_dn", "with another method");
        }
        for (wrong, member) in [
            (json!({}), "tls_client_auth_subject_dn"),
            (
                json!({"tls_client_auth_san_dns": "a.example", "tls_client_auth_san_ip": "192.0.2.1"}),
                "tls_client_auth_subject_dn",
            ),
            (json!({"tls_client_auth_subject_dn": "a"}), "tls_client_auth_subject_dn"),
            (json!({"tls_client_auth_san_uri": "a"}), "tls_client_auth_san_uri"),
            (json!({"tls_client_auth_san_ip": "a"}), "tls_client_auth_san_ip"),
        ] {
            assert_eq!(refused(tls(wrong.clone())), member, "{wrong}");
        }
        assert_eq!(
            refused(web(json!({"token_endpoint_auth_method": "self_signed_tls_client_auth"}))),
            "jwks"
        );
    }
}
