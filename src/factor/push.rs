//! `push`, `OKTA`: a device that shows what is asked and signs its approval. Pure: what devices say, and whether it is theirs.
//!
//! # The protocol of devices
//!
//! A device has a P-256 key for each account that it approves for, and speaks JSON over HTTPS to the issuer. Every request is
//! `POST {issuer}/api/v1/authenticator/{enroll|wait|answer}` with `{"statement": "<compact JWS>"}` (RFC 7515): algorithm
//! `ES256`, header `typ` [`TYPE`], and claims that all have
//!
//! | claim | |
//! |---|---|
//! | `aud` | the issuer, exactly: a statement for one server is worth nothing at another |
//! | `act` | `enroll`, `wait` or `answer`: a statement for one is worth nothing for another |
//! | `factor` | the factor that the device is |
//! | `iat` | the time in seconds; at most five minutes off |
//!
//! **Enrolment.** The QR code, or the link of a message, is `{issuer}/authenticator#enroll=<factor>.<token>`: what follows the
//! `#` is never sent by a browser, logged or told in a `Referer`. The device makes a key and sends `act: enroll` with
//! `token`, `name` (what people call the device), `platform` and `jwk`, the public key (RFC 7517) that signed this very
//! statement. The token works once, for ten minutes. Answer: 201 `{factor, user, login, issuer}`.
//!
//! **Waiting.** `act: wait`, with `seen`, the challenge that the device shows, if it shows one, and `hold`, how many seconds
//! the answer may take (0 to 25). The answer comes as soon as there is another challenge than `seen`, or none any more:
//! 200 `{"challenge": {id, user, login, created, expiresAt, application, address, userAgent, numbers}}` or
//! `{"challenge": null}`. `numbers` is null where policy asks for an approval only; `userAgent` says
//! browser and system in words.
//!
//! **Answering.** `act: answer` with `challenge`, `user`, `answer` (`approve` or `deny`) and, where there are numbers, the
//! `number` that was picked: the signature is over (challenge, user, relying party, number). A wrong number rejects. Answer:
//! 200 `{"result": "SUCCESS"}` or `{"result": "REJECTED"}`; 409 when the challenge was answered, taken back or is over.
//!
//! Errors are Okta's envelope: 400 what cannot be read; 400 with the cause `iat: …`, when nothing else is wrong than the clock of
//! the device: the header `Date` (RFC 9110 §6.6.1) has the right time; 401 a statement that is not the device's, or of a device
//! that is no longer enrolled.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keys::{Algorithm, Claims, Limits, UnverifiedToken, VerifyingKey};
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::is_unseen;
use crate::{
    id::FactorId,
    model::push::Numbers,
    ports::random::Random,
    secret::{Secret, constant_time_eq},
};

/// The media type of what devices say (RFC 7515 §4.1.9).
pub const TYPE: &str = "stepgate-authenticator+jwt";
/// How long an enrolment can be completed (Okta: ten minutes).
pub const ENROLMENT: Duration = Duration::minutes(10);
/// Questions within an hour that were not approved; then the device is not asked until the hour is over (security rule P1).
/// Denials count, too: whoever knows the password must not go on asking somebody who denies.
pub const ASKED_PER_HOUR: u32 = 5;
/// How far the clock of a device may be off.
const SKEW: Duration = Duration::minutes(5);
/// The longest statement: all that a device says is short.
const LIMITS: Limits = Limits { max_len: 4096, max_depth: 4 };
/// The longest name of a device, in characters.
const MAX_NAME: usize = 64;

/// Why a statement is nothing to go by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StatementError {
    /// It cannot be read.
    #[error("the statement cannot be read")]
    Malformed,
    /// Whoever signed it means well, and has another time.
    #[error("the clock of the device is wrong")]
    Clock,
    /// Its signature, audience or purpose is wrong.
    #[error("the statement does not count: {0}")]
    Refused(&'static str),
}

/// What a device wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// To become a factor.
    Enroll,
    /// To be told what is asked.
    Wait,
    /// To answer.
    Answer,
}

impl Act {
    /// The value of `act`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enroll => "enroll",
            Self::Wait => "wait",
            Self::Answer => "answer",
        }
    }
}

/// What a device said, before anybody knows that it was this device.
pub struct Statement {
    token: UnverifiedToken,
    factor: FactorId,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(text: &str) -> Result<Self, StatementError> {
        let token = keys::parse(text, &LIMITS).map_err(|_| StatementError::Malformed)?;
        let factor = token.claims().get("factor").and_then(Value::as_str);
        let factor = FactorId::new(factor.ok_or(StatementError::Malformed)?);
        Ok(Self { token, factor })
    }

    /// The factor that the device says to be: good for finding its key, for nothing else.
    pub fn factor(&self) -> &FactorId {
        &self.factor
    }

