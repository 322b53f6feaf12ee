//! YubiKeys of the installation. Their secrets are sealed by whoever hands them over.

use entity::{factor, yubikey_token};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, SqlErr,
};
use time::OffsetDateTime;

use super::{
    Database,
    db::{Tx, execute},
    instant, instant_opt, millis,
    unit::Change,
};
use crate::{
    fault::Fault,
    id::{FactorId, UserId, YubikeyTokenId},
    model::{
        factor::FactorStatus,
        yubikey_token::{Assignment, YubikeyToken},
    },
};

/// A YubiKey with what only its verification may know.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The YubiKey.
    pub token: YubikeyToken,
    /// The private id and the AES key, sealed.
    pub secret: String,
    /// The last use that was accepted.
    pub counter: Option<u64>,
}

fn model(row: yubikey_token::Model, factors: &[factor::Model]) -> Result<Stored, Fault> {
    let assigned = row.factor_id.as_ref().and_then(|id| factors.iter().find(|factor| factor.id == *id));
    let assignment = match assigned {
        Some(factor) => Some(Assignment {
            user_id: UserId::new(factor.user_id.as_str()),
            factor_id: FactorId::new(factor.id.as_str()),
            factor_status: FactorStatus::parse(&factor.status)
                .ok_or_else(|| Fault::stored("factor.status"))?,
        }),
        None => None,
    };
    Ok(Stored {
        token: YubikeyToken {
            id: YubikeyTokenId::new(row.id),
            serial: row.serial,
            public_id: row.public_id,
            assignment,
            created_at: instant(row.created_at)?,
            updated_at: instant(row.updated_at)?,
            activated_at: instant_opt(row.activated_at)?,
            last_verified_at: instant_opt(row.last_verified_at)?,
        },
        secret: row.secret,
        counter: row.counter.map(u64::try_from).transpose().map_err(Fault::stored)?,
    })
}

fn row(stored: &Stored) -> yubikey_token::Model {
    let token = &stored.token;
    yubikey_token::Model {
        id: token.id.to_string(),
        serial: token.serial.clone(),
        public_id: token.public_id.clone(),
        secret: stored.secret.clone(),
        counter: stored.counter.map(count),
        factor_id: token.assignment.as_ref().map(|assignment| assignment.factor_id.to_string()),
        created_at: millis(token.created_at),
        updated_at: millis(token.updated_at),
        activated_at: token.activated_at.map(millis),
        last_verified_at: token.last_verified_at.map(millis),
    }
}

fn count(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}

/// Adds whose they are.
async fn assigned(
    connection: &impl ConnectionTrait,
    rows: Vec<yubikey_token::Model>,
) -> Result<Vec<Stored>, Fault> {
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.factor_id.as_deref()).collect();
    let factors = if ids.is_empty() {
        Vec::new()
    } else {
        factor::Entity::find().filter(factor::Column::Id.is_in(ids)).all(connection).await?
    };
    rows.into_iter().map(|row| model(row, &factors)).collect()
}

async fn one(
    connection: &impl ConnectionTrait,
    query: sea_orm::Select<yubikey_token::Entity>,
) -> Result<Option<Stored>, Fault> {
    let row = query.one(connection).await?;
    Ok(assigned(connection, row.into_iter().collect()).await?.pop())
}

/// Finds a YubiKey.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, id: &YubikeyTokenId) -> Result<Option<Stored>, Fault> {
    one(db.reader(), yubikey_token::Entity::find_by_id(id.as_str())).await
}

/// Finds the YubiKey whose passwords begin like this.
///
/// # Errors
/// The database failed.
pub async fn find_by_public_id(db: &Database, public_id: &str) -> Result<Option<Stored>, Fault> {
    let with = yubikey_token::Entity::find().filter(yubikey_token::Column::PublicId.eq(public_id));
    one(db.reader(), with).await
}

/// Finds the YubiKey with this serial number.
///
/// # Errors
/// The database failed.
pub async fn find_by_serial(db: &Database, serial: &str) -> Result<Option<Stored>, Fault> {
    let with = yubikey_token::Entity::find().filter(yubikey_token::Column::Serial.eq(serial));
    one(db.reader(), with).await
}

/// Finds the YubiKey that a factor is.
///
/// # Errors
/// The database failed.
pub async fn find_by_factor(db: &Database, factor: &FactorId) -> Result<Option<Stored>, Fault> {
    let of = yubikey_token::Entity::find().filter(yubikey_token::Column::FactorId.eq(factor.as_str()));
    one(db.reader(), of).await
}

