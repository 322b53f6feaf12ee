//! The one question every grant, and every use of a token, is asked: may there still be tokens from this?

use time::OffsetDateTime;

use crate::{
    limit::lockout::UNTIL_RESET,
    model::{
        Status,
        user::{Holder, UserStatus},
    },
    store::grant::GrantFacts,
};

/// Why tokens are refused. The words go to the log, never to the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The grant was revoked.
    #[error("grant_revoked")]
    GrantRevoked,
    /// The user is not active.
    #[error("user_not_active")]
    UserNotActive,
    /// The user is locked until a reset.
    #[error("user_locked")]
    UserLocked,
    /// The client is switched off.
    #[error("client_inactive")]
    ClientInactive,
    /// The authorization server is switched off.
    #[error("server_inactive")]
    ServerInactive,
    /// Everything issued before a moment was declared dead.
    #[error("issued_before_not_before")]
    NotBefore,
    /// The session has ended.
    #[error("session_ended")]
    SessionEnded,
}

impl Refusal {
    /// The word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::GrantRevoked => "grant_revoked",
            Self::UserNotActive => "user_not_active",
            Self::UserLocked => "user_locked",
            Self::ClientInactive => "client_inactive",
            Self::ServerInactive => "server_inactive",
            Self::NotBefore => "issued_before_not_before",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// Whether the session that a grant was made in must still be live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionRule {
    /// It must: a code that waits for its redemption.
    MustLive,
    /// It need not where offline access was granted (Core §11).
    OfflineOutlives,
}

/// Decides whether tokens of a grant may be issued, or still count.
///
/// # Errors
/// The first reason that speaks against it.
pub fn may_issue(facts: &GrantFacts, session: SessionRule) -> Result<(), Refusal> {
    if facts.grant.revoked_at.is_some() {
        return Err(Refusal::GrantRevoked);
    }
    if facts.client_status != Status::Active {
        return Err(Refusal::ClientInactive);
    }
    if facts.server_status != Status::Active {
        return Err(Refusal::ServerInactive);
    }
    let mut not_before = facts.client_not_before.max(facts.server_not_before);
    if facts.grant.user_id.is_some() {
        // A user that is gone has no status any more.
        let user = facts.user.as_ref().ok_or(Refusal::UserNotActive)?;
        may_have_tokens(user)?;
        not_before = not_before.max(user.not_before);
    }
    // The latest of all wins; what was made at that very moment is dead too.
    if not_before > OffsetDateTime::UNIX_EPOCH && facts.grant.created_at <= not_before {
        return Err(Refusal::NotBefore);
    }
    let offline = facts.grant.scope.contains(crate::protocol::scope::OFFLINE_ACCESS);
    if facts.session_ended_at.is_some() && (session == SessionRule::MustLive || !offline) {
        return Err(Refusal::SessionEnded);
    }
    Ok(())
}

/// Decides whether there may be tokens about a user at all.
///
/// # Errors
/// The first reason that speaks against it.
pub fn may_have_tokens(user: &Holder) -> Result<(), Refusal> {
    if user.status != UserStatus::Active {
        return Err(Refusal::UserNotActive);
    }
    // A lock that passes by itself guards the password; if it ended grants too, whoever can guess wrongly could sign
    // everybody out. One that only a reset ends is an end.
    if user.locked_until.is_some_and(|until| until >= UNTIL_RESET) {
        return Err(Refusal::UserLocked);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::{
        id::{AuthorizationServerId, ClientId, GrantId, UserId},
        model::{
            grant::Grant,
            user::{Holder, Profile},
        },
        protocol::scope::ScopeSet,
    };

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
    }

    fn facts() -> GrantFacts {
        GrantFacts {
            grant: Grant {
                id: GrantId::new("oag1"),
                server_id: AuthorizationServerId::new("default"),
                client_id: ClientId::new("c"),
                user_id: Some(UserId::new("u")),
                session_id: None,
                scope: ScopeSet::parse("openid offline_access").unwrap(),
                acr: None,
                amr: vec![],
                auth_time: None,
                access_lifetime: Duration::HOUR,
                refresh_idle_lifetime: Duration::DAY,
                created_at: now() - Duration::HOUR,
                expires_at: None,
                revoked_at: None,
                confirmation: None,
                resource: Vec::new(),
                claims: None,
                actor: None,
            },
            user: Some(Holder {
                id: UserId::new("u"),
                status: UserStatus::Active,
                login: "a@example.com".to_owned(),
                profile: Profile::default(),
                locked_until: None,
                not_before: OffsetDateTime::UNIX_EPOCH,
                updated_at: now(),
            }),
            client_status: Status::Active,
            client_not_before: OffsetDateTime::UNIX_EPOCH,
            server_status: Status::Active,
            server_not_before: OffsetDateTime::UNIX_EPOCH,
            session_ended_at: None,
            jti_revoked: false,
        }
    }

    #[test]
    fn a_healthy_grant_may_issue() {
        assert_eq!(may_issue(&facts(), SessionRule::MustLive), Ok(()));
    }

    #[test]
    fn every_reason_refuses_alone() {
        type Spoil = fn(&mut GrantFacts);
        let cases: [(Refusal, Spoil); 9] = [
            (Refusal::GrantRevoked, |f| f.grant.revoked_at = Some(now())),
            (Refusal::UserNotActive, |f| f.user.as_mut().unwrap().status = UserStatus::Suspended),
            (Refusal::UserNotActive, |f| f.user = None),
            (Refusal::UserLocked, |f| f.user.as_mut().unwrap().locked_until = Some(UNTIL_RESET)),
            (Refusal::ClientInactive, |f| f.client_status = Status::Inactive),
            (Refusal::ServerInactive, |f| f.server_status = Status::Inactive),
            (Refusal::NotBefore, |f| f.user.as_mut().unwrap().not_before = now()),
            (Refusal::NotBefore, |f| f.server_not_before = now()),
            (Refusal::SessionEnded, |f| f.session_ended_at = Some(now())),
        ];
        for (refusal, spoil) in cases {
            let mut facts = facts();
            spoil(&mut facts);
            assert_eq!(may_issue(&facts, SessionRule::MustLive), Err(refusal));
        }
    }

    #[test]
    fn offline_access_outlives_the_session() {
        let mut facts = facts();
        facts.session_ended_at = Some(now());
        assert_eq!(may_issue(&facts, SessionRule::OfflineOutlives), Ok(()));
        facts.grant.scope = ScopeSet::parse("openid").unwrap();
        assert_eq!(may_issue(&facts, SessionRule::OfflineOutlives), Err(Refusal::SessionEnded));
    }

    #[test]
    fn the_latest_not_before_wins() {
        let mut facts = facts();
        facts.client_not_before = now() - Duration::hours(2);
        assert_eq!(may_issue(&facts, SessionRule::MustLive), Ok(()));
        facts.client_not_before = now() - Duration::minutes(1);
        assert_eq!(may_issue(&facts, SessionRule::MustLive), Err(Refusal::NotBefore));
    }
}
