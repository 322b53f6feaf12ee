//! What a message says to its recipient: a mail in plain text and HTML, a text message, or the sentences of a call. Pure.

use maud::{DOCTYPE, Markup, html};
use url::Url;

use super::{
    ACCOUNT, Content, Destination, Envelope,
    gsm::{self, ONE_PART},
    language::{Language, Template},
};

/// A message as it is delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rendered {
    /// A mail.
    Mail(RenderedMail),
    /// A text message.
    Sms(String),
    /// A call: its sentences, with a pause after each.
    Call(Vec<String>),
}

/// What a mail says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenderedMail {
    /// The subject: never a code.
    pub subject: String,
    /// The content as plain text.
    pub text: String,
    /// The same as HTML: nothing in it is loaded from anywhere.
    pub html: String,
}

/// A message in the language of its recipient, and the tag of that language.
pub fn render(envelope: &Envelope, issuer: &str) -> (Rendered, &'static str) {
    let language = Language::of(envelope.locale.as_deref());
    let template = language.template(&envelope.content);
    let values = Values::of(envelope, issuer, language);
    let rendered = match &envelope.to {
        Destination::Email(_) => Rendered::Mail(Letter::of(envelope, template, language, &values).rendered()),
        Destination::Sms(_) => Rendered::Sms(text_message(envelope, template, &values)),
        Destination::Call { .. } => Rendered::Call(sentences(envelope, template, language, &values)),
    };
    (rendered, language.tag_for(&envelope.to))
}

/// What the placeholders of a text stand for.
struct Values {
    pairs: [(&'static str, String); 8],
}

impl Values {
    fn of(envelope: &Envelope, issuer: &str, language: &Language) -> Self {
        let code = envelope.content.code(&envelope.to).unwrap_or_default();
        let digits: Vec<String> = code.chars().map(String::from).collect();
        let factor = match &envelope.content {
            Content::FactorEnrolled { factor_type }
            | Content::FactorReset { factor_type: Some(factor_type) } => language.factor(factor_type),
            Content::FactorCode { .. }
            | Content::ActivationCode { .. }
            | Content::PasswordReset { .. }
            | Content::Unlock { .. }
            | Content::Activation { .. }
            | Content::DeviceInvitation { .. }
            | Content::PasswordChanged
            | Content::FactorReset { factor_type: None }
            | Content::RecoveryCodes
            | Content::AccountLocked => "",
        };
        let lifetime = envelope.content.lifetime().map(|lifetime| language.lifetime(lifetime));
        Self {
            pairs: [
                ("{name}", envelope.name.as_deref().and_then(addressable).unwrap_or_default()),
                ("{login}", single_line(&envelope.login)),
                ("{host}", host(issuer)),
                ("{code}", code.to_owned()),
                ("{digits}", digits.join(language.digit_separator)),
                ("{lifetime}", lifetime.unwrap_or_default()),
                ("{factor}", factor.to_owned()),
                ("{link}", link(envelope, issuer)),
            ],
        }
    }

    fn value(&self, placeholder: &str) -> &str {
        self.pairs.iter().find(|(name, _)| *name == placeholder).map_or("", |(_, value)| value)
    }

    /// Fills the placeholders in, from left to right: what a value holds is not looked at again.
    fn fill(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, tail)) = rest.split_once('{') {
            text.push_str(before);
            match tail.split_once('}') {
                Some((name, after)) => {
                    text.push_str(self.value(&format!("{{{name}}}")));
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = tail;
                }
            }
        }
        text + rest
    }
}

/// Where a message leads; a notice of a change to the page where it can be looked at.
fn link(envelope: &Envelope, issuer: &str) -> String {
    let of_notice = || envelope.content.is_about_protection().then(|| format!("{issuer}{ACCOUNT}"));
    let own = envelope.content.link(&envelope.to).map(str::to_owned);
    own.or_else(of_notice).unwrap_or_default()
}

