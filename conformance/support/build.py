"""Builds one executable with Cargo and says where it is: `build.py --bin stepgate` prints the path."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds; the first build takes minutes.
LIMIT = 3600


def executable(*target):
    """The path of the executable that these arguments of `cargo build` make."""
    command = ["cargo", "build", "--locked", "--quiet", "--message-format=json-render-diagnostics", *target]
    environment = os.environ | {"CARGO_TERM_COLOR": "never"}
    # OpenSSL is built from source unless the system has its headers; that saves minutes.
    if "OPENSSL_NO_VENDOR" not in environment and _system_has_openssl():
        environment["OPENSSL_NO_VENDOR"] = "1"
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=LIMIT
    )
    if done.returncode != 0:
        raise SystemExit("conformance: the build has failed")
    made = [json.loads(line).get("executable") for line in done.stdout.splitlines() if line.startswith("{")]
    return Path([path for path in made if path][-1])


def stepgate():
    """The server as it is shipped."""
    return executable("--bin", "stepgate")


def support():
    """What the runs need and the shipped binary must not contain."""
    return executable("--example", "conformance-support", "--features", "test-support")


def _system_has_openssl():
    try:
        return subprocess.run(["pkg-config", "--exists", "openssl"], capture_output=True).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    print(executable(*sys.argv[1:]))
