//! `question`: something that the user knows.

use serde_json::json;

use crate::support::{Test, TestApp, factor::refusal, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: a_question_is_active_at_once_and_its_answer_is_nowhere;
        sqlite: questions_are_listed_for_everybody, an_answer_is_compared_as_people_remember_it;
    ]
}

/// Okta Factors API; at rest the answer is a hash, sealed.
async fn a_question_is_active_at_once_and_its_answer_is_nowhere(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let profile = json!({ "question": "disliked_food", "answer": "mayonnaise" });
    let enrolled = alice
        .post("/factors", &json!({"factorType": "question", "provider": "OKTA", "profile": profile}))
        .await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    assert!(!enrolled.body_contains("mayonnaise"));
    let enrolled = enrolled.json();
    assert_eq!(enrolled["status"], "ACTIVE");
    assert!(enrolled["id"].as_str().unwrap().starts_with("ufs"));
    assert_eq!(enrolled["profile"]["question"], "disliked_food");
    assert!(enrolled["profile"]["questionText"].is_string());
    assert_eq!(enrolled["_links"]["questions"]["href"], app.url(&alice.path("/factors/questions")));
    let listed = alice.get("/factors").await;
    assert!(!listed.body_contains("mayonnaise") && !listed.body_contains("argon2"));
    for profile in [
        json!({ "question": "disliked_food", "answer": "abc" }),
        json!({ "question": "custom", "answer": "abcd" }),
    ] {
        let body = json!({"factorType": "question", "provider": "OKTA", "profile": profile});
        assert_eq!(refusal(&alice.post("/factors", &body).await), (400, "E0000001".to_owned()));
    }
}

async fn an_answer_is_compared_as_people_remember_it(app: TestApp) {
    let alice = app.factors_of(ALICE).await;
    let profile = json!({ "question": "disliked_food", "answer": "Grüner Käse" });
    let id =
        alice.enroll(&json!({"factorType": "question", "provider": "OKTA", "profile": profile})).await["id"]
            .as_str()
            .unwrap()
            .to_owned();
    let path = format!("/factors/{id}/verify");
    for answer in ["grüner käse", " GRÜNER  KÄSE ", "gru\u{308}ner ka\u{308}se"] {
        let verified = alice.post(&path, &json!({ "answer": answer })).await;
        assert_eq!(verified.json(), json!({ "factorResult": "SUCCESS" }), "{answer}");
    }
    for (body, expected) in [
        (json!({ "answer": "gruener kaese" }), (403, "E0000068")),
        (json!({ "answer": "" }), (403, "E0000068")),
        (json!({ "passCode": "Grüner Käse" }), (403, "E0000068")),
        (json!({}), (400, "E0000001")),
        (json!({ "answer": 1 }), (400, "E0000001")),
        (json!({ "answer": "x".repeat(1025) }), (400, "E0000001")),
    ] {
        assert_eq!(refusal(&alice.post(&path, &body).await), (expected.0, expected.1.to_owned()), "{body}");
    }
}

/// The sign-in widget asks in the middle of a sign-in, with neither token nor session.
async fn questions_are_listed_for_everybody(app: TestApp) {
    let questions = app.client().get("/api/v1/users/me/factors/questions").await;
    assert_eq!(questions.status, 200);
    let questions = questions.json();
    let questions = questions.as_array().unwrap();
    assert_eq!(questions.len(), 20);
    for question in questions {
        assert!(
            question["question"].is_string() && question["questionText"].as_str().unwrap().ends_with('?')
        );
    }
}
