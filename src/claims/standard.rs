//! The standard claims of OpenID Connect Core §5.1 from Okta's profile attributes.
//!
//! | claim | attribute |
//! |---|---|
//! | `name` | `displayName`, or `firstName` and `lastName` |
//! | `given_name`, `family_name`, `middle_name`, `nickname` | `firstName`, `lastName`, `middleName`, `nickName` |
//! | `preferred_username` | the login |
//! | `profile`, `zoneinfo`, `locale` | `profileUrl`, `timezone`, `locale` (`en_US` becomes `en-US`) |
//! | `picture`, `website`, `gender`, `birthdate` | custom attributes of the same name |
//! | `updated_at` | when the profile last changed |
//! | `email`, `email_verified` | `email`, `emailVerified` (only `true` is true; absent: `false`) |
//! | `phone_number` | `primaryPhone`, or `mobilePhone` |
//! | `phone_number_verified` | `phoneNumberVerified` (only `true` is true; absent: `false`) |
//! | `address` | `streetAddress`, `city`, `state`, `zipCode`, `countryCode`; `postalAddress` as `formatted` |
//!
//! A claim without a value is left out: never null, never empty (Core §5.3.2).

use serde_json::{Map, Value};
use time::{Date, Month};

use crate::model::user::{Holder, Profile};

/// Every standard claim that the user has a value for.
pub fn standard(user: &Holder) -> Map<String, Value> {
    let profile = &user.profile;
    let text = |attribute| profile.text(attribute).map(str::to_owned);
    let birthdate = text("birthdate").filter(|date| is_birthdate(date));
    let texts = [
        ("name", profile.full_name()),
        ("given_name", text("firstName")),
        ("family_name", text("lastName")),
        ("middle_name", text("middleName")),
        ("nickname", text("nickName")),
        ("preferred_username", Some(user.login.clone())),
        ("profile", text("profileUrl")),
        ("picture", text("picture")),
        ("website", text("website")),
        ("gender", text("gender")),
        ("birthdate", birthdate),
        ("zoneinfo", text("timezone")),
        ("locale", text("locale").map(|locale| locale.replace('_', "-"))),
    ];
    let mut claims = Map::new();
    for (claim, value) in texts {
        if let Some(value) = value {
            claims.insert(claim.to_owned(), value.into());
        }
    }
    claims.insert("updated_at".to_owned(), user.updated_at.unix_timestamp().into());
    if let Some(email) = text("email") {
        claims.insert("email".to_owned(), email.into());
        claims.insert("email_verified".to_owned(), is_true(profile, "emailVerified").into());
    }
    if let Some(phone) = text("primaryPhone").or_else(|| text("mobilePhone")) {
        claims.insert("phone_number".to_owned(), phone.into());
        claims.insert("phone_number_verified".to_owned(), is_true(profile, "phoneNumberVerified").into());
    }
    if let Some(address) = address(profile) {
        claims.insert("address".to_owned(), Value::Object(address));
    }
    claims
}

fn is_true(profile: &Profile, attribute: &str) -> bool {
    profile.value(attribute) == Some(&Value::Bool(true))
}

/// The Address Claim (Core §5.1.1).
fn address(profile: &Profile) -> Option<Map<String, Value>> {
    let members = [
        ("street_address", profile.text("streetAddress")),
        ("locality", profile.text("city")),
        ("region", profile.text("state")),
        ("postal_code", profile.text("zipCode")),
        ("country", profile.text("countryCode")),
    ];
    let mut address = Map::new();
    if let Some(formatted) =
        profile.text("postalAddress").map(str::to_owned).or_else(|| formatted_address(profile))
    {
        address.insert("formatted".to_owned(), formatted.into());
    }
    for (member, value) in members {
        if let Some(value) = value {
            address.insert(member.to_owned(), value.into());
        }
    }
    (!address.is_empty()).then_some(address)
}

/// Lines separated by `\n`: street; city, region and postal code; country.
fn formatted_address(profile: &Profile) -> Option<String> {
    let region: Vec<&str> = [profile.text("state"), profile.text("zipCode")].into_iter().flatten().collect();
    let region = region.join(" ");
    let town: Vec<&str> = [profile.text("city"), Some(region.as_str())]
        .into_iter()
        .flatten()
        .filter(|s| !s.is_empty())
        .collect();
    let town = town.join(", ");
    let lines = [profile.text("streetAddress"), Some(town.as_str()), profile.text("countryCode")];
    let lines: Vec<&str> = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `YYYY-MM-DD`, `0000-MM-DD` (year left out) or `YYYY` (Core §5.1).
fn is_birthdate(text: &str) -> bool {
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(year), None, None, None) => digits(year, 4) && year != "0000",
        (Some(year), Some(month), Some(day), None) => {
            digits(year, 4) && digits(month, 2) && digits(day, 2) && date(year, month, day).is_some()
        }
        _ => false,
    }
}

