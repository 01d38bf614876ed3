"""The workflows' scripts that act: an issue for drift, the identity for AWS, the image's digest in a stack's file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.engine import events
from scripts.ci import deploy, drift, identity, pulumi
from scripts.ci import github as rest
from tests.scripts.github_stand_in import BOT, TOKEN, Server, github

URN = "urn:pulumi:prod::matchday::aws:s3/bucket:Bucket::"
ROLE = "arn:aws:iam::123456789012:role/matchday-account-ci-deploy"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with github() as started:
        for name, value in started.variables.items():
            monkeypatch.setenv(name, value)
        yield started


def changed(name: str, *paths: str, operation: str = "update", stage: str = "done") -> events.ResourceEvent:
    return events.ResourceEvent(
        stage=stage, operation=operation, urn=URN + name, type="aws:s3/bucket:Bucket", changed=paths
    )


def publish(*found: events.ResourceEvent) -> int:
    return rest.run([], lambda client, repository: drift.publish(client, repository, "prod", found))


def test_what_drifted_is_what_a_refresh_would_write_down() -> None:
    happened: list[events.Event] = [
        changed("a", stage="started"), changed("a", "tags"), changed("b", operation="refresh"),
        changed("c", operation="delete"), events.Diagnostic(severity="warning", message="x"),
    ]  # fmt: skip
    assert [event.name for event in drift.drifted(happened)] == ["a", "c"]


def test_one_issue_for_a_stack_is_opened_kept_up_to_date_and_closed(server: Server) -> None:
    server.opened("mallory", "Drift: prod", drift.marker("prod"))
    server.opened(BOT, "Drift: dev", drift.marker("dev") + "\nanother stack's")
    server.opened(BOT, "a pull request", drift.marker("prod"), pull_request={})
    assert publish() == 0
    assert server.asked == [], "nothing to say, and nothing to close"

    assert publish(changed("site", "tags.Owner"), changed("gone", operation="delete")) == 0
    issue = server.issues[-1]
    assert issue["title"] == "Drift: prod"
    assert "| `aws:s3/bucket:Bucket` `site` | was changed | `tags.Owner` |" in issue["body"]
    assert "| `aws:s3/bucket:Bucket` `gone` | is gone |  |" in issue["body"]
    assert publish(changed("site", "tags.Owner"), changed("gone", operation="delete")) == 0
    assert publish(changed("site", "tags.Owner")) == 0
    assert "gone" not in issue["body"]
    assert publish() == 0
    assert issue["state"] == "closed"
    assert server.asked == ["POST", "PATCH", "PATCH"], "the second run had nothing new to say"
    assert [kept["state"] for kept in server.issues[:3]] == ["open"] * 3


def test_an_issue_has_room_for_any_number_of_resources() -> None:
    text = drift.body("prod", [changed(f"{number}-{'x' * 60}", *["property.path"] * 50) for number in range(5000)])
    assert len(text) < 65_536 * 2
    assert "and 4800 more" in text


def test_the_identity_is_kept_from_others_and_from_the_log(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.url}/identity?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "env"))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    assert identity.main([ROLE, "ap-south-1"]) == 0
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    file = Path(variables["AWS_WEB_IDENTITY_TOKEN_FILE"])
    assert (variables["AWS_ROLE_ARN"], variables["AWS_REGION"]) == (ROLE, "ap-south-1")
    assert file.read_text() == "the.signed.identity"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "::add-mask::the.signed.identity"
    assert "the.signed.identity" not in "".join(printed[1:])

    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")
    assert identity.main([ROLE, "ap-south-1"]) == 1
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    assert identity.main([ROLE, "ap-south-1"]) == 2
    for words in ([ROLE], ["arn:aws:iam::1:role/x", "ap-south-1"], [ROLE, "ap south\nX=1"]):
        assert identity.main(words) == 2


def test_the_digests_go_into_the_stacks_file_and_nothing_else_changes(tmp_path: Path) -> None:
    file, digest, kyc = tmp_path / "Pulumi.dev.yaml", "sha256:" + "a" * 64, "sha256:" + "b" * 64
    original = (Path(__file__).parents[2] / "environments" / "Pulumi.dev.yaml").read_text()
    file.write_text(original)
    deploy.name_image(file, digest, {"kyc": kyc})
    before, after = (
        [line for line in text.splitlines() if line not in other.splitlines()]
        for text, other in ((original, file.read_text()), (file.read_text(), original))
    )
    assert len(before) == 2
    assert after[0].split("#")[0].strip() == f"digest: {digest}"
    assert after[0].split("#")[1] == before[0].split("#")[1]
    assert after[1].strip() == f"targets: {{kyc: {kyc}}}"
    file.write_text(original.replace("{kyc: sha256", "{kyc: 'sha256").replace("c0}\n", "c0'}\n"))
    deploy.name_image(file, digest, {"kyc": kyc})
    assert f"targets: {{kyc: '{kyc}'}}" in file.read_text(), "as the CLI writes it"
    for wrong in ("latest", "sha256:abc", digest + "\n    tag: x"):
        with pytest.raises(pulumi.Failed, match="accepted: sha256"):
            deploy.name_image(file, wrong, {"kyc": kyc})
        with pytest.raises(pulumi.Failed, match="accepted: sha256"):
            deploy.name_image(file, digest, {"kyc": wrong})
    with pytest.raises(pulumi.Failed, match="accepted: a digest, and targets of nothing"):
        deploy.name_image(file, digest, {})
    file.write_text("config: {}\n")
    with pytest.raises(pulumi.Failed, match=r"image is \{\}; accepted: a digest"):
        deploy.name_image(file, digest, {})


def test_an_identity_is_renewed_where_one_was_taken(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.renew()  # by hand there is none
    file = tmp_path / "identity"
    file.touch()
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.url}/identity?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    identity.renew()
    assert file.read_text() == "the.signed.identity"
