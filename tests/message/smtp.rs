//! Mail on the wire: through a real connection to a real server.

use std::time::Duration;

use serde_json::json;
use stepgate::{
    message::Content,
    ports::mailer::{Mail, MailError, Mailer, SmtpMailer, SmtpOptions, SmtpTls},
    secret::Secret,
};
use tempfile::NamedTempFile;

use super::{call_her, post, to_mail};
use crate::support::{
    Test, TestApp,
    certificate::Authority,
    fixtures::ALICE,
    smtp::{Manners, SmtpServer},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        a_mail_goes_by_starttls_with_a_login,
        a_mail_goes_by_tls_from_the_first_byte,
        without_starttls_nothing_is_sent,
        a_server_that_cannot_prove_its_name_gets_nothing,
        a_wrong_login_and_a_dead_server_are_tried_again_and_an_unknown_recipient_is_not,
        no_more_mails_are_under_way_than_configured,
        sec_x02_what_users_are_called_adds_no_header_to_a_mail,
    ]
}

fn options(port: u16) -> SmtpOptions {
    SmtpOptions {
        host: "localhost".to_owned(),
        port,
        tls: SmtpTls::None,
        credentials: None,
        from: "Example ID <no-reply@id.example.com>".to_owned(),
        reply_to: Some("help@example.com".to_owned()),
        domain: "id.example.com".to_owned(),
        timeout: Duration::from_secs(5),
        connections: 2,
        extra_ca: None,
    }
}

fn mail(app: &TestApp) -> Mail {
    Mail {
        id: "msg1".to_owned(),
        date: app.app.now(),
        to: ALICE.to_owned(),
        subject: "Grüße".to_owned(),
        text: "Your code\n\n    735194\n\n.\n".to_owned(),
        html: "<p>735194</p>".to_owned(),
    }
}

fn trusted(authority: &Authority) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    file
}

/// RFC 3207, RFC 4954.
async fn a_mail_goes_by_starttls_with_a_login(app: TestApp) {
    let authority = Authority::new();
    let manners = Manners {
        tls: Some(authority.issue("localhost").server()),
        login: Some(("stepgate", "s3cret")),
        ..Manners::default()
    };
    let server = SmtpServer::start(manners).await;
    let trusted = trusted(&authority);
    let mailer = SmtpMailer::new(SmtpOptions {
        tls: SmtpTls::StartTls,
        credentials: Some(("stepgate".to_owned(), Secret::new("s3cret".to_owned()))),
        extra_ca: Some(trusted.path().to_owned()),
        ..options(server.port)
    })
    .unwrap();
    for _ in 0..2 {
        mailer.send(&mail(&app)).await.unwrap();
    }
    let taken = server.taken();
    assert_eq!(taken.len(), 2);
    let taken = &taken[0];
    assert!(taken.encrypted);
    assert_eq!(
        (taken.from.as_str(), taken.to.as_slice()),
        ("no-reply@id.example.com", &[ALICE.to_owned()][..])
    );
    assert_eq!(taken.header("message-id").as_deref(), Some("<msg1@id.example.com>"));
    assert_eq!(taken.header("reply-to").as_deref(), Some("help@example.com"));
    assert_eq!(taken.header("auto-submitted").as_deref(), Some("auto-generated"));
    assert!(taken.data.contains("735194") && taken.data.contains("multipart/alternative"), "{}", taken.data);
}

/// RFC 8314 §3.3.
async fn a_mail_goes_by_tls_from_the_first_byte(app: TestApp) {
    let authority = Authority::new();
    let tls = Some(authority.issue("localhost").server());
    let server = SmtpServer::start(Manners { tls, implicit: true, ..Manners::default() }).await;
    let trusted = trusted(&authority);
    let extra_ca = Some(trusted.path().to_owned());
    let mailer =
        SmtpMailer::new(SmtpOptions { tls: SmtpTls::Tls, extra_ca, ..options(server.port) }).unwrap();
    mailer.send(&mail(&app)).await.unwrap();
    assert!(server.taken()[0].encrypted);
}

/// RFC 3207 §5: somebody in between who takes STARTTLS out must not get the mail.
async fn without_starttls_nothing_is_sent(app: TestApp) {
    let server = SmtpServer::start(Manners::default()).await;
    let mailer = SmtpMailer::new(SmtpOptions { tls: SmtpTls::StartTls, ..options(server.port) }).unwrap();
    assert!(mailer.send(&mail(&app)).await.is_err());
    assert!(server.taken().is_empty());
    SmtpMailer::new(options(server.port)).unwrap().send(&mail(&app)).await.unwrap();
    assert_eq!(server.taken().len(), 1);
}

