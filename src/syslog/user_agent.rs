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
    }
}
