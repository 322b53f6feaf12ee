//! Factors of users. Seeds and answers are sealed by whoever hands them over.

use entity::factor;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use time::{Duration, OffsetDateTime};

use super::{Database, instant, instant_opt, millis, unit::Change};
use crate::{
    fault::Fault,
    id::{FactorId, FactorProfileId, UserId},
    model::factor::{Factor, FactorKind, FactorStatus},
    secret::TokenHash,
};

/// A factor with what only its verification may know.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The factor.
    pub factor: Factor,
    /// The seed, or the hash of the answer, sealed; absent: codes are sent.
    pub secret: Option<String>,
    /// The last step (RFC 6238) or counter (RFC 4226) that was accepted.
    pub counter: Option<u64>,
}

fn model(row: factor::Model) -> Result<Stored, Fault> {
    Ok(Stored {
        factor: Factor {
            id: FactorId::new(row.id),
            user_id: UserId::new(row.user_id),
            kind: FactorKind::from_key(&row.kind).ok_or_else(|| Fault::stored("factor.kind"))?,
            status: FactorStatus::parse(&row.status).ok_or_else(|| Fault::stored("factor.status"))?,
            profile: serde_json::from_str(&row.profile)?,
            name: row.name,
            factor_profile_id: row.factor_profile_id.map(FactorProfileId::new),
            created_at: instant(row.created_at)?,
            updated_at: instant(row.updated_at)?,
            last_verified_at: instant_opt(row.last_verified_at)?,
        },
        secret: row.secret,
        counter: row.counter.map(u64::try_from).transpose().map_err(Fault::stored)?,
    })
}

/// The factors of a user, whatever their status, the last used first and those never used in the order of enrolment.
///
/// # Errors
/// The database failed.
pub async fn list(db: &Database, user: &UserId) -> Result<Vec<Factor>, Fault> {
    let rows = factor::Entity::find()
        .filter(factor::Column::UserId.eq(user.as_str()))
        .order_by_asc(factor::Column::CreatedAt)
        .order_by_asc(factor::Column::Id)
        .all(db.reader())
        .await?;
    let mut factors =
        rows.into_iter().map(|row| Ok(model(row)?.factor)).collect::<Result<Vec<_>, Fault>>()?;
    // Databases disagree about where absent values are sorted.
    factors.sort_by_key(|factor| std::cmp::Reverse(factor.last_verified_at));
    Ok(factors)
}

/// Finds a factor of a user.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, user: &UserId, id: &FactorId) -> Result<Option<Stored>, Fault> {
    factor::Entity::find_by_id(id.as_str())
        .filter(factor::Column::UserId.eq(user.as_str()))
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// Finds a factor, whosever it is.
///
/// # Errors
/// The database failed.
pub async fn find_by_id(db: &Database, id: &FactorId) -> Result<Option<Stored>, Fault> {
    factor::Entity::find_by_id(id.as_str()).one(db.reader()).await?.map(model).transpose()
}

/// Finds a factor that waits for activation by the token that shows its QR code.
///
/// # Errors
/// The database failed.
pub async fn find_by_qr_token(db: &Database, token: &TokenHash) -> Result<Option<Stored>, Fault> {
    factor::Entity::find()
        .filter(factor::Column::QrTokenHash.eq(token.encoded()))
        .filter(factor::Column::Status.eq(FactorStatus::PendingActivation.as_str()))
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// Finds the factor of a WebAuthn credential, or of a registration of U2F.
///
/// # Errors
/// The database failed.
pub async fn find_by_credential(db: &Database, credential: &TokenHash) -> Result<Option<Stored>, Fault> {
    factor::Entity::find()
        .filter(factor::Column::CredentialHash.eq(credential.encoded()))
        .one(db.reader())
        .await?
        .map(model)
        .transpose()
}

/// What a new factor may take the place of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Displaces {
    /// One of the same kind that was never activated.
    Pending,
    /// One of the same kind, whatever its status.
    Any,
}

