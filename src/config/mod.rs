//! The settings: one TOML file and `STEPGATE_*` variables, read and checked once at the start. Unknown
//! keys stop the start; secrets may live in variables or files and are never shown.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    error::Kind,
    providers::{Format, Toml},
};
use serde::{Deserialize, Serialize};

mod client_certificates;
mod cookies;
mod database;
mod duration;
mod environment;
mod error;
mod fetch;
mod internal;
mod issuer;
mod keys;
mod limits;
mod listen;
mod logs;
mod mail;
mod redis;
mod registration;
mod secret_source;
mod sessions;
mod telephony;
mod tokens;
mod webauthn;

pub use self::redis::Redis;
pub use client_certificates::ClientCertificates;
pub use cookies::{Cookies, SameSite};
pub use database::Database;
pub use environment::{Environment, process_environment};
pub use error::ConfigError;
pub use fetch::Fetch;
pub use internal::Internal;
pub use issuer::{Issuer, IssuerError};
pub use keys::Keys;
pub use limits::{Argon2, Body, Limits, Timeouts};
pub use listen::{Address, Listen, Mtls, TlsFiles};
pub use logs::Logs;
pub use mail::{Mail, MailTls};
pub use registration::Registration;
pub use secret_source::SecretSource;
pub use sessions::Sessions;
pub use telephony::{Hook, Telephony, TwilioAccount};
pub use tokens::Tokens;
pub use webauthn::Webauthn;

use crate::telemetry::LogFormat;

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The public https origin of this server, repeated in every token; without path or trailing slash.
    pub issuer: Issuer,
    /// Folder for the embedded database.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// Where clients reach the server.
    #[serde(default)]
    pub listen: Listen,
    /// The listener for health checks and metrics.
    #[serde(default)]
    pub internal: Internal,
    /// Where the truth is kept.
    #[serde(default)]
    pub database: Database,
    /// The cache that nodes share.
    #[serde(default)]
    pub redis: Redis,
    /// The master key and the rotation of signing keys.
    #[serde(default)]
    pub keys: Keys,
    /// Rates, password hashing, body sizes, timeouts.
    #[serde(default)]
    pub limits: Limits,
    /// How the session cookie travels.
    #[serde(default)]
    pub cookies: Cookies,
    /// What is written down.
    #[serde(default)]
    pub logs: Logs,
    /// What the server may fetch.
    #[serde(default)]
    pub fetch: Fetch,
    /// How long a sign-in lasts.
    #[serde(default)]
    pub sessions: Sessions,
    /// How long codes and tokens last.
    #[serde(default)]
    pub tokens: Tokens,
    /// Who may register clients.
    #[serde(default)]
    pub registration: Registration,
    /// Where clients are asked for certificates (RFC 8705).
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// The server that mails leave through.
    #[serde(default)]
    pub mail: Mail,
    /// Who carries text messages and calls.
    #[serde(default)]
    pub telephony: Telephony,
    /// Passkeys and security keys.
    #[serde(default)]
    pub webauthn: Webauthn,
}

fn default_data() -> PathBuf {
    PathBuf::from("/var/lib/stepgate")
}

/// What `stepgate dev` may choose.
#[derive(Clone, Debug)]
pub struct DevOptions {
    /// The port to listen on.
    pub port: u16,
    /// The address to listen on; loopback when absent.
    pub listen: Option<IpAddr>,
    /// The issuer; `http://localhost:<port>` when absent.
    pub issuer: Option<String>,
    /// Folder for the embedded database and the generated master key.
    pub data: PathBuf,
    /// Whether anybody may register a client (RFC 7591 §3).
    pub open_registration: bool,
    /// What the server may fetch.
    pub fetch: Fetch,
    /// How messages leave, beside the page that shows them.
    pub messages: Messages,
}

/// The sections about messages, which `stepgate dev` takes from the environment too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Messages {
    /// The server that mails leave through.
    pub mail: Mail,
    /// Who carries text messages and calls.
    pub telephony: Telephony,
}

