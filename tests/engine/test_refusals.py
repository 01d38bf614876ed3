"""What is refused, as its user reads it: one sentence through the real engine, no traceback, nothing made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.settings import load
from environments.source import SettingsError
from localcloud.engine.run import EngineFailed
from model.catalog import CatalogError, load_catalog
from tests.clones import Clone, make_clone
from tests.engine.engines import FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy whose settings and manifests can be spoilt; nothing is brought up in it."""
    return make_clone(tmp_path_factory.mktemp("clone"), 0)


def _setting(content: dict[str, Any]) -> None:
    content["config"]["matchday:environment"]["postgres"] = {"multi_azs": True}


def _value(content: dict[str, Any]) -> None:
    content["config"]["matchday:environment"]["network"] = {"cidr": "10.0.0.0/8"}


def _datastore(content: dict[str, Any]) -> None:
    content["datastores"] = ["postgres", "mongodb"]


def _path(content: dict[str, Any]) -> None:
    content["paths"] = ["/auth/*"]


SETTINGS, MANIFEST = "environments/Pulumi.dev.yaml", "services/wallet/service.yaml"


@contextmanager
def _spoilt(path: Path, spoil: Callable[[dict[str, Any]], None]) -> Iterator[dict[str, Any]]:
    original = path.read_text()
    content = yaml.safe_load(original)
    spoil(content)
    path.write_text(yaml.safe_dump(content))
    try:
        yield content
    finally:
        path.write_text(original)


@pytest.mark.parametrize(
    ("file", "spoil", "words"),
    [
        (SETTINGS, _setting, [SETTINGS, "postgres.multi_azs"]),
        # The sentence is in each run below, and the way of one from the program to the command above.
        pytest.param(MANIFEST, _path, ["/auth/*", "auth", "wallet"], marks=pytest.mark.nightly),
    ],
)
def test_bad_input_is_one_sentence_of_the_command(
    clone: Clone, file: str, spoil: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    with _spoilt(clone.directory / file, spoil):
        done = clone.run("preview", "dev", check=False)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert all(word in errors[0] for word in words), errors[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_bad_value_is_one_sentence(clone: Clone) -> None:
    """As the program says it (tests/stacks/test_program.py runs it): no engine is needed to read a file."""
    with _spoilt(clone.directory / SETTINGS, _value) as content, pytest.raises(SettingsError) as refused:
        load(
            "dev",
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in content["config"].items()},
        )
    sentence = str(refused.value)
    assert all(word in sentence for word in [SETTINGS, "network.cidr", "10.0.0.0/8", "/16"]), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_datastore, [MANIFEST, "datastores", "mongodb", "postgres"]),
        (_path, ["/auth/*", "auth", "wallet"]),
    ],
)
def test_a_bad_manifest_is_one_sentence(
    clone: Clone, spoil: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    with _spoilt(clone.directory / MANIFEST, spoil), pytest.raises(CatalogError) as refused:
        load_catalog(clone.directory / "services", "development")
    sentence = str(refused.value)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


PROGRAM = """
import os, pulumi, pulumi_aws as aws
mine = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and "/dev/null" not in value}
pulumi.export("aws", mine)
pulumi.export("region", aws.get_region().region)
"""


def test_nothing_of_the_users_aws_environment_reaches_a_run(
    far_end_of: Callable[[str], FarEnd], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[prod]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\nregion = eu-west-1\n")
    for name, value in {
        "AWS_PROFILE": "prod",
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "https://elsewhere.example",
        "PULUMI_BACKEND_URL": "https://elsewhere.example",
        "PULUMI_ACCESS_TOKEN": "pul-real",
    }.items():
        monkeypatch.setenv(name, value)
    far_end = far_end_of(PROGRAM)
    far_end.workspace.run(["up", "--yes", "--skip-preview"], "local")
    outputs = yaml.safe_load(far_end.workspace.call(["stack", "output", "--json", "--stack", "local"]))
    assert outputs == {"aws": {"AWS_EC2_METADATA_DISABLED": "true"}, "region": "ap-south-1"}


UNSUPPORTED = """
import pulumi_aws as aws
aws.glacier.Vault("archive")
"""


def test_a_kind_without_a_row_names_the_file_to_add_it_to(far_end_of: Callable[[str], FarEnd]) -> None:
    far_end = far_end_of(UNSUPPORTED)
    with pytest.raises(EngineFailed) as failure:
        far_end.workspace.run(["preview"], "local")
    said = "\n".join(failure.value.messages)
    assert "aws:glacier/vault:Vault" in said
    assert "localcloud/provider/rows" in said
    assert "Traceback" not in said
