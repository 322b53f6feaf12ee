//! Ways back into an account as an attacker would use them, and what a new password ends.

use http::Method;
use serde_json::json;
use stepgate::{
    message::Content,
    model::{
        policy::{Access, PasswordRules},
        policy_set::PasswordAction,
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    user::{
        password::{PasswordChange, RevokeSessions, SetBy, change, set},
        recovery::{
            RecoveryError,
            begin::{Channel, begin},
            token,
        },
    },
};

use crate::{
    support::{
        Test, TestApp,
        factor::PHONE,
        fixtures::{ALICE, BOB, PASSWORD, WEB},
        http::{Browser, Response},
        op::{VERIFIER, sign_in_on},
        session_token,
    },
    user::{caller, commit, edit, mails_to, opens, rules, secret, session_of, user},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        sec_s04_a_recovery_token_is_used_once,
        sec_s04_a_recovery_token_dies_with_a_new_password_a_new_address_and_a_newer_token,
        sec_s08_a_new_password_ends_sessions_and_tokens_of_the_old_one;
    sqlite:
        sec_s04_a_recovery_token_lives_an_hour_and_is_its_user_s_alone,
        sec_s04_a_recovery_token_is_nothing_else,
        sec_s05_links_are_made_of_the_configured_issuer_and_looking_uses_nothing_up,
        sec_s08_the_session_of_the_change_and_its_browser_stay,
        sec_s10_the_policy_is_held_wherever_a_password_is_set,
        sec_t10_self_service_that_is_not_allowed_is_refused_when_it_is_posted,
    ]
}

const NEW: &str = "Battery-Staple-2";

async fn issued(app: &TestApp, login: &str) -> String {
    let user = user(app, login).await;
    let issued = token::issue(&app.app, &user, RecoveryKind::Password, &rules());
    assert!(commit(&app.app, issued.unit).await);
    issued.token.expose().clone()
}

async fn reset(app: &TestApp, token: &str, new: &str) -> Result<bool, RecoveryError> {
    let found = token::find(&app.app, token).await?;
    let how = (SetBy::Recovery, RevokeSessions::All, &caller());
    let unit = set(&app.app, &found.user, &secret(new), &rules(), how).await.unwrap();
    Ok(commit(&app.app, unit.precede(found.consume(app.app.now()))).await)
}

#[track_caller]
fn spent(outcome: &Result<bool, RecoveryError>) {
    assert!(matches!(outcome, Err(RecoveryError::Spent)), "{outcome:?}");
}

/// ASVS 6.4.3, OWASP: a token of recovery is used once, and a second use changes nothing.
async fn sec_s04_a_recovery_token_is_used_once(app: TestApp) {
    let token = issued(&app, ALICE).await;
    // Found twice before either use: the second is lost at the database.
    let found = token::find(&app.app, &token).await.unwrap();
    assert!(reset(&app, &token, NEW).await.unwrap());
    let caller = caller();
    let how = (SetBy::Recovery, RevokeSessions::All, &caller);
    let late =
        set(&app.app, &user(&app, ALICE).await, &secret("Battery-Staple-3"), &rules(), how).await.unwrap();
    assert!(!commit(&app.app, late.precede(found.consume(app.app.now()))).await);
    assert!(opens(&app, ALICE, NEW).await);
    spent(&reset(&app, &token, "Battery-Staple-4").await);
}

