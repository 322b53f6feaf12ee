//! Authorization servers, read through: configuration, reused signers, verifiers of every published key, and the
//! documents that anybody may ask for as prebuilt bytes.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use keys::{
    Algorithm, Claims, ContentEncryption, KeyManagement, KeyRecord, KeyState, RotationPolicy, SigningKey,
    UnverifiedToken, VerifyingKey,
};
use time::OffsetDateTime;

use super::documents::Document;
use crate::{
    fault::Fault,
    id::AuthorizationServerId,
    model::{
        authorization_server::{AuthorizationServer, ClaimValue, ServerConfig},
        client::Client,
    },
    protocol::{
        acr,
        client_auth::AuthMethod,
        client_metadata::Profile,
        grant_type::GrantType,
        metadata::Metadata,
        prompt::Prompt,
        response_mode::ResponseMode,
        response_type::RESPONSE_TYPES,
        scope::{ADDRESS, DEVICE_SSO, EMAIL, OFFLINE_ACCESS, OPENID, PHONE, PROFILE},
        scope_claims::{CLAIM_SCOPES, claims_of},
    },
    store::signing_key::StoredKey,
};

/// A published key of a server.
struct RingKey {
    record: KeyRecord,
    /// Absent for retired keys, which only verify.
    signer: Option<SigningKey>,
    verifier: VerifyingKey,
}

/// An authorization server ready to work.
pub struct ServerState {
    /// What is configured.
    pub config: ServerConfig,
    /// The issuer identifier.
    pub issuer: String,
    /// The URL below which `/v1/…` endpoints live.
    pub endpoint_base: String,
    /// The same where clients are asked for a certificate (RFC 8705 §5).
    pub mtls_endpoint_base: Option<String>,
    /// Names this installation in Okta's `idp` claim.
    pub org_id: String,
    /// The JWK Set (RFC 7517 §5).
    pub jwks: Document,
    /// OpenID Connect Discovery §3.
    pub openid_configuration: Document,
    /// RFC 8414.
    pub oauth_metadata: Document,
    /// Whether scopes, claims or policies look at groups.
    pub needs_groups: bool,
    ring: Vec<RingKey>,
}

impl ServerState {
    /// Builds the state of a server from what is stored; `unseal` opens a private key.
    ///
    /// # Errors
    /// A key cannot be used.
    pub fn build(
        config: ServerConfig,
        keys: Vec<StoredKey>,
        (base, mtls): (&str, Option<&str>),
        unseal: impl Fn(&StoredKey) -> Result<SigningKey, Fault>,
    ) -> Result<Self, Fault> {
        let issuer = config.server.issuer(base);
        let endpoint_base = config.server.endpoint_base(base);
        let mtls_endpoint_base = mtls.map(|mtls| config.server.endpoint_base(mtls));
        let crypto = |error: keys::KeyError| Fault::Crypto(error.to_string());
        let mut ring = Vec::with_capacity(keys.len());
        // The active key first, then what comes, then what was.
        let place = |state| match state {
            KeyState::Active => 0,
            KeyState::Next => 1,
            KeyState::Retired | KeyState::Gone => 2,
        };
        let mut keys = keys;
        keys.sort_by_key(|key| place(key.record.state));
        for key in &keys {
            let signer = match key.record.state {
                KeyState::Active | KeyState::Next => Some(unseal(key)?),
                KeyState::Retired => None,
                KeyState::Gone => continue,
            };
            let verifier = VerifyingKey::from_jwk(&key.public, key.record.algorithm).map_err(crypto)?;
            ring.push(RingKey { record: key.record.clone(), signer, verifier });
        }
        let public = keys.iter().filter(|key| key.record.is_published()).map(|key| &key.public);
        let jwks = Document::new(keys::jwks::document(public).map_err(crypto)?);
        // Clients are registered at the org server, for all of them.
        let registration_endpoint = Some(format!("{base}/oauth2/v1/clients"));
        let mut openid = Metadata {
            registration_endpoint: registration_endpoint.clone(),
            ..metadata(&config, &issuer, &endpoint_base, Kind::OpenId)
        };
        let mut oauth =
            Metadata { registration_endpoint, ..metadata(&config, &issuer, &endpoint_base, Kind::OAuth) };
        if let Some(mtls) = &mtls_endpoint_base {
            for metadata in [&mut openid, &mut oauth] {
                offer_certificates(metadata, &endpoint_base, mtls);
            }
        }
        Ok(Self {
            jwks,
            openid_configuration: Document::new(serde_json::to_vec(&openid)?),
            oauth_metadata: Document::new(serde_json::to_vec(&oauth)?),
            org_id: org_id(base),
            // The scope `groups` is built into the org server.
            needs_groups: config.server.is_org()
                || config.claims.iter().any(|claim| matches!(claim.value, ClaimValue::Groups { .. }))
                || config.policies.iter().flat_map(|policy| &policy.rules).any(|rule| {
                    let people = &rule.conditions.people;
                    !people.groups.is_empty() || !people.exclude_groups.is_empty()
                }),
            ring,
            issuer,
            endpoint_base,
            mtls_endpoint_base,
            config,
        })
    }

