//! HTTP over real sockets: a [`Client`] for APIs, a [`Browser`] for pages.
//!
//! Neither follows a redirect on its own transport, knows a proxy, or trusts a certificate that it
//! was not given.

use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, ORIGIN, REFERER, REFERRER_POLICY, SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::html::{self, Form};

/// The certificates of a client.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// The only authority it trusts (PEM).
    pub(crate) authority: Option<String>,
    /// Its own certificate and private key (PEM), for mutual TLS.
    pub(crate) identity: Option<String>,
}

impl Tls {
    fn transport(&self) -> reqwest::Client {
        let authority =
            self.authority.iter().map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
        #[expect(clippy::disallowed_methods, reason = "the client of a test, not of the application")]
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only(authority);
        if let Some(pem) = &self.identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    /// The address that answered.
    pub(crate) url: Url,
    /// The status as a number.
    pub(crate) status: u16,
    /// All header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// The document of an answer that must be good.
#[track_caller]
pub(crate) fn ok(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

impl Response {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// A header field that occurs at most once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "`{name}` occurs more than once: {:?}", self.headers);
        value
    }

    /// Where the answer sends the browser.
    pub(crate) fn location(&self) -> Option<Url> {
        self.header(LOCATION.as_str()).map(|location| self.url.join(location).unwrap())
    }

    /// The form with this `id` or `name`.
    #[track_caller]
    pub(crate) fn form(&self, id: &str) -> Form {
        let forms = html::forms(self.text());
        let form = forms.iter().find(|form| form.id == id || form.name == id);
        form.unwrap_or_else(|| panic!("no form `{id}` among {forms:#?} on {}: {}", self.url, self.words()))
            .clone()
    }

    /// Where the link with this text goes.
    #[track_caller]
    pub(crate) fn link(&self, text: &str) -> Url {
        let links = html::links(self.text());
        let link = links.iter().find(|(words, _)| words == text);
        let (_, href) = link.unwrap_or_else(|| panic!("no link `{text}` among {links:#?} on {}", self.url));
        self.url.join(href).unwrap()
    }

    /// Whether the text contains this.
    pub(crate) fn body_contains(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The words of the page as a person reads them.
    pub(crate) fn words(&self) -> String {
        html::text(self.text())
    }

    async fn read(answer: reqwest::Response) -> Self {
        let (url, status, headers) =
            (answer.url().clone(), answer.status().as_u16(), answer.headers().clone());
        Self { url, status, headers, body: answer.bytes().await.unwrap().to_vec() }
    }
}

/// A client of an API: no cookies, no redirects, nothing sent that was not asked for.
#[derive(Clone)]
pub(crate) struct Client {
    transport: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client whose paths are relative to `base`.
    pub(crate) fn new(base: &str) -> Self {
        Self::with_tls(base, &Tls::default())
    }

    /// The same with certificates.
    pub(crate) fn with_tls(base: &str, tls: &Tls) -> Self {
        Self { transport: tls.transport(), base: Url::parse(base).unwrap() }
    }

    /// Prepares a request.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        Request { builder: self.transport.request(method, self.base.join(path).unwrap()) }
    }

    /// Sends a GET request.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await
    }

    /// Sends a form.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.request(Method::POST, path).form(fields).send().await
    }

    /// Sends a JSON document.
    pub(crate) async fn post_json(&self, path: &str, document: &Value) -> Response {
        self.request(Method::POST, path).json(document).send().await
    }
}

/// A request that is being prepared.
pub(crate) struct Request {
    builder: reqwest::RequestBuilder,
}

