//! Documents about users that clients send: read member by member. What is not read changes nothing, so neither `id` nor
//! `status` nor a rank can be assigned.

use poem::Response;
use poem_openapi::{Object, types::Any};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::error::okta::Envelope,
    id::GroupId,
    secret::Secret,
    user::imported_hash::{ImportedHash, PasswordHash},
};

/// The most groups of a new user (Okta).
const MAX_GROUPS: usize = 20;

/// A user to be created or changed, for the document.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct UserForm {
    /// The attributes.
    profile: Any<Value>,
    /// Password, recovery question and provider.
    credentials: Option<Any<Value>>,
    /// The groups of a new user.
    group_ids: Option<Vec<String>>,
}

/// A recovery question with its answer.
pub(super) struct Question {
    /// The question.
    pub(super) question: String,
    /// The answer.
    pub(super) answer: Secret<String>,
}

/// A password of a document.
pub(super) enum NewPassword {
    /// The password itself.
    Value(Secret<String>),
    /// What another system made of it (Okta `credentials.password.hash`).
    Hash(Box<ImportedHash>),
}

/// What a document says.
pub(super) struct UserDocument {
    /// The attributes, with `login` among them.
    pub(super) profile: Option<Map<String, Value>>,
    /// A new password.
    pub(super) password: Option<NewPassword>,
    /// A recovery question.
    pub(super) question: Option<Question>,
    /// The groups.
    pub(super) groups: Vec<GroupId>,
}

fn refuse<T>(member: &str, problem: &str) -> Result<T, Response> {
    Err(Envelope::validation(member, [format!("{member}: {problem}")]).respond())
}

impl UserDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// The answer to a member that is none of its values.
    pub(super) fn read(mut document: Map<String, Value>) -> Result<Self, Response> {
        let profile = match document.remove("profile") {
            None | Some(Value::Null) => None,
            Some(Value::Object(profile)) => Some(profile),
            Some(_) => return refuse("profile", "must be an object"),
        };
        let mut credentials = match document.remove("credentials") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(credentials)) => credentials,
            Some(_) => return refuse("credentials", "must be an object"),
        };
        provider(credentials.get("provider"))?;
        Ok(Self {
            profile,
            password: new_password(credentials.remove("password"))?,
            question: question(credentials.remove("recovery_question"))?,
            groups: groups(document.remove("groupIds"))?,
        })
    }
}

/// Security rule Y3: where a user's credentials come from is not assigned.
fn provider(provider: Option<&Value>) -> Result<(), Response> {
    let Some(provider) = provider.filter(|provider| !provider.is_null()) else { return Ok(()) };
    let says = |name: &str| provider.get(name).is_none_or(|value| value == "OKTA");
    if provider.is_object() && says("type") && says("name") {
        Ok(())
    } else {
        refuse("credentials.provider", "only OKTA is supported")
    }
}

/// The password of a member `{"value": …}` or `{"hash": …}`.
fn new_password(member: Option<Value>) -> Result<Option<NewPassword>, Response> {
    let hash = member.as_ref().and_then(|member| member.get("hash")).filter(|hash| !hash.is_null());
    let Some(hash) = hash else { return Ok(password(member)?.map(NewPassword::Value)) };
    let given = |name| member.as_ref().and_then(|member| member.get(name)).is_some_and(|one| !one.is_null());
    if given("value") || given("hook") {
        return refuse("credentials.password", "has either a value or a hash");
    }
    // What stands in the document is no text for an error.
    let Ok(hash) = PasswordHash::deserialize(hash) else {
        return refuse("credentials.password.hash", "is not an imported hash as Okta describes it");
    };
    match ImportedHash::try_from(hash) {
        Ok(hash) => Ok(Some(NewPassword::Hash(Box::new(hash)))),
        Err(error) => refuse(&format!("credentials.password.hash.{}", error.member), &error.problem),
    }
}

/// The password of a member `{"value": …}`.
///
/// # Errors
/// The answer to something else.
pub(super) fn password(member: Option<Value>) -> Result<Option<Secret<String>>, Response> {
    match member {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(mut password)) => {
            if password.get("hash").is_some_and(|hash| !hash.is_null()) {
                return refuse("credentials.password.hash", "is only for users that are created or staged");
            }
            if password.get("hook").is_some_and(|hook| !hook.is_null()) {
                return refuse("credentials.password.hook", "password import inline hooks are not supported");
            }
            match password.remove("value") {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(value)) => Ok(Some(Secret::new(value))),
                Some(_) => refuse("password", "must be a string"),
            }
        }
        Some(_) => refuse("password", "must be an object"),
    }
}

/// The member `recovery_question`.
///
/// # Errors
/// The answer to something else.
pub(super) fn question(member: Option<Value>) -> Result<Option<Question>, Response> {
    let Some(Value::Object(mut member)) = member.filter(|member| !member.is_null()) else { return Ok(None) };
    match (member.remove("question"), member.remove("answer")) {
        (Some(Value::String(question)), Some(Value::String(answer))) => {
            Ok(Some(Question { question, answer: Secret::new(answer) }))
        }
        // A document that was read and is written back holds the question alone.
        (_, None) => Ok(None),
        _ => refuse("recovery_question", "needs question and answer"),
    }
}

fn groups(member: Option<Value>) -> Result<Vec<GroupId>, Response> {
    let list = match member {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_GROUPS => list,
        Some(_) => return refuse("groupIds", "must be a list of at most 20 ids"),
    };
    let mut groups: Vec<GroupId> = Vec::with_capacity(list.len());
    for id in list {
        let Some(id) = id.as_str().map(GroupId::new) else {
            return refuse("groupIds", "must be a list of ids");
        };
        if !groups.contains(&id) {
            groups.push(id);
        }
    }
    Ok(groups)
}
