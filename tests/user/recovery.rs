//! Ways back into an account: links, codes by phone, the question, unlocking.

use futures_util::future::join_all;
use stepgate::{
    id::TransactionId,
    limit::{
        lockout::UNTIL_RESET,
        rate::{Bucket, Rate},
    },
    message::{Content, Destination},
    model::{
        policy::PasswordRules,
        recovery::{PhoneChannel, RecoveryKind},
        user::{User, UserStatus},
    },
    store,
    user::{
        password::{RevokeSessions, SetBy, set},
        recovery::{
            RecoveryError,
            begin::{Channel, begin, begin_trusted},
            code::{self, Recipient},
            question, token,
        },
        unlock,
    },
};
use time::Duration;

use super::{caller, commit, edit, mails_to, messages, opens, rules, secret, user};
use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{ALICE, BOB, PASSWORD},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        of_many_uses_of_a_token_at_once_one_wins,
        of_many_tokens_issued_at_once_one_lives,
        of_many_uses_of_a_code_at_once_one_wins,
        of_many_recoveries_at_once_no_more_are_mailed_than_the_budget,
        of_many_answers_at_once_no_more_are_looked_at_than_the_budget;
    sqlite:
        an_administrator_s_reset_voids_the_password_and_gives_a_link,
        an_invitation_sets_the_first_password,
        a_forgotten_password_is_recovered_by_mail,
        a_recovery_for_nobody_leaves_the_same_answer_and_no_message,
        recoveries_of_one_address_are_limited,
        a_trusted_application_is_told_why,
        a_code_by_phone_counts_once_and_for_its_transaction,
        a_code_has_five_tries,
        a_code_expires_and_is_sent_again_after_a_pause,
        wrong_codes_count_over_all_transactions,
        a_phone_gets_five_messages_an_hour,
        sec_o06_codes_of_recovery_share_the_rules_of_codes_that_are_sent,
        sec_o06_no_code_of_recovery_is_sent_to_a_country_that_is_not_listed,
        an_answer_to_the_question_is_forgiving_and_locked_after_five_wrong_ones,
        a_question_and_its_answer_have_limits,
        a_locked_user_unlocks_but_for_the_last_lock;
    ]
}

fn phone() -> Destination {
    Destination::Sms("+15551234567".to_owned())
}

fn transaction(app: &TestApp) -> TransactionId {
    TransactionId::generate(app.app.random.as_ref())
}

/// Sends a code to a user's phone and reads it.
async fn sent(app: &TestApp, transaction: &TransactionId, user: &User) -> String {
    // Messages are read in the order of their times, and a phone gets one in half a minute.
    app.clock.advance(31);
    let recipient = Recipient { subject: user.id.to_string(), user: Some((user.clone(), phone())) };
    let about = (RecoveryKind::Password, PhoneChannel::Sms);
    let unit = code::send(&app.app, transaction, recipient, about, &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    last_code(app).await
}

async fn last_code(app: &TestApp) -> String {
    let mut waiting = messages(app).await.into_iter().filter(|message| message.to == phone());
    match waiting.next_back().expect("a text message").content {
        Content::PasswordReset { ref secret, .. } => secret.clone(),
        ref other => panic!("{other:?}"),
    }
}

/// Another code than the right one.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn an_administrator_s_reset_voids_the_password_and_gives_a_link(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let issued = token::reset_password(&app.app, &alice, &rules(), &caller()).await.unwrap();
    assert!(commit(&app.app, issued.unit).await);
    assert_eq!(user(&app, ALICE).await.status, UserStatus::Recovery);
    assert!(app.logged("user.account.reset_password", None).await);
    assert!(messages(&app).await.is_empty(), "the administrator hands it over");
    let link = token::link(&app.app, RecoveryKind::Password, &issued.token);
    assert_eq!(link, app.url(&format!("/signin/reset-password?token={}", issued.token.expose())));

    let found = token::find(&app.app, issued.token.expose()).await.unwrap();
    let how = (SetBy::Recovery, RevokeSessions::All, &caller());
    let unit = set(&app.app, &found.user, &secret("Battery-Staple-2"), &rules(), how).await.unwrap();
    assert!(commit(&app.app, unit.precede(found.consume(app.app.now()))).await);
    assert!(opens(&app, ALICE, "Battery-Staple-2").await);
    assert_eq!(user(&app, ALICE).await.status, UserStatus::Active);
}

