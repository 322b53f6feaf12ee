//! Users below HTTP: passwords and the ways back into an account, as the faces of the program share them.

mod password;
mod recovery;

use stepgate::{
    app::App,
    id::{SessionId, UserId},
    message::{Destination, Envelope, USER_MAIL, USER_PHONE},
    model::{policy::PasswordRules, user::User},
    secret::Secret,
    session::sso,
    store::{
        self,
        unit::{Outcome, Unit},
    },
    syslog::Caller,
};

use crate::support::{Test, TestApp, http::Browser};

pub(crate) fn trials() -> Vec<Test> {
    [password::trials(), recovery::trials()].into_iter().flatten().collect()
}

/// A user as it is stored now.
pub(crate) async fn user(app: &TestApp, login: &str) -> User {
    store::user::find_by_login(&app.app.db, login).await.unwrap().expect("a user")
}

/// Changes a user behind the back of the application.
pub(crate) async fn edit(app: &TestApp, login: &str, edit: impl FnOnce(&mut User)) -> User {
    let mut user = user(app, login).await;
    edit(&mut user);
    let tx = app.app.db.begin_write().await.unwrap();
    store::user::update(&tx, &user, login).await.unwrap();
    tx.commit().await.unwrap();
    user
}

/// Whoever calls.
pub(crate) fn caller() -> Caller {
    Caller { request_id: "req".to_owned(), ip: Some([192, 0, 2, 7].into()), user_agent: None, actor: None }
}

/// A secret text.
pub(crate) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Okta's default policy.
pub(crate) fn rules() -> PasswordRules {
    PasswordRules::default()
}

/// Commits a unit; whether it was won.
pub(crate) async fn commit(app: &App, unit: Unit) -> bool {
    app.db.writer().commit(unit).await.unwrap() == Outcome::Won
}

/// Whether a password is the user's.
pub(crate) async fn opens(app: &TestApp, login: &str, password: &str) -> bool {
    let hash = user(app, login).await.password_hash;
    app.app.passwords.verify(secret(password), hash).await.unwrap().matches
}

/// The messages that wait for delivery, the oldest first.
pub(crate) async fn messages(app: &TestApp) -> Vec<Envelope> {
    let mut waiting = Vec::new();
    for kind in [USER_MAIL, USER_PHONE] {
        waiting.extend(store::outbox::due(&app.app.db, kind, app.app.now(), 1000).await.unwrap());
    }
    waiting.sort_by_key(|message| message.next_attempt_at);
    let open = |message: &store::outbox::Message| {
        let aad = keys::Aad { table: "outbox", column: "payload", row: message.id.as_str() };
        serde_json::from_slice(&app.app.master.open(&aad, &message.payload).unwrap()).unwrap()
    };
    waiting.iter().map(open).collect()
}

/// The messages that wait for delivery to a mail address.
pub(crate) async fn mails_to(app: &TestApp, address: &str) -> Vec<Envelope> {
    let to = Destination::Email(address.to_owned());
    messages(app).await.into_iter().filter(|message| message.to == to).collect()
}

/// The session of a browser in which somebody signed in.
pub(crate) async fn session_of(app: &TestApp, browser: &mut Browser) -> (SessionId, UserId) {
    // Cookies are those of the page that is open.
    browser.open(&app.url("/")).await;
    let cookie = browser.cookie(&format!("sid_{}", app.app.settings.port())).unwrap().value.clone();
    let session = sso::peek(&app.app, &cookie).await.unwrap().expect("a live session");
    (session.id, session.user_id)
}
