//! The response headers of pages and of redirects: content security policy (CSP Level 3), framing,
//! referrer and caching, as plain pairs.

use crate::protocol::redirect_uri::origin_of;

/// The header pairs of a response.
pub type Headers = Vec<(&'static str, String)>;

/// Whether browsers are told to use https only (RFC 6797).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hsts {
    /// Served over http, or on localhost.
    Off,
    /// This host.
    Host,
    /// This host and all beneath it.
    IncludeSubDomains,
}

impl Hsts {
    /// The strictest setting that is safe for an issuer: none over http and on loopback hosts.
    pub fn for_issuer(issuer: &url::Url) -> Self {
        let loopback = match issuer.host() {
            None => true,
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
        };
        if issuer.scheme() == "https" && !loopback { Self::Host } else { Self::Off }
    }

    /// The value of `Strict-Transport-Security` (RFC 6797 §6.1), if it is sent.
    pub fn value(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Host => Some("max-age=31536000"),
            Self::IncludeSubDomains => Some("max-age=31536000; includeSubDomains"),
        }
    }
}

/// A page with forms, whose answer may lead to the redirect target (an origin, or the scheme of a native app as
/// `scheme:`). Browsers apply `form-action` to every redirect that follows a form (CSP §6.4.1), also to those of the
/// client: one that takes its answer at one origin and shows its pages at another would be cut off without a word. So
/// the target's scheme is listed, not its origin; what that gives up is a second line behind escaping.
pub fn page(nonce: &str, form_action_target: Option<&str>, hsts: Hsts) -> Headers {
    page_with((nonce, ""), form_action_target, hsts)
}

/// The same of a page whose script asks this origin what is new.
pub fn live_page(nonce: &str, form_action_target: Option<&str>, hsts: Hsts) -> Headers {
    page_with((nonce, "; connect-src 'self'"), form_action_target, hsts)
}

fn page_with((nonce, more): (&str, &str), form_action_target: Option<&str>, hsts: Hsts) -> Headers {
    let target = form_action_target.and_then(source).as_deref().and_then(scheme_source);
    let target = target.map(|scheme| format!(" {scheme}")).unwrap_or_default();
    let policy = Policy { nonce, form_action: &format!("'self'{target}"), frame_ancestors: "'none'", more };
    html(&policy, "same-origin", hsts, Framing::Denied)
}

/// The error page: it has no form.
pub fn error(nonce: &str, hsts: Hsts) -> Headers {
    let policy = Policy { nonce, form_action: "'none'", frame_ancestors: "'none'", more: "" };
    html(&policy, "no-referrer", hsts, Framing::Denied)
}

/// A page whose script asks this origin what is new.
pub fn live(nonce: &str, hsts: Hsts) -> Headers {
    let more = "; connect-src 'self'";
    let policy = Policy { nonce, form_action: "'none'", frame_ancestors: "'none'", more };
    html(&policy, "no-referrer", hsts, Framing::Denied)
}

/// A document that is no page.
pub fn document(hsts: Hsts) -> Headers {
    let mut headers = vec![
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'".to_owned()),
        ("Referrer-Policy", "no-referrer".to_owned()),
        ("Cross-Origin-Resource-Policy", "same-origin".to_owned()),
    ];
    headers.extend(everywhere(hsts));
    headers
}

/// A mail that is looked at in a browser: its styles are in its elements, and it loads and runs nothing.
pub fn mail(hsts: Hsts) -> Headers {
    let csp = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox allow-popups";
    let mut headers = vec![
        ("Content-Security-Policy", csp.to_owned()),
        ("Referrer-Policy", "no-referrer".to_owned()),
        ("X-Frame-Options", "DENY".to_owned()),
    ];
    headers.extend(everywhere(hsts));
    headers
}

/// The playground: its own script talks to this origin and frames the silent renewal.
pub fn playground(nonce: &str, hsts: Hsts) -> Headers {
    let more = "; connect-src 'self'; frame-src 'self'; require-trusted-types-for 'script'";
    let policy = Policy { nonce, form_action: "'self'", frame_ancestors: "'none'", more };
    html(&policy, "same-origin", hsts, Framing::Denied)
}

/// The `okta_post_message` answer, which the client's origin may embed.
pub fn post_message_response(nonce: &str, frame_ancestor_origin: &str, hsts: Hsts) -> Headers {
    let ancestor = source(frame_ancestor_origin).unwrap_or_else(|| "'none'".to_owned());
    let policy = Policy { nonce, form_action: "'none'", frame_ancestors: &ancestor, more: "" };
    html(&policy, "no-referrer", hsts, Framing::ByPolicy)
}

