//! The life cycle of a user.

use http::StatusCode;
use poem::{Request, Response};
use serde_json::{Value, json};

use super::{
    Users, edit, load_to_change,
    refusal::{not_mailed, refusal},
    rules,
};
use crate::{
    api::{
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        v1::{
            administrator::{Right, administrator},
            query::Query,
        },
    },
    app::App,
    model::{
        policy::PasswordRules,
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    store::unit::Unit,
    user::{
        administration::AdministrationError,
        lifecycle::{self, Deletion},
        recovery, unlock,
    },
};

/// A step of the life cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    Activate,
    Reactivate,
    Deactivate,
    Suspend,
    Unsuspend,
    Unlock,
}

impl Users {
    pub(super) async fn remove(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let user = load_to_change(app, &who, id).await?;
        let edit = edit(app, &user.id, &who).await?;
        let done = match lifecycle::deletion(edit.user.status) {
            Deletion::Deactivate => edit.deactivate().await,
            Deletion::Remove => edit.delete().await,
        };
        done.map_err(|error| refusal(error, id))?;
        Ok(StatusCode::NO_CONTENT.into())
    }

    pub(super) async fn turn(&self, request: &Request, id: &str, turn: Turn) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::UsersManage).await?;
        let query = Query::of(request)?;
        let delivery = Delivery::of(query.flag("sendEmail")?.unwrap_or(turn == Turn::Activate));
        let user = load_to_change(app, &who, id).await?;
        let rules = rules(app, &user).await?;
        let mut edit = edit(app, &user.id, &who).await?;
        if turn == Turn::Unlock && !unlock::is_needed(app, &edit.user).await.map_err(failed)? {
            return Err(impossible(turn));
        }
        let refused = |error| match error {
            AdministrationError::Status(_) => impossible(turn),
            error => refusal(error, id),
        };
        let mut answer = json!({});
        let done = match turn {
            Turn::Activate | Turn::Reactivate => {
                let begun =
                    if turn == Turn::Activate { edit.activate().await } else { edit.reactivate().await };
                begun.map_err(refused)?;
                let mut unit = Unit::new();
                if edit.user.status == UserStatus::Provisioned {
                    (unit, answer) = invitation(app, &edit.user, &rules, delivery)?;
                }
                edit.finish(unit).await
            }
            Turn::Deactivate => edit.deactivate().await,
            Turn::Suspend => edit.suspend().await,
            Turn::Unsuspend => edit.unsuspend().await,
            Turn::Unlock => edit.unlock().await,
        };
        done.map_err(refused)?;
        Ok(json_response(StatusCode::OK, &answer))
    }
}

/// How a link gets to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::api::v1) enum Delivery {
    /// By mail.
    ByMail,
    /// By whoever asked, to whom it is told.
    InAnswer,
}

impl Delivery {
    /// Okta's `sendEmail`.
    pub(in crate::api::v1) fn of(send_email: bool) -> Self {
        if send_email { Self::ByMail } else { Self::InAnswer }
    }
}

/// The unit that invites a user to set a password, and what is answered: the link, unless it is mailed.
fn invitation(
    app: &App,
    user: &User,
    rules: &PasswordRules,
    delivery: Delivery,
) -> Result<(Unit, Value), Response> {
    const KIND: RecoveryKind = RecoveryKind::AccountActivation;
    if delivery == Delivery::ByMail {
        let unit = recovery::token::send(app, user, KIND, rules).map_err(not_mailed)?;
        return Ok((unit, json!({})));
    }
    let issued = recovery::token::issue(app, user, KIND, rules);
    let answer = json!({
        "activationUrl": recovery::token::link(app, KIND, &issued.token),
        "activationToken": issued.token.expose(),
    });
    Ok((issued.unit, answer))
}

/// Okta's answer to a step that the status does not permit.
fn impossible(turn: Turn) -> Response {
    let forbidden = |code, text: &str| Envelope::new(StatusCode::FORBIDDEN, code, text).respond();
    match turn {
        Turn::Activate => forbidden("E0000016", "Activation failed because the user is already active"),
        Turn::Reactivate => {
            forbidden("E0000038", "This operation is not allowed in the user's current status.")
        }
        Turn::Unlock => forbidden("E0000032", "Unlock is not allowed for this user."),
        Turn::Suspend => {
            Envelope::validation("suspendUser", ["Cannot suspend a user that is not active".to_owned()])
                .respond()
        }
        Turn::Unsuspend => Envelope::validation(
            "unsuspendUser",
            ["Cannot unsuspend a user that is not suspended".to_owned()],
        )
        .respond(),
        Turn::Deactivate => Envelope::validation(
            "deactivateUser",
            ["Cannot deactivate a user that is deactivated already".to_owned()],
        )
        .respond(),
    }
}
