//! Policies: ordered rules whose first match decides (Okta). Pure: facts come in, a decision goes out.
//!
//! Nothing here reads the database or the clock, and what can't be decided is denied.

pub mod access;
