"""A Stepgate of its own: `serve` with TLS on a random loopback port, and a folder that goes away with it."""

import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import string
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from inbox import Inbox

LOGIN = "alice@example.com"
# Seconds that a command, and the start of the server, may take.
COMMAND_LIMIT = 60
START_LIMIT = 60
STOP_LIMIT = 20


@dataclass
class Wishes:
    """What a provider is started for."""

    # Users, clients and servers; its `{env: …}` values come from `variables`, and CONFORMANCE_PASSWORD and
    # CONFORMANCE_CLIENT_SECRET, which are random; CONFORMANCE_CLIENT_KEYS is a JWK Set; CONFORMANCE_API_TOKEN is random,
    # too, and CONFORMANCE_APP_ORIGIN is where a page of an application can be served.
    seed: Path
    variables: dict = field(default_factory=dict)
    # More of the configuration file: whole tables. $mtls_origin is where client certificates are asked for, $authority
    # the file with their authority; $smtp_port and $telephony_hook are where messages arrive, with the secret
    # CONFORMANCE_INBOX_SECRET.
    settings: str = ""
    # The host of the issuer, and the address that it is served at.
    host: str = "localhost"
    address: str = "127.0.0.1"


class Provider:
    def __init__(self, stepgate, support, folder, wishes):
        self.stepgate, self.support, self.folder, self.wishes = stepgate, support, folder, wishes
        self.password = secrets.token_urlsafe(18) + "aA1!"
        self.client_secret = secrets.token_urlsafe(48)
        self.registration_token = secrets.token_urlsafe(48)
        self.api_token = secrets.token_urlsafe(48)
        self.app_origin = f"https://localhost:{free_ports(1)[0]}"
        self.inbox = Inbox(folder / "server.pem", folder / "server.key", secrets.token_urlsafe(48))
        self.process = None

    def __enter__(self):
        try:
            self._prepare()
            self.inbox.start()
            self._start()
        except BaseException:
            self._stop()
            self.inbox.stop()
            print(self.log_tail(), file=sys.stderr)
            raise
        return self

    def __exit__(self, *_):
        self._stop()
        self.inbox.stop()

    def environment(self):
        """For every process of this run: the private authority is trusted, and nothing goes through a proxy."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith("STEPGATE_")
        }
        authority = str(self.authority)
        return kept | {
            "SSL_CERT_FILE": authority,
            "REQUESTS_CA_BUNDLE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "NO_PROXY": "localhost,127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "CONFORMANCE_PASSWORD": self.password,
            "CONFORMANCE_CLIENT_SECRET": self.client_secret,
            "CONFORMANCE_CLIENT_KEYS": self._client_keys(),
            "CONFORMANCE_REGISTRATION_TOKEN": self.registration_token,
            "CONFORMANCE_API_TOKEN": self.api_token,
            "CONFORMANCE_APP_ORIGIN": self.app_origin,
            "CONFORMANCE_APP_CALLBACK": f"{self.app_origin}/callback",
            "CONFORMANCE_INBOX_SECRET": self.inbox.secret,
            **self.wishes.variables,
        }

    @property
    def authority(self):
        """The PEM file with the authority that the server's certificate is of."""
        return self.folder / "ca.pem"

    @property
    def rotate_keys(self):
        """The command that rotates the signing keys of every authorization server."""
        return [str(self.stepgate), "keys", "rotate", "--now", "--config", str(self.config)]

    def context(self):
        """What the checks have to know."""
        config = str(self.config)
        return {
            "servers": [
                {"id": "org", "issuer": self.issuer, "audience": self.issuer, "endpoints": f"{self.issuer}/oauth2"},
                {
                    "id": "default",
                    "issuer": f"{self.issuer}/oauth2/default",
                    "audience": "api://default",
                    "endpoints": f"{self.issuer}/oauth2/default",
                },
            ],
            "origin": self.issuer,
            "login": LOGIN,
            "password": self.password,
            "client_secret": self.client_secret,
            "registration_token": self.registration_token,
            "api_token": self.api_token,
            "app_origin": self.app_origin,
            "messages": self.inbox.messages_url,
            "redirect_uri": "https://app.example.com/callback",
            "post_logout_redirect_uri": "https://app.example.com/goodbye",
            "authority": str(self.authority),
            "server_certificate": str(self.folder / "server.pem"),
            "server_key": str(self.folder / "server.key"),
            "client_certificate": str(self.folder / "client.pem"),
            "client_key": str(self.folder / "client.key"),
            "rotate_keys": self.rotate_keys,
            "authenticator": [str(self.stepgate), "authenticator", "--ca", str(self.authority)],
            "folder": str(self.folder),
            "expired_tokens": [str(self.support), "expired-tokens", "--config", config],
        }

    def log_tail(self):
        log = self.folder / "serve.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-40:]) if log.exists() else ""

    def _client_keys(self):
        """The public key of clients that sign, as JSON; there is none before it is made."""
        file = self.folder / "client-jwks.json"
        return file.read_text() if file.exists() else ""

    def _prepare(self):
        self._run(self.support, "certificates", self.folder, self.wishes.host)
        key = self.folder / "master.key"
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
        (self.folder / "data").mkdir()

    def _start(self):
        # Between looking for a free port and taking it, somebody else may be faster.
        for attempt in range(3):
            self._configure()
            if attempt == 0:
                self._run(self.stepgate, "migrate", "--config", self.config)
            self._run(self.stepgate, "apply", self.wishes.seed, "--config", self.config)
            with open(self.folder / "serve.log", "a") as log:
                self.process = subprocess.Popen(
                    [self.stepgate, "serve", "--config", self.config],
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if self._is_ready():
                return
            self._stop()
        raise RuntimeError("the server did not start")

    def _configure(self):
        public, mutual, internal = free_ports(3)
        self.issuer = f"https://{self.wishes.host}:{public}"
        settings = string.Template(self.wishes.settings).substitute(
            mtls_origin=f"https://{self.wishes.host}:{mutual}",
            authority=self.authority,
            smtp_port=self.inbox.smtp_port,
            telephony_hook=self.inbox.hook_url,
        )
        self.config = self.folder / "stepgate.toml"
        path = lambda name: json.dumps(str(self.folder / name))  # noqa: E731
        self.config.write_text(
            f'issuer = "{self.issuer}"\n'
            f"data = {path('data')}\n"
            f"[listen]\n"
            f'addresses = ["{self.wishes.address}:{public}"]\n'
            f"tls = {{ certificate = {path('server.pem')}, key = {path('server.key')} }}\n"
            # RFC 8705: the only listener that asks for client certificates.
            f'mtls = {{ addresses = ["{self.wishes.address}:{mutual}"] }}\n'
            f"[internal]\n"
            f'address = "127.0.0.1:{internal}"\n'
            f"[keys]\n"
            f"master_key = {{ file = {path('master.key')} }}\n"
            # One user signs in faster than people do.
            f"[limits.rates]\n"
            f'sign_in_username = "1000/1s"\n'
            f"{settings}"
        )
        self.config.chmod(0o600)

    def _is_ready(self):
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            asked = subprocess.run(
                [self.stepgate, "healthcheck", "--config", self.config],
                env=self.environment(),
                capture_output=True,
                timeout=COMMAND_LIMIT,
            )
            if asked.returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def _stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _run(self, *command):
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0].name} {command[1]} failed: {done.stdout}{done.stderr}")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
