//! Okta's telephony inline hook (`com.okta.telephony.provider`): a web service of the operator that has codes delivered.

use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use super::{
    Outbound, PhoneMessage, PhonePurpose, Receipt, TelephonyError, TelephonyOptions, TelephonySetupError,
    clipped,
};
use crate::secret::Secret;

/// Where the hook is and how it knows us.
#[derive(Clone, Debug)]
pub struct HookOptions {
    /// The address.
    pub url: Url,
    /// The header that carries the secret (`authScheme.key`).
    pub header: String,
    /// The secret (`authScheme.value`).
    pub secret: Secret<String>,
    /// The issuer, which `source` begins with.
    pub issuer: String,
}

/// Has messages delivered by a telephony inline hook.
pub struct TelephonyHook {
    outbound: Outbound,
    url: Url,
    credential: (HeaderName, HeaderValue),
    source: String,
}

impl TelephonyHook {
    /// Builds the client.
    ///
    /// # Errors
    /// The header or the certificates cannot be used.
    pub fn new(hook: HookOptions, options: &TelephonyOptions) -> Result<Self, TelephonySetupError> {
        let refuse = |problem: &str| TelephonySetupError(problem.to_owned());
        let name = HeaderName::try_from(&hook.header).map_err(|_| refuse("`hook.header` is no header"))?;
        let mut value = HeaderValue::from_str(hook.secret.expose())
            .map_err(|_| refuse("`hook.secret` fits no header"))?;
        value.set_sensitive(true);
        let source = format!("{}/api/v1/inlineHooks/telephony", hook.issuer);
        Ok(Self { outbound: Outbound::new(options)?, url: hook.url, credential: (name, value), source })
    }

    /// Asks the hook to deliver; `channel` is `deliveryChannel`.
    pub(in crate::ports) fn deliver<'a>(
        &'a self,
        channel: &'static str,
        message: &'a PhoneMessage,
    ) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        async move {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(self.credential.0.clone(), self.credential.1.clone());
            let body = self.event(channel, message).to_string().into_bytes();
            let answer = self.outbound.post(&self.url, headers, body).await?;
            verdict(answer.status, &answer.body)
        }
        .boxed()
    }

    fn event(&self, channel: &str, message: &PhoneMessage) -> Value {
        let mut profile = json!({
            "phoneNumber": message.number,
            "deliveryChannel": channel,
            "locale": message.language,
        });
        let mut add = |name: &str, value: String| {
            if let Some(profile) = profile.as_object_mut() {
                profile.insert(name.to_owned(), value.into());
            }
        };
        // A call has no template: the hook speaks the code in its own words.
        if channel == "SMS" {
            add("msgTemplate", message.text.concat());
        }
        if let Some(extension) = &message.extension {
            add("phoneExtension", extension.clone());
        }
        if let Some(otp) = &message.otp {
            add("otpCode", otp.code.expose().clone());
            add("otpExpires", instant(otp.expires_at));
        }
        json!({
            "eventId": message.id,
            "eventTime": instant(message.at),
            "eventType": "com.okta.telephony.provider",
            "eventTypeVersion": "1.0",
            "contentType": "application/json",
            "cloudEventVersion": "0.1",
            "source": self.source,
            "requestType": request_type(message.purpose),
            "data": {
                "userProfile": {
                    "firstName": message.recipient.first_name,
                    "lastName": message.recipient.last_name,
                    "login": message.recipient.login,
                    "userId": message.recipient.user_id,
                },
                "messageProfile": profile,
            },
        })
    }
}

fn request_type(purpose: PhonePurpose) -> &'static str {
    match purpose {
        PhonePurpose::Enrollment => "com.okta.user.telephony.pre-enrollment",
        // Okta's catalogue has no word for a notice.
        PhonePurpose::Verification | PhonePurpose::Notice => "com.okta.user.telephony.mfa-verification",
        PhonePurpose::Unlock => "com.okta.user.telephony.account-unlock",
        PhonePurpose::PasswordReset => "com.okta.user.telephony.password-reset",
    }
}

fn instant(at: OffsetDateTime) -> String {
    let millis = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    millis.format(&Rfc3339).unwrap_or_default()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    commands: Vec<Command>,
    error: Option<HookError>,
}

#[derive(Deserialize)]
struct Command {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct HookError {
    error_summary: String,
}

/// What the answer means: only a status that is known says that the message is on its way. A hook that fails is asked again;
/// one that has taken the event and says nothing that is understood may have sent the message.
fn verdict(status: StatusCode, answer: &[u8]) -> Result<Receipt, TelephonyError> {
    let unconfirmed = |problem: &str| Err(TelephonyError::Unconfirmed(problem.to_owned()));
    if !status.is_success() {
        return Err(TelephonyError::Unavailable(format!("the hook answered {}", status.as_u16())));
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
        return unconfirmed("the hook's answer is malformed");
    };
    if let Some(error) = answer.error {
        return Err(TelephonyError::Refused(clipped(&error.error_summary)));
    }
    let actions = answer.commands.iter().filter(|command| command.kind == "com.okta.telephony.action");
    let values = actions.flat_map(|command| match &command.value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    });
    let Some(value) = values.into_iter().next() else {
        return unconfirmed("the hook's answer has no action");
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(clipped);
    match text("status").as_deref() {
        Some("SUCCESSFUL" | "PENDING") => {
            Ok(Receipt { provider: text("provider"), transaction_id: text("transactionId") })
        }
        Some("FAILED") => Err(TelephonyError::Refused("the hook could not deliver".to_owned())),
        Some(_) | None => unconfirmed("the hook's answer has an unknown status"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Result<Receipt, TelephonyError> {
        verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn only_a_known_status_counts_as_sent() {
        let action = |status: &str| {
            format!(
                r#"{{"commands":[{{"type":"com.okta.telephony.action","value":[{{"status":"{status}","provider":"ACME","transactionId":"t1"}}]}}]}}"#
            )
        };
        let receipt = judged(200, &action("SUCCESSFUL")).unwrap();
        assert_eq!(
            (receipt.provider.as_deref(), receipt.transaction_id.as_deref()),
            (Some("ACME"), Some("t1"))
        );
        assert!(judged(200, &action("PENDING")).is_ok());
        let single = r#"{"commands":[{"type":"com.okta.telephony.action","value":{"status":"SUCCESSFUL"}}]}"#;
        assert!(judged(200, single).is_ok());
        assert!(matches!(judged(200, &action("FAILED")), Err(TelephonyError::Refused(_))));
        let error = r#"{"error":{"errorSummary":"No such\r\nnumber","errorCauses":[]}}"#;
        assert_eq!(judged(200, error), Err(TelephonyError::Refused("No such  number".to_owned())));
        for body in
            ["", "[]x", "{}", r#"{"commands":[]}"#, &action("DONE"), r#"{"commands":[{"type":"other"}]}"#]
        {
            assert!(matches!(judged(200, body), Err(TelephonyError::Unconfirmed(_))), "{body}");
        }
        assert!(matches!(judged(204, ""), Err(TelephonyError::Unconfirmed(_))));
        for status in [302, 401, 429, 500] {
            assert!(matches!(judged(status, &action("SUCCESSFUL")), Err(TelephonyError::Unavailable(_))));
        }
    }
}
