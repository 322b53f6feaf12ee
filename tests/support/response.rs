//! Authorization responses as a client receives them, in every response mode.

use std::collections::BTreeMap;

use super::http::{Browser, Response};

/// The parameters of a response, by name.
pub(crate) type Answer = BTreeMap<String, String>;

/// The modes that carry any response type; `-` is the default.
pub(crate) const FRONT_MODES: [&str; 4] = ["-", "fragment", "form_post", "okta_post_message"];

/// What the client gets, wherever the response mode put it; nothing where the browser is still on our pages.
pub(crate) fn received(browser: &Browser, page: &Response) -> Option<Answer> {
    if page.body_contains("id=\"form-post-page\"") {
        return Some(page.form("form-post").fields.into_iter().collect());
    }
    if page.body_contains("id=\"post-message-page\"") {
        let (_, data) = page.text().split_once("})(").expect("the script with its data");
        let mut values = serde_json::Deserializer::from_str(data).into_iter::<Answer>();
        return Some(values.next().unwrap().unwrap());
    }
    let url = browser.url();
    if url.host_str() != Some("app.example.com") {
        return None;
    }
    let parse = |text: Option<&str>| {
        form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect::<Answer>()
    };
    let (query, fragment) = (parse(url.query()), parse(url.fragment()));
    assert!(query.is_empty() || fragment.is_empty(), "in both places: {url}");
    Some(if fragment.is_empty() { query } else { fragment })
}

/// The same, where there must be an answer.
#[track_caller]
pub(crate) fn must_receive(browser: &Browser, page: &Response) -> Answer {
    received(browser, page).unwrap_or_else(|| panic!("no answer at {}: {}", browser.url(), page.words()))
}