/// The host that users know, without a port.
fn host(issuer: &str) -> String {
    Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// A text of the user's on one line: control characters and those that turn text round become spaces.
fn single_line(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let plain: String =
        text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).take(100).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name to greet with. People choose their names: one that holds an address would make our mail carry it to somebody else.
fn addressable(name: &str) -> Option<String> {
    let name = single_line(name);
    let suspicious =
        name.contains(['/', ':', '@', '<', '>', '\\']) || name.to_ascii_lowercase().contains("www.");
    (!name.is_empty() && !suspicious && name.chars().count() <= 60).then_some(name)
}

fn text_message(envelope: &Envelope, template: &Template, values: &Values) -> String {
    let text = values.fill(template.sms);
    let Some(code) = envelope.content.code(&envelope.to) else { return text };
    // The last line binds the code to our origin, so that browsers offer it there and nowhere else.
    let bound = format!("{text}\n\n@{} #{code}", values.value("{host}"));
    if gsm::places(&bound).is_some_and(|places| places <= ONE_PART) { bound } else { text }
}

fn sentences(envelope: &Envelope, template: &Template, language: &Language, values: &Values) -> Vec<String> {
    let repeat = envelope.content.code(&envelope.to).map(|_| language.call_repeat);
    [Some(language.call_opening), Some(template.call), repeat]
        .into_iter()
        .flatten()
        .map(|sentence| values.fill(sentence))
        .collect()
}

/// The parts of a mail; what is empty is left out.
struct Letter {
    language: &'static str,
    host: String,
    subject: String,
    title: String,
    greeting: String,
    lead: String,
    code: String,
    button: String,
    link: String,
    link_hint: String,
    expires: String,
    not_you: String,
    footer: String,
}

impl Letter {
    fn of(envelope: &Envelope, template: &Template, language: &Language, values: &Values) -> Self {
        let named = !values.value("{name}").is_empty();
        let fill = |text: &str| values.fill(text);
        Self {
            language: language.tag,
            host: values.value("{host}").to_owned(),
            subject: single_line(&fill(template.subject)),
            title: fill(template.title),
            greeting: fill(if named { language.greeting } else { language.greeting_unnamed }),
            lead: fill(template.lead),
            code: envelope.content.code(&envelope.to).unwrap_or_default().to_owned(),
            button: fill(template.button),
            link: values.value("{link}").to_owned(),
            link_hint: fill(language.link_hint),
            expires: fill(template.expires),
            not_you: fill(template.not_you),
            footer: fill(language.footer),
        }
    }

    fn rendered(&self) -> RenderedMail {
        RenderedMail { subject: self.subject.clone(), text: self.text(), html: self.html().into_string() }
    }

    fn text(&self) -> String {
        let code = if self.code.is_empty() { String::new() } else { format!("    {}", self.code) };
        let link =
            if self.link.is_empty() { String::new() } else { format!("{}:\n{}", self.button, self.link) };
        let footer = format!("-- \n{}", self.footer);
        let paragraphs: [&str; 7] =
            [&self.greeting, &self.lead, &code, &link, &self.expires, &self.not_you, &footer];
        let written: Vec<&str> = paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).collect();
        written.join("\n\n") + "\n"
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light";
                    title { (self.subject) }
                }
                body style=(BODY) {
                    div style=(SHEET) {
                        p style=(SENDER) { (self.host) }
                        h1 style=(TITLE) { (self.title) }
                        p style=(PARAGRAPH) { (self.greeting) }
                        p style=(PARAGRAPH) { (self.lead) }
                        @if !self.code.is_empty() { p style=(CODE) { (self.code) } }
                        @if !self.link.is_empty() { (self.action()) }
                        @if !self.expires.is_empty() { p style=(PARAGRAPH) { (self.expires) } }
                        p style=(NOTE) { (self.not_you) }
                        @if !self.link.is_empty() {
                            p style=(SMALL) { (self.link_hint) br; a href=(self.link) style=(LINK) { (self.link) } }
                        }
                    }
                    p style=(FOOTER) { (self.footer) }
                }
            }
        }
    }

    fn action(&self) -> Markup {
        html! { p style="margin:24px 0" { a href=(self.link) style=(BUTTON) { (self.button) } } }
    }
}

// Mail programs know no style sheets: every element carries its own.
const BODY: &str = "margin:0;padding:24px 12px;background:#f4f5f8;color:#14171f;\
                    font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const SHEET: &str = "max-width:520px;margin:0 auto;padding:32px;background:#ffffff;border:1px solid #dfe2e9;border-radius:14px";
const SENDER: &str = "margin:0 0 20px;color:#3b4fe0;font-size:14px;font-weight:600";
const TITLE: &str = "margin:0 0 16px;font-size:22px;line-height:1.25;font-weight:600";
const PARAGRAPH: &str = "margin:0 0 16px";
const CODE: &str = "margin:24px 0;padding:16px;background:#f4f5f8;border-radius:10px;text-align:center;\
                    font:600 30px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:6px";
