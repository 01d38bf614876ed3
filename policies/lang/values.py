"""Views of property values that never raise on what they find, except to say that something cannot be told yet."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

#: What the engine sends for a value that only the cloud can know (sdk/go/common/resource/plugin/rpc.go).
_UNKNOWN_SENTINELS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
#: How the engine marks secrets, assets and outputs inside JSON, and what it writes for a secret that it cannot decrypt.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_HIDDEN_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_REDACTED: Final = "[secret]"


class _Marker:
    """A value that is not there to be read."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


UNKNOWN: Final = _Marker("not known before deployment")
SECRET: Final = _Marker("an encrypted secret")


@dataclass(frozen=True)
class Sensitive:
    """A secret whose text is at hand: controls may judge it, nothing may print it."""

    value: Any


class CannotTell(Exception):
    """A control met a value that it cannot judge: unknown in a preview, encrypted, or of a type AWS would refuse."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} is {why}")
        self.path = path
        self.why = why


def normalise(value: Any) -> Any:
    """The engine's or a state file's JSON as plain Python, with UNKNOWN, SECRET and Sensitive for what they stand for."""
    if isinstance(value, str):
        if value in _UNKNOWN_SENTINELS:
            return UNKNOWN
        return SECRET if value == _REDACTED else value
    if isinstance(value, Mapping):
        signature = value.get(_SIGNATURE)
        if signature == _HIDDEN_SIGNATURE:
            return _secret(value)
        if signature == _OUTPUT_SIGNATURE:
            return normalise(value["value"]) if "value" in value else UNKNOWN
        return {str(key): normalise(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normalise(item) for item in value]
    return value


def _secret(wrapper: Mapping[str, Any]) -> Any:
    if "plaintext" in wrapper:  # a state exported with --show-secrets: JSON inside a string
        try:
            return Sensitive(normalise(json.loads(wrapper["plaintext"])))
        except (TypeError, ValueError):
            return SECRET
    return Sensitive(normalise(wrapper["value"])) if "value" in wrapper else SECRET


def _parsed(text: str, path: str) -> Any:
    try:
        return _json(text)
    except (ValueError, RecursionError):
        raise CannotTell(path, "text that is not a JSON document") from None


@lru_cache(maxsize=4096)
def _json(text: str) -> Any:
    """What a JSON text says. Kept, since many controls read the same documents; nobody changes what they are given."""
    return normalise(json.loads(text))


def show(value: Any) -> str:
    """A value as a message may quote it: short, on one line, no secret."""
    if value is None:
        return "not set"
    if isinstance(value, Sensitive):
        return SECRET.words
    if isinstance(value, _Marker):
        return value.words
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        text = value
    else:
        text = json.dumps(
            value, sort_keys=True, default=lambda item: "(secret)" if isinstance(item, Sensitive) else repr(item)
        )
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "…"


def kind(value: Any) -> str:
    """What sort of value it is, without the value."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


def secret_texts(value: Any, hidden: bool = False) -> Iterator[str]:
    """Every text inside a secret, anywhere in `value`."""
    if isinstance(value, Sensitive):
        yield from secret_texts(value.value, hidden=True)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from secret_texts(item, hidden)
    elif isinstance(value, list):
        for item in value:
            yield from secret_texts(item, hidden)
    elif hidden and isinstance(value, str):
        yield value


def redact(text: str, secrets: Collection[str]) -> str:
    """`text` without any of `secrets`, and without a longer piece of one (a part of a document that is secret as a whole)."""
    for secret in secrets:
        if len(secret) > 3 and secret in text:
            text = text.replace(secret, SECRET.words)
        elif len(text) > 5 and text in secret:
            return SECRET.words
    return text


#: What controls read while somebody observes: (the whole resource, path, value).
_READS: ContextVar[list[tuple[View, str, Any]] | None] = ContextVar("reads", default=None)


@contextmanager
def observing() -> Iterator[list[tuple[View, str, Any]]]:
    """Collects every property of a resource that is read inside: what an answer rests on."""
    reads: list[tuple[View, str, Any]] = []
    token = _READS.set(reads)
    try:
        yield reads
    finally:
        _READS.reset(token)


