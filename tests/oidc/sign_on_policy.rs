//! Okta's policies about signing in, as a seed file states them, at the authorization endpoint, the device page and the
//! token endpoint.

use serde_json::json;

use crate::support::{
    Test, TestApp,
    assurance::TWO_FACTORS,
    device::{TV, devices},
    fixtures::{self, ALICE, BOB, OTHER, PASSWORD, SECRET, WEB},
    http::{Browser, Response},
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: policies_are_stored_as_they_are_stated;
        sqlite:
            a_proof_made_on_the_way_counts_once,
            the_network_and_the_group_decide,
            a_sensitive_scope_takes_two_factors,
            a_device_is_allowed_by_whoever_satisfies_the_policy,
            the_password_grant_takes_no_second_factor,
            sessions_live_as_long_as_their_policy_says,
            a_persistent_session_outlives_the_browser,
            what_a_seed_file_gets_wrong_is_named,
    ]
}

/// Rows of every kind come back as they were stated, and again the same.
async fn policies_are_stored_as_they_are_stated(app: TestApp) {
    use stepgate::model::{
        factor::FactorKind,
        policy::{Access, EnrollPrompt, FactorPrompt, Requirement},
        policy_set::{Applications, FactorMode},
    };
    let text = "
groups: [{name: Staff}]
network_zones: [{name: Office, gateways: [203.0.113.0/24, \"198.51.100.1-198.51.100.9\"]}]
global_session_policies:
  - name: Staff
    groups: [Staff]
    rules:
      - {name: Second, priority: 2, access: DENY}
      - name: First
        priority: 1
        network: {include: [Office]}
        people: {exclude_users: [bob@example.com]}
        require_factor: true
        factor_prompt_mode: SESSION
        max_session_idle_minutes: 5
authentication_policies:
  - {name: Strict, clients: [web], rules: [{name: All, factor_mode: 2FA, reauthenticate_in_minutes: 5, on_refresh: true}]}
  - {name: Rest, default: true}
mfa_enroll_policies: [{name: All, factors: {okta_otp: REQUIRED, okta_sms: OPTIONAL}, rules: [{name: All, enroll: LOGIN}]}]
password_policies: [{name: All, min_length: 12, rules: [{name: All, self_service_unlock: ALLOW}]}]
";
    app.seed(text).await;
    let first = app.app.policies.load(&app.app.db).await.unwrap();
    app.clock.advance(60);
    app.seed(text).await;
    let set = app.app.policies.load(&app.app.db).await.unwrap();
    assert_eq!(*first, *set);
    assert_eq!(set.zones.len(), 1);
    let staff = &set.global_session[0];
    let names: Vec<&str> = staff.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!((names, staff.groups.len(), staff.priority), (vec!["First", "Second"], 1, 1));
    assert_eq!(staff.rules[0].conditions.network.include, [set.zones[0].id.clone()]);
    assert_eq!(staff.rules[0].action.factor_prompt_mode, FactorPrompt::Session);
    assert_eq!(staff.rules[1].action.access, Access::Deny);
    assert_eq!(set.authentication[0].rules[0].action.factor_mode, FactorMode::Two);
    assert_eq!(set.authentication[1].settings.applications, Applications::Default);
    assert_eq!(set.mappings.get(&stepgate::id::ClientId::new(WEB)), Some(&set.authentication[0].id));
    let factors = &set.mfa_enroll[0].settings.factors;
    assert_eq!(factors.get(&FactorKind::TotpOkta), Some(&Requirement::Required));
    assert_eq!(set.mfa_enroll[0].rules[0].action.prompt, EnrollPrompt::Login);
    assert_eq!(set.password[0].settings.min_length, 12);
    assert_eq!(set.password[0].rules[0].action.self_service_unlock, Access::Allow);
    // An application has one policy; a changed one keeps its id.
    app.seed("authentication_policies: [{name: Rest, clients: [web], default: true}]\n").await;
    let set = app.app.policies.load(&app.app.db).await.unwrap();
    let rest = set.authentication.iter().find(|policy| policy.name == "Rest").unwrap();
    assert_eq!(set.mappings.get(&stepgate::id::ClientId::new(WEB)), Some(&rest.id));
    assert_eq!(rest.id, first.authentication[1].id);
}

#[track_caller]
fn assert_asked(page: &Response) {
    assert!(page.url.path().starts_with("/signin"), "{}", page.url);
}

/// Every time means for every request, and once for each.
async fn a_proof_made_on_the_way_counts_once(app: TestApp) {
    app.policy_of_web("factor_mode: 1FA, reauthenticate_in_minutes: 0").await;
    let mut browser = Browser::new();
    for _ in 0..2 {
        let page = browser.open(&app.authorize_url(WEB, &[])).await;
        assert_asked(&page);
        app.clock.advance(30);
        sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        assert!(answer(&browser).contains_key("code"), "{}", browser.url());
        app.clock.advance(1);
    }
    // What was proved for one request is no proof for another that waits.
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    browser.open(&app.authorize_url(OTHER, &[("prompt", "none")])).await;
    assert!(answer(&browser).contains_key("code"));
}

/// The rule that matches people and network decides; the default is where none does.
async fn the_network_and_the_group_decide(app: TestApp) {
    app.seed(
        "
groups: [{name: Staff}]
users: [{login: alice@example.com, groups: [Staff]}]
network_zones:
  - {name: Here, gateways: [127.0.0.0/8]}
  - {name: There, gateways: [203.0.113.0/24]}
authentication_policies:
  - name: Web
    clients: [web]
    rules:
      - {name: Bob, people: {users: [bob@example.com]}, access: DENY}
      - {name: There, network: {include: [There]}, access: DENY}
      - {name: Not here, network: {exclude: [Here]}, access: DENY}
      - {name: Staff, people: {groups: [Staff]}, network: {include: [Here]}, factor_mode: 2FA}
  - name: Rest
    default: true
    rules: [{name: Nobody, people: {groups: [Staff]}, access: DENY}]
",
    )
    .await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    assert_asked(&browser.open(&app.authorize_url(WEB, &[])).await);
    browser.open(&app.authorize_url(OTHER, &[])).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, BOB, &["pwd"]).await;
    browser.open(&app.authorize_url(WEB, &[])).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
    assert!(app.logged("app.oauth2.as.authorize", Some("access_denied")).await);
    browser.open(&app.authorize_url(OTHER, &[])).await;
    assert!(answer(&browser).contains_key("code"));
}

const SENSITIVE: &str = "authorization_servers: [{id: default, scopes: [{name: \"car:sell\", consent: IMPLICIT, sensitive: true}]}]\n";

/// Whoever signed in with one factor cannot give away what takes two.
async fn a_sensitive_scope_takes_two_factors(app: TestApp) {
    app.seed(SENSITIVE).await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    let sell = ("scope", "openid car:sell");
    browser.open(&app.authorize_url(WEB, &[sell, ("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "interaction_required");
    assert_asked(&browser.open(&app.authorize_url(WEB, &[sell])).await);
    browser.open(&app.authorize_url(WEB, &[("scope", "openid car:drive")])).await;
    assert!(answer(&browser).contains_key("code"));
    app.step_up_by(&mut browser, "otp").await;
    browser.open(&app.authorize_url(WEB, &[sell])).await;
    let tokens = app.redeem(WEB, &answer(&browser)["code"]).await.json();
    assert_eq!(tokens["scope"], "openid car:sell");
    app.seed("mfa_enroll_policies: [{name: None, factors: {}}]\n").await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    browser.open(&app.authorize_url(WEB, &[sell])).await;
    assert_eq!(answer(&browser)["error"], "unmet_authentication_requirements");
}

/// RFC 8628 §5.4: the page that allows a device is behind the policy of its application.
async fn a_device_is_allowed_by_whoever_satisfies_the_policy(app: TestApp) {
    devices(&app).await;
    app.seed(
        "authentication_policies:\n  - {name: TV, clients: [tv], rules: [{name: All, factor_mode: 2FA}]}\n",
    )
    .await;
    let codes = app.device_codes(TV, "openid").await;
    let mut browser = Browser::new();
    app.sign_in_by(&mut browser, ALICE, &["pwd"]).await;
    let user_code = codes["user_code"].as_str().unwrap();
    assert_asked(&app.activate(&mut browser, user_code).await);
    assert_eq!(
        app.poll(TV, codes["device_code"].as_str().unwrap()).await.json()["error"],
        "authorization_pending"
    );
    app.step_up_by(&mut browser, "otp").await;
    let page = app.activate(&mut browser, user_code).await;
    browser.submit(&page.form("device-confirm-form").press("approve")).await;
    app.clock.advance(6);
    let tokens = app.poll(TV, codes["device_code"].as_str().unwrap()).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let id_token = claims(tokens.json()["id_token"].as_str().unwrap());
    assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!(TWO_FACTORS), &json!(["pwd", "otp", "mfa"])));
}

/// Nobody can be asked for more there: the right password looks like a wrong one.
async fn the_password_grant_takes_no_second_factor(app: TestApp) {
    let metadata = json!({
        "application_type": "native",
        "grant_types": ["password"],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    fixtures::client(&app.app, "own-app", metadata, Some(SECRET)).await;
    let ask = async |password: &str, scope: &str| {
        let form =
            [("grant_type", "password"), ("username", ALICE), ("password", password), ("scope", scope)];
        app.token("own-app", &form).await
    };
    assert_eq!(ask(PASSWORD, "openid").await.status, 200);
    let wrong = ask("wrong", "openid").await;
    app.seed(SENSITIVE).await;
    let refused = ask(PASSWORD, "openid car:sell").await;
    assert_eq!((refused.status, refused.json()), (wrong.status, wrong.json()));
    assert_eq!(ask(PASSWORD, "openid").await.status, 200);
    for (policy, relaxed) in [
        (
            "authentication_policies: [{name: A, clients: [own-app], rules: [{name: R, factor_mode: 2FA}]}]",
            "factor_mode: 1FA",
        ),
        (
            "authentication_policies: [{name: A, clients: [own-app], rules: [{name: R, access: DENY}]}]",
            "access: ALLOW",
        ),
        (
            "global_session_policies: [{name: A, rules: [{name: R, require_factor: true}]}]",
            "require_factor: false",
        ),
        ("global_session_policies: [{name: A, rules: [{name: R, access: DENY}]}]", "access: ALLOW"),
    ] {
        app.seed(policy).await;
        let refused = ask(PASSWORD, "openid").await;
        assert_eq!((refused.status, refused.json()), (wrong.status, wrong.json()), "{policy}");
        let (head, _) = policy.split_once("name: R, ").unwrap();
        app.seed(&format!("{head}name: R, {relaxed}}}]}}]\n")).await;
        assert_eq!(ask(PASSWORD, "openid").await.status, 200, "{relaxed}");
    }
    assert!(app.logged("app.oauth2.as.token.grant", Some("mfa_required")).await);
}

/// Idle and absolute end are those of the policy that the session began under.
async fn sessions_live_as_long_as_their_policy_says(app: TestApp) {
    app.policy_of_all("max_session_idle_minutes: 5, max_session_lifetime_minutes: 12").await;
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let silently = app.authorize_url(WEB, &[("prompt", "none")]);
    for _ in 0..2 {
        app.clock.advance(4 * 60 + 30);
        browser.open(&silently).await;
        assert!(answer(&browser).contains_key("code"), "{}", browser.url());
    }
    // Within the idle lifetime, past the absolute one.
    app.clock.advance(4 * 60);
    browser.open(&silently).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    app.clock.advance(5 * 60 + 1);
    browser.open(&silently).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    // Longer than the installation says, where policy says so.
    app.policy_of_all("max_session_idle_minutes: 1440, max_session_lifetime_minutes: 2880").await;
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    app.clock.advance(23 * 3600);
    browser.open(&silently).await;
    assert!(answer(&browser).contains_key("code"));
}

/// The cookie lives as long as the session, or as the browser.
async fn a_persistent_session_outlives_the_browser(app: TestApp) {
    let name = format!("sid_{}", app.app.settings.port());
    for (rule, persistent) in [("use_persistent_cookie: false", false), ("use_persistent_cookie: true", true)]
    {
        app.policy_of_all(rule).await;
        let mut browser = Browser::new();
        app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
        browser.open(&app.url("/")).await;
        let max_age =
            browser.cookie(&name).unwrap().attribute("max-age").map(|age| age.parse::<u32>().unwrap());
        assert_eq!(max_age.is_some(), persistent, "{rule}");
        // The absolute lifetime of the installation.
        assert!(max_age.is_none_or(|age| (12 * 3600 - 60..=12 * 3600).contains(&age)), "{max_age:?}");
    }
}

/// With file, line and key; nothing is applied.
async fn what_a_seed_file_gets_wrong_is_named(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    for (text, place) in [
        (
            "network_zones:\n  - {name: A, gateways: [office]}\n",
            "bad.yaml:2: network_zones[0].gateways[0]: must be",
        ),
        (
            "global_session_policies:\n  - name: A\n    clients: [web]\n",
            "bad.yaml:3: global_session_policies[0].clients: unknown key",
        ),
        (
            "global_session_policies:\n  - name: A\n    groups: [Ghosts]\n",
            "bad.yaml:3: global_session_policies[0].groups[0]: there is no group",
        ),
        (
            "global_session_policies:\n  - name: A\n    rules:\n      - {name: R, network: {include: [Ghosts]}}\n",
            "bad.yaml:4: global_session_policies[0].rules[0].network.include[0]: there is no network zone",
        ),
        (
            "authentication_policies:\n  - name: A\n    rules:\n      - {name: R, factor_mode: 3FA}\n",
            "bad.yaml:4: authentication_policies[0].rules[0].factor_mode: must be one of 1FA, 2FA",
        ),
        (
            "authentication_policies:\n  - {name: A, clients: [web]}\n  - {name: B, clients: [web]}\n",
            "bad.yaml:3: authentication_policies[1].clients[0]: has a policy already",
        ),
        (
            "authentication_policies:\n  - {name: A, default: true}\n  - {name: B, default: true}\n",
            "bad.yaml:2: authentication_policies: more than one",
        ),
        (
            "mfa_enroll_policies:\n  - name: A\n    factors: {webauthn: REQUIRED}\n",
            "bad.yaml:3: mfa_enroll_policies[0].factors.webauthn: unknown key",
        ),
        (
            "password_policies:\n  - name: A\n    min_length: 3\n",
            "bad.yaml:3: password_policies[0].min_length: must be a whole number from 4 to 72",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = stepgate::seed::apply_file(&app.app, &file).await.unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
    assert!(app.app.policies.load(&app.app.db).await.unwrap().is_empty());
}
