//! Tokens in links: one-time, short-lived, dead after a newer one, a new password or a new mail address (security rule
//! S4). Looking at one does not use it up: mail scanners open links before their readers do (S5).

use time::{Duration, OffsetDateTime};

use super::{RecoveryError, is_possible};
use crate::{
    app::App,
    fault::Fault,
    message::{self, Content, Medium},
    model::{policy::PasswordRules, recovery::RecoveryKind, user::User},
    secret::{Secret, TokenHash, opaque_token},
    session::farewell::{self, Ending},
    store::{
        self,
        recovery_token::RecoveryToken,
        unit::{Change, Unit},
    },
    syslog::{Caller, Event, EventType},
    user::{contact, lifecycle},
};

/// How long an invitation counts.
pub const ACTIVATION_LIFETIME: Duration = Duration::days(7);

/// A token that is about to be valid: commit the unit, then hand it over.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Secret<String>,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// What to commit.
    pub unit: Unit,
}

/// Issues a token; older ones of the same kind die.
pub fn issue(app: &App, user: &User, kind: RecoveryKind, rules: &PasswordRules) -> Issued {
    let now = app.now();
    let token = opaque_token(app.random.as_ref());
    let expires_at = now.saturating_add(lifetime(kind, rules));
    let stored = RecoveryToken {
        hash: TokenHash::of(token.expose()),
        user_id: user.id.clone(),
        kind,
        addresses: addresses(user),
        password_changed_at: user.password_changed_at,
        created_at: now,
        expires_at,
        consumed_at: None,
    };
    Issued { token, expires_at, unit: Unit::new().change(store::recovery_token::issue(&stored)) }
}

/// All places that the link of a token is mailed to: it dies with any of them.
fn addresses(user: &User) -> String {
    TokenHash::of(&contact::mail_addresses(user).join("\n")).encoded()
}

/// How long a token counts.
pub fn lifetime(kind: RecoveryKind, rules: &PasswordRules) -> Duration {
    match kind {
        RecoveryKind::Password | RecoveryKind::Unlock => {
            Duration::minutes(rules.recovery_token_lifetime_minutes.max(1).into())
        }
        RecoveryKind::AccountActivation => ACTIVATION_LIFETIME,
    }
}

/// The link of a token. Its host is configured, never taken from a request (security rule S5).
pub fn link(app: &App, kind: RecoveryKind, token: &Secret<String>) -> String {
    format!("{}{}?token={}", app.settings.issuer, kind.path(), token.expose())
}

/// Why no link is mailed.
#[derive(Debug, thiserror::Error)]
pub enum NotMailed {
    /// The user has no mail address, or no mail can leave. Whoever wanted it hands the link over another way.
    #[error("the user cannot be reached by mail")]
    Unreachable,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Issues a token and mails its link to the user.
///
/// # Errors
/// The user cannot be reached, or a message could not be sealed.
pub fn send(app: &App, user: &User, kind: RecoveryKind, rules: &PasswordRules) -> Result<Unit, NotMailed> {
    let Issued { token, unit, .. } = issue(app, user, kind, rules);
    mail(app, unit, user, &token, (kind, rules))
}

/// Adds the mail with the link of a token to the unit that issues it. What begins a recovery shuts the user out until its
/// end, so it happens only if the user hears of it.
///
/// # Errors
/// The user cannot be reached, or a message could not be sealed.
pub fn mail(
    app: &App,
    unit: Unit,
    user: &User,
    token: &Secret<String>,
    (kind, rules): (RecoveryKind, &PasswordRules),
) -> Result<Unit, NotMailed> {
    if contact::mail_addresses(user).is_empty() || !message::can_send(app, Medium::Email) {
        return Err(NotMailed::Unreachable);
    }
    let (link, lifetime) = (link(app, kind, token), lifetime(kind, rules));
    let content = match kind {
        RecoveryKind::Password => Content::PasswordReset { secret: link, lifetime },
        RecoveryKind::Unlock => Content::Unlock { secret: link, lifetime },
        RecoveryKind::AccountActivation => Content::Activation { link, lifetime },
    };
    Ok(contact::mail(app, unit, user, &content)?)
}

/// A token that can be used, and whose.
#[derive(Clone, Debug)]
pub struct Found {
    /// The token.
    pub token: RecoveryToken,
    /// The user.
    pub user: User,
}

impl Found {
    /// The claim that uses the token up, for the unit of what it buys; lost when somebody else was faster. It must come
    /// first ([`Unit::precede`]) where the same unit sets a password, which voids the token.
    pub fn consume(&self, now: OffsetDateTime) -> Change {
        store::recovery_token::consume(&self.token.hash, now)
    }
}

/// Looks at a token without using it.
///
/// # Errors
/// There is none, or it can no longer be used.
pub async fn find(app: &App, token: &str) -> Result<Found, RecoveryError> {
    let found = store::recovery_token::find(&app.db, &TokenHash::of(token)).await?;
    let token = found.ok_or(RecoveryError::Unknown)?;
    let user = store::user::find(&app.db, &token.user_id).await?.ok_or(RecoveryError::Unknown)?;
    if !token.is_live(&user, &addresses(&user), app.now()) || !is_possible(app, &user, token.kind) {
        return Err(RecoveryError::Spent);
    }
    Ok(Found { token, user })
}

/// Begins a recovery on the word of an administrator (Okta's `lifecycle/reset_password`): the old password no longer opens
/// anything, sessions and grants end, and the token, which the caller shows or [`mail`]s, lets the user set a new one.
///
/// # Errors
/// The status does not permit it, or a fault.
pub async fn reset_password(
    app: &App,
    user: &User,
    rules: &PasswordRules,
    caller: &Caller,
) -> Result<Issued, RecoveryError> {
    let now = app.now();
    let status = lifecycle::next(user.status, lifecycle::Change::ResetPassword)?;
    let issued = issue(app, user, RecoveryKind::Password, rules);
    let event = Event::new(EventType::AccountResetPassword).user(&user.id);
    let unit = issued
        .unit
        .claim(store::user::set_status(user, status, now))
        .change(store::user::cut(&user.id, now))
        .row(event.row(caller, app.random.as_ref(), now));
    let unit = farewell::end_sessions(app, unit, &user.id, Ending::All, ("password_reset", now)).await?;
    Ok(Issued { unit, ..issued })
}
