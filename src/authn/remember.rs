//! Devices that are remembered instead of asking for a factor again (Okta `rememberDevice`): bound to the user, the device
//! and the policy that let it be remembered. Such a device stands for the policy's own prompt and for nothing else: it is no
//! proof and earns no level (security rule S9).

use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    fault::Fault,
    model::{
        policy::{FactorPrompt, GlobalSession},
        user::User,
    },
    secret::TokenHash,
    store::{
        self,
        remembered_device::RememberedDevice,
        unit::{Change, Unit},
    },
};

/// The longest that a device is remembered, whatever policy says.
const LONGEST: Duration = Duration::days(365);

/// Whether a device stands for the factor that a policy asks for.
///
/// # Errors
/// The database failed.
pub async fn stands(
    app: &App,
    user: &User,
    policy: &GlobalSession,
    device: Option<&str>,
) -> Result<bool, Fault> {
    let Some(device) = device.filter(|_| policy.allows_remembering()) else { return Ok(false) };
    let found = store::remembered_device::find(&app.db, &user.id, &TokenHash::of(device)).await?;
    Ok(found.is_some_and(|found| counts(&found, user, policy, app.now())))
}

fn counts(remembered: &RememberedDevice, user: &User, policy: &GlobalSession, now: OffsetDateTime) -> bool {
    let in_time = match policy.factor_prompt {
        FactorPrompt::Always => false,
        FactorPrompt::Device => true,
        // The policy may have been made stricter since.
        FactorPrompt::Session => remembered.created_at + policy.factor_lifetime > now,
    };
    // What ended all that the user had ended this too.
    in_time
        && remembered.expires_at > now
        && remembered.policy_version == policy.version
        && remembered.created_at > user.not_before
}

/// The change that remembers a device, for the unit of the sign-in that proved a factor on it.
pub fn remember(user: &User, policy: &GlobalSession, device: &str, now: OffsetDateTime) -> Option<Change> {
    let lifetime = match policy.factor_prompt {
        FactorPrompt::Always => return None,
        FactorPrompt::Device => LONGEST,
        FactorPrompt::Session => policy.factor_lifetime.min(LONGEST),
    };
    policy.require_factor.then(|| {
        let remembered = RememberedDevice {
            policy_version: policy.version.clone(),
            created_at: now,
            expires_at: now.saturating_add(lifetime),
        };
        store::remembered_device::upsert(&user.id, &TokenHash::of(device), &remembered)
    })
}

/// Forgets all devices of a user: a factor was reset, or the password was changed.
#[must_use]
pub fn forget_all(unit: Unit, user: &User) -> Unit {
    unit.change(store::remembered_device::forget_all(&user.id))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{id::UserId, model::user::Profile};

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn user() -> User {
        User::new(UserId::new("00u1"), "a@example.com", Profile::default(), NOW)
    }

    #[test]
    fn sec_s09_a_device_is_forgotten_with_its_time_its_policy_and_its_user_s_sessions() {
        let policy = GlobalSession {
            require_factor: true,
            factor_prompt: FactorPrompt::Session,
            factor_lifetime: Duration::minutes(15),
            version: "1".to_owned(),
            ..GlobalSession::default()
        };
        let device = RememberedDevice {
            policy_version: "1".to_owned(),
            created_at: NOW,
            expires_at: NOW + Duration::DAY,
        };
        let later = |minutes| NOW + Duration::minutes(minutes);
        assert!(counts(&device, &user(), &policy, later(14)));
        assert!(!counts(&device, &user(), &policy, later(15)));
        let lasting = GlobalSession { factor_prompt: FactorPrompt::Device, ..policy.clone() };
        assert!(counts(&device, &user(), &lasting, later(600)));
        assert!(!counts(&device, &user(), &lasting, later(1440)));
        let edited = GlobalSession { version: "2".to_owned(), ..policy.clone() };
        assert!(!counts(&device, &user(), &edited, later(1)));
        let always = GlobalSession { factor_prompt: FactorPrompt::Always, ..policy.clone() };
        assert!(!counts(&device, &user(), &always, later(1)));
        assert!(!counts(&device, &User { not_before: later(1), ..user() }, &policy, later(2)));
        assert!(remember(&user(), &always, "d", NOW).is_none());
    }
}
