"""The evidence: complete, valid, the same twice, escaped, all of it or none."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from policies import exceptions, levels
from policies.audit import csv_file, evidence, html_file, json_file, oscal_file, sarif_file
from policies.audit.evidence import FILES, SUMS, EvidenceError
from policies.audit.report import Report, Result, audit
from policies.audit.state import State
from policies.catalog import all_controls
from policies.levels import Levels
from policies.model import Framework, Whole
from tests.policies.build import UNKNOWN, res, stack
from tests.policies.platform import platform

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures" / "sarif-schema-2.1.0.json").read_text())
EVIL = "<script>alert(1)</script>&'\""


def _report(state: State, now: datetime = NOW, **more: object) -> Report:
    return audit(state, source="state.json", levels=levels.load(), register=exceptions.load(), now=now, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def small() -> Report:
    """A violation, an excepted one, an open one, in a stack with names that mean something to HTML, CSV and Markdown."""
    resources = [
        res("aws:kms/key:Key", EVIL, enableKeyRotation=False),
        res("aws:kms/key:Key", "=1+1", enableKeyRotation=UNKNOWN),
        res("aws:ec2/vpc:Vpc", "network"),
    ]
    return _report(State(stack(resources), "prod", "matchday", "state", "ab" * 32))


@pytest.fixture(scope="module")
def prod() -> Report:
    return _report(platform("prod"))


def test_json_holds_every_answer_and_its_sums(prod: Report) -> None:
    document = json.loads(json_file.render(prod))
    answers = [answer for control in document["controls"] for answer in control["answers"]]
    assert len(answers) == len(prod.answers)
    assert document["summary"]["violations"] == sum(answer["result"] == "violation" for answer in answers)
    assert sum(document["summary"]["controls"].values()) == len(document["controls"])
    assert {control["id"] for control in document["controls"]} == {control.id for control in all_controls()}
    assert document["subject"]["sha256"] == prod.state.sha256
    assert {"id", "title", "check"} <= set(document["out_of_scope"][0])
    for entry in document["exceptions"]:
        assert entry["reason"] and entry["owner"] and entry["expires"]


def test_every_row_says_what_was_seen_of_what_and_where(prod: Report) -> None:
    for answer in prod.answers:
        assert answer.observed and answer.region and answer.account, (answer.control.id, answer.name)
        assert answer.arn or not answer.urn, (answer.control.id, answer.name)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["small", "prod"])
def test_sarif_is_valid(which: str, request: pytest.FixtureRequest) -> None:
    log = json.loads(sarif_file.render(request.getfixturevalue(which)))
    jsonschema.Draft7Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert {"fail", "pass"} <= {result["kind"] for result in run["results"]}
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert suppressed and all(result["suppressions"][0]["justification"] for result in suppressed)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["small", "prod"])
def test_oscal_holds_together(which: str, request: pytest.FixtureRequest) -> None:
    """Structural rules of OSCAL 1.1.2: unique UUIDs, references that resolve, tokens, no empty values."""
    report: Report = request.getfixturevalue(which)
    results = json.loads(oscal_file.render(report))["assessment-results"]
    (result,) = results["results"]
    observed = {item["uuid"] for item in result["observations"]}
    assert len(observed) == len(result["observations"])
    assert {ref["observation-uuid"] for item in result["findings"] for ref in item["related-observations"]} <= observed
    resources = {item["uuid"] for item in results["back-matter"]["resources"]}
    assert results["import-ap"]["href"].removeprefix("#") in resources
    token = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
    for item in result["findings"]:
        assert token.fullmatch(item["target"]["target-id"])
        assert item["target"]["status"]["state"] in ("satisfied", "not-satisfied")
    props = [prop for item in result["observations"] for prop in item["props"]]
    assert all(token.fullmatch(prop["name"]) and prop["value"].strip() == prop["value"] != "" for prop in props)
    failed = {
        item["title"].partition(":")[0] for item in result["findings"] if item["target"]["status"]["reason"] == "fail"
    }
    assert failed == {answer.control.id for answer in report.violations}


def test_what_is_turned_off_stands_in_the_evidence() -> None:
    subject = State(stack([res("aws:kms/key:Key", "k")]), "prod", "matchday", "state", "0" * 64)
    given = Levels.model_validate(
        {"environments": {"*": "mandatory"}, "rules": [{"controls": ["KMS.4"], "level": "disabled"}]}
    )
    report = audit(subject, source="s", levels=given, register=exceptions.load(), now=NOW)
    assert [(item.control.id, item.what) for item in report.turned_off] == [("KMS.4", "disabled")]
    assert json.loads(json_file.render(report))["turned_off"][0]["id"] == "KMS.4"
    narrowed = _report(subject, frameworks=[Framework.PCI])
    assert "not selected" in {item.what for item in narrowed.turned_off}


def test_not_assessed_is_an_answer_of_its_own(prod: Report) -> None:
    present = {resource.type for resource in prod.state.stack.resources}
    asked_elsewhere = {
        control.id
        for control in all_controls()
        if isinstance(control.rule, Whole) and control.rule.elsewhere and not present & set(control.rule.types)
    }
    assert {answer.control.id for answer in prod.answers if answer.result is Result.NOT_ASSESSED} == asked_elsewhere
    assert asked_elsewhere
    assert "not assessed here" in html_file.render(prod)


def test_csv_can_be_read_back_and_holds_no_formula(small: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_file.render(small))))
    assert len({row["control"] for row in rows}) == len(small.results)
    names = {row["resource"] for row in rows}
    assert EVIL in names and "'=1+1" in names
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_stands_alone_and_shows_names_as_text(small: Report) -> None:
    text = html_file.render(small)
    page = _Page()
    page.feed(text)
    assert page.tags.count("script") == 1
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert all(link.startswith(("#", "https://docs.aws.amazon.com/")) for link in page.links)
    assert EVIL in page.words
    assert not re.search(r"url\(|@import|fetch\(", text)


def test_html_tells_an_auditor_everything(prod: Report) -> None:
    text = html_file.render(prod)
    assert prod.state.sha256 in text and "2026-11-21T12:00:00" in text
    for framework in (Framework.FSBP, Framework.CIS5, Framework.PCI):
        assert framework.value in text
    assert all(result.control.id in text for result in prod.results)
    assert all(row.id in text for row in prod.outside)
    assert all(excuse.owner in text and str(excuse.expires) in text for excuse, _ in prod.excuses)


def test_two_runs_differ_in_the_time_alone() -> None:
    one, again, later = (_report(platform("prod"), now) for now in (NOW, NOW, NOW.replace(hour=17)))
    for name, render in FILES.items():
        first, second = render(one), render(later)
        assert render(again) == first
        same = [line for line in zip(first.splitlines(), second.splitlines(), strict=True) if line[0] != line[1]]
        if name == "audit.oscal.json":  # every observation has its time; the document's own id goes with it
            assert {line[0].strip() for line in same if "12:00:00" not in line[0]} == {same[0][0].strip()}
            continue
        assert len(same) <= 1, name
        assert all("12:00:00" in line[0] for line in same)


def test_a_framework_narrows_the_report() -> None:
    report = _report(platform("prod"), frameworks=[Framework.PCI])
    assert report.frameworks == (Framework.PCI,)
    assert all(Framework.PCI in result.control.frameworks for result in report.results)


def test_the_levels_of_the_environment_decide_what_is_mandatory() -> None:
    subject = State(stack([res("aws:kms/key:Key", "k")]), "prod", "matchday", "state", "0" * 64)
    assert _report(subject).mandatory
    judged_as_dev = _report(subject, environment="dev")
    assert judged_as_dev.violations and not judged_as_dev.mandatory


def test_results_are_told_apart(small: Report) -> None:
    seen = {answer.result for answer in small.answers}
    assert {Result.VIOLATION, Result.EXCEPTED, Result.CANNOT_TELL} <= seen


def test_evidence_is_replaced_as_a_whole(tmp_path: Path, small: Report) -> None:
    directory = tmp_path / "deep" / "evidence"
    assert [path.name for path in evidence.write(small, directory)] == [*FILES, SUMS]
    (directory / "audit.csv").write_text("old")
    evidence.write(small, directory)
    assert (directory / "audit.csv").read_text() != "old"
    assert sorted(path.name for path in directory.parent.iterdir()) == ["evidence"]


def test_foreign_files_are_not_overwritten(tmp_path: Path, small: Report) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EvidenceError, match=r"holds 'notes\.txt'"):
        evidence.write(small, tmp_path)
    with pytest.raises(EvidenceError, match="is a file"):
        evidence.write(small, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_failure_half_way_leaves_what_was_there(
    tmp_path: Path, small: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "evidence"
    evidence.write(small, directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    write_text, written = Path.write_text, 0

    def full_disk(self: Path, *args: object, **kwargs: object) -> int:
        nonlocal written
        written += 1
        if written == 3:
            raise OSError(28, "No space left on device")
        return write_text(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(EvidenceError, match="No space left"):
        evidence.write(small, directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["evidence"]
