//! Twilio's REST interface, and those that are compatible with it: `Messages.json` and `Calls.json`.

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, PreEscaped, html};
use serde_json::Value;
use url::Url;

use super::{
    Outbound, PhoneMessage, Receipt, TelephonyError, TelephonyOptions, TelephonySetupError, clipped,
};
use crate::secret::Secret;

/// The account that messages are sent from.
#[derive(Clone, Debug)]
pub struct TwilioOptions {
    /// Where the interface is, without the path.
    pub base_url: Url,
    /// `AC…`
    pub account_sid: String,
    /// The token that goes with it.
    pub auth_token: Secret<String>,
    /// The number, in E.164, or the alphanumeric sender.
    pub from: String,
    /// `MG…`: sends text messages in place of `from`.
    pub messaging_service_sid: Option<String>,
}

/// Has messages delivered by Twilio, or by whoever speaks like it.
pub struct Twilio {
    outbound: Outbound,
    messages: Url,
    calls: Url,
    credential: HeaderValue,
    account: TwilioOptions,
}

impl Twilio {
    /// Builds the client.
    ///
    /// # Errors
    /// The account or the certificates cannot be used.
    pub fn new(account: TwilioOptions, options: &TelephonyOptions) -> Result<Self, TelephonySetupError> {
        let refuse = |problem: &str| TelephonySetupError(problem.to_owned());
        let resource = |name: &str| {
            let base = account.base_url.as_str().trim_end_matches('/');
            Url::parse(&format!("{base}/2010-04-01/Accounts/{}/{name}", account.account_sid))
                .map_err(|_| refuse("`twilio.base_url` and `twilio.account_sid` make no address"))
        };
        let basic = STANDARD.encode(format!("{}:{}", account.account_sid, account.auth_token.expose()));
        let mut credential = HeaderValue::from_str(&format!("Basic {basic}"))
            .map_err(|_| refuse("the account fits no header"))?;
        credential.set_sensitive(true);
        Ok(Self {
            outbound: Outbound::new(options)?,
            messages: resource("Messages.json")?,
            calls: resource("Calls.json")?,
            credential,
            account,
        })
    }

    pub(in crate::ports) fn send_message<'a>(
        &'a self,
        message: &'a PhoneMessage,
    ) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        let text = message.text.concat();
        let sender = match &self.account.messaging_service_sid {
            Some(service) => ("MessagingServiceSid", service.as_str()),
            None => ("From", self.account.from.as_str()),
        };
        let fields = [("To", message.number.as_str()), sender, ("Body", &text)];
        self.post(&self.messages, &fields)
    }

    pub(in crate::ports) fn place_call<'a>(
        &'a self,
        message: &'a PhoneMessage,
    ) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        let twiml = spoken(message).into_string();
        let mut fields =
            vec![("To", message.number.as_str()), ("From", &self.account.from), ("Twiml", &twiml)];
        // A `w` waits half a second: the exchange must have picked up.
        let digits = message.extension.as_ref().map(|extension| format!("wwww{extension}"));
        if let Some(digits) = &digits {
            fields.push(("SendDigits", digits));
        }
        self.post(&self.calls, &fields)
    }

    fn post<'a>(
        &'a self,
        url: &'a Url,
        fields: &[(&str, &str)],
    ) -> BoxFuture<'a, Result<Receipt, TelephonyError>> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        async move {
            let mut headers = HeaderMap::new();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(header::AUTHORIZATION, self.credential.clone());
            let answer = self.outbound.post(url, headers, body.into_bytes()).await?;
            verdict(answer.status, &answer.body)
        }
        .boxed()
    }
}

/// TwiML: each sentence, and a pause after it.
fn spoken(message: &PhoneMessage) -> Markup {
    html! {
        (PreEscaped("<Response>"))
        @for sentence in &message.text {
            (PreEscaped("<Say language=\"")) (message.language) (PreEscaped("\">"))
            (sentence)
            (PreEscaped("</Say><Pause length=\"1\"/>"))
        }
        (PreEscaped("</Response>"))
    }
}

/// What the answer means: the status alone says whether the message was taken. The provider's own text is left out: it repeats numbers.
fn verdict(status: StatusCode, answer: &[u8]) -> Result<Receipt, TelephonyError> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    if status.is_success() {
        let sid = answer.get("sid").and_then(Value::as_str).map(clipped);
        return Ok(Receipt { provider: Some("twilio".to_owned()), transaction_id: sid });
    }
    let code =
        answer.get("code").and_then(Value::as_u64).map(|code| format!(", code {code}")).unwrap_or_default();
    let text = format!("the provider answered {}{code}", status.as_u16());
    // A wrong account may be put right while the message is young; a wrong number may not.
    let later = status.is_server_error()
        || [StatusCode::UNAUTHORIZED, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    Err(if later { TelephonyError::Unavailable(text) } else { TelephonyError::Refused(text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::telephony::{PhonePurpose, Recipient};

    #[test]
    fn what_is_spoken_is_escaped() {
        let message = PhoneMessage {
            id: "msg1".to_owned(),
            at: time::OffsetDateTime::UNIX_EPOCH,
            number: "+15551234567".to_owned(),
            extension: None,
            text: vec!["Your code for <you> & me is 1, 2.".to_owned(), "Again: 1, 2.".to_owned()],
            language: "en-US".to_owned(),
            otp: None,
            purpose: PhonePurpose::Verification,
            recipient: Recipient::default(),
        };
        assert_eq!(
            spoken(&message).into_string(),
            "<Response><Say language=\"en-US\">Your code for &lt;you&gt; &amp; me is 1, 2.</Say><Pause length=\"1\"/>\
             <Say language=\"en-US\">Again: 1, 2.</Say><Pause length=\"1\"/></Response>"
        );
    }

    #[test]
    fn an_account_may_be_put_right_and_a_number_may_not() {
        let judged =
            |status: u16, body: &str| verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(judged(201, r#"{"sid":"SM1"}"#).unwrap().transaction_id.as_deref(), Some("SM1"));
        let refused =
            judged(400, r#"{"code":21211,"message":"The 'To' number +1555 is not valid"}"#).unwrap_err();
        assert_eq!(refused, TelephonyError::Refused("the provider answered 400, code 21211".to_owned()));
        for status in [401, 429, 500, 503] {
            assert!(matches!(judged(status, ""), Err(TelephonyError::Unavailable(_))), "{status}");
        }
    }
}
