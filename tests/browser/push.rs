//! Approval on another device with two browsers that share nothing: one signs in, the other is the Stepgate Authenticator.
//! The second is as narrow as a phone. The right number, a wrong one, a denial, no answer in time, a clock that is wrong, two
//! accounts at once; and a browser without scripts.

use serde_json::json;
use stepgate::model::{policy::FactorPrompt, policy_set::SignOnAction};
use thirtyfour::WebDriver;

use super::{
    click, complaints,
    journey::{Client, shot},
    until, value,
};
use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB},
    push::{Device, correct, transaction_of},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        browsers:
            a_device_is_enrolled_and_approves_by_the_right_number,
            a_wrong_number_a_denial_and_silence_sign_nobody_in;
        browser:
            questions_to_two_accounts_are_shown_one_after_the_other,
            a_device_that_is_chosen_among_several_factors_is_remembered;
        scriptless: without_scripts_the_page_loads_anew;
    ]
}

/// The question that is shown takes an answer: it has been there for a moment.
const READY: &str = "document.getElementById('authenticator-deny').disabled === false
    && !document.getElementById('authenticator-question').hidden";

/// Makes a window as narrow as a phone.
async fn narrow(driver: &WebDriver) {
    let size = json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true});
    driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
}

/// Nothing sticks out.
async fn fits(driver: &WebDriver) {
    assert_eq!(value(driver, "[innerWidth, document.documentElement.scrollWidth]").await, json!([390, 390]));
}

/// Sets the second browser up as a device on the way of a sign-in of the first.
async fn set_up(app: &TestApp, client: &Client<'_>, [desk, phone]: [&WebDriver; 2]) {
    app.require_factor().await;
    client.begin(desk, &[]).await;
    until(desk, "document.getElementById('enroll-page')").await;
    click(desk, "button[value=okta_push]").await;
    until(desk, "document.querySelector('#qr-code')?.naturalWidth > 0").await;
    shot(desk, "push-enroll").await;
    let address = value(desk, "document.getElementById('push-address').textContent").await;
    narrow(phone).await;
    phone.goto(address.as_str().unwrap()).await.unwrap();
    until(phone, "!document.getElementById('authenticator-enroll').hidden").await;
    fits(phone).await;
    // What is secret is gone from the address bar, and from the history.
    assert_eq!(value(phone, "location.hash").await, "");
    shot(phone, "authenticator-enroll").await;
    narrow(phone).await;
    click(phone, "#authenticator-enroll-submit").await;
    until(phone, "document.querySelector('#authenticator-accounts li')").await;
    assert_eq!(value(phone, "document.querySelector('#authenticator-accounts li').textContent").await, ALICE);
    // The first browser goes on by itself.
    assert_eq!(client.earned(desk).await["amr"], json!(["pwd", "okta_verify", "swk", "mfa"]));
    forget(app, desk).await;
}

/// Begins another sign-in, which asks the device; the number that is shown.
async fn ask(client: &Client<'_>, desk: &WebDriver, phone: &WebDriver) -> u64 {
    client.begin(desk, &[]).await;
    until(desk, "document.getElementById('factor-page')").await;
    click(desk, "#step-submit").await;
    until(desk, "document.getElementById('push-number')").await;
    let number = value(desk, "document.getElementById('push-number').textContent").await;
    until(phone, "!document.getElementById('authenticator-question').hidden").await;
    fits(phone).await;
    shot(desk, "push-number").await;
    // What it is asked by is told in the words of people.
    let agent = value(phone, "document.getElementById('authenticator-agent').textContent").await;
    assert_eq!(agent, "Chrome on Linux");
    shot(phone, "authenticator-question").await;
    narrow(phone).await;
    until(phone, READY).await;
    // What is over, or has not happened, is not seen.
    let unseen = "getComputedStyle(document.getElementById('authenticator-enroll')).display === 'none'";
    assert_eq!(value(phone, unseen).await, true);
    number.as_str().unwrap().parse().unwrap()
}

async fn forget(app: &TestApp, desk: &WebDriver) {
    desk.goto(app.url("/oauth2/default/.well-known/openid-configuration")).await.unwrap();
    desk.delete_all_cookies().await.unwrap();
    complaints(desk).await;
}

