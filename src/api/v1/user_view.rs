//! A user as Okta's clients see one. Nothing secret is in here: of a password it is told that there is one.

use http::HeaderMap;
use poem_openapi::{Object, types::Any};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{
    model::user::{User, UserStatus},
    protocol::timestamp::timestamp,
    user::lifecycle::{self, Change, PasswordPresence},
};

/// A user, for the document.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub(super) struct UserObject {
    /// `00u…`
    id: String,
    /// `STAGED`, `PROVISIONED`, `ACTIVE`, `RECOVERY`, `PASSWORD_EXPIRED`, `LOCKED_OUT`, `SUSPENDED` or `DEPROVISIONED`.
    status: String,
    /// When the user was created.
    created: String,
    /// When the user was activated.
    activated: Option<String>,
    /// When the status changed.
    status_changed: Option<String>,
    /// The last sign-in.
    last_login: Option<String>,
    /// When the profile changed.
    last_updated: String,
    /// When the password was set.
    password_changed: Option<String>,
    /// The type of the user.
    #[oai(rename = "type")]
    kind: Any<Value>,
    /// The attributes.
    profile: Any<Value>,
    /// What the user signs in with, without anything secret.
    credentials: Any<Value>,
    /// What can be done now.
    #[oai(rename = "_links")]
    links: Any<Value>,
}

/// What a request wants left out (`okta-response` in its `Content-Type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Omitted {
    credentials: bool,
    credentials_links: bool,
}

impl Omitted {
    /// Reads the parameter.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let parameter = text.unwrap_or_default().split(';').map(str::trim).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("okta-response").then(|| value.trim_matches('"'))
        });
        let names =
            |wanted: &str| parameter.is_some_and(|value| value.split(',').any(|name| name.trim() == wanted));
        Self { credentials: names("omitCredentials"), credentials_links: names("omitCredentialsLinks") }
    }
}

/// Who looks, and at what time.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The org issuer.
    pub(super) issuer: &'a str,
    /// The id of the type of users.
    pub(super) type_id: &'a str,
    /// The question of recovery, if there is one.
    pub(super) question: Option<&'a str>,
    /// What is left out.
    pub(super) omitted: Omitted,
    /// The time.
    pub(super) now: OffsetDateTime,
}

impl View<'_> {
    /// The document.
    pub(super) fn of(&self, user: &User) -> Value {
        let mut document = json!({
            "id": user.id,
            "status": user.status_at(self.now).as_str(),
            "created": timestamp(user.created_at),
            "activated": user.activated_at.map(timestamp),
            "statusChanged": timestamp(user.status_changed_at(self.now)),
            "lastLogin": user.last_login_at.map(timestamp),
            "lastUpdated": timestamp(user.updated_at(self.now)),
            "passwordChanged": user.password_changed_at.map(timestamp),
            "type": { "id": self.type_id },
            "profile": profile(user),
            "_links": self.links(user),
        });
        if let (false, Some(document)) = (self.omitted.credentials, document.as_object_mut()) {
            document.insert("credentials".to_owned(), self.credentials(user));
        }
        document
    }

    /// What the user signs in with.
    pub(super) fn credentials(&self, user: &User) -> Value {
        let mut credentials = Map::new();
        if user.password_hash.is_some() {
            credentials.insert("password".to_owned(), json!({}));
        }
        if let Some(question) = self.question {
            credentials.insert("recovery_question".to_owned(), json!({ "question": question }));
        }
        credentials.insert("provider".to_owned(), json!({ "type": "OKTA", "name": "OKTA" }));
        Value::Object(credentials)
    }

    /// Derived from the life cycle: what is not offered is refused, too.
    fn links(&self, user: &User) -> Value {
        let base = format!("{}/api/v1/users/{}", self.issuer, user.id);
        let mut links = Map::new();
        links.insert("self".to_owned(), json!({ "href": base }));
        let mut offer = |name: &str, path: &str| {
            links.insert(name.to_owned(), json!({ "href": format!("{base}/{path}"), "method": "POST" }));
        };
        let possible = |change| lifecycle::next(user.status, change).is_ok();
        for (name, path, change) in [
            ("activate", "lifecycle/activate", Change::Activate(PasswordPresence::Unset)),
            ("reactivate", "lifecycle/reactivate", Change::Reactivate),
            ("deactivate", "lifecycle/deactivate", Change::Deactivate),
            ("suspend", "lifecycle/suspend", Change::Suspend),
            ("unsuspend", "lifecycle/unsuspend", Change::Unsuspend),
        ] {
            if possible(change) {
                offer(name, path);
            }
        }
        if user.status_at(self.now) == UserStatus::LockedOut {
            offer("unlock", "lifecycle/unlock");
        }
        if user.status != UserStatus::Deprovisioned {
            offer("resetFactors", "lifecycle/reset_factors");
        }
        if !self.omitted.credentials_links {
            let has_password = user.password_hash.is_some();
            for (name, path, offered) in [
                ("resetPassword", "lifecycle/reset_password", possible(Change::ResetPassword)),
                ("expirePassword", "lifecycle/expire_password", possible(Change::ExpirePassword)),
                ("forgotPassword", "credentials/forgot_password", user.is_active() && has_password),
                (
                    "changeRecoveryQuestion",
                    "credentials/change_recovery_question",
                    user.is_active() && has_password,
                ),
                (
                    "changePassword",
                    "credentials/change_password",
                    has_password && matches!(user.status, UserStatus::Active | UserStatus::PasswordExpired),
                ),
            ] {
                if offered {
                    offer(name, path);
                }
            }
        }
        Value::Object(links)
    }
}

/// The attributes with the login among them, as Okta has it.
fn profile(user: &User) -> Value {
    let mut profile = user.profile.0.clone();
    profile.insert("login".to_owned(), json!(user.login));
    Value::Object(profile)
}

/// The tag of what is stored of a user (RFC 9110 §8.8.3): weak, since links depend on the time too.
pub(super) fn etag(user: &User) -> String {
    let state = json!([
        user.id,
        user.status.as_str(),
        profile(user),
        timestamp(user.updated_at),
        timestamp(user.status_changed_at),
    ]);
    let digest = Sha256::digest(state.to_string().as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said_in_the_media_type() {
        let omitted = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::CONTENT_TYPE, text.parse().unwrap());
            Omitted::of(&headers)
        };
        assert_eq!(omitted("application/json"), Omitted::default());
        let both = omitted("application/json; okta-response=\"omitCredentials,omitCredentialsLinks\"");
        assert!(both.credentials && both.credentials_links);
        assert!(omitted("application/json; okta-response=omitCredentialsLinks").credentials_links);
    }
}
