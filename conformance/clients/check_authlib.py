"""PyPI Authlib: devices, JWT assertions and clients that register themselves, at the org and at a custom server."""

import json
import time
from pathlib import Path

from authlib.integrations.requests_client import AssertionSession, OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from checks import LIMIT, Browser, Checks, load_context, unpadded
from joserfc.jwk import ECKey

SCOPE = "openid profile email"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
# Whom the server trusts to vouch for users: seed.yaml.
ASSERTION_ISSUER = "https://issuer.example.com"


class Server:
    """The checks at one authorization server."""

    def __init__(self, context, server):
        self.context, self.server = context, server
        self.key = Path(context.client_key).read_text()
        document = f"{server.issuer}/.well-known/openid-configuration"
        self.metadata = OAuth2Session(default_timeout=LIMIT).get(document, withhold_token=True).json()

    def session(self, client, secret=None, method="none", **more):
        return OAuth2Session(
            client,
            secret,
            scope=SCOPE,
            token_endpoint_auth_method=method,
            redirect_uri=self.context.redirect_uri,
            default_timeout=LIMIT,
            **more,
        )

    def signed_client(self):
        """`private_key_jwt` (Core §9)."""
        key = ECKey.import_key(self.key)
        session = self.session("jwt-app", key, "private_key_jwt", code_challenge_method="S256")
        session.register_client_auth_method(PrivateKeyJWT(headers={"kid": "client"}, alg="ES256"))
        self.code(session)

    def device(self):
        session = self.session("device-app")
        started = self.start_device(session)
        self.refuses(lambda: self.device_token(session, started), "authorization_pending")
        Browser(self.context).decide_device(started["verification_uri"], started["user_code"], "approve")
        # RFC 8628 §3.5: no sooner than the interval.
        time.sleep(started.get("interval", 5))
        self.userinfo(session, self.device_token(session, started))
        self.refuses(lambda: self.device_token(session, started), "invalid_grant", "expired_token")

    def impatient_device(self):
        session = self.session("device-app")
        started = self.start_device(session)
        self.refuses(lambda: self.device_token(session, started), "authorization_pending")
        self.refuses(lambda: self.device_token(session, started), "slow_down")

    def assertion(self):
        token = self.assertion_session().refresh_token()
        assert "id_token" not in token and "refresh_token" not in token, token
        claims = json.loads(unpadded(token["access_token"].split(".")[1]))
        assert self.context.login in (claims["sub"], claims.get("login")), claims

    def foreign_assertion(self):
        session = self.assertion_session(issuer="https://stranger.example.com")
        try:
            session.refresh_token()
        except Exception as error:
            assert getattr(error, "error", None) == "invalid_grant", f"refused for another reason: {error!r}"
        else:
            raise AssertionError("it was accepted")

    def registration(self):
        """RFC 7591 §3, then the code flow as the new client, then RFC 7592 §2."""
        wanted = {
            "client_name": "Client that registered itself",
            "redirect_uris": [self.context.redirect_uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
        endpoint = self.metadata["registration_endpoint"]
        refused = self.session(None).post(endpoint, json=wanted, withhold_token=True)
        assert refused.status_code == 401, f"without a token: {refused.status_code} {refused.text}"
        entrance = self.session(None, token=bearer(self.context.registration_token))
        answer = entrance.post(endpoint, json=wanted)
        assert answer.status_code == 201, f"{answer.status_code} {answer.text}"
        client = answer.json()
        self.code(
            self.session(
                client["client_id"], client["client_secret"], "client_secret_basic", code_challenge_method="S256"
            )
        )
        manager = self.session(None, token=bearer(client["registration_access_token"]))
        address = client["registration_client_uri"]
        assert manager.get(address).json()["client_name"] == wanted["client_name"]
        assert manager.delete(address).status_code == 204
        assert manager.get(address).status_code == 401

    def registration_of_a_fragment(self):
        entrance = self.session(None, token=bearer(self.context.registration_token))
        wanted = {"redirect_uris": [f"{self.context.redirect_uri}#fragment"]}
        answer = entrance.post(self.metadata["registration_endpoint"], json=wanted)
        assert answer.status_code == 400, f"{answer.status_code} {answer.text}"
        assert answer.json()["error"] == "invalid_redirect_uri", answer.text

    def code(self, session):
        verifier = "authlib-" + "v" * 48
        url, state = session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6_WzA2Mj"
        )
        token = session.fetch_token(
            self.metadata["token_endpoint"],
            authorization_response=Browser(self.context).go(url, self.context.redirect_uri),
            state=state,
            code_verifier=verifier,
        )
        assert token["id_token"], token
        self.userinfo(session, token)

    def start_device(self, session):
        answer = session.post(
            self.metadata["device_authorization_endpoint"],
            data={"client_id": session.client_id, "scope": SCOPE},
            withhold_token=True,
        )
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    def device_token(self, session, started):
        return session.fetch_token(
            self.metadata["token_endpoint"], grant_type=DEVICE_CODE, device_code=started["device_code"]
        )

    def assertion_session(self, issuer=ASSERTION_ISSUER):
        session = AssertionSession(
            token_endpoint=self.metadata["token_endpoint"],
            issuer=issuer,
            subject=self.context.login,
            audience=self.server.issuer,
            scope="orders.read",
            key=self.key,
            header={"alg": "ES256", "kid": "client"},
            expires_in=120,
            default_timeout=LIMIT,
        )
        # The client authenticates beside the assertion (RFC 7523 §3.1).
        session.auth = ("assertion-app", self.context.client_secret)
        return session

    def userinfo(self, session, token):
        session = session or self.session(None)
        session.token = token
        answer = session.get(self.metadata["userinfo_endpoint"])
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        assert answer.json()["email"] == self.context.login, answer.text

    @staticmethod
    def refuses(ask, *reasons):
        try:
            ask()
        except OAuthError as error:
            assert error.error in reasons, f"refused for another reason: {error!r}"
        else:
            raise AssertionError("it was accepted")


def bearer(token):
    return {"token_type": "Bearer", "access_token": token}


def main():
    context = load_context()
    checks = Checks("Authlib")
    for one in context.servers:
        try:
            server = Server(context, one)
        except Exception as error:
            checks.check(f"{one.id}: discovery", fails, error)
            continue
        for case, check in [
            ("client that signs (private_key_jwt)", server.signed_client),
            ("device grant", server.device),
            ("device grant, too fast", server.impatient_device),
            ("dynamic registration", server.registration),
            ("dynamic registration with a fragment", server.registration_of_a_fragment),
            ("JWT bearer grant", server.assertion),
            ("JWT bearer grant of a stranger", server.foreign_assertion),
        ]:
            # Nobody vouches for users of the org server.
            if one.id != "org" or not case.startswith("JWT bearer"):
                checks.check(f"{one.id}: {case}", check)


def fails(error):
    raise error


if __name__ == "__main__":
    main()
