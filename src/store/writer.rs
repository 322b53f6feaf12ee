//! Group commit: a few tasks run many waiting units in one transaction each, and answer all of them after its commit. One
//! task works for SQLite, which has one writer; several for PostgreSQL, so that no unit waits for the round trips of all
//! others.

use std::sync::Arc;

use futures_util::future::join_all;
use sea_orm::{DatabaseConnection, DatabaseTransaction};
use tokio::sync::{Mutex, RwLock, mpsc, oneshot, watch};

use super::{
    db::begin_units,
    unit::{Applied, Batch, Outcome, Undo, Unit},
};
use crate::fault::Fault;

/// Units that one transaction holds at most.
const BATCH: usize = 64;
/// Units that may wait; beyond that callers are told to come back.
const QUEUE: usize = 4096;
/// How often a unit is tried that neighbours on other nodes get in the way of.
const ATTEMPTS: u32 = 3;

struct Submission {
    unit: Unit,
    answer: oneshot::Sender<Result<Outcome, Fault>>,
}

/// Hands units to the database; clones share the queue.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Submission>,
    /// Every task reads while it works on units that it took from the queue.
    at_work: Arc<RwLock<()>>,
    posted: watch::Sender<()>,
}

impl Writer {
    pub(super) fn start(connection: &DatabaseConnection, tasks: usize) -> Self {
        let (queue, submissions) = mpsc::channel(QUEUE);
        let submissions = Arc::new(Mutex::new(submissions));
        let at_work = Arc::default();
        for _ in 0..tasks {
            tokio::spawn(run(connection.clone(), Arc::clone(&submissions), Arc::clone(&at_work)));
        }
        Self { queue, at_work, posted: watch::Sender::default() }
    }

    /// Commits the unit, or its denial if a claim is lost. When this returns, the outcome is durable.
    ///
    /// # Errors
    /// The database failed, or too many units are waiting. Nothing was written, unless it failed to answer the commit.
    pub async fn commit(&self, unit: Unit) -> Result<Outcome, Fault> {
        let started = std::time::Instant::now();
        let posts = unit.posts();
        let outcome = self.submit(unit).await;
        metrics::histogram!("database_latency_seconds").record(started.elapsed());
        if posts && matches!(outcome, Ok(Outcome::Won)) {
            self.announce_post();
        }
        outcome
    }

    /// Wakes whoever delivers messages.
    pub(super) fn announce_post(&self) {
        self.posted.send_replace(());
    }

    /// Changes whenever what is committed here leaves a message to deliver.
    pub fn posts(&self) -> watch::Receiver<()> {
        self.posted.subscribe()
    }

    async fn submit(&self, unit: Unit) -> Result<Outcome, Fault> {
        let (answer, outcome) = oneshot::channel();
        self.queue
            .try_send(Submission { unit, answer })
            .map_err(|_| Fault::Overloaded("too many writes are waiting"))?;
        outcome.await.map_err(|_| Fault::Database("the writer has stopped".to_owned()))?
    }

    /// Waits until everything that was submitted is answered.
    pub(super) async fn stop(self) {
        // An empty unit that is answered proves that all before it were taken from the queue, and nobody at work that
        // they are done.
        let (answer, outcome) = oneshot::channel();
        if self.queue.send(Submission { unit: Unit::new(), answer }).await.is_ok() {
            let _ = outcome.await;
        }
        let _ = self.at_work.write().await;
    }
}

async fn run(
    connection: DatabaseConnection,
    submissions: Arc<Mutex<mpsc::Receiver<Submission>>>,
    at_work: Arc<RwLock<()>>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let mut queue = submissions.lock().await;
        if queue.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let _working = at_work.read().await;
        drop(queue);
        metrics::histogram!("writer_batch_size")
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        let (units, answers): (Vec<Unit>, Vec<_>) = batch.drain(..).map(|s| (s.unit, s.answer)).unzip();
        for (answer, outcome) in answers.into_iter().zip(commit_all(&connection, units).await) {
            // A caller that went away loses the answer, not the commit.
            let _ = answer.send(outcome);
        }
    }
}

/// Why a transaction did not end well.
enum Failure {
    /// Nothing was written: a unit must be undone in part, which only [`Undo::BySavepoint`] can.
    Spoiled,
    /// Nothing was written.
    Undone(Fault),
    /// The commit was not answered: what was written is not known.
    Unknown(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Undone(fault)
    }
}

/// All units together if that goes well, otherwise each by itself: one of them, or a neighbour on another node, spoiled it.
async fn commit_all(connection: &DatabaseConnection, units: Vec<Unit>) -> Vec<Result<Outcome, Fault>> {
    if units.len() > 1 {
        match commit_together(connection, units.clone(), Undo::ByTransaction).await {
            Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
            // Run again, what was committed after all would look like a replay.
            Err(Failure::Unknown(fault)) => return units.iter().map(|_| Err(fault.clone())).collect(),
            Err(Failure::Spoiled | Failure::Undone(_)) => {}
        }
    }
    join_all(units.into_iter().map(|unit| commit_alone(connection, unit))).await
}

