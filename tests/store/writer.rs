//! Group commit: claims, rows and denials of a unit, and what its neighbours in a batch notice of it.

use std::sync::Arc;

use futures_util::future::join_all;
use sea_orm::EntityTrait;
use stepgate::{
    id::{FlowId, TransactionId},
    model::{
        policy::{GlobalSession, PasswordRules},
        session::VerifiedFactor,
    },
    secret::{Secret, TokenHash},
    session::sso::{self, FactorPromptMet, Opening},
    store::{
        self, Database,
        authn_transaction::{self, StoredTransaction},
        db::DatabaseSettings,
        flow,
        log_event::LogEvent,
        unit::{Outcome, Unit},
        used_jti,
    },
    syslog::Caller,
    user::password::{self, RevokeSessions, SetBy},
};
use time::Duration;

use crate::support::{Test, TestApp, fixtures::ALICE};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            a_won_unit_writes_its_rows_and_not_its_denial,
            a_lost_claim_drops_the_rows_and_writes_the_denial,
            a_later_claim_that_is_lost_takes_the_earlier_ones_back,
            a_fault_leaves_nothing_of_its_unit,
            a_fault_in_one_unit_of_a_batch_spoils_only_that_unit,
            of_many_claims_for_the_same_row_one_wins,
            what_ends_everything_ends_what_begins_beside_it,
            what_begins_behind_the_end_of_everything_is_lost,
            of_two_transactions_of_one_page_the_later_one_stands,
            units_of_two_nodes_that_wait_for_one_another_all_end,
            what_was_acknowledged_is_there_after_a_restart,
            a_stopped_writer_acknowledges_nothing;
        sqlite:
            a_unit_outlives_the_caller_that_went_away,
            what_was_acknowledged_survives_a_crash,
            more_units_than_a_batch_holds_all_succeed,
    ]
}

/// A claim on a name that can be used once.
fn claim(app: &TestApp, name: &str) -> store::unit::Change {
    used_jti::claim(&TokenHash::of(name), app.app.now() + Duration::HOUR)
}

/// A row that can be looked for.
fn row(app: &TestApp, id: &str) -> store::unit::Row {
    let now = app.app.now();
    flow::row(&FlowId::new(id), &TokenHash::of(id), "{}".to_owned(), "192.0.2.1", [now, now + Duration::HOUR])
}

async fn is_there(db: &Database, app: &TestApp, id: &str) -> bool {
    flow::find(db, &FlowId::new(id), app.app.now()).await.unwrap().is_some()
}

/// A log event that tells how a unit ended.
fn event(app: &TestApp, name: &str) -> store::unit::Row {
    let event = LogEvent {
        id: format!("evt-{name}"),
        event_type: name.to_owned(),
        severity: "INFO".to_owned(),
        outcome: "SUCCESS".to_owned(),
        actor_type: "SystemPrincipal".to_owned(),
        request_id: "req".to_owned(),
        count: 1,
        ..LogEvent::default()
    };
    store::log_event::row(event, app.app.now())
}

async fn commit(app: &TestApp, unit: Unit) -> Outcome {
    app.app.db.writer().commit(unit).await.unwrap()
}

async fn a_won_unit_writes_its_rows_and_not_its_denial(app: TestApp) {
    let unit = Unit::new()
        .claim(claim(&app, "a"))
        .claim(claim(&app, "b"))
        .row(row(&app, "flw1"))
        .row(event(&app, "won"))
        .denial_row(event(&app, "lost"))
        .denial_change(claim(&app, "denied"));
    assert_eq!(commit(&app, unit).await, Outcome::Won);
    assert!(is_there(&app.app.db, &app, "flw1").await);
    assert!(app.logged("won", None).await && !app.logged("lost", None).await);
    // The change of the denial was not made either.
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "denied"))).await, Outcome::Won);
}

/// A denial commits: nothing is bought, and the failure is on record.
async fn a_lost_claim_drops_the_rows_and_writes_the_denial(app: TestApp) {
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "a"))).await, Outcome::Won);
    let unit = Unit::new()
        .claim(claim(&app, "a"))
        .change(claim(&app, "changed"))
        .row(row(&app, "flw1"))
        .row(event(&app, "won"))
        .denial_row(event(&app, "lost"))
        .denial_change(claim(&app, "denied"));
    assert_eq!(commit(&app, unit).await, Outcome::Lost(0));
    assert!(!is_there(&app.app.db, &app, "flw1").await);
    assert!(!app.logged("won", None).await && app.logged("lost", None).await);
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "changed"))).await, Outcome::Won);
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "denied"))).await, Outcome::Lost(0));
}

