//! The rows of the database, one file a table. Columns are primitives; times are milliseconds of the Unix
//! epoch; lists and free-form settings are JSON text. There is no logic here and no wire format.

pub mod access_policy;
pub mod access_policy_rule;
pub mod authn_transaction;
pub mod authorization_code;
pub mod authorization_server;
pub mod claim;
pub mod client;
pub mod client_secret;
pub mod consent;
pub mod device_code;
pub mod device_secret;
pub mod device_secret_grant;
pub mod flow;
pub mod grant;
pub mod group;
pub mod group_member;
pub mod installation;
pub mod known_device;
pub mod lease;
pub mod log_event;
pub mod outbox;
pub mod pairwise_subject;
pub mod pushed_request;
pub mod refresh_token;
pub mod registration_access_token;
pub mod remembered_device;
pub mod revoked_jti;
pub mod scope;
pub mod session;
pub mod session_token;
pub mod signing_key;
pub mod trusted_origin;
pub mod used_jti;
pub mod user;
