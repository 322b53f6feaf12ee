//! Fetching documents that others host (`jwks_uri`, `sector_identifier_uri`) and telling them things
//! (`backchannel_logout_uri`), without letting them choose where inside our network the request goes.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use reqwest::{
    Client,
    dns::{Name, Resolve, Resolving},
    header::CONTENT_TYPE,
    redirect::Policy,
};
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::trust;

/// Where documents of others come from.
pub trait Fetch: Send + Sync {
    /// Fetches a document by GET, without credentials and without following redirects. Any status is an
    /// answer; judging status and content type is up to the caller.
    fn get<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Fetched, FetchError>>;

    /// Sends a form by POST with the same guards and returns the status; the body of the answer is not read.
    fn post_form<'a>(
        &'a self,
        url: &'a Url,
        fields: &'a [(&'a str, &'a str)],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<u16, FetchError>>;
}

/// A fetched document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why a document was not fetched. Goes to the log only: whoever registered the address must not learn
/// what our network answers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    /// Not https, or an address with user information, or without a host.
    #[error("the address is not one to fetch from: {0}")]
    Address(&'static str),
    /// The host is, or resolves to, an address that is not public.
    #[error("the host has no public address")]
    Forbidden,
    /// The answer did not arrive in time.
    #[error("no answer in time")]
    Timeout,
    /// The answer is larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// The host could not be reached, or its certificate is not trusted.
    #[error("the host could not be reached: {0}")]
    Unreachable(String),
}

/// What [`HttpFetch`] may do.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Hosts that may have private addresses.
    pub allow_hosts: Vec<String>,
    /// Whether those hosts may be asked by plain http.
    pub allow_http: bool,
    /// PEM file with certificates trusted beside the public authorities: an authority's, or a server's own that it
    /// signed itself.
    pub extra_ca: Option<PathBuf>,
    /// The whole fetch, waiting for a free slot included.
    pub timeout: Duration,
    /// Largest body in bytes.
    pub max_body: usize,
    /// Fetches from one host at a time.
    pub per_host: usize,
}

/// Why [`HttpFetch`] could not be built.
#[derive(Debug, thiserror::Error)]
pub enum FetchSetupError {
    /// The file with certificate authorities cannot be used.
    #[error("fetch.extra_ca: {0}")]
    ExtraCa(String),
    /// The TLS or HTTP library refused its settings.
    #[error("outbound requests: {0}")]
    Client(String),
}

/// Fetches over the network.
pub struct HttpFetch {
    client: Client,
    allowed: Arc<AllowedHosts>,
    options: FetchOptions,
    slots: Mutex<HashMap<String, Arc<Semaphore>>>,
}

struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.trim_matches(['[', ']']).to_owned()).collect())
    }

    fn contains(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

impl HttpFetch {
    /// Builds the client once; fetches share its connections.
    ///
    /// # Errors
    ///
    /// The extra certificate authorities cannot be read, or the libraries refuse the settings.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes outbound requests")]
    pub fn new(options: FetchOptions) -> Result<Self, FetchSetupError> {
        let allowed = Arc::new(AllowedHosts::new(&options.allow_hosts));
        let client = Client::builder()
            .tls_backend_preconfigured(trust::tls(options.extra_ca.as_ref())?)
            .dns_resolver(Arc::new(PublicOnly(Arc::clone(&allowed))))
            // Each would let the answering host, or our environment, choose where a request goes.
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(options.timeout)
            .timeout(options.timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(2)
            .user_agent("stepgate")
            .build()
            .map_err(|error| FetchSetupError::Client(error.to_string()))?;
        Ok(Self { client, allowed, options, slots: Mutex::default() })
    }

    /// Refuses what can be refused before any name is looked up.
    fn admit(&self, url: &Url) -> Result<String, FetchError> {
        let host = url.host().ok_or(FetchError::Address("it has no host"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Address("it has user information"));
        }
        // `Url` has already turned decimal, octal and hexadecimal hosts into addresses.
        let name = match host {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let allowed = self.allowed.contains(&name);
        match url.scheme() {
            "https" => {}
            "http" if allowed && self.options.allow_http => {}
            _ => return Err(FetchError::Address("it is not https")),
        }
        // The connector does not ask the resolver for an address: check it here.
        let public = match host {
            // RFC 6761 §6.3: the name is always this machine, whatever a resolver says.
            Host::Domain(name) => !is_localhost(name),
            Host::Ipv4(ip) => is_public(IpAddr::V4(ip)),
            Host::Ipv6(ip) => is_public(IpAddr::V6(ip)),
        };
        if public || allowed { Ok(name) } else { Err(FetchError::Forbidden) }
    }

    async fn fetch(&self, url: &Url, host: String) -> Result<Fetched, FetchError> {
        let slot = self.slot(host);
        // The semaphore is never closed; were it, the fetch would be refused.
        let _permit = slot.acquire().await.map_err(|_| FetchError::Timeout)?;
        let mut response = self.client.get(url.clone()).send().await.map_err(|error| classify(&error))?;
        let declared = response.content_length().unwrap_or(0);
        if declared > u64::try_from(self.options.max_body).unwrap_or(u64::MAX) {
            return Err(FetchError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            if body.len().saturating_add(chunk.len()) > self.options.max_body {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Fetched {
            status: response.status().as_u16(),
            content_type: content_type.map(str::to_owned),
            body,
        })
    }

    async fn send(&self, url: &Url, fields: &[(&str, &str)], host: String) -> Result<u16, FetchError> {
        let slot = self.slot(host);
        // The semaphore is never closed; were it, the request would be refused.
        let _permit = slot.acquire().await.map_err(|_| FetchError::Timeout)?;
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, FORM).body(form);
        let response = request.send().await.map_err(|error| classify(&error))?;
        Ok(response.status().as_u16())
    }

    fn slot(&self, host: String) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Hosts come from registrations: forget those nobody is fetching from.
        slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        Arc::clone(slots.entry(host).or_insert_with(|| Arc::new(Semaphore::new(self.options.per_host))))
    }
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        async move {
            let host = self.admit(url)?;
            let fetch = tokio::time::timeout(self.options.timeout, self.fetch(url, host));
            fetch.await.unwrap_or(Err(FetchError::Timeout))
        }
        .boxed()
    }

    fn post_form<'a>(
        &'a self,
        url: &'a Url,
        fields: &'a [(&'a str, &'a str)],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<u16, FetchError>> {
        async move {
            let host = self.admit(url)?;
            let post = tokio::time::timeout(timeout.min(self.options.timeout), self.send(url, fields, host));
            post.await.unwrap_or(Err(FetchError::Timeout))
        }
        .boxed()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Looks names up and hands out only public addresses: the address that is connected to is the one that
/// was checked, so a name that changes its answer gains nothing.
struct PublicOnly(Arc<AllowedHosts>);

#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct NoPublicAddress;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.contains(name.as_str());
        async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> =
                found.filter(|address| allowed || is_public(address.ip())).collect();
            if addresses.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(addresses.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        }
        .boxed()
    }
}

fn classify(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(error) = cause {
        if error.is::<NoPublicAddress>() {
            return FetchError::Forbidden;
        }
        last = error.to_string();
        cause = error.source();
    }
    FetchError::Unreachable(last)
}

/// Whether an address belongs to the public internet (IANA's special-purpose registries, RFC 6890). IPv6
/// addresses that carry an IPv4 address are judged by it.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _) // this network, private, loopback, multicast, reserved, broadcast
            | (100, 64..=127, _) // carrier-grade NAT
            | (169, 254, _) // link-local, cloud metadata
            | (172, 16..=31, _) // private
            | (192, 0, 0 | 2) // protocol assignments, documentation
            | (192, 31, 196) // AS112
            | (192, 52, 193) // AMT
            | (192, 88, 99) // 6to4 relay
            | (192, 168, _) // private
            | (192, 175, 48) // AS112
            | (198, 18..=19, _) // benchmarking
            | (198, 51, 100) // documentation
            | (203, 0, 113) // documentation
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let embedded = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        // NAT64 (RFC 6052): reaches the IPv4 address through a translator.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Teredo, benchmarking, ORCHID and other protocol assignments.
        [0x2001, 0..=0x1ff, ..] => false,
        // Documentation (RFC 3849, RFC 9637).
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Direct delegation AS112.
        [0x2620, 0x4f, 0x8000, ..] => false,
        // Only 2000::/3 is global unicast: everything else is local, multicast, or not assigned.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// Documents that a test put there.
#[cfg(feature = "test-support")]
#[derive(Default)]
pub struct FakeFetch(Mutex<HashMap<String, Result<Fetched, FetchError>>>, Mutex<Vec<(String, String)>>);

#[cfg(feature = "test-support")]
impl FakeFetch {
    /// Puts a JSON document at an address.
    pub fn put(&self, url: &str, body: impl Into<Vec<u8>>) {
        let content_type = Some("application/json".to_owned());
        self.answer(url, Ok(Fetched { status: 200, content_type, body: body.into() }));
    }

    /// Sets the outcome of fetching an address.
    pub fn answer(&self, url: &str, outcome: Result<Fetched, FetchError>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), outcome);
    }

    /// Every form that was sent so far: where to, and its encoded fields.
    pub fn posted(&self) -> Vec<(String, String)> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(feature = "test-support")]
