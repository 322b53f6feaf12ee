//! Okta's Sessions API: `/api/v1/sessions/me` for the browser that has the cookie, the exchange of a session token, and
//! every session for administrators.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use poem::{Body, Request, Response, web::Data};
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::{Value, json};

use super::{
    administrator::{Administrator, Right, administrator},
    users::refusal,
};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        header_text,
        payload::{Answer, documented},
    },
    app::App,
    authn::session_token::{self, Presenter, SessionTokenError},
    factor::service,
    id::SessionId,
    logout::rp_initiated,
    model::{authorization_server::AuthorizationServer, factor::Factor, session::Session, user::User},
    protocol::timestamp::timestamp,
    session::sso,
    store,
    syslog::Caller,
    user::administration::may_change as may_change_user,
    web::{cookie::Cookie, route::cookies},
};

/// The endpoints.
pub struct Sessions(pub(in crate::api) Served);

/// A session as Okta tells it.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct SessionObject {
    /// The id, `sid` in tokens.
    id: String,
    /// The user.
    user_id: String,
    /// The user's login.
    login: String,
    /// When it began.
    created_at: String,
    /// When it ends if it is not used.
    expires_at: String,
    /// `ACTIVE`.
    status: String,
    /// When a password was last verified.
    last_password_verification: Option<String>,
    /// When another factor was last verified.
    last_factor_verification: Option<String>,
    /// The methods used (RFC 8176).
    amr: Vec<String>,
    /// Who authenticated the user.
    idp: Any<Value>,
    /// Whether a second factor is asked for.
    mfa_active: bool,
    /// Where to go from here.
    #[oai(rename = "_links")]
    links: Any<Value>,
}

/// An exchange of a session token.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
#[expect(dead_code, reason = "documents a body that is read as raw JSON, so that its errors are Okta's")]
struct CreateSession {
    /// The token.
    session_token: String,
}

documented! {
    SessionDoc: SessionObject = &[
        (200, "The session"),
        (204, "The session goes on, with `Prefer: return=minimal`"),
        (400, "The request cannot be read"),
        (401, "The session token is invalid"),
        (403, "The page that asks is not at a trusted origin"),
        (404, "There is no session"),
        (429, "Too many requests"),
    ];
    EndedDoc: Any<Value> = &[
        (204, "The session has ended"),
        (403, "The page that asks is not at a trusted origin"),
        (404, "There is no session"),
        (429, "Too many requests"),
    ];
}

#[OpenApi]
impl Sessions {
    /// The session of this browser (Okta Sessions API)
    #[oai(path = "/api/v1/sessions/me", method = "get", operation_id = "getCurrentSession")]
    async fn me(&self, request: &Request) -> Answer<SessionDoc> {
        Answer::of(self.show(request).await)
    }

    /// End the session of this browser (Okta Sessions API)
    #[oai(path = "/api/v1/sessions/me", method = "delete", operation_id = "closeCurrentSession")]
    async fn close(&self, request: &Request, caller: Data<&Arc<Caller>>) -> Answer<EndedDoc> {
        Answer::of(self.end(request, &caller).await)
    }

    /// Use the session of this browser, so that it goes on (Okta Sessions API)
    #[oai(
        path = "/api/v1/sessions/me/lifecycle/refresh",
        method = "post",
        operation_id = "refreshCurrentSession"
    )]
    async fn refresh(&self, request: &Request) -> Answer<SessionDoc> {
        Answer::of(self.extend(request).await)
    }

    /// A session (Okta Sessions API)
    #[oai(path = "/api/v1/sessions/:id", method = "get", operation_id = "getSession")]
    async fn read(&self, request: &Request, id: Path<String>) -> Answer<SessionDoc> {
        Answer::of(self.show_other(request, &id).await)
    }

    /// End a session (Okta Sessions API)
    #[oai(path = "/api/v1/sessions/:id", method = "delete", operation_id = "revokeSession")]
    async fn revoke(&self, request: &Request, id: Path<String>) -> Answer<EndedDoc> {
        Answer::of(self.end_other(request, &id).await)
    }

    /// Use a session, so that it goes on (Okta Sessions API)
    #[oai(path = "/api/v1/sessions/:id/lifecycle/refresh", method = "post", operation_id = "refreshSession")]
    async fn refresh_other(&self, request: &Request, id: Path<String>) -> Answer<SessionDoc> {
        Answer::of(self.extend_other(request, &id).await)
    }

    /// Exchange a session token for a session (Okta Sessions API)
    #[oai(path = "/api/v1/sessions", method = "post", operation_id = "createSession")]
    async fn create(&self, request: &Request, caller: Data<&Arc<Caller>>, body: Body) -> Answer<SessionDoc> {
        Answer::of(self.exchange(request, &caller, body).await)
    }
}

