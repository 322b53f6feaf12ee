//! Where the messages of an application under test arrive.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use stepgate::{
    app::{App, Couriers},
    jobs::deliver::deliver_due,
    ports::{
        mailer::{FakeMailer, Mail},
        sms::FakeSms,
        telephony::PhoneMessage,
        voice::FakeVoice,
    },
};

use super::app::TestApp;

/// The mail server and the telephone company of a test.
#[derive(Clone, Default)]
pub(crate) struct Post {
    /// Mails.
    pub(crate) mailer: Arc<FakeMailer>,
    /// Text messages.
    pub(crate) sms: Arc<FakeSms>,
    /// Calls.
    pub(crate) voice: Arc<FakeVoice>,
    /// The ids of messages that the test has read.
    read: Arc<Mutex<Vec<String>>>,
}

impl Post {
    /// These as the application gets them.
    pub(crate) fn couriers(&self) -> Couriers {
        Couriers {
            mailer: Some(Arc::clone(&self.mailer) as _),
            sms: Some(Arc::clone(&self.sms) as _),
            voice: Some(Arc::clone(&self.voice) as _),
        }
    }
}

/// A message that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// `msg…`
    pub(crate) id: String,
    /// The subject of a mail; empty for phones.
    pub(crate) subject: String,
    /// What it says, as plain text.
    pub(crate) text: String,
    /// The same as HTML; empty for phones.
    pub(crate) html: String,
    code: Option<String>,
}

impl Arrived {
    /// The code in it.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.code.clone().unwrap_or_else(|| panic!("no code in: {}", self.text))
    }

    /// The link in it.
    #[track_caller]
    pub(crate) fn link(&self) -> String {
        let mut words = self.text.split_whitespace();
        let link = words.find(|word| word.starts_with("http://") || word.starts_with("https://"));
        link.unwrap_or_else(|| panic!("no link in: {}", self.text)).to_owned()
    }

    fn mail(mail: Mail) -> Self {
        let code = mail.text.lines().find_map(|line| line.strip_prefix("    ")).map(str::to_owned);
        Self { id: mail.id, subject: mail.subject, text: mail.text, html: mail.html, code }
    }

    fn phone(message: &PhoneMessage) -> Self {
        let code = message.otp.as_ref().map(|otp| otp.code.expose().clone());
        let text = message.text.join("\n");
        Self { id: message.id.clone(), subject: String::new(), text, html: String::new(), code }
    }
}

/// The messages of one application.
pub(crate) struct Mailbox<'a> {
    app: &'a App,
    post: &'a Post,
}

impl TestApp {
    /// What users of this application are sent.
    pub(crate) fn mailbox(&self) -> Mailbox<'_> {
        Mailbox { app: &self.app, post: &self.post }
    }
}

impl Mailbox<'_> {
    /// The code of the newest message to an address or number that was not read yet.
    #[track_caller]
    pub(crate) fn code_for(&self, to: &str) -> impl Future<Output = String> {
        let next = self.next(to);
        async move { next.await.code() }
    }

    /// The link of the newest message to an address that was not read yet.
    pub(crate) async fn link_for(&self, to: &str) -> String {
        self.next(to).await.link()
    }

    /// The newest message to an address or number that was not read yet, waiting for it; those before it count as read.
    pub(crate) async fn next(&self, to: &str) -> Arrived {
        let began = Instant::now();
        loop {
            let unread = self.unread(to).await;
            if let Some(newest) = unread.last() {
                let ids = unread.iter().map(|arrived| arrived.id.clone());
                self.post.read.lock().unwrap().extend(ids);
                return newest.clone();
            }
            assert!(began.elapsed() < Duration::from_secs(5), "no message to {to}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The messages to an address or number that were not read yet, delivering what is due first; the oldest first.
    pub(crate) async fn unread(&self, to: &str) -> Vec<Arrived> {
        let read = self.post.read.lock().unwrap().clone();
        self.all(to).await.into_iter().filter(|arrived| !read.contains(&arrived.id)).collect()
    }

    /// Every message to an address or number, delivering what is due first; the oldest first.
    pub(crate) async fn all(&self, to: &str) -> Vec<Arrived> {
        deliver_due(self.app).await.unwrap();
        let mails = self.post.mailer.sent().into_iter().filter(|mail| mail.to == to).map(Arrived::mail);
        let phones = [self.post.sms.0.sent(), self.post.voice.0.sent()].concat();
        let phones: Vec<Arrived> =
            phones.iter().filter(|message| message.number == to).map(Arrived::phone).collect();
        mails.chain(phones).collect()
    }
}
