//! Passwords: changing, setting, expiring, and what ends with the old one.

use futures_util::future::join_all;
use stepgate::{
    message::Content,
    model::{
        policy::PasswordRules,
        user::{User, UserStatus},
    },
    store,
    user::{
        password::{
            PasswordChange, PasswordError, PasswordStanding, RevokeSessions, SetBy, change, expire,
            expire_with_temporary, set, standing, temporary,
        },
        password_policy::{self, Shortcoming},
    },
};

use super::{caller, commit, edit, mails_to, opens, rules, secret, user};
use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, PASSWORD},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        of_two_changes_at_once_one_wins,
        the_latest_passwords_are_refused_and_older_ones_are_not,
        a_temporary_password_must_be_changed;
    sqlite:
        a_password_is_changed_with_the_old_one,
        the_wrong_old_password_changes_nothing_and_counts_towards_the_lock,
        a_refused_new_password_is_no_wrong_old_one,
        a_password_must_reach_the_minimum_age_unless_it_has_expired,
        where_policy_forbids_it_only_an_expired_password_is_changed,
        a_password_is_set_by_recovery_and_the_user_is_active_again,
        recovery_sets_no_password_where_policy_forbids_it,
        an_administrator_sets_a_password_whatever_the_history,
        a_suspended_user_gets_no_password,
        a_temporary_password_satisfies_every_policy,
    ]
}

const NEW: &str = "Battery-Staple-2";

fn changing<'a>(
    old: &'a stepgate::secret::Secret<String>,
    new: &'a stepgate::secret::Secret<String>,
) -> PasswordChange<'a> {
    PasswordChange { old, new, revoke: RevokeSessions::All, device: None }
}

async fn try_change(
    app: &TestApp,
    user: &User,
    (old, new): (&str, &str),
    rules: &PasswordRules,
) -> Result<(), PasswordError> {
    let (old, new) = (secret(old), secret(new));
    let unit = change(&app.app, user, &changing(&old, &new), rules, &caller()).await?;
    assert!(commit(&app.app, unit).await);
    Ok(())
}

async fn change_now(
    app: &TestApp,
    passwords: (&str, &str),
    rules: &PasswordRules,
) -> Result<(), PasswordError> {
    try_change(app, &user(app, ALICE).await, passwords, rules).await
}

async fn a_password_is_changed_with_the_old_one(app: TestApp) {
    app.clock.advance(60);
    let before = user(&app, ALICE).await;
    change_now(&app, (PASSWORD, NEW), &rules()).await.unwrap();
    assert!(opens(&app, ALICE, NEW).await && !opens(&app, ALICE, PASSWORD).await);
    let after = user(&app, ALICE).await;
    assert_eq!(after.status, UserStatus::Active);
    assert!(after.password_changed_at > before.password_changed_at);
    assert!(app.logged("user.account.update_password", None).await);
    let mails = mails_to(&app, ALICE).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].content, Content::PasswordChanged);
}

/// The attempt is charged like one of a sign-in, before the password is looked at.
async fn the_wrong_old_password_changes_nothing_and_counts_towards_the_lock(app: TestApp) {
    for nth in 1..=10 {
        let refused = change_now(&app, ("Wrong-Horse-1", NEW), &rules()).await;
        assert!(matches!(refused, Err(PasswordError::WrongPassword)), "{nth}: {refused:?}");
    }
    // Now the right one is not looked at either.
    let refused = change_now(&app, (PASSWORD, NEW), &rules()).await;
    assert!(matches!(refused, Err(PasswordError::Locked)), "{refused:?}");
    assert!(opens(&app, ALICE, PASSWORD).await);
    assert!(user(&app, ALICE).await.lock.locked_until.is_some());
    assert!(mails_to(&app, ALICE).await.is_empty());
    assert!(app.logged("user.account.update_password", Some("invalid_credentials")).await);
    assert!(app.logged("user.account.update_password", Some("locked_out")).await);
    app.clock.advance(901);
    change_now(&app, (PASSWORD, NEW), &rules()).await.unwrap();
    assert_eq!(user(&app, ALICE).await.lock.failures_total, 0);
}

async fn a_refused_new_password_is_no_wrong_old_one(app: TestApp) {
    for _ in 0..20 {
        let refused = change_now(&app, (PASSWORD, "Passw0rd"), &rules()).await;
        assert!(
            matches!(&refused, Err(PasswordError::Weak(lacks)) if *lacks == [Shortcoming::Common]),
            "{refused:?}"
        );
    }
    assert_eq!(user(&app, ALICE).await.lock.failures, 0);
    // The same again is no change, whatever the history says.
    let rules = PasswordRules { history_count: 0, ..rules() };
    let refused = change_now(&app, (PASSWORD, PASSWORD), &rules).await;
    assert!(
        matches!(&refused, Err(PasswordError::Weak(lacks)) if *lacks == [Shortcoming::Reused]),
        "{refused:?}"
    );
    // Whoever does not know the old one learns nothing about the new one.
    let refused = change_now(&app, ("Wrong-Horse-1", "x"), &rules).await;
    assert!(matches!(refused, Err(PasswordError::WrongPassword)), "{refused:?}");
}

