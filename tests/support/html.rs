//! As much of HTML as a test needs: elements with their attributes, forms, links, text.
//!
//! Reads the well-formed pages of the application under test; it is no parser for the open web.

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Start { name: String, attributes: Vec<(String, String)> },
    End { name: String },
    Text(&'a str),
}

/// A form as a browser sees it: where it goes and what it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// The `id` attribute.
    pub(crate) id: String,
    /// The `name` attribute.
    pub(crate) name: String,
    /// The `action` attribute as written; empty stands for the page itself.
    pub(crate) action: String,
    /// `GET` or `POST`.
    pub(crate) method: String,
    /// The fields that are sent, in the order of the page.
    pub(crate) fields: Vec<(String, String)>,
    /// Boxes and options that are not chosen.
    choices: Vec<(String, String)>,
    buttons: Vec<Button>,
}

/// What pressing a button adds to its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Button {
    name: String,
    value: String,
    label: String,
    action: Option<String>,
}

impl Form {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Fills in a field that the form has.
    #[track_caller]
    pub(crate) fn fill(mut self, name: &str, value: &str) -> Self {
        let Some(field) = self.fields.iter_mut().find(|(field, _)| field == name) else {
            panic!("the form has no field `{name}`: {self:#?}");
        };
        value.clone_into(&mut field.1);
        self
    }

    /// Ticks a box, or chooses a radio button or an option.
    #[track_caller]
    pub(crate) fn choose(mut self, name: &str, value: &str) -> Self {
        let wanted = (name.to_owned(), value.to_owned());
        assert!(self.choices.contains(&wanted), "the form has no choice `{name}` = `{value}`: {self:#?}");
        // A box stands beside its like, a radio button or an option replaces them; pages of ours
        // never give two boxes one name.
        self.fields.retain(|(field, _)| field != name);
        self.fields.push(wanted);
        self
    }

    /// Adds a field that the form does not have, as an attacker or a script would.
    pub(crate) fn smuggle(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it somewhere else, as an attacker would.
    pub(crate) fn send_to(mut self, action: &str) -> Self {
        action.clone_into(&mut self.action);
        self
    }

    /// Chooses the button to submit with, by its label, name or value.
    #[track_caller]
    pub(crate) fn press(mut self, button: &str) -> Self {
        let Some(pressed) =
            self.buttons.iter().find(|b| [&b.label, &b.name, &b.value].iter().any(|it| *it == button))
        else {
            panic!("the form has no button `{button}`: {self:#?}");
        };
        if !pressed.name.is_empty() {
            self.fields.push((pressed.name.clone(), pressed.value.clone()));
        }
        if let Some(action) = &pressed.action {
            self.action.clone_from(action);
        }
        self
    }

    fn add(&mut self, element: &str, attributes: &[(String, String)]) {
        let value = |name: &str| attribute(attributes, name).unwrap_or_default();
        let name = value("name");
        if attribute(attributes, "disabled").is_some() {
            return;
        }
        match (element, value("type").as_str()) {
            ("button", "" | "submit") | ("input", "submit" | "image") => {
                let action = attribute(attributes, "formaction");
                self.buttons.push(Button { name, value: value("value"), label: value("value"), action });
            }
            ("input", "checkbox" | "radio") => {
                let choice = (name, attribute(attributes, "value").unwrap_or_else(|| "on".to_owned()));
                if attribute(attributes, "checked").is_some() {
                    self.fields.push(choice.clone());
                }
                self.choices.push(choice);
            }
            ("input", "button" | "reset") => {}
            ("input" | "textarea", _) if !name.is_empty() => self.fields.push((name, value("value"))),
            _ => {}
        }
    }
}

/// The forms of a page.
pub(crate) fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    // The name of the open `select`, and the element whose text is wanted.
    let mut select = String::new();
    let mut reading = "";
    for piece in pieces(html) {
        match piece {
            Piece::Start { name, attributes } if name == "form" => {
                let value = |name: &str| attribute(&attributes, name).unwrap_or_default();
                let method = value("method").to_ascii_uppercase();
                forms.push(Form {
                    id: value("id"),
                    name: value("name"),
                    action: value("action"),
                    method: if method.is_empty() { "GET".to_owned() } else { method },
                    ..Form::default()
                });
                open = true;
            }
            Piece::End { name } if name == "form" => open = false,
            Piece::Start { name, attributes } if open => {
                let Some(form) = forms.last_mut() else { continue };
                match name.as_str() {
                    "select" => select = attribute(&attributes, "name").unwrap_or_default(),
                    "option" => {
                        let choice = (select.clone(), attribute(&attributes, "value").unwrap_or_default());
                        // The first option stands until another one is marked.
                        let marked = attribute(&attributes, "selected").is_some();
                        if marked {
                            form.fields.retain(|(field, _)| *field != select);
                        }
                        if marked || form.field(&select).is_none() {
                            form.fields.push(choice.clone());
                        }
                        form.choices.push(choice);
                    }
                    "button" => reading = "button",
                    "textarea" => reading = "textarea",
                    _ => {}
                }
                form.add(&name, &attributes);
            }
            Piece::Text(text) if open => {
                let Some(form) = forms.last_mut() else { continue };
                match reading {
                    "button" => {
                        if let Some(button) = form.buttons.last_mut() {
                            button.label = text.trim().to_owned();
                        }
                    }
                    "textarea" => {
                        if let Some((_, value)) = form.fields.last_mut() {
                            *value = decode(text.strip_prefix('\n').unwrap_or(text));
                        }
                    }
                    _ => {}
                }
            }
            Piece::End { name } if name == reading => reading = "",
            Piece::Start { .. } | Piece::End { .. } | Piece::Text(_) => {}
        }
    }
    forms
}

