//! A unit: what a use case that issues or consumes something hands to storage, all at once.

use sea_orm::{ConnectionTrait, DatabaseBackend, EntityTrait, IdenStatic, Iterable, ModelTrait, Value};

use crate::fault::Fault;

/// A statement with its values.
#[derive(Clone, Debug)]
pub struct Change {
    sql: &'static str,
    values: Vec<Value>,
    reach: Reach,
}

/// What a statement is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// Rows that whoever made it has seen.
    Known,
    /// Whatever there is, rows of units before it in the same transaction as well.
    All,
}

impl Change {
    pub(super) fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, reach: Reach::Known }
    }

    /// A statement about all rows of somebody or something. Rows of units that are committed together are gathered and
    /// inserted at the end; before this one they are inserted first, or what begins at the moment when everything ends
    /// would outlive it.
    pub(super) fn of_all(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values, reach: Reach::All }
    }

    pub(super) async fn run(self, connection: &impl ConnectionTrait) -> Result<u64, Fault> {
        super::db::execute(connection, self.sql, self.values).await
    }
}

/// A change of exactly one row, and what it means when there is none.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    change: Change,
    lost: Loss,
}

/// What is written when a claim is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loss {
    /// The denial of the unit.
    Denial,
    /// Nothing.
    Silence,
}

/// Claims that must each change exactly one row, changes and rows that go with them, and what to write instead when
/// a claim is lost. A denial commits, a fault rolls back.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    pub(super) claims: Vec<Claim>,
    pub(super) changes: Vec<Change>,
    pub(super) rows: Vec<Row>,
    pub(super) denial_changes: Vec<Change>,
    pub(super) denial_rows: Vec<Row>,
}

impl Unit {
    /// An empty unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim: the unit is lost unless it changes exactly one row.
    #[must_use]
    pub fn claim(mut self, claim: Change) -> Self {
        self.claims.push(Claim { change: claim, lost: Loss::Denial });
        self
    }

    /// Adds a claim before all others, as number 0. When it is lost, nothing at all is written: what the other claims
    /// and the denial are about was not touched.
    #[must_use]
    pub fn precede(mut self, claim: Change) -> Self {
        self.claims.insert(0, Claim { change: claim, lost: Loss::Silence });
        self
    }

    /// Adds all of another unit, after what is here.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.claims.extend(other.claims);
        self.changes.extend(other.changes);
        self.rows.extend(other.rows);
        self.denial_changes.extend(other.denial_changes);
        self.denial_rows.extend(other.denial_rows);
        self
    }

    /// Adds a change that may concern any number of rows.
    #[must_use]
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, row: impl Into<Row>) -> Self {
        self.rows.push(row.into());
        self
    }

    /// Adds a change to make instead when a claim is lost.
    #[must_use]
    pub fn denial_change(mut self, change: Change) -> Self {
        self.denial_changes.push(change);
        self
    }

    /// Adds a row to write instead when a claim is lost, unless the denial's changes find nothing left to change.
    #[must_use]
    pub fn denial_row(mut self, row: impl Into<Row>) -> Self {
        self.denial_rows.push(row.into());
        self
    }

    /// Whether it looks for rows of units before it.
    pub(super) fn reaches_all(&self) -> bool {
        let claims = self.claims.iter().map(|claim| &claim.change);
        claims.chain(&self.changes).chain(&self.denial_changes).any(|change| change.reach == Reach::All)
    }

    /// Whether it is nothing but one row.
    pub(super) fn is_one_row(&self) -> bool {
        self.claims.is_empty() && self.changes.is_empty() && self.rows.len() == 1
    }

    /// Whether winning the unit leaves a message to deliver.
    pub(super) fn posts(&self) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Outbox(_)))
    }

    /// Runs the claims and changes; says which rows are to be inserted and whether the unit was won.
    pub(super) async fn apply(self, connection: &impl ConnectionTrait, undo: Undo) -> Result<Applied, Fault> {
        // A later claim that is lost takes the earlier ones back.
        let savepoint = undo == Undo::BySavepoint && self.claims.len() > 1;
        if savepoint {
            connection.execute_unprepared("SAVEPOINT unit").await?;
        }
        for (index, claim) in self.claims.into_iter().enumerate() {
            if claim.change.run(connection).await? != 1 {
                if savepoint {
                    connection.execute_unprepared("ROLLBACK TO SAVEPOINT unit").await?;
                } else if index > 0 {
                    return Ok(Applied::Spoiled);
                }
                if claim.lost == Loss::Silence {
                    return Ok(Applied::Ended(Outcome::Lost(index), Vec::new()));
                }
                let told_before = !self.denial_changes.is_empty();
                let mut changed = 0;
                for change in self.denial_changes {
                    changed += change.run(connection).await?;
                }
                // What the denial would change has been changed before: it was told before, too.
                let rows = if told_before && changed == 0 { Vec::new() } else { self.denial_rows };
                return Ok(Applied::Ended(Outcome::Lost(index), rows));
            }
        }
        if savepoint {
            connection.execute_unprepared("RELEASE SAVEPOINT unit").await?;
        }
        for change in self.changes {
            change.run(connection).await?;
        }
        Ok(Applied::Ended(Outcome::Won, self.rows))
    }
}