/// The `form_post` answer, which may post to the redirect origin only.
pub fn form_post_response(nonce: &str, redirect_origin: &str, hsts: Hsts) -> Headers {
    let target = source(redirect_origin).unwrap_or_else(|| "'none'".to_owned());
    let policy = Policy { nonce, form_action: &target, frame_ancestors: "'none'", more: "" };
    // The client may check `Origin`: `no-referrer` would turn it into `null`.
    html(&policy, "origin", hsts, Framing::Denied)
}

/// The answer to a logout, which loads these addresses in hidden frames (Front-Channel Logout 1.0 §3) and no others.
pub fn logout_answer(nonce: &str, frames: &[String], hsts: Hsts) -> Headers {
    let mut sources: Vec<String> = Vec::new();
    for origin in frames.iter().filter_map(|frame| origin_of(frame)).filter_map(|origin| source(&origin)) {
        if !sources.contains(&origin) {
            sources.push(origin);
        }
    }
    let more = if sources.is_empty() { String::new() } else { format!("; frame-src {}", sources.join(" ")) };
    let policy = Policy { nonce, form_action: "'self'", frame_ancestors: "'none'", more: &more };
    html(&policy, "same-origin", hsts, Framing::Denied)
}

/// The frame of session management (Session Management 1.0 §3.3): any client may embed it.
pub fn check_session(nonce: &str, hsts: Hsts) -> Headers {
    let policy = Policy { nonce, form_action: "'none'", frame_ancestors: "*", more: "" };
    html(&policy, "no-referrer", hsts, Framing::ByPolicy)
}

/// A redirect that carries an authorization response.
pub fn redirect_with_response(hsts: Hsts) -> Headers {
    let mut headers = vec![("Referrer-Policy", "no-referrer".to_owned())];
    headers.extend(everywhere(hsts));
    headers
}

struct Policy<'a> {
    nonce: &'a str,
    form_action: &'a str,
    frame_ancestors: &'a str,
    more: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Denied,
    ByPolicy,
}

fn html(policy: &Policy<'_>, referrer: &str, hsts: Hsts, framing: Framing) -> Headers {
    let Policy { nonce, form_action, frame_ancestors, more } = policy;
    let csp = format!(
        "default-src 'none'; base-uri 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' https:; \
         form-action {form_action}; frame-ancestors {frame_ancestors}{more}"
    );
    let mut headers = vec![
        ("Content-Security-Policy", csp),
        ("Referrer-Policy", referrer.to_owned()),
        // `same-origin` would cut a popup off from the window that awaits its message.
        ("Cross-Origin-Opener-Policy", "unsafe-none".to_owned()),
    ];
    if framing == Framing::Denied {
        headers.push(("X-Frame-Options", "DENY".to_owned()));
    }
    headers.extend(everywhere(hsts));
    headers
}

fn everywhere(hsts: Hsts) -> Headers {
    let mut headers =
        vec![("Cache-Control", "no-store".to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
    if let Some(value) = hsts.value() {
        headers.push(("Strict-Transport-Security", value.to_owned()));
    }
    headers
}

/// An origin or `scheme:` as a CSP source (CSP §2.3.1); nothing that could add a directive or a wildcard.
fn source(origin: &str) -> Option<String> {
    let (scheme, rest) = origin.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme
        || ["javascript", "data", "blob", "vbscript"].iter().any(|bad| scheme.eq_ignore_ascii_case(bad))
    {
        return None;
    }
    let Some(host) = rest.strip_prefix("//") else {
        return rest.is_empty().then(|| format!("{scheme}:"));
    };
    // Host sources have no form for IPv6 literals; the scheme is the nearest there is.
    if host.starts_with('[')
        && host.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '[' | ']' | ':' | '.'))
    {
        return Some(format!("{scheme}:"));
    }
    let is_host = !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_'));
    is_host.then(|| format!("{scheme}://{host}"))
}

