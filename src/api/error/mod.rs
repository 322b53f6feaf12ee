//! Errors in the wire form of each surface: OAuth JSON, bearer challenges, Okta's envelope.

pub mod bearer;
pub mod factor;
pub mod oauth;
pub mod okta;
