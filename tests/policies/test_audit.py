"""The command: exit codes, evidence, bad input without a traceback."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import local
from cli.main import build
from localcloud.runtime.state import EngineDirectory
from policies.audit.evidence import FILES, PUBLIC_KEY, SIGNATURE, SUMS
from policies.model import FRAMEWORK_KEYS
from tests.engine.engines import Plans
from tests.policies.test_state import export, row

pytestmark = pytest.mark.process  # the command asks git for the commit


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
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, SUMS])


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


def test_coverage_says_what_each_framework_has_and_lacks() -> None:
    done = _run("--coverage", "--json")
    assert done.exit_code == 0
    rows = {item["framework"]: item for item in json.loads(done.stdout)["frameworks"]}
    assert set(rows) == {framework.value for framework in FRAMEWORK_KEYS.values()}
    for found in rows.values():
        assert found["version"] and found["source"] and found["read"] and found["covered"]
        assert set(found) >= {"covered", "not_assessable_from_iac", "missing"}
    table = _run("--coverage", "--framework", "fsbp")
    assert table.exit_code == 0 and "Foundational Security" in table.output and "APIGateway.1" in table.output


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
        (["--state", "x.json", "--framework", "iso9001"], "there is no framework 'iso9001'"),
        (["--state", "x.json", "--environment", "prood"], "there is no environment 'prood'"),
        (["--state", "x.json", "--since", "/nonexistent"], "--since"),
        (["--state", "x.json", "--sign", "/nonexistent.pem"], "--sign"),
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


class _Planned:
    """A workspace whose preview was made before, by the real engine, for all tests that look at it."""

    def __init__(self, directory: Path, printed: bytes) -> None:
        self.places = EngineDirectory(directory)
        self.places.output.write_bytes(printed)

    def run(self, command: Sequence[str], stack: str, **_: object) -> None:
        assert (command, stack) == (["preview", "--json"], "prod")


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
@pytest.mark.timeout(300)
def test_a_stack_that_is_not_deployed_is_audited_from_a_preview(
    tmp_path: Path, plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def isolated() -> Iterator[tuple[_Planned, str]]:
        yield _Planned(tmp_path, plans("prod").printed), ""

    monkeypatch.setattr(local, "isolated", isolated)
    done = _run("prod", "--out", str(tmp_path / "e"), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "e" / "audit.json").read_text())
    assert document["subject"]["kind"] == "preview" and document["subject"]["resources"] > 300
    assert document["summary"]["mandatory"] == 0
    assert document["summary"]["controls"]["cannot tell yet"] > 0
    assert document["provenance"]["commit"] and document["provenance"]["operator"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="the documented one-liner is openssl's")
def test_the_signature_verifies_by_the_documented_line_and_a_changed_file_does_not(state: Path, tmp_path: Path) -> None:
    key, out = tmp_path / "key.pem", tmp_path / "e"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True, capture_output=True)
    _run("--state", str(state), "--out", str(out), "--sign", str(key))
    line = (
        f"openssl pkeyutl -verify -pubin -inkey {PUBLIC_KEY} -rawin -in {SUMS} -sigfile {SIGNATURE} "
        f"&& sha256sum -c --quiet {SUMS}"
    )
    assert line.replace("--quiet ", "") in (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
    assert subprocess.run(line, shell=True, cwd=out, capture_output=True).returncode == 0
    (out / "audit.csv").write_text("changed")
    assert subprocess.run(line, shell=True, cwd=out, capture_output=True).returncode != 0


def test_since_says_what_changed(tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_bytes(export(row(outputs={"enableKeyRotation": False})))
    after.write_bytes(export(row(outputs={"enableKeyRotation": True})))
    _run("--state", str(before), "--out", str(tmp_path / "1"))
    _run("--state", str(after), "--out", str(tmp_path / "2"), "--since", str(tmp_path / "1"))
    changes = json.loads((tmp_path / "2" / "audit.json").read_text())["since"]["changes"]
    assert ("KMS.4", "violation", "compliant") in [(c["control"], c["before"], c["now"]) for c in changes]


def test_rows_say_what_was_observed_and_where(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    arn = "arn:aws:kms:ap-south-1:111122223333:key/1"
    path.write_bytes(export(row(outputs={"enableKeyRotation": True, "arn": arn})))
    _run("--state", str(path), "--out", str(tmp_path / "e"))
    document = json.loads((tmp_path / "e" / "audit.json").read_text())
    (control,) = [item for item in document["controls"] if item["id"] == "KMS.4"]
    (answer,) = control["answers"]
    assert answer["result"] == "compliant" and "enableKeyRotation=true" in answer["observed"]
    assert (answer["arn"], answer["region"], answer["account"]) == (arn, "ap-south-1", "111122223333")
    for name, value in document["provenance"]["digests"].items():
        assert hashlib.sha256((tmp_path / "e" / name).read_bytes()).hexdigest() == value, name
