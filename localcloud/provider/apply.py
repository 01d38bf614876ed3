"""Apply: create, update and delete, driven by the row."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.provider import check, differ, read, shapes
from localcloud.provider.constraints import standing, standing_names
from localcloud.provider.errors import Gone, PartlyCreated, Refused
from localcloud.provider.read import TAGS, Settings, explained, is_gone
from localcloud.provider.row import Call, Context, Inputs, Row, Tagging
from localcloud.provider.templates import fill, text
from localcloud.provider.translate import Translator, merged, takes
from localcloud.provider.wire import Properties

if TYPE_CHECKING:
    from localcloud.provider.core import Core

LOG = logging.getLogger("localcloud.provider")


# ---- create


def create(core: Core, settings: Settings, token: str, inputs: Inputs) -> tuple[str, Properties]:
    """Make the resource; its id and outputs."""
    translator = core.translator(token)
    row = translator.row
    _refuse_missing(core, settings, translator, inputs, {})
    context = core.context(settings, row, "", inputs, {})
    context.environment.update(token=uuid.uuid4().hex, token_id=uuid.uuid4().hex[:16], uuid=str(uuid.uuid4()))
    for hook in standing.CREATE.get(token, ()):
        hook(context)
    if row.recorded:
        resource_id = str(fill(row.id, context.environment))
        if core.store.find(token, resource_id) is not None and not inputs.get("allowOverwrite"):
            raise Refused(f"{token}: {standing_names.taken(token)}: {resource_id!r}")
        # Kept first: who is killed in between leaves no name that nobody has.
        core.store.keep(token, resource_id, inputs)
        try:
            standing_names.claim(core.store, token, resource_id, inputs, context["region"])
        except Refused:
            core.store.forget(token, resource_id)
            raise
        return resource_id, core.read(settings, token, resource_id, inputs)[1]
    tags = inputs.get("tags") or {}
    operation = row.variant(inputs) if row.variant else row.create
    answer = _call(context, operation, _create_arguments(translator, context, inputs, tags, operation))
    context.environment["answer"] = answer
    resource_id = row.id(context) if callable(row.id) else str(fill(row.id, context.environment))
    context.locate(resource_id)
    try:
        if row.fresh:
            row.fresh(context)
        _set(context, translator, inputs)
        if tags and row.tagging and not row.tagging.at_create:
            _tag(context, row.tagging.tag, tags, tags)
        if row.after_create:
            row.after_create(context)
        return resource_id, _read_back(core, settings, translator, context, resource_id, inputs, inputs)
    except (ClientError, BotoCoreError, Refused) as error:
        raise PartlyCreated(resource_id, inputs, f"{token} {resource_id}: {error}") from error


def _refuse_missing(core: Core, settings: Settings, translator: Translator, inputs: Inputs, olds: Inputs) -> None:
    failures = check.missing(core, settings, translator, inputs, olds, only_assigned=False)
    if failures:
        raise Refused(f"{translator.kind.token}: " + "; ".join(reason for _, reason in failures))


def _create_arguments(
    translator: Translator, context: Context, inputs: Inputs, tags: Mapping[str, str], operation: str
) -> dict[str, Any]:
    row = translator.row
    sent = {name: value for name, value in inputs.items() if _is_sent(name)}
    if operation != row.create:
        sent = {name: value for name, value in sent.items() if takes(translator, name, operation)}
    arguments = merged([translator.arguments(sent, operation), _extra(row, context)])
    if tags and row.tagging and row.tagging.at_create:
        member = row.tagging.at_create
        shape = shapes.input_shape(row.service, row.create).members[member]
        if member == "TagSpecifications":
            kind = row.tagging.tag.arguments["kind"]
            arguments[member] = [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
        else:
            pairs = shapes.pair_members(shape)
            arguments[member] = [{pairs[0]: k, pairs[1]: v} for k, v in tags.items()] if pairs else dict(tags)
    return row.prepare(arguments) if row.prepare else arguments


def _is_sent(name: str) -> bool:
    return name not in TAGS and name != "region" and not name.startswith("__")


def _extra(row: Row, context: Context) -> dict[str, Any]:
    if callable(row.arguments):
        return row.arguments(context["in"])
    extra: dict[str, Any] = fill(row.arguments, context.environment)
    return extra


def _set(context: Context, translator: Translator, values: Mapping[str, Any], olds: Inputs | None = None) -> None:
    """Properties that have a call of their own; calls of one operation are joined."""
    joined: dict[str, list[dict[str, Any]]] = {}
    for name, prop in translator.row.props.items():
        if olds is None and prop.api is not None:
            continue
        for call, side in ((prop.clear, olds or {}), (prop.set, values)):
            if call is None or side.get(name) is None:
                continue
            value = prop.encode(side[name]) if prop.encode and prop.api is None else side[name]
            context.environment.update(val=value, text=text(value))
            arguments = fill(call.arguments, context.environment)
            if call.alone or call is prop.clear:
                _call(context, call.operation, arguments)
            else:
                joined.setdefault(call.operation, []).append(arguments)
    for operation, parts in joined.items():
        _call(context, operation, _join(parts))


def _tag(context: Context, call: Call, tags: Mapping[str, str], all_tags: Mapping[str, str]) -> None:
    if not tags:
        return
    context.environment.update(
        all_tags=[{"Key": key, "Value": value} for key, value in all_tags.items()],
        tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        tag_map=dict(tags),
        tag_keys=list(tags),
    )
    arguments = {name: value for name, value in call.arguments.items() if name != "kind"}
    _call(context, call.operation, fill(arguments, context.environment))


def _read_back(
    core: Core,
    settings: Settings,
    translator: Translator,
    context: Context,
    resource_id: str,
    inputs: Inputs,
    written: Collection[str],
) -> Properties:
    """Read what was made or changed, once: remember what the emulator dropped of what was written, and give the outputs."""
    element = read.element_of(translator.row, context)
    kept = _dropped(translator, inputs, element, {*written, *core.store.kept(translator.kind.token, resource_id)})
    if kept:
        core.store.keep(translator.kind.token, resource_id, kept)
    else:
        core.store.forget(translator.kind.token, resource_id)
    live = read.live_inputs(translator, inputs, element, kept)
    return read.outputs_of(translator, context, live, element, settings)


def _dropped(translator: Translator, inputs: Inputs, element: Mapping[str, Any], written: Collection[str]) -> Inputs:
    """What the emulator dropped: what the row says it drops, and whatever else does not come back.

    What was not written now and is otherwise has drifted: that is left to be seen.
    """
    row, kept = translator.row, {}
    for name, value in inputs.items():
        if read.unread(translator, name) or (name in TAGS and row.tagging):
            continue
        if name in row.kept:
            kept[name] = value
        elif (
            name not in written or translator.prop(name).by_value
        ):  # read as it is: what the emulator has otherwise is a difference, as on AWS
            continue
        elif name in TAGS or translator.lost(name, value) or not translator.holds(name, value, element):
            kept[name] = value
            LOG.info("%s: the emulator did not hold %s; remembered", translator.kind.token, name)
    return kept


# ---- update


def update(
    core: Core, settings: Settings, token: str, resource_id: str, olds: Inputs, news: Inputs, outputs: Properties
) -> Properties:
    """Change what differs; the new outputs."""
    translator = core.translator(token)
    row = translator.row
    _refuse_missing(core, settings, translator, news, olds)
    context = core.context(settings, row, resource_id, news, outputs)
    changed = differ.changed(olds, news, frozenset())
    plain = [name for name in changed if name not in TAGS]
    context.environment.update(changed=plain, old=olds)
    for hook in standing.UPDATE.get(token, ()):
        hook(context)
    if row.recorded:
        standing_names.claim(core.store, token, resource_id, news, context["region"])
        core.store.keep(token, resource_id, news)
        return core.read(settings, token, resource_id, news, outputs)[1]
    if row.update and plain:
        _update_call(translator, context, row.update, plain, olds, news)
    _set(
        context,
        translator,
        {name: news[name] for name in plain if name in news},
        {name: olds[name] for name in plain if name in olds},
    )
    tags = news.get("tags") or {}
    if "tags" in changed and row.tagging:
        _retag(context, row.tagging, olds.get("tags") or {}, tags)
    if row.after_update:
        context.environment["all_tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        row.after_update(context)
    return _read_back(core, settings, translator, context, resource_id, news, changed)


def _update_call(
    translator: Translator, context: Context, call: Call, changed: list[str], olds: Inputs, news: Inputs
) -> None:
    row = translator.row
    taken = [name for name in changed if takes(translator, name, call.operation)]
    if not taken:
        return
    names = [name for name in news if _is_sent(name)] if row.whole else taken
    values = {name: news[name] for name in names if name in news}
    for name in taken:
        if name not in news and isinstance(olds.get(name), list):
            values[name] = []
    sent = {n: v for n, v in values.items() if takes(translator, n, call.operation)}
    if row.locked:
        context.environment["el"] = read.element_of(row, context)
    arguments = merged([translator.arguments(sent, call.operation), fill(call.arguments, context.environment)])
    if call.operation == row.create:
        arguments = merged([arguments, _extra(row, context)])
    _call(context, call.operation, row.prepare(arguments) if row.prepare else arguments)


def _retag(context: Context, tagging: Tagging, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    _tag(context, tagging.tag, {key: value for key, value in new.items() if old.get(key) != value}, new)
    _tag(context, tagging.untag, {key: value for key, value in old.items() if key not in new}, new)


# ---- delete


def delete(core: Core, settings: Settings, token: str, resource_id: str, inputs: Inputs, outputs: Properties) -> None:
    """Take the resource away; one that is gone already is fine."""
    row = core.translator(token).row
    context = core.context(settings, row, resource_id, inputs, outputs)
    for hook in standing.DELETE.get(token, ()):
        _unless_gone("before the deletion", partial(hook, context))
    there = not row.before_delete or _unless_gone("before the deletion", partial(row.before_delete, context))
    if not row.recorded:
        for call in row.delete if there else ():
            arguments = fill(call.arguments, context.environment)
            _unless_gone(call.operation, partial(context.call, call.operation, arguments))
        if row.after_delete:
            row.after_delete(context)
    core.store.forget(token, resource_id)


# ---- common


def _call(context: Context, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = context.call(operation, arguments)
    except (ClientError, BotoCoreError) as error:
        raise Refused(explained(operation, error)) from error
    return answer


def _unless_gone(words: str, act: Callable[[], Any]) -> bool:
    """Do something to a thing that may not be there any more; whether it was."""
    try:
        act()
    except Gone:
        return False
    except ClientError as error:
        if not is_gone(error):
            raise Refused(explained(words, error)) from error
        return False
    return True


def _join(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Arguments of several calls of one operation: lists are joined, mappings merged, the rest is the same in all."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            held = whole.get(key)
            if isinstance(value, list) and isinstance(held, list):
                whole[key] = [*held, *value]
            elif isinstance(value, dict) and isinstance(held, dict):
                whole[key] = {**held, **value}
            else:
                whole[key] = value
    return whole
