"""The libraries that are driven against the clients of seed.yaml."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from driver import drive  # noqa: E402
from provider import Wishes  # noqa: E402

LIBRARIES = [
    ("okta-jwt-verifier", HERE / "check_okta_jwt_verifier.py"),
    ("@okta/jwt-verifier", HERE / "check_okta_jwt_verifier.mjs"),
    ("openid-client", HERE / "check_openid_client.mjs"),
    ("Authlib", HERE / "check_authlib.py"),
    ("@okta/okta-auth-js", HERE / "check_okta_auth_js.mjs"),
    ("okta-auth-js (trusted)", HERE / "check_okta_auth_js_trusted.mjs"),
    ("okta-auth-js (Chromium)", HERE / "check_okta_auth_js_browser.mjs"),
    ("okta", HERE / "check_okta.py"),
]

SETTINGS = """
# Where messages to users go: a mail server that insists on STARTTLS and a password, and Okta's telephony inline hook.
[mail]
host = "localhost"
port = $smtp_port
username = "stepgate"
password = { env = "CONFORMANCE_INBOX_SECRET" }
from = "Stepgate <no-reply@example.com>"
[telephony.hook]
url = "$telephony_hook"
secret = { env = "CONFORMANCE_INBOX_SECRET" }
[fetch]
extra_ca = "$authority"
"""

if __name__ == "__main__":
    sys.exit(drive(Wishes(HERE / "seed.yaml", settings=SETTINGS), LIBRARIES))
