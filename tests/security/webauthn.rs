//! Passkeys and security keys (group R): a challenge counts once, for one user, one place and one purpose; what is told of a
//! verification is what was verified.

use serde_json::{Value, json};
use stepgate::{
    id::{FactorId, SessionId},
    model::policy_set::SignOnAction,
    store::{self, unit::Unit},
};

use crate::support::{
    Test, TestApp,
    authenticator::{Authenticator, BE, BS, Maker, UP, UV, maker},
    authn::{factor_of, path_of},
    factor::{Program, refusal},
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::{Browser, Response},
    op::{answer, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_r01_of_many_who_send_one_assertion_one_counts,
            sec_r01_of_many_who_send_one_attestation_one_counts,
            sec_r02_a_credential_is_registered_once;
        sqlite:
            sec_r01_a_challenge_is_spent_by_a_wrong_answer,
            sec_r01_a_challenge_dies_after_five_minutes,
            sec_r01_a_challenge_belongs_to_its_ceremony_user_and_purpose,
            sec_r02_an_assertion_counts_for_its_own_user_and_credential,
            sec_r02_a_credential_that_is_not_asked_for_is_a_failure_that_counts,
            sec_r03_what_the_browser_says_must_be_ours,
            sec_r04_an_origin_that_looks_like_ours_is_not,
            sec_r05_presence_and_verification_come_from_the_flags,
            sec_r05_a_level_is_what_was_verified,
            sec_s01_a_suspended_passkey_guards_enrolment,
            sec_r06_a_counter_that_does_not_grow_suspends_the_credential,
            sec_r06_an_authenticator_without_counter_is_fine_and_backup_flags_are_consistent,
            sec_r07_policy_decides_about_attestation,
            sec_r07_hardware_is_what_a_trusted_maker_vouches_for;
    ]
}

const KIND: &str = "webauthn";

fn wrong() -> (u16, String) {
    (403, "E0000068".to_owned())
}

/// Begins an enrolment: the factor and the options.
pub(super) async fn begin(user: &Program<'_>) -> (String, Value) {
    let begun = user.enroll(&json!({ "factorType": KIND, "provider": "FIDO" })).await;
    (begun["id"].as_str().unwrap().to_owned(), begun["_embedded"]["activation"].clone())
}

/// Activates a factor by what an authenticator made.
pub(super) async fn activate(user: &Program<'_>, id: &str, body: &Value) -> Response {
    user.post(&format!("/factors/{id}/lifecycle/activate"), body).await
}

/// Enrols an authenticator: its factor.
pub(super) async fn enrol(user: &Program<'_>, authenticator: &mut Authenticator) -> String {
    let (id, options) = begin(user).await;
    let activated = activate(user, &id, &authenticator.create(&options)).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    id
}

async fn challenge(user: &Program<'_>, id: &str) -> Value {
    let begun = user.post(&format!("/factors/{id}/verify"), &json!({})).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.json()["_embedded"]["challenge"].clone()
}

async fn verify(user: &Program<'_>, id: &str, body: &Value) -> Response {
    user.post(&format!("/factors/{id}/verify"), body).await
}

/// Security checklist R1: of a burst one counts, whichever node it reaches.
async fn sec_r01_of_many_who_send_one_assertion_one_counts(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    let assertion = authenticator.get(&challenge(&alice, &id).await);
    let answers = futures_util::future::join_all((0..9).map(|_| verify(&alice, &id, &assertion))).await;
    assert_one_won(&answers);
}

/// One did, and the others were refused without a fault.
#[track_caller]
fn assert_one_won(answers: &[Response]) {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|&status| status < 500), "{statuses:?}");
}

/// Security checklist R1: the same of registrations.
async fn sec_r01_of_many_who_send_one_attestation_one_counts(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let (id, options) = begin(&alice).await;
    let attestation = authenticator.create(&options);
    let answers = futures_util::future::join_all((0..5).map(|_| activate(&alice, &id, &attestation))).await;
    assert_one_won(&answers);
}

