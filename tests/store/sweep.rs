//! What has expired goes, in batches; what lives stays. One node runs a job at a time.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IntoActiveModel, PaginatorTrait,
};
use stepgate::store::{
    lease,
    sweep::{BATCH, Expired, sweep},
};
use time::{Duration, OffsetDateTime};

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, WEB},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        expired_rows_of_every_kind_go_in_batches_and_live_ones_stay,
        a_grant_stays_while_something_points_to_it,
        tokens_in_use_survive_a_sweep,
        a_replayed_code_is_recognised_for_a_day,
        one_node_holds_a_lease,
        of_two_nodes_that_ask_at_once_one_gets_the_lease,
    ]
}

const DAY: i64 = 86_400_000;

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap()
}

async fn insert<E>(database: &DatabaseConnection, models: Vec<E::Model>)
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    let models = models.into_iter().map(IntoActiveModel::into_active_model);
    E::insert_many(models).exec_without_returning(database).await.unwrap();
}

async fn count<E>(database: &DatabaseConnection) -> u64
where
    E: EntityTrait,
    E::Model: Sync,
{
    E::find().count(database).await.unwrap()
}

fn grant(id: &str, created_at: i64) -> entity::grant::Model {
    entity::grant::Model {
        id: id.to_owned(),
        server_id: "default".to_owned(),
        client_id: WEB.to_owned(),
        user_id: None,
        session_id: None,
        scope: "openid".to_owned(),
        acr: None,
        amr: "[]".to_owned(),
        auth_time: None,
        access_lifetime: 3600,
        refresh_idle_lifetime: 3600,
        created_at,
        expires_at: None,
        revoked_at: None,
        revoke_reason: None,
        confirmation: None,
        resource: None,
        claims: None,
        actor: None,
    }
}

fn refresh_token(hash: &str, grant: &str, expires_at: i64) -> entity::refresh_token::Model {
    entity::refresh_token::Model {
        token_hash: hash.to_owned(),
        grant_id: grant.to_owned(),
        parent_hash: None,
        created_at: 0,
        expires_at,
        first_used_at: None,
    }
}

fn code(hash: &str, grant: &str, expires_at: i64) -> entity::authorization_code::Model {
    entity::authorization_code::Model {
        code_hash: hash.to_owned(),
        grant_id: grant.to_owned(),
        client_id: WEB.to_owned(),
        server_id: "default".to_owned(),
        redirect_uri: "https://app.example.com/callback".to_owned(),
        redirect_uri_sent: true,
        code_challenge: None,
        nonce: None,
        dpop_jkt: None,
        failures: 0,
        created_at: 0,
        expires_at,
        consumed_at: None,
    }
}

