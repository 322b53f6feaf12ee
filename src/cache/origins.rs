//! Origins that browsers may call from: those of registered redirect URIs and trusted origins.

use std::{collections::HashSet, sync::Arc};

use super::snapshot::Snapshot;
use crate::{
    fault::Fault,
    model::{Status, client::Client},
    protocol::redirect_uri::origin_of,
    store,
};

/// All origins that may call some endpoint.
#[derive(Debug, Default)]
pub struct OriginSet {
    /// Trusted with `CORS`.
    trusted: HashSet<String>,
    /// Of some client's redirect URIs.
    registered: HashSet<String>,
    /// Trusted with `REDIRECT`.
    redirect: HashSet<String>,
}

impl OriginSet {
    /// Whether some client or a trusted origin brings this origin.
    pub fn knows(&self, origin: &str) -> bool {
        self.trusted.contains(origin) || self.registered.contains(origin)
    }

    /// Whether pages of this origin may use the cookies of their user here.
    pub fn trusts(&self, origin: &str) -> bool {
        self.trusted.contains(origin)
    }

    /// Whether browsers may be sent to this origin.
    pub fn may_redirect(&self, origin: &str) -> bool {
        self.redirect.contains(origin)
    }

    /// Whether this client's own redirect URIs or a trusted origin bring this origin.
    pub fn allows(&self, client: &Client, origin: &str) -> bool {
        self.trusted.contains(origin)
            || client.metadata.redirect_uris.iter().any(|uri| origin_of(uri).is_some_and(|own| own == origin))
    }
}

/// The cache of origins.
#[derive(Default)]
pub struct Origins(Snapshot<OriginSet>);

impl Origins {
    /// The current set.
    ///
    /// # Errors
    /// The database failed.
    pub async fn load(&self, db: &store::Database) -> Result<Arc<OriginSet>, Fault> {
        self.0.load(async || read(db).await).await
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.clear();
    }
}

async fn read(db: &store::Database) -> Result<OriginSet, Fault> {
    let origins = store::trusted_origin::list(db).await?;
    let with = |wanted: &str| {
        origins
            .iter()
            .filter(|origin| origin.status == Status::Active)
            .filter(|origin| origin.scopes.iter().any(|scope| scope == wanted))
            .map(|origin| origin.origin.clone())
            .collect()
    };
    let (trusted, redirect) = (with("CORS"), with("REDIRECT"));
    let registered = store::client::list(db)
        .await?
        .iter()
        .filter(|client| client.is_active())
        .flat_map(|client| &client.metadata.redirect_uris)
        .filter_map(|uri| origin_of(uri))
        .collect();
    Ok(OriginSet { trusted, registered, redirect })
}
