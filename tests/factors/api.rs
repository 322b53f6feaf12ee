//! What all kinds have in common at Okta's Factors API: who may ask, lists, the catalog, refusals.

use http::Method;
use serde_json::{Value, json};
use stepgate::model::api_token::Access;

use crate::support::{
    Test, TestApp,
    factor::refusal,
    fixtures::{ALICE, BOB},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite:
        a_program_that_reads_changes_nothing,
        a_factor_belongs_to_its_user,
        the_catalog_lists_what_policy_offers,
        the_last_used_factor_is_listed_first,
        bodies_that_cannot_be_read_are_refused,
        a_user_is_named_by_id_or_login,
    ]
}

async fn a_program_that_reads_changes_nothing(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let token = app.api_token(Access::Read).await;
    let authenticator = alice.authenticator().await;
    let id = &authenticator.id;
    for path in ["/factors".to_owned(), "/factors/catalog".to_owned(), format!("/factors/{id}")] {
        assert_eq!(app.read(&alice.path(&path), &token).await.status, 200, "{path}");
    }
    let body = json!({"factorType": "token:software:totp", "provider": "OKTA"});
    for path in [
        "/factors".to_owned(),
        format!("/factors/{id}/verify"),
        format!("/factors/{id}/lifecycle/activate"),
        format!("/factors/{id}/resend"),
    ] {
        let refused = app.post(&alice.path(&path), &token, &body).await;
        assert_eq!(refusal(&refused), (403, "E0000006".to_owned()), "{path}");
    }
    let refused = app.ssws(Method::DELETE, &alice.path(&format!("/factors/{id}")), &token).send().await;
    assert_eq!(refusal(&refused), (403, "E0000006".to_owned()));
    assert_eq!(alice.get("/factors").await.json().as_array().unwrap().len(), 1);
    for path in ["/factors", "/factors/catalog"] {
        let nobody = app.client().get(&alice.path(path)).await;
        assert_eq!(refusal(&nobody), (401, "E0000011".to_owned()), "{path}");
    }
}

/// Another user's path does not lead to it.
async fn a_factor_belongs_to_its_user(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let bob = app.factors_of(BOB).await;
    let authenticator = alice.authenticator().await;
    let id = &authenticator.id;
    let missing = (404, "E0000007".to_owned());
    assert_eq!(refusal(&bob.get(&format!("/factors/{id}")).await), missing);
    assert_eq!(refusal(&bob.verify(id, &authenticator.code(&app, 0)).await), missing);
    assert_eq!(refusal(&bob.delete(&format!("/factors/{id}")).await), missing);
    assert_eq!(alice.verify(id, &authenticator.code(&app, 0)).await.status, 200);
    let nobody = app.read("/api/v1/users/00u0000000000000000x/factors", &alice.token).await;
    assert_eq!(refusal(&nobody), missing);
}

/// Okta: computed from policy; `_embedded` holds no lists (Okta's Python client).
async fn the_catalog_lists_what_policy_offers(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let catalog = alice.get("/factors/catalog").await.json();
    let of = |catalog: &Value, factor_type: &str, provider: &str| {
        let entries = catalog.as_array().unwrap();
        entries
            .iter()
            .find(|entry| entry["factorType"] == factor_type && entry["provider"] == provider)
            .cloned()
    };
    for (factor_type, provider) in [
        ("sms", "OKTA"),
        ("call", "OKTA"),
        ("email", "OKTA"),
        ("question", "OKTA"),
        ("token:software:totp", "OKTA"),
        ("token:software:totp", "GOOGLE"),
    ] {
        let entry = of(&catalog, factor_type, provider).unwrap();
        assert_eq!((&entry["status"], &entry["enrollment"]), (&json!("NOT_SETUP"), &json!("OPTIONAL")));
        assert_eq!(entry["_links"]["enroll"]["href"], app.url(&alice.path("/factors")));
        assert!(entry.get("_embedded").is_none());
    }
    // Administrators hand them out.
    assert_eq!(of(&catalog, "token:hotp", "CUSTOM"), None);
    alice.authenticator().await;
    let catalog = alice.get("/factors/catalog").await.json();
    assert_eq!(of(&catalog, "token:software:totp", "GOOGLE").unwrap()["status"], "ACTIVE");
}

async fn the_last_used_factor_is_listed_first(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let authenticator = alice.authenticator().await;
    let profile = json!({ "question": "first_award", "answer": "swimming" });
    let question =
        alice.enroll(&json!({"factorType": "question", "provider": "OKTA", "profile": profile})).await;
    let first = async || alice.get("/factors").await.json()[0]["id"].clone();
    assert_eq!(first().await, authenticator.id.as_str());
    let id = question["id"].as_str().unwrap();
    assert_eq!(
        alice.post(&format!("/factors/{id}/verify"), &json!({ "answer": "swimming" })).await.status,
        200
    );
    assert_eq!(first().await, id);
}

async fn bodies_that_cannot_be_read_are_refused(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    for (content_type, body, code) in [
        ("application/json", "", "E0000003"),
        ("application/json", "{", "E0000003"),
        ("application/json", "[]", "E0000003"),
        // A media type is something else than what is written in it.
        ("text/plain", "{}", "E0000021"),
        ("application/json", r#"{"factorType":"sms","factorType":"call"}"#, "E0000003"),
        ("application/json", "{}", "E0000001"),
        ("application/json", r#"{"factorType":"web","provider":"DUO"}"#, "E0000001"),
        ("application/json", r#"{"factorType":"token:software:totp"}"#, "E0000001"),
        ("application/json", r#"{"factorType":"sms","provider":"OKTA","profile":[]}"#, "E0000001"),
    ] {
        let request = app.ssws(Method::POST, &alice.path("/factors"), &alice.token);
        let refused = request.body(content_type, body).send().await;
        assert_eq!(refusal(&refused), (400, code.to_owned()), "{body}");
    }
    let refused = app.ssws(Method::POST, &alice.path("/factors?activate=perhaps"), &alice.token);
    assert_eq!(refused.json(&json!({})).send().await.status, 400);
    assert!(alice.get("/factors").await.json().as_array().unwrap().is_empty());
}

async fn a_user_is_named_by_id_or_login(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    alice.authenticator().await;
    let listed = app.read("/api/v1/users/alice@example.com/factors", &alice.token).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    // Links name the id all the same.
    assert_eq!(listed[0]["_links"]["user"]["href"], app.url(&alice.path("")));
}
