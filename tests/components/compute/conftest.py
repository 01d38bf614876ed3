"""The IAM linter, for tests of documents."""

from __future__ import annotations

import importlib.resources
import json
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest

Lint = Callable[[Mapping[str, Any]], list[str]]


@pytest.fixture(scope="session")
def lint() -> Lint:
    """`lint(document)`: what parliament finds in it; nothing, if it is right."""
    if "pkg_resources" not in sys.modules:
        # parliament 1.6.4 asks it for two file names; setuptools has not had it since version 82.
        stand_in = ModuleType("pkg_resources")
        stand_in.resource_filename = lambda package, name: str(importlib.resources.files(package) / name)  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = stand_in
        try:
            import parliament
        finally:
            del sys.modules["pkg_resources"]
    import parliament

    return lambda document: [
        str(finding) for finding in parliament.analyze_policy_string(json.dumps(document)).findings
    ]
