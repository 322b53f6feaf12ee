//! Who calls Okta's management API: a program with an API token (`SSWS`), or a machine with an access token of the org
//! server (`Bearer`, `DPoP`) that has one of Okta's scopes.

use std::sync::Arc;

use http::header;
use poem::{Request, Response};

use crate::{
    api::{
        error::{
            bearer,
            okta::{Envelope, failed},
        },
        header_text,
        oidc::{administrator::missing_scope, sender::sender},
    },
    app::App,
    client::administrator::{Administrator as Machine, AdministratorError},
    model::{api_token::Access, authorization_server::AuthorizationServer, user::User},
    protocol::{bearer::PresentedToken, okta_scope::OktaScope, params::Params},
    syslog::{Actor, Caller},
    user::api_token::{self, Holder},
};

/// Okta's scheme of API tokens.
const SSWS: &str = "SSWS";

/// What an operation of the management API needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// To read users, and their factors.
    UsersRead,
    /// To create, change and delete users, and their factors.
    UsersManage,
    /// To read the groups of users.
    GroupsRead,
    /// To read sessions.
    SessionsRead,
    /// To refresh and end sessions.
    SessionsManage,
    /// To read the system log.
    LogsRead,
    /// To read API tokens.
    ApiTokensRead,
    /// To revoke API tokens.
    ApiTokensManage,
}

impl Right {
    /// The scopes each of which gives the right; the first is the one to ask for.
    fn scopes(self) -> &'static [OktaScope] {
        match self {
            Self::UsersRead => &[OktaScope::UsersRead, OktaScope::UsersManage],
            Self::UsersManage => &[OktaScope::UsersManage],
            Self::GroupsRead => &[OktaScope::GroupsRead, OktaScope::UsersRead, OktaScope::UsersManage],
            Self::SessionsRead => &[OktaScope::SessionsRead, OktaScope::SessionsManage],
            Self::SessionsManage => &[OktaScope::SessionsManage],
            Self::LogsRead => &[OktaScope::LogsRead],
            Self::ApiTokensRead => &[OktaScope::ApiTokensRead, OktaScope::ApiTokensManage],
            Self::ApiTokensManage => &[OktaScope::ApiTokensManage],
        }
    }

    /// What an API token must be allowed.
    fn access(self) -> Access {
        match self {
            Self::UsersRead
            | Self::GroupsRead
            | Self::SessionsRead
            | Self::LogsRead
            | Self::ApiTokensRead => Access::Read,
            Self::UsersManage | Self::SessionsManage | Self::ApiTokensManage => Access::Manage,
        }
    }
}

/// Whoever may do what was asked.
#[derive(Clone, Debug)]
pub struct Administrator {
    who: Who,
    caller: Caller,
}

#[derive(Clone, Debug)]
enum Who {
    Holder(Box<Holder>),
    Machine,
}

impl Administrator {
    /// The request, with who acts: every event that is logged with it names the administrator as its actor.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The administrator for whom a program acts; absent: a machine acts for itself.
    pub fn user(&self) -> Option<&User> {
        match &self.who {
            Who::Holder(holder) => Some(&holder.owner),
            Who::Machine => None,
        }
    }

    /// The API token of the request.
    pub fn api_token(&self) -> Option<&Holder> {
        match &self.who {
            Who::Holder(holder) => Some(holder),
            Who::Machine => None,
        }
    }
}

/// An application that administrators trust with the Authentication API: it names devices and addresses of its users, and
/// is told tokens of recovery that others get by mail.
#[derive(Clone, Debug)]
pub struct TrustedApplication {
    caller: Caller,
}

