//! Passwords as use cases: how long one stands, changing it, setting a new one, expiring it.
//!
//! Each returns a unit that the caller commits together with what the new password buys (a transaction that goes on, a
//! token that is spent); a lost claim means that password or status changed meanwhile. With a new password everything that
//! an intruder may hold dies in the same unit: tokens of recovery, known browsers and, unless asked otherwise, sessions,
//! grants and session tokens (security rule S8).

use time::{Duration, OffsetDateTime};

use super::{
    attempt::{self, Budget},
    contact,
    credentials::{Busy, HashError},
    lifecycle::{self, ChangeNotAllowed},
    password_policy::{self, Shortcoming},
};
use crate::{
    app::App,
    fault::Fault,
    id::{SessionId, base62},
    message::Content,
    model::{
        policy::PasswordRules,
        user::{User, UserStatus},
    },
    secret::{Secret, TokenHash},
    session::farewell::{self, Ending},
    store::{self, unit::Unit},
    syslog::{Caller, Event, EventType, record_repeated},
};

/// How a user's password stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordStanding {
    /// It can be used.
    Fine,
    /// It can be used, but expires within days (`PASSWORD_WARN`).
    Warn {
        /// Whole days that are left, rounded up.
        days: u32,
    },
    /// It must be changed first (`PASSWORD_EXPIRED`).
    Expired,
}

/// Whether the password has expired, or will soon, as the policy says; an administrator may have expired it before.
pub fn standing(user: &User, rules: &PasswordRules, now: OffsetDateTime) -> PasswordStanding {
    if user.status == UserStatus::PasswordExpired {
        return PasswordStanding::Expired;
    }
    // A password that was never set, or set nobody knows when, is as old as its user.
    let set_at = user.password_changed_at.unwrap_or(user.created_at);
    if user.password_hash.is_none() || rules.max_age_days == 0 {
        return PasswordStanding::Fine;
    }
    let left = set_at.saturating_add(Duration::days(rules.max_age_days.into())) - now;
    if left <= Duration::ZERO {
        return PasswordStanding::Expired;
    }
    if rules.expire_warn_days == 0 || left > Duration::days(rules.expire_warn_days.into()) {
        return PasswordStanding::Fine;
    }
    let days = left.whole_seconds().saturating_add(86_399).div_euclid(86_400);
    PasswordStanding::Warn { days: u32::try_from(days).unwrap_or(u32::MAX) }
}

/// Which sessions end with a new password; grants that outlive a session, and with them refresh tokens, go along.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RevokeSessions<'a> {
    /// All.
    #[default]
    All,
    /// All but the one in which the password is changed.
    AllBut(&'a SessionId),
    /// None.
    None,
}

/// A change of password by its user, who gives the old one.
#[derive(Clone, Copy, Debug)]
pub struct PasswordChange<'a> {
    /// The present password.
    pub old: &'a Secret<String>,
    /// The new one.
    pub new: &'a Secret<String>,
    /// What ends.
    pub revoke: RevokeSessions<'a>,
    /// The cookie that tells browsers apart, where there is a browser.
    pub device: Option<&'a str>,
}