/// All claims or none: a code is not spent when what it should buy cannot be had.
async fn a_later_claim_that_is_lost_takes_the_earlier_ones_back(app: TestApp) {
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "c"))).await, Outcome::Won);
    let unit = Unit::new()
        .claim(claim(&app, "a"))
        .claim(claim(&app, "b"))
        .claim(claim(&app, "c"))
        .row(row(&app, "flw1"))
        .denial_row(event(&app, "lost"));
    assert_eq!(commit(&app, unit).await, Outcome::Lost(2));
    assert!(!is_there(&app.app.db, &app, "flw1").await);
    assert!(app.logged("lost", None).await);
    for name in ["a", "b"] {
        assert_eq!(commit(&app, Unit::new().claim(claim(&app, name))).await, Outcome::Won, "{name}");
    }
}

/// A fault rolls back, the claims included.
async fn a_fault_leaves_nothing_of_its_unit(app: TestApp) {
    commit(&app, Unit::new().row(row(&app, "taken"))).await;
    let unit = Unit::new()
        .claim(claim(&app, "a"))
        .row(row(&app, "flw1"))
        .row(row(&app, "taken"))
        .denial_row(event(&app, "lost"));
    assert!(app.app.db.writer().commit(unit).await.is_err());
    assert!(!is_there(&app.app.db, &app, "flw1").await);
    assert!(!app.logged("lost", None).await);
    assert_eq!(commit(&app, Unit::new().claim(claim(&app, "a"))).await, Outcome::Won);
}