async fn a_device_is_enrolled_and_approves_by_the_right_number(app: TestApp, [desk, phone]: [WebDriver; 2]) {
    let client = Client::of(&app).await;
    set_up(&app, &client, [&desk, &phone]).await;
    // The key cannot leave the browser.
    let script = r#"
        const done = arguments[0];
        const request = indexedDB.open("stepgate-authenticator", 1);
        request.onsuccess = () => {
            const all = request.result.transaction("accounts").objectStore("accounts").getAll();
            all.onsuccess = () => done(all.result.map((account) => account.key.extractable));
        };
    "#;
    let extractable = phone.execute_async(script, Vec::new()).await.unwrap();
    assert_eq!(extractable.json(), &json!([false]));
    let number = ask(&client, &desk, &phone).await;
    assert_eq!(value(&phone, "document.getElementById('authenticator-login').textContent").await, ALICE);
    let told = value(&phone, "document.getElementById('authenticator-application').textContent").await;
    assert!(!told.as_str().unwrap().is_empty());
    assert_eq!(value(&phone, "document.querySelectorAll('[data-number]').length").await, 3);
    click(&phone, &format!("[data-number='{number}']")).await;
    let earned = client.earned(&desk).await;
    assert_eq!(earned, json!({"acr": "urn:okta:loa:2fa:any", "amr": ["pwd", "okta_verify", "swk", "mfa"]}));
    until(&phone, "document.getElementById('authenticator-done').textContent === 'Approved.'").await;
    assert_eq!(complaints(&desk).await, [""; 0]);
    assert_eq!(complaints(&phone).await, [""; 0]);
    // The page is opened anew: the key is still there.
    phone.refresh().await.unwrap();
    narrow(&phone).await;
    until(&phone, "document.querySelector('#authenticator-accounts li')").await;
    forget(&app, &desk).await;
    let number = ask(&client, &desk, &phone).await;
    click(&phone, &format!("[data-number='{number}']")).await;
    client.earned(&desk).await;
}

async fn a_wrong_number_a_denial_and_silence_sign_nobody_in(app: TestApp, [desk, phone]: [WebDriver; 2]) {
    let client = Client::of(&app).await;
    set_up(&app, &client, [&desk, &phone]).await;
    let number = ask(&client, &desk, &phone).await;
    click(&phone, &format!("[data-number]:not([data-number='{number}'])")).await;
    until(&phone, "document.getElementById('authenticator-done').textContent.includes('another number')")
        .await;
    until(&desk, "document.body.innerText.includes('It was denied on')").await;
    // Asked again from there, and denied.
    click(&desk, "#step-submit").await;
    until(&desk, "document.getElementById('push-number')").await;
    until(&phone, READY).await;
    click(&phone, "#authenticator-deny").await;
    until(&desk, "document.body.innerText.includes('It was denied on')").await;
    click(&desk, "#step-submit").await;
    until(&desk, "document.getElementById('push-number')").await;
    for seconds in [150, 120] {
        app.clock.advance(seconds);
        desk.refresh().await.unwrap();
        until(&desk, "document.getElementById('push-number')").await;
    }
    app.clock.advance(31);
    until(&desk, "document.body.innerText.includes('There was no answer from')").await;
    assert_eq!(complaints(&desk).await, [""; 0]);
    // The phone is told, too; that its clock is minutes behind the server's now costs it nothing.
    phone.refresh().await.unwrap();
    until(&phone, "!document.getElementById('authenticator-waiting').hidden").await;
    assert_eq!(value(&phone, "document.getElementById('authenticator-question').hidden").await, true);
    click(&desk, "#step-submit").await;
    until(&desk, "document.getElementById('push-number')").await;
    let number = value(&desk, "document.getElementById('push-number').textContent").await;
    until(&phone, READY).await;
    click(&phone, &format!("[data-number='{}']", number.as_str().unwrap())).await;
    client.earned(&desk).await;
    assert_eq!(value(&phone, "document.querySelectorAll('#authenticator-accounts li').length").await, 1);
}

