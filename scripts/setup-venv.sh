#!/usr/bin/env bash
# Makes .venv and installs the locked dependencies, with whatever of uv, venv and pip this machine has.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: Python 3.11 or newer is needed as '$python' (found: $("$python" --version 2>&1 || echo none)); set PYTHON=/path/to/python3" >&2
    exit 1
fi

if [ ! -x .venv/bin/uv ]; then
    echo "setup: creating .venv with $("$python" --version)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv .venv
        .venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
    elif "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip .venv
        "$python" -m pip --python .venv/bin/python install --quiet --require-hashes -r requirements/uv.txt
    elif command -v uv >/dev/null; then
        uv venv --quiet --python "$python" .venv
        uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/uv.txt
    else
        echo "setup: this Python has neither ensurepip nor pip, and there is no uv; on Debian: apt install python3-venv" >&2
        exit 1
    fi
fi

echo "setup: installing the locked dependencies (about 200 packages on the first run)"
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt
# The project itself: a path entry and the console script, no dependency resolution, no isolated build.
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
