//! API tokens: who may call with one, and how long it lives.

use http::Method;
use serde_json::json;
use stepgate::{model::api_token::Access, store, syslog::Caller, user::administration::Edit};

use crate::support::{
    Test, TestApp,
    api_token::{ADMIN, assert_error},
    fixtures::{self, ALICE, BOB, MACHINE, SECRET},
    http::{Client, Response},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_y07_a_token_dies_with_the_rights_of_its_owner,
            sec_y07_a_revoked_token_is_dead_on_every_node,
            of_two_who_revoke_a_token_one_does;
        sqlite:
            sec_y07_a_token_dies_of_thirty_days_without_use,
            sec_y07_a_token_is_kept_as_a_hash,
            an_invalid_token_is_e0000011,
        a_name_is_printable_and_one_token_s,
            a_machine_acts_with_the_scopes_it_was_given,
            tokens_are_listed_and_read_without_their_values,
            tokens_are_revoked_by_those_who_may,
    ]
}

const USERS: &str = "/api/v1/users";
const TOKENS: &str = "/api/v1/api-tokens";

/// Okta API Tokens API: what is known of the active tokens, page by page, and never a token.
async fn tokens_are_listed_and_read_without_their_values(app: TestApp) {
    let reads = app.api_token(Access::Read).await;
    let others = [app.api_token(Access::Manage).await, app.api_token(Access::Read).await];
    let admin = app.admin().await;
    let list = app.read(TOKENS, &reads).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let tokens = list.json();
    assert_eq!(tokens.as_array().unwrap().len(), 3);
    for value in others.iter().chain([&reads]) {
        assert!(!list.text().contains(value.as_str()));
    }
    let token = tokens.as_array().unwrap().iter().find(|token| token["name"] == "test").unwrap();
    let id = token["id"].as_str().unwrap();
    assert!(id.starts_with("00T"));
    let names = ["name", "clientName", "userId", "tokenWindow"].map(|name| token[name].clone());
    assert_eq!(names, [json!("test"), json!("Okta API"), json!(admin.id), json!("P30D")]);
    assert_eq!(token["_link"]["self"]["href"], app.url(&format!("{TOKENS}/{id}")));
    for name in ["created", "lastUpdated", "expiresAt"] {
        assert!(token[name].as_str().unwrap().ends_with('Z'), "{token}");
    }
    let read = app.read(&format!("{TOKENS}/{id}"), &reads).await;
    assert_eq!((read.status, &read.json()["id"]), (200, &token["id"]), "{}", read.text());
    // Two on the first page, one on the second.
    let page = app.read(&format!("{TOKENS}?limit=2"), &reads).await;
    assert_eq!(page.json().as_array().unwrap().len(), 2);
    let links: Vec<&str> = page.headers.get_all("link").iter().map(|value| value.to_str().unwrap()).collect();
    let next = links.iter().find(|link| link.ends_with("rel=\"next\"")).unwrap();
    let next = next.split_once('>').unwrap().0.trim_start_matches('<');
    let rest = app.read(next.strip_prefix(&app.issuer).unwrap(), &reads).await.json();
    assert_eq!(rest, json!([tokens[2]]));
    assert_eq!(app.read(&format!("{TOKENS}?q=TES"), &reads).await.json().as_array().unwrap().len(), 3);
    assert_eq!(app.read(&format!("{TOKENS}?q=nothing"), &reads).await.json(), json!([]));
    assert_error(&app.read(&format!("{TOKENS}?limit=201"), &reads).await, 400, "E0000029");
    assert_error(&app.read(&format!("{TOKENS}?after=x"), &reads).await, 400, "E0000029");
    assert_error(&app.read(&format!("{TOKENS}/00Tunknown"), &reads).await, 404, "E0000007");
    assert_error(&app.ssws(Method::GET, &format!("{TOKENS}/current"), &reads).send().await, 405, "E0000022");
    // What was not used for its window is no active token.
    app.clock.advance(29 * 86_400);
    assert_eq!(app.read(TOKENS, &reads).await.status, 200);
    app.clock.advance(2 * 86_400);
    assert_eq!(app.read(TOKENS, &reads).await.json().as_array().unwrap().len(), 1);
}

