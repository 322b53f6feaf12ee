//! The texts of messages, one file per language. A language is data: to add one, write its file and list it in [`ALL`]; the
//! tests below tell what is wrong with it.
//!
//! `{placeholders}` are filled in by [`super::render`]: `{name}`, `{login}`, `{host}`, `{code}`, `{digits}`, `{lifetime}`,
//! `{factor}`, `{link}`.

mod de;
mod en;

use time::Duration;

use super::{Content, Destination};
use crate::protocol::locale::{LanguageTag, lookup};

/// Every language; the first is for users whose language is not here.
pub(super) const ALL: [&Language; 2] = [&en::ENGLISH, &de::GERMAN];

/// The texts of a language.
pub(super) struct Language {
    /// Its tag (RFC 5646).
    pub(super) tag: &'static str,
    /// What it calls itself.
    pub(super) name: &'static str,
    /// The tag of the voice that reads it.
    pub(super) voice: &'static str,
    /// `Hello {name},`
    pub(super) greeting: &'static str,
    /// The same without a name.
    pub(super) greeting_unnamed: &'static str,
    /// Goes before a link that is written out.
    pub(super) link_hint: &'static str,
    /// The last line of a mail.
    pub(super) footer: &'static str,
    /// The first sentence of a call.
    pub(super) call_opening: &'static str,
    /// The code once more, and goodbye.
    pub(super) call_repeat: &'static str,
    /// What goes between the digits of a code, so that they are read one by one and slowly.
    pub(super) digit_separator: &'static str,
    /// One and many minutes.
    pub(super) minutes: (&'static str, &'static str),
    /// One and many hours.
    pub(super) hours: (&'static str, &'static str),
    /// One and many days.
    pub(super) days: (&'static str, &'static str),
    /// Okta's `factorType` and what people call it; the last is for all others.
    pub(super) factors: &'static [(&'static str, &'static str)],
    /// A code that verifies a factor.
    pub(super) factor_code: Template,
    /// A code that activates a factor.
    pub(super) activation_code: Template,
    /// A forgotten password.
    pub(super) password_reset: Template,
    /// A locked account that its user unlocks.
    pub(super) unlock: Template,
    /// A new account.
    pub(super) activation: Template,
    /// A device that is to approve.
    pub(super) device_invitation: Template,
    /// The password was changed.
    pub(super) password_changed: Template,
    /// A factor was added.
    pub(super) factor_enrolled: Template,
    /// A factor was removed.
    pub(super) factor_reset: Template,
    /// All factors were removed.
    pub(super) factors_reset: Template,
    /// New recovery codes were made.
    pub(super) recovery_codes: Template,
    /// The account was locked.
    pub(super) account_locked: Template,
}

/// What one kind of message says.
pub(super) struct Template {
    /// The subject of the mail; never a code, which would show on a locked screen.
    pub(super) subject: &'static str,
    /// The heading of the mail.
    pub(super) title: &'static str,
    /// What has happened, or what to do.
    pub(super) lead: &'static str,
    /// On the button; empty: there is none.
    pub(super) button: &'static str,
    /// How long it counts; empty: it does not expire.
    pub(super) expires: &'static str,
    /// What to do if it was not you.
    pub(super) not_you: &'static str,
    /// The text message.
    pub(super) sms: &'static str,
    /// What a call says.
    pub(super) call: &'static str,
}

