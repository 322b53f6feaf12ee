//! An administrator with an API token.

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Issuer, Play};
use crate::support::http::Response;

/// What an administrator does.
#[derive(Clone, Copy, Debug)]
pub(super) enum AdministratorDeed {
    ResetFactors,
    RemoveFactor,
    Suspend,
    Unsuspend,
    ResetPassword,
    ExpirePassword,
    IssueBypassCode,
    ChangePassword,
}

pub(super) fn any_deed() -> impl Strategy<Value = AdministratorDeed> {
    prop_oneof![
        2 => Just(AdministratorDeed::ResetFactors),
        2 => Just(AdministratorDeed::RemoveFactor),
        1 => Just(AdministratorDeed::Suspend),
        3 => Just(AdministratorDeed::Unsuspend),
        2 => Just(AdministratorDeed::ResetPassword),
        2 => Just(AdministratorDeed::ExpirePassword),
        2 => Just(AdministratorDeed::IssueBypassCode),
        2 => Just(AdministratorDeed::ChangePassword),
    ]
}

impl Play<'_> {
    async fn manage(&self, method: Method, path: &str, body: &Value) -> Response {
        let path = format!("/api/v1/users/{}{path}", self.id);
        self.app.ssws(method, &path, self.ssws).json(body).send().await
    }

    /// S7: what is reset ends sessions, and the owner hears of it.
    pub(super) async fn administer(&mut self, deed: AdministratorDeed) {
        let mails = self.app.mailbox().all(&self.login).await.len();
        let none = json!({});
        match deed {
            AdministratorDeed::ResetFactors => {
                let done = self.manage(Method::POST, "/lifecycle/reset_factors", &none).await;
                assert_eq!(done.status, 200, "{}", done.text());
                self.factors.clear();
                self.spent_codes.extend(self.codes.drain(..).map(|code| code.text));
                self.everything_ended();
                assert!(self.app.mailbox().all(&self.login).await.len() > mails, "nobody was told");
            }
            AdministratorDeed::RemoveFactor => {
                let Some(own) = self.factors.pop() else { return };
                let done = self.manage(Method::DELETE, &format!("/factors/{}", own.id()), &none).await;
                assert_eq!(done.status, 204, "{}", done.text());
                self.everything_ended();
                assert!(self.app.mailbox().all(&self.login).await.len() > mails, "nobody was told");
            }
            AdministratorDeed::Suspend => {
                if self.manage(Method::POST, "/lifecycle/suspend", &none).await.status == 200 {
                    self.everything_ended();
                }
            }
            AdministratorDeed::Unsuspend => {
                self.manage(Method::POST, "/lifecycle/unsuspend", &none).await;
            }
            AdministratorDeed::ResetPassword => {
                let done = self.manage(Method::POST, "/lifecycle/reset_password?sendEmail=true", &none).await;
                if done.status == 200 {
                    // The administrator sees no secret.
                    assert_eq!(done.json(), json!({}));
                    self.password = None;
                    self.everything_ended();
                    self.link_arrived().await;
                }
            }
            AdministratorDeed::ExpirePassword => {
                // What an administrator voided is not brought back by that.
                self.manage(Method::POST, "/lifecycle/expire_password", &none).await;
            }
            AdministratorDeed::IssueBypassCode => {
                let done = self.manage(Method::POST, "/bypass_codes", &json!({ "validSecs": 86400 })).await;
                assert_eq!(done.status, 200, "{}", done.text());
                let code = done.json()["codes"][0].as_str().unwrap().to_owned();
                self.codes_were_issued(Issuer::Administrator, std::iter::once(code));
            }
            AdministratorDeed::ChangePassword => {
                let Some(old) = self.password.clone() else { return };
                let weak =
                    json!({ "oldPassword": { "value": old }, "newPassword": { "value": "Password123" } });
                let refused = self.manage(Method::POST, "/credentials/change_password", &weak).await;
                assert_eq!(refused.status, 403, "{}", refused.text());
                let new = json!({ "oldPassword": { "value": old }, "newPassword": { "value": self.fresh_password() } });
                let done = self.manage(Method::POST, "/credentials/change_password", &new).await;
                if done.status == 200 {
                    self.password_was_set();
                }
            }
        }
    }
}
