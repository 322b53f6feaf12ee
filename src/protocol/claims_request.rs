//! The `claims` parameter (OpenID Connect Core §5.5): which claims a client asks for one by one.
//!
//! Members that are not understood are ignored (§5.5); so are names that no claim here has. What is understood but has
//! the wrong shape makes the request malformed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::error::OAuthError;

/// The most claims that may be asked for in one place.
pub const MAX_CLAIMS: usize = 100;
/// The most entries of `values`.
pub const MAX_VALUES: usize = 32;
/// The longest claim name, in bytes.
pub const MAX_NAME: usize = 255;
/// The deepest nesting, in levels, the object itself being the first.
pub const MAX_DEPTH: usize = 8;

/// What a client asks for, place by place.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// Claims for the ID token.
    #[serde(skip_serializing_if = "Requested::is_empty")]
    pub id_token: Requested,
    /// Claims for the userinfo response.
    #[serde(skip_serializing_if = "Requested::is_empty")]
    pub userinfo: Requested,
}

/// Claims that are asked for in one place, by name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Requested(BTreeMap<String, ClaimRequest>);

/// How one claim is asked for (Core §5.5.1).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimRequest {
    /// Whether the client cannot do its task smoothly without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// The values that are acceptable, in order of preference; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// Why a `claims` parameter cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClaimsRequestError {
    /// It is not JSON.
    #[error("it is not a JSON object")]
    Syntax,
    /// A member that is understood has another type than Core §5.5 gives it.
    #[error("a member has the wrong type")]
    Shape,
    /// There is too much of it.
    #[error("it asks for too much or is nested too deeply")]
    TooMuch,
    /// `sub` is asked for with different values.
    #[error("it names more than one subject")]
    SeveralSubjects,
}

static NOTHING: ClaimsRequest =
    ClaimsRequest { id_token: Requested(BTreeMap::new()), userinfo: Requested(BTreeMap::new()) };

impl ClaimsRequest {
    /// Nothing is asked for.
    pub fn nothing() -> &'static Self {
        &NOTHING
    }

    /// Reads the parameter.
    ///
    /// # Errors
    /// [`ClaimsRequestError`] when it is not JSON, of another shape or too large.
    pub fn parse(text: &str) -> Result<Self, ClaimsRequestError> {
        let request: Value = serde_json::from_str(text).map_err(|_| ClaimsRequestError::Syntax)?;
        if !fits(&request, MAX_DEPTH) {
            return Err(ClaimsRequestError::TooMuch);
        }
        let request = request.as_object().ok_or(ClaimsRequestError::Syntax)?;
        let request =
            Self { id_token: requested(request, "id_token")?, userinfo: requested(request, "userinfo")? };
        request.subject()?;
        Ok(request)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The one user who may be spoken of, where `sub` is asked for with a value (Core §5.5.1).
    ///
    /// # Errors
    /// Several are named: no answer could be right for all of them.
    pub fn subject(&self) -> Result<Option<&str>, ClaimsRequestError> {
        let mut subject = None;
        for value in [&self.id_token, &self.userinfo].into_iter().flat_map(|place| place.values("sub")) {
            let value = value.as_str().ok_or(ClaimsRequestError::Shape)?;
            if subject.is_some_and(|known| known != value) {
                return Err(ClaimsRequestError::SeveralSubjects);
            }
            subject = Some(value);
        }
        Ok(subject)
    }

    /// The authentication contexts that are asked for, in order of preference (Core §5.5.1.1).
    pub fn acr_values(&self) -> Vec<&str> {
        self.id_token.values("acr").iter().filter_map(Value::as_str).collect()
    }

    /// The authentication contexts of which one must be reached; empty: any will do. An essential `acr` that is not
    /// reached is a failed authentication (Core §5.5.1.1).
    pub fn essential_acr(&self) -> Vec<&str> {
        let essential = self.id_token.get("acr").is_some_and(|acr| acr.essential);
        if essential { self.acr_values() } else { Vec::new() }
    }
}

