//! Users: how a login is compared, how a password is kept and checked, and which status follows which.
//!
//! Owns the rules (RFC 8265 for logins and passwords, RFC 9106 for hashing, Okta's life cycle), what an administrator does
//! to users, whichever way, and the use cases about passwords that several faces share: they return a unit, which the caller
//! commits with its own claims. Rows are read and written by `store`.

pub mod api_token;
pub mod attempt;
pub mod contact;
pub mod credentials;
pub mod lifecycle;
pub mod login;
pub mod password;
pub mod password_policy;
pub mod policies;
pub mod recovery;
pub mod unlock;
