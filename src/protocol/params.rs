//! Request parameters as ordered raw pairs: strict decoding, and no parameter twice (RFC 6749 §3.1, §3.2).

use std::collections::HashSet;
use std::fmt;

use crate::protocol::error::OAuthError;

/// The parameters that may be sent more than once: `resource` (RFC 8707 §2) and `audience` (RFC 8693 §2.1).
pub const REPEATABLE: &[&str] = &["resource", "audience"];

/// The most parameters a request may carry.
pub const MAX_PARAMS: usize = 100;

/// The most bytes an encoded query or form may have.
pub const MAX_BYTES: usize = 64 * 1024;

/// The media type of forms (RFC 6749 appendix B).
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Whether a `Content-Type` says that the body is a form, with whatever parameters.
pub fn is_form(content_type: Option<&str>) -> bool {
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(FORM)
}

/// The parameters of one request, in the order they were sent.
///
/// A parameter sent without a value counts as omitted (RFC 6749 §3.1); [`Params::present_but_empty`] still tells it
/// apart from one that was not sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// Why a query or form is refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParamsError {
    /// The named parameter was sent twice (RFC 6749 §3.1). With several, `client_id` is named first, then
    /// `redirect_uri`: with either of them nothing may be redirected.
    #[error("a parameter is repeated")]
    Duplicate(String),
    /// A percent sequence is broken, or the text is not UTF-8, or it contains NUL.
    #[error("the parameters are not valid application/x-www-form-urlencoded data")]
    Malformed,
    /// There are more than [`MAX_PARAMS`] parameters.
    #[error("there are too many parameters")]
    TooMany,
    /// There are more than [`MAX_BYTES`] bytes.
    #[error("the parameters are too large")]
    TooLarge,
}

/// Why one parameter is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParamError {
    /// It is required and was not sent, or sent without a value.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// It is longer than it may be.
    #[error("the parameter {0} is too long")]
    TooLong(&'static str),
}

impl ParamError {
    /// The name of the parameter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing(name) | Self::TooLong(name) => name,
        }
    }
}

impl Params {
    /// Reads an `application/x-www-form-urlencoded` body; only [`REPEATABLE`] names may repeat.
    ///
    /// # Errors
    ///
    /// [`ParamsError`], for the whole body.
    pub fn parse_form(body: &[u8]) -> Result<Self, ParamsError> {
        Self::parse_repeating(body, REPEATABLE)
    }

    /// Reads a URL's query, without its question mark; only [`REPEATABLE`] names may repeat.
    ///
    /// # Errors
    ///
    /// [`ParamsError`], for the whole query.
    pub fn parse_query(query: &str) -> Result<Self, ParamsError> {
        Self::parse_repeating(query.as_bytes(), REPEATABLE)
    }

    /// Reads encoded parameters of which only the names in `repeatable` may repeat.
    ///
    /// # Errors
    ///
    /// [`ParamsError`], for the whole input.
    pub fn parse_repeating(encoded: &[u8], repeatable: &[&str]) -> Result<Self, ParamsError> {
        let (params, duplicates) = Self::parse_listing_duplicates(encoded, repeatable)?;
        let rank = |name: &String| match name.as_str() {
            "client_id" => 0,
            "redirect_uri" => 1,
            _ => 2,
        };
        match duplicates.into_iter().min_by_key(rank) {
            Some(name) => Err(ParamsError::Duplicate(name)),
            None => Ok(params),
        }
    }