/// One window approves for two people: the second question waits behind the first, and takes no answer in the first moment.
async fn questions_to_two_accounts_are_shown_one_after_the_other(app: TestApp, driver: WebDriver) {
    narrow(&driver).await;
    let mut devices = Vec::new();
    for login in [ALICE, BOB] {
        let user = app.factors_of(login).await;
        let begun = user.enroll(&json!({ "factorType": "push", "provider": "OKTA" })).await;
        let id = begun["id"].as_str().unwrap().to_owned();
        driver.goto(user.address(&app, &id).await).await.unwrap();
        until(&driver, "!document.getElementById('authenticator-enroll').hidden").await;
        click(&driver, "#authenticator-enroll-submit").await;
        until(&driver, &format!("document.querySelector('[data-factor={id}]')")).await;
        devices.push(Device::pretending(&app, &id, user.user.id.as_str()));
    }
    let login = "document.getElementById('authenticator-login').textContent";
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let first = alice.ask(&devices[0]).await;
    until(&driver, &format!("{login} === '{ALICE}'")).await;
    let second = bob.ask(&devices[1]).await;
    until(&driver, READY).await;
    assert_eq!(value(&driver, login).await, ALICE);
    click(&driver, &format!("[data-number='{}']", correct(&first))).await;
    until(&driver, &format!("{login} === '{BOB}'")).await;
    until(&driver, READY).await;
    fits(&driver).await;
    click(&driver, &format!("[data-number='{}']", correct(&second))).await;
    until(&driver, "!document.getElementById('authenticator-waiting').hidden").await;
    for (user, device, asked) in [(&alice, &devices[0], &first), (&bob, &devices[1], &second)] {
        let mut told = json!(null);
        for _ in 0..50 {
            told = user.poll(device, &transaction_of(asked)).await.json()["factorResult"].clone();
            if told != "WAITING" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(told, "SUCCESS");
    }
    // Another question takes the place of one that is shown: for a moment neither is answered.
    alice.ask(&devices[0]).await;
    until(&driver, READY).await;
    let watch = "const numbers = document.getElementById('authenticator-numbers');
        const deny = document.getElementById('authenticator-deny');
        new MutationObserver(() => { window.asleep ??= deny.disabled; }).observe(numbers, { childList: true });";
    driver.execute(watch, Vec::new()).await.unwrap();
    alice.ask(&devices[0]).await;
    until(&driver, "window.asleep === true").await;
    until(&driver, READY).await;
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// The page says when it loads anew, and where.
async fn without_scripts_the_page_loads_anew(app: TestApp, driver: WebDriver) {
    let alice = app.factors_of(ALICE).await;
    let device: Device = alice.device(&app).await;
    app.require_factor().await;
    let client = Client::of(&app).await;
    client.begin(&driver, &[]).await;
    until(&driver, "document.getElementById('factor-page')").await;
    click(&driver, "#step-submit").await;
    until(&driver, "document.getElementById('push-number')").await;
    let number = value(&driver, "document.getElementById('push-number').textContent").await;
    device.approve(&app, number.as_str().unwrap().parse().unwrap()).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd", "okta_verify", "swk", "mfa"]));
}

/// The box stands beside the ways to choose from; whoever ticks it is not asked the next time.
async fn a_device_that_is_chosen_among_several_factors_is_remembered(app: TestApp, driver: WebDriver) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let device = alice.device(&app).await;
    app.sign_on(SignOnAction {
        require_factor: true,
        factor_prompt_mode: FactorPrompt::Device,
        ..SignOnAction::default()
    })
    .await;
    let client = Client::of(&app).await;
    narrow(&driver).await;
    client.begin(&driver, &[]).await;
    until(&driver, "document.getElementById('factor-choice-page')").await;
    fits(&driver).await;
    shot(&driver, "factor-choice-remember").await;
    click(&driver, "#remember-device").await;
    click(&driver, &format!("button[value='{}']", device.factor)).await;
    until(&driver, "document.getElementById('push-number')").await;
    let number = value(&driver, "document.getElementById('push-number').textContent").await;
    device.approve(&app, number.as_str().unwrap().parse().unwrap()).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd", "okta_verify", "swk", "mfa"]));
    client.begin(&driver, &[("prompt", "login")]).await;
    assert_eq!(client.earned(&driver).await["amr"], json!(["pwd"]));
    assert_eq!(complaints(&driver).await, [""; 0]);
}