/// Security checklist R1: consumed by the first answer, although that was wrong.
async fn sec_r01_a_challenge_is_spent_by_a_wrong_answer(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    let options = challenge(&alice, &id).await;
    let right = authenticator.get(&options);
    let mut bad = right.clone();
    bad["signatureData"] = "MEUCIQ".into();
    assert_eq!(refusal(&verify(&alice, &id, &bad).await).0, 403);
    assert_eq!(refusal(&verify(&alice, &id, &right).await), (403, "E0000082".to_owned()));
    let fresh = authenticator.get(&challenge(&alice, &id).await);
    assert_eq!(verify(&alice, &id, &fresh).await.status, 200);
}

/// Security checklist R1: five minutes.
async fn sec_r01_a_challenge_dies_after_five_minutes(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    let in_time = authenticator.get(&challenge(&alice, &id).await);
    app.clock.advance(299);
    assert_eq!(verify(&alice, &id, &in_time).await.status, 200);
    let late = authenticator.get(&challenge(&alice, &id).await);
    app.clock.advance(300);
    assert_eq!(refusal(&verify(&alice, &id, &late).await), wrong());
}

/// Security checklist R1: a challenge of a registration is none of an assertion and the other way round; nor does one of the
/// Factors API count in a sign-in, or one of another sign-in.
async fn sec_r01_a_challenge_belongs_to_its_ceremony_user_and_purpose(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    let (_, creation) = begin(&alice).await;
    let crossed = authenticator.get(&creation);
    assert_eq!(refusal(&verify(&alice, &id, &crossed).await), wrong());
    let (pending, _) = begin(&alice).await;
    let other = Authenticator::at(&app.issuer);
    let request = challenge(&alice, &id).await;
    let data = other.client_data("webauthn.create", request["challenge"].as_str().unwrap()).to_string();
    assert_eq!(refusal(&activate(&alice, &pending, &other.create_with(&data)).await), wrong());
    let made_up = authenticator.client_data("webauthn.get", &"A".repeat(75)).to_string();
    assert_eq!(refusal(&verify(&alice, &id, &authenticator.get_with(&made_up)).await), wrong());

    app.require_factor().await;
    let path = format!("/factors/{id}/verify");
    let one = app.password_of(ALICE).await;
    let two = app.password_of(ALICE).await;
    let asked = app.step(&path, json!({ "stateToken": one["stateToken"] })).await;
    let options = asked["_embedded"]["factor"]["_embedded"]["challenge"].clone();
    let mut body = authenticator.get(&options);
    body["stateToken"] = two["stateToken"].clone();
    app.step(&path, json!({ "stateToken": two["stateToken"] })).await;
    assert_eq!(refusal(&app.authn(&path, &body).await), wrong());
    let mut of_the_api = authenticator.get(&challenge(&alice, &id).await);
    of_the_api["stateToken"] = one["stateToken"].clone();
    assert_eq!(refusal(&app.authn(&path, &of_the_api).await), wrong());
}

/// Security checklist R2: one credential, one owner; of two who register one, one does.
async fn sec_r02_a_credential_is_registered_once(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let mut authenticator = Authenticator::at(&app.issuer);
    enrol(&alice, &mut authenticator).await;
    let (id, options) = begin(&bob).await;
    assert_eq!(options["excludeCredentials"], json!([]), "what Alice has is not Bob's to know");
    let refused = activate(&bob, &id, &authenticator.create(&options)).await;
    assert_eq!(refusal(&refused), (400, "E0000001".to_owned()));
    let (again, options) = begin(&alice).await;
    assert_eq!(options["excludeCredentials"][0]["id"], authenticator.credential_id());
    assert_eq!(activate(&alice, &again, &authenticator.create(&options)).await.status, 400);

    for _ in 0..4 {
        // Failures of activations are counted.
        app.clock.advance(301);
        let mut shared = Authenticator::at(&app.issuer);
        let (one, first) = begin(&alice).await;
        let (two, second) = begin(&bob).await;
        let (first, second) = (shared.create(&first), shared.create(&second));
        let (one, two) = tokio::join!(activate(&alice, &one, &first), activate(&bob, &two, &second));
        assert_one_won(&[one, two]);
    }
}

