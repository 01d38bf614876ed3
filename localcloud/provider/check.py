"""Check: names and defaults filled in, and every reason to refuse the inputs."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.provider import differ, references, validate
from localcloud.provider.read import TAGS, Settings
from localcloud.provider.row import Inputs, Row
from localcloud.provider.translate import Translator
from localcloud.provider.wire import UNKNOWN, has_unknown

if TYPE_CHECKING:
    from localcloud.provider.core import Core

#: What the program did not say and we filled in: the official provider keeps the same list under the same key.
DEFAULTS = "__defaults"


@dataclass(frozen=True)
class Request:
    """A check as the engine asks for it: the logical name, what the program says, what it said last time."""

    name: str
    news: Inputs
    olds: Inputs
    seed: bytes = b""
    proposed: str | None = None


def check(core: Core, settings: Settings, token: str, request: Request) -> tuple[Inputs, list[validate.Failure]]:
    """Inputs with names and defaults filled in, and every reason to refuse them."""
    translator = core.translator(token)
    inputs = _tagged(settings, translator, _documents(translator, request.news))
    failures = validate.given(translator, inputs)
    inputs = _named(translator.row, inputs, request)
    for prop, particular in translator.row.props.items():
        if particular.default is not None and inputs.get(prop) is None:
            default = particular.default(inputs) if callable(particular.default) else particular.default
            if default is not None:
                inputs[prop] = default
    failures += validate.failures(translator, core.schema, inputs, new=not request.olds)
    if not failures:
        failures = missing(core, settings, translator, inputs, request.olds, only_assigned=True)
    return inputs, failures


def _documents(translator: Translator, news: Inputs) -> Inputs:
    """Policies given as objects become their JSON text, as the official provider's bridge does (TransformJSONDocument)."""
    texts = {name for name, typ in translator.kind.inputs.items() if typ == "string"}
    return {name: _text_of(value) if name in texts else value for name, value in news.items()}


def _text_of(value: Any) -> Any:
    if not isinstance(value, dict) or "Statement" not in value:
        return value
    return UNKNOWN if has_unknown(value) else json.dumps(value, sort_keys=True)


def _tagged(settings: Settings, translator: Translator, inputs: Inputs) -> Inputs:
    """The provider's default tags are part of each resource's tags, as in the official provider's check."""
    kind = translator.kind
    tags = inputs.get("tags")
    if not settings.default_tags or "tags" not in kind.inputs or "tagsAll" not in kind.outputs or tags == UNKNOWN:
        return inputs
    return {**inputs, "tags": {**settings.default_tags, **(tags or {})}}


def _named(row: Row, inputs: Inputs, request: Request) -> Inputs:
    """The physical name, where the program gives none: that of last time if it was ours too, else a new one."""
    if not row.name or inputs.get(row.name):
        return inputs
    prefix = inputs.get(f"{row.name}Prefix") or inputs.get("namePrefix")
    old, ours = request.olds.get(row.name), request.olds.get(DEFAULTS, [row.name])
    if old and row.name in ours and (not prefix or str(old).startswith(prefix)):
        name = old
    elif request.proposed:
        name = request.proposed
    elif prefix == UNKNOWN:
        return inputs
    else:
        tail = f"{random.Random(request.seed or None).getrandbits(28):07x}"  # noqa: S311 - a name, not a secret
        name = (prefix or f"{request.name}-")[: row.name_limit - len(tail) - len(row.name_ending(inputs))] + tail
        name += row.name_ending(inputs)
    return {**inputs, row.name: name, DEFAULTS: [row.name]}


def missing(
    core: Core, settings: Settings, translator: Translator, inputs: Inputs, olds: Inputs, *, only_assigned: bool
) -> list[validate.Failure]:
    """References that point nowhere; only what changed is asked about, so an unchanged stack costs no API call."""
    row = translator.row
    if not differ.changed(olds, inputs, TAGS):
        return []
    fresh = {name: value for name, value in inputs.items() if not differ.same(olds.get(name), value)}
    if set(fresh) & {path.split(".")[0] for path in row.same_vpc}:
        fresh |= {name: inputs[name] for name in {p.split(".")[0] for p in row.same_vpc} if name in inputs}
    itself: dict[str, str | None] = {row.name: None} if row.name else {}
    region = core.region(row, settings, inputs)

    def call(service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return core.clients.call(service, region, operation, arguments)

    def find(thing: str, value: str) -> Any:
        return core.seen.find((region, thing, value), lambda: references.describe(thing, value, call))

    found = [
        reference
        for reference in references.named(fresh, itself | dict(row.references))
        if not only_assigned or references.assigned(reference[2])
    ]
    return references.missing(found, row.same_vpc, find, core.pool)
