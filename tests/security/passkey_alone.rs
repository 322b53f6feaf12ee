//! A passkey alone signs in (group R), where policy lets it: whom it verified, and nobody who is locked or suspended (group N).

use serde_json::{Value, json};
use stepgate::{
    id::FactorId,
    model::{policy::PrimaryFactor, policy_set::SignOnAction},
    store::{self, unit::Unit},
};

use super::webauthn::{amr, enrol};
use crate::support::{
    Test, TestApp,
    authenticator::{Authenticator, UP, UV},
    fixtures::{ALICE, BOB, WEB},
    http::{Browser, Response},
    op::answer,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_r05_a_passkey_alone_signs_in_whom_it_verified_where_policy_says_so,
            sec_r05_a_passkey_that_may_not_sign_in_alone_stays_good_beside_the_password,
            sec_n04_a_passkey_alone_meets_the_lock_and_the_status_of_its_user,
    ]
}

/// The options on the sign-in page that a browser opens.
async fn offered(app: &TestApp, browser: &mut Browser) -> (Response, Option<Value>) {
    let page = browser.open(&app.authorize_url_at("default", WEB, &[("prompt", "login")])).await;
    let data = page.text().split_once("data-webauthn=\"").map(|(_, rest)| rest.split('"').next().unwrap());
    let options = data.map(|data| serde_json::from_str(&data.replace("&quot;", "\"")).unwrap());
    (page, options)
}

async fn by_passkey(browser: &mut Browser, page: &Response, assertion: &Value) -> Response {
    let mut form = page.form("login-form").smuggle("action", "passkey");
    for (name, value) in assertion.as_object().unwrap() {
        form = form.smuggle(name, value.as_str().unwrap());
    }
    browser.submit(&form).await
}

/// Security checklist R5, R1, R2: alone it counts for who it verified, in the browser that was asked, once, and as `mfa` since it
/// is something that the user has, opened by what the user knows or is.
async fn sec_r05_a_passkey_alone_signs_in_whom_it_verified_where_policy_says_so(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let bob = app.factors_of(BOB).await;
    let mut passkey = Authenticator::at(&app.issuer);
    let mut his = Authenticator::at(&app.issuer);
    enrol(&alice, &mut passkey).await;
    enrol(&bob, &mut his).await;
    let mut browser = Browser::new();
    assert_eq!(offered(&app, &mut browser).await.1, None, "not by default");
    let any = SignOnAction { primary_factor: PrimaryFactor::PasswordIdpAnyFactor, ..SignOnAction::default() };
    app.sign_on(any).await;
    let (page, options) = offered(&app, &mut browser).await;
    let options = options.unwrap();
    assert_eq!(
        (&options["userVerification"], &options["allowCredentials"]),
        (&json!("required"), &json!([]))
    );

    let asserted = passkey.get(&options);
    let elsewhere = offered(&app, &mut Browser::new()).await.1.unwrap();
    let of_another_browser = passkey.get(&elsewhere);
    let mut of_bob = passkey.named(asserted.clone());
    of_bob["userHandle"] = his.named(json!({}))["userHandle"].clone();
    for bad in [passkey.named(of_another_browser), of_bob, passkey.named(asserted), passkey.get(&options)] {
        let refused = by_passkey(&mut browser, &page, &bad).await;
        assert_eq!(refused.status, 400, "{}", refused.words());
        assert!(refused.words().contains("That passkey cannot be used here"), "{}", refused.words());
    }
    // §7.2 step 6: whom nobody named before, the authenticator names.
    let (page, options) = offered(&app, &mut browser).await;
    let asserted = passkey.get(&options.unwrap());
    let mut of_nobody = passkey.named(asserted);
    of_nobody["userHandle"] = "".into();
    assert_eq!(by_passkey(&mut browser, &page, &of_nobody).await.status, 400);
    let (page, options) = offered(&app, &mut browser).await;
    passkey.flags = UP;
    let unverified = passkey.get(&options.unwrap());
    assert_eq!(by_passkey(&mut browser, &page, &passkey.named(unverified)).await.status, 400);
    passkey.flags = UP | UV;
    let (page, options) = offered(&app, &mut browser).await;
    let late = passkey.get(&options.unwrap());
    app.sign_on(SignOnAction::default()).await;
    assert_eq!(by_passkey(&mut browser, &page, &passkey.named(late)).await.status, 400, "policy changed");
    app.sign_on(any).await;
    let (page, options) = offered(&app, &mut browser).await;
    let right = passkey.get(&options.unwrap());
    by_passkey(&mut browser, &page, &passkey.named(right)).await;
    assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    let session = app.session(&mut browser).await.expect("a session");
    assert_eq!(session.user_id, alice.user.id);
    assert_eq!(session.amr(), ["swk", "pop", "phr", "user", "mfa"]);
}

