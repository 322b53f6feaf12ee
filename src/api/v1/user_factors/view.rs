//! Factors as Okta's Factors API writes them.

use serde_json::{Map, Value, json};

use super::push;
use crate::{
    factor::{Activation, question},
    model::{
        factor::{Factor, FactorKind, FactorStatus},
        policy::Requirement,
    },
    protocol::timestamp::timestamp,
};

/// Where the factors of a user are.
pub(super) struct Place {
    user: String,
}

impl Place {
    pub(super) fn new(issuer: &str, user: &str) -> Self {
        Self { user: format!("{issuer}/api/v1/users/{user}") }
    }

    fn user(&self) -> Value {
        link(&self.user, &["GET"])
    }

    fn questions(&self) -> Value {
        link(&format!("{}/factors/questions", self.user), &["GET"])
    }

    pub(super) fn of(&self, factor: &Factor, rest: &str) -> String {
        format!("{}/factors/{}{rest}", self.user, factor.id)
    }
}

pub(super) fn link(href: &str, allow: &[&str]) -> Value {
    json!({ "href": href, "hints": { "allow": allow } })
}

/// Names a link, as one of several.
pub(super) fn name(link: &mut Value, name: &str) {
    if let Some(members) = link.as_object_mut() {
        members.insert("name".to_owned(), json!(name));
    }
}

/// A factor; with what activates it, right after it was enrolled and never again.
pub(super) fn factor(place: &Place, factor: &Factor, activation: Option<&Activation>) -> Value {
    let mut view = Map::from_iter([
        ("id".to_owned(), json!(factor.id)),
        ("factorType".to_owned(), json!(factor.kind.factor_type())),
        ("provider".to_owned(), json!(factor.kind.provider())),
        ("vendorName".to_owned(), json!(factor.kind.provider())),
        ("status".to_owned(), json!(factor.status.as_str())),
        ("created".to_owned(), json!(timestamp(factor.created_at))),
        ("lastUpdated".to_owned(), json!(timestamp(factor.updated_at))),
        ("profile".to_owned(), json!(factor.profile)),
        ("_links".to_owned(), links(place, factor)),
    ]);
    if let Some(profile) = &factor.factor_profile_id {
        view.insert("factorProfileId".to_owned(), json!(profile));
    }
    if let Some(at) = factor.last_verified_at {
        view.insert("lastVerified".to_owned(), json!(timestamp(at)));
    }
    if let Some(activation) = activation {
        let activation = activation_view(&place.of(factor, ""), activation);
        view.insert("_embedded".to_owned(), json!({ "activation": activation }));
    }
    Value::Object(view)
}

/// What activates a factor; `href` is the factor's own.
pub(in crate::api) fn activation_view(href: &str, activation: &Activation) -> Value {
    match activation {
        Activation::Token(token) => json!({
            "timeStep": token.time_step,
            "sharedSecret": token.shared_secret.expose(),
            "encoding": "base32",
            "keyLength": token.key_length,
            "_links": {
                "qrcode": { "href": format!("{href}/qr/{}", token.qr_token.expose()), "type": "image/png" },
            },
        }),
        Activation::Options(options) => options.clone(),
        Activation::Push(activation) => push::waiting(href, href, activation, None),
    }
}

fn links(place: &Place, factor: &Factor) -> Value {
    let mut links = Map::new();
    let pending = factor.status == FactorStatus::PendingActivation;
    if pending {
        links.insert("activate".to_owned(), link(&place.of(factor, "/lifecycle/activate"), &["POST"]));
        if factor.kind == FactorKind::Push {
            let poll = link(&place.of(factor, "/lifecycle/activate/poll"), &["POST"]);
            links.insert("poll".to_owned(), poll);
        }
        if factor.kind.is_sent() {
            // One link, not a list as in the Authentication API: Okta's generated clients refuse a list here.
            links.insert("resend".to_owned(), resend(place, factor));
        }
    } else if factor.is_active() {
        links.insert("verify".to_owned(), link(&place.of(factor, "/verify"), &["POST"]));
    }
    if factor.kind == FactorKind::Question {
        links.insert("questions".to_owned(), place.questions());
    }
    let allow: &[&str] = if pending { &["GET"] } else { &["GET", "DELETE"] };
    links.insert("self".to_owned(), link(&place.of(factor, ""), allow));
    links.insert("user".to_owned(), place.user());
    Value::Object(links)
}

fn resend(place: &Place, factor: &Factor) -> Value {
    json!({
        "name": factor.kind.factor_type(),
        "href": place.of(factor, "/resend"),
        "hints": { "allow": ["POST"] },
    })
}

/// A kind that the user has or may enrol. No phones are embedded: Okta's Python client takes objects only there.
pub(super) fn supported(
    place: &Place,
    kind: FactorKind,
    (enrolled, requirement): (Option<&Factor>, Requirement),
) -> Value {
    let mut links = Map::new();
    links.insert("enroll".to_owned(), link(&format!("{}/factors", place.user), &["POST"]));
    if kind == FactorKind::Question {
        links.insert("questions".to_owned(), place.questions());
    }
    json!({
        "factorType": kind.factor_type(),
        "provider": kind.provider(),
        "vendorName": kind.provider(),
        "status": enrolled.map_or("NOT_SETUP", |factor| factor.status.as_str()),
        "enrollment": if requirement == Requirement::Required { "REQUIRED" } else { "OPTIONAL" },
        "_links": links,
    })
}

/// The questions.
pub(super) fn questions() -> Value {
    let all = question::QUESTIONS.map(|(key, text)| json!({ "question": key, "questionText": text }));
    Value::from(all.to_vec())
}

/// A code was sent, or something is to be signed. Okta's generated clients take objects only in `profile`, so there is none.
pub(super) fn challenged(place: &Place, factor: &Factor, shown: Option<Value>) -> Value {
    let links = json!({
        "verify": link(&place.of(factor, "/verify"), &["POST"]),
        "factor": link(&place.of(factor, ""), &["GET", "DELETE"]),
    });
    let mut told = json!({ "factorResult": "CHALLENGE", "_links": links });
    if let (Some(members), Some(shown)) = (told.as_object_mut(), shown) {
        members.insert("_embedded".to_owned(), json!({ "challenge": shown }));
    }
    told
}

/// An answer was right.
pub(super) fn succeeded() -> Value {
    json!({ "factorResult": "SUCCESS" })
}
