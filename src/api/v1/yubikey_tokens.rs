//! The YubiKeys of the installation (Okta `/api/v1/org/factors/yubikey_token/tokens`): imported before users enrol them. What
//! their passwords are judged with is never told.

use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::{Map, Value, json};

use super::{
    administrator::{Right, administrator},
    query::{List, Query},
    user_view::{Omitted, View},
};
use crate::{
    api::{
        Served,
        error::{
            factor::envelope,
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::{Answer, documented},
    },
    app::App,
    factor::yubikey_tokens::{self as tokens, Listed, NewToken, YubikeyTokenError},
    id::YubikeyTokenId,
    model::yubikey_token::{YubikeyStatus, YubikeyToken},
    protocol::{scim_filter::Filter, timestamp::timestamp},
    user::{
        directory,
        directory_order::{Place, Sort},
    },
};

/// The list of YubiKeys, in cursors.
const LIST: &str = "yubikey_tokens";
/// Where it is.
const PATH: &str = "/api/v1/org/factors/yubikey_token/tokens";
/// What it is shaped by.
const PARAMETERS: [&str; 5] = ["filter", "expand", "forDownload", "sortBy", "sortOrder"];
/// How many a page has unless the request says otherwise (Okta).
const LIMIT: usize = 20;
/// How many a page has at most (Okta).
const MAX_LIMIT: usize = 200;
/// The same of a download, which has as many unless the request says otherwise (Okta).
const DOWNLOAD_LIMIT: usize = 1000;
/// What a download tells of each YubiKey; all but the first are what it can be filtered and sorted by.
const COLUMNS: [&str; 8] =
    ["id", "profile.serial", "status", "user.id", "profile.email", "created", "activated", "lastVerified"];
/// What the kind of resource is called.
const KIND: &str = "YubikeyToken";

/// The endpoints.
pub struct YubikeyTokens(pub(in crate::api) Served);

/// A YubiKey of the installation.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct YubikeyTokenObject {
    /// `ykk…`
    id: String,
    /// When its secrets were imported first.
    created: String,
    /// When it was enrolled.
    activated: Option<String>,
    /// When a password of it was accepted last.
    last_verified: String,
    /// When it was last changed.
    last_updated: String,
    /// `UNASSIGNED`, `ACTIVE`, `INACTIVE` or `REVOKED`.
    status: String,
    /// `{"serial": …}`, 12 digits.
    profile: Any<Value>,
    /// Its user, if that was asked for.
    #[oai(rename = "_embedded")]
    embedded: Option<Any<Value>>,
    /// Where to go from here.
    #[oai(rename = "_links")]
    links: Any<Value>,
}

/// What the personalisation of a YubiKey left.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct UploadYubikeyTokenSeed {
    /// The serial number: up to 12 digits.
    serial_number: String,
    /// What its passwords begin with: 12 letters of modhex.
    public_id: String,
    /// 12 hexadecimal digits.
    private_id: String,
    /// 32 hexadecimal digits.
    aes_key: String,
}

documented! {
    TokenDoc: YubikeyTokenObject = &[
        (200, "The YubiKey"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "The token lacks the right, or somebody uses the YubiKey"),
        (404, "There is none"),
    ];
    TokensDoc: Vec<YubikeyTokenObject> = &[
        (200, "A page of YubiKeys"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "The token lacks the right"),
    ];
    RemovedDoc: Any<Value> = &[
        (204, "It is removed"),
        (401, "The token is invalid"),
        (403, "The token lacks the right, or somebody uses the YubiKey"),
        (404, "There is none"),
    ];
}

#[OpenApi]
impl YubikeyTokens {
    /// The YubiKeys of the installation (Okta Factors API)
    ///
    /// `filter`, `sortBy`: `profile.email`, `profile.serial`, `activated`, `user.id`, `created`, `status`, `lastVerified`.
    /// `sortOrder`: `ASC` or `DESC`. `expand=user`. `forDownload=true`: CSV. `limit`, `after`: pages.
    #[oai(
        path = "/api/v1/org/factors/yubikey_token/tokens",
        method = "get",
        operation_id = "listYubikeyOtpTokens"
    )]
    async fn list(&self, request: &Request) -> Answer<TokensDoc> {
        Answer::of(self.page(request).await)
    }

    /// Import a YubiKey, or one that nobody uses again (Okta Factors API)
    #[oai(
        path = "/api/v1/org/factors/yubikey_token/tokens",
        method = "post",
        operation_id = "uploadYubikeyOtpTokenSeed"
    )]
    async fn upload(&self, request: &Request, body: JsonBody<UploadYubikeyTokenSeed>) -> Answer<TokenDoc> {
        Answer::of(self.imported(request, &body).await)
    }

    /// A YubiKey of the installation (Okta Factors API)
    #[oai(
        path = "/api/v1/org/factors/yubikey_token/tokens/:token_id",
        method = "get",
        operation_id = "getYubikeyOtpTokenById"
    )]
    async fn get(&self, request: &Request, token_id: Path<String>) -> Answer<TokenDoc> {
        Answer::of(self.shown(request, &token_id).await)
    }

    /// Remove a YubiKey that nobody uses (Okta Factors API)
    #[oai(
        path = "/api/v1/org/factors/yubikey_token/tokens/:token_id",
        method = "delete",
        operation_id = "deleteYubikeyOtpToken"
    )]
    async fn delete(&self, request: &Request, token_id: Path<String>) -> Answer<RemovedDoc> {
        Answer::of(self.removed(request, &token_id).await)
    }
}

