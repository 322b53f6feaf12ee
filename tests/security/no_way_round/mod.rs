//! S1 to S10 as one property over both faces: an owner in one browser, somebody in another who knows the password, an
//! administrator and programs do what they can in any order. The test keeps account of what each has proved; after every deed
//! the factors, the password and the sessions must be what that account says, and nothing that is spent may work again.

mod administrator;
mod owner;
mod thief;

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use stepgate::{
    factor::{Activate, Activation, Answer, Enrolment, Purpose, service},
    limit::rate::{Bucket, Rate},
    model::{
        api_token::Access,
        factor::{FactorKind, FactorStatus},
        policy::FactorPrompt,
        policy_set::SignOnAction,
        user::{User, UserStatus},
    },
    secret::Secret,
    store,
};

use self::administrator::AdministratorDeed;
use crate::{
    support::{
        Test, TestApp,
        app::Change,
        assurance::TWO_FACTORS,
        factor::enrolment,
        fixtures::{self, ALICE, PASSWORD, WEB},
        http::{Browser, Response},
        property::for_all,
    },
    user::{caller, commit},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![sqlite: sec_s01_to_s10_nobody_gets_round_the_second_factor]
}

/// Sequences that are tried.
const CASES: u32 = 24;
/// Guesses of a sequence: fewer than any limit, which have tests of their own.
const GUESSES: u32 = 4;

/// What somebody does.
#[derive(Clone, Debug)]
enum Deed {
    OwnerSignsIn { remember: bool },
    OwnerSignsInByCode,
    OwnerEnrolsPhone,
    OwnerRemovesFactor(Index),
    OwnerMakesCodes,
    OwnerForgets,
    OwnerFollowsLink,
    ThiefSignsIn,
    ThiefTriesPages,
    ThiefTriesSession,
    ThiefTriesProgram,
    ThiefReplaysLink(Index),
    ThiefReplaysSession(Index),
    ThiefTakesDevice,
    StrangerTakesDevice,
    Administrator(AdministratorDeed),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => any::<bool>().prop_map(|remember| Deed::OwnerSignsIn { remember }),
        1 => Just(Deed::OwnerSignsInByCode),
        2 => Just(Deed::OwnerEnrolsPhone),
        1 => any::<Index>().prop_map(Deed::OwnerRemovesFactor),
        1 => Just(Deed::OwnerMakesCodes),
        2 => Just(Deed::OwnerForgets),
        3 => Just(Deed::OwnerFollowsLink),
        3 => Just(Deed::ThiefSignsIn),
        3 => Just(Deed::ThiefTriesPages),
        3 => Just(Deed::ThiefTriesSession),
        3 => Just(Deed::ThiefTriesProgram),
        2 => any::<Index>().prop_map(Deed::ThiefReplaysLink),
        1 => any::<Index>().prop_map(Deed::ThiefReplaysSession),
        1 => Just(Deed::ThiefTakesDevice),
        1 => Just(Deed::StrangerTakesDevice),
        5 => administrator::any_deed().prop_map(Deed::Administrator),
    ]
}

/// What the policy says in a case.
#[derive(Clone, Copy, Debug)]
struct Policy {
    require_factor: bool,
    prompt: FactorPrompt,
}

fn any_case() -> impl Strategy<Value = (Policy, Vec<Deed>)> {
    let prompt = prop_oneof![Just(FactorPrompt::Always), Just(FactorPrompt::Device)];
    let policy = (prop_oneof![3 => Just(true), 1 => Just(false)], prompt);
    let policy = policy.prop_map(|(require_factor, prompt)| Policy { require_factor, prompt });
    (policy, proptest::collection::vec(any_deed(), 1..14))
}

/// NIST SP 800-63B-4 §4.2, CVE-2026-3429, CVE-2026-18963, keycloak#12759 and others: whatever is done in whatever order,
/// factors are changed by whoever proved one (S1), sessions say what was proved in them and no more (S2, S9), a reset gives a
/// password and no session (S3), what was used, replaced or voided does not count again (S4, S6), mail scanners use nothing up
/// (S5), administrators end what they reset and nobody plays one (S7), a new password ends sessions (S8), a remembered browser
/// stands for its own user alone (S9), and a weak password is set nowhere (S10).
async fn sec_s01_to_s10_nobody_gets_round_the_second_factor(app: TestApp) {
    let unlimited = |bucket| (bucket, Rate::per_minute(1_000_000));
    let rates =
        [Bucket::SignInUsername, Bucket::SignInFailure, Bucket::SignIn, Bucket::Recovery, Bucket::Management];
    let app = app.restart(Change { rates: rates.map(unlimited).to_vec(), ..Change::default() }).await;
    let ssws = app.api_token(Access::Manage).await;
    let number = std::cell::Cell::new(0);
    for_all(CASES, &any_case(), async |(policy, deeds): (Policy, Vec<Deed>)| {
        // Budgets are by the hour.
        app.clock.advance(2 * 3600);
        number.set(number.get() + 1);
        let mut play = Play::begin(&app, &ssws, policy, number.get()).await;
        for deed in deeds {
            app.clock.advance(31);
            Box::pin(play.act(&deed)).await;
            Box::pin(play.check(&deed)).await;
        }
    });
}

