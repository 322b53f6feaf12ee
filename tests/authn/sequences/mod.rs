//! Random sequences of calls of the Authentication API, over HTTP. What may be called is read from what was answered, as
//! clients do; what was proved is known to the test, because it gave the answers, and what is asked for, because it set the
//! policies: nothing here asks the machine itself.

mod answers;
mod link;
mod oracle;
mod person;

use http::Method;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use stepgate::{
    limit::rate::{Bucket, Rate},
    model::{api_token::Access, user::UserStatus},
};

use self::{
    link::{Step, conceivable, published},
    oracle::{Aim, Proof},
    person::{Person, World, any_world},
};
use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{BOB, WEB},
    http::Response,
    property::for_all,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite: what_is_published_works_and_nothing_else_and_success_is_earned]
}

/// Sequences that are tried.
const CASES: u32 = 40;
/// Messages that one address may ask for within an hour before they are answered.
const MESSAGES: u32 = 5;
/// Wrong answers of a sequence: fewer than any limit, which have tests of their own.
const WRONG: u32 = 3;

/// Something that is done.
#[derive(Clone, Debug)]
enum Deed {
    Begin(Way),
    /// One of the steps that are published is taken.
    Take(Index, How),
    Happens(Event),
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug)]
enum Way {
    Password { audience: bool, warn: bool, offer: bool },
    WrongPassword,
    Activation,
    Mail(Aim),
    Phone(Aim, &'static str),
    Trusted(Aim),
    Nobody,
}

/// How a step is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Right,
    Wrong,
    /// A factor is chosen, without an answer.
    Choose,
}

/// What others do meanwhile.
#[derive(Clone, Copy, Debug)]
enum Event {
    Guessing,
    Unlock,
    Suspend,
    Unsuspend,
    ExpirePassword,
    ResetFactors,
}

/// What becomes of the state token when it is used next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Alive,
    /// Its user is locked (E0000069), which ends it.
    Locked,
    Dead,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let aim = || prop_oneof![4 => Just(Aim::Password), 1 => Just(Aim::Unlock)];
    let way = prop_oneof![
        12 => any::<(bool, bool, bool)>()
            .prop_map(|(audience, warn, offer)| Way::Password { audience, warn, offer }),
        1 => Just(Way::WrongPassword),
        4 => Just(Way::Activation),
        2 => aim().prop_map(Way::Mail),
        2 => (aim(), prop_oneof![Just("SMS"), Just("CALL")]).prop_map(|(aim, channel)| Way::Phone(aim, channel)),
        1 => aim().prop_map(Way::Trusted),
        1 => Just(Way::Nobody),
    ];
    let how = prop_oneof![6 => Just(How::Right), 1 => Just(How::Wrong), 2 => Just(How::Choose)];
    let event = prop_oneof![
        Just(Event::Guessing),
        Just(Event::Unlock),
        Just(Event::Suspend),
        Just(Event::Unsuspend),
        Just(Event::ExpirePassword),
        Just(Event::ResetFactors),
    ];
    prop_oneof![
        3 => way.prop_map(Deed::Begin),
        15 => (any::<Index>(), how).prop_map(|(nth, how)| Deed::Take(nth, how)),
        1 => event.prop_map(Deed::Happens),
    ]
}

/// A deed, and which steps are tried after it that are not published.
type Turn = (Deed, [Index; 3]);

fn any_case() -> impl Strategy<Value = (World, Vec<Turn>)> {
    (any_world(), proptest::collection::vec((any_deed(), any::<[Index; 3]>()), 1..14))
}