impl YubikeyTokens {
    async fn page(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::UsersRead).await?;
        let query = Query::of(request)?;
        let filter = filter(&query)?;
        let sort = sort(&query)?;
        let download = query.flag("forDownload")?.unwrap_or(false);
        let expand = expand(&query)?;
        let (default, most) = if download { (DOWNLOAD_LIMIT, DOWNLOAD_LIMIT) } else { (LIMIT, MAX_LIMIT) };
        let limit = query.limit(default, 1..=most)?;
        let name = sort.as_ref().map_or_else(|| LIST.to_owned(), |sort| format!("{LIST} by {sort:?}"));
        let after = query.after(app, &name)?;
        let after = after.as_deref().and_then(Place::read);
        let found = tokens::list(app, (filter.as_ref(), sort.as_ref()), after.as_ref(), limit).await;
        let found = found.map_err(failed)?;
        let mut response = if download {
            csv(&found.tokens)
        } else {
            let type_id = directory::type_id(app).await.map_err(failed)?;
            let views = found.tokens.iter().map(|listed| view(app, listed, (expand, &type_id)));
            json_response(StatusCode::OK, &views.collect::<Vec<Value>>())
        };
        let list = List { path: PATH, name: &name, limit, parameters: &PARAMETERS };
        query.link(app, &mut response, &list, found.next.as_deref());
        Ok(response)
    }

    async fn imported(
        &self,
        request: &Request,
        body: &JsonBody<UploadYubikeyTokenSeed>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let administrator = administrator(app, request, Right::UsersManage).await?;
        let members = body.document()?;
        let new = read(&members)?;
        let tx = app.db.begin_write().await.map_err(failed)?;
        let token = tokens::import(app, &tx, &new, administrator.caller()).await.map_err(refused)?;
        tx.commit().await.map_err(failed)?;
        let listed = Listed { token, user: None };
        Ok(json_response(StatusCode::OK, &view(app, &listed, (Expand::Nothing, ""))))
    }

    async fn shown(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::UsersRead).await?;
        let listed = load(app, id).await?;
        Ok(json_response(StatusCode::OK, &view(app, &listed, (Expand::Nothing, ""))))
    }

    async fn removed(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let administrator = administrator(app, request, Right::UsersManage).await?;
        let listed = load(app, id).await?;
        let tx = app.db.begin_write().await.map_err(failed)?;
        let removed = tokens::remove(app, &tx, &listed.token, administrator.caller()).await;
        removed.map_err(refused)?;
        tx.commit().await.map_err(failed)?;
        Ok(StatusCode::NO_CONTENT.into())
    }
}

async fn load(app: &App, id: &str) -> Result<Listed, Response> {
    let found = tokens::find(app, &YubikeyTokenId::new(id)).await.map_err(failed)?;
    found.ok_or_else(|| Envelope::not_found(id, KIND).respond())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(error: YubikeyTokenError) -> Response {
    match &error {
        YubikeyTokenError::InUse => {
            Envelope::new(StatusCode::FORBIDDEN, "E0000102", "The YubiKey cannot be changed: it is in use")
                .respond()
        }
        YubikeyTokenError::Taken => Envelope::validation("yubikeyToken", [error.to_string()]).respond(),
        YubikeyTokenError::Fault(fault) => failed(fault),
    }
}

fn read(members: &Map<String, Value>) -> Result<NewToken, Response> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let new = NewToken::read((text("serialNumber"), text("publicId")), (text("privateId"), text("aesKey")));
    new.map_err(|error| match error {
        crate::factor::FactorError::Invalid { member, problem } => {
            Envelope::validation("yubikeyToken", [format!("{member}: {problem}")]).respond()
        }
        other => envelope(&other).respond(),
    })
}

