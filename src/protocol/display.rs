//! The `display` parameter (Core §3.1.2.1): a wish about the page's shape, never an error.

use crate::protocol::wire_enum::wire_enum;

wire_enum! {
    /// How the pages should be shown (Core §3.1.2.1).
    Display {
        /// A full page.
        Page = "page",
        /// A popup window.
        Popup = "popup",
        /// A touch device.
        Touch = "touch",
        /// A feature phone.
        Wap = "wap",
    }
}

impl Display {
    /// The value asked for; absent and unknown mean a full page.
    pub fn from_param(display: Option<&str>) -> Self {
        display.and_then(|display| display.parse().ok()).unwrap_or(Self::Page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_value_is_taken_and_anything_else_is_a_page() {
        assert_eq!(Display::from_param(Some("popup")), Display::Popup);
        assert_eq!(Display::from_param(Some("hologram")), Display::Page);
        assert_eq!(Display::from_param(None), Display::Page);
    }
}
