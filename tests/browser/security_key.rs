//! Security keys of U2F in a real browser: registered for another system, imported, and asked for by Web Authentication.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::json;
use stepgate::model::{policy::FactorPrompt, policy_set::SignOnAction};
use thirtyfour::WebDriver;

use super::{
    click,
    journey::{quiet, shot, shows},
    sign_in, until, value,
};
use crate::support::{Test, TestApp, browser::plug_in_u2f_key, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser: a_key_that_was_registered_for_u2f_signs_in]
}

/// For whom the other system had it registered: browsers take it on pages of the same host.
const APP_ID: &str = "https://localhost/app-id.json";

/// Web Authentication Level 3 §10.1.1: by the extension `appid`, which browsers have on secure pages only.
async fn a_key_that_was_registered_for_u2f_signs_in(app: TestApp, driver: WebDriver) {
    let (key, handle) = (KeyPair::generate().unwrap(), [7_u8; 64]);
    let profile = json!({
        "credentialId": STANDARD.encode(handle),
        "publicKey": URL_SAFE_NO_PAD.encode(key.der_bytes()),
        "version": "U2F_V2",
        "appId": APP_ID,
    });
    let imported = json!({ "factorType": "u2f", "provider": "FIDO", "profile": profile });
    app.factors_of(ALICE).await.enroll(&imported).await;
    // With a box to tick, the page waits for somebody to begin.
    let factor_prompt_mode = FactorPrompt::Device;
    app.sign_on(SignOnAction { require_factor: true, factor_prompt_mode, ..SignOnAction::default() }).await;
    let app = app.restart_with_tls().await;
    plug_in_u2f_key(&driver, APP_ID, &handle, &key.serialize_der()).await;
    driver.goto(app.url("/account")).await.unwrap();
    sign_in(&driver).await;
    shows(&driver, "factor-page").await;
    until(&driver, "document.getElementById('webauthn-start').hidden === false").await;
    let words = value(&driver, "document.body.innerText").await;
    let words = words.as_str().unwrap();
    assert!(words.contains("touch it") && words.contains("Use your security key"), "{words}");
    shot(&driver, "u2f-verify").await;
    click(&driver, "#webauthn-start").await;
    shows(&driver, "account-page").await;
    assert!(app.logged("user.authentication.auth_via_mfa", None).await);
    quiet(&driver).await;
}
