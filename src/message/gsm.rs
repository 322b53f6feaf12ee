//! The alphabet of text messages (3GPP TS 23.038 §6.2.1): what does not fit into 160 of its characters is sent, and paid, in
//! several parts.

/// Characters of one part.
pub(super) const ONE_PART: usize = 160;

/// The characters beside ASCII.
const NATIONAL: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà\n\r";
/// The characters that take two places.
const EXTENDED: &str = "^{}\\[~]|€";

/// The places that a text takes; `None` when the alphabet lacks a character.
pub(super) fn places(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| match c {
            _ if EXTENDED.contains(c) => Some(2),
            '`' => None,
            ' '..='~' => Some(1),
            _ if NATIONAL.contains(c) => Some(1),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_the_alphabet_says() {
        assert_eq!(places("abc\n@#1"), Some(7));
        assert_eq!(places("Grüße §"), Some(7));
        assert_eq!(places("€[]"), Some(6));
        for missing in ["`", "„", "ç", "’", "\u{202e}", "日"] {
            assert_eq!(places(missing), None, "{missing}");
        }
    }
}
