//! `token:hotp`: custom tokens (RFC 4226, RFC 6238) with profiles of the installation.

use serde_json::{Value, json};
use stepgate::{
    id::FactorProfileId,
    model::factor_profile::{FactorProfile, HmacAlgorithm, Moving, SecretEncoding, TokenSettings},
    store,
};

use crate::support::{Test, TestApp, factor::refusal, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_counter_token_counts_every_code_once_and_is_synchronised;
        sqlite: profiles_are_made_by_administrators, a_clock_token_follows_its_profile, an_enrolment_names_a_profile_and_is_activated_at_once;
    ]
}

const SECRET: &str = "484f97be3213b117e3a20438e291540a";

async fn profile(app: &TestApp, moving: Moving, algorithm: HmacAlgorithm, digits: u8) -> String {
    let now = app.app.now();
    let profile = FactorProfile {
        id: FactorProfileId::generate(app.app.random.as_ref()),
        name: format!("{algorithm} {digits}"),
        settings: TokenSettings { algorithm, digits, encoding: SecretEncoding::Hexadecimal, moving },
        created_at: now,
        updated_at: now,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::factor_profile::insert(&tx, &profile).await.unwrap();
    tx.commit().await.unwrap();
    profile.id.into_string()
}

fn body(profile: &str) -> Value {
    json!({
        "factorType": "token:hotp",
        "provider": "CUSTOM",
        "factorProfileId": profile,
        "profile": { "sharedSecret": SECRET },
    })
}

/// The code of a counter, or of a step where `step` is a length.
fn code(algorithm: totp_rs::Algorithm, digits: u8, moment: (u64, u64)) -> String {
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&SECRET[2 * at..2 * at + 2], 16).unwrap()).collect();
    let token = totp_rs::Builder::new().with_secret(bytes).with_algorithm(algorithm).with_digits(digits);
    token.with_step_duration(moment.1).build().unwrap().generate(moment.0).to_string()
}

