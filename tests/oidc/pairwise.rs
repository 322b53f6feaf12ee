//! Pairwise subjects: OpenID Connect Core §8, Registration §5.

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    client::sector::{self, SectorError},
    model::{
        Status,
        authorization_server::{AccessTokenProfile, Claim, ClaimType, ClaimValue},
    },
    ports::fetch::{FetchError, Fetched},
    protocol::client_metadata::ClientMetadata,
};

use crate::support::{
    Test, TestApp,
    fixtures::{self, ALICE, BOB, POST_LOGOUT_REDIRECT_URI, REDIRECT_URI, SECRET, WEB},
    http::Browser,
    op::{answer, claims, sign_in_on},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            oidc_g5_a_subject_is_stable_and_first_uses_agree,
            sec_k09_a_subject_differs_per_sector_and_from_the_public_one;
        sqlite:
            oidc_g5_a_sector_is_shared_by_its_clients,
            oidc_g5_every_token_names_the_same_subject,
            oidc_g5_a_hint_names_the_user_by_the_subject,
            oidc_g5_the_claims_parameter_names_the_user_by_the_subject,
            oidc_g5_the_subject_of_another_sector_is_nobody,
            oidc_g5_logout_knows_the_subject,
            oidc_g5_the_sector_identifier_uri_lists_every_redirect_uri,
            oidc_g5_metadata_names_both_subject_types,
            sec_k09_no_token_and_no_introspection_names_the_user_otherwise,
            sec_k09_a_custom_subject_does_not_name_the_user;
        plain: oidc_g5_several_hosts_need_a_sector_identifier_uri;
    ]
}

/// A client with pairwise subjects in a sector of its own.
async fn client(app: &TestApp, id: &str, sector: &str, more: Value) {
    let mut metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [POST_LOGOUT_REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "subject_type": "pairwise",
        "sector_identifier_uri": format!("https://{sector}/list.json"),
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixtures::client(&app.app, id, metadata, Some(SECRET)).await;
}

fn subject(tokens: &Value) -> String {
    claims(tokens["id_token"].as_str().unwrap())["sub"].as_str().unwrap().to_owned()
}

async fn subject_for(app: &TestApp, client: &str, login: &str) -> String {
    subject(&app.tokens(client, "openid", login).await)
}

/// Core §8.1: the same `sub` for ever, also when the first uses happen at the same moment.
async fn oidc_g5_a_subject_is_stable_and_first_uses_agree(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(app.code("a", "openid", ALICE).await);
    }
    let user = {
        let key = stepgate::user::login::LoginKey::normalize(ALICE).unwrap();
        stepgate::store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap().id
    };
    client(&app, "b", "two.example", json!({})).await;
    let b = app.app.clients.find(&app.app.db, &stepgate::id::ClientId::new("b")).await.unwrap().unwrap();
    let first_uses = (0..8).map(|_| stepgate::claims::subject::of(&app.app, &b, &user));
    let first_uses = futures_util::future::join_all(first_uses).await;
    let subjects: std::collections::BTreeSet<String> =
        first_uses.into_iter().map(|subject| subject.unwrap()).collect();
    assert_eq!(subjects.len(), 1);
    let mut seen = std::collections::BTreeSet::new();
    for code in codes {
        seen.insert(subject(&app.redeem("a", &code).await.json()));
    }
    assert_eq!(seen.len(), 1);
    assert!(seen.is_disjoint(&subjects));
}

/// Core §8.1: unlinkable between sectors, and not the public subject. At most 255 ASCII characters (§2).
async fn sec_k09_a_subject_differs_per_sector_and_from_the_public_one(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    client(&app, "b", "two.example", json!({})).await;
    let mut seen = std::collections::BTreeSet::new();
    for (client, login) in [("a", ALICE), ("a", BOB), ("b", ALICE), ("b", BOB), (WEB, ALICE), (WEB, BOB)] {
        let subject = subject_for(&app, client, login).await;
        assert!(subject.is_ascii() && subject.len() <= 255);
        assert!(seen.insert(subject), "{client} {login}");
    }
}

/// Core §8.1: the host of the `sector_identifier_uri`, else of the redirect URIs.
async fn oidc_g5_a_sector_is_shared_by_its_clients(app: TestApp) {
    client(&app, "a", "app.example.com", json!({})).await;
    client(&app, "b", "app.example.com", json!({})).await;
    client(&app, "c", "x", json!({"sector_identifier_uri": null})).await;
    let a = subject_for(&app, "a", ALICE).await;
    assert_eq!(a, subject_for(&app, "b", ALICE).await);
    assert_eq!(a, subject_for(&app, "c", ALICE).await);
}

