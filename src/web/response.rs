//! Authorization responses that are pages: `form_post` (OAuth 2.0 Form Post Response Mode §2) and Okta's
//! `okta_post_message`.
//!
//! Both expect a destination that was validated against the client's registration.

use maud::{Markup, PreEscaped, html};

use super::layout::{Card, Width, card};

/// A page that posts the response parameters to the redirect URI, by itself or by a button.
pub fn form_post(redirect_uri: &str, parameters: &[(&str, &str)], nonce: &str) -> Markup {
    let frame = Card {
        id: "form-post-page",
        title: "Returning to the application",
        width: Width::Narrow,
        client: None,
    };
    card(
        &frame,
        html! {
            header.head { h1 { "Returning to the application" } }
            form id="form-post" method="post" action=(redirect_uri) {
                @for (name, value) in parameters { input type="hidden" name=(name) value=(value); }
                noscript {
                    div.buttons { button.button.primary type="submit" { "Continue" } }
                }
            }
            script nonce=(nonce) { "document.forms[0].submit();" }
        },
    )
}

/// A page that hands the response parameters to the window that opened or embeds it, and to no other origin.
pub fn okta_post_message(target_origin: &str, parameters: &[(&str, &str)], nonce: &str) -> Markup {
    let data: serde_json::Map<String, serde_json::Value> =
        parameters.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
    let script = format!(
        "(function(d,o){{var w=window.parent!==window?window.parent:window.opener;if(w){{w.postMessage(d,o);}}}})({},{});",
        script_json(&serde_json::Value::Object(data)),
        script_json(&target_origin.into()),
    );
    let frame = Card {
        id: "post-message-page",
        title: "Returning to the application",
        width: Width::Narrow,
        client: None,
    };
    card(
        &frame,
        html! {
            header.head {
                h1 { "Returning to the application" }
                p { "You can close this window if it stays open." }
                noscript { p { "The application needs JavaScript to receive the answer." } }
            }
            script nonce=(nonce) { (PreEscaped(script)) }
        },
    )
}

/// JSON that may stand inside a `script` element: nothing in it ends the element, opens a comment or ends a line.
pub(super) fn script_json(value: &serde_json::Value) -> String {
    let mut safe = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::{HOSTILE, assert_escaped, assert_ids};

    #[test]
    fn sec_a14_every_value_of_form_post_is_escaped() {
        assert_escaped(|text| {
            form_post(&format!("https://a.example/cb?{text}"), &[("code", text), (text, "x")], "n0nce")
        });
    }

    #[test]
    fn form_post_posts_to_the_redirect_uri_by_one_line_of_script_or_a_button() {
        let html = form_post("https://a.example/cb?x=1&y=2", &[("state", "a\"b")], "n0nce").into_string();
        assert_ids(&html, &["form-post"]);
        assert!(html.contains("action=\"https://a.example/cb?x=1&amp;y=2\""));
        assert!(html.contains("name=\"state\" value=\"a&quot;b\""));
        assert!(html.contains("<script nonce=\"n0nce\">document.forms[0].submit();</script>"));
        assert!(html.contains("<noscript><div class=\"buttons\"><button"));
    }

    #[test]
    fn sec_x01_post_message_data_cannot_leave_its_script() {
        for text in HOSTILE {
            let html = okta_post_message("https://a.example", &[("state", text), (text, "x")], "n0nce")
                .into_string();
            assert_eq!(html.matches("<script").count(), 1, "{text}");
            assert_eq!(html.matches("</script").count(), 1, "{text}");
            let script =
                html.split("<script nonce=\"n0nce\">").nth(1).unwrap().split("</script>").next().unwrap();
            assert!(!script.contains(['<', '&', '\u{2028}', '\u{2029}', '\n', '\0']), "{text}");
        }
    }

    #[test]
    fn sec_l08_post_message_names_the_exact_target_origin() {
        let html =
            okta_post_message("https://a.example", &[("state", "s"), ("code", "c")], "n").into_string();
        assert!(
            html.contains("({\"state\":\"s\",\"code\":\"c\"},\"https://a.example\");")
                || html.contains("({\"code\":\"c\",\"state\":\"s\"},\"https://a.example\");")
        );
        assert!(!html.contains("'*'") && !html.contains("\"*\""));
    }

    #[test]
    fn script_json_is_still_the_same_json() {
        for text in HOSTILE {
            let value = serde_json::json!({ "state": text });
            assert_eq!(serde_json::from_str::<serde_json::Value>(&script_json(&value)).unwrap(), value);
        }
    }
}
