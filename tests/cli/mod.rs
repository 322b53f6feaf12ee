//! The program itself: child processes on loopback, each in a folder of its own.

mod authenticator;
mod dev;
mod factor_profile;
mod live;
mod seed;
mod serve;
mod yubikey;

use std::{
    cell::RefCell,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use http::Method;
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::support::{
    Test,
    http::{Browser, Client, Request, Response},
    op::{CHALLENGE, VERIFIER, answer, sign_in_on},
    process::{command, free_port},
};

pub(crate) fn trials() -> Vec<Test> {
    [
        authenticator::trials(),
        dev::trials(),
        factor_profile::trials(),
        serve::trials(),
        seed::trials(),
        live::trials(),
        yubikey::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The issuer of every server that [`Place::serve`] starts.
const ISSUER: &str = "https://id.example.com";
/// A master key, and another one.
const KEY: &str = "0123456789012345678901234567890123456789abc";
const OTHER_KEY: &str = "9876543210987654321098765432109876543210abc";

/// A folder with files, in which the program runs.
struct Place {
    folder: TempDir,
    variables: RefCell<Vec<(String, String)>>,
}

/// What a command that has ended leaves behind.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Outcome {
    /// The output of a command that must have succeeded.
    #[track_caller]
    fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }

    /// The complaint of a command that must have failed in this way.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self.err
    }
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, variables: RefCell::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Gives an environment variable to every program that starts from now on.
    fn set(&self, name: &str, value: &str) {
        let mut variables = self.variables.borrow_mut();
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_stepgate")), None);
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("TMPDIR", self.path("tmp")).envs(self.variables.borrow().iter().cloned());
        command
    }

    /// Runs a command to its end, with nothing to read.
    fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end; it reads `input`.
    fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let log = |prefix| tempfile::Builder::new().prefix(prefix).tempfile_in(self.folder.path()).unwrap();
        let (out, err) = (log("out"), log("err"));
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(out.reopen().unwrap()).stderr(err.reopen().unwrap());
        Running { child: command.spawn().unwrap(), out, err }
    }

    /// Starts `stepgate dev` with its data in the folder `data`, and waits until it is ready.
    fn dev(&self, more: &[&str]) -> DevServer {
        let mut running = self.start(&[&["dev", "--port", "0"], more].concat());
        let ready = running.wait_for(|out, _| {
            let line = out.lines().find_map(|line| line.strip_prefix("STEPGATE_READY "))?;
            out.ends_with('\n').then(|| serde_json::from_str::<Value>(line).unwrap())
        });
        DevServer { issuer: ready["issuer"].as_str().unwrap().to_owned(), ready, running }
    }

    /// Writes settings for `serve` with a database in this folder; `more` may begin tables.
    fn settings(&self, more: &str) -> Ports {
        let ports = Ports { public: free_port(), internal: free_port() };
        let (public, internal) = (ports.public, ports.internal);
        let key = self.write("master.key", 0o600, KEY);
        std::fs::create_dir_all(self.path("state")).unwrap();
        let text = format!(
            "issuer = \"{ISSUER}\"\ndata = \"{}\"\nkeys.master_key = {{ file = \"{}\" }}\n\
             listen.addresses = [\"127.0.0.1:{public}\"]\ninternal.address = \"127.0.0.1:{internal}\"\n{more}\n",
            self.path("state").display(),
            key.display(),
        );
        let file = self.write("stepgate.toml", 0o600, &text);
        self.set("STEPGATE_CONFIG", file.to_str().unwrap());
        ports
    }

    /// Starts `stepgate serve` with the settings that were written, and waits until it is ready.
    fn serve(&self, more: &str) -> Server {
        let ports = self.settings(more);
        let mut running = self.start(&["serve"]);
        running.wait_for(|_, _| {
            let answer = raw(
                ports.internal,
                "GET /health/startup HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            );
            answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")).then_some(())
        });
        Server { running, ports }
    }
}

/// Where a server listens.
#[derive(Clone, Copy)]
struct Ports {
    public: u16,
    internal: u16,
}

