//! The frame of every page of a sign-in after the first: who is signing in where, what went wrong, one form, and the ways
//! out that the transaction offers.

use maud::{Markup, PreEscaped, html};

use super::{
    factor::{push::Follow, webauthn::Ceremonial},
    icon, id,
    layout::{Card, ClientCard, FlowForm, Person, Width, card_with_head, hidden, person},
};

/// What all these pages show.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The client that asked, when one did.
    pub client: Option<ClientCard>,
    /// Who is signing in, once the password has said so.
    pub person: Option<Person>,
    /// Where the form goes; its fields are `flow_id`, `csrf`, `action` and those of the page.
    pub form: FlowForm,
    /// What was wrong with the last step.
    pub error: Option<StepError>,
    /// What can be done beside the main thing, in the order of the buttons.
    pub ways: Vec<Way>,
    /// Where the sign-in begins that a recovery was begun from.
    pub beginning: Option<String>,
}

/// Something that can be done beside the main thing: a button.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Send the code again.
    Resend,
    /// Have the address for another device mailed.
    Invite,
    /// The link of the mail was opened.
    LinkOpened,
    /// Give a recovery code instead.
    BackupCode,
    /// Choose another factor.
    Previous,
    /// Go back to the choice, from a page that asks for something before the step is taken.
    Choices,
    /// Leave the step out.
    Skip,
    /// Give up.
    Cancel,
}

impl Way {
    /// The value of the field `action` that its button sends.
    pub fn action(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Invite => "invite",
            Self::LinkOpened => "link_opened",
            Self::BackupCode => super::factor::choose::ACTION_BACKUP_CODE,
            Self::Previous => "previous",
            Self::Choices => "choices",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Resend => "Send again",
            Self::Invite => "Mail me the link",
            Self::LinkOpened => "I opened the link",
            Self::BackupCode => "Use a recovery code",
            Self::Previous | Self::Choices => "Choose another way",
            Self::Skip => "Not now",
            Self::Cancel => "Cancel",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Resend => id::STEP_RESEND,
            Self::Invite => id::STEP_INVITE,
            Self::LinkOpened => id::STEP_LINK_OPENED,
            Self::BackupCode => id::BACKUP_CODE_CHOICE,
            Self::Previous | Self::Choices => id::STEP_PREVIOUS,
            Self::Skip => id::STEP_SKIP,
            Self::Cancel => id::LOGIN_CANCEL,
        }
    }
}

/// What was wrong with a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepError {
    /// A field was empty.
    Incomplete,
    /// The code or answer is wrong or too old.
    Wrong,
    /// The code was used before.
    Replayed,
    /// What an authenticator answered does not count.
    Authenticator,
    /// Too many wrong answers: this factor takes none for now.
    Locked,
    /// The link of the mail waits to be opened.
    NotOpened,
    /// A message was sent a moment ago.
    SentRecently,
    /// Too many messages or attempts.
    TooMany,
    /// The phone number is none, or cannot be reached.
    PhoneNumber,
    /// The present password is wrong.
    WrongPassword,
    /// The two entries of the new password differ.
    Mismatch,
    /// The new password breaks the policy, in these points.
    Password(Vec<String>),
    /// What was entered cannot be used; the text says why.
    Invalid(String),
    /// The step is no longer possible.
    Moved,
    /// The server is too busy.
    Busy,
}

impl StepError {
    fn title(&self) -> &'static str {
        match self {
            Self::Incomplete => "Something is missing",
            Self::Wrong => "That is not right",
            Self::Replayed => "This code was used before",
            Self::Authenticator => "That did not work",
            Self::Locked => "Too many wrong answers",
            Self::NotOpened => "The link was not opened yet",
            Self::SentRecently => "A message is on its way",
            Self::TooMany => "Too many attempts",
            Self::PhoneNumber => "Check the phone number",
            Self::WrongPassword => "The current password is not correct",
            Self::Mismatch => "The passwords differ",
            Self::Password(_) => "Choose another password",
            Self::Invalid(_) => "This cannot be used",
            Self::Moved => "This step is over",
            Self::Busy => "The server is busy",
        }
    }

    fn text(&self) -> Markup {
        let text = match self {
            Self::Incomplete => "Fill in the field below.",
            Self::Wrong => {
                "Check the entry and try again. A code counts for a few minutes only, and only the newest one."
            }
            Self::Replayed => "Wait for the next code, then enter it.",
            Self::Authenticator => {
                "What your passkey or security key answered does not count here. Try again, or choose another way."
            }
            Self::Locked => "Choose another way to confirm it’s you, or ask your administrator.",
            Self::NotOpened => {
                "Open the link in the newest mail and confirm there, or enter the code below it."
            }
            Self::SentRecently => "Wait half a minute before you ask for another one.",
            Self::TooMany => "Wait a few minutes, then try again.",
            Self::PhoneNumber => "Enter it with the country code, for example +44 7700 900123.",
            Self::WrongPassword => "Enter the password that you signed in with.",
            Self::Mismatch => "Enter the new password twice, the same both times.",
            Self::Password(points) => {
                return html! { p { "The new password" } ul.points { @for point in points { li { (point) } } } };
            }
            Self::Invalid(why) => return html! { p { (why) } },
            Self::Moved => "Go on from here.",
            Self::Busy => "Nothing was checked. Please try again in a moment.",
        };
        html! { p { (text) } }
    }
}

