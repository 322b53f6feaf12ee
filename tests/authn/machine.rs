//! The machine without its use cases: every state meets every event, and no sequence of events gets round the rules.

use std::fmt::Write;

use proptest::prelude::*;
use stepgate::{
    authn::{
        action::{Action, allowed},
        event::Event,
        rules::{BackupCodes, Demand, Evidence, Options, RecoveryQuestion, Rest, Rules, Standing, Usable},
        state::{PhoneChannel, Position, Purpose, RecoveryKind, State},
        transition::{StepError, next, revised},
    },
    id::{FactorId, UserId},
    model::{
        factor::{FactorClass, FactorKind},
        policy::{EnrollPrompt, Requirement},
        session::VerifiedFactor,
    },
    protocol::acr::Acr,
};
use time::{OffsetDateTime, macros::datetime};

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    trials![plain:
        every_state_meets_every_event,
        no_sequence_of_events_succeeds_against_the_rules,
        sec_t05_the_password_of_another_user_raises_no_session,
        sec_s03_a_recovery_never_ends_in_a_session,
        only_the_missing_factor_is_asked_for,
        a_code_in_place_of_a_factor_counts_as_one_beside_the_password,
        sec_s01_a_factor_out_of_use_guards_the_account,
        sec_s01_a_factor_that_is_there_now_guards_the_account,
        sec_s01_the_first_factor_takes_a_fresh_password,
        sec_s09_a_proof_goes_with_its_factor,
    ]
}

const NOW: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

fn alice() -> UserId {
    UserId::new("00ualice")
}

fn id(kind: FactorKind) -> FactorId {
    FactorId::new(format!("{}1", kind.id_prefix()))
}

fn usable(kind: FactorKind) -> Usable {
    Usable { id: id(kind), kind, shows: kind.amr(), rest: Rest::Awake }
}

fn proof(kind: FactorKind) -> VerifiedFactor {
    let amr = kind.amr().iter().map(|method| method.as_str().to_owned()).collect();
    VerifiedFactor { amr, at: NOW, factor_id: Some(id(kind)) }
}

fn events() -> Vec<Event> {
    let (totp, sms, question) = (FactorKind::TotpGoogle, FactorKind::Sms, FactorKind::Question);
    let (user_id, at) = (alice(), NOW);
    let (kind, channel) = (RecoveryKind::Password, PhoneChannel::Sms);
    vec![
        Event::PasswordAccepted { user_id: user_id.clone(), at },
        Event::SessionFound { user_id: user_id.clone(), proven: vec![VerifiedFactor::password(at)] },
        Event::ActivationAccepted { user_id: user_id.clone() },
        Event::FactorChosen { factor: id(totp), kind: totp },
        Event::FactorChosen { factor: id(sms), kind: sms },
        Event::FactorVerified { proof: proof(totp) },
        Event::FactorVerified { proof: proof(question) },
        Event::BackupCodeAccepted { proof: backup_code() },
        Event::EnrolmentBegun { factor: id(totp), kind: totp },
        Event::FactorEnrolled { kind: totp, proof: proof(totp) },
        Event::FactorEnrolled { kind: question, proof: proof(question) },
        Event::PasswordChanged,
        Event::Skipped,
        Event::WentBack,
        Event::RecoveryStarted { user_id: Some(user_id.clone()), kind, channel },
        Event::RecoveryProved { user_id: user_id.clone(), kind },
        Event::RecoveryProved { user_id, kind: RecoveryKind::Unlock },
        Event::RecoveryAnswered,
        Event::PasswordWasReset { at },
    ]
}

fn states() -> Vec<State> {
    let kind = RecoveryKind::Password;
    let totp = FactorKind::TotpGoogle;
    vec![
        State::Unauthenticated,
        State::PasswordWarn,
        State::PasswordExpired,
        State::Recovery { kind },
        State::Recovery { kind: RecoveryKind::Unlock },
        State::RecoveryChallenge { kind, channel: PhoneChannel::Sms },
        State::PasswordReset { kind },
        State::PasswordReset { kind: RecoveryKind::AccountActivation },
        State::MfaEnroll,
        State::MfaEnrollActivate { factor: id(totp), kind: totp },
        State::MfaRequired,
        State::MfaChallenge { factor: id(totp), kind: totp },
        State::Success,
    ]
}

