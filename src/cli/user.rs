//! `stepgate user`: users. Whatever takes rights away ends the user's sessions and revokes the grants in the same
//! transaction.

use clap::Subcommand;
use serde_json::{Map, Value};

use super::{
    CliError,
    connect::Target,
    output,
    secret_input::{self, Pointer, PointerParser},
};
use crate::{
    app::App,
    fault::Fault,
    model::{
        policy::PasswordRules,
        user::{Profile, User},
    },
    secret::Secret,
    store,
    syslog::Caller,
    user::{
        administration::{self, AdministrationError, Begins, Edit, NewUser, Rank},
        credentials::HashError,
        lifecycle::{self, Change, PasswordPresence},
        login::LoginKey,
        password::{self, RevokeSessions, SetBy},
        password_policy::{self, Owner},
        policies,
    },
};

/// Manage users.
#[derive(clap::Args, Debug)]
pub(super) struct UserCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Create a user
    Add(Add),
    /// List users
    List,
    /// Set a password; ends the user's sessions and revokes the tokens
    SetPassword(SetPassword),
    /// Suspend a user; ends the sessions and revokes the tokens
    Suspend(Login),
    /// Let a suspended user in again
    Unsuspend(Login),
    /// Lift the lock that wrong passwords brought
    Unlock(Login),
    /// Delete a user with everything that belongs to the user
    Delete(Login),
    /// End all sessions of a user and revoke the tokens
    RevokeSessions(Login),
}

#[derive(clap::Args, Debug)]
struct Login {
    /// The user's login
    login: String,
}

#[derive(clap::Args, Debug)]
struct Add {
    /// The login, usually a mail address
    login: String,
    /// The mail address; the login by default, if it is one
    #[arg(long)]
    email: Option<String>,
    /// The given name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The family name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// A further profile attribute
    #[arg(long = "attribute", value_name = "NAME=TEXT", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Make the user an administrator of this installation
    #[arg(long)]
    admin: bool,
    /// Create the user without a password
    #[arg(long, conflicts_with_all = ["password", "password_stdin"])]
    no_password: bool,
    #[command(flatten)]
    password: Password,
}

#[derive(clap::Args, Debug)]
struct SetPassword {
    /// The user's login
    login: String,
    #[command(flatten)]
    password: Password,
}

#[derive(clap::Args, Debug)]
struct Password {
    /// Where the password is: {env:NAME} or {file:PATH}
    #[arg(long, value_name = "SOURCE", value_parser = PointerParser)]
    password: Option<Pointer>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
}

fn attribute(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=TEXT"),
    }
}

pub(super) async fn run(command: UserCommand) -> Result<(), CliError> {
    let app = command.target.open().await?;
    let outcome = match command.action {
        Action::Add(action) => add(&app, action).await,
        Action::List => list(&app).await,
        Action::SetPassword(action) => set_password(&app, action).await,
        Action::Suspend(Login { login }) => suspend(&app, &login).await,
        Action::Unsuspend(Login { login }) => unsuspend(&app, &login).await,
        Action::Unlock(Login { login }) => unlock(&app, &login).await,
        Action::Delete(Login { login }) => delete(&app, &login).await,
        Action::RevokeSessions(Login { login }) => revoke_sessions(&app, &login).await,
    };
    app.db.close().await;
    outcome
}

fn key(login: &str) -> Result<LoginKey, CliError> {
    LoginKey::normalize(login).map_err(|error| CliError::Usage(format!("\"{login}\": {error}")))
}

/// Reads, checks and hashes a password, before any transaction begins.
async fn hashed(
    app: &App,
    owner: Owner<'_>,
    rules: &PasswordRules,
    password: Password,
) -> Result<Secret<String>, CliError> {
    let password = secret_input::read("password", password.password, password.password_stdin).await?;
    let lacks = password_policy::check(password.expose(), owner, rules);
    if !lacks.is_empty() {
        let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
        return Err(CliError::Usage(format!("the password {}", lacks.join(", "))));
    }
    app.passwords.hash(password).await.map_err(|error| match error {
        HashError::Busy(_) => Fault::Overloaded("password hashing").into(),
        HashError::Length => CliError::Usage(error.to_string()),
    })
}

async fn add(app: &App, action: Add) -> Result<(), CliError> {
    let key = key(&action.login)?;
    if store::user::find_by_login(&app.db, key.as_str()).await?.is_some() {
        return Err(CliError::Usage(format!("the login \"{}\" is taken", action.login)));
    }
    let profile = profile(&action);
    let presence = if action.no_password { PasswordPresence::Unset } else { PasswordPresence::Set };
    let new = NewUser {
        login: action.login.clone(),
        profile: profile.0,
        password: presence,
        begins: Begins::Activated,
        rank: if action.admin { Rank::Administrator } else { Rank::User },
        groups: Vec::new(),
    };
    let mut draft = administration::draft(app, new);
    if !action.no_password {
        let rules = draft.password_rules(app).await?;
        let hash = hashed(app, Owner::from(&draft.user), &rules, action.password).await?;
        draft.user.password_hash = Some(hash);
    }
    let tx = app.db.begin_write().await?;
    let user = administration::create(app, &tx, draft, &caller())
        .await
        .map_err(|error| failed(error, &action.login))?;
    tx.commit().await?;
    output::print(&format!("{}  {}  {}", user.id, user.status.as_str(), user.login));
    Ok(())
}

