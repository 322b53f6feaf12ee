//! `token:software:totp` (RFC 6238).

use http::Method;
use serde_json::json;

use crate::support::{
    Test, TestApp,
    factor::{Authenticator, refusal, wrong},
    fixtures::{ALICE, BOB},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: an_authenticator_is_enrolled_activated_used_and_removed;
        sqlite:
            the_qr_code_is_shown_until_the_factor_is_active,
            an_enrolment_that_was_not_completed_is_replaced,
            an_activation_takes_five_codes_in_five_minutes;
    ]
}

/// Okta Factors API: PENDING_ACTIVATION with what the application needs, ACTIVE after the first code, 204 at the end.
async fn an_authenticator_is_enrolled_activated_used_and_removed(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for (provider, prefix) in [("OKTA", "ost"), ("GOOGLE", "uft")] {
        let enrolled =
            alice.enroll(&json!({"factorType": "token:software:totp", "provider": provider})).await;
        let id = enrolled["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with(prefix) && id.len() == 20, "{id}");
        let base = app.url(&alice.path(&format!("/factors/{id}")));
        assert_eq!(enrolled["status"], "PENDING_ACTIVATION");
        assert_eq!(enrolled["vendorName"], provider);
        assert_eq!(enrolled["profile"], json!({ "credentialId": ALICE }));
        let activation = &enrolled["_embedded"]["activation"];
        assert_eq!(
            (&activation["timeStep"], &activation["encoding"], &activation["keyLength"]),
            (&json!(30), &json!("base32"), &json!(6))
        );
        assert!(activation["_links"]["qrcode"]["href"].as_str().unwrap().starts_with(&format!("{base}/qr/")));
        assert_eq!(activation["_links"]["qrcode"]["type"], "image/png");
        assert_eq!(
            enrolled["_links"]["activate"],
            json!({ "href": format!("{base}/lifecycle/activate"), "hints": { "allow": ["POST"] } })
        );
        assert_eq!(enrolled["_links"]["self"], json!({ "href": base, "hints": { "allow": ["GET"] } }));

        // Told once.
        let shown = alice.get(&format!("/factors/{id}")).await.json();
        assert!(shown.get("_embedded").is_none(), "{shown}");
        let authenticator = Authenticator::new(&enrolled);
        let code = authenticator.code(&app, 0);
        assert_eq!(refusal(&alice.verify(&id, &code).await), (423, "E0000180".to_owned()), "not active yet");
        assert_eq!(refusal(&alice.activate(&id, &wrong(&code)).await), (403, "E0000068".to_owned()));
        let activated = alice.activate(&id, &code).await;
        assert_eq!(activated.status, 200, "{}", activated.text());
        let activated = activated.json();
        assert_eq!(activated["status"], "ACTIVE");
        assert_eq!(activated["_links"]["self"]["hints"]["allow"], json!(["GET", "DELETE"]));
        assert_eq!(activated["_links"]["verify"]["href"], format!("{base}/verify"));
        assert!(activated["_links"].get("activate").is_none());
        assert_eq!(refusal(&alice.activate(&id, &code).await), (423, "E0000180".to_owned()));

        app.clock.advance(60);
        let verified = alice.verify(&id, &authenticator.code(&app, 0)).await;
        assert_eq!((verified.status, verified.json()), (200, json!({ "factorResult": "SUCCESS" })));
        let again =
            alice.post("/factors", &json!({"factorType": "token:software:totp", "provider": provider})).await;
        assert_eq!(refusal(&again), (400, "E0000001".to_owned()));

        let removed = alice.delete(&format!("/factors/{id}")).await;
        assert_eq!((removed.status, removed.body.len()), (204, 0));
        assert_eq!(refusal(&alice.get(&format!("/factors/{id}")).await), (404, "E0000007".to_owned()));
        assert_eq!(refusal(&alice.delete(&format!("/factors/{id}")).await), (404, "E0000007".to_owned()));
    }
    for event in
        ["user.mfa.factor.activate", "user.authentication.auth_via_mfa", "user.mfa.factor.deactivate"]
    {
        assert!(app.logged(event, None).await, "{event}");
    }
    assert!(app.logged("user.authentication.auth_via_mfa", Some("invalid_passcode")).await);
}

/// The address of the picture is a secret of its own, opened by a page that has no session; it dies with the activation.
async fn the_qr_code_is_shown_until_the_factor_is_active(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let bob = app.factors_of(BOB).await;
    let enrolled = alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await;
    let href = enrolled["_embedded"]["activation"]["_links"]["qrcode"]["href"].as_str().unwrap().to_owned();
    let path = href.strip_prefix(&app.issuer).unwrap().to_owned();
    let picture = app.client().request(Method::GET, &path).send().await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), Some("image/png"));
    assert_eq!(picture.header("cache-control"), Some("no-store"));
    assert!(picture.body.starts_with(b"\x89PNG\r\n"));
    let (before, token) = path.rsplit_once('/').unwrap();
    for other in [
        format!("{before}/{}", token.to_lowercase() + "x"),
        path.replace(alice.user.id.as_str(), bob.user.id.as_str()),
        path.replace(enrolled["id"].as_str().unwrap(), "ost00000000000000000"),
    ] {
        let nothing = app.client().get(&other).await;
        assert_eq!(refusal(&nothing), (404, "E0000007".to_owned()), "{other}");
    }
    let authenticator = Authenticator::new(&enrolled);
    assert_eq!(alice.activate(&authenticator.id, &authenticator.code(&app, 0)).await.status, 200);
    assert_eq!(app.client().get(&path).await.status, 404);
}

/// Whoever begins anew has a new seed, and the old one is worth nothing.
async fn an_enrolment_that_was_not_completed_is_replaced(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let body = json!({"factorType": "token:software:totp", "provider": "GOOGLE"});
    let first = Authenticator::new(&alice.enroll(&body).await);
    let second = Authenticator::new(&alice.enroll(&body).await);
    assert_ne!(first.id, second.id);
    assert_eq!(refusal(&alice.activate(&first.id, &first.code(&app, 0)).await), (404, "E0000007".to_owned()));
    assert_eq!(
        refusal(&alice.activate(&second.id, &first.code(&app, 0)).await),
        (403, "E0000068".to_owned())
    );
    assert_eq!(alice.activate(&second.id, &second.code(&app, 0)).await.status, 200);
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 1);
}

/// Okta: five in five minutes for a user, over all kinds; the right code no longer helps.
async fn an_activation_takes_five_codes_in_five_minutes(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let one = Authenticator::new(
        &alice.enroll(&json!({"factorType": "token:software:totp", "provider": "GOOGLE"})).await,
    );
    let two = Authenticator::new(
        &alice.enroll(&json!({"factorType": "token:software:totp", "provider": "OKTA"})).await,
    );
    for _ in 0..5 {
        let refused = alice.activate(&one.id, &wrong(&one.code(&app, 0))).await;
        assert_eq!(refusal(&refused), (403, "E0000068".to_owned()));
    }
    let limited = alice.activate(&two.id, &two.code(&app, 0)).await;
    assert_eq!(refusal(&limited), (429, "E0000047".to_owned()));
    app.clock.advance(301);
    assert_eq!(alice.activate(&two.id, &two.code(&app, 0)).await.status, 200);
}
