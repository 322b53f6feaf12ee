//! What kind of thing a path is: which limits, CORS rules and error format go with it.

use crate::limit::rate::Bucket;

/// Who may call from a browser on another origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cors {
    /// Anybody, without credentials.
    Anyone,
    /// The origins of the client's redirect URIs and trusted origins, without credentials.
    Client,
    /// Trusted origins, with the browser's cookies.
    Trusted,
    /// Nobody.
    Nobody,
}

/// How errors are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// OAuth JSON.
    OAuth,
    /// Okta's envelope.
    Okta,
    /// A page.
    Page,
}

/// What kind of thing a path is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Surface {
    /// The name in metrics: never what was asked for.
    pub(super) route: &'static str,
    /// Its budget.
    pub(super) bucket: Bucket,
    /// Who may call from elsewhere.
    pub(super) cors: Cors,
    /// How errors are told.
    pub(super) format: Format,
}

impl Surface {
    /// Classifies a path.
    pub(super) fn of(path: &str) -> Self {
        let surface = |route, bucket, cors, format| Self { route, bucket, cors, format };
        if path.starts_with("/.well-known/") || path.contains("/.well-known/") {
            return surface("metadata", Bucket::Documents, Cors::Anyone, Format::Okta);
        }
        if path == "/v1/keys" {
            return surface("keys", Bucket::Documents, Cors::Anyone, Format::Okta);
        }
        if path.starts_with("/oauth2/") {
            return match path.rsplit_once("/v1/").map(|(_, name)| name) {
                Some("token") => surface("token", Bucket::Token, Cors::Client, Format::OAuth),
                Some("introspect") => surface("introspect", Bucket::Introspect, Cors::Client, Format::OAuth),
                Some("revoke") => surface("revoke", Bucket::Revoke, Cors::Client, Format::OAuth),
                Some("par") => surface("par", Bucket::PushedAuthorization, Cors::Client, Format::OAuth),
                Some("device/authorize") => {
                    surface("device", Bucket::DeviceAuthorization, Cors::Client, Format::OAuth)
                }
                Some("userinfo") => surface("userinfo", Bucket::Userinfo, Cors::Client, Format::OAuth),
                Some("keys") => surface("keys", Bucket::Documents, Cors::Anyone, Format::Okta),
                Some("authorize") => surface("authorize", Bucket::Authorize, Cors::Nobody, Format::Page),
                Some("logout") => surface("logout", Bucket::Authorize, Cors::Nobody, Format::Page),
                Some("clients") => surface("clients", Bucket::Management, Cors::Nobody, Format::OAuth),
                Some(_) if path.starts_with("/oauth2/v1/clients/") => {
                    surface("clients", Bucket::Management, Cors::Nobody, Format::OAuth)
                }
                Some("sessions/check") => {
                    surface("check_session", Bucket::Authorize, Cors::Nobody, Format::Page)
                }
                Some(_) | None => surface("oauth2", Bucket::Management, Cors::Nobody, Format::Okta),
            };
        }
        if path == "/api/v1/sessions/me" || path.starts_with("/api/v1/sessions/me/") {
            return surface("sessions", Bucket::Management, Cors::Trusted, Format::Okta);
        }
        if path == "/api/v1/authn" || path.starts_with("/api/v1/authn/") {
            return surface("authn", Bucket::Management, Cors::Trusted, Format::Okta);
        }
        if path == "/api/v1/users/me" || path.starts_with("/api/v1/users/me/") {
            return surface("users", Bucket::Management, Cors::Trusted, Format::Okta);
        }
        if path.starts_with("/api/v1/authenticator/") {
            return surface("authenticator", Bucket::Management, Cors::Nobody, Format::Okta);
        }
        if path.starts_with("/api/") {
            return surface("api", Bucket::Management, Cors::Nobody, Format::Okta);
        }
        let route = match path {
            "/" => "home",
            "/signin" => "signin",
            "/signin/factor" | "/signin/step" | "/signin/push" | "/signin/verify/email" => "signin_step",
            "/authenticator" => "authenticator",
            "/signin/forgot-password"
            | "/signin/unlock-account"
            | "/signin/reset-password"
            | "/signin/unlock" => "recovery",
            "/welcome" => "welcome",
            "/consent" => "consent",
            "/accounts" => "accounts",
            "/account" => "account",
            path if path.starts_with("/account/") => "account",
            "/activate" | "/activate/confirm" => "activate",
            "/logout" => "logout",
            "/login/initiate" => "initiate_login",
            "/login/sessionCookieRedirect" => "session_cookie_redirect",
            "/playground" => "playground",
            "/outbox" | "/outbox.json" => "outbox",
            path if path.starts_with("/outbox/") => "outbox",
            path if path.starts_with("/assets/") => "assets",
            path if path.starts_with("/home/oidc_client/") => "initiate_login",
            _ => "other",
        };
        surface(route, Bucket::Authorize, Cors::Nobody, Format::Page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_servers_have_the_surfaces_of_the_org_server() {
        for name in ["token", "introspect", "revoke", "par", "userinfo", "keys", "authorize", "logout"] {
            let org = Surface::of(&format!("/oauth2/v1/{name}"));
            assert_eq!(org, Surface::of(&format!("/oauth2/default/v1/{name}")));
            assert_eq!(org.route, name);
        }
        assert_eq!(Surface::of("/oauth2/default/.well-known/openid-configuration").cors, Cors::Anyone);
        assert_eq!(Surface::of("/oauth2/v1/nothing").format, Format::Okta);
        assert_eq!(Surface::of("/oauth2/default/v1/sessions/check").format, Format::Page);
        assert_eq!(Surface::of("/api/v1/sessions/me/lifecycle/refresh").cors, Cors::Trusted);
        assert_eq!(Surface::of("/api/v1/sessions").cors, Cors::Nobody);
        assert_eq!(Surface::of("/anything/else").route, "other");
    }
}
