"""What the Python checks share: the context of the run, a browser without a screen, and how a check is reported."""

import asyncio
import base64
import hashlib
import hmac
import html.parser
import inspect
import json
import re
import secrets
import struct
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from types import SimpleNamespace

import requests

LIMIT = 30


def load_context():
    return json.loads(Path(sys.argv[1]).read_text(), object_hook=lambda members: SimpleNamespace(**members))


class Checks:
    """Reports one JSON object per check; a check is a function that raises when something is wrong."""

    def __init__(self, library):
        self.library = library

    def check(self, case, function, *arguments):
        try:
            outcome = function(*arguments)
            if inspect.isawaitable(outcome):
                asyncio.run(asyncio.wait_for(outcome, LIMIT))
            detail = None
        except Exception as error:  # whatever it is, the check has failed
            detail = f"{type(error).__name__}: {error}"
        result = {"ok": detail is None, "library": self.library, "case": case, "detail": detail}
        print(json.dumps(result), flush=True)


async def refuses(awaitable, reason):
    """Passes only when it is refused, and for the expected reason."""
    try:
        await awaitable
    except Exception as error:
        if reason not in str(error):
            raise AssertionError(f"refused for another reason: {error!r}") from error
        return
    raise AssertionError("it was accepted")


class Browser:
    """Follows redirects within the provider, keeps cookies, and fills in the forms of its pages."""

    def __init__(self, context):
        self.context = context
        self.session = requests.Session()

    def go(self, url, destination):
        """Opens a URL of the provider, signs in and consents if asked, and returns the URL of `destination` it was sent
        to."""
        return self._walk(url, destination=destination)

    def decide_device(self, url, user_code, decision):
        """Types the code that a device shows (RFC 8628 §3.3), signs in if asked, and decides: `approve` or `deny`."""
        self._walk(url, device={"user_code": user_code, "decision": decision})

    def _walk(self, url, destination=None, device=None):
        response = self._get(url)
        for _ in range(12):
            if response.is_redirect:
                url = urllib.parse.urljoin(response.url, response.headers["Location"])
                if url.split("?")[0] == destination:
                    return url
                response = self._get(url)
            elif device and 'id="device-done-page"' in response.text:
                return None
            elif (form := self._filled_in(response.text, device)) is not None:
                response = self.session.post(
                    urllib.parse.urljoin(response.url, form.action),
                    data=form.fields,
                    headers={"Origin": self.context.origin, "Referer": response.url},
                    allow_redirects=False,
                    timeout=LIMIT,
                )
            else:
                break
        stopped = response.url.split("?")[0]
        raise AssertionError(f"stopped at {stopped}: {response.status_code} {summary(response.text)}")

    def _filled_in(self, text, device):
        """The form of a page with what a user would put in."""
        answers = {
            "login-form": {
                "identifier": self.context.login,
                "password": self.context.password,
                "action": "sign_in",
            },
            "consent-form": {"decision": "accept"},
        }
        if device:
            answers["device-form"] = {"user_code": device["user_code"]}
            answers["device-confirm-form"] = {"decision": device["decision"]}
        for form_id, fields in answers.items():
            if (form := Form.find(text, form_id)) is not None:
                form.fields |= fields
                return form
        return None

    def _get(self, url):
        if not url.startswith(self.context.origin + "/"):
            raise AssertionError(f"sent to a foreign address: {url}")
        return self.session.get(url, allow_redirects=False, timeout=LIMIT)


def summary(page):
    """What a page is about: its error code, or the beginning of its text."""
    if code := re.search(r'id="error-code">([^<]*)<', page):
        return code[1]
    text = re.sub(r"(?s)<(style|script)\b.*?</\1>|<[^>]*>", " ", page)
    return " ".join(text.split())[:300]


class Form(html.parser.HTMLParser):
    """The form of a page that has an id: where it goes and its hidden fields."""

    @classmethod
    def find(cls, text, form_id):
        parser = cls(form_id)
        parser.feed(text)
        return parser if parser.action is not None else None

    def __init__(self, form_id):
        super().__init__()
        self.form_id, self.action, self.fields, self.inside = form_id, None, {}, False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.inside = attributes.get("id") == self.form_id
            if self.inside:
                self.action = attributes["action"]
        elif self.inside and tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


def issue_tokens(context, server, client, nonce, scope="openid profile email"):
    """Tokens by code and PKCE (RFC 7636), asked for by hand: the verifiers do not ask for any."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    parameters = {
        "client_id": client,
        "redirect_uri": context.redirect_uri,
        "response_type": "code",
        "scope": scope,
        "state": "a-state",
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    url = f"{server.endpoints}/v1/authorize?{urllib.parse.urlencode(parameters)}"
    answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(Browser(context).go(url, context.redirect_uri)).query))
    response = requests.post(
        f"{server.endpoints}/v1/token",
        data={
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": context.redirect_uri,
            "code_verifier": verifier,
        },
        auth=(client, context.client_secret),
        timeout=LIMIT,
    )
    if response.status_code != 200:
        raise AssertionError(f"no tokens: {response.status_code} {response.text}")
    return SimpleNamespace(**response.json())


def expired_tokens(context, server, client, nonce):
    """Tokens that a slow clock minted."""
    command = [*context.expired_tokens, "--server", server.id, "--client", client]
    command += ["--user", context.login, "--nonce", nonce]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return SimpleNamespace(**json.loads(done.stdout))


def rotate_keys(context, server):
    """Rotates by the command line; returns once the running server publishes the new key."""
    before = published_keys(server)
    command = [*context.rotate_keys, "--server", server.id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    until = time.monotonic() + 5
    while not published_keys(server) - before:
        if time.monotonic() > until:
            raise AssertionError("the running server does not publish the new key")
        time.sleep(0.05)


async def message_after(context, to, send):
    """Does something that sends a code; returns its outcome, and the code that arrives at an address or phone thereupon.
    Notices that arrive meanwhile have none."""

    def messages():
        return requests.get(context.messages, params={"to": to}, timeout=LIMIT).json()

    before = len(messages())
    outcome = await send()
    until = time.monotonic() + 15
    while time.monotonic() < until:
        for message in messages()[before:]:
            if code := message["code"] or re.search(r"(?m)^\s*(\d{6})\s*$", message["text"]):
                return outcome, code if isinstance(code, str) else code[1]
            if link := re.search(r"https:\S+#enroll=\S+", message["text"]):
                return outcome, link[0]
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing arrived at {to}")


class Device:
    """A device that approves: `stepgate authenticator` with a key of its own."""

    def __init__(self, context, name):
        self.command = [*context.authenticator, "--file", f"{context.folder}/{name}.json"]

    async def run(self, *words):
        child = await asyncio.create_subprocess_exec(
            *self.command, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await child.communicate()
        assert child.returncode == 0, (out, err)


def totp(secret, steps=0):
    """The code of a time-based one-time password (RFC 6238) so many steps of 30 seconds from now; the secret is base32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + steps), "sha1")
    number = struct.unpack_from(">I", digest, digest[-1] & 0xF)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def published_keys(server):
    keys = requests.get(f"{server.endpoints}/v1/keys", timeout=LIMIT).json()["keys"]
    return {key["kid"] for key in keys if key["alg"] == "RS256"}


def kid(token):
    return json.loads(unpadded(token.split(".")[0]))["kid"]


def tampered(token):
    """The token with another subject under the same signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(unpadded(payload)) | {"sub": "mallory@example.com"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def unpadded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
