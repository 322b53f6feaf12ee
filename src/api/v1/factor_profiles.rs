//! Profiles of custom one-time password tokens (`/api/v1/org/factors/hotp/profiles`), which an enrolment of `token:hotp`
//! names.

use http::StatusCode;
use poem::{Request, Response};
use poem_openapi::{Object, OpenApi, types::Any};
use serde_json::{Map, Value, json};

use super::administrator::{Right, administrator};
use crate::{
    api::{
        Served,
        error::{
            oauth::json_response,
            okta::{Envelope, failed},
        },
        json_body::JsonBody,
        payload::{Answer, documented},
    },
    id::FactorProfileId,
    model::factor_profile::{FactorProfile, Moving, TokenSettings},
    protocol::timestamp::timestamp,
    store,
    syslog::{Event, EventType},
};

/// The longest name.
const MAX_NAME: usize = 100;

/// The endpoints.
pub struct FactorProfiles(pub(in crate::api) Served);

/// A profile of custom tokens.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct FactorProfileObject {
    /// The id; given by the server.
    id: Option<String>,
    /// What administrators call it.
    name: String,
    /// `hmacAlgorithm` (`HMacSHA1`, `HMacSHA256`, `HMacSHA512`), `passCodeLength` (6 to 8), `encoding` (`base32`, `base64`,
    /// `hexadecimal`), and `timeStep` with `clockDriftInterval` (RFC 6238) or `lookAhead` (RFC 4226).
    settings: Any<Value>,
}

documented! {
    ProfileDoc: FactorProfileObject = &[
        (200, "The profile"),
        (400, "The request is not valid"),
        (401, "The token is invalid"),
        (403, "The token lacks the right"),
    ];
    ProfilesDoc: Vec<FactorProfileObject> = &[(200, "The profiles"), (401, "The token is invalid"), (403, "The token lacks the right")];
}

#[OpenApi]
impl FactorProfiles {
    /// All profiles of custom tokens (RFC 4226, RFC 6238)
    #[oai(path = "/api/v1/org/factors/hotp/profiles", method = "get", operation_id = "listFactorProfiles")]
    async fn list(&self, request: &Request) -> Answer<ProfilesDoc> {
        Answer::of(self.listed(request).await)
    }

    /// Make a profile of custom tokens (RFC 4226, RFC 6238)
    #[oai(path = "/api/v1/org/factors/hotp/profiles", method = "post", operation_id = "createFactorProfile")]
    async fn create(&self, request: &Request, body: JsonBody<FactorProfileObject>) -> Answer<ProfileDoc> {
        Answer::of(self.created(request, &body).await)
    }
}

impl FactorProfiles {
    async fn listed(&self, request: &Request) -> Result<Response, Response> {
        let app = self.0.app()?;
        administrator(app, request, Right::UsersRead).await?;
        let profiles = store::factor_profile::list(&app.db).await.map_err(failed)?;
        Ok(json_response(StatusCode::OK, &profiles.iter().map(view).collect::<Vec<Value>>()))
    }

    async fn created(
        &self,
        request: &Request,
        body: &JsonBody<FactorProfileObject>,
    ) -> Result<Response, Response> {
        let app = self.0.app()?;
        let administrator = administrator(app, request, Right::UsersManage).await?;
        let members = body.members().map_err(|_| Envelope::malformed().respond())?;
        let (name, settings) = read(&members).map_err(|cause| refused(&cause))?;
        let now = app.now();
        let id = FactorProfileId::generate(app.random.as_ref());
        let profile = FactorProfile { id, name, settings, created_at: now, updated_at: now };
        let tx = app.db.begin_write().await.map_err(failed)?;
        if store::factor_profile::is_taken(&tx, &profile.name).await.map_err(failed)? {
            return Err(refused("name: An object with this field already exists"));
        }
        store::factor_profile::insert(&tx, &profile).await.map_err(failed)?;
        let event = Event::new(EventType::MfaFactorUpdate).with("factorProfileId", profile.id.as_str());
        let logged = event.insert(&tx, administrator.caller(), app.random.as_ref(), now).await;
        logged.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(json_response(StatusCode::OK, &view(&profile)))
    }
}

fn refused(cause: &str) -> Response {
    Envelope::validation("factorProfile", [cause.to_owned()]).respond()
}

fn read(members: &Map<String, Value>) -> Result<(String, TokenSettings), String> {
    let name = members.get("name").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err("name: must have 1 to 100 characters".to_owned());
    }
    let Some(Value::Object(given)) = members.get("settings") else {
        return Err("settings: is required".to_owned());
    };
    let text = |member: &str| given.get(member).and_then(Value::as_str).unwrap_or_default();
    let number = |member: &'static str, default: u32| match given.get(member) {
        Some(value) => value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| format!("{member}: must be a number")),
        None => Ok(default),
    };
    let counts = given.contains_key("lookAhead");
    if counts && (given.contains_key("timeStep") || given.contains_key("clockDriftInterval")) {
        return Err("lookAhead: a token counts, or has a clock, not both".to_owned());
    }
    let settings = TokenSettings {
        algorithm: text("hmacAlgorithm")
            .parse()
            .map_err(|_| "hmacAlgorithm: must be HMacSHA1, HMacSHA256 or HMacSHA512".to_owned())?,
        digits: u8::try_from(number("passCodeLength", 6)?).unwrap_or(u8::MAX),
        encoding: text("encoding")
            .parse()
            .map_err(|_| "encoding: must be base32, base64 or hexadecimal".to_owned())?,
        moving: if counts {
            Moving::Counter { look_ahead: number("lookAhead", 10)? }
        } else {
            Moving::Time { time_step: number("timeStep", 30)?, drift: number("clockDriftInterval", 1)? }
        },
    };
    settings.validate().map_err(|error| error.to_string())?;
    Ok((name.to_owned(), settings))
}

fn view(profile: &FactorProfile) -> Value {
    let settings = &profile.settings;
    let mut shown = Map::from_iter([
        ("hmacAlgorithm".to_owned(), json!(settings.algorithm)),
        ("passCodeLength".to_owned(), json!(settings.digits)),
        ("encoding".to_owned(), json!(settings.encoding)),
    ]);
    match settings.moving {
        Moving::Counter { look_ahead } => {
            shown.insert("lookAhead".to_owned(), json!(look_ahead));
        }
        Moving::Time { time_step, drift } => {
            shown.insert("timeStep".to_owned(), json!(time_step));
            shown.insert("clockDriftInterval".to_owned(), json!(drift));
        }
    }
    json!({
        "id": profile.id,
        "name": profile.name,
        "created": timestamp(profile.created_at),
        "lastUpdated": timestamp(profile.updated_at),
        "settings": shown,
    })
}
