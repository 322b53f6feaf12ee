//! The language in which a user is written to.

use serde_json::{Map, Value};

use super::administration::{AdministrationError, Edit, ProfileChange};
use crate::{app::App, id::UserId, message, syslog::Caller};

/// Why a language was not chosen.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// Messages are not written in it.
    #[error("messages are not written in this language")]
    Unknown,
    /// The user was not changed.
    #[error(transparent)]
    User(#[from] AdministrationError),
}

/// Notes the language that a user chose (`preferredLanguage`, RFC 5646).
///
/// # Errors
/// Messages are not written in it, or the user could not be changed.
pub async fn choose(app: &App, user: &UserId, tag: &str, caller: &Caller) -> Result<(), LanguageError> {
    let (tag, _) = message::languages().find(|(known, _)| *known == tag).ok_or(LanguageError::Unknown)?;
    let edit = Edit::begin_by_id(app, user, caller).await?;
    let chosen = Map::from_iter([("preferredLanguage".to_owned(), Value::from(tag))]);
    edit.update_profile(&chosen, ProfileChange::Partial).await?;
    Ok(())
}