const BUTTON: &str = "display:inline-block;padding:13px 24px;background:#3b4fe0;color:#ffffff;border-radius:10px;\
                      font-weight:600;text-decoration:none";
const NOTE: &str =
    "margin:24px 0 0;padding-top:16px;border-top:1px solid #dfe2e9;color:#555c6b;font-size:14px";
const SMALL: &str = "margin:16px 0 0;color:#555c6b;font-size:13px;word-break:break-all";
const LINK: &str = "color:#3b4fe0";
const FOOTER: &str =
    "max-width:520px;margin:16px auto 0;color:#555c6b;font-size:13px;text-align:center;word-break:break-word";

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::id::UserId;

    const ISSUER: &str = "https://id.example.com";
    const LINK_TO: &str = "https://id.example.com/reset/abc?x=1&y=2";

    fn envelope(to: Destination, content: Content) -> Envelope {
        Envelope {
            to,
            content,
            name: Some("Alice Example".to_owned()),
            locale: None,
            login: "alice@example.com".to_owned(),
            user_id: UserId::new("00u1"),
            first_name: None,
            last_name: None,
        }
    }

    fn mail_to() -> Destination {
        Destination::Email("alice@example.com".to_owned())
    }

    fn sms_to() -> Destination {
        Destination::Sms("+15551234567".to_owned())
    }

    fn call_to() -> Destination {
        Destination::Call { number: "+15551234567".to_owned(), extension: None }
    }

    fn contents(secret: &str) -> Vec<Content> {
        let (code, lifetime) = ("123456".to_owned(), Duration::minutes(5));
        vec![
            Content::FactorCode { code: code.clone(), lifetime, link: Some(LINK_TO.to_owned()) },
            Content::FactorCode { code: code.clone(), lifetime, link: None },
            Content::ActivationCode { code, lifetime },
            Content::PasswordReset { secret: secret.to_owned(), lifetime },
            Content::Unlock { secret: secret.to_owned(), lifetime },
            Content::Activation { link: LINK_TO.to_owned(), lifetime: Duration::days(7) },
            Content::DeviceInvitation { link: LINK_TO.to_owned(), lifetime },
            Content::PasswordChanged,
            Content::FactorEnrolled { factor_type: "token:software:totp".to_owned() },
            Content::FactorReset { factor_type: Some("sms".to_owned()) },
            Content::FactorReset { factor_type: None },
            Content::RecoveryCodes,
            Content::AccountLocked,
        ]
    }

    fn mail(envelope: &Envelope) -> RenderedMail {
        match render(envelope, ISSUER).0 {
            Rendered::Mail(mail) => mail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mail_with_a_code_has_it_in_both_bodies_and_not_in_the_subject() {
        let content =
            Content::FactorCode { code: "123456".to_owned(), lifetime: Duration::minutes(5), link: None };
        let mail = mail(&envelope(mail_to(), content));
        assert_eq!(mail.subject, "Your verification code for id.example.com");
        assert!(
            mail.text.contains("\n    123456\n") && mail.text.contains("within 5 minutes"),
            "{}",
            mail.text
        );
        assert!(mail.text.starts_with("Hello Alice Example,\n"), "{}", mail.text);
        assert!(mail.html.contains(">123456<") && !mail.html.contains("<a "), "{}", mail.html);
    }

    /// One button, the same link written out, nothing loaded from elsewhere, and what to do if it was not you.
    #[test]
    fn every_mail_is_whole_and_loads_nothing() {
        for locale in ["en", "de"] {
            for content in contents(LINK_TO) {
                let envelope =
                    Envelope { locale: Some(locale.to_owned()), ..envelope(mail_to(), content.clone()) };
                let RenderedMail { subject, text, html } = mail(&envelope);
                assert!(!subject.contains("123456"), "{subject}");
                let own = content.link(&mail_to()).is_some();
                let linked = own || content.is_about_protection();
                assert_eq!(html.matches("<a ").count(), if linked { 2 } else { 0 }, "{html}");
                assert_eq!(text.contains(LINK_TO), own, "{text}");
                assert_eq!(
                    text.contains("https://id.example.com/account\n"),
                    content.is_about_protection(),
                    "{text}"
                );
                for forbidden in ["<img", "<script", "<link", "src=", "url(", "{", "http://"] {
                    assert!(!html.contains(forbidden) && !text.contains(forbidden), "{forbidden}: {html}");
                }
                assert!(html.starts_with("<!DOCTYPE html>") && html.contains(&format!("lang=\"{locale}\"")));
                assert!(text.contains("alice@example.com") && text.lines().count() > 6, "{text}");
            }
        }
    }

    #[test]
    fn sec_x01_what_a_user_is_called_is_escaped_and_makes_no_link() {
        for (name, greeting) in [
            ("<b>Eve</b>", "Hello,"),
            ("Click https://evil.example now", "Hello,"),
            ("www.evil.example", "Hello,"),
            ("Eve & \"Co\"", "Hello Eve &amp; &quot;Co&quot;,"),
        ] {
            let named =
                Envelope { name: Some(name.to_owned()), ..envelope(mail_to(), Content::PasswordChanged) };
            let html = mail(&named).html;
            assert!(
                html.contains(greeting) && !html.contains("<b>") && !html.contains("evil"),
                "{name}: {html}"
            );
        }
        let login = "<script>alert(1)</script>{code}".to_owned();
        let content = Content::ActivationCode { code: "123456".to_owned(), lifetime: Duration::minutes(5) };
        let html = mail(&Envelope { login, ..envelope(mail_to(), content) }).html;
        assert!(!html.contains("<script") && html.contains("{code}"), "{html}");
    }

    /// X2: a line break in what a user wrote is none in the mail.
    #[test]
    fn sec_x02_a_line_break_of_the_user_is_a_space() {
        for bad in ["Eve\r\nBcc: x", "Eve\nX", "Eve\rX", "Eve\0X", "Eve\u{2028}X", "Eve\u{202e}X"] {
            assert!(!single_line(bad).chars().any(|c| c.is_control() || c > '\u{2000}'), "{bad:?}");
            let bad = Envelope {
                name: Some(bad.to_owned()),
                login: bad.to_owned(),
                ..envelope(mail_to(), Content::PasswordChanged)
            };
            let mail = mail(&bad);
            assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
            assert!(!mail.text.contains("\nBcc") && !mail.text.contains('\r'), "{}", mail.text);
        }
    }

    #[test]
    fn a_text_message_begins_with_its_code_fits_and_is_bound_to_the_origin() {
        for locale in ["en", "de"] {
            for content in contents("654321") {
                let Some(code) = content.code(&sms_to()).map(str::to_owned) else { continue };
                let envelope = Envelope { locale: Some(locale.to_owned()), ..envelope(sms_to(), content) };
                let (Rendered::Sms(text), _) = render(&envelope, ISSUER) else { panic!("no text message") };
                assert!(text.starts_with(&code), "{text}");
                assert!(text.ends_with(&format!("\n@id.example.com #{code}")), "{text}");
                assert!(gsm::places(&text).is_some_and(|places| places <= ONE_PART), "{text}");
            }
        }
        // A long host: the code is what matters.
        let content =
            Content::FactorCode { code: "123456".to_owned(), lifetime: Duration::minutes(5), link: None };
        let issuer = format!("https://{}.example.com", "a".repeat(63));
        let (Rendered::Sms(text), _) = render(&envelope(sms_to(), content), &issuer) else { panic!() };
        assert!(text.starts_with("123456") && !text.contains('@'), "{text}");
    }

    #[test]
    fn a_call_spells_the_code_twice() {
        for (locale, voice) in [("en", "en-US"), ("de", "de-DE")] {
            let content =
                Content::FactorCode { code: "123456".to_owned(), lifetime: Duration::minutes(5), link: None };
            let envelope = Envelope { locale: Some(locale.to_owned()), ..envelope(call_to(), content) };
            let (Rendered::Call(sentences), tag) = render(&envelope, ISSUER) else { panic!("no call") };
            let spelled = sentences.iter().filter(|sentence| sentence.contains("1, 2, 3, 4, 5, 6")).count();
            assert_eq!((tag, sentences.len(), spelled), (voice, 3, 2), "{sentences:?}");
        }
        let (Rendered::Call(sentences), _) = render(&envelope(call_to(), Content::AccountLocked), ISSUER)
        else {
            panic!("no call")
        };
        assert_eq!(sentences.len(), 2);
    }
}
