//! Documents about users that clients send: read member by member. What is not read changes nothing, so neither `id` nor
//! `status` nor a rank can be assigned.

use poem::Response;
use poem_openapi::{Object, types::Any};
use serde_json::{Map, Value};

use crate::{api::error::okta::Envelope, id::GroupId, secret::Secret};

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

/// What a document says.
pub(super) struct UserDocument {
    /// The attributes, with `login` among them.
    pub(super) profile: Option<Map<String, Value>>,
    /// A new password.
    pub(super) password: Option<Secret<String>>,
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
            password: password(credentials.remove("password"))?,
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

/// The password of a member `{"value": …}`.
///
/// # Errors
/// The answer to something else.
pub(super) fn password(member: Option<Value>) -> Result<Option<Secret<String>>, Response> {
    match member {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(mut password)) => {
            if password.contains_key("hash") {
                return refuse("credentials.password.hash", "password hashes of others are not supported");
            }
            if password.contains_key("hook") {
                return refuse("credentials.password.hook", "is not supported");
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
