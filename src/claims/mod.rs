//! Claims about the user (OpenID Connect Core §5) and custom claims, for ID token, access token and userinfo.
//!
//! Pure: facts come in, an ordered map goes out. Never decides who may ask, and never writes the claims of the
//! protocol (`iss`, `sub`, `exp` …): those are set by `token`. Only [`subject`], which says what `sub` is, reads storage.

pub mod assemble;
pub mod custom;
pub mod groups;
pub mod standard;
pub mod subject;
