//! Chromium under WebDriver: one `chromedriver` per run, one browser with an empty profile per test.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{
    CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, LoggingPrefsLogLevel, WebDriver,
};

use super::process::{Process, command, find};
use super::services::Unavailable;

/// A running WebDriver server.
pub(crate) struct Chromedriver {
    _process: Process,
    port: u16,
    chromium: PathBuf,
}

impl Chromedriver {
    /// Finds Chromium and its driver and starts the driver on a port that it chooses.
    pub(crate) fn start() -> Result<Self, Unavailable> {
        let folders = ["/usr/lib/chromium".into(), "/usr/lib/chromium-browser".into()];
        let chromium =
            ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| find(name, &folders));
        let (Some(chromium), Some(program)) = (chromium, find("chromedriver", &folders)) else {
            return Err(Unavailable::Missing("Chromium or its driver is not installed".to_owned()));
        };
        let mut serve = command(&program, None);
        serve.arg("--port=0");
        let folder = TempDir::new().expect("a temporary folder");
        let mut process = Process::spawn(serve, folder).map_err(Unavailable::Broken)?;
        let port = process
            .wait_until(|log| {
                let (_, port) = log.split_once("started successfully on port ")?;
                port.split_once('.')?.0.parse().ok()
            })
            .map_err(|error| Unavailable::Broken(format!("chromedriver {error}")))?;
        Ok(Self { _process: process, port, chromium })
    }

    /// Opens a browser.
    pub(crate) async fn open(&self, scripts: Scripts) -> Session {
        let profile = TempDir::new().expect("a temporary folder");
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&self.chromium.to_string_lossy()).expect("a path");
        capabilities.accept_insecure_certs(true).expect("a flag");
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a log level");
        for argument in ARGUMENTS {
            capabilities.add_arg(argument).expect("an argument");
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).expect("an argument");
        if scripts == Scripts::Blocked {
            let block = json!({"profile.managed_default_content_settings.javascript": 2});
            capabilities.add_experimental_option("prefs", block).expect("preferences");
        }
        let server = format!("http://127.0.0.1:{}", self.port);
        let driver = WebDriver::new(server, capabilities).await.expect("a browser session");
        Session { driver, _profile: profile }
    }
}

/// Whether pages may run scripts, in every tab.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// They may.
    Run,
    /// As somebody has it who turned JavaScript off; what the driver itself evaluates runs all the same.
    Blocked,
}

/// An open browser.
pub(crate) struct Session {
    driver: WebDriver,
    _profile: TempDir,
}

impl Session {
    /// The handle that tests drive it with.
    pub(crate) fn driver(&self) -> WebDriver {
        self.driver.clone()
    }

    /// Closes the browser.
    pub(crate) async fn close(self) {
        self.driver.quit().await.expect("the browser closes");
    }
}

/// Plugs a software authenticator into the browser that verifies its user and answers at once; its id.
///
/// Credentials can be made on `https` origins and on `http://localhost`.
pub(crate) async fn plug_in_authenticator(driver: &WebDriver) -> String {
    let options = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    plug_in(driver, &options).await
}

/// Plugs in a key that knows that somebody touches it, and not who.
pub(crate) async fn plug_in_security_key(driver: &WebDriver) -> String {
    let options = json!({
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": false, "hasUserVerification": false,
        "isUserVerified": false, "automaticPresenceSimulation": true,
    });
    plug_in(driver, &options).await
}

/// Plugs in a key of U2F that was registered for an application: `handle` and key (PKCS #8) are what it kept.
pub(crate) async fn plug_in_u2f_key(driver: &WebDriver, app_id: &str, handle: &[u8], key: &[u8]) {
    let options = json!({
        "protocol": "u2f", "transport": "usb", "hasResidentKey": false, "hasUserVerification": false,
        "automaticPresenceSimulation": true,
    });
    let id = plug_in(driver, &options).await;
    let credential = json!({
        "credentialId": STANDARD.encode(handle), "isResidentCredential": false, "rpId": app_id,
        "privateKey": STANDARD.encode(key), "signCount": 0,
    });
    let added = json!({ "authenticatorId": id, "credential": credential });
    driver.cdp().send_raw("WebAuthn.addCredential", added).await.expect("a credential");
}

/// Whether somebody touches an authenticator that asks for it.
pub(crate) async fn touches(driver: &WebDriver, authenticator: &str, enabled: bool) {
    let presence = json!({ "authenticatorId": authenticator, "enabled": enabled });
    let cdp = driver.cdp();
    cdp.send_raw("WebAuthn.setAutomaticPresenceSimulation", presence).await.expect("an authenticator");
}

/// Runs a script before those of every page from now on.
pub(crate) async fn meddle(driver: &WebDriver, script: &str) {
    let source = json!({ "source": script });
    driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", source).await.expect("a script");
}

async fn plug_in(driver: &WebDriver, options: &Value) -> String {
    let cdp = driver.cdp();
    cdp.send_raw("WebAuthn.enable", json!({})).await.expect("the WebAuthn domain");
    let answer = cdp.send_raw("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
    let answer: Value = answer.expect("a virtual authenticator");
    answer["authenticatorId"].as_str().expect("an id").to_owned()
}

/// No sandbox, because the suite may run as root; nothing that calls out by itself.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];
