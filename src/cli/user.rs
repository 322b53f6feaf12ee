//! `stepgate user`: users. Whatever takes rights away ends the user's sessions and revokes the grants in the same
//! transaction.

use clap::Subcommand;
use serde_json::{Map, Value};

use super::{
    CliError,
    connect::{Target, caller},
    output,
    secret_input::{self, Pointer, PointerParser},
};
use crate::{
    app::App,
    fault::Fault,
    model::{
        policy::PasswordRules,
        recovery::RecoveryKind,
        user::{Profile, User},
    },
    secret::Secret,
    store::{
        self,
        unit::{Outcome::Won, Unit},
    },
    syslog::Caller,
    user::{
        administration::{self, AdministrationError, Begins, Edit, NewUser, Rank},
        credentials::HashError,
        lifecycle::{self, Change, PasswordPresence},
        login::LoginKey,
        password::{self, RevokeSessions, SetBy},
        password_policy::{self, Owner},
        policies,
        recovery::{
            self,
            token::{self, Issued, NotMailed},
        },
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
    /// Make a user change the password at the next sign-in
    ExpirePassword(ExpirePassword),
    /// Void a user's password and print a link to set a new one; ends the sessions and revokes the tokens
    ResetPassword(Link),
    /// Print a link by which a user without a password sets the first one
    Invite(Link),
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
struct ExpirePassword {
    /// The user's login
    login: String,
    /// Replace the password by a temporary one, which is printed once
    #[arg(long)]
    temporary: bool,
}

#[derive(clap::Args, Debug)]
struct Link {
    /// The user's login
    login: String,
    /// Mail the link to the user instead of printing it
    #[arg(long)]
    send_email: bool,
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
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::Add(action) => add(app, action).await,
            Action::List => list(app).await,
            Action::SetPassword(action) => set_password(app, action).await,
            Action::ExpirePassword(action) => expire_password(app, action).await,
            Action::ResetPassword(action) => reset_password(app, action).await,
            Action::Invite(action) => invite(app, action).await,
            Action::Suspend(Login { login }) => suspend(app, &login).await,
            Action::Unsuspend(Login { login }) => unsuspend(app, &login).await,
            Action::Unlock(Login { login }) => unlock(app, &login).await,
            Action::Delete(Login { login }) => delete(app, &login).await,
            Action::RevokeSessions(Login { login }) => revoke_sessions(app, &login).await,
        })
        .await
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
    let known = load(app, &action.login).await?;
    lifecycle::next(known.status, Change::SetPassword)?;
    let password =
        secret_input::read("password", action.password.password, action.password.password_stdin).await?;
    let rules = policies::of_user(app, &known, None).await?.password;
    let how = (SetBy::Administrator, RevokeSessions::All, &caller());
    let unit = password::set(app, &known, &password, &rules, how).await?;
    finish(app, &known, unit).await
}

async fn expire_password(app: &App, action: ExpirePassword) -> Result<(), CliError> {
    let user = load(app, &action.login).await?;
    if !action.temporary {
        let unit = password::expire(app, &user, &caller())?;
        return finish(app, &user, unit).await;
    }
    let rules = policies::of_user(app, &user, None).await?.password;
    let (temporary, unit) =
        password::expire_with_temporary(app, &user, &rules, RevokeSessions::All, &caller()).await?;
    finish(app, &user, unit).await?;
    output::print(temporary.expose());
    Ok(())
}

async fn reset_password(app: &App, action: Link) -> Result<(), CliError> {
    let user = load(app, &action.login).await?;
    let rules = policies::of_user(app, &user, None).await?.password;
    let issued = token::reset_password(app, &user, &rules, &caller()).await?;
    hand_over(app, &user, issued, (RecoveryKind::Password, &rules, action.send_email)).await
}

async fn invite(app: &App, action: Link) -> Result<(), CliError> {
    let user = load(app, &action.login).await?;
    if !recovery::is_possible(app, &user, RecoveryKind::AccountActivation) {
        let status = user.status.as_str();
        return Err(CliError::Usage(format!(
            "only a user who is PROVISIONED can be invited, not one who is {status}"
        )));
    }
    let rules = policies::of_user(app, &user, None).await?.password;
    let issued = token::issue(app, &user, RecoveryKind::AccountActivation, &rules);
    hand_over(app, &user, issued, (RecoveryKind::AccountActivation, &rules, action.send_email)).await
}

/// A link goes to the user or to the screen, never to both.
async fn hand_over(
    app: &App,
    user: &User,
    issued: Issued,
    (kind, rules, send_email): (RecoveryKind, &PasswordRules, bool),
) -> Result<(), CliError> {
    let Issued { token, unit, .. } = issued;
    if !send_email {
        finish(app, user, unit).await?;
        output::print(&token::link(app, kind, &token));
        return Ok(());
    }
    let mailed = token::mail(app, unit, user, &token, (kind, rules)).map_err(|error| match error {
        NotMailed::Unreachable => CliError::Usage(format!(
            "the user \"{}\" has no mail address, or no mail server is configured",
            user.login
        )),
        NotMailed::Fault(fault) => fault.into(),
    });
    let unit = mailed?;
    finish(app, user, unit).await
}

async fn load(app: &App, login: &str) -> Result<User, CliError> {
    let found = store::user::find_by_login(&app.db, key(login)?.as_str()).await?;
    found.ok_or_else(|| CliError::NotFound { what: "user", name: login.to_owned() })
}

/// Commits what was decided about a user, and shows the user.
async fn finish(app: &App, user: &User, unit: Unit) -> Result<(), CliError> {
    if app.db.writer().commit(unit).await? != Won {
        return Err(CliError::Usage("the user was changed at the same moment; try again".to_owned()));
    }
    let user = load(app, &user.login).await?;
    output::print(&format!("{}  {}  {}", user.id, user.status_at(app.now()).as_str(), user.login));
    Ok(())
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