/// Neighbours share a transaction, not a fate.
async fn a_fault_in_one_unit_of_a_batch_spoils_only_that_unit(app: TestApp) {
    commit(&app, Unit::new().row(row(&app, "taken")).claim(claim(&app, "used"))).await;
    // While this transaction holds the writer, units gather into one batch.
    let hold = app.app.db.begin_write().await.unwrap();
    let units: Vec<_> = (0..30)
        .map(|n| {
            let unit = Unit::new().claim(claim(&app, &format!("name{n}"))).row(row(&app, &format!("flw{n}")));
            match n {
                10 | 20 => unit.row(row(&app, "taken")),
                15 => unit.claim(claim(&app, "used")).denial_row(event(&app, "lost")),
                _ => unit,
            }
        })
        .map(|unit| {
            let app = Arc::clone(&app.app);
            tokio::spawn(async move { app.db.writer().commit(unit).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(hold);
    let outcomes = join_all(units).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let outcome = outcome.unwrap();
        match n {
            10 | 20 => assert!(outcome.is_err(), "{n}"),
            15 => assert_eq!(outcome.unwrap(), Outcome::Lost(1)),
            _ => assert_eq!(outcome.unwrap(), Outcome::Won, "{n}"),
        }
        let wrote = !matches!(n, 10 | 15 | 20);
        assert_eq!(is_there(&app.app.db, &app, &format!("flw{n}")).await, wrote, "{n}");
        let again = commit(&app, Unit::new().claim(claim(&app, &format!("name{n}")))).await;
        assert_eq!(again, if wrote { Outcome::Lost(0) } else { Outcome::Won }, "{n}");
    }
    assert!(app.logged("lost", None).await);
}

/// A sign-in by the password that another unit replaces.
async fn racing(app: &TestApp) -> [Unit; 2] {
    let user = app.user(ALICE).await;
    let caller = Caller::system("test");
    let opening = Opening {
        user: &user.id,
        factors: vec![VerifiedFactor::password(app.app.now())],
        policy: &GlobalSession::default(),
        prompt: FactorPromptMet::ByFactors,
        previous: None,
        caller: &caller,
    };
    let signed_in = Unit::new().claim(store::user::claim_login(&user, app.app.now()));
    let (sign_in, _) = sso::open(&app.app, signed_in, opening).await.unwrap();
    let new = Secret::new("Battery-Staple-2".to_owned());
    let how = (SetBy::Administrator, RevokeSessions::All, &caller);
    let change = password::set(&app.app, &user, &new, &PasswordRules::default(), how).await.unwrap();
    [sign_in, change]
}

/// Commits both at once: where there is one writer, in one batch and in this order.
async fn beside(app: &TestApp, units: [Unit; 2]) -> Vec<Outcome> {
    let hold = app.app.db.begin_write().await.unwrap();
    let tasks = units.map(|unit| {
        let app = Arc::clone(&app.app);
        tokio::spawn(async move { app.db.writer().commit(unit).await })
    });
    tokio::task::yield_now().await;
    drop(hold);
    join_all(tasks).await.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect()
}

async fn live_sessions(app: &TestApp) -> usize {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let all = entity::session::Entity::find().all(&database).await.unwrap();
    all.iter().filter(|session| session.ended_at.is_none()).count()
}

/// The rows of a batch are inserted at its end; what ends all sessions of a user ends those too that were not inserted yet.
async fn what_ends_everything_ends_what_begins_beside_it(app: TestApp) {
    let outcomes = beside(&app, racing(&app).await).await;
    assert_eq!(outcomes[1], Outcome::Won);
    assert_eq!(live_sessions(&app).await, 0, "{outcomes:?}");
}

/// A password that was right when it was looked at, and is another one by the time of the commit, opens nothing.
async fn what_begins_behind_the_end_of_everything_is_lost(app: TestApp) {
    let [sign_in, change] = racing(&app).await;
    let outcomes = beside(&app, [change, sign_in]).await;
    assert_eq!(outcomes[0], Outcome::Won);
    assert_eq!(live_sessions(&app).await, 0, "{outcomes:?}");
    let [sign_in, _] = racing(&app).await;
    assert_eq!(commit(&app, sign_in).await, Outcome::Won);
    assert_eq!(live_sessions(&app).await, 1);
}

/// Two forms of one page that are sent at once: neither is a fault.
async fn of_two_transactions_of_one_page_the_later_one_stands(app: TestApp) {
    let now = app.app.now();
    let hash = TokenHash::of("state");
    let begin = |id: &str| {
        let stored = StoredTransaction {
            id: TransactionId::new(id),
            user_id: None,
            payload: "{}".to_owned(),
            version: 0,
            created_at: now,
            expires_at: now + Duration::HOUR,
        };
        Unit::new().change(authn_transaction::upsert(&stored, &hash))
    };
    let units = ["txn1", "txn2", "txn3", "txn4"].map(|id| app.app.db.writer().commit(begin(id)));
    assert!(join_all(units).await.into_iter().all(|outcome| outcome.unwrap() == Outcome::Won));
    assert!(authn_transaction::find(&app.app.db, &hash, now).await.unwrap().is_some());
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let all = entity::authn_transaction::Entity::find().all(&database).await.unwrap();
    assert_eq!(all.len(), 1);
}

/// At most once, on one node and on two.
async fn of_many_claims_for_the_same_row_one_wins(app: TestApp) {
    let node = app.second_node().await;
    for round in 0..5 {
        let attempts: Vec<_> = (0..40)
            .map(|n| {
                let unit = Unit::new()
                    .claim(claim(&app, &format!("first{round}.{n}")))
                    .claim(claim(&app, &format!("name{round}")))
                    .row(row(&app, &format!("flw{round}.{n}")));
                let db = if n % 2 == 0 { app.app.db.clone() } else { node.app.db.clone() };
                tokio::spawn(async move { db.writer().commit(unit).await.unwrap() })
            })
            .collect();
        let mut winners = Vec::new();
        for (n, attempt) in attempts.into_iter().enumerate() {
            match attempt.await.unwrap() {
                Outcome::Won => winners.push(n),
                Outcome::Lost(claim) => assert_eq!(claim, 1),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        for n in 0..40 {
            let there = is_there(&node.app.db, &app, &format!("flw{round}.{n}")).await;
            assert_eq!(there, winners.contains(&n), "{round}.{n}");
        }
    }
}

/// Two nodes take the same rows in opposite order, in groups and one by one: where each waits for the other, the database
/// takes one back, and it is tried again.
async fn units_of_two_nodes_that_wait_for_one_another_all_end(app: TestApp) {
    let node = app.second_node().await;
    let pairs = 0..30;
    let commit = |db: &Database, claims: [String; 2]| {
        let unit = claims.iter().fold(Unit::new(), |unit, name| unit.claim(claim(&app, name)));
        let db = db.clone();
        tokio::spawn(async move { db.writer().commit(unit).await.unwrap() })
    };
    let forth: Vec<_> =
        pairs.clone().map(|n| commit(&app.app.db, [format!("a{n}"), format!("b{n}")])).collect();
    let back: Vec<_> =
        pairs.rev().map(|n| commit(&node.app.db, [format!("b{n}"), format!("a{n}")])).collect();
    for (forth, back) in join_all(forth).await.into_iter().zip(join_all(back).await.into_iter().rev()) {
        let mut both = [forth.unwrap(), back.unwrap()];
        both.sort_by_key(|outcome| *outcome == Outcome::Won);
        assert_eq!(both, [Outcome::Lost(0), Outcome::Won]);
    }
}

/// Where a writer works for many, who hangs up after sending loses the answer, not the commit.
async fn a_unit_outlives_the_caller_that_went_away(app: TestApp) {
    let hold = app.app.db.begin_write().await.unwrap();
    let unit = Unit::new().row(row(&app, "flw1"));
    let mut caller = Box::pin(app.app.db.writer().commit(unit));
    // Polled once, then dropped.
    assert!(futures_util::poll!(&mut caller).is_pending());
    drop(caller);
    drop(hold);
    // Units are answered in order, so this answer means that the other one is done.
    commit(&app, Unit::new().claim(claim(&app, "next"))).await;
    assert!(is_there(&app.app.db, &app, "flw1").await);
}

/// When `commit` returns, another process finds it.
async fn what_was_acknowledged_is_there_after_a_restart(app: TestApp) {
    for n in 0..20 {
        let id = format!("flw{n}");
        assert_eq!(commit(&app, Unit::new().row(row(&app, &id))).await, Outcome::Won);
        if n % 5 == 0 {
            let other = Database::connect(&DatabaseSettings::new(app.database_url())).await.unwrap();
            assert!(is_there(&other, &app, &id).await);
            other.close().await;
        }
    }
    app.app.db.clone().close().await;
    let reopened = Database::connect(&DatabaseSettings::new(app.database_url())).await.unwrap();
    for n in 0..20 {
        assert!(is_there(&reopened, &app, &format!("flw{n}")).await, "{n}");
    }
    reopened.close().await;
}

/// What the files hold at the moment of the answer is enough: nothing waits in the memory of the process.
async fn what_was_acknowledged_survives_a_crash(app: TestApp) {
    let file = app.database_url().strip_prefix("sqlite://").unwrap().split('?').next().unwrap().to_owned();
    for round in 0..5 {
        let units: Vec<_> = (0..40)
            .map(|n| {
                let unit = Unit::new().row(row(&app, &format!("flw{round}.{n}")));
                let app = Arc::clone(&app.app);
                tokio::spawn(async move { app.db.writer().commit(unit).await.unwrap() })
            })
            .collect();
        for (n, unit) in units.into_iter().enumerate() {
            assert_eq!(unit.await.unwrap(), Outcome::Won);
            if n % 20 != 0 {
                continue;
            }
            // As a crash leaves them: the database and its log, without the shared memory.
            let folder = tempfile::TempDir::new().unwrap();
            let copy = folder.path().join("crashed.db");
            std::fs::copy(&file, &copy).unwrap();
            std::fs::copy(format!("{file}-wal"), folder.path().join("crashed.db-wal")).unwrap();
            let url = format!("sqlite://{}?mode=rwc", copy.display());
            let crashed = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
            assert!(is_there(&crashed, &app, &format!("flw{round}.{n}")).await, "{round}.{n}");
            crashed.close().await;
        }
    }
}

/// A flood waits in turn; batches are bounded, the order of answers is not important, and nothing is lost.
async fn more_units_than_a_batch_holds_all_succeed(app: TestApp) {
    let units: Vec<_> = (0..1000)
        .map(|n| {
            let unit = Unit::new().claim(claim(&app, &format!("name{n}"))).row(row(&app, &format!("flw{n}")));
            let app = Arc::clone(&app.app);
            tokio::spawn(async move { app.db.writer().commit(unit).await.unwrap() })
        })
        .collect();
    for unit in units {
        assert_eq!(unit.await.unwrap(), Outcome::Won);
    }
    let pending = flow::pending_from(&app.app.db, "192.0.2.1", app.app.now(), 1000).await.unwrap();
    assert_eq!(pending, 1000);
}

async fn a_stopped_writer_acknowledges_nothing(app: TestApp) {
    let db = app.app.db.clone();
    db.clone().close().await;
    assert!(db.writer().commit(Unit::new().row(row(&app, "flw1"))).await.is_err());
    let reopened = Database::connect(&DatabaseSettings::new(app.database_url())).await.unwrap();
    assert!(!is_there(&reopened, &app, "flw1").await);
    reopened.close().await;
}
