//! What pages are about: a pending authorization request, or a transaction that belongs to none.

use std::sync::Arc;

use http::{Method, StatusCode};
use maud::Markup;
use poem::Response;

use super::{
    account::Errand,
    answer::target,
    form::About,
    leaving::step_for,
    step,
    visit::{Visit, card_of},
};
use crate::{
    app::App,
    authorize::{
        dispatch::{Journey, Step, deny, dispatch},
        flow::{Ending, Flow, FlowError},
    },
    cache::servers::ServerState,
    id::{FlowId, base62},
    model::client::Client,
    protocol::error::{ErrorCode, OAuthError},
    store::unit::{Outcome, Unit},
    web::{headers, layout::ClientCard},
};

/// A pending request with the server and client it is for.
pub(super) struct Waiting {
    pub(super) flow: Flow,
    pub(super) server: Arc<ServerState>,
    pub(super) client: Arc<Client>,
}

impl About for Waiting {
    /// Fails when the flow is over or another browser's, or its client or server is gone.
    async fn load(visit: &Visit<'_>, id: Option<&str>) -> Result<Self, FlowError> {
        let id = FlowId::new(id.ok_or(FlowError::Unknown)?);
        let flow = Flow::load(visit.app, &id, Some(&visit.binding)).await?;
        let request = &flow.pending.request;
        let server = visit.app.server(request.server_id.as_str()).await?.ok_or(FlowError::Unknown)?;
        let client = visit
            .app
            .clients
            .find(&visit.app.db, &request.client_id)
            .await?
            .filter(|client| client.is_active())
            .ok_or(FlowError::Unknown)?;
        Ok(Self { flow, server, client })
    }
}

impl Waiting {
    /// The address of another page about this request.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{path}?flow={}", self.flow.id)
    }

    /// What pages show of the client.
    pub(super) fn card(&self) -> ClientCard {
        card_of(&self.client, &self.flow.pending.request)
    }

    /// Whether the journey ends in a decision about a device.
    pub(super) fn is_about_a_device(&self) -> bool {
        matches!(self.flow.pending.ending, Ending::Device(_))
    }

    /// Saves the progress; lost when another tab was faster.
    ///
    /// # Errors
    /// The flow is over, or a fault.
    pub(super) async fn save(&mut self, app: &App) -> Result<(), FlowError> {
        let unit = Unit::new().claim(self.flow.save()?);
        match app.db.writer().commit(unit).await.map_err(FlowError::Fault)? {
            Outcome::Won => {
                self.flow.version += 1;
                Ok(())
            }
            Outcome::Lost(_) => Err(FlowError::Unknown),
        }
    }

    /// Sends a page whose form may lead to the client.
    pub(super) fn page(&self, visit: Visit<'_>, status: StatusCode, markup: Markup) -> Response {
        let client = target(&self.flow.pending.request.destination.redirect_uri);
        let headers = headers::page(&visit.nonce, Some(&client), visit.hsts());
        visit.html(status, headers, markup)
    }

    /// The same of a page whose script asks what is new.
    fn live_page(&self, visit: Visit<'_>, markup: Markup) -> Response {
        let client = target(&self.flow.pending.request.destination.redirect_uri);
        let headers = headers::live_page(&visit.nonce, Some(&client), visit.hsts());
        visit.html(StatusCode::OK, headers, markup)
    }

    /// What is due next, as the dispatcher says.
    ///
    /// # Errors
    /// The flow cannot go on, or a fault.
    pub(super) async fn due(&self, visit: &Visit<'_>) -> Result<Step, FlowError> {
        let journey = Journey::Frozen(&self.flow);
        dispatch(visit.app, &self.server, &self.client, journey, &visit.browser()).await
    }

    /// Goes where the dispatcher says, after a form.
    pub(super) async fn go_on(&self, visit: Visit<'_>) -> Response {
        let next = self.due(&visit).await;
        step(visit, next, &Method::POST).await
    }

    /// Ends the journey with an error.
    pub(super) async fn deny(&self, visit: Visit<'_>, error: &OAuthError, method: &Method) -> Response {
        let next = deny(visit.app, &Journey::Frozen(&self.flow), error, visit.caller).await;
        step_for(visit, &self.client, next, method).await
    }

    /// Ends the journey because the user gave up.
    pub(super) async fn cancel(&self, visit: Visit<'_>) -> Response {
        let error = OAuthError::new(ErrorCode::AccessDenied, "The user cancelled the sign-in.");
        self.deny(visit, &error, &Method::POST).await
    }
}

/// How the names of transactions begin that belong to no authorization request.
const ALONE: &str = "rcv";

/// What a transaction of pages belongs to.
pub(super) enum Place {
    /// A pending authorization request.
    Flow(Box<Waiting>),
    /// Nothing but the link of a mail, under a name that its pages share.
    Alone(String),
    /// A page of the account.
    Account(Errand),
}

impl About for Place {
    /// What is no flow of this browser has no transaction either.
    async fn load(visit: &Visit<'_>, name: Option<&str>) -> Result<Self, FlowError> {
        if let Some(errand) = name.and_then(Errand::named) {
            return Ok(Self::Account(errand));
        }
        match name.filter(|name| name.starts_with(ALONE)) {
            Some(name) => Ok(Self::Alone(name.to_owned())),
            None => Ok(Self::Flow(Box::new(Waiting::load(visit, name).await?))),
        }
    }
}

impl Place {
    /// A fresh place that belongs to no authorization request.
    pub(super) fn alone(app: &App) -> Self {
        Self::Alone(format!("{ALONE}{}", base62(app.random.as_ref(), 22)))
    }

    /// The name that forms and state tokens are bound to.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Flow(waiting) => waiting.flow.id.as_str(),
            Self::Alone(name) => name,
            Self::Account(errand) => errand.name(),
        }
    }

    /// The address of another page about the same.
    pub(super) fn at(&self, path: &str) -> String {
        match self {
            Self::Flow(waiting) => waiting.at(path),
            Self::Alone(_) => path.to_owned(),
            Self::Account(errand) => format!("{path}?flow={}", errand.name()),
        }
    }

    /// Where its sign-in begins, if it is one.
    pub(super) fn beginning(&self) -> Option<String> {
        match self {
            Self::Flow(_) | Self::Account(_) => Some(self.at("/signin")),
            Self::Alone(_) => None,
        }
    }

    /// What pages show of the client, if there is one.
    pub(super) fn card(&self) -> Option<ClientCard> {
        match self {
            Self::Flow(waiting) => Some(waiting.card()),
            Self::Alone(_) | Self::Account(_) => None,
        }
    }

    /// Sends a page of its transaction whose script asks what is new.
    pub(super) fn live_page(&self, visit: Visit<'_>, markup: Markup) -> Response {
        match self {
            Self::Flow(waiting) => waiting.live_page(visit, markup),
            Self::Alone(_) | Self::Account(_) => {
                let headers = headers::live_page(&visit.nonce, None, visit.hsts());
                visit.html(StatusCode::OK, headers, markup)
            }
        }
    }

    /// Sends a page of its transaction.
    pub(super) fn page(&self, visit: Visit<'_>, status: StatusCode, markup: Markup) -> Response {
        match self {
            Self::Flow(waiting) => waiting.page(visit, status, markup),
            Self::Alone(_) | Self::Account(_) => visit.page(status, markup),
        }
    }
}
