//! Ceremonies of passkeys and security keys: their challenges, and whether what came back counts. A challenge counts once,
//! whatever becomes of the answer: that it was answered is kept before the answer is looked at (security rule R1).

use serde_json::{Map, Value, json};
use time::Duration;

use super::{described, open, seal, stored};
use crate::{
    app::App,
    factor::{
        Assertion, Attestation, Challenged, FactorError, Purpose,
        webauthn::{
            self, Account, Answered, Asserted, Bound, Ceremony, CeremonyError, KeyProtection, Known,
            LIFETIME, Registered, RelyingParty,
        },
    },
    fault::Fault,
    id::FactorId,
    model::{
        factor::{Factor, FactorKind, KEY_PROTECTION},
        policy::{UserVerification, WebauthnRules},
        user::User,
    },
    secret::TokenHash,
    store::{
        self,
        factor::{NewCredential, Stored},
        unit::{Change, Outcome, Unit},
        used_jti,
    },
    syslog::{Caller, Event, EventType},
    user::policies,
};

/// Which factors may answer a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The one that was chosen.
    One,
    /// Any of the user.
    Any,
}

/// Whom credentials of this installation are made for.
pub(super) fn relying_party(app: &App) -> Result<RelyingParty, FactorError> {
    let found = RelyingParty::of(&app.settings.issuer, &app.settings.related_origins);
    found.ok_or(FactorError::NotAllowed)
}

async fn rules(app: &App, user: &User, caller: &Caller) -> Result<WebauthnRules, Fault> {
    Ok(policies::of_user(app, user, caller.ip).await?.enroll.webauthn)
}

pub(super) fn draw(app: &App, bound: &Bound<'_>) -> Vec<u8> {
    webauthn::challenge(&app.derived.factor, bound, app.now(), app.random.as_ref())
}

