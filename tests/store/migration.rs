//! The schema: built from nothing, taken down again, and the same for both databases and for the entities.

use std::collections::BTreeSet;

use ::migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, Iterable, PrimaryKeyToColumn, Statement,
    sea_query::Iden,
};

use crate::support::{Backend, Test, TestApp};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
        a_prepared_database_has_no_pending_migration,
        the_schema_goes_down_and_up_again,
        every_table_has_the_columns_of_its_entity,
        migrating_twice_changes_nothing,
        two_nodes_may_migrate_one_after_the_other;
        sqlite: what_is_searched_is_found_by_an_index,
    ]
}

async fn open(app: &TestApp) -> DatabaseConnection {
    sea_orm::Database::connect(app.database_url()).await.unwrap()
}

async fn names(database: &DatabaseConnection, sql: &str) -> BTreeSet<String> {
    names_of(database, sql, "name").await
}

async fn names_of(database: &DatabaseConnection, sql: &str, column: &str) -> BTreeSet<String> {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(statement).await.unwrap();
    rows.into_iter().map(|row| row.try_get::<String>("", column).unwrap()).collect()
}

async fn tables(database: &DatabaseConnection) -> BTreeSet<String> {
    let sql = match database.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        _ => "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    };
    let mut tables = names(database, sql).await;
    tables.remove("seaql_migrations");
    tables
}

async fn columns(database: &DatabaseConnection, table: &str) -> BTreeSet<String> {
    let sql = match database.get_database_backend() {
        DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        _ => format!(
            "SELECT column_name AS name FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = '{table}'"
        ),
    };
    names(database, &sql).await
}

async fn a_prepared_database_has_no_pending_migration(app: TestApp) {
    assert!(app.app.db.pending_migrations().await.unwrap().is_empty());
}

/// Each step undoes itself, and what it undid can be done again.
async fn the_schema_goes_down_and_up_again(app: TestApp) {
    let database = open(&app).await;
    let before = tables(&database).await;
    assert!(before.contains("grant"));
    Migrator::down(&database, None).await.unwrap();
    assert_eq!(tables(&database).await, BTreeSet::new());
    let pending = app.app.db.pending_migrations().await.unwrap();
    assert_eq!(pending.len(), Migrator::migrations().len());
    app.app.db.migrate().await.unwrap();
    assert_eq!(tables(&database).await, before);
    assert!(app.app.db.pending_migrations().await.unwrap().is_empty());
    // Indexes too: the one that keeps a second active key away is what rotation stands on.
    let sql = match app.backend {
        Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'index'",
        Backend::Postgres | Backend::PostgresRedis => {
            "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'"
        }
    };
    let indexes = names(&database, sql).await;
    assert!(indexes.contains("signing_key_active") && indexes.contains("signing_key_next"), "{indexes:?}");
}

async fn matches<E: EntityTrait>(database: &DatabaseConnection, checked: &mut BTreeSet<String>) {
    let table = E::default().table_name().to_owned();
    let expected: BTreeSet<String> = E::Column::iter().map(|column| column.to_string()).collect();
    assert_eq!(columns(database, &table).await, expected, "{table}");
    assert!(E::PrimaryKey::iter().all(|key| expected.contains(&key.into_column().to_string())), "{table}");
    // And the types can be read: an empty table answers with no row, a wrong column with an error.
    E::find().one(database).await.unwrap();
    checked.insert(table);
}

/// Neither a column that no entity reads nor one that no migration makes.
async fn every_table_has_the_columns_of_its_entity(app: TestApp) {
    let database = open(&app).await;
    let mut checked = BTreeSet::new();
    macro_rules! check {
        ($($entity:ident),* $(,)?) => {
            $(matches::<entity::$entity::Entity>(&database, &mut checked).await;)*
        };
    }
    check![
        access_policy,
        access_policy_rule,
        api_token,
        authn_transaction,
        authorization_code,
        authorization_server,
        backup_code,
        claim,
        client,
        client_secret,
        consent,
        device_code,
        device_secret,
        device_secret_grant,
        factor,
        factor_budget,
        factor_challenge,
        factor_profile,
        flow,
        grant,
        group,
        group_member,
        installation,
        known_device,
        lease,
        log_event,
        outbox,
        pairwise_subject,
        password_history,
        policy,
        policy_mapping,
        policy_rule,
        pushed_request,
        recovery_code,
        recovery_question,
        recovery_token,
        refresh_token,
        registration_access_token,
        remembered_device,
        revoked_jti,
        scope,
        session,
        session_token,
        signing_key,
        trusted_origin,
        used_jti,
        user,
        yubikey_token,
        zone,
    ];
    assert_eq!(tables(&database).await, checked);
}

async fn migrating_twice_changes_nothing(app: TestApp) {
    let database = open(&app).await;
    let keys = entity::signing_key::Entity::find().all(&database).await.unwrap();
    assert!(!keys.is_empty());
    app.app.db.migrate().await.unwrap();
    assert_eq!(entity::signing_key::Entity::find().all(&database).await.unwrap(), keys);
}

async fn two_nodes_may_migrate_one_after_the_other(app: TestApp) {
    let node = app.second_node().await;
    Migrator::down(&open(&app).await, None).await.unwrap();
    app.app.db.migrate().await.unwrap();
    node.app.db.migrate().await.unwrap();
    assert!(node.app.db.pending_migrations().await.unwrap().is_empty());
}

/// What a round of the sweep and a short name look for is searched by an index, not row by row.
async fn what_is_searched_is_found_by_an_index(app: TestApp) {
    let database = open(&app).await;
    for (index, sql) in [
        (
            "factor_pending_created_at",
            r#"SELECT "id" FROM "factor" WHERE "status" = 'PENDING_ACTIVATION' AND "created_at" <= 1 - 86400000"#,
        ),
        ("login_key", r#"SELECT * FROM "user" WHERE "login_key" >= 'isaac@' AND "login_key" < 'isaacA'"#),
    ] {
        let plan = names_of(&database, &format!("EXPLAIN QUERY PLAN {sql}"), "detail").await;
        let by_index = plan.iter().any(|step| step.starts_with("SEARCH") && step.contains(index));
        assert!(by_index, "{plan:?}");
    }
}
