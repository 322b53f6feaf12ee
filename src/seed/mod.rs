//! Configuration from a YAML file: users, groups, clients, authorization servers, trusted origins, network zones, policies
//! about signing in, profiles of custom tokens, YubiKeys, API tokens.
//!
//! Objects are matched by their key (`login`, `name`, `client_id`, `id`, `origin`); what the file does not name is left
//! alone, and applying a file again changes nothing. Passwords and secrets are set when their object is created, later
//! only with `force: true`. Everything happens in one transaction: a file that is refused changes nothing.

mod apply;
mod document;
mod read;

use std::{fmt, path::Path};

use crate::{app::App, fault::Fault};

/// Why a file was not applied.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A key or value is refused.
    #[error("{file}:{line}: {key}{separator}{problem}", separator = if .key.is_empty() { "" } else { ": " })]
    Invalid {
        /// The file.
        file: String,
        /// The line in it, from 1.
        line: u64,
        /// How one gets to the value: `users[0].login`.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// No verdict was reached.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SeedError {
    fn at(file: &Path, line: u64, key: &str, problem: impl Into<String>) -> Self {
        Self::Invalid { file: file.display().to_string(), line, key: key.to_owned(), problem: problem.into() }
    }
}

/// How many objects a file describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Groups.
    pub groups: usize,
    /// Users.
    pub users: usize,
    /// Clients.
    pub clients: usize,
    /// Authorization servers.
    pub authorization_servers: usize,
    /// Trusted origins.
    pub trusted_origins: usize,
    /// Network zones.
    pub network_zones: usize,
    /// Policies about signing in.
    pub policies: usize,
    /// Profiles of custom one-time password tokens.
    pub factor_profiles: usize,
    /// YubiKeys.
    pub yubikey_tokens: usize,
    /// API tokens.
    pub api_tokens: usize,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} groups, {} users, {} clients, {} authorization servers, {} trusted origins, {} network zones, \
             {} policies, {} factor profiles, {} YubiKeys, {} API tokens",
            self.groups,
            self.users,
            self.clients,
            self.authorization_servers,
            self.trusted_origins,
            self.network_zones,
            self.policies,
            self.factor_profiles,
            self.yubikey_tokens,
            self.api_tokens
        )
    }
}