/// A position in that state, with what led there.
fn position(state: State) -> Position {
    let mut position = Position { state, ..Position::default() };
    match &position.state {
        State::Unauthenticated => {}
        State::Recovery { kind } | State::RecoveryChallenge { kind, .. } => {
            position.purpose = Purpose::Recovery(*kind);
            position.user_id = Some(alice());
        }
        State::PasswordReset { kind } => {
            position.user_id = Some(alice());
            if *kind != RecoveryKind::AccountActivation {
                position.purpose = Purpose::Recovery(*kind);
            }
        }
        _ => {
            position.user_id = Some(alice());
            position.proven = vec![VerifiedFactor::password(NOW)];
        }
    }
    position
}

fn enrollable() -> Vec<(FactorKind, Requirement)> {
    vec![(FactorKind::TotpGoogle, Requirement::Required), (FactorKind::Question, Requirement::Optional)]
}

/// The proof of a recovery code.
fn backup_code() -> VerifiedFactor {
    VerifiedFactor { amr: vec!["otp".to_owned()], at: NOW, factor_id: None }
}

/// The rules under which the table is made.
fn variants() -> Vec<(&'static str, Rules)> {
    let plain = Rules { demands: vec![Demand::level(Acr::OneFactorAny)], ..Rules::default() };
    let two = vec![Demand::level(Acr::TwoFactorAny), Demand::beside_password()];
    let factors = vec![usable(FactorKind::TotpGoogle), usable(FactorKind::Sms), usable(FactorKind::Question)];
    vec![
        ("a password is enough", plain.clone()),
        (
            "two factors are asked of a user who has some",
            Rules { demands: two.clone(), factors: factors.clone(), ..plain.clone() },
        ),
        (
            "a code may stand in for a factor",
            Rules { demands: two.clone(), factors, backup_codes: BackupCodes::Available, ..plain.clone() },
        ),
        (
            "two factors are asked of a user who has none",
            Rules { demands: two.clone(), enrollable: enrollable(), ..plain.clone() },
        ),
        (
            "two factors are asked of a user whose own is out of use",
            Rules {
                demands: two.clone(),
                suspended: vec![usable(FactorKind::TotpGoogle)],
                enrollable: vec![(FactorKind::Sms, Requirement::Optional)],
                backup_codes: BackupCodes::Available,
                ..plain.clone()
            },
        ),
        ("two factors are asked of a user who may enrol none", Rules { demands: two, ..plain.clone() }),
        (
            "more is offered",
            Rules {
                enrollable: enrollable(),
                prompt: EnrollPrompt::Login,
                options: Options { multi_optional_factor_enroll: true, warn_before_password_expired: true },
                question: RecoveryQuestion::Asked,
                password: Standing::Warn { days: 3 },
                ..plain.clone()
            },
        ),
        ("the password has expired", Rules { password: Standing::Expired, ..plain }),
    ]
}