    /// The public addresses of an endpoint, from configuration alone.
    pub fn endpoint_urls(&self, name: &str) -> Vec<String> {
        let bases = std::iter::once(&self.endpoint_base).chain(&self.mtls_endpoint_base);
        bases.map(|base| format!("{base}/v1/{name}")).collect()
    }

    fn signer(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.ring
            .iter()
            .find(|key| key.record.state == KeyState::Active && key.record.algorithm == algorithm)
            .and_then(|key| key.signer.as_ref())
    }

    /// The key that signs access tokens: of the first configured algorithm.
    ///
    /// # Errors
    /// There is no active key.
    pub fn access_token_signer(&self) -> Result<&SigningKey, Fault> {
        let algorithm = self.config.server.settings.signing_algorithms.first();
        algorithm
            .and_then(|&algorithm| self.signer(algorithm))
            .ok_or_else(|| Fault::Crypto(format!("no active signing key for {}", self.issuer)))
    }

    /// The key that signs a client's ID tokens.
    ///
    /// # Errors
    /// There is no active key.
    pub fn id_token_signer(&self, client: &Client) -> Result<&SigningKey, Fault> {
        self.signer_of_responses(client, client.metadata.id_token_signed_response_alg.as_deref())
    }

    /// The key that signs authorization responses for a client: of the registered algorithm (JARM §3), or the ID token's.
    ///
    /// # Errors
    /// There is no active key.
    pub fn authorization_response_signer(&self, client: &Client) -> Result<&SigningKey, Fault> {
        let metadata = &client.metadata;
        let registered = metadata.authorization_signed_response_alg.as_deref();
        self.signer_of_responses(client, registered.or(metadata.id_token_signed_response_alg.as_deref()))
    }

    /// The key that signs an answer to a client: of the algorithm registered for that kind of answer (Registration §2;
    /// RFC 9701 §6), or the first configured one when that ring does not exist.
    ///
    /// # Errors
    /// There is no active key.
    pub fn signer_of_responses(
        &self,
        client: &Client,
        registered: Option<&str>,
    ) -> Result<&SigningKey, Fault> {
        let algorithm = registered.unwrap_or(client.metadata.default_alg()).parse::<Algorithm>();
        match algorithm.ok().and_then(|algorithm| self.signer(algorithm)) {
            Some(signer) => Ok(signer),
            // FAPI 2.0 Security Profile §5.4.1: no RSASSA-PKCS1-v1_5.
            None if client.metadata.profile == Profile::Fapi2 => {
                [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa]
                    .into_iter()
                    .find_map(|algorithm| self.signer(algorithm))
                    .ok_or_else(|| Fault::Crypto(format!("{} has no key that FAPI 2.0 allows", self.issuer)))
            }
            None => self.access_token_signer(),
        }
    }

    /// Verifies the signature of a token of ours by the published key that it names.
    pub fn verify(&self, token: &UnverifiedToken) -> Option<Claims> {
        let kid = token.header().kid()?;
        let key = self.ring.iter().find(|key| key.record.kid == kid && key.record.is_published())?;
        key.verifier.verify(token).ok()
    }