impl Stage {
    /// The same of a page without a field: nothing was entered that could be checked.
    pub(super) fn of_ceremony(&self) -> Self {
        let error = self.error.clone().map(|error| match error {
            StepError::Incomplete | StepError::Wrong | StepError::Replayed => StepError::Authenticator,
            other => other,
        });
        Self { error, ..self.clone() }
    }
}

/// One page: its stable id, title, purpose, icon and the content of its form.
pub(super) struct Page<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) purpose: Markup,
    pub(super) icon: Markup,
}

/// Renders a page around the fields of its form, which the main button belongs to.
pub(super) fn page(stage: &Stage, page: &Page<'_>, fields: Markup) -> Markup {
    page_of(stage, page, fields, None)
}

/// The same with a ceremony of an authenticator.
#[expect(clippy::needless_pass_by_value, reason = "markup is handed over, as maud's own templates do")]
pub(super) fn page_of(
    stage: &Stage,
    page: &Page<'_>,
    fields: Markup,
    ceremonial: Option<&Ceremonial>,
) -> Markup {
    notice(
        stage,
        page,
        &html! {
            (form(stage, &fields, ceremonial))
            @if let Some(ceremonial) = ceremonial { (ceremonial.script()) }
        },
    )
}

/// Renders a page that follows what another device does.
pub(super) fn following(stage: &Stage, page: &Page<'_>, fields: &Markup, follow: &Follow) -> Markup {
    let content = html! { (form(stage, fields, None)) (follow.script()) };
    framed(stage, page, &follow.head(), &content)
}

fn form(stage: &Stage, fields: &Markup, ceremonial: Option<&Ceremonial>) -> Markup {
    html! {
        form.stack id="step-form" method="post" action=(stage.form.action)
            data-webauthn=[ceremonial.map(Ceremonial::data)] data-ceremony=[ceremonial.map(Ceremonial::kind)]
            data-action=[ceremonial.map(|ceremonial| ceremonial.action)]
            data-start=[ceremonial.map(Ceremonial::start)] {
            (hidden(&stage.form))
            @if let Some(who) = &stage.person {
                div.identity { span.unseen { "Signing in as " } (person(who, None)) }
            }
            (fields)
            (ways(&stage.ways))
        }
    }
}

/// Renders a page without a form: it asks for nothing.
pub(super) fn notice(stage: &Stage, page: &Page<'_>, content: &Markup) -> Markup {
    framed(stage, page, &PreEscaped(String::new()), content)
}

fn framed(stage: &Stage, page: &Page<'_>, head: &Markup, content: &Markup) -> Markup {
    let frame = Card { id: page.id, title: page.title, width: Width::Narrow, client: stage.client.as_ref() };
    card_with_head(
        &frame,
        head,
        html! {
            header.head {
                div.tile { (page.icon) }
                h1 { (page.title) }
                p { (page.purpose) }
            }
            @if let Some(error) = &stage.error {
                div.alert id="step-error" role="alert" {
                    (icon::warning(20))
                    div { h2 { (error.title()) } (error.text()) }
                }
            }
            (content)
            @if let Some(href) = &stage.beginning {
                p.aside { a href=(href) id=(id::RECOVERY_LEAVE) { "Back to sign in" } }
            }
        },
    )
}

/// The main button; it comes before all others, so that the enter key presses it.
pub(super) fn main_button(action: &str, label: &str) -> Markup {
    html! {
        div.buttons {
            button.button.primary type="submit" id=(id::STEP_SUBMIT) name="action" value=(action) { (label) }
        }
    }
}

fn ways(ways: &[Way]) -> Markup {
    html! {
        @if !ways.is_empty() {
            div.ways {
                @for way in ways {
                    button.button.quiet type="submit" id=(way.id()) name="action" value=(way.action()) formnovalidate { (way.label()) }
                }
            }
        }
    }
}

