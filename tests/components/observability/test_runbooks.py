"""Every signal names a runbook that exists and helps; no runbook is left that nothing names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"


def named_runbooks() -> dict[str, str]:
    """Runbook → where a Signal names it, read from the components' source."""
    found = {}
    for path in sorted((ROOT / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "runbook":
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                value = node.value
                assert isinstance(value, ast.Constant), (
                    f"{where}: write the runbook's name out, so that it can be checked"
                )
                found[str(value.value)] = where
    return found


def test_every_signal_s_runbook_exists():
    missing = {name: where for name, where in named_runbooks().items() if not (RUNBOOKS / f"{name}.md").is_file()}
    assert not missing, "signals name runbooks that docs/runbooks/ lacks"


def test_no_runbook_is_orphaned():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} <= set(named_runbooks())


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(runbook):
    text = runbook.read_text()
    assert text.startswith("# ")
    for part in ("**Means**", "**Look**", "**Do**"):
        assert part in text, f"{runbook.name} lacks {part}"
    for link in [part.split(")")[0] for part in text.split("](")[1:]]:
        assert (RUNBOOKS / link).is_file(), f"{runbook.name} links to {link}"
