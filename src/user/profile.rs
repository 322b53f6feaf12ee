//! A user's profile: Okta's base attributes with their lengths, and custom ones, bounded.

use serde_json::{Map, Value};

use super::login::LoginKey;

/// The most custom attributes.
const MAX_CUSTOM: usize = 64;
/// The longest name of a custom attribute.
const MAX_CUSTOM_NAME: usize = 64;
/// The largest custom attribute, as JSON, in bytes.
const MAX_CUSTOM_BYTES: usize = 4096;
/// The fewest characters of a login.
const MIN_LOGIN: usize = 5;
/// The most characters of a login or mail address.
const MAX_LOGIN: usize = LoginKey::MAX_CHARS;

/// Attributes that say that somebody has verified another one: only Stepgate says so.
pub const VERIFIED: [&str; 2] = ["emailVerified", "phoneNumberVerified"];

/// Okta's base attributes beside login and mail addresses, and the ones that standard claims are made of (OpenID Connect
/// Core §5.1), with the most characters each may have.
const TEXTS: [(&str, usize); 32] = [
    ("firstName", 50),
    ("lastName", 50),
    ("middleName", 100),
    ("honorificPrefix", 50),
    ("honorificSuffix", 50),
    ("title", 100),
    ("displayName", 100),
    ("nickName", 100),
    ("profileUrl", 2048),
    ("mobilePhone", 100),
    ("primaryPhone", 100),
    ("streetAddress", 1024),
    ("city", 128),
    ("state", 128),
    ("zipCode", 50),
    ("countryCode", 2),
    ("postalAddress", 4096),
    ("preferredLanguage", 100),
    ("locale", 100),
    ("timezone", 100),
    ("userType", 100),
    ("employeeNumber", 100),
    ("costCenter", 100),
    ("organization", 100),
    ("division", 100),
    ("department", 100),
    ("managerId", 100),
    ("manager", 100),
    ("picture", 2048),
    ("website", 2048),
    ("gender", 100),
    ("birthdate", 100),
];

/// Attributes that every user has who is made here (Okta).
const REQUIRED: [&str; 3] = ["firstName", "lastName", "email"];

/// Whether somebody's mail address could be this: a local part, an `@` and a host, without blanks.
pub fn is_mail_address(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| {
        !part.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c))
    };
    !local.is_empty()
        && !local.contains('@')
        && host.len() >= 3
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains("..")
        && plain(local)
        && plain(host)
}

/// What is wrong with a new login; nothing: it can be one. Okta's logins look like mail addresses.
pub fn check_login(login: &str) -> Option<String> {
    let length = login.chars().count();
    if !(MIN_LOGIN..=MAX_LOGIN).contains(&length) {
        return Some(format!("login: must have {MIN_LOGIN} to {MAX_LOGIN} characters"));
    }
    if !is_mail_address(login) {
        return Some("login: Username must be in the form of an email address".to_owned());
    }
    LoginKey::normalize(login).err().map(|error| format!("login: {error}"))
}

/// What is wrong with a profile, one text for each attribute, in the form of Okta's causes. Attributes that are null are
/// absent. `login` is not looked at.
pub fn check(profile: &Map<String, Value>) -> Vec<String> {
    let mut wrong = attributes(profile);
    wrong.extend(REQUIRED.into_iter().filter_map(|name| blank(name, profile)));
    wrong.extend(crowded(profile));
    wrong
}

/// What is wrong with a change of some attributes, after which the profile is `next`. What is not named is not looked at: a
/// user from elsewhere may lack what is required here, and nobody is to be told of what they did not touch.
pub fn check_change(named: &Map<String, Value>, next: &Map<String, Value>) -> Vec<String> {
    let mut wrong = attributes(named);
    let required = REQUIRED.into_iter().filter(|name| named.contains_key(*name));
    wrong.extend(required.filter_map(|name| blank(name, named)));
    wrong.extend(crowded(next));
    wrong
}

fn attributes(profile: &Map<String, Value>) -> Vec<String> {
    let given = profile.iter().filter(|(_, value)| !value.is_null());
    given.filter_map(|(name, value)| attribute(name, value)).collect()
}

fn blank(name: &str, profile: &Map<String, Value>) -> Option<String> {
    let blank = match profile.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        // That it is no text is another fault, which is told already.
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
    };
    blank.then(|| format!("{name}: The field cannot be left blank"))
}

fn crowded(profile: &Map<String, Value>) -> Option<String> {
    let custom = profile.keys().filter(|name| is_custom(name)).count();
    (custom > MAX_CUSTOM).then(|| format!("profile: must not have more than {MAX_CUSTOM} custom attributes"))
}

