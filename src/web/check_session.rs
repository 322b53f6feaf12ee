//! The frame that clients ask whether their session here still is the same (Session Management 1.0 §3.3).

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::layout::LANGUAGE;

/// ECMAScript 5 with its own SHA-256: `crypto.subtle` needs promises and a secure context.
const SCRIPT: &str = include_str!("assets/check_session.js");

/// The document; the script reads the cookie of this name and answers messages, nothing is shown.
pub fn check_session(cookie_name: &str, nonce: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(LANGUAGE) {
            head {
                meta charset="utf-8";
                title { "Session" }
            }
            body { script id="check-session" nonce=(nonce) data-cookie=(cookie_name) { (PreEscaped(SCRIPT)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::corpus::assert_escaped;

    #[test]
    fn sec_x01_nothing_gets_into_the_script() {
        assert_escaped(|text| check_session(text, "n0nce"));
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
    }

    /// Session Management 1.0 §3.2: the answer goes to the window that asked, at the origin it asked from.
    #[test]
    fn sec_l08_the_frame_answers_the_sender_at_its_origin_only() {
        assert_eq!(SCRIPT.matches("postMessage(").count(), 1);
        assert!(SCRIPT.contains("event.source.postMessage(judge(event.data, event.origin), event.origin);"));
        assert!(!SCRIPT.contains("'*'"));
    }

    #[test]
    fn the_script_is_ecmascript_5() {
        for newer in ["=>", "let ", "const ", "`", "async ", "class ", "..."] {
            assert!(!SCRIPT.contains(newer), "{newer}");
        }
    }
}