/// authn.md §4, §5; security rules S1 to S3, T3. (a) Every link that is published works when it is called as clients call it.
/// (b) Every other step is refused with 403 E0000079, and changes no row of the user. (c) Whoever is told `SUCCESS` has proved
/// what policy asks for, by answers that were right, and the session says so and no more.
async fn what_is_published_works_and_nothing_else_and_success_is_earned(app: TestApp) {
    let unlimited = |bucket| (bucket, Rate::per_minute(1_000_000));
    let rates =
        [Bucket::SignInUsername, Bucket::SignInFailure, Bucket::SignIn, Bucket::Recovery, Bucket::Management];
    let app = app.restart(Change { rates: rates.map(unlimited).to_vec(), ..Change::default() }).await;
    app.seed(
        "authentication_policies: [{name: Web, clients: [web], rules: [{name: All, factor_mode: 2FA}]}]\n",
    )
    .await;
    let ssws = app.api_token(Access::Manage).await;
    let stranger = app.factors_of(BOB).await.authenticator().await.id;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let number = std::cell::Cell::new(0);
    for_all(CASES, &any_case(), async |(world, turns): (World, Vec<Turn>)| {
        // Budgets are by the hour.
        app.clock.advance(2 * 3600);
        number.set(number.get() + 1);
        let person = Person::settle(&app, &world, number.get()).await;
        let mut play = Play {
            app: &app,
            ssws: &ssws,
            stranger: &stranger,
            database: &database,
            world,
            person,
            state: None,
            dead: None,
            fate: Fate::Alive,
            aim: Aim::SignIn { two_factors: false },
            proofs: Vec::new(),
            wrong_left: WRONG,
            messages: 0,
            disturbed: false,
        };
        for (deed, probes) in turns {
            app.clock.advance(31);
            // What tells of earlier deeds arrives before what this one sends.
            app.mailbox().unread(&play.person.login).await;
            Box::pin(play.act(&deed)).await;
            play.look().await;
            Box::pin(play.try_what_is_not_published(&probes)).await;
        }
    });
}

struct Play<'a> {
    app: &'a TestApp,
    ssws: &'a str,
    /// A factor of somebody else.
    stranger: &'a str,
    database: &'a sea_orm::DatabaseConnection,
    world: World,
    person: Person,
    /// What was last told of the transaction.
    state: Option<Value>,
    /// The state token of a transaction that is over.
    dead: Option<Value>,
    fate: Fate,
    aim: Aim,
    /// What was proved in this transaction.
    proofs: Vec<Proof>,
    wrong_left: u32,
    messages: u32,
    /// Somebody else has done something since the last look.
    disturbed: bool,
}

