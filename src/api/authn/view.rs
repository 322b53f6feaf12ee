//! A transaction in Okta's JSON. Links are made from what may be done ([`crate::authn::action::allowed`]) and from nothing
//! else; each has exactly one method, because Okta's clients make no function of a link that has more.

use serde_json::{Map, Value, json};

use super::push::{self, AutoPush};
use crate::{
    api::v1::user_factors::view::activation_view,
    app::App,
    authn::{
        action::Action,
        rules::Standing,
        service::{Gain, Pending, Reply, Shown, Success, recovery::Handed},
        session_token,
        state::State,
    },
    factor::{Activation, service::Scope},
    model::{
        factor::{Factor, FactorKind, masked_email, masked_phone},
        policy::{FactorPrompt, GlobalSession, PasswordRules, Requirement},
        recovery::RecoveryKind,
        user::User,
    },
    protocol::timestamp::timestamp,
};

/// Where a step led.
pub(super) fn reply(app: &App, reply: &Reply, auto_push: &AutoPush) -> Value {
    match reply {
        Reply::Pending(pending) => self::pending(app, pending, auto_push),
        Reply::Success(success) => self::success(app, success),
        Reply::LockedOut => json!({
            "status": "LOCKED_OUT",
            "_embedded": {},
            "_links": { "next": link(app, Some("unlock"), "/recovery/unlock") },
        }),
    }
}

/// A link was mailed, if there is such a user.
pub(super) fn mailed(kind: RecoveryKind, relay_state: Option<&str>) -> Value {
    let mut told = json!({
        "status": "RECOVERY_CHALLENGE",
        "factorResult": "WAITING",
        "factorType": "EMAIL",
        "recoveryType": kind.as_str(),
    });
    set(&mut told, "relayState", relay_state.map(Value::from));
    told
}

/// A recovery token for a trusted application.
pub(super) fn handed(app: &App, kind: RecoveryKind, handed: &Handed) -> Value {
    json!({
        "expiresAt": timestamp(handed.expires_at),
        "status": "RECOVERY",
        "recoveryToken": handed.token.expose(),
        "recoveryType": kind.as_str(),
        "_embedded": { "user": user(&handed.user, handed.question.as_deref()) },
        "_links": {
            "next": link(app, Some("recovery"), "/recovery/token"),
            "cancel": link(app, None, "/cancel"),
        },
    })
}

fn success(app: &App, success: &Success) -> Value {
    let mut told = json!({
        "status": "SUCCESS",
        "_embedded": { "user": user(&success.user, None) },
    });
    match &success.gain {
        Gain::SessionToken(token) => {
            set(&mut told, "expiresAt", Some(timestamp(session_token::expiry(app)).into()));
            set(&mut told, "sessionToken", Some(token.expose().as_str().into()));
        }
        Gain::Recovered(kind) => {
            set(&mut told, "expiresAt", Some(timestamp(app.now()).into()));
            set(&mut told, "recoveryType", Some(kind.as_str().into()));
        }
        Gain::Session(_) => {}
    }
    set(&mut told, "relayState", success.relay_state.as_deref().map(Value::from));
    told
}

fn pending(app: &App, pending: &Pending, auto_push: &AutoPush) -> Value {
    let transaction = &pending.transaction;
    let state = &transaction.position.state;
    let mut told = json!({
        "stateToken": transaction.token.expose(),
        "expiresAt": timestamp(transaction.expires_at),
        "status": state.status(),
        "_embedded": embedded(app, pending, auto_push),
        "_links": links(app, pending),
    });
    set(&mut told, "relayState", transaction.context.relay_state.as_deref().map(Value::from));
    match state {
        State::Recovery { kind } | State::PasswordReset { kind } => {
            set(&mut told, "recoveryType", Some(kind.as_str().into()));
        }
        State::RecoveryChallenge { kind, channel } => {
            set(&mut told, "recoveryType", Some(kind.as_str().into()));
            set(&mut told, "factorType", Some(channel.as_str().into()));
        }
        State::MfaChallenge { kind: FactorKind::Push, .. } => {
            let result = pending.facts.push.as_ref().map(|asked| asked.result(app.now()));
            set(&mut told, "factorResult", result.map(|result| result.as_str().into()));
        }
        State::MfaEnrollActivate { factor, kind: FactorKind::Push } => {
            let result = if push::is_open(app, pending, factor) { "WAITING" } else { "TIMEOUT" };
            set(&mut told, "factorResult", Some(result.into()));
        }
        State::MfaChallenge { kind, .. } if pending.challenge.is_some() => {
            set(&mut told, "factorResult", Some("CHALLENGE".into()));
            let challenge_type = if by_kind(pending) { "FACTOR_TYPE" } else { "FACTOR" };
            set(&mut told, "challengeType", Some(challenge_type.into()));
            if by_kind(pending) {
                set(&mut told, "factorType", Some(kind.factor_type().into()));
            }
        }
        State::Unauthenticated
        | State::PasswordWarn
        | State::PasswordExpired
        | State::MfaEnroll
        | State::MfaEnrollActivate { .. }
        | State::MfaRequired
        | State::MfaChallenge { .. }
        | State::Success => {}
    }
    told
}