async fn an_invitation_sets_the_first_password(app: TestApp) {
    let bob = edit(&app, BOB, |user| {
        user.status = UserStatus::Provisioned;
        user.password_hash = None;
        user.password_changed_at = None;
        user.profile.0.insert("email".to_owned(), BOB.into());
    })
    .await;
    let unit = token::send(&app.app, &bob, RecoveryKind::AccountActivation, &rules()).unwrap();
    assert!(commit(&app.app, unit).await);
    let mails = mails_to(&app, BOB).await;
    let Content::Activation { link, lifetime } = &mails[0].content else { panic!("{mails:?}") };
    assert_eq!(*lifetime, Duration::days(7));
    let token = link.strip_prefix(&app.url("/welcome?token=")).expect("a link of this installation");
    app.clock.advance(6 * 86_400);
    let found = token::find(&app.app, token).await.unwrap();
    assert_eq!(found.token.kind, RecoveryKind::AccountActivation);
    let how = (SetBy::Activation, RevokeSessions::None, &caller());
    let unit = set(&app.app, &found.user, &secret("Battery-Staple-2"), &rules(), how).await.unwrap();
    assert!(commit(&app.app, unit.precede(found.consume(app.app.now()))).await);
    assert_eq!(user(&app, BOB).await.status, UserStatus::Active);
    assert!(opens(&app, BOB, "Battery-Staple-2").await);
    // An account that is active is not activated again.
    let bob = user(&app, BOB).await;
    let again = token::issue(&app.app, &bob, RecoveryKind::AccountActivation, &rules());
    assert!(commit(&app.app, again.unit).await);
    assert!(matches!(token::find(&app.app, again.token.expose()).await, Err(RecoveryError::Spent)));
}

async fn begin_by_mail(app: &TestApp, login: &str) -> Option<User> {
    let about = (RecoveryKind::Password, Channel::Email);
    let begun = begin(&app.app, login, about, &caller()).await.unwrap();
    assert!(commit(&app.app, begun.unit).await);
    begun.user
}

async fn a_forgotten_password_is_recovered_by_mail(app: TestApp) {
    edit(&app, ALICE, |user| {
        user.profile.0.insert("secondEmail".to_owned(), "alice@second.example".into());
    })
    .await;
    assert_eq!(
        begin_by_mail(&app, " ALICE@example.com ").await.map(|user| user.login),
        Some(ALICE.to_owned())
    );
    // To both addresses, as Okta does; the same token.
    let mails = mails_to(&app, ALICE).await;
    assert_eq!((mails.len(), mails_to(&app, "alice@second.example").await.len()), (1, 1));
    let Content::PasswordReset { secret: link, lifetime } = &mails[0].content else { panic!("{mails:?}") };
    assert_eq!(*lifetime, Duration::HOUR);
    let token = link.strip_prefix(&app.url("/signin/reset-password?token=")).unwrap();
    let found = token::find(&app.app, token).await.unwrap();
    assert_eq!((found.user.login.as_str(), found.token.kind), (ALICE, RecoveryKind::Password));
    assert!(app.logged("user.account.reset_password", None).await);
    assert_eq!(user(&app, ALICE).await.status, UserStatus::Active, "nothing ends before the new password");
}

