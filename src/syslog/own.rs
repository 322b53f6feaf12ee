//! What the system log knows about one user, for that user's own eyes: sign-ins, changes of what protects the account, and
//! what applications were let do. Never what it says to operators.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    id::{ClientId, UserId},
    model::factor::FactorKind,
    store::{self, log_event::LogEvent},
};

pub use crate::store::log_event::Place;

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where it is in the log.
    pub place: Place,
    /// What it was.
    pub deed: Deed,
    /// Whether it succeeded.
    pub outcome: Outcome,
    /// Who did it.
    pub by: By,
    /// The address that it came from.
    pub ip: Option<String>,
    /// The user agent that it came from.
    pub user_agent: Option<String>,
    /// The name of the application concerned.
    pub application: Option<String>,
    /// The factor concerned.
    pub factor: Option<FactorKind>,
    /// How many like events it stands for.
    pub count: u32,
}

/// Whether something succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did.
    Success,
    /// It was refused.
    Refused,
}

/// Who did something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The user, or somebody with that name on their lips.
    User,
    /// An administrator, a program or the installation itself.
    Other,
}

macro_rules! deeds {
    ($($(#[$doc:meta])* $deed:ident: $($name:literal),+;)*) => {
        /// What happened, of all that the log knows.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Deed {
            $($(#[$doc])* $deed,)*
        }

        impl Deed {
            /// Okta's names of what is shown.
            const NAMES: &'static [&'static str] = &[$($($name,)+)*];

            fn of(event_type: &str) -> Option<Self> {
                match event_type {
                    $($($name)|+ => Some(Self::$deed),)*
                    _ => None,
                }
            }
        }
    };
}

deeds! {
    /// A sign-in.
    SignIn: "user.session.start";
    /// The end of a session.
    SignOut: "user.session.end";
    /// The end of many sessions.
    SignOutElsewhere: "user.session.clear", "user.authentication.universal_logout";
    /// A factor was proved, or was not.
    Factor: "user.authentication.auth_via_mfa";
    /// The account was locked.
    Lock: "user.account.lock";
    /// The lock is gone.
    Unlock: "user.account.unlock", "user.account.unlock_by_admin";
    /// A password was set.
    Password: "user.account.update_password";
    /// A way back for a forgotten password was asked for.
    PasswordReset: "user.account.reset_password";
    /// The profile was changed.
    Profile: "user.account.update_profile";
    /// A factor was added.
    FactorAdded: "user.mfa.factor.activate";
    /// A factor was removed.
    FactorRemoved: "user.mfa.factor.deactivate";
    /// All factors were removed.
    FactorsReset: "user.mfa.factor.reset_all";
    /// A factor was renamed, or the codes that stand in for one were made.
    FactorChanged: "user.mfa.factor.update";
    /// A factor was suspended after too many wrong answers.
    FactorSuspended: "user.mfa.factor.suspend";
    /// A suspended factor can be used again.
    FactorRestored: "user.mfa.factor.unsuspend";
    /// A device denied.
    Denied: "user.mfa.okta_verify.deny_push";
    /// An application was let in.
    Consent: "app.oauth2.consent.grant", "app.oauth2.as.consent.grant";
    /// An application was shut out.
    Withdrawal: "app.oauth2.consent.revoke", "app.oauth2.as.consent.revoke";
    /// A device was let in.
    Device: "app.oauth2.authorize.device", "app.oauth2.as.authorize.device";
    /// A stolen token was perhaps presented.
    Reuse: "app.oauth2.token.detect_reuse", "app.oauth2.as.token.detect_reuse";
}

/// The events about a user, the newest first, at most `limit`, behind a place.
///
/// # Errors
/// The database failed.
pub async fn page(app: &App, user: &UserId, behind: Option<&Place>, limit: u64) -> Result<Vec<Entry>, Fault> {
    let events = store::log_event::about_user(&app.db, user, Deed::NAMES, (behind, limit)).await?;
    let mut entries = Vec::with_capacity(events.len());
    for (at, event) in events {
        let Some(deed) = Deed::of(&event.event_type) else { continue };
        let application = match &event.client_id {
            Some(id) => app.clients.find(&app.db, &ClientId::new(id.as_str())).await?,
            None => None,
        };
        let application = application.map(|client| client.name().to_owned());
        entries.push(entry(user, (at, event), (deed, application)));
    }
    Ok(entries)
}

fn entry(
    user: &UserId,
    (at, event): (OffsetDateTime, LogEvent),
    (deed, application): (Deed, Option<String>),
) -> Entry {
    let detail: Map<String, Value> =
        event.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()).unwrap_or_default();
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    let own = event.actor_type == "User" && event.actor_id.as_deref() == Some(user.as_str());
    // Where an administrator, or a program of theirs, sits is not the user's business.
    let (ip, user_agent) = if own { (event.ip, event.user_agent) } else { (None, None) };
    Entry {
        place: Place { at, id: event.id },
        deed,
        outcome: if event.outcome == "SUCCESS" { Outcome::Success } else { Outcome::Refused },
        by: if own { By::User } else { By::Other },
        ip,
        user_agent,
        application,
        factor: text("factorType").and_then(|kind| FactorKind::parse(kind, text("provider"))),
        count: event.count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(actor: &str) -> LogEvent {
        LogEvent {
            event_type: "user.mfa.factor.deactivate".to_owned(),
            outcome: "SUCCESS".to_owned(),
            actor_type: "User".to_owned(),
            actor_id: Some(actor.to_owned()),
            ip: Some("192.0.2.1".to_owned()),
            user_agent: Some("curl/8".to_owned()),
            detail: Some(r#"{"factorType":"sms","provider":"OKTA","factorId":"mbl1"}"#.to_owned()),
            count: 1,
            ..LogEvent::default()
        }
    }

    #[test]
    fn where_an_administrator_sits_is_not_told() {
        let user = UserId::new("00u1");
        let of =
            |actor| entry(&user, (OffsetDateTime::UNIX_EPOCH, event(actor)), (Deed::FactorRemoved, None));
        let (own, other) = (of("00u1"), of("00u2"));
        assert_eq!((own.by, own.ip.as_deref()), (By::User, Some("192.0.2.1")));
        assert_eq!((other.by, other.ip, other.user_agent), (By::Other, None, None));
        assert_eq!(own.factor, Some(FactorKind::Sms));
    }

    #[test]
    fn every_name_stands_for_one_deed() {
        for name in Deed::NAMES {
            assert!(Deed::of(name).is_some(), "{name}");
        }
        assert_eq!(Deed::of("security.csrf_rejected"), None);
    }
}
