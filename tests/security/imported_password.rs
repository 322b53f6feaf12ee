//! Z4: password hashes of other systems, imported with users (Okta `credentials.password.hash`).

use http::Method;
use serde_json::{Value, json};
use stepgate::{model::api_token::Access, store};

use crate::support::{Test, TestApp, http::Response};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: sec_z04_an_imported_password_signs_in_and_is_hashed_anew;
        sqlite:
            sec_z04_what_would_cost_too_much_or_is_no_hash_is_not_imported,
            sec_z04_only_users_who_are_new_or_staged_import_a_password,
            sec_z04_of_two_first_sign_ins_at_once_both_succeed,
    ]
}

const USERS: &str = "/api/v1/users";
/// What the hashes below were made of, by other implementations.
const PASSWORD: &str = "Tlpwnd0s-Xy7";
const SALT: &str = "cm9zZW1hcnktYW5kLXRoeW1l";

fn bcrypt() -> Value {
    json!({
        "algorithm": "BCRYPT", "workFactor": 6, "salt": "rwh3vH66nP9BrJGDSwR6Le",
        "value": "HuaSbaw0n9qmqHDqR0J3PxYS1UFcIpS",
    })
}

fn hashes() -> Vec<Value> {
    vec![
        bcrypt(),
        json!({
            "algorithm": "SHA-512", "salt": SALT, "saltOrder": "PREFIX",
            "value": "KBeoC/dNMYdxmgZ6v6axBTPXZNd4mq8qru/qDkFEIK4RBH9WdGdIvYILz44ncc9brVO/WBKYzn6Qm0slaoNy9Q==",
        }),
        json!({
            "algorithm": "SHA-256", "salt": SALT, "saltOrder": "POSTFIX",
            "value": "o2swScXyC5b4Hkba+ZWS4WY/2KtnHvW3VTHt9hXjhqQ=",
        }),
        json!({"algorithm": "SHA-1", "value": "T5mDHdwJPHntmwcIhxTR1S6Gpfw="}),
        json!({"algorithm": "MD5", "salt": SALT, "saltOrder": "PREFIX", "value": "H7ClfEk4zeklj7JHd0tnOw=="}),
        json!({
            "algorithm": "PBKDF2", "digestAlgorithm": "SHA256_HMAC", "iterationCount": 4096, "keySize": 32,
            "salt": SALT, "value": "bZWcGsw5BRrk0gp6w3QAhW1zRsEZRfDzz5MjWxFFXN4=",
        }),
        json!({
            "algorithm": "PBKDF2", "digestAlgorithm": "SHA512_HMAC", "iterationCount": 4096, "keySize": 64,
            "salt": SALT,
            "value": "SE1Za0MM4vJXBk2X4qq8jOLSMI0WZuPwiEEvAY3LswlhZXGPHpx+V74uIWZDJn+W1fmDATMZuT38XgYHH8Rf+g==",
        }),
    ]
}

fn user(login: &str, hash: &Value) -> Value {
    json!({
        "profile": {"firstName": "I", "lastName": "M", "email": login, "login": login},
        "credentials": {"password": {"hash": hash}},
    })
}

async fn stored(app: &TestApp, login: &str) -> String {
    let user = store::user::find_by_login(&app.app.db, login).await.unwrap().unwrap();
    user.password_hash.unwrap().expose().clone()
}

async fn signs_in(app: &TestApp, login: &str, password: &str) -> bool {
    let answer = app.authn("", &json!({ "username": login, "password": password })).await;
    assert!(matches!(answer.status, 200 | 401), "{}", answer.text());
    answer.status == 200 && answer.json()["status"] == "SUCCESS"
}

/// The right password of the other system opens, no other one does, and after the first sign-in nothing of the other system
/// is left. At rest a foreign hash is never worth less work than ours.
async fn sec_z04_an_imported_password_signs_in_and_is_hashed_anew(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for (n, hash) in hashes().into_iter().enumerate() {
        let login = format!("import{n}@example.com");
        let created = app.post(USERS, &token, &user(&login, &hash)).await;
        assert_eq!(
            (created.status, &created.json()["status"]),
            (200, &json!("ACTIVE")),
            "{}",
            created.text()
        );
        let value = hash["value"].as_str().unwrap();
        assert!(!created.text().contains(value), "what was written is not told");
        let imported = stored(&app, &login).await;
        assert!(imported.contains("$argon2id$") && !imported.contains(value), "{hash}");
        assert!(!signs_in(&app, &login, "Tlpwnd0s-Xy8").await, "{hash}");
        assert!(!signs_in(&app, &login, value).await, "{hash}");
        assert_eq!(stored(&app, &login).await, imported, "a wrong password changes nothing");
        assert!(signs_in(&app, &login, PASSWORD).await, "{hash}");
        let anew = stored(&app, &login).await;
        assert!(anew.starts_with("$argon2id$"), "{anew}");
        assert!(signs_in(&app, &login, PASSWORD).await && !signs_in(&app, &login, value).await, "{hash}");
    }
}

