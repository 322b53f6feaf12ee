//! Publishes, activates, retires and removes signing keys when it is time.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{lease, pause};
use crate::{app::App, fault::Fault, setup};

const EVERY: Duration = Duration::from_secs(60);
const LEASE: time::Duration = time::Duration::seconds(150);

pub(super) async fn run(app: Arc<App>, node: Arc<str>, stop: CancellationToken) {
    while pause(&stop, EVERY).await {
        match rotate(&app, &node).await {
            Ok(true) => tracing::info!("signing keys changed"),
            Ok(false) => {}
            Err(fault) => tracing::error!(%fault, "signing keys could not be maintained"),
        }
    }
}

async fn rotate(app: &App, node: &str) -> Result<bool, Fault> {
    if lease(app, "rotate_keys", node, LEASE).await? { setup::maintain_keys(app).await } else { Ok(false) }
}
