//! What the registration endpoint takes and gives, for the OpenAPI document. Requests are read as raw JSON, so that every
//! error is RFC 7591's own; the members are checked in `protocol::client_metadata`.

use poem_openapi::{Object, types::Any};

use crate::api::payload::documented;

/// Client metadata (RFC 7591 §2; OpenID Connect Registration §2; Okta). `client_name`, `client_uri`, `logo_uri`,
/// `policy_uri` and `tos_uri` may be given in several languages: `client_name#de`.
#[derive(Object)]
pub(super) struct ClientForm {
    /// `web`, `native`, `browser` or `service`.
    application_type: Option<String>,
    /// Redirect URIs, compared character by character.
    redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after logout.
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Response types; `code` by default.
    response_types: Option<Vec<String>>,
    /// Grant types; `authorization_code` by default.
    grant_types: Option<Vec<String>>,
    /// How the client authenticates; `client_secret_basic` by default.
    token_endpoint_auth_method: Option<String>,
    /// The one algorithm of client assertions.
    token_endpoint_auth_signing_alg: Option<String>,
    /// The name that users see.
    client_name: Option<String>,
    /// The client's home page.
    client_uri: Option<String>,
    /// The logo that users see; https.
    logo_uri: Option<String>,
    /// The client's privacy policy.
    policy_uri: Option<String>,
    /// The client's terms of service.
    tos_uri: Option<String>,
    /// Usually mail addresses.
    contacts: Option<Vec<String>>,
    /// Public keys, in place.
    jwks: Option<Any<serde_json::Value>>,
    /// Public keys, by reference.
    jwks_uri: Option<String>,
    /// `public` or `pairwise`.
    subject_type: Option<String>,
    /// The redirect URIs of a sector; https.
    sector_identifier_uri: Option<String>,
    /// The algorithm of ID tokens.
    id_token_signed_response_alg: Option<String>,
    /// `RSA-OAEP-256` or `ECDH-ES`.
    id_token_encrypted_response_alg: Option<String>,
    /// `A128GCM` or `A256GCM`.
    id_token_encrypted_response_enc: Option<String>,
    /// Userinfo as a JWT.
    userinfo_signed_response_alg: Option<String>,
    /// The one algorithm of request objects.
    request_object_signing_alg: Option<String>,
    /// Where request objects may be fetched; https.
    request_uris: Option<Vec<String>>,
    /// The greatest age of a sign-in, in seconds.
    default_max_age: Option<u32>,
    /// Whether `auth_time` is needed; it is always given.
    require_auth_time: Option<bool>,
    /// Authentication contexts to ask for.
    default_acr_values: Option<Vec<String>>,
    /// Where a login may be started; https.
    initiate_login_uri: Option<String>,
    /// A page to embed at logout, on the origin of a redirect URI.
    frontchannel_logout_uri: Option<String>,
    /// Whether it needs `iss` and `sid`.
    frontchannel_logout_session_required: Option<bool>,
    /// An address to call at logout.
    backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid`.
    backchannel_logout_session_required: Option<bool>,
    /// Whether PKCE is mandatory (Okta); always for public clients.
    pkce_required: Option<bool>,
}

/// A registered client: its effective metadata, and these (RFC 7591 §3.2.1; RFC 7592 §3).
#[derive(Object)]
pub(super) struct ClientInformation {
    /// The client.
    client_id: String,
    /// When it was registered, in seconds.
    client_id_issued_at: i64,
    /// Its secret; only where it was made just now.
    client_secret: Option<String>,
    /// 0: secrets do not expire.
    client_secret_expires_at: Option<i64>,
    /// The token to read, replace and delete the registration with.
    registration_access_token: Option<String>,
    /// Where that is done.
    registration_client_uri: Option<String>,
}

documented! {
    /// Of registration.
    pub(super) RegisterDoc: ClientInformation = &[
        (201, "The client is registered"),
        (400, "The metadata is refused: invalid_redirect_uri, invalid_client_metadata"),
        (401, "A token is needed, or the one that was sent is not valid"),
        (403, "The access token lacks the scope okta.clients.register"),
        (429, "Too many registrations"),
    ];
    /// Of reading and changing one client.
    pub(super) ClientDoc: ClientInformation = &[
        (200, "The client"),
        (400, "The metadata is refused: invalid_redirect_uri, invalid_client_metadata"),
        (401, "A token is needed, or the one that was sent is not valid for this client"),
        (403, "The access token lacks the scope okta.clients.read or okta.clients.manage"),
        (404, "No such client; told to administrators only"),
    ];
    /// Of deleting a client.
    pub(super) DeletedDoc: Any<serde_json::Value> = &[
        (204, "The client and everything issued to it are gone"),
        (401, "A token is needed, or the one that was sent is not valid for this client"),
        (403, "The access token lacks the scope okta.clients.manage"),
        (404, "No such client; told to administrators only"),
    ];
    /// Of the list.
    pub(super) ClientsDoc: Vec<ClientInformation> = &[
        (200, "Clients by id; the header Link leads to the next page"),
        (400, "The page cannot be understood"),
        (401, "A token is needed, or the one that was sent is not valid"),
        (403, "The access token lacks the scope okta.clients.read"),
    ];
}
