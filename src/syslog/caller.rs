//! Who sent the request that an event belongs to.

use std::net::IpAddr;

/// The sender of a request, as far as transport tells.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `X-Okta-Request-Id`: ours, random.
    pub request_id: String,
    /// The client address, seen through trusted proxies only; absent for the command line and jobs.
    pub ip: Option<IpAddr>,
    /// The user agent, cut at 512 characters.
    pub user_agent: Option<String>,
}

impl Caller {
    /// Stepgate itself: a job or the command line.
    pub fn system(job: &str) -> Self {
        Self { request_id: job.to_owned(), ip: None, user_agent: None }
    }

    /// The address as text.
    pub fn ip_text(&self) -> String {
        self.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string())
    }
}
