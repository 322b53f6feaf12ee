//! The pages of the authorization flow, from the first key to the client's callback.

use http::{Method, Response};
use serde_json::json;
use thirtyfour::{By, Key, WebDriver};

use super::{
    RP, at, click, complaints, fill, other_site, page, param, register, relying_party, sign_in, until, value,
};
use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, PASSWORD},
    http::Browser,
    op::{VERIFIER, answer},
    peer::Peer,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        the_keyboard_alone_signs_in,
        a_wrong_password_is_told_as_an_alert,
        consent_is_given_once_and_can_be_refused,
        the_account_chooser_offers_the_account_and_another,
        a_user_who_signs_in_again_is_named,
        form_post_reaches_a_client_of_another_origin,
        a_callback_may_redirect_to_another_origin,
        a_sign_out_target_may_redirect_to_another_origin,
        the_session_cookie_is_seen_when_another_site_links_here,
        back_and_reload_after_sign_in_send_no_password_again,
    ]
}

/// WCAG 2.1.1: everything works by keyboard, in the order of the page.
async fn the_keyboard_alone_signs_in(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    until(&driver, "document.getElementById('login-page')").await;
    let press = async |keys: String| driver.action_chain().send_keys(keys).perform().await.unwrap();
    let tab = || String::from(char::from(Key::Tab));
    while value(&driver, "document.activeElement.id").await != "identifier" {
        press(tab()).await;
    }
    press(ALICE.to_owned()).await;
    press(tab()).await;
    assert_eq!(value(&driver, "document.activeElement.id").await, "password");
    press(PASSWORD.to_owned()).await;
    press(tab()).await;
    assert_eq!(value(&driver, "document.activeElement.id").await, "login-submit");
    press(String::from(char::from(Key::Enter))).await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
    assert_eq!(param(&driver, "state").await.unwrap(), "a-state");
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// ARIA: the message is an alert, the fields say that they are wrong, and the password is not sent back.
async fn a_wrong_password_is_told_as_an_alert(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    fill(&driver, "#identifier", ALICE).await;
    fill(&driver, "#password", "wrong").await;
    click(&driver, "#login-submit").await;
    until(&driver, "document.querySelector('[role=alert]')").await;
    let alert = driver.find(By::Css("[role=alert]")).await.unwrap();
    assert!(alert.is_displayed().await.unwrap());
    assert!(alert.text().await.unwrap().contains("username or password is not correct"));
    assert_eq!(value(&driver, "document.getElementById('identifier').value").await, ALICE);
    assert_eq!(value(&driver, "document.getElementById('password').value").await, "");
    assert_eq!(value(&driver, "document.querySelectorAll('[aria-invalid=true]').length").await, 2);
    sign_in(&driver).await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
}

/// OpenID Connect Core §3.1.2.4: a refusal is `access_denied`; an agreement is remembered.
async fn consent_is_given_once_and_can_be_refused(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({"consent_method": "REQUIRED"})).await;
    let url = app.authorize_url(
        RP,
        &[("redirect_uri", callback.as_str()), ("scope", "openid profile email car:drive car:paint")],
    );
    driver.goto(&url).await.unwrap();
    sign_in(&driver).await;
    until(&driver, "document.getElementById('consent-page')").await;
    click(&driver, "#consent-deny").await;
    at(&driver, &callback).await;
    assert_eq!(param(&driver, "error").await.unwrap(), "access_denied");

    driver.goto(&url).await.unwrap();
    until(&driver, "document.getElementById('consent-page')").await;
    click(&driver, "input[type=checkbox][value='car:paint']").await;
    click(&driver, "#consent-accept").await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
    assert_eq!(complaints(&driver).await, [""; 0]);

    let remembered = app.authorize_url(
        RP,
        &[("redirect_uri", callback.as_str()), ("scope", "openid profile car:drive"), ("prompt", "none")],
    );
    driver.goto(&remembered).await.unwrap();
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());
}

