//! A single-page application on another origin: code, PKCE and `fetch` (Fetch §3.2, cross-origin requests).

use serde_json::json;
use thirtyfour::WebDriver;
use url::Url;

use super::{at, click, other_site, page, register, sign_in, until, value};
use crate::support::{Test, TestApp, fixtures::ALICE, peer::Peer};

pub(crate) fn trials() -> Vec<Test> {
    trials![browser:
        a_single_page_application_fetches_its_tokens,
        an_unknown_origin_cannot_read_an_answer,
    ]
}

/// The application; its issuer is in the query of the first address.
async fn application() -> Peer {
    Peer::start(|_| {
        page(
            "<h1>App</h1><button id=start>Sign in</button><pre id=out></pre><script type=module>
            const params = new URLSearchParams(location.search);
            const issuer = params.get('issuer') ?? sessionStorage.issuer;
            sessionStorage.issuer = issuer;
            const redirectUri = location.origin + '/callback';
            const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
                .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
            const metadata = await (await fetch(issuer + '/.well-known/openid-configuration')).json();
            const keys = (await (await fetch(metadata.jwks_uri)).json()).keys.length;
            const post = (url, form) => fetch(url, { method: 'POST', body: new URLSearchParams(form) });
            document.getElementById('start').onclick = async () => {
                const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
                sessionStorage.verifier = verifier;
                const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
                const url = new URL(metadata.authorization_endpoint);
                url.search = new URLSearchParams({
                    client_id: 'rp', redirect_uri: redirectUri, response_type: 'code', state: 's',
                    scope: 'openid email offline_access', code_challenge: base64url(digest),
                    code_challenge_method: 'S256',
                });
                location = url;
            };
            const out = { keys };
            try {
                if (params.has('code')) {
                    const answer = await post(metadata.token_endpoint, {
                        grant_type: 'authorization_code', code: params.get('code'), client_id: 'rp',
                        redirect_uri: redirectUri, code_verifier: sessionStorage.verifier,
                    });
                    out.status = answer.status;
                    const tokens = await answer.json();
                    out.requestId = answer.headers.get('x-okta-request-id') !== null;
                    const authorization = `Bearer ${tokens.access_token}`;
                    out.userinfo = await (await fetch(metadata.userinfo_endpoint, { headers: { authorization } })).json();
                    const refreshed = await post(metadata.token_endpoint, {
                        grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: 'rp',
                    });
                    out.refreshed = (await refreshed.json()).token_type;
                    const wrong = await fetch(metadata.userinfo_endpoint, { headers: { authorization: 'Bearer x' } });
                    out.challenge = wrong.headers.get('www-authenticate');
                    const revoked = await post(metadata.revocation_endpoint, {
                        token: refreshed.refresh_token ?? tokens.refresh_token, client_id: 'rp',
                    });
                    out.revoked = revoked.status;
                }
            } catch (error) { out.failed = String(error); }
            document.getElementById('out').textContent = JSON.stringify(out);
            </script>",
        )
    })
    .await
}

fn start(origin: &Url, issuer: &str) -> String {
    let mut url = origin.clone();
    url.query_pairs_mut().append_pair("issuer", issuer);
    url.into()
}

/// RFC 6749 §4.1, RFC 7636: metadata, keys, tokens, userinfo and revocation can be fetched from the client's origin.
async fn a_single_page_application_fetches_its_tokens(app: TestApp, driver: WebDriver) {
    let spa = application().await;
    let callback = other_site(&spa.url("/callback"));
    register(&app, &[&callback], json!({})).await;
    driver.goto(start(&other_site(&spa.url("/")), &app.url("/oauth2/default"))).await.unwrap();
    until(&driver, "document.getElementById('out').textContent").await;
    click(&driver, "#start").await;
    sign_in(&driver).await;
    at(&driver, &callback).await;
    until(&driver, "document.getElementById('out').textContent").await;
    let out = value(&driver, "JSON.parse(document.getElementById('out').textContent)").await;
    assert_eq!(out["failed"], json!(null), "{out}");
    assert_eq!(out["userinfo"]["email"], ALICE);
    assert_eq!(out["refreshed"], "Bearer");
    assert_eq!((out["revoked"].as_i64(), out["requestId"].as_bool()), (Some(200), Some(true)), "{out}");
    assert!(out["challenge"].as_str().unwrap().contains("invalid_token"), "{out}");
}

/// Metadata and keys are for everyone; everything else only for origins of registered clients.
async fn an_unknown_origin_cannot_read_an_answer(app: TestApp, driver: WebDriver) {
    let stranger = application().await;
    let callback = stranger.url("/callback");
    register(&app, &[&callback], json!({})).await;
    // The same server under another name is another origin, and not registered.
    let origin = other_site(&stranger.url("/"));
    let mut tokens = origin.join("/callback").unwrap();
    tokens.query_pairs_mut().append_pair("issuer", &app.url("/oauth2/default")).append_pair("code", "x");
    driver.goto(tokens.as_str()).await.unwrap();
    until(&driver, "document.getElementById('out').textContent").await;
    let out = value(&driver, "JSON.parse(document.getElementById('out').textContent)").await;
    assert!(out["keys"].as_i64().unwrap() > 0, "{out}");
    assert!(out["failed"].as_str().unwrap().contains("Failed to fetch"), "{out}");
    assert_eq!(out["status"], json!(null), "{out}");
    // The registered origin may read even a refusal.
    let mut tokens = callback.clone();
    tokens.query_pairs_mut().append_pair("issuer", &app.url("/oauth2/default")).append_pair("code", "x");
    driver.goto(tokens.as_str()).await.unwrap();
    until(&driver, "document.getElementById('out').textContent").await;
    let out = value(&driver, "JSON.parse(document.getElementById('out').textContent)").await;
    assert_eq!(out["status"], 400, "{out}");
}