/// Whether any factor of the kind may answer the challenge that is told.
fn by_kind(pending: &Pending) -> bool {
    pending.challenge.as_ref().is_some_and(|shown| shown.scope == Scope::Any)
}

fn set(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}

fn link(app: &App, name: Option<&str>, path: &str) -> Value {
    let href = format!("{}/api/v1/authn{path}", app.settings.issuer);
    let mut link = json!({ "href": href, "hints": { "allow": ["POST"] } });
    set(&mut link, "name", name.map(Value::from));
    link
}

/// The links of the transaction itself; those of factors stand with the factors.
fn links(app: &App, pending: &Pending) -> Value {
    let state = &pending.transaction.position.state;
    let mut links = Map::new();
    let mut add = |name: &str, link: Value| drop(links.insert(name.to_owned(), link));
    for action in pending.actions() {
        match action {
            Action::SubmitPassword => add("next", link(app, Some("authenticate"), "")),
            Action::ChangePassword => {
                add("next", link(app, Some("changePassword"), "/credentials/change_password"));
            }
            Action::ResetPassword => {
                add("next", link(app, Some("resetPassword"), "/credentials/reset_password"));
            }
            Action::AnswerRecovery => add("next", link(app, Some("answer"), "/recovery/answer")),
            Action::VerifyRecovery(channel) => {
                let path = format!("/recovery/factors/{}/verify", channel.as_str());
                add("next", link(app, Some("verify"), &path));
            }
            // Okta tells this one alone, not in a list.
            Action::ResendRecovery(channel) => {
                let path = format!("/recovery/factors/{}/resend", channel.as_str());
                add("resend", link(app, Some(&channel.as_str().to_lowercase()), &path));
            }
            Action::Activate(id) if push::is_open(app, pending, &id) => {
                add("next", link(app, Some("poll"), &format!("/factors/{id}/lifecycle/activate/poll")));
            }
            // What is sent stands with the activation.
            Action::ResendActivation(_)
                if matches!(state, State::MfaEnrollActivate { kind: FactorKind::Push, .. }) => {}
            Action::Activate(id) => {
                add("next", link(app, Some("activate"), &format!("/factors/{id}/lifecycle/activate")));
            }
            Action::ResendActivation(id) => {
                add("resend", resend(app, state, &format!("/factors/{id}/lifecycle/resend")));
            }
            Action::Verify(id) => match state {
                State::MfaChallenge { kind, .. } if by_kind(pending) => {
                    let path = format!("/factors/{}/verify", kind.factor_type());
                    add("next", link(app, Some("verify"), &path));
                }
                State::MfaChallenge { factor, .. } if *factor == id => {
                    let name = if push::waits(app, pending) { "poll" } else { "verify" };
                    add("next", link(app, Some(name), &format!("/factors/{id}/verify")));
                }
                _ => {}
            },
            Action::ResendChallenge(id) => {
                add("resend", resend(app, state, &format!("/factors/{id}/verify/resend")));
            }
            // auth-js makes a function of every named link: `transaction.recoveryCode({ passCode })`.
            Action::UseBackupCode => {
                add("recoveryCode", link(app, Some("recoveryCode"), "/factors/recovery_code/verify"));
            }
            Action::Enroll(_) => {}
            Action::Previous => add("prev", link(app, None, "/previous")),
            Action::Skip => add("skip", link(app, Some("skip"), "/skip")),
            Action::Cancel => add("cancel", link(app, None, "/cancel")),
        }
    }
    Value::Object(links)
}