impl Messages {
    /// Reads the variables `STEPGATE_MAIL__…` and `STEPGATE_TELEPHONY__…`.
    ///
    /// # Errors
    ///
    /// The first problem found.
    pub fn from_environment(env: &Environment) -> Result<Self, ConfigError> {
        let mut concerned = env.clone();
        concerned.retain(|name, _| {
            ["STEPGATE_MAIL__", "STEPGATE_TELEPHONY__"].iter().any(|prefix| name.starts_with(prefix))
        });
        let figment = Figment::new().merge(environment::Variables::of(&concerned, &[]));
        let mut messages: Self = figment.extract_lossy().map_err(|error| describe(&figment, &error))?;
        for (key, secret) in messages.mail.secrets().chain(messages.telephony.secrets()) {
            secret.resolve(key, env)?;
        }
        messages.mail.validate()?;
        messages.telephony.validate()?;
        Ok(messages)
    }
}

impl Config {
    /// Reads the file, then the variables over it, and checks everything once.
    ///
    /// # Errors
    ///
    /// The first problem found, naming the key, where it was read, and what to do.
    pub fn load(path: Option<&Path>, env: &Environment) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        let mut named_by_secrets = Vec::new();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
            // A file that is not TOML is reported by the extraction below.
            if let Ok(table) = text.parse::<toml::Table>() {
                collect_variable_names(&toml::Value::Table(table), &mut named_by_secrets);
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        figment = figment.merge(environment::Variables::of(env, &named_by_secrets));
        let mut config: Self = figment.extract_lossy().map_err(|error| describe(&figment, &error))?;
        for (key, secret) in config.secrets() {
            if let Some(path) = path
                && is_exposed(key, secret)
                && figment.find_metadata(key).is_some_and(|metadata| metadata.name != environment::SOURCE)
            {
                secret_source::refuse_readable_by_others(key, path, secret_source::Reach::Group)?;
            }
            secret.resolve(key, env)?;
        }
        config.keys.require_master_key()?;
        config.listen.validate()?;
        config.validate()?;
        Ok(config)
    }

    /// The settings of `stepgate dev`: loopback, http, an embedded database, readable logs. Without a
    /// master key: the command makes one in the data folder and puts it into `keys.master_key`.
    ///
    /// # Errors
    ///
    /// The issuer is neither https nor on localhost, or a host to fetch from is none.
    pub fn dev(options: DevOptions) -> Result<Self, ConfigError> {
        options.fetch.validate()?;
        let issuer = options.issuer.unwrap_or_else(|| format!("http://localhost:{}", options.port));
        let address = options.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Self {
            issuer: Issuer::dev(&issuer)
                .map_err(|error| ConfigError::invalid("issuer", error.to_string()))?,
            data: options.data,
            listen: Listen {
                addresses: vec![Address::Tcp(SocketAddr::new(address, options.port))],
                ..Listen::default()
            },
            internal: Internal::default(),
            database: Database::default(),
            redis: Redis::default(),
            keys: Keys::default(),
            limits: Limits::default(),
            cookies: Cookies::default(),
            logs: Logs { format: LogFormat::Pretty, ..Logs::default() },
            fetch: options.fetch,
            sessions: Sessions::default(),
            tokens: Tokens::default(),
            registration: Registration { open: options.open_registration, ..Registration::default() },
            client_certificates: ClientCertificates::default(),
            mail: options.messages.mail,
            telephony: options.messages.telephony,
            webauthn: Webauthn::default(),
        })
    }

    /// All settings as TOML with secrets masked, for `--print-config`.
    ///
    /// # Errors
    ///
    /// A path is not Unicode.
    pub fn masked(&self) -> Result<String, ConfigError> {
        toml::to_string(self)
            .map_err(|error| ConfigError::Syntax { place: "settings".to_owned(), problem: error.to_string() })
    }

    /// The database's address: the configured one, or the file `stepgate.db` in the data folder.
    pub fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.value().expose().clone(),
            None => format!("sqlite:{}", self.data.join("stepgate.db").display()),
        }
    }

    /// The `SameSite` attribute of the session cookie.
    pub fn same_site(&self) -> SameSite {
        self.cookies.same_site.unwrap_or(if self.issuer.is_https() { SameSite::None } else { SameSite::Lax })
    }

    fn secrets(&mut self) -> impl Iterator<Item = (&'static str, &mut SecretSource)> {
        [
            ("database.url", self.database.url.as_mut()),
            ("redis.url", self.redis.url.as_mut()),
            ("keys.master_key", self.keys.master_key.as_mut()),
        ]
        .into_iter()
        .filter_map(|(key, secret)| Some((key, secret?)))
        .chain(self.registration.secrets())
        .chain(self.mail.secrets())
        .chain(self.telephony.secrets())
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.internal.validate(&self.listen.addresses)?;
        self.database.validate()?;
        self.redis.validate()?;
        self.keys.validate()?;
        self.limits.validate()?;
        self.fetch.validate()?;
        self.sessions.validate()?;
        self.tokens.validate()?;
        self.registration.validate()?;
        self.client_certificates.validate(&self.listen)?;
        self.mail.validate()?;
        self.telephony.validate()?;
        self.webauthn.validate()?;
        // RFC 6265bis: SameSite=None without Secure is dropped by browsers.
        if self.same_site() == SameSite::None && !self.issuer.is_https() {
            return Err(ConfigError::invalid(
                "cookies.same_site",
                "is none, which browsers accept only on https",
            ));
        }
        Ok(())
    }
}