impl Fetch for FakeFetch {
    fn get<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = answers.get(url.as_str()).cloned();
        std::future::ready(
            outcome.unwrap_or_else(|| Err(FetchError::Unreachable("nothing there".to_owned()))),
        )
        .boxed()
    }

    fn post_form<'a>(
        &'a self,
        url: &'a Url,
        fields: &'a [(&'a str, &'a str)],
        _: Duration,
    ) -> BoxFuture<'a, Result<u16, FetchError>> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push((url.to_string(), form));
        async move { self.get(url).await.map(|answer| answer.status) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn options() -> FetchOptions {
        FetchOptions {
            allow_hosts: Vec::new(),
            allow_http: false,
            extra_ca: None,
            timeout: Duration::from_millis(500),
            max_body: 64 * 1024,
            per_host: 4,
        }
    }

    fn allowing(host: &str) -> HttpFetch {
        HttpFetch::new(FetchOptions { allow_hosts: vec![host.to_owned()], allow_http: true, ..options() })
            .unwrap()
    }

    async fn get(fetch: &HttpFetch, url: &str) -> Result<Fetched, FetchError> {
        fetch.get(&Url::parse(url).unwrap()).await
    }

    /// Answers every connection with the same bytes; `None` never answers.
    async fn server(answer: Option<Vec<u8>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    let _ = stream.read(&mut request).await;
                    match answer {
                        Some(answer) => drop(stream.write_all(&answer).await),
                        None => std::future::pending().await,
                    }
                });
            }
        });
        address
    }

    fn response(head: &str, body: &str) -> Option<Vec<u8>> {
        Some(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").into_bytes())
    }

    #[test]
    fn sec_w01_only_public_addresses_are_public() {
        for public in [
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2002:808:808::1",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[tokio::test]
    async fn sec_w01_private_hosts_are_refused_in_every_notation() {
        let fetch = HttpFetch::new(options()).unwrap();
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::]/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/",
            "https://localhost./",
        ] {
            assert_eq!(get(&fetch, url).await, Err(FetchError::Forbidden), "{url}");
        }
    }

    /// What is checked must be what is connected to: names are judged by the addresses handed to the connector.
    #[tokio::test]
    async fn sec_w01_a_name_with_a_private_address_is_not_resolved() {
        let resolve = |allowed: &[&str]| {
            let allowed = allowed.iter().map(|&host| host.to_owned()).collect();
            PublicOnly(Arc::new(AllowedHosts(allowed))).resolve("localhost".parse().unwrap())
        };
        assert!(resolve(&[]).await.err().unwrap().is::<NoPublicAddress>());
        assert!(resolve(&["LOCALHOST"]).await.unwrap().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn sec_w02_only_https_without_user_information_is_fetched() {
        let fetch = HttpFetch::new(options()).unwrap();
        for url in [
            "http://example.com/",
            "ftp://example.com/",
            "https://user@example.com/",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert!(matches!(get(&fetch, url).await, Err(FetchError::Address(_))), "{url}");
        }
        // The exception for http holds for listed hosts only.
        assert!(matches!(
            get(&allowing("127.0.0.1"), "http://example.com/").await,
            Err(FetchError::Address(_))
        ));
    }

    #[tokio::test]
    async fn a_listed_host_is_fetched_by_name_and_by_address() {
        let address = server(response("200 OK\r\ncontent-type: application/json", "{}")).await;
        let by_address = get(&allowing("127.0.0.1"), &format!("http://{address}/jwks")).await.unwrap();
        assert_eq!((by_address.status, by_address.content_type.as_deref()), (200, Some("application/json")));
        assert_eq!(by_address.body, b"{}");
        let by_name = get(&allowing("localhost"), &format!("http://localhost:{}/jwks", address.port())).await;
        assert_eq!(by_name.unwrap().body, b"{}");
        assert!(allowing("[::1]").admit(&"https://[::1]/".parse().unwrap()).is_ok());
        assert_eq!(
            get(&allowing("localhost"), &format!("https://{address}/")).await,
            Err(FetchError::Forbidden)
        );
    }

    #[tokio::test]
    async fn sec_w02_redirects_are_answers_and_not_followed() {
        let address = server(response("302 Found\r\nlocation: http://127.0.0.1:1/", "")).await;
        assert_eq!(get(&allowing("127.0.0.1"), &format!("http://{address}/")).await.unwrap().status, 302);
    }

    #[tokio::test]
    async fn sec_w02_large_and_endless_answers_are_cut_off() {
        let large = "x".repeat(64 * 1024 + 1);
        let address = server(response(&format!("200 OK\r\ncontent-length: {}", large.len()), &large)).await;
        assert_eq!(
            get(&allowing("127.0.0.1"), &format!("http://{address}/")).await,
            Err(FetchError::TooLarge)
        );
        let address = server(response("200 OK", &large)).await;
        assert_eq!(
            get(&allowing("127.0.0.1"), &format!("http://{address}/")).await,
            Err(FetchError::TooLarge)
        );
    }

    #[tokio::test]
    async fn sec_w02_a_silent_host_costs_the_timeout_and_tls_is_verified() {
        let address = server(None).await;
        assert_eq!(
            get(&allowing("127.0.0.1"), &format!("http://{address}/")).await,
            Err(FetchError::Timeout)
        );
        let address = server(response("200 OK", "not TLS")).await;
        let outcome = get(&allowing("127.0.0.1"), &format!("https://{address}/")).await;
        assert!(matches!(outcome, Err(FetchError::Unreachable(_))), "{outcome:?}");
    }

    /// Back-Channel Logout §2.5: a form, with the guards of every other outbound request.
    #[tokio::test]
    async fn sec_w01_forms_are_posted_under_the_same_guards() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let mut read = 0;
            while !String::from_utf8_lossy(&request[..read]).ends_with("logout_token=a.b%26c") {
                read += stream.read(&mut request[read..]).await.unwrap();
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request[..read]).to_lowercase()
        });
        let post = async |fetch: &HttpFetch, url: &str| {
            let fields = [("logout_token", "a.b&c")];
            fetch.post_form(&Url::parse(url).unwrap(), &fields, Duration::from_millis(300)).await
        };
        assert_eq!(post(&allowing("127.0.0.1"), &format!("http://{address}/bcl")).await, Ok(204));
        let seen = seen.await.unwrap();
        assert!(seen.starts_with("post /bcl http/1.1"), "{seen}");
        assert!(seen.contains("content-type: application/x-www-form-urlencoded"), "{seen}");
        for private in ["https://127.0.0.1/", "https://169.254.169.254/", "https://localhost/"] {
            assert_eq!(
                post(&HttpFetch::new(options()).unwrap(), private).await,
                Err(FetchError::Forbidden),
                "{private}"
            );
        }
        let plain = post(&HttpFetch::new(options()).unwrap(), "http://example.com/").await;
        assert!(matches!(plain, Err(FetchError::Address(_))));
        let elsewhere = server(response("307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/", "")).await;
        assert_eq!(post(&allowing("127.0.0.1"), &format!("http://{elsewhere}/")).await, Ok(307));
        let silent = server(None).await;
        let outcome = post(&allowing("127.0.0.1"), &format!("http://{silent}/")).await;
        assert_eq!(outcome, Err(FetchError::Timeout));
    }

    #[tokio::test]
    async fn hosts_nobody_fetches_from_are_forgotten() {
        let fetch = HttpFetch::new(options()).unwrap();
        let held = fetch.slot("a".to_owned());
        for host in 0..100 {
            fetch.slot(host.to_string());
        }
        assert!(fetch.slots.lock().unwrap().len() <= 2);
        assert!(Arc::ptr_eq(&held, &fetch.slot("a".to_owned())));
    }
}
