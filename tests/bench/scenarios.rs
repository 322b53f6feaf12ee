//! What clients and people do, as lanes of the load generator.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use stepgate::id::GrantId;

use super::child::{
    DEVICE, ES256_SERVER, EXCHANGE, PASSWORD, REDIRECT_URI, SECRET, SERVICE, USERS, WEB, login,
};
use super::holders;
use super::load::{Answer, Connection, Failure, Lane, Measured, Repeat, Target, measure, source};
use super::passkey;
use super::proof::ProofKey;

/// How many connections load the server.
pub(crate) const CONNECTIONS: usize = 32;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    Discovery,
    Jwks,
    ClientCredentialsRs256,
    ClientCredentialsEs256,
    CodeFlow,
    Refresh,
    Introspection,
    Userinfo,
    Login,
    Pushed,
    Dpop,
    Device,
    Exchange,
    SecondFactor,
    Totp,
    Passkey,
    Poll,
}

impl Scenario {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Self; 17] = [
        Self::Discovery,
        Self::Jwks,
        Self::ClientCredentialsRs256,
        Self::ClientCredentialsEs256,
        Self::CodeFlow,
        Self::Refresh,
        Self::Introspection,
        Self::Userinfo,
        Self::Login,
        Self::Pushed,
        Self::Dpop,
        Self::Device,
        Self::Exchange,
        Self::SecondFactor,
        Self::Totp,
        Self::Passkey,
        Self::Poll,
    ];

    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::ClientCredentialsRs256 => "client_credentials RS256",
            Self::ClientCredentialsEs256 => "client_credentials ES256",
            Self::CodeFlow => "code flow (authorize + token)",
            Self::Refresh => "refresh with rotation",
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::Login => "password login",
            Self::Pushed => "par",
            Self::Dpop => "client_credentials DPoP",
            Self::Device => "device (authorize + poll)",
            Self::Exchange => "token exchange",
            Self::SecondFactor => "authn password + TOTP",
            Self::Totp => "TOTP verification (factors)",
            Self::Passkey => "WebAuthn assertions (factors)",
            Self::Poll => "authn state poll",
        }
    }

    /// Whether it is about people who are asked for a factor beside the password.
    pub(crate) fn is_with_factor(self) -> bool {
        matches!(self, Self::SecondFactor | Self::Totp | Self::Passkey | Self::Poll)
    }
}

/// Everything that scenarios need before they can be measured.
pub(crate) struct World {
    target: Target,
    people: Vec<Person>,
}

/// A signed-in browser with the tokens of one code flow.
#[derive(Clone)]
struct Person {
    cookies: String,
    access_token: String,
}

impl World {
    /// Signs in as many people as there are connections.
    pub(crate) async fn prepare(target: Target) -> Result<Self, Failure> {
        let mut people = Vec::new();
        let mut connection = Connection::open(target.address, source(0)).await?;
        for number in 0..CONNECTIONS {
            let mut page = Page::open(&mut connection, target.address).await?;
            let cookies = page.sign_in(&mut connection, target.address, &login(number)).await?;
            let request = authorization(target.address, &cookies, WITH_API);
            let code = authorize(&mut connection, &request).await?;
            let tokens = connection.exchange(&redemption(target.address, &code)).await?.expect(200)?;
            people.push(Person { cookies, access_token: member(&tokens, "access_token")? });
        }
        Ok(Self { target, people })
    }

    /// A grant that exists: the one of the first person's access token.
    pub(crate) fn grant(&self) -> Option<GrantId> {
        let payload = self.people.first()?.access_token.split('.').nth(1)?;
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        stepgate::token::grant_of_jti(claims.get("jti")?.as_str()?)
    }

