//! Policies about signing in, and the network zones that their rules speak of.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{People, list, people, policy::priority, status};
use crate::{
    model::{
        Status,
        factor::FactorKind,
        policy::{Access, AttestationConveyance, PasswordRules, PushRules, Requirement, WebauthnRules},
        policy_set::{
            AppSignOnAction, Applications, AuthenticationSettings, EnrollAction, MfaEnrollSettings,
            NoSettings, PasswordAction, SignOnAction,
        },
        zone::Gateway,
    },
    seed::{
        SeedError,
        document::{Members, Place, Reference},
    },
};

/// All that a document says of policies about signing in.
pub(in crate::seed) struct Policies {
    pub(in crate::seed) zones: Vec<Zone>,
    pub(in crate::seed) global_session: Vec<Policy<NoSettings, SignOnAction>>,
    pub(in crate::seed) authentication: Vec<Policy<AuthenticationSettings, AppSignOnAction>>,
    pub(in crate::seed) mfa_enroll: Vec<Policy<MfaEnrollSettings, EnrollAction>>,
    pub(in crate::seed) password: Vec<Policy<PasswordRules, PasswordAction>>,
}

impl Policies {
    /// How many policies there are.
    pub(in crate::seed) fn count(&self) -> usize {
        self.global_session.len() + self.authentication.len() + self.mfa_enroll.len() + self.password.len()
    }
}

pub(in crate::seed) struct Zone {
    pub(in crate::seed) name: String,
    pub(in crate::seed) status: Status,
    pub(in crate::seed) gateways: Vec<Gateway>,
}

pub(in crate::seed) struct Policy<S, A> {
    pub(in crate::seed) name: String,
    pub(in crate::seed) description: String,
    pub(in crate::seed) priority: i32,
    pub(in crate::seed) status: Status,
    /// None: everyone.
    pub(in crate::seed) groups: Vec<Reference>,
    /// The applications of an authentication policy.
    pub(in crate::seed) clients: Vec<Reference>,
    pub(in crate::seed) settings: S,
    pub(in crate::seed) rules: Vec<Rule<A>>,
}

pub(in crate::seed) struct Rule<A> {
    pub(in crate::seed) name: String,
    pub(in crate::seed) priority: i32,
    pub(in crate::seed) status: Status,
    pub(in crate::seed) people: People,
    pub(in crate::seed) include: Vec<Reference>,
    pub(in crate::seed) exclude: Vec<Reference>,
    pub(in crate::seed) action: A,
}

/// The keys of a document that are about policies.
pub(in crate::seed) const KEYS: [&str; 5] = [
    "network_zones",
    "global_session_policies",
    "authentication_policies",
    "mfa_enroll_policies",
    "password_policies",
];

pub(in crate::seed) fn policies(root: &Members<'_>) -> Result<Policies, SeedError> {
    let authentication = each(root, "authentication_policies", authentication)?;
    one_policy_for_each_client(&authentication)?;
    if authentication.iter().filter(|policy| policy.settings.applications == Applications::Default).count()
        > 1
    {
        return Err(root.load("authentication_policies")?.error("more than one policy is the `default`"));
    }
    Ok(Policies {
        zones: list(root, "network_zones", "name", zone)?,
        global_session: each(root, "global_session_policies", global_session)?,
        authentication,
        mfa_enroll: each(root, "mfa_enroll_policies", mfa_enroll)?,
        password: each(root, "password_policies", password)?,
    })
}

fn each<'a, T>(
    root: &Members<'a>,
    key: &str,
    read: impl Fn(&Place<'a>, usize) -> Result<T, SeedError>,
) -> Result<Vec<T>, SeedError> {
    let places = list(root, key, "name", |place| Ok(place.clone()))?;
    places.iter().enumerate().map(|(index, place)| read(place, index)).collect()
}

fn one_policy_for_each_client<S, A>(policies: &[Policy<S, A>]) -> Result<(), SeedError> {
    let mut seen: Vec<&str> = Vec::new();
    for client in policies.iter().flat_map(|policy| &policy.clients) {
        if seen.contains(&client.name.as_str()) {
            return Err(client.spot.error("has a policy already: an application has one"));
        }
        seen.push(&client.name);
    }
    Ok(())
}

