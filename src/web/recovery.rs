//! The pages of somebody who forgot the password, or is locked out. None of them tells whether an account exists.

use maud::{Markup, html};

use crate::factor::question::MAX_ANSWER;

use super::{
    factor::verify::ACTION_VERIFY,
    icon, id,
    step::{Page, Stage, described, main_button, notice, page},
};

/// The value of the field `action` that begins.
pub const ACTION_RECOVER: &str = "recover";
/// The value of the field `action` that answers the question.
pub const ACTION_ANSWER: &str = "answer";

/// What is to be recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovering {
    /// A forgotten password.
    Password,
    /// A locked account.
    Lock,
}

/// A way to reach the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Mail.
    Email,
    /// Text message.
    Sms,
    /// Voice call.
    Call,
}

impl Channel {
    /// Its value of the field `factorType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
            Self::Call => "CALL",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Sms => "Text message",
            Self::Call => "Voice call",
        }
    }
}

/// The page that asks for the sign-in name; with no way to reach anybody it only says so.
pub fn start(stage: &Stage, recovering: Recovering, typed: Option<&str>, channels: &[Channel]) -> Markup {
    let (title, purpose) = match recovering {
        Recovering::Password => ("Forgot your password?", "We send you a way to set a new one"),
        Recovering::Lock => ("Unlock your account", "We send you a way to unlock it"),
    };
    let frame = Page { id: id::RECOVERY_PAGE, title, purpose: html! { (purpose) }, icon: icon::lock(28) };
    if channels.is_empty() {
        return notice(stage, &frame, &html! {});
    }
    let (invalid, error) = described(stage);
    page(
        stage,
        &frame,
        html! {
            div.field {
                label for=(id::IDENTIFIER) { "Username" }
                input type="text" id=(id::IDENTIFIER) name="identifier" value=[typed] required maxlength="320"
                    autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=[error];
            }
            @if let [only] = channels {
                input type="hidden" name="factorType" value=(only.as_str());
            } @else {
                fieldset.options {
                    legend.label { "Send it by" }
                    @for (index, channel) in channels.iter().enumerate() {
                        label.check {
                            input type="radio" name="factorType" value=(channel.as_str()) checked[index == 0];
                            span { (channel.label()) }
                        }
                    }
                }
            }
            (main_button(ACTION_RECOVER, "Continue"))
        },
    )
}

/// The page after a mail was asked for: the same whether there is an account or not. At `again` one asks once more.
pub fn sent(stage: &Stage, again: &str) -> Markup {
    let frame = Page {
        id: id::RECOVERY_SENT_PAGE,
        title: "Check your mail",
        purpose: html! { "If there is an account of that name, a message with a link is on its way" },
        icon: icon::mail(24),
    };
    notice(
        stage,
        &frame,
        &html! {
            p.fine { "It can take a few minutes. Look among unwanted mail as well; the link works once, for a short time." }
            p.aside { a href=(again) id=(id::RECOVERY_AGAIN) { "Ask for another message" } }
        },
    )
}

/// The page that takes the code of a text message or call.
pub fn code(stage: &Stage, channel: Channel) -> Markup {
    let frame = Page {
        id: id::RECOVERY_CODE_PAGE,
        title: "Enter the code",
        purpose: html! { "If there is an account of that name with a phone, a code is on its way to it" },
        icon: if channel == Channel::Call { icon::phone(24) } else { icon::message(24) },
    };
    page(
        stage,
        &frame,
        html! { (super::factor::verify::code_field(stage)) (main_button(ACTION_VERIFY, "Continue")) },
    )
}

/// The page that asks the recovery question.
pub fn question(stage: &Stage, question: &str) -> Markup {
    let frame = Page {
        id: id::RECOVERY_QUESTION_PAGE,
        title: "One more thing",
        purpose: html! { "Answer the question that you chose" },
        icon: icon::question(24),
    };
    let (invalid, error) = described(stage);
    page(
        stage,
        &frame,
        html! {
            div.field {
                label for=(id::ANSWER) { (question) }
                input type="password" id=(id::ANSWER) name="answer" required maxlength=(MAX_ANSWER) autocomplete="off"
                    aria-invalid=[invalid] aria-describedby=[error];
            }
            (main_button(ACTION_ANSWER, "Continue"))
        },
    )
}

