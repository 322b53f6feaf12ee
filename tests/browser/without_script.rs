//! The same journeys in a browser that runs no scripts.

use thirtyfour::WebDriver;

use super::{
    enrolment::{
        a_mail_address_is_set_up, a_phone_is_set_up, an_authenticator_app_and_a_question_are_set_up,
    },
    factors::{
        a_code_of_an_authenticator_app_signs_in, a_link_is_opened_in_the_same_browser,
        codes_are_read_in_the_outbox,
    },
    page,
    recovery::{
        a_forgotten_password_is_reset_by_mail, a_forgotten_password_is_reset_by_text_message,
        a_locked_account_is_unlocked_by_mail, a_password_that_expires_soon_is_kept_for_now,
        an_expired_password_is_changed, who_gives_up_changes_nothing,
    },
    step_up::{
        a_session_is_raised_by_just_the_missing_factor,
        who_cannot_reach_what_is_asked_for_returns_to_the_client,
    },
    value,
};
use crate::support::{Test, TestApp, peer::Peer};

pub(crate) fn trials() -> Vec<Test> {
    trials![scriptless:
        scripts_do_not_run,
        a_code_of_an_authenticator_app_signs_in,
        codes_are_read_in_the_outbox,
        a_link_is_opened_in_the_same_browser,
        an_authenticator_app_and_a_question_are_set_up,
        a_phone_is_set_up,
        a_mail_address_is_set_up,
        a_forgotten_password_is_reset_by_mail,
        a_forgotten_password_is_reset_by_text_message,
        who_gives_up_changes_nothing,
        an_expired_password_is_changed,
        a_password_that_expires_soon_is_kept_for_now,
        a_locked_account_is_unlocked_by_mail,
        a_session_is_raised_by_just_the_missing_factor,
        who_cannot_reach_what_is_asked_for_returns_to_the_client,
    ]
}

/// What the others here stand on, in the first tab and in a second one.
async fn scripts_do_not_run(_: TestApp, driver: WebDriver) {
    let peer = Peer::start(|_| page("<noscript>off</noscript><script>document.title = 'on'</script>")).await;
    for _ in 0..2 {
        driver.goto(peer.url("/").as_str()).await.unwrap();
        assert_eq!(value(&driver, "document.title").await, "Peer");
        assert_eq!(value(&driver, "document.body.innerText.trim()").await, "off");
        let tab = driver.new_tab().await.unwrap();
        driver.switch_to_window(tab).await.unwrap();
    }
}