    /// Reads encoded parameters and sets aside those sent twice: none of their values is kept, their names are
    /// returned.
    ///
    /// For the authorization endpoint, which may answer `invalid_request` at the redirect URI when neither
    /// `client_id` nor `redirect_uri` is among the names (RFC 6749 §4.1.2.1).
    ///
    /// # Errors
    ///
    /// [`ParamsError`] other than `Duplicate`.
    pub fn parse_listing_duplicates(
        encoded: &[u8],
        repeatable: &[&str],
    ) -> Result<(Self, Vec<String>), ParamsError> {
        if encoded.len() > MAX_BYTES {
            return Err(ParamsError::TooLarge);
        }
        let mut pairs = Vec::new();
        for piece in encoded.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == MAX_PARAMS {
                return Err(ParamsError::TooMany);
            }
            let mut halves = piece.splitn(2, |&byte| byte == b'=');
            let name = decode_component(halves.next().unwrap_or_default())?;
            let value = decode_component(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        let mut seen = HashSet::new();
        let mut duplicates: Vec<String> = Vec::new();
        for (name, _) in &pairs {
            if !repeatable.contains(&name.as_str())
                && !seen.insert(name.as_str())
                && !duplicates.iter().any(|known| known == name)
            {
                duplicates.push(name.clone());
            }
        }
        pairs.retain(|(name, _)| !duplicates.contains(name));
        Ok((Self { pairs }, duplicates))
    }

    /// Takes pairs that are already decoded, under the same rules.
    ///
    /// # Errors
    ///
    /// [`ParamsError`], for all pairs.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, ParamsError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut taken: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if taken.len() == MAX_PARAMS {
                return Err(ParamsError::TooMany);
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(ParamsError::Malformed);
            }
            if !REPEATABLE.contains(&name.as_str()) && taken.iter().any(|(known, _)| *known == name) {
                return Err(ParamsError::Duplicate(name));
            }
            taken.push((name, value));
        }
        Ok(Self { pairs: taken })
    }

    /// Adds what others have under names that these do not have, as far as it is wanted.
    #[must_use]
    pub fn or(mut self, others: &Self, wanted: impl Fn(&str) -> bool) -> Self {
        let missing = |name: &str| !self.pairs.iter().any(|(known, _)| known == name);
        let added: Vec<_> =
            others.pairs.iter().filter(|(name, _)| wanted(name) && missing(name)).cloned().collect();
        self.pairs.extend(added);
        self
    }

    /// The value of a parameter that was sent with one.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a repeatable parameter.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Every pair that has a value, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a parameter of at most `max` bytes, if it was sent with one.
    ///
    /// # Errors
    ///
    /// [`ParamError::TooLong`].
    pub fn optional(&self, name: &'static str, max: usize) -> Result<Option<&str>, ParamError> {
        match self.one(name) {
            Some(value) if value.len() > max => Err(ParamError::TooLong(name)),
            value => Ok(value),
        }
    }

    /// The value of a parameter of at most `max` bytes that must be there.
    ///
    /// # Errors
    ///
    /// [`ParamError`].
    pub fn required(&self, name: &'static str, max: usize) -> Result<&str, ParamError> {
        self.optional(name, max)?.ok_or(ParamError::Missing(name))
    }

    /// Whether the parameter was sent with a value.
    pub fn contains(&self, name: &str) -> bool {
        self.one(name).is_some()
    }

    /// Whether the parameter was sent, but without a value.
    pub fn present_but_empty(&self, name: &str) -> bool {
        !self.contains(name) && self.pairs.iter().any(|(known, _)| known == name)
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl From<ParamsError> for OAuthError {
    fn from(error: ParamsError) -> Self {
        Self::invalid_request(match error {
            ParamsError::Duplicate(_) => "A parameter is included more than once.",
            ParamsError::Malformed => "The parameters are not valid application/x-www-form-urlencoded data.",
            ParamsError::TooMany => "The request has too many parameters.",
            ParamsError::TooLarge => "The request is too large.",
        })
    }
}

impl From<ParamError> for OAuthError {
    fn from(error: ParamError) -> Self {
        Self::invalid_request(match error {
            ParamError::Missing(name) => format!("The parameter {name} is missing."),
            ParamError::TooLong(name) => format!("The parameter {name} is too long."),
        })
    }
}

/// Decodes one half of a pair (RFC 6749 Appendix B): `+` is a space, `%` needs two hexadecimal digits.
///
/// # Errors
///
/// [`ParamsError::Malformed`] for a broken percent sequence, text that is not UTF-8, or NUL.
pub fn decode_component(encoded: &[u8]) -> Result<String, ParamsError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let high = bytes.next().and_then(hex_value).ok_or(ParamsError::Malformed)?;
                let low = bytes.next().and_then(hex_value).ok_or(ParamsError::Malformed)?;
                high << 4 | low
            }
            other => other,
        };
        if byte == 0 {
            return Err(ParamsError::Malformed);
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| ParamsError::Malformed)
}

