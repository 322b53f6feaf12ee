//! `stepgate api-token`: tokens with which programs act for administrators (Okta's `SSWS`).

use clap::Subcommand;

use super::{
    CliError,
    connect::{Target, caller},
    output,
};
use crate::{
    app::App,
    id::ApiTokenId,
    model::api_token::Access,
    store,
    user::{
        api_token::{self, NewApiTokenError, Revoked},
        login::LoginKey,
    },
};

/// Manage API tokens.
#[derive(clap::Args, Debug)]
pub(super) struct ApiTokenCommand {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Create a token; prints it once
    Create(Create),
    /// List tokens
    List,
    /// Revoke a token
    Revoke(Revoke),
}

#[derive(clap::Args, Debug)]
struct Create {
    /// The login of the administrator for whom it acts
    #[arg(long, value_name = "LOGIN")]
    user: String,
    /// What it is called
    #[arg(long)]
    name: String,
    /// What it may do: `read` or `manage`
    #[arg(long, default_value = "read", value_parser = access)]
    access: Access,
}

#[derive(clap::Args, Debug)]
struct Revoke {
    /// The token's id, `00T…`
    id: String,
}

fn access(text: &str) -> Result<Access, &'static str> {
    text.to_ascii_uppercase().parse().map_err(|_| "write read or manage")
}

pub(super) async fn run(command: ApiTokenCommand) -> Result<(), CliError> {
    let action = command.action;
    command
        .target
        .run(async |app| match action {
            Action::Create(action) => create(app, action).await,
            Action::List => list(app).await,
            Action::Revoke(action) => revoke(app, &action.id).await,
        })
        .await
}

async fn create(app: &App, action: Create) -> Result<(), CliError> {
    let unknown = || CliError::NotFound { what: "user", name: action.user.clone() };
    let key = LoginKey::normalize(&action.user).map_err(|_| unknown())?;
    let value = api_token::generate(app);
    let tx = app.db.begin_write().await?;
    let owner = store::user::find_by_login_in(&tx, key.as_str()).await?.ok_or_else(unknown)?;
    let what = (action.name.as_str(), action.access, &value);
    let token = api_token::create(app, &tx, &owner, what, &caller()).await.map_err(|error| match error {
        NewApiTokenError::Fault(fault) => fault.into(),
        NewApiTokenError::NoAdministrator
        | NewApiTokenError::Name
        | NewApiTokenError::NameTaken
        | NewApiTokenError::Value => CliError::Usage(error.to_string()),
    })?;
    tx.commit().await?;
    output::print(&format!("id     {}", token.id));
    output::print(&format!("token  {}", value.expose()));
    output::note("The token is not shown again.");
    Ok(())
}

async fn list(app: &App) -> Result<(), CliError> {
    let mut rows = Vec::new();
    for token in store::api_token::list(&app.db).await? {
        let owner = store::user::find(&app.db, &token.user_id).await?;
        rows.push(vec![
            token.id.to_string(),
            token.access.as_str().to_owned(),
            owner.map(|owner| owner.login).unwrap_or_default(),
            token.last_used_at.map(output::time).unwrap_or_default(),
            output::time(token.expires_at),
            token.name,
        ]);
    }
    output::table(&["ID", "ACCESS", "USER", "LAST USED", "EXPIRES IF UNUSED", "NAME"], &rows);
    Ok(())
}

async fn revoke(app: &App, id: &str) -> Result<(), CliError> {
    let token = store::api_token::find(&app.db, &ApiTokenId::new(id)).await?;
    let unknown = || CliError::NotFound { what: "API token", name: id.to_owned() };
    let token = token.ok_or_else(unknown)?;
    let tx = app.db.begin_write().await?;
    if api_token::revoke(app, &tx, &token, &caller()).await? == Revoked::Before {
        return Err(unknown());
    }
    tx.commit().await?;
    output::print(&format!("{}  revoked  {}", token.id, token.name));
    Ok(())
}