fn filter(query: &Query) -> Result<Option<Filter>, Response> {
    let Some(text) = query.text("filter").filter(|text| !text.is_empty()) else { return Ok(None) };
    let filter = Filter::parse(text).map_err(|error| Envelope::search(error.to_string()).respond())?;
    if tokens::is_offered(&filter) {
        Ok(Some(filter))
    } else {
        Err(Envelope::search("filter: an attribute or operator is not supported").respond())
    }
}

fn sort(query: &Query) -> Result<Option<Sort>, Response> {
    let order = query.sort_order()?;
    match query.text("sortBy").filter(|by| !by.is_empty()) {
        None => Ok(None),
        Some(by) if tokens::is_known(by) => Ok(Some(Sort { by: by.to_owned(), order })),
        Some(_) => Err(Envelope::search("sortBy: the attribute cannot be sorted by").respond()),
    }
}

/// What is told of others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expand {
    Nothing,
    User,
}

fn expand(query: &Query) -> Result<Expand, Response> {
    match query.text("expand") {
        None => Ok(Expand::Nothing),
        Some("user") => Ok(Expand::User),
        Some(_) => Err(Envelope::validation("expand", ["expand: must be user".to_owned()]).respond()),
    }
}

fn view(app: &App, listed: &Listed, (expand, type_id): (Expand, &str)) -> Value {
    let token = &listed.token;
    let mut view = Map::from_iter([
        ("id".to_owned(), json!(token.id)),
        ("created".to_owned(), json!(timestamp(token.created_at))),
        ("lastVerified".to_owned(), tokens::attribute(listed, "lastVerified")),
        ("lastUpdated".to_owned(), json!(timestamp(token.updated_at))),
        ("status".to_owned(), json!(token.status().as_str())),
        ("profile".to_owned(), json!({ "serial": token.serial })),
        ("_links".to_owned(), links(app, token)),
    ]);
    if let Some(at) = token.activated_at {
        view.insert("activated".to_owned(), json!(timestamp(at)));
    }
    if let (Expand::User, Some(user)) = (expand, &listed.user) {
        let issuer = &app.settings.issuer;
        let omitted = Omitted::default();
        let user = View { issuer, type_id, question: None, omitted, now: app.now() }.of(user);
        view.insert("_embedded".to_owned(), json!({ "user": user }));
    }
    Value::Object(view)
}

/// One that somebody uses is not removed; it is taken from its user by the factor.
fn links(app: &App, token: &YubikeyToken) -> Value {
    let issuer = &app.settings.issuer;
    let link = |path: String, allow: &[&str]| json!({ "href": format!("{issuer}{path}"), "hints": { "allow": allow } });
    let own = format!("{PATH}/{}", token.id);
    let mut links = Map::new();
    let allow: &[&str] = match token.status() {
        YubikeyStatus::Active | YubikeyStatus::Inactive => &["GET"],
        YubikeyStatus::Unassigned | YubikeyStatus::Revoked => &["GET", "DELETE"],
    };
    links.insert("self".to_owned(), link(own, allow));
    if let Some(assigned) = &token.assignment {
        let user = format!("/api/v1/users/{}", assigned.user_id);
        let factor = format!("{user}/factors/{}", assigned.factor_id);
        links.insert("user".to_owned(), link(user, &["GET"]));
        links.insert("deactivate".to_owned(), link(factor, &["DELETE"]));
    }
    Value::Object(links)
}

/// RFC 4180.
fn csv(listed: &[Listed]) -> Response {
    let mut text = COLUMNS.join(",");
    for listed in listed {
        text.push_str("\r\n");
        let fields = COLUMNS.map(|column| match column {
            "id" => field(listed.token.id.as_str()),
            column => field(tokens::attribute(listed, column).as_str().unwrap_or_default()),
        });
        text.push_str(&fields.join(","));
    }
    text.push_str("\r\n");
    let mut response = Response::builder().content_type("text/csv; charset=utf-8; header=present").body(text);
    let attachment = HeaderValue::from_static("attachment; filename=\"yubikey_tokens.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    response
}

/// A field that neither ends early nor is computed by a spreadsheet: mail addresses are the users' to choose.
fn field(text: &str) -> String {
    let computed = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if computed { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_download_are_quoted_and_computed_by_nobody() {
        for (text, written) in [
            ("a@example.com", "a@example.com"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"\r\n", "\"say \"\"x\"\"\r\n\""),
            ("=1+1", "'=1+1"),
            ("@SUM(1,1)", "\"'@SUM(1,1)\""),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
