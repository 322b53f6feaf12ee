//! Users and clients that every test starts with.

use std::sync::Arc;

use serde_json::{Value, json};
use stepgate::{
    app::App,
    client::secret,
    id::{ClientId, UserId},
    model::{
        authorization_server::{Scope, ScopeConsent, ServerSettings},
        client::{Client, RegisteredBy},
        user::{Profile, User},
    },
    protocol::client_metadata::ClientMetadata,
    secret::Secret,
    store,
    user::login::LoginKey,
};
use time::OffsetDateTime;

/// A user with every standard claim.
pub(crate) const ALICE: &str = "alice@example.com";
/// A second user.
pub(crate) const BOB: &str = "bob@example.com";
/// The password of both.
pub(crate) const PASSWORD: &str = "Correct-Horse-1";
/// The redirect URI of the clients that have one.
pub(crate) const REDIRECT_URI: &str = "https://app.example.com/callback";
/// Where clients may go after logout.
pub(crate) const POST_LOGOUT_REDIRECT_URI: &str = "https://app.example.com/goodbye";
/// The secret of the confidential clients.
pub(crate) const SECRET: &str = "a-secret-of-more-than-thirty-two-characters";

/// A confidential client (`client_secret_basic`) that refreshes, with rotation.
pub(crate) const WEB: &str = "web";
/// The same with `client_secret_post`.
pub(crate) const WEB_POST: &str = "web-post";
/// The same with `client_secret_jwt`.
pub(crate) const WEB_JWT: &str = "web-jwt";
/// A second confidential client, to whom nothing of the first belongs.
pub(crate) const OTHER: &str = "other";
/// A public client of a browser.
pub(crate) const SPA: &str = "spa";
/// An installed application with a loopback and a private-use redirect URI.
pub(crate) const NATIVE: &str = "native";
/// A machine that may introspect every token of its server.
pub(crate) const SERVICE: &str = "service";
/// A machine that may introspect its own tokens only.
pub(crate) const MACHINE: &str = "machine";
/// A confidential client whose users are asked for consent.
pub(crate) const ASKING: &str = "asking";
/// A confidential client held to Okta's habits; its refresh tokens do not rotate.
pub(crate) const OKTA: &str = "okta-compat";

/// Writes an administrator with the password of the others.
pub(crate) async fn administrator(app: &App, login: &str) -> User {
    let now = app.now();
    let hash = app.passwords.hash(Secret::new(PASSWORD.to_owned())).await.unwrap();
    let profile = json!({"firstName": "Ada", "lastName": "Min", "email": login});
    let admin = User { admin: true, ..user(login, &profile, hash, now) };
    let tx = app.db.begin_write().await.unwrap();
    let key = LoginKey::normalize(login).unwrap();
    store::user::insert(&tx, &admin, key.as_str()).await.unwrap();
    tx.commit().await.unwrap();
    admin
}