/// OpenID Connect Core §3.1.2.1, `prompt=select_account`.
async fn the_account_chooser_offers_the_account_and_another(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &callback).await;

    let choose = app.authorize_url(RP, &[("redirect_uri", callback.as_str()), ("prompt", "select_account")]);
    driver.goto(&choose).await.unwrap();
    until(&driver, "document.getElementById('account-list')").await;
    let list = driver.find(By::Id("account-list")).await.unwrap();
    assert!(list.text().await.unwrap().contains(ALICE));
    click(&driver, "#account-list button[name=choose]").await;
    at(&driver, &callback).await;
    assert!(param(&driver, "code").await.is_some());

    driver.goto(&choose).await.unwrap();
    until(&driver, "document.getElementById('account-list')").await;
    click(&driver, "#account-other").await;
    until(&driver, "document.getElementById('login-page')").await;
    driver.goto(&choose).await.unwrap();
    click(&driver, "#account-list button[name=remove]").await;
    until(&driver, "!document.querySelector('button[name=remove]')").await;
}

/// OpenID Connect Core §3.1.2.1, `prompt=login` and `max_age`: the page knows who is asked again, unless it is another.
async fn a_user_who_signs_in_again_is_named(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &callback).await;
    app.clock.advance(10);
    for (more, identifier) in [
        ([("prompt", "login"), ("x", "-")], ALICE),
        ([("max_age", "5"), ("x", "-")], ALICE),
        ([("prompt", "login"), ("login_hint", BOB)], BOB),
    ] {
        let mut params = vec![("redirect_uri", callback.as_str())];
        params.extend(more);
        driver.goto(app.authorize_url(RP, &params)).await.unwrap();
        until(&driver, "document.getElementById('login-page')").await;
        assert_eq!(value(&driver, "document.querySelector('h1').innerText").await, "Confirm it’s you");
        assert_eq!(value(&driver, "document.getElementById('identifier').value").await, identifier);
    }
}

/// OAuth 2.0 Form Post Response Mode §2: the parameters arrive as a form, from our origin, and not in an address.
async fn form_post_reaches_a_client_of_another_origin(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = other_site(&peer.url("/callback"));
    register(&app, &[&callback], json!({})).await;
    let url = app.authorize_url(RP, &[("redirect_uri", callback.as_str()), ("response_mode", "form_post")]);
    // Once through the sign-in form, once straight from the session.
    for round in [1, 2] {
        driver.goto(&url).await.unwrap();
        if round == 1 {
            sign_in(&driver).await;
        }
        at(&driver, &callback).await;
        assert_eq!(driver.current_url().await.unwrap(), callback);
        let received = peer.received();
        let posts: Vec<_> = received.iter().filter(|received| received.method == Method::POST).collect();
        assert_eq!(posts.len(), round);
        let post = posts.last().unwrap();
        assert!(post.body.contains("code=") && post.body.contains("state=a-state"), "{}", post.body);
        assert_eq!(post.headers["origin"], app.issuer);
        driver.goto("about:blank").await.unwrap();
    }
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// A client that takes the answer at one origin and shows its pages at another.
async fn two_origins() -> Peer {
    Peer::start(|received| {
        let host = received.headers["host"].to_str().unwrap();
        match super::path(received) {
            "/callback" => Response::builder()
                .status(302)
                .header("location", format!("http://{}/home", host.replace("localhost", "127.0.0.1")))
                .body(String::new())
                .unwrap(),
            _ => page("<h1>Home</h1>"),
        }
    })
    .await
}

/// CSP Level 3 §6.4.1: `form-action` is applied to every redirect that follows a form, also to those of the client.
async fn a_callback_may_redirect_to_another_origin(app: TestApp, driver: WebDriver) {
    let peer = two_origins().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({"consent_method": "REQUIRED"})).await;
    let url = app.authorize_url(RP, &[("redirect_uri", callback.as_str())]);
    driver.goto(&url).await.unwrap();
    sign_in(&driver).await;
    until(&driver, "document.getElementById('consent-page')").await;
    click(&driver, "#consent-accept").await;
    at(&driver, &other_site(&peer.url("/home"))).await;

    let again = app.authorize_url(RP, &[("redirect_uri", callback.as_str()), ("prompt", "login")]);
    driver.goto(&again).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &other_site(&peer.url("/home"))).await;
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// RP-Initiated Logout §2, §3: the same after the confirmation, which is asked for where the hint names another user.
async fn a_sign_out_target_may_redirect_to_another_origin(app: TestApp, driver: WebDriver) {
    let peer = two_origins().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({"post_logout_redirect_uris": [callback.as_str()]})).await;
    let url = app.authorize_url(RP, &[("redirect_uri", callback.as_str())]);
    let mut bob = Browser::new();
    app.sign_in(&mut bob, &url, BOB).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", RP),
        ("code", &answer(&bob)["code"]),
        ("redirect_uri", callback.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let tokens = app.client().post_form("/oauth2/default/v1/token", &form).await.json();

    driver.goto(&url).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &other_site(&peer.url("/home"))).await;
    let mut logout = url::Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
    logout
        .query_pairs_mut()
        .append_pair("id_token_hint", tokens["id_token"].as_str().unwrap())
        .append_pair("post_logout_redirect_uri", callback.as_str());
    driver.goto(logout.as_str()).await.unwrap();
    until(&driver, "document.getElementById('logout-page')").await;
    click(&driver, "#logout-confirm").await;
    at(&driver, &other_site(&peer.url("/home"))).await;
    assert_eq!(complaints(&driver).await, [""; 0]);
}

