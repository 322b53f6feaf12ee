//! The sign-in page: identifier and password (OpenID Connect Core §3.1.2.3).

use maud::{Markup, html};

use super::factor::webauthn::Ceremonial;
use super::layout::{Card, ClientCard, FlowForm, Width, card, client_tile, hidden};
use super::{icon, id};

/// The value of the field `action` that the sign-in button sends.
pub const ACTION_SIGN_IN: &str = "sign_in";

/// The value of the field `action` that the cancel button sends.
pub const ACTION_CANCEL: &str = "cancel";

/// The value of the field `action` that a passkey sends.
pub const ACTION_PASSKEY: &str = "passkey";

/// What the sign-in page shows.
#[derive(Clone, Debug)]
pub struct SignInPage {
    /// The client that asked, when one did.
    pub client: Option<ClientCard>,
    /// Where the form goes; its fields are `flow_id`, `csrf`, `identifier`, `password`, `action`.
    pub form: FlowForm,
    /// Why the user is asked.
    pub reason: SignInReason,
    /// What the identifier field starts with: `login_hint`, or what was typed before.
    pub identifier: Option<String>,
    /// What was wrong with the last attempt.
    pub error: Option<SignInError>,
    /// The page of remembered accounts, when there are any.
    pub accounts_href: Option<String>,
    /// Where somebody who forgot the password goes on, where policy lets anybody reset it.
    pub forgot_href: Option<String>,
    /// Where somebody who is locked out goes on, where policy lets anybody unlock.
    pub unlock_href: Option<String>,
    /// Whether the user can go back to the client.
    pub cancel: Cancel,
    /// Accounts of a development server, shown for convenience.
    pub demo_users: Vec<DemoUser>,
    /// How a passkey signs in, where policy lets one do it alone.
    pub passkey: Option<Ceremonial>,
}

/// Why the user is asked to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInReason {
    /// There is no session.
    NoSession,
    /// There is one, but the client asked for a fresh authentication (`prompt=login`, `max_age`; Core §3.1.2.1).
    Reauthenticate,
}

/// Whether a page can be left towards the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The client learns `access_denied` (RFC 6749 §4.1.2.1).
    ToClient,
    /// There is nobody to return to.
    Unavailable,
}

/// What was wrong with a sign-in attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// A field was empty.
    Incomplete,
    /// Unknown user, wrong password, or an account that may not sign in: one text for all.
    Credentials,
    /// The same of a passkey.
    Passkey,
    /// The account is locked; used only where the password policy lets it be told.
    Locked,
    /// Too many attempts from here.
    TooManyAttempts,
    /// The page was too old, or came from another browser.
    Expired,
    /// The server was too busy to check the password.
    Busy,
}

impl SignInError {
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Incomplete => ("Something is missing", "Enter both your username and your password."),
            Self::Credentials => {
                ("Unable to sign in", "The username or password is not correct. Check both and try again.")
            }
            Self::Passkey => (
                "Unable to sign in",
                "That passkey cannot be used here. Sign in with your password, or use another passkey.",
            ),
            Self::Locked => (
                "Account locked",
                "Too many attempts failed. Wait a while, or ask your administrator to unlock the account.",
            ),
            Self::TooManyAttempts => ("Too many attempts", "Wait a minute, then try again."),
            Self::Expired => ("This page was open for too long", "Nothing was sent. Please sign in again."),
            Self::Busy => {
                ("The server is busy", "Your password was not checked. Please try again in a moment.")
            }
        }
    }

    fn concerns_the_fields(self) -> bool {
        matches!(self, Self::Incomplete | Self::Credentials)
    }
}

/// An account of a development server.
#[derive(Clone, Debug)]
pub struct DemoUser {
    /// The sign-in name.
    pub login: String,
    /// The password, which is no secret there; absent: the user has changed it.
    pub password: Option<String>,
}

/// What is shown in place of a password that is nobody's any more.
pub(super) const CHANGED: &str = "the password that you chose";

/// Renders the sign-in page.
pub fn sign_in(page: &SignInPage) -> Markup {
    let heading = match page.reason {
        SignInReason::NoSession => "Sign in",
        SignInReason::Reauthenticate => "Confirm it’s you",
    };
    let frame =
        Card { id: id::LOGIN_PAGE, title: heading, width: Width::Narrow, client: page.client.as_ref() };
    card(
        &frame,
        html! {
            header.head {
                (client_tile(page.client.as_ref()))
                h1 { (heading) }
                p { (purpose(page)) }
            }
            @if let Some(error) = page.error { (summary(error)) }
            (form(page))
            @if page.forgot_href.is_some() || page.unlock_href.is_some() {
                p.aside.links {
                    @if let Some(href) = &page.forgot_href { a href=(href) id=(id::FORGOT_PASSWORD) { "Forgot your password?" } }
                    @if let Some(href) = &page.unlock_href { a href=(href) id=(id::UNLOCK_ACCOUNT) { "Unlock your account" } }
                }
            }
            @if let Some(href) = &page.accounts_href {
                p.aside { a href=(href) { "Choose another account" } }
            }
            (demo(&page.demo_users))
        },
    )
}

