//! One request of a browser: its cookies, its session, and what pages for it need.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::Markup;
use poem::{Request, Response};

use super::device::CONFIRM;
use crate::{
    app::{App, SameSite},
    authorize::{checks::ValidRequest, dispatch::Browser},
    fault::Fault,
    model::{
        client::Client,
        session::{CookieLifetime, Session},
        user::Holder,
    },
    protocol::{locale::LanguageTag, params::Params},
    secret::{Secret, opaque_token},
    session::{management::browser_state, sso},
    store,
    syslog::Caller,
    web::{
        account,
        cookie::{
            self, AccountsKey, BROWSER_LIFETIME, Cookie, Cookies, Lifetime, RememberedAccounts, Transport,
        },
        csrf::CsrfKey,
        headers::{self, Headers, Hsts},
        layout::{ClientCard, FlowForm},
    },
};

/// One request of a browser.
pub(crate) struct Visit<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: &'a Caller,
    /// The live session, if there is one.
    pub(crate) session: Option<Session>,
    /// The value of the cookie that flows and forms are bound to.
    pub(crate) binding: String,
    /// The accounts remembered in this browser.
    pub(crate) accounts: RememberedAccounts,
    /// The nonce of this answer's scripts and styles.
    pub(crate) nonce: String,
    cookies: Cookies,
    set_cookies: Vec<String>,
}

impl<'a> Visit<'a> {
    /// Reads cookies and looks up the session.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn begin(app: &'a App, caller: &'a Caller, headers: &HeaderMap) -> Result<Self, Fault> {
        let cookies = cookies(app);
        let sent = || headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let session = match cookies.find(sent(), Cookie::Session) {
            Some(value) => sso::find(app, value).await?,
            None => None,
        };
        let mut set_cookies = Vec::new();
        if cookies.find(sent(), Cookie::Session).is_some() {
            // Without a session cookie nothing is concluded: a browser may keep a `Lax` one to itself.
            let shown = cookies.find(sent(), Cookie::BrowserState);
            set_cookies.extend(correct_browser_state(app, &cookies, session.as_ref(), shown));
        }
        let binding = match cookies.find(sent(), Cookie::Browser).filter(|value| value.len() == 43) {
            Some(value) => value.to_owned(),
            None => {
                let fresh = opaque_token(app.random.as_ref()).expose().clone();
                set_cookies.push(cookies.set(Cookie::Browser, &fresh, Lifetime::MaxAge(BROWSER_LIFETIME)));
                fresh
            }
        };
        let accounts = cookies
            .find(sent(), Cookie::Accounts)
            .map(|value| RememberedAccounts::open(&AccountsKey::new(*app.derived.cookie), value))
            .unwrap_or_default();
        Ok(Self { app, caller, session, binding, accounts, nonce: nonce(app), cookies, set_cookies })
    }

    /// A visit that reads no cookies and sets none; its forms and flows are nobody's.
    pub(crate) fn without_cookies(app: &'a App, caller: &'a Caller) -> Self {
        Self {
            app,
            caller,
            session: None,
            binding: opaque_token(app.random.as_ref()).expose().clone(),
            accounts: RememberedAccounts::default(),
            nonce: nonce(app),
            cookies: cookies(app),
            set_cookies: Vec::new(),
        }
    }

    /// The user of the live session.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn user(&self) -> Result<Option<Holder>, Fault> {
        match &self.session {
            Some(session) => store::user::find_holder(&self.app.db, &session.user_id).await,
            None => Ok(None),
        }
    }

    /// The browser as the dispatcher knows it.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { binding: &self.binding, session: self.session.as_ref(), caller: self.caller }
    }

    /// Opens a session in this browser.
    pub(crate) fn open_session(&mut self, session: Session, cookie: &str) {
        let lifetime = match session.cookie {
            CookieLifetime::Browser => Lifetime::BrowserSession,
            CookieLifetime::Session => Lifetime::MaxAge(session.expires_at - self.app.now()),
        };
        self.set_cookies.push(self.cookies.set(Cookie::Session, cookie, lifetime));
        self.set_cookies.extend(correct_browser_state(self.app, &self.cookies, Some(&session), None));
        self.session = Some(session);
    }

    /// Forgets the session in this browser.
    pub(crate) fn close_session(&mut self) {
        self.set_cookies.push(self.cookies.delete(Cookie::Session));
        self.set_cookies.push(self.cookies.delete(Cookie::BrowserState));
        self.session = None;
    }

    /// Writes the remembered accounts back.
    pub(crate) fn save_accounts(&mut self) {
        let sealed = self.accounts.seal(&AccountsKey::new(*self.app.derived.cookie));
        self.set_cookies.push(self.cookies.set(
            Cookie::Accounts,
            &sealed,
            Lifetime::MaxAge(BROWSER_LIFETIME),
        ));
    }

    fn csrf(&self) -> CsrfKey {
        CsrfKey::new(*self.app.derived.csrf)
    }

    /// A form that only this browser can send, to this address and about this flow.
    pub(crate) fn form(&self, action: &str, flow: &str) -> FlowForm {
        FlowForm {
            action: action.to_owned(),
            flow_id: flow.to_owned(),
            csrf: self.csrf().token(flow, &self.step(action), &self.binding),
        }
    }

    /// Whether a form is one that we gave this browser for this address.
    pub(super) fn form_is_ours(&self, params: &Params, action: &str) -> bool {
        let flow = params.one("flow_id").unwrap_or_default();
        let step = self.step(action);
        params.one("csrf").is_some_and(|token| self.csrf().verify(token, flow, &step, &self.binding))
    }

    /// What forms for an address are bound to: the one that decides about a device, and those of the account, also to the
    /// session, so that nobody approves or changes something for somebody else.
    fn step(&self, action: &str) -> String {
        let of_account = action == account::PATH || action.starts_with("/account/");
        match &self.session {
            Some(session) if action == CONFIRM || of_account => format!("{action} {}", session.id),
            Some(_) | None => action.to_owned(),
        }
    }

    /// The state token of the transaction that belongs to this flow in this browser: it needs no cookie of its own, and
    /// another browser cannot come by it.
    pub(super) fn state_token(&self, flow: &str) -> Secret<String> {
        Secret::new(self.csrf().token(flow, "state token", &self.binding))
    }

    pub(crate) fn hsts(&self) -> Hsts {
        url::Url::parse(&self.app.settings.issuer).map_or(Hsts::Off, |issuer| Hsts::for_issuer(&issuer))
    }

    /// An HTML answer.
    pub(crate) fn html(self, status: StatusCode, headers: Headers, markup: Markup) -> Response {
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .body(markup.into_string());
        set_headers(&mut response, headers);
        self.finish(response)
    }

    /// A page whose forms lead nowhere but to this origin.
    pub(super) fn page(self, status: StatusCode, markup: Markup) -> Response {
        let headers = headers::page(&self.nonce, None, self.hsts());
        self.html(status, headers, markup)
    }

    /// A redirect on our own origin, after which the browser sends GET.
    pub(crate) fn redirect(self, location: &str) -> Response {
        let mut response: Response = StatusCode::SEE_OTHER.into();
        if let Ok(location) = HeaderValue::from_str(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.finish(response)
    }

    /// Adds the cookies that this visit set.
    pub(crate) fn finish(self, mut response: Response) -> Response {
        for cookie in self.set_cookies {
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
        }
        response
    }
}

