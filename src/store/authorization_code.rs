//! Authorization codes (RFC 6749 §4.1.2): stored as SHA-256, redeemed by one conditional update.

use entity::authorization_code;
use time::OffsetDateTime;

use super::{
    Database,
    db::{Columns, query_one},
    grant::{COLUMNS, GrantFacts, JOINS, facts},
    instant, instant_opt, millis,
    unit::{Change, Row},
};
use crate::{
    fault::Fault,
    id::{AuthorizationServerId, ClientId, GrantId},
    secret::TokenHash,
};

/// What a code was issued for.
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// What it buys.
    pub grant_id: GrantId,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The authorization server that issued it.
    pub server_id: AuthorizationServerId,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// Whether the request named it (RFC 6749 §4.1.3).
    pub redirect_uri_sent: bool,
    /// S256 challenge (RFC 7636).
    pub code_challenge: Option<String>,
    /// `nonce` for the ID token.
    pub nonce: Option<String>,
    /// The thumbprint of the DPoP key that must redeem it (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// Wrong verifiers so far.
    pub failures: u32,
    /// When it dies.
    pub expires_at: OffsetDateTime,
    /// When it was redeemed.
    pub consumed_at: Option<OffsetDateTime>,
}

/// Finds a code with its grant and all that decides about it, in one statement.
///
/// # Errors
/// The database failed.
pub async fn find(db: &Database, code: &TokenHash) -> Result<Option<(AuthorizationCode, GrantFacts)>, Fault> {
    let sql = format!(
        r#"SELECT {COLUMNS}, k."client_id", k."server_id", k."redirect_uri", k."redirect_uri_sent", k."code_challenge",
             k."nonce", k."dpop_jkt", k."failures", k."expires_at", k."consumed_at"
           FROM "authorization_code" k JOIN "grant" g ON g."id" = k."grant_id" {JOINS} WHERE k."code_hash" = $1"#
    );
    let Some(row) = query_one(db, &sql, vec![code.encoded().into()]).await? else { return Ok(None) };
    let mut row = Columns::of(&row);
    let facts = facts(&mut row)?;
    let code = AuthorizationCode {
        grant_id: facts.grant.id.clone(),
        client_id: ClientId::new(row.next::<String>()?),
        server_id: AuthorizationServerId::new(row.next::<String>()?),
        redirect_uri: row.next()?,
        redirect_uri_sent: row.next()?,
        code_challenge: row.next()?,
        nonce: row.next()?,
        dpop_jkt: row.next()?,
        failures: u32::try_from(row.next::<i32>()?).map_err(Fault::stored)?,
        expires_at: instant(row.next()?)?,
        consumed_at: instant_opt(row.next()?)?,
    };
    Ok(Some((code, facts)))
}

/// The row of a new code.
pub fn row(hash: &TokenHash, code: &AuthorizationCode, now: OffsetDateTime) -> Row {
    authorization_code::Model {
        code_hash: hash.encoded(),
        grant_id: code.grant_id.to_string(),
        client_id: code.client_id.to_string(),
        server_id: code.server_id.to_string(),
        redirect_uri: code.redirect_uri.clone(),
        redirect_uri_sent: code.redirect_uri_sent,
        code_challenge: code.code_challenge.clone(),
        nonce: code.nonce.clone(),
        dpop_jkt: code.dpop_jkt.clone(),
        failures: 0,
        created_at: millis(now),
        expires_at: millis(code.expires_at),
        consumed_at: None,
    }
    .into()
}

/// Redeems the code: one caller wins.
pub fn claim_redeem(hash: &TokenHash, now: OffsetDateTime) -> Change {
    Change::new(
        r#"UPDATE "authorization_code" SET "consumed_at" = $1
           WHERE "code_hash" = $2 AND "consumed_at" IS NULL AND "expires_at" > $1"#,
        vec![millis(now).into(), hash.encoded().into()],
    )
}

/// Counts a wrong verifier, unless it is the last one that is allowed.
pub fn claim_failure(hash: &TokenHash, most: u32) -> Change {
    Change::new(
        r#"UPDATE "authorization_code" SET "failures" = "failures" + 1
           WHERE "code_hash" = $1 AND "failures" + 1 < $2"#,
        vec![hash.encoded().into(), i64::from(most).into()],
    )
}

/// Counts a wrong verifier.
pub fn count_failure(hash: &TokenHash) -> Change {
    Change::new(
        r#"UPDATE "authorization_code" SET "failures" = "failures" + 1 WHERE "code_hash" = $1"#,
        vec![hash.encoded().into()],
    )
}
