"""The examples in pulumi_aws's own documentation strings, run with stand-ins for the engine: what each resource is given.

The examples are right programs (most of AWS's provider documentation is tested by its authors), so a check that refuses one
of them is wrong. Outputs and answers of functions are unknown, as in a preview.
"""

from __future__ import annotations

import contextlib
import enum
import importlib
import re
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import pulumi
from pulumi import _types

from localcloud.provider.schema import known_tokens
from localcloud.provider.wire import ASSET, SIGNATURE, UNKNOWN


class Later:
    """Whatever is known only later: any attribute, element, call or text of it is too."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __str__(self) -> str:
        return UNKNOWN

    __repr__ = __format__ = lambda self, *_: UNKNOWN  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return self

    __radd__ = __add__


class Given:
    """One resource of an example: its kind, logical name and inputs in Pulumi's form."""

    def __init__(self, token: str, name: str, inputs: dict[str, Any]) -> None:
        self.token, self.name, self.inputs = token, name, inputs


def blocks(token: str) -> list[str]:
    """The Python examples in the documentation of a kind."""
    module, name = known_tokens()[token]
    overloads = typing.get_overloads(getattr(importlib.import_module(module), name).__init__)
    text = max((overload.__doc__ or "" for overload in overloads), key=len, default="")
    return [textwrap.dedent(code) for code in re.findall(r"```python\n(.*?)```", textwrap.dedent(text), re.DOTALL)]


def resources(code: str) -> list[Given]:
    """What the resources of one example are given; an example that needs files or other packages gives what it can."""
    found: list[Given] = []

    def record(self: Any, token: str, name: str, props: Any = None, opts: Any = None, *_: Any, **__: Any) -> None:
        values = props if isinstance(props, dict) else vars(props)
        hints = _types.input_type_types(props.__class__) if not isinstance(props, dict) else {}
        names = _types.input_type_py_to_pulumi_names(props.__class__) if not isinstance(props, dict) else {}
        inputs = {}
        for key, value in values.items():
            prop = names.get(key) or key
            plain = _plain(value, hints.get(prop))
            if plain is not None and not key.startswith("_"):
                inputs[prop] = plain
        found.append(Given(token, name, inputs))

    later = Later()
    with (
        _replaced(pulumi.CustomResource, "__init__", record),
        _replaced(pulumi, "get", lambda *_: later),
        _outputs(later),
        contextlib.suppress(Exception),  # what an example asks of the machine (a file, another provider) ends it early
    ):
        exec(compile(code, "example", "exec"), {})
    return found


def _plain(value: Any, hint: Any) -> Any:
    """A value in Pulumi's names, by the type that the property has."""
    if isinstance(value, (Later, pulumi.Output)):
        return UNKNOWN
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return UNKNOWN if UNKNOWN in value else value
    if isinstance(value, (pulumi.Asset, pulumi.Archive)):
        return {SIGNATURE: ASSET, "text": "", "hash": "0"}
    hint = _types.unwrap_type(hint) if hint not in (None, Any) else None
    if isinstance(value, (list, tuple)):
        inner = (typing.get_args(hint) or (None,))[0]
        return [_plain(item, inner) for item in value if item is not None]
    if isinstance(value, dict) or _types.is_input_type(type(value)):
        cls = hint if isinstance(hint, type) and _types.is_input_type(hint) else type(value)
        items = value if isinstance(value, dict) else dict(value.__dict__.get("_values", vars(value)))
        if _types.is_input_type(cls):
            names, hints = _types.input_type_py_to_pulumi_names(cls), _types.input_type_types(cls)
            pairs = [(names.get(key) or key, item) for key, item in items.items()]
            return {key: _plain(item, hints.get(key)) for key, item in pairs if item is not None}
        inner = (typing.get_args(hint) or (None, None))[-1]
        return {key: _plain(item, inner) for key, item in items.items() if item is not None}
    if isinstance(value, pulumi.CustomResource):
        return UNKNOWN
    return value


@contextlib.contextmanager
def _replaced(holder: Any, name: str, stand_in: Any) -> Iterator[None]:
    before = getattr(holder, name)
    setattr(holder, name, stand_in)
    try:
        yield
    finally:
        setattr(holder, name, before)


@contextlib.contextmanager
def _outputs(later: Later) -> Iterator[None]:
    """Functions of the runtime that an example calls answer with what is not known yet."""
    answer = type("Answer", (), {"value": later})()
    with contextlib.ExitStack() as stack:
        for name in ("concat", "all", "json_dumps", "format", "from_input", "json_loads", "secret", "unsecret"):
            stack.enter_context(_replaced(pulumi.Output, name, lambda *_, **__: later))
        stack.enter_context(_replaced(pulumi.runtime, "invoke", lambda *_, **__: answer))
        stack.enter_context(_replaced(pulumi.runtime, "invoke_output", lambda *_, **__: later))
        stack.enter_context(_replaced(pulumi, "export", lambda *_: None))
        yield
