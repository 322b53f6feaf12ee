//! Group commit: on SQLite one task runs many waiting units in one transaction and answers all of them after the
//! commit; PostgreSQL groups commits by itself, so each unit is its own transaction there.

use sea_orm::{DatabaseBackend, DatabaseConnection, TransactionTrait};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    db::immediate,
    unit::{Applied, Batch, Outcome, Undo, Unit},
};
use crate::fault::Fault;

/// Units that one transaction holds at most.
const BATCH: usize = 64;
/// Units that may wait; beyond that callers are told to come back.
const QUEUE: usize = 4096;

struct Submission {
    unit: Unit,
    answer: oneshot::Sender<Result<Outcome, Fault>>,
}

/// Hands units to the database; clones share the queue.
#[derive(Clone)]
pub struct Writer {
    connection: DatabaseConnection,
    queue: Option<mpsc::Sender<Submission>>,
    posted: watch::Sender<()>,
}

impl Writer {
    pub(super) fn start(connection: DatabaseConnection) -> Self {
        let queue = (connection.get_database_backend() == DatabaseBackend::Sqlite).then(|| {
            let (queue, submissions) = mpsc::channel(QUEUE);
            tokio::spawn(run(connection.clone(), submissions));
            queue
        });
        Self { connection, queue, posted: watch::Sender::default() }
    }

    /// Commits the unit, or its denial if a claim is lost. When this returns, the outcome is durable.
    ///
    /// # Errors
    /// Nothing was written: the database failed, or too many units are waiting.
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
        let Some(queue) = &self.queue else {
            return commit_retrying(&self.connection, unit).await;
        };
        let (answer, outcome) = oneshot::channel();
        queue
            .try_send(Submission { unit, answer })
            .map_err(|_| Fault::Overloaded("too many writes are waiting"))?;
        outcome.await.map_err(|_| Fault::Database("the writer has stopped".to_owned()))?
    }

    /// Waits until everything that was submitted is answered.
    pub(super) async fn stop(self) {
        if let Some(queue) = self.queue {
            // An empty unit that is answered proves that all before it were.
            let (answer, outcome) = oneshot::channel();
            if queue.send(Submission { unit: Unit::new(), answer }).await.is_ok() {
                let _ = outcome.await;
            }
        }
    }
}

async fn run(connection: DatabaseConnection, mut submissions: mpsc::Receiver<Submission>) {
    let mut batch = Vec::with_capacity(BATCH);
    while submissions.recv_many(&mut batch, BATCH).await > 0 {
        metrics::histogram!("writer_batch_size")
            .record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        let (units, answers): (Vec<Unit>, Vec<_>) = batch.drain(..).map(|s| (s.unit, s.answer)).unzip();
        let single = units.len() == 1;
        let outcomes = match commit_together(&connection, units.clone(), Undo::ByTransaction).await {
            Ok(Some(outcomes)) => outcomes.into_iter().map(Ok).collect(),
            Err(fault) if single => vec![Err(fault)],
            // One unit spoiled the batch: find out which by running them one by one.
            Ok(None) | Err(_) => {
                let mut outcomes = Vec::with_capacity(units.len());
                for unit in units {
                    outcomes.push(commit_alone(&connection, unit).await);
                }
                outcomes
            }
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that went away loses the answer, not the commit.
            let _ = answer.send(outcome);
        }
    }
}

/// All units in one transaction: claims one by one, inserts gathered by table. `None` when nothing was committed because
/// a unit must be undone in part, which only [`Undo::BySavepoint`] can.
async fn commit_together(
    connection: &DatabaseConnection,
    units: Vec<Unit>,
    undo: Undo,
) -> Result<Option<Vec<Outcome>>, Fault> {
    let transaction = connection.begin_with_options(immediate()).await?;
    let mut outcomes = Vec::with_capacity(units.len());
    let mut inserts = Batch::default();
    for unit in units {
        if unit.reaches_all() {
            std::mem::take(&mut inserts).insert(&transaction).await?;
        }
        match unit.apply(&transaction, undo).await? {
            Applied::Ended(outcome, rows) => {
                outcomes.push(outcome);
                for row in rows {
                    inserts.add(row);
                }
            }
            Applied::Spoiled => {
                transaction.rollback().await?;
                return Ok(None);
            }
        }
    }
    inserts.insert(&transaction).await?;
    transaction.commit().await?;
    Ok(Some(outcomes))
}

async fn commit_alone(connection: &DatabaseConnection, unit: Unit) -> Result<Outcome, Fault> {
    let outcomes = commit_together(connection, vec![unit], Undo::BySavepoint).await?;
    outcomes.and_then(|mut outcomes| outcomes.pop()).ok_or(Fault::Overloaded("the writer gave no answer"))
}

/// First without a savepoint, which hardly ever turns out to be needed.
async fn commit_hopefully(connection: &DatabaseConnection, unit: Unit) -> Result<Outcome, Fault> {
    let outcomes = commit_together(connection, vec![unit.clone()], Undo::ByTransaction).await?;
    match outcomes.and_then(|mut outcomes| outcomes.pop()) {
        Some(outcome) => Ok(outcome),
        None => commit_alone(connection, unit).await,
    }
}

/// PostgreSQL may refuse a transaction because of its neighbours (deadlock, serialization): try again a few times.
async fn commit_retrying(connection: &DatabaseConnection, unit: Unit) -> Result<Outcome, Fault> {
    const ATTEMPTS: u32 = 3;
    let mut attempt = 1;
    loop {
        let outcome = if unit.claims.is_empty() && unit.changes.is_empty() && unit.rows.len() == 1 {
            insert_alone(connection, unit.clone()).await
        } else {
            commit_hopefully(connection, unit.clone()).await
        };
        match outcome {
            Err(Fault::Database(text))
                if attempt < ATTEMPTS
                    && (text.contains("deadlock") || text.contains("could not serialize")) =>
            {
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// One row needs no transaction around its statement.
async fn insert_alone(connection: &DatabaseConnection, unit: Unit) -> Result<Outcome, Fault> {
    let mut inserts = Batch::default();
    for row in unit.rows {
        inserts.add(row);
    }
    inserts.insert(connection).await?;
    Ok(Outcome::Won)
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