/// Security rule M3: nobody learns whether there is such a user, or why nothing is sent; the log knows.
async fn a_recovery_for_nobody_leaves_the_same_answer_and_no_message(app: TestApp) {
    for (login, status, reason) in [
        ("nobody@example.com", None, "unknown_user"),
        ("no login at all\u{0}", None, "unknown_user"),
        // Bob has no mail address.
        (BOB, None, "no_email"),
        (ALICE, Some(UserStatus::Suspended), "user_status"),
        (ALICE, Some(UserStatus::Deprovisioned), "user_status"),
        (ALICE, Some(UserStatus::Provisioned), "user_status"),
    ] {
        if let Some(status) = status {
            edit(&app, login, |user| user.status = status).await;
        }
        assert!(begin_by_mail(&app, login).await.is_none(), "{login}");
        assert!(app.logged("user.account.reset_password", Some(reason)).await, "{reason}");
    }
    // Unlocking: nobody may by default; that is told, since it is the same for everyone.
    let unlock = begin(&app.app, ALICE, (RecoveryKind::Unlock, Channel::Email), &caller()).await;
    assert!(matches!(unlock, Err(RecoveryError::NotAllowed)), "{unlock:?}");
    assert!(messages(&app).await.is_empty());
    // By phone there is a transaction for each, whose codes never match, with the same tries and pauses.
    app_with_phone_recovery(&app).await;
    for login in ["nobody@example.com", BOB] {
        let transaction = transaction(&app);
        let about = (RecoveryKind::Password, Channel::Phone(PhoneChannel::Sms, &transaction));
        let begun = begin(&app.app, login, about, &caller()).await.unwrap();
        assert!(begun.user.is_none());
        assert!(commit(&app.app, begun.unit).await);
        let resent = code::resend(&app.app, &transaction, &caller()).await;
        assert!(matches!(resent, Err(RecoveryError::SentRecently(PhoneChannel::Sms))), "{resent:?}");
        for _ in 0..6 {
            let refused = code::verify(&app.app, &transaction, &secret("000000"), &caller()).await;
            assert!(matches!(refused, Err(RecoveryError::WrongCode)), "{refused:?}");
        }
    }
    assert!(messages(&app).await.is_empty());
}

/// A policy that lets everyone recover by phone.
async fn app_with_phone_recovery(app: &TestApp) {
    use stepgate::{
        id::PolicyId,
        model::{
            Status,
            policy_set::{PasswordPolicy, Policy, PolicyKind},
        },
    };
    let policy: PasswordPolicy = Policy {
        id: PolicyId::generate(app.app.random.as_ref()),
        name: "phone".to_owned(),
        description: String::new(),
        priority: 1,
        status: Status::Active,
        groups: Vec::new(),
        settings: PasswordRules { recovery_sms: true, recovery_call: true, ..PasswordRules::default() },
        rules: Vec::new(),
        updated_at: app.app.now(),
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::policy::upsert(&tx, PolicyKind::Password, &policy).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

async fn recoveries_of_one_address_are_limited(app: TestApp) {
    let app = app
        .restart(Change { rates: vec![(Bucket::Recovery, Rate::per_minute(3))], ..Change::default() })
        .await;
    for _ in 0..3 {
        begin_by_mail(&app, "nobody@example.com").await;
    }
    let refused = begin(&app.app, ALICE, (RecoveryKind::Password, Channel::Email), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::Throttled(count)) if count.exceeded), "{refused:?}");
    assert!(app.logged("system.org.rate_limit.violation", Some("recovery")).await);
    assert!(messages(&app).await.is_empty());
}

/// Okta's trusted applications get the token, and the truth.
async fn a_trusted_application_is_told_why(app: TestApp) {
    let about = RecoveryKind::Password;
    let (alice, issued) = begin_trusted(&app.app, ALICE, about, &caller()).await.unwrap();
    assert!(commit(&app.app, issued.unit).await);
    assert_eq!(token::find(&app.app, issued.token.expose()).await.unwrap().user.id, alice.id);
    assert!(messages(&app).await.is_empty());
    let unknown = begin_trusted(&app.app, "nobody@example.com", about, &caller()).await;
    assert!(matches!(unknown, Err(RecoveryError::UnknownUser)));
    let unlock = begin_trusted(&app.app, ALICE, RecoveryKind::Unlock, &caller()).await;
    assert!(matches!(unlock, Err(RecoveryError::NotAllowed)));
    edit(&app, ALICE, |user| user.status = UserStatus::Suspended).await;
    let suspended = begin_trusted(&app.app, ALICE, about, &caller()).await;
    assert!(matches!(suspended, Err(RecoveryError::NotAllowed)));
}

