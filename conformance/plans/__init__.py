"""The plans of the OpenID conformance suite that Stepgate is made for, and the configuration of each."""

from dataclasses import dataclass, field

from .pages import Pages

# Addresses that the suite makes up for static clients stand below this name: `SUITE/test/a/<alias>/`.
ALIAS = "stepgate"

# The clients of seed.yaml.
STATIC_CLIENTS = {"client": "suite-one", "client2": "suite-two", "client_secret_post": "suite-post"}

# Modules that end with a page of ours, and the pages.
ERROR_PAGES = [
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-redirect-uri-in-authorization-request",
    "oidcc-redirect-uri-query-mismatch",
    "oidcc-redirect-uri-query-added",
]
SECOND_SIGN_INS = ["oidcc-prompt-login", "oidcc-max-age-1"]
CLIENT_PAGES = ["oidcc-registration-logo-uri", "oidcc-registration-policy-uri", "oidcc-registration-tos-uri"]
REFUSED_LOGOUTS = [
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
]
UNPROVEN_LOGOUTS = [
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
]
LOGOUTS_WITHOUT_REDIRECT = [
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
]

DYNAMIC = {"server_metadata": "discovery", "client_registration": "dynamic_client"}
LOGOUT = {"client_registration": "dynamic_client", "response_type": "code"}


@dataclass(frozen=True)
class User:
    """Who signs in."""

    login: str
    password: str


@dataclass(frozen=True)
class Secrets:
    """What the suite's clients prove themselves with."""

    # Of the clients of seed.yaml.
    client_secret: str
    # For clients that the suite registers (RFC 7591 §3); none where anybody may register.
    registration_token: str | None = None


@dataclass(frozen=True)
class Plan:
    """One plan of the suite: its id there, and the variant that is run unless told otherwise."""

    id: str
    variant: dict = field(default_factory=dict)
    # Whether seed.yaml has clients for it.
    static_clients: bool = False

    @property
    def logs_out(self):
        return "-logout-" in self.id or "session-management" in self.id

    def configuration(self, variant, provider, user, secrets):
        """What the suite is told: the provider, the clients, and what its browser does on our pages."""
        wanted = {
            "description": "Stepgate",
            "server": {
                "discoveryUrl": f"{provider.issuer}/.well-known/openid-configuration",
                "login_hint": user.login,
                "jwks_refresh_delay": 5,
            },
            "options": {"browsercontrol_css_enable": False},
            **_clients(variant, secrets),
        }
        pages = Pages(provider, user)
        wanted["browser"] = pages.logout() if self.logs_out else pages.steps()
        override = {
            **dict.fromkeys(ERROR_PAGES, pages.photograph_of_error("invalid_redirect_uri")),
            **dict.fromkeys(SECOND_SIGN_INS, pages.steps_with_photograph_of_second_sign_in()),
            **dict.fromkeys(CLIENT_PAGES, pages.photograph_of_sign_in()),
        }
        if self.logs_out:
            override |= dict.fromkeys(REFUSED_LOGOUTS, pages.logout_refused())
            override |= dict.fromkeys(UNPROVEN_LOGOUTS, pages.logout_questioned())
            override |= dict.fromkeys(LOGOUTS_WITHOUT_REDIRECT, pages.logout_without_redirect())
        wanted["override"] = {module: {"browser": steps} for module, steps in override.items()}
        return wanted


def _clients(variant, secrets):
    if variant.get("client_registration") == "static_client":
        clients = {
            member: {"client_id": client_id, "client_secret": secrets.client_secret}
            for member, client_id in STATIC_CLIENTS.items()
        }
        return {"alias": ALIAS, **clients}
    token = {"initial_access_token": secrets.registration_token} if secrets.registration_token else {}
    return {
        "client": {"client_name": "conformance one", **token},
        "client2": {"client_name": "conformance two", **token},
    }


PLANS = {
    "config": Plan("oidcc-config-certification-test-plan"),
    "basic": Plan("oidcc-basic-certification-test-plan", DYNAMIC, static_clients=True),
    "implicit": Plan("oidcc-implicit-certification-test-plan", DYNAMIC),
    "hybrid": Plan("oidcc-hybrid-certification-test-plan", DYNAMIC),
    "formpost-basic": Plan("oidcc-formpost-basic-certification-test-plan", DYNAMIC, static_clients=True),
    "formpost-implicit": Plan("oidcc-formpost-implicit-certification-test-plan", DYNAMIC),
    "formpost-hybrid": Plan("oidcc-formpost-hybrid-certification-test-plan", DYNAMIC),
    "dynamic": Plan("oidcc-dynamic-certification-test-plan", {"response_type": "code"}),
    "3rdparty-init-login": Plan(
        "oidcc-3rdparty-init-login-certification-test-plan", {"response_type": "code"}
    ),
    "rp-initiated-logout": Plan(
        "oidcc-rp-initiated-logout-certification-test-plan", LOGOUT, static_clients=True
    ),
    "session-management": Plan(
        "oidcc-session-management-certification-test-plan", LOGOUT, static_clients=True
    ),
    "frontchannel-logout": Plan(
        "oidcc-frontchannel-rp-initiated-logout-certification-test-plan", LOGOUT
    ),
    "backchannel-logout": Plan(
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan", LOGOUT
    ),
}
