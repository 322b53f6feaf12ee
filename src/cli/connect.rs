//! From settings to a connected [`App`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ::keys::{MasterKey, RotationPolicy};
use time::Duration;

use super::CliError;
use crate::{
    app::{
        App, ClientCertificates, Couriers, KeySettings, PhoneSettings, Ports, RegistrationSettings, SameSite,
        SessionSettings, Settings,
    },
    cache::{Counter, memory::MemoryCounter, redis::RedisCounter},
    client::certificate::Authorities,
    config::{self, Config, ConfigError, DevOptions, process_environment},
    fault::Fault,
    model::authorization_server::{ServerSettings, TokenLifetimes},
    ports::{
        clock::SystemClock,
        fetch::HttpFetch,
        mailer::SmtpMailer,
        random::{Random, SystemRandom},
        telephony::{hook::TelephonyHook, twilio::Twilio},
    },
    setup::{self, Purpose},
    signing_key,
    store::{self, Database, db::DatabaseSettings},
    syslog::Caller,
    user::credentials::{PasswordHasher, PasswordHashing},
};

/// Which installation an administrative command is about.
#[derive(clap::Args, Debug)]
pub(super) struct Target {
    /// The configuration file of the server
    #[arg(long, env = "STEPGATE_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data folder of `stepgate dev`, instead of a configuration
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Target {
    /// Opens the installation for one command, and closes it whatever becomes of that.
    pub(super) async fn run(
        &self,
        command: impl AsyncFnOnce(&App) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let app = self.open().await?;
        let outcome = command(&app).await;
        app.db.close().await;
        outcome
    }

    /// Connects to the installation, with the right master key and an up-to-date schema.
    pub(super) async fn open(&self) -> Result<App, CliError> {
        if let Some(data) = &self.data {
            return open_dev(data).await;
        }
        let app = connect(&self.load()?).await?;
        require_schema(&app.db).await?;
        setup::prepare(&app, Purpose::Production).await?;
        Ok(app)
    }

    /// Whoever names no installation at all may mean the one of `stepgate dev`.
    fn load(&self) -> Result<Config, CliError> {
        load(self.config.as_deref()).map_err(|error| match error {
            CliError::Config(missing @ ConfigError::Missing { .. }) if self.config.is_none() => CliError::Usage(format!(
                "{missing}; name the configuration with --config FILE, or the folder of `stepgate dev` with --data DIR (--data data)"
            )),
            error => error,
        })
    }
}

/// Who did it, in the system log.
pub(super) fn caller() -> Caller {
    Caller::system("command line")
}

/// Loads the settings of `serve`.
pub(super) fn load(path: Option<&Path>) -> Result<Config, CliError> {
    Ok(Config::load(path, &process_environment())?)
}

async fn open_dev(data: &Path) -> Result<App, CliError> {
    let database = data.join("stepgate.db");
    if !database.is_file() {
        return Err(CliError::file(
            &database,
            "does not exist; start `stepgate dev` once, or name its --data",
        ));
    }
    let master = super::dev::read_master_key(&data.join("master.key"))?;
    let options = DevOptions {
        port: 8080,
        listen: None,
        issuer: None,
        data: data.to_owned(),
        open_registration: false,
        fetch: config::Fetch::default(),
        messages: config::Messages::default(),
    };
    let config = Config::dev(options)?;
    let app = build(&config, database_of(&config).await?, master)?;
    require_schema(&app.db).await?;
    setup::verify_master_key(&app, Purpose::Development).await?;
    Ok(app)
}

async fn require_schema(db: &Database) -> Result<(), CliError> {
    let pending = db.pending_migrations().await?;
    if pending.is_empty() { Ok(()) } else { Err(CliError::PendingMigrations(pending)) }
}

/// Connects to the database of the settings.
pub(super) async fn database_of(config: &Config) -> Result<Database, CliError> {
    let settings = DatabaseSettings {
        url: config.database_url(),
        connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout,
        statement_timeout: config.database.statement_timeout,
    };
    Ok(Database::connect(&settings).await?)
}

/// Refuses a database that `stepgate dev` made; one without a schema is new.
pub(super) async fn refuse_dev_database(db: &Database) -> Result<(), CliError> {
    let pending = db.pending_migrations().await?;
    if pending.iter().any(|step| step.ends_with("_create_installation")) {
        return Ok(());
    }
    match store::installation::find(db).await? {
        Some(installation) if installation.dev => Err(CliError::DevDatabase),
        _ => Ok(()),
    }
}

/// Connects with the settings of `serve`; the schema is not looked at.
pub(super) async fn connect(config: &Config) -> Result<App, CliError> {
    let db = database_of(config).await?;
    refuse_dev_database(&db).await?;
    build(config, db, master_key(config)?)
}

fn master_key(config: &Config) -> Result<MasterKey, CliError> {
    let text = config.keys.master_key.as_ref().map_or("", |key| key.value().expose().as_str());
    MasterKey::from_text(text.as_bytes())
        .map_err(|error| CliError::Usage(format!("`keys.master_key`: {error}")))
}

/// Puts the application together.
pub(super) fn build(config: &Config, db: Database, master: MasterKey) -> Result<App, CliError> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let fetch = HttpFetch::new(config.fetch.options()).map_err(|error| CliError::Usage(error.to_string()))?;
    let counter: Arc<dyn Counter> = match &config.redis.url {
        Some(url) => Arc::new(RedisCounter::connect(url.value().expose(), config.redis.options())?),
        None => Arc::new(MemoryCounter::new(COUNTERS)),
    };
    let ports = Ports {
        clock: Arc::new(SystemClock),
        random: Arc::clone(&random),
        fetch: Arc::new(fetch),
        counter,
        couriers: couriers(config)?,
    };
    let passwords = PasswordHasher::new(&hashing(&config.limits.argon2), random)?;
    Ok(App::new(settings(config)?, db, ports, passwords, (master, config.limits.rates.clone())))
}