/// Year 0 is a leap year, so that 29 February may stand without its year.
fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{id::UserId, model::user::UserStatus};

    pub(in crate::claims) fn user(profile: Value) -> Holder {
        let at = datetime!(2026-01-02 03:04:05.678 UTC);
        Holder {
            id: UserId::new("00ualice"),
            status: UserStatus::Active,
            login: "Alice@example.com".to_owned(),
            profile: serde_json::from_value(profile).unwrap(),
            locked_until: None,
            not_before: at,
            updated_at: at,
        }
    }

    pub(in crate::claims) fn full_profile() -> Value {
        json!({
            "firstName": "Alice", "lastName": "Smith", "middleName": "B.", "nickName": "Al",
            "profileUrl": "https://example.com/alice", "picture": "https://example.com/alice.png",
            "website": "https://alice.example", "gender": "female", "birthdate": "1990-02-28",
            "timezone": "Europe/Berlin", "locale": "en_US", "email": "alice@example.com",
            "emailVerified": true, "mobilePhone": "+49 30 1234", "phoneNumberVerified": true,
            "streetAddress": "Street 1", "city": "Springfield", "state": "IL", "zipCode": "62701",
            "countryCode": "US", "department": "Sales", "floor": 3, "empty": "", "nothing": null,
        })
    }

    #[test]
    fn a_full_profile_has_every_standard_claim() {
        let expected = json!({
            "name": "Alice Smith", "given_name": "Alice", "family_name": "Smith", "middle_name": "B.",
            "nickname": "Al", "preferred_username": "Alice@example.com",
            "profile": "https://example.com/alice", "picture": "https://example.com/alice.png",
            "website": "https://alice.example", "gender": "female", "birthdate": "1990-02-28",
            "zoneinfo": "Europe/Berlin", "locale": "en-US", "updated_at": 1_767_323_045,
            "email": "alice@example.com", "email_verified": true,
            "phone_number": "+49 30 1234", "phone_number_verified": true,
            "address": {
                "formatted": "Street 1\nSpringfield, IL 62701\nUS", "street_address": "Street 1",
                "locality": "Springfield", "region": "IL", "postal_code": "62701", "country": "US",
            },
        });
        assert_eq!(Value::Object(standard(&user(full_profile()))), expected);
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        let bare = standard(&user(json!({
            "firstName": "", "lastName": null, "nickName": "  ", "gender": "null", "city": "", "website": 7,
        })));
        let names: Vec<&String> = bare.keys().collect();
        assert_eq!(names, ["preferred_username", "updated_at"]);
    }

    #[test]
    fn verified_means_a_true_boolean_and_nothing_else() {
        for (verified, expected) in
            [(json!(true), true), (json!("true"), false), (json!(1), false), (json!(null), false)]
        {
            let claims = standard(&user(json!({
                "email": "a@example.com", "emailVerified": verified, "primaryPhone": "+1", "mobilePhone": "+2",
                "phoneNumberVerified": verified,
            })));
            assert_eq!(claims["email_verified"], expected);
            assert_eq!(claims["phone_number_verified"], expected);
            assert_eq!(claims["phone_number"], "+1");
        }
        assert!(!standard(&user(json!({ "emailVerified": true }))).contains_key("email_verified"));
    }

    #[test]
    fn display_name_and_postal_address_win_over_their_parts() {
        let claims = standard(&user(json!({
            "displayName": "Dr. Alice", "firstName": "Alice", "city": "Berlin", "postalAddress": "Box 1\nBerlin",
        })));
        assert_eq!(claims["name"], "Dr. Alice");
        assert_eq!(claims["address"], json!({ "formatted": "Box 1\nBerlin", "locality": "Berlin" }));
    }

    #[test]
    fn a_birthdate_has_one_of_three_forms() {
        for date in ["1990-02-28", "2000-02-29", "0000-02-29", "0000-12-31", "1990"] {
            assert!(is_birthdate(date), "{date}");
        }
        for date in
            ["1990-02-30", "1990-2-3", "1990-13-01", "0000", "19900228", "1990-02", "28.2.1990", "", "+990"]
        {
            assert!(!is_birthdate(date), "{date}");
        }
    }
}
