//! The consent page (OpenID Connect Core §3.1.2.4).

use maud::{Markup, html};

use super::layout::{Card, ClientCard, FlowForm, Person, Width, card, client_tile, hidden, person};
use super::{icon, id};

/// The value of the field `decision` that the accept button sends.
pub const DECISION_ACCEPT: &str = "accept";

/// The value of the field `decision` that the deny button sends.
pub const DECISION_DENY: &str = "deny";

/// What the consent page shows.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The client that asks.
    pub client: ClientCard,
    /// Who is signed in.
    pub user: Person,
    /// Where another account can be chosen.
    pub switch_account_href: Option<String>,
    /// What is asked for.
    pub scopes: Vec<ConsentScope>,
    /// What is asked for about the user beside that, in words (Core §5.5).
    pub claims: Vec<String>,
    /// The host that receives the answer, so that a look-alike name can be told.
    pub return_host: Option<String>,
    /// Where the form goes; its fields are `flow_id`, `csrf`, `decision` and one `scope` per ticked optional scope.
    pub form: FlowForm,
}

/// A scope that is asked for.
#[derive(Clone, Debug)]
pub struct ConsentScope {
    /// The scope's name on the wire.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it allows.
    pub description: Option<String>,
    /// Whether it can be left out.
    pub choice: ScopeChoice,
}

/// Whether a scope can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeChoice {
    /// All or nothing.
    Required,
    /// The user ticks it; it starts ticked.
    Optional,
}

/// Renders the consent page.
pub fn consent(page: &ConsentPage) -> Markup {
    let frame = Card {
        id: id::CONSENT_PAGE,
        title: "Allow access",
        width: Width::Narrow,
        client: Some(&page.client),
    };
    card(
        &frame,
        html! {
            header.head {
                (client_tile(Some(&page.client)))
                h1 { "Allow access?" }
                p { strong { bdi { (page.client.name) } } " asks for your permission" }
            }
            form.stack id="consent-form" method="post" action=(page.form.action) {
                (hidden(&page.form))
                div.identity {
                    span.unseen { "Signed in as " }
                    (person(&page.user, None))
                    @if let Some(href) = &page.switch_account_href { a href=(href) { "Not you?" } }
                }
                (scopes(&page.scopes))
                @if !page.claims.is_empty() { (claims(&page.claims)) }
                p.fine {
                    "Your choice is remembered."
                    @if let Some(host) = &page.return_host { " You return to " strong { bdi { (host) } } "." }
                }
                div.buttons.pair {
                    button.button.primary type="submit" id=(id::CONSENT_ACCEPT) name="decision" value=(DECISION_ACCEPT) { "Allow" }
                    button.button type="submit" id=(id::CONSENT_DENY) name="decision" value=(DECISION_DENY) { "Don’t allow" }
                }
            }
        },
    )
}

/// The scopes that are asked for, with a box for each that can be left out.
pub(super) fn scopes(scopes: &[ConsentScope]) -> Markup {
    html! {
        div {
            h2.label id="consent-scopes" { "This includes" }
            ul.scopes aria-labelledby="consent-scopes" {
                @for (index, scope) in scopes.iter().enumerate() { (item(index, scope)) }
            }
        }
    }
}

/// The claims that are asked for one by one: none of them can be left out alone.
fn claims(claims: &[String]) -> Markup {
    html! {
        div {
            h2.label id="consent-claims" { "And this about you" }
            ul.scopes aria-labelledby="consent-claims" {
                @for claim in claims {
                    li { (icon::tick(20)) div.text { span { (claim) } } }
                }
            }
        }
    }
}

fn item(index: usize, scope: &ConsentScope) -> Markup {
    let field = format!("scope-{index}");
    let about = format!("scope-{index}-about");
    html! {
        li {
            @match scope.choice {
                ScopeChoice::Required => {
                    (icon::tick(20))
                    div.text { span { (scope.display_name) } (details(&about, scope)) }
                }
                ScopeChoice::Optional => {
                    input type="checkbox" id=(field) name="scope" value=(scope.name) checked aria-describedby=(about);
                    div.text {
                        span { label for=(field) { (scope.display_name) } " " span.optional { "(optional)" } }
                        (details(&about, scope))
                    }
                }
            }
        }
    }
}

fn details(id: &str, scope: &ConsentScope) -> Markup {
    html! {
        div id=(id) {
            @if let Some(description) = &scope.description { p { (description) } }
            @if scope.display_name != scope.name { code { (scope.name) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{assert_escaped, assert_ids, client, form};

    fn page(text: &str) -> ConsentPage {
        let scope = |choice| ConsentScope {
            name: text.to_owned(),
            display_name: text.to_owned(),
            description: Some(text.to_owned()),
            choice,
        };
        ConsentPage {
            client: client(text),
            user: Person { display_name: text.to_owned(), login: format!("{text}@example.com") },
            switch_account_href: Some(format!("/accounts?flow_id={text}")),
            scopes: vec![scope(ScopeChoice::Required), scope(ScopeChoice::Optional)],
            claims: vec![text.to_owned()],
            return_host: Some(text.to_owned()),
            form: form(text),
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_consent_page_is_escaped() {
        assert_escaped(|text| consent(&page(text)));
    }

    #[test]
    fn the_consent_page_keeps_its_ids_and_offers_optional_scopes_as_checkboxes() {
        let html = consent(&page("Acme")).into_string();
        assert_ids(&html, &[id::CONSENT_PAGE, id::CONSENT_ACCEPT, id::CONSENT_DENY]);
        assert_eq!(html.matches("type=\"checkbox\"").count(), 1);
        assert!(html.contains("<label for=\"scope-1\">"));
        assert!(html.contains("And this about you"));
        let without = consent(&ConsentPage { claims: Vec::new(), ..page("Acme") }).into_string();
        assert!(!without.contains("consent-claims"));
    }
}
