"""How the console comes by what it shows: sources that fail or are slow, figures, charts, the engine's history."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cli import local
from cli.dashboard import charts, deployments, measured, sources
from cli.dashboard.board import LOOKED_SECONDS, Board, Source
from localcloud.engine.history import records as records_of


def test_a_slow_source_keeps_no_page_waiting_and_is_read_while_somebody_looks() -> None:
    go, reads, now = threading.Event(), [0], [1000.0]

    def fast() -> None:
        reads[0] += 1

    def slow() -> str:
        go.wait(60)
        return "at last"

    board = Board([Source("slow", slow, 60), Source("fast", fast, 0.01)], lambda: now[0])
    board.start()
    try:
        found = board.look(["fast"], patience=60)
        assert (found["slow"].value, found["slow"].at, found["fast"].at) == (None, 0, 1000)
        go.set()
        assert board.look(["slow"], patience=60)["slow"].value == "at last"
        now[0] += LOOKED_SECONDS
        idle, before = threading.Event(), -1
        while before != reads[0]:  # what was under way ends; then nothing is read any more
            before = reads[0]
            idle.wait(0.2)
        board.look()
        while reads[0] == before:
            idle.wait(0.05)
    finally:
        go.set()
        board.stop()


def test_a_dear_source_is_read_again_when_what_it_hangs_on_changed() -> None:
    mark, reads = ["a"], []

    def read() -> int:
        reads.append(1)
        if len(reads) == 2:
            raise ValueError("half written")
        return len(reads)

    board = Board([Source("dear", read, 60, lambda: mark[0])])
    board.read("dear")
    board.read("dear")
    assert len(reads) == 1
    mark[0] = "b"
    board.read("dear")
    reading = board.look()["dear"]
    assert (reading.value, reading.problem) == (1, "ValueError: half written")
    board.read("dear")
    assert (board.look()["dear"].value, board.look()["dear"].problem) == (3, ""), "tried again though nothing changed"


def test_a_command_that_ends_does_not_end_the_console() -> None:
    def fails() -> None:
        raise typer.Exit(2)

    board = Board([Source("command", fails, 60)])
    board.read("command")
    assert "terminal" in board.look()["command"].problem


POINTS = st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=40)


@given(points=POINTS)
def test_a_chart_stays_in_its_frame_and_says_what_it_shows(points: list[float | None]) -> None:
    drawn = str(charts.line(points, "<requests>"))
    known = [point for point in points if point is not None]
    if not known:
        assert "no values" in drawn
        return
    assert "&lt;requests&gt;" in drawn and f"last {charts.number(known[-1])}" in drawn
    (path,) = re.findall(r'<path d="([^"]*)"', drawn)
    places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)
    assert len(places) == len(known)
    assert all(-0.1 <= float(x) <= charts.WIDTH + 0.1 and 0 <= float(y) <= charts.HEIGHT for x, y in places)


def history(rows: list[tuple[str, str, dict[str, str], list[float | None]]]) -> measured.History:
    def asked(namespace: str, statistic: str) -> list[dict[str, Any]]:
        return [
            {"name": name, "dimensions": place, "points": points}
            for space, name, place, points in rows
            if space.partition(" ")[0] == namespace and (" " not in space or space.partition(" ")[2] == statistic)
        ]

    return asked


def test_traffic_is_told_by_endpoint_the_most_asked_first() -> None:
    balancer, group = {"LoadBalancer": "app/a"}, {"LoadBalancer": "app/a", "TargetGroup": "t"}
    one, other, idle = ({"service": "wallet", "environment": "local", "endpoint": f"GET /{name}"} for name in "abc")
    found = measured.traffic(
        history([
            ("AWS/ApplicationELB Sum", "RequestCount", balancer, [1.0, None]),
            ("AWS/ApplicationELB Sum", "RequestCount", group, [1.0, None]),
            ("AWS/ApplicationELB Sum", "HTTPCode_ELB_5XX_Count", balancer, [None, 2.0]),
            ("AWS/ApplicationELB p95", "TargetResponseTime", balancer, [0.25, None]),
            ("Matchday Sum", "Requests", one, [1.0, 2.0]),
            ("Matchday Sum", "Requests", other, [None, 9.0]),
            ("Matchday Sum", "Requests", idle, [None, None]),
            ("Matchday Sum", "Errors", other, [None, 1.0]),
            ("Matchday p95", "Latency", other, [None, 120.0]),
        ])
    )  # fmt: skip
    assert (found.balancer.asked, found.balancer.failures, found.balancer.p95) == (3, 2, 250)
    assert [(each.endpoint, each.asked, each.failures, each.p95) for each in found.endpoints] == [
        ("GET /b", 9, 1, 120),
        ("GET /a", 3, 0, None),
    ]


def test_queues_jobs_and_the_ledger_are_told_by_their_last_values() -> None:
    place = {"service": "wallet", "environment": "local"}
    asked = history([
        ("Matchday", "OutboxDepth", place, [5.0, 3.0]),
        ("Matchday", "OutboxAge", place, [90.0, None]),
        ("Matchday", "OutboxDeadLetters", place, [None, None]),
        ("Matchday", "JobAge", place | {"job": "wallet.reconcile"}, [70.0, 10.0]),
        ("Matchday", "LedgerDiscrepancies", place, [1.0, 0.0]),
        ("Matchday", "LedgerEntries", place, [10.0, None]),
    ])  # fmt: skip
    (queue,), jobs = (found := measured.waiting(asked)).queues, found.jobs
    assert (queue.service, queue.now, queue.oldest, queue.dead, queue.unread) == ("wallet", 3, 90, None, None)
    assert jobs == [("wallet.reconcile", 10)]
    assert measured.ledger(asked) == {"discrepancies": 0, "entries": 10}
    assert measured.ledger(history([])) == {}


def resource(name: str, identity: str = "1", **inputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:local::matchday::a$aws:s3/bucket:Bucket::{name}", "id": identity, "inputs": inputs}


INPUTS = st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))
STATES = st.dictionaries(st.sampled_from("abcde"), st.tuples(st.sampled_from("12"), INPUTS))


@given(before=STATES, after=STATES)
def test_a_diff_names_every_resource_that_differs_once(before: dict[str, Any], after: dict[str, Any]) -> None:
    states = [
        [resource(name, identity, **inputs) for name, (identity, inputs) in side.items()] for side in (before, after)
    ]
    found = {change.name: change for change in deployments.diff(*states)}
    assert len(found) == len(deployments.diff(*states))
    assert set(found) == {name for name in {*before, *after} if before.get(name) != after.get(name)}
    for name, change in found.items():
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            assert change.operation == ("create" if old is None else "delete")
        else:
            assert change.operation == ("update" if old[0] == new[0] else "replace")
            assert set(change.paths) == {key for key in "xy" if old[1].get(key) != new[1].get(key)}


def test_runs_are_read_from_the_engines_history(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "history" / "matchday" / "local"
    folder.mkdir(parents=True)
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hidden"'}
    states = [[resource("a")], [resource("a", size=2, password=secret), resource("b")]]
    for number, state in enumerate(states):
        record = {
            "kind": "update", "startTime": 1_800_000_000 + number, "endTime": 1_800_000_060, "result": "succeeded",
            "message": "why", "resourceChanges": {"create": 1, "same": 5},
            "environment": {"git.head": "0123456789abcdef", "git.dirty": "true", "git.author.email": "a@example.com"},
        }  # fmt: skip
        (folder / f"local-{number}.history.json").write_text(json.dumps(record))
        checkpoint = {"checkpoint": {"latest": {"resources": state}}}
        (folder / f"local-{number}.checkpoint.json").write_text(json.dumps(checkpoint))
    records = records_of(tmp_path, "local")
    newest, oldest = deployments.recent(records)
    assert (newest.commit, newest.seconds, newest.counts, newest.message) == ("01234567+", 59, {"create": 1}, "why")
    assert [(change.operation, change.name, change.paths) for change in newest.diff] == [
        ("update", "a", ("password", "size")),
        ("create", "b", ()),
    ]
    assert "hidden" not in repr(newest) and "example.com" not in repr(newest)
    assert oldest.diff == []
    (folder / "local-1.checkpoint.json").unlink()
    assert deployments.mark(records) == ["local-0.history.json", "local-1.history.json"]
    assert deployments.state_file(tmp_path, "local") is None


def test_the_state_is_counted_and_priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STATE", tmp_path)
    by_name = {source.name: source for source in sources.sources()}
    for name in ("resources", "cost", "policies", "deployments", "platform"):
        mark = by_name[name].mark
        assert mark is None or mark() == mark()
    with pytest.raises(LookupError, match="nothing was ever deployed here"):
        by_name["cost"].read()
    with pytest.raises(sources.NotRunning):
        by_name["platform"].read()
    assert by_name["deployments"].read() == []
    kinds = {"aws:s3/bucket:Bucket": {}, "aws:kms/key:Key": {}, "aws:ec2/vpc:Vpc": {"cidrBlock": "10.0.0.0/16"}}
    file = tmp_path / "pulumi" / "backend" / ".pulumi" / "stacks" / "matchday" / "local.json"
    file.parent.mkdir(parents=True)
    resources = [
        {"urn": f"urn:pulumi:local::matchday::{kind}::one", "type": kind, "custom": True, "id": "1"}
        | {"inputs": inputs, "outputs": inputs}
        for kind, inputs in kinds.items()
    ]
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}}))
    assert by_name["resources"].read() == dict.fromkeys(kinds, 1)
    cost = by_name["cost"].read()
    assert cost.monthly == pytest.approx(sum(cost.services.values())) and cost.monthly >= 1, "a KMS key is a dollar"
    assert cost.billed_by_use >= 1, "the bucket"
