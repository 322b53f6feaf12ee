"""HTTP by the standard library: whom to trust, and one request."""

import http.cookiejar
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request


class WebError(Exception):
    """A request that got no answer, or one that says no."""

    def __init__(self, problem, status=None):
        super().__init__(problem)
        self.status = status


def trust(authority=None, insecure=False):
    """Whom to believe on https: the system's authorities, one more in a PEM file, or anybody."""
    context = ssl.create_default_context(cafile=authority)
    if authority is not None:
        context.load_default_certs()
    # Certificates that servers sign for themselves often lack what the strict reading of RFC 5280 wants.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Web:
    """Requests with the cookies of one visitor. Nothing goes through a proxy."""

    def __init__(self, context):
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )

    def send(self, method, url, body=None, headers=None, limit=60):
        """The body of the answer as bytes."""
        request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
        try:
            with self.opener.open(request, timeout=limit) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            problem = f"{method} {url}: {error.code} {text[:500]}".rstrip()
            raise WebError(problem, error.code) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise WebError(f"{method} {url}: {reason}") from error

    def json(self, method, url, body=None, headers=None, limit=60):
        """The body of the answer, which is JSON."""
        answer = self.send(method, url, body, headers, limit)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise WebError(f"{method} {url}: the answer is not JSON: {answer[:200]!r}") from error