/// A recovery token buys one password, however often it is presented at the same moment.
async fn of_many_uses_of_a_token_at_once_one_wins(app: TestApp) {
    let node = app.second_node().await;
    for round in 0..5 {
        let alice = user(&app, ALICE).await;
        let issued = token::issue(&app.app, &alice, RecoveryKind::Password, &rules());
        assert!(commit(&app.app, issued.unit).await);
        let uses = (0..16).map(|nth| {
            let (node, token) = (if nth % 2 == 0 { &app.app } else { &node.app }, issued.token.clone());
            async move {
                let Ok(found) = token::find(node, token.expose()).await else { return None };
                let new = format!("Battery-{round}-Staple-{nth}");
                let how = (SetBy::Recovery, RevokeSessions::All, &caller());
                let unit = set(node, &found.user, &secret(&new), &rules(), how).await.unwrap();
                let unit = unit.precede(found.consume(node.now()));
                commit(node, unit).await.then_some(new)
            }
        });
        let won: Vec<String> = join_all(uses).await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1, "{round}: {won:?}");
        assert!(opens(&app, ALICE, &won[0]).await);
        assert!(matches!(token::find(&app.app, issued.token.expose()).await, Err(RecoveryError::Spent)));
        app.clock.advance(1);
    }
}

/// A newer token replaces older ones, also when several are asked for at the same moment.
async fn of_many_tokens_issued_at_once_one_lives(app: TestApp) {
    let node = app.second_node().await;
    let alice = user(&app, ALICE).await;
    let issues = (0..16).map(|nth| {
        let (node, alice) = (if nth % 2 == 0 { &app.app } else { &node.app }, &alice);
        async move {
            let issued = token::issue(node, alice, RecoveryKind::Password, &rules());
            assert!(commit(node, issued.unit).await);
            issued.token
        }
    });
    let mut live = 0;
    for token in join_all(issues).await {
        match token::find(&app.app, token.expose()).await {
            Ok(_) => live += 1,
            Err(error) => assert!(matches!(error, RecoveryError::Unknown), "{error:?}"),
        }
    }
    assert_eq!(live, 1);
}

async fn a_code_by_phone_counts_once_and_for_its_transaction(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let (mine, other) = (transaction(&app), transaction(&app));
    let code = sent(&app, &mine, &alice).await;
    let elsewhere = sent(&app, &other, &user(&app, BOB).await).await;
    if code != elsewhere {
        let refused = code::verify(&app.app, &other, &secret(&code), &caller()).await;
        assert!(matches!(refused, Err(RecoveryError::WrongCode)));
    }
    let verified = code::verify(&app.app, &mine, &secret(&code), &caller()).await.unwrap();
    assert_eq!((verified.user.id, verified.kind), (alice.id, RecoveryKind::Password));
    assert!(commit(&app.app, verified.unit).await);
    let again = code::verify(&app.app, &mine, &secret(&code), &caller()).await;
    assert!(matches!(again, Err(RecoveryError::WrongCode)), "{again:?}");
    let resent = code::resend(&app.app, &mine, &caller()).await;
    assert!(matches!(resent, Err(RecoveryError::Unknown)), "{resent:?}");
    assert!(app.logged("user.account.use_token", None).await);
    // What looks like a code to a reader is none.
    for odd in
        [format!("-{elsewhere}"), format!("{} {}", &elsewhere[..3], &elsewhere[3..]), format!("0{elsewhere}")]
    {
        let refused = code::verify(&app.app, &other, &secret(&odd), &caller()).await;
        assert!(matches!(refused, Err(RecoveryError::WrongCode)), "{odd}");
    }
}

