//! Members in several languages: `client_name#de` (RFC 7591 §2.2; Registration §2.1).

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::{
    ClientMetadata, MetadataError,
    validate::{Transport, check_text, check_uri, ensure},
};
use crate::protocol::locale::{LanguageTag, lookup};

/// The members that may have a language.
const MEMBERS: [&str; 5] = ["client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"];
/// The most languages of one member.
const MAX_LANGUAGES: usize = 20;

/// The members with a language, by their names as written: `client_name#de-CH`, tags in canonical casing.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Localized(BTreeMap<String, String>);

impl Localized {
    /// The value of a member in the language that suits the preferences best, if there is one.
    pub fn find(&self, member: &str, preferred: &[LanguageTag]) -> Option<&str> {
        let languages: Vec<&str> = self.languages(member).map(|(tag, _)| tag).collect();
        let tag = lookup(preferred, &languages)?;
        self.languages(member).find(|(known, _)| *known == tag).map(|(_, value)| value)
    }

    /// The value of a member in whichever language comes first.
    pub fn any(&self, member: &str) -> Option<&str> {
        self.languages(member).next().map(|(_, value)| value)
    }

    /// Whether a name is that of a member with a language, well-formed or not.
    pub fn is_name(name: &str) -> bool {
        name.split_once('#').is_some_and(|(member, _)| MEMBERS.contains(&member))
    }

    fn languages<'a>(&'a self, member: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| {
            let (known, tag) = name.split_once('#')?;
            (known == member).then_some((tag, value.as_str()))
        })
    }

    /// Checks each value as its member without a language.
    pub(super) fn check(&self) -> Result<(), MetadataError> {
        for member in MEMBERS {
            ensure(self.languages(member).count() <= MAX_LANGUAGES, member, "has too many languages")?;
            for (_, value) in self.languages(member) {
                match member {
                    "client_name" => check_text(member, value)?,
                    "logo_uri" => check_uri(member, Some(value), Transport::Https)?,
                    _ => check_uri(member, Some(value), Transport::HttpsOrLoopback)?,
                }
            }
        }
        Ok(())
    }
}

impl ClientMetadata {
    /// A text for people in the language that suits them best: `localized`, else the member without a language, else
    /// whichever language there is (RFC 7591 §2.2).
    pub fn text_for<'a>(
        &'a self,
        member: &str,
        plain: Option<&'a str>,
        preferred: &[LanguageTag],
    ) -> Option<&'a str> {
        self.localized.find(member, preferred).or(plain).or_else(|| self.localized.any(member))
    }
}

impl Serialize for Localized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Localized {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LocalizedVisitor)
    }
}

struct LocalizedVisitor;

impl<'de> Visitor<'de> for LocalizedVisitor {
    type Value = Localized;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("client metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Localized, A::Error> {
        let mut localized = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let member = name.split_once('#').filter(|(member, _)| MEMBERS.contains(member));
            let Some((member, tag)) = member else {
                // RFC 7591 §2: what is not understood is ignored.
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            // BCP 47 tags have no case: `#DE` and `#de` are one.
            let tag = LanguageTag::parse(tag)
                .ok_or_else(|| Error::custom("the language tag is not well-formed"))?;
            let value = members.next_value::<String>()?;
            if localized.insert(format!("{member}#{tag}"), value).is_some() {
                return Err(Error::custom("a language comes twice"));
            }
        }
        Ok(Localized(localized))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(metadata: Value) -> Result<ClientMetadata, serde_json::Error> {
        serde_json::from_value(metadata)
    }

    #[test]
    fn the_best_language_is_chosen_and_others_survive_the_round_trip() {
        let client = parse(json!({
            "client_name": "Books", "client_name#DE": "Bücher", "client_name#fr-ca": "Livres", "software#de": 1,
            "redirect_uris": ["https://rp.example/cb"],
        }))
        .unwrap()
        .with_defaults();
        let name = |languages: &str| {
            client.text_for("client_name", client.client_name.as_deref(), &LanguageTag::parse_list(languages))
        };
        assert_eq!(name("de-CH en"), Some("Bücher"));
        assert_eq!(name("fr-CA"), Some("Livres"));
        assert_eq!((name("fr"), name("")), (Some("Books"), Some("Books")));
        assert_eq!(client.validate(), Ok(()));
        let stored = serde_json::to_value(&client).unwrap();
        assert_eq!(stored["client_name#de"], "Bücher");
        assert!(stored.get("software#de").is_none() && stored.get("localized").is_none());
        assert_eq!(parse(stored).unwrap(), client);
    }

    #[test]
    fn malformed_and_repeated_languages_are_refused() {
        for name in ["client_name#", "client_name#e", "tos_uri#de_DE", "logo_uri#<b>"] {
            assert!(parse(json!({name: "https://rp.example/x"})).is_err(), "{name}");
        }
        assert!(parse(json!({"client_name#de": "a", "client_name#DE": "b"})).is_err());
        assert!(parse(json!({"client_name#de": 1})).is_err());
    }

    #[test]
    fn a_value_is_checked_as_its_member() {
        for (name, value, member) in [
            ("client_name#de", "a\u{202e}b", "client_name"),
            ("logo_uri#de", "http://rp.example/logo.png", "logo_uri"),
            ("tos_uri#de", "javascript:alert(1)", "tos_uri"),
        ] {
            let client = parse(json!({name: value, "redirect_uris": ["https://rp.example/cb"]})).unwrap();
            assert_eq!(client.with_defaults().validate().unwrap_err().member, member, "{name}");
        }
    }
}
