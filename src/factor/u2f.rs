//! `u2f`, `FIDO`: security keys of the protocol before Web Authentication (FIDO U2F Raw Message Formats). Browsers have removed
//! its API, so nobody registers a key by it any more. Registrations that another system made are imported by administrators;
//! their signatures are judged here, as U2F's own API made them or as browsers make them for Web Authentication with the
//! extension `appid` (Web Authentication Level 3 §10.1.1).

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    Assertion, FactorError,
    webauthn::{self, Answered, Ceremony, CeremonyError, RelyingParty},
};
use crate::secret::TokenHash;

/// The version that a registration must be of.
const VERSION: &str = "U2F_V2";
/// How long Okta's clients wait for a touch, in seconds.
const TIMEOUT_SECONDS: u32 = 20;
/// The longest application id.
const MAX_APP_ID: usize = 255;
/// The longest registration message, in bytes: its certificate is most of it.
const MAX_REGISTRATION: usize = 4 * 1024;
/// The longest of everything else, in bytes.
const MAX_PART: usize = 2 * 1024;
/// The longest key handle, in bytes (Raw Message Formats §4.3).
const MAX_KEY_HANDLE: usize = 255;
/// Bytes of a public key.
const PUBLIC_KEY: usize = 65;
/// The flag of a signature by somebody who was there (§5.4).
const PRESENT: u8 = 0x01;

/// A registration that was made elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub struct Imported {
    /// The profile of the factor: `credentialId`, `version`, `appId`.
    pub profile: Map<String, Value>,
    /// The public key, as a point.
    pub public_key: Vec<u8>,
    /// The counter that its last signature had, if that is known.
    pub counter: Option<u64>,
}

impl Imported {
    /// Under which name it is kept that the registration is somebody's: whoever holds its key signs for one user only.
    pub fn key(&self) -> TokenHash {
        TokenHash::of(&format!("u2f:{}", webauthn::encoded(&self.public_key)))
    }
}

/// What is told of an enrolment that brings no registration.
pub fn not_enrolled() -> FactorError {
    let problem = "U2F keys are not registered any more, because browsers removed its API: enrol webauthn. An administrator \
                   imports registrations of another system with credentialId, publicKey and appId in the profile";
    FactorError::Invalid { member: "factorType", problem: problem.to_owned() }
}

/// Reads a registration that an administrator imports: its parts (`credentialId`, `publicKey`), or the message that the key
/// made (`registrationData`) with its client data, whose signature must hold. `appId` is for whom it was made.
///
/// # Errors
/// Something is missing or cannot be, or the signature does not hold.
pub fn imported(profile: &Map<String, Value>) -> Result<Imported, FactorError> {
    let text = |name: &str| profile.get(name).and_then(Value::as_str);
    let registration = match (text("registrationData"), text("clientData")) {
        (Some(message), Some(client_data)) => Given::Message { message, client_data },
        (Some(_), None) => return Err(invalid("clientData", "is required")),
        (None, _) => match (text("credentialId"), text("publicKey")) {
            (Some(key_handle), Some(public_key)) => Given::Parts { key_handle, public_key },
            (_, _) => return Err(not_enrolled()),
        },
    };
    if text("version").is_some_and(|version| version != VERSION) {
        return Err(invalid("version", "must be U2F_V2"));
    }
    let app_id = text("appId").ok_or_else(|| invalid("appId", "is required"))?;
    let is_app_id = app_id.len() <= MAX_APP_ID
        && Url::parse(app_id).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if !is_app_id {
        return Err(invalid("appId", "must be the address that the key was registered for"));
    }
    let counter = match profile.get("counter") {
        None | Some(Value::Null) => None,
        Some(counter) => {
            let counter = counter.as_u64().and_then(|counter| u32::try_from(counter).ok());
            Some(u64::from(counter.ok_or_else(|| invalid("counter", "must be a number of 32 bits"))?))
        }
    };
    let (key_handle, public_key) = match registration {
        Given::Parts { key_handle, public_key } => {
            let key_handle = part("credentialId", key_handle, MAX_KEY_HANDLE)?;
            (key_handle, part("publicKey", public_key, PUBLIC_KEY)?)
        }
        Given::Message { message, client_data } => registered(message, client_data, app_id)?,
    };
    if key_handle.is_empty() {
        return Err(invalid("credentialId", "is empty"));
    }
    keys::P256Key::from_point(&public_key).map_err(|_| invalid("publicKey", "must be a point of P-256"))?;
    let profile = Map::from_iter([
        ("credentialId".to_owned(), json!(webauthn::encoded(&key_handle))),
        ("version".to_owned(), json!(VERSION)),
        ("appId".to_owned(), json!(app_id)),
    ]);
    Ok(Imported { profile, public_key, counter })
}

