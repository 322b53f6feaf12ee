//! The error page, for requests that must not be answered by a redirect (RFC 6749 §4.1.2.1), and the
//! panel that shows a developer what exactly does not match.

use maud::{Markup, html};

use super::layout::{Card, ClientCard, Width, card, web_link};
use super::{icon, id};

/// What the error page shows.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// The machine-readable code, such as `invalid_redirect_uri`.
    pub code: String,
    /// What happened, for people.
    pub text: String,
    /// The id under which the log tells more.
    pub error_id: Option<String>,
    /// The client, once it is known.
    pub client: Option<ClientCard>,
    /// Details for developers; production servers give none.
    pub developer: Option<DeveloperPanel>,
}

/// Details for developers.
#[derive(Clone, Debug)]
pub enum DeveloperPanel {
    /// The redirect URI is not registered (RFC 9700 §2.1: exact comparison).
    RedirectUri {
        /// What the request carried.
        sent: String,
        /// What is registered for the client.
        registered: Vec<String>,
    },
    /// Names and values that explain the error, and what to do about it.
    Facts {
        /// What to do about it.
        advice: String,
        /// Names and values.
        facts: Vec<(String, String)>,
    },
}

/// Renders the error page.
pub fn error(page: &ErrorPage) -> Markup {
    let width = match page.developer {
        Some(_) => Width::Wide,
        None => Width::Narrow,
    };
    let frame =
        Card { id: id::ERROR_PAGE, title: "Something went wrong", width, client: page.client.as_ref() };
    card(
        &frame,
        html! {
            header.head {
                div class="tile danger" { (icon::warning(28)) }
                h1 { "This request can’t be completed" }
                p role="alert" { (page.text) }
            }
            dl.facts {
                div { dt { "Error" } dd { code id=(id::ERROR_CODE) { (page.code) } } }
                @if let Some(error_id) = &page.error_id {
                    div { dt { "Error ID" } dd { code id="error-id" { (error_id) } } }
                }
                @if let Some(client) = &page.client {
                    div { dt { "Application" } dd { bdi { (client.name) } } }
                }
            }
            (way_out(page.client.as_ref()))
            @if let Some(panel) = &page.developer { (developer(panel)) }
        },
    )
}

fn way_out(client: Option<&ClientCard>) -> Markup {
    let link = client.and_then(|client| Some((&client.name, web_link(client.client_uri.as_deref())?)));
    html! {
        p.aside {
            @match link {
                Some((name, href)) => { a href=(href) rel="noreferrer" { "Back to " bdi { (name) } } },
                None => { span.fine { "Go back to the application and try again. If it happens again, give its support team the details above." } },
            }
        }
    }
}

fn developer(panel: &DeveloperPanel) -> Markup {
    html! {
        section.panel aria-labelledby="developer-panel" {
            @match panel {
                DeveloperPanel::RedirectUri { sent, registered } => {
                    h2 id="developer-panel" { "The redirect URI does not match" span.badge { "Development" } }
                    (redirect_uri(sent, registered))
                }
                DeveloperPanel::Facts { advice, facts } => {
                    h2 id="developer-panel" { "What to change" span.badge { "Development" } }
                    p { (advice) }
                    dl.facts {
                        @for (name, value) in facts { div { dt { (name) } dd { code { (visible(value)) } } } }
                    }
                }
            }
        }
    }
}

fn redirect_uri(sent: &str, registered: &[String]) -> Markup {
    let mut nearest: Vec<&String> = registered.iter().collect();
    nearest.sort_by_key(|uri| std::cmp::Reverse(common_prefix(sent, uri)));
    html! {
        @match nearest.first() {
            None => { p { "This client has no registered redirect URI. Register the one below." } },
            Some(first) => { p { (explain(sent, first)) " Redirect URIs are compared character by character; the first difference is marked." } },
        }
        div.compare {
            div {
                h3 { "Sent" }
                (marked(sent, nearest.first().map_or(sent, |uri| uri.as_str())))
            }
            @if !nearest.is_empty() {
                div {
                    h3 { "Registered" }
                    @for uri in &nearest { (marked(uri, sent)) }
                }
            }
        }
    }
}

