//! The HTML edge: pages as pure functions from a view to [`maud::Markup`], the headers they are sent
//! with, and the cookies and CSRF tokens of the browser. Nothing here reads a database or knows a flow.
//!
//! Pages work with JavaScript off. Their element ids are a contract with scripted browsers and are
//! listed as constants in [`id`].

pub mod account;
pub mod accounts;
pub mod authenticator;
pub mod check_session;
pub mod claim;
pub mod consent;
pub mod cookie;
pub mod csrf;
pub mod device;
pub mod error;
pub mod factor;
pub mod headers;
pub mod home;
mod icon;
pub mod layout;
pub mod leaving;
pub mod logout;
pub mod outbox;
pub mod password;
pub mod playground;
pub mod recovery;
pub mod response;
pub mod route;
pub mod signin;
pub mod step;
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
    /// The main button of a page after the first of a sign-in.
    pub const STEP_SUBMIT: &str = "step-submit";
    /// The button that has a code sent again.
    pub const STEP_RESEND: &str = "step-resend";
    /// The button that has the address for another device mailed.
    pub const STEP_INVITE: &str = "step-invite";
    /// The button that says that the link of a mail was opened.
    pub const STEP_LINK_OPENED: &str = "step-link-opened";
    /// The button that goes back to the choice.
    pub const STEP_PREVIOUS: &str = "step-previous";
    /// The button that leaves a step out.
    pub const STEP_SKIP: &str = "step-skip";
    /// The page that approves sign-ins.
    pub const AUTHENTICATOR_PAGE: &str = "authenticator-page";
    /// The number that the other device is to show, too.
    pub const PUSH_NUMBER: &str = "push-number";
    /// The address that the other device opens.
    pub const PUSH_ADDRESS: &str = "push-address";
    /// The page on which a factor is chosen.
    pub const FACTOR_CHOICE_PAGE: &str = "factor-choice-page";
    /// The button that leads to the entry of a recovery code.
    pub const BACKUP_CODE_CHOICE: &str = "backup-code-choice";
    /// The page on which a factor is proved.
    pub const FACTOR_PAGE: &str = "factor-page";
    /// A one-time code.
    pub const PASS_CODE: &str = "pass-code";
    /// An answer to a question.
    pub const ANSWER: &str = "answer";
    /// The box that has this browser remembered.
    pub const REMEMBER_DEVICE: &str = "remember-device";
    /// The page on which a recovery code is used.
    pub const BACKUP_CODE_PAGE: &str = "backup-code-page";
    /// A recovery code.
    pub const BACKUP_CODE: &str = "backup-code";
    /// The page on which a user chooses what to set up.
    pub const ENROLL_PAGE: &str = "enroll-page";
    /// The page that asks for a phone.
    pub const ENROLL_PHONE_PAGE: &str = "enroll-phone-page";
    /// A phone number.
    pub const PHONE_NUMBER: &str = "phone-number";
    /// The page that sets mail up.
    pub const ENROLL_EMAIL_PAGE: &str = "enroll-email-page";
    /// The page that asks for a question.
    pub const ENROLL_QUESTION_PAGE: &str = "enroll-question-page";
    /// The page on which a YubiKey is enrolled.
    pub const ENROLL_YUBIKEY_PAGE: &str = "enroll-yubikey-page";
    /// A question.
    pub const QUESTION: &str = "question";
    /// The page on which a factor is proved for the first time.
    pub const ACTIVATE_PAGE: &str = "activate-page";
    /// The picture for an authenticator app.
    pub const QR_CODE: &str = "qr-code";
    /// The same as text.
    pub const SHARED_SECRET: &str = "shared-secret";
    /// The page on which a password is set.
    pub const PASSWORD_PAGE: &str = "password-page";
    /// The present password.
    pub const OLD_PASSWORD: &str = "old-password";
    /// The new password.
    pub const NEW_PASSWORD: &str = "new-password";
    /// The new password again.
    pub const REPEAT_PASSWORD: &str = "repeat-password";
    /// The link to the recovery of a password.
    pub const FORGOT_PASSWORD: &str = "forgot-password";
    /// The link to unlocking.
    pub const UNLOCK_ACCOUNT: &str = "unlock-account";
    /// The page that begins a recovery.
    pub const RECOVERY_PAGE: &str = "recovery-page";
    /// The page after a mail was asked for.
    pub const RECOVERY_SENT_PAGE: &str = "recovery-sent-page";
    /// The page that takes the code of a recovery.
    pub const RECOVERY_CODE_PAGE: &str = "recovery-code-page";
    /// The page that asks the recovery question.
    pub const RECOVERY_QUESTION_PAGE: &str = "recovery-question-page";
    /// The page of a link in a mail.
    pub const LINK_PAGE: &str = "link-page";
    /// The last page of a recovery.
    pub const RECOVERY_DONE_PAGE: &str = "recovery-done-page";
    /// The link from a recovery to the sign-in that it was begun from.
    pub const RECOVERY_LEAVE: &str = "recovery-leave";
    /// What leads on from there.
    pub const RECOVERY_NEXT: &str = "recovery-next";
    /// Leads to where another message is asked for.
    pub const RECOVERY_AGAIN: &str = "recovery-again";
    /// The account page.
    pub const ACCOUNT_PAGE: &str = "account-page";
    /// Leads to where a factor is added.
    pub const METHOD_ADD: &str = "method-add";
    /// The page of one factor.
    pub const METHOD_PAGE: &str = "method-page";
    /// What a factor is called.
    pub const METHOD_NAME: &str = "method-name";
    /// The button that saves the name.
    pub const METHOD_RENAME: &str = "method-rename";
    /// The button that removes a factor.
    pub const METHOD_REMOVE: &str = "method-remove";
    /// Leads to, and makes, recovery codes.
    pub const CODES_MAKE: &str = "codes-make";
    /// The page of recovery codes.
    pub const RECOVERY_CODES_PAGE: &str = "recovery-codes-page";
    /// Recovery codes, shown once.
    pub const RECOVERY_CODES: &str = "recovery-codes-list";
    /// Leads to where the password is changed.
    pub const PASSWORD_CHANGE: &str = "password-change";
    /// The button that ends all other sessions.
    pub const SESSIONS_END: &str = "sessions-end";
    /// Leads to what happened.
    pub const ACTIVITY_ALL: &str = "activity-all";
    /// The page of what happened.
    pub const ACTIVITY_PAGE: &str = "activity-page";
    /// Leads to what happened before.
    pub const ACTIVITY_OLDER: &str = "activity-older";
    /// The button that saves the language.
    pub const LANGUAGE_SAVE: &str = "language-save";
    /// The button that begins a ceremony of a passkey or security key.
    pub const WEBAUTHN_START: &str = "webauthn-start";
    /// The list of remembered accounts.
    pub const ACCOUNT_LIST: &str = "account-list";
}