/// A browser with what was proved in it.
struct Window {
    browser: Browser,
    /// The methods that its session shows; absent: there is no session.
    proved: Option<Vec<&'static str>>,
    /// The cookie of the session, as it was after the last deed.
    cookie: Option<String>,
}

impl Window {
    fn new() -> Self {
        Self { browser: Browser::new(), proved: None, cookie: None }
    }

    fn has_proved_possession(&self) -> bool {
        self.proved.iter().flatten().any(|method| *method != "pwd" && *method != "kba")
    }
}

/// A factor of the owner, and how it is proved.
#[derive(Clone, Debug)]
enum Own {
    App { id: String, seed: String },
    Phone { id: String },
}

impl Own {
    fn id(&self) -> &str {
        match self {
            Self::App { id, .. } | Self::Phone { id } => id,
        }
    }
}

/// A code in place of a factor.
#[derive(Clone, Debug)]
struct Code {
    text: String,
    by: Issuer,
}

/// Who issued a code. New ones end the old ones of the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Issuer {
    Owner,
    Administrator,
}

struct Play<'a> {
    app: &'a TestApp,
    ssws: &'a str,
    policy: Policy,
    id: stepgate::id::UserId,
    login: String,
    phone: String,
    /// The password; absent: an administrator has voided it.
    password: Option<String>,
    passwords: u32,
    /// What the thief takes for the password.
    known_password: String,
    factors: Vec<Own>,
    owner: Window,
    thief: Window,
    /// Whether the owner's browser was remembered, and nothing has ended that.
    remembered: bool,
    /// The link of the newest mail that recovers.
    link: Option<String>,
    spent_links: Vec<String>,
    codes: Vec<Code>,
    spent_codes: Vec<String>,
    /// Codes of an authenticator app that the owner typed while somebody looked.
    seen: Vec<String>,
    /// Cookies of sessions that are over.
    old_sessions: Vec<String>,
    guesses_left: u32,
}

impl<'a> Play<'a> {
    async fn begin(app: &'a TestApp, ssws: &'a str, policy: Policy, number: u32) -> Self {
        app.sign_on(SignOnAction {
            require_factor: policy.require_factor,
            factor_prompt_mode: policy.prompt,
            ..SignOnAction::default()
        })
        .await;
        let login = format!("owner{number}@example.com");
        let hash = app.user(ALICE).await.password_hash.unwrap();
        let profile = json!({ "firstName": "The", "lastName": "Holder", "email": login });
        let user = fixtures::user(&login, &profile, hash, app.app.now());
        let tx = app.app.db.begin_write().await.unwrap();
        store::user::insert(&tx, &user, &login).await.unwrap();
        tx.commit().await.unwrap();
        let totp = authenticator(app, &user).await;
        Self {
            app,
            ssws,
            policy,
            id: user.id,
            login,
            phone: format!("+1555{:07}", 4_160_000 + number),
            password: Some(PASSWORD.to_owned()),
            passwords: 0,
            known_password: PASSWORD.to_owned(),
            factors: vec![totp],
            owner: Window::new(),
            thief: Window::new(),
            remembered: false,
            link: None,
            spent_links: Vec::new(),
            codes: Vec::new(),
            spent_codes: Vec::new(),
            seen: Vec::new(),
            old_sessions: Vec::new(),
            guesses_left: GUESSES,
        }
    }

