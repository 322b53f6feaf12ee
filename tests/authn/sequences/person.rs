//! Somebody to sign in, and the policies that the sign-in meets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sea_orm::{DatabaseConnection, FromQueryResult, JsonValue, Statement};
use serde_json::{Value, json};
use stepgate::{
    factor::{Activate, Activation, Answer, Attestation, Enrolment, Purpose, backup_code, service},
    id::{FactorId, UserId},
    model::{
        api_token::Access,
        factor::{Factor, FactorKind, FactorStatus},
        policy::{self, EnrollPrompt, PasswordRules, Requirement},
        policy_set::{EnrollAction, MfaEnrollSettings, PasswordAction, SignOnAction},
        recovery::RecoveryKind,
        user::{User, UserStatus},
    },
    secret::Secret,
    store::{
        self,
        factor::{Displaces, FoundBy, Stored, claim_insert, claim_suspend_cloned},
        unit::{Outcome, Unit},
    },
    user::recovery::{question, token},
};
use time::{Duration, OffsetDateTime};

use super::link::Step;
use crate::support::{
    TestApp,
    authenticator::Authenticator,
    factor::{caller, enrolment, wrong},
    fixtures::{self, ALICE, PASSWORD},
};

/// A challenge that nobody made.
const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The answer to all questions.
pub(super) const ANSWER: &str = "mayonnaise";

/// What holds in a case.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) require_factor: bool,
    pub(super) enroll: Enroll,
    pub(super) password: Password,
    pub(super) owned: BTreeSet<Owned>,
    pub(super) recovery_question: bool,
    pub(super) account: Account,
}

/// What the enrolment policy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Enroll {
    /// Everything is optional.
    Usual,
    /// An authenticator app is required at sign-in, a phone is optional.
    Required,
    /// Only a question.
    Question,
    /// Nobody is asked.
    Nothing,
}

/// How old the password is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Password {
    Fresh,
    ExpiresSoon,
    Expired,
    ExpiredByAdministrator,
}

/// What the user has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Owned {
    Totp,
    Sms,
    Call,
    Email,
    Question,
    /// An authenticator app that took too many wrong codes.
    OutOfUse,
    RecoveryCodes,
    Passkey,
    /// A passkey of which there may be a copy.
    SuspectPasskey,
}

/// How far the account is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Account {
    Active,
    /// It waits for its activation, and has no password.
    New,
    /// An administrator voided the password, and the account waits for its activation anew.
    Renewed,
}

pub(super) fn any_world() -> impl Strategy<Value = World> {
    let owned = prop_oneof![
        3 => Just(Owned::Totp),
        2 => Just(Owned::Sms),
        1 => Just(Owned::Call),
        1 => Just(Owned::Email),
        1 => Just(Owned::Question),
        1 => Just(Owned::OutOfUse),
        1 => Just(Owned::RecoveryCodes),
        2 => Just(Owned::Passkey),
        1 => Just(Owned::SuspectPasskey),
    ];
    let enroll = prop_oneof![
        4 => Just(Enroll::Usual),
        2 => Just(Enroll::Required),
        1 => Just(Enroll::Question),
        1 => Just(Enroll::Nothing),
    ];
    let password = prop_oneof![
        4 => Just(Password::Fresh),
        2 => Just(Password::ExpiresSoon),
        1 => Just(Password::Expired),
        1 => Just(Password::ExpiredByAdministrator),
    ];
    let account =
        prop_oneof![8 => Just(Account::Active), 2 => Just(Account::New), 1 => Just(Account::Renewed)];
    (
        (any::<bool>(), enroll, password),
        (proptest::collection::btree_set(owned, 0..4), any::<bool>(), account),
    )
        .prop_map(|((require_factor, enroll, password), (owned, recovery_question, account))| World {
            require_factor,
            enroll,
            password,
            owned,
            recovery_question,
            account,
        })
}

/// A user of one case.
pub(super) struct Person {
    pub(super) id: UserId,
    /// The login, and the mail address.
    pub(super) login: String,
    pub(super) phone: String,
    pub(super) password: String,
    /// The seeds of authenticator apps, by factor.
    pub(super) seeds: BTreeMap<String, String>,
    /// Authenticators, by factor.
    pub(super) passkeys: BTreeMap<String, Authenticator>,
    /// One that a registration was answered with.
    made: Option<Authenticator>,
    /// What an authenticator was last asked to sign, in this transaction, and when.
    pub(super) options: Option<(Value, OffsetDateTime)>,
    /// Recovery codes.
    pub(super) codes: Vec<String>,
    /// The code that was sent last, in this transaction.
    pub(super) sent: Option<String>,
    /// The token of a new account.
    pub(super) activation: Option<String>,
    passwords: u32,
}

