"""The command: exit codes, evidence, bad input without a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import build
from tests.policies.test_state import export, row


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(["audit", "doctor"]), ["audit", *arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(export(row(outputs={"enableKeyRotation": False})))
    return path


def test_violations_are_exit_code_one_and_evidence(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "evidence"
    done = _run("--state", str(state), "--out", str(out))
    assert done.exit_code == 1
    assert "KMS.4" in done.output and "enableKeyRotation is false: set it to true" in done.output
    assert sorted(path.name for path in out.iterdir()) == ["audit.csv", "audit.html", "audit.json", "audit.sarif"]


def test_no_mandatory_violation_is_exit_code_zero(state: Path, tmp_path: Path) -> None:
    done = _run("--state", str(state), "--out", str(tmp_path / "e"), "--environment", "dev")
    assert done.exit_code == 0
    assert "advisory" in done.output


def test_frameworks_narrow_and_json_is_one_document(state: Path, tmp_path: Path) -> None:
    done = _run("--state", str(state), "--out", str(tmp_path / "e"), "--framework", "fsbp", "--json")
    assert done.exit_code == 0  # KMS.4 is no control of FSBP
    assert all(
        "AWS Foundational Security Best Practices 1.0.0" in c["frameworks"] for c in json.loads(done.stdout)["controls"]
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"{", "cut off"), (b"\x00\x01", "encrypted"), (b'{"terraform_version": "1"}', "Terraform")],
)
def test_bad_input_is_a_sentence_and_no_evidence(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    done = _run("--state", str(path), "--out", str(tmp_path / "e"))
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "what is to be audited"),
        (["prod", "--state", "x.json"], "what is to be audited"),
        (["--state", "x.json", "--framework", "iso27001"], "there is no framework 'iso27001'"),
        (["nowhere"], "there is no stack 'nowhere'"),
        (["--state", "/nonexistent/x.json"], "cannot be read"),
    ],
)
def test_wrong_calls_say_what_would_be_right(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = _run(*arguments, "--out", str(tmp_path / "e"))
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_evidence_is_never_put_among_other_files(state: Path, tmp_path: Path) -> None:
    done = _run("--state", str(state), "--out", str(tmp_path))
    assert done.exit_code == 2
    assert "holds 'state.json'" in " ".join(done.output.split())


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_a_stack_that_is_not_deployed_is_audited_from_a_preview(tmp_path: Path) -> None:
    done = _run("prod", "--out", str(tmp_path / "e"), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "e" / "audit.json").read_text())
    assert document["subject"]["kind"] == "preview" and document["subject"]["resources"] > 300
    assert document["summary"]["mandatory"] == 0
    assert document["summary"]["controls"]["cannot tell yet"] > 0
