//! What runs beside requests: noticing changes made elsewhere, delivering messages, rotating keys, sweeping expired rows, gauges. Jobs that
//! change anything are leased by a row, so that one node runs each.

pub mod deliver;

mod gauges;
mod generation;
mod push;
mod rotate_keys;
mod sweep;

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{app::App, fault::Fault, id::base62, store};

/// Starts every job; all end soon after `stop`.
pub fn spawn_all(app: &Arc<App>, stop: &CancellationToken) -> TaskTracker {
    let jobs = TaskTracker::new();
    let node: Arc<str> = base62(app.random.as_ref(), 17).into();
    jobs.spawn(generation::run(Arc::clone(app), stop.clone()));
    jobs.spawn(rotate_keys::run(Arc::clone(app), Arc::clone(&node), stop.clone()));
    jobs.spawn(sweep::run(Arc::clone(app), node, stop.clone()));
    for kind in deliver::Kind::ALL {
        jobs.spawn(deliver::run(Arc::clone(app), kind, stop.clone()));
    }
    jobs.spawn(push::run(Arc::clone(app), stop.clone()));
    jobs.spawn(gauges::run(Arc::clone(app), stop.clone()));
    jobs.close();
    jobs
}

/// Waits; says whether to go on.
async fn pause(stop: &CancellationToken, length: Duration) -> bool {
    stop.run_until_cancelled(tokio::time::sleep(length)).await.is_some()
}

/// Takes or keeps the lease of a job.
async fn lease(app: &App, job: &str, node: &str, lasts: time::Duration) -> Result<bool, Fault> {
    store::lease::acquire(&app.db, job, node, app.now(), lasts).await
}