impl Sessions {
    async fn show(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        let (session, user) = current(app, request).await?;
        Ok(told(request, &view(app, "me", &session, &user).await?))
    }

    async fn extend(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        may_change(app, request).await?;
        let (mut session, user) = current(app, request).await?;
        let unit = store::unit::Unit::new().claim(store::session::touch(&session.id, app.now()));
        match app.db.writer().commit(unit).await.map_err(failed)? {
            store::unit::Outcome::Won => session.last_seen_at = app.now(),
            store::unit::Outcome::Lost(_) => return Err(no_session()),
        }
        Ok(told(request, &view(app, "me", &session, &user).await?))
    }

    async fn end(&self, request: &Request, caller: &Caller) -> Result<Response, Response> {
        let app = self.0.app()?;
        may_change(app, request).await?;
        let (session, _) = current(app, request).await?;
        rp_initiated::end(app, &session, caller).await.map_err(failed)?;
        let mut response: Response = StatusCode::NO_CONTENT.into();
        for cookie in [Cookie::Session, Cookie::BrowserState] {
            if let Ok(removal) = HeaderValue::from_str(&cookies(app).delete(cookie)) {
                response.headers_mut().append(header::SET_COOKIE, removal);
            }
        }
        Ok(unstored(response))
    }

    async fn show_other(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::SessionsRead).await?;
        let (session, user) = live(app, id).await?;
        Ok(told(request, &view(app, session.id.as_str(), &session, &user).await?))
    }

    async fn extend_other(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::SessionsManage).await?;
        let (mut session, user) = live_to_change(app, &who, id).await?;
        let unit = store::unit::Unit::new().claim(store::session::touch(&session.id, app.now()));
        match app.db.writer().commit(unit).await.map_err(failed)? {
            store::unit::Outcome::Won => session.last_seen_at = app.now(),
            store::unit::Outcome::Lost(_) => return Err(Envelope::not_found(id, "Session").respond()),
        }
        Ok(told(request, &view(app, session.id.as_str(), &session, &user).await?))
    }

    async fn end_other(&self, request: &Request, id: &str) -> Result<Response, Response> {
        let app = self.0.app()?;
        let who = administrator(app, request, Right::SessionsManage).await?;
        let (session, _) = live_to_change(app, &who, id).await?;
        rp_initiated::end(app, &session, who.caller()).await.map_err(failed)?;
        Ok(unstored(StatusCode::NO_CONTENT.into()))
    }

    async fn exchange(&self, request: &Request, caller: &Caller, body: Body) -> Result<Response, Response> {
        let app = self.0.app()?;
        let bytes = body.into_bytes().await.map_err(|_| Envelope::malformed().respond())?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| Envelope::malformed().respond())?;
        let token = document
            .get("sessionToken")
            .and_then(Value::as_str)
            .ok_or_else(|| Envelope::invalid(StatusCode::BAD_REQUEST, "sessionToken").respond())?;
        let presenter = Presenter::Api { origin: header_text(request, "origin") };
        match session_token::redeem(app, token, presenter, caller).await {
            Ok(signed_in) => {
                let session = signed_in.opened.session;
                let view = view(app, session.id.as_str(), &session, &signed_in.user).await?;
                Ok(json_response(StatusCode::OK, &view))
            }
            Err(SessionTokenError::Invalid) => Err(Envelope::authentication_failed().respond()),
            Err(SessionTokenError::Fault(fault)) => Err(failed(fault)),
        }
    }
}

fn no_session() -> Response {
    Envelope::not_found("me", "Session").respond()
}

/// The live session of the browser with its user. Looking at it does not keep it alive.
pub(super) async fn current(app: &App, request: &Request) -> Result<(Session, User), Response> {
    let sent = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = cookies(app);
    let cookie = cookies.find(sent, Cookie::Session).ok_or_else(no_session)?;
    let session = sso::peek(app, cookie).await.map_err(failed)?.ok_or_else(no_session)?;
    let user = store::user::find(&app.db, &session.user_id).await.map_err(failed)?;
    let user =
        user.filter(|user| user.is_active() && session.outlives(user.not_before)).ok_or_else(no_session)?;
    Ok((session, user))
}

