//! Sessions with the factors that a test wants, and policies as a seed file states them.

use stepgate::{
    authn::session_token::{BoundTo, issue},
    id::FactorId,
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        policy::GlobalSession,
        session::{Session, VerifiedFactor, with_proofs},
    },
    session::sso::{self, FactorPromptMet, Opening},
    store::{
        factor::{Displaces, FoundBy, Stored, claim_insert},
        unit::Unit,
    },
    syslog::Caller,
};

use super::{app::TestApp, http::Browser, session_token::user_id};

/// Two factors of different kinds.
pub(crate) const TWO_FACTORS: &str = "urn:okta:loa:2fa:any";

fn proof(app: &TestApp, method: &str) -> VerifiedFactor {
    let at = app.app.now();
    match method {
        "pwd" => VerifiedFactor::password(at),
        _ => VerifiedFactor { amr: vec![method.to_owned()], at, factor_id: Some(FactorId::new(method)) },
    }
}

impl TestApp {
    /// Sets the authentication policy of the client `web`, of one rule.
    pub(crate) async fn policy_of_web(&self, rule: &str) {
        let rules = format!("[{{name: All, {rule}}}]");
        self.seed(&format!("authentication_policies: [{{name: Web, clients: [web], rules: {rules}}}]\n"))
            .await;
    }

    /// Sets the global session policy, of one rule.
    pub(crate) async fn policy_of_all(&self, rule: &str) {
        let rules = format!("[{{name: All, {rule}}}]");
        self.seed(&format!("global_session_policies: [{{name: All, rules: {rules}}}]\n")).await;
    }

    /// Applies the text of a seed file.
    pub(crate) async fn seed(&self, text: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seed.yaml");
        std::fs::write(&file, text).unwrap();
        stepgate::seed::apply_file(&self.app, &file).await.unwrap();
    }

    /// Signs in in this browser by these methods, without the pages.
    pub(crate) async fn sign_in_by(&self, browser: &mut Browser, login: &str, methods: &[&str]) {
        let user = user_id(self, login).await;
        let password = vec![proof(self, "pwd")];
        let token = issue(&self.app, &user, password, BoundTo::Origin(self.issuer.clone())).await.unwrap();
        let target = self.url("/");
        let link = format!("/login/sessionCookieRedirect?token={}&redirectUrl={target}", token.expose());
        browser.open(&self.url(&link)).await;
        assert!(self.session(browser).await.is_some(), "no session for {login}");
        if methods != ["pwd"] {
            self.shows(browser, methods.iter().map(|method| proof(self, method)).collect()).await;
        }
    }

    fn session_cookie(&self) -> String {
        format!("sid_{}", self.app.settings.port())
    }

    /// The live session of a browser.
    pub(crate) async fn session(&self, browser: &mut Browser) -> Option<Session> {
        browser.open(&self.url("/")).await;
        let cookie = browser.cookie(&self.session_cookie())?.value.clone();
        sso::peek(&self.app, &cookie).await.unwrap()
    }

    /// Gives a user a factor, as it is after its enrolment.
    pub(crate) async fn has_factor(&self, login: &str, kind: FactorKind, status: FactorStatus) {
        let now = self.app.now();
        let factor = Factor {
            id: FactorId::new(format!("{}{}", kind.id_prefix(), status.as_str())),
            user_id: user_id(self, login).await,
            kind,
            status,
            name: None,
            profile: serde_json::Map::new(),
            factor_profile_id: None,
            created_at: now,
            updated_at: now,
            last_verified_at: None,
        };
        let stored = Stored { factor, secret: None, counter: None };
        let claim = claim_insert(&stored, FoundBy::Id, Displaces::Any).unwrap();
        self.app.db.writer().commit(Unit::new().claim(claim)).await.unwrap();
    }

    /// Proves one more factor in the session of a browser, as the page for it does.
    pub(crate) async fn step_up_by(&self, browser: &mut Browser, method: &str) {
        let session = self.session(browser).await.expect("a session");
        self.shows(browser, with_proofs(&session.factors, &[proof(self, method)])).await;
    }

    /// Has the session of a browser show just this.
    async fn shows(&self, browser: &mut Browser, factors: Vec<VerifiedFactor>) {
        let session = self.session(browser).await.expect("a session");
        let opening = Opening {
            user: &session.user_id,
            factors,
            policy: &GlobalSession::default(),
            prompt: FactorPromptMet::ByFactors,
            previous: Some(&session),
            caller: &Caller::system("test"),
        };
        let (unit, opened) = sso::open(&self.app, Unit::new(), opening).await.unwrap();
        self.app.db.writer().commit(unit).await.unwrap();
        let name = self.session_cookie();
        browser.forget(&name);
        browser.plant(&name, opened.cookie.expose());
    }
}
