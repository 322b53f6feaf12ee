//! The YubiKeys of the installation (Okta `/api/v1/org/factors/yubikey_token/tokens`), as administrators import and remove
//! them: by the management API, the command line, or a configuration file. Their secrets are sealed on the way in and shown
//! to nobody.

use std::collections::HashMap;

use keys::Aad;
use serde_json::{Value, json};

use super::{
    FactorError,
    yubikey::{self, Secrets},
};
use crate::{
    app::App,
    fault::Fault,
    id::{UserId, YubikeyTokenId},
    model::{user::User, yubikey_token::YubikeyToken},
    protocol::{
        scim_filter::{Filter, Operator},
        timestamp::timestamp,
    },
    secret::Secret,
    store::{
        self,
        db::Tx,
        yubikey_token::{Renewal, Stored, Written},
    },
    syslog::{Caller, Event, EventType},
    user::directory_order::{Place, Sort, SortOrder},
};

/// YubiKeys that one statement reads.
const BATCH: u64 = 500;

/// A YubiKey as its maker describes it.
#[derive(Clone, Debug)]
pub struct NewToken {
    serial: String,
    public_id: String,
    secrets: Secrets,
}

impl NewToken {
    /// Reads the numbers that the personalisation of a YubiKey left: serial number in decimal, public id in modhex, private id
    /// and AES key in hexadecimal.
    ///
    /// # Errors
    /// One of them is none.
    pub fn read(
        (serial, public_id): (&str, &str),
        (private_id, aes_key): (&str, &str),
    ) -> Result<Self, FactorError> {
        Ok(Self {
            serial: yubikey::serial(serial)?,
            public_id: yubikey::public_id(public_id)?,
            secrets: Secrets::read(private_id, aes_key)?,
        })
    }

    /// Reads a line as Yubico's personalisation tools log it: serial number, public id, private id, AES key, and more that is
    /// not used here, between commas.
    ///
    /// # Errors
    /// It is no such line.
    pub fn of_line(line: &str) -> Result<Self, FactorError> {
        let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
        let [serial, public_id, private_id, aes_key, ..] = fields.as_slice() else {
            let problem = "must have serial number, public id, private id and AES key".to_owned();
            return Err(FactorError::Invalid { member: "line", problem });
        };
        Self::read((serial, public_id), (private_id, aes_key))
    }
}

