//! The HTML edge: pages as pure functions from a view to [`maud::Markup`], the headers they are sent
//! with, and the cookies and CSRF tokens of the browser. Nothing here reads a database or knows a flow.
//!
//! Pages work with JavaScript off. Their element ids are a contract with scripted browsers and are
//! listed as constants in [`id`].

pub mod accounts;
pub mod check_session;
pub mod claim;
pub mod consent;
pub mod cookie;
pub mod csrf;
pub mod device;
pub mod error;
pub mod headers;
pub mod home;
mod icon;
pub mod layout;
pub mod leaving;
pub mod logout;
pub mod playground;
pub mod response;
pub mod route;
pub mod signin;
pub mod style;

#[cfg(test)]
mod corpus;

/// Element ids that scripted browsers look for; they never change.
pub mod id {
    /// The sign-in page.
    pub const LOGIN_PAGE: &str = "login-page";
    /// The sign-in name.
    pub const IDENTIFIER: &str = "identifier";
    /// The password.
    pub const PASSWORD: &str = "password";
    /// The button that signs in.
    pub const LOGIN_SUBMIT: &str = "login-submit";
    /// The button that returns to the client without signing in.
    pub const LOGIN_CANCEL: &str = "login-cancel";
    /// The consent page.
    pub const CONSENT_PAGE: &str = "consent-page";
    /// The button that consents.
    pub const CONSENT_ACCEPT: &str = "consent-accept";
    /// The button that refuses.
    pub const CONSENT_DENY: &str = "consent-deny";
    /// The error page.
    pub const ERROR_PAGE: &str = "error-page";
    /// The machine-readable error code.
    pub const ERROR_CODE: &str = "error-code";
    /// The page that asks before a user leaves for a client that nobody vouches for.
    pub const LEAVING_PAGE: &str = "leaving-page";
    /// The link or button that goes on to that client.
    pub const LEAVING_CONTINUE: &str = "leaving-continue";
    /// The logout confirmation.
    pub const LOGOUT_PAGE: &str = "logout-page";
    /// The button that signs out.
    pub const LOGOUT_CONFIRM: &str = "logout-confirm";
    /// The button that stays signed in.
    pub const LOGOUT_CANCEL: &str = "logout-cancel";
    /// The page after signing out.
    pub const SIGNED_OUT_PAGE: &str = "signed-out-page";
    /// The page where a user code is typed.
    pub const DEVICE_PAGE: &str = "device-page";
    /// The user code.
    pub const USER_CODE: &str = "user-code";
    /// The button that opens what a user code names.
    pub const DEVICE_SUBMIT: &str = "device-submit";
    /// The page that asks whether a device may have what it asks for.
    pub const DEVICE_CONFIRM_PAGE: &str = "device-confirm-page";
    /// The button that approves a device.
    pub const DEVICE_APPROVE: &str = "device-approve";
    /// The button that denies a device.
    pub const DEVICE_DENY: &str = "device-deny";
    /// The page after the decision.
    pub const DEVICE_DONE_PAGE: &str = "device-done-page";
    /// The page that signs out of other applications before it returns to the client.
    pub const LOGGING_OUT_PAGE: &str = "logging-out-page";
    /// The list of remembered accounts.
    pub const ACCOUNT_LIST: &str = "account-list";
}
