"""Every control of the pack: whatever the modules of `policies.controls` list in their `CONTROLS`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Collection, Iterable
from functools import cache
from types import ModuleType

from policies import controls
from policies.model import Control, Framework, Severity


def modules() -> tuple[ModuleType, ...]:
    """The control modules, by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(controls.__path__))
    return tuple(importlib.import_module(f"{controls.__name__}.{name}") for name in names)


def _order(control: Control) -> tuple[str, bool, int]:
    prefix, _, number = control.id.removeprefix("MD.").partition(".")
    return prefix.lower(), control.id.startswith("MD."), int(re.sub(r"\D", "", number))


@cache
def all_controls() -> tuple[Control, ...]:
    """All controls in the order in which people look for them: by service, Security Hub's before the house's, by number."""
    found: dict[str, Control] = {}
    for module in modules():
        for control in module.CONTROLS:
            if control.id in found:
                raise ValueError(f"control {control.id} is defined twice, the second time in {module.__name__}")
            found[control.id] = control
    return tuple(sorted(found.values(), key=_order))


def select(
    pool: Iterable[Control],
    *,
    frameworks: Collection[Framework] = (),
    severities: Collection[Severity] = (),
    services: Collection[str] = (),
) -> tuple[Control, ...]:
    """The controls of any of these frameworks, severities and services; an empty choice means all of them."""
    return tuple(
        control
        for control in pool
        if (not frameworks or set(frameworks) & set(control.frameworks))
        and (not severities or control.severity in severities)
        and (not services or control.service in services)
    )
