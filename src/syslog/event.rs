//! An event and its name in Okta's catalogue.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Actor, Caller};
use crate::{
    id::{AuthorizationServerId, ClientId, SessionId, UserId},
    model::authorization_server::AuthorizationServer,
    ports::random::Random,
    store::{log_event, unit::Row},
};

/// What happened. Okta's names; those of an authorization server differ between the org server and custom ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventType {
    /// A sign-in attempt with a password.
    SessionStart,
    /// A user proved everything that was asked for; a session may follow.
    Authenticated,
    /// A session was ended by its user.
    SessionEnd,
    /// An administrator ended a user's sessions.
    SessionClear,
    /// A client was to be told that a session has ended.
    SingleLogout,
    /// Everything that a user had was ended by a machine.
    UniversalLogout,
    /// An account was locked after too many failures.
    AccountLock,
    /// An account was unlocked by an administrator.
    AccountUnlock,
    /// A user lifted the own lock.
    AccountUnlockByUser,
    /// A user was given a way to lift the own lock.
    AccountUnlockToken,
    /// A password was set.
    AccountUpdatePassword,
    /// A way back for a forgotten password was given.
    AccountResetPassword,
    /// A password must be changed at the next sign-in.
    AccountExpirePassword,
    /// A token of recovery, unlocking or activation, or its code or question, was presented.
    AccountUseToken,
    /// A user was created.
    UserCreate,
    /// A user was activated.
    UserActivate,
    /// The activation of a user was started anew.
    UserReactivate,
    /// A user was deactivated.
    UserDeactivate,
    /// A user was changed.
    UserUpdateProfile,
    /// A user was suspended.
    UserSuspend,
    /// A user was unsuspended.
    UserUnsuspend,
    /// A user was deleted.
    UserDelete,
    /// An authorization code was issued.
    AuthorizeCode,
    /// An access token was issued by the authorization endpoint, without a code.
    AuthorizeImplicitAccessToken,
    /// Only an ID token was issued by the authorization endpoint.
    AuthorizeImplicitIdToken,
    /// A device was approved.
    AuthorizeDevice,
    /// An authorization request was denied.
    Authorize,
    /// Tokens were issued, or refused by policy.
    TokenGrant,
    /// A token was revoked.
    TokenRevoke,
    /// A spent code or refresh token was presented again; its family is revoked.
    TokenDetectReuse,
    /// A user agreed to scopes.
    ConsentGrant,
    /// A user took back what an application was let do.
    ConsentRevoke,
    /// A user refused scopes.
    ConsentDeny,
    /// A client could not be authenticated.
    InvalidClientCredentials,
    /// A client was created.
    ClientCreate,
    /// A client was changed.
    ClientUpdate,
    /// A client was switched on.
    ClientActivate,
    /// A client was switched off.
    ClientDeactivate,
    /// A client was deleted.
    ClientDelete,
    /// A client got a new secret.
    ClientNewSecret,
    /// An application was registered.
    ApplicationCreate,
    /// An application was changed.
    ApplicationUpdate,
    /// An application was deleted.
    ApplicationDelete,
    /// A signing key was published, began to sign, was retired or revoked.
    KeyRollover,
    /// A form came without its token, or from another site.
    CsrfRejected,
    /// A limit was exceeded.
    RateLimited,
    /// Configuration was applied from a file.
    ConfigurationApply,
    /// A factor was verified, or was not.
    AuthenticateViaMfa,
    /// A device was asked to approve.
    PushFactorVerify,
    /// A device denied.
    DenyPush,
    /// A factor can be used from now on.
    MfaFactorActivate,
    /// A factor was removed.
    MfaFactorDeactivate,
    /// All factors of a user were removed.
    MfaFactorResetAll,
    /// A factor was suspended after too many wrong answers.
    MfaFactorSuspend,
    /// A suspended factor can be used again.
    MfaFactorUnsuspend,
    /// Something of a user's factors was changed.
    MfaFactorUpdate,
    /// The link of a mail was confirmed.
    EmailChallengeRedeemed,
    /// An API token was made.
    ApiTokenCreate,
    /// An API token was revoked.
    ApiTokenRevoke,
    /// A code was mailed that verifies or activates a factor.
    EmailFactorVerify,
    /// A way back to a forgotten password was mailed.
    EmailPasswordReset,
    /// A way to unlock an account was mailed.
    EmailAccountUnlock,
    /// A user was told by mail of a new factor.
    EmailMfaEnrollNotification,
    /// A user was told by mail of a removed factor.
    EmailMfaResetNotification,
    /// Another mail was sent.
    EmailDelivery,
    /// A code was texted that verifies a factor.
    SmsFactorVerify,
    /// A code was texted that activates a phone.
    SmsPhoneVerification,
    /// A code for a forgotten password was texted.
    SmsPasswordReset,
    /// A code to unlock an account was texted.
    SmsAccountUnlock,
    /// Another text message was sent.
    SmsDelivery,
    /// A code was spoken that verifies a factor.
    VoiceMfaChallenge,
    /// A code was spoken that activates a phone.
    VoicePhoneVerification,
    /// A code for a forgotten password was spoken.
    VoicePasswordReset,
    /// A code to unlock an account was spoken.
    VoiceAccountUnlock,
    /// Another call was placed.
    VoiceDelivery,
}

