//! The application behind a group of endpoints.

use std::sync::Arc;

use poem::Response;

use super::error::okta::Envelope;
use crate::app::App;

/// The application behind a group of endpoints; absent where they only document themselves.
#[derive(Clone)]
pub struct Served(Option<Arc<App>>);

impl Served {
    /// Endpoints that serve an application.
    pub fn new(app: Arc<App>) -> Self {
        Self(Some(app))
    }

    /// Endpoints that only document themselves.
    pub fn detached() -> Self {
        Self(None)
    }

    /// The application.
    ///
    /// # Errors
    /// The answer of endpoints that only document themselves.
    pub(super) fn app(&self) -> Result<&App, Response> {
        self.0.as_deref().ok_or_else(|| Envelope::internal().respond())
    }
}