/// How a registration is given.
enum Given<'a> {
    Parts { key_handle: &'a str, public_key: &'a str },
    Message { message: &'a str, client_data: &'a str },
}

fn invalid(member: &'static str, problem: &str) -> FactorError {
    FactorError::Invalid { member, problem: problem.to_owned() }
}

fn part(member: &'static str, text: &str, limit: usize) -> Result<Vec<u8>, FactorError> {
    webauthn::decode(member, text, limit).map_err(|_| invalid(member, "cannot be read"))
}

/// Raw Message Formats §4.3: `05`, public key, length and key handle, certificate (X.509, DER), signature over `00`, application
/// parameter, challenge parameter, key handle and public key.
fn registered(message: &str, client_data: &str, app_id: &str) -> Result<(Vec<u8>, Vec<u8>), FactorError> {
    let message = part("registrationData", message, MAX_REGISTRATION)?;
    let client_data = part("clientData", client_data, MAX_PART)?;
    let unreadable = || invalid("registrationData", "cannot be read");
    let parts = || {
        let rest = message.strip_prefix(&[0x05])?;
        let (public_key, rest) = rest.split_at_checked(PUBLIC_KEY)?;
        let (length, rest) = rest.split_first()?;
        let (key_handle, rest) = rest.split_at_checked(usize::from(*length))?;
        let (certificate, signature) = rest.split_at_checked(der_length(rest)?)?;
        Some((public_key, key_handle, certificate, signature))
    };
    let (public_key, key_handle, certificate, signature) = parts().ok_or_else(unreadable)?;
    let signed = [
        &[0x00],
        Sha256::digest(app_id.as_bytes()).as_slice(),
        Sha256::digest(&client_data).as_slice(),
        key_handle,
        public_key,
    ]
    .concat();
    let signer = keys::P256Key::of_certificate(certificate).map_err(|_| unreadable())?;
    signer
        .verify(&signed, signature)
        .map_err(|_| invalid("registrationData", "was not made for this appId and clientData"))?;
    Ok((key_handle.to_vec(), public_key.to_vec()))
}

/// The bytes of the DER value that comes first: a sequence with a definite length (X.690 §8.1.3).
fn der_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x30, short @ 0..=0x7f, ..] => Some(usize::from(*short) + 2),
        [0x30, 0x81, length, ..] => Some(usize::from(*length) + 3),
        [0x30, 0x82, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low])) + 4),
        _ => None,
    }
}

/// What is told of a challenge (Okta).
pub fn challenge(challenge: &[u8]) -> Value {
    json!({ "nonce": webauthn::encoded(challenge), "timeoutSeconds": TIMEOUT_SECONDS })
}

/// The same as options for `navigator.credentials.get()`: browsers ask keys of U2F by the extension `appid`.
pub fn request_options(rp: &RelyingParty, profile: &Map<String, Value>, shown: &Value) -> Value {
    json!({
        "challenge": shown.get("nonce"),
        "userVerification": "discouraged",
        "rpId": rp.id,
        "allowCredentials": [{ "type": "public-key", "id": profile.get("credentialId") }],
        "timeout": TIMEOUT_SECONDS.saturating_mul(1000),
        "extensions": { "appid": profile.get("appId") },
    })
}

/// A key that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// For whom it was registered.
    pub app_id: &'a str,
    /// Its public key.
    pub public_key: &'a [u8],
    /// The counter of the last signature that was accepted.
    pub counter: Option<u64>,
}