impl Language {
    /// The language for a user with this `locale` (`de`, `de-AT`, also `de_AT`).
    pub(super) fn of(locale: Option<&str>) -> &'static Self {
        let [default, ..] = ALL;
        let wanted = locale.and_then(|tag| LanguageTag::parse(&tag.trim().replace('_', "-")));
        let tags = ALL.map(|language| language.tag);
        let found = wanted.and_then(|tag| lookup(&[tag], &tags));
        found.and_then(|tag| ALL.into_iter().find(|language| language.tag == tag)).unwrap_or(default)
    }

    /// The texts for a kind of message.
    pub(super) fn template(&self, content: &Content) -> &Template {
        match content {
            Content::FactorCode { .. } => &self.factor_code,
            Content::ActivationCode { .. } => &self.activation_code,
            Content::PasswordReset { .. } => &self.password_reset,
            Content::Unlock { .. } => &self.unlock,
            Content::Activation { .. } => &self.activation,
            Content::DeviceInvitation { .. } => &self.device_invitation,
            Content::PasswordChanged => &self.password_changed,
            Content::FactorEnrolled { .. } => &self.factor_enrolled,
            Content::FactorReset { factor_type: Some(_) } => &self.factor_reset,
            Content::FactorReset { factor_type: None } => &self.factors_reset,
            Content::RecoveryCodes => &self.recovery_codes,
            Content::AccountLocked => &self.account_locked,
        }
    }

    /// What people call a factor.
    pub(super) fn factor(&self, factor_type: &str) -> &'static str {
        let named = self.factors.iter().find(|(known, _)| *known == factor_type);
        named.or(self.factors.last()).map_or("", |(_, name)| name)
    }

    /// A time in the largest whole unit.
    pub(super) fn lifetime(&self, lifetime: Duration) -> String {
        let minutes = lifetime.whole_minutes().max(1);
        let (amount, (one, many)) = match minutes {
            _ if minutes % 1440 == 0 => (minutes / 1440, self.days),
            _ if minutes % 60 == 0 => (minutes / 60, self.hours),
            _ => (minutes, self.minutes),
        };
        format!("{amount} {}", if amount == 1 { one } else { many })
    }

    /// The language that a destination is told: calls need a voice.
    pub(super) fn tag_for(&self, to: &Destination) -> &'static str {
        match to {
            Destination::Call { .. } => self.voice,
            Destination::Email(_) | Destination::Sms(_) => self.tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::gsm;

    impl Template {
        fn texts(&self) -> [&'static str; 8] {
            let Self { subject, title, lead, button, expires, not_you, sms, call } = self;
            [subject, title, lead, button, expires, not_you, sms, call]
        }
    }

    impl Language {
        fn templates(&self) -> [&Template; 12] {
            [
                &self.factor_code,
                &self.activation_code,
                &self.password_reset,
                &self.unlock,
                &self.activation,
                &self.device_invitation,
                &self.password_changed,
                &self.factor_enrolled,
                &self.factor_reset,
                &self.factors_reset,
                &self.recovery_codes,
                &self.account_locked,
            ]
        }
    }

    #[test]
    fn a_locale_finds_its_language_or_english() {
        for (locale, tag) in [
            (Some("de"), "de"),
            (Some("de-AT"), "de"),
            (Some("de_CH"), "de"),
            (Some("EN-us"), "en"),
            (Some("fr"), "en"),
            (Some("\r\n"), "en"),
            (None, "en"),
        ] {
            assert_eq!(Language::of(locale).tag, tag, "{locale:?}");
        }
    }

    #[test]
    fn times_are_told_in_words() {
        let told = |language: &Language, minutes| language.lifetime(Duration::minutes(minutes));
        assert_eq!(told(&en::ENGLISH, 1), "1 minute");
        assert_eq!(told(&en::ENGLISH, 5), "5 minutes");
        assert_eq!(told(&en::ENGLISH, 60), "1 hour");
        assert_eq!(told(&en::ENGLISH, 90), "90 minutes");
        assert_eq!(told(&de::GERMAN, 7 * 1440), "7 Tagen");
    }

    /// A code in a subject shows on a locked screen; a name in it could be anything.
    #[test]
    fn subjects_hold_nothing_of_the_user() {
        for language in ALL {
            for template in language.templates() {
                let used = template.subject.replace("{host}", "").replace("{factor}", "");
                assert!(!used.contains('{') && !used.is_empty(), "{}: {}", language.tag, template.subject);
            }
        }
    }

    #[test]
    fn every_placeholder_is_known_and_every_text_is_there() {
        const KNOWN: [&str; 8] =
            ["{name}", "{login}", "{host}", "{code}", "{digits}", "{lifetime}", "{factor}", "{link}"];
        for language in ALL {
            let frame = [
                language.greeting,
                language.link_hint,
                language.footer,
                language.call_opening,
                language.call_repeat,
            ];
            for text in language.templates().into_iter().flat_map(Template::texts).chain(frame) {
                let rest = KNOWN.iter().fold(text.to_owned(), |text, known| text.replace(known, ""));
                assert!(!rest.contains(['{', '}']), "{}: {text}", language.tag);
            }
            for template in language.templates() {
                for text in [template.title, template.lead, template.not_you, template.sms, template.call] {
                    assert!(!text.is_empty(), "{}: {}", language.tag, template.subject);
                }
                assert!(
                    gsm::places(template.sms.replace(['{', '}'], "").as_str()).is_some(),
                    "{}",
                    template.sms
                );
                assert_eq!(template.expires.is_empty(), !template.expires.contains("{lifetime}"));
            }
            assert!(language.greeting.contains("{name}") && language.call_repeat.contains("{digits}"));
        }
    }
}
