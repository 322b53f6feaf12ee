//! What tokens say about how somebody signed in, and that nobody gets round a second factor (group T).

use serde_json::{Value, json};
use stepgate::model::factor::{FactorKind, FactorStatus};

use super::assert_refused;
use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    fixtures::{ALICE, BOB, OTHER, PASSWORD, WEB},
    http::Browser,
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_t02_a_level_out_of_reach_is_an_error_and_never_a_token,
            sec_t02_a_level_within_reach_is_stepped_up_to,
            sec_t02_what_the_user_has_decides_what_is_gone_for,
            sec_t03_a_session_of_one_factor_is_worth_nothing_where_two_are_wanted,
            sec_t05_a_step_up_raises_one_session_and_no_other,
            sec_t05_the_next_user_of_the_browser_inherits_nothing,
            sec_t05_a_step_up_expires_as_policy_says,
            sec_t06_prompt_none_says_that_a_factor_is_missing,
            sec_t09_a_stricter_policy_meets_live_sessions,
            sec_t09_a_stricter_policy_meets_refresh_tokens_where_it_says_so,
            sec_t09_a_remembered_browser_stands_for_the_policy_it_was_remembered_under;
        storage: sec_t09_another_node_sees_the_policy,
    ]
}

/// What the client is told, or where the user is asked.
async fn outcome(app: &TestApp, browser: &mut Browser, client: &str, more: &[(&str, &str)]) -> String {
    browser.open(&app.authorize_url(client, more)).await;
    told(browser)
}

fn told(browser: &Browser) -> String {
    if browser.url().path().starts_with("/signin") {
        return "asked".to_owned();
    }
    let answer = answer(browser);
    match answer.get("error") {
        Some(error) => error.clone(),
        None if answer.contains_key("code") => "code".to_owned(),
        None => panic!("neither code nor error: {}", browser.url()),
    }
}

async fn id_token(app: &TestApp, client: &str, browser: &Browser) -> Value {
    let tokens = app.redeem(client, &answer(browser)["code"]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    claims(tokens.json()["id_token"].as_str().unwrap())
}

async fn nobody_enrols(app: &TestApp) {
    app.seed("mfa_enroll_policies: [{name: None, factors: {}, rules: [{name: All, enroll: NEVER}]}]\n").await;
}

const TWO: (&str, &str) = ("acr_values", TWO_FACTORS);
const NONE: (&str, &str) = ("prompt", "none");

/// Unmet Authentication Requirements §2, Core §5.5.1.1: what cannot be reached is an error where it is essential, and where
/// a client asks for one of Okta's levels; nothing unearned is ever reported.
async fn sec_t02_a_level_out_of_reach_is_an_error_and_never_a_token(app: TestApp) {
    nobody_enrols(&app).await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    // Passkeys reach it, which this user has none of and may set none up.
    for requested in ["phr", "phrh", "phr phrh", "gold phr"] {
        let unmet = outcome(&app, &mut browser, WEB, &[("acr_values", requested)]).await;
        assert_eq!(unmet, "unmet_authentication_requirements", "{requested}");
    }
    let essential = json!({"id_token": {"acr": {"essential": true, "value": TWO_FACTORS}}}).to_string();
    for more in [&[TWO][..], &[TWO, NONE], &[("claims", &essential)], &[("claims", &essential), NONE]] {
        let unmet = outcome(&app, &mut browser, WEB, more).await;
        assert_eq!(unmet, "unmet_authentication_requirements", "{more:?}");
    }
    let voluntary = json!({"id_token": {"acr": {"values": ["phr", TWO_FACTORS]}}}).to_string();
    for (name, value, acr) in [
        ("acr_values", "urn:okta:loa:2fa:any:ifpossible", "urn:okta:loa:1fa:pwd"),
        ("acr_values", "urn:okta:loa:2fa:any urn:okta:loa:1fa:any", "urn:okta:loa:1fa:any"),
        ("acr_values", "gold", "urn:okta:loa:1fa:pwd"),
        ("claims", &voluntary, "urn:okta:loa:1fa:pwd"),
    ] {
        assert_eq!(outcome(&app, &mut browser, WEB, &[(name, value)]).await, "code", "{value}");
        let id_token = id_token(&app, WEB, &browser).await;
        assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!(acr), &json!(["pwd"])), "{value}");
    }
}

