//! The frame of every page: head, card, footer; and the parts that several pages share.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use url::Url;

use super::{icon, style};
use crate::model::user::Profile;

/// The language of every text here.
pub const LANGUAGE: &str = "en";

/// The product's name as pages show it.
pub const PRODUCT: &str = "Stepgate";

/// What a page shows of the client that asked (RFC 7591 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCard {
    /// `client_name`.
    pub name: String,
    /// `logo_uri`; shown only when it is `https`.
    pub logo_uri: Option<String>,
    /// `policy_uri`.
    pub policy_uri: Option<String>,
    /// `tos_uri`.
    pub tos_uri: Option<String>,
    /// `client_uri`.
    pub client_uri: Option<String>,
}

/// The user a page speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What people call them.
    pub display_name: String,
    /// The name they sign in with.
    pub login: String,
}

impl Person {
    /// The user with this login and profile.
    pub fn of(login: &str, profile: &Profile) -> Self {
        Self { display_name: profile.display_name(login), login: login.to_owned() }
    }
}

/// The hidden fields that every form of a flow carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowForm {
    /// Where the form is posted to, on this origin.
    pub action: String,
    /// The flow it belongs to; field `flow_id`.
    pub flow_id: String,
    /// The token of [`super::csrf`]; field `csrf`.
    pub csrf: String,
}

/// A page in one card.
pub(super) struct Card<'a> {
    /// The stable id of `main`.
    pub(super) id: &'a str,
    /// The page's title.
    pub(super) title: &'a str,
    /// How wide the card is.
    pub(super) width: Width,
    /// The client whose policies the footer links.
    pub(super) client: Option<&'a ClientCard>,
}

/// How wide a card is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// A form.
    Narrow,
    /// Text and tables.
    Wide,
}

/// A page whose only content is a card.
pub(super) fn card(card: &Card<'_>, content: Markup) -> Markup {
    card_with_head(card, &PreEscaped(String::new()), content)
}

/// A page whose only content is a card, with something in its head.
#[expect(clippy::needless_pass_by_value, reason = "markup is handed over, as maud's own templates do")]
pub(super) fn card_with_head(card: &Card<'_>, head: &Markup, content: Markup) -> Markup {
    let class = match card.width {
        Width::Narrow => "card",
        Width::Wide => "card wide",
    };
    document(
        card.title,
        head,
        &html! {
            div.stage {
                main id=(card.id) class=(class) { (content) }
                (footer(card.client))
            }
        },
    )
}

/// A whole document; `head` is added to the head.
pub(super) fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(LANGUAGE) {
            head {
                meta charset="utf-8";
                title { (title) " · " (PRODUCT) }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex, nofollow";
                link rel="icon" type="image/svg+xml" href=(style::ICON.path());
                link rel="stylesheet" href=(style::STYLE.path());
                (head)
            }
            body { (body) }
        }
    }
}

fn footer(client: Option<&ClientCard>) -> Markup {
    let policy = client.and_then(|client| web_link(client.policy_uri.as_deref()));
    let terms = client.and_then(|client| web_link(client.tos_uri.as_deref()));
    html! {
        footer.foot {
            @if let Some(client) = client {
                @if policy.is_some() || terms.is_some() { span { bdi { (client.name) } } }
            }
            @if let Some(href) = policy { a href=(href) rel="noreferrer" { "Privacy policy" } }
            @if let Some(href) = terms { a href=(href) rel="noreferrer" { "Terms of service" } }
            span.secured { (icon::mark(16)) "Secured by " (PRODUCT) }
        }
    }
}

/// The client's logo, or its initial.
pub(super) fn client_tile(client: Option<&ClientCard>) -> Markup {
    let Some(client) = client else {
        return html! { div class="tile brand" { (icon::mark(44)) } };
    };
    match image_link(client.logo_uri.as_deref()) {
        Some(src) => html! {
            div class="tile logo" { img src=(src) alt="" width="40" height="40" referrerpolicy="no-referrer"; }
        },
        None => html! { div.tile aria-hidden="true" { (initial(&client.name)) } },
    }
}

/// The hidden fields of a flow's form.
pub(super) fn hidden(form: &FlowForm) -> Markup {
    html! {
        input type="hidden" name="flow_id" value=(form.flow_id);
        input type="hidden" name="csrf" value=(form.csrf);
    }
}

/// A person with a round initial; `state` is a word beneath the login.
pub(super) fn person(person: &Person, state: Option<&str>) -> Markup {
    let named = !person.display_name.trim().is_empty() && person.display_name != person.login;
    html! {
        span.person {
            span.avatar aria-hidden="true" { (initial(if named { &person.display_name } else { &person.login })) }
            span.who {
                @if named {
                    strong { bdi { (person.display_name) } }
                    span { bdi { (person.login) } }
                } @else {
                    strong { bdi { (person.login) } }
                }
                @if let Some(state) = state { span.state { (state) } }
            }
        }
    }
}

/// The first letter or digit of a name.
pub(super) fn initial(name: &str) -> char {
    name.chars().find(|c| c.is_alphanumeric()).unwrap_or('•')
}

/// A link that leads to the web and nowhere else: `http` or `https` with a host.
pub(super) fn web_link(uri: Option<&str>) -> Option<String> {
    let uri = Url::parse(uri?).ok()?;
    (matches!(uri.scheme(), "https" | "http") && uri.has_host()).then(|| uri.into())
}

/// An image address: `https` only, so that no page mixes its content.
fn image_link(uri: Option<&str>) -> Option<String> {
    web_link(uri).filter(|uri| uri.starts_with("https:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_only() {
        assert_eq!(web_link(Some("https://a.example/p")).unwrap(), "https://a.example/p");
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//a.example",
            "/p",
            "",
            "vbscript:x",
            " java\nscript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert_eq!(web_link(Some(bad)), None, "{bad}");
        }
        assert_eq!(image_link(Some("http://a.example/l.png")), None);
    }

    #[test]
    fn initial_skips_what_is_no_letter() {
        assert_eq!(initial("<Acme>"), 'A');
        assert_eq!(initial("\u{202e}…"), '•');
    }
}
