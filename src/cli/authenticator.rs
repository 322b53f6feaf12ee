//! `stepgate authenticator`: a device that approves sign-ins, in a terminal. It speaks the protocol of
//! [`crate::factor::push`]; the page `/authenticator` is the same for browsers.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Subcommand;
use keys::{Algorithm, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use url::Url;

use super::{CliError, output};
use crate::{
    factor::{
        is_unseen,
        push::{Act, TYPE},
    },
    fault::Fault,
    ports::{
        clock::{Clock, SystemClock},
        issuer::{Issuer, IssuerError},
    },
};

/// Approve sign-ins from a terminal.
#[derive(clap::Args, Debug)]
pub(super) struct AuthenticatorCommand {
    /// The file with the key of this device
    #[arg(
        long,
        env = "STEPGATE_AUTHENTICATOR",
        value_name = "FILE",
        default_value = "stepgate-authenticator.json",
        global = true
    )]
    file: PathBuf,
    /// PEM file with certificates to trust beside the public authorities
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make this terminal a device of an account; reads the address of the QR code
    Enroll(Enroll),
    /// Show what is asked, as it comes
    Listen(Listen),
    /// Approve what is asked now
    Approve(Approve),
    /// Deny what is asked now
    Deny,
}

#[derive(clap::Args, Debug)]
struct Enroll {
    /// The address that the QR code holds; `-`: read it from standard input
    url: String,
    /// What the device is called
    #[arg(long, default_value = "Terminal")]
    name: String,
}

#[derive(clap::Args, Debug)]
struct Listen {
    /// End after the first question
    #[arg(long)]
    once: bool,
}

#[derive(clap::Args, Debug)]
struct Approve {
    /// The number that is shown where the sign-in happens
    number: Option<u8>,
    /// What is approved where no numbers are compared: the question, as it was shown
    #[arg(long, value_name = "ID")]
    question: Option<String>,
}

/// What is kept of an account.
#[derive(Serialize, Deserialize)]
struct Account {
    issuer: String,
    factor: String,
    user: String,
    login: String,
    /// The private key, as a JWK.
    key: String,
}

/// What is asked, as far as it is shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Challenge {
    id: String,
    user: String,
    login: String,
    created: String,
    application: Option<String>,
    address: Option<String>,
    user_agent: Option<String>,
    numbers: Option<Vec<u8>>,
}

/// How long one request waits, in seconds, and how much longer its answer may take.
const HOLD: u64 = 25;
const PATIENCE: u64 = 15;

pub(super) async fn run(command: AuthenticatorCommand) -> Result<(), CliError> {
    let issuer = Issuer::new(command.ca.as_ref())?;
    let file = command.file.as_path();
    if let Action::Enroll(action) = command.action {
        return enroll(&issuer, file, action).await;
    }
    let account = read(file)?;
    match command.action {
        Action::Enroll(_) => Ok(()),
        Action::Listen(action) => listen(&issuer, &account, action.once).await,
        Action::Approve(action) => approve(&issuer, &account, &action).await,
        Action::Deny => {
            let asked = asked(&issuer, &account).await?;
            answer(&issuer, &account, &asked, ("deny", None)).await
        }
    }
}

impl From<IssuerError> for CliError {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Address(_) => Self::Usage(error.to_string()),
            IssuerError::Setup(_) | IssuerError::Unreachable(_) => Self::NotReady(error.to_string()),
        }
    }
}

fn now() -> OffsetDateTime {
    SystemClock.now()
}

/// The issuer, factor and token of an address.
fn invitation(address: &str) -> Option<(String, String, String)> {
    let url = Url::parse(address.trim()).ok()?;
    let (factor, token) = url.fragment()?.strip_prefix("enroll=")?.split_once('.')?;
    let (factor, token) = (factor.to_owned(), token.to_owned());
    let issuer = address.trim().split_once("/authenticator#")?.0.to_owned();
    Some((issuer, factor, token))
}

async fn enroll(issuer: &Issuer, file: &Path, action: Enroll) -> Result<(), CliError> {
    let mut address = action.url;
    if address == "-" {
        address.clear();
        std::io::stdin().lock().take(4096).read_to_string(&mut address)?;
    }
    let unread = || CliError::Usage("that is not the address of an enrolment".to_owned());
    let (base, factor, token) = invitation(&address).ok_or_else(unread)?;
    let mut kept = create(file)?;
    let enrolled = enrolled(issuer, (&base, &factor, &token), &action.name).await;
    let account = match enrolled {
        Ok(account) => account,
        Err(error) => {
            // Nothing is in it.
            let _ = std::fs::remove_file(file);
            return Err(error);
        }
    };
    let text = serde_json::to_string_pretty(&account).map_err(Fault::from)?;
    kept.write_all(text.as_bytes()).and_then(|()| kept.sync_all()).map_err(|e| CliError::file(file, &e))?;
    output::print(&format!("this terminal now approves for {} at {}", account.login, account.issuer));
    output::note(&format!("Its key is in {}. Whoever has that file can approve.", file.display()));
    Ok(())
}