/// Security checklist R2: the credential of somebody else, and a `userHandle` of somebody else.
async fn sec_r02_an_assertion_counts_for_its_own_user_and_credential(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let (mut hers, mut his) = (Authenticator::at(&app.issuer), Authenticator::at(&app.issuer));
    let id = enrol(&alice, &mut hers).await;
    enrol(&bob, &mut his).await;
    let foreign = his.get(&challenge(&alice, &id).await);
    assert_eq!(refusal(&verify(&alice, &id, &foreign).await), wrong());
    let named = hers.get(&challenge(&alice, &id).await);
    let mut named = hers.named(named);
    named["userHandle"] = his.named(json!({}))["userHandle"].clone();
    assert_eq!(refusal(&verify(&alice, &id, &named).await), wrong());
    let named = hers.get(&challenge(&alice, &id).await);
    let mut named = hers.named(named);
    named["credentialId"] = his.credential_id().into();
    assert_eq!(refusal(&verify(&alice, &id, &named).await), wrong());
    let right = hers.get(&challenge(&alice, &id).await);
    assert_eq!(verify(&alice, &id, &hers.named(right)).await.status, 200);
}

/// Security checklist R2, R1: where any of several may answer, a credential that is somebody else's, or nobody's, is one more
/// failure: counted, written down, and its challenge is spent.
async fn sec_r02_a_credential_that_is_not_asked_for_is_a_failure_that_counts(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let (mut hers, mut his) = (Authenticator::at(&app.issuer), Authenticator::at(&app.issuer));
    let id = enrol(&alice, &mut hers).await;
    enrol(&bob, &mut his).await;
    app.require_factor().await;
    let by_type = "/factors/webauthn/verify";
    let begun = app.password_of(ALICE).await;
    let ask = async || {
        let asked = app.step(by_type, json!({ "stateToken": begun["stateToken"] })).await;
        asked["_embedded"]["challenge"].clone()
    };
    let answer = async |mut body: Value| {
        body["stateToken"] = begun["stateToken"].clone();
        app.authn(by_type, &body).await
    };
    let options = ask().await;
    let (foreign, right) = (his.get(&options), hers.get(&options));
    assert_eq!(refusal(&answer(his.named(foreign)).await), wrong());
    assert!(app.logged("user.authentication.auth_via_mfa", Some("invalid_passcode")).await);
    assert_eq!(refusal(&answer(hers.named(right)).await), wrong());
    assert!(app.logged("user.authentication.auth_via_mfa", Some("passcode_replayed")).await, "it is spent");
    for _ in 0..8 {
        let foreign = his.get(&ask().await);
        assert_eq!(refusal(&answer(his.named(foreign)).await), wrong());
    }
    let right = hers.get(&ask().await);
    assert_eq!(refusal(&answer(hers.named(right)).await), (403, "E0000069".to_owned()), "ten an hour");
    app.clock.advance(3600);
    let right = hers.get(&challenge(&alice, &id).await);
    assert_eq!(verify(&alice, &id, &right).await.status, 200);
}

/// Answers with client data that was changed; the number of failures of a factor is reset by a success.
async fn with_client_data(app: &TestApp, change: impl Fn(&mut Value)) -> ((u16, String), (u16, String)) {
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    let options = challenge(&alice, &id).await;
    let challenge = options["challenge"].as_str().unwrap();
    authenticator.counter += 1;
    let mut data = authenticator.client_data("webauthn.get", challenge);
    change(&mut data);
    let asserted = verify(&alice, &id, &authenticator.get_with(&data.to_string())).await;
    let (pending, options) = begin(&alice).await;
    let other = Authenticator::at(&app.issuer);
    let mut data = other.client_data("webauthn.create", options["challenge"].as_str().unwrap());
    change(&mut data);
    let attested = activate(&alice, &pending, &other.create_with(&data.to_string())).await;
    assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    app.clock.advance(301);
    (refusal(&asserted), refusal(&attested))
}