/// Writes the fixtures.
pub(crate) async fn write(app: &App) {
    let now = app.now();
    let hash = app.passwords.hash(Secret::new(PASSWORD.to_owned())).await.unwrap();
    let tx = app.db.begin_write().await.unwrap();
    for (login, profile) in [(ALICE, alice()), (BOB, json!({"firstName": "Bob", "lastName": "Builder"}))] {
        let user = user(login, &profile, hash.clone(), now);
        let key = LoginKey::normalize(login).unwrap();
        store::user::insert(&tx, &user, key.as_str()).await.unwrap();
    }
    let default = stepgate::id::AuthorizationServerId::new("default");
    for (name, consent, optional) in [
        ("car:drive", ScopeConsent::Flexible, false),
        ("car:sell", ScopeConsent::Required, false),
        ("car:paint", ScopeConsent::Flexible, true),
    ] {
        let scope = Scope {
            id: stepgate::id::ScopeId::generate(app.random.as_ref()),
            name: name.to_owned(),
            display_name: None,
            description: None,
            consent,
            optional,
            default: false,
            published: true,
            system: false,
            sensitive: false,
        };
        store::server::upsert_scope(&tx, &default, &scope).await.unwrap();
    }
    tx.commit().await.unwrap();
    let code = json!({
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [POST_LOGOUT_REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "refresh_token": {"rotation_type": "ROTATE", "leeway": 30},
    });
    let public = json!({
        "application_type": "browser",
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [POST_LOGOUT_REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let with = |base: &Value, more: Value| {
        let mut base = base.clone();
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    for (id, metadata) in [
        (WEB, code.clone()),
        (WEB_POST, with(&code, json!({"token_endpoint_auth_method": "client_secret_post"}))),
        (WEB_JWT, with(&code, json!({"token_endpoint_auth_method": "client_secret_jwt"}))),
        (OTHER, code.clone()),
        (SPA, public.clone()),
        (
            NATIVE,
            with(
                &public,
                json!({
                    "application_type": "native",
                    "redirect_uris": ["http://127.0.0.1/callback", "com.example.app:/callback"],
                }),
            ),
        ),
        (
            SERVICE,
            json!({
                "application_type": "service",
                "grant_types": ["client_credentials"],
                "introspect": "server",
            }),
        ),
        (MACHINE, json!({"application_type": "service", "grant_types": ["client_credentials"]})),
        (ASKING, with(&code, json!({"consent_method": "REQUIRED"}))),
        (
            OKTA,
            with(
                &code,
                json!({"profile": "okta_compat", "refresh_token": {"rotation_type": "STATIC", "leeway": 0}}),
            ),
        ),
    ] {
        client(app, id, metadata, Some(SECRET)).await;
    }
}

/// A user as it is stored.
pub(crate) fn user(login: &str, profile: &Value, hash: Secret<String>, now: OffsetDateTime) -> User {
    User {
        password_hash: Some(hash),
        password_changed_at: Some(now),
        ..User::new(
            UserId::generate(&stepgate::ports::random::SystemRandom),
            login,
            Profile(profile.as_object().unwrap().clone()),
            now,
        )
    }
}

/// Registers a client, or replaces the metadata of one that exists.
pub(crate) async fn client(app: &App, id: &str, metadata: Value, secret: Option<&str>) -> Arc<Client> {
    let now = app.now();
    let mut metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
    metadata.client_name.get_or_insert_with(|| format!("The client {id}"));
    let metadata = metadata.with_defaults();
    metadata.validate().unwrap();
    let public = metadata.is_public();
    let method = metadata.auth_method();
    let new = Client::new(ClientId::new(id), metadata, RegisteredBy::Administrator, now);
    let tx = app.db.begin_write().await.unwrap();
    if store::client::find_in(&tx, &new.id).await.unwrap().is_some() {
        store::client::update(&tx, &new).await.unwrap();
    } else {
        store::client::insert(&tx, &new).await.unwrap();
        if let Some(secret) = secret.filter(|_| !public) {
            let stored = secret::store(app, &new.id, method, &Secret::new(secret.to_owned()), now).unwrap();
            store::client::insert_secret(&tx, &new.id, &stored).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    app.forget_configuration();
    Arc::new(new)
}

/// Changes the settings of an authorization server.
pub(crate) async fn settings(app: &App, server: &str, change: impl FnOnce(&mut ServerSettings)) {
    let tx = app.db.begin_write().await.unwrap();
    let id = stepgate::id::AuthorizationServerId::new(server);
    let mut server = store::server::find_in(&tx, &id).await.unwrap().unwrap().server;
    change(&mut server.settings);
    store::server::update(&tx, &server).await.unwrap();
    tx.commit().await.unwrap();
    app.forget_configuration();
}

fn alice() -> Value {
    json!({
        "firstName": "Alice",
        "lastName": "Adams",
        "middleName": "Marie",
        "nickName": "Al",
        "displayName": "Alice Adams",
        "email": ALICE,
        "emailVerified": true,
        "profileUrl": "https://people.example.com/alice",
        "picture": "https://people.example.com/alice.png",
        "website": "https://alice.example.com",
        "gender": "female",
        "birthdate": "1990-04-01",
        "timezone": "Europe/Berlin",
        "locale": "de_DE",
        "primaryPhone": "+4930123456",
        "phoneNumberVerified": true,
        "streetAddress": "Hauptstraße 1",
        "city": "Berlin",
        "state": "Berlin",
        "zipCode": "10115",
        "countryCode": "DE",
        "department": "Research",
    })
}
