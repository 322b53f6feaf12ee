//! Front-Channel Logout 1.0: the frames of the answer to a logout, and how the page moves on.

use serde_json::{Value, json};
use url::Url;

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, OTHER, POST_LOGOUT_REDIRECT_URI, WEB, WEB_POST},
    http::{Browser, Response},
    op::claims,
    relying_party::configure,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: oidc_l5_every_client_of_the_session_gets_a_frame;
        sqlite:
            oidc_d10_front_channel_logout_is_advertised,
            oidc_h3_the_page_moves_on_by_script_by_refresh_and_by_hand,
            oidc_l5_without_a_way_back_the_frames_are_on_the_last_page,
            oidc_l5_without_such_clients_the_redirect_is_direct,
            sec_u06_frames_carry_iss_and_sid_exactly_and_the_policy_names_their_origins_only,
            the_uri_of_a_front_channel_is_at_the_origin_of_a_redirect_uri,
    ]
}

async fn signed_in(app: &TestApp, browser: &mut Browser, client: &str) -> Value {
    let code = app.code_in(browser, "default", client, &[], ALICE).await;
    app.redeem(client, &code).await.json()
}

async fn log_out(app: &TestApp, browser: &mut Browser, tokens: &Value, more: &[(&str, &str)]) -> Response {
    let mut url = Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
    url.query_pairs_mut()
        .append_pair("id_token_hint", tokens["id_token"].as_str().unwrap())
        .extend_pairs(more);
    browser.open(url.as_str()).await
}

const BACK: [(&str, &str); 2] =
    [("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI), ("state", "a \"state\"&more")];

/// The addresses of the frames of a page.
fn frames(page: &Response) -> Vec<Url> {
    let tags = page.text().split("<iframe src=\"").skip(1);
    tags.map(|tag| Url::parse(&tag.split('"').next().unwrap().replace("&amp;", "&")).unwrap()).collect()
}

/// §3: discovery says so, with `iss` and `sid`.
async fn oidc_d10_front_channel_logout_is_advertised(app: TestApp) {
    for path in ["/.well-known/openid-configuration", "/oauth2/default/.well-known/openid-configuration"] {
        let document = app.client().get(path).await.json();
        assert_eq!(document["frontchannel_logout_supported"], true, "{path}");
        assert_eq!(document["frontchannel_logout_session_supported"], true, "{path}");
    }
}