    /// Measures a scenario; `logins` is how many passwords will be checked at most.
    pub(crate) async fn measure(&self, scenario: Scenario, logins: usize) -> Result<Measured, Failure> {
        let target = self.target;
        let to = target.address;
        let same =
            |request: Vec<u8>| (0..CONNECTIONS).map(|_| Repeat::ok(request.clone())).collect::<Vec<_>>();
        let each = |request: fn(SocketAddr, &Person) -> Vec<u8>| {
            self.people.iter().map(|person| Repeat::ok(request(to, person))).collect::<Vec<_>>()
        };
        Ok(match scenario {
            Scenario::Discovery => {
                measure(target, same(get(to, "/oauth2/default/.well-known/openid-configuration", ""))).await
            }
            Scenario::Jwks => measure(target, same(get(to, "/oauth2/default/v1/keys", ""))).await,
            Scenario::ClientCredentialsRs256 => {
                measure(target, same(client_credentials(to, "default"))).await
            }
            Scenario::ClientCredentialsEs256 => {
                measure(target, same(client_credentials(to, ES256_SERVER))).await
            }
            Scenario::Introspection => measure(target, each(introspection)).await,
            Scenario::Userinfo => measure(target, each(userinfo)).await,
            Scenario::CodeFlow => {
                let lanes = self
                    .people
                    .iter()
                    .map(|person| CodeFlow { to, authorization: authorization(to, &person.cookies, ONLINE) });
                measure(target, lanes.collect()).await
            }
            Scenario::Refresh => measure(target, self.refreshing(CONNECTIONS).await?).await,
            Scenario::Pushed => {
                let lane = |_| Repeat { request: pushed(to), status: 201 };
                measure(target, (0..CONNECTIONS).map(lane).collect()).await
            }
            Scenario::Dpop => {
                let url = format!("http://localhost:{}/oauth2/default/v1/token", to.port());
                let lane = |_| Dpop { to, key: ProofKey::new(), url: url.clone() };
                measure(target, (0..CONNECTIONS).map(lane).collect()).await
            }
            Scenario::Device => measure(target, (0..CONNECTIONS).map(|_| Device { to }).collect()).await,
            Scenario::Exchange => measure(target, each(exchange)).await,
            Scenario::SecondFactor => measure(target, holders::SignIn::lanes(to, logins)).await,
            Scenario::Totp => measure(target, holders::Verify::lanes(to)).await,
            Scenario::Passkey => measure(target, passkey::Assert::lanes(to).await?).await,
            Scenario::Poll => measure(target, holders::polls(to).await?).await,
            Scenario::Login => {
                let pages = Page::several(to, logins.min(USERS)).await?;
                measure(target, logins_of(to, &pages)).await
            }
        })
    }

    /// Lanes that refresh, each with a family of its own that nothing else uses.
    pub(crate) async fn refreshing(&self, lanes: usize) -> Result<Vec<Refresh>, Failure> {
        let to = self.target.address;
        let mut connection = Connection::open(to, source(0)).await?;
        let mut refreshing = Vec::new();
        for person in self.people.iter().cycle().take(lanes) {
            let code = authorize(&mut connection, &authorization(to, &person.cookies, OFFLINE)).await?;
            let tokens = connection.exchange(&redemption(to, &code)).await?.expect(200)?;
            refreshing.push(Refresh { to, refresh_token: member(&tokens, "refresh_token")? });
        }
        Ok(refreshing)
    }
}

/// A code verifier and its S256 challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const ONLINE: &str = "openid profile email";
const OFFLINE: &str = "openid profile email offline_access";
/// With a scope that a service can ask for on behalf of the user.
const WITH_API: &str = "openid profile email offline_access api";

/// A GET with further header lines, each with its line end.
pub(crate) fn get(to: SocketAddr, path: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost:{}\r\nuser-agent: stepgate-bench\r\naccept: */*\r\n{headers}\r\n",
        to.port()
    )
    .into_bytes()
}

/// A POST of a form.
pub(crate) fn post(to: SocketAddr, path: &str, headers: &str, form: &[(&str, &str)]) -> Vec<u8> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    post_body(to, path, headers, ("application/x-www-form-urlencoded", &body))
}

/// A POST of a JSON document.
pub(crate) fn post_json(to: SocketAddr, path: &str, headers: &str, document: &serde_json::Value) -> Vec<u8> {
    post_body(to, path, headers, ("application/json", &document.to_string()))
}

fn post_body(to: SocketAddr, path: &str, headers: &str, (media_type, body): (&str, &str)) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:{}\r\nuser-agent: stepgate-bench\r\naccept: */*\r\n{headers}\
         content-type: {media_type}\r\ncontent-length: {}\r\n\r\n{body}",
        to.port(),
        body.len()
    )
    .into_bytes()
}

