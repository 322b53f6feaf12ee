//! Measures what no request measures: how many messages wait, how old the signing keys are.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::{app::App, store};

const EVERY: Duration = Duration::from_secs(15);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let outbox_depth = metrics::gauge!("outbox_depth");
    let signing_key_age = metrics::gauge!("signing_key_age_seconds");
    loop {
        if let Ok(depth) = store::sweep::outbox_depth(&app.db).await {
            outbox_depth.set(f64::from(u32::try_from(depth).unwrap_or(u32::MAX)));
        }
        let now = app.now();
        let oldest = app.servers.all().iter().map(|server| server.signing_key_age(now)).max().unwrap_or(0);
        signing_key_age.set(f64::from(u32::try_from(oldest).unwrap_or(u32::MAX)));
        if !pause(&stop, EVERY).await {
            return;
        }
    }
}