/// The live session of that id with its user.
async fn live(app: &App, id: &str) -> Result<(Session, User), Response> {
    let none = || Envelope::not_found(id, "Session").respond();
    let session = store::session::find(&app.db, &SessionId::new(id)).await.map_err(failed)?;
    let now = app.now();
    let session = session.filter(|session| sso::is_live(session, app.settings.session.idle, now));
    let session = session.ok_or_else(none)?;
    let user = store::user::find(&app.db, &session.user_id).await.map_err(failed)?;
    let user = user.filter(|user| user.is_active() && session.outlives(user.not_before)).ok_or_else(none)?;
    Ok((session, user))
}

/// The same for whoever is about to change it, which is a change of its user (security rule Y2).
async fn live_to_change(app: &App, who: &Administrator, id: &str) -> Result<(Session, User), Response> {
    let (session, user) = live(app, id).await?;
    may_change_user(&user, who.caller()).map_err(|error| refusal(error, id))?;
    Ok((session, user))
}

/// A cookie comes along with whatever any page sends: what changes something must come from our own pages or from those
/// of a trusted origin (RFC 6454 §7; Fetch Metadata §2.4).
pub(super) async fn may_change(app: &App, request: &Request) -> Result<(), Response> {
    let allowed = match header_text(request, "origin") {
        Some(origin) if origin == app.settings.issuer => true,
        Some(origin) => app.origins.load(&app.db).await.map_err(failed)?.trusts(origin),
        None => {
            header_text(request, "sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
        }
    };
    if allowed { Ok(()) } else { Err(Envelope::origin_refused().respond()) }
}

/// The session, or nothing but the status where that is preferred (RFC 7240 §4.2).
fn told(request: &Request, view: &Value) -> Response {
    let minimal =
        header_text(request, "prefer").is_some_and(|prefer| prefer.split(',').any(|p| p.trim() == MINIMAL));
    if !minimal {
        return json_response(StatusCode::OK, view);
    }
    let mut response: Response = StatusCode::NO_CONTENT.into();
    response.headers_mut().insert("preference-applied", HeaderValue::from_static(MINIMAL));
    unstored(response)
}

const MINIMAL: &str = "return=minimal";

fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Okta's session object; `name` is how its links name it.
async fn view(app: &App, name: &str, session: &Session, user: &User) -> Result<Value, Response> {
    let org = app.server(AuthorizationServer::ORG).await.map_err(failed)?;
    let verified = |password: bool| {
        let fits =
            session.factors.iter().filter(|factor| factor.amr.iter().any(|amr| amr == "pwd") == password);
        fits.map(|factor| factor.at).max().map(timestamp)
    };
    // RFC 8176 names that Okta's clients know; they refuse others.
    const KNOWN: [&str; 12] =
        ["pwd", "swk", "hwk", "otp", "sms", "tel", "kba", "mfa", "mca", "sc", "geo", "fpt"];
    let mut amr: Vec<&str> = Vec::new();
    let proved = session.amr();
    for proof in &proved {
        // An application of another make shows codes like ours.
        let told = if proof == "google_otp" { "otp" } else { proof.as_str() };
        if KNOWN.contains(&told) && !amr.contains(&told) {
            amr.push(told);
        }
    }
    let factors = service::list(app, &user.id).await.map_err(failed)?;
    let base = &app.settings.issuer;
    let here = format!("{base}/api/v1/sessions/{name}");
    let who = if name == "me" { "me" } else { user.id.as_str() };
    let expires_at = session.expires_at.min(session.idle_end(app.settings.session.idle));
    Ok(json!({
        "id": session.id,
        "userId": user.id,
        "login": user.login,
        "createdAt": timestamp(session.created_at),
        "expiresAt": timestamp(expires_at),
        "status": "ACTIVE",
        "lastPasswordVerification": verified(true),
        "lastFactorVerification": verified(false),
        "amr": amr,
        "idp": { "id": org.map(|org| org.org_id.clone()), "type": "OKTA" },
        "mfaActive": factors.iter().any(Factor::is_active),
        "_links": {
            "self": { "href": here, "hints": { "allow": ["GET", "DELETE"] } },
            "refresh": { "href": format!("{here}/lifecycle/refresh"), "hints": { "allow": ["POST"] } },
            "user": {
                "name": user.profile.display_name(&user.login),
                "href": format!("{base}/api/v1/users/{who}"),
                "hints": { "allow": ["GET"] },
            },
        },
    }))
}