    /// How long the JWK Set may be cached at this moment, in seconds.
    pub fn jwks_max_age(&self, policy: &RotationPolicy, now: OffsetDateTime) -> u64 {
        let algorithms = &self.config.server.settings.signing_algorithms;
        algorithms
            .iter()
            .map(|&algorithm| {
                let ring: Vec<KeyRecord> = self
                    .ring
                    .iter()
                    .filter(|key| key.record.algorithm == algorithm)
                    .map(|key| key.record.clone())
                    .collect();
                keys::rotation::cache_max_age(&ring, now, policy)
            })
            .min()
            .unwrap_or(1)
    }

    /// The age of the oldest key that signs, in seconds.
    pub fn signing_key_age(&self, now: OffsetDateTime) -> i64 {
        self.ring
            .iter()
            .filter(|key| key.record.state == KeyState::Active)
            .filter_map(|key| key.record.activated_at)
            .map(|at| (now - at).whole_seconds())
            .max()
            .unwrap_or(0)
    }
}

/// A stable id of Okta's form for this installation.
fn org_id(base: &str) -> String {
    let digest = crate::secret::TokenHash::of(base).encoded();
    let text: String = digest.chars().filter(char::is_ascii_alphanumeric).take(17).collect();
    format!("00o{text:0<17}")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenId,
    OAuth,
}

/// Grant types that the token endpoint serves.
pub const GRANT_TYPES: [GrantType; 5] = [
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::ClientCredentials,
    GrantType::DeviceCode,
    GrantType::Password,
];

/// Grant types that only custom authorization servers serve.
pub const CUSTOM_GRANT_TYPES: [GrantType; 2] = [GrantType::TokenExchange, GrantType::JwtBearer];

/// Client authentication methods that are served.
pub const AUTH_METHODS: [AuthMethod; 5] = [
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::ClientSecretJwt,
    AuthMethod::PrivateKeyJwt,
    AuthMethod::None,
];