/// Security checklist R3: type, origin, scheme, port, frames.
async fn sec_r03_what_the_browser_says_must_be_ours(app: TestApp) {
    let port = app.app.settings.port();
    let changes: Vec<(&str, Value)> = vec![
        ("type", "webauthn.other".into()),
        ("origin", "https://example.com".into()),
        ("origin", format!("https://localhost:{port}").into()),
        ("origin", format!("http://localhost:{}", port ^ 1).into()),
        ("origin", "http://localhost".into()),
        ("crossOrigin", true.into()),
        ("topOrigin", "https://example.com".into()),
    ];
    for (member, value) in changes {
        let refused = with_client_data(&app, |data| data[member] = value.clone()).await;
        assert_eq!(refused, (wrong(), wrong()), "{member}: {value}");
    }
    let alice = app.factors_of(ALICE).await;
    let mut authenticator = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut authenticator).await;
    authenticator.rp_id = "example.com".to_owned();
    let foreign = authenticator.get(&challenge(&alice, &id).await);
    assert_eq!(refusal(&verify(&alice, &id, &foreign).await), wrong());
}

/// Security checklist R4: prefixes, suffixes, user info, fragments: compared byte by byte.
async fn sec_r04_an_origin_that_looks_like_ours_is_not(app: TestApp) {
    let port = app.app.settings.port();
    for origin in [
        format!("http://badlocalhost:{port}"),
        format!("http://localhost.evil.com:{port}"),
        format!("http://evil.com/#localhost:{port}"),
        format!("http://localhost:{port}@evil.com"),
        format!("http://sub.localhost:{port}"),
        format!("http://localhost:{port}/"),
        format!("http://localhost:{port}/path"),
        format!("HTTP://localhost:{port}"),
        "null".to_owned(),
        String::new(),
    ] {
        let refused = with_client_data(&app, |data| data["origin"] = origin.clone().into()).await;
        assert_eq!(refused, (wrong(), wrong()), "{origin}");
    }
}

async fn rules(app: &TestApp, rules: &str) {
    app.seed(&format!(
        "mfa_enroll_policies: [{{name: All, factors: {{fido_webauthn: OPTIONAL, google_otp: OPTIONAL}}, webauthn: {rules}, rules: [{{name: All}}]}}]\n"
    ))
    .await;
}

/// Security checklist R5: nobody present; nobody verified where policy wants it.
async fn sec_r05_presence_and_verification_come_from_the_flags(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut absent = Authenticator::at(&app.issuer);
    absent.flags = 0;
    let (id, options) = begin(&alice).await;
    assert_eq!(options["authenticatorSelection"]["userVerification"], "preferred");
    assert_eq!(refusal(&activate(&alice, &id, &absent.create(&options)).await), wrong());
    rules(&app, "{user_verification: required}").await;
    let mut key = Authenticator::at(&app.issuer);
    key.flags = UP;
    let (id, options) = begin(&alice).await;
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(refusal(&activate(&alice, &id, &key.create(&options)).await), wrong());
    key.flags = UP | UV;
    let id = enrol(&alice, &mut key).await;
    for flags in [0, UV, UP] {
        key.flags = flags;
        let refused = key.get(&challenge(&alice, &id).await);
        assert_eq!(refusal(&verify(&alice, &id, &refused).await), wrong(), "{flags}");
    }
    key.flags = UP | UV;
    let right = key.get(&challenge(&alice, &id).await);
    assert_eq!(verify(&alice, &id, &right).await.status, 200);
}

