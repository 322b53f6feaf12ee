//! One-time passwords of YubiKeys count once (group O), and wrong ones are counted (group N).

use serde_json::json;

use crate::support::{
    Test, TestApp,
    factor::refusal,
    fixtures::{ALICE, BOB},
    http::ok,
    yubikey::Yubikey,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_o02_of_32_who_use_one_password_of_a_yubikey_one_gets_in,
            sec_o02_of_many_who_enrol_a_yubikey_by_one_password_one_has_it;
        sqlite:
            sec_n03_ten_wrong_passwords_of_a_yubikey_an_hour;
    ]
}

/// O2: 32 submits of one right password at the same moment: one success, no fault.
async fn sec_o02_of_32_who_use_one_password_of_a_yubikey_one_gets_in(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut yubikey = Yubikey::new(1);
    let id = alice.yubikey(&app, &mut yubikey).await;
    let code = yubikey.touch();
    // Failures are counted before anything is looked at, so some of the burst are refused as too many.
    let answers = futures_util::future::join_all((0..32).map(|_| alice.verify(&id, &code))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 403).count(), 31, "{statuses:?}");
}

/// O2, O4: one password at the same moment for two users, several times each: one of them has the YubiKey, once.
async fn sec_o02_of_many_who_enrol_a_yubikey_by_one_password_one_has_it(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let mut yubikey = Yubikey::new(2);
    app.import(&yubikey, &alice.token).await;
    let code = yubikey.touch();
    let tries =
        (0..8).map(|at| if at % 2 == 0 { alice.enrol_yubikey(&code) } else { bob.enrol_yubikey(&code) });
    let answers = futures_util::future::join_all(tries).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    // Wrong ones are counted, too.
    assert!(statuses.iter().all(|status| [200, 400, 403, 429].contains(status)), "{statuses:?}");
    let mut factors = Vec::new();
    for user in [&alice, &bob] {
        factors.extend(ok(&user.get("/factors").await).as_array().unwrap().clone());
    }
    assert_eq!(factors.len(), 1, "{factors:?}");
}

/// N3: as of every other one-time password.
async fn sec_n03_ten_wrong_passwords_of_a_yubikey_an_hour(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut yubikey = Yubikey::new(3);
    let id = alice.yubikey(&app, &mut yubikey).await;
    let wrong = Yubikey::new(4).touch();
    for _ in 0..10 {
        assert_eq!(refusal(&alice.verify(&id, &wrong).await), (403, "E0000068".to_owned()));
    }
    let right = yubikey.touch();
    assert_eq!(refusal(&alice.verify(&id, &right).await), (403, "E0000069".to_owned()));
    app.clock.advance(3600);
    let verified = ok(&alice.verify(&id, &right).await);
    assert_eq!(verified, json!({ "factorResult": "SUCCESS" }));
}
