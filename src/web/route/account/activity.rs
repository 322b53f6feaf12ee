//! What happened in the account, page by page.

use http::StatusCode;
use poem::{Request, Response, handler};
use time::OffsetDateTime;

use super::{Target, either, enter};
use crate::{
    syslog::{
        own::{self, Entry, Place},
        user_agent,
    },
    web::{
        account::{
            PATH,
            activity::{Activity, Happening, Newer, activity},
        },
        factor::name,
        route::{answer::fault_page, form::query, visit::Visit},
    },
};

/// How much is on a page.
const PAGE: usize = 20;

/// Shows a page.
#[handler]
pub(crate) async fn get(visit: Visit<'_>, request: &Request) -> Response {
    let behind = query(request).one("before").and_then(place);
    either(page(visit, behind).await)
}

async fn page(visit: Visit<'_>, behind: Option<Place>) -> Result<Response, Response> {
    let (visit, owner) = enter(visit, &Target::Activity).await?;
    // One more than is shown tells whether there is more.
    let limit = u64::try_from(PAGE + 1).unwrap_or(u64::MAX);
    let mut entries = match own::page(visit.app, &owner.user.id, behind.as_ref(), limit).await {
        Ok(entries) => entries,
        Err(fault) => return Err(fault_page(visit, &fault)),
    };
    let older = entries.len() > PAGE;
    entries.truncate(PAGE);
    let last = entries.last().filter(|_| older);
    let view = Activity {
        person: owner.person(),
        older: last.map(|entry| format!("{PATH}/activity?before={}", written(&entry.place))),
        newer: if behind.is_some() { Newer::Yes } else { Newer::No },
        happenings: entries.into_iter().map(happening).collect(),
    };
    Ok(visit.page(StatusCode::OK, activity(&view)))
}

/// A place in the log as a link has it.
fn written(place: &Place) -> String {
    format!("{}-{}", place.at.unix_timestamp_nanos() / 1_000_000, place.id)
}

/// Reads it back; whatever else somebody writes there is the first page.
fn place(text: &str) -> Option<Place> {
    let (milliseconds, id) = text.split_once('-')?;
    let milliseconds: i64 = milliseconds.parse().ok()?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    let fits = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then(|| Place { at, id: id.to_owned() })
}

/// Something that happened, as pages tell it.
pub(super) fn happening(entry: Entry) -> Happening {
    Happening {
        deed: entry.deed,
        outcome: entry.outcome,
        by: entry.by,
        at: entry.place.at,
        device: entry.user_agent.map(|agent| user_agent::in_words(Some(&agent))),
        ip: entry.ip,
        application: entry.application,
        factor: entry.factor.map(name),
        count: entry.count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_767_323_045_678_000_000).unwrap();
        let one = Place { at, id: "019b7c1e-0f2a-7abc-8def-0123456789ab".to_owned() };
        assert_eq!(place(&written(&one)), Some(one));
        for bad in ["", "1", "x-1", "1-'", "1-a b", "99999999999999999999-a", "9223372036854775807-a"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
