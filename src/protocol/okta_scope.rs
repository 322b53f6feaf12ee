//! The scopes of Okta's administrative API, on the org authorization server only.

use crate::protocol::wire_enum::wire_enum;

/// What the names of all of them begin with; nobody else may use it.
pub const PREFIX: &str = "okta.";

wire_enum! {
    /// A scope that lets a machine administer something. A client has none unless an administrator gave it.
    OktaScope {
        /// Register clients.
        ClientsRegister = "okta.clients.register",
        /// Read every client.
        ClientsRead = "okta.clients.read",
        /// Register, read, change and delete every client.
        ClientsManage = "okta.clients.manage",
        /// End everything that a user has (Universal Logout).
        UniversalLogoutManage = "okta.universalLogout.manage",
    }
}
