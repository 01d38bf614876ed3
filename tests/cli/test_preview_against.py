"""`preview --against` and `--state`: the engine's own plan from what was, on a tiny project in a repository of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import compare
from cli.comment import comment
from cli.documents import check

PROJECT = Path(__file__).resolve().parents[2]
TINY = PROJECT / "tests" / "faults" / "tiny"

leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(alphabet="abc", max_size=3))
documents = st.dictionaries(
    st.text(alphabet="abc", min_size=1, max_size=2),
    st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet="xy", min_size=1), inner)
        ),
    ),
    max_size=4,
)


@pytest.mark.slow
@given(document=documents)
def test_a_document_does_not_differ_from_itself(document: dict[str, Any]) -> None:
    assert compare.properties(document, document) == []


@pytest.mark.slow
@given(before=documents, after=documents)
def test_both_directions_name_the_same_paths(before: dict[str, Any], after: dict[str, Any]) -> None:
    there, back = compare.properties(before, after), compare.properties(after, before)
    assert [change["path"] for change in there] == [change["path"] for change in back]
    assert [(change["before"], change["after"]) for change in there] == [(c["after"], c["before"]) for c in back]


def test_policy_documents_are_compared_by_statement_and_secrets_are_not_shown() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hush"'}
    before = {"policy": '{"Statement": [{"Effect": "Allow", "Action": "s3:*"}]}', "password": secret}
    after = {"policy": '{"Statement": [{"Effect": "Allow", "Action": "s3:Get*"}]}', "password": secret, "new": secret}
    assert compare.properties(before, after) == [
        {"path": "new", "before": None, "after": compare.HIDDEN},
        {"path": "policy.Statement[0].Action", "before": "s3:*", "after": "s3:Get*"},
    ]


def _git(directory: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *arguments], cwd=directory, check=True
    )


def _preview(project: Path, *arguments: str, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--project", str(project), "preview", "local", "--json", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if code:
        return done.stderr
    document = json.loads(done.stdout)
    check("preview --against", document)
    return document


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit on main, and a change of it in the folder."""
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "base")
    program = folder / "__main__.py"
    text = program.read_text()
    text = text.replace('bucket="kept"', 'bucket="kept-elsewhere"').replace(
        "allocated_storage=20", "allocated_storage=30"
    )
    text = text.replace('aws.sqs.Queue("kept", name="kept")\n', "").replace(
        "storage_encrypted=True", "storage_encrypted=False"
    )
    program.write_text(text + 'aws.sns.Topic("new", name="new")\n')
    return folder


@pytest.mark.engine
def test_replacements_and_deletions_come_first_with_what_forces_them(project: Path) -> None:
    plans = project.parent / "plans"
    # By the script that runs on each pull request.
    subprocess.run(
        [PROJECT / "scripts" / "ci" / "plan.sh", plans, "local"],
        cwd=project,
        env={**os.environ, "BASE": "HEAD"},
        check=True,
    )
    document = json.loads((plans / "local.json").read_text())
    check("preview --against", document)
    assert (plans / "comment.md").read_text() == comment([document])
    changed = [(r["operation"], r["type"], r["name"]) for r in document["resources"]]
    assert changed == [
        ("replace", "aws:rds/instance:Instance", "kept"),
        ("replace", "aws:s3/bucket:Bucket", "kept"),
        ("delete", "aws:sqs/queue:Queue", "kept"),
        ("create", "aws:sns/topic:Topic", "new"),
    ]
    database, bucket = document["resources"][:2]
    assert database["forced_by"] == ["storageEncrypted"]
    assert {"path": "allocatedStorage", "before": 20, "after": 30} in database["properties"]
    assert bucket["forced_by"] == ["bucket"]
    assert bucket["properties"] == [{"path": "bucket", "before": "kept", "after": "kept-elsewhere"}]
    assert ("RDS.3", "kept") in {(entry["control"], entry["resource"]) for entry in document["policies"]["gained"]}
    assert {entry["resource"] for entry in document["policies"]["lost"]} <= {"kept"}
    # Ten GB more of gp3 at 0.131: the database that is replaced is one, and nothing else has a price of its own.
    assert document["cost"]["resources"] == [
        {"type": "aws:rds/instance:Instance", "name": "kept", "before": 17.95, "after": 19.26, "difference": 1.31}
    ]
    assert (document["cost"]["before"], document["cost"]["after"]) == (30.03, 31.34)
    assert document["cost"]["difference"] == 1.31
    assert document["cost"]["unpriced"] == []
    assert not (project / ".matchday").exists()


@pytest.mark.engine
def test_an_exported_state_is_planned_against_and_what_cannot_be_is_refused(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    urn = "urn:pulumi:local::tiny::aws:sqs/queue:Queue::kept"
    provider = "urn:pulumi:local::tiny::pulumi:providers:aws::default_7_51_1"
    queue = {
        "urn": urn, "custom": True, "id": "https://sqs.ap-south-1.amazonaws.com/123456789012/kept", "type": urn.split("::")[2],
        "inputs": {"name": "kept"}, "outputs": {"name": "kept"}, "provider": f"{provider}::1",
    }  # fmt: skip
    held = {"urn": provider, "custom": True, "id": "1", "type": "pulumi:providers:aws", "inputs": {"version": "7.51.1"}}
    deployment = {"manifest": {"time": "2026-11-26T00:00:00Z", "magic": "", "version": ""}, "resources": [held, queue]}
    state.write_text(json.dumps({"version": 3, "deployment": deployment}))
    document = _preview(project, "--state", str(state))
    by_name = {(r["type"].split("/")[0], r["name"]): r["operation"] for r in document["resources"]}
    assert by_name["aws:sqs", "kept"] == "delete"
    assert by_name["aws:sns", "new"] == "create"
    assert (document["cost"]["before"], document["cost"]["difference"]) == (0, document["cost"]["after"])
    assert document["against"] == {"state": str(state)}
    state.write_text(state.read_text().replace("urn:pulumi:local", "urn:pulumi:prod"))
    assert "it is of 'prod', not of 'local'" in _preview(project, "--state", str(state), code=2)
    state.write_text("[]")
    assert "no exported state" in _preview(project, "--state", str(state), code=2)
    assert "git knows no such" in _preview(project, "--against", "nowhere", code=2)