/// Metadata of a server: what is not built is not in it.
fn metadata(config: &ServerConfig, issuer: &str, base: &str, kind: Kind) -> Metadata {
    let texts = |list: &[&str]| Some(list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let endpoint = |name: &str| format!("{base}/v1/{name}");
    let openid = |value: Option<Vec<String>>| value.filter(|_| kind == Kind::OpenId);
    let auth_methods: Vec<String> = AUTH_METHODS.iter().map(|method| method.as_str().to_owned()).collect();
    let mut assertion_algs: Vec<String> = vec!["HS256".to_owned(), "HS384".to_owned(), "HS512".to_owned()];
    assertion_algs.extend(Algorithm::ALL.iter().map(|algorithm| algorithm.as_str().to_owned()));
    let request_object_algs = assertion_algs.clone();
    let signing: Vec<String> = config
        .server
        .settings
        .signing_algorithms
        .iter()
        .map(|algorithm| algorithm.as_str().to_owned())
        .collect();
    let encryption_alg: Vec<String> = KeyManagement::ALL.iter().map(|alg| alg.as_str().to_owned()).collect();
    let encryption_enc: Vec<String> =
        ContentEncryption::ALL.iter().map(|enc| enc.as_str().to_owned()).collect();
    let mut scopes: Vec<String> = [OPENID, PROFILE, EMAIL, ADDRESS, PHONE, OFFLINE_ACCESS]
        .iter()
        .map(|&scope| scope.to_owned())
        .collect();
    scopes.extend((!config.server.is_org()).then(|| DEVICE_SSO.to_owned()));
    scopes.extend(
        config.scopes.iter().filter(|scope| scope.published && !scope.system).map(|scope| scope.name.clone()),
    );
    scopes.dedup();
    Metadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: endpoint("authorize"),
        token_endpoint: endpoint("token"),
        userinfo_endpoint: (kind == Kind::OpenId).then(|| endpoint("userinfo")),
        jwks_uri: endpoint("keys"),
        response_types_supported: RESPONSE_TYPES.iter().map(|kind| kind.as_str().to_owned()).collect(),
        response_modes_supported: Some(
            ResponseMode::ALL.iter().map(|mode| mode.as_str().to_owned()).collect(),
        ),
        grant_types_supported: Some(
            GRANT_TYPES
                .iter()
                .chain(&[GrantType::Implicit])
                .chain(if config.server.is_org() { &[][..] } else { &CUSTOM_GRANT_TYPES })
                .map(|grant| grant.as_str().to_owned())
                .collect(),
        ),
        subject_types_supported: texts(&["public", "pairwise"]),
        id_token_signing_alg_values_supported: openid(Some(signing.clone())),
        id_token_encryption_alg_values_supported: openid(Some(encryption_alg.clone())),
        id_token_encryption_enc_values_supported: openid(Some(encryption_enc.clone())),
        userinfo_signing_alg_values_supported: openid(Some(signing.clone())),
        userinfo_encryption_alg_values_supported: openid(Some(encryption_alg)),
        userinfo_encryption_enc_values_supported: openid(Some(encryption_enc)),
        introspection_signing_alg_values_supported: Some(signing.clone()),
        scopes_supported: Some(scopes),
        token_endpoint_auth_methods_supported: Some(auth_methods.clone()),
        token_endpoint_auth_signing_alg_values_supported: Some(assertion_algs.clone()),
        claims_supported: Some(match kind {
            Kind::OpenId => claims_supported(),
            Kind::OAuth => ["ver", "jti", "iss", "aud", "iat", "exp", "cid", "uid", "scp", "sub"]
                .iter()
                .map(|&claim| claim.to_owned())
                .collect(),
        }),
        acr_values_supported: openid(Some(
            acr::SUPPORTED.iter().map(|acr| acr.as_str().to_owned()).collect(),
        )),
        display_values_supported: openid(texts(&["page", "popup", "touch", "wap"])),
        prompt_values_supported: openid(Some(
            Prompt::ALL.iter().map(|prompt| prompt.as_str().to_owned()).collect(),
        )),
        ui_locales_supported: openid(texts(&["en"])),
        code_challenge_methods_supported: texts(&["S256"]),
        introspection_endpoint: Some(endpoint("introspect")),
        introspection_endpoint_auth_methods_supported: Some(auth_methods.clone()),
        introspection_endpoint_auth_signing_alg_values_supported: Some(assertion_algs.clone()),
        revocation_endpoint: Some(endpoint("revoke")),
        revocation_endpoint_auth_methods_supported: Some(auth_methods),
        revocation_endpoint_auth_signing_alg_values_supported: Some(assertion_algs),
        pushed_authorization_request_endpoint: Some(endpoint("par")),
        require_pushed_authorization_requests: Some(false),
        end_session_endpoint: Some(endpoint("logout")),
        device_authorization_endpoint: Some(endpoint("device/authorize")),
        check_session_iframe: (kind == Kind::OpenId).then(|| endpoint("sessions/check")),
        frontchannel_logout_supported: (kind == Kind::OpenId).then_some(true),
        frontchannel_logout_session_supported: (kind == Kind::OpenId).then_some(true),
        backchannel_logout_supported: (kind == Kind::OpenId).then_some(true),
        backchannel_logout_session_supported: (kind == Kind::OpenId).then_some(true),
        claims_parameter_supported: Some(true),
        request_parameter_supported: Some(true),
        request_uri_parameter_supported: Some(true),
        require_request_uri_registration: Some(true),
        request_object_signing_alg_values_supported: Some(request_object_algs),
        authorization_signing_alg_values_supported: Some(signing.clone()),
        authorization_response_iss_parameter_supported: Some(true),
        dpop_signing_alg_values_supported: Some(
            Algorithm::ALL.iter().map(|algorithm| algorithm.as_str().to_owned()).collect(),
        ),
        ..Metadata::default()
    }
}

/// Client authentication methods that need a place where certificates are asked for (RFC 8705 §2).
const CERTIFICATE_METHODS: [AuthMethod; 2] = [AuthMethod::TlsClientAuth, AuthMethod::SelfSignedTlsClientAuth];

