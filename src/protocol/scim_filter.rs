//! Filters of lists (RFC 7644 §3.4.2.2), as Okta's `filter` and `search` take them: comparisons joined by `and` and `or`,
//! in parentheses, without `not` and without value paths.
//!
//! Whoever asks decides how much work an answer is, so length, depth and number of comparisons are bounded.

use serde_json::Value;
use time::OffsetDateTime;

use super::timestamp;

/// The longest filter, in bytes.
pub const MAX_LENGTH: usize = 8192;
/// The deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 20;
/// The most comparisons.
pub const MAX_TERMS: usize = 100;
/// The longest attribute path, in bytes.
const MAX_PATH: usize = 128;

/// Why a filter is not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the filter is too long")]
    TooLong,
    /// Deeper than [`MAX_DEPTH`], or with more than [`MAX_TERMS`] comparisons.
    #[error("the filter is too complex")]
    TooComplex,
    /// No filter by the grammar; where it went wrong, in bytes.
    #[error("the filter cannot be read at position {0}")]
    Syntax(usize),
    /// A comparison that is not offered.
    #[error("the filter uses an operator that is not supported")]
    Operator,
}

/// A comparison operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Begins with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        // RFC 7644 §3.4.2.2: operators have no case.
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "co" => Self::Co,
            "sw" => Self::Sw,
            "ew" => Self::Ew,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }
}

/// What an attribute is compared with.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// Nothing.
    Null,
}

impl Literal {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Bool(_) | Self::Null => None,
        }
    }
}

/// A filter that was read.
#[derive(Clone, PartialEq, Debug)]
pub enum Filter {
    /// All of them hold.
    And(Vec<Self>),
    /// At least one of them holds.
    Or(Vec<Self>),
    /// An attribute compares.
    Compare(String, Operator, Literal),
    /// An attribute has a value (`pr`).
    Present(String),
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// It is none, or too much.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_LENGTH {
            return Err(FilterError::TooLong);
        }
        let mut parser = Parser { text, at: 0, terms: 0 };
        let filter = parser.or(0)?;
        parser.skip_blanks();
        if parser.at == text.len() { Ok(filter) } else { Err(FilterError::Syntax(parser.at)) }
    }

    /// Every attribute that it names.
    pub fn attributes(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Compare(attribute, ..) | Self::Present(attribute) => vec![attribute],
        }
    }

    /// Every comparison that it makes.
    pub fn comparisons(&self) -> Vec<(&str, Operator, &Literal)> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::comparisons).collect(),
            Self::Compare(attribute, operator, literal) => vec![(attribute, *operator, literal)],
            Self::Present(_) => Vec::new(),
        }
    }

    /// The text that an attribute must equal whatever else holds, if the filter says so.
    pub fn must_equal(&self, attribute: &str) -> Option<&str> {
        match self {
            Self::And(parts) => parts.iter().find_map(|part| part.must_equal(attribute)),
            Self::Or(parts) if parts.len() == 1 => parts.first()?.must_equal(attribute),
            Self::Compare(name, Operator::Eq, Literal::Text(text)) if name == attribute => Some(text),
            Self::Or(_) | Self::Compare(..) | Self::Present(_) => None,
        }
    }

    /// Whether it holds for something whose attributes `value` gives: no value, one, or several in a list.
    pub fn matches(&self, value: &impl Fn(&str) -> Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(value)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(value)),
            Self::Present(attribute) => is_present(&value(attribute)),
            Self::Compare(attribute, operator, literal) => match value(attribute) {
                Value::Array(values) if *operator == Operator::Ne => {
                    values.iter().all(|value| compare(value, *operator, literal))
                }
                Value::Array(values) => values.iter().any(|value| compare(value, *operator, literal)),
                value => compare(&value, *operator, literal),
            },
        }
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn compare(value: &Value, operator: Operator, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::String(left), Literal::Text(right)) => compare_texts(left, operator, right),
        (Value::Number(left), Literal::Number(right)) => {
            left.as_f64().is_some_and(|left| ordered(left.partial_cmp(right), operator))
        }
        (Value::Bool(left), Literal::Bool(right)) => match operator {
            Operator::Eq => left == right,
            Operator::Ne => left != right,
            Operator::Co
            | Operator::Sw
            | Operator::Ew
            | Operator::Gt
            | Operator::Ge
            | Operator::Lt
            | Operator::Le => false,
        },
        (Value::Null, Literal::Null) => operator == Operator::Eq,
        (_, _) => operator == Operator::Ne,
    }
}

