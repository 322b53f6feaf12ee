//! Users: how a login is compared, how a password is kept and checked, and which status follows which.
//!
//! Owns the rules (RFC 8265 for logins and passwords, RFC 9106 for hashing, Okta's life cycle) and what an administrator
//! does to users, whichever way: rows are read and written by `store`.

pub mod api_token;
pub mod credentials;
pub mod lifecycle;
pub mod login;
pub mod password_policy;
pub mod policies;