/// Core §5.3.2: userinfo equals the ID token; RFC 9068 §2.2, RFC 7662 §2.2: so do access tokens and introspection.
async fn oidc_g5_every_token_names_the_same_subject(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    for profile in [AccessTokenProfile::Okta, AccessTokenProfile::Rfc9068] {
        set_profile(&app, profile).await;
        let tokens = app.tokens("a", "openid offline_access", ALICE).await;
        let sub = subject(&tokens);
        let access_token = tokens["access_token"].as_str().unwrap();
        assert_eq!(claims(access_token)["sub"], sub);
        assert_eq!(app.userinfo(access_token).await.json()["sub"], sub);
        for token in ["access_token", "id_token", "refresh_token"] {
            let told = app.introspect(tokens[token].as_str().unwrap()).await;
            assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(sub)), "{token}: {told}");
        }
        let refreshed = app.refresh("a", tokens["refresh_token"].as_str().unwrap()).await.json();
        assert_eq!(subject(&refreshed), sub);
    }
}

async fn set_profile(app: &TestApp, profile: AccessTokenProfile) {
    let tx = app.app.db.begin_write().await.unwrap();
    let id = stepgate::id::AuthorizationServerId::new("default");
    let mut server = stepgate::store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    server.access_token_profile = profile;
    stepgate::store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// Where a browser with Alice's session ends, asked silently.
async fn silently(app: &TestApp, client: &str, more: &[(&str, &str)]) -> Option<String> {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(WEB, &[]), ALICE).await;
    browser.open(&app.authorize_url(client, &[more, &[("prompt", "none")]].concat())).await;
    answer(&browser).remove("error")
}

/// Core §3.1.2.2, §8.1.
async fn oidc_g5_a_hint_names_the_user_by_the_subject(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    let alice = app.tokens("a", "openid", ALICE).await["id_token"].as_str().unwrap().to_owned();
    let bob = app.tokens("a", "openid", BOB).await["id_token"].as_str().unwrap().to_owned();
    assert_eq!(silently(&app, "a", &[("id_token_hint", &alice)]).await, None);
    assert_eq!(silently(&app, "a", &[("id_token_hint", &bob)]).await.as_deref(), Some("login_required"));
    // Bob signs in where he was hinted.
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url("a", &[("id_token_hint", &bob)])).await;
    sign_in_on(&mut browser, &page, BOB, fixtures::PASSWORD).await;
    assert!(answer(&browser).contains_key("code"));
    let mut browser = Browser::new();
    let page = browser.open(&app.authorize_url("a", &[("id_token_hint", &bob)])).await;
    sign_in_on(&mut browser, &page, ALICE, fixtures::PASSWORD).await;
    assert_eq!(answer(&browser)["error"], "login_required");
}

/// Core §5.5.1.
async fn oidc_g5_the_claims_parameter_names_the_user_by_the_subject(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    let asked = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let alice = asked(&subject_for(&app, "a", ALICE).await);
    assert_eq!(silently(&app, "a", &[("claims", &alice)]).await, None);
    // The public subject is none of the client's.
    let public = asked(&subject_for(&app, WEB, ALICE).await);
    assert_eq!(silently(&app, "a", &[("claims", &public)]).await.as_deref(), Some("login_required"));
}

/// Core §8.1: what another sector calls the user means nothing here.
async fn oidc_g5_the_subject_of_another_sector_is_nobody(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    client(&app, "b", "two.example", json!({})).await;
    let foreign = subject_for(&app, "b", ALICE).await;
    let asked = json!({"userinfo": {"sub": {"value": foreign}}}).to_string();
    for client in ["a", WEB] {
        assert_eq!(silently(&app, client, &[("claims", &asked)]).await.as_deref(), Some("login_required"));
    }
}

/// RP-Initiated Logout §2: the hint proves whose session is meant.
async fn oidc_g5_logout_knows_the_subject(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    for (hinted, asked) in [(ALICE, false), (BOB, true)] {
        let hint = app.tokens("a", "openid", hinted).await["id_token"].as_str().unwrap().to_owned();
        let mut browser = Browser::new();
        app.sign_in(&mut browser, &app.authorize_url("a", &[]), ALICE).await;
        let mut url = url::Url::parse(&app.url("/oauth2/default/v1/logout")).unwrap();
        url.query_pairs_mut()
            .append_pair("id_token_hint", &hint)
            .append_pair("post_logout_redirect_uri", POST_LOGOUT_REDIRECT_URI);
        let page = browser.open(url.as_str()).await;
        assert_eq!(browser.url().as_str() == POST_LOGOUT_REDIRECT_URI, !asked, "{}", page.words());
    }
}

