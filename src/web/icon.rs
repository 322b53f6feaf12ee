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

fn outline(size: u16, path: &str) -> Markup {
    html! {
        svg width=(size) height=(size) viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false" {
            path d=(path) {}
        }
    }
}
