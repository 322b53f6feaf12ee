//! The end: a first signal lets running requests finish, a second one ends the process at once.

use std::sync::{Arc, atomic::Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Cancels `stop` at the first SIGTERM or SIGINT; `abandon` runs before the second one ends the process.
///
/// # Errors
/// The signals cannot be listened to.
pub(super) fn on_signal(
    app: Arc<App>,
    stop: CancellationToken,
    abandon: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping; running requests may finish, a second signal ends them");
        app.ready.store(false, Ordering::SeqCst);
        stop.cancel();
        either(&mut terminate, &mut interrupt).await;
        abandon();
        std::process::exit(ABANDONED);
    });
    Ok(())
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// What a shell reports for a process that SIGINT ended.
const ABANDONED: i32 = 130;