/// What ties a field to the error above it.
pub(super) fn described(stage: &Stage) -> (Option<&'static str>, Option<&'static str>) {
    match &stage.error {
        Some(
            StepError::Incomplete
            | StepError::Wrong
            | StepError::Replayed
            | StepError::PhoneNumber
            | StepError::WrongPassword
            | StepError::Mismatch
            | StepError::Password(_)
            | StepError::Invalid(_),
        ) => (Some("true"), Some("step-error")),
        Some(
            StepError::Locked
            | StepError::Authenticator
            | StepError::NotOpened
            | StepError::SentRecently
            | StepError::TooMany
            | StepError::Moved
            | StepError::Busy,
        ) => (None, Some("step-error")),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use maud::Markup;

    use super::*;
    use crate::{
        id::FactorId,
        model::{factor::FactorKind, policy::Requirement, push::PushResult},
        secret::Secret,
        web::{
            corpus::{assert_escaped, client, form},
            factor::{
                activate::{Activate, Seed, activate},
                choose::{BackupCodes, Choice, choose},
                enroll::{self, Done, Offer},
                push,
                verify::{Prove, Remember, backup_code, send, verify},
                webauthn::{self, Begins, Ceremony},
                yubikey,
            },
            password::{PasswordReason, password},
            recovery::{Channel, Recovered, Recovering, code, confirm_link, done, question, sent, start},
        },
    };

    fn stage(text: &str, error: Option<StepError>) -> Stage {
        Stage {
            client: Some(client(text)),
            person: Some(Person { display_name: text.to_owned(), login: format!("{text}@example.com") }),
            form: form(text),
            error,
            ways: vec![Way::Resend, Way::Previous, Way::Skip, Way::Cancel],
            beginning: Some(format!("/signin?flow={text}")),
        }
    }

    fn prove(text: &str, kind: FactorKind) -> Prove {
        Prove {
            kind,
            destination: Some(text.to_owned()),
            question: Some(text.to_owned()),
            remember: Remember::Unticked,
        }
    }

    /// Every page of this family, by name, with `text` wherever text comes from outside.
    fn pages(text: &str) -> Vec<(&'static str, Markup)> {
        let stage = |error| stage(text, error);
        let choices: Vec<Choice> = FactorKind::ALL
            .into_iter()
            .map(|kind| Choice { id: FactorId::new(text), kind, detail: Some(text.to_owned()) })
            .collect();
        let offers: Vec<Offer> = FactorKind::ALL
            .into_iter()
            .enumerate()
            .map(|(index, kind)| Offer {
                kind,
                requirement: if index == 1 { Requirement::Required } else { Requirement::Optional },
                done: if index == 0 { Done::Yes } else { Done::No },
            })
            .collect();
        let seed = Seed { qr_href: format!("/qr/{text}"), shared_secret: Secret::new(text.to_owned()) };
        let totp = Activate { kind: FactorKind::TotpOkta, destination: None, digits: 6, seed: Some(seed) };
        let sms =
            Activate { kind: FactorKind::Sms, destination: Some(text.to_owned()), digits: 6, seed: None };
        let rules = [text.to_owned()];
        let approval = |result| push::Approval { device: Some(text.to_owned()), result, number: Some(42) };
        let ceremonial = |ceremony| Ceremonial {
            ceremony,
            options: serde_json::json!({ "rpId": text }),
            action: "verify",
            begins: Begins::ByButton,
            nonce: "n0nce".to_owned(),
        };
        let follow = Follow {
            page: format!("/signin/step?flow={text}"),
            look: format!("/signin/push?flow={text}"),
            state: "WAITING",
            nonce: "n0nce".to_owned(),
        };
        let enrolling =
            push::Enrolling { qr_href: format!("/qr/{text}"), address: Secret::new(format!("#{text}")) };
        vec![
            (
                "choose",
                choose(&stage(Some(StepError::Locked)), &choices, (BackupCodes::Offered, Remember::Ticked)),
            ),
            ("verify-sms", verify(&stage(Some(StepError::Wrong)), &prove(text, FactorKind::Sms))),
            ("verify-totp", verify(&stage(None), &prove(text, FactorKind::TotpOkta))),
            ("verify-token", verify(&stage(None), &prove(text, FactorKind::HotpCustom))),
            ("verify-question", verify(&stage(None), &prove(text, FactorKind::Question))),
            ("send", send(&stage(None), (FactorKind::Sms, Some(text)), Remember::Unticked)),
            ("backup-code", backup_code(&stage(None))),
            ("push", push::begin(&stage(None), Some(text), Remember::Unticked)),
            ("push-waiting", push::approve(&stage(None), &approval(PushResult::Waiting), &follow)),
            ("push-ended", push::approve(&stage(None), &approval(PushResult::Rejected), &follow)),
            ("push-enroll", push::enrol(&stage(None), Some((&enrolling, &follow)))),
            ("push-late", push::enrol(&stage(None), None)),
            ("enroll", enroll::choose(&stage(None), &offers)),
            ("enroll-yubikey", yubikey::enroll(&stage(Some(StepError::Wrong)))),
            ("verify-yubikey", verify(&stage(None), &prove(text, FactorKind::Yubikey))),
            ("webauthn", webauthn::begin(&stage(None), FactorKind::Webauthn, "send")),
            (
                "webauthn-create",
                webauthn::ceremony(
                    &stage(Some(StepError::Wrong)),
                    (FactorKind::Webauthn, &ceremonial(Ceremony::Create)),
                    Remember::Unavailable,
                ),
            ),
            (
                "webauthn-get",
                webauthn::ceremony(
                    &stage(None),
                    (FactorKind::U2f, &ceremonial(Ceremony::Get)),
                    Remember::Unticked,
                ),
            ),
            (
                "enroll-phone",
                enroll::phone(&stage(Some(StepError::PhoneNumber)), FactorKind::Call, Some(text)),
            ),
            ("enroll-email", enroll::email(&stage(None), Some(text))),
            (
                "enroll-question",
                enroll::question(&stage(None), &[("key".to_owned(), text.to_owned())], Some(text)),
            ),
            ("activate-totp", activate(&stage(None), &totp)),
            ("activate-sms", activate(&stage(Some(StepError::Invalid(text.to_owned()))), &sms)),
            (
                "password",
                password(
                    &stage(Some(StepError::Password(vec![text.to_owned()]))),
                    PasswordReason::ExpiresIn(3),
                    &rules,
                ),
            ),
            ("password-new", password(&stage(None), PasswordReason::NewAccount, &rules)),
            (
                "recovery",
                start(
                    &stage(None),
                    Recovering::Password,
                    Some(text),
                    &[Channel::Email, Channel::Sms, Channel::Call],
                ),
            ),
            ("recovery-sent", sent(&stage(None), &format!("/signin/forgot-password?flow={text}"))),
            ("recovery-closed", start(&stage(None), Recovering::Lock, None, &[])),
            ("recovery-code", code(&stage(None), Channel::Sms)),
            ("link", confirm_link(&stage(None), "/welcome", text)),
            ("recovery-question", question(&stage(None), text)),
            ("recovery-done", done(&stage(None), Recovered::Password, Some(("/signin", "Sign in")))),
        ]
    }

    #[test]
    fn sec_x01_every_text_on_the_pages_of_a_sign_in_is_escaped() {
        for (index, (name, _)) in pages("Acme").into_iter().enumerate() {
            assert_escaped(|text| {
                let (same, markup) = pages(text).swap_remove(index);
                assert_eq!(same, name);
                markup
            });
        }
    }

    /// RFC 4226 §5.3: six to eight, as the profile of the token says.
    #[test]
    fn nobody_is_told_how_many_digits_a_token_shows() {
        let pages = pages("Acme");
        let html = |name| pages.iter().find(|(known, _)| *known == name).unwrap().1.clone().into_string();
        assert!(html("verify-totp").contains("6 digits"));
        assert!(!html("verify-token").contains("digits"));
    }

    #[test]
    fn the_enter_key_presses_the_main_button() {
        for (name, markup) in pages("Acme") {
            let html = markup.into_string();
            // These ask for nothing.
            if ["recovery-sent", "recovery-closed", "recovery-done"].contains(&name) {
                assert!(!html.contains("<form") && !html.contains("<button"), "{name}");
                continue;
            }
            let first = html.find("<button").map(|at| &html[at..]);
            let first = first.and_then(|button| button.split_once('>')).map(|(tag, _)| tag.to_owned());
            let expected = match name {
                // Whoever has a choice chooses.
                "choose" | "enroll" => "class=\"choice\"",
                // What is to be done is done elsewhere.
                "push-waiting" | "push-enroll" => "class=\"button quiet\"",
                // There is nothing to send before the authenticator has answered.
                "webauthn-create" | "webauthn-get" => "id=\"webauthn-start\"",
                _ => "id=\"step-submit\"",
            };
            assert!(first.as_deref().is_some_and(|tag| tag.contains(expected)), "{name}: {first:?}");
        }
    }

    #[test]
    fn every_field_has_a_label_and_errors_are_announced() {
        for (name, markup) in pages("Acme") {
            let html = markup.into_string();
            let described = html.contains("aria-describedby=\"step-error");
            assert!(!described || html.contains("role=\"alert\""), "{name}");
            for input in
                html.split("<input ").skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag)
            {
                let labelled =
                    ["type=\"hidden\"", "type=\"checkbox\"", "type=\"radio\"", "aria-hidden=\"true\""]
                        .iter()
                        .any(|kind| input.contains(kind));
                let id = input.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("");
                assert!(labelled || html.contains(&format!("for=\"{id}\"")), "{name}: {input}");
            }
        }
    }
}