/// YubiKeys in the order of their ids, after an id, at most `limit`.
///
/// # Errors
/// The database failed.
pub async fn page(db: &Database, after: Option<&str>, limit: u64) -> Result<Vec<Stored>, Fault> {
    let mut query = yubikey_token::Entity::find().order_by_asc(yubikey_token::Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(yubikey_token::Column::Id.gt(after));
    }
    let rows = query.all(db.reader()).await?;
    assigned(db.reader(), rows).await
}

/// Finds those that have this serial number or this public id, inside a transaction.
///
/// # Errors
/// The database failed.
pub async fn find_like_in(tx: &Tx, (serial, public_id): (&str, &str)) -> Result<Vec<Stored>, Fault> {
    let rows = yubikey_token::Entity::find()
        .filter(yubikey_token::Column::Serial.eq(serial).or(yubikey_token::Column::PublicId.eq(public_id)))
        .all(&tx.0)
        .await?;
    assigned(&tx.0, rows).await
}

/// Whether a YubiKey was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// It was.
    Yes,
    /// Another one has its serial number or public id, or it is somebody's; the transaction is good for nothing more.
    Taken,
}

/// Inserts a YubiKey.
///
/// # Errors
/// The database failed.
pub async fn insert(tx: &Tx, stored: &Stored) -> Result<Written, Fault> {
    match row(stored).into_active_model().insert(&tx.0).await {
        Ok(_) => Ok(Written::Yes),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(Written::Taken)
        }
        Err(error) => Err(error.into()),
    }
}

/// What an import says of a YubiKey that is known.
#[derive(Clone, Copy, Debug)]
pub enum Renewal<'a> {
    /// It has the secrets that it had: it goes on counting, or passwords from before would count again.
    SameSecrets,
    /// It has other secrets, sealed: it counts anew.
    Secrets(&'a str),
}

/// Makes a YubiKey that is nobody's ready to be enrolled (again).
///
/// # Errors
/// The database failed.
pub async fn renew(
    tx: &Tx,
    (id, serial, public_id): (&YubikeyTokenId, &str, &str),
    renewal: Renewal<'_>,
    now: OffsetDateTime,
) -> Result<Written, Fault> {
    const SAME: &str = r#"UPDATE "yubikey_token" SET "serial" = $2, "public_id" = $3, "updated_at" = $4,
        "activated_at" = NULL WHERE "id" = $1 AND "factor_id" IS NULL"#;
    const OTHER: &str = r#"UPDATE "yubikey_token" SET "serial" = $2, "public_id" = $3, "updated_at" = $4,
        "activated_at" = NULL, "secret" = $5, "counter" = NULL WHERE "id" = $1 AND "factor_id" IS NULL"#;
    let mut values: Vec<sea_orm::Value> =
        vec![id.as_str().into(), serial.into(), public_id.into(), millis(now).into()];
    let sql = match renewal {
        Renewal::SameSecrets => SAME,
        Renewal::Secrets(secret) => {
            values.push(secret.into());
            OTHER
        }
    };
    // Somebody may have enrolled it since it was looked at.
    Ok(if execute(&tx.0, sql, values).await? == 1 { Written::Yes } else { Written::Taken })
}

/// Removes a YubiKey that is nobody's; says whether it did.
///
/// # Errors
/// The database failed.
pub async fn delete_unless_assigned(tx: &Tx, id: &YubikeyTokenId) -> Result<bool, Fault> {
    let sql = r#"DELETE FROM "yubikey_token" WHERE "id" = $1 AND "factor_id" IS NULL"#;
    Ok(execute(&tx.0, sql, vec![id.as_str().into()]).await? == 1)
}

/// Makes a YubiKey somebody's by its use of this number; lost when it is somebody's, was somebody's, or has been used later.
pub fn claim_assign(id: &YubikeyTokenId, factor: &FactorId, counter: u64, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "yubikey_token" SET "factor_id" = $2, "counter" = $3, "activated_at" = $4,
             "last_verified_at" = $4, "updated_at" = $4
           WHERE "id" = $1 AND "factor_id" IS NULL AND "activated_at" IS NULL
             AND ("counter" IS NULL OR "counter" < $3)"#,
        vec![id.as_str().into(), factor.as_str().into(), count(counter).into(), millis(now).into()],
    )
}

/// Notes a use of the YubiKey that a factor is, which must lie behind every one that was accepted before: none counts twice.
pub fn claim_use(factor: &FactorId, counter: u64, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "yubikey_token" SET "counter" = $2, "last_verified_at" = $3
           WHERE "factor_id" = $1 AND ("counter" IS NULL OR "counter" < $2)"#,
        vec![factor.as_str().into(), count(counter).into(), millis(now).into()],
    )
}