class View:
    """An object among the properties, read by dotted paths ("scalingConfiguration.minCapacity", "ingress.0.fromPort").

    Absent, null and "" are one: not set. A list of one object stands for the object and the other way round, since Pulumi
    flattens lists that hold at most one. Every reader raises `CannotTell`, and nothing else, for a value that it cannot judge:
    unknown, encrypted, or of a type that AWS would refuse.
    """

    __slots__ = ("_values", "path")

    def __init__(self, values: Mapping[str, Any] | None, path: str = "") -> None:
        self._values: Mapping[str, Any] = values or {}
        self.path = path

    def at(self, path: str) -> str:
        """`path` as seen from the resource, for messages."""
        return f"{self.path}.{path}" if self.path else path

    def raw(self, path: str) -> Any:
        """The value at `path` as it is (UNKNOWN, SECRET and Sensitive included); None when it is not set."""
        value = self._read(path)
        reads = _READS.get()
        if reads is not None and not self.path:
            reads.append((self, path, value))
        return value

    def _read(self, path: str) -> Any:
        if "." not in path:
            value = self._values.get(path)
            return None if value == "" else value
        value = self._values
        for part in path.split("."):
            if isinstance(value, Sensitive):
                value = value.value
            if isinstance(value, _Marker) or value is None:
                return value
            if isinstance(value, list):
                if part.isdigit():
                    value = value[int(part)] if int(part) < len(value) else None
                    continue
                if not value:
                    return None
                if len(value) > 1:
                    raise CannotTell(self.at(path), "a list where one object is expected")
                value = value[0]
                if isinstance(value, _Marker) or value is None:
                    return value
            if not isinstance(value, Mapping):
                raise CannotTell(self.at(path), f"out of reach: {part!r} is looked for in {kind(value)}")
            value = value.get(part)
        return None if value == "" else value

    def known(self, path: str) -> Any:
        """The value at `path`; raises `CannotTell` when it is unknown or encrypted."""
        value = self.raw(path)
        if isinstance(value, _Marker):
            raise CannotTell(self.at(path), value.words)
        return value.value if isinstance(value, Sensitive) else value

    def show(self, path: str) -> str:
        """The value at `path` as a message may quote it."""
        try:
            return show(self.raw(path))
        except CannotTell as reason:
            return reason.why

    def has(self, path: str) -> bool:
        """Whether `path` is set: null, "", [] and {} are not. A secret that cannot be read is; an unknown cannot be told."""
        value = self.raw(path)
        if value is SECRET or isinstance(value, Sensitive):
            return True
        value = self.known(path)
        return value is not None and value != [] and value != {}

    def flag(self, path: str, default: bool = False) -> bool:
        """A boolean; "true" and "false" as text count too, as AWS's APIs take them."""
        value = self.known(path)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise CannotTell(self.at(path), f"{kind(value)} where true or false is expected")

    def number(self, path: str, default: float | None = None) -> float | None:
        """A number, also one written as text."""
        value = self.known(path)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                pass
        raise CannotTell(self.at(path), f"{kind(value)} where a number is expected")

    def text(self, path: str, default: str = "") -> str:
        """A string; numbers and booleans read as AWS would print them."""
        value = self.known(path)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return f"{value:g}"
        raise CannotTell(self.at(path), f"{kind(value)} where text is expected")

    def texts(self, path: str) -> list[str]:
        """A list of strings; one string counts as a list of one. An unknown among them cannot be told."""
        value = self.known(path)
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        return [View({"item": item}, self.at(path)).text("item") for item in items if item is not None]

    def known_texts(self, path: str) -> tuple[list[str], bool]:
        """The strings of a list that can be read, and whether that is all of them: for "any one of these" questions."""
        value = self.raw(path)
        if isinstance(value, _Marker):
            return [], False
        if isinstance(value, Sensitive):
            value = value.value
        items = value if isinstance(value, list) else [] if value is None else [value]
        texts = [item for item in items if isinstance(item, str)]
        return texts, len(texts) == len(items)

    def view(self, path: str) -> View:
        """The object at `path`; an empty one when it is not set."""
        value = self.known(path)
        if isinstance(value, list):
            if len(value) > 1:
                raise CannotTell(self.at(path), "a list where one object is expected")
            value = value[0] if value else None
        return self._object(value, self.at(path))

    def each(self, path: str) -> Iterator[View]:
        """The objects of the list at `path`; one object counts as a list of one."""
        value = self.known(path)
        if value is None:
            return
        if not isinstance(value, list):
            value = [value]
        for index, item in enumerate(value):
            yield self._object(item, f"{self.at(path)}.{index}")

    def each_known(self, path: str) -> tuple[list[View], CannotTell | None]:
        """The objects of the list at `path` (also a JSON list as text) that can be read, and why some cannot: for "any one of
        these" questions."""
        views: list[View] = []
        undecided: CannotTell | None = None
        try:
            value = self._list(path)
        except CannotTell as reason:
            return views, reason
        for index, item in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
            try:
                views.append(self._object(item, f"{self.at(path)}.{index}"))
            except CannotTell as reason:
                undecided = undecided or reason
        return views, undecided

    def keys(self) -> tuple[str, ...]:
        """The names of the properties that are set."""
        return tuple(key for key, value in self._values.items() if value is not None)

    def items(self) -> Iterator[tuple[str, Any]]:
        """(name, value) of the properties that are set, for names that hold dots and are therefore no paths."""
        for key, value in self._values.items():
            if isinstance(value, _Marker):
                raise CannotTell(self.at(key), value.words)
            if value is not None:
                yield key, value.value if isinstance(value, Sensitive) else value

    def document(self, path: str) -> View:
        """The JSON document at `path`, given as text or as an object; an empty view when it is not set."""
        value = self.known(path)
        if isinstance(value, str):
            value = _parsed(value, self.at(path))
        return self._object(value, self.at(path))

    def documents(self, path: str) -> Iterator[View]:
        """The objects of the JSON list at `path` (container definitions), given as text or as a list."""
        yield from View({path: self._list(path)}, self.path).each(path)

    def _list(self, path: str) -> Any:
        value = self.known(path)
        return _parsed(value, self.at(path)) if isinstance(value, str) else value

    @staticmethod
    def _object(value: Any, path: str) -> View:
        if isinstance(value, Sensitive):
            value = value.value
        if value is None or value == "":
            return View(None, path)
        if isinstance(value, _Marker):
            raise CannotTell(path, value.words)
        if isinstance(value, Mapping):
            return View(value, path)
        raise CannotTell(path, f"{kind(value)} where an object is expected")
