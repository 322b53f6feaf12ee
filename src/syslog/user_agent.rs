//! What a user agent says of itself, in Okta's words. Nothing is decided by it.

/// The operating system.
pub(super) fn os(agent: &str) -> &'static str {
    const KNOWN: [(&str, &str); 8] = [
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac OS X"),
        ("Darwin", "Mac OS X"),
        ("CrOS", "Chrome OS"),
        ("Linux", "Linux"),
    ];
    find(agent, &KNOWN).unwrap_or("Unknown")
}

/// The browser.
pub(super) fn browser(agent: &str) -> &'static str {
    const KNOWN: [(&str, &str); 6] = [
        ("Edg/", "EDGE"),
        ("OPR/", "OPERA"),
        ("Firefox/", "FIREFOX"),
        ("Chrome/", "CHROME"),
        ("CriOS/", "CHROME"),
        ("Safari/", "SAFARI"),
    ];
    find(agent, &KNOWN).unwrap_or("UNKNOWN")
}

/// Browser and system in the words of people: what a user recognises an own session by.
pub fn in_words(agent: Option<&str>) -> String {
    let agent = agent.unwrap_or_default();
    let browser = match browser(agent) {
        "EDGE" => Some("Edge"),
        "OPERA" => Some("Opera"),
        "FIREFOX" => Some("Firefox"),
        "CHROME" => Some("Chrome"),
        "SAFARI" => Some("Safari"),
        _ => None,
    };
    let system = match os(agent) {
        "Mac OS X" => Some("macOS"),
        "Unknown" => None,
        known => Some(known),
    };
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

/// Whether it says to be one that is carried about.
pub fn is_mobile(agent: Option<&str>) -> bool {
    device(agent.unwrap_or_default()) == "Mobile"
}

/// The kind of device.
pub(super) fn device(agent: &str) -> &'static str {
    match os(agent) {
        "iOS" | "Android" => "Mobile",
        "Unknown" => "Unknown",
        _ => "Computer",
    }
}

fn find(agent: &str, known: &[(&str, &'static str)]) -> Option<&'static str> {
    known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_browsers_are_known() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!((os(edge), browser(edge), device(edge)), ("Windows", "EDGE", "Computer"));
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!((os(phone), browser(phone), device(phone)), ("iOS", "SAFARI", "Mobile"));
        assert_eq!((os("curl/8"), browser("curl/8"), device("curl/8")), ("Unknown", "UNKNOWN", "Unknown"));
        assert_eq!(in_words(Some(edge)), "Edge on Windows");
        assert_eq!(in_words(Some(phone)), "Safari on iOS");
        assert!(is_mobile(Some(phone)) && !is_mobile(Some(edge)) && !is_mobile(None));
        for unknown in [None, Some(""), Some("curl/8"), Some("<script>")] {
            assert_eq!(in_words(unknown), "Unknown device");
        }
    }
}