/// More than a batch of each kind on the wrong side of its limit, and one just on the right side.
async fn expired_rows_of_every_kind_go_in_batches_and_live_ones_stay(app: TestApp) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let now = app.app.now();
    let at = millis(now);
    let alice = entity::user::Entity::find().all(&database).await.unwrap();
    let alice = alice.into_iter().find(|user| user.login == ALICE).unwrap().id;
    // Of what the fixtures wrote to the log, nothing is in the way.
    entity::log_event::Entity::delete_many().exec(&database).await.unwrap();
    insert::<entity::grant::Entity>(&database, vec![grant("kept", at)]).await;
    // 501 that have gone past the limit, the last at its very edge; one a millisecond before it.
    let ends = |limit: i64| {
        (0..=BATCH).map(move |n| if n == BATCH { limit } else { limit - 1 - DAY }).chain([limit + 1])
    };
    let numbered = |limit: i64| ends(limit).enumerate().map(|(n, end)| (format!("row{n}"), end));

    for kind in Expired::ALL {
        match kind {
            Expired::Flows => {
                let flow = |(id, expires_at)| entity::flow::Model {
                    id,
                    browser_hash: "b".to_owned(),
                    payload: "{}".to_owned(),
                    version: 0,
                    client_ip: "192.0.2.1".to_owned(),
                    created_at: 0,
                    expires_at,
                };
                insert::<entity::flow::Entity>(&database, numbered(at).map(flow).collect()).await;
            }
            Expired::AuthnTransactions => {
                let row = |(id, expires_at): (String, i64)| entity::authn_transaction::Model {
                    state_token_hash: format!("hash-{id}"),
                    id,
                    user_id: None,
                    payload: "{}".to_owned(),
                    version: 0,
                    created_at: 0,
                    expires_at,
                };
                insert::<entity::authn_transaction::Entity>(&database, numbered(at).map(row).collect()).await;
            }
            Expired::RememberedDevices => {
                let row = |(device_hash, expires_at)| entity::remembered_device::Model {
                    user_id: alice.clone(),
                    device_hash,
                    policy_version: "v".to_owned(),
                    created_at: 0,
                    expires_at,
                };
                insert::<entity::remembered_device::Entity>(&database, numbered(at).map(row).collect()).await;
            }
            Expired::PushedRequests => {
                // Kept for a day: a flow that one began still has to be completed.
                let pushed = |(request_hash, expires_at)| entity::pushed_request::Model {
                    request_hash,
                    client_id: WEB.to_owned(),
                    server_id: "default".to_owned(),
                    payload: "{}".to_owned(),
                    client_ip: "192.0.2.1".to_owned(),
                    created_at: 0,
                    expires_at,
                    consumed_at: None,
                };
                let rows = numbered(at - DAY).map(pushed).collect();
                insert::<entity::pushed_request::Entity>(&database, rows).await;
            }
            Expired::DeviceCodes => {
                // Kept for an hour, so that a late poll is told that it has expired.
                let row = |(id, expires_at): (String, i64)| entity::device_code::Model {
                    device_code_hash: format!("hash-{id}"),
                    id,
                    user_code_mac: None,
                    user_code_sealed: String::new(),
                    server_id: "default".to_owned(),
                    client_id: WEB.to_owned(),
                    scope: "openid".to_owned(),
                    client_ip: "192.0.2.1".to_owned(),
                    ip: None,
                    user_agent: None,
                    poll_interval: 5,
                    polled_at: None,
                    created_at: 0,
                    expires_at,
                    decided_at: None,
                    grant_id: None,
                    consumed_at: None,
                };
                let rows = numbered(at - 3_600_000).map(row).collect();
                insert::<entity::device_code::Entity>(&database, rows).await;
            }
            Expired::AuthorizationCodes => {
                // Kept for a day, so that a late replay is recognised.
                let rows = numbered(at - DAY).map(|(id, end)| code(&id, "kept", end)).collect();
                insert::<entity::authorization_code::Entity>(&database, rows).await;
            }
            Expired::RefreshTokens => {
                let rows = numbered(at).map(|(id, end)| refresh_token(&id, "kept", end)).collect();
                insert::<entity::refresh_token::Entity>(&database, rows).await;
            }
            Expired::Sessions => {
                let session = |(id, expires_at): (String, i64)| entity::session::Model {
                    token_hash: format!("hash-{id}"),
                    id,
                    user_id: alice.clone(),
                    auth_time: 0,
                    factors: "[]".to_owned(),
                    created_at: 0,
                    last_seen_at: 0,
                    expires_at,
                    ended_at: None,
                    ip: None,
                    user_agent: None,
                    idle_lifetime: None,
                    persistent_cookie: false,
                    remembered: None,
                };
                insert::<entity::session::Entity>(&database, numbered(at - DAY).map(session).collect()).await;
            }
            Expired::SessionTokens => {
                let token = |(token_hash, expires_at)| entity::session_token::Model {
                    token_hash,
                    user_id: alice.clone(),
                    factors: "[]".to_owned(),
                    client_id: Some(WEB.to_owned()),
                    origin: None,
                    program: None,
                    remembered: None,
                    created_at: 0,
                    expires_at,
                    consumed_at: None,
                };
                insert::<entity::session_token::Entity>(&database, numbered(at).map(token).collect()).await;
            }
            Expired::PendingFactors => {
                // Kept for a day. A user has one factor of a kind.
                let factor = |(id, created_at): (String, i64)| entity::factor::Model {
                    kind: format!("kind-{id}"),
                    id,
                    user_id: alice.clone(),
                    status: "PENDING_ACTIVATION".to_owned(),
                    slot: "only".to_owned(),
                    name: None,
                    credential_hash: None,
                    profile: "{}".to_owned(),
                    secret: None,
                    counter: None,
                    qr_token_hash: None,
                    factor_profile_id: None,
                    failures: 0,
                    failures_this_hour: 0,
                    hour_began_at: None,
                    created_at,
                    updated_at: created_at,
                    last_verified_at: None,
                };
                insert::<entity::factor::Entity>(&database, numbered(at - DAY).map(factor).collect()).await;
            }
            Expired::FactorChallenges => {
                let challenge = |(factor_id, expires_at): (String, i64)| entity::factor_challenge::Model {
                    factor_id,
                    purpose: "api".to_owned(),
                    user_id: alice.clone(),
                    code_mac: None,
                    link_hash: None,
                    tries: 0,
                    created_at: 0,
                    expires_at,
                    confirmed_at: None,
                    consumed_at: None,
                };
                let rows = numbered(at).map(challenge).collect();
                insert::<entity::factor_challenge::Entity>(&database, rows).await;
            }
            Expired::PushTransactions => {
                // Kept for an hour, so that a late poll is told how it ended.
                let asked = |(id, expires_at): (String, i64)| entity::push_transaction::Model {
                    id,
                    factor_id: "opf1".to_owned(),
                    purpose: "api".to_owned(),
                    state: "WAITING".to_owned(),
                    numbers: None,
                    application: None,
                    ip: None,
                    user_agent: None,
                    created_at: 0,
                    expires_at,
                    answered_at: None,
                    told_at: None,
                    consumed_at: None,
                };
                let rows = numbered(at - 3_600_000).map(asked).collect();
                insert::<entity::push_transaction::Entity>(&database, rows).await;
            }
            Expired::FactorBudgets => {
                let row = |(key, expires_at)| entity::factor_budget::Model {
                    key,
                    used: 1,
                    last_used_at: 0,
                    expires_at,
                };
                insert::<entity::factor_budget::Entity>(&database, numbered(at).map(row).collect()).await;
            }
            Expired::BackupCodes => {
                let code = |(code_hash, end): (String, i64)| entity::backup_code::Model {
                    code_hash,
                    user_id: alice.clone(),
                    kind: "bypass".to_owned(),
                    uses_left: 1,
                    issued_by: None,
                    created_at: 0,
                    expires_at: Some(end),
                    last_used_at: None,
                };
                insert::<entity::backup_code::Entity>(&database, numbered(at).map(code).collect()).await;
            }
            Expired::ApiTokens => {
                let token = |(id, expires_at): (String, i64)| entity::api_token::Model {
                    token_hash: format!("hash-{id}"),
                    id,
                    name: "ci".to_owned(),
                    user_id: alice.clone(),
                    access: "READ".to_owned(),
                    created_at: 0,
                    last_used_at: None,
                    expires_at,
                };
                insert::<entity::api_token::Entity>(&database, numbered(at).map(token).collect()).await;
            }
            Expired::Grants => {
                // What points to it was swept before, but for the one that lives.
                let rows = numbered(at - 2 * DAY).map(|(id, end)| grant(&id, end)).collect();
                insert::<entity::grant::Entity>(&database, rows).await;
            }
            Expired::RevokedJtis => {
                let row = |(jti, expires_at)| entity::revoked_jti::Model { jti, expires_at };
                insert::<entity::revoked_jti::Entity>(&database, numbered(at).map(row).collect()).await;
            }
            Expired::UsedJtis => {
                let row = |(key, expires_at)| entity::used_jti::Model { key, expires_at };
                insert::<entity::used_jti::Entity>(&database, numbered(at).map(row).collect()).await;
            }
            Expired::RecoveryTokens => {
                // Kept for a day, so that a late click is told why.
                let row = |(token_hash, expires_at): (String, i64)| entity::recovery_token::Model {
                    user_id: alice.clone(),
                    kind: token_hash.clone(),
                    token_hash,
                    addresses_hash: String::new(),
                    password_changed_at: None,
                    created_at: 0,
                    expires_at,
                    consumed_at: None,
                };
                let rows = numbered(at - DAY).map(row).collect();
                insert::<entity::recovery_token::Entity>(&database, rows).await;
            }
            Expired::RecoveryCodes => {
                // Kept for an hour, so that another can be sent in its place.
                let row = |(transaction_id, expires_at)| entity::recovery_code::Model {
                    transaction_id,
                    subject: "s".to_owned(),
                    user_id: None,
                    kind: "PASSWORD".to_owned(),
                    channel: "SMS".to_owned(),
                    code_mac: "m".to_owned(),
                    tries: 0,
                    password_changed_at: None,
                    sent_at: 0,
                    expires_at,
                    consumed_at: None,
                };
                let rows = numbered(at - 3_600_000).map(row).collect();
                insert::<entity::recovery_code::Entity>(&database, rows).await;
            }
            Expired::LogEvents => {
                let row = |(id, published_at)| entity::log_event::Model {
                    id,
                    published_at,
                    event_type: "x".to_owned(),
                    severity: "INFO".to_owned(),
                    outcome: "SUCCESS".to_owned(),
                    reason: None,
                    actor_type: "User".to_owned(),
                    actor_id: None,
                    client_id: None,
                    user_id: None,
                    session_id: None,
                    request_id: "r".to_owned(),
                    ip: None,
                    user_agent: None,
                    detail: None,
                    count: 1,
                };
                insert::<entity::log_event::Entity>(&database, numbered(at).map(row).collect()).await;
            }
        }
        let before = counts(&database).await;
        // A full batch says that there is more.
        assert_eq!(sweep(&app.app.db, kind, now).await.unwrap(), BATCH, "{kind:?}");
        assert_eq!(sweep(&app.app.db, kind, now).await.unwrap(), 1, "{kind:?}");
        assert_eq!(sweep(&app.app.db, kind, now).await.unwrap(), 0, "{kind:?}");
        let after = counts(&database).await;
        for ((swept, before), (_, after)) in before.into_iter().zip(after) {
            let gone = if swept == kind { BATCH + 1 } else { 0 };
            assert_eq!(before - after, gone, "{kind:?} took {swept:?}");
        }
        let alive = format!("row{}", BATCH + 1);
        assert!(exists(&database, kind, &alive).await, "{kind:?}");
    }
}

