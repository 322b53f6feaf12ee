//! Icons as inline SVG; decoration only, hidden from screen readers.

use maud::{Markup, html};

/// The product's mark.
pub(super) fn mark(size: u16) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 32 32" aria-hidden="true" focusable="false" {
            rect width="32" height="32" rx="8" fill="#3b4fe0" {}
            path d="M7 25v-5h6v-5h6v-5h6v15" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}

/// A tick: granted, done.
pub(super) fn tick(size: u16) -> Markup {
    outline(size, "M5 12.5l4.5 4.5L19 7.5")
}

/// An exclamation mark in a circle: something went wrong.
pub(super) fn warning(size: u16) -> Markup {
    outline(size, "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M12 8v5M12 16.2v.3")
}

/// A screen with a telephone before it: a device.
pub(super) fn device(size: u16) -> Markup {
    outline(
        size,
        "M12 17H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1h15a1 1 0 0 1 1 1v3M8 20.5h4M16 11h4a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-4a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1",
    )
}

/// A cross: remove.
pub(super) fn cross(size: u16) -> Markup {
    outline(size, "M6.5 6.5l11 11M17.5 6.5l-11 11")
}

/// An arrow leaving a door: sign out.
pub(super) fn exit(size: u16) -> Markup {
    outline(size, "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10.5 12H20M16.5 8.5L20 12l-3.5 3.5")
}

/// A person with a plus: another account.
pub(super) fn person_add(size: u16) -> Markup {
    outline(
        size,
        "M10 4.5a3.75 3.75 0 1 0 0 7.5a3.75 3.75 0 0 0 0-7.5M3.5 20c0-3.6 2.9-5.5 6.5-5.5s6.5 1.9 6.5 5.5M19 8v6M16 11h6",
    )
}

/// A shield: protection.
pub(super) fn shield(size: u16) -> Markup {
    outline(size, "M12 3l7.5 3v5.5c0 4.6-3.1 8-7.5 9.5c-4.4-1.5-7.5-4.9-7.5-9.5V6zM8.8 12.2l2.3 2.3l4.3-4.6")
}

/// A padlock: a password.
pub(super) fn lock(size: u16) -> Markup {
    outline(
        size,
        "M6.5 10.5h11a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-7.5a1 1 0 0 1 1-1M8 10.5V8a4 4 0 0 1 8 0v2.5M12 14.5v2",
    )
}

/// A question mark in a circle: a question.
pub(super) fn question(size: u16) -> Markup {
    outline(
        size,
        "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M9.5 9.5a2.5 2.5 0 0 1 5 0c0 1.7-2.5 2-2.5 3.9M12 16.8v.2",
    )
}

/// A speech bubble: a text message.
pub(super) fn message(size: u16) -> Markup {
    outline(
        size,
        "M5 4.5h14a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-8l-4.5 3.5v-3.5H5A1.5 1.5 0 0 1 3.5 15V6A1.5 1.5 0 0 1 5 4.5M8 9.2h8M8 12.4h5",
    )
}

/// A receiver: a voice call.
pub(super) fn phone(size: u16) -> Markup {
    outline(
        size,
        "M7.2 3.8l2.6 4.4l-1.9 2c1 2.3 3.2 4.6 5.9 5.9l2-1.9l4.4 2.6l-1 3c-.2.5-.7.7-1.2.7C10.6 20.2 3.8 13.4 3.5 6c0-.5.2-1 .7-1.2z",
    )
}

/// An envelope: mail.
pub(super) fn mail(size: u16) -> Markup {
    outline(
        size,
        "M4.5 5.5h15a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1M4 7l8 6l8-6",
    )
}

/// A telephone that shows a code: an authenticator app.
pub(super) fn authenticator(size: u16) -> Markup {
    outline(
        size,
        "M8 2.8h8a1.5 1.5 0 0 1 1.5 1.5v15.4a1.5 1.5 0 0 1-1.5 1.5H8a1.5 1.5 0 0 1-1.5-1.5V4.3A1.5 1.5 0 0 1 8 2.8M11 18.4h2M9.5 10.5h.1M12 10.5h.1M14.5 10.5h.1",
    )
}

/// A key: a token, or a code that was kept.
pub(super) fn token(size: u16) -> Markup {
    outline(size, "M3 12a4.25 4.25 0 1 0 8.5 0a4.25 4.25 0 1 0-8.5 0M11.5 12h9M17 12v3.5M20.5 12v2.5")
}

fn outline(size: u16, path: &str) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false" {
            path d=(path) {}
        }
    }
}
