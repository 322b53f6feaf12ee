//! Language tags (BCP 47, RFC 5646) and the `ui_locales` parameter (Core §3.1.2.1).

use std::fmt;

use serde::{Serialize, Serializer};

/// The most tags taken from one parameter; the rest are ignored.
pub const MAX_TAGS: usize = 10;

/// Longest tag, in characters (RFC 5646 §4.4.1 asks for at least 35).
pub const MAX_TAG_LENGTH: usize = 35;

/// A well-formed language tag in canonical casing (RFC 5646 §2.1.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LanguageTag(String);

impl LanguageTag {
    /// Reads one tag; `None` when it is not well-formed.
    pub fn parse(tag: &str) -> Option<Self> {
        if tag.len() > MAX_TAG_LENGTH {
            return None;
        }
        let mut canonical = String::with_capacity(tag.len());
        let mut after_singleton = false;
        for (index, subtag) in tag.split('-').enumerate() {
            let alphabetic = subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
            if !(1..=8).contains(&subtag.len()) || !subtag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return None;
            }
            if index == 0 {
                if !alphabetic || subtag.len() < 2 {
                    return None;
                }
                canonical.push_str(&subtag.to_ascii_lowercase());
                continue;
            }
            canonical.push('-');
            match (after_singleton, alphabetic, subtag.len()) {
                (false, true, 2) => canonical.push_str(&subtag.to_ascii_uppercase()),
                (false, true, 4) => {
                    let lower = subtag.to_ascii_lowercase();
                    let mut characters = lower.chars();
                    canonical.extend(characters.next().map(|c| c.to_ascii_uppercase()));
                    canonical.push_str(characters.as_str());
                }
                (_, _, length) => {
                    after_singleton |= length == 1;
                    canonical.push_str(&subtag.to_ascii_lowercase());
                }
            }
        }
        // A singleton introduces something: it cannot be last (RFC 5646 §2.2.6).
        let complete = canonical.rsplit('-').next().is_some_and(|last| last.len() > 1);
        complete.then_some(Self(canonical))
    }

    /// Reads a list with spaces between the tags, in order of preference. What is not well-formed, repeated or beyond
    /// [`MAX_TAGS`] is ignored: a wish for a language is never an error (Core §3.1.2.1).
    pub fn parse_list(list: &str) -> Vec<Self> {
        let mut tags: Vec<Self> = Vec::new();
        for tag in list.split(' ').take(MAX_TAGS * 2).filter_map(Self::parse) {
            if tags.len() < MAX_TAGS && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// The tag in canonical casing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for LanguageTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The first available tag that suits the preferences, by shortening each from the right (RFC 4647 §3.4).
pub fn lookup<'a>(preferred: &[LanguageTag], available: &[&'a str]) -> Option<&'a str> {
    preferred.iter().find_map(|tag| {
        let mut range = tag.as_str();
        loop {
            if let Some(found) = available.iter().find(|known| known.eq_ignore_ascii_case(range)) {
                return Some(*found);
            }
            range = range.rsplit_once('-')?.0;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_get_canonical_casing() {
        for (tag, canonical) in [
            ("EN", "en"),
            ("en-us", "en-US"),
            ("ZH-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("en-a-US-x-AB", "en-a-us-x-ab"),
        ] {
            assert_eq!(LanguageTag::parse(tag).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn malformed_tags_are_refused() {
        let long = format!("en{}", "-abcdefgh".repeat(5));
        for tag in ["", "e", "en-", "-en", "en--us", "en_US", "1n", "abcdefghi", "en-x", "é", "en us", &long]
        {
            assert_eq!(LanguageTag::parse(tag), None, "{tag}");
        }
    }

    #[test]
    fn sec_x06_a_list_is_bounded_and_never_an_error() {
        let tags = LanguageTag::parse_list("fr-CA  <script> fr-ca en");
        assert_eq!(tags.iter().map(LanguageTag::as_str).collect::<Vec<_>>(), ["fr-CA", "en"]);
        let many = (0..26_u8).map(|i| format!("a{}", char::from(b'a' + i))).collect::<Vec<_>>().join(" ");
        assert_eq!(LanguageTag::parse_list(&many).len(), MAX_TAGS);
    }

    #[test]
    fn lookup_shortens_a_preference_until_it_is_available() {
        let preferred = LanguageTag::parse_list("de-CH-1996 fr");
        assert_eq!(lookup(&preferred, &["en", "fr", "de"]), Some("de"));
        assert_eq!(lookup(&preferred, &["en", "de-CH"]), Some("de-CH"));
        assert_eq!(lookup(&preferred, &["en"]), None);
    }
}