/// By what a new factor is found beside its id.
#[derive(Clone, Copy, Debug)]
pub enum FoundBy<'a> {
    /// By nothing.
    Id,
    /// By the token that shows its QR code.
    QrToken(&'a TokenHash),
    /// By the credential that it is, which is nobody else's.
    Credential(&'a TokenHash),
}

/// Inserts a factor; lost when the user has one of its kind that it does not displace, or the credential is somebody's.
///
/// # Errors
/// The profile cannot be written as JSON.
pub fn claim_insert(stored: &Stored, found_by: FoundBy<'_>, displaces: Displaces) -> Result<Change, Fault> {
    let factor = &stored.factor;
    let (qr_token, credential) = match found_by {
        FoundBy::Id => (None, None),
        FoundBy::QrToken(token) => (Some(token), None),
        FoundBy::Credential(credential) => (None, Some(credential)),
    };
    Ok(Change::new(
        match displaces {
            Displaces::Pending => INSERT_OVER_PENDING,
            Displaces::Any => INSERT_OVER_ANY,
        },
        vec![
            factor.id.as_str().into(),
            factor.user_id.as_str().into(),
            factor.kind.key().into(),
            factor.status.as_str().into(),
            serde_json::to_string(&factor.profile)?.into(),
            stored.secret.clone().into(),
            counter(stored.counter).into(),
            qr_token.map(TokenHash::encoded).into(),
            factor.factor_profile_id.as_ref().map(|id| id.as_str().to_owned()).into(),
            millis(factor.created_at).into(),
            millis(factor.updated_at).into(),
            if factor.kind.limit() == 1 { ONLY } else { PENDING }.into(),
            credential.map(TokenHash::encoded).into(),
        ],
    ))
}

/// The slot of a kind of which a user has one.
const ONLY: &str = "only";
/// The slot of one that waits for activation among several; it has its own once it is active.
const PENDING: &str = "pending";

macro_rules! insert {
    ($condition:literal) => {
        concat!(
            r#"INSERT INTO "factor" ("id", "user_id", "kind", "status", "profile", "secret", "counter",
                 "qr_token_hash", "factor_profile_id", "created_at", "updated_at", "slot", "credential_hash")
               SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
               WHERE NOT EXISTS (SELECT 1 FROM "factor" AS "other" WHERE "other"."credential_hash" = $13)
               ON CONFLICT ("user_id", "kind", "slot") DO UPDATE SET "id" = excluded."id", "status" = excluded."status",
                 "profile" = excluded."profile", "secret" = excluded."secret", "counter" = excluded."counter",
                 "qr_token_hash" = excluded."qr_token_hash", "credential_hash" = excluded."credential_hash",
                 "factor_profile_id" = excluded."factor_profile_id", "created_at" = excluded."created_at",
                 "updated_at" = excluded."updated_at", "failures" = 0, "failures_this_hour" = 0,
                 "hour_began_at" = NULL, "last_verified_at" = NULL, "name" = NULL"#,
            $condition
        )
    };
}

const INSERT_OVER_PENDING: &str = insert!(r#" WHERE "factor"."status" = 'PENDING_ACTIVATION'"#);
const INSERT_OVER_ANY: &str = insert!("");

fn counter(counter: Option<u64>) -> Option<i64> {
    counter.map(|counter| i64::try_from(counter).unwrap_or(i64::MAX))
}

/// How often a factor may be answered wrongly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptLimits {
    /// Within an hour.
    pub per_hour: u32,
    /// Between two right answers.
    pub in_all: u32,
}

/// Charges one attempt to an active factor before the answer is looked at; lost when it takes none now.
pub fn claim_attempt(id: &FactorId, limits: &AttemptLimits, now: OffsetDateTime) -> Change {
    let hour_ago = now - Duration::HOUR;
    Change::new(
        r#"UPDATE "factor" SET "failures" = "failures" + 1,
             "failures_this_hour" = CASE WHEN "hour_began_at" > $3 THEN "failures_this_hour" + 1 ELSE 1 END,
             "hour_began_at" = CASE WHEN "hour_began_at" > $3 THEN "hour_began_at" ELSE $2 END
           WHERE "id" = $1 AND "status" = 'ACTIVE' AND "failures" < $5
             AND ("hour_began_at" IS NULL OR "hour_began_at" <= $3 OR "failures_this_hour" < $4)"#,
        vec![
            id.as_str().into(),
            millis(now).into(),
            millis(hour_ago).into(),
            i64::from(limits.per_hour).into(),
            i64::from(limits.in_all).into(),
        ],
    )
}