impl EventType {
    fn name(self, org: bool) -> &'static str {
        match (self, org) {
            (Self::SessionStart, _) => "user.session.start",
            (Self::Authenticated, _) => "user.authentication.verify",
            (Self::SessionEnd, _) => "user.session.end",
            (Self::SessionClear, _) => "user.session.clear",
            (Self::SingleLogout, _) => "user.authentication.slo",
            (Self::UniversalLogout, _) => "user.authentication.universal_logout",
            (Self::AccountLock, _) => "user.account.lock",
            (Self::AccountUnlock, _) => "user.account.unlock_by_admin",
            (Self::AccountUnlockByUser, _) => "user.account.unlock",
            (Self::AccountUnlockToken, _) => "user.account.unlock_token",
            (Self::AccountResetPassword, _) => "user.account.reset_password",
            (Self::AccountExpirePassword, _) => "user.account.expire_password",
            (Self::AccountUseToken, _) => "user.account.use_token",
            (Self::AccountUpdatePassword, _) => "user.account.update_password",
            (Self::UserCreate, _) => "user.lifecycle.create",
            (Self::UserActivate, _) => "user.lifecycle.activate",
            (Self::UserReactivate, _) => "user.lifecycle.reactivate",
            (Self::UserDeactivate, _) => "user.lifecycle.deactivate",
            (Self::UserUpdateProfile, _) => "user.account.update_profile",
            (Self::UserSuspend, _) => "user.lifecycle.suspend",
            (Self::UserUnsuspend, _) => "user.lifecycle.unsuspend",
            (Self::UserDelete, _) => "user.lifecycle.delete.completed",
            (Self::AuthorizeCode, true) => "app.oauth2.authorize.code",
            (Self::AuthorizeCode, false) => "app.oauth2.as.authorize.code",
            (Self::AuthorizeImplicitAccessToken, true) => "app.oauth2.authorize.implicit.access_token",
            (Self::AuthorizeImplicitAccessToken, false) => "app.oauth2.as.authorize.implicit.access_token",
            (Self::AuthorizeImplicitIdToken, true) => "app.oauth2.authorize.implicit.id_token",
            (Self::AuthorizeImplicitIdToken, false) => "app.oauth2.as.authorize.implicit.id_token",
            (Self::AuthorizeDevice, true) => "app.oauth2.authorize.device",
            (Self::AuthorizeDevice, false) => "app.oauth2.as.authorize.device",
            (Self::Authorize, true) => "app.oauth2.authorize",
            (Self::Authorize, false) => "app.oauth2.as.authorize",
            (Self::TokenGrant, true) => "app.oauth2.token.grant",
            (Self::TokenGrant, false) => "app.oauth2.as.token.grant",
            (Self::TokenRevoke, true) => "app.oauth2.token.revoke",
            (Self::TokenRevoke, false) => "app.oauth2.as.token.revoke",
            (Self::TokenDetectReuse, true) => "app.oauth2.token.detect_reuse",
            (Self::TokenDetectReuse, false) => "app.oauth2.as.token.detect_reuse",
            (Self::ConsentGrant, true) => "app.oauth2.consent.grant",
            (Self::ConsentGrant, false) => "app.oauth2.as.consent.grant",
            (Self::ConsentRevoke, true) => "app.oauth2.consent.revoke",
            (Self::ConsentRevoke, false) => "app.oauth2.as.consent.revoke",
            (Self::ConsentDeny, true) => "app.oauth2.authorize.scope_denied",
            (Self::ConsentDeny, false) => "app.oauth2.as.authorize.scope_denied",
            (Self::InvalidClientCredentials, _) => "app.oauth2.invalid_client_credentials",
            (Self::ClientCreate, _) => "app.oauth2.client.lifecycle.create",
            (Self::ClientUpdate, _) => "app.oauth2.client.lifecycle.update",
            (Self::ClientActivate, _) => "app.oauth2.client.lifecycle.activate",
            (Self::ClientDeactivate, _) => "app.oauth2.client.lifecycle.deactivate",
            (Self::ClientDelete, _) => "app.oauth2.client.lifecycle.delete",
            (Self::ApplicationCreate, _) => "application.lifecycle.create",
            (Self::ApplicationUpdate, _) => "application.lifecycle.update",
            (Self::ApplicationDelete, _) => "application.lifecycle.delete",
            (Self::ClientNewSecret, _) => "app.oauth2.client.lifecycle.new_client_secret",
            (Self::KeyRollover, true) => "app.oauth2.key.rollover",
            (Self::KeyRollover, false) => "app.oauth2.as.key.rollover",
            (Self::CsrfRejected, _) => "security.csrf_rejected",
            (Self::RateLimited, _) => "system.org.rate_limit.violation",
            (Self::ConfigurationApply, _) => "system.config.change",
            (Self::AuthenticateViaMfa, _) => "user.authentication.auth_via_mfa",
            (Self::PushFactorVerify, _) => "system.push.send_factor_verify_push",
            (Self::DenyPush, _) => "user.mfa.okta_verify.deny_push",
            (Self::MfaFactorActivate, _) => "user.mfa.factor.activate",
            (Self::MfaFactorDeactivate, _) => "user.mfa.factor.deactivate",
            (Self::MfaFactorResetAll, _) => "user.mfa.factor.reset_all",
            (Self::MfaFactorSuspend, _) => "user.mfa.factor.suspend",
            (Self::MfaFactorUnsuspend, _) => "user.mfa.factor.unsuspend",
            (Self::MfaFactorUpdate, _) => "user.mfa.factor.update",
            (Self::EmailChallengeRedeemed, _) => "system.email.challenge_factor_redeemed",
            (Self::ApiTokenCreate, _) => "system.api_token.create",
            (Self::ApiTokenRevoke, _) => "system.api_token.revoke",
            (Self::EmailFactorVerify, _) => "system.email.send_factor_verify_message",
            (Self::EmailPasswordReset, _) => "system.email.password_reset.sent_message",
            (Self::EmailAccountUnlock, _) => "system.email.account_unlock.sent_message",
            (Self::EmailMfaEnrollNotification, _) => "system.email.mfa_enroll_notification.sent_message",
            (Self::EmailMfaResetNotification, _) => "system.email.mfa_reset_notification.sent_message",
            (Self::EmailDelivery, _) => "system.email.delivery",
            (Self::SmsFactorVerify, _) => "system.sms.send_factor_verify_message",
            (Self::SmsPhoneVerification, _) => "system.sms.send_phone_verification_message",
            (Self::SmsPasswordReset, _) => "system.sms.send_password_reset_message",
            (Self::SmsAccountUnlock, _) => "system.sms.send_account_unlock_message",
            (Self::SmsDelivery, _) => "system.sms.delivery",
            (Self::VoiceMfaChallenge, _) => "system.voice.send_mfa_challenge_call",
            (Self::VoicePhoneVerification, _) => "system.voice.send_phone_verification_call",
            (Self::VoicePasswordReset, _) => "system.voice.send_password_reset_call",
            (Self::VoiceAccountUnlock, _) => "system.voice.send_account_unlock_call",
            (Self::VoiceDelivery, _) => "system.voice.delivery",
        }
    }
}

