"""What the provider says about itself, and the rotation of its keys."""

import subprocess
import time
import urllib.parse
from dataclasses import dataclass

from .module import KeysNotRotated
from .web import Web

# Seconds that the command may take, and the running server to publish the new key.
COMMAND_LIMIT = 60
PUBLISH_LIMIT = 10


@dataclass(frozen=True)
class Metadata:
    """The members of the discovery document that a run needs."""

    issuer: str
    authorization_endpoint: str
    end_session_endpoint: str
    jwks_uri: str

    @classmethod
    def discover(cls, issuer, context):
        issuer = issuer.rstrip("/")
        document = Web(context).json("GET", f"{issuer}/.well-known/openid-configuration")
        return cls(issuer, *(document.get(name, "") for name in list(cls.__annotations__)[1:]))

    @property
    def origin(self):
        """Where the pages are: they are the same for all issuers of an installation."""
        parts = urllib.parse.urlsplit(self.authorization_endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def rotate_keys(command, metadata, context):
    """Runs the command that rotates the signing keys and waits until the server publishes a new one."""
    if command is None:
        raise KeysNotRotated("our signing keys were not rotated: give --rotate-command")
    web = Web(context)

    def published():
        return {key["kid"] for key in web.json("GET", metadata.jwks_uri)["keys"]}

    before = published()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False
    )
    if done.returncode != 0:
        raise KeysNotRotated(f"our signing keys were not rotated: {(done.stderr or done.stdout).strip()}")
    until = time.monotonic() + PUBLISH_LIMIT
    while published() <= before:
        if time.monotonic() > until:
            raise KeysNotRotated("our signing keys were rotated, but the server publishes no new key")
        time.sleep(0.1)