impl Request {
    /// Adds a header field.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { builder: self.builder.header(name, value) }
    }

    /// Presents an access token (RFC 6750 §2.1).
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Presents a client's or a user's secret; both parts are sent as given (RFC 7617 §2).
    pub(crate) fn basic(self, name: &str, secret: &str) -> Self {
        Self { builder: self.builder.basic_auth(name, Some(secret)) }
    }

    /// A form as the body; repeated names are kept.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body(FORM, encode(fields.iter().copied()))
    }

    /// A JSON document as the body.
    pub(crate) fn json(self, document: &Value) -> Self {
        self.body("application/json", document.to_string())
    }

    /// Any body.
    pub(crate) fn body(self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self { builder: self.builder.header(CONTENT_TYPE, content_type).body(body) }
    }

    /// Sends it; there must be an answer.
    pub(crate) async fn send(self) -> Response {
        self.try_send().await.unwrap()
    }

    /// Sends it; an error where the connection is refused or broken off.
    pub(crate) async fn try_send(self) -> Result<Response, reqwest::Error> {
        Ok(Response::read(self.builder.send().await?).await)
    }
}

/// A cookie in the jar.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    /// The name.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: String,
    /// The attributes as sent, names in lower case.
    pub(crate) attributes: Vec<(String, String)>,
    host: String,
}

impl Cookie {
    /// The value of an attribute; empty for a flag.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str())
    }

    fn parse(header: &str, url: &Url) -> Self {
        let mut parts =
            header.split(';').map(|part| part.trim().split_once('=').unwrap_or((part.trim(), "")));
        let (name, value) = parts.next().unwrap();
        let attributes = parts.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let host = url.host_str().unwrap().to_owned();
        Self { name: name.to_owned(), value: value.to_owned(), attributes, host }
    }

    fn path(&self) -> &str {
        self.attribute("path").filter(|path| path.starts_with('/')).unwrap_or("/")
    }

    /// RFC 6265 §5.1.4, §5.4: ports do not tell cookies apart.
    fn belongs_to(&self, url: &Url) -> bool {
        let path = url.path().strip_prefix(self.path());
        let below =
            path.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path().ends_with('/'));
        let secure = self.attribute("secure").is_none() || url.scheme() == "https";
        url.host_str() == Some(&self.host) && below && secure
    }

    /// Whether it only takes its namesake away; servers do that with the epoch or no age at all.
    fn is_removal(&self) -> bool {
        let no_age =
            self.attribute("max-age").and_then(|age| age.parse::<i64>().ok()).is_some_and(|age| age <= 0);
        no_age || self.attribute("expires").is_some_and(|date| date.contains(" 1970 "))
    }
}

/// A browser without a screen: a jar of cookies, forms, redirects within an origin.
///
/// It stops at the first redirect that leaves the origin, which is where a client takes over.
pub(crate) struct Browser {
    transport: reqwest::Client,
    cookies: Vec<Cookie>,
    headers: HeaderMap,
    url: Option<Url>,
    /// The last page, and whether it keeps its address to itself.
    page: Option<(Url, bool)>,
    follows: bool,
}

impl Browser {
    /// A browser that has been nowhere.
    pub(crate) fn new() -> Self {
        Self::with_tls(&Tls::default())
    }