    /// The key that the device would be known by, as an enrolment names it: just the members that make it a public key on
    /// P-256.
    ///
    /// # Errors
    /// There is none, or another kind of key.
    pub fn offered_key(&self) -> Result<Value, StatementError> {
        let jwk = self.token.claims().get("jwk").ok_or(StatementError::Malformed)?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).ok_or(StatementError::Malformed);
        if (text("kty")?, text("crv")?) != ("EC", "P-256") || jwk.get("d").is_some() {
            return Err(StatementError::Malformed);
        }
        Ok(json!({ "kty": "EC", "crv": "P-256", "x": text("x")?, "y": text("y")? }))
    }

    /// What the device said, if it was said with this key, to this server, for this purpose, and now.
    ///
    /// # Errors
    /// It was not.
    pub fn verify(
        &self,
        jwk: &Value,
        (issuer, act): (&str, Act),
        now: OffsetDateTime,
    ) -> Result<Claims, StatementError> {
        let refused = StatementError::Refused;
        let key = VerifyingKey::from_jwk(jwk, Algorithm::Es256).map_err(|_| refused("key"))?;
        let claims = key.verify(&self.token).map_err(|_| refused("signature"))?;
        if !self.token.header().is_type(TYPE) {
            return Err(refused("typ"));
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("aud") != Some(issuer) {
            return Err(refused("aud"));
        }
        if text("act") != Some(act.as_str()) {
            return Err(refused("act"));
        }
        let iat = claims.get("iat").and_then(Value::as_i64).ok_or(StatementError::Malformed)?;
        let fresh = now.unix_timestamp().abs_diff(iat) <= SKEW.whole_seconds().unsigned_abs();
        if fresh { Ok(claims) } else { Err(StatementError::Clock) }
    }
}

/// What a device says to be enrolled.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct EnrollClaims {
    /// The token of the enrolment.
    pub token: String,
    /// What people call the device.
    #[serde(default)]
    pub name: String,
    /// Its platform.
    #[serde(default)]
    pub platform: String,
}

/// What a device says that waits.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct WaitClaims {
    /// The challenge that it shows.
    pub seen: Option<String>,
    /// How many seconds the answer may take.
    #[serde(default)]
    pub hold: u64,
}

/// How a device answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It approves.
    Approve,
    /// It denies.
    Deny,
}

/// What a device says that answers.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct AnswerClaims {
    /// What it answers.
    pub challenge: String,
    /// Whom it answers for.
    pub user: String,
    /// The answer.
    pub answer: Decision,
    /// The number that was picked.
    pub number: Option<u8>,
}

/// Reads what a verified statement says.
///
/// # Errors
/// Something is missing.
pub fn said<T: serde::de::DeserializeOwned>(claims: Claims) -> Result<T, StatementError> {
    claims.deserialize().map_err(|_| StatementError::Malformed)
}

/// Three numbers of two digits, and which one is right; every choice is as likely as any other (security rule P2).
pub fn numbers(random: &dyn Random) -> Numbers {
    let shown = loop {
        let shown = [0; 3].map(|_: u8| 10 + below(random, 90));
        let [one, two, three] = shown;
        if one != two && two != three && one != three {
            break shown;
        }
    };
    let [one, two, three] = shown;
    let correct = match below(random, 3) {
        0 => one,
        1 => two,
        _ => three,
    };
    Numbers { correct, shown }
}

/// A random number below a bound; the bytes beyond the last whole multiple would favour small ones: they are dropped.
fn below(random: &dyn Random, bound: u8) -> u8 {
    let whole = u8::MAX - u8::MAX % bound;
    loop {
        let mut byte = [0_u8; 1];
        random.fill(&mut byte);
        let [byte] = byte;
        if byte < whole {
            return byte % bound;
        }
    }
}

/// What opens an enrolment: it is made anew from what is stored, and dies with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// The device's own part: it is in the QR code and in messages.
    Enrolment,
    /// The picture of the QR code, whose address programs are told.
    Picture,
}

impl Opens {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enrolment => "push-enrolment",
            Self::Picture => "push-picture",
        }
    }
}

/// The token that opens something of an enrolment that began then.
pub fn token(
    key: &[u8; 32],
    opens: Opens,
    (factor, began_at): (&FactorId, OffsetDateTime),
) -> Secret<String> {
    let began = (began_at.unix_timestamp_nanos() / 1_000_000).to_string();
    let parts = [opens.as_str().as_bytes(), factor.as_str().as_bytes(), began.as_bytes()];
    Secret::new(URL_SAFE_NO_PAD.encode(keys::hmac_sha256(key, &parts)))
}

/// Whether a token is the one that opens something.
pub fn opens(token: &Secret<String>, given: &str) -> bool {
    constant_time_eq(token.expose().as_bytes(), given.as_bytes())
}

