//! Recovery and bypass codes (NIST SP 800-63B-4 §3.1.2, ASVS 6.5.2).

use serde_json::{Value, json};
use stepgate::{
    factor::{FactorError, Proof, Purpose, service},
    secret::Secret,
    store::unit::Outcome,
};

use crate::support::{
    Test, TestApp,
    factor::{Program, caller, refusal, transaction},
    fixtures::{ALICE, BOB},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_s06_a_code_counts_once_whoever_asks_at_the_same_time, sec_s06_new_codes_end_the_old_ones;
        sqlite:
            sec_s06_a_bypass_code_has_an_end_a_count_and_an_issuer,
            sec_s06_guesses_are_counted,
            recovery_codes_stand_in_for_a_factor_that_exists;
    ]
}

async fn issued(program: &Program<'_>, path: &str, body: &Value) -> Vec<String> {
    let issued = program.post(path, body).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert_eq!(issued.header("cache-control"), Some("no-store"));
    issued.json()["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

async fn proof(app: &TestApp, program: &Program<'_>, code: &str) -> Result<Proof, FactorError> {
    let (transaction, caller) = (transaction("1"), caller("192.0.2.1"));
    let how = (Purpose::Transaction(&transaction), &caller);
    service::verify_backup_code(&app.app, &program.user, &Secret::new(code.to_owned()), how).await
}

async fn uses(app: &TestApp, program: &Program<'_>, code: &str) -> bool {
    match proof(app, program, code).await {
        Ok(proof) => app.app.db.writer().commit(proof.unit).await.unwrap() == Outcome::Won,
        Err(FactorError::Wrong | FactorError::Locked) => false,
        Err(other) => panic!("{other}"),
    }
}

/// ASVS 6.5.1: of many who use one code at once, one gets in; what it proves is named honestly.
async fn sec_s06_a_code_counts_once_whoever_asks_at_the_same_time(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let codes = issued(&alice, "/recovery_codes", &json!({})).await;
    assert_eq!(codes.len(), 10);
    let bob = app.factors_of(BOB).await;
    assert!(!uses(&app, &bob, &codes[0]).await, "another user's");
    let proofs = futures_util::future::join_all((0..8).map(|_| proof(&app, &alice, &codes[0]))).await;
    let units = proofs.into_iter().filter_map(|proof| {
        let proof = proof.ok()?;
        assert_eq!(proof.verified.amr, ["otp"]);
        Some(proof.unit)
    });
    let commits = units.map(|unit| {
        let db = app.app.db.clone();
        tokio::spawn(async move { db.writer().commit(unit).await.unwrap() })
    });
    let outcomes = futures_util::future::join_all(commits.collect::<Vec<_>>()).await;
    assert!(outcomes.len() > 1);
    let won = outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap() == Outcome::Won);
    assert_eq!(won.count(), 1);
    assert!(!uses(&app, &alice, &codes[0]).await);
    assert!(uses(&app, &alice, &codes[1].to_lowercase().replace('-', " ")).await);
    let left = alice.get("/recovery_codes").await;
    assert_eq!(left.json()["count"], 8);
    for code in &codes {
        assert!(!left.body_contains(code));
    }
    // At rest there is no code either.
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let rows = sea_orm::EntityTrait::find;
    let rows = rows as fn() -> sea_orm::Select<entity::backup_code::Entity>;
    let kept = format!("{:?}", rows().all(&database).await.unwrap());
    for code in &codes {
        assert!(!kept.contains(code.as_str()) && !kept.contains(&code.replace('-', "")));
    }
}

/// Of two sets that are made at once one remains.
async fn sec_s06_new_codes_end_the_old_ones(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let old = issued(&alice, "/recovery_codes", &json!({})).await;
    let new = issued(&alice, "/recovery_codes", &json!({})).await;
    assert!(!uses(&app, &alice, &old[0]).await);
    assert!(uses(&app, &alice, &new[0]).await);
    let none = json!({});
    let sets = (0..4).map(|_| issued(&alice, "/recovery_codes", &none));
    futures_util::future::join_all(sets).await;
    assert_eq!(alice.get("/recovery_codes").await.json()["count"], 10);
    assert_eq!(alice.delete("/recovery_codes").await.status, 204);
    assert_eq!(alice.get("/recovery_codes").await.json(), json!({ "count": 0, "codes": [] }));
}

/// An administrator gives at most ten, each so often, until then; the log names who did.
async fn sec_s06_a_bypass_code_has_an_end_a_count_and_an_issuer(app: TestApp) {
    let bob = app.factors_of(BOB).await;
    for body in [
        json!({ "count": 0 }),
        json!({ "count": 11 }),
        json!({ "count": "two" }),
        json!({ "count": -1 }),
        json!({ "reuseCount": 0 }),
        json!({ "reuseCount": 11 }),
        json!({ "validSecs": 59 }),
        json!({ "validSecs": 86400 * 31 }),
    ] {
        assert_eq!(refusal(&bob.post("/bypass_codes", &body).await), (400, "E0000001".to_owned()), "{body}");
    }
    let codes =
        issued(&bob, "/bypass_codes", &json!({ "count": 2, "reuseCount": 2, "validSecs": 600 })).await;
    let left = bob.get("/bypass_codes").await;
    assert_eq!(left.json()["count"], 2);
    assert!(!left.body_contains(&codes[0]));
    let admin = app.admin().await;
    assert_eq!(left.json()["codes"][0]["issuedBy"], admin.id.as_str());
    assert!(uses(&app, &bob, &codes[0]).await);
    assert!(uses(&app, &bob, &codes[0]).await);
    assert!(!uses(&app, &bob, &codes[0]).await, "twice is twice");
    app.clock.advance(601);
    assert!(!uses(&app, &bob, &codes[1]).await, "it has expired");
    assert_eq!(bob.get("/bypass_codes").await.json()["count"], 0);
    let since = time::OffsetDateTime::UNIX_EPOCH;
    let events = stepgate::store::log_event::list(&app.app.db, since, 1000).await.unwrap();
    let (_, event) = events.iter().find(|(_, event)| event.event_type == "user.mfa.factor.update").unwrap();
    let detail: Value = serde_json::from_str(event.detail.as_deref().unwrap()).unwrap();
    assert_eq!(event.actor_id.as_deref(), Some(admin.id.as_str()));
    assert_eq!((&detail["issuedBy"], &detail["backupCode"]), (&json!(admin.id), &json!("bypass")));
    assert!(detail["expiresAt"].is_i64());
    let text = format!("{events:?}");
    assert!(codes.iter().all(|code| !text.contains(code.as_str())));
}

/// Ten in an hour; the right one no longer helps.
async fn sec_s06_guesses_are_counted(app: TestApp) {
    let bob = app.factors_of(BOB).await;
    let codes = issued(&bob, "/bypass_codes", &json!({ "validSecs": 86400 })).await;
    for _ in 0..10 {
        let wrong = proof(&app, &bob, "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA").await;
        assert!(matches!(wrong, Err(FactorError::Wrong)));
    }
    let locked = proof(&app, &bob, &codes[0]).await;
    assert!(matches!(locked, Err(FactorError::Locked)));
    app.clock.advance(3601);
    assert!(uses(&app, &bob, &codes[0]).await);
}

async fn recovery_codes_stand_in_for_a_factor_that_exists(app: TestApp) {
    let bob = app.factors_of(BOB).await;
    assert_eq!(refusal(&bob.post("/recovery_codes", &json!({})).await), (423, "E0000180".to_owned()));
    bob.authenticator().await;
    assert_eq!(issued(&bob, "/recovery_codes", &json!({})).await.len(), 10);
}
