//! Request objects that clients keep at their `request_uris` (OpenID Connect Core §6.2): fetched at most once a minute for
//! each address, so that nobody makes us knock on a client's door for every request.

use std::sync::Arc;

use moka::sync::Cache;
use time::{Duration, OffsetDateTime};

use crate::{
    id::ClientId,
    ports::fetch::{Fetch, Fetched},
};

/// A fetched object is used this long.
const FRESH: Duration = Duration::MINUTE;
/// An address that gave nothing is left alone this long.
const RETRY_AFTER: Duration = Duration::seconds(20);
/// What a request object may call itself (RFC 9101 §5.2.3; Core §6.2).
const MEDIA_TYPES: [&str; 2] = ["application/oauth-authz-req+jwt", "application/jwt"];

#[derive(Clone)]
struct Remembered {
    object: Option<Arc<str>>,
    fetched_at: OffsetDateTime,
}

/// The cache of request objects.
pub struct RequestObjects(Cache<(ClientId, String), Remembered>);

impl Default for RequestObjects {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(1_000).build())
    }
}

impl RequestObjects {
    /// The object at an address that the client registered. The fragment is part of the name, so an object that changes
    /// with it is fetched again (Core §6.2).
    pub async fn find(
        &self,
        fetch: &dyn Fetch,
        (client, uri): (&ClientId, &str),
        now: OffsetDateTime,
    ) -> Option<Arc<str>> {
        let key = (client.clone(), uri.to_owned());
        if let Some(known) = self.0.get(&key) {
            let keep = if known.object.is_some() { FRESH } else { RETRY_AFTER };
            if now < known.fetched_at + keep {
                return known.object;
            }
        }
        let object = fetched(fetch, uri).await;
        if object.is_none() {
            tracing::warn!(client.id = %client, "a request_uri of the client could not be read");
        }
        self.0.insert(key, Remembered { object: object.clone(), fetched_at: now });
        object
    }
}

async fn fetched(fetch: &dyn Fetch, uri: &str) -> Option<Arc<str>> {
    let mut url = url::Url::parse(uri).ok()?;
    url.set_fragment(None);
    let answer = fetch.get(&url).await.ok()?;
    if answer.status != 200 || !is_request_object(&answer) {
        return None;
    }
    let text = String::from_utf8(answer.body).ok()?;
    Some(text.trim().into())
}

fn is_request_object(answer: &Fetched) -> bool {
    let media_type = answer.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    MEDIA_TYPES.iter().any(|known| known.eq_ignore_ascii_case(media_type))
}
