"""Starts a provider, lets every library check it, and prints one line per check and the totals."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import build
from provider import Provider

HERE = Path(__file__).resolve().parent
# Seconds that the checks of one library may take.
LIMIT = 180


def drive(wishes, libraries):
    """Runs the checks of each library, a list of `(name, file)`, against a provider that is as they wish."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cache", type=Path, required=True, help="where the libraries for Node.js are")
    arguments.add_argument("--only", action="append", help="the name of a library")
    options = arguments.parse_args()
    # A terminated run still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))

    tally = {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="stepgate-conformance-") as folder:
        folder = Path(folder)
        with Provider(build.stepgate(), build.support(), folder, wishes) as provider:
            context = folder / "context.json"
            context.write_text(json.dumps(provider.context()))
            environment = provider.environment() | {"PYTHONPATH": str(HERE)}
            for library, file in libraries:
                if options.only and library not in options.only:
                    continue
                for result in run(library, [*interpreter(file, options.cache), context], environment):
                    report(result)
                    tally[result["ok"]] += 1
            if tally[False]:
                print(provider.log_tail(), file=sys.stderr)
    print(f"{tally[True]} passed, {tally[False]} failed", flush=True)
    return 1 if tally[False] or not tally[True] else 0


def interpreter(file, cache):
    """How the checks in a file are run. ECMAScript modules look for packages beside and above themselves, so they run
    from where the packages are."""
    if file.suffix == ".mjs":
        for module in (*HERE.glob("*.mjs"), file):
            shutil.copy(module, cache)
        return ["node", cache / file.name]
    return [sys.executable, "-B", file]


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