/// On whose word a password is set without the old one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetBy {
    /// The user's, who has proved to be it by recovery.
    Recovery,
    /// The user's, whose account is activated.
    Activation,
    /// An administrator's: neither history nor what users may do themselves counts.
    Administrator,
}

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Policy does not let the user do it (E0000035, E0000034).
    #[error("policy does not allow it")]
    NotAllowed,
    /// The old password is wrong (E0000014, cause `oldPassword`).
    #[error("the old password is wrong")]
    WrongPassword,
    /// Too many wrong passwords (E0000069).
    #[error("no password is looked at for now")]
    Locked,
    /// The present password is not old enough to be changed (E0000014).
    #[error("the password was changed less than {minutes} minutes ago")]
    TooYoung {
        /// How old it must be.
        minutes: u32,
    },
    /// The new password breaks the policy (E0000014, or E0000080).
    #[error("the password {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Weak(Vec<Shortcoming>),
    /// The user's status does not permit it (E0000038).
    #[error(transparent)]
    Status(#[from] ChangeNotAllowed),
    /// Too many passwords are waiting to be hashed (E0000047).
    #[error("too many passwords at once")]
    Busy,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Busy> for PasswordError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// Changes a password on the word of its user.
///
/// # Errors
/// The old password is wrong, which is charged as at a sign-in, or the new one is refused. Nothing was changed.
pub async fn change(
    app: &App,
    user: &User,
    change: &PasswordChange<'_>,
    rules: &PasswordRules,
    caller: &Caller,
) -> Result<Unit, PasswordError> {
    let now = app.now();
    let must = standing(user, rules, now) == PasswordStanding::Expired;
    if !rules.allow_change && !must {
        return Err(PasswordError::NotAllowed);
    }
    let status = lifecycle::next(user.status, lifecycle::Change::SetPassword)?;
    let device = change.device.map(TokenHash::of);
    // Before anything is said about the new one: whoever does not know the old one learns nothing.
    prove(app, user, change.old, device.as_ref(), caller).await?;
    let age = user.password_changed_at.map_or(Duration::MAX, |set_at| now - set_at);
    if !must && age < Duration::minutes(rules.min_age_minutes.into()) {
        return Err(PasswordError::TooYoung { minutes: rules.min_age_minutes });
    }
    let mut lacks = password_policy::check(change.new.expose(), user, rules);
    if lacks.is_empty() && same(app, change.new, user.password_hash.as_ref()).await? {
        lacks.push(Shortcoming::Reused);
    }
    let hash = accepted(app, user, change.new, lacks, rules).await?;
    let unit = replace(app, user, &hash, (status, change.revoke), caller).await?;
    // The browser in which it was changed stays known.
    Ok(match &device {
        Some(device) => unit.change(store::known_device::remember(&user.id, device, now)),
        None => unit,
    })
}

/// Sets a password without the old one. The caller has checked by which right, and that the password has not been changed
/// since that right was given.
///
/// # Errors
/// Policy, status or the password itself do not permit it. Nothing was changed.
pub async fn set(
    app: &App,
    user: &User,
    new: &Secret<String>,
    rules: &PasswordRules,
    (by, revoke, caller): (SetBy, RevokeSessions<'_>, &Caller),
) -> Result<Unit, PasswordError> {
    // Whoever an administrator sent here may reset, whatever users may do by themselves.
    if by == SetBy::Recovery && !rules.allow_reset && user.status != UserStatus::Recovery {
        return Err(PasswordError::NotAllowed);
    }
    let status = lifecycle::next(user.status, lifecycle::Change::SetPassword)?;
    let lacks = password_policy::check(new.expose(), user, rules);
    let hash = match by {
        SetBy::Recovery | SetBy::Activation => accepted(app, user, new, lacks, rules).await?,
        SetBy::Administrator if lacks.is_empty() => hashed(app, new).await?,
        SetBy::Administrator => return Err(PasswordError::Weak(lacks)),
    };
    replace(app, user, &hash, (status, revoke), caller).await
}

/// Makes a password that satisfies the policy, for an administrator to hand out.
pub fn temporary(app: &App, user: &User, rules: &PasswordRules) -> Secret<String> {
    // Random text may hold a part of the login or of a name: then another is drawn, which does not do it as well.
    for _ in 0..8 {
        let password = generate(app, rules);
        if password_policy::check(password.expose(), user, rules).is_empty() {
            return password;
        }
    }
    generate(app, rules)
}

/// 16 random characters or more, and in front as many of each kind as the policy counts.
fn generate(app: &App, rules: &PasswordRules) -> Secret<String> {
    let mut password = String::with_capacity(1024);
    for (count, alphabet) in [
        (rules.min_upper_case, "ABCDEFGHJKLMNPQRSTUVWXYZ"),
        (rules.min_lower_case, "abcdefghijkmnopqrstuvwxyz"),
        (rules.min_number, "23456789"),
        (rules.min_symbol, "-_.+"),
    ] {
        let letters: Vec<char> = alphabet.chars().collect();
        for _ in 0..count.min(64) {
            let mut byte = [0_u8; 4];
            app.random.fill(&mut byte);
            let nth = usize::try_from(u32::from_le_bytes(byte)).unwrap_or(0).checked_rem(letters.len());
            password.extend(nth.and_then(|nth| letters.get(nth)));
        }
    }
    let long = usize::try_from(rules.min_length.min(256)).unwrap_or(16).max(16);
    password.push_str(&base62(app.random.as_ref(), long));
    Secret::new(password)
}

/// Makes the user change the password at the next sign-in.
///
/// # Errors
/// The status does not permit it.
pub fn expire(app: &App, user: &User, caller: &Caller) -> Result<Unit, ChangeNotAllowed> {
    let now = app.now();
    let status = lifecycle::next(user.status, lifecycle::Change::ExpirePassword)?;
    let event = Event::new(EventType::AccountExpirePassword).user(&user.id);
    Ok(Unit::new().claim(store::user::set_status(user, status, now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    )))
}

/// Replaces the password by a temporary one, which is shown once and must be changed at the next sign-in.
///
/// # Errors
/// The status does not permit it, or the password could not be hashed.
pub async fn expire_with_temporary(
    app: &App,
    user: &User,
    rules: &PasswordRules,
    revoke: RevokeSessions<'_>,
    caller: &Caller,
) -> Result<(Secret<String>, Unit), PasswordError> {
    let status = lifecycle::next(user.status, lifecycle::Change::ExpirePassword)?;
    let password = temporary(app, user, rules);
    let hash = hashed(app, &password).await?;
    let unit = replace(app, user, &hash, (status, revoke), caller).await?;
    let event = Event::new(EventType::AccountExpirePassword).user(&user.id).with("temporary", true);
    Ok((password, unit.row(event.row(caller, app.random.as_ref(), app.now()))))
}

/// Checks the password of a user, charged before it is looked at and at the same cost whoever the user is.
///
/// # Errors
/// It is wrong, or none is looked at for now.
pub async fn prove(
    app: &App,
    user: &User,
    old: &Secret<String>,
    device: Option<&TokenHash>,
    caller: &Caller,
) -> Result<(), PasswordError> {
    let now = app.now();
    let budget = attempt::charge(app, user, device, now).await?;
    let hash = user.password_hash.clone().filter(|_| budget != Budget::Locked);
    let verified = app.passwords.verify(old.clone(), hash).await?;
    let refusal = match budget {
        Budget::Locked => Some(("locked_out", PasswordError::Locked)),
        Budget::User | Budget::Device if !verified.matches => {
            Some(("invalid_credentials", PasswordError::WrongPassword))
        }
        Budget::User | Budget::Device => None,
    };
    if let Some((reason, error)) = refusal {
        let event = Event::failure(EventType::AccountUpdatePassword, reason).user(&user.id);
        record_repeated(app, &format!("{}\n{reason}", user.id), event, caller).await?;
        return Err(error);
    }
    // Right, so it was no wrong password, whatever the policy will say of the new one.
    let right = match (budget, device) {
        (Budget::Device, Some(device)) => store::known_device::refresh(&user.id, device, now),
        (Budget::User | Budget::Device | Budget::Locked, _) => store::user::forgive(&user.id),
    };
    app.db.writer().commit(Unit::new().change(right)).await?;
    Ok(())
}

/// The hash of a new password that lacks nothing and was not used lately.
async fn accepted(
    app: &App,
    user: &User,
    new: &Secret<String>,
    mut lacks: Vec<Shortcoming>,
    rules: &PasswordRules,
) -> Result<Secret<String>, PasswordError> {
    // Comparing with the history costs a hash each: only what could be accepted is compared.
    if lacks.is_empty() && reused(app, user, new, rules.history_count).await? {
        lacks.push(Shortcoming::Reused);
    }
    if lacks.is_empty() { hashed(app, new).await } else { Err(PasswordError::Weak(lacks)) }
}

/// Whether it is among the latest passwords, the current one included, so that so many others must come between.
async fn reused(app: &App, user: &User, new: &Secret<String>, count: u32) -> Result<bool, PasswordError> {
    let Some(earlier) = count.checked_sub(1) else { return Ok(false) };
    if same(app, new, user.password_hash.as_ref()).await? {
        return Ok(true);
    }
    for hash in store::password_history::latest(&app.db, &user.id, earlier.into()).await? {
        if same(app, new, Some(&hash)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn same(app: &App, new: &Secret<String>, hash: Option<&Secret<String>>) -> Result<bool, Busy> {
    let Some(hash) = hash else { return Ok(false) };
    Ok(app.passwords.verify(new.clone(), Some(hash.clone())).await?.matches)
}

async fn hashed(app: &App, new: &Secret<String>) -> Result<Secret<String>, PasswordError> {
    app.passwords.hash(new.clone()).await.map_err(|error| match error {
        HashError::Busy(_) => PasswordError::Busy,
        HashError::Length => PasswordError::Weak(vec![Shortcoming::TooLong]),
    })
}

/// The unit that replaces a password and ends what the old one may have opened.
async fn replace(
    app: &App,
    user: &User,
    hash: &Secret<String>,
    (status, revoke): (UserStatus, RevokeSessions<'_>),
    caller: &Caller,
) -> Result<Unit, PasswordError> {
    let now = app.now();
    // Tokens and codes of recovery are bound to the password that they were issued under, and die with it.
    let mut unit = Unit::new()
        .claim(store::user::set_password(user, hash, status, now))
        .change(store::known_device::forget_all(&user.id));
    if let Some(old) = &user.password_hash {
        let id = base62(app.random.as_ref(), 20);
        unit = unit
            .change(store::password_history::prune(&user.id))
            .row(store::password_history::row(id, &user.id, old, now));
    }
    let ending = match revoke {
        // A session that begins with the new password is made at this moment too, and counts.
        RevokeSessions::All => {
            unit = unit.change(store::user::cut(&user.id, now - Duration::MILLISECOND));
            Some(Ending::All)
        }
        RevokeSessions::AllBut(session) => Some(Ending::AllBut(session)),
        RevokeSessions::None => None,
    };
    if let Some(ending) = ending {
        unit = farewell::end_sessions(app, unit, &user.id, ending, ("password_changed", now)).await?;
    }
    let event = Event::new(EventType::AccountUpdatePassword).user(&user.id);
    let unit = unit.row(event.row(caller, app.random.as_ref(), now));
    Ok(contact::mail(app, unit, user, &Content::PasswordChanged)?)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{id::UserId, model::user::Profile};

    const SET: OffsetDateTime = datetime!(2026-01-01 12:00:00 UTC);

    fn user(status: UserStatus, password: Option<&str>) -> User {
        User {
            status,
            password_hash: password.map(|hash| Secret::new(hash.to_owned())),
            password_changed_at: Some(SET),
            ..User::new(UserId::new("00u1"), "a@example.com", Profile::default(), SET)
        }
    }

    #[test]
    fn a_password_ages_until_it_is_warned_of_and_expires() {
        use PasswordStanding::{Expired, Fine, Warn};
        let rules = PasswordRules { max_age_days: 90, expire_warn_days: 14, ..PasswordRules::default() };
        let active = user(UserStatus::Active, Some("x"));
        let cases = [
            (Duration::ZERO, Fine),
            (Duration::days(76) - Duration::SECOND, Fine),
            (Duration::days(76), Warn { days: 14 }),
            (Duration::days(76) + Duration::SECOND, Warn { days: 14 }),
            (Duration::days(89), Warn { days: 1 }),
            (Duration::days(90) - Duration::SECOND, Warn { days: 1 }),
            (Duration::days(90), Expired),
            (Duration::days(900), Expired),
        ];
        for (age, expected) in cases {
            assert_eq!(standing(&active, &rules, SET + age), expected, "{age}");
        }
        let never = PasswordRules { max_age_days: 0, ..rules.clone() };
        assert_eq!(standing(&active, &never, SET + Duration::days(9_000)), Fine);
        let silent = PasswordRules { expire_warn_days: 0, ..rules.clone() };
        assert_eq!(standing(&active, &silent, SET + Duration::days(89)), Fine);
        // An administrator expired it, whatever its age.
        assert_eq!(standing(&user(UserStatus::PasswordExpired, Some("x")), &never, SET), Expired);
        // What is not there cannot expire.
        assert_eq!(standing(&user(UserStatus::Active, None), &rules, SET + Duration::days(900)), Fine);
    }
}
