//! Front-Channel Logout 1.0: which addresses a browser loads in hidden frames, so that clients end their own sessions.

use crate::{protocol::redirect_uri::append_query, session::farewell::RelyingParty};

/// The addresses to load, one for each client that registered one: its own query is kept, `iss` and `sid` are added (§3).
pub fn frames(parties: &[RelyingParty]) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for RelyingParty { client, server, session_id } in parties {
        let Some(uri) = client.metadata.frontchannel_logout_uri.as_deref() else { continue };
        let address = append_query(uri, &[("iss", server.issuer.as_str()), ("sid", session_id.as_str())]);
        // A frame inherits no fragment, so none has to be put in its place.
        let address = address.trim_end_matches('#').to_owned();
        if !frames.contains(&address) {
            frames.push(address);
        }
    }
    frames
}