/// Texts have no case here (RFC 7643 §2.2: `caseExact` is false); times compare as times, however they are written.
fn compare_texts(left: &str, operator: Operator, right: &str) -> bool {
    if let (Some(left), Some(right)) = (time(left), time(right)) {
        return ordered(left.partial_cmp(&right), operator);
    }
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    match operator {
        Operator::Co => left.contains(&right),
        Operator::Sw => left.starts_with(&right),
        Operator::Ew => left.ends_with(&right),
        Operator::Eq | Operator::Ne | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
            ordered(left.partial_cmp(&right), operator)
        }
    }
}

fn time(text: &str) -> Option<OffsetDateTime> {
    // A date alone may as well be any text.
    if text.len() > 10 && text.as_bytes().get(10) == Some(&b'T') { timestamp::parse(text) } else { None }
}

fn ordered(ordering: Option<std::cmp::Ordering>, operator: Operator) -> bool {
    let Some(ordering) = ordering else { return false };
    match operator {
        Operator::Eq => ordering.is_eq(),
        Operator::Ne => ordering.is_ne(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn syntax<T>(&self) -> Result<T, FilterError> {
        Err(FilterError::Syntax(self.at))
    }

    /// `and` binds tighter than `or`.
    fn or(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.and(depth)?];
        while self.keyword("or") {
            parts.push(self.and(depth)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Filter::Or(parts) })
    }

    fn and(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.term(depth)?];
        while self.keyword("and") {
            parts.push(self.term(depth)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Filter::And(parts) })
    }

    /// Takes a word if it comes next.
    fn keyword(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let Some((head, tail)) = self.rest().split_at_checked(word.len()) else { return false };
        let ends = tail.is_empty() || tail.starts_with([' ', '(', ')']);
        let found = head.eq_ignore_ascii_case(word) && ends;
        if found {
            self.at += word.len();
        }
        found
    }

    fn term(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.skip_blanks();
        if self.rest().starts_with('(') {
            // The recursion is as deep as the parentheses, and no deeper.
            if depth == MAX_DEPTH {
                return Err(FilterError::TooComplex);
            }
            self.at += 1;
            let inner = self.or(depth + 1)?;
            self.skip_blanks();
            if !self.rest().starts_with(')') {
                return self.syntax();
            }
            self.at += 1;
            return Ok(inner);
        }
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(FilterError::TooComplex);
        }
        let attribute = self.path()?;
        if attribute.eq_ignore_ascii_case("not") {
            return Err(FilterError::Operator);
        }
        if self.keyword("pr") {
            return Ok(Filter::Present(attribute));
        }
        self.skip_blanks();
        let word: String = self.rest().chars().take_while(char::is_ascii_alphabetic).take(3).collect();
        let Some(operator) = Operator::parse(&word) else {
            return if word.is_empty() { self.syntax() } else { Err(FilterError::Operator) };
        };
        self.at += word.len();
        if !self.rest().starts_with(' ') {
            return self.syntax();
        }
        Ok(Filter::Compare(attribute, operator, self.literal()?))
    }

    fn path(&mut self) -> Result<String, FilterError> {
        self.skip_blanks();
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let path: String = self.rest().chars().take_while(allowed).collect();
        let begins = path.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || path.len() > MAX_PATH || path.ends_with('.') || path.contains("..") {
            return self.syntax();
        }
        self.at += path.len();
        Ok(path)
    }

    /// A JSON text, number, `true`, `false` or `null` (RFC 7644 §3.4.2.2, RFC 8259).
    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.skip_blanks();
        // A word ends where the JSON reader would not let it end: at the parenthesis behind it.
        let rest = self.rest();
        let word =
            if rest.starts_with('"') { rest } else { rest.split([' ', ')']).next().unwrap_or_default() };
        let mut values = serde_json::Deserializer::from_str(word).into_iter::<Value>();
        // Only what cannot nest is handed to the JSON reader.
        let literal = match self.rest().bytes().next() {
            Some(b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => match values.next() {
                Some(Ok(Value::String(text))) => Literal::Text(text),
                Some(Ok(Value::Bool(value))) => Literal::Bool(value),
                Some(Ok(Value::Number(number))) => {
                    Literal::Number(number.as_f64().ok_or(FilterError::Syntax(self.at))?)
                }
                Some(Ok(Value::Null)) => Literal::Null,
                Some(Ok(Value::Array(_) | Value::Object(_)) | Err(_)) | None => return self.syntax(),
            },
            _ => return self.syntax(),
        };
        let end = values.byte_offset();
        if !self.text.get(self.at + end..).is_some_and(|tail| tail.is_empty() || tail.starts_with([' ', ')']))
        {
            return self.syntax();
        }
        self.at += end;
        Ok(literal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> bool {
        let thing = json!({
            "status": "ACTIVE",
            "profile.login": "Alice@example.com",
            "age": 7,
            "admin": true,
            "lastUpdated": "2026-01-02T03:04:05.000Z",
            "tags": ["a", "b"],
            "empty": "",
        });
        Filter::parse(filter).unwrap().matches(&|name| thing.get(name).cloned().unwrap_or(Value::Null))
    }

    #[test]
    fn comparisons_are_those_of_rfc_7644() {
        for filter in [
            r#"status eq "active""#,
            r#"status ne "STAGED""#,
            r#"profile.login sw "alice" and profile.login ew ".com" and profile.login co "@EXAMPLE""#,
            r#"lastUpdated gt "2026-01-02T03:04:04Z" and lastUpdated lt "2026-01-02T05:04:05+01:00""#,
            r#"lastUpdated ge "2026-01-02T03:04:05Z" AND lastUpdated LE "2026-01-02T03:04:05.000Z""#,
            "age gt 6 and age le 7.0",
            "admin eq true",
            "status pr and (nothing eq null)",
            r#"tags eq "b""#,
            r#"nothing eq "x" or (status eq "ACTIVE" and admin eq true)"#,
            // `and` binds tighter.
            r#"admin eq true or admin eq false and admin eq false"#,
        ] {
            assert!(holds(filter), "{filter}");
        }
        for filter in [
            r#"status eq "STAGED""#,
            "nothing pr",
            "empty pr",
            r#"tags ne "b""#,
            r#"age eq "7""#,
            "admin gt false",
            "status gt 1",
            r#"(admin eq true or admin eq false) and admin eq false"#,
        ] {
            assert!(!holds(filter), "{filter}");
        }
    }

    #[test]
    fn texts_may_hold_anything_that_json_can_quote() {
        let parsed = Filter::parse(r#"a eq "x\" or b eq \"\u00e9'%_\\""#).unwrap();
        assert_eq!(parsed.must_equal("a"), Some("x\" or b eq \"\u{e9}'%_\\"));
        assert_eq!(Filter::parse(r#"a eq "1" and (b pr)"#).unwrap().must_equal("a"), Some("1"));
        assert_eq!(Filter::parse(r#"a eq "1" or b pr"#).unwrap().must_equal("a"), None);
    }

    #[test]
    fn sec_x03_what_is_no_filter_is_refused() {
        for bad in [
            "",
            " ",
            "a",
            "a eq",
            "a eq x",
            r#"a eq"x""#,
            r#"a eq "x"#,
            r#"a eq "x" b"#,
            r#"a eq "x"and b pr"#,
            r#"a eq "x" and"#,
            r#"(a eq "x""#,
            r#"a eq "x")"#,
            "()",
            r#"a eq ["x"]"#,
            r#"a eq {"x": 1}"#,
            r#"a..b eq "x""#,
            r#"a. eq "x""#,
            r#"'a' eq "x""#,
            r#"a[b eq "x"] pr"#,
            "a eq 'x'",
            "a eq 1e999",
            "1 eq 1",
            "\u{e9} pr",
        ] {
            assert!(
                matches!(Filter::parse(bad), Err(FilterError::Syntax(_))),
                "{bad}: {:?}",
                Filter::parse(bad)
            );
        }
        for bad in [r#"a xx "b""#, r#"not (a eq "b")"#, r#"a equals "b""#] {
            assert!(
                matches!(Filter::parse(bad), Err(FilterError::Operator | FilterError::Syntax(_))),
                "{bad}"
            );
        }
    }

    /// Depth, length and number are bounded before the stack or the clock is.
    #[test]
    fn sec_x03_filters_are_bounded() {
        let nested = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Filter::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Filter::parse(&nested(MAX_DEPTH + 1)), Err(FilterError::TooComplex));
        assert_eq!(Filter::parse(&"(".repeat(8000)), Err(FilterError::TooComplex));
        assert_eq!(Filter::parse(&"(".repeat(9000)), Err(FilterError::TooLong));
        let many = |terms: usize| vec!["a pr"; terms].join(" or ");
        assert!(Filter::parse(&many(MAX_TERMS)).is_ok());
        assert_eq!(Filter::parse(&many(MAX_TERMS + 1)), Err(FilterError::TooComplex));
        assert_eq!(Filter::parse(&format!("{} pr", "a".repeat(MAX_PATH + 1))), Err(FilterError::Syntax(0)));
    }
}