fn is_custom(name: &str) -> bool {
    let base = ["login", "email", "secondEmail"];
    !base.contains(&name) && !VERIFIED.contains(&name) && !TEXTS.iter().any(|(known, _)| *known == name)
}

fn attribute(name: &str, value: &Value) -> Option<String> {
    if name == "login" {
        return None;
    }
    if VERIFIED.contains(&name) {
        return Some(format!("{name}: is read-only"));
    }
    let longest = match name {
        "email" | "secondEmail" => MAX_LOGIN,
        name => match TEXTS.iter().find(|(known, _)| *known == name) {
            Some((_, longest)) => *longest,
            None => return custom(name, value),
        },
    };
    let Some(text) = value.as_str() else { return Some(format!("{name}: must be a string")) };
    if text.chars().count() > longest {
        return Some(format!("{name}: must not have more than {longest} characters"));
    }
    // Security rule X2: what is sent in mails or headers has no line ends.
    if name != "postalAddress" && text.chars().any(char::is_control) {
        return Some(format!("{name}: must not have control characters"));
    }
    if matches!(name, "email" | "secondEmail") && !text.is_empty() && !is_mail_address(text) {
        return Some(format!("{name}: Does not match required pattern"));
    }
    None
}

fn custom(name: &str, value: &Value) -> Option<String> {
    let named = name.len() <= MAX_CUSTOM_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !named {
        let shown: String = name.chars().filter(char::is_ascii_graphic).take(MAX_CUSTOM_NAME).collect();
        return Some(format!("{shown}: is no name of an attribute"));
    }
    let simple = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    let plain = simple(value) || value.as_array().is_some_and(|list| list.iter().all(simple));
    if !plain {
        return Some(format!("{name}: must be a string, a number, a truth value or a list of these"));
    }
    (value.to_string().len() > MAX_CUSTOM_BYTES).then(|| format!("{name}: is too large"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(more: &Value) -> Vec<String> {
        let mut profile = json!({"firstName": "A", "lastName": "B", "email": "a@example.com"});
        profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check(profile.as_object().unwrap())
    }

    #[test]
    fn a_profile_has_names_and_an_address() {
        assert_eq!(wrong(&json!({})), Vec::<String>::new());
        assert_eq!(wrong(&json!({"firstName": "", "lastName": null, "email": " "})).len(), 4);
        assert_eq!(check(&Map::new()).len(), 3);
    }

    #[test]
    fn a_change_is_judged_by_what_it_names() {
        let change = |named: Value| {
            let named = named.as_object().unwrap().clone();
            check_change(&named, &named).len()
        };
        assert_eq!(change(json!({})), 0);
        assert_eq!(change(json!({"city": "Basel", "nickName": null})), 0);
        assert_eq!(change(json!({"firstName": " "})) + change(json!({"email": null})), 2);
        assert_eq!(change(json!({"emailVerified": true})) + change(json!({"city": 7})), 2);
    }

    #[test]
    fn attributes_are_bounded_and_typed() {
        for bad in [
            json!({"firstName": "x".repeat(51)}),
            json!({"firstName": 1}),
            json!({"email": "nobody"}),
            json!({"email": "a@b"}),
            json!({"secondEmail": "a b@example.com"}),
            json!({"displayName": "a\r\nBcc: x@example.com"}),
            json!({"city": 7}),
            json!({"countryCode": "USA"}),
            json!({"emailVerified": true}),
            json!({"phoneNumberVerified": false}),
            json!({"custom": {"a": 1}}),
            json!({"custom": [[1]]}),
            json!({"custom": "x".repeat(5000)}),
            json!({"no name": "x"}),
            json!({"_links": "x"}),
        ] {
            assert_eq!(wrong(&bad).len(), 1, "{bad}");
        }
        let many: Map<String, Value> = (0..65).map(|n| (format!("c{n}"), n.into())).collect();
        assert_eq!(wrong(&Value::Object(many)).len(), 1);
        assert!(
            wrong(&json!({"shoe_size": 43, "tags": ["a", "b"], "member": true, "gone": null})).is_empty()
        );
    }

    #[test]
    fn a_login_looks_like_a_mail_address() {
        for good in ["a@b.c", "isaac.brock@example.com", "\u{5de}\u{5e9}@example.com"] {
            assert_eq!(check_login(good), None, "{good}");
        }
        for bad in [
            "",
            "a@b",
            "plain-name",
            "a b@example.com",
            "a@@example.com",
            "@example.com",
            "a@.com",
            "a@x..com",
        ] {
            assert!(check_login(bad).unwrap().starts_with("login: "), "{bad}");
        }
        assert!(check_login(&format!("{}@example.com", "x".repeat(100))).is_some());
    }
}
