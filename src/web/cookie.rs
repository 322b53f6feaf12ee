//! Our cookies (RFC 6265bis): names, attributes, and the signed list of remembered accounts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::csrf::authenticate;
use crate::secret::{Secret, constant_time_eq};

/// How long a browser is remembered as one that a user signed in with; browsers keep no cookie longer than 400 days.
pub const BROWSER_LIFETIME: Duration = Duration::days(365);

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The sign-on session's secret.
    Session,
    /// The browser's binding: what CSRF tokens and flows are bound to, and how a known device is told.
    Browser,
    /// The signed list of remembered accounts.
    Accounts,
    /// The factors whose devices are asked without being chosen (Okta `autoPush`).
    AutoPush,
    /// The OP browser state (Session Management 1.0 §3.2): the one cookie that script reads, in frames of any site.
    BrowserState,
}

impl Cookie {
    fn bare(self) -> &'static str {
        match self {
            Self::Session => "sid",
            Self::Browser => "dt",
            Self::Accounts => "accounts",
            Self::AutoPush => "ap",
            Self::BrowserState => "bs",
        }
    }
}

/// How this server is reached by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// https: cookies are `Secure` and named `__Host-…`.
    Https,
    /// http, for development: names carry the port, because cookies of a host are shared by its ports.
    Http {
        /// The port that browsers use.
        port: u16,
    },
}

impl Transport {
    /// The transport of an issuer.
    pub fn of(issuer: &url::Url) -> Self {
        if issuer.scheme() == "https" {
            Self::Https
        } else {
            Self::Http { port: issuer.port_or_known_default().unwrap_or(80) }
        }
    }
}

/// The `SameSite` attribute (RFC 6265bis §5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Also sent in frames of other sites, which silent renewal needs.
    None,
    /// Sent when another site's link leads here.
    Lax,
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the browser is closed.
    BrowserSession,
    /// For this long.
    MaxAge(Duration),
}

/// How this server writes and reads its cookies.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    transport: Transport,
    same_site: SameSite,
}

impl Cookies {
    /// With the default `SameSite`: `None` on https, `Lax` on http.
    pub fn new(transport: Transport) -> Self {
        Self::with_same_site(transport, SameSite::None)
    }

    /// With a configured `SameSite`; on http it is always `Lax`, since browsers drop `None` without `Secure`.
    pub fn with_same_site(transport: Transport, same_site: SameSite) -> Self {
        let same_site = match transport {
            Transport::Https => same_site,
            Transport::Http { .. } => SameSite::Lax,
        };
        Self { transport, same_site }
    }

    /// The cookie's name on the wire.
    pub fn name(&self, cookie: Cookie) -> String {
        match self.transport {
            Transport::Https => format!("__Host-{}", cookie.bare()),
            Transport::Http { port } => format!("{}_{port}", cookie.bare()),
        }
    }

    /// A `Set-Cookie` value. Bytes that may not stand in a cookie (RFC 6265 §4.1.1) are left out, so such a
    /// value is not accepted when it returns; the values of this program have none.
    pub fn set(&self, cookie: Cookie, value: &str, lifetime: Lifetime) -> String {
        let octets: String =
            value.chars().filter(|&c| c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '\\')).collect();
        let age = match lifetime {
            Lifetime::BrowserSession => String::new(),
            Lifetime::MaxAge(age) => format!("; Max-Age={}", age.whole_seconds().max(0)),
        };
        format!("{}={octets}{age}{}", self.name(cookie), self.attributes(cookie))
    }

    /// A `Set-Cookie` value that removes the cookie.
    pub fn delete(&self, cookie: Cookie) -> String {
        format!("{}=; Max-Age=0{}", self.name(cookie), self.attributes(cookie))
    }

    /// The cookie's value in the request's `Cookie` headers. A name that comes twice with different values is
    /// no cookie: one of them was planted.
    pub fn find<'h>(&self, headers: impl IntoIterator<Item = &'h str>, cookie: Cookie) -> Option<&'h str> {
        let name = self.name(cookie);
        let mut values = headers
            .into_iter()
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        let first = values.next().filter(|value| !value.is_empty())?;
        values.all(|value| value == first).then_some(first)
    }

    fn attributes(&self, cookie: Cookie) -> &'static str {
        if cookie == Cookie::BrowserState {
            return match self.transport {
                Transport::Https => "; Path=/; Secure; SameSite=None",
                Transport::Http { .. } => "; Path=/; SameSite=Lax",
            };
        }
        match (self.transport, self.same_site) {
            (Transport::Https, SameSite::None) => "; Path=/; HttpOnly; Secure; SameSite=None",
            (Transport::Https, SameSite::Lax) => "; Path=/; HttpOnly; Secure; SameSite=Lax",
            (Transport::Http { .. }, _) => "; Path=/; HttpOnly; SameSite=Lax",
        }
    }
}

