//! Test inputs that try to break out of HTML text, attributes, scripts and URLs, and what must hold for them.

use maud::Markup;

use super::layout::{ClientCard, FlowForm};

/// Markup that would run or leave its place if any of it were written raw.
pub(super) const HOSTILE: [&str; 11] = [
    "<script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)",
    "</title><script>alert(1)</script>",
    "</textarea></style><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "--><svg onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u{202e}\u{2028}\u{2029}\0\r\n<script>alert(1)</script>",
];

/// Renders the page with each hostile text and checks that its structure is that of the harmless one.
pub(super) fn assert_escaped(render: impl Fn(&str) -> Markup) {
    let harmless = skeleton(&render("Acme").into_string());
    for text in HOSTILE {
        let html = render(text).into_string();
        assert_eq!(skeleton(&html), harmless, "{text}");
        assert!(!html.contains("href=\"javascript:"), "{text}");
        assert!(!html.contains("src=\"javascript:"), "{text}");
        assert!(!html.contains(" style="), "{text}");
    }
}

/// Each id stands in the page exactly once.
pub(super) fn assert_ids(html: &str, ids: &[&str]) {
    for id in ids {
        assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
}

/// A client all of whose members are this text, in links as well.
pub(super) fn client(text: &str) -> ClientCard {
    let link = |path: &str| Some(format!("https://client.example/{path}?{text}"));
    ClientCard {
        name: text.to_owned(),
        logo_uri: link("logo.png"),
        policy_uri: link("p"),
        tos_uri: link("t"),
        client_uri: link(""),
    }
}

/// A form all of whose fields are this text.
pub(super) fn form(text: &str) -> FlowForm {
    FlowForm { action: format!("/signin?{text}"), flow_id: text.to_owned(), csrf: text.to_owned() }
}

/// The tags and attribute names of a document, in order: what a browser's tokenizer would see.
pub(super) fn skeleton(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut quote = None;
        let mut names = String::new();
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            match quote {
                Some(q) if c == q => quote = None,
                Some(_) => {}
                None if c == '"' || c == '\'' => quote = Some(c),
                None if c == '>' => {
                    end = at;
                    break;
                }
                None => names.push(c),
            }
        }
        found.push(names);
        rest = &rest[end..];
    }
    found
}
