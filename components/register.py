"""The components of one run of a program: what `observability.Monitoring` watches without a list kept by hand, and what bounds
their roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulumi.runtime import get_root_resource

if TYPE_CHECKING:
    import pulumi

    from components.base import Component


class Register:
    """Components in the order in which their construction began: a parent before its children."""

    def __init__(self) -> None:
        self._components: list[Component] = []
        self._watcher = ""
        #: The permissions boundary (its ARN) of every role that is made; None: they have none.
        self.boundary: pulumi.Input[str] | None = None

    def add(self, component: Component) -> None:
        """Remember `component`; its signals are read when somebody watches, so that it may still set them."""
        self._components.append(component)

    def watch(self, watcher: str) -> Sequence[Component]:
        """Everything that carries signals. What comes after this call must carry none: nobody would watch it.

        Raises ValueError when it is watched already: two would ring twice for one trouble.
        """
        if self._watcher:
            raise ValueError(f"monitoring {watcher!r}: the monitoring {self._watcher!r} watches this stack already")
        self._watcher = watcher
        return [component for component in self._components if component.signals]

    def check(self, component: Component) -> None:
        """Refuse `component` if it carries signals and comes too late to be watched."""
        if component.signals and self._watcher:
            kind = type(component).__name__
            raise ValueError(
                f"{kind} {component.name!r} carries signals but is made after the monitoring {self._watcher!r}, "
                "so nobody would watch it; make it before"
            )


def register() -> Register:
    """The running program's register. Raises RuntimeError where no stack is running.

    It hangs on the run's root resource, which every run has for itself: several stacks in one process (tests) never mix.
    """
    root = get_root_resource()
    if root is None:
        raise RuntimeError("no stack is running: components are made inside a Pulumi program")
    found = vars(root).setdefault("_matchday_register", Register())
    assert isinstance(found, Register)
    return found
