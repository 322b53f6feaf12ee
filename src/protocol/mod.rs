//! The pure wire vocabulary of OAuth 2.0 and OpenID Connect, with Okta's additions.
//!
//! Owns: the syntax of requests and responses, of their parameters and of client and server metadata, and the
//! comparisons the specifications define on them (redirect URIs, scopes, PKCE, authentication contexts).
//!
//! Never: reads a clock, draws randomness, does input or output, knows a database row, an HTTP framework or a key.
//! What needs a client, a session or a policy to be decided is decided elsewhere.
//!
//! Specifications: RFC 6749, 6750, 7009, 7591, 7636, 7662, 8176, 8252, 8414, 8705, 8707, 9207, 9449; OpenID Connect Core,
//! Discovery, Registration and RP-Initiated Logout 1.0; OAuth 2.0 Multiple Response Types and Form Post Response Mode.

pub mod acr;
pub mod amr;
pub mod authorization_request;
pub mod bearer;
pub mod claims_request;
pub mod client_auth;
pub mod client_certificate;
pub mod client_metadata;
pub mod device;
pub mod distinguished_name;
pub mod dpop;
pub mod error;
pub mod grant_type;
pub mod introspection;
pub mod locale;
pub mod logout;
pub mod metadata;
pub mod numeric_date;
pub mod okta_scope;
pub mod params;
pub mod pkce;
pub mod prompt;
pub mod pushed;
pub mod redirect_uri;
pub mod request_object;
pub mod resource;
pub mod response_mode;
pub mod response_type;
pub mod revocation;
pub mod scim_filter;
pub mod scope;
pub mod scope_claims;
pub mod timestamp;
pub mod token_exchange;
pub mod token_request;
pub mod token_response;
pub mod token_type_hint;
pub mod wildcard_redirect;
pub mod wire_enum;