fn zone(place: &Place<'_>) -> Result<Zone, SeedError> {
    let members = place.members(&["name", "status", "gateways"])?;
    let gateway =
        |place: &Place<'_>| place.text()?.parse::<Gateway>().map_err(|error| place.error(error.to_string()));
    let gateways = members.load("gateways")?.list()?;
    if gateways.len() > MAX_GATEWAYS {
        return Err(members.place.error(format!("has more than {MAX_GATEWAYS} gateways")));
    }
    Ok(Zone {
        name: members.load("name")?.text()?,
        status: status(&members)?.unwrap_or_default(),
        gateways: gateways.iter().map(gateway).collect::<Result<_, _>>()?,
    })
}

const MAX_GATEWAYS: usize = 150;

/// What is special about a kind of policy: its own keys, and those of its rules.
struct Form<'k> {
    keys: &'k [&'k str],
    rule_keys: &'k [&'k str],
}

fn policy<'a, S, A>(
    (place, index): (&Place<'a>, usize),
    form: &Form<'_>,
    settings: impl Fn(&Members<'a>) -> Result<S, SeedError>,
    action: impl Fn(&Members<'a>) -> Result<A, SeedError>,
) -> Result<Policy<S, A>, SeedError> {
    let members =
        place.members(&[&["name", "description", "priority", "status", "rules"], form.keys].concat())?;
    let rules = list(&members, "rules", "name", |place| Ok(place.clone()))?;
    Ok(Policy {
        name: members.load("name")?.text()?,
        description: members.text("description")?.unwrap_or_default(),
        priority: priority(&members, index)?,
        status: status(&members)?.unwrap_or_default(),
        groups: members.opt("groups", |place| place.references())?.unwrap_or_default(),
        clients: members.opt("clients", |place| place.references())?.unwrap_or_default(),
        settings: settings(&members)?,
        rules: rules
            .iter()
            .enumerate()
            .map(|(index, place)| rule(place, index, form, &action))
            .collect::<Result<_, _>>()?,
    })
}

fn rule<'a, A>(
    place: &Place<'a>,
    index: usize,
    form: &Form<'_>,
    action: impl Fn(&Members<'a>) -> Result<A, SeedError>,
) -> Result<Rule<A>, SeedError> {
    let members =
        place.members(&[&["name", "priority", "status", "people", "network"], form.rule_keys].concat())?;
    let people = members
        .opt("people", |place| people(&place, &["users", "groups", "exclude_users", "exclude_groups"]))?;
    let network = members.opt("network", |place| place.members(&["include", "exclude"]))?;
    let zones = |key| match &network {
        Some(network) => network.opt(key, |place| place.references()).map(Option::unwrap_or_default),
        None => Ok(Vec::new()),
    };
    Ok(Rule {
        name: members.load("name")?.text()?,
        priority: priority(&members, index)?,
        status: status(&members)?.unwrap_or_default(),
        people: people.unwrap_or_default(),
        include: zones("include")?,
        exclude: zones("exclude")?,
        action: action(&members)?,
    })
}

fn access(members: &Members<'_>, key: &str, usual: Access) -> Result<Access, SeedError> {
    Ok(members.opt(key, |place| place.word("ALLOW, DENY"))?.unwrap_or(usual))
}

fn global_session(place: &Place<'_>, index: usize) -> Result<Policy<NoSettings, SignOnAction>, SeedError> {
    let form = Form {
        keys: &["groups"],
        rule_keys: &[
            "access",
            "primary_factor",
            "require_factor",
            "factor_prompt_mode",
            "factor_lifetime_minutes",
            "remember_device_by_default",
            "max_session_idle_minutes",
            "max_session_lifetime_minutes",
            "use_persistent_cookie",
        ],
    };
    let action = |members: &Members<'_>| {
        let usual = SignOnAction::default();
        let minutes = |key, most| members.opt(key, |place| place.integer(1..=most));
        let flag = |key, usual| members.flag(key).map(|given| given.unwrap_or(usual));
        Ok(SignOnAction {
            access: access(members, "access", usual.access)?,
            primary_factor: members
                .opt("primary_factor", |place| place.word("PASSWORD_IDP, PASSWORD_IDP_ANY_FACTOR"))?
                .unwrap_or(usual.primary_factor),
            require_factor: flag("require_factor", usual.require_factor)?,
            factor_prompt_mode: members
                .opt("factor_prompt_mode", |place| place.word("ALWAYS, DEVICE, SESSION"))?
                .unwrap_or(usual.factor_prompt_mode),
            factor_lifetime: minutes("factor_lifetime_minutes", YEAR)?.unwrap_or(usual.factor_lifetime),
            remember_device_by_default: flag("remember_device_by_default", usual.remember_device_by_default)?,
            max_session_idle_minutes: minutes("max_session_idle_minutes", YEAR)?,
            max_session_lifetime_minutes: minutes("max_session_lifetime_minutes", YEAR)?,
            use_persistent_cookie: flag("use_persistent_cookie", usual.use_persistent_cookie)?,
        })
    };
    policy((place, index), &form, |_| Ok(NoSettings {}), action)
}

/// Minutes of a year.
const YEAR: u32 = 366 * 24 * 60;

fn authentication(
    place: &Place<'_>,
    index: usize,
) -> Result<Policy<AuthenticationSettings, AppSignOnAction>, SeedError> {
    let form = Form {
        keys: &["clients", "default"],
        rule_keys: &["access", "factor_mode", "reauthenticate_in_minutes", "on_refresh"],
    };
    let settings = |members: &Members<'_>| {
        let default = members.flag("default")?.unwrap_or(false);
        let applications = if default { Applications::Default } else { Applications::Mapped };
        Ok(AuthenticationSettings { applications })
    };
    let action = |members: &Members<'_>| {
        Ok(AppSignOnAction {
            access: access(members, "access", Access::Allow)?,
            factor_mode: members.opt("factor_mode", |place| place.word("1FA, 2FA"))?.unwrap_or_default(),
            reauthenticate_in: members.opt("reauthenticate_in_minutes", |place| place.integer(0..=YEAR))?,
            on_refresh: members.flag("on_refresh")?.unwrap_or(false),
        })
    };
    policy((place, index), &form, settings, action)
}

