"""Each environment of the repository, composed once per session in the test cloud of the component tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from environments.settings import EnvironmentSettings, load
from environments.source import DIRECTORY
from model.catalog import Catalog, load_catalog
from stacks.environment.program import Environment
from tests.components.conftest import Recorded, lint, run_program

__all__ = ["lint"]  # a fixture

SERVICES = Path(__file__).parents[2] / "services"
ENVIRONMENTS = ("local", "dev", "prod")


@cache
def settings_of(stack: str) -> EnvironmentSettings:
    """What a stack's own file says."""
    config = yaml.safe_load((DIRECTORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    return load(stack, {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()})


@cache
def catalog_of(stack: str) -> Catalog:
    """The services as that stack runs them."""
    return load_catalog(SERVICES, settings_of(stack).tier)


def compose(settings: EnvironmentSettings, catalog: Catalog) -> Recorded:
    """Run the program of an environment; `result` is the Environment."""
    return run_program(lambda: Environment(settings, catalog), stack_name=settings.stack)


@cache
def registered(stack: str) -> Recorded:
    """What an environment of the repository registers; composed once, which takes seconds, for all who only look at it."""
    return compose(settings_of(stack), catalog_of(stack))


Composed = Callable[[str], Recorded]


@pytest.fixture(scope="session")
def composed() -> Composed:
    """`composed("dev")`: what the environment registers."""
    return registered
