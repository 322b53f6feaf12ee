//! What policy asks for, worked out from the case alone, and whether what was proved is enough.

use sea_orm::EntityTrait;
use serde_json::{Value, json};
use stepgate::model::{
    factor::{FactorClass, FactorKind, FactorStatus},
    session::{VerifiedFactor, amr_of},
    user::UserStatus,
};

use super::{
    Play,
    person::{Enroll, Password},
};

/// What a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Aim {
    /// A session, perhaps at an application that wants two factors.
    SignIn { two_factors: bool },
    /// A forgotten password.
    Password,
    /// The end of a lock.
    Unlock,
}

impl Aim {
    /// Where such a recovery begins.
    pub(super) fn path(self) -> &'static str {
        if self == Self::Unlock { "/recovery/unlock" } else { "/recovery/password" }
    }
}

/// What was proved, because the test gave the right answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    Password,
    NewPassword,
    /// The mail of a new account.
    Mail,
    /// A recovery code in place of a factor.
    Code,
    Factor(FactorKind),
    /// The link or code of a recovery.
    Recovery,
    RecoveryAnswer,
}

impl Proof {
    fn is_beside_password(self) -> bool {
        matches!(self, Self::Code | Self::Factor(_))
    }

    fn is_possession(self) -> bool {
        match self {
            Self::Factor(kind) => kind.class() == FactorClass::Possession,
            Self::Code => true,
            Self::Password | Self::NewPassword | Self::Mail | Self::Recovery | Self::RecoveryAnswer => false,
        }
    }

    fn is_knowledge(self) -> bool {
        // The authenticators of this test verify their user.
        let kinds = [FactorKind::Question, FactorKind::Webauthn];
        matches!(self, Self::Password | Self::NewPassword)
            || matches!(self, Self::Factor(kind) if kinds.contains(&kind))
    }

    /// RFC 8176 and Okta's own values.
    fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password | Self::NewPassword => &["pwd"],
            Self::Mail | Self::Factor(FactorKind::Email) => &["email"],
            Self::Code | Self::Factor(FactorKind::HotpCustom) => &["otp"],
            Self::Factor(FactorKind::Question) => &["kba"],
            Self::Factor(FactorKind::Sms) => &["sms"],
            Self::Factor(FactorKind::Call) => &["tel"],
            Self::Factor(FactorKind::TotpOkta) => &["okta_verify", "otp"],
            Self::Factor(FactorKind::TotpGoogle) => &["google_otp"],
            Self::Factor(FactorKind::Webauthn) => &["swk", "pop", "phr", "user"],
            Self::Factor(kind) => panic!("nobody has a factor of kind {kind:?}"),
            Self::Recovery | Self::RecoveryAnswer => &[],
        }
    }
}