fn basic(client: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{client}:{SECRET}")))
}

/// A request for a token of a machine's own.
pub(crate) fn client_credentials(to: SocketAddr, server: &str) -> Vec<u8> {
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    post(to, &format!("/oauth2/{server}/v1/token"), &basic(SERVICE), &form)
}

fn pushed(to: SocketAddr) -> Vec<u8> {
    let form = [
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", ONLINE),
        ("state", "a-state-of-usual-length"),
        ("nonce", "a-nonce-of-usual-length"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    post(to, "/oauth2/default/v1/par", &basic(WEB), &form)
}

fn exchange(to: SocketAddr, person: &Person) -> Vec<u8> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", person.access_token.as_str()),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "api://default"),
        ("scope", "api"),
    ];
    post(to, "/oauth2/default/v1/token", &basic(EXCHANGE), &form)
}

fn introspection(to: SocketAddr, person: &Person) -> Vec<u8> {
    let form = [("token", person.access_token.as_str()), ("token_type_hint", "access_token")];
    post(to, "/oauth2/default/v1/introspect", &basic(SERVICE), &form)
}

fn userinfo(to: SocketAddr, person: &Person) -> Vec<u8> {
    let bearer = format!("authorization: Bearer {}\r\n", person.access_token);
    get(to, "/oauth2/default/v1/userinfo", &bearer)
}

fn authorization(to: SocketAddr, cookies: &str, scope: &str) -> Vec<u8> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", WEB),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "a-state-of-usual-length"),
            ("nonce", "a-nonce-of-usual-length"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    let cookies = if cookies.is_empty() { String::new() } else { format!("cookie: {cookies}\r\n") };
    get(to, &format!("/oauth2/default/v1/authorize?{query}"), &cookies)
}

fn redemption(to: SocketAddr, code: &str) -> Vec<u8> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    post(to, "/oauth2/default/v1/token", &basic(WEB), &form)
}

async fn authorize(connection: &mut Connection, request: &[u8]) -> Result<String, Failure> {
    let answer = connection.exchange(request).await?.expect(302)?;
    code_in(&answer)
}

/// The code in the redirect to the client (RFC 6749 §4.1.2).
fn code_in(answer: &Answer<'_>) -> Result<String, Failure> {
    let location = answer.header("location").unwrap_or_default();
    let query = location.strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?'));
    let code = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("code=")));
    code.map(ToOwned::to_owned).ok_or_else(|| format!("no code in {location}"))
}

/// A member of a JSON answer whose value needs no unescaping.
pub(crate) fn member(answer: &Answer<'_>, name: &str) -> Result<String, Failure> {
    between(answer.body, &format!("\"{name}\":\""), "\"").ok_or_else(|| format!("no {name}"))
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value.to_owned())
}

struct CodeFlow {
    to: SocketAddr,
    authorization: Vec<u8>,
}

impl Lane for CodeFlow {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let code = authorize(connection, &self.authorization).await?;
        connection.exchange(&redemption(self.to, &code)).await?.expect(200)?;
        Ok(true)
    }
}

/// A machine whose tokens are bound to its key: every request carries a proof of its own (RFC 9449).
struct Dpop {
    to: SocketAddr,
    key: ProofKey,
    url: String,
}

impl Lane for Dpop {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let headers = format!("{}dpop: {}\r\n", basic(SERVICE), self.key.proof("POST", &self.url));
        let form = [("grant_type", "client_credentials"), ("scope", "api")];
        let request = post(self.to, "/oauth2/default/v1/token", &headers, &form);
        connection.exchange(&request).await?.expect(200)?;
        Ok(true)
    }
}

/// A device that begins and asks once whether its user is done, which nobody is yet (RFC 8628).
struct Device {
    to: SocketAddr,
}

impl Lane for Device {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let form = [("client_id", DEVICE), ("scope", "openid profile offline_access")];
        let request = post(self.to, "/oauth2/default/v1/device/authorize", "", &form);
        let begun = connection.exchange(&request).await?.expect(200)?;
        let device_code = member(&begun, "device_code")?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", DEVICE),
            ("device_code", device_code.as_str()),
        ];
        let request = post(self.to, "/oauth2/default/v1/token", "", &form);
        connection.exchange(&request).await?.expect(400)?;
        Ok(true)
    }
}

