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
]

if __name__ == "__main__":
    sys.exit(drive(Wishes(HERE / "seed.yaml"), LIBRARIES))
