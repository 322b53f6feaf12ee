//! The outbox of a development server: every message to a user, with its code or link, the newest first. It follows by
//! itself: with JavaScript without a flicker (`assets/outbox.js`), without it by loading anew.

use maud::{Markup, html};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::layout::{PRODUCT, document};
use super::{icon, style};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct OutboxPage {
    /// The messages, the newest first.
    pub messages: Vec<OutboxMessage>,
    /// The servers and providers that messages leave through too; empty: they are shown here only.
    pub couriers: Vec<&'static str>,
}

/// A message on the page.
#[derive(Clone, Debug)]
pub struct OutboxMessage {
    /// `msg…`
    pub id: String,
    /// When it was decided.
    pub at: OffsetDateTime,
    /// How it travels.
    pub channel: Channel,
    /// The address or number.
    pub to: String,
    /// The login of whom it is for.
    pub login: String,
    /// The subject of a mail; empty for phones.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// The code in it.
    pub code: Option<String>,
    /// The link in it.
    pub link: Option<String>,
}

/// How a message travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// A mail.
    Email,
    /// A text message.
    Sms,
    /// A call.
    Call,
}

impl Channel {
    /// The word for tools, which is Okta's `factorType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Call => "call",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Email => "Mail",
            Self::Sms => "Text message",
            Self::Call => "Call",
        }
    }
}

/// Where the page is.
pub const PATH: &str = "/outbox";

/// Renders the page; `nonce` admits its script.
pub fn outbox(page: &OutboxPage, nonce: &str) -> Markup {
    let head = html! {
        link rel="stylesheet" href=(style::CONSOLE_STYLE.path());
        noscript { meta http-equiv="refresh" content="4"; }
    };
    document(
        "Outbox",
        &head,
        &html! {
            div.console {
                header.bar {
                    a.name href="/" { (icon::mark(28)) (PRODUCT) }
                    span.badge { "Development" }
                    nav aria-label="Pages" { a href="/" { "Start page" } a href="/outbox.json" { "As JSON" } }
                }
                main id="outbox-page" {
                    header.hero {
                        h1 { "Outbox" }
                        p { "Every message to a user, the newest first. Codes and links work as in a real inbox. " (leaving(page)) }
                    }
                    div id="messages" aria-live="polite" { (list(&page.messages)) }
                }
            }
            script type="module" nonce=(nonce) src=(style::OUTBOX_SCRIPT.path()) {}
        },
    )
}

fn leaving(page: &OutboxPage) -> String {
    if page.couriers.is_empty() {
        "Nothing leaves this machine.".to_owned()
    } else {
        format!("They also leave through the configured {}.", page.couriers.join(" and "))
    }
}

fn list(messages: &[OutboxMessage]) -> Markup {
    html! {
        @if messages.is_empty() {
            p.empty { "Nothing was sent yet. Ask for a code, or for a new password." }
        } @else {
            ol.grid { @for message in messages { li { (article(message)) } } }
        }
    }
}

fn article(message: &OutboxMessage) -> Markup {
    let at = instant(message.at);
    html! {
        article.box.letter id=(message.id) data-message-id=(message.id) {
            header.letterhead {
                span.verb { (message.channel.label()) }
                span.recipient { bdi { (message.to) } }
                time datetime=(at) { (clock(message.at)) " UTC" }
            }
            @if !message.subject.is_empty() { h2 { (message.subject) } }
            @if let Some(code) = &message.code { p.code { (code) } }
            @if let Some(link) = &message.link { p { a.button.primary.small href=(link) { "Open the link" } } }
            details.words {
                summary { "What it says" }
                pre.wrap tabindex="0" { (message.text) }
                @if message.channel == Channel::Email {
                    p { a href={ (PATH) "/" (message.id) } target="_blank" rel="noopener" { "Look at the mail" } }
                }
            }
        }
    }
}

/// The same for tools: `{"messages":[…]}`, the newest first.
pub fn outbox_json(page: &OutboxPage) -> Value {
    let messages = page.messages.iter().map(|message| {
        json!({
            "id": message.id,
            "created": instant(message.at),
            "channel": message.channel.as_str(),
            "to": message.to,
            "login": message.login,
            "subject": message.subject,
            "text": message.text,
            "code": message.code,
            "link": message.link,
        })
    });
    json!({ "messages": messages.collect::<Vec<Value>>() })
}

fn instant(at: OffsetDateTime) -> String {
    at.replace_millisecond(at.millisecond()).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

fn clock(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.to_hms();
    format!("{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{assert_escaped, assert_ids};

    fn page(text: &str) -> OutboxPage {
        let message = OutboxMessage {
            id: "msg1".to_owned(),
            at: OffsetDateTime::UNIX_EPOCH,
            channel: Channel::Email,
            to: text.to_owned(),
            login: text.to_owned(),
            subject: format!("About {text}"),
            text: text.to_owned(),
            code: Some(text.to_owned()),
            link: Some(format!("http://localhost:8080/reset?{text}")),
        };
        OutboxPage { messages: vec![message], couriers: Vec::new() }
    }

    #[test]
    fn sec_x01_every_text_in_the_outbox_is_escaped() {
        assert_escaped(|text| outbox(&page(text), "n"));
    }

    #[test]
    fn the_outbox_follows_with_and_without_script() {
        let html = outbox(&page("123456"), "n").into_string();
        assert_ids(&html, &["outbox-page", "messages", "msg1"]);
        assert!(
            html.contains("<noscript><meta http-equiv=\"refresh\"") && html.contains("nonce=\"n\""),
            "{html}"
        );
        assert!(html.contains("01.") || html.contains("00:00:00 UTC"));
        let empty = outbox(&OutboxPage::default(), "n").into_string();
        assert!(empty.contains("Nothing was sent yet") && empty.contains("Nothing leaves this machine"));
        let json = outbox_json(&page("123456"));
        assert_eq!(
            (&json["messages"][0]["code"], &json["messages"][0]["channel"]),
            (&json!("123456"), &json!("email"))
        );
        assert_eq!(json["messages"][0]["created"], "1970-01-01T00:00:00Z");
    }
}
