//! Clients: metadata, secret, and who may use them.

use serde_json::{Map, Value};

use super::{People, people, status};
use crate::{
    model::Status,
    protocol::client_metadata::{ClientMetadata, Localized},
    secret::Secret,
    seed::{
        SeedError,
        document::{Members, Place, Spot},
    },
};

pub(in crate::seed) struct Client {
    pub(in crate::seed) id: String,
    pub(in crate::seed) spot: Spot,
    pub(in crate::seed) secret: Option<(Secret<String>, Spot)>,
    pub(in crate::seed) force: bool,
    pub(in crate::seed) status: Option<Status>,
    pub(in crate::seed) metadata: ClientMetadata,
    pub(in crate::seed) assignment: Option<People>,
}

/// Keys of a client beside its metadata.
const CLIENT_KEYS: [&str; 5] = ["client_id", "client_secret", "force", "status", "assignment"];

/// Client metadata (RFC 7591 §2, OpenID Connect Registration §2 and the specifications that add to them) and Okta's
/// settings.
const METADATA: &[&str] = &[
    "client_name",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "application_type",
    "redirect_uris",
    "post_logout_redirect_uris",
    "response_types",
    "grant_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_signed_response_alg",
    "subject_type",
    "sector_identifier_uri",
    "request_object_signing_alg",
    "jwks",
    "jwks_uri",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "authorization_signed_response_alg",
    "request_uris",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "wildcard_redirect",
    "consent_method",
    "pkce_required",
    "refresh_token",
    "introspect",
    "profile",
    "okta_scopes",
];

pub(super) fn client(place: &Place<'_>, force: bool) -> Result<Client, SeedError> {
    // Names with a language are as many as there are languages.
    let localized: Vec<&str> =
        place.any_members()?.all().map(|(name, _)| name).filter(|name| Localized::is_name(name)).collect();
    let known: Vec<&str> = CLIENT_KEYS.iter().chain(METADATA).copied().chain(localized).collect();
    let members = place.members(&known)?;
    let id = members.load("client_id")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text = id.text()?;
    if text.len() > 100 || !text.chars().all(allowed) {
        return Err(id.error("has at most 100 letters, digits, `-`, `_` or `.`"));
    }
    Ok(Client {
        id: text,
        spot: place.spot(),
        secret: members.opt("client_secret", |place| Ok((Secret::new(place.text()?), place.spot())))?,
        force: members.flag("force")?.unwrap_or(force),
        status: status(&members)?,
        metadata: metadata(&members)?,
        assignment: members.opt("assignment", |place| people(&place, &["users", "groups"]))?,
    })
}

fn metadata(members: &Members<'_>) -> Result<ClientMetadata, SeedError> {
    let mut all = members.json_without(&CLIENT_KEYS);
    for (name, place) in members.all().filter(|(name, _)| !CLIENT_KEYS.contains(name)) {
        if let Some(Value::String(text)) = all.get("jwks").filter(|_| name == "jwks").cloned() {
            // {file: jwks.json} gives a text.
            let jwks = serde_json::from_str(&text).map_err(|_| place.error("is not JSON"))?;
            all.insert("jwks".to_owned(), jwks);
        }
        // One at a time, so that the error can say which one.
        let value = all.get(name).cloned().unwrap_or_default();
        let single = Value::Object(Map::from_iter([(name.to_owned(), value)]));
        serde_json::from_value::<ClientMetadata>(single).map_err(|error| place.error(error.to_string()))?;
    }
    let metadata: ClientMetadata =
        serde_json::from_value(Value::Object(all)).map_err(|error| members.place.error(error.to_string()))?;
    let metadata = metadata.with_defaults();
    metadata.validate().map_err(|error| match members.find(error.member) {
        Some(place) => place.error(error.reason),
        None => members.place.error(error.to_string()),
    })?;
    Ok(metadata)
}
