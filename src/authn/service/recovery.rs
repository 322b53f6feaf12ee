//! Recovery of a password and of a locked account. To the public it looks and lasts the same whoever is asked for.

use time::OffsetDateTime;

use super::{
    AuthnError, Effect, Reply, Standing, Start, Step, Visitor, begin, ended, load, on_the_way,
    primary::admitted, settle, standing, step_of,
};
use crate::{
    app::App,
    authn::{
        action::Action,
        event::Event as Fact,
        facts::Facts,
        state::{PhoneChannel, Purpose, RecoveryKind},
    },
    model::user::User,
    secret::Secret,
    store::unit::{Outcome, Unit},
    user::{
        policies,
        recovery::{
            RecoveryError,
            begin::{self as ways, Begun},
            code, question,
            token::{self, Found},
        },
    },
};

/// How a recovery is proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// By a link that is mailed.
    Email,
    /// By a code that is sent to a phone.
    Phone(PhoneChannel),
    /// By a token that the application that asks is trusted with.
    Application,
}

/// How a recovery began.
#[derive(Debug)]
pub enum Begin {
    /// A link was mailed, if there is such a user.
    Mailed,
    /// A code was sent, if there is such a user.
    Sent(Reply),
    /// The token itself.
    Token(Box<Handed>),
}

/// A recovery token in the hands of a trusted application.
#[derive(Debug)]
pub struct Handed {
    /// The user.
    pub user: User,
    /// The recovery question, where it will be asked.
    pub question: Option<String>,
    /// The token.
    pub token: Secret<String>,
    /// When it dies.
    pub expires_at: OffsetDateTime,
}

/// Begins a recovery.
///
/// # Errors
/// Policy lets nobody recover like that, or too many do. Trusted applications are told of unknown users, too.
pub async fn start(
    app: &App,
    visitor: &Visitor<'_>,
    login: &str,
    (kind, way): (RecoveryKind, Way),
    start: Start,
) -> Result<Begin, AuthnError> {
    match way {
        Way::Application => {
            if !visitor.is_trusted() {
                return Err(AuthnError::NotAllowed);
            }
            let (user, issued) = ways::begin_trusted(app, login, kind, visitor.caller).await?;
            app.db.writer().commit(issued.unit).await?;
            let asked = policies::of_user(app, &user, visitor.caller.ip).await?.password.recovery_question;
            let question = if asked { question::find(app, &user.id).await? } else { None };
            let (token, expires_at) = (issued.token, issued.expires_at);
            Ok(Begin::Token(Box::new(Handed { user, question, token, expires_at })))
        }
        Way::Email => {
            let channel = ways::Channel::Email;
            let Begun { unit, .. } = ways::begin(app, login, (kind, channel), visitor.caller).await?;
            app.db.writer().commit(unit).await?;
            Ok(Begin::Mailed)
        }
        Way::Phone(channel) => {
            let mut transaction = begin(app, start, app.now());
            let asked = ways::Channel::Phone(channel, &transaction.id);
            let Begun { user, unit } = ways::begin(app, login, (kind, asked), visitor.caller).await?;
            transaction.position.purpose = Purpose::Recovery(kind);
            let user_id = user.map(|user| user.id);
            // Nothing is loaded for a user that is not for a stranger (security rule M3).
            let step = Step::of(transaction, Facts::of_nobody());
            let fact = Fact::RecoveryStarted { user_id, kind, channel };
            let lost = RecoveryError::SentRecently(channel).into();
            Ok(Begin::Sent(settle(app, visitor, step, Effect { fact, unit, lost }).await?))
        }
    }
}

/// Proves a recovery by its code.
///
/// # Errors
/// The transaction waits for something else, or the code is wrong.
pub async fn verify(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    (channel, passcode): (PhoneChannel, &Secret<String>),
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::VerifyRecovery(channel))?;
    let verified = code::verify(app, &step.transaction.id, passcode, visitor.caller).await?;
    if standing(app, &step.transaction, Some(&verified.user)) != Standing::Good {
        return Err(ended(app, &step.transaction, AuthnError::Token).await?);
    }
    let fact = Fact::RecoveryProved { user_id: verified.user.id.clone(), kind: verified.kind };
    let lost = RecoveryError::WrongCode.into();
    let step = step_of(app, visitor, step.transaction, verified.user).await?;
    settle(app, visitor, step, Effect { fact, unit: verified.unit, lost }).await
}

/// Sends the code of a recovery again.
///
/// # Errors
/// The transaction waits for something else, or it is too early.
pub async fn resend(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    channel: PhoneChannel,
) -> Result<Reply, AuthnError> {
    let mut step = load(app, visitor, state_token).await?;
    step.check(&Action::ResendRecovery(channel))?;
    let unit = code::resend(app, &step.transaction.id, visitor.caller).await?;
    if let Outcome::Lost(_) = app.db.writer().commit(unit).await? {
        return Err(RecoveryError::SentRecently(channel).into());
    }
    super::navigation::touch(app, &mut step).await?;
    Ok(step.pending())
}

/// Goes on with the token of a link. It is used up; looking at the page of the link did not do that (security rule S5).
///
/// # Errors
/// The token is none, was used, or has expired.
pub async fn with_token(
    app: &App,
    visitor: &Visitor<'_>,
    recovery_token: &str,
    start: Start,
) -> Result<Reply, AuthnError> {
    let began_at = app.now();
    let found = token::find(app, recovery_token).await?;
    follow(app, visitor, found, (start, began_at)).await
}

/// Goes on with a token that was found.
pub(super) async fn follow(
    app: &App,
    visitor: &Visitor<'_>,
    found: Found,
    (start, began_at): (Start, OffsetDateTime),
) -> Result<Reply, AuthnError> {
    let (user_id, kind) = (found.user.id.clone(), found.token.kind);
    let unit = Unit::new().claim(found.consume(app.now()));
    let start = on_the_way(app, start, &user_id, visitor.caller).await?;
    let mut transaction = begin(app, start, began_at);
    let fact = match kind {
        RecoveryKind::Password | RecoveryKind::Unlock => {
            transaction.position.purpose = Purpose::Recovery(kind);
            Fact::RecoveryProved { user_id, kind }
        }
        RecoveryKind::AccountActivation => Fact::ActivationAccepted { user_id },
    };
    let step = step_of(app, visitor, transaction, found.user).await?;
    if kind == RecoveryKind::AccountActivation {
        admitted(app, visitor, &step).await?;
    }
    settle(app, visitor, step, Effect { fact, unit, lost: RecoveryError::Spent.into() }).await
}

/// Answers the recovery question.
///
/// # Errors
/// The transaction waits for something else, or the answer is wrong.
pub async fn answer(
    app: &App,
    visitor: &Visitor<'_>,
    state_token: &str,
    text: &Secret<String>,
) -> Result<Reply, AuthnError> {
    let step = load(app, visitor, state_token).await?;
    step.check(&Action::AnswerRecovery)?;
    let unit = question::verify(app, step.user()?, text, visitor.caller).await?;
    let effect = Effect { fact: Fact::RecoveryAnswered, unit, lost: RecoveryError::WrongAnswer.into() };
    settle(app, visitor, step, effect).await
}