/// Registration §5: fetched once, a JSON array that contains every redirect URI.
async fn oidc_g5_the_sector_identifier_uri_lists_every_redirect_uri(app: TestApp) {
    let uri = "https://sector.example/list.json";
    let metadata = ClientMetadata {
        redirect_uris: vec!["https://a.example/cb".to_owned(), "https://b.example/cb".to_owned()],
        sector_identifier_uri: Some(uri.to_owned()),
        ..ClientMetadata::default()
    };
    let answers = |status, body: &str| Ok(Fetched { status, content_type: None, body: body.into() });
    let all = r#"["https://b.example/cb","https://x.example/","https://a.example/cb"]"#;
    for (answer, expected) in [
        (answers(200, all), Ok(())),
        (answers(200, r#"["https://a.example/cb"]"#), Err(SectorError::NotListed)),
        (answers(200, r#"["https://a.example/cb","https://b.example/cb/"]"#), Err(SectorError::NotListed)),
        (answers(200, "[]"), Err(SectorError::NotListed)),
        (answers(200, "{}"), Err(SectorError::Malformed)),
        (answers(200, "[1]"), Err(SectorError::Malformed)),
        (answers(200, "<html>"), Err(SectorError::Malformed)),
        (answers(404, all), Err(SectorError::Unreachable)),
        (answers(302, all), Err(SectorError::Unreachable)),
        (Err(FetchError::Timeout), Err(SectorError::Unreachable)),
        (Err(FetchError::TooLarge), Err(SectorError::Unreachable)),
    ] {
        app.fetch.answer(uri, answer.clone());
        assert_eq!(sector::verify(&app.app, &metadata).await, expected, "{answer:?}");
    }
    let without = ClientMetadata { sector_identifier_uri: None, ..metadata };
    assert_eq!(sector::verify(&app.app, &without).await, Ok(()));
}

/// Core §8.1: "If there are multiple hostnames … the Client MUST register a sector_identifier_uri".
fn oidc_g5_several_hosts_need_a_sector_identifier_uri() {
    let check = |uris: &[&str], sector: Option<&str>| {
        let metadata = json!({
            "redirect_uris": uris, "subject_type": "pairwise", "sector_identifier_uri": sector,
        });
        serde_json::from_value::<ClientMetadata>(metadata).unwrap().with_defaults().validate()
    };
    let two = ["https://a.example/cb", "https://b.example/cb"];
    assert_eq!(check(&two[..1], None), Ok(()));
    assert_eq!(check(&two, None).unwrap_err().member, "subject_type");
    assert_eq!(check(&two, Some("https://a.example/list.json")), Ok(()));
    // Registration §2: https.
    let plain = check(&two, Some("http://a.example/list.json"));
    assert_eq!(plain.unwrap_err().member, "sector_identifier_uri");
}

/// Discovery §3.
async fn oidc_g5_metadata_names_both_subject_types(app: TestApp) {
    let metadata = app.client().get("/oauth2/default/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["subject_types_supported"], json!(["public", "pairwise"]));
}

/// Core §8.1: neither `uid`, nor the login, nor `username` says who it is.
async fn sec_k09_no_token_and_no_introspection_names_the_user_otherwise(app: TestApp) {
    client(&app, "a", "one.example", json!({"profile": "okta_compat"})).await;
    let public = app.tokens(WEB, "openid", ALICE).await;
    let uid = subject(&public);
    assert_eq!(claims(public["access_token"].as_str().unwrap())["uid"], uid);
    let tokens = app.tokens("a", "openid offline_access", ALICE).await;
    let mut said = Vec::new();
    for token in ["access_token", "id_token"] {
        said.push(claims(tokens[token].as_str().unwrap()));
    }
    for token in ["access_token", "id_token", "refresh_token"] {
        let token = tokens[token].as_str().unwrap();
        said.push(app.introspect(token).await);
        let own = app
            .client()
            .request(Method::POST, "/oauth2/default/v1/introspect")
            .basic("a", SECRET)
            .form(&[("token", token)]);
        said.push(own.send().await.json());
    }
    for told in said {
        let text = told.to_string();
        assert!(!text.contains(&uid) && !text.contains(ALICE), "{text}");
        assert!(told.get("uid").is_none() && told.get("username").is_none(), "{text}");
    }
}

/// A `sub` that an administrator gives to access tokens does not undo what the client was registered for.
async fn sec_k09_a_custom_subject_does_not_name_the_user(app: TestApp) {
    client(&app, "a", "one.example", json!({})).await;
    let claim = Claim {
        id: stepgate::id::ClaimId::generate(app.app.random.as_ref()),
        name: "sub".to_owned(),
        claim_type: ClaimType::Resource,
        value: ClaimValue::Attribute("email".to_owned()),
        always_include: true,
        scopes: vec![],
        status: Status::Active,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    let id = stepgate::id::AuthorizationServerId::new("default");
    stepgate::store::server::upsert_claim(&tx, &id, &claim).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
    let public = app.tokens(WEB, "openid", ALICE).await;
    assert_eq!(claims(public["access_token"].as_str().unwrap())["sub"], ALICE);
    let tokens = app.tokens("a", "openid", ALICE).await;
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["sub"], subject(&tokens));
}
