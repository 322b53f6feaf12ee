//! The outbox: sent if and only if the unit was committed, by one node, in time, and never while somebody waits.

use std::time::Instant;

use serde_json::json;
use stepgate::{
    jobs::deliver::deliver_due,
    message::{self, Content, Destination, Medium},
    ports::{mailer::MailError, telephony::TelephonyError},
    store::{
        self,
        unit::{Outcome, Unit},
    },
};
use time::Duration;

use super::{CODE, PHONE, alice, call_her, code, post, to_call, to_mail, to_sms, waiting};
use crate::support::{Test, TestApp, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_message_is_sent_by_one_of_several_nodes,
            a_message_of_a_unit_that_is_lost_is_not_sent;
        sqlite:
            a_code_arrives_by_mail_text_message_and_call,
            a_message_is_in_the_language_of_its_reader,
            a_link_arrives_by_mail,
            a_running_node_sends_at_once,
            what_cannot_be_sent_is_tried_again_and_then_given_up,
            what_is_refused_is_given_up_at_once,
            what_may_have_been_sent_is_not_sent_again,
            a_code_is_not_sent_after_its_lifetime,
            without_a_provider_nothing_can_be_sent,
            a_hanging_mail_server_holds_up_no_text_message,
            sec_o07_a_code_is_in_no_log_and_readable_in_no_row,
            sec_s05_a_message_with_a_link_elsewhere_is_refused,
    ]
}

/// Real concurrency: the claim of an attempt is one conditional statement.
async fn a_message_is_sent_by_one_of_several_nodes(app: TestApp) {
    let node = app.second_node().await;
    for _ in 0..8 {
        post(&app, to_sms(), code()).await;
    }
    let nodes = [&app.app, &node.app, &app.app, &node.app];
    let rounds = futures_util::future::join_all(nodes.map(|app| deliver_due(app))).await;
    // A round counts what its node has won: nobody goes round again for what others do.
    assert_eq!(rounds.into_iter().map(Result::unwrap).sum::<u64>(), 8);
    assert_eq!(app.post.sms.0.sent().len(), 8);
    assert_eq!(waiting(&app).await, 0);
    let sent = app.log().await;
    let sent = sent.iter().filter(|(kind, _)| kind == "system.sms.send_factor_verify_message");
    assert_eq!(sent.count(), 8);
}

/// The message is in the unit: without the unit there is none.
async fn a_message_of_a_unit_that_is_lost_is_not_sent(app: TestApp) {
    let row = message::row(&app.app, &alice(&app).await, to_sms(), code()).unwrap();
    let nothing = store::outbox::reschedule(&stepgate::id::MessageId::new("msg-nobody"), app.app.now());
    let outcome = app.app.db.writer().commit(Unit::new().claim(nothing).row(row)).await.unwrap();
    assert_eq!(outcome, Outcome::Lost(0));
    assert_eq!(deliver_due(&app.app).await.unwrap(), 0);
    assert!(app.post.sms.0.sent().is_empty());
}

async fn a_code_arrives_by_mail_text_message_and_call(app: TestApp) {
    for (to, address, event) in [
        (to_mail(), ALICE, "system.email.send_factor_verify_message"),
        (to_sms(), PHONE, "system.sms.send_factor_verify_message"),
        (to_call(), PHONE, "system.voice.send_mfa_challenge_call"),
    ] {
        post(&app, to, code()).await;
        assert_eq!(app.mailbox().code_for(address).await, CODE);
        assert!(app.logged(event, None).await, "{event}");
        assert!(app.mailbox().unread(address).await.is_empty());
    }
    let text = &app.post.sms.0.sent()[0].text[0];
    assert!(text.starts_with(CODE) && text.ends_with(&format!("\n@localhost #{CODE}")), "{text}");
    assert_eq!(app.post.voice.0.sent()[0].text.concat().matches("7, 3, 5, 1, 9, 4").count(), 2);
    // The newest counts.
    let other = Content::FactorCode { code: "111111".to_owned(), lifetime: Duration::minutes(5), link: None };
    post(&app, to_sms(), code()).await;
    app.mailbox().all(PHONE).await;
    post(&app, to_sms(), other).await;
    assert_eq!(app.mailbox().next(PHONE).await.text.lines().next().map(|line| &line[..6]), Some("111111"));
}

async fn a_message_is_in_the_language_of_its_reader(app: TestApp) {
    for (profile, subject, voice) in [
        (json!({"locale": "de_AT"}), "Ihr Bestätigungscode für localhost", "de-DE"),
        (json!({"locale": "fr"}), "Your verification code for localhost", "en-US"),
        (json!({"locale": null, "preferredLanguage": "de"}), "Ihr Bestätigungscode für localhost", "de-DE"),
    ] {
        call_her(&app, profile).await;
        post(&app, to_mail(), code()).await;
        post(&app, to_call(), code()).await;
        assert_eq!(app.mailbox().next(ALICE).await.subject, subject);
        assert_eq!(app.post.voice.0.sent().last().unwrap().language, voice);
    }
}