/// A token is bound to password and mail address as they were when it was issued; a newer one replaces it.
async fn sec_s04_a_recovery_token_dies_with_a_new_password_a_new_address_and_a_newer_token(app: TestApp) {
    app.clock.advance(1);
    // A new password, set by whoever else.
    let token = issued(&app, ALICE).await;
    let found = token::find(&app.app, &token).await.unwrap();
    let alice = user(&app, ALICE).await;
    let (old, new) = (secret(PASSWORD), secret(NEW));
    let wanted = PasswordChange { old: &old, new: &new, revoke: RevokeSessions::None, device: None };
    let unit = change(&app.app, &alice, &wanted, &rules(), &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
    spent(&reset(&app, &token, "Battery-Staple-3").await);
    // And nobody who looked at it before wins with it.
    let unit = stepgate::store::unit::Unit::new().claim(found.consume(app.app.now()));
    assert!(!commit(&app.app, unit).await);
    assert!(opens(&app, ALICE, NEW).await);

    // A new password that was set without voiding tokens, as by the command line of an earlier version.
    let token = issued(&app, ALICE).await;
    let found = token::find(&app.app, &token).await.unwrap();
    let now = app.app.now() + time::Duration::SECOND;
    edit(&app, ALICE, |user| user.password_changed_at = Some(now)).await;
    spent(&reset(&app, &token, "Battery-Staple-3").await);
    let unit = stepgate::store::unit::Unit::new().claim(found.consume(app.app.now()));
    assert!(!commit(&app.app, unit).await);

    // A new mail address.
    let token = issued(&app, ALICE).await;
    edit(&app, ALICE, |user| {
        user.profile.0.insert("email".to_owned(), "mallory@example.com".into());
    })
    .await;
    spent(&reset(&app, &token, "Battery-Staple-3").await);

    // A new second address, to which it was mailed as well; or none any more.
    for second in [json!("alice@second.example"), json!("mallory@second.example"), json!(null)] {
        let token = issued(&app, ALICE).await;
        edit(&app, ALICE, |user| {
            user.profile.0.insert("secondEmail".to_owned(), second);
        })
        .await;
        spent(&reset(&app, &token, "Battery-Staple-3").await);
    }

    // A newer token.
    let older = issued(&app, ALICE).await;
    let newer = issued(&app, ALICE).await;
    let outcome = reset(&app, &older, "Battery-Staple-3").await;
    assert!(matches!(outcome, Err(RecoveryError::Unknown)), "{outcome:?}");
    assert!(opens(&app, ALICE, NEW).await);
    assert!(reset(&app, &newer, "Battery-Staple-3").await.unwrap());
}

/// At most 60 minutes by default; and a token is its own user's only.
async fn sec_s04_a_recovery_token_lives_an_hour_and_is_its_user_s_alone(app: TestApp) {
    let (alice, bob) = (issued(&app, ALICE).await, issued(&app, BOB).await);
    app.clock.advance(3550);
    assert_eq!(token::find(&app.app, &alice).await.unwrap().user.login, ALICE);
    assert_eq!(token::find(&app.app, &bob).await.unwrap().user.login, BOB);
    app.clock.advance(50);
    spent(&reset(&app, &alice, NEW).await);
    assert!(opens(&app, ALICE, PASSWORD).await);
    // Who was suspended meanwhile does not come back by an old link.
    let token = issued(&app, BOB).await;
    edit(&app, BOB, |user| user.status = UserStatus::Suspended).await;
    spent(&reset(&app, &token, NEW).await);
}

/// C4 as well: one artefact is never taken for another.
async fn sec_s04_a_recovery_token_is_nothing_else(app: TestApp) {
    let token = issued(&app, ALICE).await;
    let redeemed = app.redeem(WEB, &token).await;
    assert_eq!(redeemed.json()["error"], "invalid_grant");
    let refreshed = app.refresh(WEB, &token).await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
    assert_eq!(app.introspect(&token).await["active"], false);
    let body = serde_json::json!({ "sessionToken": token });
    let exchanged = app.client().request(Method::POST, "/api/v1/sessions").json(&body).send().await;
    assert!(matches!(exchanged.status, 401 | 403), "{}", exchanged.text());
    // And the other way round.
    let session_token = session_token::for_client(&app, ALICE, WEB).await;
    let code = app.code(WEB, "openid", ALICE).await;
    for other in ["", "x", VERIFIER, session_token.as_str(), code.as_str()] {
        assert!(matches!(token::find(&app.app, other).await, Err(RecoveryError::Unknown)), "{other}");
    }
    assert!(token::find(&app.app, &token).await.is_ok(), "nothing of it was used up");
}

/// GHSA-pfrf-9r5f-73f5: the host of a link is configured; and mail scanners that open it use nothing up.
async fn sec_s05_links_are_made_of_the_configured_issuer_and_looking_uses_nothing_up(app: TestApp) {
    let about = (RecoveryKind::Password, Channel::Email);
    let begun = begin(&app.app, ALICE, about, &caller()).await.unwrap();
    assert!(commit(&app.app, begun.unit).await);
    let mails = mails_to(&app, ALICE).await;
    let Content::PasswordReset { secret: link, .. } = &mails[0].content else { panic!("{mails:?}") };
    let token = link.strip_prefix(&format!("{}/signin/reset-password?token=", app.issuer)).unwrap();
    assert_eq!(token.len(), 43);
    for path in [format!("/signin/reset-password?token={token}"), format!("/signin/unlock?token={token}")] {
        for method in [Method::HEAD, Method::GET] {
            app.client().request(method, &path).header("host", "evil.example").send().await;
            app.client().request(Method::GET, &path).send().await;
        }
    }
    for _ in 0..3 {
        assert!(token::find(&app.app, token).await.is_ok());
    }
    assert!(reset(&app, token, NEW).await.unwrap());
}

async fn refreshes(app: &TestApp, tokens: &serde_json::Value) -> bool {
    app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.status == 200
}

async fn is_signed_in(app: &TestApp, browser: &mut Browser) -> bool {
    let page: Response = browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    drop(page);
    browser.url().as_str().contains("code=")
}

async fn changed(app: &TestApp, alice: &User, revoke: RevokeSessions<'_>, device: Option<&str>) {
    let (old, new) = (secret(PASSWORD), secret(NEW));
    let wanted = PasswordChange { old: &old, new: &new, revoke, device };
    let unit = change(&app.app, alice, &wanted, &rules(), &caller()).await.unwrap();
    assert!(commit(&app.app, unit).await);
}

/// A new password ends what the old one may have opened for somebody else: sessions, refresh and access tokens, session
/// tokens. Nothing of other users.
async fn sec_s08_a_new_password_ends_sessions_and_tokens_of_the_old_one(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let bobs = app.tokens(WEB, "openid offline_access", BOB).await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    assert!(is_signed_in(&app, &mut browser).await);
    let session_token = session_token::for_client(&app, ALICE, WEB).await;
    app.clock.advance(1);

    changed(&app, &user(&app, ALICE).await, RevokeSessions::All, None).await;
    assert!(!is_signed_in(&app, &mut browser).await);
    assert!(!refreshes(&app, &tokens).await);
    assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], false);
    let mut other = Browser::new();
    other.open(&app.authorize_url(WEB, &[("sessionToken", &session_token)])).await;
    assert!(!other.url().as_str().contains("code="), "{}", other.url());
    assert!(refreshes(&app, &bobs).await);

    // With the new one everything begins anew, at the same moment.
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    sign_in_on(&mut browser, &page, ALICE, NEW).await;
    assert!(is_signed_in(&app, &mut browser).await);
}

