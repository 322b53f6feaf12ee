//! Ending sessions on the wish of a user or a client.

pub mod rp_initiated;
