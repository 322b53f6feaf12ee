//! The account chooser (`prompt=select_account`, OpenID Connect Core §3.1.2.1).

use maud::{Markup, html};

use super::layout::{Card, ClientCard, FlowForm, Person, Width, card, client_tile, hidden, person};
use super::{icon, id};

/// What the account chooser shows.
#[derive(Clone, Debug)]
pub struct AccountsPage {
    /// The client that asked, when one did.
    pub client: Option<ClientCard>,
    /// The accounts this browser remembers.
    pub accounts: Vec<Account>,
    /// Where the form goes; besides `flow_id` and `csrf` it sends one of `choose=<user id>`,
    /// `remove=<user id>`, `other=1`.
    pub form: FlowForm,
}

/// An account this browser remembers.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user's id.
    pub user_id: String,
    /// How the account is shown.
    pub person: Person,
    /// Whether it can be used without a password now.
    pub state: AccountState,
}

/// Whether a remembered account has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It has a live session.
    SignedIn,
    /// It has none.
    SignedOut,
}

/// Renders the account chooser.
pub fn accounts(page: &AccountsPage) -> Markup {
    let frame = Card {
        id: "accounts-page",
        title: "Choose an account",
        width: Width::Narrow,
        client: page.client.as_ref(),
    };
    card(
        &frame,
        html! {
            header.head {
                (client_tile(page.client.as_ref()))
                h1 { "Choose an account" }
                @if let Some(client) = &page.client { p { "to continue to " strong { bdi { (client.name) } } } }
            }
            form.stack id="accounts-form" method="post" action=(page.form.action) {
                (hidden(&page.form))
                ul.accounts id=(id::ACCOUNT_LIST) aria-label="Accounts used in this browser" {
                    @for account in &page.accounts { (entry(account)) }
                }
                button.button type="submit" id="account-other" name="other" value="1" {
                    (icon::person_add(20)) "Use another account"
                }
            }
        },
    )
}

fn entry(account: &Account) -> Markup {
    let state = match account.state {
        AccountState::SignedIn => Some("Signed in"),
        AccountState::SignedOut => None,
    };
    html! {
        li {
            button.choose type="submit" name="choose" value=(account.user_id) { (person(&account.person, state)) }
            button.remove type="submit" name="remove" value=(account.user_id)
                aria-label={ "Remove " (account.person.login) " from this list" } { (icon::cross(18)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{assert_escaped, assert_ids, client, form};

    fn page(text: &str) -> AccountsPage {
        let person = Person { display_name: text.to_owned(), login: format!("{text}@example.com") };
        AccountsPage {
            client: Some(client(text)),
            accounts: vec![Account { user_id: text.to_owned(), person, state: AccountState::SignedIn }],
            form: form(text),
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_account_list_is_escaped() {
        assert_escaped(|text| accounts(&page(text)));
    }

    #[test]
    fn the_account_list_keeps_its_id() {
        assert_ids(&accounts(&page("Acme")).into_string(), &[id::ACCOUNT_LIST]);
    }
}