/// Suspends a factor that was answered wrongly too often; lost when it was not, or is suspended.
pub fn claim_suspend(id: &FactorId, limits: &AttemptLimits, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "status" = 'INACTIVE', "updated_at" = $2
           WHERE "id" = $1 AND "status" = 'ACTIVE' AND "failures" >= $3"#,
        vec![id.as_str().into(), millis(now).into(), i64::from(limits.in_all).into()],
    )
}

/// Lets a suspended factor be used again and forgets its failures; lost when it was not suspended.
pub fn claim_unsuspend(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "status" = 'ACTIVE', "failures" = 0, "failures_this_hour" = 0,
             "hour_began_at" = NULL, "updated_at" = $2 WHERE "id" = $1 AND "status" = 'INACTIVE'"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// Forgets the failures of all factors of a user.
pub fn forgive(user: &UserId) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "failures" = 0, "failures_this_hour" = 0, "hour_began_at" = NULL
           WHERE "user_id" = $1"#,
        vec![user.as_str().into()],
    )
}

/// Forgets what locks factors of a user for an hour; what was counted in all stays.
pub fn lift_locks(user: &UserId) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "failures_this_hour" = 0, "hour_began_at" = NULL WHERE "user_id" = $1"#,
        vec![user.as_str().into()],
    )
}

/// Notes that an active factor was answered rightly, and forgets its failures; lost when it is no longer active.
pub fn claim_verified(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "last_verified_at" = $2, "failures" = 0, "failures_this_hour" = 0,
             "hour_began_at" = NULL WHERE "id" = $1 AND "status" = 'ACTIVE'"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// The same by a code of a step or counter, which must lie behind every one that was accepted before: no code counts
/// twice (RFC 6238 §5.2, RFC 4226 §7.2).
pub fn claim_step(id: &FactorId, step: u64, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "counter" = $3, "last_verified_at" = $2, "failures" = 0,
             "failures_this_hour" = 0, "hour_began_at" = NULL
           WHERE "id" = $1 AND "status" = 'ACTIVE' AND ("counter" IS NULL OR "counter" < $3)"#,
        vec![id.as_str().into(), millis(now).into(), counter(Some(step)).into()],
    )
}

/// Claims that a factor, whose proof is used now, can still be used; lost when it was removed or suspended since. Whoever
/// removes it at the same moment must look again ([`claim_remove_as_seen`]): that is what the millisecond is for.
pub fn claim_held(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "last_verified_at" = COALESCE("last_verified_at", $2) + 1
           WHERE "id" = $1 AND "status" = 'ACTIVE'"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// Activates a factor, by a code of this step if it has steps; lost when it does not wait for that.
pub fn claim_activate(id: &FactorId, step: Option<u64>, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "status" = 'ACTIVE', "counter" = $3, "qr_token_hash" = NULL, "updated_at" = $2,
             "last_verified_at" = $2, "slot" = CASE WHEN "slot" = 'only' THEN 'only' ELSE "id" END
           WHERE "id" = $1 AND "status" = 'PENDING_ACTIVATION'"#,
        vec![id.as_str().into(), millis(now).into(), counter(step).into()],
    )
}

/// Gives the QR code of a factor that waits for activation a new token, in place of the one before.
pub fn renew_qr_token(id: &FactorId, token: &TokenHash) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "qr_token_hash" = $2 WHERE "id" = $1 AND "status" = 'PENDING_ACTIVATION'"#,
        vec![id.as_str().into(), token.encoded().into()],
    )
}

/// A credential that activates a factor.
#[derive(Clone, Copy, Debug)]
pub struct NewCredential<'a> {
    /// The hash of its id.
    pub hash: &'a TokenHash,
    /// What is kept of it, sealed.
    pub secret: &'a str,
    /// Its signature counter.
    pub counter: u32,
    /// The public profile, as JSON.
    pub profile: &'a str,
}

/// Activates a factor by a WebAuthn credential; lost when it does not wait for that, or the credential is somebody's.
pub fn claim_activate_credential(id: &FactorId, new: &NewCredential<'_>, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "status" = 'ACTIVE', "counter" = $3, "secret" = $4, "profile" = $5,
             "credential_hash" = $6, "updated_at" = $2, "last_verified_at" = $2, "slot" = "id"
           WHERE "id" = $1 AND "status" = 'PENDING_ACTIVATION'
             AND NOT EXISTS (SELECT 1 FROM "factor" AS "other" WHERE "other"."credential_hash" = $6)"#,
        vec![
            id.as_str().into(),
            millis(now).into(),
            i64::from(new.counter).into(),
            new.secret.into(),
            new.profile.into(),
            new.hash.encoded().into(),
        ],
    )
}