/// Uses the refresh token that the last use gave.
pub(crate) struct Refresh {
    to: SocketAddr,
    refresh_token: String,
}

impl Lane for Refresh {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh_token.as_str())];
        let request = post(self.to, "/oauth2/default/v1/token", &basic(WEB), &form);
        let tokens = connection.exchange(&request).await?.expect(200)?;
        self.refresh_token = member(&tokens, "refresh_token")?;
        Ok(true)
    }
}

/// A sign-in page that waits for a user, in a browser of its own.
pub(crate) struct Page {
    cookies: Vec<(String, String)>,
    flow: String,
    csrf: String,
}

impl Page {
    /// Follows an authorization request to the sign-in page.
    pub(crate) async fn open(connection: &mut Connection, to: SocketAddr) -> Result<Self, Failure> {
        let mut page = Self { cookies: Vec::new(), flow: String::new(), csrf: String::new() };
        let answer = connection.exchange(&authorization(to, "", ONLINE)).await?;
        let location = answer.header("location").unwrap_or_default().to_owned();
        page.keep_cookies(&answer);
        let path = location.find("/signin").and_then(|start| location.get(start..));
        let path = path.ok_or_else(|| format!("{} to {location}", answer.status))?.to_owned();
        let request = get(to, &path, &format!("cookie: {}\r\n", page.cookie_header()));
        let answer = connection.exchange(&request).await?.expect(200)?;
        let value = |name: &str| {
            between(answer.body, &format!("name=\"{name}\" value=\""), "\"").ok_or(format!("no {name}"))
        };
        let (flow, csrf) = (value("flow_id")?, value("csrf")?);
        page.keep_cookies(&answer);
        Ok(Self { flow, csrf, ..page })
    }

    /// Opens pages from many addresses, a few at a time.
    pub(crate) async fn several(to: SocketAddr, number: usize) -> Result<Vec<Self>, Failure> {
        let mut opening = tokio::task::JoinSet::new();
        for lane in 0..CONNECTIONS {
            let share = number / CONNECTIONS + usize::from(lane < number % CONNECTIONS);
            opening.spawn(async move {
                let mut connection = Connection::open(to, source(lane)).await?;
                let mut pages = Vec::new();
                for _ in 0..share {
                    pages.push(Self::open(&mut connection, to).await?);
                }
                Ok::<_, Failure>(pages)
            });
        }
        let pages = opening.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(pages.into_iter().flatten().collect())
    }

    fn keep_cookies(&mut self, answer: &Answer<'_>) {
        for line in answer.head.lines() {
            let Some(cookie) = line.strip_prefix("set-cookie: ") else { continue };
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// The form of this page, filled in.
    pub(crate) fn submission(&self, to: SocketAddr, login: &str, password: &str) -> Vec<u8> {
        let form = [
            ("flow_id", self.flow.as_str()),
            ("csrf", self.csrf.as_str()),
            ("identifier", login),
            ("password", password),
            ("action", "sign_in"),
        ];
        post(to, "/signin", &format!("cookie: {}\r\n", self.cookie_header()), &form)
    }

    async fn sign_in(
        &mut self,
        connection: &mut Connection,
        to: SocketAddr,
        login: &str,
    ) -> Result<String, Failure> {
        let request = self.submission(to, login, PASSWORD);
        let answer = connection.exchange(&request).await?.expect(303)?;
        code_in(&answer)?;
        self.keep_cookies(&answer);
        Ok(self.cookie_header())
    }
}

/// Sends the prepared forms of its share, each for another user.
struct Login(Vec<Vec<u8>>);

impl Lane for Login {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let Some(request) = self.0.pop() else { return Ok(false) };
        code_in(&connection.exchange(&request).await?.expect(303)?)?;
        Ok(true)
    }
}

fn logins_of(to: SocketAddr, pages: &[Page]) -> Vec<Login> {
    let mut lanes: Vec<Login> = (0..CONNECTIONS).map(|_| Login(Vec::new())).collect();
    for (number, page) in pages.iter().enumerate() {
        if let Some(Login(requests)) = lanes.get_mut(number % CONNECTIONS) {
            requests.push(page.submission(to, &login(USERS - 1 - number), PASSWORD));
        }
    }
    lanes
}
