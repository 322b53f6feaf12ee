//! The page before a client that nobody vouches for gets a user sent: it says who asked and where the way leads, and
//! leaves going there to the user (RFC 9700 §4.11.2).

use maud::{Markup, html};

use super::layout::{Card, ClientCard, Width, card};
use super::{icon, id};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct LeavingPage {
    /// The client that asked.
    pub client: ClientCard,
    /// The host, or the scheme of an installed application, that the way leads to.
    pub host: String,
    /// Why the user is sent there.
    pub reason: LeavingReason,
    /// How one gets there.
    pub way: Way,
}

/// Why the user is sent to the client.
#[derive(Clone, Debug)]
pub enum LeavingReason {
    /// Its request was refused; the code of the error.
    Error(String),
    /// A sign-in is to begin there (OpenID Connect Core §4).
    Login,
}

/// How one gets to the client.
#[derive(Clone, Debug)]
pub enum Way {
    /// By a link to a validated address.
    Link(String),
    /// By a form to a validated address.
    Form {
        /// Where it goes.
        action: String,
        /// Its hidden fields.
        fields: Vec<(String, String)>,
    },
}

/// Renders the page.
pub fn leaving(page: &LeavingPage) -> Markup {
    let frame = Card {
        id: id::LEAVING_PAGE,
        title: "Leaving this site",
        width: Width::Narrow,
        client: Some(&page.client),
    };
    card(
        &frame,
        html! {
            header.head {
                div class="tile danger" { (icon::warning(28)) }
                h1 { "Go on to another site?" }
                @match &page.reason {
                    LeavingReason::Error(_) => {
                        p { "The request of " strong { bdi { (page.client.name) } } " was refused. You were not signed in." }
                    }
                    LeavingReason::Login => {
                        p { strong { bdi { (page.client.name) } } " wants to begin a sign-in." }
                    }
                }
            }
            dl.facts {
                div { dt { "Leads to" } dd { strong { bdi { (page.host) } } } }
                @if let LeavingReason::Error(code) = &page.reason {
                    div { dt { "Error" } dd { code id=(id::ERROR_CODE) { (code) } } }
                }
            }
            p.fine { "This application registered itself, and nobody here has checked it. Go on only if you came from there." }
            (way(&page.way))
        },
    )
}

fn way(way: &Way) -> Markup {
    html! {
        @match way {
            Way::Link(href) => {
                p.aside { a id=(id::LEAVING_CONTINUE) href=(href) rel="noreferrer" { "Go on" } }
            }
            Way::Form { action, fields } => {
                form.stack id="leaving-form" method="post" action=(action) {
                    @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                    div.buttons { button.button type="submit" id=(id::LEAVING_CONTINUE) { "Go on" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{assert_escaped, assert_ids, client};

    fn page(text: &str, way: Way) -> LeavingPage {
        let reason = LeavingReason::Error(text.to_owned());
        LeavingPage { client: client(text), host: text.to_owned(), reason, way }
    }

    fn link(text: &str) -> Way {
        Way::Link(format!("https://a.example/?{text}"))
    }

    fn form(text: &str) -> Way {
        let fields = vec![("error".to_owned(), text.to_owned())];
        Way::Form { action: format!("https://a.example/?{text}"), fields }
    }

    #[test]
    fn sec_x01_every_text_on_the_leaving_page_is_escaped() {
        assert_escaped(|text| leaving(&page(text, link(text))));
        assert_escaped(|text| leaving(&page(text, form(text))));
    }

    #[test]
    fn the_leaving_page_keeps_its_ids_and_does_not_go_on_by_itself() {
        for way in [link("x"), form("x")] {
            let html = leaving(&page("Acme", way)).into_string();
            assert_ids(&html, &[id::LEAVING_PAGE, id::LEAVING_CONTINUE, id::ERROR_CODE]);
            assert!(!html.contains("<script") && !html.contains("http-equiv"), "{html}");
        }
    }
}