impl Person {
    /// Sets the policies of a world, and makes somebody who lives there.
    pub(super) async fn settle(app: &TestApp, world: &World, number: u32) -> Self {
        set_policies(app, world).await;
        let login = format!("person{number}@example.com");
        let alice = app.user(ALICE).await;
        let profile = json!({ "firstName": "Some", "lastName": "One", "email": login });
        let mut user = fixtures::user(&login, &profile, alice.password_hash.unwrap(), app.app.now());
        let age = match world.password {
            Password::Fresh | Password::ExpiredByAdministrator => 0,
            Password::ExpiresSoon => 25,
            Password::Expired => 31,
        };
        user.password_changed_at = Some(app.app.now() - Duration::days(age));
        if world.password == Password::ExpiredByAdministrator {
            user.status = UserStatus::PasswordExpired;
        }
        if world.account == Account::New {
            (user.status, user.password_hash, user.password_changed_at) =
                (UserStatus::Provisioned, None, None);
        }
        let tx = app.app.db.begin_write().await.unwrap();
        store::user::insert(&tx, &user, &login).await.unwrap();
        tx.commit().await.unwrap();
        let mut person = Self {
            id: user.id.clone(),
            login,
            phone: format!("+1555{:07}", 4_150_000 + number),
            password: PASSWORD.to_owned(),
            seeds: BTreeMap::new(),
            passkeys: BTreeMap::new(),
            made: None,
            options: None,
            codes: Vec::new(),
            sent: None,
            activation: None,
            passwords: 0,
        };
        for owned in &world.owned {
            person.is_given(app, &user, *owned).await;
        }
        if world.recovery_question {
            let answer = Secret::new(ANSWER.to_owned());
            let unit =
                question::set(&app.app, &user, "Which food?", &answer, &caller("192.0.2.1")).await.unwrap();
            commit(app, unit).await;
        }
        person.activation = match world.account {
            Account::Active => None,
            Account::New => {
                let rules = PasswordRules::default();
                let issued = token::issue(&app.app, &user, RecoveryKind::AccountActivation, &rules);
                commit(app, issued.unit).await;
                Some(issued.token.expose().clone())
            }
            Account::Renewed => Some(person.begins_anew(app).await),
        };
        person
    }

    /// An administrator voids the password and invites the user anew; the token of the invitation.
    async fn begins_anew(&self, app: &TestApp) -> String {
        let ssws = app.api_token(Access::Manage).await;
        let path = |deed: &str| format!("/api/v1/users/{}/lifecycle/{deed}?sendEmail=false", self.id);
        let reset = app.post(&path("reset_password"), &ssws, &json!({})).await;
        assert_eq!(reset.status, 200, "{}", reset.text());
        let invited = app.post(&path("reactivate"), &ssws, &json!({})).await;
        assert_eq!(invited.status, 200, "{}", invited.text());
        invited.json()["activationToken"].as_str().unwrap().to_owned()
    }

    async fn is_given(&mut self, app: &TestApp, user: &User, owned: Owned) {
        let phone = json!({ "phoneNumber": self.phone });
        let question = json!({ "question": "disliked_food", "answer": ANSWER });
        let (kind, profile) = match owned {
            Owned::Totp => (FactorKind::TotpGoogle, json!({})),
            Owned::Sms => (FactorKind::Sms, phone),
            Owned::Call => (FactorKind::Call, phone),
            Owned::Email => (FactorKind::Email, json!({})),
            Owned::Question => (FactorKind::Question, question),
            Owned::OutOfUse => return out_of_use(app, user).await,
            Owned::Passkey | Owned::SuspectPasskey => (FactorKind::Webauthn, json!({})),
            Owned::RecoveryCodes => {
                let issued = backup_code::issue_recovery(&app.app, user, None, &caller("192.0.2.1")).unwrap();
                self.codes = issued.codes.iter().map(|code| code.expose().clone()).collect();
                return commit(app, issued.unit).await;
            }
        };
        let caller = caller("192.0.2.1");
        let activate = if kind.is_sent() { Activate::AtOnce } else { Activate::ByUser };
        let enrolment = Enrolment { activate, ..enrolment(kind, &profile) };
        let enrolled = service::enroll(&app.app, user, enrolment, Purpose::Api, &caller).await.unwrap();
        commit(app, enrolled.unit).await;
        let id = enrolled.factor.id.to_string();
        let answer = match enrolled.activation {
            // What waits for another device is not among what anybody here has.
            None | Some(Activation::Push(_)) => return,
            Some(Activation::Token(token)) => {
                let seed = token.shared_secret.expose().clone();
                let code = app.totp(&seed);
                self.seeds.insert(id, seed);
                Answer::PassCode(Secret::new(code))
            }
            Some(Activation::Options(options)) => {
                let mut authenticator = Authenticator::at(&app.issuer);
                let made = authenticator.create(&options);
                self.passkeys.insert(id, authenticator);
                let text = |name: &str| made[name].as_str().unwrap().to_owned();
                Answer::Attestation(Attestation {
                    client_data: text("clientData"),
                    attestation: text("attestation"),
                })
            }
        };
        let how = (Purpose::Api, &caller);
        let proof = service::activate(&app.app, user, &enrolled.factor, &answer, how).await.unwrap();
        commit(app, proof.unit).await;
        if owned == Owned::SuspectPasskey {
            self.passkeys.remove(enrolled.factor.id.as_str());
            let suspended = claim_suspend_cloned(&enrolled.factor.id, app.app.now());
            commit(app, Unit::new().claim(suspended)).await;
        }
    }