    async fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::OwnerSignsIn { remember } => self.owner_signs_in(*remember).await,
            Deed::OwnerSignsInByCode => self.owner_signs_in_by_code().await,
            Deed::OwnerEnrolsPhone => self.owner_enrols_phone().await,
            Deed::OwnerRemovesFactor(nth) => self.owner_removes_factor(*nth).await,
            Deed::OwnerMakesCodes => self.owner_makes_codes().await,
            Deed::OwnerForgets => self.owner_forgets().await,
            Deed::OwnerFollowsLink => self.owner_follows_link().await,
            Deed::ThiefSignsIn => self.thief_signs_in().await,
            Deed::ThiefTriesPages => self.thief_tries_pages().await,
            Deed::ThiefTriesSession => self.thief_tries_session().await,
            Deed::ThiefTriesProgram => self.thief_tries_program().await,
            Deed::ThiefReplaysLink(nth) => self.thief_replays_link(*nth).await,
            Deed::ThiefReplaysSession(nth) => self.thief_replays_session(*nth).await,
            Deed::ThiefTakesDevice => self.thief_takes_device().await,
            Deed::StrangerTakesDevice => self.stranger_takes_device().await,
            Deed::Administrator(deed) => self.administer(*deed).await,
        }
    }

    /// What is there is what the account of the test says.
    async fn check(&mut self, deed: &Deed) {
        let user = self.user().await;
        // S1: nobody has added or removed a factor who may not.
        let factors = service::list(&self.app.app, &self.id).await.unwrap();
        let mut stored: Vec<&str> = factors
            .iter()
            .filter(|factor| factor.status != FactorStatus::PendingActivation)
            .map(|factor| factor.id.as_str())
            .collect();
        let mut expected: Vec<&str> = self.factors.iter().map(Own::id).collect();
        stored.sort_unstable();
        expected.sort_unstable();
        assert_eq!(stored, expected, "factors after {deed:?}");
        // S3, S8, S10: the password is the owner's, and no other.
        if let Some(password) = &self.password {
            let hash = user.password_hash.clone();
            let verified = self.app.app.passwords.verify(Secret::new(password.clone()), hash).await.unwrap();
            assert!(verified.matches, "somebody set the password: {deed:?}");
        }
        // S2, S3, S7 to S9: sessions show what was proved in them.
        // Of somebody who may not sign in, sessions count for nothing.
        let (app, active) = (self.app, user.status == UserStatus::Active);
        for (name, window) in [("owner", &mut self.owner), ("thief", &mut self.thief)] {
            let session = app.session(&mut window.browser).await;
            let session = session
                .filter(|session| active && session.user_id == user.id && session.outlives(user.not_before));
            let told = session.map(|session| session.amr());
            let expected = window.proved.clone().filter(|_| active).map(|mut methods| {
                if methods.len() > 1 {
                    methods.push("mfa");
                }
                methods.into_iter().map(str::to_owned).collect::<Vec<_>>()
            });
            assert_eq!(told, expected, "the session of the {name} after {deed:?}");
            // T2, T3: what a client is told is no more.
            let two = [("acr_values", TWO_FACTORS), ("prompt", "none")];
            window.browser.open(&app.authorize_url(WEB, &two)).await;
            let answered = window.browser.url().as_str().contains("code=");
            assert_eq!(
                answered,
                active && window.has_proved_possession(),
                "{name} {deed:?} {}",
                window.browser.url()
            );
            window.browser.open(&app.url("/")).await;
            let cookie = window.browser.cookie(&format!("sid_{}", app.app.settings.port()));
            window.cookie = cookie.map(|cookie| cookie.value.clone()).filter(|_| window.proved.is_some());
        }
    }

    async fn user(&self) -> User {
        self.app.user(&self.login).await
    }

    /// Whether the account has something that must be proved before anything is changed.
    fn is_guarded(&self) -> bool {
        !self.factors.is_empty()
    }

    /// New codes of an issuer end the older ones.
    fn codes_were_issued(&mut self, by: Issuer, codes: impl Iterator<Item = String>) {
        let (spent, kept): (Vec<Code>, Vec<Code>) = self.codes.drain(..).partition(|code| code.by == by);
        self.spent_codes.extend(spent.into_iter().map(|code| code.text));
        self.codes = kept.into_iter().chain(codes.map(|text| Code { text, by })).collect();
    }

    fn fresh_password(&self) -> String {
        format!("Wholly-New-Lantern-{}", self.passwords + 1)
    }

    /// S8, S9: a new password ends sessions, recoveries and what is remembered.
    fn password_was_set(&mut self) {
        self.password = Some(self.fresh_password());
        self.passwords += 1;
        self.everything_ended();
        self.spent_links.extend(self.link.take());
    }

    /// All sessions are over, and what is remembered is forgotten.
    fn everything_ended(&mut self) {
        for window in [&mut self.owner, &mut self.thief] {
            window.proved = None;
            self.old_sessions.extend(window.cookie.take());
        }
        self.remembered = false;
    }

    /// A call about the own user with the session of a browser.
    async fn me(
        window: &Window,
        app: &TestApp,
        (method, path): (http::Method, &str),
        body: &Value,
    ) -> Response {
        let name = format!("sid_{}", app.app.settings.port());
        let request =
            app.client().request(method, &format!("/api/v1/users/me{path}")).header("origin", &app.issuer);
        let request = match window.browser.cookie(&name) {
            Some(cookie) => request.header("cookie", &format!("{name}={}", cookie.value)),
            None => request,
        };
        request.json(body).send().await
    }

    /// The first page after login and password.
    async fn after_password(app: &TestApp, browser: &mut Browser, login: &str, password: &str) -> Response {
        let page = browser.open(&app.authorize_url(WEB, &[("prompt", "login")])).await;
        crate::support::op::sign_in_on(browser, &page, login, password).await
    }
}

/// An authenticator app that is there from the beginning.
async fn authenticator(app: &TestApp, user: &User) -> Own {
    let caller = caller();
    let enrolment = Enrolment { activate: Activate::ByUser, ..enrolment(FactorKind::TotpGoogle, &json!({})) };
    let enrolled = service::enroll(&app.app, user, enrolment, Purpose::Api, &caller).await.unwrap();
    assert!(commit(&app.app, enrolled.unit).await);
    let Some(Activation::Token(token)) = enrolled.activation else { panic!("no seed") };
    let seed = token.shared_secret.expose().clone();
    let code = Answer::PassCode(Secret::new(app.totp(&seed)));
    let proof =
        service::activate(&app.app, user, &enrolled.factor, &code, (Purpose::Api, &caller)).await.unwrap();
    assert!(commit(&app.app, proof.unit).await);
    Own::App { id: enrolled.factor.id.to_string(), seed }
}