/// RFC 6265bis §5.2: a `Lax` cookie goes with a link from another site; the session is seen.
async fn the_session_cookie_is_seen_when_another_site_links_here(app: TestApp, driver: WebDriver) {
    let peer = Peer::start(|received| {
        page(
            "<a id=go>Go</a><script>go.href = new URLSearchParams(location.search).get('to') ?? '/'</script>",
        )
        .map(|body| format!("{body}<p>{}", super::path(received)))
    })
    .await;
    let callback = other_site(&peer.url("/callback"));
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &callback).await;
    let first = param(&driver, "code").await.unwrap();

    let silent = app.authorize_url(RP, &[("redirect_uri", callback.as_str()), ("prompt", "none")]);
    let mut start = other_site(&peer.url("/start"));
    start.query_pairs_mut().append_pair("to", &silent);
    driver.goto(start.as_str()).await.unwrap();
    click(&driver, "#go").await;
    at(&driver, &callback).await;
    let second = param(&driver, "code").await.unwrap();
    assert_ne!(first, second);
}

/// RFC 9700 §4.12: after the form comes a GET, so neither the client nor the history ever sees the password.
async fn back_and_reload_after_sign_in_send_no_password_again(app: TestApp, driver: WebDriver) {
    let peer = relying_party().await;
    let callback = peer.url("/callback");
    register(&app, &[&callback], json!({})).await;
    driver.goto(app.authorize_url(RP, &[("redirect_uri", callback.as_str())])).await.unwrap();
    sign_in(&driver).await;
    at(&driver, &callback).await;
    driver.refresh().await.unwrap();
    for received in peer.received() {
        assert_eq!(received.method, Method::GET);
        assert!(!received.target.contains(PASSWORD) && received.body.is_empty());
        if received.headers["sec-fetch-site"] == "cross-site" {
            assert!(!received.headers.contains_key("referer"), "{:?}", received.headers);
        }
    }
    driver.back().await.unwrap();
    // The flow is over: the page says so, and nothing is filled in.
    until(&driver, "document.getElementById('error-page') || document.getElementById('login-page')").await;
    assert_eq!(value(&driver, "document.getElementById('password')?.value ?? ''").await, "");
}
