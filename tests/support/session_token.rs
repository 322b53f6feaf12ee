//! Session tokens, as the end of an authentication issues them.

use stepgate::{
    authn::session_token::{BoundTo, issue},
    id::{ClientId, TrustedOriginId, UserId},
    model::{Status, session::VerifiedFactor},
    store::{self, trusted_origin::TrustedOrigin},
};

use super::app::TestApp;

/// The id of a user.
pub(crate) async fn user_id(app: &TestApp, login: &str) -> UserId {
    store::user::find_by_login(&app.app.db, login).await.unwrap().expect("a user").id
}

/// A token for a user who has just typed the password, bound to a client.
pub(crate) async fn for_client(app: &TestApp, login: &str, client: &str) -> String {
    issued(app, login, BoundTo::Client(ClientId::new(client))).await
}

/// A token for a user who has just typed the password, bound to an origin.
pub(crate) async fn for_origin(app: &TestApp, login: &str, origin: &str) -> String {
    issued(app, login, BoundTo::Origin(origin.to_owned())).await
}

async fn issued(app: &TestApp, login: &str, bound_to: BoundTo) -> String {
    let user = user_id(app, login).await;
    let factors = vec![VerifiedFactor::password(app.app.now())];
    issue(&app.app, &user, factors, bound_to).await.unwrap().expose().clone()
}

/// Trusts an origin.
pub(crate) async fn trust(app: &TestApp, origin: &str, scopes: &[&str]) {
    let tx = app.app.db.begin_write().await.unwrap();
    let trusted = TrustedOrigin {
        id: TrustedOriginId::generate(app.app.random.as_ref()),
        name: origin.to_owned(),
        origin: origin.to_owned(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        status: Status::Active,
    };
    store::trusted_origin::upsert(&tx, &trusted).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}