fn resend(app: &App, state: &State, path: &str) -> Value {
    let kind = match state {
        State::MfaChallenge { kind, .. } | State::MfaEnrollActivate { kind, .. } => kind.factor_type(),
        _ => "",
    };
    json!([link(app, Some(kind), path)])
}

fn embedded(app: &App, pending: &Pending, auto_push: &AutoPush) -> Value {
    let (position, facts) = (&pending.transaction.position, &pending.facts);
    let session = &facts.policies.session;
    let mut embedded = Map::new();
    let mut add = |name: &str, value: Value| drop(embedded.insert(name.to_owned(), value));
    // Nothing is told about a user before something was proved (security rules M3, M4).
    let told = !matches!(position.state, State::Unauthenticated | State::RecoveryChallenge { .. });
    if let Some(known) = facts.user.as_ref().filter(|_| told) {
        let question = matches!(position.state, State::Recovery { .. }).then_some(facts.question.as_deref());
        add("user", user(known, question.flatten()));
    }
    match &position.state {
        State::PasswordWarn | State::PasswordExpired => {
            let days = match facts.rules.standing(position) {
                Standing::Warn { days } => days,
                Standing::Fine | Standing::Expired => 0,
            };
            let mut policy = password_policy(&facts.policies.password);
            set(&mut policy, "expiration", Some(json!({ "passwordExpireDays": days })));
            add("policy", policy);
        }
        State::PasswordReset { .. } => {
            let rules = &facts.policies.password;
            let mut policy = password_policy(rules);
            let age = json!({ "minAgeMinutes": rules.min_age_minutes, "historyCount": rules.history_count });
            set(&mut policy, "expiration", Some(json!({ "passwordExpireDays": rules.max_age_days })));
            set(&mut policy, "age", Some(age));
            add("policy", policy);
        }
        State::MfaEnroll => {
            let left = facts.rules.offered(position);
            let has = facts.factors.iter().filter(|factor| factor.is_active());
            let has = has.map(|factor| offered(app, (factor.kind, Requirement::Optional), "ACTIVE"));
            let offers = left.iter().map(|offer| offered(app, *offer, "NOT_SETUP"));
            add("factors", offers.chain(has).collect());
        }
        State::MfaEnrollActivate { factor: id, .. } => {
            if let Some(known) = facts.factor(id) {
                let activation = match known.kind {
                    FactorKind::Push => push::activation(app, known),
                    _ => pending.activation.as_ref().map(|given| activation(app, known, given)),
                };
                let mut told = factor(known);
                set(&mut told, "_embedded", activation.map(|activation| json!({ "activation": activation })));
                add("factor", told);
            }
        }
        State::MfaRequired => {
            let askable = facts.rules.askable(position);
            let listed = askable.iter().filter_map(|usable| facts.factor(&usable.id)).map(|known| {
                let mut told = factor(known);
                let verify = link(app, None, &format!("/factors/{}/verify", known.id));
                set(&mut told, "_links", Some(json!({ "verify": verify })));
                told
            });
            add("factors", listed.collect());
            // Okta names the kinds of which a user may have several.
            if askable.iter().any(|usable| usable.kind == FactorKind::Webauthn) {
                let kind = FactorKind::Webauthn.factor_type();
                let next = link(app, Some("verify"), &format!("/factors/{kind}/verify"));
                add("factorTypes", json!([{ "factorType": kind, "_links": { "next": next } }]));
            }
            add("policy", mfa_policy(session, &auto_push.told(&facts.factors)));
        }
        State::MfaChallenge { factor: id, .. } => {
            if let Some(known) = facts.factor(id) {
                let mut told = factor(known);
                match &pending.challenge {
                    Some(Shown { options, scope: Scope::One }) => {
                        set(&mut told, "_embedded", Some(json!({ "challenge": options })));
                        add("factor", told);
                    }
                    Some(Shown { options, scope: Scope::Any }) => {
                        let same = facts.factors.iter().filter(|other| other.kind == known.kind);
                        let asked = same.filter(|other| pending.may_verify(&other.id));
                        add("challenge", options.clone());
                        add("factors", asked.map(factor).collect());
                    }
                    None => {
                        let number = facts.push.as_ref().and_then(|asked| asked.correct_answer(app.now()));
                        let challenge = number.map(|number| json!({ "correctAnswer": number }));
                        set(
                            &mut told,
                            "_embedded",
                            challenge.map(|challenge| json!({ "challenge": challenge })),
                        );
                        add("factor", told);
                    }
                }
            }
            add("policy", mfa_policy(session, &auto_push.told(&facts.factors)));
        }
        State::Unauthenticated
        | State::Recovery { .. }
        | State::RecoveryChallenge { .. }
        | State::Success => {}
    }
    Value::Object(embedded)
}