async fn of_many_uses_of_a_code_at_once_one_wins(app: TestApp) {
    let node = app.second_node().await;
    let alice = user(&app, ALICE).await;
    let transaction = transaction(&app);
    let code = sent(&app, &transaction, &alice).await;
    let uses = (0..5).map(|nth| {
        let (node, transaction) = (if nth % 2 == 0 { &app.app } else { &node.app }, &transaction);
        let code = secret(&code);
        async move {
            match code::verify(node, transaction, &code, &caller()).await {
                Ok(verified) => commit(node, verified.unit).await,
                Err(_) => false,
            }
        }
    });
    let won = join_all(uses).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

async fn a_code_has_five_tries(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let transaction = transaction(&app);
    let code = sent(&app, &transaction, &alice).await;
    for _ in 0..5 {
        let refused = code::verify(&app.app, &transaction, &secret(&wrong(&code)), &caller()).await;
        assert!(matches!(refused, Err(RecoveryError::WrongCode)));
    }
    let refused = code::verify(&app.app, &transaction, &secret(&code), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::WrongCode)), "{refused:?}");
}

async fn a_code_expires_and_is_sent_again_after_a_pause(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let transaction = transaction(&app);
    let code = sent(&app, &transaction, &alice).await;
    app.clock.advance(15);
    let early = code::resend(&app.app, &transaction, &caller()).await;
    assert!(matches!(early, Err(RecoveryError::SentRecently(PhoneChannel::Sms))));
    app.clock.advance(586);
    let refused = code::verify(&app.app, &transaction, &secret(&code), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::WrongCode)), "it has expired");
    let unit = code::resend(&app.app, &transaction, &caller()).await.unwrap();
    assert!(commit(&app.app, unit.clone()).await);
    assert!(!commit(&app.app, unit).await, "another was sent at the same moment");
    // The one before never counts again.
    let refused = code::verify(&app.app, &transaction, &secret(&code), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::WrongCode)));
}

/// Another transaction is no further budget: ten wrong codes an hour for one user.
async fn wrong_codes_count_over_all_transactions(app: TestApp) {
    let alice = user(&app, ALICE).await;
    for _ in 0..2 {
        let transaction = transaction(&app);
        let code = sent(&app, &transaction, &alice).await;
        for _ in 0..5 {
            let refused = code::verify(&app.app, &transaction, &secret(&wrong(&code)), &caller()).await;
            assert!(matches!(refused, Err(RecoveryError::WrongCode)));
        }
    }
    let transaction = transaction(&app);
    let code = sent(&app, &transaction, &alice).await;
    let refused = code::verify(&app.app, &transaction, &secret(&code), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::Locked)), "{refused:?}");
    // Passwords are not locked by it (security rule N3).
    assert_eq!(user(&app, ALICE).await.lock, stepgate::model::user::PasswordLock::default());
    app.clock.advance(3601);
    let later = self::transaction(&app);
    let code = sent(&app, &later, &alice).await;
    assert!(code::verify(&app.app, &later, &secret(&code), &caller()).await.is_ok());
}

async fn a_phone_gets_five_messages_an_hour(app: TestApp) {
    let alice = user(&app, ALICE).await;
    for _ in 0..7 {
        app.clock.advance(31);
        let recipient = Recipient { subject: alice.id.to_string(), user: Some((alice.clone(), phone())) };
        let about = (RecoveryKind::Password, PhoneChannel::Sms);
        let unit = code::send(&app.app, &transaction(&app), recipient, about, &caller()).await.unwrap();
        assert!(commit(&app.app, unit).await);
    }
    assert_eq!(messages(&app).await.len(), 5);
    app.clock.advance(3601);
    sent(&app, &transaction(&app), &alice).await;
    assert_eq!(messages(&app).await.len(), 6);
}

