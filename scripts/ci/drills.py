"""Recovery is rehearsed on the platform that runs: drills.py PROJECT OUT DRILL…

Runs `matchday drill` for each DRILL (`chaos`: `matchday chaos`), keeps its document as OUT/<drill>.json, and writes what came
of it as a table to the job's summary (GITHUB_STEP_SUMMARY) or else to standard output. Exit code 0: each did what production
promises; 1: one did not; 2: one could not be run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_COMMAND = (sys.executable, "-c", "from cli.main import main; main()")


def run(project: Path, drill: str) -> dict[str, Any] | None:
    """The document of a drill; None where there is none, with the reason on standard error."""
    named = ["chaos"] if drill == "chaos" else ["drill", drill]
    words = [*_COMMAND, "--project", str(project), *named, "--json"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return document


def table(documents: Sequence[dict[str, Any]]) -> str:
    """What came of the drills, as Markdown."""
    lines = ["| drill | lost (promised) | stood still (promised) | steps | wrong |", "|---|---|---|---|---|"]
    for each in documents:
        if "faults" in each:
            steps = ", ".join(
                f"{fault['name']} (longest without an answer {fault['gap']:.1f} s)" for fault in each["faults"]
            )
            wrong = [*each["wrong"], *(f"did not ring: {name}" for name in each["missing"])]
            wrong += [f"rang without a reason: {name}" for name in each["unexpected"]]
            lines.append(f"| chaos | | whole after {each['healed']:g} s | {steps} | {'; '.join(wrong) or 'nothing'} |")
            continue
        lost, still = (f"{each[name]['measured']:g} s ({each[name]['stated']:g} s)" for name in ("lost", "still"))
        steps = ", ".join(f"{step['name']} {step['seconds']:.1f} s" for step in each["steps"])
        lines.append(f"| {each['drill']} | {lost} | {still} | {steps} | {'; '.join(each['wrong']) or 'nothing'} |")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """The script."""
    if len(words) < 3:
        sys.stderr.write("error: usage: drills.py PROJECT OUT DRILL...\n")
        return 2
    project, out, drills = Path(words[0]), Path(words[1]), words[2:]
    out.mkdir(parents=True, exist_ok=True)
    documents = []
    for drill in drills:
        document = run(project, drill)
        if document is None:
            sys.stderr.write(f"error: the drill {drill!r} could not be run\n")
            return 2
        (out / f"{drill}.json").write_text(json.dumps(document, indent=2))
        documents.append(document)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a") as file:
            file.write(table(documents))
    else:
        sys.stdout.write(table(documents))
    return 0 if all(document["ok"] for document in documents) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
