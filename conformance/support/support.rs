//! What the conformance runs need and the shipped binary must not have: a certificate authority for `localhost`, and
//! tokens minted by a clock that is three hours slow, which have expired by now.
//!
//! `certificates DIR` writes `ca.pem`, `server.pem` and `server.key`, and for a client `client.pem`, `client.key` and
//! its public key as `client-jwks.json`. `expired-tokens` opens the database of a
//! configuration and prints a JSON object with an access token and an ID token.

use std::{error::Error, fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Parser;
use keys::MasterKey;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use stepgate::{
    app::{App, Ports, Settings},
    cache::memory::MemoryCounter,
    config::{Config, process_environment},
    id::ClientId,
    limit::rate::Rates,
    ports::{clock::ShiftedClock, fetch::FakeFetch, random::SystemRandom},
    protocol::{acr::Acr, amr::Amr, scope::ScopeSet},
    store::{self, Database, db::DatabaseSettings},
    token::{self, LoadedSubject, Mint, Subject},
    user::{
        credentials::{PasswordHasher, PasswordHashing},
        login::LoginKey,
    },
};
use time::Duration;

/// Test support of the conformance run.
#[derive(Parser)]
enum Command {
    /// Write a private certificate authority, a certificate for a server and one for a client
    Certificates {
        /// Where to
        folder: PathBuf,
        /// The name of the server
        #[arg(default_value = "localhost")]
        host: String,
    },
    /// Print tokens that have expired
    ExpiredTokens(ExpiredTokens),
}

#[derive(clap::Args)]
struct ExpiredTokens {
    /// The configuration file of the server
    #[arg(long)]
    config: PathBuf,
    /// The id of the authorization server
    #[arg(long)]
    server: String,
    /// The client that the tokens are for
    #[arg(long)]
    client: String,
    /// The user that the tokens speak of
    #[arg(long)]
    user: String,
    /// `nonce` of the ID token
    #[arg(long)]
    nonce: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match Command::parse() {
        Command::Certificates { folder, host } => certificates(&folder, &host),
        Command::ExpiredTokens(wanted) => Box::pin(expired_tokens(wanted)).await,
    }
}

fn certificates(folder: &Path, host: &str) -> Result<(), Box<dyn Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Stepgate conformance authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.pem"), authority.pem())?;

    let (key, certificate) = issue(&authority, host, ExtendedKeyUsagePurpose::ServerAuth)?;
    fs::write(folder.join("server.pem"), certificate)?;
    write_private(&folder.join("server.key"), &key)?;

    let (key, certificate) = issue(&authority, "client.example.com", ExtendedKeyUsagePurpose::ClientAuth)?;
    let jwks = serde_json::json!({ "keys": [jwk(&key, &certificate)?] });
    fs::write(folder.join("client.pem"), certificate)?;
    fs::write(folder.join("client-jwks.json"), jwks.to_string())?;
    write_private(&folder.join("client.key"), &key)?;
    Ok(())
}

/// A P-256 key with a certificate for a name (PEM).
fn issue(
    authority: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<(KeyPair, String), Box<dyn Error>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    // RFC 5280 §4.2.1.1; Python's strict verification asks for it.
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, authority)?.pem();
    Ok((key, certificate))
}

/// The public key (RFC 7518 §6.2.1) with its certificate (RFC 7517 §4.7).
fn jwk(key: &KeyPair, certificate: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    // SEC 1 §2.3.3: 0x04, then both coordinates.
    let point = key.public_key_raw();
    let (x, y) = point.get(1..).ok_or("the key has no point")?.split_at(32);
    let der: String = certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(serde_json::json!({
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "kid": "client",
        "x": URL_SAFE_NO_PAD.encode(x),
        "y": URL_SAFE_NO_PAD.encode(y),
        "x5c": [der],
    }))
}

fn write_private(path: &Path, key: &KeyPair) -> Result<(), Box<dyn Error>> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.serialize_pem().as_bytes())?;
    Ok(())
}

/// How slow the clock is: more than any default lifetime and any leeway of a verifier.
const BEHIND: Duration = Duration::hours(3);
/// The lifetime of the access token.
const LIFETIME: Duration = Duration::hours(1);

async fn expired_tokens(wanted: ExpiredTokens) -> Result<(), Box<dyn Error>> {
    let app = open(&wanted.config).await?;
    let server = app.server(&wanted.server).await?.ok_or("there is no such authorization server")?;
    let client = store::client::find(&app.db, &ClientId::new(&wanted.client)).await?;
    let client = client.ok_or("there is no such client")?;
    let login = LoginKey::normalize(&wanted.user)?;
    let user = store::user::find_by_login(&app.db, login.as_str()).await?.ok_or("there is no such user")?;
    let subject = LoadedSubject::find(&app, (&server, &client), &user.id).await?.ok_or("the user is gone")?;
    let now = app.now();
    let amr = [Amr::Pwd.as_str().to_owned()];
    let mint = Mint {
        server: &server,
        client: &client,
        subject: Some(Subject {
            user: &subject.user,
            sub: &subject.sub,
            groups: &subject.group_names,
            auth_time: Some(now),
            acr: Some(Acr::OneFactorPassword.as_str()),
            amr: &amr,
            session: None,
        }),
        grant: None,
        scope: &ScopeSet::parse("openid profile email")?,
        requested: stepgate::protocol::claims_request::ClaimsRequest::nothing(),
        confirmation: None,
        resource: &[],
        actor: None,
        now,
    };
    let access_token = token::access::mint(&mint, LIFETIME, app.random.as_ref())?.token;
    let binding = token::id::Binding {
        nonce: Some(&wanted.nonce),
        access_token: Some(&access_token),
        ..token::id::Binding::default()
    };
    let id_token = token::id::mint(&mint, binding, app.random.as_ref())?;
    let answer = serde_json::json!({ "access_token": access_token, "id_token": id_token });
    writeln!(std::io::stdout(), "{answer}")?;
    app.db.close().await;
    Ok(())
}

/// The application that the configuration describes, with a slow clock.
async fn open(config: &Path) -> Result<App, Box<dyn Error>> {
    let config = Config::load(Some(config), &process_environment())?;
    let key = config.keys.master_key.as_ref().ok_or("the configuration has no master key")?;
    let master = MasterKey::from_text(key.value().expose().as_bytes())?;
    let db = Database::connect(&DatabaseSettings::new(config.database_url())).await?;
    let clock = ShiftedClock::default();
    clock.advance(-BEHIND.whole_seconds());
    let random = Arc::new(SystemRandom);
    let ports = Ports {
        clock: Arc::new(clock),
        random: Arc::clone(&random) as _,
        fetch: Arc::new(FakeFetch::default()),
        counter: Arc::new(MemoryCounter::new(1)),
        couriers: stepgate::app::Couriers::default(),
    };
    let passwords = PasswordHasher::new(&PasswordHashing::default(), random)?;
    Ok(App::new(Settings::new(config.issuer.as_str()), db, ports, passwords, (master, Rates::default())))
}