/// The member of the detail that names the API token of a request.
pub const REQUEST_API_TOKEN_ID: &str = "requestApiTokenId";

/// Why something failed, as a short machine word.
pub type Reason = &'static str;

/// An event before it becomes a row.
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventType,
    org: bool,
    reason: Option<Reason>,
    user: Option<UserId>,
    client: Option<ClientId>,
    session: Option<SessionId>,
    detail: Map<String, Value>,
    count: u32,
}

impl Event {
    /// Something that succeeded.
    pub fn new(kind: EventType) -> Self {
        Self {
            kind,
            org: true,
            reason: None,
            user: None,
            client: None,
            session: None,
            detail: Map::new(),
            count: 1,
        }
    }

    /// Something that was refused.
    pub fn failure(kind: EventType, reason: Reason) -> Self {
        Self { reason: Some(reason), ..Self::new(kind) }
    }

    /// The authorization server concerned.
    #[must_use]
    pub fn server(mut self, server: &AuthorizationServerId) -> Self {
        self.org = server.as_str() == AuthorizationServer::ORG;
        self.with("authorizationServer", server.as_str())
    }

    /// The user concerned.
    #[must_use]
    pub fn user(mut self, user: &UserId) -> Self {
        self.user = Some(user.clone());
        self
    }

