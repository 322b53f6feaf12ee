//! Storage: plain async functions over sea-orm, one file an aggregate, rows in and models out.
//!
//! Whatever happens once is a [`unit::Unit`]: claims that must each change exactly one row and the rows that they
//! buy, committed together by the [`writer::Writer`]. Statements are written with `$1`, which SQLite and PostgreSQL
//! both read. Nothing here hashes, signs or renders, and nothing outside names `sea_orm` or `entity`.

pub mod api_token;
pub mod authn_transaction;
pub mod authorization_code;
pub mod backup_code;
pub mod client;
pub mod consent;
pub mod db;
pub mod device_code;
pub mod device_secret;
pub mod factor;
pub mod factor_budget;
pub mod factor_challenge;
pub mod factor_profile;
pub mod flow;
pub mod grant;
pub mod group;
pub mod installation;
pub mod known_device;
pub mod lease;
pub mod log_event;
pub mod outbox;
pub mod pairwise_subject;
pub mod password_history;
pub mod policy;
pub mod push_device;
pub mod push_transaction;
pub mod pushed_request;
pub mod recovery_code;
pub mod recovery_question;
pub mod recovery_token;
pub mod refresh_token;
pub mod registration_access_token;
pub mod remembered_device;
pub mod server;
pub mod session;
pub mod session_token;
pub mod signing_key;
pub mod sweep;
pub mod trusted_origin;
pub mod unit;
pub mod used_jti;
pub mod user;
pub mod writer;
pub mod yubikey_token;
pub mod zone;

use time::OffsetDateTime;

use crate::fault::Fault;

pub use db::Database;

/// Milliseconds of the Unix epoch: how times are stored.
fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The time that was stored.
fn instant(millis: i64) -> Result<OffsetDateTime, Fault> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(Fault::stored)
}

/// The time that was stored, if any.
fn instant_opt(millis: Option<i64>) -> Result<Option<OffsetDateTime>, Fault> {
    millis.map(instant).transpose()
}

impl From<sea_orm::DbErr> for Fault {
    fn from(error: sea_orm::DbErr) -> Self {
        match error {
            sea_orm::DbErr::ConnectionAcquire(_) => {
                Self::Overloaded("no database connection became free in time")
            }
            other if is_conflict(&other) => Self::Conflict(other.to_string()),
            other => Self::Database(other.to_string()),
        }
    }
}

/// Whether PostgreSQL took a transaction back because of another one (SQLSTATE `serialization_failure`,
/// `deadlock_detected`; `unique_violation`: of two that write the same the other one was first, and whoever tries again
/// sees what it wrote).
fn is_conflict(error: &sea_orm::DbErr) -> bool {
    let (sea_orm::DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error))
    | sea_orm::DbErr::Query(sea_orm::RuntimeErr::SqlxError(error))
    | sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    let refused = error.as_database_error();
    refused.is_some_and(|refused| matches!(refused.code().as_deref(), Some("40001" | "40P01" | "23505")))
}