/// The scheme of a source as a source (CSP §2.3.1); `http:` stands for `https:` too (§6.7.2.9).
fn scheme_source(source: &str) -> Option<String> {
    source.split_once(':').map(|(scheme, _)| format!("{scheme}:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
        headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn a_page_may_post_to_itself_and_be_redirected_to_the_client_and_on() {
        let headers = page("n0nce", Some("https://a.example:8443"), Hsts::Host);
        let csp = value(&headers, "Content-Security-Policy").unwrap();
        assert!(csp.contains("form-action 'self' https:; frame-ancestors 'none'"), "{csp}");
        assert!(csp.contains("script-src 'nonce-n0nce';") && !csp.contains("unsafe"), "{csp}");
        assert_eq!(value(&headers, "Referrer-Policy"), Some("same-origin"));
        assert_eq!(value(&headers, "X-Frame-Options"), Some("DENY"));
        assert_eq!(value(&headers, "Cache-Control"), Some("no-store"));
        assert_eq!(value(&headers, "Cross-Origin-Opener-Policy"), Some("unsafe-none"));
        assert_eq!(value(&headers, "Strict-Transport-Security"), Some("max-age=31536000"));
        for (target, expected) in [
            (Some("http://localhost:3000"), "form-action 'self' http:;"),
            (Some("com.example.app:"), "form-action 'self' com.example.app:;"),
            (Some("javascript:"), "form-action 'self';"),
            (Some("https://a.example; script-src *"), "form-action 'self';"),
            (None, "form-action 'self';"),
        ] {
            let headers = page("n", target, Hsts::Off);
            assert!(value(&headers, "Content-Security-Policy").unwrap().contains(expected), "{target:?}");
        }
    }

    #[test]
    fn sec_l08_the_post_message_answer_is_framed_by_the_client_only() {
        let headers = post_message_response("n", "https://a.example", Hsts::Off);
        assert!(
            value(&headers, "Content-Security-Policy").unwrap().contains("frame-ancestors https://a.example")
        );
        assert_eq!(value(&headers, "X-Frame-Options"), None);
        assert_eq!(value(&headers, "Strict-Transport-Security"), None);
    }

    #[test]
    fn sec_a14_form_post_goes_to_the_redirect_origin_only() {
        let headers = form_post_response("n", "https://a.example", Hsts::Off);
        assert!(
            value(&headers, "Content-Security-Policy").unwrap().contains("form-action https://a.example;")
        );
    }

    #[test]
    fn sec_u06_the_logout_answer_frames_the_origins_of_its_frames_only() {
        let frames =
            ["https://a.example/out?x=1&iss=i&sid=s", "https://a.example/2", "http://localhost:3000/out"]
                .map(str::to_owned);
        let headers = logout_answer("n", &frames, Hsts::Off);
        let csp = value(&headers, "Content-Security-Policy").unwrap();
        assert!(csp.ends_with("; frame-src https://a.example http://localhost:3000"), "{csp}");
        assert_eq!(value(&headers, "X-Frame-Options"), Some("DENY"));
        assert_eq!(value(&headers, "Referrer-Policy"), Some("same-origin"));
        for none in [vec![], vec!["javascript:alert(1)".to_owned(), "data:text/html,x".to_owned()]] {
            let headers = logout_answer("n", &none, Hsts::Off);
            assert!(!value(&headers, "Content-Security-Policy").unwrap().contains("frame-src"));
        }
    }

    #[test]
    fn sec_l08_the_frame_of_session_management_may_be_framed_and_runs_its_own_script_only() {
        let headers = check_session("n", Hsts::Off);
        let csp = value(&headers, "Content-Security-Policy").unwrap();
        assert!(csp.contains("frame-ancestors *") && csp.contains("script-src 'nonce-n'"), "{csp}");
        assert!(csp.contains("form-action 'none'") && csp.starts_with("default-src 'none'"), "{csp}");
        assert_eq!(value(&headers, "X-Frame-Options"), None);
    }

    #[test]
    fn redirects_carry_no_referrer_and_are_not_stored() {
        let headers = redirect_with_response(Hsts::Off);
        assert_eq!(value(&headers, "Referrer-Policy"), Some("no-referrer"));
        assert_eq!(value(&headers, "Cache-Control"), Some("no-store"));
    }

    #[test]
    fn sec_x02_an_origin_cannot_add_to_the_policy() {
        for bad in [
            "https://a.example; script-src *",
            "https://a b",
            "https://*",
            "*",
            "javascript:",
            "data:",
            "https://a\r\nX: y",
            "",
            "https://",
            "https://a.example/p",
        ] {
            assert_eq!(source(bad), None, "{bad}");
        }
        assert_eq!(source("com.example.app:").unwrap(), "com.example.app:");
        assert_eq!(source("http://[::1]:8080").unwrap(), "http:");
        assert_eq!(source("http://localhost:3000").unwrap(), "http://localhost:3000");
    }

    #[test]
    fn hsts_is_off_over_http_and_on_loopback() {
        for (issuer, expected) in [
            ("http://a.example", Hsts::Off),
            ("https://localhost:8443", Hsts::Off),
            ("https://127.0.0.1", Hsts::Off),
            ("https://[::1]", Hsts::Off),
            ("https://id.example", Hsts::Host),
        ] {
            assert_eq!(Hsts::for_issuer(&issuer.parse().unwrap()), expected, "{issuer}");
        }
    }
}