fn mfa_enroll(place: &Place<'_>, index: usize) -> Result<Policy<MfaEnrollSettings, EnrollAction>, SeedError> {
    let form = Form { keys: &["groups", "factors", "webauthn", "push"], rule_keys: &["enroll"] };
    let settings = |members: &Members<'_>| {
        let known = FactorKind::ALL.map(FactorKind::key);
        let mut factors = BTreeMap::new();
        for (key, place) in members.load("factors")?.members(&known)?.all() {
            if let Some(kind) = FactorKind::from_key(key) {
                let requirement: Requirement = place.word("NOT_ALLOWED, OPTIONAL, REQUIRED")?;
                factors.insert(kind, requirement);
            }
        }
        let webauthn = members.opt("webauthn", |place| webauthn(&place))?.unwrap_or_default();
        let push = members.opt("push", |place| push(&place))?.unwrap_or_default();
        Ok(MfaEnrollSettings { factors, webauthn, push })
    };
    let action = |members: &Members<'_>| {
        let prompt =
            members.opt("enroll", |place| place.word("LOGIN, CHALLENGE, NEVER"))?.unwrap_or_default();
        Ok(EnrollAction { prompt })
    };
    policy((place, index), &form, settings, action)
}

fn push(place: &Place<'_>) -> Result<PushRules, SeedError> {
    let members = place.members(&["number_matching"])?;
    let number_matching = members.opt("number_matching", |place| place.word("required, off"))?;
    Ok(PushRules { number_matching: number_matching.unwrap_or_default() })
}

