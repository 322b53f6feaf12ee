//! Client certificates under attack (RFC 8705): forged headers, other subjects, other certificates.

use http::{HeaderName, Method};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType};
use serde_json::{Value, json};
use stepgate::{protocol::client_certificate::CertificateEncoding, server::CertificateHeader};

use crate::support::{
    Test, TestApp,
    app::Node,
    certificate::{Authority, Issued, client},
    dpop::{TOKEN, USERINFO},
    fixtures::{self, ALICE, MACHINE, REDIRECT_URI, SECRET, WEB},
    http::{Client, Response, ok},
    op::{claims, code_form},
};

use super::assert_refused;

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        sec_d11_a_refresh_token_bound_to_a_certificate_is_not_spent_without_it,
        sec_e01_a_certificate_is_a_method_like_any_other,
        sec_e02_a_certificate_beside_a_secret_replaces_nothing,
        sec_i01_a_forwarded_certificate_counts_from_the_trusted_proxy_only,
        sec_i01_a_malformed_forwarded_certificate_is_401,
        sec_i02_one_attribute_of_the_leaf_decides,
        sec_i02_an_untrusted_expired_or_misused_certificate_is_401,
        sec_i03_a_registered_certificate_and_no_other,
        sec_i03_a_jwks_uri_is_asked_again_for_an_unknown_certificate,
        sec_i04_a_bound_token_needs_its_certificate,
    ]
}

const TLS: &str = "tls";
const FORM: [(&str, &str); 3] = [("grant_type", "client_credentials"), ("scope", "api"), ("client_id", TLS)];

async fn register(app: &TestApp, method: &str, more: Value) {
    let mut metadata = json!({"application_type": "service", "token_endpoint_auth_method": method});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, TLS, metadata, None).await;
}

async fn token(node: &Node, authority: &Authority, own: &Issued) -> Response {
    client(node, authority, Some(own)).post_form(TOKEN, &FORM).await
}

/// RFC 8705 §4: refresh tokens of public clients are bound to the certificate.
async fn sec_d11_a_refresh_token_bound_to_a_certificate_is_not_spent_without_it(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let metadata = json!({
        "application_type": "native",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "tls_client_certificate_bound_access_tokens": true,
    });
    fixtures::client(&app.app, "installed", metadata, None).await;
    let (own, other) = (Issued::by_itself("own"), Issued::by_itself("other"));
    let ask = async |own: Option<&Issued>, form: &[(&str, &str)]| {
        let form = [form, &[("client_id", "installed")]].concat();
        client(&node, &authority, own).post_form(TOKEN, &form).await
    };
    let code = app.code("installed", "openid offline_access", ALICE).await;
    let form = code_form(&code);
    assert_refused(&ask(None, &form).await, 400, "invalid_grant");
    let tokens = ok(&ask(Some(&own), &form).await);
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    for thief in [None, Some(&other)] {
        assert_refused(&ask(thief, &form).await, 400, "invalid_grant");
        // Past the leeway, had it been spent.
        app.clock.advance(120);
    }
    let next = ok(&ask(Some(&own), &form).await);
    assert_eq!(claims(next["access_token"].as_str().unwrap())["cnf"]["x5t#S256"], own.thumbprint());
}

/// RFC 8705 §2: a certificate counts for clients that are registered so, and nothing else counts for them.
async fn sec_e01_a_certificate_is_a_method_like_any_other(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let own = authority.issue("machine.example.com");
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": "machine.example.com"})).await;
    ok(&token(&node, &authority, &own).await);
    // A client with a secret is not authenticated by a certificate.
    let form = [("grant_type", "client_credentials"), ("scope", "api"), ("client_id", MACHINE)];
    let refused = client(&node, &authority, Some(&own)).post_form(TOKEN, &form).await;
    assert_refused(&refused, 401, "invalid_client");
    // Nor this client by a secret.
    let request = client(&node, &authority, Some(&own)).request(Method::POST, TOKEN);
    let refused = request.basic(TLS, SECRET).form(&FORM[..2]).send().await;
    assert_refused(&refused, 401, "invalid_client");
    // Nor by a certificate of the other kind.
    register(&app, "self_signed_tls_client_auth", json!({"jwks": {"keys": [Issued::by_itself("x").jwk()]}}))
        .await;
    node.app.forget_configuration();
    assert_refused(&token(&node, &authority, &own).await, 401, "invalid_client");
}

