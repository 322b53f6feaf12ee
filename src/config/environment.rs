//! Settings from environment variables: `STEPGATE_DATABASE__URL` is `database.url`.

use std::collections::BTreeMap;

use figment::{
    Error, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

/// The environment, taken once at the start so that tests can bring their own.
pub type Environment = BTreeMap<String, String>;

/// The variables of this process; those that are not Unicode are left out.
pub fn process_environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

const PREFIX: &str = "STEPGATE_";

/// Variables with our prefix that are no settings: the command line's own, and those of the test suite.
fn is_reserved(name: &str) -> bool {
    name == "STEPGATE_CONFIG" || name.starts_with("STEPGATE_TEST_")
}

/// The variables that are settings, as one source.
pub(super) struct Variables(Dict);

impl Variables {
    /// Takes every variable with our prefix but the reserved ones and those that a `{ env = … }` names.
    pub(super) fn of(env: &Environment, named_by_secrets: &[String]) -> Self {
        let mut settings = Dict::new();
        for (name, value) in env {
            let Some(path) = name.strip_prefix(PREFIX) else { continue };
            if is_reserved(name) || named_by_secrets.contains(name) {
                continue;
            }
            let path: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
            insert(&mut settings, &path, value);
        }
        Self(settings)
    }
}

fn insert(settings: &mut Dict, path: &[String], value: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        // Lists and tables are written as in TOML; everything else is a text, also "0123" and "true".
        let value = if value.starts_with(['[', '{']) {
            value.parse().unwrap_or_else(|_| Value::from(value))
        } else {
            Value::from(value)
        };
        settings.insert(first.clone(), value);
        return;
    }
    let nested = settings.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
    if !matches!(nested, Value::Dict(..)) {
        *nested = Value::from(Dict::new());
    }
    if let Value::Dict(_, nested) = nested {
        insert(nested, rest, value);
    }
}

/// The variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The name of this source in metadata.
pub(super) const SOURCE: &str = "environment";

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named(SOURCE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}
