//! The contract of the pages: stable ids, plain forms that need no script, machine codes on error pages.

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{ALICE, ASKING, BOB, NATIVE, OTHER, PASSWORD, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, WEB},
    http::{Browser, Response},
    op::{answer, claims, error_code, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        consent_is_remembered_per_user_client_server_and_scope,
        the_account_chooser_chooses_removes_and_adds;
    sqlite:
        oidc_h1_every_page_has_its_ids_and_needs_no_script,
        oidc_h2_every_page_has_a_heading_of_its_own,
        oidc_h2_an_error_page_prints_its_machine_code,
        oidc_h3_form_post_submits_itself_and_has_a_button_without_script,
        okta_post_message_names_the_exact_origin,
        an_optional_scope_starts_ticked_and_can_be_left_out,
        a_denied_consent_is_access_denied_and_remembers_nothing,
        a_cancelled_sign_in_is_access_denied,
        the_developer_panel_is_for_development,
        the_signed_out_page_ends_a_logout_without_a_destination,
        the_home_page_is_for_development,
        the_sign_in_page_starts_with_what_is_known,
        what_a_client_says_of_itself_is_shown_as_text;
    ]
}

async fn asked(app: &TestApp, browser: &mut Browser, scope: &str) -> Response {
    let page = browser.open(&app.authorize_url(ASKING, &[("scope", scope)])).await;
    if page.body_contains("login-page") { sign_in_on(browser, &page, ALICE, PASSWORD).await } else { page }
}

fn has_id(page: &Response, id: &str) -> bool {
    page.text().matches(&format!("id=\"{id}\"")).count() == 1
}

/// One page of each kind, as seen by a browser without script.
async fn pages(app: &TestApp) -> Vec<(Response, Vec<&'static str>)> {
    let mut browser = Browser::new();
    let login = browser.open(&app.authorize_url(WEB, &[])).await;
    let consent = asked(app, &mut browser, "openid car:drive").await;
    let accounts = browser.open(&app.authorize_url(WEB, &[("prompt", "select_account")])).await;
    let error = browser.open(&app.authorize_url("nobody", &[])).await;
    let logout = browser.open(&app.url("/oauth2/default/v1/logout")).await;
    let signed_out = browser.submit(&logout.form("logout-form").press("confirm")).await;
    vec![
        (login, vec!["login-page", "identifier", "password", "login-submit", "login-cancel"]),
        (consent, vec!["consent-page", "consent-accept", "consent-deny"]),
        (accounts, vec!["account-list"]),
        (error, vec!["error-page", "error-code"]),
        (logout, vec!["logout-page", "logout-confirm", "logout-cancel"]),
        (signed_out, vec!["signed-out-page"]),
    ]
}

/// Scripted browsers find everything by id; forms are plain, inputs visible, and no page has a script.
async fn oidc_h1_every_page_has_its_ids_and_needs_no_script(app: TestApp) {
    for (page, ids) in pages(&app).await {
        for id in ids {
            assert!(has_id(&page, id), "`{id}` at {}", page.url);
        }
        assert!(!page.body_contains("<script"), "{}", page.url);
        assert!(!page.body_contains("autofocus"), "{}", page.url);
        assert!(page.body_contains("<html lang=\"en\""), "{}", page.url);
        // A hidden input carries what the form is about; what a person fills in is never hidden.
        for hidden in page.text().split("type=\"hidden\"").skip(1) {
            let name = hidden.split_once("name=\"").unwrap().1.split_once('"').unwrap().0;
            assert!(["flow_id", "csrf"].contains(&name), "{name} is hidden at {}", page.url);
        }
    }
}

/// Each page can be told by the words of its heading.
async fn oidc_h2_every_page_has_a_heading_of_its_own(app: TestApp) {
    let mut headings = Vec::new();
    for (page, _) in pages(&app).await {
        let heading = page.text().split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0.to_owned();
        assert_eq!(page.text().matches("<h1").count(), 1, "{}", page.url);
        assert!(page.body_contains("<title>"), "{}", page.url);
        headings.push(heading);
    }
    let expected = [
        "Sign in",
        "Allow access?",
        "Choose an account",
        "This request can’t be completed",
        "Sign out?",
        "You are signed out",
    ];
    assert_eq!(headings, expected);
}