/// The session in which the password was changed goes on, and its browser keeps its own budget (N5); others do not.
async fn sec_s08_the_session_of_the_change_and_its_browser_stay(app: TestApp) {
    let (mut mine, mut theirs) = (Browser::new(), Browser::new());
    let offline = [("scope", "openid offline_access")];
    let code = app.code_in(&mut mine, "default", WEB, &offline, ALICE).await;
    let my_tokens = app.redeem(WEB, &code).await.json();
    let code = app.code_in(&mut theirs, "default", WEB, &offline, ALICE).await;
    let their_tokens = app.redeem(WEB, &code).await.json();
    let (session, alice) = session_of(&app, &mut mine).await;
    app.clock.advance(1);
    // Cookies are those of the page that is open.
    theirs.open(&app.url("/")).await;
    let device =
        |browser: &Browser| browser.cookie(&format!("dt_{}", app.app.settings.port())).unwrap().value.clone();
    let [my_device, their_device] = [&mine, &theirs].map(device);
    let alice_now = user(&app, ALICE).await;
    changed(&app, &alice_now, RevokeSessions::AllBut(&session), Some(&my_device)).await;
    assert!(is_signed_in(&app, &mut mine).await);
    assert!(!is_signed_in(&app, &mut theirs).await);
    assert!(refreshes(&app, &my_tokens).await);
    assert!(!refreshes(&app, &their_tokens).await);
    let known = async |device: &str| {
        let device = stepgate::secret::TokenHash::of(device);
        stepgate::store::known_device::find(&app.app.db, &alice, &device).await.unwrap().is_some()
    };
    assert!(known(&my_device).await);
    assert!(!known(&their_device).await);
}