impl Play<'_> {
    async fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Begin(way) => self.begin(*way).await,
            Deed::Take(nth, how) => {
                let steps = self.state.as_ref().map(|state| published(self.app, state)).unwrap_or_default();
                if !steps.is_empty() {
                    self.take(nth.get(&steps), *how).await;
                }
            }
            Deed::Happens(event) => self.happens(*event).await,
        }
    }

    fn token(&self) -> Option<Value> {
        self.state.as_ref().and_then(|state| state.get("stateToken")).cloned()
    }

    fn status(&self) -> &str {
        self.state.as_ref().and_then(|state| state["status"].as_str()).unwrap_or("none")
    }

    fn forget(&mut self) {
        (self.state, self.dead, self.fate, self.proofs) = (None, None, Fate::Alive, Vec::new());
        (self.person.sent, self.person.options) = (None, None);
    }

    async fn begin(&mut self, way: Way) {
        if matches!(way, Way::Mail(_) | Way::Phone(..) | Way::Nobody) && self.messages + 1 >= MESSAGES
            || matches!(way, Way::WrongPassword) && self.wrong_left == 0
        {
            return;
        }
        self.forget();
        self.aim = match way {
            Way::Password { audience, .. } => Aim::SignIn { two_factors: audience },
            Way::WrongPassword | Way::Activation => Aim::SignIn { two_factors: false },
            Way::Mail(aim) | Way::Phone(aim, _) | Way::Trusted(aim) => aim,
            Way::Nobody => Aim::Password,
        };
        match way {
            Way::Password { audience, warn, offer } => {
                let options =
                    json!({ "warnBeforePasswordExpired": warn, "multiOptionalFactorEnroll": offer });
                let mut body = json!({
                    "username": self.person.login, "password": self.person.password, "options": options,
                });
                if audience {
                    body["audience"] = WEB.into();
                }
                let answer = self.app.authn("", &body).await;
                self.proved_first(answer, &[Proof::Password]).await;
            }
            Way::WrongPassword => {
                self.wrong_left -= 1;
                let body = json!({ "username": self.person.login, "password": "wrong" });
                let answer = self.app.authn("", &body).await;
                assert_eq!((answer.status, &answer.json()["errorCode"]), (401, &json!("E0000004")));
            }
            Way::Activation => {
                let Some(token) = self.person.activation.take() else { return };
                let answer = self.app.authn("", &json!({ "token": token })).await;
                self.proved_first(answer, &[Proof::Mail]).await;
            }
            Way::Mail(aim) => self.recover_by_mail(aim).await,
            Way::Phone(aim, channel) => self.recover_by_phone(aim, channel).await,
            Way::Trusted(aim) => {
                let body = json!({ "username": self.person.login });
                let answer = self.app.post(&format!("/api/v1/authn{}", aim.path()), self.ssws, &body).await;
                let possible = self.can_recover(aim).await;
                assert_eq!(answer.status == 200, possible, "{}", answer.text());
                self.state = possible.then(|| answer.json());
            }
            Way::Nobody => {
                let body = json!({ "username": "nobody@example.com", "factorType": "SMS" });
                self.state = Some(self.app.step("/recovery/password", body).await);
                self.person.sent = None;
            }
        }
    }

    /// The answer to credentials that are right.
    async fn proved_first(&mut self, answer: Response, proofs: &[Proof]) {
        if answer.status == 200 && answer.json()["status"] != "LOCKED_OUT" {
            // What sets a password does not prove more than that.
            let sets = answer.json()["status"] == "PASSWORD_RESET";
            self.proofs = if sets { Vec::new() } else { proofs.to_vec() };
            return self.told(answer.json()).await;
        }
        let user = self.person.stored(self.app).await;
        if answer.status == 200 {
            assert!(self.is_locked().await, "{}", answer.text());
            self.state = Some(answer.json());
            return;
        }
        assert_eq!(
            (answer.status, &answer.json()["errorCode"]),
            (401, &json!("E0000004")),
            "{}",
            answer.text()
        );
        let may = matches!(user.status, UserStatus::Active | UserStatus::PasswordExpired)
            || proofs == [Proof::Mail] && user.status == UserStatus::Provisioned;
        assert!(
            !may || self.is_locked().await || !self.is_reachable().await,
            "a right password was refused: {:?} {}",
            self.aim,
            answer.text()
        );
    }

    async fn recover_by_mail(&mut self, aim: Aim) {
        let body = json!({ "username": self.person.login, "factorType": "EMAIL" });
        let mailed = self.app.step(aim.path(), body).await;
        assert!(mailed.get("stateToken").is_none() && mailed.get("_links").is_none(), "{mailed}");
        if !self.can_recover(aim).await {
            return;
        }
        self.messages += 1;
        let link = self.app.mailbox().link_for(&self.person.login).await;
        let token = link.split_once("token=").unwrap().1.to_owned();
        let told = self.app.step("/recovery/token", json!({ "recoveryToken": token })).await;
        self.proofs = vec![Proof::Recovery];
        self.told(told).await;
    }

    async fn recover_by_phone(&mut self, aim: Aim, channel: &'static str) {
        if (aim, channel) == (Aim::Unlock, "CALL") {
            return;
        }
        let body = json!({ "username": self.person.login, "factorType": channel });
        let told = self.app.step(aim.path(), body).await;
        self.person.sent = None;
        if self.can_recover(aim).await && self.person.has_phone(self.app, channel).await {
            self.messages += 1;
            self.person.sent = Some(self.app.mailbox().code_for(&self.person.phone).await);
        }
        self.told(told).await;
    }

    /// Takes a step that is published.
    async fn take(&mut self, step: &Step, how: How) {
        let how = match how {
            How::Wrong if self.wrong_left == 0 || !step.takes_an_answer() => How::Right,
            How::Choose if !matches!(step, Step::Verify(_)) => How::Right,
            how => how,
        };
        // Nobody knows the code that was not sent, and a registration that took too long is begun anew.
        let unknown = match step {
            Step::VerifyRecovery(_) => self.person.sent.is_none(),
            Step::Activate(id) if link::signs(id) => !self.person.has_options(self.app.app.now()),
            _ => false,
        };
        let how = if unknown { How::Wrong } else { how };
        if how == How::Wrong && self.wrong_left == 0 {
            return;
        }
        if let Step::Get(path) = step {
            assert_eq!(self.app.client().get(path).await.status, 200, "{path}");
            return;
        }
        let sends = self.sends(step, how);
        let answer = self.call(step, how).await;
        match self.fate {
            Fate::Locked => return self.ended(&answer, (403, "E0000069")),
            Fate::Dead => return self.ended(&answer, (401, "E0000011")),
            Fate::Alive => {}
        }
        if how == How::Wrong {
            self.wrong_left -= 1;
            let code = answer.json()["errorCode"].as_str().unwrap_or("none").to_owned();
            assert!(step.refusals().contains(&code.as_str()), "{step:?}: {}", answer.text());
            return;
        }
        if answer.status == 429 && sends.is_some() && self.messages >= MESSAGES {
            return;
        }
        if answer.status == 401 && answer.json()["errorCode"] == "E0000004" {
            assert!(!self.is_reachable().await, "{step:?}: {}", answer.text());
            return;
        }
        if *step == Step::RecoveryToken && !self.can_recover(self.aim).await {
            self.state = None;
            return;
        }
        assert_eq!(answer.status, 200, "a published link does not work: {step:?} {how:?}: {}", answer.text());
        if let Some(to) = sends {
            self.messages += 1;
            self.person.sent = Some(self.app.mailbox().code_for(&to).await);
        }
        let told = answer.json();
        self.learn(step, how, &told);
        if *step == Step::Cancel {
            assert_eq!(told, json!({}));
            self.dead = self.token();
            self.state = None;
            return;
        }
        self.told(told).await;
    }

    /// The transaction is over by what somebody else did.
    fn ended(&mut self, answer: &Response, (status, code): (u16, &str)) {
        assert_eq!(
            (answer.status, answer.json()["errorCode"].as_str()),
            (status, Some(code)),
            "{}",
            answer.text()
        );
        self.dead = self.token();
        self.state = None;
    }

    async fn call(&mut self, step: &Step, how: How) -> Response {
        let mut body = self.answer_to(step, how);
        if let Some(token) = self.token() {
            body["stateToken"] = token;
        }
        self.app.authn(&step.path(), &body).await
    }

    /// Takes note of where the transaction stands.
    async fn told(&mut self, told: Value) {
        if told["status"] == "SUCCESS" {
            assert!(told.get("stateToken").is_none() && told.get("_links").is_none(), "{told}");
            self.dead = self.token();
            self.state = None;
            return Box::pin(self.succeeded(&told)).await;
        }
        self.check_enrolment(&told).await;
        // A transaction is told by one token to its end.
        if let (Some(before), Some(after)) = (self.token(), told.get("stateToken")) {
            assert_eq!(before, *after);
        }
        self.state = Some(told);
    }

    async fn happens(&mut self, event: Event) {
        let id = self.person.id.clone();
        let manage = async |path: &str| {
            let path = format!("/api/v1/users/{id}/lifecycle/{path}");
            self.app.ssws(Method::POST, &path, self.ssws).json(&json!({})).send().await.status == 200
        };
        let ended = match event {
            Event::Guessing => {
                let guess = json!({ "username": self.person.login, "password": "wrong" });
                for _ in 0..10 {
                    self.app.authn("", &guess).await;
                }
                self.is_locked().await.then_some(Fate::Locked)
            }
            Event::Unlock => manage("unlock").await.then_some(Fate::Alive),
            Event::Suspend => manage("suspend").await.then_some(Fate::Dead),
            Event::Unsuspend => manage("unsuspend").await.then_some(Fate::Alive),
            Event::ExpirePassword => manage("expire_password").await.then_some(Fate::Alive),
            Event::ResetFactors => {
                let done = manage("reset_factors").await;
                self.person.codes.clear();
                self.person.passkeys.clear();
                done.then_some(Fate::Dead)
            }
        };
        self.disturbed = true;
        if self.token().is_none() {
            return;
        }
        self.fate = match (ended, self.fate) {
            (Some(Fate::Dead), _) | (_, Fate::Dead) => Fate::Dead,
            // A way back is not barred by a lock: it is there to lift it. Nor is the first password.
            (Some(Fate::Locked), _)
                if matches!(self.aim, Aim::SignIn { .. }) && self.status() != "PASSWORD_RESET" =>
            {
                Fate::Locked
            }
            (Some(Fate::Alive), Fate::Locked) if !self.is_locked().await => Fate::Alive,
            (_, fate) => fate,
        };
        if let Some(state) = &self.state
            && self.person.nobody(state)
        {
            self.fate = Fate::Alive;
        }
    }

    /// What a look tells is what was told before; a transaction that ended tells nothing.
    async fn look(&mut self) {
        let Some(token) = self.token() else { return };
        let answer = self.app.authn("", &json!({ "stateToken": token })).await;
        match self.fate {
            Fate::Locked => return self.ended(&answer, (403, "E0000069")),
            Fate::Dead => return self.ended(&answer, (401, "E0000011")),
            Fate::Alive => {}
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        // What an authenticator is to sign is told once.
        let asked = self.state.as_ref().is_some_and(|state| state["challengeType"].is_string());
        if std::mem::take(&mut self.disturbed) || asked {
            self.state = Some(answer.json());
            return;
        }
        let mut before = self.state.clone().unwrap();
        let mut now = answer.json();
        for state in [&mut before, &mut now] {
            state["expiresAt"] = Value::Null;
            // A seed is shown once.
            if let Some(factor) = state["_embedded"]["factor"].as_object_mut() {
                factor.remove("_embedded");
            }
            // What an administrator did to the user is not what was told before.
            state["_embedded"]["user"] = Value::Null;
        }
        assert_eq!(before, now);
    }

    /// Tries steps that are not published, with answers that would be right.
    async fn try_what_is_not_published(&mut self, probes: &[Index]) {
        let (token, expected) = match (self.token(), &self.dead) {
            (Some(token), _) => (token, (403, "E0000079")),
            (None, Some(dead)) => (dead.clone(), (401, "E0000011")),
            (None, None) => return,
        };
        let offered = self.state.as_ref().map(|state| published(self.app, state)).unwrap_or_default();
        let ids = self.person.factor_ids(self.app).await;
        let all = conceivable(ids.iter().map(String::as_str).chain([self.stranger, "ostnone"]));
        // Whichever of several authenticators signs is as good as the one that was chosen.
        let signs = |step: &Step| matches!(step, Step::Verify(id) if link::signs(id));
        let any = self.status() == "MFA_CHALLENGE" && offered.iter().any(signs);
        let refused = |step: &Step| !(offered.contains(step) || any && signs(step));
        let others: Vec<Step> = all.into_iter().filter(refused).collect();
        let before = self.person.rows(self.database).await;
        for probe in probes {
            let step = probe.get(&others);
            let mut body = self.answer_to(step, How::Right);
            body["stateToken"] = token.clone();
            let answer = self.app.authn(&step.path(), &body).await;
            let told = (answer.status, answer.json()["errorCode"].as_str().map(str::to_owned));
            let expected = (expected.0, Some(expected.1.to_owned()));
            assert_eq!(told, expected, "{step:?} in {}: {}", self.status(), answer.text());
        }
        let after = self.person.rows(self.database).await;
        assert_eq!(before, after, "a step that was refused changed something in {}", self.status());
    }
}
