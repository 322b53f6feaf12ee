//! A YAML document in which every value knows its line, and readers that name file, line and key when something is
//! wrong.

use std::{fmt, path::Path};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use super::SeedError;

/// A value with its line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    line: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, u64, Node)>),
}

/// Reads a document and replaces every `{env: NAME}` and `{file: PATH}` by what it points to; paths are relative to
/// the document's folder.
pub(super) fn parse(
    text: &str,
    file: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Node, SeedError> {
    let options = serde_saphyr::options! {
        // A telephone number or the country NO must not change on the way.
        leading_zero_numbers_as_strings: true,
        strict_booleans: true,
        with_snippet: false,
    };
    let root: Spanned<Content> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        let problem = error.to_string();
        // "error: line 1 column 2: …": the line is told apart.
        let problem = problem.splitn(3, ": ").nth(2).map_or_else(|| problem.clone(), ToOwned::to_owned);
        SeedError::at(file, line, "", problem)
    })?;
    let mut root = Node::from(root);
    let mut missing = Vec::new();
    root.resolve(file, variable, ("", &mut missing))?;
    match missing.first() {
        Some(first) => Err(SeedError::at(file, first.line, &first.key, not_set(&missing))),
        None => Ok(root),
    }
}

/// A variable that is not set, and where it is wanted.
struct Missing {
    name: String,
    line: u64,
    key: String,
}

/// All variables at once: nobody wants to find them one by one.
fn not_set(missing: &[Missing]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for variable in missing {
        if !names.contains(&variable.name.as_str()) {
            names.push(&variable.name);
        }
    }
    match names.as_slice() {
        [name] => format!("the environment variable {name} is not set"),
        names => format!("the environment variables {} are not set", names.join(", ")),
    }
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        Self { line: spanned.referenced.line(), content: spanned.value }
    }
}

impl Node {
    fn resolve(
        &mut self,
        file: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
        (path, missing): (&str, &mut Vec<Missing>),
    ) -> Result<(), SeedError> {
        let pointed = match &self.content {
            Content::Map(entries) => match entries.as_slice() {
                [(kind, _, Self { content: Content::Text(target), .. })] if kind == "env" => {
                    let value = variable(target);
                    if value.is_none() {
                        let (name, key) = (target.clone(), path.to_owned());
                        missing.push(Missing { name, line: self.line, key });
                    }
                    value.map(Ok)
                }
                [(kind, _, Self { content: Content::Text(target), .. })] if kind == "file" => {
                    let target = file.parent().unwrap_or(Path::new("")).join(target);
                    let text = std::fs::read_to_string(&target)
                        .map_err(|error| format!("{}: {error}", target.display()));
                    Some(text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()))
                }
                _ => None,
            },
            _ => None,
        };
        match pointed {
            Some(Ok(text)) => self.content = Content::Text(text),
            Some(Err(problem)) => return Err(SeedError::at(file, self.line, path, problem)),
            None => {}
        }
        match &mut self.content {
            Content::List(items) => {
                items.iter_mut().try_for_each(|item| item.resolve(file, variable, (path, &mut *missing)))
            }
            Content::Map(entries) => entries.iter_mut().try_for_each(|(key, _, value)| {
                value.resolve(file, variable, (&join(path, key), &mut *missing))
            }),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => Ok(()),
        }
    }

    /// Begins reading.
    pub(super) fn read<'a>(&'a self, file: &'a Path) -> Place<'a> {
        Place { file, key: String::new(), node: self }
    }

    fn json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(value) => Value::Number(value.clone()),
            Content::Text(value) => value.as_str().into(),
            Content::List(items) => items.iter().map(Self::json).collect(),
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|(key, _, value)| (key.clone(), value.json())).collect())
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value, and how one gets to it.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    file: &'a Path,
    key: String,
    node: &'a Node,
}

/// A place that a later step may have to complain about.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    file: std::path::PathBuf,
    line: u64,
    key: String,
}

impl Spot {
    pub(super) fn error(&self, problem: impl Into<String>) -> SeedError {
        SeedError::at(&self.file, self.line, &self.key, problem)
    }
}

/// A name that must belong to something.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) spot: Spot,
}

impl<'a> Place<'a> {
    pub(super) fn error(&self, problem: impl Into<String>) -> SeedError {
        SeedError::at(self.file, self.node.line, &self.key, problem)
    }

    pub(super) fn spot(&self) -> Spot {
        Spot { file: self.file.to_owned(), line: self.node.line, key: self.key.clone() }
    }

