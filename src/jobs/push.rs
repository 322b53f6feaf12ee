//! Notices what devices are asked by other nodes, and wakes those that wait here: one look for all of them, and none while
//! nobody waits. What was seen at the last look wakes nobody again.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::{app::App, store::push_transaction};

/// How often to look.
const EVERY: Duration = Duration::from_millis(250);
/// How far the clocks of two nodes may be apart: so much is looked at twice.
const APART: time::Duration = time::Duration::seconds(2);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut reachable = true;
    let mut known = HashSet::new();
    while pause(&stop, EVERY).await {
        if app.push_waiters.count() == 0 {
            continue;
        }
        match push_transaction::asked_since(&app.db, app.now() - APART).await {
            Ok(asked) => {
                let new = asked.iter().filter(|(id, _)| !known.contains(id));
                new.for_each(|(_, factor)| app.push_waiters.wake(factor));
                known = asked.into_iter().map(|(id, _)| id).collect();
                reachable = true;
            }
            Err(fault) => {
                if reachable {
                    tracing::warn!(%fault, "what devices are asked elsewhere cannot be noticed at the moment");
                }
                reachable = false;
            }
        }
    }
    // Requests that wait end before the connections are closed.
    app.push_waiters.wake_all();
}