impl TrustedApplication {
    /// The request, with who acts.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// Whoever sends a request, if it may do what it asks for.
///
/// # Errors
/// The answer: 401 E0000011 without a valid token, 403 E0000006 without the right.
pub async fn administrator(app: &App, request: &Request, right: Right) -> Result<Administrator, Response> {
    match ssws(request)? {
        Some(value) => {
            let holder = holder(app, value).await?;
            if holder.token.access < right.access() {
                return Err(Envelope::forbidden().respond());
            }
            Ok(of_holder(holder, request))
        }
        None => machine(app, request, right).await,
    }
}

/// The trusted application that sends a request; absent: it is sent by a public one.
///
/// # Errors
/// The answer to an API token that is not valid, or that only reads.
pub async fn trusted_application(
    app: &App,
    request: &Request,
) -> Result<Option<TrustedApplication>, Response> {
    let Some(value) = ssws(request)? else { return Ok(None) };
    let holder = holder(app, value).await?;
    if holder.token.access < Access::Manage {
        return Err(Envelope::forbidden().respond());
    }
    // Who signs in is the actor of what follows, not the application.
    Ok(Some(TrustedApplication { caller: anonymous(request) }))
}

/// The value of an API token that a request carries.
///
/// # Errors
/// The answer to a header that is none, or to several.
fn ssws(request: &Request) -> Result<Option<&str>, Response> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(first), second) = (headers.next(), headers.next()) else { return Ok(None) };
    let Ok(text) = first.to_str() else { return Err(Envelope::invalid_token().respond()) };
    if second.is_some() {
        return Err(Envelope::invalid_token().respond());
    }
    let Some((scheme, value)) = text.split_at_checked(SSWS.len()) else { return Ok(None) };
    // Okta's SDK for Python (3.4) leaves out the space between them.
    Ok(scheme.eq_ignore_ascii_case(SSWS).then(|| value.trim_matches(' ')))
}

async fn holder(app: &App, value: &str) -> Result<Holder, Response> {
    let found = api_token::recognise(app, value).await.map_err(failed)?;
    found.ok_or_else(|| Envelope::invalid_token().respond())
}

fn of_holder(holder: Holder, request: &Request) -> Administrator {
    let actor = Actor::ApiToken { user: holder.owner.id.clone(), token: holder.token.id.clone() };
    Administrator { who: Who::Holder(Box::new(holder)), caller: anonymous(request).acting(actor) }
}

/// The request as the edge saw it.
fn anonymous(request: &Request) -> Caller {
    match request.data::<Arc<Caller>>() {
        Some(caller) => Caller::clone(caller),
        None => Caller { request_id: String::new(), ip: None, user_agent: None, actor: None },
    }
}

async fn machine(app: &App, request: &Request, right: Right) -> Result<Administrator, Response> {
    let invalid = || Envelope::invalid_token().respond();
    let query = Params::parse_query(request.uri().query().unwrap_or_default()).map_err(|_| invalid())?;
    let authorization = header_text(request, &header::AUTHORIZATION);
    let presented = PresentedToken::extract(authorization, &query, None).map_err(|_| invalid())?;
    let (Some(presented), Ok(sender)) = (presented, sender(request)) else { return Err(invalid()) };
    let org = app.server(AuthorizationServer::ORG).await.map_err(failed)?;
    let org = org.ok_or_else(invalid)?;
    let target = format!("{}{}", app.settings.issuer, request.uri().path());
    let machine = Machine::identify_sender(app, &org, &presented, (&sender, target)).await;
    let machine = machine.map_err(|error| match error {
        AdministratorError::InvalidToken(_) => invalid(),
        AdministratorError::Binding(error) => bearer::unproven(error, presented.token_type),
        AdministratorError::Fault(fault) => failed(fault),
    })?;
    let scopes = right.scopes();
    if !scopes.iter().any(|scope| machine.scopes.contains(scope)) {
        return Err(scopes
            .first()
            .map_or_else(|| Envelope::forbidden().respond(), |scope| missing_scope(*scope)));
    }
    let caller = anonymous(request).acting(Actor::Client(machine.client));
    Ok(Administrator { who: Who::Machine, caller })
}
