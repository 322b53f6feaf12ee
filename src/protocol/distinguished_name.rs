//! Distinguished names as text (RFC 4514), as clients register them for `tls_client_auth_subject_dn` (RFC 8705 §2.1.2).

use std::collections::BTreeSet;

/// The longest name that is read, in bytes.
const MAX_NAME: usize = 1024;

/// The attribute types that have a short name (RFC 4514 §3, RFC 4519 and what certificates use beside).
const TYPES: [(&str, &str); 20] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GIVENNAME", "2.5.4.42"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
    ("JURISDICTIONST", "1.3.6.1.4.1.311.60.2.1.2"),
];

/// A relative distinguished name: a set of attribute types (dotted) with their values.
pub type Rdn = BTreeSet<(String, String)>;

/// A distinguished name in the order of a certificate: the most significant part first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DistinguishedName(Vec<Rdn>);

impl DistinguishedName {
    /// A name from the parts of a certificate, in their order.
    pub fn new(rdns: Vec<Rdn>) -> Self {
        Self(rdns)
    }

    /// Reads a name written as RFC 4514 §2 has it: the least significant part first. Spaces around separators are
    /// passed over (RFC 2253 §4); values in hexadecimal (`#…`) are not read.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_NAME {
            return None;
        }
        let rdns = split(text, ',').map(|rdn| split(rdn, '+').map(attribute).collect::<Option<Rdn>>());
        let mut rdns = rdns.collect::<Option<Vec<_>>>()?;
        rdns.reverse();
        Some(Self(rdns))
    }
}

/// The pieces between separators that are not escaped.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let separates = c == separator && !escaped;
        escaped = c == '\\' && !escaped;
        separates
    })
}

fn attribute(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let dotted = name.contains('.') && name.split('.').all(|arc| arc.parse::<u64>().is_ok());
    let known = TYPES.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
    let oid = known.map(|(_, oid)| *oid).or(Some(name).filter(|_| dotted))?;
    let value = unescaped(value)?;
    if value.is_empty() { None } else { Some((oid.to_owned(), value)) }
}

/// RFC 4514 §2.4, §3: what follows a backslash is a special character or two hexadecimal digits.
fn unescaped(value: &str) -> Option<String> {
    let value = value.trim_start_matches(' ');
    if value.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut kept = 0;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            let next = rest.next()?;
            if let Some(high) = next.to_digit(16) {
                let low = rest.next()?.to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            } else if matches!(next, '"' | '+' | ',' | ';' | '<' | '>' | ' ' | '#' | '=' | '\\') {
                bytes.push(u8::try_from(next).ok()?);
            } else {
                return None;
            }
            kept = bytes.len();
        } else if matches!(c, '"' | ';' | '<' | '>' | '\0') {
            return None;
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            if c != ' ' {
                kept = bytes.len();
            }
        }
    }
    // Spaces at the end are no part of the value unless they are escaped.
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rdn(pairs: &[(&str, &str)]) -> Rdn {
        pairs.iter().map(|(oid, value)| ((*oid).to_owned(), (*value).to_owned())).collect()
    }

    /// The examples of RFC 4514 §4.
    #[test]
    fn the_rfcs_examples_are_read() {
        let parse = |text| DistinguishedName::parse(text).unwrap().0;
        let (dc, cn, ou, o) = ("0.9.2342.19200300.100.1.25", "2.5.4.3", "2.5.4.11", "2.5.4.10");
        assert_eq!(
            parse("UID=jsmith,DC=example,DC=net"),
            [rdn(&[(dc, "net")]), rdn(&[(dc, "example")]), rdn(&[("0.9.2342.19200300.100.1.1", "jsmith")])]
        );
        assert_eq!(
            parse("OU=Sales+CN=J.  Smith,DC=example,DC=net").last(),
            Some(&rdn(&[(ou, "Sales"), (cn, "J.  Smith")]))
        );
        assert_eq!(
            parse(r#"CN=James \"Jim\" Smith\, III,O=x"#).last(),
            Some(&rdn(&[(cn, "James \"Jim\" Smith, III")]))
        );
        assert_eq!(parse(r"CN=Before\0dAfter,O=x").last(), Some(&rdn(&[(cn, "Before\rAfter")])));
        assert_eq!(parse(r"CN=Lu\C4\8Di\C4\87"), [rdn(&[(cn, "Lučić")])]);
        assert_eq!(parse(r"cn = a\  , 2.5.4.10=b "), [rdn(&[(o, "b")]), rdn(&[(cn, "a ")])]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "x",
            "CN",
            "CN=",
            "=x",
            "XX=y",
            "CN=a,",
            "CN=#04024869",
            r"CN=a\",
            r"CN=a\z",
            r"CN=\C4",
            "CN=a;O=b",
        ] {
            assert_eq!(DistinguishedName::parse(text), None, "{text}");
        }
    }
}