    /// Keeps what an authenticator is to sign, where an answer tells it.
    pub(super) fn note_options(&mut self, told: &Value, now: OffsetDateTime) {
        let embedded = &told["_embedded"];
        let of_factor = &embedded["factor"]["_embedded"];
        for options in [&embedded["challenge"], &of_factor["challenge"], &of_factor["activation"]] {
            if options["challenge"].is_string() {
                self.options = Some((options.clone(), now));
            }
        }
    }

    /// Whether what an authenticator is to sign counts for a while.
    pub(super) fn has_options(&self, now: OffsetDateTime) -> bool {
        self.options.as_ref().is_some_and(|(_, at)| now - *at < Duration::minutes(4))
    }

    /// What an authenticator makes of a step; where nothing was asked of it, the request to be asked.
    pub(super) fn ceremony(&mut self, app: &TestApp, (id, step): (&str, &Step), right: bool) -> Value {
        let options = self.options.as_ref().filter(|_| self.has_options(app.app.now()));
        let options = options.map(|(options, _)| options.clone());
        let mut stranger = Authenticator::at(&app.issuer);
        match (step, options) {
            (Step::Activate(_), Some(options)) if right => {
                let made = stranger.create(&options);
                self.made = Some(stranger);
                made
            }
            (Step::Activate(_), _) => {
                let made_up = stranger.client_data("webauthn.create", MADE_UP);
                stranger.create_with(&made_up.to_string())
            }
            (_, Some(options)) if right => match self.authenticator(id) {
                Some(own) => own.get(&options),
                None => json!({}),
            },
            (_, None) if right => json!({}),
            _ => stranger.get(&json!({ "challenge": MADE_UP })),
        }
    }

    /// What was signed counted, and does no longer.
    pub(super) fn signed(&mut self, id: &str, step: &Step) {
        self.options = None;
        if let (Step::Activate(_), Some(made)) = (step, self.made.take()) {
            self.passkeys.insert(id.to_owned(), made);
        }
    }

    /// The authenticator of a factor, or of any.
    fn authenticator(&mut self, id: &str) -> Option<&mut Authenticator> {
        let any = !id.starts_with(FactorKind::Webauthn.id_prefix());
        self.passkeys.iter_mut().find(|(known, _)| any || *known == id).map(|(_, own)| own)
    }

    /// The user as stored now.
    pub(super) async fn stored(&self, app: &TestApp) -> User {
        app.user(&self.login).await
    }

    /// The factors as stored now.
    pub(super) async fn factors(&self, app: &TestApp) -> Vec<Factor> {
        service::list(&app.app, &self.id).await.unwrap()
    }

    pub(super) async fn factor_ids(&self, app: &TestApp) -> Vec<String> {
        self.factors(app).await.into_iter().map(|factor| factor.id.to_string()).collect()
    }

    /// Whether a recovery reaches the phone so.
    pub(super) async fn has_phone(&self, app: &TestApp, channel: &str) -> bool {
        let kind = if channel == "SMS" { FactorKind::Sms } else { FactorKind::Call };
        self.factors(app).await.iter().any(|factor| factor.kind == kind && factor.is_active())
    }

