//! Client certificates as clients meet them (RFC 8705), over real TLS.

use http::Method;
use serde_json::json;

use crate::support::{
    Test, TestApp,
    certificate::{Authority, Issued, client},
    dpop::{TOKEN, USERINFO},
    fixtures::{self, ALICE, REDIRECT_URI, SECRET},
    http::ok,
    op::{claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        oidc_m1_a_certificate_of_an_authority_authenticates,
        oidc_m1_a_registered_certificate_authenticates,
        authorities_are_taken_over_when_their_file_changes,
        oidc_m2_tokens_are_bound_to_the_certificate,
        certificates_are_offered_only_where_they_are_asked_for,
        the_second_host_is_for_clients_only,
    ]
}

const MACHINE_GRANT: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "api")];

/// RFC 8705 §2.1: `client_id` and a certificate with the registered attribute.
async fn oidc_m1_a_certificate_of_an_authority_authenticates(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let metadata = json!({
        "application_type": "service",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "machine.example.com",
    });
    fixtures::client(&app.app, "tls", metadata, None).await;
    let right = authority.issue("machine.example.com");
    let form = [&MACHINE_GRANT[..], &[("client_id", "tls")]].concat();
    ok(&client(&node, &authority, Some(&right)).post_form(TOKEN, &form).await);
    let nameless = client(&node, &authority, Some(&right)).post_form(TOKEN, &MACHINE_GRANT).await;
    assert_eq!((nameless.status, nameless.json()["error"].clone()), (401, json!("invalid_client")));
    for wrong in [None, Some(authority.issue("other.example.com"))] {
        let refused = client(&node, &authority, wrong.as_ref()).post_form(TOKEN, &form).await;
        assert_eq!((refused.status, refused.json()["error"].clone()), (401, json!("invalid_client")));
    }
}

/// RFC 8705 §2.1: authorities come and go; the server goes on. A file that is none changes nothing.
async fn authorities_are_taken_over_when_their_file_changes(app: TestApp) {
    let (first, second) = (Authority::new(), Authority::new());
    let node = app.mtls_node(&first).await;
    let metadata = json!({
        "application_type": "service",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "machine.example.com",
    });
    fixtures::client(&app.app, "tls", metadata, None).await;
    let form = [&MACHINE_GRANT[..], &[("client_id", "tls")]].concat();
    let (of_first, of_second) = (first.issue("machine.example.com"), second.issue("machine.example.com"));
    let status = async |own: &Issued| client(&node, &first, Some(own)).post_form(TOKEN, &form).await.status;
    assert_eq!((status(&of_first).await, status(&of_second).await), (200, 401));

    let authorities = node.app.settings.client_certificates.authorities.clone().unwrap();
    assert!(authorities.replace(b"broken").is_err() && authorities.replace(b"").is_err());
    assert_eq!((status(&of_first).await, status(&of_second).await), (200, 401));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    std::fs::write(&file, first.pem()).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let every = std::time::Duration::from_millis(10);
    let watching = stepgate::server::watch_authorities(file.clone(), authorities, every, stop.clone());
    let watching = tokio::spawn(watching);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while status(&of_second).await != 200 {
        assert!(std::time::Instant::now() < deadline, "the new authorities were not taken over");
        // Written each time: the first time may be before anybody looks.
        std::fs::write(&file, second.pem()).unwrap();
    }
    assert_eq!(status(&of_first).await, 401, "the old ones count no more");
    stop.cancel();
    watching.await.unwrap();
}

/// RFC 8705 §2.2
async fn oidc_m1_a_registered_certificate_authenticates(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let (own, other) = (Issued::by_itself("own"), Issued::by_itself("own"));
    let metadata = json!({
        "application_type": "service",
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": {"keys": [own.jwk()]},
    });
    fixtures::client(&app.app, "tls", metadata, None).await;
    let form = [&MACHINE_GRANT[..], &[("client_id", "tls")]].concat();
    ok(&client(&node, &authority, Some(&own)).post_form(TOKEN, &form).await);
    let refused = client(&node, &authority, Some(&other)).post_form(TOKEN, &form).await;
    assert_eq!((refused.status, refused.json()["error"].clone()), (401, json!("invalid_client")));
}

/// RFC 8705 §3: in the token, at introspection, at the resource.
async fn oidc_m2_tokens_are_bound_to_the_certificate(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "tls_client_certificate_bound_access_tokens": true,
    });
    fixtures::client(&app.app, "bound", metadata, Some(SECRET)).await;
    let (own, other) = (Issued::by_itself("own"), Issued::by_itself("other"));
    let code = app.code("bound", "openid email", ALICE).await;
    let form = code_form(&code);
    let redeem = async |own: Option<&Issued>| {
        let request = client(&node, &authority, own).request(Method::POST, TOKEN);
        request.basic("bound", SECRET).form(&form).send().await
    };
    assert_eq!(redeem(None).await.status, 400);
    let tokens = ok(&redeem(Some(&own)).await);
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(claims(token)["cnf"], json!({"x5t#S256": own.thumbprint()}));
    assert_eq!(app.introspect(token).await["cnf"]["x5t#S256"], own.thumbprint());
    for (presented, status) in [(Some(&own), 200), (Some(&other), 401), (None, 401)] {
        let request = client(&node, &authority, presented).request(Method::GET, USERINFO);
        assert_eq!(request.bearer(token).send().await.status, status);
    }
    // The main listener asks nobody for a certificate.
    assert_eq!(app.userinfo(token).await.status, 401);
}

/// RFC 8705 §3.3, §5
async fn certificates_are_offered_only_where_they_are_asked_for(app: TestApp) {
    const PATH: &str = "/oauth2/default/.well-known/openid-configuration";
    let without = app.client().get(PATH).await.json();
    assert_eq!(without.get("mtls_endpoint_aliases"), None);
    assert_eq!(without.get("tls_client_certificate_bound_access_tokens"), None);
    let methods = without["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(!methods.contains(&json!("tls_client_auth")), "{methods:?}");

    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let request = client(&node, &authority, None).request(Method::GET, PATH);
    let with = request.header("host", app.app.settings.authority()).send().await.json();
    let base = format!("https://localhost:{}", node.address.port());
    assert_eq!(with["mtls_endpoint_aliases"]["token_endpoint"], format!("{base}{TOKEN}"));
    assert_eq!(with["mtls_endpoint_aliases"]["userinfo_endpoint"], format!("{base}{USERINFO}"));
    assert_eq!(with["token_endpoint"], app.url(TOKEN));
    assert_eq!(with["tls_client_certificate_bound_access_tokens"], true);
    let methods = with["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("tls_client_auth")), "{methods:?}");
    assert!(methods.contains(&json!("self_signed_tls_client_auth")), "{methods:?}");
}

/// Pages, cookies and documents have one host.
async fn the_second_host_is_for_clients_only(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let client = client(&node, &authority, None);
    for path in ["/", "/oauth2/default/v1/authorize", "/oauth2/default/.well-known/openid-configuration"] {
        assert_eq!(client.get(path).await.status, 421, "{path}");
    }
    assert_eq!(client.get(USERINFO).await.status, 401);
    let strange = client.request(Method::GET, USERINFO).header("host", "evil.example").send().await;
    assert_eq!(strange.status, 421);
    let main = client.request(Method::GET, "/oauth2/default/.well-known/openid-configuration");
    assert_eq!(main.header("host", app.app.settings.authority()).send().await.status, 200);
}