/// RFC 6749 §4.1.2.1: what cannot be told to the client is told on a page, with a code for machines.
async fn oidc_h2_an_error_page_prints_its_machine_code(app: TestApp) {
    let mut browser = Browser::new();
    let authorize = |more: &[(&str, &str)]| app.authorize_url(WEB, more);
    for (url, status, code) in [
        (app.authorize_url("nobody", &[]), 400, "invalid_client"),
        (authorize(&[("client_id", "-")]), 400, "invalid_request"),
        (authorize(&[("redirect_uri", "https://evil.example/")]), 400, "invalid_redirect_uri"),
        (authorize(&[("redirect_uri", "-")]), 400, "invalid_redirect_uri"),
        (format!("{}&client_id=other", authorize(&[])), 400, "invalid_request"),
        (app.url("/oauth2/default/v1/authorize?client_id=%ff"), 400, "invalid_request"),
        (app.url("/oauth2/nowhere/v1/authorize?client_id=web"), 404, "unknown_authorization_server"),
        (app.url("/oauth2/org/v1/authorize?client_id=web"), 404, "unknown_authorization_server"),
        (app.url("/signin"), 400, "expired_flow"),
        (app.url("/consent?flow=flw1"), 400, "expired_flow"),
        (app.url("/accounts?flow=%27%22%3E"), 400, "expired_flow"),
        (app.url("/nothing"), 404, "not_found"),
        (app.url("/logout"), 405, "method_not_allowed"),
    ] {
        let page = browser.open(&url).await;
        assert_eq!((page.status, error_code(&page)), (status, code), "{url}");
        assert!(has_id(&page, "error-page"), "{url}");
        // The id under which the log tells more is the request's.
        let id = page.header("x-okta-request-id").unwrap();
        assert!(page.body_contains(&format!("id=\"error-id\">{id}<")), "{url}");
        assert_eq!(page.header("location"), None);
    }
}

/// Form Post Response Mode §2: the parameters are hidden inputs of a form that posts to the redirect URI by one line of
/// script, or by a button where there is none.
async fn oidc_h3_form_post_submits_itself_and_has_a_button_without_script(app: TestApp) {
    let mut browser = Browser::new();
    let state = "<\"'&>\u{2028}ü";
    let url = app.authorize_url(WEB, &[("response_mode", "form_post"), ("state", state)]);
    let page = app.sign_in(&mut browser, &url, ALICE).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let form = page.form("form-post");
    assert_eq!((form.method.as_str(), form.action.as_str()), ("POST", REDIRECT_URI));
    assert_eq!(form.field("state"), Some(state));
    assert_eq!(form.field("iss"), Some(app.url("/oauth2/default").as_str()));
    assert!(form.field("session_state").is_some());
    assert_eq!(form.fields.len(), 4);
    assert!(page.body_contains(">document.forms[0].submit();</script>"));
    assert!(page.body_contains("<noscript>") && page.body_contains("<button"));
    assert_eq!(app.redeem(WEB, form.field("code").unwrap()).await.status, 200);
    // An error goes the same way.
    let url = app.authorize_url(WEB, &[("response_mode", "form_post"), ("prompt", "none"), ("max_age", "0")]);
    let page = browser.open(&url).await;
    let form = page.form("form-post");
    assert_eq!(form.field("error"), Some("login_required"));
    assert_eq!(form.field("state"), Some("a-state"));
    assert!(form.field("error_description").is_some() && form.field("code").is_none());
}

/// Okta's `okta_post_message`: the answer is posted to the origin of the redirect URI and nobody else.
async fn okta_post_message_names_the_exact_origin(app: TestApp) {
    let mut browser = Browser::new();
    let hostile = "</script><script>alert(1)</script>";
    let mode = ("response_mode", "okta_post_message");
    let url = app.authorize_url(WEB, &[mode, ("state", hostile)]);
    let page = app.sign_in(&mut browser, &url, ALICE).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let script = page.text().split_once("<script nonce=").unwrap().1.split_once("</script>").unwrap().0;
    assert!(script.contains("postMessage(d,o)"), "{script}");
    assert!(script.contains(",\"https://app.example.com\");"), "{script}");
    assert!(!script.contains("\"*\"") && !script.contains("'*'"), "{script}");
    let (_, rest) = script.split_once("})(").unwrap();
    let data = rest.rsplit_once(",\"https://app.example.com\");").unwrap().0;
    let data: serde_json::Value = serde_json::from_str(data.trim_start_matches('(')).unwrap();
    assert_eq!(data["state"], hostile);
    assert_eq!(data["iss"], app.url("/oauth2/default"));
    assert_eq!(page.text().matches("<script").count(), 1, "the state did not become a script");
    assert_eq!(app.redeem(WEB, data["code"].as_str().unwrap()).await.status, 200);
    let none = app.authorize_url(WEB, &[mode, ("prompt", "none"), ("max_age", "0")]);
    let page = browser.open(&none).await;
    assert!(page.body_contains("\"error\":\"login_required\""), "{}", page.text());
}

