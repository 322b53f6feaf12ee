//! People who sign in with a password and an authenticator application (RFC 6238), and what they do.
//!
//! A code counts once, and none counts after a later one: everybody has two codes at any time, that of this step and that
//! of the next.

use std::net::SocketAddr;

use keys::Aad;
use serde_json::json;
use stepgate::{
    app::App,
    id::{FactorId, PolicyId, RuleId, UserId},
    model::{
        Status,
        factor::{Factor, FactorKind, FactorStatus},
        policy_set::{Conditions, NoSettings, Policy, PolicyKind, Rule, SignOnAction},
    },
    ports::clock::{Clock, SystemClock},
    store::{
        self, Database,
        db::{DatabaseSettings, Tx},
        factor::{Displaces, FoundBy, Stored},
        unit::{self, Outcome, Unit},
    },
};

use super::child::{API_TOKEN, PASSWORD};
use super::load::{Connection, Failure, Lane, Repeat, source};
use super::scenarios::{CONNECTIONS, member, post_json};

/// How many there are.
pub(crate) const HOLDERS: usize = 6000;
/// Those who sign in; the others have their codes verified by a program.
const SIGN_IN: usize = 2000;
/// The seed of all of them.
const SEED: &[u8] = b"12345678901234567890";
/// Seconds a code lives.
const STEP: u64 = 30;

/// The login of a holder.
pub(crate) fn login(number: usize) -> String {
    format!("holder{number}@example.com")
}

/// The id of a holder.
pub(crate) fn user_id(number: usize) -> UserId {
    UserId::new(format!("00u{number:017}"))
}

fn factor_id(number: usize) -> FactorId {
    FactorId::new(format!("{}{number:017}", FactorKind::TotpGoogle.id_prefix()))
}

/// Gives a holder, who exists already, the factor.
pub(crate) async fn enrol(app: &App, tx: &Tx, number: usize) {
    let (id, now) = (factor_id(number), app.now());
    let place = Aad { table: "factor", column: "secret", row: id.as_str() };
    let secret = app.master.seal(&place, SEED).expect("a sealed seed");
    let factor = Factor {
        user_id: user_id(number),
        kind: FactorKind::TotpGoogle,
        status: FactorStatus::Active,
        profile: serde_json::Map::from_iter([("credentialId".to_owned(), login(number).into())]),
        name: None,
        factor_profile_id: None,
        created_at: now,
        updated_at: now,
        last_verified_at: None,
        id,
    };
    let stored = Stored { factor, secret: Some(secret), counter: None };
    let claim = store::factor::claim_insert(&stored, FoundBy::Id, Displaces::Pending).expect("a statement");
    assert_eq!(unit::run_in(tx, Unit::new().claim(claim)).await.expect("a factor"), Outcome::Won);
}

/// Asks everyone for a factor beside the password from now on.
pub(crate) async fn require_factor(url: &str) {
    let policy = Policy {
        id: PolicyId::new("00psignon"),
        name: "Two factors".to_owned(),
        description: String::new(),
        priority: 1,
        status: Status::Active,
        groups: Vec::new(),
        settings: NoSettings {},
        rules: vec![Rule {
            id: RuleId::new("0prsignon"),
            name: "Everybody".to_owned(),
            priority: 1,
            status: Status::Active,
            conditions: Conditions::default(),
            action: SignOnAction { require_factor: true, ..SignOnAction::default() },
        }],
        updated_at: SystemClock.now(),
    };
    let db = Database::connect(&DatabaseSettings::new(url)).await.expect("a database");
    let tx = db.begin_write().await.expect("a transaction");
    store::policy::upsert(&tx, PolicyKind::OktaSignOn, &policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
    db.close().await;
}

fn step() -> u64 {
    u64::try_from(SystemClock.now().unix_timestamp()).unwrap_or(0) / STEP
}

fn code(step: u64) -> String {
    let token = totp_rs::Builder::new().with_secret(SEED.to_vec()).build_noncompliant();
    token.generate(step * STEP).to_string()
}

/// The first step of a sign-in through the Authentication API.
pub(crate) fn primary(to: SocketAddr, login: &str, password: &str) -> Vec<u8> {
    post_json(to, "/api/v1/authn", "", &json!({"username": login, "password": password}))
}

/// Begins a sign-in, which must ask for a factor; its state token.
async fn begin(connection: &mut Connection, to: SocketAddr, holder: usize) -> Result<String, Failure> {
    let answer = connection.exchange(&primary(to, &login(holder), PASSWORD)).await?.expect(200)?;
    match member(&answer, "status")?.as_str() {
        "MFA_REQUIRED" => member(&answer, "stateToken"),
        status => Err(format!("{status} instead of MFA_REQUIRED")),
    }
}

/// Signs in with a password and a code, each time somebody else.
pub(crate) struct SignIn {
    to: SocketAddr,
    holders: Vec<usize>,
}

impl SignIn {
    pub(crate) fn lanes(to: SocketAddr, number: usize) -> Vec<Self> {
        let last = HOLDERS - 1 - number.min(SIGN_IN);
        shares(last + 1..HOLDERS).map(|holders| Self { to, holders }).collect()
    }
}

impl Lane for SignIn {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let Some(holder) = self.holders.pop() else { return Ok(false) };
        let state_token = begin(connection, self.to, holder).await?;
        let path = format!("/api/v1/authn/factors/{}/verify", factor_id(holder));
        let body = json!({"stateToken": state_token, "passCode": code(step())});
        let answer = connection.exchange(&post_json(self.to, &path, "", &body)).await?.expect(200)?;
        member(&answer, "sessionToken")?;
        Ok(true)
    }
}

/// Has codes verified through the Factors API.
pub(crate) struct Verify {
    to: SocketAddr,
    holders: Vec<usize>,
    /// Whose codes are used up to which step.
    current: Option<(usize, u64)>,
}

impl Verify {
    pub(crate) fn lanes(to: SocketAddr) -> Vec<Self> {
        shares(0..HOLDERS - SIGN_IN).map(|holders| Self { to, holders, current: None }).collect()
    }

    fn next(&mut self) -> Option<(usize, u64)> {
        let now = step();
        self.current = match self.current {
            Some((holder, used)) if used <= now => Some((holder, now.max(used + 1))),
            Some(_) | None => self.holders.pop().map(|holder| (holder, now)),
        };
        self.current
    }
}

impl Lane for Verify {
    async fn step(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let Some((holder, step)) = self.next() else { return Ok(false) };
        let path = format!("/api/v1/users/{}/factors/{}/verify", user_id(holder), factor_id(holder));
        let headers = format!("authorization: SSWS {API_TOKEN}\r\n");
        let body = json!({"passCode": code(step)});
        connection.exchange(&post_json(self.to, &path, &headers, &body)).await?.expect(200)?;
        Ok(true)
    }
}

/// Asks where sign-ins stand that wait for a factor.
pub(crate) async fn polls(to: SocketAddr) -> Result<Vec<Repeat>, Failure> {
    let mut connection = Connection::open(to, source(0)).await?;
    let mut polls = Vec::new();
    for holder in 0..CONNECTIONS {
        let state_token = begin(&mut connection, to, holder).await?;
        polls.push(Repeat::ok(post_json(to, "/api/v1/authn", "", &json!({"stateToken": state_token}))));
    }
    Ok(polls)
}

/// Numbers dealt out to the connections.
fn shares(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Vec<usize>> {
    (0..CONNECTIONS).map(move |lane| numbers.clone().skip(lane).step_by(CONNECTIONS).collect())
}
