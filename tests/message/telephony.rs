//! Text messages and calls on the wire: Okta's telephony inline hook, and Twilio's interface.

use std::time::Duration;

use http::Response;
use serde_json::{Value, json};
use stepgate::ports::{
    sms::Sms,
    telephony::{
        Otp, PhoneMessage, PhonePurpose, Recipient, TelephonyError, TelephonyOptions,
        hook::{HookOptions, TelephonyHook},
        twilio::{Twilio, TwilioOptions},
    },
    voice::Voice,
};
use stepgate::secret::Secret;
use url::Url;

use super::{CODE, PHONE};
use crate::support::{Test, TestApp, certificate::Authority, peer::Peer};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        a_hook_is_asked_as_okta_asks_it,
        a_hook_that_fails_is_asked_again_and_one_that_refuses_is_not,
        what_a_provider_may_have_sent_is_not_sent_again,
        twilio_is_asked_for_a_text_message_and_a_call,
        sec_w02_a_provider_must_prove_its_name_and_is_not_followed_elsewhere,
    ]
}

fn options() -> TelephonyOptions {
    TelephonyOptions { timeout: Duration::from_millis(800), extra_ca: None }
}

fn hook(url: &Url) -> TelephonyHook {
    let hook = HookOptions {
        url: url.clone(),
        header: "Authorization".to_owned(),
        secret: Secret::new("hook-secret".to_owned()),
        issuer: "https://id.example.com".to_owned(),
    };
    TelephonyHook::new(hook, &options()).unwrap()
}

fn twilio(base_url: &Url) -> Twilio {
    let account = TwilioOptions {
        base_url: base_url.clone(),
        account_sid: "AC123".to_owned(),
        auth_token: Secret::new("token".to_owned()),
        from: "+15550000000".to_owned(),
        messaging_service_sid: None,
    };
    Twilio::new(account, &options()).unwrap()
}

fn message(app: &TestApp) -> PhoneMessage {
    let at = app.app.now();
    PhoneMessage {
        id: "msg1".to_owned(),
        at,
        number: PHONE.to_owned(),
        extension: None,
        text: vec![format!("{CODE} is your code & more.")],
        language: "en-US".to_owned(),
        otp: Some(Otp { code: Secret::new(CODE.to_owned()), expires_at: at + time::Duration::minutes(5) }),
        purpose: PhonePurpose::Verification,
        recipient: Recipient {
            user_id: "00u1".to_owned(),
            login: "alice@example.com".to_owned(),
            first_name: Some("Alice".to_owned()),
            last_name: None,
        },
    }
}

fn answered(status: &str) -> String {
    let value = json!([{ "status": status, "provider": "ACME", "transactionId": "t1" }]);
    json!({ "commands": [{ "type": "com.okta.telephony.action", "value": value }] }).to_string()
}

async fn a_hook_is_asked_as_okta_asks_it(app: TestApp) {
    let peer = Peer::start(|_| Response::new(answered("SUCCESSFUL"))).await;
    let hook = hook(&peer.url("/otp?x=1"));
    let receipt = hook.send_sms(&message(&app)).await.unwrap();
    assert_eq!((receipt.provider.as_deref(), receipt.transaction_id.as_deref()), (Some("ACME"), Some("t1")));
    hook.call(&PhoneMessage { purpose: PhonePurpose::Enrollment, ..message(&app) }).await.unwrap();
    let received = peer.received();
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("POST", "/otp?x=1"));
    assert_eq!(received[0].headers["authorization"], "hook-secret");
    assert_eq!(received[0].headers["content-type"], "application/json");
    let event: Value = serde_json::from_str(&received[0].body).unwrap();
    for (pointer, value) in [
        ("/eventId", "msg1"),
        ("/eventType", "com.okta.telephony.provider"),
        ("/eventTypeVersion", "1.0"),
        ("/requestType", "com.okta.user.telephony.mfa-verification"),
        ("/data/userProfile/login", "alice@example.com"),
        ("/data/userProfile/userId", "00u1"),
        ("/data/userProfile/firstName", "Alice"),
        ("/data/messageProfile/phoneNumber", PHONE),
        ("/data/messageProfile/deliveryChannel", "SMS"),
        ("/data/messageProfile/otpCode", CODE),
        ("/data/messageProfile/locale", "en-US"),
    ] {
        assert_eq!(event.pointer(pointer), Some(&json!(value)), "{pointer}");
    }
    assert!(event["source"].as_str().unwrap().starts_with("https://id.example.com/"));
    assert!(event["data"]["messageProfile"]["otpExpires"].as_str().unwrap().ends_with('Z'));
    assert!(event["data"]["messageProfile"]["msgTemplate"].as_str().unwrap().contains(CODE));
    let call: Value = serde_json::from_str(&received[1].body).unwrap();
    assert_eq!(call["requestType"], "com.okta.user.telephony.pre-enrollment");
    assert_eq!(call["data"]["messageProfile"]["deliveryChannel"], "VOICE CALL");
    assert!(call["data"]["messageProfile"].get("msgTemplate").is_none());
}

