//! Ending sessions on the wish of a user or a client, and telling the clients concerned.

pub mod backchannel;
pub mod frontchannel;
pub mod rp_initiated;
pub mod universal;
