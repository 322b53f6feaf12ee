//! What authenticators never make (group R): unreadable, endless, or changed on its way.

use serde_json::{Value, json};

use super::webauthn::{activate, begin};
use crate::support::{Test, TestApp, authenticator::Authenticator, factor::refusal, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite: sec_r09_what_cannot_be_read_is_refused_at_once;
        plain: sec_r09_whatever_is_sent_is_judged_within_50_milliseconds;
    ]
}

/// Security checklist R9: depth bombs, a megabyte, truncated authenticator data, random bytes: refused, and within 50 ms of
/// work. What takes longer is a stall, so the quickest of three counts.
async fn sec_r09_what_cannot_be_read_is_refused_at_once(app: TestApp) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let alice = app.factors_of(ALICE).await;
    let authenticator = Authenticator::at(&app.issuer);
    let bombs: Vec<Vec<u8>> = vec![
        vec![0x81; 12_000],
        vec![0xa1; 12_000],
        vec![0x9f; 12_000],
        [vec![0xa1, 0x68], b"authData".to_vec(), vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
            .concat(),
        [vec![0xa1, 0x68], b"authData".to_vec(), vec![0x42, 0, 0]].concat(),
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0; 1024 * 1024],
        Vec::new(),
    ];
    for bomb in bombs {
        let mut quickest = u128::MAX;
        for _ in 0..3 {
            let (id, options) = begin(&alice).await;
            let data = authenticator.client_data("webauthn.create", options["challenge"].as_str().unwrap());
            let body = json!({
                "clientData": STANDARD.encode(data.to_string()), "attestation": STANDARD.encode(&bomb),
            });
            let started = std::time::Instant::now();
            let refused = activate(&alice, &id, &body).await;
            quickest = quickest.min(started.elapsed().as_millis());
            assert!([400, 413].contains(&refused.status), "{} {}", refused.status, refused.text());
            app.clock.advance(301);
        }
        // With the way there and back; the work alone is measured below.
        assert!(quickest < 250, "{} bytes: {quickest} ms", bomb.len());
    }
    let (id, _) = begin(&alice).await;
    for data in ["", "{}", "[", "null", "{\"type\":1}", &"[".repeat(1500)] {
        let body = json!({ "clientData": STANDARD.encode(data), "attestation": "oA" });
        let refused = activate(&alice, &id, &body).await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()), "{data}");
        app.clock.advance(301);
    }
}

/// Security checklist R9: random bytes, and every answer with a few bytes changed: no panic, 50 ms, and nothing counts that
/// was signed otherwise. Of three runs the quickest counts: what takes longer is a stall of the machine.
fn sec_r09_whatever_is_sent_is_judged_within_50_milliseconds() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use stepgate::{
        factor::{
            Assertion, Attestation,
            webauthn::{Known, RelyingParty, answered, assert, register},
        },
        model::policy::{UserVerification, WebauthnRules},
    };
    let rp = RelyingParty::of("http://localhost:1", &[]).unwrap();
    let rules = WebauthnRules::default();
    let mut authenticator = Authenticator::at("http://localhost:1");
    let options = json!({ "user": { "id": "AAAA" }, "challenge": "AAAA" });
    let made = authenticator.create(&options);
    let signed = authenticator.get(&options);
    let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    let attestation = Attestation {
        client_data: text(&made, "clientData"),
        attestation: text(&made, "attestation").replace('+', "-").replace('/', "_").replace('=', ""),
    };
    let challenge = answered(&attestation.client_data).unwrap();
    let registered = register(&rp, &rules, &challenge, &attestation).unwrap();
    let object = URL_SAFE_NO_PAD.decode(&attestation.attestation).unwrap();
    let known = Known { user: "AAAA", kept: &registered.kept, counter: 1 };
    let assertion = Assertion {
        client_data: text(&signed, "clientData"),
        signature: text(&signed, "signatureData"),
        authenticator_data: Some(text(&signed, "authenticatorData")),
        credential_id: None,
        user_handle: None,
    };
    let answered = answered(&assertion.client_data).unwrap();
    let verification = UserVerification::Required;
    assert(&rp, verification, (&known, &answered), &assertion).unwrap();
    let quick = |work: &dyn Fn()| {
        let time = |_| {
            let started = std::time::Instant::now();
            work();
            started.elapsed().as_millis()
        };
        let quickest = (0..3).map(time).min().unwrap();
        assert!(quickest < 50, "{quickest} ms");
    };
    proptest!(ProptestConfig::with_cases(200), |(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..600, changed in any::<u8>())| {
        let encoded = URL_SAFE_NO_PAD.encode(&bytes);
        quick(&|| {
            let other = Attestation { attestation: encoded.clone(), ..attestation.clone() };
            assert!(register(&rp, &rules, &challenge, &other).is_err());
        });
        let mut object = object.clone();
        let at = at % object.len();
        object[at] ^= changed;
        let encoded = URL_SAFE_NO_PAD.encode(&object);
        quick(&|| {
            let other = Attestation { attestation: encoded.clone(), ..attestation.clone() };
            drop(register(&rp, &rules, &challenge, &other));
        });
        let data = assertion.authenticator_data.as_deref().unwrap();
        let mut data = URL_SAFE_NO_PAD.decode(data).unwrap();
        let at = at % data.len();
        data[at] ^= changed;
        let data = Some(URL_SAFE_NO_PAD.encode(&data));
        quick(&|| {
            let other = Assertion { authenticator_data: data.clone(), ..assertion.clone() };
            let counts = assert(&rp, verification, (&known, &answered), &other).is_ok();
            assert_eq!(counts, changed == 0, "a change of what was signed");
        });
        let mut client_data = URL_SAFE_NO_PAD.decode(&assertion.client_data).unwrap();
        let at = at % client_data.len();
        client_data[at] ^= changed;
        let client_data = URL_SAFE_NO_PAD.encode(&client_data);
        quick(&|| {
            let other = Assertion { client_data: client_data.clone(), ..assertion.clone() };
            assert!(changed == 0 || assert(&rp, verification, (&known, &answered), &other).is_err());
        });
    });
}