/// What takes the earlier claims of a unit back when a later one is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Undo {
    /// A savepoint around the claims: two statements more for every unit that has several.
    BySavepoint,
    /// The rollback of the whole transaction, after which its units must be run again by savepoint. Only a race loses a
    /// later claim, so this is the cheaper way to begin.
    ByTransaction,
}

/// What running a unit left in its transaction.
#[derive(Debug)]
pub(super) enum Applied {
    /// The unit ended; these rows are still to be inserted.
    Ended(Outcome, Vec<Row>),
    /// A later claim was lost and the earlier ones stand: the transaction must be rolled back.
    Spoiled,
}

/// Runs a unit inside the transaction of an administrator, which commits it. A unit that is lost leaves its denial there.
///
/// # Errors
/// The database failed: the transaction is good for nothing more.
pub async fn run_in(tx: &super::db::Tx, unit: Unit) -> Result<Outcome, Fault> {
    match unit.apply(&tx.0, Undo::BySavepoint).await? {
        Applied::Ended(outcome, rows) => {
            let mut batch = Batch::default();
            rows.into_iter().for_each(|row| batch.add(row));
            batch.insert(&tx.0).await?;
            Ok(outcome)
        }
        Applied::Spoiled => Err(Fault::stored("a unit with savepoints was spoiled")),
    }
}

/// How a unit ended; both ways it is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Every claim changed its row.
    Won,
    /// The claim of this index did not; the denial was written.
    Lost(usize),
}

macro_rules! rows {
    ($($(#[$doc:meta])* $variant:ident($table:ident);)*) => {
        /// A row to insert.
        #[derive(Clone, Debug)]
        pub enum Row {
            $($(#[$doc])* $variant(Box<entity::$table::Model>),)*
        }

        $(impl From<entity::$table::Model> for Row {
            fn from(model: entity::$table::Model) -> Self {
                Self::$variant(Box::new(model))
            }
        })*

        /// Rows of many units, gathered table by table in the order that foreign keys ask for.
        #[derive(Default)]
        pub(super) struct Batch {
            $($table: Vec<entity::$table::Model>,)*
        }

        impl Batch {
            pub(super) fn add(&mut self, row: Row) {
                match row {
                    $(Row::$variant(model) => self.$table.push(*model),)*
                }
            }

            pub(super) async fn insert(self, connection: &impl ConnectionTrait) -> Result<(), Fault> {
                $(insert_all::<entity::$table::Entity, _>(connection, self.$table).await?;)*
                Ok(())
            }
        }
    };
}

rows! {
    /// A session.
    Session(session);
    /// A pending authorization request.
    Flow(flow);
    /// A pushed authorization request.
    PushedRequest(pushed_request);
    /// A grant.
    Grant(grant);
    /// An authorization code.
    AuthorizationCode(authorization_code);
    /// A refresh token.
    RefreshToken(refresh_token);
    /// A device secret.
    DeviceSecret(device_secret);
    /// A system log event.
    LogEvent(log_event);
    /// A session token.
    SessionToken(session_token);
    /// A message that will be delivered.
    Outbox(outbox);
    /// An earlier password.
    PasswordHistory(password_history);
}

/// Inserts in chunks of powers of two, so that few statement texts exist and all stay prepared. The text is put together
/// here because sea-query takes longer for it than the database for the rows.
async fn insert_all<E, C>(connection: &C, mut models: Vec<E::Model>) -> Result<(), Fault>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
    C: ConnectionTrait,
{
    while !models.is_empty() {
        let size = 1_usize << models.len().ilog2().min(6);
        let rest = models.split_off(size);
        let chunk = std::mem::replace(&mut models, rest);
        let columns: Vec<E::Column> = E::Column::iter().collect();
        let names: Vec<&str> = columns.iter().map(E::Column::as_str).collect();
        let mut sql =
            format!(r#"INSERT INTO "{}" ("{}") VALUES "#, E::default().table_name(), names.join(r#"", ""#));
        let values = chunk.iter().flat_map(|model| columns.iter().map(|column| model.get(*column))).collect();
        placeholders(&mut sql, connection.get_database_backend(), (size, columns.len()));
        super::db::execute(connection, &sql, values).await?;
    }
    Ok(())
}

/// `($1,$2),($3,$4)` for two rows of two columns. To SQLite `$1` is a name, each looked for among all others when it is bound:
/// it gets `(?,?),(?,?)`.
fn placeholders(sql: &mut String, backend: DatabaseBackend, (rows, columns): (usize, usize)) {
    for row in 0..rows {
        for column in 0..columns {
            sql.push_str(match (row, column) {
                (0, 0) => "(",
                (_, 0) => "),(",
                _ => ",",
            });
            if backend == DatabaseBackend::Sqlite {
                sql.push('?');
            } else {
                sql.push('$');
                sql.push_str(&(row * columns + column + 1).to_string());
            }
        }
    }
    sql.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_through_all_rows() {
        for (backend, expected) in
            [(DatabaseBackend::Postgres, "($1,$2),($3,$4)"), (DatabaseBackend::Sqlite, "(?,?),(?,?)")]
        {
            let mut sql = String::new();
            placeholders(&mut sql, backend, (2, 2));
            assert_eq!(sql, expected);
        }
    }
}