/// RFC 9470 §5: the session is kept and just the missing factor is asked for; then tokens say so.
async fn sec_t02_a_level_within_reach_is_stepped_up_to(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    let before = app.session(&mut browser).await.unwrap();
    let essential = json!({"id_token": {"acr": {"essential": true, "value": TWO_FACTORS}}}).to_string();
    for more in [TWO, ("claims", essential.as_str())] {
        assert_eq!(outcome(&app, &mut browser, WEB, &[more]).await, "asked", "{more:?}");
    }
    app.clock.advance(10);
    app.step_up_by(&mut browser, "otp").await;
    let after = app.session(&mut browser).await.unwrap();
    assert_eq!(after.id, before.id);
    for more in [TWO, ("claims", essential.as_str())] {
        assert_eq!(outcome(&app, &mut browser, WEB, &[more]).await, "code", "{more:?}");
        let id_token = id_token(&app, WEB, &browser).await;
        assert_eq!(id_token["acr"], TWO_FACTORS);
        assert_eq!(id_token["amr"], json!(["pwd", "otp", "mfa"]));
        assert_eq!(id_token["auth_time"].as_i64().unwrap(), after.auth_time.unix_timestamp());
        assert!(after.auth_time > before.auth_time);
    }
    // Two of one kind are not two factors.
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd", "kba"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO]).await, "asked");
}

/// Core §3.1.2.1, Okta: the first level that the user can reach with what is there; a factor is enrolled on the way only for
/// `2fa:any`, and never by somebody whose own is out of use.
async fn sec_t02_what_the_user_has_decides_what_is_gone_for(app: TestApp) {
    const IF_POSSIBLE: (&str, &str) = ("acr_values", "urn:okta:loa:2fa:any:ifpossible");
    const TWO_OR_ONE: (&str, &str) = ("acr_values", "urn:okta:loa:2fa:any urn:okta:loa:1fa:any");
    let preferred = json!({"id_token": {"acr": {"values": [TWO_FACTORS]}}}).to_string();
    let preferred = ("claims", preferred.as_str());
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    // Nothing that counts: a question is of the password's kind, and a factor that waits for activation is none.
    app.has_factor(ALICE, FactorKind::Question, FactorStatus::Active).await;
    app.has_factor(ALICE, FactorKind::TotpOkta, FactorStatus::PendingActivation).await;
    for (asked, expected) in
        [(TWO, "asked"), (TWO_OR_ONE, "code"), (IF_POSSIBLE, "code"), (preferred, "code")]
    {
        assert_eq!(outcome(&app, &mut browser, WEB, &[asked]).await, expected, "{asked:?}");
    }
    app.has_factor(ALICE, FactorKind::Sms, FactorStatus::Active).await;
    for asked in [TWO, TWO_OR_ONE, IF_POSSIBLE, preferred] {
        assert_eq!(outcome(&app, &mut browser, WEB, &[asked]).await, "asked", "{asked:?}");
    }
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd", "sms"]).await;
    for asked in [TWO, TWO_OR_ONE, preferred] {
        assert_eq!(outcome(&app, &mut browser, WEB, &[asked]).await, "code", "{asked:?}");
        assert_eq!(id_token(&app, WEB, &browser).await["acr"], TWO_FACTORS, "{asked:?}");
    }
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, BOB, &["pwd"]).await;
    app.has_factor(BOB, FactorKind::Call, FactorStatus::Inactive).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO]).await, "unmet_authentication_requirements");
    assert_eq!(outcome(&app, &mut browser, WEB, &[IF_POSSIBLE]).await, "code");
    app.policy_of_web("factor_mode: 2FA").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "access_denied");
}

/// Policy wants two factors: a session that shows one opens nothing, anywhere (CVE-2025-64103 was such a hole).
async fn sec_t03_a_session_of_one_factor_is_worth_nothing_where_two_are_wanted(app: TestApp) {
    app.policy_of_all("require_factor: true").await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    for client in [WEB, OTHER] {
        assert_eq!(outcome(&app, &mut browser, client, &[]).await, "asked");
        assert_eq!(outcome(&app, &mut browser, client, &[NONE]).await, "interaction_required");
    }
    assert!(!app.logged("app.oauth2.as.authorize.code", None).await);
    app.step_up_by(&mut browser, "sms").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    assert_eq!(id_token(&app, WEB, &browser).await["acr"], TWO_FACTORS);
    // Okta's `requireFactor` takes any factor beside the password; a question makes no second level all the same.
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, BOB, &["pwd", "kba"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    assert_eq!(id_token(&app, WEB, &browser).await["acr"], "urn:okta:loa:1fa:pwd");
    nobody_enrols(&app).await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, BOB, &["pwd"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "access_denied");
    app.has_factor(BOB, FactorKind::Question, FactorStatus::Active).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[NONE]).await, "login_required");
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "asked");
}