/// Says in words how two URIs differ, most telling part first.
fn explain(sent: &str, registered: &str) -> &'static str {
    let (Ok(a), Ok(b)) = (url::Url::parse(sent), url::Url::parse(registered)) else {
        return "What was sent is not an absolute URI.";
    };
    let path = |uri: &url::Url| uri.path().trim_end_matches('/').to_owned();
    match () {
        () if a.scheme() != b.scheme() => "The schemes differ.",
        () if a.host_str() != b.host_str() => "The hosts differ; localhost and 127.0.0.1 are two hosts.",
        () if a.port_or_known_default() != b.port_or_known_default() => "The ports differ.",
        () if a.path() != b.path() && path(&a) == path(&b) => "Only the trailing slash differs.",
        () if a.path() != b.path() && path(&a).eq_ignore_ascii_case(&path(&b)) => {
            "The paths differ in upper and lower case."
        }
        () if a.path() != b.path() => "The paths differ.",
        () if a.query() != b.query() => "The query strings differ.",
        () if a.fragment() != b.fragment() => "A redirect URI has no fragment (RFC 6749 §3.1.2).",
        () => "They are equivalent, but not equal.",
    }
}

/// A URI with the first character that differs from `other` marked.
fn marked(uri: &str, other: &str) -> Markup {
    let same: String = uri.chars().take(common_prefix(uri, other)).collect();
    let mut rest = uri.chars().skip(common_prefix(uri, other));
    let first = rest.next();
    let tail: String = rest.collect();
    html! {
        code.uri {
            (visible(&same))
            @match first {
                Some(c) => { mark { (visible(&c.to_string())) } },
                None if uri == other => {},
                None => { mark { span.unseen { "it ends here" } span aria-hidden="true" { "⟵ ends" } } },
            }
            (visible(&tail))
        }
    }
}

/// How many characters two texts begin with alike.
fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// The text with characters that cannot be seen, or that reorder their neighbours, written out.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{a0}'
            | '\u{ad}' => c.escape_unicode().to_string(),
            c if c.is_control() => c.escape_unicode().to_string(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{assert_escaped, assert_ids, client};

    fn page(text: &str, developer: Option<DeveloperPanel>) -> ErrorPage {
        ErrorPage {
            code: text.to_owned(),
            text: text.to_owned(),
            error_id: Some(text.to_owned()),
            client: Some(client(text)),
            developer,
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_error_page_is_escaped() {
        assert_escaped(|text| error(&page(text, None)));
        assert_escaped(|text| {
            error(&page(
                text,
                Some(DeveloperPanel::Facts {
                    advice: text.to_owned(),
                    facts: vec![(text.to_owned(), text.to_owned())],
                }),
            ))
        });
        assert_escaped(|text| {
            let sent = format!("https://a.example/{text}");
            error(&page(
                text,
                Some(DeveloperPanel::RedirectUri {
                    sent,
                    registered: vec![format!("https://a.example/_{text}")],
                }),
            ))
        });
    }

    #[test]
    fn the_error_page_prints_its_machine_code() {
        let html = error(&page("invalid_redirect_uri", None)).into_string();
        assert_ids(&html, &[id::ERROR_PAGE, id::ERROR_CODE]);
        assert!(html.contains("id=\"error-code\">invalid_redirect_uri<"));
    }

    #[test]
    fn the_first_differing_character_is_marked_in_both_uris() {
        let html = redirect_uri(
            "http://localhost:3000/cb/",
            &["http://other/".to_owned(), "http://localhost:3000/cb".to_owned()],
        )
        .into_string();
        assert!(html.contains("http://localhost:3000/cb<mark>/</mark>"));
        assert!(html.contains("http://localhost:3000/cb<mark><span class=\"unseen\">it ends here"));
        assert!(html.contains("Only the trailing slash differs."));
    }

    #[test]
    fn differences_are_named() {
        for (sent, registered, said) in [
            ("https://a/cb", "http://a/cb", "schemes"),
            ("http://localhost/cb", "http://127.0.0.1/cb", "hosts"),
            ("http://localhost:1/cb", "http://localhost:2/cb", "ports"),
            ("http://a/CB", "http://a/cb", "case"),
            ("http://a/x", "http://a/cb", "paths"),
            ("http://a/cb?x", "http://a/cb", "query"),
            ("/cb", "http://a/cb", "absolute"),
        ] {
            assert!(explain(sent, registered).contains(said), "{sent}");
        }
    }

    #[test]
    fn unseen_characters_are_written_out() {
        assert_eq!(visible("a\u{202e}b\u{0}"), "a\\u{202e}b\\u{0}");
    }
}