/// Core §3.1.2.4: an optional scope is a box that starts ticked; leaving it out leaves it out of the tokens.
async fn an_optional_scope_starts_ticked_and_can_be_left_out(app: TestApp) {
    for leave_out in [false, true] {
        let mut browser = Browser::new();
        let page = browser
            .open(
                &app.authorize_url(ASKING, &[("scope", "openid car:drive car:paint"), ("prompt", "consent")]),
            )
            .await;
        let page = sign_in_on(&mut browser, &page, ALICE, PASSWORD).await;
        let mut form = page.form("consent-form").press("accept");
        let boxes: Vec<&str> =
            form.fields.iter().filter(|(name, _)| name == "scope").map(|(_, value)| value.as_str()).collect();
        assert_eq!(boxes, ["car:paint"], "required scopes have no box");
        if leave_out {
            form.fields.retain(|(name, _)| name != "scope");
        }
        browser.submit(&form).await;
        let tokens = app.redeem(ASKING, &answer(&browser)["code"]).await.json();
        let expected = if leave_out { "openid car:drive" } else { "openid car:drive car:paint" };
        assert_eq!(tokens["scope"], expected);
    }
}

/// RFC 6749 §4.1.2.1: a refusal is `access_denied`; nothing is remembered, so the next request asks again.
async fn a_denied_consent_is_access_denied_and_remembers_nothing(app: TestApp) {
    let mut browser = Browser::new();
    for _ in 0..2 {
        let page = asked(&app, &mut browser, "openid car:drive").await;
        browser.submit(&page.form("consent-form").press("deny")).await;
        let answer = answer(&browser);
        assert_eq!(answer["error"], "access_denied");
        assert_eq!(
            (answer["state"].as_str(), answer["iss"].as_str()),
            ("a-state", app.url("/oauth2/default").as_str())
        );
        assert!(!answer.contains_key("code"));
    }
    assert!(!app.logged("app.oauth2.as.consent.grant", None).await);
    assert!(app.logged("app.oauth2.as.authorize", Some("access_denied")).await);
    // No decision is no consent.
    let page = asked(&app, &mut browser, "openid car:drive").await;
    browser.submit(&page.form("consent-form")).await;
    assert_eq!(answer(&browser)["error"], "access_denied");
}

/// RFC 6749 §4.1.2.1: who does not sign in sends the client `access_denied`, in the mode that was asked for.
async fn a_cancelled_sign_in_is_access_denied(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[])).await;
    let left = browser.submit(&page.form("login-form").press("cancel")).await;
    assert_eq!(left.status, 303);
    assert_eq!(browser.url().as_str().split('?').next(), Some(REDIRECT_URI));
    assert_eq!(answer(&browser)["error"], "access_denied");
    assert_eq!(answer(&browser)["state"], "a-state");
    let page = browser.open(&app.authorize_url(WEB, &[("response_mode", "form_post")])).await;
    let page = browser.submit(&page.form("login-form").press("cancel")).await;
    assert_eq!(page.form("form-post").field("error"), Some("access_denied"));
    // Nobody is signed in now.
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
}

/// What differs between the two URIs helps a developer and would help an attacker, so it is shown in `dev` alone.
async fn the_developer_panel_is_for_development(app: TestApp) {
    let url =
        |app: &TestApp| app.authorize_url(WEB, &[("redirect_uri", "https://app.example.com/callback/")]);
    let page = Browser::new().open(&url(&app)).await;
    assert_eq!(error_code(&page), "invalid_redirect_uri");
    assert!(!page.body_contains("developer-panel") && !page.body_contains(REDIRECT_URI), "{}", page.text());
    let app =
        app.restart(Change { settings: Some(|settings| settings.dev = true), ..Change::default() }).await;
    let page = Browser::new().open(&url(&app)).await;
    assert_eq!((page.status, error_code(&page)), (400, "invalid_redirect_uri"));
    assert!(has_id(&page, "developer-panel"));
    assert!(page.words().contains("Only the trailing slash differs."), "{}", page.words());
    let page = Browser::new().open(&app.authorize_url("nobody", &[])).await;
    assert!(has_id(&page, "developer-panel") && page.words().contains("nobody"));
}

