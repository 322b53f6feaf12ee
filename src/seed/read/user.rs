//! Users, their profiles and passwords.

use serde_json::{Map, Value};

use crate::{
    model::{
        policy::PasswordRules,
        user::{Profile, UserStatus},
    },
    secret::Secret,
    seed::{
        SeedError,
        document::{Members, Place, Reference},
    },
    user::{
        login::LoginKey,
        password_policy::{self, Owner},
    },
};

pub(in crate::seed) struct User {
    pub(in crate::seed) login: String,
    pub(in crate::seed) key: LoginKey,
    pub(in crate::seed) profile: Map<String, Value>,
    pub(in crate::seed) password: Option<Password>,
    pub(in crate::seed) force: bool,
    pub(in crate::seed) status: Option<UserStatus>,
    pub(in crate::seed) admin: Option<bool>,
    pub(in crate::seed) groups: Option<Vec<Reference>>,
}

pub(in crate::seed) enum Password {
    Clear(Secret<String>),
    Hash(Secret<String>),
}

/// Okta's base profile and the attributes that standard claims are made of (OpenID Connect Core §5.1).
const ATTRIBUTES: [&str; 36] = [
    "firstName",
    "middleName",
    "lastName",
    "honorificPrefix",
    "honorificSuffix",
    "title",
    "displayName",
    "nickName",
    "profileUrl",
    "email",
    "emailVerified",
    "secondEmail",
    "mobilePhone",
    "primaryPhone",
    "phoneNumberVerified",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
    "postalAddress",
    "preferredLanguage",
    "locale",
    "timezone",
    "userType",
    "employeeNumber",
    "costCenter",
    "organization",
    "division",
    "department",
    "managerId",
    "manager",
    "picture",
    "website",
    "gender",
    "birthdate",
];

pub(super) fn user(place: &Place<'_>, force: bool) -> Result<User, SeedError> {
    let known =
        ["login", "password", "password_hash", "force", "status", "admin", "groups", "profile", "custom"];
    let members = place.members(&known)?;
    let login = members.load("login")?;
    let key = LoginKey::normalize(&login.text()?).map_err(|error| login.error(error.to_string()))?;
    Ok(User {
        login: login.text()?,
        key,
        profile: profile(&members)?,
        password: password(&members, &login.text()?)?,
        force: members.flag("force")?.unwrap_or(force),
        status: members.opt("status", |place| {
            UserStatus::parse(&place.text()?).ok_or_else(|| {
                place.error(format!("must be one of {}", UserStatus::ALL.map(UserStatus::as_str).join(", ")))
            })
        })?,
        admin: members.flag("admin")?,
        groups: members.opt("groups", |place| place.references())?,
    })
}

fn profile(members: &Members<'_>) -> Result<Map<String, Value>, SeedError> {
    let mut profile = Map::new();
    if let Some(place) = members.find("profile") {
        for (name, value) in place.members(&ATTRIBUTES)?.all() {
            let read = match name {
                _ if value.json().is_null() => Value::Null,
                "emailVerified" | "phoneNumberVerified" => value.bool()?.into(),
                _ => value.text()?.into(),
            };
            profile.insert(name.to_owned(), read);
        }
    }
    if let Some(place) = members.find("custom") {
        for (name, value) in place.any_members()?.all() {
            if ATTRIBUTES.contains(&name) {
                return Err(value.error("belongs into `profile`"));
            }
            profile.insert(name.to_owned(), value.json());
        }
    }
    Ok(profile)
}

fn password(members: &Members<'_>, login: &str) -> Result<Option<Password>, SeedError> {
    let hash = members.opt("password_hash", |place| {
        let hash = place.text()?;
        if hash.starts_with("$argon2id$") && hash.split('$').count() == 6 {
            Ok(Password::Hash(Secret::new(hash)))
        } else {
            Err(place.error("must be an argon2id hash in PHC form: $argon2id$v=19$…"))
        }
    })?;
    let clear = members.opt("password", |place| {
        let password = place.text()?;
        let owner = Owner { login, profile: &Profile::default() };
        let lacks = password_policy::check(&password, owner, &PasswordRules::default());
        if !lacks.is_empty() {
            let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
            return Err(place.error(lacks.join(", ")));
        }
        if hash.is_some() {
            return Err(place.error("and `password_hash` exclude each other"));
        }
        Ok(Password::Clear(Secret::new(password)))
    })?;
    Ok(clear.or(hash))
}
