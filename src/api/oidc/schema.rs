//! What the endpoints take and give, for the OpenAPI document. Requests are read as raw parameters, so that every error
//! is OAuth's own.

use poem_openapi::{Object, types::Any};

use crate::api::payload::documented;

/// A token request.
#[derive(Object)]
pub(super) struct TokenForm {
    /// `authorization_code`, `refresh_token`, `client_credentials`, `password` or the URN of the device code, token
    /// exchange or JWT bearer grant.
    grant_type: String,
    /// The authorization code (RFC 6749 §4.1.3).
    code: Option<String>,
    /// The redirect URI of the authorization request.
    redirect_uri: Option<String>,
    /// The code verifier (RFC 7636 §4.5).
    code_verifier: Option<String>,
    /// The refresh token (RFC 6749 §6).
    refresh_token: Option<String>,
    /// The device code (RFC 8628 §3.4).
    device_code: Option<String>,
    /// The login (RFC 6749 §4.3.2).
    username: Option<String>,
    /// The password (RFC 6749 §4.3.2).
    password: Option<String>,
    /// The assertion of a trusted issuer (RFC 7523 §2.1).
    assertion: Option<String>,
    /// The token to exchange (RFC 8693 §2.1).
    subject_token: Option<String>,
    /// What kind of token that is.
    subject_token_type: Option<String>,
    /// Who acts (RFC 8693 §2.1).
    actor_token: Option<String>,
    /// What kind of token that is.
    actor_token_type: Option<String>,
    /// What kind of token is wanted.
    requested_token_type: Option<String>,
    /// Where the token is to be used; may be repeated.
    audience: Option<String>,
    /// Scopes, space separated.
    scope: Option<String>,
    /// What the access token is for; may be sent several times (RFC 8707 §2.2).
    resource: Option<String>,
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
    /// `Bearer` or `DPoP`.
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
    /// The device secret (OpenID Connect Native SSO 1.0).
    device_secret: Option<String>,
    /// What kind of token was exchanged for (RFC 8693 §2.2.1).
    issued_token_type: Option<String>,
}

/// An introspection request.
#[derive(Object)]
pub(super) struct IntrospectForm {
    /// The token.
    token: String,
    /// `access_token`, `refresh_token`, `id_token` or `device_secret`; a hint only.
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
    /// Its audience: one or several.
    aud: Option<Any<serde_json::Value>>,
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
    /// `access_token`, `refresh_token` or `device_secret`; a hint only.
    token_type_hint: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
}

/// A device authorization request.
#[derive(Object)]
pub(super) struct DeviceForm {
    /// Scopes, space separated.
    scope: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
}

/// The codes of a device (RFC 8628 §3.2).
#[derive(Object)]
pub(super) struct DeviceCodes {
    /// What the device polls the token endpoint with.
    device_code: String,
    /// What the person types.
    user_code: String,
    /// Where they type it.
    verification_uri: String,
    /// The same with the code in it.
    verification_uri_complete: String,
    /// Seconds until both codes die.
    expires_in: i64,
    /// Seconds between two polls.
    interval: i64,
}

/// A pushed authorization request (RFC 9126 §2.1); every parameter of an authorization request but `request_uri`.
#[derive(Object)]
pub(super) struct ParForm {
    /// What is asked for (RFC 6749 §3.1.1).
    response_type: Option<String>,
    /// Where the answer goes (RFC 6749 §3.1.2).
    redirect_uri: Option<String>,
    /// Scopes, space separated.
    scope: Option<String>,
    /// Returned byte for byte.
    state: Option<String>,
    /// Returned in the ID token.
    nonce: Option<String>,
    /// How the answer travels.
    response_mode: Option<String>,
    /// The code challenge (RFC 7636 §4.3).
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
    /// The client, unless it authenticates by header or assertion.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The assertion (`private_key_jwt`, `client_secret_jwt`).
    client_assertion: Option<String>,
}

/// A request that was taken (RFC 9126 §2.2).
#[derive(Object)]
pub(super) struct Pushed {
    /// Names the request at the authorization endpoint.
    request_uri: String,
    /// Seconds until it can no longer be opened.
    expires_in: u32,
}

/// Whose sessions and tokens are to end (Okta; RFC 9493).
#[derive(Object)]
pub(super) struct GlobalTokenRevocation {
    /// `{"format": "opaque", "id": …}` or `{"format": "iss_sub", "iss": …, "sub": …}`.
    sub_id: Any<serde_json::Value>,
}

/// A JWK Set.
#[derive(Object)]
pub(super) struct JwkSet {
    /// The public keys.
    keys: Vec<Any<serde_json::Value>>,
}

/// Origins that use the passkeys of this installation.
#[derive(Object)]
pub(super) struct RelatedOrigins {
    /// The origins.
    origins: Vec<String>,
}

/// Where people add and look after their passkeys.
#[derive(Object)]
pub(super) struct PasskeyEndpoints {
    /// Where they add one.
    enroll: String,
    /// Where they look after them.
    manage: String,
}

documented! {
    /// Of the related origins.
    pub(super) RelatedOriginsDoc: RelatedOrigins = &[(200, "The origins")];
    /// Of the passkey endpoints.
    pub(super) PasskeyEndpointsDoc: PasskeyEndpoints = &[(200, "The addresses")];
    /// Of the token endpoint.
    pub(super) TokenDoc: Tokens = &[
        (200, "Tokens were issued"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the introspection endpoint.
    pub(super) IntrospectDoc: Introspection = &[
        (200, "Whether the token counts; asked for application/token-introspection+jwt, as a signed JWT (RFC 9701)"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the revocation endpoint.
    pub(super) RevokeDoc: Any<serde_json::Value> = &[
        (200, "The token is dead, or never was the caller's"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
        (503, "It could not be revoked now"),
    ];
    /// Of the device authorization endpoint.
    pub(super) DeviceDoc: DeviceCodes = &[
        (200, "The codes"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the pushed authorization request endpoint.
    pub(super) ParDoc: Pushed = &[
        (201, "The request was taken"),
        (400, "OAuth error"),
        (401, "The client could not be authenticated"),
        (404, "No such authorization server"),
        (429, "Too many requests"),
    ];
    /// Of the userinfo endpoint.
    pub(super) UserinfoDoc: Any<serde_json::Value> = &[
        (200, "Claims about the user; a JWT (application/jwt) where the client registered one"),
        (400, "The token was sent in a way that is not allowed"),
        (401, "No token, one that is invalid, expired or revoked, or a sign-in that is not sufficient (RFC 9470)"),
        (403, "The token lacks the scope openid"),
        (404, "No such authorization server"),
    ];
    /// Of Universal Logout.
    pub(super) GlobalTokenRevocationDoc: Any<serde_json::Value> = &[
        (204, "The user has nothing left here"),
        (400, "The body names nobody"),
        (401, "No token, or one that is invalid, expired or revoked"),
        (403, "The token lacks the scope okta.universalLogout.manage"),
        (404, "No such user"),
        (429, "Too many requests"),
    ];
    /// Of the key endpoints.
    pub(super) KeysDoc: JwkSet = &[(200, "The public keys"), (304, "Unchanged"), (404, "No such authorization server")];
    /// Of the metadata endpoints.
    pub(super) MetadataDoc: Any<serde_json::Value> = &[
        (200, "The metadata"),
        (304, "Unchanged"),
        (404, "No such authorization server"),
    ];
}
