//! What requests and answers of the Authentication API look like, for the document. Requests are read as raw JSON, so that
//! their errors are Okta's.

use poem_openapi::{Object, types::Any};
use serde_json::Value;

/// A transaction as Okta tells it.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct TransactionObject {
    /// What opens the transaction; absent when it is over.
    state_token: Option<String>,
    /// What opens a session, once.
    session_token: Option<String>,
    /// What opens a recovery; trusted applications only.
    recovery_token: Option<String>,
    /// When the token of this answer dies.
    expires_at: Option<String>,
    /// The state.
    status: String,
    /// What the caller wanted to be told.
    relay_state: Option<String>,
    /// Where a factor stands.
    factor_result: Option<String>,
    /// How a recovery is proved.
    factor_type: Option<String>,
    /// What is recovered.
    recovery_type: Option<String>,
    /// The user, factors and policies.
    #[oai(rename = "_embedded")]
    embedded: Option<Any<Value>>,
    /// What may be done next.
    #[oai(rename = "_links")]
    links: Option<Any<Value>>,
}

/// Any step that needs nothing but the transaction.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct StateTokenBody {
    /// The transaction.
    state_token: String,
}

/// The beginning of a sign-in, or a look at one.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct AuthnBody {
    /// The login.
    username: Option<String>,
    /// The password.
    password: Option<String>,
    /// The token of a new account.
    token: Option<String>,
    /// The transaction.
    state_token: Option<String>,
    /// Told again at the end; at most 2048 characters.
    relay_state: Option<String>,
    /// The application that the user is on the way to.
    audience: Option<String>,
    /// `multiOptionalFactorEnroll`, `warnBeforePasswordExpired`.
    options: Option<Any<Value>>,
    /// `deviceToken`; trusted applications only.
    context: Option<Any<Value>>,
}

/// A change of password.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct ChangePasswordBody {
    /// The transaction.
    state_token: String,
    /// The present password.
    old_password: String,
    /// The new one.
    new_password: String,
    /// Whether all sessions of the user end.
    revoke_sessions: Option<bool>,
}

/// A new password.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct ResetPasswordBody {
    /// The transaction.
    state_token: String,
    /// The new password.
    new_password: String,
    /// Whether all sessions of the user end.
    revoke_sessions: Option<bool>,
}

/// A factor to enrol.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct EnrollBody {
    /// The transaction.
    state_token: String,
    /// The type.
    factor_type: String,
    /// The provider.
    provider: Option<String>,
    /// `phoneNumber`, `phoneExtension`, `question`, `answer`.
    profile: Option<Any<Value>>,
    /// A first password of a YubiKey.
    pass_code: Option<String>,
}

/// An answer to a factor.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct VerifyBody {
    /// The transaction.
    state_token: String,
    /// A code.
    pass_code: Option<String>,
    /// An answer to a question.
    answer: Option<String>,
    /// What the browser says it did, of an authenticator (Web Authentication Level 3 §5.8.1).
    client_data: Option<String>,
    /// What an authenticator made of an enrolment.
    attestation: Option<String>,
    /// What an authenticator says of itself.
    authenticator_data: Option<String>,
    /// Its signature.
    signature_data: Option<String>,
    /// Which credential signed.
    credential_id: Option<String>,
    /// Whom the authenticator holds it for.
    user_handle: Option<String>,
}

/// The beginning of a recovery.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct RecoveryBody {
    /// The login.
    username: String,
    /// `EMAIL`, `SMS` or `CALL`; trusted applications may leave it out.
    factor_type: Option<String>,
    /// Told again at the end; at most 2048 characters.
    relay_state: Option<String>,
}

/// A recovery token.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct RecoveryTokenBody {
    /// The token.
    recovery_token: String,
    /// `multiOptionalFactorEnroll`.
    options: Option<Any<Value>>,
}

/// An answer to the recovery question.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct RecoveryAnswerBody {
    /// The transaction.
    state_token: String,
    /// The answer.
    answer: String,
}