/// One unit, tried again when a neighbour got in its way. First without a savepoint, which hardly ever turns out to be
/// needed.
async fn commit_alone(connection: &DatabaseConnection, unit: Unit) -> Result<Outcome, Fault> {
    let (mut undo, mut attempt) = (Undo::ByTransaction, 1);
    loop {
        match try_alone(connection, unit.clone(), undo).await {
            Ok(outcome) => return Ok(outcome),
            Err(Failure::Spoiled) => undo = Undo::BySavepoint,
            Err(Failure::Undone(Fault::Conflict(_))) if attempt < ATTEMPTS => attempt += 1,
            Err(Failure::Undone(fault) | Failure::Unknown(fault)) => return Err(fault),
        }
    }
}

async fn try_alone(connection: &DatabaseConnection, unit: Unit, undo: Undo) -> Result<Outcome, Failure> {
    if unit.is_one_row() {
        // One row needs no transaction around its statement.
        let mut inserts = Batch::default();
        unit.rows.into_iter().for_each(|row| inserts.add(row));
        inserts.insert(connection).await?;
        return Ok(Outcome::Won);
    }
    let outcome = commit_together(connection, vec![unit], undo).await?.pop();
    outcome.ok_or(Failure::Undone(Fault::Overloaded("the writer gave no answer")))
}

/// All units in one transaction.
async fn commit_together(
    connection: &DatabaseConnection,
    units: Vec<Unit>,
    undo: Undo,
) -> Result<Vec<Outcome>, Failure> {
    let transaction = begin_units(connection, units.len()).await?;
    let outcomes = run_together(&transaction, units, undo).await?;
    transaction.commit().await.map_err(|error| match Fault::from(error) {
        // The database answered, and took everything back.
        conflict @ Fault::Conflict(_) => Failure::Undone(conflict),
        fault => Failure::Unknown(fault),
    })?;
    Ok(outcomes)
}

/// Claims and changes one by one, inserts gathered by table.
async fn run_together(
    transaction: &DatabaseTransaction,
    units: Vec<Unit>,
    undo: Undo,
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::with_capacity(units.len());
    let mut inserts = Batch::default();
    for unit in units {
        if unit.reaches_all() {
            std::mem::take(&mut inserts).insert(transaction).await?;
        }
        match unit.apply(transaction, undo).await? {
            Applied::Ended(outcome, rows) => {
                outcomes.push(outcome);
                rows.into_iter().for_each(|row| inserts.add(row));
            }
            Applied::Spoiled => return Err(Failure::Spoiled),
        }
    }
    inserts.insert(transaction).await?;
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::store::{Database, db::DatabaseSettings, grant::revoke_jti};

    #[tokio::test]
    async fn a_lost_later_claim_takes_the_earlier_ones_back_and_spares_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", folder.path().display());
        let db = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
        db.migrate().await.unwrap();
        let take = |jti| revoke_jti(jti, OffsetDateTime::UNIX_EPOCH);
        let torn = Unit::new().claim(take("a")).claim(take("a")).denial_change(take("denial"));
        let neighbour = Unit::new().claim(take("b")).claim(take("c"));

        let (torn, neighbour) =
            futures_util::future::join(db.writer().commit(torn), db.writer().commit(neighbour)).await;

        assert_eq!((torn.unwrap(), neighbour.unwrap()), (Outcome::Lost(1), Outcome::Won));
        for (jti, expected) in [
            ("a", Outcome::Won),
            ("b", Outcome::Lost(0)),
            ("c", Outcome::Lost(0)),
            ("denial", Outcome::Lost(0)),
        ] {
            assert_eq!(db.writer().commit(Unit::new().claim(take(jti))).await.unwrap(), expected, "{jti}");
        }
    }

    #[tokio::test]
    async fn a_lost_preceding_claim_writes_nothing_and_a_later_one_takes_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", folder.path().display());
        let db = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
        db.migrate().await.unwrap();
        let take = |jti| revoke_jti(jti, OffsetDateTime::UNIX_EPOCH);
        db.writer().commit(Unit::new().claim(take("used"))).await.unwrap();
        let replayed = Unit::new().claim(take("a")).denial_change(take("denial")).precede(take("used"));
        let torn = Unit::new().claim(take("used")).denial_change(take("told")).precede(take("b"));

        assert_eq!(db.writer().commit(replayed).await.unwrap(), Outcome::Lost(0));
        assert_eq!(db.writer().commit(torn).await.unwrap(), Outcome::Lost(1));

        for (jti, expected) in
            [("a", Outcome::Won), ("denial", Outcome::Won), ("b", Outcome::Won), ("told", Outcome::Lost(0))]
        {
            assert_eq!(db.writer().commit(Unit::new().claim(take(jti))).await.unwrap(), expected, "{jti}");
        }
    }
}
