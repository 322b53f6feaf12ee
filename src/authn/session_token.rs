//! Okta's `sessionToken`: what the end of an authentication hands to a caller that has no cookie, to be exchanged once
//! for a session in the user's browser.

use time::{Duration, OffsetDateTime};

use super::service::SignedIn;
use crate::{
    app::App,
    fault::Fault,
    id::{ClientId, UserId},
    model::session::VerifiedFactor,
    protocol::redirect_uri::origin_of,
    secret::{Secret, TokenHash, opaque_token},
    session::sso::{self, FactorPromptMet, Opening},
    store::{
        self,
        session_token::SessionToken,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType, record_repeated},
    user::policies,
};

pub use crate::store::session_token::BoundTo;

/// How long a session token waits to be exchanged.
const LIFETIME: Duration = Duration::minutes(5);

/// Who presents a session token, and where it is to take effect.
#[derive(Clone, Copy, Debug)]
pub enum Presenter<'a> {
    /// A client's authorization request (`authorize?sessionToken=`).
    Authorization {
        /// The client.
        client: &'a ClientId,
        /// Its validated redirect URI.
        redirect_uri: &'a str,
    },
    /// A link that leads on to an address of this origin (`/login/sessionCookieRedirect`).
    Link {
        /// The origin that it leads to.
        origin: &'a str,
    },
    /// A request of a program, or of a page of this origin (`POST /api/v1/sessions`).
    Api {
        /// The header `Origin`, if a page asks.
        origin: Option<&'a str>,
    },
}

/// Why a session token opened nothing.
#[derive(Debug, thiserror::Error)]
pub enum SessionTokenError {
    /// Unknown, expired, used, issued for somebody else, or its user may not sign in: it is not told which.
    #[error("the session token is invalid")]
    Invalid,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A session token that is about to exist.
#[derive(Clone, Debug)]
pub struct Issue<'a> {
    /// Who authenticated.
    pub user: &'a UserId,
    /// With which factors.
    pub factors: Vec<VerifiedFactor>,
    /// For whom it is meant.
    pub bound_to: BoundTo,
    /// The version of the global session policy whose factor a remembered device stood for.
    pub remembered: Option<String>,
}

/// Issues a session token for a user who has just authenticated with these factors.
///
/// # Errors
/// The database failed.
pub async fn issue(
    app: &App,
    user: &UserId,
    factors: Vec<VerifiedFactor>,
    bound_to: BoundTo,
) -> Result<Secret<String>, Fault> {
    let (token, unit) = add(app, Unit::new(), Issue { user, factors, bound_to, remembered: None })?;
    app.db.writer().commit(unit).await?;
    Ok(token)
}

