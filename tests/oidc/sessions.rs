//! Okta's Sessions API: a browser's own session, by its cookie; and the exchange of a session token by a program.

use http::Method;
use serde_json::{Value, json};
use stepgate::{model::user::UserStatus, store, user::login::LoginKey};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, OKTA, WEB},
    http::{Browser, Response},
    op::answer,
    relying_party::{listen, told},
    session_token::{for_client, for_origin, trust, user_id},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: closing_the_session_of_a_browser_ends_it_and_has_clients_told;
        sqlite:
            the_session_of_a_browser_is_told_as_okta_tells_it,
            without_a_session_there_is_none_to_tell,
            looking_at_a_session_does_not_keep_it_alive_and_refreshing_does,
            a_session_token_is_exchanged_for_a_session_once,
            sec_l01_pages_of_other_origins_change_no_session,
            sec_l06_the_session_is_for_trusted_origins_with_credentials,
    ]
}

const PORTAL: &str = "https://portal.example.com";
const ME: &str = "/api/v1/sessions/me";

/// A browser in which Alice signed in, and its session cookie as a header.
async fn signed_in(app: &TestApp) -> (Browser, String) {
    let mut browser = Browser::new();
    app.code_in(&mut browser, "default", WEB, &[], ALICE).await;
    browser.open(&app.url("/")).await;
    let name = format!("sid_{}", app.app.settings.port());
    let cookie = format!("{name}={}", browser.cookie(&name).unwrap().value);
    (browser, cookie)
}

async fn call(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = app.client().request(method, path);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

async fn lives(app: &TestApp, cookie: &str) -> bool {
    call(app, Method::GET, ME, &[("cookie", cookie)]).await.status == 200
}

/// The members and their forms that Okta's clients check.
async fn the_session_of_a_browser_is_told_as_okta_tells_it(app: TestApp) {
    let (_, cookie) = signed_in(&app).await;
    let response = call(&app, Method::GET, ME, &[("cookie", &cookie)]).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let session = response.json();
    let mut names: Vec<&String> = session.as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "_links",
            "amr",
            "createdAt",
            "expiresAt",
            "id",
            "idp",
            "lastFactorVerification",
            "lastPasswordVerification",
            "login",
            "mfaActive",
            "status",
            "userId"
        ]
    );
    assert_eq!(session["login"], ALICE);
    assert_eq!(session["userId"], user_id(&app, ALICE).await.as_str());
    assert_eq!(session["status"], "ACTIVE");
    assert_eq!(session["amr"], json!(["pwd"]));
    assert_eq!(session["mfaActive"], false);
    assert_eq!(session["lastFactorVerification"], Value::Null);
    assert_eq!(session["idp"]["type"], "OKTA");
    assert!(session["idp"]["id"].as_str().unwrap().starts_with("00o"));
    for name in ["createdAt", "expiresAt", "lastPasswordVerification"] {
        let time = session[name].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{name}: {time}");
    }
    let links = &session["_links"];
    assert_eq!(links["self"]["href"], app.url(ME));
    assert_eq!(links["refresh"]["href"], app.url("/api/v1/sessions/me/lifecycle/refresh"));
    assert_eq!(links["user"]["name"], "Alice Adams");
    // The secret of the cookie is nobody's to read.
    assert!(!response.body_contains(cookie.split_once('=').unwrap().1));
}