/// The cookie that tells the session-management frame about the session, when it does not tell the truth yet.
fn correct_browser_state(
    app: &App,
    cookies: &Cookies,
    session: Option<&Session>,
    shown: Option<&str>,
) -> Option<String> {
    match session.map(|session| browser_state(app, &session.id)) {
        Some(state) if shown != Some(state.as_str()) => {
            Some(cookies.set(Cookie::BrowserState, &state, Lifetime::BrowserSession))
        }
        None if shown.is_some() => Some(cookies.delete(Cookie::BrowserState)),
        Some(_) | None => None,
    }
}

/// How this installation writes and reads its cookies.
pub(crate) fn cookies(app: &App) -> Cookies {
    let transport = if app.settings.is_https() {
        Transport::Https
    } else {
        Transport::Http { port: app.settings.port() }
    };
    let same_site = match app.settings.same_site {
        SameSite::None => cookie::SameSite::None,
        SameSite::Lax => cookie::SameSite::Lax,
    };
    Cookies::with_same_site(transport, same_site)
}

fn nonce(app: &App) -> String {
    let mut nonce = [0_u8; 16];
    app.random.fill(&mut nonce);
    URL_SAFE_NO_PAD.encode(nonce)
}

/// Sets headers that a table names.
pub(super) fn set_headers(response: &mut Response, headers: Headers) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// What pages show of a client.
pub(super) fn card(client: &Client) -> ClientCard {
    card_for(client, &[])
}

/// What pages show of a client to somebody who prefers these languages (Registration §2.1).
pub(super) fn card_for(client: &Client, preferred: &[LanguageTag]) -> ClientCard {
    let metadata = &client.metadata;
    let text = |member: &str, plain: &Option<String>| {
        metadata.text_for(member, plain.as_deref(), preferred).map(ToOwned::to_owned)
    };
    ClientCard {
        name: client.name_for(preferred).to_owned(),
        logo_uri: text("logo_uri", &metadata.logo_uri),
        policy_uri: text("policy_uri", &metadata.policy_uri),
        tos_uri: text("tos_uri", &metadata.tos_uri),
        client_uri: text("client_uri", &metadata.client_uri),
    }
}

/// What pages of a request show of its client, in the languages that it asked for (Core §3.1.2.1, `ui_locales`).
pub(super) fn card_of(client: &Client, request: &ValidRequest) -> ClientCard {
    let preferred: Vec<LanguageTag> =
        request.ui_locales.iter().filter_map(|tag| LanguageTag::parse(tag)).collect();
    card_for(client, &preferred)
}

/// Whether a form was sent from a page of another site (Fetch Metadata §2.4; RFC 6454 §7).
pub(super) fn is_cross_site(request: &Request, issuer: &str) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let foreign_site = text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let foreign_origin = text("origin").is_some_and(|origin| origin != issuer);
    foreign_site || foreign_origin
}