async fn a_hook_that_fails_is_asked_again_and_one_that_refuses_is_not(app: TestApp) {
    let peer = Peer::start(|request| match request.target.as_str() {
        "/refused" => Response::new(json!({ "error": { "errorSummary": "no" } }).to_string()),
        "/failed" => Response::new(answered("FAILED")),
        "/busy" => Response::builder().status(429).body(String::new()).unwrap(),
        _ => Response::builder().status(503).body(String::new()).unwrap(),
    })
    .await;
    for (path, again) in [("/refused", false), ("/failed", false), ("/down", true), ("/busy", true)] {
        match hook(&peer.url(path)).send_sms(&message(&app)).await {
            Err(TelephonyError::Refused(_)) => assert!(!again, "{path}"),
            Err(TelephonyError::Unavailable(_)) => assert!(again, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// A hook that has read the event may have sent the message, whatever it says or does not say then.
async fn what_a_provider_may_have_sent_is_not_sent_again(app: TestApp) {
    let peer = Peer::start(|request| match request.target.as_str() {
        "/large" => Response::new(format!("{}{}", answered("SUCCESSFUL"), " ".repeat(100_000))),
        "/broken" => Response::new("{".to_owned()),
        "/2010-04-01/Accounts/AC123/Messages.json" => {
            Response::builder().status(201).body(" ".repeat(100_000)).unwrap()
        }
        "/2010-04-01/Accounts/AC123/Calls.json" => {
            Response::builder().status(201).body("<html>".to_owned()).unwrap()
        }
        _ => Response::builder().status(204).body(String::new()).unwrap(),
    })
    .await;
    for path in ["/large", "/broken", "/silent"] {
        let outcome = hook(&peer.url(path)).send_sms(&message(&app)).await;
        assert!(matches!(outcome, Err(TelephonyError::Unconfirmed(_))), "{path}: {outcome:?}");
    }
    // A status of success says all that counts.
    let twilio = twilio(&peer.url("/"));
    assert_eq!(twilio.send_sms(&message(&app)).await.unwrap().transaction_id, None);
    assert_eq!(twilio.call(&message(&app)).await.unwrap().transaction_id, None);
    // One who takes the connection and never answers may have read; one whom nobody reaches has not.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    let outcome = hook(&url).send_sms(&message(&app)).await;
    assert!(matches!(outcome, Err(TelephonyError::Unconfirmed(_))), "{outcome:?}");
    drop(silent);
    let outcome = hook(&url).send_sms(&message(&app)).await;
    assert!(matches!(outcome, Err(TelephonyError::Unavailable(_))), "{outcome:?}");
}

async fn twilio_is_asked_for_a_text_message_and_a_call(app: TestApp) {
    let peer = Peer::start(|request| {
        let sid = if request.target.contains("Messages") { "SM1" } else { "CA1" };
        Response::builder().status(201).body(json!({ "sid": sid }).to_string()).unwrap()
    })
    .await;
    let twilio = twilio(&peer.url("/"));
    let receipt = twilio.send_sms(&message(&app)).await.unwrap();
    assert_eq!(receipt.transaction_id.as_deref(), Some("SM1"));
    let call = PhoneMessage { extension: Some("42".to_owned()), ..message(&app) };
    twilio.call(&call).await.unwrap();
    let received = peer.received();
    assert_eq!(received[0].target, "/2010-04-01/Accounts/AC123/Messages.json");
    assert_eq!(received[0].headers["authorization"], "Basic QUMxMjM6dG9rZW4=");
    let fields = |index: usize| -> Vec<(String, String)> {
        form_urlencoded::parse(received[index].body.as_bytes()).into_owned().collect()
    };
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let text = format!("{CODE} is your code & more.");
    assert_eq!(fields(0), own(&[("To", PHONE), ("From", "+15550000000"), ("Body", &text)]));
    assert_eq!(received[1].target, "/2010-04-01/Accounts/AC123/Calls.json");
    let twiml = format!(
        "<Response><Say language=\"en-US\">{CODE} is your code &amp; more.</Say><Pause length=\"1\"/></Response>"
    );
    let digits = ("SendDigits", "wwww42");
    assert_eq!(fields(1), own(&[("To", PHONE), ("From", "+15550000000"), ("Twiml", &twiml), digits]));
}

/// W2: TLS is verified, and a redirect would carry the credential and the code away.
async fn sec_w02_a_provider_must_prove_its_name_and_is_not_followed_elsewhere(app: TestApp) {
    let authority = Authority::new();
    let stranger = Peer::start_with_tls(
        |_| Response::new(answered("SUCCESSFUL")),
        authority.issue("localhost").server(),
    );
    let stranger = stranger.await;
    assert!(hook(&stranger.url("/")).send_sms(&message(&app)).await.is_err());
    assert!(stranger.received().is_empty());
    let elsewhere = Peer::start(|_| Response::new(answered("SUCCESSFUL"))).await;
    let target = elsewhere.url("/").to_string();
    let peer = Peer::start(move |_| {
        Response::builder().status(307).header("location", &target).body(String::new()).unwrap()
    })
    .await;
    assert!(hook(&peer.url("/")).send_sms(&message(&app)).await.is_err());
    assert!(twilio(&peer.url("/")).send_sms(&message(&app)).await.is_err());
    assert!(elsewhere.received().is_empty());
}
