//! Users: how a login is compared, how a password is kept, checked, changed and recovered, and which status follows which.
//!
//! Owns the rules (RFC 8265 for logins and passwords, RFC 9106 for hashing, Okta's life cycle), what an administrator does
//! to users, whichever way, and the use cases about passwords that several faces share: those return a unit, which the
//! caller commits with its own claims. Rows are read and written by `store`.

pub mod administration;
pub mod api_token;
pub mod attempt;
pub mod contact;
pub mod credentials;
pub mod directory;
pub mod directory_order;
pub mod imported_hash;
pub mod language;
pub mod lifecycle;
pub mod login;
pub mod password;
pub mod password_policy;
pub mod policies;
pub mod profile;
pub mod recovery;
pub mod unlock;