/// Encodes one half of a pair so that form decoders and plain percent decoders read the same: everything but RFC 3986
/// unreserved characters becomes a percent sequence, a space included.
pub fn encode_component(raw: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
            continue;
        }
        encoded.push('%');
        for nibble in [byte >> 4, byte & 15] {
            encoded.extend(HEX.get(usize::from(nibble)).map(|&digit| char::from(digit)));
        }
    }
    encoded
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(body: &str) -> Result<Params, ParamsError> {
        Params::parse_form(body.as_bytes())
    }

    #[test]
    fn values_are_decoded_and_keep_their_order() {
        let params = form("scope=openid+email&state=a%2Bb%3D%C3%A9&client_id=web").unwrap();
        assert_eq!(
            params.iter().collect::<Vec<_>>(),
            [("scope", "openid email"), ("state", "a+b=é"), ("client_id", "web")]
        );
        assert_eq!(Params::parse_query("a=1&&b=2=3").unwrap().one("b"), Some("2=3"));
    }

    #[test]
    fn sec_x02_broken_encodings_and_nul_are_refused() {
        for body in ["a=%", "a=%2", "a=%zz", "a=%+1", "a=%ff", "a=%C3", "%00=a", "a=x%00y"] {
            assert_eq!(form(body), Err(ParamsError::Malformed), "{body}");
        }
        assert_eq!(Params::parse_form(b"a=\xff"), Err(ParamsError::Malformed));
        assert_eq!(Params::parse_form(b"a=\0"), Err(ParamsError::Malformed));
    }

    #[test]
    fn sec_x05_a_parameter_sent_twice_is_refused_by_name() {
        for body in ["state=a&state=b", "state=a&state=a", "state=a&st%61te=b", "state=&state=b"] {
            assert_eq!(form(body), Err(ParamsError::Duplicate("state".to_owned())), "{body}");
        }
    }

    #[test]
    fn sec_a07_a_repeated_client_id_or_redirect_uri_is_named_before_others() {
        let body = "scope=a&scope=b&redirect_uri=a&redirect_uri=b";
        assert_eq!(form(body), Err(ParamsError::Duplicate("redirect_uri".to_owned())));
        let body = format!("{body}&client_id=a&client_id=b");
        assert_eq!(form(&body), Err(ParamsError::Duplicate("client_id".to_owned())));
    }

    #[test]
    fn repeated_parameters_are_set_aside_when_listed() {
        let (params, duplicates) =
            Params::parse_listing_duplicates(b"client_id=web&state=a&state=b&state=c", REPEATABLE).unwrap();
        assert_eq!(duplicates, ["state"]);
        assert_eq!(params.one("state"), None);
        assert!(!params.present_but_empty("state"));
        assert_eq!(params.one("client_id"), Some("web"));
    }

    #[test]
    fn resource_and_audience_may_repeat() {
        let params = form("resource=https://a&audience=x&resource=https://b&audience=y").unwrap();
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["https://a", "https://b"]);
        assert_eq!(
            Params::parse_repeating(b"resource=a&resource=b", &[]),
            Err(ParamsError::Duplicate("resource".to_owned()))
        );
    }

    #[test]
    fn a_parameter_without_a_value_counts_as_omitted_but_can_be_told_apart() {
        let params = form("code_challenge=&nonce&state=s").unwrap();
        assert_eq!(params.one("code_challenge"), None);
        assert!(!params.contains("nonce"));
        assert!(params.present_but_empty("code_challenge") && params.present_but_empty("nonce"));
        assert!(!params.present_but_empty("state") && !params.present_but_empty("scope"));
        assert_eq!(params.iter().count(), 1);
    }

    #[test]
    fn sec_x06_number_and_size_are_bounded() {
        let many = |count: usize| (0..count).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(form(&many(MAX_PARAMS)).is_ok());
        assert_eq!(form(&many(MAX_PARAMS + 1)), Err(ParamsError::TooMany));
        let resources = vec!["resource=a"; 5_000].join("&");
        assert_eq!(form(&resources), Err(ParamsError::TooMany));
        assert_eq!(form(&format!("a={}", "x".repeat(MAX_BYTES))), Err(ParamsError::TooLarge));
    }

    #[test]
    fn decoded_pairs_obey_the_same_rules() {
        assert_eq!(Params::from_pairs([("a", "1")]).unwrap().one("a"), Some("1"));
        assert_eq!(Params::from_pairs([("a", "1"), ("a", "2")]), Err(ParamsError::Duplicate("a".to_owned())));
        assert_eq!(Params::from_pairs([("a", "\0")]), Err(ParamsError::Malformed));
    }

    #[test]
    fn one_parameter_can_be_required_and_bounded() {
        let params = form("a=12345&b=").unwrap();
        assert_eq!(params.required("a", 5), Ok("12345"));
        assert_eq!(params.required("a", 4), Err(ParamError::TooLong("a")));
        assert_eq!(params.required("b", 4), Err(ParamError::Missing("b")));
        assert_eq!(params.optional("b", 4), Ok(None));
        assert_eq!(OAuthError::from(ParamError::Missing("b")).description(), "The parameter b is missing.");
    }

    #[test]
    fn debug_output_shows_no_value() {
        assert_eq!(format!("{:?}", form("client_secret=hunter2").unwrap()), r#"["client_secret"]"#);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Params::parse_form(&body);
        }

        #[test]
        fn whatever_is_encoded_is_read_back(pairs in proptest::collection::btree_map("[a-z_]{1,9}", "[^\0]{1,20}", 0..9)) {
            let body = pairs
                .iter()
                .map(|(name, value)| format!("{}={}", encode_component(name), encode_component(value)))
                .collect::<Vec<_>>()
                .join("&");
            let params = form(&body).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(params.one(name), Some(value.as_str()));
            }
        }

        #[test]
        fn a_duplicate_is_always_an_error(
            names in proptest::collection::vec("[a-d]", 2..8),
            position in any::<proptest::sample::Index>(),
        ) {
            let mut names = names;
            names.push(names[position.index(names.len())].clone());
            let body = names.iter().map(|name| format!("{name}=1")).collect::<Vec<_>>().join("&");
            prop_assert!(matches!(form(&body), Err(ParamsError::Duplicate(_))));
        }
    }
}
