"""The comment on a pull request: what destroys comes first, GitHub's bound holds, foreign text takes no effect."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import compare
from cli.comment import LIMIT, MARKER, comment
from cli.documents import check
from cli.main import build

COUNTS = ("create", "update", "replace", "delete", "same")
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hush-hush"'}


def leaf(path: str, before: Any = 1, after: Any = 2) -> dict[str, Any]:
    return {"path": path, "before": before, "after": after}


def changed(operation: str, name: str, *leaves: dict[str, Any], forced_by: tuple[str, ...] = ()) -> dict[str, Any]:
    token = "aws:rds/instance:Instance"
    urn = f"urn:pulumi:prod::matchday::{token}::{name}"
    return {
        "urn": urn, "type": token, "name": name, "operation": operation, "forced_by": list(forced_by),
        "properties": list(leaves),
    }  # fmt: skip


def document(
    stack: str = "prod",
    *resources: dict[str, Any],
    gained: tuple[dict[str, str], ...] = (),
    lost: tuple[dict[str, str], ...] = (),
    cost: tuple[tuple[str, float], ...] = (),
) -> dict[str, Any]:
    counts = {name: sum(each["operation"] == name for each in resources) for name in COUNTS}
    lines = [
        {"type": "aws:rds/instance:Instance", "name": name, "before": 0.0, "after": amount, "difference": amount}
        for name, amount in cost
    ]
    total = sum(amount for _, amount in cost)
    return {
        "stack": stack,
        "against": {"ref": "base", "commit": "0" * 40},
        "changes": counts,
        "resources": list(resources),
        "policies": {"gained": list(gained), "lost": list(lost)},
        "cost": {"currency": "USD", "before": 100.0, "after": 100.0 + total, "difference": total, "resources": lines,
                 "unpriced": []},
        "seconds": 1.0,
    }  # fmt: skip


def violation(control: str, level: str = "mandatory", message: str = "is public") -> dict[str, str]:
    return {"control": control, "resource": "db", "level": level, "message": message}


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_the_documents_here_are_as_the_command_prints_them() -> None:
    check(
        "preview --against",
        document("prod", changed("replace", "n", leaf("p")), gained=(violation("C"),), cost=(("n", 1.0),)),
    )


def test_what_destroys_comes_first_with_the_property_that_forces_it() -> None:
    text = comment([
        document(
            "prod",
            changed("create", "new"),
            changed("update", "scaled", leaf("desiredCount", 2, 4)),
            changed("delete", "gone"),
            changed("replace", "main", leaf("engine", "postgres", "mysql"), forced_by=("engine",)),
            gained=(violation("RDS.18", "advisory"), violation("RDS.2")),
            lost=(violation("RDS.9"),),
            cost=(("main", 12.5),),
        ),
        document("dev"),
    ])  # fmt: skip
    assert text.startswith(MARKER)
    order = [
        "`main` (",
        "forced by `engine`",
        "`gone`",
        "`RDS.2`",
        "`RDS.18`",
        "`scaled`",
        "+12.50\n",
        "`new`",
        "`RDS.9`",
    ]
    places = [text.index(words, text.index("### prod")) for words in order]
    assert places == sorted(places)
    assert "`engine`: `postgres` → `mysql`" in text and "`desiredCount`: `2` → `4`" in text
    assert "| prod | **1** | **1** | 1 | 1 | 0 | +2 −1 | +12.50 (112.50 USD) |" in text
    assert "| dev | 0 | 0 | 0 | 0 | 0 | as before | ±0.00 (100.00 USD) |" in text
    assert "### dev" not in text


def test_a_secret_of_the_plan_is_not_shown() -> None:
    def state(password: Any) -> dict[str, Any]:
        return {"inputs": {"password": password, "environment": json.dumps([{"name": "K", "value": "v"}])}}

    other = {**SECRET, "plaintext": '"whispered"'}
    plan = {
        "steps": [
            {"op": "update", "urn": "urn:pulumi:prod::m::aws:rds/instance:Instance::db", "detailedDiff": {"password": {}},
             "oldState": state(SECRET), "newState": state(other)},
            {"op": "replace", "urn": "urn:pulumi:prod::m::aws:rds/instance:Instance::new", "detailedDiff": {"password": {}},
             "oldState": state("plain before it was one"), "newState": state(other), "replaceReasons": ["password"]},
        ]
    }  # fmt: skip
    text = comment([document("prod", *compare.resources(plan))])
    assert "hush" not in text and "whispered" not in text
    assert f"→ `{compare.HIDDEN}`" in text


@pytest.mark.parametrize("operation", ["create", "update", "replace", "delete"])
def test_five_thousand_changes_fit_and_none_is_lost_count_of(operation: str) -> None:
    many = [
        changed(operation, f"{operation}-{n:05}", *(leaf(f"p{k}", "x" * 500, "y" * 500) for k in range(12)))
        for n in range(5000)
    ]
    text = comment([document("prod", changed("replace", "the-only-database", forced_by=("engine",)), *many)])
    assert units(text) <= LIMIT
    assert "`the-only-database`" in text and "`engine`" in text
    shown = len(re.findall(rf"^- `{operation}-\d", text, re.M))
    left = re.search(r"… and ([\d,]+) more: `matchday preview prod --against`", text)
    assert left and shown + int(left[1].replace(",", "")) in (5000, 5001)
    assert shown > 400 and units(text) > LIMIT - 2000


def test_many_stacks_fit_and_a_replacement_in_the_last_is_shown() -> None:
    others = [document(f"pr-{n}", *(changed("update", f"u{k}") for k in range(10))) for n in range(600)]
    text = comment([*others, document("prod", changed("replace", "main", forced_by=("engine",)))])
    assert units(text) <= LIMIT
    assert "### prod" in text and "forced by `engine`" in text
    assert re.search(r"… and \d+ stacks more", text) and re.search(r"[\d,]+ sections more have no room", text)


hostile = st.text(
    st.one_of(
        st.sampled_from("`|@#<>&*_[](){}!~\\\n\r\t \u202e\u200b\x00\ud800😀"), st.characters(exclude_categories=[])
    ),
    max_size=60,
)


@given(name=hostile, path=hostile, value=st.one_of(hostile, st.integers(), st.lists(hostile)), message=hostile)
def test_foreign_text_takes_no_effect(name: str, path: str, value: Any, message: str) -> None:
    calm = document("prod", changed("replace", "n", leaf("p", "v", None), forced_by=("p",)), gained=(violation("C"),))
    wild = document(
        "prod",
        changed("replace", name, leaf(path, value, None), forced_by=(path,)),
        gained=(violation("C", message=message),),
    )
    text = comment([wild])
    assert units(text) <= LIMIT
    # As many lines as with calm words, each of its own kind: nothing begins a heading, a list or HTML of its own.
    assert [line[:3] for line in text.split("\n")] == [line[:3] for line in comment([calm]).split("\n")]
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"&#\d+;", "", text.replace(MARKER, "")))
    assert "<" not in outside and not re.search(r"[@#]\w", outside.replace("## What", "")), outside


@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6), limit=st.integers(6_000, 20_000))
def test_the_bound_holds(sizes: list[int], limit: int) -> None:
    operations = ("create", "update", "replace", "delete")
    made = [
        document(f"s{place}", *(changed(operations[n % 4], f"r{n}", leaf("😀" * 60)) for n in range(size)))
        for place, size in enumerate(sizes)
    ]
    assert units(comment(made, limit=limit)) <= limit


def test_the_command_writes_it_and_refuses_what_is_no_such_document(tmp_path: Path) -> None:
    runner, right, wrong, torn = CliRunner(), tmp_path / "right.json", tmp_path / "wrong.json", tmp_path / "torn.json"
    made = document("prod", changed("delete", "gone"))
    right.write_text(json.dumps(made))
    wrong.write_text(json.dumps({**made, "changes": {}}))
    torn.write_text(right.read_text()[:40])
    done = runner.invoke(build(["pr-comment"]), ["pr-comment", str(right)])
    assert (done.exit_code, done.stdout) == (0, comment([made]))
    for file, words in ((wrong, "changes.create"), (torn, "no JSON"), (tmp_path / "none.json", "No such file")):
        refused = runner.invoke(build(["pr-comment"]), ["pr-comment", str(right), str(file)])
        assert refused.exit_code == 2 and words in refused.stderr and file.name in refused.stderr, refused.stderr
        assert refused.stdout == ""
