//! What the Factors API documents of its bodies. They are read as raw JSON, so that their errors are Okta's.

use poem_openapi::{Object, types::Any};
use serde_json::Value;

use crate::api::payload::documented;

/// A factor of a user.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct UserFactor {
    /// The id.
    id: String,
    /// `push`, `sms`, `call`, `email`, `question`, `token:software:totp`, `token:hotp`, `token:hardware`, `webauthn` or `u2f`.
    factor_type: String,
    /// `OKTA`, `GOOGLE`, `CUSTOM`, `YUBICO` or `FIDO`.
    provider: String,
    /// The same as the provider.
    vendor_name: String,
    /// `PENDING_ACTIVATION`, `ACTIVE` or `INACTIVE`.
    status: String,
    /// When it was enrolled.
    created: String,
    /// When it was last changed.
    last_updated: String,
    /// What it is about: a phone number, an address, a question, a login.
    profile: Any<Value>,
    /// The profile that a custom token follows.
    factor_profile_id: Option<String>,
    /// What activates it; told once.
    #[oai(rename = "_embedded")]
    embedded: Option<Any<Value>>,
    /// Where to go from here.
    #[oai(rename = "_links")]
    links: Any<Value>,
}

/// A kind of factor that a user has or may enrol.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct UserFactorSupported {
    /// The type.
    factor_type: String,
    /// The provider.
    provider: String,
    /// The same as the provider.
    vendor_name: String,
    /// `NOT_SETUP`, or the status of the one that is enrolled.
    status: String,
    /// `OPTIONAL` or `REQUIRED`.
    enrollment: String,
    /// Where to go from here.
    #[oai(rename = "_links")]
    links: Any<Value>,
}

/// A question that can be chosen.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct SecurityQuestion {
    /// Its key.
    question: String,
    /// How it is asked.
    question_text: String,
}

/// An enrolment, and its repetition where a code is sent again.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct EnrollFactor {
    /// The type.
    factor_type: String,
    /// The provider.
    provider: Option<String>,
    /// `phoneNumber`, `phoneExtension`, `email`, `question` with `answer`, `sharedSecret`, or a registration of U2F:
    /// `credentialId`, `publicKey`, `appId`.
    profile: Option<Any<Value>>,
    /// The profile that a custom token follows.
    factor_profile_id: Option<String>,
    /// `passCode`: a first password of a YubiKey.
    verify: Option<Any<Value>>,
}

/// What activates a factor.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct ActivateFactor {
    /// The first passcode.
    pass_code: Option<String>,
    /// What the browser says it did, of an authenticator (Web Authentication Level 3 §5.8.1).
    client_data: Option<String>,
    /// What an authenticator made of the enrolment.
    attestation: Option<String>,
}

/// An answer; nothing asks for a code to be sent.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct VerifyFactor {
    /// A passcode.
    pass_code: Option<String>,
    /// The passcode after it, which synchronises a token anew (RFC 4226 §7.4).
    next_pass_code: Option<String>,
    /// The answer to the question.
    answer: Option<String>,
    /// What the browser says it did, of an authenticator.
    client_data: Option<String>,
    /// What an authenticator says of itself.
    authenticator_data: Option<String>,
    /// Its signature.
    signature_data: Option<String>,
    /// Which credential signed.
    credential_id: Option<String>,
    /// Whom the authenticator holds it for.
    user_handle: Option<String>,
}

/// What became of an answer.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct VerifyResult {
    /// `SUCCESS` or `CHALLENGE`.
    factor_result: String,
    /// What an authenticator is to sign.
    #[oai(rename = "_embedded")]
    embedded: Option<Any<Value>>,
    /// Where to go from here.
    #[oai(rename = "_links")]
    links: Option<Any<Value>>,
}

documented! {
    pub(super) FactorsDoc: Vec<UserFactor> = &[
        (200, "The factors"),
        (401, "The token is invalid"),
        (403, "The token lacks the right"),
        (404, "There is no such user"),
    ];
    pub(super) CatalogDoc: Vec<UserFactorSupported> = &[
        (200, "The kinds of factors"),
        (401, "The token is invalid"),
        (403, "The token lacks the right"),
        (404, "There is no such user"),
    ];
    pub(super) QuestionsDoc: Vec<SecurityQuestion> = &[(200, "The questions")];
    pub(super) FactorDoc: UserFactor = &[
        (200, "The factor"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "Not allowed, or the code is wrong"),
        (404, "There is no such user or factor"),
        (423, "The status of the factor does not permit it"),
        (429, "Too many messages or attempts"),
    ];
    pub(super) RemovedDoc: Any<Value> = &[
        (204, "The factor was removed"),
        (401, "The token is invalid"),
        (403, "Not allowed"),
        (404, "There is no such user or factor"),
    ];
    pub(super) VerifyDoc: VerifyResult = &[
        (200, "The answer is right, or a code was sent"),
        (201, "A device was asked; `Location` tells where its answer will be"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "Not allowed, or the code is wrong"),
        (404, "There is no such user or factor"),
        (423, "The status of the factor does not permit it"),
        (429, "Too many messages or attempts"),
    ];
    pub(super) QrDoc: Any<Value> = &[(200, "The picture, as PNG"), (404, "The address shows nothing any more")];
}