/// `historyCount`: so many others before one may be used again.
async fn the_latest_passwords_are_refused_and_older_ones_are_not(app: TestApp) {
    let rules = PasswordRules { history_count: 3, ..rules() };
    let chosen = [PASSWORD, "Battery-Staple-2", "Battery-Staple-3", "Battery-Staple-4"];
    for pair in chosen.windows(2) {
        app.clock.advance(1);
        change_now(&app, (pair[0], pair[1]), &rules).await.unwrap();
    }
    app.clock.advance(1);
    for earlier in &chosen[1..] {
        let refused = change_now(&app, (chosen[3], earlier), &rules).await;
        assert!(
            matches!(&refused, Err(PasswordError::Weak(lacks)) if *lacks == [Shortcoming::Reused]),
            "{earlier}"
        );
    }
    change_now(&app, (chosen[3], chosen[0]), &rules).await.unwrap();
    // No more is kept than a policy can ask for.
    let mut current = chosen[0].to_owned();
    for nth in 10..22 {
        app.clock.advance(1);
        let next = format!("Battery-Staple-{nth}");
        change_now(&app, (&current, &next), &rules).await.unwrap();
        current = next;
    }
    let id = user(&app, ALICE).await.id;
    assert_eq!(store::password_history::latest(&app.app.db, &id, 1000).await.unwrap().len(), 10);
}

async fn a_password_must_reach_the_minimum_age_unless_it_has_expired(app: TestApp) {
    let rules = PasswordRules { min_age_minutes: 60 * 24 * 7, ..rules() };
    let refused = change_now(&app, (PASSWORD, NEW), &rules).await;
    assert!(matches!(refused, Err(PasswordError::TooYoung { minutes: 10_080 })), "{refused:?}");
    edit(&app, ALICE, |user| user.status = UserStatus::PasswordExpired).await;
    change_now(&app, (PASSWORD, NEW), &rules).await.unwrap();
    app.clock.advance(7 * 86_400);
    change_now(&app, (NEW, "Battery-Staple-3"), &rules).await.unwrap();
}

async fn where_policy_forbids_it_only_an_expired_password_is_changed(app: TestApp) {
    let rules = PasswordRules { allow_change: false, max_age_days: 30, ..rules() };
    assert!(matches!(change_now(&app, (PASSWORD, NEW), &rules).await, Err(PasswordError::NotAllowed)));
    app.clock.advance(30 * 86_400);
    let alice = user(&app, ALICE).await;
    assert_eq!(standing(&alice, &rules, app.app.now()), PasswordStanding::Expired);
    change_now(&app, (PASSWORD, NEW), &rules).await.unwrap();
    assert_eq!(standing(&user(&app, ALICE).await, &rules, app.app.now()), PasswordStanding::Fine);
}

/// A change compares the old hash as it replaces it: of two with the same old password, one is lost.
async fn of_two_changes_at_once_one_wins(app: TestApp) {
    let node = app.second_node().await;
    let mut current = PASSWORD.to_owned();
    for round in 0..8 {
        let alice = user(&app, ALICE).await;
        let tries =
            [(&app.app, format!("Battery-Staple-{round}a")), (&node.app, format!("Battery-Staple-{round}b"))];
        let rules = rules();
        let outcomes = join_all(tries.iter().map(|(app, new)| {
            let (alice, rules, old, new) = (&alice, &rules, secret(&current), secret(new));
            async move {
                let unit = change(app, alice, &changing(&old, &new), rules, &caller()).await.unwrap();
                commit(app, unit).await
            }
        }))
        .await;
        let winners = outcomes.iter().filter(|won| **won).count();
        assert_eq!(winners, 1, "{round}: {outcomes:?}");
        let winner = outcomes.iter().position(|won| *won).unwrap();
        assert!(opens(&app, ALICE, &tries[winner].1).await, "{round}");
        current.clone_from(&tries[winner].1);
        app.clock.advance(1);
    }
}