/// Adds a session token to the unit that ends an authentication.
///
/// # Errors
/// The factors cannot be written as JSON.
pub fn add(app: &App, unit: Unit, issue: Issue<'_>) -> Result<(Secret<String>, Unit), Fault> {
    let now = app.now();
    let token = opaque_token(app.random.as_ref());
    let stored = SessionToken {
        user_id: issue.user.clone(),
        factors: issue.factors,
        bound_to: issue.bound_to,
        remembered: issue.remembered,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    let row = store::session_token::row(&TokenHash::of(token.expose()), &stored)?;
    Ok((token, unit.row(row)))
}

/// When a session token that is issued now dies.
pub fn expiry(app: &App) -> OffsetDateTime {
    app.now() + LIFETIME
}

/// Exchanges a session token for a session, once.
///
/// # Errors
/// The token opens nothing, or a fault.
pub async fn redeem(
    app: &App,
    token: &str,
    presenter: Presenter<'_>,
    caller: &Caller,
) -> Result<SignedIn, SessionTokenError> {
    match exchange(app, token, presenter, caller).await {
        Err(SessionTokenError::Invalid) => {
            let event = Event::failure(EventType::SessionStart, "invalid_session_token");
            record_repeated(app, "invalid_session_token", event, caller).await?;
            Err(SessionTokenError::Invalid)
        }
        outcome => outcome,
    }
}

async fn exchange(
    app: &App,
    token: &str,
    presenter: Presenter<'_>,
    caller: &Caller,
) -> Result<SignedIn, SessionTokenError> {
    let now = app.now();
    let hash = TokenHash::of(token);
    let stored = store::session_token::find(&app.db, &hash, now).await?;
    let stored = stored.ok_or_else(|| refused("unknown, used or expired"))?;
    if !fits(&stored.bound_to, presenter, &app.settings.issuer) {
        return Err(refused(misfit(&stored.bound_to)));
    }
    // Whatever ended the user's sessions since ended this one before it began.
    let user = store::user::find(&app.db, &stored.user_id)
        .await?
        .filter(|user| user.is_active() && stored.created_at > user.not_before)
        .ok_or_else(|| refused("its user may not sign in"))?;
    // What was won by a factor goes with it (security rule S7).
    let used = stored.factors.iter().filter_map(|proof| proof.factor_id.as_ref());
    let unit = used.fold(Unit::new().claim(store::session_token::consume(&hash, now)), |unit, id| {
        unit.claim(store::factor::claim_held(id, now))
    });
    let policies = policies::of_user(app, &user, caller.ip).await?;
    let remembered = stored.remembered.is_some_and(|version| version == policies.session.version);
    let opening = Opening {
        user: &user.id,
        factors: stored.factors,
        policy: &policies.session,
        prompt: if remembered { FactorPromptMet::ByRememberedDevice } else { FactorPromptMet::ByFactors },
        previous: None,
        caller,
    };
    let (unit, opened) = sso::open(app, unit, opening).await?;
    let event = Event::new(EventType::SessionStart)
        .user(&user.id)
        .session(&opened.session.id)
        .with("sessionToken", true);
    match app.db.writer().commit(unit.row(event.row(caller, app.random.as_ref(), now))).await? {
        Outcome::Won => Ok(SignedIn { user, opened }),
        Outcome::Lost(0) => Err(refused("used at the same moment")),
        Outcome::Lost(_) => Err(refused("a factor that it was won by is gone")),
    }
}

/// What its presenter is not told, for whoever runs the server.
fn refused(reason: &'static str) -> SessionTokenError {
    tracing::info!(reason, "a session token was refused");
    SessionTokenError::Invalid
}

/// Why a token is not for the one who presents it.
fn misfit(bound_to: &BoundTo) -> &'static str {
    match bound_to {
        BoundTo::Client(_) => "got by another client",
        BoundTo::Origin(_) => "got by a page of another origin",
        BoundTo::Program => "got by a program without an origin or an API token, so no browser may use it",
        BoundTo::TrustedApplication => "not for this use",
    }
}

/// Whether a token is used by the one it was issued for. A link may also lead to ourselves.
fn fits(bound_to: &BoundTo, presenter: Presenter<'_>, issuer: &str) -> bool {
    match (bound_to, presenter) {
        (BoundTo::Client(bound), Presenter::Authorization { client, .. }) => bound == client,
        (BoundTo::Origin(bound), Presenter::Authorization { redirect_uri, .. }) => {
            origin_of(redirect_uri).as_ref() == Some(bound)
        }
        (BoundTo::Origin(bound), Presenter::Link { origin }) => {
            bound == origin || origin_of(issuer).as_deref() == Some(origin)
        }
        (BoundTo::Client(_), Presenter::Link { .. }) => false,
        (_, Presenter::Api { origin: None }) => true,
        (BoundTo::Origin(bound), Presenter::Api { origin: Some(origin) }) => bound == origin,
        (BoundTo::Client(_), Presenter::Api { origin: Some(_) }) => false,
        // Whoever administers vouches for whom it hands the token to.
        (BoundTo::TrustedApplication, _) => true,
        // A browser that such a token is planted in would be signed in as somebody else (RFC 9700 §4.7).
        (
            BoundTo::Program,
            Presenter::Authorization { .. } | Presenter::Link { .. } | Presenter::Api { origin: Some(_) },
        ) => false,
    }
}
