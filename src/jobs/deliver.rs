//! Delivers what waits in the outbox: at once when this node put it there, otherwise within seconds. A message is tried a
//! few times with growing pauses, then given up.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    fault::Fault,
    logout::backchannel::{self, Delivery},
    session::farewell::BACKCHANNEL_LOGOUT,
    store::{
        self,
        outbox::Message,
        unit::{Outcome, Unit},
    },
    syslog::{Caller, Event, EventType},
};

/// How often to look for what other processes put there, and for what is to be tried again.
const EVERY: Duration = Duration::from_secs(3);
/// Messages that are looked at together.
const BATCH: u64 = 64;
/// Deliveries at a time.
const AT_ONCE: usize = 16;
/// The pause after each failed attempt; with the last attempt the message is given up.
const PAUSES: [time::Duration; 5] = [
    time::Duration::seconds(5),
    time::Duration::seconds(30),
    time::Duration::minutes(2),
    time::Duration::minutes(10),
    time::Duration::hours(1),
];

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        let tried = deliver_due(&app).await.unwrap_or_else(|fault| {
            tracing::error!(%fault, "messages could not be delivered");
            0
        });
        // A full batch says that there may be more.
        let pause = if tried < BATCH { EVERY } else { Duration::ZERO };
        let next = tokio::time::timeout(pause, app.db.writer().posted());
        if stop.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// Tries every message that is due, once; says how many there were.
///
/// # Errors
/// The database failed.
pub async fn deliver_due(app: &App) -> Result<u64, Fault> {
    let due = store::outbox::due(&app.db, BACKCHANNEL_LOGOUT, app.now(), BATCH).await?;
    let tried = u64::try_from(due.len()).unwrap_or(BATCH);
    let deliveries = due.into_iter().map(|message| async move {
        if let Err(fault) = attempt(app, &message).await {
            tracing::error!(%fault, message.id = %message.id, "a message could not be delivered");
        }
    });
    stream::iter(deliveries).buffer_unordered(AT_ONCE).collect::<()>().await;
    Ok(tried)
}

async fn attempt(app: &App, message: &Message) -> Result<(), Fault> {
    let number = usize::try_from(message.attempts).unwrap_or(usize::MAX);
    let pause = PAUSES.get(number).copied();
    let again_at = app.now() + pause.unwrap_or(time::Duration::HOUR);
    // Taken before it is tried: another node leaves it alone, and a process that dies here has used up one attempt.
    let claim = Unit::new().claim(store::outbox::claim_attempt(message, again_at));
    if let Outcome::Lost(_) = app.db.writer().commit(claim).await? {
        return Ok(());
    }
    let (notice, delivery) = backchannel::deliver(app, message).await?;
    let mut unit = Unit::new().change(store::outbox::remove(&message.id));
    match delivery {
        Delivery::Delivered => tracing::info!(client.id = %notice.client_id, "a client was told of a logout"),
        Delivery::Moot => {}
        Delivery::Failed(why) if pause.is_some() => {
            tracing::info!(client.id = %notice.client_id, why, "a client could not be told of a logout yet");
            return Ok(());
        }
        Delivery::Failed(why) => {
            tracing::warn!(client.id = %notice.client_id, why, "a client was not told of a logout");
            let event = Event::failure(EventType::SingleLogout, "backchannel_logout_failed")
                .server(&notice.server_id)
                .client(&notice.client_id)
                .user(&notice.user_id)
                .session(&notice.session_id);
            unit = unit.row(event.row(&Caller::system("deliver"), app.random.as_ref(), app.now()));
        }
    }
    app.db.writer().commit(unit).await?;
    Ok(())
}
