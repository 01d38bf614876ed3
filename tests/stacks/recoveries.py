"""The recovery stack of the repository, composed once per session in the test cloud of the component tests."""

from __future__ import annotations

import json
from functools import cache

import yaml

from environments.recovery import RecoverySettings, load
from environments.source import DIRECTORY
from stacks.recovery.program import RecoveryRegion
from tests.components.conftest import Recorded, run_program


def recovery_settings() -> RecoverySettings:
    """What the stack's own file says."""
    config = yaml.safe_load((DIRECTORY / "Pulumi.recovery.yaml").read_text())["config"]
    return load(
        "recovery", {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )


@cache
def compose_recovery() -> Recorded:
    """What the stack registers; `result` is the RecoveryRegion."""
    return run_program(lambda: RecoveryRegion(recovery_settings()), stack_name="recovery")
