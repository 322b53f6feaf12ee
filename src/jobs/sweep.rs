//! Removes expired rows in small batches with pauses in between, so that requests never wait long for the writer.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{lease, pause};
use crate::{
    app::App,
    fault::Fault,
    store::sweep::{BATCH, Expired, sweep},
};

const EVERY: Duration = Duration::from_secs(60);
const BETWEEN_BATCHES: Duration = Duration::from_millis(50);
const LEASE: time::Duration = time::Duration::seconds(150);

pub(super) async fn run(app: Arc<App>, node: Arc<str>, stop: CancellationToken) {
    while pause(&stop, EVERY).await {
        for what in Expired::ALL {
            if let Err(fault) = sweep_all(&app, &node, what, &stop).await {
                tracing::error!(%fault, ?what, "expired rows could not be removed");
            }
        }
    }
}

async fn sweep_all(app: &App, node: &str, what: Expired, stop: &CancellationToken) -> Result<(), Fault> {
    // Asked before every batch: the lease must not run out while there is much to do.
    while lease(app, "sweep", node, LEASE).await? {
        let now = app.now();
        let before = if what == Expired::LogEvents { now - app.settings.log_retention } else { now };
        if sweep(&app.db, what, before).await? < BATCH || !pause(stop, BETWEEN_BATCHES).await {
            break;
        }
    }
    Ok(())
}
