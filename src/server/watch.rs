//! Files that are read again when they change: certificates are renewed while the server runs.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::client::certificate::Authorities;

/// Files that are looked at every so often.
pub(super) struct Watched<const N: usize> {
    files: [PathBuf; N],
    every: Duration,
    seen: [Option<Stamp>; N],
}

impl<const N: usize> Watched<N> {
    /// Remembers the files as they are now.
    pub(super) async fn new(files: [PathBuf; N], every: Duration) -> Self {
        let seen = stamps(&files).await;
        Self { files, every, seen }
    }

    /// Waits until one of them was replaced or rewritten; `false` when `stop` came first.
    pub(super) async fn changed(&mut self, stop: &CancellationToken) -> bool {
        while stop.run_until_cancelled(tokio::time::sleep(self.every)).await.is_some() {
            let now = stamps(&self.files).await;
            if now != self.seen {
                self.seen = now;
                return true;
            }
        }
        false
    }
}

/// Changes whenever a file is replaced or rewritten: inode, size, seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

async fn stamps<const N: usize>(files: &[PathBuf; N]) -> [Option<Stamp>; N] {
    let mut stamps = [None; N];
    for (stamp, file) in stamps.iter_mut().zip(files) {
        *stamp = stamp_of(file).await;
    }
    stamps
}

async fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Looks at the file of `client_certificates.authorities` every so often and takes over what is in it, until `stop`. A
/// file that cannot be used is logged once and the authorities of before stay in use.
pub async fn watch_authorities(
    file: PathBuf,
    authorities: Authorities,
    every: Duration,
    stop: CancellationToken,
) {
    let mut watched = Watched::new([file.clone()], every).await;
    while watched.changed(&stop).await {
        let replaced = match tokio::fs::read(&file).await {
            Ok(pem) => authorities.replace(&pem).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match replaced {
            Ok(()) => tracing::info!(file = %file.display(), "authorities of clients replaced"),
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "new authorities of clients refused, keeping the old ones");
            }
        }
    }
}