    /// Whether a transaction is nobody's: that of a recovery that reaches no phone.
    pub(super) fn nobody(&self, state: &Value) -> bool {
        state["status"] == "RECOVERY_CHALLENGE" && self.sent.is_none()
    }

    /// A password that was never used.
    pub(super) fn fresh_password(&self) -> String {
        format!("Wholly-New-Horse-{}", self.passwords + 1)
    }

    /// How many passwords the person had after the first.
    pub(super) fn passwords(&self) -> u32 {
        self.passwords
    }

    /// The fresh password is the password now.
    pub(super) fn renewed(&mut self) {
        self.password = self.fresh_password();
        self.passwords += 1;
    }

    /// The code that was sent, or another.
    pub(super) fn code_that_was_sent(&self, right: bool) -> String {
        let code = self.sent.clone().unwrap_or_else(|| "000000".to_owned());
        if right { code } else { wrong(&code) }
    }

    /// All rows that a step of the user's may change.
    pub(super) async fn rows(&self, database: &DatabaseConnection) -> Vec<Value> {
        let mut rows = Vec::new();
        for (table, column) in TABLES {
            let sql = format!(r#"SELECT * FROM "{table}" WHERE "{column}" = $1"#);
            let statement = Statement::from_sql_and_values(
                database.get_database_backend(),
                sql,
                [self.id.as_str().into()],
            );
            rows.extend(JsonValue::find_by_statement(statement).all(database).await.unwrap());
        }
        rows
    }
}

/// What belongs to users.
const TABLES: [(&str, &str); 14] = [
    ("user", "id"),
    ("authn_transaction", "user_id"),
    ("backup_code", "user_id"),
    ("factor", "user_id"),
    ("factor_challenge", "user_id"),
    ("grant", "user_id"),
    ("known_device", "user_id"),
    ("password_history", "user_id"),
    ("recovery_code", "user_id"),
    ("recovery_question", "user_id"),
    ("recovery_token", "user_id"),
    ("remembered_device", "user_id"),
    ("session", "user_id"),
    ("session_token", "user_id"),
];

async fn commit(app: &TestApp, unit: Unit) {
    assert_eq!(app.app.db.writer().commit(unit).await.unwrap(), Outcome::Won);
}

/// A factor that was suspended after too many wrong codes.
async fn out_of_use(app: &TestApp, user: &User) {
    let now = app.app.now();
    let factor = Factor {
        id: FactorId::new(format!("ost{}", user.id)),
        user_id: user.id.clone(),
        kind: FactorKind::TotpOkta,
        status: FactorStatus::Inactive,
        profile: serde_json::Map::new(),
        name: None,
        factor_profile_id: None,
        created_at: now,
        updated_at: now,
        last_verified_at: None,
    };
    let stored = Stored { factor, secret: None, counter: None };
    commit(app, Unit::new().claim(claim_insert(&stored, FoundBy::Id, Displaces::Any).unwrap())).await;
}

async fn set_policies(app: &TestApp, world: &World) {
    app.sign_on(SignOnAction { require_factor: world.require_factor, ..SignOnAction::default() }).await;
    let rules = PasswordRules {
        max_age_days: 30,
        expire_warn_days: 10,
        show_lockout_failures: true,
        recovery_sms: true,
        recovery_call: true,
        ..PasswordRules::default()
    };
    let action = PasswordAction { self_service_unlock: policy::Access::Allow, ..PasswordAction::default() };
    app.password_rules(rules, action).await;
    let (factors, prompt): (&[_], _) = match world.enroll {
        Enroll::Usual => (
            &[
                (FactorKind::TotpOkta, Requirement::Optional),
                (FactorKind::TotpGoogle, Requirement::Optional),
                (FactorKind::Sms, Requirement::Optional),
                (FactorKind::Call, Requirement::Optional),
                (FactorKind::Email, Requirement::Optional),
                (FactorKind::Question, Requirement::Optional),
                (FactorKind::Webauthn, Requirement::Optional),
            ],
            EnrollPrompt::Challenge,
        ),
        Enroll::Required => (
            &[(FactorKind::TotpGoogle, Requirement::Required), (FactorKind::Sms, Requirement::Optional)],
            EnrollPrompt::Login,
        ),
        Enroll::Question => (&[(FactorKind::Question, Requirement::Optional)], EnrollPrompt::Challenge),
        Enroll::Nothing => (&[], EnrollPrompt::Never),
    };
    let factors = factors.iter().copied().collect();
    let settings = MfaEnrollSettings { factors, ..MfaEnrollSettings::default() };
    app.enrolment_rules(settings, EnrollAction { prompt }).await;
}
