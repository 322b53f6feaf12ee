//! Whether the user of a transaction may go on.

use crate::{
    app::App,
    authn::{
        state::{Purpose, State},
        transaction::{Browser, Transaction},
    },
    model::user::{User, UserStatus},
    user::recovery::has_way_back,
};

/// Whether the user of a transaction may go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Locked,
    Cut,
}

pub(super) fn standing(app: &App, transaction: &Transaction, user: Option<&User>) -> Standing {
    let Some(user) = user else { return Standing::Cut };
    let (position, context) = (&transaction.position, &transaction.context);
    let changed = user.password_changed_at.is_some_and(|at| at > context.counts_from);
    if changed || user.not_before >= context.counts_from {
        return Standing::Cut;
    }
    match position.purpose {
        Purpose::SignIn => {
            let activates = matches!(position.state, State::PasswordReset { .. });
            let locked = user.lock.locked_until.is_some_and(|until| until > app.now());
            if !(may_sign_in(user) || activates && user.status == UserStatus::Provisioned) {
                Standing::Cut
            // What guesses lock is a password; who has an invitation is about to set the first.
            } else if locked && !activates && context.browser == Browser::Unknown {
                Standing::Locked
            } else {
                Standing::Good
            }
        }
        Purpose::Recovery(_) if has_way_back(user.status) => Standing::Good,
        Purpose::Recovery(_) => Standing::Cut,
    }
}

/// Whether a password of the user is looked at. Whoever must change it signs in to do so.
pub(super) fn may_sign_in(user: &User) -> bool {
    matches!(user.status, UserStatus::Active | UserStatus::PasswordExpired)
}
