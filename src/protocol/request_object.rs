//! The content of a request object (RFC 9101 §4; OpenID Connect Core §6.1): parameters as JSON members.

use serde_json::{Map, Value};

use crate::protocol::params::{Params, ParamsError, REPEATABLE};

/// What a request object is called (RFC 9101 §10.8).
pub const TYPE: &str = "oauth-authz-req+jwt";

/// Members that speak about the JWT and not of the request (RFC 7519 §4.1).
const ABOUT_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The parameters that a request object holds. Numbers and objects are JSON there (Core §6.1): they become the text
/// that a query would hold.
///
/// # Errors
///
/// [`ParamsError`] when there are too many, or one holds NUL.
pub fn parameters(claims: &Map<String, Value>) -> Result<Params, ParamsError> {
    let mut pairs = Vec::new();
    for (name, value) in claims.iter().filter(|(name, _)| !ABOUT_THE_JWT.contains(&name.as_str())) {
        match value {
            Value::Null => {}
            Value::String(text) => pairs.push((name.clone(), text.clone())),
            Value::Array(values) if REPEATABLE.contains(&name.as_str()) => {
                pairs.extend(
                    values.iter().filter_map(Value::as_str).map(|text| (name.clone(), text.to_owned())),
                );
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                pairs.push((name.clone(), value.to_string()));
            }
        }
    }
    Params::from_pairs(pairs)
}

/// Parameters of a request object, and beside them what was sent outside of it only (Core §6.1). A challenge and its
/// method are one thing: they are never put together from two places.
#[must_use]
pub fn merged(inside: Params, outside: &Params) -> Params {
    const PKCE: [&str; 2] = ["code_challenge", "code_challenge_method"];
    let sent = |name: &str| inside.contains(name) || inside.present_but_empty(name);
    let own_challenge = PKCE.iter().any(|name| sent(name));
    inside.or(outside, |name| match name {
        "request" | "request_uri" => false,
        name if PKCE.contains(&name) => !own_challenge,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Params {
        parameters(claims.as_object().unwrap()).unwrap()
    }

    #[test]
    fn members_become_parameters_and_what_speaks_of_the_jwt_does_not() {
        let params = read(&json!({
            "iss": "c", "aud": "a", "exp": 1, "nbf": 1, "iat": 1, "jti": "j", "sub": "c",
            "state": "s", "max_age": 300, "claims": {"id_token": {"acr": null}}, "resource": ["a", "b"], "x": null,
        }));
        let mut pairs: Vec<_> = params.iter().collect();
        pairs.sort_unstable();
        let expected = [
            ("claims", r#"{"id_token":{"acr":null}}"#),
            ("max_age", "300"),
            ("resource", "a"),
            ("resource", "b"),
            ("state", "s"),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn what_is_inside_wins_and_a_challenge_is_not_put_together() {
        let outside =
            Params::parse_query("state=o&nonce=o&request=x&code_challenge=o&code_challenge_method=S256");
        let outside = outside.unwrap();
        let both = merged(read(&json!({"state": "i"})), &outside);
        assert_eq!((both.one("state"), both.one("nonce"), both.one("request")), (Some("i"), Some("o"), None));
        assert_eq!(both.one("code_challenge"), Some("o"));
        let both = merged(read(&json!({"code_challenge": "i"})), &outside);
        assert_eq!((both.one("code_challenge"), both.one("code_challenge_method")), (Some("i"), None));
        let both = merged(read(&json!({"code_challenge": ""})), &outside);
        assert!(both.present_but_empty("code_challenge"));
    }
}