fn profile(action: &Add) -> Profile {
    let mut profile = Map::new();
    let email = action.email.as_ref().or_else(|| action.login.contains('@').then_some(&action.login));
    let named = [
        ("firstName", action.first_name.as_ref()),
        ("lastName", action.last_name.as_ref()),
        ("email", email),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            profile.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    for (name, value) in &action.attributes {
        profile.insert(name.clone(), Value::from(value.as_str()));
    }
    Profile(profile)
}

const PAGE: u64 = 500;

async fn list(app: &App) -> Result<(), CliError> {
    let mut rows = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store::user::list(&app.db, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(key(&last.login)?.as_str().to_owned());
        let now = app.now();
        rows.extend(page.iter().map(|user| {
            vec![
                user.login.clone(),
                user.status_at(now).as_str().to_owned(),
                if user.admin { "yes" } else { "no" }.to_owned(),
                user.last_login_at.map(output::time).unwrap_or_default(),
                user.id.to_string(),
            ]
        }));
    }
    output::table(&["LOGIN", "STATUS", "ADMIN", "LAST LOGIN", "ID"], &rows);
    Ok(())
}

/// What the command line did, in the system log.
fn caller() -> Caller {
    Caller::system("command line")
}

/// Begins to change a user.
async fn edit<'a>(app: &'a App, login: &str, caller: &'a Caller) -> Result<Edit<'a>, CliError> {
    Edit::begin(app, login, caller).await.map_err(|error| failed(error, login))
}

fn failed(error: AdministrationError, login: &str) -> CliError {
    match error {
        AdministrationError::UnknownUser => CliError::NotFound { what: "user", name: login.to_owned() },
        AdministrationError::LoginTaken => CliError::Usage(format!("the login \"{login}\" is taken")),
        AdministrationError::Login(error) => CliError::Usage(format!("\"{login}\": {error}")),
        AdministrationError::Status(error) => error.into(),
        AdministrationError::Fault(fault) => fault.into(),
        AdministrationError::UnknownGroup(_)
        | AdministrationError::Profile(_)
        | AdministrationError::Administrator
        | AdministrationError::Changed => CliError::Usage(error.to_string()),
    }
}

/// Says who was changed, and how it stands.
fn told(app: &App, changed: Result<User, AdministrationError>, login: &str) -> Result<(), CliError> {
    let user = changed.map_err(|error| failed(error, login))?;
    output::print(&format!("{}  {}  {}", user.id, user.status_at(app.now()).as_str(), user.login));
    Ok(())
}

async fn set_password(app: &App, action: SetPassword) -> Result<(), CliError> {
    // Asked for only when there is somebody to set it for.
    let login_key = key(&action.login)?;
    let known = store::user::find_by_login(&app.db, login_key.as_str()).await?;
    let known = known.ok_or_else(|| CliError::NotFound { what: "user", name: action.login.clone() })?;
    lifecycle::next(known.status, Change::SetPassword)?;
    let rules = policies::of_user(app, &known, None).await?.password;
    let new =
        secret_input::read("password", action.password.password, action.password.password_stdin).await?;
    let caller = caller();
    let how = (SetBy::Administrator, RevokeSessions::All, &caller);
    let unit = password::set(app, &known, &new, &rules, how).await?;
    let changed = edit(app, &action.login, &caller).await?.finish(unit).await;
    told(app, changed, &action.login)
}

async fn suspend(app: &App, login: &str) -> Result<(), CliError> {
    let caller = caller();
    told(app, edit(app, login, &caller).await?.suspend().await, login)
}

async fn unsuspend(app: &App, login: &str) -> Result<(), CliError> {
    let caller = caller();
    told(app, edit(app, login, &caller).await?.unsuspend().await, login)
}

async fn unlock(app: &App, login: &str) -> Result<(), CliError> {
    let caller = caller();
    told(app, edit(app, login, &caller).await?.unlock().await, login)
}

async fn delete(app: &App, login: &str) -> Result<(), CliError> {
    let caller = caller();
    let user = edit(app, login, &caller).await?.delete().await.map_err(|error| failed(error, login))?;
    output::print(&format!("{}  deleted  {}", user.id, user.login));
    Ok(())
}

async fn revoke_sessions(app: &App, login: &str) -> Result<(), CliError> {
    let caller = caller();
    told(app, edit(app, login, &caller).await?.revoke_sessions().await, login)
}