async fn a_server_that_cannot_prove_its_name_gets_nothing(app: TestApp) {
    let authority = Authority::new();
    let trusted = trusted(&authority);
    for (host, known) in [("localhost", false), ("mail.example.com", true)] {
        let server =
            SmtpServer::start(Manners { tls: Some(authority.issue(host).server()), ..Manners::default() })
                .await;
        let extra_ca = known.then(|| trusted.path().to_owned());
        let options = SmtpOptions { tls: SmtpTls::StartTls, extra_ca, ..options(server.port) };
        let outcome = SmtpMailer::new(options).unwrap().send(&mail(&app)).await;
        assert!(matches!(outcome, Err(MailError::Unavailable(_))), "{host}: {outcome:?}");
        assert!(server.taken().is_empty());
    }
}

/// RFC 5321 §4.2.1: 5yz is for good, but a wrong login is the operator's to put right.
async fn a_wrong_login_and_a_dead_server_are_tried_again_and_an_unknown_recipient_is_not(app: TestApp) {
    // RFC 4954 §6: 535 to a wrong login, 530 to none.
    let server =
        SmtpServer::start(Manners { login: Some(("stepgate", "s3cret")), ..Manners::default() }).await;
    let wrong = Some(("stepgate".to_owned(), Secret::new("wrong".to_owned())));
    for credentials in [wrong, None] {
        let mailer = SmtpMailer::new(SmtpOptions { credentials, ..options(server.port) }).unwrap();
        let outcome = mailer.send(&mail(&app)).await;
        assert!(matches!(outcome, Err(MailError::Unavailable(_))), "{outcome:?}");
    }
    let server =
        SmtpServer::start(Manners { recipient: Some("550 5.1.1 unknown"), ..Manners::default() }).await;
    let outcome = SmtpMailer::new(options(server.port)).unwrap().send(&mail(&app)).await;
    assert!(matches!(outcome, Err(MailError::Refused(_))), "{outcome:?}");
    let server =
        SmtpServer::start(Manners { recipient: Some("450 4.2.1 later"), ..Manners::default() }).await;
    let outcome = SmtpMailer::new(options(server.port)).unwrap().send(&mail(&app)).await;
    assert!(matches!(outcome, Err(MailError::Unavailable(_))), "{outcome:?}");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options =
        SmtpOptions { timeout: Duration::from_millis(300), ..options(dead.local_addr().unwrap().port()) };
    let began = std::time::Instant::now();
    let outcome = SmtpMailer::new(options).unwrap().send(&mail(&app)).await;
    assert!(matches!(outcome, Err(MailError::Unavailable(_))), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Of many mails at the same moment no more are under way than connections are configured.
async fn no_more_mails_are_under_way_than_configured(app: TestApp) {
    let server = SmtpServer::start(Manners::default()).await;
    let mailer = SmtpMailer::new(options(server.port)).unwrap();
    let mails: Vec<Mail> = (0..12).map(|_| mail(&app)).collect();
    let sent = futures_util::future::join_all(mails.iter().map(|mail| mailer.send(mail))).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert!(server.most_at_once() <= 2, "{}", server.most_at_once());
}

/// X2: names and logins with line breaks, from the profile to the wire.
async fn sec_x02_what_users_are_called_adds_no_header_to_a_mail(app: TestApp) {
    call_her(&app, json!({"displayName": "Eve\r\nBcc: eve@evil.example\r\n\r\n<h1>Hi</h1>"})).await;
    post(&app, to_mail(), Content::PasswordChanged).await;
    let arrived = app.mailbox().next(ALICE).await;
    let server = SmtpServer::start(Manners::default()).await;
    let mailer = SmtpMailer::new(options(server.port)).unwrap();
    let rendered = app.post.mailer.sent().pop().unwrap();
    for subject in [rendered.subject.clone(), "x\r\nBcc: eve@evil.example".to_owned()] {
        mailer.send(&Mail { subject, ..rendered.clone() }).await.unwrap();
    }
    assert!(matches!(
        mailer.send(&Mail { to: "a@example.com>\r\nRCPT TO:<eve@evil.example".to_owned(), ..rendered }).await,
        Err(MailError::Refused(_))
    ));
    assert_eq!(server.taken().len(), 2);
    for taken in server.taken() {
        assert_eq!(taken.to, [ALICE]);
        assert_eq!(taken.header("bcc"), None, "{:?}", taken.headers());
    }
    assert!(!arrived.html.contains("<h1>Hi") && !arrived.text.contains("\nBcc"), "{}", arrived.text);
}
