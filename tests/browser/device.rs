//! The device grant in a real browser (RFC 8628 §3.3): from the link on the screen to the tokens on the device.

use serde_json::json;
use thirtyfour::WebDriver;

use super::{accessibility::assert_accessible, click, complaints, fill, sign_in, until, value};
use crate::support::{
    Test, TestApp,
    device::{TV, device},
    fixtures::ALICE,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_person_types_a_code_signs_in_and_allows_a_device,
        a_person_follows_the_link_and_does_not_allow_it,
    ]
}

/// The whole way, with a wrong code first; no page complains, none scrolls sideways on a telephone.
async fn a_person_types_a_code_signs_in_and_allows_a_device(app: TestApp, driver: WebDriver) {
    device(&app, TV, json!({"client_name": "Living-room television"})).await;
    let codes = app.device_codes(TV, "openid profile offline_access car:paint").await;
    let size = json!({"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true});
    driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
    let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    driver.goto(app.url("/activate")).await.unwrap();
    until(&driver, "document.getElementById('device-page')").await;
    until(&driver, fits).await;
    fill(&driver, "#user-code", "bbbb bbbb").await;
    click(&driver, "#device-submit").await;
    until(&driver, "document.querySelector('[role=alert]')").await;
    assert_eq!(
        value(&driver, "document.getElementById('user-code').getAttribute('aria-invalid')").await,
        "true"
    );
    fill(&driver, "#user-code", &codes["user_code"].as_str().unwrap().to_lowercase()).await;
    click(&driver, "#device-submit").await;
    sign_in(&driver).await;
    until(&driver, "document.getElementById('device-confirm-page')").await;
    until(&driver, fits).await;
    let words = value(&driver, "document.body.innerText").await;
    for word in ["Living-room television", codes["user_code"].as_str().unwrap(), ALICE, "127.0.0.1"] {
        assert!(words.as_str().unwrap().contains(word), "{word}: {words}");
    }
    click(&driver, "#device-approve").await;
    until(&driver, "document.getElementById('device-done-page')").await;
    assert_eq!(app.poll(TV, codes["device_code"].as_str().unwrap()).await.status, 200);
    // A wrong code is answered with 400, which the console mentions.
    let complaints = complaints(&driver).await;
    assert!(complaints.iter().all(|text| text.contains("400")), "{complaints:?}");
}

/// The link saves typing and nothing else.
async fn a_person_follows_the_link_and_does_not_allow_it(app: TestApp, driver: WebDriver) {
    device(&app, TV, json!({})).await;
    let codes = app.device_codes(TV, "openid").await;
    driver.goto(codes["verification_uri_complete"].as_str().unwrap()).await.unwrap();
    assert_accessible(&driver, "device-page").await;
    assert_eq!(value(&driver, "document.getElementById('user-code').value").await, codes["user_code"]);
    click(&driver, "#device-submit").await;
    sign_in(&driver).await;
    assert_accessible(&driver, "device-confirm-page").await;
    click(&driver, "#device-deny").await;
    until(&driver, "document.getElementById('device-done-page')").await;
    let refused = app.poll(TV, codes["device_code"].as_str().unwrap()).await;
    assert_eq!(refused.json()["error"], "access_denied");
    assert_eq!(complaints(&driver).await, [""; 0]);
}