    /// The members of a map, all of which must be known.
    pub(super) fn members(&self, known: &[&str]) -> Result<Members<'a>, SeedError> {
        let members = self.any_members()?;
        for (key, line, _) in members.entries {
            if !known.contains(&key.as_str()) {
                let key = join(&self.key, key);
                let problem = format!("unknown key; known here: {}", known.join(", "));
                return Err(SeedError::at(self.file, *line, &key, problem));
            }
        }
        Ok(members)
    }

    /// The members of a map.
    pub(super) fn any_members(&self) -> Result<Members<'a>, SeedError> {
        match &self.node.content {
            Content::Map(entries) => Ok(Members { place: self.clone(), entries }),
            Content::Null => Ok(Members { place: self.clone(), entries: &[] }),
            _ => Err(self.error("must be a map")),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<Self>, SeedError> {
        match &self.node.content {
            Content::List(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, node)| Self { file: self.file, key: format!("{}[{index}]", self.key), node })
                .collect()),
            Content::Null => Ok(Vec::new()),
            _ => Err(self.error("must be a list")),
        }
    }

    pub(super) fn text(&self) -> Result<String, SeedError> {
        match &self.node.content {
            Content::Text(text) if !text.is_empty() => Ok(text.clone()),
            Content::Text(_) => Err(self.error("is empty")),
            Content::Bool(_) | Content::Number(_) => Err(self.error("must be a text: put it in quotes")),
            Content::Null | Content::List(_) | Content::Map(_) => {
                Err(self.error("must be a text, {env: NAME} or {file: PATH}"))
            }
        }
    }

    pub(super) fn bool(&self) -> Result<bool, SeedError> {
        match &self.node.content {
            Content::Bool(value) => Ok(*value),
            Content::Text(text) if text == "true" => Ok(true),
            Content::Text(text) if text == "false" => Ok(false),
            _ => Err(self.error("must be true or false")),
        }
    }

    pub(super) fn integer(&self, range: std::ops::RangeInclusive<u32>) -> Result<u32, SeedError> {
        let number = match &self.node.content {
            Content::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            Content::Text(text) => text.parse().ok(),
            _ => None,
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            self.error(format!("must be a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// One of the words that a type allows.
    pub(super) fn word<T: serde::de::DeserializeOwned>(&self, allowed: &str) -> Result<T, SeedError> {
        serde_json::from_value(self.node.json()).map_err(|_| self.error(format!("must be one of {allowed}")))
    }

    pub(super) fn references(&self) -> Result<Vec<Reference>, SeedError> {
        self.list()?.iter().map(|place| Ok(Reference { name: place.text()?, spot: place.spot() })).collect()
    }

    pub(super) fn json(&self) -> Value {
        self.node.json()
    }
}

/// The members of a map.
pub(super) struct Members<'a> {
    pub(super) place: Place<'a>,
    entries: &'a [(String, u64, Node)],
}

impl<'a> Members<'a> {
    pub(super) fn find(&self, key: &str) -> Option<Place<'a>> {
        let (_, _, node) = self.entries.iter().find(|(known, _, _)| known == key)?;
        Some(Place { file: self.place.file, key: join(&self.place.key, key), node })
    }

    pub(super) fn load(&self, key: &str) -> Result<Place<'a>, SeedError> {
        self.find(key).ok_or_else(|| self.place.error(format!("`{key}` is missing")))
    }

    /// Reads a member, if it is there.
    pub(super) fn opt<T>(
        &self,
        key: &str,
        read: impl FnOnce(Place<'a>) -> Result<T, SeedError>,
    ) -> Result<Option<T>, SeedError> {
        self.find(key).map(read).transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, SeedError> {
        self.opt(key, |place| place.text())
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, SeedError> {
        self.opt(key, |place| place.bool())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, Place<'a>)> {
        self.entries.iter().map(|(key, _, node)| {
            (key.as_str(), Place { file: self.place.file, key: join(&self.place.key, key), node })
        })
    }

    /// The members as JSON, without some.
    pub(super) fn json_without(&self, without: &[&str]) -> Map<String, Value> {
        self.all()
            .filter(|(key, _)| !without.contains(key))
            .map(|(key, place)| (key.to_owned(), place.json()))
            .collect()
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        Number::from_f64(value).map(Content::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Content>>()? {
            list.push(item.into());
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value: Spanned<Content> = entries.next_value()?;
            map.push((key.value, key.referenced.line(), value.into()));
        }
        Ok(Content::Map(map))
    }
}
