"""PyPI okta-jwt-verifier: access tokens and ID tokens of the org server and of a custom server."""

from checks import Checks, expired_tokens, issue_tokens, kid, load_context, refuses, rotate_keys, tampered
from okta_jwt_verifier import AccessTokenVerifier, IDTokenVerifier

CLIENT = "okta-app"
NONCE = "n-0S6_WzA2Mj"


def access_tokens(checks, context, server, other):
    def verifier(audience=server.audience):
        return AccessTokenVerifier(issuer=server.issuer, audience=audience)

    def check(case, *arguments):
        checks.check(f"{server.id}: access token, {case}", *arguments)

    def tokens():
        return issue_tokens(context, server, CLIENT, NONCE)

    token = tokens().access_token
    expired = expired_tokens(context, server, CLIENT, NONCE).access_token
    check("valid", lambda: verifier().verify(token))
    check("expired", lambda: refuses(verifier().verify(expired), "expired"))
    check("wrong audience", lambda: refuses(verifier("api://other").verify(token), "udience"))
    check("tampered", lambda: refuses(verifier().verify(tampered(token)), "ignature"))
    foreign = issue_tokens(context, other, CLIENT, NONCE).access_token
    check("of another issuer", lambda: refuses(verifier().verify(foreign), "issuer"))

    async def rotated():
        # One verifier throughout: it has cached the key set when it meets a key that it does not know.
        one = verifier()
        await one.verify(token)
        rotate_keys(context, server)
        fresh = tokens().access_token
        assert kid(fresh) != kid(token), "the key was not rotated"
        await one.verify(fresh)
        await one.verify(token)

    check("rotated key", rotated)


def id_tokens(checks, context, server):
    def verifier(client=CLIENT):
        return IDTokenVerifier(issuer=server.issuer, client_id=client)

    def check(case, *arguments):
        checks.check(f"{server.id}: ID token, {case}", *arguments)

    def tokens():
        return issue_tokens(context, server, CLIENT, NONCE)

    token = tokens().id_token
    expired = expired_tokens(context, server, CLIENT, NONCE).id_token
    check("valid", lambda: verifier().verify(token, nonce=NONCE))
    check("wrong nonce", lambda: refuses(verifier().verify(token, nonce="another"), "nonce"))
    check("expired", lambda: refuses(verifier().verify(expired, nonce=NONCE), "expired"))
    check("wrong audience", lambda: refuses(verifier("web-app").verify(token, nonce=NONCE), "aud"))
    check("tampered", lambda: refuses(verifier().verify(tampered(token), nonce=NONCE), "ignature"))

    async def rotated():
        one = verifier()
        await one.verify(token, nonce=NONCE)
        rotate_keys(context, server)
        fresh = tokens().id_token
        assert kid(fresh) != kid(token), "the key was not rotated"
        await one.verify(fresh, nonce=NONCE)
        await one.verify(token, nonce=NONCE)

    check("rotated key", rotated)


def main():
    context = load_context()
    checks = Checks("okta-jwt-verifier")
    for server, other in zip(context.servers, reversed(context.servers), strict=True):
        access_tokens(checks, context, server, other)
        id_tokens(checks, context, server)


if __name__ == "__main__":
    main()