/// What the session that a sign-in ends in says of its methods.
pub(super) async fn amr(app: &TestApp, id: &str, authenticator: &mut Authenticator) -> Value {
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_REQUIRED", "{asked}");
    let path = path_of(&factor_of(&asked, KIND)["_links"]["verify"]);
    assert_eq!(path, format!("/factors/{id}/verify"));
    let begun = app.step(&path, json!({ "stateToken": asked["stateToken"] })).await;
    assert_eq!((&begun["status"], &begun["challengeType"]), (&json!("MFA_CHALLENGE"), &json!("FACTOR")));
    let mut body = authenticator.get(&begun["_embedded"]["factor"]["_embedded"]["challenge"]);
    body["stateToken"] = asked["stateToken"].clone();
    let done = app.step(&path, body).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
    let body = json!({ "sessionToken": done["sessionToken"] });
    let opened = app.client().post_json("/api/v1/sessions", &body).await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    let session = SessionId::new(opened.json()["id"].as_str().unwrap());
    let session = store::session::find(&app.app.db, &session).await.unwrap().expect("a session");
    json!(session.amr())
}

/// Security checklist R5: `hwk`, `user` and `phrh` only from flags and policy. An unverified key adds possession alone.
async fn sec_r05_a_level_is_what_was_verified(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut key = Authenticator::at(&app.issuer);
    key.flags = UP;
    let id = enrol(&alice, &mut key).await;
    app.require_factor().await;
    assert_eq!(amr(&app, &id, &mut key).await, json!(["pwd", "swk", "pop", "phr", "mfa"]));
    key.flags = UP | UV;
    assert_eq!(amr(&app, &id, &mut key).await, json!(["pwd", "swk", "pop", "phr", "user", "mfa"]));
}

/// Security checklist S1: a passkey that is out of use guards the account like any other factor: nothing is enrolled past it.
async fn sec_s01_a_suspended_passkey_guards_enrolment(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut passkey = Authenticator::at(&app.issuer);
    let id = enrol(&alice, &mut passkey).await;
    let suspend = store::factor::claim_suspend_cloned(&FactorId::new(id), app.app.now());
    app.app.db.writer().commit(Unit::new().claim(suspend)).await.unwrap();
    app.require_factor().await;
    let refused = app.authn("", &json!({ "username": ALICE, "password": PASSWORD })).await;
    assert_eq!(refusal(&refused), (401, "E0000004".to_owned()));
    app.sign_on(SignOnAction::default()).await;
    for level in ["phr", "urn:okta:loa:2fa:any"] {
        let mut browser = Browser::new();
        let url = app.authorize_url_at("default", WEB, &[("acr_values", level)]);
        let page = browser.open(&url).await;
        sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        assert_eq!(answer(&browser)["error"], "unmet_authentication_requirements", "{level}");
    }
}

/// Security checklist R6: the same number again, or a smaller one: suspended, and written down.
async fn sec_r06_a_counter_that_does_not_grow_suspends_the_credential(app: TestApp) {
    for back in [0_u32, 1, 7] {
        let alice = app.factors_of(ALICE).await;
        let mut authenticator = Authenticator::at(&app.issuer);
        authenticator.counter = 7;
        let id = enrol(&alice, &mut authenticator).await;
        let right = authenticator.get(&challenge(&alice, &id).await);
        assert_eq!(verify(&alice, &id, &right).await.status, 200);
        let options = challenge(&alice, &id).await;
        authenticator.counter = 8 - back;
        let data = authenticator.client_data("webauthn.get", options["challenge"].as_str().unwrap());
        let copied = authenticator.get_with(&data.to_string());
        assert_eq!(refusal(&verify(&alice, &id, &copied).await), (403, "E0000069".to_owned()), "{back}");
        assert_eq!(alice.get(&format!("/factors/{id}")).await.json()["status"], "INACTIVE");
        assert!(app.logged("user.mfa.factor.suspend", Some("signature_counter")).await);
        assert_eq!(verify(&alice, &id, &json!({})).await.status, 403);
        assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    }
}