async fn a_link_arrives_by_mail(app: TestApp) {
    let link = app.url("/signin/reset-password/abc?token=x");
    let content = Content::PasswordReset { secret: link.clone(), lifetime: Duration::hours(1) };
    post(&app, to_mail(), content).await;
    let arrived = app.mailbox().all(ALICE).await.remove(0);
    assert_eq!(app.mailbox().link_for(ALICE).await, link);
    assert!(arrived.html.contains(&format!("href=\"{link}\"")), "{}", arrived.html);
    assert!(app.logged("system.email.password_reset.sent_message", None).await);
    post(&app, to_mail(), Content::PasswordChanged).await;
    assert_eq!(app.mailbox().next(ALICE).await.subject, "Ihr Passwort für localhost wurde geändert");
}

/// The process that commits a message sends it without waiting for its next round.
async fn a_running_node_sends_at_once(app: TestApp) {
    let stop = tokio_util::sync::CancellationToken::new();
    let jobs = stepgate::jobs::spawn_all(&app.app, &stop);
    // The first round is over.
    tokio::task::yield_now().await;
    let began = Instant::now();
    post(&app, to_sms(), code()).await;
    while app.post.sms.0.sent().is_empty() {
        assert!(began.elapsed() < std::time::Duration::from_millis(2500), "it waits for its round");
        tokio::task::yield_now().await;
    }
    // So does an administrator's transaction.
    let began = Instant::now();
    let notice = message::message(&app.app, &alice(&app).await, to_call(), Content::AccountLocked).unwrap();
    let tx = app.app.db.begin_write().await.unwrap();
    store::outbox::insert(&tx, &[notice]).await.unwrap();
    tx.commit().await.unwrap();
    while app.post.voice.0.sent().is_empty() {
        assert!(began.elapsed() < std::time::Duration::from_millis(2500), "it waits for its round");
        tokio::task::yield_now().await;
    }
    stop.cancel();
    jobs.wait().await;
}

/// Bounded: five pauses, then it is given up and logged; a server that comes back in between gets it.
async fn what_cannot_be_sent_is_tried_again_and_then_given_up(app: TestApp) {
    let down = || Some(MailError::Unavailable("the server sleeps".to_owned()));
    app.post.mailer.fail(down());
    post(&app, to_mail(), Content::PasswordChanged).await;
    for _ in 0..3 {
        deliver_due(&app.app).await.unwrap();
    }
    assert_eq!(waiting(&app).await, 1, "it waits for its pause");
    app.post.mailer.fail(None);
    app.clock.advance(6);
    assert_eq!(app.mailbox().all(ALICE).await.len(), 1);
    assert_eq!(waiting(&app).await, 0);

    app.post.mailer.fail(down());
    post(&app, to_mail(), Content::AccountLocked).await;
    for pause in [0, 6, 31, 121, 601, 3601] {
        assert_eq!(waiting(&app).await, 1, "before the pause of {pause} s");
        app.clock.advance(pause);
        deliver_due(&app.app).await.unwrap();
    }
    assert_eq!(waiting(&app).await, 0);
    assert!(app.logged("system.email.delivery", Some("UNREACHABLE")).await);
    assert_eq!(app.post.mailer.sent().len(), 1);
}

/// A message that the provider may have sent is not sent, and billed, again.
async fn what_may_have_been_sent_is_not_sent_again(app: TestApp) {
    app.post.sms.0.fail(Some(TelephonyError::Unconfirmed("no answer".to_owned())));
    post(&app, to_sms(), code()).await;
    deliver_due(&app.app).await.unwrap();
    assert_eq!(waiting(&app).await, 0);
    assert!(app.logged("system.sms.send_factor_verify_message", Some("UNCONFIRMED")).await);
}

async fn what_is_refused_is_given_up_at_once(app: TestApp) {
    app.post.sms.0.fail(Some(TelephonyError::Refused("no such number".to_owned())));
    post(&app, to_sms(), code()).await;
    deliver_due(&app.app).await.unwrap();
    assert_eq!(waiting(&app).await, 0);
    assert!(app.logged("system.sms.send_factor_verify_message", Some("REFUSED")).await);
}

/// O6: a code that would arrive late is not sent at all.
async fn a_code_is_not_sent_after_its_lifetime(app: TestApp) {
    app.post.sms.0.fail(Some(TelephonyError::Unavailable("busy".to_owned())));
    post(&app, to_sms(), code()).await;
    deliver_due(&app.app).await.unwrap();
    app.post.sms.0.fail(None);
    app.clock.advance(5 * 60);
    deliver_due(&app.app).await.unwrap();
    assert!(app.post.sms.0.sent().is_empty());
    assert_eq!(waiting(&app).await, 0);
    assert!(app.logged("system.sms.send_factor_verify_message", Some("EXPIRED")).await);
}