/// RP-Initiated Logout §2, §3: the user is asked, may stay, and without a destination ends on our page.
async fn the_signed_out_page_ends_a_logout_without_a_destination(app: TestApp) {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    let logout = app.url("/oauth2/default/v1/logout");
    let page = browser.open(&logout).await;
    assert!(page.words().contains(ALICE), "it says who is signed in");
    browser.submit(&page.form("logout-form").press("Stay signed in")).await;
    let silent = app.authorize_url(WEB, &[("prompt", "none")]);
    browser.open(&silent).await;
    assert!(answer(&browser).contains_key("code"), "still signed in");
    // A destination without proof of who asks is not followed.
    let page = browser
        .open(&format!("{logout}?post_logout_redirect_uri={POST_LOGOUT_REDIRECT_URI}&client_id={WEB}"))
        .await;
    let page = browser.submit(&page.form("logout-form").press("Sign out")).await;
    assert_eq!(page.status, 200);
    assert!(has_id(&page, "signed-out-page"));
    browser.open(&silent).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    // Nobody is signed in: nobody has to be asked.
    let page = browser.open(&logout).await;
    assert!(has_id(&page, "signed-out-page"));
}

/// `/` and `/playground` exist in `dev` alone.
async fn the_home_page_is_for_development(app: TestApp) {
    for path in ["/", "/playground"] {
        let page = app.client().get(path).await;
        assert_eq!((page.status, error_code(&page)), (404, "not_found"), "{path}");
    }
    let app =
        app.restart(Change { settings: Some(|settings| settings.dev = true), ..Change::default() }).await;
    let page = app.client().get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body_contains(&app.url("/oauth2/default")));
}

/// Core §3.1.2.1: `login_hint` starts the identifier field, and so does what was typed before; the password never
/// comes back.
async fn the_sign_in_page_starts_with_what_is_known(app: TestApp) {
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url(WEB, &[("login_hint", "\"><b>hint")])).await;
    let form = page.form("login-form");
    assert_eq!(form.field("identifier"), Some("\"><b>hint"));
    let page = sign_in_on(&mut browser, &page, "typed@example.com", "typed-password").await;
    let form = page.form("login-form");
    assert_eq!(form.field("identifier"), Some("typed@example.com"));
    assert_eq!(form.field("password"), Some(""));
    assert!(!page.body_contains("typed-password"));
    assert!(page.body_contains("role=\"alert\""));
}

/// A client's name is text, its links are https or nothing (OWASP ASVS 1.2).
async fn what_a_client_says_of_itself_is_shown_as_text(app: TestApp) {
    let metadata = serde_json::json!({
        "client_name": "<script>alert(1)</script>\"'",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "consent_method": "REQUIRED",
    });
    crate::support::fixtures::client(&app.app, "hostile", metadata, None).await;
    let mut browser = Browser::new();
    let url = app.authorize_url("hostile", &[("scope", "openid profile")]);
    let login = browser.open(&url).await;
    let consent = sign_in_on(&mut browser, &login, ALICE, PASSWORD).await;
    assert!(has_id(&consent, "consent-page"));
    for page in [&login, &consent] {
        assert!(!page.body_contains("<script>alert"), "{}", page.text());
        assert!(page.body_contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.body_contains("<bdi>"), "text direction stays inside the name");
    }
    // The host that gets the answer is told, whatever the name says.
    assert!(consent.words().contains("You return to app.example.com"), "{}", consent.words());
}

/// What was agreed to is not asked again: for this user, this client, this server and these scopes.
async fn consent_is_remembered_per_user_client_server_and_scope(app: TestApp) {
    let mut alice = Browser::new();
    let page = asked(&app, &mut alice, "openid car:drive").await;
    alice.submit(&page.form("consent-form").press("accept")).await;
    assert!(answer(&alice).contains_key("code"));
    asked(&app, &mut alice, "openid car:drive").await;
    assert!(answer(&alice).contains_key("code"), "asked again");
    // Less is covered.
    asked(&app, &mut alice, "openid").await;
    assert!(answer(&alice).contains_key("code"));
    let more = asked(&app, &mut alice, "openid car:drive car:sell").await;
    assert!(has_id(&more, "consent-page"), "another scope");
    alice
        .open(&app.authorize_url(ASKING, &[("scope", "openid car:drive car:sell"), ("prompt", "none")]))
        .await;
    assert_eq!(answer(&alice)["error"], "consent_required");
    let prompted = app.authorize_url(ASKING, &[("scope", "openid car:drive"), ("prompt", "consent")]);
    assert!(has_id(&alice.open(&prompted).await, "consent-page"), "prompt=consent asks always");
    let org = alice.open(&app.authorize_url_at("org", ASKING, &[("scope", "openid")])).await;
    assert!(has_id(&org, "consent-page"), "another server");
    let metadata = serde_json::json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "consent_method": "REQUIRED",
    });
    crate::support::fixtures::client(&app.app, "asking-too", metadata, None).await;
    let other = alice.open(&app.authorize_url("asking-too", &[("scope", "openid car:drive")])).await;
    assert!(has_id(&other, "consent-page"), "another client");
    let mut bob = Browser::new();
    let page = bob.open(&app.authorize_url(ASKING, &[("scope", "openid car:drive")])).await;
    let page = sign_in_on(&mut bob, &page, BOB, PASSWORD).await;
    assert!(has_id(&page, "consent-page"), "another user");
    // In the same browser, too: Bob after Alice.
    let page =
        alice.open(&app.authorize_url(ASKING, &[("scope", "openid car:drive"), ("prompt", "login")])).await;
    let page = sign_in_on(&mut alice, &page, BOB, PASSWORD).await;
    assert!(has_id(&page, "consent-page"), "another user in the same browser");
    assert!(page.words().contains(BOB));
}

