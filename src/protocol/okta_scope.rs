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
        /// Read every user with the factors.
        UsersRead = "okta.users.read",
        /// Create, change and delete users and their factors.
        UsersManage = "okta.users.manage",
        /// Read the groups of users.
        GroupsRead = "okta.groups.read",
        /// Read the sessions of users.
        SessionsRead = "okta.sessions.read",
        /// Refresh and end the sessions of users.
        SessionsManage = "okta.sessions.manage",
        /// Read the system log.
        LogsRead = "okta.logs.read",
        /// Read API tokens, never their values.
        ApiTokensRead = "okta.apiTokens.read",
        /// Revoke API tokens.
        ApiTokensManage = "okta.apiTokens.manage",
        /// End everything that a user has (Universal Logout).
        UniversalLogoutManage = "okta.universalLogout.manage",
    }
}