/// The page of a link in a mail: a click goes on, since looking must not.
pub fn confirm_link(stage: &Stage, path: &str, token: &str) -> Markup {
    let (title, purpose, label) = match path {
        "/welcome" => ("Welcome", "Set up your new account", "Continue"),
        "/signin/unlock" => ("Unlock your account", "You asked for this a moment ago", "Unlock"),
        "/signin/verify/email" => {
            ("Is it you who is signing in?", "Confirm only if you have just tried to sign in", "Yes, it’s me")
        }
        _ => ("Set a new password", "You asked for this a moment ago", "Continue"),
    };
    let frame = Page { id: id::LINK_PAGE, title, purpose: html! { (purpose) }, icon: icon::lock(28) };
    page(
        stage,
        &frame,
        html! {
            input type="hidden" name="token" value=(token);
            (main_button("continue", label))
        },
    )
}

/// What a recovery ended in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovered {
    /// A new password was set.
    Password,
    /// A new account has its password.
    Activated,
    /// Its user gave up.
    Cancelled,
    /// The lock is gone.
    Unlocked,
    /// The sign-in that a link belongs to goes on where it was begun.
    LinkConfirmed,
    /// Whoever set a password, or went through all of it, is signed in, and no application waits.
    SignedIn,
    /// The link was used before, or is too old; whoever it was for can ask for another one.
    LinkOver,
    /// The same of an invitation, which an administrator sends.
    InvitationOver,
    /// The account is locked, and its owner is told.
    LockedOut,
}

/// The last page; `next` leads on.
pub fn done(stage: &Stage, recovered: Recovered, next: Option<(&str, &str)>) -> Markup {
    let (title, purpose) = match recovered {
        Recovered::Password if next.is_none() => (
            "Your password was changed",
            "Go back to the application that you came from, and sign in with the new one",
        ),
        Recovered::Password => ("Your password was changed", "Sign in with the new one"),
        Recovered::Activated => {
            ("Your account is ready", "Go to the application that you want to use, and sign in there")
        }
        Recovered::SignedIn => {
            ("You are signed in", "Your account is ready. Go to the application that you want to use")
        }
        Recovered::Cancelled => ("Nothing was changed", "You can close this page"),
        Recovered::Unlocked if next.is_none() => {
            ("Your account is unlocked", "Go back to the application that you came from, and sign in again")
        }
        Recovered::Unlocked => ("Your account is unlocked", "You can sign in again"),
        Recovered::LinkConfirmed => ("Confirmed", "Go back to the window in which you are signing in"),
        Recovered::LinkOver => {
            ("This link no longer works", "It was used before, or is too old. Ask for a new one")
        }
        Recovered::InvitationOver => (
            "This link no longer works",
            "It was used before, or is too old. If you have no password yet, ask your administrator for a new one",
        ),
        Recovered::LockedOut => {
            ("Your account is locked", "Too many attempts failed. Wait a while, or ask your administrator")
        }
    };
    let picture = match recovered {
        Recovered::Password
        | Recovered::Activated
        | Recovered::Cancelled
        | Recovered::SignedIn
        | Recovered::Unlocked
        | Recovered::LinkConfirmed => icon::tick(28),
        Recovered::LinkOver | Recovered::InvitationOver | Recovered::LockedOut => icon::warning(28),
    };
    let frame = Page { id: id::RECOVERY_DONE_PAGE, title, purpose: html! { (purpose) }, icon: picture };
    notice(
        stage,
        &frame,
        &html! {
            @if let Some((href, label)) = next { a.button.primary href=(href) id=(id::RECOVERY_NEXT) { (label) } }
        },
    )
}