impl Play<'_> {
    fn has_proved(&self, what: impl Fn(Proof) -> bool) -> bool {
        self.proofs.iter().copied().any(what)
    }

    /// A transaction that is over, and well: what it was good for was earned.
    pub(super) async fn succeeded(&self, told: &Value) {
        match self.aim {
            Aim::SignIn { two_factors } => self.signed_in(told, two_factors).await,
            Aim::Password | Aim::Unlock => self.recovered(told),
        }
    }

    /// S3: a way back gives what was lost and nothing else, to whoever proved it in full.
    fn recovered(&self, told: &Value) {
        assert!(told.get("sessionToken").is_none(), "{told}");
        assert!(self.proofs.contains(&Proof::Recovery), "{:?}", self.proofs);
        assert!(
            !self.world.recovery_question || self.proofs.contains(&Proof::RecoveryAnswer),
            "{:?}",
            self.proofs
        );
        let kind = if self.aim == Aim::Unlock { "UNLOCK" } else { "PASSWORD" };
        assert_eq!(told["recoveryType"], kind);
        assert!(self.aim == Aim::Unlock || self.proofs.contains(&Proof::NewPassword), "{:?}", self.proofs);
    }

    async fn signed_in(&self, told: &Value, two_factors: bool) {
        let proofs = &self.proofs;
        assert!(told.get("recoveryType").is_none(), "{told}");
        assert!(self.has_proved(|proof| matches!(proof, Proof::Password | Proof::NewPassword | Proof::Mail)));
        if self.world.require_factor {
            assert!(self.has_proved(Proof::is_beside_password), "the policy wants a factor: {proofs:?}");
        }
        if two_factors {
            let two = self.has_proved(Proof::is_knowledge) && self.has_proved(Proof::is_possession);
            assert!(two, "the application wants two factors: {proofs:?}");
        }
        let factors = self.person.factors(self.app).await;
        if self.world.enroll == Enroll::Required {
            let has =
                factors.iter().any(|factor| factor.kind == FactorKind::TotpGoogle && factor.is_active());
            assert!(has, "the policy requires an authenticator app: {factors:?}");
        }
        // Every password that a person of this test has after the first is new.
        let renewed = self.person.password == format!("Wholly-New-Horse-{}", self.person.passwords());
        let expired = matches!(self.world.password, Password::Expired | Password::ExpiredByAdministrator);
        assert!(!expired || renewed, "with a password that has expired");
        let user = self.person.stored(self.app).await;
        assert_eq!(user.status, UserStatus::Active);
        assert!(!self.is_locked().await, "a locked user signed in");
        let token = json!({ "sessionToken": told["sessionToken"] });
        let session = self.app.client().post_json("/api/v1/sessions", &token).await;
        assert_eq!(session.status, 200, "{}", session.text());
        self.check_amr(session.json()["id"].as_str().unwrap()).await;
        let again = self.app.client().post_json("/api/v1/sessions", &token).await;
        assert_eq!(again.status, 401, "a session token was used twice");
    }

    /// T1: every method that was used, `mfa` for two classes, and nothing else.
    async fn check_amr(&self, session: &str) {
        let mut expected: Vec<&str> = self.proofs.iter().flat_map(|proof| proof.amr()).copied().collect();
        let possession = self.has_proved(|proof| proof.is_possession() || proof == Proof::Mail);
        if self.has_proved(Proof::is_knowledge) && possession {
            expected.push("mfa");
        }
        expected.sort_unstable();
        expected.dedup();
        let stored = entity::session::Entity::find_by_id(session).one(self.database).await.unwrap().unwrap();
        let mut told = amr_of(&serde_json::from_str::<Vec<VerifiedFactor>>(&stored.factors).unwrap());
        told.sort_unstable();
        assert_eq!(told, expected, "{:?}", self.proofs);
    }

    /// S1: whoever has something to prove proves it before anything is enrolled, also if it is out of use.
    pub(super) async fn check_enrolment(&self, told: &Value) {
        if told["status"] != "MFA_ENROLL" {
            return;
        }
        let factors = self.person.factors(self.app).await;
        let own = factors.iter().any(|factor| {
            factor.kind.class() == FactorClass::Possession && factor.status != FactorStatus::PendingActivation
        });
        assert!(
            !own || self.has_proved(Proof::is_possession),
            "enrols past a factor: {:?} {factors:?}",
            self.proofs
        );
    }

    /// Whether the password is locked.
    pub(super) async fn is_locked(&self) -> bool {
        let user = self.person.stored(self.app).await;
        user.lock.locked_until.is_some_and(|until| until > self.app.app.now())
    }

    /// Whether the user can be recovered so.
    pub(super) async fn can_recover(&self, aim: Aim) -> bool {
        let user = self.person.stored(self.app).await;
        matches!(user.status, UserStatus::Active | UserStatus::PasswordExpired | UserStatus::Recovery)
            && (aim != Aim::Unlock || self.is_locked().await)
    }

    /// Whether the user can come to what is asked for at all, with what there is and what may be enrolled.
    pub(super) async fn is_reachable(&self) -> bool {
        let Aim::SignIn { two_factors } = self.aim else { return true };
        let factors = self.person.factors(self.app).await;
        let active = |class| factors.iter().any(|factor| factor.is_active() && factor.kind.class() == class);
        let has = |kind| {
            factors
                .iter()
                .any(|factor| factor.kind == kind && factor.status != FactorStatus::PendingActivation)
        };
        let possession = active(FactorClass::Possession);
        let answers = possession || !two_factors && active(FactorClass::Knowledge);
        let out_of_use = factors.iter().any(|factor| {
            factor.status == FactorStatus::Inactive && factor.kind.class() == FactorClass::Possession
        });
        let guarded = out_of_use && !possession;
        let allowed: &[FactorKind] = match self.world.enroll {
            Enroll::Usual => &FactorKind::ALL,
            Enroll::Required => &[FactorKind::TotpGoogle, FactorKind::Sms],
            Enroll::Question => &[FactorKind::Question],
            Enroll::Nothing => &[],
        };
        let left = allowed.iter().filter(|kind| kind.is_enrolled_by_users() && !has(**kind));
        let helps = |kind: &&FactorKind| !two_factors || kind.class() == FactorClass::Possession;
        let can_enroll = !guarded && left.clone().any(|kind| helps(&kind));
        let required = self.world.enroll == Enroll::Required && !has(FactorKind::TotpGoogle);
        if (self.world.require_factor || two_factors) && !answers || required { can_enroll } else { true }
    }
}
