# Installs the pinned libraries of others once per set of versions; sourced by the `run` beside the checks.
# Sets `cache`: the folder with `venv` and `node_modules`, below the build folder.

support=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

for tool in cargo python3 node npm; do
    command -v "$tool" >/dev/null || { echo "conformance: $tool is needed" >&2; exit 2; }
done
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "conformance: Python 3.11 or newer with venv (Debian: python3-venv) is needed" >&2; exit 2; }
node -e 'process.exit(parseInt(process.versions.node, 10) < 20 ? 1 : 0)' ||
    { echo "conformance: Node.js 20 or newer is needed, not $(node --version)" >&2; exit 2; }

# Ends a step that hangs, where the system has `timeout`.
bounded() {
    local seconds=$1
    shift
    if command -v timeout >/dev/null; then timeout --kill-after=10 "$seconds" "$@"; else "$@"; fi
}

cache=${CARGO_TARGET_DIR:-$support/../../target}/conformance
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
python_wanted=$(python3 --version; cat "$support/requirements.txt")
if [ "$(cat "$cache/python.installed" 2>/dev/null)" != "$python_wanted" ]; then
    rm -rf "$cache/venv" "$cache/python.installed"
    bounded 120 python3 -m venv "$cache/venv"
    bounded 600 "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps \
        --requirement "$support/requirements.txt"
    "$cache/venv/bin/pip" check >&2
    printf '%s\n' "$python_wanted" >"$cache/python.installed"
fi
node_wanted=$(node --version; cat "$support/package-lock.json")
if [ "$(cat "$cache/node.installed" 2>/dev/null)" != "$node_wanted" ]; then
    rm -f "$cache/node.installed"
    cp "$support/package.json" "$support/package-lock.json" "$cache/"
    (cd "$cache" && bounded 600 npm ci --silent --ignore-scripts --no-audit --no-fund)
    printf '%s\n' "$node_wanted" >"$cache/node.installed"
fi