fn webauthn(place: &Place<'_>) -> Result<WebauthnRules, SeedError> {
    let known = ["user_verification", "attestation", "allowed_aaguids", "attestation_roots"];
    let members = place.members(&known)?;
    let texts = |key| match members.find(key) {
        Some(place) => place.list(),
        None => Ok(Vec::new()),
    };
    let aaguids = texts("allowed_aaguids")?.into_iter().map(|place| {
        let text = place.text()?;
        if is_uuid(&text) { Ok(text) } else { Err(place.error("must be a UUID")) }
    });
    let roots = texts("attestation_roots")?.into_iter().map(|place| {
        let der = CertificateDer::from_pem_slice(place.text()?.as_bytes());
        der.map(|der| URL_SAFE_NO_PAD.encode(der)).map_err(|_| place.error("must be a certificate as PEM"))
    });
    let attestation: AttestationConveyance =
        members.opt("attestation", |place| place.word("none, direct"))?.unwrap_or_default();
    let attestation_roots: Vec<String> = roots.collect::<Result<_, _>>()?;
    if attestation == AttestationConveyance::None && !attestation_roots.is_empty() {
        return Err(place.error("attestation_roots count with attestation: direct only"));
    }
    Ok(WebauthnRules {
        user_verification: members
            .opt("user_verification", |place| place.word("required, preferred, discouraged"))?
            .unwrap_or_default(),
        attestation,
        allowed_aaguids: aaguids.collect::<Result<_, _>>()?,
        attestation_roots,
    })
}

/// Five groups of hexadecimal digits (RFC 9562 §4).
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
}

fn password(place: &Place<'_>, index: usize) -> Result<Policy<PasswordRules, PasswordAction>, SeedError> {
    let form = Form {
        keys: &[
            "groups",
            "min_length",
            "min_lower_case",
            "min_upper_case",
            "min_number",
            "min_symbol",
            "exclude_username",
            "exclude_common",
            "history_count",
            "min_age_minutes",
            "max_age_days",
            "expire_warn_days",
            "show_lockout_failures",
            "recovery_email",
            "recovery_sms",
            "recovery_call",
            "recovery_question",
            "recovery_token_lifetime_minutes",
        ],
        rule_keys: &["password_change", "self_service_password_reset", "self_service_unlock"],
    };
    let action = |members: &Members<'_>| {
        let usual = PasswordAction::default();
        Ok(PasswordAction {
            password_change: access(members, "password_change", usual.password_change)?,
            self_service_password_reset: access(
                members,
                "self_service_password_reset",
                usual.self_service_password_reset,
            )?,
            self_service_unlock: access(members, "self_service_unlock", usual.self_service_unlock)?,
        })
    };
    policy((place, index), &form, password_rules, action)
}

fn password_rules(members: &Members<'_>) -> Result<PasswordRules, SeedError> {
    let usual = PasswordRules::default();
    let number = |key, (least, most): (u32, u32), usual| {
        members.opt(key, |place| place.integer(least..=most)).map(|given| given.unwrap_or(usual))
    };
    let flag = |key, usual| members.flag(key).map(|given| given.unwrap_or(usual));
    Ok(PasswordRules {
        min_length: number("min_length", (4, 72), usual.min_length)?,
        min_lower_case: number("min_lower_case", (0, 10), usual.min_lower_case)?,
        min_upper_case: number("min_upper_case", (0, 10), usual.min_upper_case)?,
        min_number: number("min_number", (0, 10), usual.min_number)?,
        min_symbol: number("min_symbol", (0, 10), usual.min_symbol)?,
        exclude_username: flag("exclude_username", usual.exclude_username)?,
        exclude_common: flag("exclude_common", usual.exclude_common)?,
        history_count: number("history_count", (0, 10), usual.history_count)?,
        min_age_minutes: number("min_age_minutes", (0, YEAR), usual.min_age_minutes)?,
        max_age_days: number("max_age_days", (0, 3650), usual.max_age_days)?,
        expire_warn_days: number("expire_warn_days", (0, 3650), usual.expire_warn_days)?,
        show_lockout_failures: flag("show_lockout_failures", usual.show_lockout_failures)?,
        recovery_email: flag("recovery_email", usual.recovery_email)?,
        recovery_sms: flag("recovery_sms", usual.recovery_sms)?,
        recovery_call: flag("recovery_call", usual.recovery_call)?,
        recovery_question: flag("recovery_question", usual.recovery_question)?,
        recovery_token_lifetime_minutes: number(
            "recovery_token_lifetime_minutes",
            // No longer than a link in a mail should live.
            (1, 60),
            usual.recovery_token_lifetime_minutes,
        )?,
        // What users may do themselves, rules say.
        allow_change: usual.allow_change,
        allow_reset: usual.allow_reset,
        allow_unlock: usual.allow_unlock,
    })
}
