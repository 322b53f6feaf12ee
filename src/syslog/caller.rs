//! Who sent the request that an event belongs to.

use std::net::IpAddr;

use crate::id::{ApiTokenId, ClientId, UserId};

/// Who does something to somebody else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Stepgate itself, or whoever holds its command line.
    System,
    /// A program that acts for an administrator.
    ApiToken {
        /// The administrator.
        user: UserId,
        /// The token.
        token: ApiTokenId,
    },
    /// A machine that administers.
    Client(ClientId),
}

/// The sender of a request, as far as transport tells.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `X-Okta-Request-Id`: ours, random.
    pub request_id: String,
    /// The client address, seen through trusted proxies only; absent for the command line and jobs.
    pub ip: Option<IpAddr>,
    /// The user agent, cut at 512 characters.
    pub user_agent: Option<String>,
    /// Who acts, where that is not the user or client that an event is about.
    pub actor: Option<Actor>,
}

impl Caller {
    /// Stepgate itself: a job or the command line.
    pub fn system(job: &str) -> Self {
        Self { request_id: job.to_owned(), ip: None, user_agent: None, actor: Some(Actor::System) }
    }

    /// The same request, with whom it was found to act.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self.clone() }
    }

    /// The address as text.
    pub fn ip_text(&self) -> String {
        self.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string())
    }
}
