//! A transaction between two requests: a row that is found by the hash of its state token, lives five minutes from each
//! request and an hour in all, and is changed by compare-and-swap.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{rules::Options, state::Position};
use crate::{
    fault::Fault,
    id::{SessionId, TransactionId},
    model::{assurance::AuthenticationRequirement, session::milliseconds},
    secret::{Secret, TokenHash},
    store::{
        authn_transaction::{self, StoredTransaction},
        unit::Unit,
    },
};

/// How long a transaction waits for its next request.
pub const IDLE: Duration = Duration::minutes(5);
/// How long a transaction lives, however busy it is.
pub const LONGEST: Duration = Duration::HOUR;
/// How precisely the last request is kept.
const TOUCH_EVERY: Duration = Duration::seconds(30);

/// What a transaction was begun with, and what was said on the way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Context {
    /// What the caller can show.
    pub options: Options,
    /// What the caller wants proved beyond what policy does.
    pub requirement: AuthenticationRequirement,
    /// What the caller wants to be told at the end.
    pub relay_state: Option<String>,
    /// What another device is told of the application that is signed in to.
    #[serde(default)]
    pub application: Option<String>,
    /// Whose budget the password was charged to: a stranger's guesses lock the user, but not a browser that is known.
    pub browser: Browser,
    /// Whether the device is to be remembered.
    pub remember: Remember,
    /// What the trusted application that began it calls the device; it says so once.
    #[serde(default)]
    pub device: Option<String>,
    /// The session that is raised; absent: none is. The transaction ends with it.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// Since when what was proved counts: whatever cut the user off later ends the transaction.
    #[serde(with = "milliseconds")]
    pub counts_from: OffsetDateTime,
}

/// Whether the user signed in with this browser before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Browser {
    /// As far as is known, never.
    #[default]
    Unknown,
    /// The browser has a budget of its own.
    Known,
}

/// Whether a device is to be remembered instead of asking for a factor again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remember {
    /// It is not.
    #[default]
    No,
    /// It is, where policy lets it.
    Yes,
}

/// How a transaction is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Not at all so far.
    NotYet,
    /// In a row.
    Saved {
        /// Its version.
        version: i32,
    },
}

/// A transaction in the hands of a request.
#[derive(Debug)]
pub struct Transaction {
    /// `txn…`
    pub id: TransactionId,
    /// The state token that opens it.
    pub token: Secret<String>,
    /// Where it stands.
    pub position: Position,
    /// What it was begun with.
    pub context: Context,
    /// When it began.
    pub began_at: OffsetDateTime,
    /// When it dies unless it goes on.
    pub expires_at: OffsetDateTime,
    pub(super) kept: Kept,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    position: Position,
    context: Context,
}

impl Transaction {
    /// A transaction that begins.
    pub(super) fn new(
        id: TransactionId,
        token: Secret<String>,
        context: Context,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id,
            token,
            position: Position::default(),
            context,
            began_at: now,
            expires_at: now + IDLE,
            kept: Kept::NotYet,
        }
    }

    /// A transaction as it was stored; absent: its hour is over.
    pub(super) fn open(
        stored: &StoredTransaction,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Fault> {
        if stored.created_at + LONGEST <= now {
            return Ok(None);
        }
        let Payload { position, context } = serde_json::from_str(&stored.payload)?;
        Ok(Some(Self {
            id: stored.id.clone(),
            token: Secret::new(token.to_owned()),
            position,
            context,
            began_at: stored.created_at,
            expires_at: stored.expires_at,
            kept: Kept::Saved { version: stored.version },
        }))
    }

    fn end_from(&self, now: OffsetDateTime) -> OffsetDateTime {
        (now + IDLE).min(self.began_at + LONGEST)
    }

    /// Adds to a unit that the transaction goes on from here.
    pub(super) fn save(&mut self, unit: Unit, now: OffsetDateTime) -> Result<Unit, Fault> {
        self.expires_at = self.end_from(now);
        let payload = Payload { position: self.position.clone(), context: self.context.clone() };
        let mut stored = StoredTransaction {
            id: self.id.clone(),
            user_id: self.position.user_id.clone(),
            payload: serde_json::to_string(&payload)?,
            version: 0,
            created_at: self.began_at,
            expires_at: self.expires_at,
        };
        let hash = TokenHash::of(self.token.expose());
        Ok(match self.kept {
            Kept::NotYet => unit.change(authn_transaction::upsert(&stored, &hash)),
            Kept::Saved { version } => {
                stored.version = version;
                unit.precede(authn_transaction::claim_update(&stored))
            }
        })
    }

    /// Adds to a unit that the transaction ends here, which it does once.
    pub(super) fn complete(&self, unit: Unit) -> Unit {
        match self.kept {
            // A page that begins anew ends what it left unfinished.
            Kept::NotYet => {
                unit.change(authn_transaction::remove_by_token(&TokenHash::of(self.token.expose())))
            }
            Kept::Saved { version } => unit.precede(authn_transaction::claim_completion(&self.id, version)),
        }
    }

    /// The unit that keeps the transaction alive while its user thinks, where that is worth a write.
    pub(super) fn touch(&mut self, now: OffsetDateTime) -> Option<Unit> {
        let end = self.end_from(now);
        (end - self.expires_at >= TOUCH_EVERY).then(|| {
            self.expires_at = end;
            Unit::new().change(authn_transaction::extend(&self.id, end))
        })
    }

    /// Whether there is a row of it.
    pub(super) fn is_saved(&self) -> bool {
        self.kept != Kept::NotYet
    }

    /// Notes that what [`Transaction::save`] added was committed.
    pub(super) fn saved(&mut self) {
        self.kept = match self.kept {
            Kept::NotYet => Kept::Saved { version: 0 },
            Kept::Saved { version } => Kept::Saved { version: version + 1 },
        };
    }
}
