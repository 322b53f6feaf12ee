//! Codes that stand in for a factor (NIST SP 800-63B-4 §3.1.2, look-up secrets): recovery codes, which a user keeps for the
//! day when the factor is lost, and bypass codes, which an administrator gives to somebody who cannot use it.
//!
//! Every code has 120 random bits. It is shown once, when it is made; new codes end the old ones of their kind.

use time::{Duration, OffsetDateTime};

use super::{FactorError, Proof, Purpose, attempt, message_budget};
use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    message::Content,
    model::{session::VerifiedFactor, user::User},
    ports::random::Random,
    secret::{Secret, TokenHash},
    store::{
        backup_code::{self, BackupCode},
        factor_budget,
        unit::Unit,
    },
    syslog::{Caller, Event, EventType, record_repeated},
    user::contact,
};

pub use crate::store::backup_code::BackupKind;

/// Recovery codes of a set.
pub const RECOVERY_CODES: u32 = 10;
/// Bypass codes of a set at most.
pub const MAX_BYPASS_CODES: u32 = 10;
/// How often a bypass code may be used at most.
pub const MAX_USES: u32 = 10;
/// How long bypass codes live unless the administrator says otherwise.
pub const BYPASS_LIFETIME: Duration = Duration::hours(1);
/// The longest that bypass codes live.
pub const MAX_BYPASS_LIFETIME: Duration = Duration::days(30);

/// Bytes of a code: 120 bits.
const BYTES: usize = 15;
/// Base32 characters of a code (RFC 4648 §6).
const CHARACTERS: usize = 24;
/// Characters of a group, as it is shown.
const GROUP: usize = 4;
/// RFC 4648 §6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whether a user has a code that can still be used.
///
/// # Errors
/// The database failed.
pub async fn any(app: &App, user: &UserId) -> Result<bool, Fault> {
    backup_code::any(&app.db, user, app.now()).await
}

/// New codes: commit the unit, then show them, once.
#[derive(Debug)]
pub struct Issued {
    /// The codes as they are shown.
    pub codes: Vec<Secret<String>>,
    /// When they die; absent: with their use.
    pub expires_at: Option<OffsetDateTime>,
    /// What to commit. Its own claim is its first; lost: there is no such user.
    pub unit: Unit,
}

/// What an administrator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bypass {
    /// How many codes: 1 to [`MAX_BYPASS_CODES`].
    pub count: u32,
    /// How often each may be used: 1 to [`MAX_USES`].
    pub uses: u32,
    /// How long they live: up to [`MAX_BYPASS_LIFETIME`].
    pub lifetime: Duration,
}

/// Makes a user's recovery codes; those from before are dead, and the user hears of it.
///
/// # Errors
/// The message could not be sealed.
pub fn issue_recovery(
    app: &App,
    user: &User,
    issued_by: Option<&str>,
    caller: &Caller,
) -> Result<Issued, Fault> {
    let template = BackupCode {
        kind: BackupKind::Recovery,
        uses_left: 1,
        issued_by: issued_by.map(ToOwned::to_owned),
        created_at: app.now(),
        expires_at: None,
    };
    let issued = issue(app, user, (RECOVERY_CODES, &template), caller);
    let unit = contact::mail(app, issued.unit, user, &Content::RecoveryCodes)?;
    Ok(Issued { unit, ..issued })
}

/// Makes bypass codes for a user; those from before are dead.
///
/// # Errors
/// A number is out of its range.
pub fn issue_bypass(
    app: &App,
    user: &User,
    bypass: Bypass,
    (issued_by, caller): (&str, &Caller),
) -> Result<Issued, FactorError> {
    let refuse = |member, problem: &str| Err(FactorError::Invalid { member, problem: problem.to_owned() });
    if !(1..=MAX_BYPASS_CODES).contains(&bypass.count) {
        return refuse("count", "must be between 1 and 10");
    }
    if !(1..=MAX_USES).contains(&bypass.uses) {
        return refuse("reuseCount", "must be between 1 and 10");
    }
    if bypass.lifetime < Duration::MINUTE || bypass.lifetime > MAX_BYPASS_LIFETIME {
        return refuse("validSecs", "must be between a minute and 30 days");
    }
    let now = app.now();
    let template = BackupCode {
        kind: BackupKind::Bypass,
        uses_left: bypass.uses,
        issued_by: Some(issued_by.to_owned()),
        created_at: now,
        expires_at: Some(now + bypass.lifetime),
    };
    Ok(issue(app, user, (bypass.count, &template), caller))
}

fn issue(app: &App, user: &User, (count, template): (u32, &BackupCode), caller: &Caller) -> Issued {
    let mut unit = Unit::new()
        .claim(backup_code::claim_user(&user.id))
        .change(backup_code::remove(&user.id, template.kind));
    let mut codes = Vec::new();
    for _ in 0..count {
        let code = draw(app.random.as_ref());
        unit = unit.change(backup_code::insert(&user.id, &hash(&code), template));
        codes.push(Secret::new(grouped(&code)));
    }
    let event = changed(user, template.kind)
        .with("codes", count)
        .with("uses", template.uses_left)
        .with("issuedBy", template.issued_by.clone().unwrap_or_else(|| user.id.to_string()))
        .with("expiresAt", template.expires_at.map(OffsetDateTime::unix_timestamp));
    let unit = unit.row(event.row(caller, app.random.as_ref(), template.created_at));
    Issued { codes, expires_at: template.expires_at, unit }
}