/// Why a YubiKey is not imported or removed.
#[derive(Debug, thiserror::Error)]
pub enum YubikeyTokenError {
    /// Somebody uses it (E0000102).
    #[error("the YubiKey is in use")]
    InUse,
    /// Its serial number is that of one YubiKey and its public id that of another.
    #[error("publicId: another YubiKey has it")]
    Taken,
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Imports a YubiKey. One that is nobody's takes the new secrets; with those that it had it goes on counting.
///
/// # Errors
/// Somebody uses it, or another one has its numbers.
pub async fn import(
    app: &App,
    tx: &Tx,
    new: &NewToken,
    caller: &Caller,
) -> Result<YubikeyToken, YubikeyTokenError> {
    let known = store::yubikey_token::find_like_in(tx, (&new.serial, &new.public_id)).await?;
    let token = match <[Stored; 1]>::try_from(known) {
        Ok([known]) => return renew(app, tx, (known, new), caller).await,
        Err(others) if !others.is_empty() => return Err(YubikeyTokenError::Taken),
        Err(_) => {
            let now = app.now();
            YubikeyToken {
                id: YubikeyTokenId::generate(app.random.as_ref()),
                serial: new.serial.clone(),
                public_id: new.public_id.clone(),
                assignment: None,
                created_at: now,
                updated_at: now,
                activated_at: None,
                last_verified_at: None,
            }
        }
    };
    let stored = Stored { secret: seal(app, &token.id, &new.secrets)?, token, counter: None };
    match store::yubikey_token::insert(tx, &stored).await? {
        Written::Yes => {}
        Written::Taken => return Err(YubikeyTokenError::Taken),
    }
    log(app, tx, &stored.token, ("imported", caller)).await?;
    Ok(stored.token)
}

async fn renew(
    app: &App,
    tx: &Tx,
    (known, new): (Stored, &NewToken),
    caller: &Caller,
) -> Result<YubikeyToken, YubikeyTokenError> {
    if known.token.assignment.is_some() {
        return Err(YubikeyTokenError::InUse);
    }
    let same_secrets = open(app, &known)?.are(&new.secrets);
    let is_known = known.token.serial == new.serial && known.token.public_id == new.public_id;
    if same_secrets && is_known && known.token.activated_at.is_none() {
        return Ok(known.token);
    }
    let now = app.now();
    let sealed;
    let renewal = if same_secrets {
        Renewal::SameSecrets
    } else {
        sealed = seal(app, &known.token.id, &new.secrets)?;
        Renewal::Secrets(&sealed)
    };
    let numbers = (&known.token.id, new.serial.as_str(), new.public_id.as_str());
    match store::yubikey_token::renew(tx, numbers, renewal, now).await? {
        Written::Yes => {}
        Written::Taken => return Err(YubikeyTokenError::InUse),
    }
    let token = YubikeyToken {
        serial: new.serial.clone(),
        public_id: new.public_id.clone(),
        updated_at: now,
        activated_at: None,
        ..known.token
    };
    log(app, tx, &token, ("imported", caller)).await?;
    Ok(token)
}

/// Imports a YubiKey that is not known yet; one that is stays as it is, whoever uses it or used it.
///
/// # Errors
/// Another one has its numbers.
pub async fn import_new(
    app: &App,
    tx: &Tx,
    new: &NewToken,
    caller: &Caller,
) -> Result<(), YubikeyTokenError> {
    let known = store::yubikey_token::find_like_in(tx, (&new.serial, &new.public_id)).await?;
    let is_it = |known: &Stored| known.token.serial == new.serial && known.token.public_id == new.public_id;
    match known.as_slice() {
        [] => import(app, tx, new, caller).await.map(drop),
        [known] if is_it(known) => Ok(()),
        _ => Err(YubikeyTokenError::Taken),
    }
}

/// Removes a YubiKey that nobody uses.
///
/// # Errors
/// Somebody does.
pub async fn remove(
    app: &App,
    tx: &Tx,
    token: &YubikeyToken,
    caller: &Caller,
) -> Result<(), YubikeyTokenError> {
    if !store::yubikey_token::delete_unless_assigned(tx, &token.id).await? {
        return Err(YubikeyTokenError::InUse);
    }
    Ok(log(app, tx, token, ("removed", caller)).await?)
}

async fn log(
    app: &App,
    tx: &Tx,
    token: &YubikeyToken,
    (change, caller): (&str, &Caller),
) -> Result<(), Fault> {
    let event = Event::new(EventType::MfaFactorUpdate)
        .with("yubikeyTokenId", token.id.as_str())
        .with("serialNumber", token.serial.as_str())
        .with("change", change);
    event.insert(tx, caller, app.random.as_ref(), app.now()).await
}

fn place(id: &YubikeyTokenId) -> Aad<'_> {
    Aad { table: "yubikey_token", column: "secret", row: id.as_str() }
}

fn seal(app: &App, id: &YubikeyTokenId, secrets: &Secrets) -> Result<String, Fault> {
    app.master.seal(&place(id), secrets.expose()).map_err(|error| Fault::Crypto(error.to_string()))
}

/// The secrets of a YubiKey, for whoever judges its passwords.
pub(super) fn open(app: &App, stored: &Stored) -> Result<Secrets, Fault> {
    let opened = app.master.open(&place(&stored.token.id), &stored.secret);
    let opened = opened.map_err(|error| Fault::Crypto(error.to_string()))?;
    Ok(Secrets::kept(Secret::new(opened.to_vec())))
}

/// A YubiKey with its user.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The YubiKey.
    pub token: YubikeyToken,
    /// Whose it is.
    pub user: Option<User>,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Found {
    /// The YubiKeys.
    pub tokens: Vec<Listed>,
    /// Where the next page begins; absent: there is none.
    pub next: Option<String>,
}

/// What can be filtered and sorted by (Okta), and whether it is a time.
const ATTRIBUTES: [(&str, bool); 7] = [
    ("profile.email", false),
    ("profile.serial", false),
    ("activated", true),
    ("user.id", false),
    ("created", true),
    ("status", false),
    ("lastVerified", true),
];

/// Whether an attribute can be filtered and sorted by.
pub fn is_known(name: &str) -> bool {
    ATTRIBUTES.iter().any(|(known, _)| *known == name)
}