/// Security checklist R5, N3: who picks a passkey where a password is wanted, as often as may be, loses no attempt by it.
async fn sec_r05_a_passkey_that_may_not_sign_in_alone_stays_good_beside_the_password(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut passkey = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut passkey).await;
    let primary_factor = PrimaryFactor::PasswordIdpAnyFactor;
    app.sign_on(SignOnAction { primary_factor, ..SignOnAction::default() }).await;
    let mut browser = Browser::new();
    let (page, options) = offered(&app, &mut browser).await;
    let asserted = passkey.get(&options.unwrap());
    app.require_factor().await;
    for _ in 0..11 {
        assert_eq!(by_passkey(&mut browser, &page, &passkey.named(asserted.clone())).await.status, 400);
    }
    assert_eq!(amr(&app, &id, &mut passkey).await, json!(["pwd", "swk", "pop", "phr", "user", "mfa"]));
}

/// Security checklist N4: a lock holds for a passkey as for the password, and no more: a browser that the user is known in has a
/// budget of its own. Whoever is suspended, and whatever was suspended, signs nobody in.
async fn sec_n04_a_passkey_alone_meets_the_lock_and_the_status_of_its_user(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut passkey = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut passkey).await;
    let primary_factor = PrimaryFactor::PasswordIdpAnyFactor;
    app.sign_on(SignOnAction { primary_factor, ..SignOnAction::default() }).await;
    let mut known = Browser::new();
    assert!(signs_in(&app, &mut known, &mut passkey).await);
    let guess = json!({ "username": ALICE, "password": "wrong" });
    for _ in 0..10 {
        app.clock.advance(1);
        app.authn("", &guess).await;
    }
    assert!(app.logged("user.account.lock", None).await);
    assert!(!signs_in(&app, &mut Browser::new(), &mut passkey).await, "locked");
    assert!(signs_in(&app, &mut known, &mut passkey).await, "the lock is for strangers");
    app.clock.advance(15 * 60 + 1);
    assert!(signs_in(&app, &mut Browser::new(), &mut passkey).await, "the lock is over");
    assert_eq!(alice.post("/lifecycle/suspend", &json!({})).await.status, 200);
    assert!(!signs_in(&app, &mut known, &mut passkey).await, "suspended");
    assert_eq!(alice.post("/lifecycle/unsuspend", &json!({})).await.status, 200);
    assert!(signs_in(&app, &mut known, &mut passkey).await);
    let suspend = store::factor::claim_suspend_cloned(&FactorId::new(id), app.app.now());
    app.app.db.writer().commit(Unit::new().claim(suspend)).await.unwrap();
    assert!(!signs_in(&app, &mut known, &mut passkey).await, "the passkey is suspended");
}

/// Whether a passkey alone signs in.
async fn signs_in(app: &TestApp, browser: &mut Browser, passkey: &mut Authenticator) -> bool {
    let (page, options) = offered(app, browser).await;
    let asserted = passkey.get(&options.unwrap());
    let told = by_passkey(browser, &page, &passkey.named(asserted)).await;
    let signed_in = answer(browser).contains_key("code");
    assert!(signed_in || told.status == 400, "{}", told.words());
    signed_in
}