/// O5, O6: one pause for one phone whatever a message is for, one way to read a code, and wrong ones are logged.
async fn sec_o06_codes_of_recovery_share_the_rules_of_codes_that_are_sent(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let begun = transaction(&app);
    let code = sent(&app, &begun, &alice).await;
    let other = transaction(&app);
    let recipient = Recipient { subject: alice.id.to_string(), user: Some((alice.clone(), phone())) };
    let about = (RecoveryKind::Password, PhoneChannel::Sms);
    let unit = code::send(&app.app, &other, recipient, about, &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    assert_eq!(messages(&app).await.len(), 1, "the phone rang a moment ago");
    let refused = code::verify(&app.app, &begun, &secret(&wrong(&code)), &caller()).await;
    assert!(matches!(refused, Err(RecoveryError::WrongCode)));
    assert!(app.logged("user.account.use_token", Some("invalid_code")).await);
    for typed in [format!("{} {}", &code[..3], &code[3..]), format!("{code}0")] {
        let refused = code::verify(&app.app, &begun, &secret(&typed), &caller()).await;
        assert!(matches!(refused, Err(RecoveryError::WrongCode)), "{typed}");
    }
    assert!(code::verify(&app.app, &begun, &secret(&format!(" {code}\n")), &caller()).await.is_ok());
}

/// Toll fraud: what holds for factors holds for recovery; whoever asks is told what everybody is.
async fn sec_o06_no_code_of_recovery_is_sent_to_a_country_that_is_not_listed(app: TestApp) {
    let settings: fn(&mut stepgate::app::Settings) =
        |settings| settings.phone.countries = vec!["49".to_owned()];
    let app = app.restart(Change { settings: Some(settings), ..Change::default() }).await;
    let alice = user(&app, ALICE).await;
    let transaction = transaction(&app);
    let recipient = Recipient { subject: alice.id.to_string(), user: Some((alice, phone())) };
    let about = (RecoveryKind::Password, PhoneChannel::Sms);
    let unit = code::send(&app.app, &transaction, recipient, about, &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    assert!(messages(&app).await.is_empty());
}

/// The budget of a user is one row: two nodes do not have one each.
async fn of_many_recoveries_at_once_no_more_are_mailed_than_the_budget(app: TestApp) {
    let node = app.second_node().await;
    let begins = (0..20).map(|nth| {
        let node = if nth % 2 == 0 { &app.app } else { &node.app };
        async move {
            let about = (RecoveryKind::Password, Channel::Email);
            let begun = begin(node, ALICE, about, &caller()).await.unwrap();
            assert!(commit(node, begun.unit).await);
            begun.user.is_some()
        }
    });
    assert_eq!(join_all(begins).await.into_iter().filter(|mailed| *mailed).count(), 5);
    assert_eq!(mails_to(&app, ALICE).await.len(), 5);
    assert!(app.logged("user.account.reset_password", Some("too_many_messages")).await);
    app.clock.advance(3601);
    assert!(begin_by_mail(&app, ALICE).await.is_some());
}

async fn ask(app: &TestApp, answer: &str) -> Result<(), RecoveryError> {
    let alice = user(app, ALICE).await;
    let unit = question::verify(&app.app, &alice, &secret(answer), &caller()).await?;
    assert!(commit(&app.app, unit).await);
    Ok(())
}

async fn set_question(app: &TestApp, question: &str, answer: &str) -> Result<(), RecoveryError> {
    let alice = user(app, ALICE).await;
    let unit = question::set(&app.app, &alice, question, &secret(answer), &caller()).await?;
    assert!(commit(&app.app, unit).await);
    Ok(())
}

async fn an_answer_to_the_question_is_forgiving_and_locked_after_five_wrong_ones(app: TestApp) {
    // Without a question every answer is wrong.
    assert!(matches!(ask(&app, "Annie Oakley").await, Err(RecoveryError::WrongAnswer)));
    set_question(&app, " Your first pet? ", "Annie Oakley").await.unwrap();
    let id = user(&app, ALICE).await.id;
    assert_eq!(question::find(&app.app, &id).await.unwrap().as_deref(), Some("Your first pet?"));
    ask(&app, "  annie   OAKLEY").await.unwrap();
    for _ in 0..5 {
        assert!(matches!(ask(&app, "Annie").await, Err(RecoveryError::WrongAnswer)));
    }
    assert!(matches!(ask(&app, "Annie Oakley").await, Err(RecoveryError::Locked)));
    assert_eq!(user(&app, ALICE).await.lock, stepgate::model::user::PasswordLock::default());
    app.clock.advance(901);
    ask(&app, "Annie Oakley").await.unwrap();
    assert!(app.logged("user.account.use_token", Some("invalid_answer")).await);
    // A new question begins anew.
    for _ in 0..5 {
        assert!(matches!(ask(&app, "Annie").await, Err(RecoveryError::WrongAnswer)));
    }
    set_question(&app, "Your second pet?", "Calamity").await.unwrap();
    ask(&app, "calamity").await.unwrap();
}

async fn a_question_and_its_answer_have_limits(app: TestApp) {
    for (question, answer, member) in [
        ("  ", "Annie", "question"),
        (&"x".repeat(101), "Annie", "question"),
        ("Your pet?", " a n ", "answer"),
        ("Your pet?", &"x".repeat(101), "answer"),
        ("Is it Annie?", "annie", "answer"),
    ] {
        let refused = set_question(&app, question, answer).await;
        let refused_member = match refused {
            Err(RecoveryError::Invalid { member, .. }) => member,
            other => panic!("{question} {answer}: {other:?}"),
        };
        assert_eq!(refused_member, member, "{question} {answer}");
    }
    let id = user(&app, ALICE).await.id;
    assert_eq!(question::find(&app.app, &id).await.unwrap(), None);
}

async fn of_many_answers_at_once_no_more_are_looked_at_than_the_budget(app: TestApp) {
    set_question(&app, "Your first pet?", "Annie Oakley").await.unwrap();
    let node = app.second_node().await;
    let alice = user(&app, ALICE).await;
    let answers = (0..40).map(|nth| {
        let (node, alice) = (if nth % 2 == 0 { &app.app } else { &node.app }, &alice);
        async move { question::verify(node, alice, &secret("wrong one"), &caller()).await }
    });
    let looked_at = join_all(answers)
        .await
        .into_iter()
        .filter(|answer| matches!(answer, Err(RecoveryError::WrongAnswer)))
        .count();
    assert!((1..=5).contains(&looked_at), "{looked_at}");
}

async fn a_locked_user_unlocks_but_for_the_last_lock(app: TestApp) {
    let until = app.app.now() + Duration::minutes(15);
    let alice = edit(&app, ALICE, |user| {
        user.lock.failures_total = 30;
        user.lock.lockouts = 3;
        user.lock.locked_until = Some(until);
    })
    .await;
    assert!(unlock::is_locked(&alice, app.app.now()));
    assert!(commit(&app.app, unlock::by_user(&app.app, &alice, &caller())).await);
    let after = user(&app, ALICE).await;
    assert_eq!((after.lock.locked_until, after.lock.failures_total), (None, 30), "guesses go on counting");
    assert!(app.logged("user.account.unlock", None).await);
    assert!(opens(&app, ALICE, PASSWORD).await);

    // NIST SP 800-63B-4 §3.2.2: after the hundredth only a new password helps, or an administrator.
    let alice = edit(&app, ALICE, |user| {
        user.lock.failures_total = 100;
        user.lock.locked_until = Some(UNTIL_RESET);
    })
    .await;
    assert!(!unlock::is_locked(&alice, app.app.now()));
    assert!(commit(&app.app, unlock::by_user(&app.app, &alice, &caller())).await);
    assert_eq!(user(&app, ALICE).await.lock.locked_until, Some(UNTIL_RESET));
    assert!(commit(&app.app, unlock::by_administrator(&app.app, &alice, &caller())).await);
    assert_eq!(user(&app, ALICE).await.lock, stepgate::model::user::PasswordLock::default());

    let alice = edit(&app, ALICE, |user| user.status = UserStatus::LockedOut).await;
    assert!(commit(&app.app, unlock::by_user(&app.app, &alice, &caller())).await);
    assert_eq!(user(&app, ALICE).await.status, UserStatus::Active);
}
