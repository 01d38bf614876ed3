"""How an environment's deployment grows with its services: production rehearsed with 1, 2, 4 and 8 times as many."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, cpu_of_children
from cli.documents import Rehearsal
from environments.settings import KEY

PROJECT = Path(__file__).resolve().parents[1]

#: MATCHDAY_GROWTH: other multiples, such as `1,2` for a quick look; the first is what the others are compared with.
MULTIPLES = tuple(int(each) for each in os.environ.get("MATCHDAY_GROWTH", "1,2,4,8").split(","))

#: What another service of the same size has of a manifest. The rest (who issues tokens, who logs players in, the bodies of
#: certain paths) is one service's alone; its paths become one, because CloudFront takes 75 of them, and it has no objectives,
#: because their pages are under one composite alarm, which looks at 100.
_KEPT = ("summary", "datastores", "egress", "buckets", "data_key", "processes", "secrets", "drain_seconds")

#: So many services want more than a small environment has; AWS gives both on request (model/limits.py has what it does not).
_ROOM: Mapping[str, Mapping[str, Any]] = {
    "compute": {"vcpu_quota": 4000},
    "postgres": {"instance_class": "db.m7g.16xlarge", "max_connections": 8000},
}


def main() -> None:
    """Emit the figures: on two cores about 12 minutes, each multiple on an emulator and a provider of its own."""
    first: Rehearsal | None = None
    least = 0.0
    for times in MULTIPLES:
        with tempfile.TemporaryDirectory(prefix="matchday-growth-") as scratch:
            found, cpu = _rehearsed(multiplied(Path(scratch), times))
        first, least = first or found, least or cpu
        # 1 is linear growth: twice the resources in twice the time.
        growth = found["created"] / first["created"]
        name = f"prod, {times} times the services"
        Figure(name=f"{name}: resources", value=found["created"], unit="resources", reference=first["created"],
               against=f"{MULTIPLES[0]} times").emit()  # fmt: skip
        for step in ("up", "preview", "destroy"):
            linear = round(first["seconds"][step] * growth, 2)
            Figure(name=f"{name}: {step}", value=found["seconds"][step], unit="s",
                   reference=linear, against="linear growth by resources").emit()  # fmt: skip
        # Not disturbed by what else the machine does, as seconds are.
        Figure(name=f"{name}: CPU of all four runs", value=round(cpu, 1), unit="s",
               reference=round(least * growth, 1), against="linear growth by resources").emit()  # fmt: skip
        if found["noop"] or found["refreshed"] or found["left"]:
            raise SystemExit(f"{name}: changed by nothing: {json.dumps(found)}")


def multiplied(directory: Path, times: int) -> Path:
    """The program and its manifests in a folder of their own, with `times` as many services; `directory`, for `--project`."""
    for room in ("stacks", "environments"):
        shutil.copytree(PROJECT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "Pulumi.yaml", directory)
    for file in sorted((PROJECT / "services").glob("*/service.yaml")):
        name, text = file.parent.name, file.read_text()
        _put(directory, name, text)
        for number in range(2, times + 1):
            another = f"{name}-{number}"
            _put(directory, another, yaml.safe_dump(_like(yaml.safe_load(text), another)))
    settings = directory / "environments" / "Pulumi.prod.yaml"
    content = yaml.safe_load(settings.read_text())
    for section, values in _ROOM.items():
        content["config"][KEY].setdefault(section, {}).update(values)
    settings.write_text(yaml.safe_dump(content))
    return directory


def _put(directory: Path, name: str, text: str) -> None:
    file = directory / "services" / name / "service.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def _like(manifest: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Another service of the size of `manifest`'s, which no other calls."""
    found = {key: copy.deepcopy(manifest[key]) for key in _KEPT if key in manifest} | {"name": name}
    if manifest.get("paths"):
        found["paths"] = [f"/{name}/*"]
    for process in found["processes"].values():
        process.pop("connections", None)
        if process.get("scaling"):
            # Connections to one PostgreSQL are not what grows here: they would end it at three times.
            process["scaling"] = {**process["scaling"], "maximum": process["scaling"]["minimum"]}
    return found


def _rehearsed(project: Path) -> tuple[Rehearsal, float]:
    """What `matchday rehearse prod` says of it, and the seconds of CPU of it and of all that it started."""
    before = cpu_of_children()
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--project", str(project), "rehearse", "prod", "--json"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise SystemExit(f"rehearse ended with {done.returncode}; what it met is above")
    document: Rehearsal = json.loads(done.stdout)
    return document, cpu_of_children() - before