/// Whether a setting written in place is a secret: addresses are only when they carry a password.
fn is_exposed(key: &str, secret: &SecretSource) -> bool {
    secret.is_inline() && (!key.ends_with(".url") || secret_source::has_password(secret))
}

/// The variables that `{ env = "NAME" }` tables name: they are no settings, whatever their prefix.
fn collect_variable_names(value: &toml::Value, names: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                match value {
                    toml::Value::String(name) if key == "env" => names.push(name.clone()),
                    other => collect_variable_names(other, names),
                }
            }
        }
        toml::Value::Array(values) => values.iter().for_each(|value| collect_variable_names(value, names)),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

/// Turns figment's error into ours, which names the key and the file or variable it came from.
fn describe(figment: &Figment, error: &figment::Error) -> ConfigError {
    let path = error.path.join(".");
    let place = |key: &str| match figment.find_metadata(key).or(error.metadata.as_ref()) {
        Some(metadata) if metadata.name == environment::SOURCE => environment::variable(key),
        Some(metadata) => {
            metadata.source.as_ref().map_or_else(|| metadata.name.to_string(), ToString::to_string)
        }
        None => "settings".to_owned(),
    };
    match &error.kind {
        Kind::UnknownField(field, known) => {
            // The path ends with the field when the value's own source refused it.
            let key = match error.path.last() {
                Some(last) if last == field => path.clone(),
                Some(_) => format!("{path}.{field}"),
                None => field.clone(),
            };
            let place = place(&key);
            ConfigError::UnknownKey { key, place, known: known.join(", ") }
        }
        Kind::MissingField(field) => {
            let key = if path.is_empty() { field.to_string() } else { format!("{path}.{field}") };
            let advice = format!("set it in the file or as {}", environment::variable(&key));
            ConfigError::Missing { key, advice }
        }
        problem if path.is_empty() => ConfigError::Syntax { place: place(""), problem: problem.to_string() },
        problem => ConfigError::Syntax { place: place(&path), problem: format!("`{path}`: {problem}") },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::limit::rate::{Bucket, Rate};

    const KEY: &str = "0123456789012345678901234567890123456789abc";

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let files = Files::new();
        let path = files.write("stepgate.toml", 0o600, text);
        Config::load(Some(&path), &env(pairs))
    }

    fn minimal(more: &str) -> String {
        format!(
            "issuer = \"https://id.example.com\"\nkeys.master_key = \"{KEY}\"\nlisten.trusted_proxies = [\"10.0.0.0/8\"]\n{more}"
        )
    }

    fn refusal(more: &str) -> String {
        load(&minimal(more), &[]).unwrap_err().to_string()
    }

    #[test]
    fn a_minimal_file_gets_the_defaults() {
        let config = load(&minimal(""), &[]).unwrap();
        assert_eq!(config.sessions.idle.as_secs(), 7200);
        assert_eq!(config.sessions.absolute.as_secs(), 43_200);
        assert_eq!(config.database_url(), "sqlite:/var/lib/stepgate/stepgate.db");
        assert_eq!(config.same_site(), SameSite::None);
        assert_eq!(config.limits.argon2.permits_for(2), 1);
        assert_eq!(config.keys.master_key.unwrap().value().expose(), KEY);
    }

    #[test]
    fn variables_go_over_the_file() {
        let config = load(
            &minimal("[limits.rates]\nuser_code = \"5/1m\""),
            &[
                ("STEPGATE_DATABASE__URL", "postgres://app:hunter2@db/stepgate"),
                ("STEPGATE_LISTEN__ADDRESSES", r#"["127.0.0.1:8080", "unix:/run/s.sock"]"#),
                ("STEPGATE_LIMITS__ARGON2__PERMITS", "3"),
                ("STEPGATE_FETCH__ALLOW_HTTP", "true"),
                ("STEPGATE_SESSIONS__IDLE", "30m"),
                ("STEPGATE_CONFIG", "ignored"),
                ("STEPGATE_TEST_REQUIRE", "ignored"),
                ("PATH", "ignored"),
            ],
        )
        .unwrap();
        assert_eq!(config.database_url(), "postgres://app:hunter2@db/stepgate");
        assert_eq!(config.listen.addresses.len(), 2);
        assert_eq!(config.limits.argon2.permits, 3);
        assert!(config.fetch.allow_http);
        assert_eq!(config.sessions.idle.as_secs(), 1800);
        assert_eq!(config.limits.rates.of(Bucket::UserCode), Some(Rate::per_minute(5)));
    }

    #[test]
    fn variables_alone_are_enough() {
        let files = Files::new();
        let key = files.write("master.key", 0o600, &format!("{KEY}\n"));
        let config = Config::load(
            None,
            &env(&[
                ("STEPGATE_ISSUER", "https://id.example.com"),
                ("STEPGATE_KEYS__MASTER_KEY__FILE", key.to_str().unwrap()),
                ("STEPGATE_LISTEN__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
            ]),
        )
        .unwrap();
        assert_eq!(config.keys.master_key.unwrap().value().expose(), KEY);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_place() {
        let files = Files::new();
        let path = files.write("stepgate.toml", 0o600, &minimal("[database]\nurll = \"sqlite:x\""));
        let text = Config::load(Some(&path), &env(&[])).unwrap_err().to_string();
        assert!(
            text.contains("`database.urll`") && text.contains("stepgate.toml") && text.contains("url,"),
            "{text}"
        );
        assert!(refusal("[databse]\nurl = \"sqlite:x\"").contains("`databse`"));
        assert!(refusal("[limits.rates]\nusercode = \"5/1m\"").contains("usercode"));
        let text = load(&minimal(""), &[("STEPGATE_DATABASE__URLL", "x")]).unwrap_err().to_string();
        assert!(text.contains("STEPGATE_DATABASE__URLL") && text.contains("`database.urll`"), "{text}");
        let text = load(&minimal(""), &[("STEPGATE_DATABSE", "x")]).unwrap_err().to_string();
        assert!(text.contains("STEPGATE_DATABSE"), "{text}");
    }

    #[test]
    fn wrong_values_name_their_key() {
        for (more, key) in [
            ("[sessions]\nidle = \"soon\"", "sessions.idle"),
            ("[sessions]\nidle = \"13h\"", "sessions.idle"),
            ("[listen]\naddresses = [\"localhost\"]", "listen.addresses"),
            ("[limits.argon2]\nlanes = 0", "limits.argon2"),
            ("[limits.timeouts]\nheader = \"0s\"", "limits.timeouts"),
            ("[tokens]\nauthorization_code = \"11m\"", "tokens.authorization_code"),
            ("[tokens]\npushed_request = \"10m\"", "tokens.pushed_request"),
            ("[database]\nurl = \"mysql://x\"", "database.url"),
            ("[redis]\nurl = \"http://x\"", "redis.url"),
            ("[fetch]\nallow_hosts = [\"https://x/\"]", "fetch.allow_hosts"),
            ("[logs]\nformat = \"xml\"", "logs.format"),
            ("[internal]\naddress = \"0.0.0.0:8443\"", "internal.address"),
            ("[mail]\nhost = \"mail.example.com\"", "mail.from"),
            ("[mail]\nfrom = \"a@example.com\"", "mail.host"),
            ("[mail]\nhost = \"smtp://x/\"\nfrom = \"a@example.com\"", "mail.host"),
            ("[mail]\nhost = \"localhost\"\nfrom = \"nobody\"", "mail.from"),
            ("[mail]\nhost = \"localhost\"\nfrom = \"a@example.com\"\nusername = \"a\"", "mail.password"),
            ("[mail]\nhost = \"localhost\"\nfrom = \"a@example.com\"\ntimeout = \"1m\"", "mail.timeout"),
            ("[mail]\nhost = \"localhost\"\nfrom = \"a@example.com\"\ntls = \"ssl\"", "mail.tls"),
            (
                "[mail]\nhost = \"mail.example.com\"\nfrom = \"a@example.com\"\ntls = \"none\"\nusername = \"a\"\npassword = \"b\"",
                "mail.tls",
            ),
            ("[telephony.hook]\nurl = \"http://hook.example.com/\"\nsecret = \"x\"", "telephony.hook.url"),
            (
                "[telephony.hook]\nurl = \"https://a:b@hook.example.com/\"\nsecret = \"x\"",
                "telephony.hook.url",
            ),
            ("[telephony.hook]\nurl = \"https://hook.example.com/\"", "telephony.hook.secret"),
            ("[webauthn]\nrelated_origins = [\"https://a.example/\"]", "webauthn.related_origins"),
            ("[webauthn]\nrelated_origins = [\"http://a.example\"]", "webauthn.related_origins"),
            ("[telephony.twilio]\naccount_sid = \"../x\"\nauth_token = \"x\"\nfrom = \"+1\"", "account_sid"),
        ] {
            let text = match more {
                "[listen]\naddresses = [\"localhost\"]" => load(
                    &minimal("").replace("listen.trusted_proxies", "listen.addresses = [\"localhost\"]\n#"),
                    &[],
                )
                .unwrap_err()
                .to_string(),
                _ => refusal(more),
            };
            assert!(text.contains(key), "{more}: {text}");
        }
        assert!(load("", &[]).unwrap_err().to_string().contains("STEPGATE_ISSUER"));
        assert!(load("issuer = ", &[]).unwrap_err().to_string().contains("stepgate.toml"));
        let text = load("issuer = \"http://id.example.com\"", &[]).unwrap_err().to_string();
        assert!(text.contains("issuer") && text.contains("not https"), "{text}");
        let text = load("issuer = \"https://id.example.com\"", &[]).unwrap_err().to_string();
        assert!(text.contains("keys.master_key"), "{text}");
        assert!(matches!(
            Config::load(Some(Path::new("/nowhere/stepgate.toml")), &env(&[])),
            Err(ConfigError::Unreadable { .. })
        ));
    }

    #[test]
    fn plain_http_is_refused_where_others_could_listen() {
        let open = format!("issuer = \"https://id.example.com\"\nkeys.master_key = \"{KEY}\"\n");
        let text = load(&open, &[]).unwrap_err().to_string();
        assert!(text.contains("listen.addresses") && text.contains("listen.tls"), "{text}");
        for closed in ["127.0.0.1:8080", "[::1]:8080", "unix:/run/stepgate.sock"] {
            assert!(load(&format!("{open}listen.addresses = [\"{closed}\"]"), &[]).is_ok(), "{closed}");
        }
    }

    #[test]
    fn files_with_secrets_must_be_closed_to_others() {
        let files = Files::new();
        let path = files.write("stepgate.toml", 0o640, &minimal(""));
        let text = Config::load(Some(&path), &env(&[])).unwrap_err().to_string();
        assert!(
            text.contains("keys.master_key") && text.contains("0640") && text.contains("chmod 600"),
            "{text}"
        );
        // The same file without a secret in place may be read by anybody.
        let key = files.write("master.key", 0o640, KEY);
        let with_file =
            minimal("").replace(&format!("\"{KEY}\""), &format!("{{ file = \"{}\" }}", key.display()));
        let path = files.write("open.toml", 0o644, &with_file);
        assert!(Config::load(Some(&path), &env(&[])).is_ok());
        files.write("master.key", 0o644, KEY);
        let text = Config::load(Some(&path), &env(&[])).unwrap_err().to_string();
        assert!(text.contains("master.key") && text.contains("chmod o-rwx"), "{text}");
        // An address is a secret only with a password.
        for (url, accepted) in [("postgres://db/x", true), ("postgres://a:b@db/x", false)] {
            let text = with_file.clone() + &format!("database.url = \"{url}\"");
            files.write("master.key", 0o600, KEY);
            let path = files.write("open.toml", 0o644, &text);
            assert_eq!(Config::load(Some(&path), &env(&[])).is_ok(), accepted, "{url}");
        }
    }

    #[test]
    fn tls_keys_must_be_closed_to_everyone() {
        let files = Files::new();
        let key = files.write("key.pem", 0o644, "");
        let tls = format!("[listen.tls]\ncertificate = \"c.pem\"\nkey = \"{}\"", key.display());
        assert!(refusal(&tls).contains("listen.tls.key"));
        files.write("key.pem", 0o640, "");
        assert!(load(&minimal(&tls), &[]).is_ok());
    }

    #[test]
    fn secrets_come_from_variables_and_files() {
        let from_env = minimal("").replace(&format!("\"{KEY}\""), "{ env = \"STEPGATE_SECRET\" }");
        let config = load(&from_env, &[("STEPGATE_SECRET", KEY)]).unwrap();
        assert_eq!(config.keys.master_key.unwrap().value().expose(), KEY);
        let text = load(&from_env, &[]).unwrap_err().to_string();
        assert!(text.contains("STEPGATE_SECRET") && text.contains("keys.master_key"), "{text}");
        let text = load(&minimal("").replace(&format!("\"{KEY}\""), "{ vault = \"x\" }"), &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains("vault"), "{text}");
        let text =
            load(&minimal("").replace(&format!("\"{KEY}\""), "12345678"), &[]).unwrap_err().to_string();
        assert!(text.contains("keys.master_key") && !text.contains("12345678"), "{text}");
    }

    #[test]
    fn printed_settings_are_masked_and_can_be_read_again() {
        let config = load(
            &minimal("[database]\nurl = \"postgres://app:hunter2@db/x\"\n[redis]\nurl = \"redis://:hunter2@cache\""),
            &[],
        )
        .unwrap();
        let printed = config.masked().unwrap();
        assert!(!printed.contains("hunter2") && !printed.contains(KEY), "{printed}");
        assert!(printed.contains("app:") && printed.contains("idle = \"2h\""), "{printed}");
        let debugged = format!("{config:?}");
        assert!(!debugged.contains("hunter2") && !debugged.contains(KEY));
        assert!(toml::from_str::<Config>(&printed).is_ok(), "{printed}");
    }

    #[test]
    fn messages_leave_as_configured() {
        let text = "[mail]\nhost = \"smtp.example.com\"\nfrom = \"Example <a@example.com>\"\nusername = \"u\"\n\
                    password = { env = \"SMTP_PASSWORD\" }\n\
                    [telephony.hook]\nurl = \"http://127.0.0.1:9/otp\"\nsecret = \"hook-secret\"\n";
        let config = load(&minimal(text), &[("SMTP_PASSWORD", "hunter2")]).unwrap();
        let mail = config.mail.options(&config.issuer, None).unwrap();
        assert_eq!(
            (mail.host.as_str(), mail.port, mail.domain.as_str()),
            ("smtp.example.com", 587, "id.example.com")
        );
        assert_eq!(mail.credentials.unwrap().1.expose(), "hunter2");
        assert_eq!(config.telephony.hook_options(&config.issuer).unwrap().header, "Authorization");
        let printed = config.masked().unwrap();
        assert!(!printed.contains("hunter2") && !printed.contains("hook-secret"), "{printed}");
        assert!(toml::from_str::<Config>(&printed).is_ok(), "{printed}");
        let both =
            format!("{text}[telephony.twilio]\naccount_sid = \"AC1\"\nauth_token = \"x\"\nfrom = \"+1\"\n");
        let text = load(&minimal(&both), &[("SMTP_PASSWORD", "hunter2")]).unwrap_err().to_string();
        assert!(text.contains("choose one"), "{text}");
        let nothing = load(&minimal(""), &[]).unwrap();
        assert!(nothing.mail.options(&nothing.issuer, None).is_none() && nothing.telephony.hook.is_none());
    }

    #[test]
    fn development_takes_the_messages_sections_from_the_environment() {
        let variables = [
            ("STEPGATE_MAIL__HOST", "localhost"),
            ("STEPGATE_MAIL__TLS", "none"),
            ("STEPGATE_MAIL__PORT", "1025"),
            ("STEPGATE_MAIL__FROM", "a@example.com"),
            ("STEPGATE_TELEPHONY__HOOK__URL", "http://localhost:9/"),
            ("STEPGATE_TELEPHONY__HOOK__SECRET", "x"),
            ("STEPGATE_SESSIONS__IDLE", "not looked at"),
        ];
        let messages = Messages::from_environment(&env(&variables)).unwrap();
        assert_eq!((messages.mail.port, messages.mail.tls), (Some(1025), MailTls::None));
        assert!(messages.telephony.hook.is_some());
        assert!(Messages::from_environment(&env(&[])).unwrap().mail.host.is_none());
        let wrong =
            Messages::from_environment(&env(&[("STEPGATE_MAIL__HOSTT", "x")])).unwrap_err().to_string();
        assert!(wrong.contains("STEPGATE_MAIL__HOSTT"), "{wrong}");
    }

    #[test]
    fn development_listens_on_loopback_with_a_matching_issuer() {
        let options = DevOptions {
            port: 8080,
            listen: None,
            issuer: None,
            data: PathBuf::from("data"),
            open_registration: false,
            fetch: Fetch::default(),
            messages: Messages::default(),
        };
        let config = Config::dev(options.clone()).unwrap();
        assert_eq!(config.issuer.as_str(), "http://localhost:8080");
        assert_eq!(config.listen.addresses, [Address::Tcp("127.0.0.1:8080".parse().unwrap())]);
        assert_eq!(config.same_site(), SameSite::Lax);
        assert!(config.masked().is_ok());
        assert!(Config::dev(DevOptions { issuer: Some("http://192.0.2.1".to_owned()), ..options }).is_err());
    }

    #[test]
    fn sec_i01_a_certificate_header_needs_a_proxy_and_an_offer_needs_a_listener() {
        let header = "[client_certificates]\nheader = { name = \"X-Client-Cert\", encoding = \"pem\" }";
        let config = load(&minimal(header), &[]).unwrap();
        assert_eq!(config.client_certificates.header.unwrap().name, "x-client-cert");
        let alone = minimal(header).replace("listen.trusted_proxies = [\"10.0.0.0/8\"]", "");
        let alone = alone
            .replace("[client_certificates]", "listen.addresses = [\"127.0.0.1:1\"]\n[client_certificates]");
        let text = load(&alone, &[]).unwrap_err().to_string();
        assert!(text.contains("client_certificates.header") && text.contains("trusted_proxies"), "{text}");
        let offer = "[client_certificates]\nbase_url = \"https://mtls.id.example.com\"";
        assert!(refusal(offer).contains("client_certificates.base_url"));
        for wrong in ["encoding = \"der\"", "encoding = \"pem\", more = 1"] {
            let text = refusal(&format!("[client_certificates]\nheader = {{ name = \"x\", {wrong} }}"));
            assert!(text.contains("client_certificates"), "{text}");
        }
    }
}
