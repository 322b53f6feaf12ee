//! What the endpoints take and give, for the OpenAPI document. Requests are read as raw parameters, so that every error
//! is OAuth's own.

use poem_openapi::{Object, types::Any};

use crate::api::payload::Documentation;

/// A token request.
#[derive(Object)]
pub(super) struct TokenForm {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    grant_type: String,
    /// The authorization code (RFC 6749 §4.1.3).
    code: Option<String>,
    /// The redirect URI of the authorization request.
    redirect_uri: Option<String>,
    /// The code verifier (RFC 7636 §4.5).
    code_verifier: Option<String>,
    /// The refresh token (RFC 6749 §6).
    refresh_token: Option<String>,
    /// Scopes, space separated.
    scope: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The assertion (`private_key_jwt`, `client_secret_jwt`).
    client_assertion: Option<String>,
}

/// Issued tokens (RFC 6749 §5.1).
#[derive(Object)]
pub(super) struct Tokens {
    /// `Bearer`.
    token_type: String,
    /// Seconds until the access token dies.
    expires_in: u32,
    /// The access token.
    access_token: String,
    /// The granted scopes.
    scope: Option<String>,
    /// The refresh token.
    refresh_token: Option<String>,
    /// The ID token.
    id_token: Option<String>,
}

/// An introspection request.
#[derive(Object)]
pub(super) struct IntrospectForm {
    /// The token.
    token: String,
    /// `access_token`, `refresh_token` or `id_token`; a hint only.
    token_type_hint: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
}

/// Whether a token counts; the other members are present when it does.
#[derive(Object)]
pub(super) struct Introspection {
    /// Whether the token counts at this moment.
    active: bool,
    /// `Bearer`.
    token_type: Option<String>,
    /// The scopes.
    scope: Option<String>,
    /// The client.
    client_id: Option<String>,
    /// The login of the user.
    username: Option<String>,
    /// When the token dies, in seconds.
    exp: Option<i64>,
    /// When it was issued, in seconds.
    iat: Option<i64>,
    /// Its subject.
    sub: Option<String>,
    /// Its audience.
    aud: Option<String>,
    /// Its issuer.
    iss: Option<String>,
    /// Its identifier.
    jti: Option<String>,
    /// The user's id.
    uid: Option<String>,
}

/// A revocation request.
#[derive(Object)]
pub(super) struct RevokeForm {
    /// The token.
    token: String,
    /// `access_token` or `refresh_token`; a hint only.
    token_type_hint: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
}

/// A JWK Set.
#[derive(Object)]
pub(super) struct JwkSet {
    /// The public keys.
    keys: Vec<Any<serde_json::Value>>,
}

macro_rules! documentation {
    ($($(#[$doc:meta])* $name:ident: $schema:ty => [$(($status:literal, $text:literal)),+ $(,)?];)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Documentation for $name {
            const STATUSES: &'static [(u16, &'static str)] = &[$(($status, $text)),+];
            type Schema = $schema;
        }
    )*};
}

documentation! {
    /// Of the token endpoint.
    TokenDoc: Tokens => [
        (200, "Tokens were issued"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the introspection endpoint.
    IntrospectDoc: Introspection => [
        (200, "Whether the token counts"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the revocation endpoint.
    RevokeDoc: Any<serde_json::Value> => [
        (200, "The token is dead, or never was the caller's"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
        (503, "It could not be revoked now"),
    ];
    /// Of the userinfo endpoint.
    UserinfoDoc: Any<serde_json::Value> => [
        (200, "Claims about the user"),
        (400, "The token was sent in a way that is not allowed"),
        (401, "No token, or one that is invalid, expired or revoked"),
        (403, "The token lacks the scope openid"),
        (404, "No such authorization server"),
    ];
    /// Of Universal Logout.
    GlobalTokenRevocationDoc: Any<serde_json::Value> => [
        (204, "The user has nothing left here"),
        (400, "The body names nobody"),
        (401, "No token, or one that is invalid, expired or revoked"),
        (403, "The token lacks the scope okta.universalLogout.manage"),
        (404, "No such user"),
        (429, "Too many requests"),
    ];
    /// Of the key endpoints.
    KeysDoc: JwkSet => [(200, "The public keys"), (304, "Unchanged"), (404, "No such authorization server")];
    /// Of the metadata endpoints.
    MetadataDoc: Any<serde_json::Value> => [
        (200, "The metadata"),
        (304, "Unchanged"),
        (404, "No such authorization server"),
    ];
}
