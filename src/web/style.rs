//! Static assets: compiled in, named by their content, cacheable for ever.

/// Where assets are mounted.
pub const PREFIX: &str = "/assets/";

/// The header value that goes with every asset (RFC 8246 §2): its name changes with its content.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// The style sheet of every page.
pub const STYLE: Asset =
    Asset::new("stepgate", "css", "text/css; charset=utf-8", include_str!("assets/stepgate.css"));

/// The additional style sheet of the start page and the playground.
pub const CONSOLE_STYLE: Asset =
    Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css"));

/// The additional style sheet of the account page.
pub const ACCOUNT_STYLE: Asset =
    Asset::new("account", "css", "text/css; charset=utf-8", include_str!("assets/account.css"));

/// The playground's script.
pub const PLAYGROUND_SCRIPT: Asset =
    Asset::new("playground", "js", "text/javascript; charset=utf-8", include_str!("assets/playground.js"));

/// The outbox's script.
pub const OUTBOX_SCRIPT: Asset =
    Asset::new("outbox", "js", "text/javascript; charset=utf-8", include_str!("assets/outbox.js"));

/// The script of ceremonies of passkeys and security keys.
pub const WEBAUTHN_SCRIPT: Asset =
    Asset::new("webauthn", "js", "text/javascript; charset=utf-8", include_str!("assets/webauthn.js"));

/// The script of the page that approves sign-ins.
pub const AUTHENTICATOR_SCRIPT: Asset = Asset::new(
    "authenticator",
    "js",
    "text/javascript; charset=utf-8",
    include_str!("assets/authenticator.js"),
);

/// The script that waits for an approval on another device.
pub const PUSH_SCRIPT: Asset =
    Asset::new("push", "js", "text/javascript; charset=utf-8", include_str!("assets/push.js"));

/// The icon shown in the browser's tab.
pub const ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg"));

/// Every asset.
pub const ALL: [Asset; 9] = [
    STYLE,
    CONSOLE_STYLE,
    ACCOUNT_STYLE,
    PLAYGROUND_SCRIPT,
    OUTBOX_SCRIPT,
    WEBAUTHN_SCRIPT,
    ICON,
    AUTHENTICATOR_SCRIPT,
    PUSH_SCRIPT,
];

/// A file compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub text: &'static str,
    hash: u64,
}

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        text: &'static str,
    ) -> Self {
        Self { stem, extension, content_type, text, hash: fingerprint(text.as_bytes()) }
    }

    /// The file name, which carries the fingerprint of the content.
    pub fn file_name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, self.hash, self.extension)
    }

    /// The path to link to.
    pub fn path(&self) -> String {
        format!("{PREFIX}{}", self.file_name())
    }
}

/// The asset of this file name (the part of the path after [`PREFIX`]); an outdated name finds nothing.
pub fn find(file_name: &str) -> Option<Asset> {
    ALL.into_iter().find(|asset| asset.file_name() == file_name)
}

/// FNV-1a: names a version of a file of ours, protects nothing.
const fn fingerprint(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let Some((&byte, rest)) = bytes.split_first() {
        hash = (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x85944171f73967e8);
    }

    #[test]
    fn an_asset_is_found_by_its_current_name_only() {
        assert_eq!(find(&STYLE.file_name()).unwrap().text, STYLE.text);
        assert!(find("stepgate.css").is_none());
        assert!(find("../stepgate.css").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in ALL.iter().filter(|asset| asset.extension == "css") {
            assert!(!asset.text.contains("url("), "{}", asset.stem);
            assert!(!asset.text.contains("@import"), "{}", asset.stem);
        }
        for script in [PLAYGROUND_SCRIPT, OUTBOX_SCRIPT, WEBAUTHN_SCRIPT, AUTHENTICATOR_SCRIPT, PUSH_SCRIPT] {
            assert!(!script.text.contains("innerHTML"));
            assert!(!script.text.contains("https://"));
        }
    }
}