/// The address that a QR code and messages lead to: what is secret stands behind `#`, which browsers keep to themselves.
pub fn address(issuer: &str, factor: &FactorId, token: &Secret<String>) -> Secret<String> {
    Secret::new(format!("{issuer}/authenticator#enroll={factor}.{}", token.expose()))
}

/// What people call a device: one line of a usual length; absent: it has no name.
pub fn name(given: &str) -> Option<String> {
    let shown: String = given.chars().filter(|c| !is_unseen(*c)).take(MAX_NAME).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

#[cfg(test)]
mod tests {
    use keys::SigningKey;

    use super::*;
    use crate::ports::random::SystemRandom;

    const ISSUER: &str = "https://id.example.com";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn claims(act: &str) -> Value {
        json!({ "aud": ISSUER, "act": act, "factor": "opf1", "iat": 1000, "challenge": "mst1", "user": "00u1",
                "answer": "approve", "number": 42 })
    }

    /// Security checklist P3: signed by the device's key, over these claims, for this server and purpose, now.
    #[test]
    fn sec_p03_a_statement_counts_with_its_key_audience_purpose_and_time() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let other = SigningKey::generate(Algorithm::Es256).unwrap();
        let verify = |text: &str, key: &SigningKey, now| {
            Statement::read(text)?.verify(key.public_jwk(), (ISSUER, Act::Answer), at(now))
        };
        let good = key.sign_jwt(Some(TYPE), &claims("answer")).unwrap();
        let said: AnswerClaims = said(verify(&good, &key, 1000).unwrap()).unwrap();
        assert_eq!((said.answer, said.number), (Decision::Approve, Some(42)));
        assert!(verify(&good, &key, 1300).is_ok() && verify(&good, &key, 700).is_ok());
        let refused = |why| Err(StatementError::Refused(why));
        assert_eq!(verify(&good, &key, 1301).map(drop), Err(StatementError::Clock));
        assert_eq!(verify(&good, &key, 699).map(drop), Err(StatementError::Clock));
        assert_eq!(verify(&good, &other, 1000).map(drop), refused("signature"));
        assert_eq!(verify(&good, &other, 1301).map(drop), refused("signature"), "only the device is told");
        let signed = |typ, claims: &Value| key.sign_jwt(Some(typ), claims).unwrap();
        assert_eq!(verify(&signed(TYPE, &claims("wait")), &key, 1000).map(drop), refused("act"));
        assert_eq!(verify(&signed("JWT", &claims("answer")), &key, 1000).map(drop), refused("typ"));
        let mut elsewhere = claims("answer");
        elsewhere["aud"] = "https://id.example.com.evil.example".into();
        assert_eq!(verify(&signed(TYPE, &elsewhere), &key, 1000).map(drop), refused("aud"));
        for unread in ["", "a.b.c", &good[..good.len() / 2], &"x".repeat(5000)] {
            assert_eq!(Statement::read(unread).map(drop), Err(StatementError::Malformed), "{unread}");
        }
    }

    /// Security checklist P2: three different numbers of two digits, any of which is right.
    #[test]
    fn sec_p02_three_numbers_are_shown_and_any_may_be_right() {
        let mut right = [0_u32; 3];
        for _ in 0..3000 {
            let numbers = numbers(&SystemRandom);
            let [one, two, three] = numbers.shown;
            assert!(one != two && two != three && one != three);
            assert!(numbers.shown.iter().all(|number| (10..100).contains(number)));
            let at = numbers.shown.iter().position(|number| *number == numbers.correct).unwrap();
            right[at] += 1;
        }
        assert!(right.iter().all(|count| (800..1200).contains(count)), "{right:?}");
    }

    #[test]
    fn a_token_opens_one_thing_of_one_enrolment() {
        let (one, two) = (FactorId::new("opf1"), FactorId::new("opf2"));
        let of = |opens, factor, at| token(&[7; 32], opens, (factor, at));
        let good = of(Opens::Enrolment, &one, at(1));
        assert!(opens(&good, of(Opens::Enrolment, &one, at(1)).expose()));
        for other in [
            of(Opens::Picture, &one, at(1)),
            of(Opens::Enrolment, &two, at(1)),
            of(Opens::Enrolment, &one, at(2)),
            token(&[8; 32], Opens::Enrolment, (&one, at(1))),
        ] {
            assert!(!opens(&good, other.expose()));
        }
        let address = address(ISSUER, &one, &good);
        let (path, fragment) = address.expose().split_once('#').unwrap();
        assert_eq!(path, "https://id.example.com/authenticator");
        assert!(fragment.starts_with("enroll=opf1."));
    }

    #[test]
    fn a_name_is_one_line_of_a_usual_length() {
        assert_eq!(name(" Anna’s\u{7}\n \u{202e}phone ").as_deref(), Some("Anna’s phone"));
        assert_eq!(name(" \n"), None);
        assert_eq!(name(&"x".repeat(100)).unwrap().len(), 64);
    }
}