fn changed(user: &User, kind: BackupKind) -> Event {
    Event::new(EventType::MfaFactorUpdate).user(&user.id).with("backupCode", kind.as_str())
}

/// Ends all codes of a kind. The unit's own claim is its first; lost: there is no such user.
pub fn revoke(app: &App, user: &User, kind: BackupKind, (revoked_by, caller): (&str, &Caller)) -> Unit {
    let event = changed(user, kind).with("codes", 0).with("revokedBy", revoked_by);
    Unit::new()
        .claim(backup_code::claim_user(&user.id))
        .change(backup_code::remove(&user.id, kind))
        .row(event.row(caller, app.random.as_ref(), app.now()))
}

/// What is left of a user's codes; the codes themselves are known to nobody.
///
/// # Errors
/// The database failed.
pub async fn list(app: &App, user: &User, kind: BackupKind) -> Result<Vec<BackupCode>, Fault> {
    backup_code::list(&app.db, &user.id, kind, app.now()).await
}

/// Verifies a recovery or bypass code in place of a factor. What it proves is possession of a one-time password.
///
/// # Errors
/// The code does not count. That it was tried is counted before it is looked at.
pub async fn verify(
    app: &App,
    user: &User,
    typed: &Secret<String>,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Proof, FactorError> {
    let key = attempts(&user.id);
    if !message_budget::claim(app, &key, &attempt::BACKUP_CODES).await? {
        return Err(FactorError::Locked);
    }
    let now = app.now();
    let found = match read(typed.expose()) {
        Some(code) => {
            let hash = hash(&code);
            backup_code::find(&app.db, &user.id, &hash, now).await?.map(|found| (hash, found))
        }
        None => None,
    };
    let Some((hash, found)) = found else {
        let event =
            event(Event::failure(EventType::AuthenticateViaMfa, "invalid_backup_code"), user, purpose);
        record_repeated(app, &format!("{}\nbackup_code", user.id), event, caller).await?;
        return Err(FactorError::Wrong);
    };
    let proved = event(Event::new(EventType::AuthenticateViaMfa), user, purpose)
        .with("backupCode", found.kind.as_str())
        .with("issuedBy", found.issued_by);
    let lost = event(Event::failure(EventType::AuthenticateViaMfa, "passcode_replayed"), user, purpose);
    let unit = Unit::new()
        .claim(backup_code::claim_use(&user.id, &hash, now))
        .change(factor_budget::forget(&key))
        .row(proved.row(caller, app.random.as_ref(), now))
        .denial_row(lost.row(caller, app.random.as_ref(), now));
    let verified = VerifiedFactor::backup_code(now);
    Ok(Proof { verified, unit })
}

/// The budget of attempts at the codes of a user.
pub(super) fn attempts(user: &UserId) -> String {
    format!("backup:{user}")
}

fn event(event: Event, user: &User, purpose: Purpose<'_>) -> Event {
    event.user(&user.id).with("purpose", purpose.logged())
}

/// A fresh code.
fn draw(random: &dyn Random) -> Secret<String> {
    let mut bytes = [0_u8; BYTES];
    random.fill(&mut bytes);
    let mut code = String::with_capacity(CHARACTERS);
    // Five bytes are eight characters.
    for block in bytes.chunks(5) {
        let bits = block.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        for place in (0..8).rev() {
            let index = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            code.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')));
        }
    }
    Secret::new(code)
}

/// A code as it is shown: in groups of four.
fn grouped(code: &Secret<String>) -> String {
    let mut shown = String::with_capacity(CHARACTERS + CHARACTERS / GROUP);
    for (index, character) in code.expose().chars().enumerate() {
        if index > 0 && index % GROUP == 0 {
            shown.push('-');
        }
        shown.push(character);
    }
    shown
}

/// A code as people type it: case, hyphens and blanks do not count.
fn read(typed: &str) -> Option<Secret<String>> {
    if typed.len() > 3 * CHARACTERS {
        return None;
    }
    let mut code = String::with_capacity(typed.len());
    code.extend(
        typed.chars().filter(|c| !c.is_ascii_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()),
    );
    let fits = code.len() == CHARACTERS && code.bytes().all(|byte| ALPHABET.contains(&byte));
    let code = Secret::new(code);
    fits.then_some(code)
}

fn hash(code: &Secret<String>) -> TokenHash {
    TokenHash::of(code.expose())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ports::random::SystemRandom;

    /// ASVS 6.5.2: 120 bits from a cryptographic source, so a plain hash is enough at rest.
    #[test]
    fn sec_s06_a_code_is_grouped_base32_of_120_bits_and_read_however_it_is_typed() {
        let code = draw(&SystemRandom);
        assert_eq!(code.expose().len() * 5, 120);
        let shown = grouped(&code);
        assert_eq!(shown.len(), 29);
        for typed in
            [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), format!(" {} ", code.expose())]
        {
            assert_eq!(read(&typed).unwrap(), code, "{typed}");
        }
        assert_ne!(draw(&SystemRandom), code);
    }

    proptest! {
        #[test]
        fn what_is_read_is_a_code(typed in ".{0,80}") {
            if let Some(code) = read(&typed) {
                prop_assert_eq!(code.expose().len(), CHARACTERS);
                prop_assert_eq!(read(&grouped(&code)).unwrap(), code);
            }
        }
    }
}
