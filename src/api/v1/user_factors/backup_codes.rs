//! Recovery and bypass codes of a user. Okta has them at no address; they are kept out of its lists of factors, whose types
//! its clients check.

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, param::Path};
use serde_json::{Map, Value, json};
use time::Duration;

use super::{
    asker::{Asked, Asker, asked, may_change_factors},
    commit, refused,
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::{Answer, documented},
        v1::administrator::Right,
    },
    app::App,
    factor::{
        FactorError,
        backup_code::{self, BackupKind, Bypass, Issued},
        service,
    },
    model::factor::has_possession,
    protocol::timestamp::timestamp,
    store::unit::Outcome,
};

/// The endpoints.
pub struct BackupCodes(pub(in crate::api) Served);

/// What an administrator asks for.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct IssueBypassCodes {
    /// How many: 1 to 10; 1 by default.
    count: Option<u32>,
    /// How often each may be used: 1 to 10; 1 by default.
    reuse_count: Option<u32>,
    /// How long they live in seconds: a minute to 30 days; an hour by default.
    valid_secs: Option<i64>,
}

/// New codes.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct IssuedCodes {
    /// The codes; nobody is told them again.
    codes: Vec<String>,
    /// When they die.
    expires_at: Option<String>,
}

/// What is left of a user's codes.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct RemainingCodes {
    /// How many can still be used.
    count: u32,
    /// How often each can be, when it dies, and who issued it.
    codes: Vec<RemainingCode>,
}

/// A code that can still be used.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct RemainingCode {
    /// How often it can still be used.
    uses_left: u32,
    /// When it was issued.
    created: String,
    /// When it dies.
    expires_at: Option<String>,
    /// Who issued it; absent: the user.
    issued_by: Option<String>,
}

documented! {
    IssuedDoc: IssuedCodes = &[
        (200, "The codes, told once"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "Not allowed"),
        (404, "There is no such user"),
    ];
    RemainingDoc: RemainingCodes = &[
        (200, "What is left of them"),
        (401, "The token is invalid"),
        (403, "Not allowed"),
        (404, "There is no such user"),
    ];
    RevokedDoc: IssuedCodes = &[
        (204, "The codes are dead"),
        (401, "The token is invalid"),
        (403, "Not allowed"),
        (404, "There is no such user"),
    ];
}

#[OpenApi]
impl BackupCodes {
    /// Make recovery codes; those from before are dead (NIST SP 800-63B-4 §3.1.2)
    #[oai(
        path = "/api/v1/users/:user_id/recovery_codes",
        method = "post",
        operation_id = "issueRecoveryCodes"
    )]
    async fn issue_recovery(&self, request: &Request, user_id: Path<String>) -> Answer<IssuedDoc> {
        Answer::of(self.recovery_issued(request, &user_id).await)
    }

    /// How many recovery codes are left (NIST SP 800-63B-4 §3.1.2)
    #[oai(path = "/api/v1/users/:user_id/recovery_codes", method = "get", operation_id = "listRecoveryCodes")]
    async fn list_recovery(&self, request: &Request, user_id: Path<String>) -> Answer<RemainingDoc> {
        Answer::of(self.remaining(request, &user_id, BackupKind::Recovery).await)
    }

    /// End all recovery codes (NIST SP 800-63B-4 §3.1.2)
    #[oai(
        path = "/api/v1/users/:user_id/recovery_codes",
        method = "delete",
        operation_id = "revokeRecoveryCodes"
    )]
    async fn revoke_recovery(&self, request: &Request, user_id: Path<String>) -> Answer<RevokedDoc> {
        Answer::of(self.revoked(request, &user_id, BackupKind::Recovery).await)
    }

    /// Make bypass codes for a user who cannot use a factor; those from before are dead (ASVS 6.5.2)
    #[oai(path = "/api/v1/users/:user_id/bypass_codes", method = "post", operation_id = "issueBypassCodes")]
    async fn issue_bypass(
        &self,
        request: &Request,
        user_id: Path<String>,
        body: JsonBody<IssueBypassCodes>,
    ) -> Answer<IssuedDoc> {
        Answer::of(self.bypass_issued(request, &user_id, &body).await)
    }

    /// What is left of the bypass codes (ASVS 6.5.2)
    #[oai(path = "/api/v1/users/:user_id/bypass_codes", method = "get", operation_id = "listBypassCodes")]
    async fn list_bypass(&self, request: &Request, user_id: Path<String>) -> Answer<RemainingDoc> {
        Answer::of(self.remaining(request, &user_id, BackupKind::Bypass).await)
    }

    /// End all bypass codes (ASVS 6.5.2)
    #[oai(
        path = "/api/v1/users/:user_id/bypass_codes",
        method = "delete",
        operation_id = "revokeBypassCodes"
    )]
    async fn revoke_bypass(&self, request: &Request, user_id: Path<String>) -> Answer<RevokedDoc> {
        Answer::of(self.revoked(request, &user_id, BackupKind::Bypass).await)
    }
}

