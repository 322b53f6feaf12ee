//! Delivers what waits in the outbox: at once when this node put it there, otherwise within seconds. A message is tried a
//! few times with growing pauses, then given up. Each kind has its own round, so that a mail server that hangs holds up no
//! logout and no text message.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    fault::Fault,
    logout::backchannel,
    message::{self, USER_MAIL, USER_PHONE},
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
/// Longer than any attempt may take: until then no other node tries the same message.
const ATTEMPT: time::Duration = time::Duration::seconds(60);

/// What the outbox holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Clients are told of a logout.
    BackchannelLogout,
    /// Users are told something by mail.
    UserMail,
    /// Users are told something by text message or call.
    UserPhone,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::BackchannelLogout, Self::UserMail, Self::UserPhone];

    fn as_str(self) -> &'static str {
        match self {
            Self::BackchannelLogout => BACKCHANNEL_LOGOUT,
            Self::UserMail => USER_MAIL,
            Self::UserPhone => USER_PHONE,
        }
    }
}

pub(super) async fn run(app: Arc<App>, kind: Kind, stop: CancellationToken) {
    let mut posts = app.db.writer().posts();
    loop {
        let tried = deliver_due_of(&app, kind).await.unwrap_or_else(|fault| {
            tracing::error!(%fault, kind = kind.as_str(), "messages could not be delivered");
            0
        });
        // A full batch says that there may be more.
        let pause = if tried < BATCH { EVERY } else { Duration::ZERO };
        let next = tokio::time::timeout(pause, posts.changed());
        if stop.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// Tries every message that is due, once; says how many this node tried.
///
/// # Errors
/// The database failed.
pub async fn deliver_due(app: &App) -> Result<u64, Fault> {
    let mut tried = 0;
    for kind in Kind::ALL {
        tried += deliver_due_of(app, kind).await?;
    }
    Ok(tried)
}

async fn deliver_due_of(app: &App, kind: Kind) -> Result<u64, Fault> {
    let due = store::outbox::due(&app.db, kind.as_str(), app.now(), BATCH).await?;
    let deliveries = due.into_iter().map(|message| async move {
        let pause = pause_after(&message);
        // What could not be claimed was not tried, and a round of it is no reason for another one at once.
        let claimed = claim(app, &message, pause).await;
        let tried = matches!(claimed, Ok(Outcome::Won));
        let ended = match claimed {
            Ok(Outcome::Won) => attempt(app, kind, &message, pause).await,
            Ok(Outcome::Lost(_)) => Ok(()),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = ended {
            tracing::error!(%fault, message.id = %message.id, "a message could not be delivered");
        }
        u64::from(tried)
    });
    Ok(stream::iter(deliveries).buffer_unordered(AT_ONCE).fold(0, async |sum, tried| sum + tried).await)
}

/// The pause after the next attempt; absent: it is the last one.
fn pause_after(message: &Message) -> Option<time::Duration> {
    PAUSES.get(usize::try_from(message.attempts).unwrap_or(usize::MAX)).copied()
}

/// Takes a message before it is tried: another node leaves it alone, and a process that dies has used up one attempt.
async fn claim(app: &App, message: &Message, pause: Option<time::Duration>) -> Result<Outcome, Fault> {
    let until = app.now() + pause.unwrap_or(time::Duration::HOUR).max(ATTEMPT);
    app.db.writer().commit(Unit::new().claim(store::outbox::claim_attempt(message, until))).await
}

async fn attempt(
    app: &App,
    kind: Kind,
    message: &Message,
    pause: Option<time::Duration>,
) -> Result<(), Fault> {
    let tried = match kind {
        Kind::BackchannelLogout => tell_client(app, message).await,
        Kind::UserMail | Kind::UserPhone => tell_user(app, message).await,
    };
    let end = match (tried, pause) {
        (Ok(End::Later(_)), Some(pause)) => {
            let again = store::outbox::reschedule(&message.id, app.now() + pause);
            app.db.writer().commit(Unit::new().change(again)).await?;
            return Ok(());
        }
        (Ok(End::Later(event)), None) => Some(event),
        (Ok(End::Over(event)), _) => event,
        // A database that is back tries again; what can never be opened goes in the end.
        (Err(fault), Some(_)) => return Err(fault),
        (Err(fault), None) => {
            tracing::error!(%fault, message.id = %message.id, "a message was given up");
            None
        }
    };
    let unit = Unit::new().change(store::outbox::remove(&message.id));
    let unit = match end {
        Some(event) => unit.row(event.row(&Caller::system("deliver"), app.random.as_ref(), app.now())),
        None => unit,
    };
    app.db.writer().commit(unit).await?;
    Ok(())
}

/// How an attempt ended.
enum End {
    /// The message goes, and what the system log has about it.
    Over(Option<Event>),
    /// The message stays for another attempt; with none left, this is what the system log has about it.
    Later(Event),
}

async fn tell_client(app: &App, message: &Message) -> Result<End, Fault> {
    let (notice, delivery) = backchannel::deliver(app, message).await?;
    match delivery {
        backchannel::Delivery::Delivered => {
            tracing::info!(client.id = %notice.client_id, "a client was told of a logout");
            Ok(End::Over(None))
        }
        backchannel::Delivery::Moot => Ok(End::Over(None)),
        backchannel::Delivery::Failed(why) => {
            tracing::warn!(client.id = %notice.client_id, why, "a client was not told of a logout");
            let event = Event::failure(EventType::SingleLogout, "backchannel_logout_failed")
                .server(&notice.server_id)
                .client(&notice.client_id)
                .user(&notice.user_id)
                .session(&notice.session_id);
            Ok(End::Later(event))
        }
    }
}

async fn tell_user(app: &App, message: &Message) -> Result<End, Fault> {
    let tried = message::deliver::deliver(app, message).await?;
    match &tried.delivery {
        message::deliver::Delivery::Delivered => Ok(End::Over(Some(tried.sent()))),
        message::deliver::Delivery::Dead(reason, why) => {
            tracing::warn!(message.id = %message.id, reason, why, "a message was given up");
            Ok(End::Over(Some(tried.failed(reason))))
        }
        message::deliver::Delivery::Failed(why) => {
            tracing::warn!(message.id = %message.id, why, "a message could not be sent");
            Ok(End::Later(tried.failed("UNREACHABLE")))
        }
    }
}