#[track_caller]
fn assert_refused(response: &Response, member: &str) {
    let body = response.json();
    assert_eq!((response.status, &body["errorCode"]), (400, &json!("E0000001")), "{}", response.text());
    let cause = body["errorCauses"][0]["errorSummary"].as_str().unwrap();
    assert!(cause.contains(member), "{member}: {cause}");
}

/// An import must not buy the time of everybody's sign-ins, and what could never be verified is told at once.
async fn sec_z04_what_would_cost_too_much_or_is_no_hash_is_not_imported(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let changed = |member: &str, value: Value| {
        let mut hash = bcrypt();
        hash[member] = value;
        json!({"hash": hash})
    };
    for (password, member) in [
        (changed("workFactor", json!(20)), "workFactor"),
        (changed("workFactor", json!(-1)), "credentials.password.hash"),
        (changed("algorithm", json!("CRYPT")), "credentials.password.hash"),
        (changed("salt", json!("short")), "salt"),
        (changed("value", json!("short")), "value"),
        (changed("value", json!(null)), "credentials.password.hash"),
        (json!({"hash": "$2b$06$x"}), "credentials.password.hash"),
        (json!({"hash": bcrypt(), "value": PASSWORD}), "credentials.password"),
        (json!({"hook": {"type": "default"}}), "credentials.password.hook"),
    ] {
        let mut body = user("refused@example.com", &Value::Null);
        body["credentials"]["password"] = password;
        assert_refused(&app.post(USERS, &token, &body).await, member);
    }
    let unknown = app.read(&format!("{USERS}/refused@example.com"), &token).await;
    assert_eq!(unknown.status, 404);
}

/// Okta: a hash is for users who are created, or staged.
async fn sec_z04_only_users_who_are_new_or_staged_import_a_password(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let without = json!({"profile": user("staged@example.com", &Value::Null)["profile"]});
    let staged = app.post(&format!("{USERS}?activate=false"), &token, &without).await.json();
    let path = format!("{USERS}/{}", staged["id"].as_str().unwrap());
    let hash = json!({"credentials": {"password": {"hash": bcrypt()}}});
    let given = app.post(&path, &token, &hash).await;
    assert_eq!((given.status, &given.json()["status"]), (200, &json!("STAGED")), "{}", given.text());
    assert!(!signs_in(&app, "staged@example.com", PASSWORD).await, "who is staged does not sign in");
    let activated = app.post(&format!("{path}/lifecycle/activate"), &token, &json!({})).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    assert!(signs_in(&app, "staged@example.com", PASSWORD).await);
    for method in [Method::POST, Method::PUT] {
        let mut body = hash.clone();
        body["profile"] = without["profile"].clone();
        let refused = app.ssws(method, &path, &token).json(&body).send().await;
        assert_refused(&refused, "credentials.password.hash");
    }
    let change = json!({"oldPassword": {"value": PASSWORD}, "newPassword": {"hash": bcrypt()}});
    let refused = app.post(&format!("{path}/credentials/change_password"), &token, &change).await;
    assert_refused(&refused, "credentials.password.hash");
    assert!(signs_in(&app, "staged@example.com", PASSWORD).await);
}

/// The first sign-in replaces the hash; another one at the same moment has seen the old one and succeeds all the same.
async fn sec_z04_of_two_first_sign_ins_at_once_both_succeed(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    assert_eq!(app.post(USERS, &token, &user("two@example.com", &bcrypt())).await.status, 200);
    let both = futures_util::future::join_all((0..2).map(|_| signs_in(&app, "two@example.com", PASSWORD)));
    assert_eq!(both.await, [true, true]);
    assert!(stored(&app, "two@example.com").await.starts_with("$argon2id$"));
}
