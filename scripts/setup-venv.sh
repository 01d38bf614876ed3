#!/usr/bin/env bash
# Makes .venv and installs the locked dependencies, with whatever of uv, venv and pip this machine has.
#
# Behind a proxy: HTTPS_PROXY. Where TLS is intercepted: SSL_CERT_FILE=/path/to/ca-bundle.pem, which reaches pip, uv and go.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: Python 3.11 or newer is needed as '$python' (found: $("$python" --version 2>&1 || echo none)); set PYTHON=/path/to/python3" >&2
    exit 1
fi

if [ -n "${SSL_CERT_FILE:-}" ]; then
    # uv and go read it themselves; pip has its own name for it.
    export PIP_CERT=${PIP_CERT:-$SSL_CERT_FILE} REQUESTS_CA_BUNDLE=${REQUESTS_CA_BUNDLE:-$SSL_CERT_FILE}
fi

cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
    # uv refuses to work without a cache; with this one it makes one for the run.
    export UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
fi

unreachable() {
    echo "setup: $1 could not be installed; the last of what was said:" >&2
    tail -n 3 "$log" | sed 's/^/    /' >&2
    echo "setup: the first run needs a network that reaches the package index (HTTPS_PROXY behind a proxy; SSL_CERT_FILE=/path/to/ca.pem where TLS is intercepted); run the same command again when it does" >&2
    exit 1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A virtual environment works only where it was made, by the Python that it was made with.
made_by="$PWD $("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')"
if [ -d .venv ] && { [ "$(cat .venv/.made-by 2>/dev/null || echo "$made_by")" != "$made_by" ] || ! .venv/bin/python -c '' 2>/dev/null \
    || ! head -n 1 .venv/bin/matchday 2>/dev/null | grep -qF "$PWD/.venv/"; } && [ -e .venv/bin/matchday ]; then
    echo "setup: .venv was made elsewhere or by another Python: making it anew"
    rm -rf .venv
fi

if [ ! -x .venv/bin/uv ]; then
    echo "setup: the first run takes two to six minutes, once: [1/3] a virtual environment, [2/3] about 200 packages (1-2 min),"
    echo "setup: [3/3] the Pulumi CLI, if there is none: a download, else a build from Go modules (2-4 min)"
    echo "setup: [1/3] creating .venv with $("$python" --version)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv --clear .venv
        .venv/bin/python -m pip install --quiet --retries 1 --require-hashes -r requirements/uv.txt >"$log" 2>&1 || unreachable "uv"
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear --without-pip .venv
        "$python" -m pip --python .venv/bin/python install --quiet --retries 1 --require-hashes -r requirements/uv.txt >"$log" 2>&1 || unreachable "uv"
    elif command -v uv >/dev/null; then
        uv venv --quiet --clear --python "$python" .venv
        uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/uv.txt >"$log" 2>&1 || unreachable "uv"
    else
        echo "setup: this Python has neither ensurepip nor pip, and there is no uv; on Debian: apt install python3-venv" >&2
        exit 1
    fi
fi

echo "setup: [2/3] installing the locked dependencies"
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt >"$log" 2>&1 || unreachable "requirements/dev.txt"
# The project itself: a path entry and the console script, no dependency resolution, no isolated build.
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable . >"$log" 2>&1 || unreachable "this project"
echo "$made_by" >.venv/.made-by