/// NIST SP 800-63B-4 §3.1.1.2: length and an offline list of common passwords, wherever a password is set; long ones are
/// taken whole, and compositions of the same characters are one.
async fn sec_s10_the_policy_is_held_wherever_a_password_is_set(app: TestApp) {
    let caller = caller();
    for by in [SetBy::Recovery, SetBy::Activation, SetBy::Administrator] {
        let alice = user(&app, ALICE).await;
        for weak in ["Short-1", "Password123", "Qwertyuiop1", &format!("Aa1{}", "x".repeat(1022))] {
            let how = (by, RevokeSessions::All, &caller);
            let refused = set(&app.app, &alice, &secret(weak), &rules(), how).await;
            assert!(refused.is_err(), "{weak}");
        }
    }
    // 1024 bytes count to the last one, far past the 72 of bcrypt.
    let alice = user(&app, ALICE).await;
    let long: String =
        "Zo\u{eb}-4k-".chars().chain((0..900_u32).filter_map(|n| char::from_u32(97 + n * n % 26))).collect();
    let how = (SetBy::Recovery, RevokeSessions::All, &caller);
    let unit = set(&app.app, &alice, &secret(&long), &rules(), how).await.unwrap();
    assert!(commit(&app.app, unit).await);
    assert!(opens(&app, ALICE, &long).await);
    assert!(opens(&app, ALICE, &long.replace('\u{eb}', "e\u{308}")).await);
    let mut other = long.clone();
    other.pop();
    assert!(!opens(&app, ALICE, &other).await);
    other.push('!');
    assert!(!opens(&app, ALICE, &other).await);
}

/// T10: what policy takes from users is not only hidden: a form that was open meanwhile and the API get nothing either
/// (GHSA-25rw-g6ff-fmg8).
async fn sec_t10_self_service_that_is_not_allowed_is_refused_when_it_is_posted(app: TestApp) {
    let action = |access| PasswordAction {
        password_change: access,
        self_service_password_reset: access,
        self_service_unlock: access,
    };
    let rules = PasswordRules { recovery_sms: true, ..PasswordRules::default() };
    let ways =
        [("/signin/forgot-password", "/recovery/password"), ("/signin/unlock-account", "/recovery/unlock")];
    app.factors_of(ALICE).await.sent("sms", PHONE).await;
    for _ in 0..10 {
        app.authn("", &json!({ "username": ALICE, "password": "wrong" })).await;
    }
    let sent = app.mailbox().all(ALICE).await.len() + app.mailbox().all(PHONE).await.len();
    let mut browser = Browser::new();
    for (access, status) in [(Access::Deny, 403), (Access::Allow, 200)] {
        let mut answers = Vec::new();
        for (page, path) in ways {
            app.password_rules(rules.clone(), action(Access::Allow)).await;
            let open = browser.open(&app.url(page)).await;
            let form = |kind| {
                open.form("step-form").fill("identifier", ALICE).fill("factorType", kind).press("recover")
            };
            let forms = [form("EMAIL"), form("SMS")];
            app.password_rules(rules.clone(), action(access)).await;
            for form in &forms {
                answers.push(browser.submit(form).await.status);
            }
            for kind in ["EMAIL", "SMS"] {
                answers.push(app.authn(path, &json!({ "username": ALICE, "factorType": kind })).await.status);
            }
        }
        let now = app.mailbox().all(ALICE).await.len() + app.mailbox().all(PHONE).await.len();
        assert_eq!(answers, [status; 8], "{access:?}");
        assert_eq!(now > sent, access == Access::Allow);
    }
}