/// The links of a page: `(text, href)`.
pub(crate) fn links(html: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    let mut open = None;
    for piece in pieces(html) {
        match piece {
            Piece::Start { name, attributes } if name == "a" => {
                open = attribute(&attributes, "href").map(|href| (String::new(), href));
            }
            Piece::Text(text) => {
                if let Some((words, _)) = &mut open {
                    words.push_str(&decode(text));
                }
            }
            Piece::End { name } if name == "a" => {
                links.extend(open.take().map(|(words, href)| (words.trim().to_owned(), href)));
            }
            Piece::Start { .. } | Piece::End { .. } => {}
        }
    }
    links
}

/// The words of a page as a person reads them, spaces collapsed.
pub(crate) fn text(html: &str) -> String {
    let mut hidden = false;
    let mut words: Vec<String> = Vec::new();
    for piece in pieces(html) {
        match piece {
            Piece::Start { name, .. } => hidden |= RAW.contains(&name.as_str()),
            Piece::End { .. } => hidden = false,
            Piece::Text(text) if !hidden => words.extend(decode(text).split_whitespace().map(str::to_owned)),
            Piece::Text(_) => {}
        }
    }
    words.join(" ")
}

fn attribute(attributes: &[(String, String)], name: &str) -> Option<String> {
    attributes.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.clone())
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = html;
    // Inside `script` and `style` only their own end tag is markup.
    let mut raw: Option<String> = None;
    while !rest.is_empty() {
        let stop = raw.as_ref().map_or_else(|| rest.find('<'), |name| rest.find(&format!("</{name}")));
        let (text, markup) = rest.split_at(stop.unwrap_or(rest.len()));
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        rest = if let Some(comment) = markup.strip_prefix("<!--") {
            comment.split_once("-->").map_or("", |(_, rest)| rest)
        } else if let Some(end) = markup.strip_prefix("</") {
            let (name, rest) = end.split_once('>').unwrap_or((end, ""));
            pieces.push(Piece::End { name: name.trim().to_ascii_lowercase() });
            raw = None;
            rest
        } else if let Some(start) = markup.strip_prefix('<') {
            let length =
                start.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(start.len());
            let name = start[..length].to_ascii_lowercase();
            let (attributes, rest) = attributes(&start[length..]);
            raw = RAW.contains(&name.as_str()).then(|| name.clone());
            pieces.push(Piece::Start { name, attributes });
            rest
        } else {
            ""
        };
    }
    pieces
}

/// The attributes of a start tag, and what follows its `>`.
fn attributes(mut tag: &str) -> (Vec<(String, String)>, &str) {
    let mut attributes = Vec::new();
    loop {
        tag = tag.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if tag.is_empty() {
            return (attributes, "");
        }
        if let Some(rest) = tag.strip_prefix('>') {
            return (attributes, rest);
        }
        let length = tag.find(|c: char| c.is_whitespace() || "=/>".contains(c)).unwrap_or(tag.len());
        let (name, rest) = tag.split_at(length);
        let (value, rest) = match rest.strip_prefix('=') {
            None => ("", rest),
            Some(rest) => match rest.strip_prefix(['"', '\'']) {
                Some(quoted) => quoted.split_once(&rest[..1]).unwrap_or((quoted, "")),
                None => {
                    rest.split_at(rest.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len()))
                }
            },
        };
        attributes.push((name.to_ascii_lowercase(), decode(value)));
        // A stray `=` must not stop the walk.
        tag = if length == 0 { rest.get(1..).unwrap_or("") } else { rest };
    }
}

/// Replaces character references.
fn decode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest)));
        let (c, next) = reference.unwrap_or(('&', after));
        out.push(c);
        rest = next;
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// Elements whose content is not markup.
const RAW: [&str; 2] = ["script", "style"];