async fn without_a_provider_nothing_can_be_sent(app: TestApp) {
    assert!(Medium::ALL.into_iter().all(|medium| message::can_send(&app.app, medium)));
    let change = crate::support::app::Change { no_couriers: true, ..Default::default() };
    let app = app.restart(change).await;
    assert!(!Medium::ALL.into_iter().any(|medium| message::can_send(&app.app, medium)));
    post(&app, to_mail(), code()).await;
    deliver_due(&app.app).await.unwrap();
    assert_eq!(waiting(&app).await, 0);
    assert!(app.logged("system.email.send_factor_verify_message", Some("NOT_CONFIGURED")).await);
}

/// FT21: what is dead out there holds up only what goes there.
async fn a_hanging_mail_server_holds_up_no_text_message(app: TestApp) {
    let hanging = app.post.mailer.hang().await;
    for _ in 0..100 {
        post(&app, to_mail(), Content::PasswordChanged).await;
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let jobs = stepgate::jobs::spawn_all(&app.app, &stop);
    tokio::task::yield_now().await;
    for (nth, to) in [(1, to_sms()), (2, to_call())] {
        post(&app, to, code()).await;
        let began = Instant::now();
        while app.post.sms.0.sent().len() + app.post.voice.0.sent().len() < nth {
            assert!(began.elapsed() < std::time::Duration::from_millis(2500), "it waits for mails");
            tokio::task::yield_now().await;
        }
    }
    assert!(app.post.mailer.sent().is_empty());
    drop(hanging);
    stop.cancel();
    jobs.wait().await;
}

/// O7: not in the log of what was sent nor of what was not, and in no row that waits.
async fn sec_o07_a_code_is_in_no_log_and_readable_in_no_row(app: TestApp) {
    post(&app, to_mail(), code()).await;
    post(&app, to_sms(), code()).await;
    post(&app, to_call(), code()).await;
    let mut due = Vec::new();
    for kind in [message::USER_MAIL, message::USER_PHONE] {
        due.extend(store::outbox::due(&app.app.db, kind, app.app.now(), 10).await.unwrap());
    }
    assert_eq!(due.len(), 3);
    for message in &due {
        assert!(!message.payload.contains(CODE) && !message.payload.contains(PHONE), "{}", message.payload);
        assert_eq!(message::open(&app.app, message).unwrap().content, code());
        // Sealed for its own row: it cannot be put into another.
        let moved = store::outbox::Message { id: due[0].id.clone(), ..message.clone() };
        assert_eq!(message::open(&app.app, &moved).is_ok(), message.id == due[0].id);
    }
    app.post.mailer.fail(Some(MailError::Refused("no".to_owned())));
    deliver_due(&app.app).await.unwrap();
    let since = time::OffsetDateTime::UNIX_EPOCH;
    let events = store::log_event::list(&app.app.db, since, 1000).await.unwrap();
    let events: Vec<String> = events.into_iter().map(|(_, event)| format!("{event:?}")).collect();
    assert!(events.iter().any(|event| event.contains("system.email.send_factor_verify_message")));
    assert!(events.iter().any(|event| event.contains("system.voice.send_mfa_challenge_call")));
    for event in events.iter().filter(|event| event.contains("\"system.")) {
        assert!(!event.contains(CODE) && !event.contains(PHONE) && !event.contains("7, 3, 5"), "{event}");
    }
}

/// S5: the host of a link comes from the configuration, whatever the request said (GHSA-pfrf-9r5f-73f5).
async fn sec_s05_a_message_with_a_link_elsewhere_is_refused(app: TestApp) {
    let user = alice(&app).await;
    let lifetime = Duration::hours(1);
    let contents = |link: String| {
        [
            Content::PasswordReset { secret: link.clone(), lifetime },
            Content::Unlock { secret: link.clone(), lifetime },
            Content::Activation { link: link.clone(), lifetime },
            Content::FactorCode { code: CODE.to_owned(), lifetime, link: Some(link) },
        ]
    };
    for content in contents(app.url("/signin/x")) {
        assert!(message::row(&app.app, &user, to_mail(), content).is_ok());
    }
    for link in [
        "https://evil.example/signin/x".to_owned(),
        format!("{}.evil.example/x", app.issuer),
        "/x".to_owned(),
    ] {
        for content in contents(link) {
            assert!(message::row(&app.app, &user, to_mail(), content.clone()).is_err(), "{content:?}");
        }
    }
    // To a phone goes a code, which is no link.
    let content = Content::PasswordReset { secret: CODE.to_owned(), lifetime };
    assert!(message::row(&app.app, &user, Destination::Sms(PHONE.to_owned()), content).is_ok());
}