/// Security checklist R6: synchronised passkeys do not count; what may be backed up is said once and for all.
async fn sec_r06_an_authenticator_without_counter_is_fine_and_backup_flags_are_consistent(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut passkey = Authenticator::at(&app.issuer);
    (passkey.counter, passkey.flags) = (0, UP | UV | BE | BS);
    let id = enrol(&alice, &mut passkey).await;
    assert_eq!(alice.get(&format!("/factors/{id}")).await.json()["profile"]["authenticatorName"], "Passkey");
    for flags in [UP | UV | BE | BS, UP | UV | BE] {
        passkey.flags = flags;
        let right = passkey.get(&challenge(&alice, &id).await);
        assert_eq!(verify(&alice, &id, &right).await.status, 200);
    }
    for flags in [UP | UV, UP | UV | BS] {
        passkey.flags = flags;
        let changed = passkey.get(&challenge(&alice, &id).await);
        assert_eq!(refusal(&verify(&alice, &id, &changed).await), wrong(), "{flags}");
    }
    let mut impossible = Authenticator::at(&app.issuer);
    impossible.flags = UP | UV | BS;
    let (id, options) = begin(&alice).await;
    assert_eq!(refusal(&activate(&alice, &id, &impossible.create(&options)).await), wrong());
}

const MODEL: [u8; 16] =
    [0xee, 0x88, 0x28, 0x79, 0x72, 0x1c, 0x49, 0x13, 0x97, 0x75, 0x3d, 0xfc, 0xce, 0x97, 0x07, 0x2a];

/// Security checklist R7: `none` where `direct` is wanted, and models that are not listed: whatever the browser was asked for.
async fn sec_r07_policy_decides_about_attestation(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    rules(&app, "{attestation: direct}").await;
    let forbidden = (403, "E0000006".to_owned());
    let mut anonymous = Authenticator::at(&app.issuer);
    let (id, options) = begin(&alice).await;
    assert_eq!(options["attestation"], "direct");
    assert_eq!(refusal(&activate(&alice, &id, &anonymous.create(&options)).await), forbidden);
    let mut own = Authenticator::at(&app.issuer);
    own.maker = Maker::Itself;
    enrol(&alice, &mut own).await;
    rules(&app, "{allowed_aaguids: ['ee882879-721c-4913-9775-3dfcce97072a']}").await;
    let mut other = Authenticator::at(&app.issuer);
    let (id, options) = begin(&alice).await;
    assert_eq!(refusal(&activate(&alice, &id, &other.create(&options)).await), forbidden);
    other.aaguid = MODEL;
    enrol(&alice, &mut other).await;
    // Anybody can say that; it earns nothing.
    app.require_factor().await;
    let listed = alice.get("/factors").await.json();
    assert!(listed.as_array().unwrap().iter().all(|factor| factor["profile"].get("keyProtection").is_none()));
}

/// Security checklist R7, R5: a chain to a configured root, and a key that stays where it is: `hwk` and `phrh`.
async fn sec_r07_hardware_is_what_a_trusted_maker_vouches_for(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let (root, trusted) = maker();
    let (_, stranger) = maker();
    let root = root.replace('\n', "\\n");
    rules(&app, &format!("{{attestation: direct, attestation_roots: [\"{root}\"]}}")).await;
    let forbidden = (403, "E0000006".to_owned());
    for maker in [Maker::Nobody, Maker::Itself, stranger] {
        let mut other = Authenticator::at(&app.issuer);
        other.maker = maker;
        let (id, options) = begin(&alice).await;
        assert_eq!(refusal(&activate(&alice, &id, &other.create(&options)).await), forbidden);
    }
    app.clock.advance(301);
    let mut key = Authenticator::at(&app.issuer);
    (key.maker, key.aaguid) = (trusted, MODEL);
    let id = enrol(&alice, &mut key).await;
    assert_eq!(alice.get(&format!("/factors/{id}")).await.json()["profile"]["keyProtection"], "hardware");
    app.require_factor().await;
    let shown = amr(&app, &id, &mut key).await;
    assert_eq!(shown, json!(["pwd", "hwk", "pop", "phr", "phrh", "user", "mfa"]));
}
