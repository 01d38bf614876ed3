"""The program as the language host runs it: what it refuses, before anything is registered, and how it says so."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws
import pytest
import yaml

from environments.source import DIRECTORY
from tests.components.conftest import Recorded, run_program

STACKS = Path(__file__).parents[2] / "stacks"
SHOWN = 32  # language hosts add no sentence of their own to this exit code

Refusal = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """`refused(stack, config, program=…)`: run the program, which must stop with one sentence; return the sentence."""

    def run(stack: str, config: dict[str, Any], program: Path = STACKS) -> str:
        sentences: list[str] = []
        monkeypatch.setattr(pulumi.log, "error", sentences.append)
        pulumi.runtime.set_all_config({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})
        recorded = Recorded()
        try:
            with pytest.raises(SystemExit) as caught:
                recorded = run_program(lambda: runpy.run_path(str(program), run_name="__main__"), stack_name=stack)
        finally:
            pulumi.runtime.set_all_config({})
        assert caught.value.code == SHOWN
        assert recorded.registrations == []
        (sentence,) = sentences
        assert "\n" not in sentence and "Traceback" not in sentence
        return sentence

    return run


def file(stack: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DIRECTORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    return config


def test_a_wrong_setting(refused: Refusal) -> None:
    config = file("dev")
    config["matchday:environment"]["postgres"] = {"replicas": 7}
    assert refused("dev", config) == (
        "environments/Pulumi.dev.yaml: matchday:environment.postgres.replicas: 7: at most 5 is accepted"
    )


def test_a_misspelt_key_above_the_settings(refused: Refusal) -> None:
    assert "matchday:enviroment: no such key" in refused("dev", {**file("dev"), "matchday:enviroment": "x"})


def test_an_unknown_stack(refused: Refusal) -> None:
    assert "there is no environment 'staging'" in refused("staging", file("dev"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository's program and manifests, to be broken."""
    shutil.copytree(STACKS, tmp_path / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
    for manifest in (STACKS.parent / "services").glob("*/service.yaml"):
        (tmp_path / "services" / manifest.parent.name).mkdir(parents=True)
        shutil.copy(manifest, tmp_path / "services" / manifest.parent.name)
    return tmp_path


def test_a_wrong_manifest(refused: Refusal, copy: Path) -> None:
    manifest = copy / "services" / "wallet" / "service.yaml"
    manifest.write_text(manifest.read_text().replace("[postgres, broker]", "[postgres, mongo]"))
    sentence = refused("local", file("local"), copy / "stacks")
    assert sentence.startswith("services/wallet/service.yaml: datastores.1: 'mongo': ")


def test_the_aws_classes_are_not_loaded_for_a_refusal(refused: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds; whoever mistypes a key must not wait for them."""
    for name in [name for name in sys.modules if name.startswith("stacks.environment.")]:
        monkeypatch.delitem(sys.modules, name)
    refused("dev", {})
    assert "stacks.environment.program" not in sys.modules


@pytest.mark.slow
def test_an_example_in_somebodys_account(refused: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose account it is, AWS says; nothing is registered before."""
    answer = SimpleNamespace(account_id="210987654321")
    monkeypatch.setattr(pulumi_aws, "get_caller_identity", lambda: answer)
    assert "edge.zone_id: 'Z01111222233334444ABC': an example" in refused("dev", file("dev"))


@pytest.mark.slow
def test_the_program_exports_the_environments_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in file("local").items()}
    pulumi.runtime.set_all_config(config)
    try:
        recorded = run_program(lambda: runpy.run_path(str(STACKS), run_name="__main__"), stack_name="local")
    finally:
        pulumi.runtime.set_all_config({})
    assert len(recorded.registrations) > 200
    assert {"url", "services", "secret_names"} <= set(exported)