/// The key under which the list of remembered accounts is signed.
#[derive(Clone, Debug)]
pub struct AccountsKey(Secret<[u8; 32]>);

impl AccountsKey {
    /// Takes 32 bytes derived from the master key for this purpose alone.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }
}

/// An account that was used in this browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedAccount {
    /// The user's id.
    #[serde(rename = "u")]
    pub user_id: String,
    /// The name they sign in with.
    #[serde(rename = "l")]
    pub login: String,
    /// What people call them.
    #[serde(rename = "n")]
    pub display_name: String,
}

/// The accounts that were used in this browser, latest first; at most [`Self::MOST`]. It proves nothing about
/// who is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RememberedAccounts(Vec<RememberedAccount>);

impl RememberedAccounts {
    /// How many accounts are remembered.
    pub const MOST: usize = 5;

    /// The longest cookie value written, in bytes; browsers drop cookies from 4,096 on.
    pub const MAX_BYTES: usize = 3_800;

    /// Reads a cookie value; one that was not signed by this key holds no accounts.
    pub fn open(key: &AccountsKey, value: &str) -> Self {
        let read = || {
            let (payload, mac) = value.split_once('.')?;
            if !constant_time_eq(
                mac.as_bytes(),
                authenticate(&key.0, &[b"accounts", payload.as_bytes()]).as_bytes(),
            ) {
                return None;
            }
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
        };
        let mut accounts = Self(read().unwrap_or_default());
        accounts.0.truncate(Self::MOST);
        accounts
    }

