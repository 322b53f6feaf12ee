//! Okta's API Tokens API (`/api/v1/api-tokens`): what is known of tokens, never the tokens themselves. They are made by the
//! command line and configuration files only.

use http::StatusCode;
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    administrator::{Right, administrator},
    query::{List, Query},
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        payload::{Answer, Documentation},
    },
    app::App,
    id::ApiTokenId,
    model::api_token::ApiToken,
    protocol::timestamp::timestamp,
    store,
    syslog::Caller,
    user::api_token::{self, Revoked},
};

/// The list of tokens, in cursors.
const LIST: &str = "api_tokens";
/// How many tokens a page has unless the request says otherwise, and at most.
const LIMIT: usize = 200;
/// The longest text that a name is searched for.
const MAX_Q: usize = 255;
/// Who makes tokens, as Okta names it.
const CLIENT_NAME: &str = "Okta API";
/// [`crate::model::api_token::TOKEN_WINDOW`] (ISO 8601).
const TOKEN_WINDOW: &str = "P30D";

/// The endpoints.
pub struct ApiTokens(pub(in crate::api) Served);

/// What is known of an API token.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct ApiTokenObject {
    /// `00T…`
    id: String,
    /// What its owner calls it.
    name: String,
    /// The administrator it acts for.
    user_id: String,
    /// Who made it.
    client_name: String,
    /// How long it lives without being used: `P30D`.
    token_window: String,
    /// From where it can be used: `{"connection": "ANYWHERE"}`.
    network: Any<Value>,
    /// When it was made.
    created: String,
    /// When it was last used.
    last_updated: String,
    /// When it dies if it is not used.
    expires_at: String,
    /// Where it is read and revoked.
    #[oai(rename = "_link")]
    link: Any<Value>,
}

const REFUSALS: [(u16, &str); 3] =
    [(401, "The token is invalid"), (403, "The token lacks the right"), (429, "Too many requests")];

struct TokenDoc;

impl Documentation for TokenDoc {
    const STATUSES: &'static [(u16, &'static str)] =
        &[(200, "What is known of the token"), REFUSALS[0], REFUSALS[1], (404, "There is none"), REFUSALS[2]];
    type Schema = ApiTokenObject;
}

struct TokensDoc;

impl Documentation for TokensDoc {
    const STATUSES: &'static [(u16, &'static str)] =
        &[(200, "A page of tokens"), (400, "The request is refused"), REFUSALS[0], REFUSALS[1], REFUSALS[2]];
    type Schema = Vec<ApiTokenObject>;
}

struct RevokedDoc;

impl Documentation for RevokedDoc {
    const STATUSES: &'static [(u16, &'static str)] =
        &[(204, "It is revoked"), REFUSALS[0], REFUSALS[1], (404, "There is none"), REFUSALS[2]];
    type Schema = Any<Value>;
}

#[OpenApi]
impl ApiTokens {
    /// List what is known of API tokens (Okta API Tokens API)
    ///
    /// `q`: a part of the name. `limit`, `after`: pages.
    #[oai(path = "/api/v1/api-tokens", method = "get", operation_id = "listApiTokens")]
    async fn list(&self, request: &Request) -> Answer<TokensDoc> {
        Answer::of(self.page(request).await)
    }

    /// Read what is known of an API token (Okta API Tokens API)
    #[oai(path = "/api/v1/api-tokens/:id", method = "get", operation_id = "getApiToken")]
    async fn read(&self, request: &Request, id: Path<String>) -> Answer<TokenDoc> {
        Answer::of(self.show(request, &id).await)
    }

    /// Revoke an API token (Okta API Tokens API)
    #[oai(path = "/api/v1/api-tokens/:id", method = "delete", operation_id = "revokeApiToken")]
    async fn revoke(&self, request: &Request, id: Path<String>) -> Answer<RevokedDoc> {
        Answer::of(self.remove(request, &id).await)
    }