async fn enrolled(
    issuer: &Issuer,
    (base, factor, token): (&str, &str, &str),
    name: &str,
) -> Result<Account, CliError> {
    let key = SigningKey::generate(Algorithm::Es256).map_err(crypto)?;
    let mut claims = claims((base, factor), Act::Enroll);
    claims.insert("token".to_owned(), json!(token));
    claims.insert("name".to_owned(), json!(name));
    claims.insert("platform".to_owned(), json!(std::env::consts::OS.to_ascii_uppercase()));
    claims.insert("jwk".to_owned(), key.public_jwk().clone());
    let statement = key.sign_jwt(Some(TYPE), &claims).map_err(crypto)?;
    let (status, body) = send(issuer, (base, Act::Enroll), statement, PATIENCE).await?;
    if status != 201 {
        return Err(CliError::Usage(
            "this address was used, or is too old; begin again where you sign in".to_owned(),
        ));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Account {
        issuer: base.to_owned(),
        factor: factor.to_owned(),
        user: text("user"),
        login: text("login"),
        key: key.private_jwk().to_string(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn crypto(error: keys::KeyError) -> CliError {
    Fault::Crypto(error.to_string()).into()
}

fn claims((issuer, factor): (&str, &str), act: Act) -> Map<String, Value> {
    Map::from_iter([
        ("aud".to_owned(), json!(issuer)),
        ("act".to_owned(), json!(act.as_str())),
        ("factor".to_owned(), json!(factor)),
        ("iat".to_owned(), json!(now().unix_timestamp())),
    ])
}

async fn send(
    issuer: &Issuer,
    (base, act): (&str, Act),
    statement: String,
    seconds: u64,
) -> Result<(u16, Value), CliError> {
    let url = format!("{base}/api/v1/authenticator/{}", act.as_str());
    let url = Url::parse(&url).map_err(|_| CliError::Usage(format!("{url} is no address")))?;
    let document = json!({ "statement": statement });
    Ok(issuer.post(&url, &document, Duration::from_secs(seconds)).await?)
}

/// Only whoever owns the file may read it.
fn create(file: &Path) -> Result<std::fs::File, CliError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map_err(|error| CliError::file(file, &error))
}

fn read(file: &Path) -> Result<Account, CliError> {
    let text = std::fs::read_to_string(file).map_err(|error| CliError::file(file, &error))?;
    serde_json::from_str(&text).map_err(|_| CliError::file(file, "is not the file of an authenticator"))
}

fn signed(account: &Account, claims: &Map<String, Value>) -> Result<String, CliError> {
    let key = SigningKey::from_private_jwk(&account.key).map_err(crypto)?;
    key.sign_jwt(Some(TYPE), claims).map_err(crypto)
}

/// What is asked, as soon as it is something else than what was seen.
async fn challenge(
    issuer: &Issuer,
    account: &Account,
    (seen, hold): (Option<&str>, u64),
) -> Result<Option<Challenge>, CliError> {
    let mut claims = claims((&account.issuer, &account.factor), Act::Wait);
    claims.insert("hold".to_owned(), json!(hold));
    if let Some(seen) = seen {
        claims.insert("seen".to_owned(), json!(seen));
    }
    let statement = signed(account, &claims)?;
    let (status, mut body) = send(issuer, (&account.issuer, Act::Wait), statement, hold + PATIENCE).await?;
    match status {
        200 => {
            let challenge = body.get_mut("challenge").map(Value::take).unwrap_or_default();
            serde_json::from_value(challenge).map_err(|error| Fault::from(error).into())
        }
        400 => Err(CliError::NotReady(
            "the server refuses what this device says; is its clock right?".to_owned(),
        )),
        401 => Err(CliError::NotReady("this device is no longer enrolled".to_owned())),
        status => Err(CliError::NotReady(format!("the server answers {status}"))),
    }
}

async fn listen(issuer: &Issuer, account: &Account, once: bool) -> Result<(), CliError> {
    let mut seen: Option<String> = None;
    loop {
        let begun = Instant::now();
        let asked = match challenge(issuer, account, (seen.as_deref(), HOLD)).await {
            Ok(asked) => asked,
            Err(error) if once => return Err(error),
            Err(error) => {
                output::note(&format!("{error}"));
                tokio::time::sleep(Duration::from_secs(5)).await;
                continue;
            }
        };
        if let Some(challenge) = &asked
            && seen.as_deref() != Some(challenge.id.as_str())
        {
            show(challenge);
            if once {
                return Ok(());
            }
        }
        let now_asked = asked.map(|challenge| challenge.id);
        if seen == now_asked && begun.elapsed() < Duration::from_secs(1) {
            // A server that is about to stop has nobody wait.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        seen = now_asked;
    }
}

fn show(challenge: &Challenge) {
    let unknown = || "unknown".to_owned();
    output::print(&format!("question     {}", plain(&challenge.id)));
    output::print(&format!("account      {}", plain(&challenge.login)));
    output::print(&format!(
        "application  {}",
        plain(challenge.application.as_deref().unwrap_or("not named"))
    ));
    output::print(&format!("from         {}", plain(&challenge.address.clone().unwrap_or_else(unknown))));
    output::print(&format!("browser      {}", plain(&challenge.user_agent.clone().unwrap_or_else(unknown))));
    output::print(&format!("time         {}", plain(&challenge.created)));
    if let Some(numbers) = &challenge.numbers {
        let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
        output::print(&format!("numbers      {}", numbers.join(" ")));
    }
    let how = if challenge.numbers.is_some() { "NUMBER" } else { "--question QUESTION" };
    output::note(&format!(
        "Is it you? stepgate authenticator approve {how}; otherwise: stepgate authenticator deny"
    ));
}

/// What others chose, without anything that a terminal would take as a command, or that would look like something else.
fn plain(text: &str) -> String {
    text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect()
}

/// What is asked now.
async fn asked(issuer: &Issuer, account: &Account) -> Result<Challenge, CliError> {
    let asked = challenge(issuer, account, (None, 0)).await?;
    asked.ok_or_else(|| CliError::NotReady("nothing is asked".to_owned()))
}

/// Approves what somebody has read: the number proves that, or the question is named. Another may have taken its place since.
async fn approve(issuer: &Issuer, account: &Account, action: &Approve) -> Result<(), CliError> {
    let asked = asked(issuer, account).await?;
    let is_read = match (&asked.numbers, &action.question) {
        (Some(_), None) => action.number.is_some(),
        (Some(_), Some(question)) => action.number.is_some() && *question == asked.id,
        (None, question) => question.as_ref() == Some(&asked.id),
    };
    if !is_read {
        show(&asked);
        return Err(CliError::NotReady("read what is asked now, then approve that".to_owned()));
    }
    answer(issuer, account, &asked, ("approve", action.number)).await
}

async fn answer(
    issuer: &Issuer,
    account: &Account,
    asked: &Challenge,
    (decision, number): (&str, Option<u8>),
) -> Result<(), CliError> {
    let mut claims = claims((&account.issuer, &account.factor), Act::Answer);
    claims.insert("challenge".to_owned(), json!(asked.id));
    claims.insert("user".to_owned(), json!(asked.user));
    claims.insert("answer".to_owned(), json!(decision));
    if let Some(number) = number {
        claims.insert("number".to_owned(), json!(number));
    }
    let statement = signed(account, &claims)?;
    let (status, body) = send(issuer, (&account.issuer, Act::Answer), statement, PATIENCE).await?;
    match (status, body.get("result").and_then(Value::as_str)) {
        (200, Some("SUCCESS")) => {
            output::print("approved");
            Ok(())
        }
        (200, _) if decision == "deny" => {
            output::print("denied");
            Ok(())
        }
        (200, _) => Err(CliError::NotReady("that was another number: denied".to_owned())),
        (409, _) => Err(CliError::NotReady("the question is over".to_owned())),
        (status, _) => Err(CliError::NotReady(format!("the server answers {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_an_enrolment_is_read() {
        let read = invitation("http://localhost:8080/authenticator#enroll=opf1.abc_-x\n").unwrap();
        assert_eq!(read, ("http://localhost:8080".to_owned(), "opf1".to_owned(), "abc_-x".to_owned()));
        for other in ["", "http://localhost:8080/authenticator", "http://a.example/authenticator#x=1.2"] {
            assert!(invitation(other).is_none(), "{other}");
        }
    }
}
