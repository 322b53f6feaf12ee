//! Authorization servers, read through: configuration, reused signers, verifiers of every published key, and the
//! documents that anybody may ask for as prebuilt bytes.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use keys::{
    Algorithm, Claims, KeyRecord, KeyState, RotationPolicy, SigningKey, UnverifiedToken, VerifyingKey,
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
        acr::Acr,
        client_auth::AuthMethod,
        client_metadata::Profile,
        grant_type::GrantType,
        metadata::Metadata,
        prompt::Prompt,
        response_mode::ResponseMode,
        response_type::ResponseType,
        scope::{ADDRESS, EMAIL, OFFLINE_ACCESS, OPENID, PHONE, PROFILE},
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
        base: &str,
        unseal: impl Fn(&StoredKey) -> Result<SigningKey, Fault>,
    ) -> Result<Self, Fault> {
        let issuer = config.server.issuer(base);
        let endpoint_base = config.server.endpoint_base(base);
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
        let openid = metadata(&config, &issuer, &endpoint_base, Kind::OpenId);
        let oauth = metadata(&config, &issuer, &endpoint_base, Kind::OAuth);
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
            config,
        })
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

    /// The key that signs a client's ID tokens: of the registered algorithm (Registration §2), or the first
    /// configured one when that ring does not exist.
    ///
    /// # Errors
    /// There is no active key.
    pub fn id_token_signer(&self, client: &Client) -> Result<&SigningKey, Fault> {
        match client
            .metadata
            .id_token_alg()
            .parse::<Algorithm>()
            .ok()
            .and_then(|algorithm| self.signer(algorithm))
        {
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
pub const GRANT_TYPES: [GrantType; 3] =
    [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials];

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
    let signing: Vec<String> = config
        .server
        .settings
        .signing_algorithms
        .iter()
        .map(|algorithm| algorithm.as_str().to_owned())
        .collect();
    let mut scopes: Vec<String> = [OPENID, PROFILE, EMAIL, ADDRESS, PHONE, OFFLINE_ACCESS]
        .iter()
        .map(|&scope| scope.to_owned())
        .collect();
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
        response_types_supported: vec![ResponseType::Code.as_str().to_owned()],
        response_modes_supported: Some(
            ResponseMode::ALL.iter().map(|mode| mode.as_str().to_owned()).collect(),
        ),
        grant_types_supported: Some(GRANT_TYPES.iter().map(|grant| grant.as_str().to_owned()).collect()),
        subject_types_supported: texts(&["public"]),
        id_token_signing_alg_values_supported: openid(Some(signing)),
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
            [Acr::OneFactorPassword, Acr::OneFactorAny].iter().map(|acr| acr.as_str().to_owned()).collect(),
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
        end_session_endpoint: Some(endpoint("logout")),
        check_session_iframe: (kind == Kind::OpenId).then(|| endpoint("sessions/check")),
        frontchannel_logout_supported: (kind == Kind::OpenId).then_some(true),
        frontchannel_logout_session_supported: (kind == Kind::OpenId).then_some(true),
        backchannel_logout_supported: (kind == Kind::OpenId).then_some(true),
        backchannel_logout_session_supported: (kind == Kind::OpenId).then_some(true),
        claims_parameter_supported: Some(false),
        request_parameter_supported: Some(false),
        request_uri_parameter_supported: Some(false),
        authorization_response_iss_parameter_supported: Some(true),
        ..Metadata::default()
    }
}

fn claims_supported() -> Vec<String> {
    [
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
        "sid",
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
        "email",
        "email_verified",
        "address",
        "phone_number",
        "phone_number_verified",
    ]
    .iter()
    .map(|&claim| claim.to_owned())
    .collect()
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