/// T5: another session of the same user stays what it was.
async fn sec_t05_a_step_up_raises_one_session_and_no_other(app: TestApp) {
    let mut one = Browser::new();
    let mut other = Browser::new();
    app.sign_in_by(&mut one, ALICE, &["pwd"]).await;
    app.sign_in_by(&mut other, ALICE, &["pwd"]).await;
    app.step_up_by(&mut one, "otp").await;
    assert_eq!(outcome(&app, &mut one, WEB, &[TWO]).await, "code");
    assert_eq!(outcome(&app, &mut other, WEB, &[TWO]).await, "asked");
    assert_eq!(outcome(&app, &mut other, WEB, &[]).await, "code");
    assert_eq!(id_token(&app, WEB, &other).await["amr"], json!(["pwd"]));
}

/// T5: whoever signs in next in the browser has proved what they have proved.
async fn sec_t05_the_next_user_of_the_browser_inherits_nothing(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    app.step_up_by(&mut browser, "otp").await;
    let alice = app.session(&mut browser).await.unwrap();
    let page = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
    sign_in_on(&mut browser, &page, BOB, PASSWORD).await;
    assert_eq!(told(&browser), "code");
    let id_token = id_token(&app, WEB, &browser).await;
    assert_eq!((&id_token["amr"], &id_token["acr"]), (&json!(["pwd"]), &json!("urn:okta:loa:1fa:pwd")));
    assert_ne!(app.session(&mut browser).await.unwrap().id, alice.id);
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO]).await, "asked");
}

/// T5: an authentication policy says how long proofs count; afterwards all of them are asked for again. Applications that
/// want less are not concerned.
async fn sec_t05_a_step_up_expires_as_policy_says(app: TestApp) {
    app.policy_of_web("factor_mode: 2FA, reauthenticate_in_minutes: 30").await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "asked");
    assert_eq!(outcome(&app, &mut browser, OTHER, &[]).await, "code");
    app.clock.advance(20 * 60);
    app.step_up_by(&mut browser, "otp").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    // The password is too old now, the other factor is not.
    app.clock.advance(11 * 60);
    assert_eq!(outcome(&app, &mut browser, WEB, &[NONE]).await, "login_required");
    app.step_up_by(&mut browser, "pwd").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    app.clock.advance(20 * 60);
    assert_eq!(outcome(&app, &mut browser, WEB, &[NONE]).await, "interaction_required");
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "asked");
    assert_eq!(outcome(&app, &mut browser, OTHER, &[]).await, "code");
}

/// Core §3.1.2.6: nothing is shown; `interaction_required` where somebody is signed in, `login_required` where nobody is.
async fn sec_t06_prompt_none_says_that_a_factor_is_missing(app: TestApp) {
    let mut browser = Browser::new();
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO, NONE]).await, "login_required");
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO, NONE]).await, "interaction_required");
    app.step_up_by(&mut browser, "email").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO, NONE]).await, "code");
}

/// T9: a policy counts from the next request on, for sessions that began before it.
async fn sec_t09_a_stricter_policy_meets_live_sessions(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[NONE]).await, "code");
    app.policy_of_web("factor_mode: 2FA").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[NONE]).await, "interaction_required");
    assert_eq!(outcome(&app, &mut browser, OTHER, &[NONE]).await, "code");
    app.policy_of_all("require_factor: true").await;
    assert_eq!(outcome(&app, &mut browser, OTHER, &[NONE]).await, "interaction_required");
    app.policy_of_all("access: DENY").await;
    assert_eq!(outcome(&app, &mut browser, OTHER, &[NONE]).await, "access_denied");
    assert_eq!(outcome(&app, &mut browser, OTHER, &[]).await, "access_denied");
    app.policy_of_all("access: ALLOW").await;
    assert_eq!(outcome(&app, &mut browser, OTHER, &[NONE]).await, "code");
    app.policy_of_web("access: DENY").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "access_denied");
    // Where policy wants what nobody can have, nobody is sent to a page.
    app.policy_of_web("factor_mode: 2FA").await;
    nobody_enrols(&app).await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "access_denied");
}