fn purpose(page: &SignInPage) -> Markup {
    html! {
        @match (&page.client, page.reason) {
            (Some(client), SignInReason::NoSession) => { "to continue to " strong { bdi { (client.name) } } },
            (Some(client), SignInReason::Reauthenticate) => { strong { bdi { (client.name) } } " asks you to sign in again" },
            (None, SignInReason::NoSession) => { "with your account" },
            (None, SignInReason::Reauthenticate) => { "Sign in again to continue" },
        }
    }
}

fn summary(error: SignInError) -> Markup {
    let (title, text) = error.text();
    html! {
        div.alert id="login-error" role="alert" {
            (icon::warning(20))
            div { h2 { (title) } p { (text) } }
        }
    }
}

fn form(page: &SignInPage) -> Markup {
    let described = page.error.map(|_| "login-error");
    let invalid = page.error.filter(|error| error.concerns_the_fields()).map(|_| "true");
    let passkey = page.passkey.as_ref();
    let names = if passkey.is_some() { "username webauthn" } else { "username" };
    html! {
        form.stack id="login-form" method="post" action=(page.form.action) data-webauthn=[passkey.map(Ceremonial::data)]
            data-ceremony=[passkey.map(Ceremonial::kind)] data-action=[passkey.map(|passkey| passkey.action)] {
            (hidden(&page.form))
            div.field {
                label for=(id::IDENTIFIER) { "Username" }
                input type="text" id=(id::IDENTIFIER) name="identifier" value=[&page.identifier] required maxlength="320"
                    autocomplete=(names) autocapitalize="none" autocorrect="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=[described];
            }
            div.field {
                label for=(id::PASSWORD) { "Password" }
                input type="password" id=(id::PASSWORD) name="password" required maxlength="1024"
                    autocomplete="current-password" aria-invalid=[invalid] aria-describedby=[described];
            }
            div.buttons {
                button.button.primary type="submit" id=(id::LOGIN_SUBMIT) name="action" value=(ACTION_SIGN_IN) { "Sign in" }
                @if page.cancel == Cancel::ToClient {
                    button.button.quiet type="submit" id=(id::LOGIN_CANCEL) name="action" value=(ACTION_CANCEL) formnovalidate { "Cancel" }
                }
                @if passkey.is_some() {
                    button.button.quiet type="button" id=(id::WEBAUTHN_START) data-webauthn-start hidden { "Sign in with a passkey" }
                }
            }
            @if let Some(passkey) = passkey { (passkey_notes()) (passkey.script()) }
        }
    }
}

/// What the script says when a passkey did not do.
fn passkey_notes() -> Markup {
    html! {
        p.help id="webauthn-waiting" data-webauthn-note role="status" hidden { "Follow what your browser or device asks of you." }
        p.help id="webauthn-failed" data-webauthn-note role="status" hidden { "No passkey was used. Sign in with your password, or try again." }
    }
}

fn demo(users: &[DemoUser]) -> Markup {
    html! {
        @if !users.is_empty() {
            aside.note aria-label="Accounts for development" {
                h2 { "Development server: sign in with" }
                dl {
                    @for user in users {
                        div {
                            dt { code { (user.login) } }
                            dd { @match &user.password { Some(password) => code { (password) }, None => (CHANGED) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{
        corpus::{assert_escaped, assert_ids, client, form},
        factor::webauthn::{Begins, Ceremony},
    };

    fn page(text: &str) -> SignInPage {
        SignInPage {
            client: Some(client(text)),
            form: form(text),
            reason: SignInReason::NoSession,
            identifier: Some(text.to_owned()),
            error: Some(SignInError::Credentials),
            accounts_href: Some(format!("/accounts?flow_id={text}")),
            forgot_href: Some(format!("/signin/forgot-password?flow={text}")),
            unlock_href: Some(format!("/signin/unlock-account?flow={text}")),
            cancel: Cancel::ToClient,
            demo_users: vec![DemoUser { login: text.to_owned(), password: Some(text.to_owned()) }],
            passkey: Some(Ceremonial {
                ceremony: Ceremony::Conditional,
                options: serde_json::json!({ "rpId": text }),
                action: ACTION_PASSKEY,
                begins: Begins::ByButton,
                nonce: "n".to_owned(),
            }),
        }
    }

    #[test]
    fn sec_x01_every_text_on_the_sign_in_page_is_escaped() {
        assert_escaped(|text| sign_in(&page(text)));
    }

    #[test]
    fn the_sign_in_page_keeps_its_ids_and_autocomplete_tokens() {
        let html = sign_in(&page("Acme")).into_string();
        assert_ids(
            &html,
            &[id::LOGIN_PAGE, id::IDENTIFIER, id::PASSWORD, id::LOGIN_SUBMIT, id::LOGIN_CANCEL],
        );
        for token in [
            "autocomplete=\"username webauthn\"",
            "autocomplete=\"current-password\"",
            "role=\"alert\"",
            "lang=\"en\"",
            "aria-describedby=\"login-error\"",
        ] {
            assert!(html.contains(token), "{token}");
        }
        assert!(!html.contains("autofocus"));
    }

    #[test]
    fn cancel_is_shown_only_when_there_is_a_client_to_return_to() {
        let html = sign_in(&SignInPage { cancel: Cancel::Unavailable, ..page("Acme") }).into_string();
        assert!(!html.contains(id::LOGIN_CANCEL));
    }
}
