"""Tables of docs that are read from models are those of today's models."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from environments.settings import EnvironmentSettings
from model.manifest import ServiceManifest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_tables", ROOT / "scripts" / "reference_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings", "manifest"])
def test_a_page_is_current(script: ModuleType, name: str) -> None:
    file, _ = script.TABLES[name]
    text = (ROOT / file).read_text()
    assert script.page(name, text) == text, "renew it: .venv/bin/python scripts/reference_tables.py"


@pytest.mark.parametrize("model", [EnvironmentSettings, ServiceManifest])
def test_every_field_says_what_it_means(script: ModuleType, model: type) -> None:
    for field in script.fields(model):
        assert field.meaning, f"{model.__name__}.{field.path} has no docstring below it"
