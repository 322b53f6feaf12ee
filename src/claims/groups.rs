//! Which group names a claim of type `GROUPS` carries.

use regex::{Regex, RegexBuilder};

use super::assemble::ClaimsError;
use crate::model::authorization_server::GroupFilter;

/// The most groups that a token carries; one more and no token is issued (Okta).
pub const MAX_GROUPS: usize = 100;

/// The names that pass the filter, in the order given.
///
/// # Errors
/// More than [`MAX_GROUPS`] pass, or the regular expression can't be used.
pub fn matching<'a>(
    names: &'a [String],
    filter: GroupFilter,
    value: &str,
) -> Result<Vec<&'a str>, ClaimsError> {
    let wanted = value.to_lowercase();
    let names = names.iter().map(String::as_str);
    let passed: Vec<&str> = match filter {
        GroupFilter::StartsWith => names.filter(|name| name.to_lowercase().starts_with(&wanted)).collect(),
        GroupFilter::Equals => names.filter(|name| name.to_lowercase() == wanted).collect(),
        GroupFilter::Contains => names.filter(|name| name.to_lowercase().contains(&wanted)).collect(),
        GroupFilter::Regex => {
            let pattern = compile(value).map_err(|_| ClaimsError::BadGroupPattern)?;
            names.filter(|name| pattern.is_match(name)).collect()
        }
    };
    at_most_a_hundred(passed)
}

/// The names themselves, if a token may carry so many.
///
/// # Errors
/// More than [`MAX_GROUPS`].
pub fn at_most_a_hundred(names: Vec<&str>) -> Result<Vec<&str>, ClaimsError> {
    if names.len() > MAX_GROUPS { Err(ClaimsError::TooManyGroups) } else { Ok(names) }
}

/// A regular expression that matches whole names, with regard to case; it may be written `/…/`. Matching takes
/// linear time, and compiling is bounded, so that a pattern can't stall a server.
///
/// # Errors
/// The pattern is not a regular expression, or a too big one.
pub fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let pattern = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or(pattern);
    // By itself first: `a)|(b` must not close our group and escape the anchors.
    bounded(pattern)?;
    bounded(&format!(r"\A(?:{pattern})\z"))
}

fn bounded(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(32)
        .build()
}

const MAX_COMPILED_BYTES: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn filters_compare_as_okta_says() {
        let groups = names(&["Everyone", "Sales-EU", "sales-us", "Presales", "a", "b"]);
        let cases: [(GroupFilter, &str, &[&str]); 12] = [
            (GroupFilter::StartsWith, "SALES", &["Sales-EU", "sales-us"]),
            (GroupFilter::Equals, "everyone", &["Everyone"]),
            (GroupFilter::Equals, "every", &[]),
            (GroupFilter::Contains, "sales", &["Sales-EU", "sales-us", "Presales"]),
            (GroupFilter::Regex, "sales.*", &["sales-us"]),
            (GroupFilter::Regex, "/(?i)sales.*/", &["Sales-EU", "sales-us"]),
            (GroupFilter::Regex, ".*", &["Everyone", "Sales-EU", "sales-us", "Presales", "a", "b"]),
            (GroupFilter::Regex, "ales", &[]),
            (GroupFilter::Regex, "a|b", &["a", "b"]),
            (GroupFilter::Regex, "a|Every", &["a"]),
            (GroupFilter::Regex, "Sales|Sales-EU", &["Sales-EU"]),
            (GroupFilter::Regex, "(?m)^a$", &["a"]),
        ];
        for (filter, value, expected) in cases {
            assert_eq!(matching(&groups, filter, value).unwrap(), expected, "{filter:?} {value}");
        }
    }

    #[test]
    fn patterns_that_escape_or_explode_are_refused() {
        for pattern in ["a)|(b", "(", "(?x)a #", "a{1000000}", "((a{100}){100}){100}", &"(".repeat(1000)] {
            assert_eq!(
                matching(&names(&["a"]), GroupFilter::Regex, pattern),
                Err(ClaimsError::BadGroupPattern),
                "{pattern:.20}"
            );
        }
    }

    #[test]
    fn a_hundred_groups_pass_and_one_more_fails() {
        let many: Vec<String> = (0..101).map(|n| format!("g{n}")).collect();
        assert_eq!(matching(&many[..100], GroupFilter::StartsWith, "g").unwrap().len(), 100);
        assert_eq!(matching(&many, GroupFilter::StartsWith, "g"), Err(ClaimsError::TooManyGroups));
    }
}