/// E0000007, for whatever reason there is none.
async fn without_a_session_there_is_none_to_tell(app: TestApp) {
    let (_, cookie) = signed_in(&app).await;
    let name = cookie.split_once('=').unwrap().0.to_owned();
    let planted = format!("{name}={}", "A".repeat(43));
    let none = |response: &Response| {
        assert_eq!((response.status, &response.json()["errorCode"]), (404, &json!("E0000007")));
    };
    for headers in [vec![], vec![("cookie", planted.as_str())], vec![("authorization", "Bearer x")]] {
        none(&call(&app, Method::GET, ME, &headers).await);
        none(&call(&app, Method::DELETE, ME, &headers).await);
        none(&call(&app, Method::POST, "/api/v1/sessions/me/lifecycle/refresh", &headers).await);
    }
    let tx = app.app.db.begin_write().await.unwrap();
    let key = LoginKey::normalize(ALICE).unwrap();
    let mut alice = store::user::find_by_login_in(&tx, key.as_str()).await.unwrap().unwrap();
    alice.status = UserStatus::Suspended;
    store::user::update(&tx, &alice, key.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    none(&call(&app, Method::GET, ME, &[("cookie", &cookie)]).await);
}

/// Okta: GET does not extend, refresh does; with `Prefer: return=minimal` there is no body (RFC 7240 §4.2).
async fn looking_at_a_session_does_not_keep_it_alive_and_refreshing_does(app: TestApp) {
    let (_, cookie) = signed_in(&app).await;
    let refresh = "/api/v1/sessions/me/lifecycle/refresh";
    let ends = |response: Response| response.json()["expiresAt"].as_str().unwrap().to_owned();
    let before = ends(call(&app, Method::GET, ME, &[("cookie", &cookie)]).await);
    app.clock.advance(3600);
    assert_eq!(ends(call(&app, Method::GET, ME, &[("cookie", &cookie)]).await), before);
    let after = ends(call(&app, Method::POST, refresh, &[("cookie", &cookie)]).await);
    assert!(after > before, "{after} {before}");
    app.clock.advance(5400);
    let preferred = [("cookie", cookie.as_str()), ("prefer", "return=minimal")];
    for (method, path) in [(Method::GET, ME), (Method::POST, refresh)] {
        let minimal = call(&app, method, path, &preferred).await;
        assert_eq!((minimal.status, minimal.body.len()), (204, 0));
        assert_eq!(minimal.header("preference-applied"), Some("return=minimal"));
    }
    app.clock.advance(7201);
    assert!(!lives(&app, &cookie).await);
}

/// 204, the cookies are taken away, nothing opens any more, and clients hear of it.
async fn closing_the_session_of_a_browser_ends_it_and_has_clients_told(app: TestApp) {
    listen(&app, &[WEB], 200).await;
    let (mut browser, cookie) = signed_in(&app).await;
    let closed = call(&app, Method::DELETE, ME, &[("cookie", &cookie), ("origin", &app.issuer)]).await;
    assert_eq!((closed.status, closed.body.len()), (204, 0));
    let removed: Vec<&str> =
        closed.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    assert!(removed.len() == 2 && removed.iter().all(|set| set.contains("Max-Age=0")), "{removed:?}");
    assert!(!lives(&app, &cookie).await);
    browser.open(&app.authorize_url(WEB, &[("prompt", "none")])).await;
    assert_eq!(answer(&browser)["error"], "login_required");
    assert_eq!(told(&app, WEB).await.len(), 1);
    assert!(app.logged("user.session.end", None).await);
}

/// RFC 9700 §4.7: a cookie comes along with whatever any page sends; what changes something says where it is from.
async fn sec_l01_pages_of_other_origins_change_no_session(app: TestApp) {
    trust(&app, PORTAL, &["CORS"]).await;
    trust(&app, "https://redirect.example.com", &["REDIRECT"]).await;
    let (_, cookie) = signed_in(&app).await;
    let refresh = "/api/v1/sessions/me/lifecycle/refresh";
    for from in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "https://portal.example.com.evil.example"),
        ("origin", "http://portal.example.com"),
        // A client's page is not a trusted page.
        ("origin", "https://app.example.com"),
        ("origin", "https://redirect.example.com"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for (method, path) in [(Method::DELETE, ME), (Method::POST, refresh)] {
            let refused = call(&app, method.clone(), path, &[("cookie", &cookie), from]).await;
            let code = refused.json()["errorCode"].clone();
            assert_eq!((refused.status, code), (403, json!("E0000212")), "{method} {from:?}");
        }
        assert!(lives(&app, &cookie).await, "{from:?}");
    }
    for from in [("origin", PORTAL), ("origin", app.issuer.as_str()), ("sec-fetch-site", "same-origin")] {
        let done = call(&app, Method::POST, refresh, &[("cookie", &cookie), from]).await;
        assert_eq!(done.status, 200, "{from:?}");
    }
    let closed = call(&app, Method::DELETE, ME, &[("cookie", &cookie), ("origin", PORTAL)]).await;
    assert_eq!(closed.status, 204);
}