/// RFC 8705 §3.3, §5: what a place that asks for certificates adds to the metadata.
fn offer_certificates(metadata: &mut Metadata, base: &str, mtls: &str) {
    let aliased = [
        ("token_endpoint", Some(&metadata.token_endpoint)),
        ("userinfo_endpoint", metadata.userinfo_endpoint.as_ref()),
        ("introspection_endpoint", metadata.introspection_endpoint.as_ref()),
        ("revocation_endpoint", metadata.revocation_endpoint.as_ref()),
        ("pushed_authorization_request_endpoint", metadata.pushed_authorization_request_endpoint.as_ref()),
        ("device_authorization_endpoint", metadata.device_authorization_endpoint.as_ref()),
    ];
    let aliases = aliased.into_iter().filter_map(|(name, url)| {
        let path = url?.strip_prefix(base)?;
        Some((name.to_owned(), format!("{mtls}{path}")))
    });
    metadata.mtls_endpoint_aliases = Some(aliases.collect());
    metadata.tls_client_certificate_bound_access_tokens = Some(true);
    for methods in [
        &mut metadata.token_endpoint_auth_methods_supported,
        &mut metadata.introspection_endpoint_auth_methods_supported,
        &mut metadata.revocation_endpoint_auth_methods_supported,
    ] {
        let names = CERTIFICATE_METHODS.iter().map(|method| method.as_str().to_owned());
        methods.get_or_insert_default().extend(names);
    }
}

/// Claims about tokens and sign-ins, and those that a scope stands for (OpenID Connect Core §2, §5.4).
fn claims_supported() -> Vec<String> {
    const OF_TOKENS: [&str; 13] = [
        "iss",
        "sub",
        "aud",
        "iat",
        "exp",
        "jti",
        "auth_time",
        "amr",
        "acr",
        "nonce",
        "at_hash",
        "c_hash",
        "sid",
    ];
    let of_scopes = CLAIM_SCOPES.iter().flat_map(|scope| claims_of(scope));
    OF_TOKENS.iter().chain(of_scopes).map(|&claim| claim.to_owned()).collect()
}

/// The cache of authorization servers.
#[derive(Default)]
pub struct Servers {
    known: ArcSwap<HashMap<AuthorizationServerId, Arc<ServerState>>>,
    /// One load at a time, and clearing wins over a load that began before it.
    loading: tokio::sync::Mutex<()>,
    cleared: std::sync::atomic::AtomicU64,
}

impl Servers {
    /// The state of a server, if it is remembered.
    pub fn get(&self, id: &str) -> Option<Arc<ServerState>> {
        self.known.load().get(&AuthorizationServerId::new(id)).cloned()
    }

    /// The state of an active server; `load` reads it when it is not remembered.
    ///
    /// # Errors
    /// Loading failed.
    pub async fn find<F>(&self, id: &str, load: F) -> Result<Option<Arc<ServerState>>, Fault>
    where
        F: AsyncFnOnce(&AuthorizationServerId) -> Result<Option<ServerState>, Fault>,
    {
        if let Some(state) = self.get(id) {
            return Ok(Some(state));
        }
        let _turn = self.loading.lock().await;
        if let Some(state) = self.get(id) {
            return Ok(Some(state));
        }
        let before = self.cleared.load(std::sync::atomic::Ordering::SeqCst);
        let id = AuthorizationServerId::new(id);
        let Some(state) = load(&id).await? else { return Ok(None) };
        let state = Arc::new(state);
        if self.cleared.load(std::sync::atomic::Ordering::SeqCst) == before {
            let mut known = HashMap::clone(&self.known.load());
            known.insert(id, Arc::clone(&state));
            self.known.store(Arc::new(known));
        }
        Ok(Some(state))
    }

    /// All servers that are remembered.
    pub fn all(&self) -> Vec<Arc<ServerState>> {
        self.known.load().values().cloned().collect()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.cleared.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.known.store(Arc::new(HashMap::new()));
    }
}

/// Ids that cannot be given to custom servers: they would shadow paths of the org server.
pub fn is_reserved(id: &str) -> bool {
    id == "v1" || id == AuthorizationServer::ORG
}
