//! `token:hardware`, `YUBICO`: one-time passwords of YubiKeys that were imported.

use serde_json::json;

use crate::support::{
    Test, TestApp,
    authn::{factor_of, path_of},
    factor::refusal,
    fixtures::{ALICE, BOB, PASSWORD, WEB},
    http::{Browser, ok},
    op::{answer, claims, sign_in_on},
    yubikey::Yubikey,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_yubikey_is_imported_enrolled_used_and_removed,
            a_yubikey_is_one_user_s;
        sqlite:
            a_password_is_of_the_yubikey_and_of_now,
            a_yubikey_that_was_removed_is_enrolled_again_once_it_is_imported_again,
            users_enrol_one_where_policy_names_it,
            a_yubikey_signs_in_on_a_page;
    ]
}

const WRONG: (u16, &str) = (403, "E0000068");
const REPLAYED: (u16, &str) = (403, "E0000082");

#[track_caller]
fn assert_refused(answer: &crate::support::http::Response, (status, code): (u16, &str)) {
    assert_eq!(refusal(answer), (status, code.to_owned()), "{}", answer.text());
}

/// Okta Factors API: `verify.passCode` enrols, ACTIVE at once, the serial number as `credentialId`, 204 at the end.
async fn a_yubikey_is_imported_enrolled_used_and_removed(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut yubikey = Yubikey::new(7_886_622);
    let token = app.import(&yubikey, &alice.token).await;
    let enrolled = ok(&alice.enrol_yubikey(&yubikey.touch()).await);
    let id = enrolled["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("ykf") && id.len() == 20, "{id}");
    assert_eq!(enrolled["status"], "ACTIVE");
    assert_eq!(
        (&enrolled["factorType"], &enrolled["provider"], &enrolled["vendorName"]),
        (&json!("token:hardware"), &json!("YUBICO"), &json!("YUBICO"))
    );
    assert_eq!(enrolled["profile"], json!({ "credentialId": "000007886622" }));
    assert!(enrolled.get("_embedded").is_none(), "{enrolled}");
    let base = app.url(&alice.path(&format!("/factors/{id}")));
    assert_eq!(enrolled["_links"]["verify"]["href"], format!("{base}/verify"));
    let verified = alice.verify(&id, &yubikey.touch()).await;
    assert_eq!((verified.status, verified.json()), (200, json!({ "factorResult": "SUCCESS" })));
    let path = format!("/factors/{id}/verify");
    assert_eq!(alice.post(&path, &json!({})).await.status, 400, "nothing is sent");

    let path = format!("/api/v1/org/factors/yubikey_token/tokens/{}", token["id"].as_str().unwrap());
    let shown = ok(&app.read(&path, &alice.token).await);
    assert!(shown["status"] == "ACTIVE" && shown["activated"].is_string(), "{shown}");
    assert_eq!(shown["_links"]["deactivate"]["href"], base);
    assert_eq!(shown["_links"]["user"]["href"], app.url(&alice.path("")));

    assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    let shown = ok(&app.read(&path, &alice.token).await);
    assert_eq!(shown["status"], "REVOKED");
    assert!(shown["_links"].get("user").is_none() && shown["_links"].get("deactivate").is_none(), "{shown}");
    for event in [
        "user.mfa.factor.update",
        "user.mfa.factor.activate",
        "user.authentication.auth_via_mfa",
        "user.mfa.factor.deactivate",
    ] {
        assert!(app.logged(event, None).await, "{event}");
    }
}

/// One YubiKey is one user's, and one user has one; what is wrong with it, whoever guesses is not told.
async fn a_yubikey_is_one_user_s(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let mut yubikey = Yubikey::new(1);
    alice.yubikey(&app, &mut yubikey).await;
    assert_refused(&bob.enrol_yubikey(&yubikey.touch()).await, WRONG);
    let mut other = Yubikey::new(2);
    assert_refused(&bob.enrol_yubikey(&other.touch()).await, WRONG);
    app.import(&other, &alice.token).await;
    let second = alice.enrol_yubikey(&other.touch()).await;
    assert_refused(&second, (400, "E0000001"));
    assert_eq!(bob.enrol_yubikey(&other.touch()).await.status, 200);
    // Neither opens for the other.
    let factors = ok(&alice.get("/factors").await);
    let id = factors[0]["id"].as_str().unwrap();
    assert_refused(&alice.verify(id, &other.touch()).await, WRONG);
    assert_eq!(alice.verify(id, &yubikey.touch()).await.status, 200);
}

/// Every password counts once, and none behind a later one: neither of this session of the key, nor of one before.
async fn a_password_is_of_the_yubikey_and_of_now(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let mut yubikey = Yubikey::new(3);
    app.import(&yubikey, &alice.token).await;
    let unused = yubikey.touch();
    let enrolment = yubikey.touch();
    for typed in ["", "123456", &enrolment[1..], &format!("{}c", &enrolment[..43]), "\u{ff43}\u{ff43}"] {
        let refused = alice.enrol_yubikey(typed).await;
        assert!(refused.status == 403 || refused.status == 429, "{typed}: {}", refused.text());
    }
    assert_eq!(alice.enrol_yubikey(&enrolment).await.status, 429, "five in five minutes");
    app.clock.advance(5 * 60);
    let none = alice.post("/factors", &json!({ "factorType": "token:hardware", "provider": "YUBICO" })).await;
    assert_refused(&none, (400, "E0000001"));
    let enrolled = ok(&alice.enrol_yubikey(&enrolment.to_uppercase()).await);
    let id = enrolled["id"].as_str().unwrap();
    for spent in [&enrolment, &unused] {
        assert_refused(&alice.verify(id, spent).await, REPLAYED);
    }
    let (one, two) = (yubikey.touch(), yubikey.touch());
    yubikey.plug();
    let three = yubikey.touch();
    assert_eq!(alice.verify(id, &two).await.status, 200);
    assert_refused(&alice.verify(id, &one).await, REPLAYED);
    assert_eq!(alice.verify(id, &format!(" {three}\n")).await.status, 200);
    assert_refused(&alice.verify(id, &two).await, REPLAYED);
    let mut altered = yubikey.touch();
    altered.replace_range(43.., if altered.ends_with('c') { "b" } else { "c" });
    assert_refused(&alice.verify(id, &altered).await, WRONG);
    assert!(app.logged("user.authentication.auth_via_mfa", Some("passcode_replayed")).await);
    assert!(app.logged("user.authentication.auth_via_mfa", Some("invalid_passcode")).await);
}

/// Okta: a YubiKey that was taken from its user is imported again before anybody enrols it; with the same secrets it goes on
/// counting, with others it begins anew.
async fn a_yubikey_that_was_removed_is_enrolled_again_once_it_is_imported_again(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let mut yubikey = Yubikey::new(4);
    let id = alice.yubikey(&app, &mut yubikey).await;
    let spent = yubikey.touch();
    assert_eq!(alice.verify(&id, &spent).await.status, 200);
    assert_eq!(alice.delete(&format!("/factors/{id}")).await.status, 204);
    assert_refused(&bob.enrol_yubikey(&yubikey.touch()).await, WRONG);
    let token = app.import(&yubikey, &alice.token).await;
    assert_eq!(token["status"], "UNASSIGNED");
    assert_refused(&bob.enrol_yubikey(&spent).await, REPLAYED);
    let enrolled = ok(&bob.enrol_yubikey(&yubikey.touch()).await);
    assert_eq!(bob.delete(&format!("/factors/{}", enrolled["id"].as_str().unwrap())).await.status, 204);
    yubikey.personalise();
    assert_eq!(app.import(&yubikey, &alice.token).await["id"], token["id"]);
    assert_eq!(alice.enrol_yubikey(&yubikey.touch()).await.status, 200);
    assert_refused(&bob.enrol_yubikey(&spent).await, WRONG);
}

const POLICY: &str =
    "mfa_enroll_policies: [{name: Keys, factors: {yubikey_token: OPTIONAL}, rules: [{name: All}]}]\n";

/// Okta Authentication API: `passCode` beside the type enrols in a sign-in and proves it; where no policy names the kind,
/// nobody is offered it.
async fn users_enrol_one_where_policy_names_it(app: TestApp) {
    let admin = app.factors_of(BOB).await;
    let mut yubikey = Yubikey::new(5);
    app.import(&yubikey, &admin.token).await;
    app.require_factor().await;
    let asked = app.password_of(ALICE).await;
    let kinds = asked["_embedded"]["factors"].as_array().unwrap();
    assert!(kinds.iter().all(|kind| kind["factorType"] != "token:hardware"), "{asked}");
    app.seed(POLICY).await;
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_ENROLL", "{asked}");
    assert_eq!(factor_of(&asked, "token:hardware")["provider"], "YUBICO");
    let body = |code: &str| {
        json!({
            "stateToken": asked["stateToken"], "factorType": "token:hardware", "provider": "YUBICO", "passCode": code,
        })
    };
    assert_refused(&app.authn("/factors", &body("nonsense")).await, WRONG);
    let done = app.step("/factors", body(&yubikey.touch())).await;
    assert_eq!(done["status"], "SUCCESS", "{done}");
    let asked = app.password_of(ALICE).await;
    assert_eq!(asked["status"], "MFA_REQUIRED", "{asked}");
    let factor = factor_of(&asked, "token:hardware");
    assert_eq!(factor["profile"], json!({ "credentialId": yubikey.shown_serial() }));
    let verify = path_of(&factor["_links"]["verify"]);
    let code = yubikey.touch();
    let body = json!({ "stateToken": asked["stateToken"], "passCode": code });
    assert_eq!(app.step(&verify, body).await["status"], "SUCCESS");
    let asked = app.password_of(ALICE).await;
    let body = json!({ "stateToken": asked["stateToken"], "passCode": code });
    assert_refused(&app.authn(&verify, &body).await, WRONG);
}

/// One field that the key fills in and sends by itself; tokens say how.
async fn a_yubikey_signs_in_on_a_page(app: TestApp) {
    let admin = app.factors_of(BOB).await;
    let mut yubikey = Yubikey::new(6);
    app.import(&yubikey, &admin.token).await;
    app.seed(POLICY).await;
    app.require_factor().await;
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(page.words().contains("YubiKey"), "{}", page.words());
    let page = browser.submit(&page.form("step-form").press("yubikey_token")).await;
    assert!(page.words().contains("Touch your YubiKey"), "{}", page.words());
    assert!(page.body_contains("autofocus"));
    let wrong = browser.submit(&page.form("step-form").fill("passCode", "wrong").press("enroll")).await;
    assert_eq!(wrong.status, 400, "{}", wrong.words());
    let form = wrong.form("step-form").fill("passCode", &yubikey.touch()).press("enroll");
    browser.submit(&form).await;
    let tokens = app.redeem(WEB, &answer(&browser)["code"]).await;
    let token = claims(tokens.json()["id_token"].as_str().unwrap());
    assert_eq!(token["amr"], json!(["pwd", "yubikey", "otp", "mfa"]));
    assert_eq!(token["acr"], "urn:okta:loa:2fa:any");

    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
    assert!(
        page.words().contains("Touch your YubiKey") && page.body_contains("autofocus"),
        "{}",
        page.words()
    );
    let form = page.form("step-form").fill("passCode", &yubikey.touch()).press("verify");
    browser.submit(&form).await;
    assert!(answer(&browser).contains_key("code"));
}