fn user(user: &User, question: Option<&str>) -> Value {
    let text = |name: &str| user.profile.text(name);
    let mut told = json!({
        "id": user.id,
        "passwordChanged": user.password_changed_at.map(timestamp),
        "profile": {
            "login": user.login,
            "firstName": text("firstName"),
            "lastName": text("lastName"),
            "locale": text("locale").unwrap_or("en_US"),
            "timeZone": text("timezone").unwrap_or("UTC"),
        },
    });
    set(&mut told, "recovery_question", question.map(|question| json!({ "question": question })));
    told
}

fn factor(factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "factorType": factor.kind.factor_type(),
        "provider": factor.kind.provider(),
        "vendorName": factor.kind.provider(),
        "profile": profile(factor),
    })
}

/// What a factor is told by before it was proved: phones and addresses only so far that their owner knows them.
fn profile(factor: &Factor) -> Value {
    let mut told = Map::new();
    for (name, value) in &factor.profile {
        let Some(text) = value.as_str() else { continue };
        let shown = match (name.as_str(), factor.kind) {
            ("phoneNumber", _) => masked_phone(text),
            ("email", _) => masked_email(text),
            ("question" | "questionText", FactorKind::Question) => text.to_owned(),
            ("credentialId" | "authenticatorName" | "version" | "appId", _) => text.to_owned(),
            ("deviceType" | "name" | "platform", FactorKind::Push) => text.to_owned(),
            _ => continue,
        };
        told.insert(name.clone(), shown.into());
    }
    Value::Object(told)
}

fn offered(app: &App, (kind, requirement): (FactorKind, Requirement), status: &str) -> Value {
    let enrollment = if requirement == Requirement::Required { "REQUIRED" } else { "OPTIONAL" };
    let mut links = Map::new();
    if status == "NOT_SETUP" {
        links.insert("enroll".to_owned(), link(app, None, "/factors"));
        if kind == FactorKind::Question {
            let href = format!("{}/api/v1/authn/factors/questions", app.settings.issuer);
            links.insert("questions".to_owned(), json!({ "href": href, "hints": { "allow": ["GET"] } }));
        }
    }
    json!({
        "factorType": kind.factor_type(),
        "provider": kind.provider(),
        "vendorName": kind.provider(),
        "status": status,
        "enrollment": enrollment,
        "_links": links,
    })
}

fn activation(app: &App, factor: &Factor, activation: &Activation) -> Value {
    let href = format!("{}/api/v1/users/{}/factors/{}", app.settings.issuer, factor.user_id, factor.id);
    activation_view(&href, activation)
}

fn mfa_policy(session: &GlobalSession, factors: &Value) -> Value {
    let minutes = match session.factor_prompt {
        FactorPrompt::Session => session.factor_lifetime.whole_minutes(),
        FactorPrompt::Always | FactorPrompt::Device => 0,
    };
    let allowed = session.allows_remembering();
    json!({
        "allowRememberDevice": allowed,
        "rememberDeviceByDefault": allowed && session.remember_device_by_default,
        "rememberDeviceLifetimeInMinutes": if allowed { minutes } else { 0 },
        "factorsPolicyInfo": factors,
    })
}

fn password_policy(rules: &PasswordRules) -> Value {
    json!({
        "complexity": {
            "minLength": rules.min_length,
            "minLowerCase": rules.min_lower_case,
            "minUpperCase": rules.min_upper_case,
            "minNumber": rules.min_number,
            "minSymbol": rules.min_symbol,
            "excludeUsername": rules.exclude_username,
        },
    })
}