async fn counts(database: &DatabaseConnection) -> Vec<(Expired, u64)> {
    vec![
        (Expired::Flows, count::<entity::flow::Entity>(database).await),
        (Expired::AuthnTransactions, count::<entity::authn_transaction::Entity>(database).await),
        (Expired::RememberedDevices, count::<entity::remembered_device::Entity>(database).await),
        (Expired::PushedRequests, count::<entity::pushed_request::Entity>(database).await),
        (Expired::DeviceCodes, count::<entity::device_code::Entity>(database).await),
        (Expired::AuthorizationCodes, count::<entity::authorization_code::Entity>(database).await),
        (Expired::RefreshTokens, count::<entity::refresh_token::Entity>(database).await),
        (Expired::Sessions, count::<entity::session::Entity>(database).await),
        (Expired::SessionTokens, count::<entity::session_token::Entity>(database).await),
        (Expired::PendingFactors, count::<entity::factor::Entity>(database).await),
        (Expired::FactorChallenges, count::<entity::factor_challenge::Entity>(database).await),
        (Expired::PushTransactions, count::<entity::push_transaction::Entity>(database).await),
        (Expired::FactorBudgets, count::<entity::factor_budget::Entity>(database).await),
        (Expired::BackupCodes, count::<entity::backup_code::Entity>(database).await),
        (Expired::ApiTokens, count::<entity::api_token::Entity>(database).await),
        (Expired::Grants, count::<entity::grant::Entity>(database).await),
        (Expired::RevokedJtis, count::<entity::revoked_jti::Entity>(database).await),
        (Expired::UsedJtis, count::<entity::used_jti::Entity>(database).await),
        (Expired::RecoveryTokens, count::<entity::recovery_token::Entity>(database).await),
        (Expired::RecoveryCodes, count::<entity::recovery_code::Entity>(database).await),
        (Expired::LogEvents, count::<entity::log_event::Entity>(database).await),
    ]
}