/// Core §3.1.2.1 (`select_account`): accounts used in this browser; one with a session goes on at once, one without
/// signs in, one can be taken off the list, another can be added.
async fn the_account_chooser_chooses_removes_and_adds(app: TestApp) {
    let mut browser = Browser::new();
    let select = app.authorize_url(OTHER, &[("prompt", "select_account")]);
    let again = app.authorize_url(WEB, &[("prompt", "login")]);
    app.sign_in(&mut browser, &again, ALICE).await;
    app.sign_in(&mut browser, &again, BOB).await;
    let subject = async |browser: &Browser| {
        let tokens = app
            .token(
                OTHER,
                &[
                    ("grant_type", "authorization_code"),
                    ("code", &answer(browser)["code"]),
                    ("redirect_uri", REDIRECT_URI),
                    ("code_verifier", crate::support::op::VERIFIER),
                ],
            )
            .await
            .json();
        claims(tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")))["sub"].clone()
    };
    let page = browser.open(&select).await;
    assert!(has_id(&page, "account-list"));
    let words = page.words();
    assert!(words.contains(ALICE) && words.contains(BOB) && words.contains("Signed in"), "{words}");
    let ids: Vec<String> = {
        let choices = page.text().split("name=\"choose\" value=\"").skip(1);
        choices.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
    };
    let [bob, alice] = &ids[..] else { panic!("{ids:?}") };
    // With a session: at once.
    browser.submit(&page.form("accounts-form").press(bob)).await;
    assert_eq!(subject(&browser).await, BOB);
    // Without one: the password is asked, the name is there already.
    let page = browser.open(&select).await;
    let login = browser.submit(&page.form("accounts-form").press(alice)).await;
    assert!(has_id(&login, "login-page"));
    assert_eq!(login.form("login-form").field("identifier"), Some(ALICE));
    sign_in_on(&mut browser, &login, ALICE, PASSWORD).await;
    assert_eq!(subject(&browser).await, ALICE);
    // Somebody who is not on the list cannot be chosen.
    let page = browser.open(&select).await;
    let mut form = page.form("accounts-form");
    form = form.smuggle("choose", "00u0000000000000000");
    assert!(has_id(&browser.submit(&form).await, "login-page"));
    // Another account: an empty form.
    let page = browser.open(&select).await;
    let login = browser.submit(&page.form("accounts-form").press("Use another account")).await;
    assert_eq!(login.form("login-form").field("identifier"), Some(""));
    sign_in_on(&mut browser, &login, BOB, PASSWORD).await;
    assert_eq!(subject(&browser).await, BOB);
    // Off the list, and still so on the next visit; the session is no matter of the list.
    let page = browser.open(&select).await;
    let mut form = page.form("accounts-form");
    form = form.smuggle("remove", alice);
    let page = browser.submit(&form).await;
    assert!(has_id(&page, "account-list") && !page.words().contains(ALICE) && page.words().contains(BOB));
    let page = browser.open(&select).await;
    assert!(!page.words().contains(ALICE) && page.words().contains(BOB));
    // An empty list still offers a way on; an installed application's scheme is no obstacle.
    let native = app.authorize_url(
        NATIVE,
        &[("prompt", "select_account"), ("redirect_uri", "com.example.app:/callback")],
    );
    let mut fresh = Browser::new();
    let page = fresh.open(&native).await;
    let login = fresh.submit(&page.form("accounts-form").press("Use another account")).await;
    sign_in_on(&mut fresh, &login, ALICE, PASSWORD).await;
    assert!(fresh.url().as_str().starts_with("com.example.app:/callback?code="), "{}", fresh.url());
}