/// Judges a signature (Raw Message Formats §5.4, JavaScript API §3.2): over application parameter, presence, counter and
/// challenge parameter. Says which counter it had.
///
/// # Errors
/// It is not by the key, not over the challenge, or nobody touched the key; or its counter did not grow.
pub fn assert(
    rp: &RelyingParty,
    (known, answered): (&Known<'_>, &Answered),
    given: &Assertion,
) -> Result<u32, CeremonyError> {
    let refused = |why: &str| CeremonyError::Refused(why.to_owned());
    let client_data = webauthn::decode("clientData", &given.client_data, MAX_PART)?;
    let application = Sha256::digest(known.app_id.as_bytes());
    let signature = webauthn::decode("signatureData", &given.signature, MAX_PART)?;
    let (ceremony, head, signature) = match &given.authenticator_data {
        None => {
            let split = signature.split_at_checked(HEAD);
            let (head, signature) = split.ok_or(CeremonyError::Malformed("signatureData"))?;
            (Ceremony::Sign, head.to_vec(), signature.to_vec())
        }
        // Web Authentication Level 3 §6.1.2: of such a key the same bytes, in the same order.
        Some(data) => {
            let data = webauthn::decode("authenticatorData", data, MAX_PART)?;
            let head = data.strip_prefix(application.as_slice());
            let head = head.ok_or_else(|| refused("it was made for somebody else"))?;
            (Ceremony::Get, head.to_vec(), signature)
        }
    };
    webauthn::check_client_data(rp, ceremony, (&client_data, answered))?;
    let [presence, c0, c1, c2, c3] = head.as_slice() else {
        return Err(CeremonyError::Malformed("authenticatorData"));
    };
    if presence & PRESENT == 0 {
        return Err(refused("nobody touched the key"));
    }
    let signed = [application.as_slice(), &head, Sha256::digest(&client_data).as_slice()].concat();
    let key = keys::P256Key::from_point(known.public_key).map_err(|error| refused(&error.to_string()))?;
    key.verify(&signed, &signature).map_err(|error| refused(&error.to_string()))?;
    let counter = u32::from_be_bytes([*c0, *c1, *c2, *c3]);
    // Keys of U2F always count (§5.4): a counter that does not grow is another key's.
    if known.counter.is_some_and(|last| u64::from(counter) <= last) {
        return Err(CeremonyError::Cloned);
    }
    Ok(counter)
}

/// Bytes before the signature in what U2F's own API makes: presence and counter.
const HEAD: usize = 5;

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    /// The examples of FIDO U2F Raw Message Formats §8.1 and §8.2.
    const REGISTRATION: &str = concat!(
        "0504b174bc49c7ca254b70d2e5c207cee9cf174820ebd77ea3c65508c26da51b657c1cc6b952f8621697936482da0a6d3d3826a59095",
        "daf6cd7c03e2e60385d2f6d9402a552dfdb7477ed65fd84133f86196010b2215b57da75d315b7b9e8fe2e3925a6019551bab61d16591",
        "659cbaf00b4950f7abfe6660e2e006f76868b772d70c253082013c3081e4a003020102020a47901280001155957352300a06082a8648",
        "ce3d0403023017311530130603550403130c476e756262792050696c6f74301e170d3132303831343138323933325a170d3133303831",
        "343138323933325a3031312f302d0603550403132650696c6f74476e756262792d302e342e312d343739303132383030303131353539",
        "35373335323059301306072a8648ce3d020106082a8648ce3d030107034200048d617e65c9508e64bcc5673ac82a6799da3c1446682c",
        "258c463fffdf58dfd2fa3e6c378b53d795c4a4dffb4199edd7862f23abaf0203b4b8911ba0569994e101300a06082a8648ce3d040302",
        "0347003044022060cdb6061e9c22262d1aac1d96d8c70829b2366531dda268832cb836bcd30dfa0220631b1459f09e6330055722c8d8",
        "9b7f48883b9089b88d60d1d9795902b30410df304502201471899bcc3987e62e8202c9b39c33c19033f7340352dba80fcab017db9230",
        "e402210082677d673d891933ade6f617e5dbde2e247e70423fd5ad7804a6d3d3961ef871"
    );
    const KEY_HANDLE: &str = "2a552dfdb7477ed65fd84133f86196010b2215b57da75d315b7b9e8fe2e3925a\
                              6019551bab61d16591659cbaf00b4950f7abfe6660e2e006f76868b772d70c25";
    const SIGNED_BY: &str = "04d368f1b665bade3c33a20f1e429c7750d5033660c019119d29aa4ba7abc04aa7\
                             c80a46bbe11ca8cb5674d74f31f8a903f6bad105fb6ab74aefef4db8b0025e1d";
    const SIGNATURE: &str = concat!(
        "0100000001304402204b5f0cd17534cedd8c34ee09570ef542a353df4436030ce43d406de870b847780220267bb998fac9b7266eb60e",
        "7cb0b5eabdfd5ba9614f53c7b22272ec10047a923f"
    );
    const SIGNED_FOR: &str = "https://gstatic.com/securitykey/a/example.com";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn client_data(typ: &str, challenge: &str) -> String {
        format!(
            concat!(
                r#"{{"typ":"{}","challenge":"{}","cid_pubkey":{{"kty":"EC","crv":"P-256","#,
                r#""x":"HzQwlfXX7Q4S5MtCCnZUNBw3RMzPO9tOyWjBqRl4tJ8","y":"XVguGFLIZx1fXg3wNqfdbn75hi4-_7-BxhMljw42Ht4"}},"#,
                r#""origin":"http://example.com"}}"#
            ),
            typ, challenge
        )
    }

    fn registration(app_id: &str) -> Map<String, Value> {
        let data =
            client_data("navigator.id.finishEnrollment", "vqrS6WXDe1JUs5_c3i4-LkKIHRr-3XVb3azuA5TifHo");
        Map::from_iter([
            ("registrationData".to_owned(), json!(STANDARD.encode(bytes(REGISTRATION)))),
            ("clientData".to_owned(), json!(STANDARD.encode(data))),
            ("appId".to_owned(), json!(app_id)),
        ])
    }

    #[test]
    fn the_recorded_registration_is_imported_for_its_application_only() {
        let known = imported(&registration("http://example.com")).unwrap();
        assert_eq!(known.profile["credentialId"], webauthn::encoded(&bytes(KEY_HANDLE)));
        assert_eq!(known.public_key[..4], [0x04, 0xb1, 0x74, 0xbc]);
        assert_eq!(known.counter, None);
        let refused = imported(&registration("http://example.org"));
        assert!(matches!(refused, Err(FactorError::Invalid { member: "registrationData", .. })));
    }

    fn assertion(signature: &[u8]) -> Assertion {
        let data = client_data("navigator.id.getAssertion", "opsXqUifDriAAmWclinfbS0e-USY0CgyJHe_Otd7z8o");
        Assertion {
            client_data: STANDARD.encode(data),
            signature: STANDARD.encode(signature),
            authenticator_data: None,
            credential_id: None,
            user_handle: None,
        }
    }

    fn asserted(app_id: &str, counter: Option<u64>, given: &Assertion) -> Result<u32, CeremonyError> {
        let rp = RelyingParty::of("http://example.com", &[]).unwrap();
        let answered = webauthn::answered(&given.client_data)?;
        let known = Known { app_id, public_key: &bytes(SIGNED_BY), counter };
        assert(&rp, (&known, &answered), given)
    }

    #[test]
    fn the_recorded_signature_counts_for_its_key_and_application_once() {
        let given = assertion(&bytes(SIGNATURE));
        assert_eq!(asserted(SIGNED_FOR, None, &given).unwrap(), 1);
        assert_eq!(asserted(SIGNED_FOR, Some(0), &given).unwrap(), 1);
        assert!(matches!(asserted(SIGNED_FOR, Some(1), &given), Err(CeremonyError::Cloned)));
        let elsewhere = asserted("http://example.com", None, &given);
        assert!(matches!(elsewhere, Err(CeremonyError::Refused(_))));
        for at in [0, 3, 4, 12, 40, 70] {
            let mut altered = bytes(SIGNATURE);
            altered[at] ^= 1;
            let refused = asserted(SIGNED_FOR, None, &assertion(&altered));
            assert!(matches!(refused, Err(CeremonyError::Refused(_))), "{at}: {refused:?}");
        }
    }

    /// What a browser makes of the same signature for Web Authentication: the key cannot tell them apart, the type can.
    #[test]
    fn a_signature_of_one_ceremony_is_none_of_the_other() {
        let signature = bytes(SIGNATURE);
        let data = [Sha256::digest(SIGNED_FOR.as_bytes()).to_vec(), signature[..5].to_vec()].concat();
        let given =
            Assertion { authenticator_data: Some(STANDARD.encode(data)), ..assertion(&signature[5..]) };
        assert!(matches!(asserted(SIGNED_FOR, None, &given), Err(CeremonyError::Refused(_))));
    }

    proptest! {
        /// Whatever is imported or sent is judged without a fault.
        #[test]
        fn anything_may_be_sent(message in proptest::collection::vec(any::<u8>(), 0..300), data in "\\PC{0,60}") {
            let mut profile = registration("http://example.com");
            profile.insert("registrationData".to_owned(), json!(STANDARD.encode(&message)));
            prop_assert!(imported(&profile).is_err());
            profile.insert("clientData".to_owned(), json!(data));
            prop_assert!(imported(&profile).is_err());
            prop_assert!(asserted(SIGNED_FOR, None, &assertion(&message)).is_err());
            let given = Assertion { authenticator_data: Some(data), ..assertion(&message) };
            prop_assert!(asserted(SIGNED_FOR, None, &given).is_err());
        }
    }
}