/// The whole table, and beside each state what may be done in it.
fn every_state_meets_every_event() {
    let mut table = String::new();
    for (name, rules) in variants() {
        writeln!(table, "# {name}").unwrap();
        for state in states() {
            let before = position(state.clone());
            writeln!(table, "{state:?}: {:?}", allowed(&before, &rules)).unwrap();
            for event in events() {
                if let Ok(after) = next(before.clone(), event.clone(), &rules, NOW) {
                    writeln!(table, "    {event:?} -> {:?}", after.state).unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!("state_event_table", table);
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let kind = || proptest::sample::select(FactorKind::ALL.to_vec());
    let demand = prop_oneof![
        Just(Evidence::BesidePassword),
        Just(Evidence::Level(Acr::OneFactorPassword)),
        Just(Evidence::Level(Acr::TwoFactorAny)),
        Just(Evidence::Level(Acr::TwoFactorAnyIfPossible)),
        Just(Evidence::Level(Acr::PhishingResistant)),
    ];
    let standing =
        prop_oneof![Just(Standing::Fine), Just(Standing::Warn { days: 1 }), Just(Standing::Expired)];
    let prompt =
        prop_oneof![Just(EnrollPrompt::Login), Just(EnrollPrompt::Challenge), Just(EnrollPrompt::Never)];
    let requirement = prop_oneof![Just(Requirement::Optional), Just(Requirement::Required)];
    (
        proptest::collection::vec((demand, any::<bool>()), 0..3),
        proptest::collection::btree_map(kind(), any::<bool>(), 0..3),
        proptest::collection::btree_map(kind(), requirement, 0..3),
        (standing, prompt, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(demands, factors, enrollable, (password, prompt, multi, warn, asked, codes, fresh))| {
                let with = |in_use: bool| {
                    factors
                        .iter()
                        .filter(|(_, active)| **active == in_use)
                        .map(|(kind, _)| usable(*kind))
                        .collect()
                };
                Rules {
                    first_factor_since: fresh.then_some(NOW),
                    backup_codes: if codes { BackupCodes::Available } else { BackupCodes::None },
                    demands: demands
                        .into_iter()
                        .map(|(evidence, fresh)| Demand { evidence, since: fresh.then_some(NOW) })
                        .chain([Demand::level(Acr::OneFactorAny)])
                        .collect(),
                    enrollable: enrollable
                        .into_iter()
                        .filter(|(kind, _)| !factors.contains_key(kind))
                        .collect(),
                    factors: with(true),
                    suspended: with(false),
                    prompt,
                    password,
                    options: Options {
                        multi_optional_factor_enroll: multi,
                        warn_before_password_expired: warn,
                    },
                    question: if asked { RecoveryQuestion::Asked } else { RecoveryQuestion::NotAsked },
                }
            },
        )
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = || proptest::sample::select(FactorKind::ALL.to_vec());
    let old = NOW - time::Duration::HOUR;
    prop_oneof![
        3 => proptest::sample::select(events()),
        1 => kind().prop_map(|kind| Event::FactorChosen { factor: id(kind), kind }),
        2 => kind().prop_map(|kind| Event::FactorVerified { proof: proof(kind) }),
        1 => Just(Event::BackupCodeAccepted { proof: backup_code() }),
        1 => kind().prop_map(|kind| Event::EnrolmentBegun { factor: id(kind), kind }),
        2 => kind().prop_map(|kind| Event::FactorEnrolled { kind, proof: proof(kind) }),
        1 => Just(Event::SessionFound { user_id: alice(), proven: vec![VerifiedFactor::password(old)] }),
    ]
}

/// Security rules S1 to S3, T3: whoever is signed in has proved what is demanded, with a password that counts and with
/// everything enrolled that must be; and nothing was enrolled past a factor that the user had, in use or not, although
/// factors and policies change on the way.
fn no_sequence_of_events_succeeds_against_the_rules() {
    proptest!(ProptestConfig::with_cases(4_000), |(
        (first, second, until) in (any_rules(), any_rules(), 0_usize..16),
        events in proptest::collection::vec(any_event(), 1..16),
    )| {
        let mut position = Position::default();
        for (index, event) in events.into_iter().enumerate() {
            let rules = if index < until { &first } else { &second };
            let before = position.clone();
            let Ok(after) = next(before.clone(), event.clone(), rules, NOW) else { continue };
            if let Event::FactorEnrolled { kind, .. } = &event {
                let offered = matches!(before.state, State::MfaEnrollActivate { .. })
                    || allowed(&before, rules).contains(&Action::Enroll(*kind));
                prop_assert!(offered, "{before:?} {event:?}");
                let owned = || rules.factors.iter().chain(&rules.suspended);
                let guards = || owned().filter(|factor| factor.kind.class() == FactorClass::Possession);
                let proved = before.proven.iter().any(|proof| {
                    guards().any(|factor| Some(&factor.id) == proof.factor_id.as_ref()) || *proof == backup_code()
                });
                let fresh = before.proven.iter().any(|proof| {
                    proof.amr == ["pwd"] && rules.first_factor_since.is_none_or(|since| proof.at >= since)
                });
                prop_assert!(proved || guards().next().is_none() && fresh, "{before:?} {event:?}");
            }
            position = after;
            if position.is_signed_in() {
                prop_assert!(rules.satisfied_by(&position.proven), "{position:?}");
                prop_assert!(!position.proven.is_empty());
                prop_assert!(rules.standing(&position) == Standing::Fine, "{position:?}");
                prop_assert!(!rules.must_enrol(&position), "{position:?}");
                prop_assert!(allowed(&position, rules).is_empty());
            }
            if position.state == State::Success && !position.is_signed_in() {
                prop_assert!(matches!(position.purpose, Purpose::Recovery(_)));
            }
        }
    });
}

/// T5: a step-up is about the user of its session.
fn sec_t05_the_password_of_another_user_raises_no_session() {
    let rules = Rules {
        demands: vec![Demand { since: Some(NOW), ..Demand::level(Acr::OneFactorAny) }],
        ..Rules::default()
    };
    let old = VerifiedFactor::password(NOW - time::Duration::HOUR);
    let found = Event::SessionFound { user_id: alice(), proven: vec![old] };
    let asked = next(Position::default(), found, &rules, NOW).unwrap();
    assert_eq!(asked.state, State::Unauthenticated);
    let bob = Event::PasswordAccepted { user_id: UserId::new("00ubob"), at: NOW };
    assert!(next(asked.clone(), bob, &rules, NOW).is_err());
    let own = Event::PasswordAccepted { user_id: alice(), at: NOW };
    assert_eq!(next(asked, own, &rules, NOW).unwrap().state, State::Success);
}

/// S3: a reset by mail or phone gives a password only.
fn sec_s03_a_recovery_never_ends_in_a_session() {
    for kind in [RecoveryKind::Password, RecoveryKind::Unlock] {
        let rules = Rules::default();
        let proved = Event::RecoveryProved { user_id: alice(), kind };
        let mut position = next(Position::default(), proved, &rules, NOW).unwrap();
        if kind == RecoveryKind::Password {
            position = next(position, Event::PasswordWasReset { at: NOW }, &rules, NOW).unwrap();
        }
        assert_eq!(position.state, State::Success);
        assert!(!position.is_signed_in());
        assert!(position.proven.is_empty());
    }
}

/// RFC 9470 §5: a session that proved a password is asked for the second factor alone.
fn only_the_missing_factor_is_asked_for() {
    let rules = Rules {
        demands: vec![Demand::level(Acr::TwoFactorAny)],
        factors: vec![usable(FactorKind::Question), usable(FactorKind::Sms)],
        ..Rules::default()
    };
    let found = Event::SessionFound { user_id: alice(), proven: vec![VerifiedFactor::password(NOW)] };
    let asked = next(Position::default(), found, &rules, NOW).unwrap();
    assert_eq!(asked.state, State::MfaRequired);
    // A question beside a password is no second factor: it is not even offered.
    assert_eq!(allowed(&asked, &rules), [Action::Verify(id(FactorKind::Sms)), Action::Cancel]);
    let done = next(asked, Event::FactorVerified { proof: proof(FactorKind::Sms) }, &rules, NOW).unwrap();
    assert!(done.is_signed_in());
}

/// Okta `requireFactor`: a recovery or bypass code stands for a factor, the mail of an activation does not.
fn a_code_in_place_of_a_factor_counts_as_one_beside_the_password() {
    let rules = Rules { demands: vec![Demand::beside_password()], ..Rules::default() };
    let password = VerifiedFactor::password(NOW);
    let mail = VerifiedFactor { amr: vec!["email".to_owned()], at: NOW, factor_id: None };
    assert!(!rules.satisfied_by(std::slice::from_ref(&password)));
    assert!(!rules.satisfied_by(&[password.clone(), mail]));
    assert!(rules.satisfied_by(&[password, VerifiedFactor::backup_code(NOW)]));
}

fn whoever_enrols() -> Rules {
    Rules {
        demands: vec![Demand::level(Acr::OneFactorAny), Demand::beside_password()],
        enrollable: vec![(FactorKind::Sms, Requirement::Optional)],
        ..Rules::default()
    }
}

/// S1: a suspended factor is what a thief would like to replace; nothing but a code in place of it gets further.
fn sec_s01_a_factor_out_of_use_guards_the_account() {
    let mut rules = Rules { suspended: vec![usable(FactorKind::TotpGoogle)], ..whoever_enrols() };
    let password = Event::PasswordAccepted { user_id: alice(), at: NOW };
    assert!(next(Position::default(), password.clone(), &rules, NOW).is_err());
    rules.backup_codes = BackupCodes::Available;
    let asked = next(Position::default(), password, &rules, NOW).unwrap();
    assert_eq!(asked.state, State::MfaRequired);
    assert_eq!(allowed(&asked, &rules), [Action::UseBackupCode, Action::Cancel]);
    let proof = backup_code();
    assert!(next(asked, Event::BackupCodeAccepted { proof }, &rules, NOW).unwrap().is_signed_in());
}

/// S1: whoever waited while the owner enrolled a factor enrols no other.
fn sec_s01_a_factor_that_is_there_now_guards_the_account() {
    let before = whoever_enrols();
    let now = Rules { factors: vec![usable(FactorKind::TotpGoogle)], ..whoever_enrols() };
    let kind = FactorKind::Sms;
    for state in [State::MfaEnroll, State::MfaEnrollActivate { factor: id(kind), kind }] {
        let parked = position(state);
        let enrolled = Event::FactorEnrolled { kind, proof: proof(kind) };
        assert!(next(parked.clone(), enrolled.clone(), &before, NOW).is_ok());
        assert!(next(parked.clone(), enrolled, &now, NOW).is_err());
        let begun = Event::EnrolmentBegun { factor: id(kind), kind };
        assert!(next(parked.clone(), begun, &now, NOW).is_err());
        let enrols = |action: &Action| {
            matches!(action, Action::Enroll(_) | Action::Activate(_) | Action::ResendActivation(_))
        };
        assert!(!allowed(&parked, &now).iter().any(enrols));
    }
}

/// S1: a session that is old, or any proof that is no password, enrols no first factor.
fn sec_s01_the_first_factor_takes_a_fresh_password() {
    let rules = Rules { first_factor_since: Some(NOW), ..whoever_enrols() };
    let found = |at| Event::SessionFound { user_id: alice(), proven: vec![VerifiedFactor::password(at)] };
    let old = next(Position::default(), found(NOW - time::Duration::SECOND), &rules, NOW).unwrap();
    assert_eq!(old.state, State::Unauthenticated);
    assert_eq!(next(Position::default(), found(NOW), &rules, NOW).unwrap().state, State::MfaEnroll);
    let again = Event::PasswordAccepted { user_id: alice(), at: NOW };
    assert_eq!(next(old, again, &rules, NOW).unwrap().state, State::MfaEnroll);
}

/// S9: what was proved by a factor that is gone is asked for anew, whatever came after it; what is asked for already goes on,
/// and looking never ends a transaction.
fn sec_s09_a_proof_goes_with_its_factor() {
    let (totp, sms) = (FactorKind::TotpGoogle, FactorKind::Sms);
    let rules = |left: &[FactorKind]| Rules {
        demands: vec![Demand::level(Acr::TwoFactorAny)],
        factors: left.iter().map(|kind| usable(*kind)).collect(),
        password: Standing::Expired,
        ..Rules::default()
    };
    let mut half = position(State::PasswordExpired);
    half.prove(proof(totp));
    assert_eq!(revised(half.clone(), &rules(&[totp, sms])), Ok(half.clone()));
    let left = revised(half.clone(), &rules(&[sms])).unwrap();
    assert_eq!((left.state, left.proven), (State::MfaRequired, vec![VerifiedFactor::password(NOW)]));
    assert_eq!(revised(half.clone(), &rules(&[])), Err(StepError::Unreachable));
    let asked = State::MfaChallenge { factor: id(sms), kind: sms };
    let challenged = Position { state: asked.clone(), ..half.clone() };
    assert_eq!(revised(challenged.clone(), &rules(&[sms])).unwrap().state, asked);
    let plain = Rules { demands: vec![Demand::level(Acr::OneFactorAny)], ..Rules::default() };
    assert_eq!(revised(challenged.clone(), &plain).unwrap().state, asked, "only a step succeeds");
    let mut by_passkey = Position { user_id: Some(alice()), state: State::MfaEnroll, ..Position::default() };
    by_passkey.prove(proof(FactorKind::Webauthn));
    assert_eq!(revised(by_passkey, &plain).unwrap().state, State::Unauthenticated);
}