/// A token that only reads revokes itself and no other; a machine has none to revoke.
async fn tokens_are_revoked_by_those_who_may(app: TestApp) {
    let reads = app.api_token(Access::Read).await;
    let manages = app.api_token(Access::Manage).await;
    let ids: Vec<String> = store::api_token::list(&app.app.db)
        .await
        .unwrap()
        .iter()
        .map(|token| format!("{TOKENS}/{}", token.id))
        .collect();
    assert_eq!(ids.len(), 2);
    let delete = async |path: &str, token: &str| app.ssws(Method::DELETE, path, token).send().await;
    for path in &ids {
        assert_error(&delete(path, &reads).await, 403, "E0000006");
    }
    let current = format!("{TOKENS}/current");
    let gone = delete(&current, &reads).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_invalid(&app.read(TOKENS, &reads).await);
    assert_eq!(store::api_token::list(&app.app.db).await.unwrap().len(), 1);
    let victim = app.api_token(Access::Manage).await;
    let mine = app.read(TOKENS, &manages).await.json();
    for token in mine.as_array().unwrap() {
        let path = format!("{TOKENS}/{}", token["id"].as_str().unwrap());
        // The last one that is deleted is the caller's own.
        let own = store::api_token::list(&app.app.db).await.unwrap();
        let own = own.iter().find(|stored| stored.last_used_at.is_some()).unwrap();
        if !path.ends_with(own.id.as_str()) {
            assert_eq!(delete(&path, &manages).await.status, 204);
            assert_error(&delete(&path, &manages).await, 404, "E0000007");
        }
    }
    assert_invalid(&app.read(TOKENS, &victim).await);
    assert_eq!(app.read(TOKENS, &manages).await.status, 200);
    let log: Vec<String> = app.log().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(log.iter().filter(|kind| *kind == "system.api_token.revoke").count(), 2, "{log:?}");
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "okta_scopes": ["okta.apiTokens.manage"],
    });
    fixtures::client(&app.app, MACHINE, metadata, Some(SECRET)).await;
    app.app.forget_configuration();
    let form = [("grant_type", "client_credentials"), ("scope", "okta.apiTokens.manage")];
    let machine = app.token_at("org", MACHINE, &form).await.json();
    let machine = machine["access_token"].as_str().unwrap().to_owned();
    let refused = app.client().request(Method::DELETE, &current).bearer(&machine).send().await;
    assert_error(&refused, 403, "E0000006");
    assert_eq!(app.client().request(Method::GET, TOKENS).bearer(&machine).send().await.status, 200);
}

/// It is revoked once, and logged once.
async fn of_two_who_revoke_a_token_one_does(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let victim = store::api_token::list(&app.app.db).await.unwrap().remove(0);
    let own = app.api_token(Access::Manage).await;
    assert_eq!(app.read(TOKENS, &own).await.status, 200);
    let path = format!("{TOKENS}/{}", victim.id);
    let answers =
        futures_util::future::join_all((0..4).map(|_| app.ssws(Method::DELETE, &path, &own).send())).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404]);
    assert_invalid(&app.read(TOKENS, &token).await);
    let log = app.log().await;
    assert_eq!(log.iter().filter(|(kind, _)| kind == "system.api_token.revoke").count(), 1);
}

#[track_caller]
fn assert_invalid(response: &Response) {
    assert_eq!((response.status, &response.json()["errorCode"]), (401, &json!("E0000011")));
}

/// Okta: a token inherits the rights of its owner, and dies with them.
async fn sec_y07_a_token_dies_with_the_rights_of_its_owner(app: TestApp) {
    let token = app.api_token(Access::Read).await;
    assert_eq!(app.read(USERS, &token).await.status, 200);
    let caller = Caller::system("test");
    Edit::begin(&app.app, ADMIN, &caller).await.unwrap().suspend().await.unwrap();
    assert_invalid(&app.read(USERS, &token).await);
    Edit::begin(&app.app, ADMIN, &caller).await.unwrap().unsuspend().await.unwrap();
    assert_eq!(app.read(USERS, &token).await.status, 200);
    for change in [
        |user: &mut stepgate::model::user::User| user.admin = false,
        |user: &mut stepgate::model::user::User| {
            user.admin = true;
            user.lock.locked_until = Some(stepgate::limit::lockout::UNTIL_RESET);
        },
    ] {
        let mut edit = Edit::begin(&app.app, ADMIN, &caller).await.unwrap();
        change(&mut edit.user);
        edit.save(stepgate::syslog::EventType::UserUpdateProfile).await.unwrap();
        assert_invalid(&app.read(USERS, &token).await);
    }
    // A lock that passes by itself stops nobody's programs.
    let mut edit = Edit::begin(&app.app, ADMIN, &caller).await.unwrap();
    edit.user.lock.locked_until = Some(app.app.now() + time::Duration::minutes(15));
    edit.save(stepgate::syslog::EventType::UserUpdateProfile).await.unwrap();
    assert_eq!(app.read(USERS, &token).await.status, 200);
    Edit::begin(&app.app, ADMIN, &caller).await.unwrap().delete().await.unwrap();
    assert_invalid(&app.read(USERS, &token).await);
    assert!(store::api_token::list(&app.app.db).await.unwrap().is_empty());
}

async fn sec_y07_a_revoked_token_is_dead_on_every_node(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    let node = app.second_node().await;
    let elsewhere = || {
        Client::new(&format!("http://{}", node.address))
            .request(Method::GET, USERS)
            .header("host", app.app.settings.authority())
            .header("authorization", &format!("SSWS {token}"))
            .send()
    };
    assert_eq!(elsewhere().await.status, 200);
    let stored = store::api_token::list(&app.app.db).await.unwrap().remove(0);
    assert!(stored.last_used_at.is_some());
    let tx = app.app.db.begin_write().await.unwrap();
    stepgate::user::api_token::revoke(&app.app, &tx, &stored, &Caller::system("test")).await.unwrap();
    tx.commit().await.unwrap();
    assert_invalid(&elsewhere().await);
    assert_invalid(&app.read(USERS, &token).await);
    let log: Vec<String> = app.log().await.into_iter().map(|(kind, _)| kind).collect();
    assert!(log.contains(&"system.api_token.create".to_owned()), "{log:?}");
    assert!(log.contains(&"system.api_token.revoke".to_owned()), "{log:?}");
}