    /// The client concerned.
    #[must_use]
    pub fn client(mut self, client: &ClientId) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// The session concerned.
    #[must_use]
    pub fn session(mut self, session: &SessionId) -> Self {
        self.session = Some(session.clone());
        self
    }

    /// A further fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// How many like events this one stands for.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    fn stored(mut self, caller: &Caller, random: &dyn Random, now: OffsetDateTime) -> log_event::LogEvent {
        let (actor_type, actor_id) = match (&caller.actor, &self.user, &self.client) {
            (Some(Actor::System), ..) => ("SystemPrincipal", None),
            (Some(Actor::ApiToken { user, .. }), ..) => ("User", Some(user.to_string())),
            (Some(Actor::Client(client)), ..) => ("PublicClientApp", Some(client.to_string())),
            (None, Some(user), _) => ("User", Some(user.to_string())),
            (None, None, Some(client)) => ("PublicClientApp", Some(client.to_string())),
            (None, None, None) => ("SystemPrincipal", None),
        };
        if let Some(Actor::ApiToken { token, .. }) = &caller.actor {
            self.detail.insert(REQUEST_API_TOKEN_ID.to_owned(), token.as_str().into());
        }
        log_event::LogEvent {
            id: uuid_v7(random, now),
            event_type: self.kind.name(self.org).to_owned(),
            severity: if self.reason.is_some() { "WARN" } else { "INFO" }.to_owned(),
            outcome: if self.reason.is_some() { "FAILURE" } else { "SUCCESS" }.to_owned(),
            reason: self.reason.map(ToOwned::to_owned),
            actor_type: actor_type.to_owned(),
            actor_id,
            client_id: self.client.map(ClientId::into_string),
            user_id: self.user.map(UserId::into_string),
            session_id: self.session.map(SessionId::into_string),
            request_id: caller.request_id.clone(),
            ip: caller.ip.map(|ip| ip.to_string()),
            user_agent: caller.user_agent.clone(),
            detail: (!self.detail.is_empty()).then(|| Value::Object(self.detail).to_string()),
            count: self.count,
        }
    }

    /// The row to add to the unit that makes the event true.
    pub fn row(self, caller: &Caller, random: &dyn Random, now: OffsetDateTime) -> Row {
        log_event::row(self.stored(caller, random, now), now)
    }

    /// Writes the event inside a transaction of an administrator.
    ///
    /// # Errors
    /// The database failed.
    pub async fn insert(
        self,
        tx: &crate::store::db::Tx,
        caller: &Caller,
        random: &dyn Random,
        now: OffsetDateTime,
    ) -> Result<(), crate::fault::Fault> {
        log_event::insert(tx, self.stored(caller, random, now), now).await
    }
}

/// A UUID that sorts by time (RFC 9562 §5.7), so that the log grows at its end.
fn uuid_v7(random: &dyn Random, now: OffsetDateTime) -> String {
    let mut tail = [0_u8; 10];
    random.fill(&mut tail);
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0) & 0xffff_ffff_ffff;
    let [a, b, c, d, e, f, g, h, i, j] = tail;
    format!(
        "{:08x}-{:04x}-7{:01x}{b:02x}-{:02x}{d:02x}-{e:02x}{f:02x}{g:02x}{h:02x}{i:02x}{j:02x}",
        millis >> 16,
        millis & 0xffff,
        a & 0x0f,
        (c & 0x3f) | 0x80,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random::SystemRandom;

    #[test]
    fn event_ids_are_version_7_uuids_that_sort_by_time() {
        let t = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let (a, b) = (uuid_v7(&SystemRandom, t), uuid_v7(&SystemRandom, t + time::Duration::milliseconds(1)));
        assert_eq!(a.len(), 36);
        assert_eq!(a.as_bytes()[14], b'7');
        assert!(a < b);
    }
}