/// Whether a filter can be used: known attributes, compared exactly, and times in order.
pub fn is_offered(filter: &Filter) -> bool {
    let offered = |(name, operator)| match (ATTRIBUTES.iter().find(|(known, _)| *known == name), operator) {
        (Some(_), Operator::Eq) => true,
        (Some((_, is_time)), Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le) => *is_time,
        (Some(_), Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew) | (None, _) => false,
    };
    filter.attributes().into_iter().all(is_known)
        && filter.comparisons().into_iter().all(|(name, operator, _)| offered((name, operator)))
}

/// An attribute of a YubiKey, as filters and orders see it.
pub fn attribute(listed: &Listed, name: &str) -> Value {
    let token = &listed.token;
    match name {
        "profile.email" => json!(listed.user.as_ref().and_then(|user| user.profile.text("email"))),
        "profile.serial" => json!(token.serial),
        "activated" => json!(token.activated_at.map(timestamp)),
        "user.id" => json!(listed.user.as_ref().map(|user| &user.id)),
        "created" => json!(timestamp(token.created_at)),
        "status" => json!(token.status().as_str()),
        // Okta's example of one that was never used says this, too.
        "lastVerified" => json!(timestamp(token.last_verified_at.unwrap_or(token.created_at))),
        _ => Value::Null,
    }
}

/// A page of YubiKeys after a place that a page before told, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn list(
    app: &App,
    (filter, sort): (Option<&Filter>, Option<&Sort>),
    after: Option<&Place>,
    limit: usize,
) -> Result<Found, Fault> {
    let order = sort.map_or(SortOrder::Ascending, |sort| sort.order);
    let mut first: Vec<(Place, Listed)> = Vec::new();
    // Where nothing is sorted, the order is that of the ids: what comes before the place is not read again.
    let mut last = after.filter(|_| sort.is_none()).map(|place| place.id().to_owned());
    loop {
        let batch = store::yubikey_token::page(&app.db, last.as_deref(), BATCH).await?;
        let full = u64::try_from(batch.len()).is_ok_and(|length| length == BATCH);
        last = batch.last().map(|stored| stored.token.id.to_string());
        for listed in with_users(app, batch).await? {
            if filter.is_some_and(|filter| !filter.matches(&|name| attribute(&listed, name))) {
                continue;
            }
            let value = sort.map_or(Value::Null, |sort| attribute(&listed, &sort.by));
            let place = Place::new(&value, listed.token.id.as_str());
            if after.is_none_or(|after| place.compare(after, order).is_gt()) {
                first.push((place, listed));
            }
        }
        // Only what can still be on the page is kept, and one more, which tells that there is another page.
        first.sort_by(|(one, _), (other, _)| one.compare(other, order));
        first.truncate(limit.saturating_add(1));
        if !full || (sort.is_none() && first.len() > limit) {
            break;
        }
    }
    let more = first.len() > limit;
    first.truncate(limit);
    let next = first.last().filter(|_| more).map(|(place, _)| place.written());
    Ok(Found { tokens: first.into_iter().map(|(_, listed)| listed).collect(), next })
}

/// One YubiKey with its user.
///
/// # Errors
/// The database failed.
pub async fn find(app: &App, id: &YubikeyTokenId) -> Result<Option<Listed>, Fault> {
    let found = store::yubikey_token::find(&app.db, id).await?;
    Ok(with_users(app, found.into_iter().collect()).await?.pop())
}

async fn with_users(app: &App, batch: Vec<Stored>) -> Result<Vec<Listed>, Fault> {
    let owner = |token: &YubikeyToken| token.assignment.as_ref().map(|assigned| assigned.user_id.clone());
    let ids: Vec<UserId> = batch.iter().filter_map(|stored| owner(&stored.token)).collect();
    let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
    let users = if ids.is_empty() { Vec::new() } else { store::user::find_all(&app.db, &ids).await? };
    let users: HashMap<UserId, User> = users.into_iter().map(|user| (user.id.clone(), user)).collect();
    let listed = batch.into_iter().map(|stored| {
        let user = owner(&stored.token).and_then(|id| users.get(&id).cloned());
        Listed { token: stored.token, user }
    });
    Ok(listed.collect())
}

/// The YubiKey with this serial number, however it is written.
///
/// # Errors
/// The database failed.
pub async fn find_by_serial(app: &App, serial: &str) -> Result<Option<YubikeyToken>, Fault> {
    let Ok(serial) = yubikey::serial(serial) else { return Ok(None) };
    Ok(store::yubikey_token::find_by_serial(&app.db, &serial).await?.map(|stored| stored.token))
}