/// How messages to users leave.
fn couriers(config: &Config) -> Result<Couriers, CliError> {
    let refuse = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
    let extra_ca = config.fetch.extra_ca.as_ref();
    let mut couriers = Couriers::default();
    if let Some(options) = config.mail.options(&config.issuer, extra_ca) {
        couriers.mailer = Some(Arc::new(SmtpMailer::new(options).map_err(|error| refuse(&error))?));
    }
    let options = config.telephony.options(extra_ca);
    if let Some(hook) = config.telephony.hook_options(&config.issuer) {
        let hook = Arc::new(TelephonyHook::new(hook, &options).map_err(|error| refuse(&error))?);
        (couriers.sms, couriers.voice) = (Some(Arc::clone(&hook) as _), Some(hook as _));
    }
    if let Some(account) = config.telephony.twilio_options() {
        let twilio = Arc::new(Twilio::new(account, &options).map_err(|error| refuse(&error))?);
        (couriers.sms, couriers.voice) = (Some(Arc::clone(&twilio) as _), Some(twilio as _));
    }
    Ok(couriers)
}

/// Room of the rate limiter, in counters.
const COUNTERS: usize = 100_000;

fn hashing(argon2: &config::Argon2) -> PasswordHashing {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let permits = argon2.permits_for(cores);
    PasswordHashing {
        memory_kib: argon2.memory,
        iterations: argon2.iterations,
        lanes: argon2.lanes,
        permits: Some(permits),
        queue: argon2.queue_for(permits),
    }
}

/// What the whole program needs to know, from the settings.
pub(super) fn settings(config: &Config) -> Result<Settings, CliError> {
    let clock_skew = duration(config.tokens.clock_skew)?;
    Ok(Settings {
        session: SessionSettings {
            idle: duration(config.sessions.idle)?,
            absolute: duration(config.sessions.absolute)?,
        },
        keys: KeySettings {
            rotation: RotationPolicy {
                publish_next_after: duration(config.keys.publish_next_after)?,
                activate_after: duration(config.keys.rotate_after)?,
                ..signing_key::rotation_policy(clock_skew)
            },
        },
        same_site: match config.same_site() {
            config::SameSite::None => SameSite::None,
            config::SameSite::Lax => SameSite::Lax,
        },
        client_certificates: client_certificates(&config.client_certificates)?,
        phone: PhoneSettings {
            countries: config.telephony.countries.clone(),
            per_country_and_hour: config.telephony.per_country_and_hour,
        },
        related_origins: config.webauthn.related_origins.clone(),
        clock_skew,
        registration: RegistrationSettings {
            open: config.registration.open,
            initial_access_tokens: config.registration.token_hashes(),
        },
        form: (config.limits.body.form, config.limits.timeouts.body),
        pushed_request_lifetime: duration(config.tokens.pushed_request)?,
        log_retention: duration(config.logs.system_log_retention)?,
        server_defaults: ServerSettings {
            code_lifetime: seconds(config.tokens.authorization_code),
            id_token_lifetime: seconds(config.tokens.id_token),
            ..ServerSettings::default()
        },
        token_lifetimes: TokenLifetimes {
            access_token_lifetime_minutes: minutes(config.tokens.access_token),
            refresh_token_lifetime_minutes: minutes(config.tokens.refresh_token_absolute),
            refresh_token_window_minutes: minutes(config.tokens.refresh_token_idle),
        },
        ..Settings::new(config.issuer.as_str())
    })
}

fn client_certificates(config: &config::ClientCertificates) -> Result<ClientCertificates, CliError> {
    let authorities = match &config.authorities {
        None => None,
        Some(path) => {
            let refuse = |problem: String| {
                CliError::Usage(format!("`client_certificates.authorities` ({}): {problem}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
            Some(Authorities::from_pem(&pem).map_err(|error| refuse(error.to_string()))?)
        }
    };
    Ok(ClientCertificates {
        base_url: config.base_url.as_ref().map(|url| url.as_str().to_owned()),
        authorities,
    })
}

fn duration(duration: std::time::Duration) -> Result<Duration, Fault> {
    Duration::try_from(duration).map_err(|_| Fault::Stored("a duration is too long".to_owned()))
}

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn minutes(duration: std::time::Duration) -> u32 {
    seconds(duration).div_ceil(60)
}
