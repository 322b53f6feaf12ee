//! Where a secret setting comes from: written in place, an environment variable, or a file.

use std::{
    fmt,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    ser::SerializeMap,
};
use zeroize::Zeroize;

use super::{ConfigError, Environment};
use crate::secret::Secret;

/// A secret setting: `"text"`, `{ env = "NAME" }` or `{ file = "/path" }`. Shown masked.
#[derive(Clone)]
pub struct SecretSource {
    origin: Origin,
    value: Secret<String>,
}

#[derive(Clone)]
enum Origin {
    Inline,
    Env(String),
    File(PathBuf),
}

/// What is shown instead of a secret.
const MASK: &str = "********";

impl SecretSource {
    /// A secret that was given in place.
    pub fn inline(value: impl Into<String>) -> Self {
        Self { origin: Origin::Inline, value: Secret::new(value.into()) }
    }

    /// The secret.
    pub fn value(&self) -> &Secret<String> {
        &self.value
    }

    /// Whether the secret was written in place.
    pub fn is_inline(&self) -> bool {
        matches!(self.origin, Origin::Inline)
    }

    /// Reads the variable or file; whitespace at the end of a file is not part of the secret.
    pub(super) fn resolve(&mut self, key: &'static str, env: &Environment) -> Result<(), ConfigError> {
        let value = match &self.origin {
            Origin::Inline => return Ok(()),
            Origin::Env(name) => env.get(name).cloned().ok_or_else(|| ConfigError::Secret {
                key,
                problem: format!("the environment variable {name} is not set"),
            })?,
            Origin::File(path) => {
                refuse_readable_by_others(key, path, Reach::Everyone)?;
                let mut text =
                    std::fs::read_to_string(path).map_err(|error| unreadable(key, path, &error))?;
                let value = text.trim_end().to_owned();
                text.zeroize();
                value
            }
        };
        if value.is_empty() {
            return Err(ConfigError::Secret { key, problem: "the secret is empty".to_owned() });
        }
        self.value = Secret::new(value);
        Ok(())
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Inline => f.write_str(MASK),
            Origin::Env(name) => write!(f, "env {name}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, value) = match &self.origin {
            Origin::Inline => return serializer.serialize_str(MASK),
            Origin::Env(name) => ("env", name.clone()),
            Origin::File(path) => ("file", path.display().to_string()),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(kind, &value)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, { env = \"NAME\" } or { file = \"/path\" }")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<SecretSource, E> {
        if value.is_empty() {
            return Err(E::custom("the secret is empty"));
        }
        Ok(SecretSource::inline(value))
    }

    // The default methods would repeat the value in their error.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(E::custom("a secret is a text: put it in quotes"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretSource, E> {
        Err(E::custom("a secret is a text: put it in quotes"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(E::custom("a secret is a text: put it in quotes"))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretSource, E> {
        Err(E::custom("a secret is a text: put it in quotes"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let origin = match map.next_entry::<String, String>()? {
            Some((kind, value)) if kind == "env" => Origin::Env(value),
            Some((kind, value)) if kind == "file" => Origin::File(PathBuf::from(value)),
            Some((kind, _)) => return Err(de::Error::unknown_field(&kind, &["env", "file"])),
            None => return Err(de::Error::custom("expected env or file")),
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("give either env or file, not both"));
        }
        Ok(SecretSource { origin, value: Secret::new(String::new()) })
    }
}

/// Shows an address without its password.
pub(super) fn masked_url<S: Serializer>(
    source: &Option<SecretSource>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match source {
        Some(source) if source.is_inline() => {
            serializer.serialize_str(&without_password(source.value.expose()))
        }
        other => other.serialize(serializer),
    }
}

fn without_password(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(url) if url.query().is_some_and(|query| query.to_ascii_lowercase().contains("password")) => {
            MASK.to_owned()
        }
        Ok(mut url) if url.password().is_some() => {
            // Fails only for addresses that cannot have a password.
            if url.set_password(Some(MASK)).is_err() { MASK.to_owned() } else { url.to_string() }
        }
        Ok(_) => text.to_owned(),
        Err(_) => MASK.to_owned(),
    }
}

/// Whether an address written in place carries a password.
pub(super) fn has_password(source: &SecretSource) -> bool {
    without_password(source.value.expose()) != *source.value.expose()
}

/// Whom a file must be closed to.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// Anybody but the owner.
    Group,
    /// Anybody but the owner and the group.
    Everyone,
}

/// Refuses a file with a secret that others can read.
pub(super) fn refuse_readable_by_others(
    key: &'static str,
    path: &Path,
    reach: Reach,
) -> Result<(), ConfigError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(key, path, &error))?;
    let mode = metadata.permissions().mode() & 0o7777;
    let (mask, fix) = match reach {
        Reach::Group => (0o077, "600"),
        Reach::Everyone => (0o007, "o-rwx"),
    };
    if mode & mask == 0 {
        Ok(())
    } else {
        Err(ConfigError::Permissions { key, path: path.to_owned(), mode, fix })
    }
}

fn unreadable(key: &'static str, path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Secret { key, problem: format!("cannot read {}: {error}", path.display()) }
}
