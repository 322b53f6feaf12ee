//! The pages on which a user sets a password: when it has expired or soon will, after recovery, and at activation.

use maud::{Markup, html};

use super::{
    icon, id,
    step::{Page, Stage, StepError, described, main_button, page},
};

/// The value of the field `action` that changes the password.
pub const ACTION_CHANGE: &str = "change_password";
/// The value of the field `action` that sets a new one.
pub const ACTION_RESET: &str = "reset_password";

/// Why a password is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordReason {
    /// It has expired.
    Expired,
    /// It expires in so many days.
    ExpiresIn(u32),
    /// It was forgotten.
    Forgotten,
    /// The account is new.
    NewAccount,
    /// Its user wants another one.
    Wish,
}

impl PasswordReason {
    fn asks_for_old(self) -> bool {
        matches!(self, Self::Expired | Self::ExpiresIn(_) | Self::Wish)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Expired => "Your password has expired",
            Self::ExpiresIn(_) => "Your password expires soon",
            Self::Forgotten => "Set a new password",
            Self::NewAccount => "Welcome",
            Self::Wish => "Change your password",
        }
    }

    fn purpose(self) -> Markup {
        html! {
            @match self {
                Self::Expired => { "Choose a new one to go on" },
                Self::ExpiresIn(0) => { "It expires today" },
                Self::ExpiresIn(1) => { "It expires tomorrow" },
                Self::ExpiresIn(days) => { "It expires in " (days) " days" },
                Self::Forgotten | Self::Wish => { "You sign in with it from now on" },
                Self::NewAccount => { "Choose the password of your new account" },
            }
        }
    }
}

/// Renders the page; `rules` says what a password needs, point by point.
pub fn password(stage: &Stage, reason: PasswordReason, rules: &[String]) -> Markup {
    let frame = Page {
        id: id::PASSWORD_PAGE,
        title: reason.title(),
        purpose: reason.purpose(),
        icon: icon::lock(28),
    };
    let (invalid, error) = described(stage);
    let is_old_wrong = stage.error == Some(StepError::WrongPassword);
    let (old, new) = (invalid.filter(|_| is_old_wrong), invalid.filter(|_| !is_old_wrong));
    let described =
        error.map_or_else(|| "password-rules".to_owned(), |error| format!("{error} password-rules"));
    page(
        stage,
        &frame,
        html! {
            @if let Some(who) = &stage.person {
                // Password managers find out whose password it is.
                input.unseen type="text" name="username" value=(who.login) autocomplete="username" tabindex="-1" aria-hidden="true" readonly;
            }
            @if reason.asks_for_old() {
                div.field {
                    label for=(id::OLD_PASSWORD) { "Current password" }
                    input type="password" id=(id::OLD_PASSWORD) name="oldPassword" required maxlength="1024"
                        autocomplete="current-password" aria-invalid=[old] aria-describedby=[error];
                }
            }
            div.field {
                label for=(id::NEW_PASSWORD) { "New password" }
                input type="password" id=(id::NEW_PASSWORD) name="newPassword" required maxlength="1024"
                    autocomplete="new-password" aria-invalid=[new] aria-describedby=(described);
                div.help id="password-rules" {
                    p { "It needs" }
                    ul.points { @for rule in rules { li { (rule) } } }
                }
            }
            div.field {
                label for=(id::REPEAT_PASSWORD) { "New password, again" }
                input type="password" id=(id::REPEAT_PASSWORD) name="repeatPassword" required maxlength="1024"
                    autocomplete="new-password" aria-invalid=[new] aria-describedby=[error];
            }
            // A reset ends all sessions anyway.
            @if reason.asks_for_old() {
                label.check {
                    input type="checkbox" name="revokeSessions" value="true" checked;
                    span { "Sign out everywhere else" }
                }
            }
            (main_button(if reason.asks_for_old() { ACTION_CHANGE } else { ACTION_RESET }, "Save and continue"))
        },
    )
}
