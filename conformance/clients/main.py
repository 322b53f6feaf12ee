"""The libraries that are driven against the clients of seed.yaml."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from driver import drive  # noqa: E402
from provider import Wishes  # noqa: E402

LIBRARIES = [
    ("openid-client", HERE / "check_openid_client.mjs"),
    ("Authlib", HERE / "check_authlib.py"),
]

SETTINGS = """
# RFC 8705: where certificates are asked for, and whose are believed.
[client_certificates]
base_url = "$mtls_origin"
authorities = "$authority"
# RFC 7591 §3: clients that register themselves show a token.
[registration]
initial_access_tokens = [{ env = "CONFORMANCE_REGISTRATION_TOKEN" }]
"""

if __name__ == "__main__":
    sys.exit(drive(Wishes(HERE / "seed.yaml", settings=SETTINGS), LIBRARIES))
