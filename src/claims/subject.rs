//! Which `sub` a client sees for a user (OpenID Connect Core §8): the user's id, or a pairwise subject that is the same
//! within a sector and tells nothing of any other.
//!
//! A pairwise subject is a random value in a row of its own (sector × user), not a value derived from both under a key.
//! It has to stay what it is for as long as the client knows the user: a derived one would change with the key that it
//! is derived from, and could not be led back to its user without trying all of them. The row is written before
//! anything speaks of it, by whoever comes first; everybody reads it back, so that two first uses agree.

use crate::{
    app::App,
    fault::Fault,
    id::UserId,
    model::client::Client,
    protocol::client_metadata::SubjectType,
    secret::opaque_token,
    store::{self, unit::Unit},
};

/// The `sub` of a user for a client: in ID tokens, userinfo, access tokens, introspection and logout tokens alike.
///
/// # Errors
/// The database failed.
pub async fn of(app: &App, client: &Client, user: &UserId) -> Result<String, Fault> {
    match client.metadata.subject_type {
        SubjectType::Public => Ok(user.to_string()),
        SubjectType::Pairwise => pairwise(app, &sector(client)?, user).await,
    }
}

/// The user that a client means by a `sub`. A subject of another sector, or of nobody, means nobody.
///
/// # Errors
/// The database failed.
pub async fn user_behind(app: &App, client: &Client, subject: &str) -> Result<Option<UserId>, Fault> {
    match client.metadata.subject_type {
        SubjectType::Public => Ok(Some(UserId::new(subject))),
        SubjectType::Pairwise => store::pairwise_subject::find_user(&app.db, &sector(client)?, subject).await,
    }
}

async fn pairwise(app: &App, sector: &str, user: &UserId) -> Result<String, Fault> {
    if let Some(known) = store::pairwise_subject::find(&app.db, sector, user).await? {
        return Ok(known);
    }
    let fresh = opaque_token(app.random.as_ref());
    let change = store::pairwise_subject::remember(sector, user, fresh.expose());
    app.db.writer().commit(Unit::new().change(change)).await?;
    // Another first use may have been faster.
    let known = store::pairwise_subject::find(&app.db, sector, user).await?;
    known.ok_or_else(|| Fault::stored("pairwise_subject"))
}

/// A client without a sector was not registered as pairwise; nothing is said rather than the user's id.
fn sector(client: &Client) -> Result<String, Fault> {
    client.metadata.sector().ok_or_else(|| Fault::stored("a pairwise client without a sector"))
}