async fn a_password_is_set_by_recovery_and_the_user_is_active_again(app: TestApp) {
    for status in [
        UserStatus::Active,
        UserStatus::Recovery,
        UserStatus::PasswordExpired,
        UserStatus::LockedOut,
        UserStatus::Provisioned,
    ] {
        let alice = edit(&app, ALICE, |user| {
            user.status = status;
            user.lock.failures_total = 100;
            user.lock.locked_until = Some(stepgate::limit::lockout::UNTIL_RESET);
        })
        .await;
        let new = secret(&format!("Battery-{}", status.as_str()));
        let new = secret(&format!("{}-7x", new.expose()));
        let how = (SetBy::Recovery, RevokeSessions::All, &caller());
        let unit = set(&app.app, &alice, &new, &rules(), how).await.unwrap();
        assert!(commit(&app.app, unit).await);
        let after = user(&app, ALICE).await;
        assert_eq!(after.status, UserStatus::Active);
        assert_eq!(after.lock, stepgate::model::user::PasswordLock::default());
        assert!(opens(&app, ALICE, new.expose()).await);
        app.clock.advance(1);
    }
    // The policy counts as for a change.
    let alice = user(&app, ALICE).await;
    let how = (SetBy::Recovery, RevokeSessions::All, &caller());
    let refused = set(&app.app, &alice, &secret("Battery-PROVISIONED-7x"), &rules(), how).await;
    assert!(
        matches!(&refused, Err(PasswordError::Weak(lacks)) if *lacks == [Shortcoming::Reused]),
        "{refused:?}"
    );
}

async fn recovery_sets_no_password_where_policy_forbids_it(app: TestApp) {
    let rules = PasswordRules { allow_reset: false, ..rules() };
    let alice = user(&app, ALICE).await;
    let caller = caller();
    let how = (SetBy::Recovery, RevokeSessions::All, &caller);
    let refused = set(&app.app, &alice, &secret(NEW), &rules, how).await;
    assert!(matches!(refused, Err(PasswordError::NotAllowed)), "{refused:?}");
    // An administrator sent this one.
    let alice = edit(&app, ALICE, |user| user.status = UserStatus::Recovery).await;
    let unit = set(&app.app, &alice, &secret(NEW), &rules, how).await.unwrap();
    assert!(commit(&app.app, unit).await);
}

async fn an_administrator_sets_a_password_whatever_the_history(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let caller = caller();
    let how = (SetBy::Administrator, RevokeSessions::All, &caller);
    let refused = set(&app.app, &alice, &secret("Passw0rd"), &rules(), how).await;
    assert!(
        matches!(&refused, Err(PasswordError::Weak(lacks)) if *lacks == [Shortcoming::Common]),
        "{refused:?}"
    );
    let unit = set(&app.app, &alice, &secret(PASSWORD), &rules(), how).await.unwrap();
    assert!(commit(&app.app, unit).await);
    assert!(opens(&app, ALICE, PASSWORD).await);
}

async fn a_suspended_user_gets_no_password(app: TestApp) {
    for status in [UserStatus::Suspended, UserStatus::Deprovisioned] {
        let alice = edit(&app, ALICE, |user| user.status = status).await;
        let caller = caller();
        for by in [SetBy::Recovery, SetBy::Activation, SetBy::Administrator] {
            let how = (by, RevokeSessions::All, &caller);
            let refused = set(&app.app, &alice, &secret(NEW), &rules(), how).await;
            assert!(matches!(refused, Err(PasswordError::Status(_))), "{refused:?}");
        }
        assert!(matches!(change_now(&app, (PASSWORD, NEW), &rules()).await, Err(PasswordError::Status(_))));
        assert!(expire(&app.app, &alice, &caller).is_err());
    }
}

/// Okta's `expire_password` and `expire_password_with_temp_password`.
async fn a_temporary_password_must_be_changed(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let unit = expire(&app.app, &alice, &caller()).unwrap();
    assert!(commit(&app.app, unit.clone()).await);
    assert!(!commit(&app.app, unit).await, "the status has changed since");
    let alice = user(&app, ALICE).await;
    assert_eq!(alice.status, UserStatus::PasswordExpired);
    assert!(opens(&app, ALICE, PASSWORD).await);

    let (temporary, unit) =
        expire_with_temporary(&app.app, &alice, &rules(), RevokeSessions::None, &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    let alice = user(&app, ALICE).await;
    assert_eq!(alice.status, UserStatus::PasswordExpired);
    assert_eq!(standing(&alice, &rules(), app.app.now()), PasswordStanding::Expired);
    assert!(opens(&app, ALICE, temporary.expose()).await);
    change_now(&app, (temporary.expose(), NEW), &rules()).await.unwrap();
    assert_eq!(user(&app, ALICE).await.status, UserStatus::Active);
    assert!(app.logged("user.account.expire_password", None).await);
}

async fn a_temporary_password_satisfies_every_policy(app: TestApp) {
    let alice = user(&app, ALICE).await;
    let strict = PasswordRules {
        min_length: 40,
        min_lower_case: 5,
        min_upper_case: 5,
        min_number: 5,
        min_symbol: 5,
        ..rules()
    };
    for rules in [rules(), strict] {
        let (one, other) = (temporary(&app.app, &alice, &rules), temporary(&app.app, &alice, &rules));
        assert_eq!(password_policy::check(one.expose(), &alice, &rules), []);
        assert_ne!(one.expose(), other.expose());
    }
}