async fn exists(database: &DatabaseConnection, kind: Expired, id: &str) -> bool {
    let (table, key) = match kind {
        Expired::Flows => ("flow", "id"),
        Expired::AuthnTransactions => ("authn_transaction", "id"),
        Expired::RememberedDevices => ("remembered_device", "device_hash"),
        Expired::PushedRequests => ("pushed_request", "request_hash"),
        Expired::DeviceCodes => ("device_code", "id"),
        Expired::AuthorizationCodes => ("authorization_code", "code_hash"),
        Expired::RefreshTokens => ("refresh_token", "token_hash"),
        Expired::Sessions => ("session", "id"),
        Expired::SessionTokens => ("session_token", "token_hash"),
        Expired::PendingFactors => ("factor", "id"),
        Expired::FactorChallenges => ("factor_challenge", "factor_id"),
        Expired::PushTransactions => ("push_transaction", "id"),
        Expired::FactorBudgets => ("factor_budget", "key"),
        Expired::BackupCodes => ("backup_code", "code_hash"),
        Expired::ApiTokens => ("api_token", "id"),
        Expired::Grants => ("grant", "id"),
        Expired::RevokedJtis => ("revoked_jti", "jti"),
        Expired::UsedJtis => ("used_jti", "key"),
        Expired::RecoveryTokens => ("recovery_token", "token_hash"),
        Expired::RecoveryCodes => ("recovery_code", "transaction_id"),
        Expired::LogEvents => ("log_event", "id"),
    };
    let sql = format!(r#"SELECT 1 FROM "{table}" WHERE "{key}" = '{id}'"#);
    let statement = sea_orm::Statement::from_string(database.get_database_backend(), sql);
    database.query_one_raw(statement).await.unwrap().is_some()
}

/// A grant is the truth about its tokens: it goes when none is left.
async fn a_grant_stays_while_something_points_to_it(app: TestApp) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let now = app.app.now();
    let at = millis(now);
    let old = at - 30 * DAY;
    let grants = ["refreshable", "coded", "empty"].map(|id| grant(id, old)).to_vec();
    insert::<entity::grant::Entity>(&database, grants).await;
    insert::<entity::refresh_token::Entity>(&database, vec![refresh_token("t", "refreshable", at + DAY)])
        .await;
    insert::<entity::authorization_code::Entity>(&database, vec![code("c", "coded", old)]).await;
    assert_eq!(sweep(&app.app.db, Expired::Grants, now).await.unwrap(), 1);
    assert!(!exists(&database, Expired::Grants, "empty").await);
    // `ALL` is the order of the job: codes first, then the grants that they leave behind.
    for kind in Expired::ALL {
        sweep(&app.app.db, kind, if kind == Expired::LogEvents { now - Duration::days(90) } else { now })
            .await
            .unwrap();
    }
    assert!(!exists(&database, Expired::Grants, "coded").await);
    assert!(exists(&database, Expired::Grants, "refreshable").await);
}

