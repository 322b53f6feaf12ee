"""PyPI Authlib: the whole life of a session at the org server and at a custom server, as a confidential and as a
public client."""

import urllib.parse
from types import SimpleNamespace

from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from checks import LIMIT, Browser, Checks, load_context

SCOPE = "openid profile email offline_access"
METHODS = {"web-app": "client_secret_basic", "web-app-post": "client_secret_post", "spa": "none"}


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """What Authlib's integrations into web frameworks are made of, without a framework."""

    client_cls = OAuth2Session


class Journey:
    def __init__(self, context, server, client):
        self.context, self.server, self.client = context, server, client
        self.browser = Browser(context)
        self.method = METHODS[client]
        secret = None if self.method == "none" else context.client_secret
        self.app = App(
            framework=None,
            name="stepgate",
            client_id=client,
            client_secret=secret,
            server_metadata_url=f"{server.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": self.method,
                "default_timeout": LIMIT,
            },
        )
        self.session = OAuth2Session(
            client,
            secret,
            scope=SCOPE,
            token_endpoint_auth_method=self.method,
            revocation_endpoint_auth_method=self.method,
            default_timeout=LIMIT,
        )

    def discovery(self):
        self.metadata = self.app.load_server_metadata()
        assert self.metadata["issuer"] == self.server.issuer, self.metadata["issuer"]

    def code(self):
        asked = self.app.create_authorization_url(self.context.redirect_uri)
        assert "code_challenge_method=S256" in asked["url"], asked["url"]
        self.token = self.app.fetch_access_token(
            redirect_uri=self.context.redirect_uri,
            authorization_response=self.browser.go(asked["url"], self.context.redirect_uri),
            state=asked["state"],
            code_verifier=asked["code_verifier"],
        )
        # Signature, iss, aud, exp, nonce and at_hash.
        self.claims = self.app.parse_id_token(self.token, asked["nonce"])
        assert self.claims["aud"] in (self.client, [self.client]), self.claims
        assert self.token["refresh_token"], self.token

    def userinfo(self):
        info = self.app.userinfo(token=self.token)
        assert info["sub"] == self.claims["sub"], info
        assert info["email"] == self.context.login, info

    def introspection(self):
        answer = self.session.introspect_token(
            self.metadata["introspection_endpoint"], self.token["access_token"], "access_token"
        ).json()
        assert answer["active"] is True and answer["client_id"] == self.client, answer

    def refresh(self):
        old = self.token
        self.token = self.session.refresh_token(
            self.metadata["token_endpoint"], refresh_token=old["refresh_token"]
        )
        assert self.token["access_token"] != old["access_token"]
        self.token.setdefault("id_token", old["id_token"])
        self.userinfo()

    def revocation(self):
        refresh_token = self.token["refresh_token"]
        answer = self.session.revoke_token(self.metadata["revocation_endpoint"], refresh_token, "refresh_token")
        assert answer.status_code == 200, answer.text
        try:
            self.session.refresh_token(self.metadata["token_endpoint"], refresh_token=refresh_token)
        except OAuthError as error:
            assert error.error == "invalid_grant", error
        else:
            raise AssertionError("the revoked token was accepted")

    def logout(self):
        asked = self.app.create_logout_url(
            post_logout_redirect_uri=self.context.post_logout_redirect_uri, id_token_hint=self.token["id_token"]
        )
        landed = self.browser.go(asked["url"], self.context.post_logout_redirect_uri)
        assert query(landed).state == asked["state"], landed
        silent = self.app.create_authorization_url(self.context.redirect_uri, prompt="none")
        answer = query(self.browser.go(silent["url"], self.context.redirect_uri))
        assert answer.error == "login_required", answer


def query(url):
    return SimpleNamespace(**dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)))


def main():
    context = load_context()
    checks = Checks("Authlib")
    for server in context.servers:
        for client, method in METHODS.items():
            journey = Journey(context, server, client)
            for case, step in [
                ("discovery", journey.discovery),
                ("code with PKCE, ID token", journey.code),
                ("userinfo", journey.userinfo),
                ("introspection", journey.introspection),
                ("refresh", journey.refresh),
                ("revocation", journey.revocation),
                ("logout", journey.logout),
            ]:
                checks.check(f"{server.id}: {method}: {case}", step)


if __name__ == "__main__":
    main()
