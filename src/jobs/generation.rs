//! Notices administrative changes made by other processes and nodes, and drops the caches concerned.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::{app::App, store};

/// How often to look: a change is in effect everywhere within a second.
const EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    // Whatever was cached before the first look may be older than it.
    let mut seen = None;
    let mut reachable = true;
    loop {
        match store::installation::generation(&app.db).await {
            Ok(generation) => {
                if seen != Some(generation) {
                    app.forget_configuration();
                    seen = Some(generation);
                }
                reachable = true;
            }
            Err(fault) => {
                if reachable {
                    tracing::warn!(%fault, "changes made elsewhere cannot be noticed at the moment");
                }
                reachable = false;
            }
        }
        if !pause(&stop, EVERY).await {
            return;
        }
    }
}
