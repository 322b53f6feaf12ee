"""Starts a provider, lets every library check it, and prints one line per check and the totals."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from provider import Provider

HERE = Path(__file__).resolve().parent
# Seconds that the checks of one library may take.
LIMIT = 180


def main():
    arguments = argparse.ArgumentParser()
    for name in ("--stepgate", "--support", "--node-checks"):
        arguments.add_argument(name, type=Path, required=True)
    options = arguments.parse_args()
    # A terminated run still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))

    checks = [
        ("okta-jwt-verifier", [sys.executable, HERE / "check_okta_jwt_verifier.py"]),
        ("@okta/jwt-verifier", ["node", options.node_checks / "check_okta_jwt_verifier.mjs"]),
        ("openid-client", ["node", options.node_checks / "check_openid_client.mjs"]),
        ("Authlib", [sys.executable, HERE / "check_authlib.py"]),
    ]
    tally = {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="stepgate-conformance-") as folder:
        folder = Path(folder)
        with Provider(options.stepgate, options.support, folder) as provider:
            context = folder / "context.json"
            context.write_text(json.dumps(provider.context()))
            for library, command in checks:
                for result in run(library, [*command, context], provider.environment()):
                    report(result)
                    tally[result["ok"]] += 1
            if tally[False]:
                print(provider.log_tail(), file=sys.stderr)
    print(f"{tally[True]} passed, {tally[False]} failed", flush=True)
    return 1 if tally[False] or not tally[True] else 0


def run(library, command, environment):
    """Runs the checks of one library: a process of its own that prints a JSON object per check."""
    process = subprocess.Popen(
        [str(word) for word in command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    alarm = threading.Timer(LIMIT, kill_group, [process])
    alarm.start()
    results = 0
    try:
        for line in process.stdout:
            if not line.startswith("{"):
                print(line, end="", file=sys.stderr)
                continue
            results += 1
            yield json.loads(line)
        code = process.wait()
    finally:
        alarm.cancel()
        kill_group(process)
        process.wait()
    if code != 0:
        yield {"ok": False, "library": library, "case": "runs to its end", "detail": f"exit code {code}"}
    elif results == 0:
        yield {"ok": False, "library": library, "case": "runs to its end", "detail": "nothing was checked"}


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def report(result):
    word = "ok" if result["ok"] else "FAILED"
    detail = f"\n        {result['detail']}" if result.get("detail") else ""
    print(f"{word:<6}  {result['library']:<18}  {result['case']}{detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