/// §2, §3: one frame for each client that registered a URI and has a part in this session.
async fn oidc_l5_every_client_of_the_session_gets_a_frame(app: TestApp) {
    for client in [WEB, OTHER, WEB_POST] {
        let uri = format!("https://app.example.com/{client}/frontchannel_logout?client={client}");
        configure(&app, client, json!({ "frontchannel_logout_uri": uri })).await;
    }
    let mut browser = Browser::new();
    let tokens = signed_in(&app, &mut browser, WEB).await;
    signed_in(&app, &mut browser, WEB).await;
    signed_in(&app, &mut browser, OTHER).await;
    signed_in(&app, &mut Browser::new(), WEB_POST).await;
    let page = log_out(&app, &mut browser, &tokens, &BACK).await;
    assert_eq!(page.status, 200);
    assert!(page.body_contains("id=\"logging-out-page\""), "{}", page.words());
    let mut paths: Vec<String> = frames(&page).iter().map(|frame| frame.path().to_owned()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/other/frontchannel_logout", "/web/frontchannel_logout"]);
    assert!(page.words().contains("You are signed out"), "{}", page.words());
}

/// §3, §5: the registered query is kept, `iss` and `sid` are added and nothing else; CSP lets these origins be framed.
async fn sec_u06_frames_carry_iss_and_sid_exactly_and_the_policy_names_their_origins_only(app: TestApp) {
    let uri = "https://app.example.com/out?tenant=a%20b&x";
    configure(&app, WEB, json!({ "frontchannel_logout_uri": uri })).await;
    let mut browser = Browser::new();
    let tokens = signed_in(&app, &mut browser, WEB).await;
    let page = log_out(&app, &mut browser, &tokens, &BACK).await;
    let [frame] = &frames(&page)[..] else { panic!("{}", page.text()) };
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    let rest = frame.as_str().strip_prefix(uri).expect("the registered URI as it is");
    let added: Vec<(String, String)> =
        form_urlencoded::parse(rest.trim_start_matches('&').as_bytes()).into_owned().collect();
    let value = |name: &str| id_token[name].as_str().unwrap().to_owned();
    assert_eq!(added, [("iss".to_owned(), value("iss")), ("sid".to_owned(), value("sid"))]);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("; frame-src https://app.example.com"), "{policy}");
    assert!(!policy.contains("frame-src https://app.example.com "), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

/// §3 and the page's own contract: a script of one line, a refresh without script, a link by hand; all to the same place.
async fn oidc_h3_the_page_moves_on_by_script_by_refresh_and_by_hand(app: TestApp) {
    configure(&app, WEB, json!({"frontchannel_logout_uri": "https://app.example.com/out"})).await;
    let mut browser = Browser::new();
    let tokens = signed_in(&app, &mut browser, WEB).await;
    let page = log_out(&app, &mut browser, &tokens, &BACK).await;
    let target = page.link("Continue");
    assert_eq!(target.query_pairs().next().unwrap(), ("state".into(), "a \"state\"&more".into()));
    let address = target.as_str();
    assert!(address.starts_with(POST_LOGOUT_REDIRECT_URI), "{address}");
    assert!(page.body_contains(
        "<meta http-equiv=\"refresh\" content=\"5;url=https://app.example.com/goodbye?state="
    ));
    let script = page.text().split("<script nonce=").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(script.contains("location.replace(u)") && !script.contains("=>"), "{script}");
    assert!(script.contains("https://app.example.com/goodbye?state="), "{script}");
}

/// RP-Initiated Logout §3: nowhere to go; clients are still told.
async fn oidc_l5_without_a_way_back_the_frames_are_on_the_last_page(app: TestApp) {
    configure(&app, WEB, json!({"frontchannel_logout_uri": "https://app.example.com/out"})).await;
    let mut browser = Browser::new();
    let tokens = signed_in(&app, &mut browser, WEB).await;
    let page = log_out(&app, &mut browser, &tokens, &[]).await;
    assert!(page.body_contains("id=\"signed-out-page\""), "{}", page.words());
    assert_eq!(frames(&page).len(), 1);
    assert!(page.header("content-security-policy").unwrap().contains("frame-src https://app.example.com"));
    // Later there is no session to end and nobody to tell.
    let page = log_out(&app, &mut browser, &tokens, &[]).await;
    assert_eq!(frames(&page).len(), 0);
    assert!(!page.header("content-security-policy").unwrap().contains("frame-src"));
}

/// A client without a front channel is not asked to wait.
async fn oidc_l5_without_such_clients_the_redirect_is_direct(app: TestApp) {
    configure(&app, OTHER, json!({"frontchannel_logout_uri": "https://app.example.com/out"})).await;
    let mut browser = Browser::new();
    let tokens = signed_in(&app, &mut browser, WEB).await;
    let answer = log_out(&app, &mut browser, &tokens, &BACK).await;
    assert_eq!(answer.status, 302, "{}", answer.words());
    assert!(browser.url().as_str().starts_with(POST_LOGOUT_REDIRECT_URI));
}

/// §2: scheme, host and port of a registered redirect URI; no fragment.
async fn the_uri_of_a_front_channel_is_at_the_origin_of_a_redirect_uri(_: TestApp) {
    let valid = |uri: &str| {
        let metadata: stepgate::protocol::client_metadata::ClientMetadata = serde_json::from_value(json!({
            "redirect_uris": ["https://app.example.com/callback", "http://localhost:3000/cb"],
            "frontchannel_logout_uri": uri,
        }))
        .unwrap();
        metadata.with_defaults().validate().is_ok()
    };
    for good in ["https://app.example.com/out?x=1", "http://localhost:3000/out"] {
        assert!(valid(good), "{good}");
    }
    for bad in [
        "https://elsewhere.example/out",
        "https://app.example.com:8443/out",
        "http://app.example.com/out",
        "http://localhost:3001/out",
        "https://app.example.com/out#f",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert!(!valid(bad), "{bad}");
    }
}