async fn sweep_all(app: &TestApp) {
    let now = app.app.now();
    for kind in Expired::ALL {
        let before = if kind == Expired::LogEvents { now - app.app.settings.log_retention } else { now };
        while sweep(&app.app.db, kind, before).await.unwrap() == BATCH {}
    }
}

/// Whatever still verifies, introspects or refreshes does so after the job ran, at any time of its life.
async fn tokens_in_use_survive_a_sweep(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let online = app.tokens(WEB, "openid", ALICE).await;
    sweep_all(&app).await;
    app.clock.advance(3500);
    sweep_all(&app).await;
    for tokens in [&tokens, &online] {
        assert_eq!(app.introspect(tokens["access_token"].as_str().unwrap()).await["active"], true);
    }
    let mut refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        app.clock.advance(6 * 86_400);
        sweep_all(&app).await;
        let refreshed = app.refresh(WEB, &refresh).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
        let refreshed = refreshed.json();
        assert_eq!(app.introspect(refreshed["access_token"].as_str().unwrap()).await["active"], true);
        refreshed["refresh_token"].as_str().unwrap().clone_into(&mut refresh);
    }
    // And when all of it is over, nothing is left.
    app.clock.advance(200 * 86_400);
    sweep_all(&app).await;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    assert!(
        counts(&database).await.into_iter().all(|(_, count)| count == 0),
        "{:?}",
        counts(&database).await
    );
}

/// RFC 6749 §4.1.2: a code that comes again revokes what it bought, also when it has long expired.
async fn a_replayed_code_is_recognised_for_a_day(app: TestApp) {
    let code = app.code(WEB, "openid offline_access", ALICE).await;
    let tokens = app.redeem(WEB, &code).await.json();
    app.clock.advance(86_000);
    sweep_all(&app).await;
    assert_eq!(app.redeem(WEB, &code).await.json()["error"], "invalid_grant");
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.json()["error"], "invalid_grant");
    assert!(app.logged("app.oauth2.as.token.detect_reuse", Some("code_replayed")).await);
}

/// A lease is kept by its holder, lost when it runs out, and one job's is not another's.
async fn one_node_holds_a_lease(app: TestApp) {
    let lasts = Duration::minutes(1);
    let acquire = |job: &'static str, holder: &'static str| {
        let app = &app.app;
        async move { lease::acquire(&app.db, job, holder, app.now(), lasts).await.unwrap() }
    };
    assert!(acquire("sweep", "a").await);
    assert!(!acquire("sweep", "b").await);
    assert!(acquire("rotate_keys", "b").await);
    app.clock.advance(50);
    assert!(acquire("sweep", "a").await, "the holder keeps it");
    app.clock.advance(50);
    assert!(!acquire("sweep", "b").await, "it was kept");
    app.clock.advance(60);
    assert!(acquire("sweep", "b").await, "it ran out");
    assert!(!acquire("sweep", "a").await);
}

async fn of_two_nodes_that_ask_at_once_one_gets_the_lease(app: TestApp) {
    let node = app.second_node().await;
    for round in 0..20 {
        let now = app.app.now();
        let ask = |db: stepgate::store::Database, holder: &'static str| {
            tokio::spawn(async move {
                lease::acquire(&db, "sweep", holder, now, Duration::minutes(1)).await.unwrap()
            })
        };
        let (here, there) = (ask(app.app.db.clone(), "a"), ask(node.app.db.clone(), "b"));
        assert!(here.await.unwrap() ^ there.await.unwrap(), "{round}");
        app.clock.advance(61);
    }
}