    /// Revoke the API token of the request (Okta API Tokens API)
    #[oai(path = "/api/v1/api-tokens/current", method = "delete", operation_id = "revokeCurrentApiToken")]
    async fn revoke_current(&self, request: &Request) -> Answer<RevokedDoc> {
        Answer::of(self.remove_current(request).await)
    }
}

impl ApiTokens {
    async fn page(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::ApiTokensRead).await?;
        let query = Query::of(request)?;
        let limit = query.limit(LIMIT, 1..=LIMIT)?;
        let after = query.after(app, LIST)?;
        let part = query.text("q").unwrap_or_default();
        if part.chars().count() > MAX_Q {
            return Err(Envelope::validation("q", ["q: is too long".to_owned()]).respond());
        }
        let part = part.to_lowercase();
        let mut tokens = store::api_token::list(&app.db).await.map_err(failed)?;
        tokens.sort_unstable_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        let behind = |token: &ApiToken| after.as_deref().is_none_or(|after| token.id.as_str() > after);
        tokens.retain(|token| is_active(token, app.now()) && behind(token));
        tokens.retain(|token| token.name.to_lowercase().contains(&part));
        let has_more = tokens.len() > limit;
        tokens.truncate(limit);
        let documents: Vec<Value> = tokens.iter().map(|token| view(app, token)).collect();
        let mut response = json_response(StatusCode::OK, &documents);
        let list = List { path: "/api/v1/api-tokens", name: LIST, limit, parameters: &["q"] };
        let next = tokens.last().filter(|_| has_more).map(|last| last.id.as_str());
        query.link(app, &mut response, &list, next);
        Ok(response)
    }

    async fn show(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::ApiTokensRead).await?;
        Ok(json_response(StatusCode::OK, &view(app, &load(app, id).await?)))
    }

    async fn remove(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::ApiTokensManage).await?;
        let token = load(app, id).await?;
        revoked(app, &token, who.caller()).await
    }

    async fn remove_current(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        // Whoever holds a token may end it, whatever else it permits.
        let who = administrator(app, request, Right::ApiTokensRead).await?;
        // A machine has no API token that could be revoked.
        let holder = who.api_token().ok_or_else(|| Envelope::forbidden().respond())?;
        revoked(app, &holder.token, who.caller()).await
    }
}

fn unknown(id: &str) -> Response {
    Envelope::not_found(id, "ApiToken").respond()
}

/// What is not active is not told (Okta: metadata of active tokens).
fn is_active(token: &ApiToken, now: OffsetDateTime) -> bool {
    token.expires_at > now
}

async fn load(app: &App, id: &str) -> Result<ApiToken, Response> {
    let token = store::api_token::find(&app.db, &ApiTokenId::new(id)).await.map_err(failed)?;
    token.filter(|token| is_active(token, app.now())).ok_or_else(|| unknown(id))
}

async fn revoked(app: &App, token: &ApiToken, caller: &Caller) -> Result<Response, Response> {
    let tx = app.db.begin_write().await.map_err(failed)?;
    match api_token::revoke(app, &tx, token, caller).await.map_err(failed)? {
        Revoked::Now => {
            tx.commit().await.map_err(failed)?;
            Ok(StatusCode::NO_CONTENT.into())
        }
        Revoked::Before => Err(unknown(token.id.as_str())),
    }
}

fn view(app: &App, token: &ApiToken) -> Value {
    let address = format!("{}/api/v1/api-tokens/{}", app.settings.issuer, token.id);
    json!({
        "id": token.id,
        "name": token.name,
        "userId": token.user_id,
        "clientName": CLIENT_NAME,
        "tokenWindow": TOKEN_WINDOW,
        "network": { "connection": "ANYWHERE" },
        "created": timestamp(token.created_at),
        "lastUpdated": timestamp(token.last_used_at.unwrap_or(token.created_at)),
        "expiresAt": timestamp(token.expires_at),
        "_link": { "self": { "href": address, "hints": { "allow": ["GET", "DELETE"] } } },
    })
}