impl Requested {
    /// How a claim is asked for, if it is.
    pub fn get(&self, name: &str) -> Option<&ClaimRequest> {
        self.0.get(name)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the claims that are asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a claim is asked for and this value of it is acceptable.
    pub fn wants(&self, name: &str, value: &Value) -> bool {
        self.get(name).is_some_and(|claim| claim.values.is_empty() || claim.values.contains(value))
    }

    fn values(&self, name: &str) -> &[Value] {
        self.get(name).map_or(&[], |claim| &claim.values)
    }
}

fn requested(request: &Map<String, Value>, place: &str) -> Result<Requested, ClaimsRequestError> {
    let claims = match request.get(place) {
        None | Some(Value::Null) => return Ok(Requested::default()),
        Some(Value::Object(claims)) => claims,
        Some(_) => return Err(ClaimsRequestError::Shape),
    };
    if claims.len() > MAX_CLAIMS || claims.keys().any(|name| name.len() > MAX_NAME) {
        return Err(ClaimsRequestError::TooMuch);
    }
    claims.iter().map(|(name, how)| Ok((name.clone(), claim(how)?))).collect::<Result<_, _>>().map(Requested)
}

fn claim(how: &Value) -> Result<ClaimRequest, ClaimsRequestError> {
    let how = match how {
        // Core §5.5.1: null asks for the claim in the default manner.
        Value::Null => return Ok(ClaimRequest::default()),
        Value::Object(how) => how,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(ClaimsRequestError::Shape);
        }
    };
    let essential = match how.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err(ClaimsRequestError::Shape),
    };
    // `value` is the narrower of the two.
    let values = match (how.get("value"), how.get("values")) {
        (Some(value), None | Some(Value::Array(_))) => vec![value.clone()],
        (None, Some(Value::Array(values))) => values.clone(),
        (None, None) => Vec::new(),
        (_, Some(_)) => return Err(ClaimsRequestError::Shape),
    };
    if values.len() > MAX_VALUES {
        return Err(ClaimsRequestError::TooMuch);
    }
    Ok(ClaimRequest { essential, values })
}

fn fits(value: &Value, levels: usize) -> bool {
    let inner = || levels.checked_sub(1);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => inner().is_some_and(|levels| items.iter().all(|item| fits(item, levels))),
        Value::Object(members) => {
            inner().is_some_and(|levels| members.values().all(|member| fits(member, levels)))
        }
    }
}

