"""Every signal, and every log line that calls a person, names a runbook that exists and helps; no runbook is an orphan."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.tables import every_row

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"


def named_runbooks() -> dict[str, str]:
    """Runbook → where a Signal names it: in the components' source or, for a job of the clock, in a service's manifest."""
    found = {}
    for manifest in sorted((ROOT / "services").glob("*/service.yaml")):
        for schedule in yaml.safe_load(manifest.read_text()).get("schedules", ()):
            if "runbook" in schedule:
                found[str(schedule["runbook"])] = str(manifest.relative_to(ROOT))
        for measure in yaml.safe_load(manifest.read_text()).get("measures", {}).values():
            if "alarm" in measure:
                found[str(measure["alarm"]["runbook"])] = str(manifest.relative_to(ROOT))
    for path in sorted((ROOT / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "runbook":
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                value = node.value
                if ast.unparse(value) in ("schedule.runbook", "measure.alarm.runbook"):  # a manifest's, read above
                    continue
                assert isinstance(value, ast.Constant), (
                    f"{where}: write the runbook's name out, so that it can be checked"
                )
                found[str(value.value)] = where
    return found


def log_calls() -> list[tuple[str, str, str | None]]:
    """Every call of a logger in the services: where, its level, and the runbook in its `extra`."""
    found = []
    for path in sorted((ROOT / "services").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "log":
                runbooks = [
                    value.value
                    for keyword in node.keywords
                    if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict)
                    for key, value in zip(keyword.value.keys, keyword.value.values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "runbook" and isinstance(value, ast.Constant)
                ]
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                found.append((where, node.func.attr, str(runbooks[0]) if runbooks else None))
    return found


def runbooks_of_services() -> dict[str, str]:
    """Runbook → where the services name it: in a log's fields, as an argument, or as a parameter's default."""
    found = {}
    for path in sorted((ROOT / "services").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            pairs: list[tuple[str | None, ast.expr | None]] = []
            if isinstance(node, ast.Dict):
                pairs += [
                    (getattr(key, "value", None), value) for key, value in zip(node.keys, node.values, strict=True)
                ]
            elif isinstance(node, ast.keyword):
                pairs.append((node.arg, node.value))
            elif isinstance(node, ast.arguments):
                pairs += [(arg.arg, value) for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            for key, value in pairs:
                if key == "runbook" and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[value.value] = f"{path.relative_to(ROOT)}:{value.lineno}"
    return found


def links(runbook: Path) -> list[str]:
    """The files that a runbook links to."""
    found = [part.split(")")[0] for part in runbook.read_text().split("](")[1:]]
    return [link for link in found if not link.startswith("https://")]


@pytest.mark.slow
def test_every_runbook_that_is_named_exists():
    named = {**named_runbooks(), **runbooks_of_services()}
    missing = {name: where for name, where in named.items() if not (RUNBOOKS / f"{name}.md").is_file()}
    assert not missing, "runbooks are named that docs/runbooks/ lacks"


@pytest.mark.slow
def test_no_runbook_is_orphaned():
    """Named by a signal or a line of a log, or the planned work that such a runbook links to."""
    named = {*named_runbooks(), *runbooks_of_services()}
    linked = {Path(link).stem for name in named for link in links(RUNBOOKS / f"{name}.md")}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} <= named | linked


@pytest.mark.slow
def test_a_line_that_pages_names_its_runbook_and_one_with_a_runbook_reaches_somebody():
    """What components/compute/log_events.py filters by."""
    calls = log_calls()
    critical = [(where, name) for where, level, name in calls if level == "critical"]
    assert critical and all(name for _, name in critical), critical
    assert {level for _, level, name in calls if name} == {"critical", "error"}


#: Of a statement, or of what one asks PostgreSQL and Redis by name.
SQL = re.compile(r"`[^`]*\b(SELECT .* FROM|SELECT \w+\(|UPDATE \w+ SET|DELETE FROM|VACUUM|pg_\w+)\b")
REDIS = re.compile(r"`(LLEN|INFO|SLOWLOG|CONFIG|MEMORY)\b")


def test_who_is_to_ask_a_data_store_reads_by_which_command():
    """At three in the morning nobody looks for the way to the database."""
    found = {path.stem: path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))}
    asking = {name for name, text in found.items() if SQL.search(text)}
    assert {"outbox-stuck", "postgres-vacuum", "job-late"} <= asking
    assert not {name for name in asking if "`matchday sql " not in found[name]}
    asking = {name for name, text in found.items() if REDIS.search(text)}
    assert "redis-memory" in asking
    assert not {name for name in asking if "valkey-cli" not in found[name]}


@every_row("runbook", {path.stem: path for path in sorted(RUNBOOKS.glob("*.md"))})
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(runbook):
    text = runbook.read_text()
    assert text.startswith("# ")
    for part in ("**Means**", "**Look**", "**Do**"):
        assert part in text, f"{runbook.name} lacks {part}"
    for link in links(runbook):
        assert (RUNBOOKS / link).is_file(), f"{runbook.name} links to {link}"