/// Applies a file to a database that is set up.
///
/// # Errors
/// The file is refused, or the database failed: nothing was changed.
pub async fn apply_file(app: &App, path: &Path) -> Result<Applied, SeedError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| SeedError::Unreadable(format!("{}: {error}", path.display())))?;
    let root = document::parse(&text, path, &|name| std::env::var(name).ok())?;
    let document = read::document(&root, path)?;
    Box::pin(apply::apply(app, document)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let file = Path::new("seed.yaml");
        let outcome = document::parse(text, file, &|name| (name == "SET").then(|| "value".to_owned()))
            .and_then(|root| read::document(&root, file).map(drop));
        outcome.map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
    }

    #[test]
    fn an_unknown_key_is_named_with_file_line_and_known_keys() {
        let error = refusal("users:\n  - login: a@example.com\n    pasword: x\n");
        assert!(
            error.starts_with("seed.yaml:3: users[0].pasword: unknown key; known here: login"),
            "{error}"
        );
        assert!(refusal("user: []\n").starts_with("seed.yaml:1: user: unknown key"));
        let error = refusal("clients:\n- client_id: a\n  redirect_urls: []\n");
        assert!(error.starts_with("seed.yaml:3: clients[0].redirect_urls: unknown key"), "{error}");
    }

    #[test]
    fn bad_metadata_is_named_by_its_member() {
        let client = |more: &str| refusal(&format!("clients:\n  - client_id: a\n    client_name: A\n{more}"));
        let error = client("    application_type: webb\n");
        assert!(error.starts_with("seed.yaml:4: clients[0].application_type: "), "{error}");
        let error = client("    redirect_uris: [\"http://example.com/#x\"]\n");
        assert!(error.starts_with("seed.yaml:4: clients[0].redirect_uris: "), "{error}");
        let error = client(
            "    application_type: browser\n    redirect_uris: [\"https://a.example/\"]\n    pkce_required: false\n",
        );
        assert!(error.starts_with("seed.yaml:6: clients[0].pkce_required: "), "{error}");
        assert_eq!(client("    redirect_uris: [\"https://a.example/cb\"]\n"), "accepted");
    }

    #[test]
    fn values_come_from_variables_and_files() {
        assert_eq!(refusal("users:\n  - login: {env: SET}\n"), "accepted");
        let error = refusal("users:\n  - login: a\n    password: {env: MISSING}\n");
        assert_eq!(error, "seed.yaml:3: users.password: the environment variable MISSING is not set");
        let error =
            refusal("users:\n  - login: {env: ONE}\n    password: {env: TWO}\n  - login: {env: ONE}\n");
        assert_eq!(error, "seed.yaml:2: users.login: the environment variables ONE, TWO are not set");
        assert!(refusal("users:\n  - login: {file: /nowhere/at/all}\n").starts_with("seed.yaml:2: "));
    }

    #[test]
    fn types_are_checked_and_texts_are_not_guessed() {
        let error = refusal("users:\n  - login: a\n    profile:\n      zipCode: 12345\n");
        assert_eq!(error, "seed.yaml:4: users[0].profile.zipCode: must be a text: put it in quotes");
        assert_eq!(
            refusal("users:\n  - login: a\n    profile: {countryCode: NO, zipCode: 01234}\n"),
            "accepted"
        );
        assert_eq!(refusal("users: [\n").split(':').nth(1), Some("1"));
        assert!(refusal("users: []\nusers: []\n").starts_with("seed.yaml:2: "));
        assert!(refusal("users: [{login: a}, {login: a}]").contains("comes twice"));
        assert_eq!(refusal(""), "accepted");
    }

    #[test]
    fn a_claim_has_one_value_and_a_status_is_oktas() {
        let server = |more: &str| refusal(&format!("authorization_servers:\n  - id: default\n    {more}\n"));
        assert!(server("claims: [{name: a, type: RESOURCE}]").contains("exactly one of"));
        assert!(
            server("claims: [{name: a, type: TOKEN, static: 1}]").contains("claims[0].type: must be one of")
        );
        assert_eq!(
            server("claims: [{name: a, type: RESOURCE, static: 1}, {name: a, type: IDENTITY, static: 1}]"),
            "accepted"
        );
        assert!(server("settings: {code_lifetime: 601}").contains("from 1 to 600"));
        assert!(server("settings: {signing_algorithms: [HS256]}").contains("signing_algorithms[0]"));
        assert!(refusal("users: [{login: a, status: ENABLED}]").contains("STAGED, PROVISIONED"));
    }

    /// The public members of a struct, by the source that declares it.
    fn members<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
        let declared = source.split_once(&format!("pub struct {name} {{\n")).unwrap().1;
        let declared = declared.split_once("\n}\n").unwrap().0;
        let member = |line: &'a str| line.strip_prefix("    pub ")?.split_once(':').map(|(name, _)| name);
        declared.lines().filter_map(member).collect()
    }

    #[test]
    fn every_setting_of_a_server_and_every_member_of_a_client_has_a_key_and_an_explanation() {
        let settings = members(include_str!("../model/authorization_server.rs"), "ServerSettings");
        let userinfo = members(include_str!("../model/authorization_server.rs"), "UserinfoSettings");
        let issuer = members(include_str!("../model/authorization_server.rs"), "TrustedIssuer");
        let mut metadata = members(include_str!("../protocol/client_metadata/mod.rs"), "ClientMetadata");
        // Not a member but a family: `client_name#de`.
        metadata.retain(|member| *member != "localized");
        assert!(settings.len() >= 8 && userinfo.len() == 2 && issuer.len() == 4 && metadata.len() > 50);
        let within = |before: &str, key: &str| refusal(&format!("{before}{key}: [[1]]"));
        let setting = "authorization_servers:\n  - id: default\n    settings:\n      ";
        for (before, known) in [
            (setting.to_owned(), &settings),
            (format!("{setting}userinfo:\n        "), &userinfo),
            (format!("{setting}trusted_issuers:\n      - "), &issuer),
            ("clients:\n  - client_id: a\n    ".to_owned(), &metadata),
        ] {
            assert!(within(&before, "unheard_of").contains("unknown key"));
            for key in known {
                let answer = within(&before, key);
                assert!(!answer.contains("unknown key"), "{answer}");
            }
        }
        let example = include_str!("../../tests/seed/complete.yaml");
        let words: Vec<&str> = example.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for key in settings.iter().chain(&userinfo).chain(&issuer).chain(&metadata) {
            assert!(words.contains(key), "{key} is not explained in tests/seed/complete.yaml");
        }
    }

    #[test]
    fn the_documented_example_is_accepted() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seed/complete.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let root = document::parse(&text, &file, &|_| Some("From-The-Environment-1-Of-This-Test".to_owned()))
            .unwrap();
        let document = read::document(&root, &file).unwrap();
        assert!(document.users.len() > 1 && document.clients.len() > 2 && !document.servers.is_empty());
    }
}