impl From<ClaimsRequestError> for OAuthError {
    fn from(error: ClaimsRequestError) -> Self {
        Self::invalid_request(match error {
            ClaimsRequestError::Syntax => "The parameter claims is not a JSON object.",
            ClaimsRequestError::Shape => "The parameter claims has a member of the wrong type.",
            ClaimsRequestError::TooMuch => "The parameter claims asks for too much.",
            ClaimsRequestError::SeveralSubjects => "The parameter claims names more than one subject.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(request: &Value) -> Result<ClaimsRequest, ClaimsRequestError> {
        ClaimsRequest::parse(&request.to_string())
    }

    /// The example of Core §5.5.
    #[test]
    fn the_example_of_core_is_read() {
        let request = parse(&json!({
            "userinfo": {
                "given_name": {"essential": true},
                "nickname": null,
                "email": {"essential": true},
                "email_verified": {"essential": true},
                "picture": null,
                "http://example.info/claims/groups": null,
            },
            "id_token": {
                "auth_time": {"essential": true},
                "acr": {"values": ["urn:mace:incommon:iap:silver"]},
            },
        }))
        .unwrap();
        assert!(request.userinfo.get("given_name").unwrap().essential);
        assert_eq!(request.userinfo.get("nickname"), Some(&ClaimRequest::default()));
        assert_eq!(request.acr_values(), ["urn:mace:incommon:iap:silver"]);
        assert!(request.essential_acr().is_empty());
        assert_eq!(request.subject(), Ok(None));
        let stored = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<ClaimsRequest>(&stored).unwrap(), request);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        let request =
            parse(&json!({"verified_claims": 7, "userinfo": null, "id_token": {"x": {"purpose": [1]}}}));
        let request = request.unwrap();
        assert!(request.userinfo.is_empty());
        assert_eq!(request.id_token.get("x"), Some(&ClaimRequest::default()));
        assert!(parse(&json!({})).unwrap().is_empty());
    }

    #[test]
    fn another_shape_is_refused() {
        for text in ["", "x", "[]", "\"a\"", "1", "null", "{", "{\"userinfo\":{}}x"] {
            assert_eq!(ClaimsRequest::parse(text), Err(ClaimsRequestError::Syntax), "{text}");
        }
        for request in [
            json!({"userinfo": []}),
            json!({"id_token": "name"}),
            json!({"userinfo": {"name": true}}),
            json!({"userinfo": {"name": "essential"}}),
            json!({"userinfo": {"name": {"essential": "true"}}}),
            json!({"userinfo": {"name": {"values": "a"}}}),
            json!({"userinfo": {"name": {"value": 1, "values": {}}}}),
            json!({"id_token": {"sub": {"value": 1}}}),
        ] {
            assert_eq!(parse(&request), Err(ClaimsRequestError::Shape), "{request}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let many = |count| {
            let claims: Map<String, Value> = (0..count).map(|i| (format!("c{i}"), Value::Null)).collect();
            json!({ "userinfo": claims })
        };
        assert!(parse(&many(MAX_CLAIMS)).is_ok());
        assert_eq!(parse(&many(MAX_CLAIMS + 1)), Err(ClaimsRequestError::TooMuch));
        let values = |count| json!({"id_token": {"acr": {"values": vec!["x"; count]}}});
        assert!(parse(&values(MAX_VALUES)).is_ok());
        assert_eq!(parse(&values(MAX_VALUES + 1)), Err(ClaimsRequestError::TooMuch));
        assert_eq!(parse(&json!({"userinfo": {"x".repeat(256): null}})), Err(ClaimsRequestError::TooMuch));
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(ClaimsRequest::parse(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(ClaimsRequest::parse(&deep(MAX_DEPTH + 1)), Err(ClaimsRequestError::TooMuch));
        assert_eq!(ClaimsRequest::parse(&deep(100_000)), Err(ClaimsRequestError::Syntax));
    }

    #[test]
    fn one_subject_may_be_named() {
        let sub = |id_token: Value, userinfo: Value| {
            parse(&json!({"id_token": {"sub": id_token}, "userinfo": {"sub": userinfo}}))
        };
        let one = sub(json!({"value": "a"}), json!({"values": ["a"]})).unwrap();
        assert_eq!(one.subject(), Ok(Some("a")));
        assert_eq!(sub(json!(null), json!({"essential": true})).unwrap().subject(), Ok(None));
        for (id_token, userinfo) in
            [(json!({"value": "a"}), json!({"value": "b"})), (json!({"values": ["a", "b"]}), json!(null))]
        {
            assert_eq!(sub(id_token, userinfo), Err(ClaimsRequestError::SeveralSubjects));
        }
    }

    #[test]
    fn a_value_that_is_not_acceptable_is_not_wanted() {
        let request = parse(&json!({"userinfo": {"a": {"values": [1, 2]}, "b": null}})).unwrap();
        assert!(request.userinfo.wants("a", &json!(2)) && !request.userinfo.wants("a", &json!(3)));
        assert!(request.userinfo.wants("b", &json!(3)) && !request.userinfo.wants("c", &json!(3)));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 48, 6, |inner| {
            let name = prop_oneof![
                Just("id_token".to_owned()),
                Just("userinfo".to_owned()),
                Just("sub".to_owned()),
                Just("acr".to_owned()),
                Just("essential".to_owned()),
                Just("value".to_owned()),
                Just("values".to_owned()),
                "[a-z]{0,6}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever is sent, reading ends; what is accepted survives its storage, and names at most one subject.
        #[test]
        fn any_json_is_read_or_refused(request in any_json()) {
            if let Ok(read) = parse(&request) {
                prop_assert!(read.subject().is_ok());
                let stored = serde_json::to_string(&read).unwrap();
                prop_assert_eq!(serde_json::from_str::<ClaimsRequest>(&stored).unwrap(), read.clone());
                // Storage is itself a request: `values` alone says what `value` said.
                prop_assert_eq!(ClaimsRequest::parse(&stored).unwrap(), read);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = ClaimsRequest::parse(&text);
        }
    }
}
