//! API tokens (Okta's `SSWS`): made once for an administrator, recognised as long as the administrator may administer.

use time::OffsetDateTime;

use crate::{
    app::App,
    fault::Fault,
    id::{ApiTokenId, base62},
    limit::lockout::UNTIL_RESET,
    model::{
        api_token::{Access, ApiToken, TOKEN_WINDOW},
        user::User,
    },
    secret::{Secret, TokenHash},
    store::{self, db::Tx, unit::Unit},
    syslog::{Caller, Event, EventType},
};

/// The most characters that a name has.
pub const MAX_NAME: usize = 255;
/// What the values of tokens begin with.
const PREFIX: &str = "00";
/// Random base62 characters behind the prefix: 238 bits.
const RANDOM: usize = 40;
/// The fewest characters of a value that was made elsewhere.
pub const MIN_VALUE: usize = 32;
/// The most.
const MAX_VALUE: usize = 512;

/// Why a token is not made.
#[derive(Debug, thiserror::Error)]
pub enum NewApiTokenError {
    /// The user does not administer, or may not sign in.
    #[error("API tokens belong to administrators who may sign in")]
    NoAdministrator,
    /// The name is empty, too long or not printable.
    #[error("the name of an API token has 1 to 255 characters, none of which is a control character")]
    Name,
    /// The user has another token of that name: the pair is what configuration files know a token by.
    #[error("the user has an API token of that name already; choose another name, or revoke that token")]
    NameTaken,
    /// The value was made elsewhere and is no good.
    #[error("the value of an API token has 32 to 512 letters, digits, `-` or `_`")]
    Value,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A token that is recognised, with the administrator it acts for.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The token.
    pub token: ApiToken,
    /// The administrator.
    pub owner: User,
}

/// A fresh value; it is shown once.
pub fn generate(app: &App) -> Secret<String> {
    Secret::new(format!("{PREFIX}{}", base62(app.random.as_ref(), RANDOM)))
}

/// Makes a token for an administrator, who was locked in this transaction: no other token of that name comes between.
///
/// # Errors
/// The owner, the name or the value is no good, or a fault.
pub async fn create(
    app: &App,
    tx: &Tx,
    owner: &User,
    (name, access, value): (&str, Access, &Secret<String>),
    caller: &Caller,
) -> Result<ApiToken, NewApiTokenError> {
    let now = app.now();
    if !owner.admin || !owner.is_active() {
        return Err(NewApiTokenError::NoAdministrator);
    }
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(NewApiTokenError::Name);
    }
    if !is_value(value.expose()) {
        return Err(NewApiTokenError::Value);
    }
    if store::api_token::find_by_name_in(tx, &owner.id, name).await?.is_some() {
        return Err(NewApiTokenError::NameTaken);
    }
    let token = ApiToken {
        id: ApiTokenId::generate(app.random.as_ref()),
        name: name.to_owned(),
        user_id: owner.id.clone(),
        access,
        created_at: now,
        last_used_at: None,
        expires_at: now + TOKEN_WINDOW,
    };
    store::api_token::insert(tx, &token, &TokenHash::of(value.expose())).await?;
    log(app, tx, EventType::ApiTokenCreate, (&token, caller), now).await?;
    Ok(token)
}

/// Whether a token was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revoked {
    /// It was.
    Now,
    /// Somebody else did so before.
    Before,
}

/// Removes a token: it is dead on every node from the commit on.
///
/// # Errors
/// The database failed.
pub async fn revoke(app: &App, tx: &Tx, token: &ApiToken, caller: &Caller) -> Result<Revoked, Fault> {
    if !store::api_token::delete(tx, &token.id).await? {
        return Ok(Revoked::Before);
    }
    log(app, tx, EventType::ApiTokenRevoke, (token, caller), app.now()).await?;
    Ok(Revoked::Now)
}

async fn log(
    app: &App,
    tx: &Tx,
    kind: EventType,
    (token, caller): (&ApiToken, &Caller),
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let event = Event::new(kind)
        .user(&token.user_id)
        .with("apiTokenId", token.id.as_str())
        .with("apiTokenName", token.name.as_str())
        .with("access", token.access.as_str());
    event.insert(tx, caller, app.random.as_ref(), now).await
}

/// Letters, digits, `-` and `_`: what stands in a header without any quoting.
fn is_value(value: &str) -> bool {
    (MIN_VALUE..=MAX_VALUE).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Recognises a token by its value, and notes that it was used. Absent: it is unknown, was not used for
/// [`TOKEN_WINDOW`], or its owner may not administer any more.
///
/// # Errors
/// The database failed.
pub async fn recognise(app: &App, value: &str) -> Result<Option<Holder>, Fault> {
    if !is_value(value) {
        return Ok(None);
    }
    let found = store::api_token::find_by_hash(&app.db, &TokenHash::of(value)).await?;
    let now = app.now();
    let Some((token, owner)) = found.filter(|(token, owner)| token.counts_for(owner, UNTIL_RESET, now))
    else {
        return Ok(None);
    };
    if token.is_to_be_touched(now) {
        let touch = store::api_token::touch(&token.id, now, now + TOKEN_WINDOW);
        app.db.writer().commit(Unit::new().change(touch)).await?;
    }
    Ok(Some(Holder { token, owner }))
}
