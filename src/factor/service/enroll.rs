//! Enrolment, and the QR code that goes with it.

use serde_json::{Map, Value};
use time::Duration;

use super::{
    TIME_STEP, announced, challenge::send, is_phone, list, open, passkey, push, reset::displaced, seal,
    settings, stored, yubikey,
};
use crate::{
    app::App,
    factor::{
        Activate, Activation, Enrolled, Enrolment, FactorError, Purpose, TokenActivation, UpdatePhone, call,
        code, email, hotp, qr, question, sms, totp, u2f,
    },
    fault::Fault,
    id::{FactorId, UserId, base62},
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        factor_profile::TokenSettings,
        user::User,
    },
    secret::{Secret, TokenHash, opaque_token},
    store::{
        self,
        factor::{Displaces, FoundBy, Stored},
        unit::Unit,
    },
    syslog::Caller,
};

/// Begins an enrolment: what is sent is in the unit. The caller has asked policy whether the kind may be enrolled.
///
/// # Errors
/// It cannot be enrolled.
pub async fn enroll(
    app: &App,
    user: &User,
    enrolment: Enrolment,
    purpose: Purpose<'_>,
    caller: &Caller,
) -> Result<Enrolled, FactorError> {
    // Only administrators vouch for a phone, replace one that counts, and hand out tokens.
    let administrator = purpose == Purpose::Api;
    let vouched = enrolment.activate == Activate::AtOnce;
    if !administrator && (vouched || enrolment.kind == FactorKind::HotpCustom) {
        return Err(FactorError::NotAllowed);
    }
    let displaces = match enrolment.update_phone {
        UpdatePhone::Replace if administrator && is_phone(enrolment.kind) => Displaces::Any,
        UpdatePhone::Replace | UpdatePhone::Keep => Displaces::Pending,
    };
    let existing = list(app, &user.id).await?;
    let same = existing.iter().filter(|factor| factor.kind == enrolment.kind);
    let kept: Vec<&Factor> = same.filter(|same| same.status != FactorStatus::PendingActivation).collect();
    if displaces == Displaces::Pending && kept.len() >= enrolment.kind.limit() {
        return Err(FactorError::already_set_up());
    }
    let id = FactorId::new(format!("{}{}", enrolment.kind.id_prefix(), base62(app.random.as_ref(), 17)));
    let made = make(app, user, &enrolment, (&existing, &id), (purpose, caller)).await?;
    let now = app.now();
    let active = match enrolment.kind {
        FactorKind::Question | FactorKind::HotpCustom | FactorKind::Yubikey | FactorKind::U2f => true,
        FactorKind::Sms | FactorKind::Call | FactorKind::Email => vouched,
        FactorKind::TotpOkta | FactorKind::TotpGoogle | FactorKind::Webauthn | FactorKind::Push => false,
    };
    let factor = Factor {
        id,
        user_id: user.id.clone(),
        kind: enrolment.kind,
        status: if active { FactorStatus::Active } else { FactorStatus::PendingActivation },
        profile: made.profile,
        name: None,
        factor_profile_id: enrolment.factor_profile_id.clone(),
        created_at: now,
        updated_at: now,
        last_verified_at: None,
    };
    let row = Stored { factor, secret: made.secret, counter: made.counter };
    let qr_token = match &made.activation {
        Some(Activation::Token(token)) => Some(TokenHash::of(token.qr_token.expose())),
        Some(Activation::Options(_) | Activation::Push(_)) | None => None,
    };
    let found_by = match (&qr_token, &made.credential) {
        (Some(token), _) => FoundBy::QrToken(token),
        (None, Some(credential)) => FoundBy::Credential(credential),
        (None, None) => FoundBy::Id,
    };
    let insert = store::factor::claim_insert(&row, found_by, displaces)?;
    let mut unit = Unit::new().claim(insert).and(made.unit);
    if displaces == Displaces::Any {
        for same in &kept {
            unit = displaced(app, unit, user, same, caller).await?;
        }
    }
    let factor = row.factor;
    if active {
        unit = announced(app, unit, user, &factor, caller)?;
    } else if factor.kind.is_sent() {
        let lifetime = enrolment.token_lifetime.unwrap_or(code::LIFETIME);
        unit = send(app, unit, user, (&factor, lifetime), (purpose, caller)).await?;
    }
    let activation = match factor.kind {
        FactorKind::Push => Some(push::activation(app, &factor)),
        _ => made.activation,
    };
    Ok(Enrolled { factor, activation, unit })
}

/// What a kind makes of an enrolment.
struct Made {
    profile: Map<String, Value>,
    secret: Option<String>,
    activation: Option<Activation>,
    /// What has been counted before.
    counter: Option<u64>,
    /// The credential that it is from the beginning.
    credential: Option<TokenHash>,
    /// What is to be committed with it.
    unit: Unit,
}

impl Made {
    fn of(profile: Map<String, Value>) -> Self {
        Self { profile, secret: None, activation: None, counter: None, credential: None, unit: Unit::new() }
    }
}