/// Sends bytes and reads until the server closes.
fn raw(port: u16, request: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A program that runs until it is dropped.
struct Running {
    child: Child,
    out: NamedTempFile,
    err: NamedTempFile,
}

impl Running {
    fn out(&self) -> String {
        std::fs::read_to_string(self.out.path()).unwrap()
    }

    fn err(&self) -> String {
        std::fs::read_to_string(self.err.path()).unwrap()
    }

    /// Looks at what was printed to standard output and standard error until there is an answer.
    #[track_caller]
    fn wait_for<T>(&mut self, mut answer: impl FnMut(&str, &str) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            let (out, err) = (self.out(), self.err());
            if let Some(answer) = answer(&out, &err) {
                return answer;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "{ended:?}\n{out}\n{err}");
            std::thread::sleep(POLL);
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; absent when a signal ended it.
    #[track_caller]
    fn exit_code(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "still running\n{}\n{}", self.out(), self.err());
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.exit_code(), Some(0), "{}", self.err());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running `stepgate dev`.
struct DevServer {
    running: Running,
    ready: Value,
    issuer: String,
}

impl DevServer {
    fn client(&self) -> Client {
        Client::new(&self.issuer)
    }

    /// A field of the ready line.
    #[track_caller]
    fn ready(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {}", self.ready))
    }

    /// Signs a user in at the `default` server in a browser; tokens for a public client, or none when refused.
    async fn tokens(&self, browser: &mut Browser, client: &str, user: (&str, &str)) -> Option<Value> {
        loop {
            let page = browser.open(&self.authorize_url(client, "login")).await;
            assert_eq!(page.status, 200, "{}", page.words());
            // A handful a second is what each login is good for.
            if sign_in_on(browser, &page, user.0, user.1).await.status != 429 {
                break;
            }
            tokio::time::sleep(10 * POLL).await;
        }
        let code = answer(browser).remove("code")?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let response = self.client().post_form("/oauth2/default/v1/token", &form).await;
        assert_eq!(response.status, 200, "{}", response.text());
        Some(response.json())
    }

    /// The address of an authorization request with this `prompt`.
    fn authorize_url(&self, client: &str, prompt: &str) -> String {
        let query = [
            ("client_id", client),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid offline_access"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("prompt", prompt),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}/oauth2/default/v1/authorize?{query}", self.issuer)
    }

    async fn refresh(&self, client: &str, tokens: &Value) -> Response {
        let token = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        self.client().post_form("/oauth2/default/v1/token", &form).await
    }
}

/// Where the demo clients and those of the tests' files get their answers; nobody listens there.
const REDIRECT_URI: &str = "http://localhost:3000/callback";

/// A running `stepgate serve`.
struct Server {
    running: Running,
    ports: Ports,
}

impl Server {
    /// A request as the reverse proxy would pass it on.
    fn request(&self, method: Method, path: &str) -> Request {
        let client = Client::new(&format!("http://127.0.0.1:{}", self.ports.public));
        client.request(method, path).header("host", "id.example.com")
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await
    }

    async fn internal(&self, path: &str) -> Response {
        Client::new(&format!("http://127.0.0.1:{}", self.ports.internal)).get(path).await
    }

    /// A client credentials request (RFC 6749 §4.4).
    async fn token(&self, (client, secret): (&str, &str), scope: &str) -> Response {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let request = self.request(Method::POST, "/oauth2/default/v1/token");
        request.basic(client, secret).form(&form).send().await
    }
}

/// The word after `name` in what a command printed.
#[track_caller]
fn printed<'a>(out: &'a str, name: &str) -> &'a str {
    let line = out.lines().map(str::trim).find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no `{name}` in {out}")).split_whitespace().next().unwrap_or_default()
}

/// The permission bits of a file.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Runs the requests of a test; programs are waited for in between without harm, since sockets have a worker of their
/// own.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let outcome = runtime.block_on(async { Box::pin(tokio::time::timeout(2 * PATIENCE, test)).await });
    runtime.shutdown_background();
    outcome.expect("an end in time")
}