    /// The signed cookie value; the oldest accounts are dropped if it would be too long.
    pub fn seal(&self, key: &AccountsKey) -> String {
        let mut accounts = self.0.clone();
        loop {
            let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&accounts).unwrap_or_default());
            let value = format!("{payload}.{}", authenticate(&key.0, &[b"accounts", payload.as_bytes()]));
            if value.len() <= Self::MAX_BYTES || accounts.pop().is_none() {
                return value;
            }
        }
    }

    /// The accounts, latest first.
    pub fn accounts(&self) -> &[RememberedAccount] {
        &self.0
    }

    /// Puts an account first.
    pub fn remember(&mut self, account: RememberedAccount) {
        self.forget(&account.user_id);
        self.0.insert(0, account);
        self.0.truncate(Self::MOST);
    }

    /// Takes an account out.
    pub fn forget(&mut self, user_id: &str) {
        self.0.retain(|account| account.user_id != user_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: Transport = Transport::Https;
    const HTTP: Transport = Transport::Http { port: 8080 };

    fn account(id: &str) -> RememberedAccount {
        RememberedAccount {
            user_id: id.to_owned(),
            login: format!("{id}@example.com"),
            display_name: format!("Zoë {id}; \"x\""),
        }
    }

    #[test]
    fn sec_l04_on_https_cookies_are_host_bound_secure_and_unreadable_by_script() {
        let set = Cookies::new(HTTPS).set(Cookie::Session, "abc", Lifetime::BrowserSession);
        assert_eq!(set, "__Host-sid=abc; Path=/; HttpOnly; Secure; SameSite=None");
        let lax = Cookies::with_same_site(HTTPS, SameSite::Lax).set(
            Cookie::Browser,
            "abc",
            Lifetime::MaxAge(Duration::days(1)),
        );
        assert_eq!(lax, "__Host-dt=abc; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax");
    }

    /// Session Management 1.0 §3.2: the frame of any site must read it.
    #[test]
    fn sec_l04_the_browser_state_alone_is_readable_by_script_and_in_any_frame() {
        for same_site in [SameSite::None, SameSite::Lax] {
            let set = Cookies::with_same_site(HTTPS, same_site).set(
                Cookie::BrowserState,
                "abc",
                Lifetime::BrowserSession,
            );
            assert_eq!(set, "__Host-bs=abc; Path=/; Secure; SameSite=None");
        }
        assert_eq!(
            Cookies::new(HTTP).delete(Cookie::BrowserState),
            "bs_8080=; Max-Age=0; Path=/; SameSite=Lax"
        );
    }

    #[test]
    fn on_http_names_carry_the_port_and_same_site_is_lax() {
        let set = Cookies::new(HTTP).set(Cookie::Session, "abc", Lifetime::BrowserSession);
        assert_eq!(set, "sid_8080=abc; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(
            Cookies::new(HTTP).delete(Cookie::Accounts),
            "accounts_8080=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(Transport::of(&"http://localhost:8080/oauth2/default".parse().unwrap()), HTTP);
        assert_eq!(Transport::of(&"https://id.example".parse().unwrap()), HTTPS);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let cookies = Cookies::new(HTTPS);
        let headers = ["a=1; __Host-sid=abc=;b=\"q\"", "__Host-dt=x"];
        assert_eq!(cookies.find(headers, Cookie::Session), Some("abc="));
        assert_eq!(cookies.find(headers, Cookie::Browser), Some("x"));
        assert_eq!(cookies.find(headers, Cookie::Accounts), None);
        assert_eq!(cookies.find(["__Host-sid="], Cookie::Session), None);
    }

    #[test]
    fn sec_l04_a_bare_or_doubled_name_is_no_session() {
        let cookies = Cookies::new(HTTPS);
        assert_eq!(cookies.find(["sid=planted"], Cookie::Session), None);
        assert_eq!(cookies.find(["__host-sid=planted"], Cookie::Session), None);
        assert_eq!(cookies.find(["__Host-sid=a; __Host-sid=b"], Cookie::Session), None);
        assert_eq!(cookies.find(["__Host-sid=a; __Host-sid=a"], Cookie::Session), Some("a"));
    }

    #[test]
    fn sec_x02_a_value_cannot_add_attributes_or_headers() {
        let set = Cookies::new(HTTPS).set(
            Cookie::Session,
            "a; Domain=evil\r\nSet-Cookie: x=y",
            Lifetime::BrowserSession,
        );
        assert_eq!(set, "__Host-sid=aDomain=evilSet-Cookie:x=y; Path=/; HttpOnly; Secure; SameSite=None");
    }

    #[test]
    fn remembered_accounts_survive_a_round_trip() {
        let key = AccountsKey::new([1; 32]);
        let mut accounts = RememberedAccounts::default();
        for id in ["1", "2", "3", "4", "5", "6", "2"] {
            accounts.remember(account(id));
        }
        let ids: Vec<&str> = accounts.accounts().iter().map(|a| a.user_id.as_str()).collect();
        assert_eq!(ids, ["2", "6", "5", "4", "3"]);
        let value = accounts.seal(&key);
        assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        assert_eq!(RememberedAccounts::open(&key, &value), accounts);
        accounts.forget("6");
        assert_eq!(accounts.accounts().len(), 4);
    }

    #[test]
    fn an_altered_list_of_accounts_is_empty() {
        let key = AccountsKey::new([1; 32]);
        let mut accounts = RememberedAccounts::default();
        accounts.remember(account("1"));
        let value = accounts.seal(&key);
        let (payload, mac) = value.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(br#"[{"u":"2","l":"x","n":"y"}]"#);
        for bad in [
            "",
            ".",
            payload,
            &format!("{other}.{mac}"),
            &format!("{payload}.{}", &mac[1..]),
            &format!("{payload}A.{mac}"),
        ] {
            assert!(RememberedAccounts::open(&key, bad).accounts().is_empty(), "{bad}");
        }
        assert!(RememberedAccounts::open(&AccountsKey::new([2; 32]), &value).accounts().is_empty());
    }

    #[test]
    fn the_accounts_cookie_stays_small() {
        let key = AccountsKey::new([1; 32]);
        let mut accounts = RememberedAccounts::default();
        for id in ["1", "2", "3"] {
            accounts.remember(RememberedAccount { display_name: "ü".repeat(600), ..account(id) });
        }
        let value = accounts.seal(&key);
        assert!(value.len() <= RememberedAccounts::MAX_BYTES);
        assert_eq!(RememberedAccounts::open(&key, &value).accounts().first(), accounts.accounts().first());
    }
}