    /// The same with certificates.
    pub(crate) fn with_tls(tls: &Tls) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
        let transport = tls.transport();
        Self { transport, cookies: Vec::new(), headers, url: None, page: None, follows: true }
    }

    /// Stops at every redirect from now on.
    pub(crate) fn stay(mut self) -> Self {
        self.follows = false;
        self
    }

    /// Sends this header field with every request, in place of the browser's own.
    pub(crate) fn send_always(&mut self, name: &'static str, value: &str) {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }

    /// What the address bar shows; a foreign address where a redirect led that was not followed.
    pub(crate) fn url(&self) -> &Url {
        self.url.as_ref().expect("the browser has been nowhere")
    }

    /// The cookie with this name that would be sent to the address in the bar.
    pub(crate) fn cookie(&self, name: &str) -> Option<&Cookie> {
        self.cookies.iter().find(|cookie| cookie.name == name && cookie.belongs_to(self.url()))
    }

    /// Throws all cookies with this name away.
    pub(crate) fn forget(&mut self, name: &str) {
        self.cookies.retain(|cookie| cookie.name != name);
    }

    /// Puts a cookie of the host in the bar into the jar, as a thief or a script would.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.forget(name);
        let cookie = Cookie::parse(&format!("{name}={value}"), self.url());
        self.cookies.push(cookie);
    }

    /// Opens an address as if it were typed.
    pub(crate) async fn open(&mut self, url: &str) -> Response {
        self.page = None;
        let url = self.url.as_ref().map_or_else(|| Url::parse(url), |base| base.join(url)).unwrap();
        self.navigate(Method::GET, url, None).await
    }

    /// Follows the link with this text.
    pub(crate) async fn follow(&mut self, page: &Response, link: &str) -> Response {
        self.navigate(Method::GET, page.link(link), None).await
    }

    /// Submits a form of the last page.
    pub(crate) async fn submit(&mut self, form: &Form) -> Response {
        let (page, _) = self.page.as_ref().expect("a form comes from a page");
        let mut url = page.join(&form.action).unwrap();
        let fields = encode(form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if form.method == "GET" {
            url.set_query(Some(&fields));
            return self.navigate(Method::GET, url, None).await;
        }
        self.navigate(Method::POST, url, Some(fields)).await
    }

    async fn navigate(&mut self, mut method: Method, mut url: Url, mut body: Option<String>) -> Response {
        for _ in 0..REDIRECTS {
            let response = self.request(&method, &url, body.clone()).await;
            self.url = Some(url.clone());
            let status = StatusCode::from_u16(response.status).unwrap();
            let Some(location) = response.location().filter(|_| status.is_redirection()) else {
                let silent = response.header(REFERRER_POLICY.as_str()) == Some("no-referrer");
                self.page = Some((url, silent));
                return response;
            };
            if !self.follows || location.origin() != url.origin() {
                self.url = Some(location);
                return response;
            }
            // RFC 9110 §15.4: 307 and 308 repeat the request, the others become GET.
            if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                (method, body) = (Method::GET, None);
            }
            url = location;
        }
        panic!("more than {REDIRECTS} redirects, the last to {url}");
    }

    async fn request(&mut self, method: &Method, url: &Url, body: Option<String>) -> Response {
        let mut headers = self.origin_of(method, url);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        }
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.belongs_to(url))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !cookies.is_empty() {
            headers.insert(http::header::COOKIE, HeaderValue::from_str(&cookies.join("; ")).unwrap());
        }
        headers.extend(self.headers.clone());
        let request = self.transport.request(method.clone(), url.clone()).headers(headers);
        let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
        let response = Response::read(answer).await;
        for header in response.headers.get_all(SET_COOKIE) {
            let cookie = Cookie::parse(header.to_str().unwrap(), url);
            let same = |other: &Cookie| {
                (&other.host, &other.name, other.path()) == (&cookie.host, &cookie.name, cookie.path())
            };
            self.cookies.retain(|other| !same(other));
            if !cookie.is_removal() {
                self.cookies.push(cookie);
            }
        }
        response
    }

    /// What Chromium says about where a navigation comes from.
    fn origin_of(&self, method: &Method, url: &Url) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut say = |name: HeaderName, value: &str| {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        };
        let site = match &self.page {
            None => "none",
            Some((page, _)) if page.origin() == url.origin() => "same-origin",
            Some((page, _)) if page.host_str() == url.host_str() => "same-site",
            Some(_) => "cross-site",
        };
        say(HeaderName::from_static("sec-fetch-site"), site);
        say(HeaderName::from_static("sec-fetch-mode"), "navigate");
        say(HeaderName::from_static("sec-fetch-dest"), "document");
        if let Some((page, silent)) = &self.page {
            let origin = page.origin().ascii_serialization();
            if !silent {
                // The default policy, `strict-origin-when-cross-origin`.
                let mut address = page.clone();
                address.set_fragment(None);
                let root = format!("{origin}/");
                say(REFERER, if site == "same-origin" { address.as_str() } else { &root });
            }
            if *method == Method::POST {
                say(ORIGIN, if *silent { "null" } else { &origin });
            }
        }
        headers
    }
}

fn encode<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

const FORM: &str = "application/x-www-form-urlencoded";
const REDIRECTS: usize = 20;
