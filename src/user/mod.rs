//! Users: how a login is compared, how a password is kept and checked, and which status follows which.
//!
//! Owns the rules (RFC 8265 for logins and passwords, RFC 9106 for hashing, Okta's life cycle). Never touches
//! the database: rows are read and written by `store`.

pub mod credentials;
pub mod lifecycle;
pub mod login;
pub mod password_policy;
pub mod policies;
