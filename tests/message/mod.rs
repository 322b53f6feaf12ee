//! Messages to users, from the unit that decides them to the wire.

mod delivery;
mod outbox;
mod smtp;
mod telephony;

use stepgate::{
    message::{self, Content, Destination},
    model::user::User,
    store::{self, unit::Unit},
};
use time::Duration;

use crate::support::{Test, TestApp, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    [delivery::trials(), outbox::trials(), smtp::trials(), telephony::trials()]
        .into_iter()
        .flatten()
        .collect()
}

const PHONE: &str = "+15551234567";
const CODE: &str = "735194";

fn to_mail() -> Destination {
    Destination::Email(ALICE.to_owned())
}

fn to_sms() -> Destination {
    Destination::Sms(PHONE.to_owned())
}

fn to_call() -> Destination {
    Destination::Call { number: PHONE.to_owned(), extension: None }
}

fn code() -> Content {
    Content::FactorCode { code: CODE.to_owned(), lifetime: Duration::minutes(5), link: None }
}

async fn alice(app: &TestApp) -> User {
    store::user::find_by_login(&app.app.db, ALICE).await.unwrap().unwrap()
}

/// Commits a message to Alice.
async fn post(app: &TestApp, to: Destination, content: Content) {
    let row = message::row(&app.app, &alice(app).await, to, content).unwrap();
    app.app.db.writer().commit(Unit::new().row(row)).await.unwrap();
}

/// Changes Alice's profile.
async fn call_her(app: &TestApp, profile: serde_json::Value) {
    let mut user = alice(app).await;
    user.profile.0.extend(profile.as_object().unwrap().clone());
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::update(&tx, &user, ALICE).await.unwrap();
    tx.commit().await.unwrap();
}

/// How many messages wait.
async fn waiting(app: &TestApp) -> u64 {
    store::sweep::outbox_depth(&app.app.db).await.unwrap()
}
