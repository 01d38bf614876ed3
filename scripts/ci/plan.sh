#!/usr/bin/env bash
# plan.sh DIR [STACK ...]: what this folder's program changes of what commit $BASE makes: DIR/<stack>.json, and DIR/comment.md
# for the pull request. Without STACKs: all that are deployed to AWS. Needs no credentials: each is planned on a local cloud.
set -euo pipefail
matchday="$(cd "$(dirname "$0")/../.." && pwd)/.venv/bin/matchday"
directory=$1; shift
: "${BASE:?the commit to compare with}"
if [ $# -eq 0 ]; then
  mapfile -t stacks < <(find environments -name 'Pulumi.*.yaml' -not -name 'Pulumi.local.yaml' -printf '%f\n' | sed -E 's/^Pulumi\.(.*)\.yaml$/\1/' | sort)
  set -- "${stacks[@]}"
fi
mkdir -p "$directory"
plans=()
for stack in "$@"; do
  if ! git cat-file -e "$BASE:environments/Pulumi.$stack.yaml" 2>/dev/null; then
    echo "plan.sh: $stack is new since $BASE: there is nothing to compare it with" >&2
    continue
  fi
  "$matchday" --project "$PWD" preview "$stack" --against "$BASE" --json > "$directory/$stack.json"
  plans+=("$directory/$stack.json")
done
[ ${#plans[@]} -gt 0 ] || { echo "plan.sh: no stack to compare" >&2; exit 1; }
"$matchday" pr-comment "${plans[@]}" > "$directory/comment.md"