/// Activates a factor by its device, as it is now; lost when it does not wait for one, when its enrolment was begun anew, or
/// when another factor of the user became one since: who began this knew less than the account asks for by now (security
/// rule S1).
///
/// # Errors
/// The profile cannot be written as JSON.
pub fn claim_activate_device(factor: &Factor, began_at: OffsetDateTime) -> Result<Change, Fault> {
    Ok(Change::new(
        r#"UPDATE "factor" SET "status" = 'ACTIVE', "profile" = $4, "name" = $5, "updated_at" = $2, "slot" = "id"
           WHERE "id" = $1 AND "status" = 'PENDING_ACTIVATION' AND "updated_at" = $3
             AND NOT EXISTS (SELECT 1 FROM "factor" AS "other"
               WHERE "other"."user_id" = "factor"."user_id" AND "other"."status" <> 'PENDING_ACTIVATION'
                 AND "other"."updated_at" > $3)"#,
        vec![
            factor.id.as_str().into(),
            millis(factor.updated_at).into(),
            millis(began_at).into(),
            serde_json::to_string(&factor.profile)?.into(),
            factor.name.clone().into(),
        ],
    ))
}

/// Uses an active factor for the first time; lost when it was used before.
pub fn claim_first_use(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "last_verified_at" = $2
           WHERE "id" = $1 AND "status" = 'ACTIVE' AND "last_verified_at" IS NULL"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// Begins the enrolment of a factor anew; lost when it does not wait for activation.
pub fn claim_restart(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "updated_at" = $2 WHERE "id" = $1 AND "status" = 'PENDING_ACTIVATION'"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// Suspends an active factor of which there may be a copy; lost when it is not active.
pub fn claim_suspend_cloned(id: &FactorId, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "status" = 'INACTIVE', "updated_at" = $2 WHERE "id" = $1 AND "status" = 'ACTIVE'"#,
        vec![id.as_str().into(), millis(now).into()],
    )
}

/// Removes a factor; lost when it is gone.
pub fn claim_remove(user: &UserId, id: &FactorId) -> Change {
    Change::new(
        r#"DELETE FROM "factor" WHERE "id" = $1 AND "user_id" = $2"#,
        vec![id.as_str().into(), user.as_str().into()],
    )
}

/// Gives a factor another name, or none; lost when it is gone.
pub fn claim_rename(factor: &Factor, name: Option<&str>, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "factor" SET "name" = $3, "updated_at" = $4 WHERE "id" = $1 AND "user_id" = $2"#,
        vec![
            factor.id.as_str().into(),
            factor.user_id.as_str().into(),
            name.map(ToOwned::to_owned).into(),
            millis(now).into(),
        ],
    )
}

/// Removes a factor as it was seen: lost when it is gone, or was proved since.
pub fn claim_remove_as_seen(seen: &Factor) -> Change {
    Change::new(
        r#"DELETE FROM "factor" WHERE "id" = $1 AND "user_id" = $2 AND "last_verified_at" IS NOT DISTINCT FROM $3"#,
        vec![seen.id.as_str().into(), seen.user_id.as_str().into(), seen.last_verified_at.map(millis).into()],
    )
}

/// Claims that a user has an active factor, of this kind where one is named; lost: there is none. Whoever removes factors holds
/// the user before ([`claim_user`](super::backup_code::claim_user)), or two who do see each other's as left.
pub fn claim_left(user: &UserId, kind: Option<FactorKind>) -> Change {
    Change::new(
        r#"UPDATE "user" SET "id" = "id" WHERE "id" = $1 AND EXISTS (
             SELECT 1 FROM "factor" WHERE "user_id" = $1 AND "status" = 'ACTIVE' AND ($2 = '' OR "kind" = $2))"#,
        vec![user.as_str().into(), kind.map_or("", FactorKind::key).into()],
    )
}

/// Removes all factors of a user.
pub fn remove_all(user: &UserId) -> Change {
    Change::new(r#"DELETE FROM "factor" WHERE "user_id" = $1"#, vec![user.as_str().into()])
}