/// A certificate may go with other credentials to bind tokens, but a right one does not heal wrong credentials.
async fn sec_e02_a_certificate_beside_a_secret_replaces_nothing(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let own = authority.issue("machine.example.com");
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": "machine.example.com"})).await;
    let form = [&FORM[..], &[("client_secret", "wrong-secret-of-some-length")]].concat();
    let refused = client(&node, &authority, Some(&own)).post_form(TOKEN, &form).await;
    assert_refused(&refused, 401, "invalid_client");
    let request = client(&node, &authority, Some(&own)).request(Method::POST, TOKEN);
    ok(&request.basic(MACHINE, SECRET).form(&FORM[..2]).send().await);
}

fn escaped(pem: &str) -> String {
    pem.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn header() -> CertificateHeader {
    CertificateHeader { name: HeaderName::from_static("x-client-cert"), encoding: CertificateEncoding::Pem }
}

async fn forwarded(app: &TestApp, node: &Node, value: &str) -> Response {
    let request = Client::new(&format!("http://{}", node.address)).request(Method::POST, TOKEN);
    let request = request.header("host", app.app.settings.authority()).header("x-client-cert", value);
    request.form(&FORM).send().await
}

/// RFC 9440 §4: anybody can send a header.
async fn sec_i01_a_forwarded_certificate_counts_from_the_trusted_proxy_only(app: TestApp) {
    let authority = Authority::new();
    let own = authority.issue("machine.example.com");
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": "machine.example.com"})).await;
    let value = escaped(&own.certificate);
    let trusting = app.proxied_node(&authority, header(), &["127.0.0.0/8"]).await;
    ok(&forwarded(&app, &trusting, &value).await);
    let other = escaped(&authority.issue("other.example.com").certificate);
    assert_refused(&forwarded(&app, &trusting, &other).await, 401, "invalid_client");
    assert_refused(&forwarded(&app, &trusting, "").await, 401, "invalid_client");
    let elsewhere = app.proxied_node(&authority, header(), &["203.0.113.0/24"]).await;
    assert_refused(&forwarded(&app, &elsewhere, &value).await, 401, "invalid_client");
    // The node of the fixtures knows of no such header.
    let request = app.client().request(Method::POST, TOKEN).header("x-client-cert", &value);
    assert_refused(&request.form(&FORM).send().await, 401, "invalid_client");
}

async fn sec_i01_a_malformed_forwarded_certificate_is_401(app: TestApp) {
    let authority = Authority::new();
    let own = authority.issue("machine.example.com");
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": "machine.example.com"})).await;
    let node = app.proxied_node(&authority, header(), &["127.0.0.0/8"]).await;
    let pem = escaped(&own.certificate);
    for value in ["garbage", "%", pem.get(..pem.len() - 90).unwrap()] {
        assert_refused(&forwarded(&app, &node, value).await, 401, "invalid_client");
    }
    // Also where the certificate would not have mattered.
    let request = Client::new(&format!("http://{}", node.address)).request(Method::POST, TOKEN);
    let request = request.header("host", app.app.settings.authority()).header("x-client-cert", "garbage");
    assert_refused(&request.basic(MACHINE, SECRET).form(&FORM[..2]).send().await, 401, "invalid_client");
    let request = Client::new(&format!("http://{}", node.address)).request(Method::GET, USERINFO);
    let request = request.header("host", app.app.settings.authority()).header("x-client-cert", "garbage");
    assert_eq!(request.bearer("token").send().await.status, 401);
}

/// RFC 8705 §2.1.2: exactly the registered attribute, of the client's own certificate.
async fn sec_i02_one_attribute_of_the_leaf_decides(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
    params.distinguished_name.push(DnType::CommonName, "machine");
    params.subject_alt_names = vec![
        SanType::DnsName("machine.example.com".try_into().unwrap()),
        SanType::URI("https://machine.example.com/one".try_into().unwrap()),
        SanType::Rfc822Name("machine@example.com".try_into().unwrap()),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ];
    let own = authority.sign(&params);
    // The common name of the default is the first attribute that was pushed.
    let cases = [
        ("tls_client_auth_subject_dn", r"O=Example\, Inc.,C=DE,CN=machine", true),
        ("tls_client_auth_subject_dn", r"CN=machine,C=DE,O=Example\, Inc.", false),
        ("tls_client_auth_subject_dn", r"CN=machine", false),
        ("tls_client_auth_subject_dn", r"O=Example\, Inc.,C=DE,CN=Machine", false),
        ("tls_client_auth_san_dns", "machine.example.com", true),
        ("tls_client_auth_san_dns", "MACHINE.example.com", true),
        ("tls_client_auth_san_dns", "example.com", false),
        ("tls_client_auth_san_dns", "machine", false),
        ("tls_client_auth_san_dns", "https://machine.example.com/one", false),
        ("tls_client_auth_san_uri", "https://machine.example.com/one", true),
        ("tls_client_auth_san_uri", "https://machine.example.com/", false),
        ("tls_client_auth_san_email", "machine@example.com", true),
        ("tls_client_auth_san_email", "other@example.com", false),
        ("tls_client_auth_san_ip", "192.0.2.1", true),
        ("tls_client_auth_san_ip", "2001:DB8:0::1", true),
        ("tls_client_auth_san_ip", "192.0.2.10", false),
    ];
    for (member, value, accepted) in cases {
        register(&app, "tls_client_auth", json!({member: value})).await;
        node.app.forget_configuration();
        let response = token(&node, &authority, &own).await;
        assert_eq!(response.status == 200, accepted, "{member} {value}: {}", response.text());
        // Failures of one client and address are counted by the minute.
        app.clock.advance(60);
    }
    // A right subject further up the chain is of no use (CVE-2023-2422).
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": "machine.example.com"})).await;
    node.app.forget_configuration();
    let mut chained = authority.issue("other.example.com");
    chained.certificate.push_str(&own.certificate);
    assert_refused(&token(&node, &authority, &chained).await, 401, "invalid_client");
}

/// RFC 5280 §6, §4.2.1.12
async fn sec_i02_an_untrusted_expired_or_misused_certificate_is_401(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    const NAME: &str = "machine.example.com";
    register(&app, "tls_client_auth", json!({"tls_client_auth_san_dns": NAME})).await;
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        change(&mut params);
        authority.sign(&params)
    };
    let now = app.app.now();
    let day = time::Duration::DAY;
    for good in [
        with(&|_| {}),
        with(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        with(&|params| (params.not_before, params.not_after) = (now - day, now + day)),
    ] {
        ok(&token(&node, &authority, &good).await);
    }
    for (what, bad) in [
        ("a stranger's", Authority::new().issue(NAME)),
        ("self-signed", Issued::by_itself(NAME)),
        ("expired", with(&|params| (params.not_before, params.not_after) = (now - 2 * day, now - day))),
        ("not yet valid", with(&|params| (params.not_before, params.not_after) = (now + day, now + 2 * day))),
        (
            "for servers",
            with(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
    ] {
        let response = token(&node, &authority, &bad).await;
        assert_eq!(response.status, 401, "{what}: {}", response.text());
        app.clock.advance(60);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("certificate_untrusted")).await);
}

/// RFC 8705 §2.2: by the certificate itself (`x5c`, `x5t#S256`) or by its key.
async fn sec_i03_a_registered_certificate_and_no_other(app: TestApp) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let (own, other) = (Issued::by_itself("own"), Issued::by_itself("own"));
    let with = |name: &str, value: Value| {
        let mut jwk = own.jwk();
        jwk[name] = value;
        jwk
    };
    for (jwk, accepted) in [
        (own.jwk(), true),
        (with("x5c", json!([STANDARD.encode(own.der())])), true),
        (with("x5t#S256", json!(own.thumbprint())), true),
        // The key is right, but another certificate is registered.
        (with("x5c", json!([STANDARD.encode(other.der())])), false),
        (with("x5t#S256", json!(other.thumbprint())), false),
        (other.jwk(), false),
    ] {
        register(&app, "self_signed_tls_client_auth", json!({"jwks": {"keys": [jwk]}})).await;
        node.app.forget_configuration();
        let response = token(&node, &authority, &own).await;
        assert_eq!(response.status == 200, accepted, "{jwk}: {}", response.text());
        app.clock.advance(60);
    }
    assert!(app.logged("app.oauth2.invalid_client_credentials", Some("certificate_unregistered")).await);
}

/// RFC 8705 §2.2.2: a client changes its certificate where its keys are.
async fn sec_i03_a_jwks_uri_is_asked_again_for_an_unknown_certificate(app: TestApp) {
    const URI: &str = "https://rp.example.com/jwks";
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let (old, new) = (Issued::by_itself("old"), Issued::by_itself("new"));
    register(&app, "self_signed_tls_client_auth", json!({"jwks_uri": URI})).await;
    let publish = |own: &Issued| app.fetch.put(URI, json!({"keys": [own.jwk()]}).to_string());
    publish(&old);
    ok(&token(&node, &authority, &old).await);
    assert_refused(&token(&node, &authority, &new).await, 401, "invalid_client");
    publish(&new);
    app.clock.advance(60);
    ok(&token(&node, &authority, &new).await);
    assert_refused(&token(&node, &authority, &old).await, 401, "invalid_client");
}

/// RFC 8705 §3
async fn sec_i04_a_bound_token_needs_its_certificate(app: TestApp) {
    let authority = Authority::new();
    let node = app.mtls_node(&authority).await;
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "tls_client_certificate_bound_access_tokens": true,
    });
    fixtures::client(&app.app, "bound", metadata, Some(SECRET)).await;
    let (own, other) = (Issued::by_itself("own"), Issued::by_itself("other"));
    let ask = async |own: Option<&Issued>, form: &[(&str, &str)]| {
        let request = client(&node, &authority, own).request(Method::POST, TOKEN);
        request.basic("bound", SECRET).form(form).send().await
    };
    let code = app.code("bound", "openid offline_access", ALICE).await;
    let form = code_form(&code);
    assert_refused(&ask(None, &form).await, 400, "invalid_grant");
    let tokens = ok(&ask(Some(&own), &form).await);
    let token = tokens["access_token"].as_str().unwrap();
    for (presented, status) in [(Some(&other), 401), (None, 401), (Some(&own), 200)] {
        let request = client(&node, &authority, presented).request(Method::GET, USERINFO);
        assert_eq!(request.bearer(token).send().await.status, status);
    }
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_refused(&ask(None, &form).await, 400, "invalid_grant");
    // A client that authenticates may change its certificate (RFC 8705 §4).
    let next = ok(&ask(Some(&other), &form).await);
    assert_eq!(claims(next["access_token"].as_str().unwrap())["cnf"]["x5t#S256"], other.thumbprint());
    // Tokens of clients without the setting are bearer tokens, whatever the connection shows.
    let request = client(&node, &authority, Some(&own)).request(Method::POST, TOKEN);
    let unbound = request.basic(WEB, SECRET).form(&FORM[..2]).send().await;
    assert_eq!(claims(ok(&unbound)["access_token"].as_str().unwrap()).get("cnf"), None);
}