/// T9, RFC 9470 §3: refreshing asks again if policy says so; the refusal tells why and spends nothing.
async fn sec_t09_a_stricter_policy_meets_refresh_tokens_where_it_says_so(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    app.policy_of_web("factor_mode: 2FA").await;
    let response = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let refresh_token = response.json()["refresh_token"].as_str().unwrap().to_owned();
    for rule in [
        "factor_mode: 2FA, on_refresh: true",
        "access: DENY, on_refresh: true",
        "reauthenticate_in_minutes: 0, on_refresh: true",
    ] {
        app.policy_of_web(rule).await;
        app.clock.advance(1);
        let response = app.refresh(WEB, &refresh_token).await;
        assert_refused(&response, 400, "invalid_grant");
        let description = response.json()["error_description"].as_str().unwrap().to_owned();
        assert!(description.contains("sign in again"), "{rule}: {description}");
    }
    assert!(app.logged("app.oauth2.as.token.grant", Some("mfa_required")).await);
    app.policy_of_web("factor_mode: 1FA, reauthenticate_in_minutes: 60, on_refresh: true").await;
    let response = app.refresh(WEB, &refresh_token).await;
    assert_eq!(response.status, 200, "{}", response.text());
    app.clock.advance(3600);
    let refresh_token = response.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_refused(&app.refresh(WEB, &refresh_token).await, 400, "invalid_grant");
}

/// T9, S9: a remembered browser stands for the factor of one version of one policy, adds nothing to `amr`, and does not
/// help where an application wants two factors.
async fn sec_t09_a_remembered_browser_stands_for_the_policy_it_was_remembered_under(app: TestApp) {
    use stepgate::{
        model::session::VerifiedFactor,
        session::sso::{self, FactorPromptMet, Opening},
        store::{self, unit::Unit},
        syslog::Caller,
    };
    app.policy_of_all("require_factor: true, factor_prompt_mode: DEVICE").await;
    let mut browser = Browser::new();
    browser.open(&app.url("/")).await;
    let user = store::user::find_by_login(&app.app.db, ALICE).await.unwrap().unwrap();
    let ip = Some(std::net::Ipv4Addr::LOCALHOST.into());
    let policies = stepgate::user::policies::of_user(&app.app, &user, ip).await.unwrap();
    let opening = Opening {
        user: &user.id,
        factors: vec![VerifiedFactor::password(app.app.now())],
        policy: &policies.session,
        prompt: FactorPromptMet::ByRememberedDevice,
        previous: None,
        caller: &Caller::system("test"),
    };
    let (unit, opened) = sso::open(&app.app, Unit::new(), opening).await.unwrap();
    app.app.db.writer().commit(unit).await.unwrap();
    browser.plant(&format!("sid_{}", app.app.settings.port()), opened.cookie.expose());
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    assert_eq!(id_token(&app, WEB, &browser).await["amr"], json!(["pwd"]));
    assert_eq!(outcome(&app, &mut browser, WEB, &[TWO]).await, "asked");
    // Applied again it is the same policy; changed, it is another.
    app.policy_of_all("require_factor: true, factor_prompt_mode: DEVICE").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "code");
    app.clock.advance(1);
    app.policy_of_all("require_factor: true, factor_prompt_mode: SESSION").await;
    assert_eq!(outcome(&app, &mut browser, WEB, &[]).await, "asked");
}

/// T9: the change is in effect on every node.
async fn sec_t09_another_node_sees_the_policy(app: TestApp) {
    let node = app.second_node().await;
    let user = stepgate::store::user::find_by_login(&node.app.db, ALICE).await.unwrap().unwrap();
    let of_node = async || {
        stepgate::user::policies::of_user(&node.app, &user, None).await.unwrap().session.require_factor
    };
    assert!(!of_node().await);
    app.policy_of_all("require_factor: true").await;
    // What the job of the node does when it sees the new generation.
    let generation = stepgate::store::installation::generation(&node.app.db).await.unwrap();
    assert!(generation > 0);
    node.app.forget_configuration();
    assert!(of_node().await);
}