/// RFC 4226 §7.2, §7.4: codes ahead within the window count, none counts twice, two in a row find a token far ahead.
async fn a_counter_token_counts_every_code_once_and_is_synchronised(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let profile = profile(&app, Moving::Counter { look_ahead: 5 }, HmacAlgorithm::Sha1, 6).await;
    let enrolled = alice.post("/factors?activate=true", &body(&profile)).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    assert!(!enrolled.body_contains(SECRET));
    let enrolled = enrolled.json();
    assert_eq!(enrolled["status"], "ACTIVE");
    assert_eq!(enrolled["factorProfileId"], profile);
    let id = enrolled["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("chf"));
    let of = |counter| code(totp_rs::Algorithm::SHA1, 6, (counter, 1));
    assert_eq!(alice.verify(&id, &of(0)).await.status, 200);
    assert_eq!(refusal(&alice.verify(&id, &of(0)).await), (403, "E0000082".to_owned()));
    assert_eq!(alice.verify(&id, &of(4)).await.status, 200);
    assert_eq!(refusal(&alice.verify(&id, &of(3)).await), (403, "E0000068".to_owned()));
    assert_eq!(refusal(&alice.verify(&id, &of(50)).await), (403, "E0000068".to_owned()));
    let path = format!("/factors/{id}/verify");
    let resync = |one, two| json!({ "passCode": of(one), "nextPassCode": of(two) });
    assert_eq!(refusal(&alice.post(&path, &resync(50, 52)).await), (403, "E0000068".to_owned()));
    assert_eq!(alice.post(&path, &resync(50, 51)).await.status, 200);
    assert_eq!(refusal(&alice.post(&path, &resync(50, 51)).await), (403, "E0000068".to_owned()));
    assert_eq!(alice.verify(&id, &of(52)).await.status, 200);
}

/// RFC 6238 §1.2, §5.2: hash function, digits, step and drift of the profile.
async fn a_clock_token_follows_its_profile(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for (algorithm, theirs, digits, time_step) in [
        (HmacAlgorithm::Sha256, totp_rs::Algorithm::SHA256, 8, 60_u32),
        (HmacAlgorithm::Sha512, totp_rs::Algorithm::SHA512, 7, 30),
    ] {
        let profile = profile(&app, Moving::Time { time_step, drift: 2 }, algorithm, digits).await;
        let enrolled = alice.post("/factors?activate=true", &body(&profile)).await.json();
        let id = enrolled["id"].as_str().unwrap().to_owned();
        let of = |steps: i64| {
            let at = app.app.now().unix_timestamp() + steps * i64::from(time_step);
            code(theirs, digits, (u64::try_from(at).unwrap(), u64::from(time_step)))
        };
        assert_eq!(alice.verify(&id, &of(-2)).await.status, 200, "{algorithm}");
        assert_eq!(alice.verify(&id, &of(0)).await.status, 200, "{algorithm}");
        assert_eq!(refusal(&alice.verify(&id, &of(-1)).await), (403, "E0000082".to_owned()), "{algorithm}");
        assert_eq!(refusal(&alice.verify(&id, &of(5)).await), (403, "E0000068".to_owned()), "{algorithm}");
        assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    }
}

async fn an_enrolment_names_a_profile_and_is_activated_at_once(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let profile = profile(&app, Moving::Counter { look_ahead: 5 }, HmacAlgorithm::Sha1, 6).await;
    assert_eq!(refusal(&alice.post("/factors", &body(&profile)).await), (400, "E0000001".to_owned()));
    let mut unknown = body("fprunknown");
    assert_eq!(refusal(&alice.post("/factors?activate=true", &unknown).await), (400, "E0000001".to_owned()));
    unknown = body(&profile);
    for secret in [json!("48"), json!("zz"), json!(null), json!("x".repeat(300))] {
        unknown["profile"]["sharedSecret"] = secret;
        let refused = alice.post("/factors?activate=true", &unknown).await;
        assert_eq!(refusal(&refused), (400, "E0000001".to_owned()), "{unknown}");
    }
    assert!(alice.get("/factors").await.json().as_array().unwrap().is_empty());
}

/// The numbers are checked where a profile is made: codes that can be guessed are refused there.
async fn profiles_are_made_by_administrators(app: TestApp) {
    const PATH: &str = "/api/v1/org/factors/hotp/profiles";
    let alice = app.factors_of(ALICE).await;
    let settings = json!({ "hmacAlgorithm": "HMacSHA256", "passCodeLength": 8, "encoding": "hexadecimal",
        "timeStep": 60, "clockDriftInterval": 3 });
    let body = json!({ "name": "Badges", "settings": settings });
    let created = app.post(PATH, &alice.token, &body).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let created = created.json();
    assert_eq!((&created["name"], &created["settings"]), (&json!("Badges"), &settings));
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("fpr"));
    let enrolled = alice.post("/factors?activate=true", &self::body(id)).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    assert_eq!(app.read(PATH, &alice.token).await.json(), json!([created]));
    for (member, value) in [
        ("passCodeLength", json!(5)),
        ("passCodeLength", json!("six")),
        ("timeStep", json!(0)),
        ("clockDriftInterval", json!(100)),
        ("lookAhead", json!(5)),
        ("hmacAlgorithm", json!("MD5")),
        ("encoding", json!("rot13")),
    ] {
        let mut body = json!({ "name": "Other", "settings": settings });
        body["settings"][member] = value;
        assert_eq!(
            refusal(&app.post(PATH, &alice.token, &body).await),
            (400, "E0000001".to_owned()),
            "{body}"
        );
    }
    assert_eq!(refusal(&app.post(PATH, &alice.token, &body).await), (400, "E0000001".to_owned()), "the name");
    let reader = app.api_token(stepgate::model::api_token::Access::Read).await;
    assert_eq!(refusal(&app.post(PATH, &reader, &body).await), (403, "E0000006".to_owned()));
    assert_eq!(refusal(&app.client().get(PATH).await), (401, "E0000011".to_owned()));
}
