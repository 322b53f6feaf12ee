//! Administrative writes are announced: each raises the generation that running processes watch.

use http::Method;
use stepgate::{
    id::ClientId,
    model::Status,
    store::{self, installation::generation, unit::Unit},
};

use crate::support::{
    Test, TestApp,
    app::Node,
    fixtures::{ALICE, MACHINE, OTHER, SECRET, WEB},
    http::{Client, Response},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        an_administrative_commit_is_seen_by_another_node_after_its_poll,
        what_was_not_committed_is_not_announced,
        serving_requests_does_not_raise_the_generation,
        an_account_that_is_switched_off_needs_no_poll,
    ]
}

/// What a node does each second.
async fn poll(node: &Node, seen: &mut i64) {
    let current = generation(&node.app.db).await.unwrap();
    if current != *seen {
        *seen = current;
        node.app.forget_configuration();
    }
}

async fn token_at(app: &TestApp, node: &Node, client: &str) -> Response {
    Client::new(&format!("http://{}", node.address))
        .request(Method::POST, "/oauth2/default/v1/token")
        .header("host", app.app.settings.authority())
        .basic(client, SECRET)
        .form(&[("grant_type", "client_credentials"), ("scope", "car:drive")])
        .send()
        .await
}

async fn switch_off(app: &TestApp, id: &str) -> store::db::Tx {
    let tx = app.app.db.begin_write().await.unwrap();
    let mut client = store::client::find_in(&tx, &ClientId::new(id)).await.unwrap().unwrap();
    client.status = Status::Inactive;
    store::client::update(&tx, &client).await.unwrap();
    tx
}

async fn an_administrative_commit_is_seen_by_another_node_after_its_poll(app: TestApp) {
    let node = app.second_node().await;
    let mut seen = generation(&node.app.db).await.unwrap();
    assert_eq!(token_at(&app, &node, MACHINE).await.status, 200);
    assert_eq!(token_at(&app, &node, OTHER).await.status, 200);
    switch_off(&app, MACHINE).await.commit().await.unwrap();
    assert!(generation(&node.app.db).await.unwrap() > seen);
    poll(&node, &mut seen).await;
    let refused = token_at(&app, &node, MACHINE).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(token_at(&app, &node, OTHER).await.status, 200);
    // Nothing more happened, so the next poll drops nothing.
    let current = seen;
    poll(&node, &mut seen).await;
    assert_eq!(seen, current);
}

async fn what_was_not_committed_is_not_announced(app: TestApp) {
    let node = app.second_node().await;
    let before = generation(&node.app.db).await.unwrap();
    drop(switch_off(&app, MACHINE).await);
    // A later writer waits for the end of the one that was dropped.
    app.app.db.writer().commit(Unit::new()).await.unwrap();
    assert_eq!(generation(&node.app.db).await.unwrap(), before);
    node.app.forget_configuration();
    assert_eq!(token_at(&app, &node, MACHINE).await.status, 200);
}

/// The caches would be worth nothing if every sign-in emptied them.
async fn serving_requests_does_not_raise_the_generation(app: TestApp) {
    let before = generation(&app.app.db).await.unwrap();
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    assert_eq!(app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.status, 200);
    for kind in store::sweep::Expired::ALL {
        store::sweep::sweep(&app.app.db, kind, app.app.now() - app.app.settings.log_retention).await.unwrap();
    }
    assert!(!stepgate::setup::maintain_keys(&app.app).await.unwrap());
    let lasts = time::Duration::MINUTE;
    assert!(store::lease::acquire(&app.app.db, "sweep", "a", app.app.now(), lasts).await.unwrap());
    assert_eq!(generation(&app.app.db).await.unwrap(), before);
}

/// Security decisions read the database: a client's tokens die at once, whatever a node still remembers.
async fn an_account_that_is_switched_off_needs_no_poll(app: TestApp) {
    let node = app.second_node().await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let userinfo = || {
        Client::new(&format!("http://{}", node.address))
            .request(Method::GET, "/oauth2/default/v1/userinfo")
            .header("host", app.app.settings.authority())
            .bearer(tokens["access_token"].as_str().unwrap())
            .send()
    };
    assert_eq!(userinfo().await.status, 200);
    switch_off(&app, WEB).await.commit().await.unwrap();
    assert_eq!(userinfo().await.status, 401);
}