/// Fetch §3.2.5: the exact origin with credentials for trusted origins; for others no header at all.
async fn sec_l06_the_session_is_for_trusted_origins_with_credentials(app: TestApp) {
    trust(&app, PORTAL, &["CORS"]).await;
    let (_, cookie) = signed_in(&app).await;
    let asks = |origin: &'static str| {
        let cookie = cookie.clone();
        let app = &app;
        async move {
            let get = call(app, Method::GET, ME, &[("cookie", &cookie), ("origin", origin)]).await;
            let preflight = [("origin", origin), ("access-control-request-method", "DELETE")];
            (get, call(app, Method::OPTIONS, ME, &preflight).await)
        }
    };
    let (get, preflight) = asks(PORTAL).await;
    for response in [&get, &preflight] {
        assert_eq!(response.header("access-control-allow-origin"), Some(PORTAL));
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
        assert!(response.header("vary").unwrap().contains("Origin"));
    }
    let methods = preflight.header("access-control-allow-methods");
    assert_eq!(methods, Some("GET, POST, DELETE, OPTIONS"));
    for origin in ["https://evil.example", "https://app.example.com", "null"] {
        let (get, preflight) = asks(origin).await;
        for response in [&get, &preflight] {
            assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
            assert_eq!(response.header("access-control-allow-credentials"), None, "{origin}");
        }
    }
    // Elsewhere nothing is with credentials.
    let headers = [("origin", PORTAL)];
    for path in ["/api/v1/sessions", "/oauth2/default/v1/userinfo", "/.well-known/openid-configuration"] {
        let response = call(&app, Method::GET, path, &headers).await;
        assert_eq!(response.header("access-control-allow-credentials"), None, "{path}");
    }
}

/// Okta: 200 with the session, once; every refusal is 401 and the same.
async fn a_session_token_is_exchanged_for_a_session_once(app: TestApp) {
    let token = for_client(&app, ALICE, OKTA).await;
    let exchange = async |token: &str, origin: Option<&str>| {
        let request = app.client().request(Method::POST, "/api/v1/sessions");
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.json(&json!({ "sessionToken": token })).send().await
    };
    let created = exchange(&token, None).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let session = created.json();
    assert_eq!((session["status"].as_str(), session["login"].as_str()), (Some("ACTIVE"), Some(ALICE)));
    let id = session["id"].as_str().unwrap();
    assert!(id.starts_with("102"));
    assert_eq!(session["_links"]["self"]["href"], app.url(&format!("/api/v1/sessions/{id}")));
    assert_eq!(created.header("set-cookie"), None);
    let at_portal = for_origin(&app, ALICE, PORTAL).await;
    for (token, origin) in [
        (token.as_str(), None),
        ("invented", None),
        (at_portal.as_str(), Some("https://evil.example")),
        (for_client(&app, ALICE, OKTA).await.as_str(), Some(PORTAL)),
    ] {
        let refused = exchange(token, origin).await;
        assert_eq!((refused.status, &refused.json()["errorCode"]), (401, &json!("E0000004")), "{origin:?}");
    }
    assert_eq!(exchange(&at_portal, Some(PORTAL)).await.status, 200);
    for body in ["", "{", "[]", "{\"sessionToken\":1}"] {
        let request = app.client().request(Method::POST, "/api/v1/sessions");
        let refused = request.body("application/json", body).send().await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.json()["errorCode"].is_string());
    }
}
