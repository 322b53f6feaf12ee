//! Pages of lists: cursors that only we make, and the `Link` headers that carry them (RFC 8288; Okta).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, header};
use poem::Response;

use crate::{app::App, protocol::params::encode_component, secret::constant_time_eq};

/// Bytes of the seal in front of the place.
const SEAL: usize = 16;
/// The longest cursor.
const MAX_CURSOR: usize = 1024;

/// A cursor of a list: where the next page begins. It can be read by anybody and made by nobody else.
pub(super) fn cursor(app: &App, list: &str, place: &str) -> String {
    let mut bytes = seal(app, list, place);
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of this list names; absent: we did not make it.
pub(super) fn place(app: &App, list: &str, cursor: &str) -> Option<String> {
    if cursor.len() > MAX_CURSOR {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (sealed, place) = bytes.split_at_checked(SEAL)?;
    let place = std::str::from_utf8(place).ok()?;
    constant_time_eq(sealed, &seal(app, list, place)).then(|| place.to_owned())
}

fn seal(app: &App, list: &str, place: &str) -> Vec<u8> {
    let mac = keys::hmac_sha256(&app.derived.cursor, &[list.as_bytes(), b"\n", place.as_bytes()]);
    mac.into_iter().take(SEAL).collect()
}

/// An address with its query, each value encoded.
pub(super) fn address(base: &str, query: &[(&str, Option<&str>)]) -> String {
    let mut address = base.to_owned();
    let given = query.iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    for (index, (name, value)) in given.enumerate() {
        address.push(if index == 0 { '?' } else { '&' });
        address.push_str(&format!("{name}={}", encode_component(value)));
    }
    address
}

/// Adds a link to an answer.
pub(super) fn link(response: &mut Response, address: &str, relation: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("<{address}>; rel=\"{relation}\"")) {
        response.headers_mut().append(header::LINK, value);
    }
}
