"""Read: what is live, as the inputs that would make it and as outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localcloud.provider import shapes
from localcloud.provider.constraints import decisions
from localcloud.provider.errors import Gone, Refused
from localcloud.provider.row import Context, Inputs, Read, Row
from localcloud.provider.templates import fill, search
from localcloud.provider.translate import Translator, pairs_to_dict
from localcloud.provider.wire import Properties

if TYPE_CHECKING:
    from localcloud.provider.core import Core

_GONE = re.compile(r"NotFound|NoSuch|DoesNotExist|NotExist|[Nn]on[Ee]xist|\b404\b")
_GONE_IN_WORDS = re.compile(
    r"No (scaling policy|scalable target|scheduled action) found|Unable to describe task definition"
)
#: An id that is an input's value.
_INPUT = re.compile(r"\$in\.(\w+)")
TAGS = frozenset({"tags", "tagsAll"})


@dataclass(frozen=True)
class Settings:
    """What a provider instance is configured with."""

    region: str
    default_tags: Mapping[str, str] = field(default_factory=dict)


def read(
    core: Core, settings: Settings, token: str, resource_id: str, inputs: Inputs, state: Properties
) -> tuple[Inputs, Properties]:
    """The inputs that would make what is live, and the outputs. Gone when nothing is."""
    translator = core.translator(token)
    row = translator.row
    known = inputs or {name: value for name, value in state.items() if name in translator.kind.inputs}
    context = core.context(settings, row, resource_id, known, state)
    if row.recorded:
        found = core.store.find(token, resource_id)
        if found is None:
            raise Gone(resource_id)
        return found, outputs_of(translator, context, found, {}, settings)
    element = element_of(row, context)
    kept = core.store.kept(token, resource_id)
    known = {**_by_id(row, resource_id), **known}
    live = live_inputs(translator, inputs or {**known, **imported(translator, element)}, element, kept)
    same = decisions.accepted(token, inputs, live) if inputs else frozenset()
    asked = live | {name: inputs[name] for name in same if name in inputs}
    outputs = outputs_of(translator, context, asked, element, settings)
    return asked, outputs | {name: live[name] for name in same & decisions.GROWS}


def live_inputs(translator: Translator, inputs: Inputs, element: Mapping[str, Any], kept: Inputs) -> Inputs:
    """What is live, said as inputs: what the program said where that agrees, else what is there."""
    live = {}
    for name, value in inputs.items():
        if name in kept:
            live[name] = kept[name]
        elif name == "tags" and translator.row.tagging:
            live[name] = live_tags(translator.row, element)
        elif unread(translator, name) or translator.holds(name, value, element):
            live[name] = value
        else:
            seen = translator.decode(name, element)
            if seen not in (None, {}, []):
                live[name] = seen
    if "tags" not in inputs and translator.row.tagging:
        extra = live_tags(translator.row, element)
        if extra:
            live["tags"] = extra
    return live


def imported(translator: Translator, element: Mapping[str, Any]) -> Inputs:
    """Inputs rebuilt from what is live, for `pulumi import`."""
    row = translator.row
    seen = {
        name: translator.decode(name, element)
        for name in translator.kind.inputs
        if name not in TAGS and not unread(translator, name) and _decodable(translator, name)
    }
    inputs = {name: value for name, value in seen.items() if value not in (None, {}, [], "")}
    tags = live_tags(row, element)
    return {**inputs, "tags": tags} if tags else inputs


def _by_id(row: Row, resource_id: str) -> Inputs:
    """The input that the id is, where it is one: what is live does not say it again."""
    found = _INPUT.fullmatch(row.id) if isinstance(row.id, str) else None
    return {found[1]: resource_id} if found else {}


def outputs_of(
    translator: Translator, context: Context, inputs: Inputs, element: Mapping[str, Any], settings: Settings
) -> Properties:
    row, kind = translator.row, translator.kind
    context.environment.update({"in": inputs, "el": element})
    outputs: Properties = {}
    for name, typ in kind.outputs.items():
        prop = translator.prop(name)
        if name in row.outputs:
            value = fill(row.outputs[name], context.environment)
        elif name in inputs:
            value = inputs[name]
        elif name == "tagsAll":
            value = live_tags(row, element) if row.tagging else dict(inputs.get("tags") or {})
        elif name == "region":
            value = context["region"]
        elif name in TAGS or prop.virtual or prop.unread or not _decodable(translator, name):
            value = None
        elif name in kind.inputs:
            value = translator.decode(name, element)
        else:
            member = shapes.match(name, element, translator.noun)
            value = translator.from_api(element[member], typ, None, name) if member else None
        if value is not None:
            outputs[name] = value
    return row.finish(context, outputs) if row.finish else outputs


def element_of(row: Row, context: Context) -> dict[str, Any]:
    """What the row's read calls say, as one mapping."""
    element: dict[str, Any] = {}
    context.environment["el"] = element
    reads = (*row.reads, row.tagging.read) if row.tagging and row.tagging.read else row.reads
    for read in reads:
        found = _read(read, context)
        if found is None:
            if read.optional or read.into:
                continue
            raise Gone(context["id"])
        if read.pairs:
            found = pairs_to_dict(found)
        if read.into:
            element[read.into] = found
        else:
            element.update(found)
    return element


def _read(read: Read, context: Context) -> Any:
    try:
        answer = context.call(read.operation, fill(read.arguments, context.environment))
    except ClientError as error:
        if not is_gone(error):
            raise Refused(explained(read.operation, error)) from error
        if read.optional:
            return None
        raise Gone(context["id"]) from error
    path = fill(read.path, context.environment) if read.path.startswith("=") else read.path
    return search(path, answer)


def unread(translator: Translator, name: str) -> bool:
    """Whether a property's value is never looked for in what is live."""
    prop = translator.prop(name)
    return name == "region" or name.startswith("__") or prop.virtual or prop.unread or prop.identity


def _decodable(translator: Translator, name: str) -> bool:
    prop = translator.prop(name)
    return prop.encode is None or prop.decode is not None


def is_gone(error: ClientError) -> bool:
    """Whether an error says that the thing is not there; Application Auto Scaling and ECS say so in words only."""
    detail = error.response["Error"]
    return bool(_GONE.search(detail["Code"]) or _GONE_IN_WORDS.match(detail.get("Message", "")))


def explained(operation: str, error: Exception) -> str:
    if isinstance(error, ClientError):
        detail = error.response["Error"]
        return f"{operation}: {detail.get('Code')}: {detail.get('Message')}"
    return f"{operation}: {error}"


def live_tags(row: Row, element: Mapping[str, Any]) -> dict[str, str]:
    """The live tags, without those that AWS reserves for itself."""
    if row.tagging is None:
        return {}
    found = search(row.tagging.path, element)
    tags = pairs_to_dict(found) if isinstance(found, list) else dict(found or {})
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}