/// Okta's `tokenWindow` is P30D: each use moves the end along.
async fn sec_y07_a_token_dies_of_thirty_days_without_use(app: TestApp) {
    const DAY: i64 = 86_400;
    let token = app.api_token(Access::Read).await;
    for _ in 0..3 {
        app.clock.advance(29 * DAY);
        assert_eq!(app.read(USERS, &token).await.status, 200);
    }
    app.clock.advance(30 * DAY + 1);
    assert_invalid(&app.read(USERS, &token).await);
    app.clock.advance(-(30 * DAY));
    assert_eq!(app.read(USERS, &token).await.status, 200);
}

/// Configuration files know a token by its owner and its name.
async fn a_name_is_printable_and_one_token_s(app: TestApp) {
    let admin = app.admin().await;
    let create = async |name: &str| {
        let value = stepgate::user::api_token::generate(&app.app);
        let tx = app.app.db.begin_write().await.unwrap();
        let what = (name, Access::Read, &value);
        let caller = Caller::system("test");
        let made = stepgate::user::api_token::create(&app.app, &tx, &admin, what, &caller).await;
        tx.commit().await.unwrap();
        made.err().map(|error| error.to_string())
    };
    assert_eq!(create("Billing").await, None);
    assert!(create("Billing").await.unwrap().contains("already"));
    for name in ["", "bad\nname", "\u{1b}[2J", &"x".repeat(256)] {
        assert!(create(name).await.unwrap().contains("255 characters"), "{name:?}");
    }
    assert_eq!(create("Billing 2").await, None);
}

async fn sec_y07_a_token_is_kept_as_a_hash(app: TestApp) {
    use sea_orm::EntityTrait;
    let token = app.api_token(Access::Read).await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let rows = entity::api_token::Entity::find().all(&database).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!format!("{rows:?}").contains(&token));
    let events = entity::log_event::Entity::find().all(&database).await.unwrap();
    assert!(!format!("{events:?}").contains(&token));
    // The hash opens nothing either.
    assert_invalid(&app.read(USERS, &rows[0].token_hash).await);
}

async fn an_invalid_token_is_e0000011(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for header in [
        String::new(),
        "SSWS".to_owned(),
        "SSWS ".to_owned(),
        format!("SSWS {token}x"),
        format!("SSWS {}", &token[1..]),
        format!("Bearer {token}"),
        format!("Basic {token}"),
        token.clone(),
        "SSWS ' OR 1=1 --".to_owned(),
        format!("SSWS {}", "x".repeat(5000)),
    ] {
        let request = app.client().request(Method::GET, USERS).header("authorization", &header);
        assert_invalid(&request.send().await);
    }
    assert_invalid(&app.client().get(USERS).await);
    assert_invalid(&app.client().get(&format!("{USERS}?access_token={token}")).await);
    // The scheme has no case (RFC 9110 §11.1), and Okta's SDK for Python puts nothing behind it.
    for header in [format!("ssws {token}"), format!("SSWS{token}")] {
        let request = app.client().request(Method::GET, USERS).header("authorization", &header);
        assert_eq!(request.send().await.status, 200, "{header}");
    }
}

/// Okta: a service application with scopes of the org server, which an administrator gave it.
async fn a_machine_acts_with_the_scopes_it_was_given(app: TestApp) {
    let metadata = json!({
        "application_type": "service",
        "grant_types": ["client_credentials"],
        "okta_scopes": ["okta.users.read", "okta.users.manage"],
    });
    fixtures::client(&app.app, MACHINE, metadata, Some(SECRET)).await;
    app.app.forget_configuration();
    let token = async |scope: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let response = app.token_at("org", MACHINE, &form).await;
        response.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", response.text())).to_owned()
    };
    let call = async |method: Method, path: &str, token: &str| {
        app.client().request(method, path).bearer(token).json(&json!({})).send().await
    };
    let reads = token("okta.users.read").await;
    assert_eq!(call(Method::GET, USERS, &reads).await.status, 200);
    let refused = call(Method::POST, &format!("{USERS}/{BOB}/lifecycle/suspend"), &reads).await;
    assert_eq!((refused.status, &refused.json()["errorCode"]), (403, &json!("E0000006")));
    assert!(refused.header("www-authenticate").unwrap().contains("okta.users.manage"));
    let manages = token("okta.users.manage").await;
    assert_eq!(call(Method::GET, &format!("{USERS}/{ALICE}"), &manages).await.status, 200);
    assert_eq!(call(Method::POST, &format!("{USERS}/{BOB}/lifecycle/suspend"), &manages).await.status, 200);
    assert_eq!(call(Method::GET, "/api/v1/logs", &manages).await.status, 403);
    assert_eq!(call(Method::GET, &format!("{USERS}/me"), &manages).await.status, 404);
}