/// The options that begin a registration.
pub(super) async fn creation(
    app: &App,
    user: &User,
    (known, id): (&[Factor], &FactorId),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Value, FactorError> {
    let rp = relying_party(app)?;
    let rules = rules(app, user, caller).await?;
    let bound = Bound {
        ceremony: Ceremony::Create,
        purpose: purpose.key(),
        user: user.id.as_str(),
        factor: id.as_str(),
    };
    let display_name = user.profile.display_name(&user.login);
    let account = Account { id: user.id.as_str(), name: &user.login, display_name: &display_name };
    let ids: Vec<String> = known.iter().filter_map(credential_of).map(ToOwned::to_owned).collect();
    Ok(webauthn::creation_options(&rp, account, &rules, (&draw(app, &bound), &ids)))
}

fn credential_of(factor: &Factor) -> Option<&str> {
    factor.profile_text("credentialId").filter(|_| factor.kind == FactorKind::Webauthn)
}

/// Begins an assertion by these factors of a user.
///
/// # Errors
/// Passkeys are not offered, or a fault.
pub async fn challenge(
    app: &App,
    user: &User,
    (factors, scope): (&[&Factor], Scope),
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Challenged, FactorError> {
    let rp = relying_party(app)?;
    let rules = rules(app, user, caller).await?;
    let factor = match (scope, factors) {
        (Scope::One, [one]) => one.id.as_str(),
        (Scope::One | Scope::Any, _) => "",
    };
    let bound = Bound { ceremony: Ceremony::Get, purpose: purpose.key(), user: user.id.as_str(), factor };
    let allowed: Vec<&str> = factors.iter().filter_map(|factor| credential_of(factor)).collect();
    let options = webauthn::request_options(&rp, rules.user_verification, (&draw(app, &bound), &allowed));
    Ok(Challenged { unit: Unit::new(), shown: Some(options) })
}

/// The options by which a browser may offer the passkeys that it holds, for somebody who has said nothing yet; absent:
/// passkeys are not offered.
pub fn sign_in_options(app: &App, browser: &str) -> Option<Value> {
    let rp = relying_party(app).ok()?;
    let bound = Bound { ceremony: Ceremony::Get, purpose: browser, user: "", factor: "" };
    Some(webauthn::request_options(&rp, UserVerification::Required, (&draw(app, &bound), &[])))
}

/// Finds the factor that an assertion names; nothing of it is true yet.
///
/// # Errors
/// The database failed.
pub async fn find(app: &App, given: &Assertion) -> Result<Option<Factor>, Fault> {
    let id = given.credential_id.as_deref().and_then(|id| webauthn::credential_id(id).ok());
    let Some(id) = id else { return Ok(None) };
    let found = store::factor::find_by_credential(&app.db, &hash(&id)).await?;
    Ok(found.map(|stored| stored.factor))
}

/// Which of these factors of a user an assertion is by: the one that it names, else the one whose key fits. Okta's clients
/// name none.
///
/// # Errors
/// None fits, or a fault.
pub async fn identify(
    app: &App,
    user: &User,
    factors: &[&Factor],
    given: &Assertion,
) -> Result<FactorId, FactorError> {
    // What fits none is some factor's failure all the same: it is counted, logged, and spends its challenge.
    let first = || factors.first().map(|factor| factor.id.clone()).ok_or(FactorError::Wrong);
    let named = given.credential_id.as_deref().and_then(|id| webauthn::credential_id(id).ok());
    if let Some(named) = named {
        let found = factors.iter().find(|factor| credential_of(factor) == Some(named.as_str()));
        return found.map_or_else(first, |factor| Ok(factor.id.clone()));
    }
    let answered = webauthn::answered(&given.client_data).map_err(failed)?;
    let rp = relying_party(app)?;
    for factor in factors {
        let stored = stored(app, &user.id, &factor.id).await?;
        let kept = open(app, &stored)?;
        // Which key it is, and no more: the rest is judged when the challenge is spent.
        let known = Known { user: user.id.as_str(), kept: kept.expose(), counter: 0 };
        if webauthn::assert(&rp, UserVerification::Discouraged, (&known, &answered), given).is_ok() {
            return Ok(factor.id.clone());
        }
    }
    first()
}

pub(super) fn failed(error: CeremonyError) -> FactorError {
    match error {
        CeremonyError::Malformed(member) => {
            FactorError::Invalid { member, problem: "cannot be read".to_owned() }
        }
        CeremonyError::Refused(reason) => {
            tracing::debug!(%reason, "a ceremony was refused");
            FactorError::Wrong
        }
        CeremonyError::Authenticator => FactorError::NotAllowed,
        CeremonyError::Cloned => FactorError::Locked,
        CeremonyError::Fault(fault) => FactorError::Fault(fault),
    }
}

/// Spends the challenge that was answered, which must be one of these.
pub(super) async fn spend(
    app: &App,
    client_data: &str,
    bounds: &[Bound<'_>],
) -> Result<Answered, FactorError> {
    let now = app.now();
    let answered = webauthn::answered(client_data).map_err(failed)?;
    if !bounds.iter().any(|bound| answered.is_for(&app.derived.factor, bound, now)) {
        return Err(FactorError::Wrong);
    }
    let claim = used_jti::claim(&answered.key(), now + LIFETIME + Duration::MINUTE);
    match app.db.writer().commit(Unit::new().claim(claim)).await? {
        Outcome::Won => Ok(answered),
        Outcome::Lost(_) => Err(FactorError::Replayed),
    }
}

pub(super) async fn attested(
    app: &App,
    stored: &Stored,
    user: &User,
    given: &Attestation,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Registered, FactorError> {
    let rp = relying_party(app)?;
    let bound = Bound {
        ceremony: Ceremony::Create,
        purpose: purpose.key(),
        user: user.id.as_str(),
        factor: stored.factor.id.as_str(),
    };
    let answered = spend(app, &given.client_data, &[bound]).await?;
    let rules = rules(app, user, caller).await?;
    let registered = webauthn::register(&rp, &rules, &answered, given).map_err(failed)?;
    unclaimed(app, &hash(&registered.id), "attestation").await?;
    Ok(registered)
}

/// Nobody registers a credential that somebody has (§7.1 step 26, security rule R2). Who is first when two register it at the
/// same moment is decided where it is written.
pub(super) async fn unclaimed(
    app: &App,
    credential: &TokenHash,
    member: &'static str,
) -> Result<(), FactorError> {
    match store::factor::find_by_credential(&app.db, credential).await? {
        None => Ok(()),
        Some(_) => {
            let problem = "This authenticator is set up already.".to_owned();
            Err(FactorError::Invalid { member, problem })
        }
    }
}

pub(super) async fn asserted(
    app: &App,
    stored: &Stored,
    user: &User,
    given: &Assertion,
    (purpose, caller): (Purpose<'_>, &Caller),
) -> Result<Asserted, FactorError> {
    let rp = relying_party(app)?;
    let bound = |user, factor| Bound { ceremony: Ceremony::Get, purpose: purpose.key(), user, factor };
    let (id, factor) = (user.id.as_str(), stored.factor.id.as_str());
    let (bounds, alone) = match purpose {
        Purpose::Browser(_) => (vec![bound("", "")], true),
        Purpose::Transaction(_) | Purpose::Api | Purpose::Session(_) => {
            (vec![bound(id, factor), bound(id, "")], false)
        }
    };
    let answered = spend(app, &given.client_data, &bounds).await?;
    if alone && given.user_handle.as_deref().is_none_or(str::is_empty) {
        // §7.2 step 6: whom nobody has named yet, the authenticator must name.
        return Err(FactorError::Wrong);
    }
    let rules = rules(app, user, caller).await?;
    // A passkey alone signs in only whom it has verified.
    let verification = if alone { UserVerification::Required } else { rules.user_verification };
    let kept = open(app, stored)?;
    let counter = u32::try_from(stored.counter.unwrap_or_default()).map_err(Fault::stored)?;
    let known = Known { user: id, kept: kept.expose(), counter };
    match webauthn::assert(&rp, verification, (&known, &answered), given) {
        Ok(asserted) => Ok(asserted),
        Err(error) => {
            if matches!(error, CeremonyError::Cloned) {
                suspend(app, &stored.factor, caller).await?;
            }
            Err(failed(error))
        }
    }
}

/// Suspends a factor of which there may be a copy (security rule R6).
pub(super) async fn suspend(app: &App, factor: &Factor, caller: &Caller) -> Result<(), Fault> {
    let now = app.now();
    let event = described(Event::failure(EventType::MfaFactorSuspend, "signature_counter"), factor);
    let unit = Unit::new().claim(store::factor::claim_suspend_cloned(&factor.id, now)).row(event.row(
        caller,
        app.random.as_ref(),
        now,
    ));
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// What makes a registered credential the factor's.
pub(super) fn activation(app: &App, factor: &Factor, registered: &Registered) -> Result<Change, Fault> {
    let mut profile = Map::from_iter([
        ("credentialId".to_owned(), json!(registered.id)),
        ("authenticatorName".to_owned(), json!(registered.authenticator)),
    ]);
    if registered.protection == KeyProtection::Hardware {
        profile.insert(KEY_PROTECTION.to_owned(), json!(registered.protection.as_str()));
    }
    let secret = seal(app, &factor.id, &registered.kept)?;
    let new = NewCredential {
        hash: &hash(&registered.id),
        secret: &secret,
        counter: registered.counter,
        profile: &serde_json::to_string(&profile)?,
    };
    Ok(store::factor::claim_activate_credential(&factor.id, &new, app.now()))
}

fn hash(credential_id: &str) -> TokenHash {
    TokenHash::of(credential_id)
}