impl BackupCodes {
    async fn recovery_issued(&self, request: &Request, user_id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        let factors = service::list(app, &asked.user.id).await.map_err(failed)?;
        // They stand in for a factor: where there is none, they would be a weaker one.
        if !has_possession(&factors) {
            return Err(refused(FactorError::WrongStatus));
        }
        let issued_by = match &asked.asker {
            Asker::Administrator(name) => Some(name.as_str()),
            Asker::Owner(_) => None,
        };
        let issued = backup_code::issue_recovery(app, &asked.user, issued_by, &asked.caller);
        told(app, &asked, issued.map_err(failed)?).await
    }

    async fn bypass_issued(
        &self,
        request: &Request,
        user_id: &str,
        body: &JsonBody<IssueBypassCodes>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        let issued_by = administrators(&asked)?;
        let members = body.optional_document()?;
        let bypass = Bypass {
            count: number(&members, "count", 1)?,
            uses: number(&members, "reuseCount", 1)?,
            lifetime: Duration::seconds(number(
                &members,
                "validSecs",
                backup_code::BYPASS_LIFETIME.whole_seconds(),
            )?),
        };
        let issued = backup_code::issue_bypass(app, &asked.user, bypass, (issued_by, &asked.caller));
        let issued = issued.map_err(|error| match error {
            FactorError::Invalid { member, problem } => {
                Envelope::validation("bypassCodes", [format!("{member}: {problem}")]).respond()
            }
            other => refused(other),
        })?;
        told(app, &asked, issued).await
    }

    async fn remaining(
        &self,
        request: &Request,
        user_id: &str,
        kind: BackupKind,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersRead).await?;
        let codes = backup_code::list(app, &asked.user, kind).await.map_err(failed)?;
        let shown: Vec<Value> = codes
            .iter()
            .map(|code| {
                json!({
                    "usesLeft": code.uses_left,
                    "created": timestamp(code.created_at),
                    "expiresAt": code.expires_at.map(timestamp),
                    "issuedBy": code.issued_by,
                })
            })
            .collect();
        Ok(json_response(StatusCode::OK, &json!({ "count": shown.len(), "codes": shown })))
    }

    async fn revoked(
        &self,
        request: &Request,
        user_id: &str,
        kind: BackupKind,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let asked = asked(app, request, user_id, Right::UsersManage).await?;
        may_change_factors(app, &asked).await?;
        let revoked_by = match (&asked.asker, kind) {
            (Asker::Owner(_), BackupKind::Recovery) => asked.user.id.as_str(),
            (Asker::Owner(_) | Asker::Administrator(_), _) => administrators(&asked)?,
        };
        let unit = backup_code::revoke(app, &asked.user, kind, (revoked_by, &asked.caller));
        match commit(app, unit).await? {
            Outcome::Won => Ok(StatusCode::NO_CONTENT.into()),
            Outcome::Lost(_) => Err(Envelope::not_found(&asked.name, "User").respond()),
        }
    }
}

/// What only administrators do: nobody passes by the own factor.
fn administrators(asked: &Asked) -> Result<&str, Response> {
    match &asked.asker {
        Asker::Administrator(name) => Ok(name),
        Asker::Owner(_) => Err(Envelope::forbidden().respond()),
    }
}

fn number<T: TryFrom<i64>>(
    members: &Map<String, Value>,
    name: &'static str,
    default: i64,
) -> Result<T, Response> {
    let given = match members.get(name) {
        Some(Value::Null) | None => Some(default),
        Some(value) => value.as_i64(),
    };
    given
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| Envelope::validation("bypassCodes", [format!("{name}: must be a number")]).respond())
}

async fn told(app: &App, asked: &Asked, issued: Issued) -> Result<Response, Response> {
    match commit(app, issued.unit).await? {
        Outcome::Won => {
            let codes: Vec<&String> = issued.codes.iter().map(crate::secret::Secret::expose).collect();
            let view = json!({ "codes": codes, "expiresAt": issued.expires_at.map(timestamp) });
            let mut response = json_response(StatusCode::OK, &view);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Outcome::Lost(_) => Err(Envelope::not_found(&asked.name, "User").respond()),
    }
}
