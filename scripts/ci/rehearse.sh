#!/bin/sh
# A stack deployed on a local cloud of its own, looked at twice, taken away: rehearse.sh STACK. Exit code: `matchday rehearse`'s.
set -eu
cd "$(dirname "$0")/../.."
exec .venv/bin/matchday rehearse "$1" --json
