"""What a combination check sees of the inputs: a property is absent, known, or given but not known yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.provider.wire import UNKNOWN

Failure = tuple[str, str]
Check = Callable[["Given"], Iterator[Failure]]


class Given:
    """Inputs, or an object inside them."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs

    def has(self, *names: str) -> bool:
        """Whether each is given; one that is not known yet counts, an empty one does not."""
        return all(self._inputs.get(name) not in (None, "", [], {}) for name in names)

    def lacks(self, *names: str) -> bool:
        """Whether none is given."""
        return not any(self.has(name) for name in names)

    def get(self, name: str, default: Any = None) -> Any:
        """The value; None while it is not known."""
        value = self._inputs.get(name)
        return default if value is None else None if value == UNKNOWN else value

    def text(self, name: str, default: str = "") -> str | None:
        """The value as text; None while it is not known."""
        value = self.get(name, default)
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    def number(self, name: str) -> float | None:
        """The value as a number; None when it is absent, not known, or no number."""
        try:
            return float(self.get(name))
        except (TypeError, ValueError):
            return None

    def on(self, name: str) -> bool:
        """Whether a switch is known to be on."""
        return str(self.get(name)).lower() == "true"

    def off(self, name: str) -> bool:
        """Whether a switch is known to be off or is absent."""
        return self._inputs.get(name) is None or str(self.get(name)).lower() == "false"

    def inner(self, name: str) -> Given:
        """An object inside; empty when it is absent or not known."""
        value = self.get(name)
        value = value[0] if isinstance(value, list) and value else value
        return Given(value if isinstance(value, dict) else {})

    def each(self, name: str) -> list[Given]:
        """The objects of a list; none when it is absent or not known."""
        value = self.get(name)
        return [Given(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def items(self, name: str) -> list[Any] | None:
        """The values of a list, [] when absent; None when any is not known."""
        value = self.get(name, [])
        if not isinstance(value, list) or UNKNOWN in value:
            return None
        return value