async fn make(
    app: &App,
    user: &User,
    enrolment: &Enrolment,
    (existing, id): (&[Factor], &FactorId),
    how: (Purpose<'_>, &Caller),
) -> Result<Made, FactorError> {
    let given = &enrolment.profile;
    let plain = |profile| Ok(Made::of(profile));
    match enrolment.kind {
        FactorKind::Sms => plain(sms::profile(given, known_phone(existing, enrolment.kind))?),
        FactorKind::Call => plain(call::profile(given, known_phone(existing, enrolment.kind))?),
        FactorKind::Email => plain(email::profile(given, user)?),
        FactorKind::Question => {
            let (profile, answer) = question::profile(given)?;
            let hash = app.passwords.hash(answer).await;
            let hash = hash.map_err(|_| Fault::Overloaded("answer hashing"))?;
            let secret = Some(seal(app, id, hash.expose().as_bytes())?);
            Ok(Made { secret, ..Made::of(profile) })
        }
        FactorKind::TotpOkta | FactorKind::TotpGoogle => {
            let seed = totp::seed(app.random.as_ref());
            let secret = Some(seal(app, id, seed.expose())?);
            let activation = Some(Activation::Token(activation(app, &seed)));
            Ok(Made { secret, activation, ..Made::of(credential_id(user)) })
        }
        FactorKind::HotpCustom => {
            if enrolment.activate == Activate::ByUser {
                let problem = "a custom token is enrolled with activate=true".to_owned();
                return Err(FactorError::Invalid { member: "activate", problem });
            }
            let settings = settings(app, enrolment.factor_profile_id.as_ref()).await?;
            let text = given.get("sharedSecret").and_then(Value::as_str).unwrap_or_default();
            let seed = hotp::seed(text, settings.encoding)?;
            let secret = Some(seal(app, id, seed.expose())?);
            Ok(Made { secret, ..Made::of(credential_id(user)) })
        }
        FactorKind::Webauthn => {
            let options = passkey::creation(app, user, (existing, id), how).await?;
            Ok(Made { activation: Some(Activation::Options(options)), ..Made::of(Map::new()) })
        }
        FactorKind::Yubikey => {
            let yubikey::Enrolling { profile, unit } =
                yubikey::enrolling(app, user, (enrolment, id), how).await?;
            Ok(Made { unit, ..Made::of(profile) })
        }
        FactorKind::U2f if how.0 != Purpose::Api => Err(u2f::not_enrolled()),
        FactorKind::U2f => {
            let imported = u2f::imported(given)?;
            let credential = imported.key();
            passkey::unclaimed(app, &credential, "publicKey").await?;
            let secret = Some(seal(app, id, &imported.public_key)?);
            let (counter, credential) = (imported.counter, Some(credential));
            Ok(Made { secret, counter, credential, ..Made::of(imported.profile) })
        }
        // Its device says the rest; what it opens is made from the factor itself.
        FactorKind::Push => Ok(Made::of(Map::new())),
    }
}

fn activation(app: &App, seed: &Secret<Vec<u8>>) -> TokenActivation {
    TokenActivation {
        shared_secret: totp::base32(seed),
        time_step: TIME_STEP,
        key_length: u32::from(TokenSettings::AUTHENTICATOR.digits),
        qr_token: opaque_token(app.random.as_ref()),
    }
}

/// What an authenticator application needs, again for the person who is setting it up in this very sign-in. The picture has a
/// new address, for which the unit gives up the one before.
///
/// # Errors
/// The factor is none that waits for its first code, or the database failed.
pub async fn show_again(app: &App, factor: &Factor) -> Result<(Activation, Unit), FactorError> {
    let found = stored(app, &factor.user_id, &factor.id).await?;
    let is_app = matches!(found.factor.kind, FactorKind::TotpOkta | FactorKind::TotpGoogle);
    if !is_app || found.factor.status != FactorStatus::PendingActivation {
        return Err(FactorError::WrongStatus);
    }
    let activation = activation(app, &open(app, &found)?);
    let token = TokenHash::of(activation.qr_token.expose());
    let activation = Activation::Token(activation);
    Ok((activation, Unit::new().change(store::factor::renew_qr_token(&factor.id, &token))))
}

fn credential_id(user: &User) -> Map<String, Value> {
    Map::from_iter([("credentialId".to_owned(), Value::from(user.login.as_str()))])
}

/// The phone that is reused where none is named: of an enrolment that was not completed, or of the other kind.
fn known_phone(existing: &[Factor], kind: FactorKind) -> Option<&str> {
    let own = existing.iter().find(|factor| factor.kind == kind);
    let other = existing.iter().find(|factor| is_phone(factor.kind) && factor.is_active());
    own.or(other)?.profile_text("phoneNumber")
}

/// The picture of a QR code that an authenticator application reads, until the factor is active.
///
/// # Errors
/// The token shows nothing, or nothing any more.
pub async fn qr_code(app: &App, user: &UserId, id: &FactorId, token: &str) -> Result<Vec<u8>, FactorError> {
    if id.as_str().starts_with(FactorKind::Push.id_prefix()) {
        let found = stored(app, user, id).await?;
        return push::picture(app, &found.factor, token);
    }
    let found = store::factor::find_by_qr_token(&app.db, &TokenHash::of(token)).await?;
    let found = found.filter(|found| found.factor.user_id == *user && found.factor.id == *id);
    let found = found.ok_or(FactorError::Unknown)?;
    if app.now() - found.factor.created_at > QR_LIFETIME {
        return Err(FactorError::Unknown);
    }
    let seed = open(app, &found)?;
    let login = found.factor.profile_text("credentialId").unwrap_or_default();
    let authority = app.settings.authority();
    let issuer = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let address = totp::otpauth(issuer, login, &seed, &TokenSettings::AUTHENTICATOR);
    Ok(qr::png(address.expose())?)
}

/// How long a QR code is shown to somebody who has its address.
const QR_LIFETIME: Duration = Duration::hours(1);
