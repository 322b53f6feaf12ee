//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2) as a journey. Each stage has its own type, so
//! that a later stage cannot be given earlier data:
//!
//! | stage | file | errors go |
//! |---|---|---|
//! | parse | [`parse`], [`pushed`], [`request_object`] | to a page |
//! | locate client and redirect URI | [`destination`] | to a page |
//! | validate | [`checks`] | to the redirect URI, from here on |
//! | interact | [`interact`], [`step_up`] | `prompt=none` cannot |
//! | dispatch | [`dispatch`] | the only place that chooses the next step; every page comes back here |
//! | decide | [`decide`] | `access_denied` |
//! | issue | [`issue`], [`front_channel`], [`jarm`] | |
//!
//! A device's request (RFC 8628) joins at dispatch and ends in an approval in place of an answer: [`device`].
//!
//! What the request says is frozen when it arrives: in memory when nothing has to be asked, in a `flow` row otherwise.

pub mod checks;
pub mod decide;
pub mod destination;
pub mod device;
pub mod dispatch;
pub mod flow;
pub mod front_channel;
pub mod interact;
pub mod issue;
pub mod jarm;
pub mod parse;
pub mod pushed;
pub mod request_object;
pub mod step_up;
