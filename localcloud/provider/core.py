"""The provider's core: check, diff, create, read, update and delete of any kind, driven by its row and the two schemas."""

from __future__ import annotations

import logging
import random
import re
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.provider import differ, reading, references, shapes, validate
from localcloud.provider.clients import Clients
from localcloud.provider.errors import Gone, PartlyCreated, Refused
from localcloud.provider.reading import TAGS, Settings, is_gone, told
from localcloud.provider.row import Call, Context, Inputs, Row, Rows, Tagging
from localcloud.provider.schema import Schema
from localcloud.provider.store import Store
from localcloud.provider.templates import fill, text
from localcloud.provider.translate import Translator, merged
from localcloud.provider.wire import UNKNOWN, Properties
from localcloud.runtime.addresses import AddressBook

LOG = logging.getLogger("localcloud.provider")


@dataclass(frozen=True)
class Difference:
    """The answer to diff: changed properties, those that replace, and the paths to show."""

    changed: list[str]
    replaces: list[str]
    paths: Mapping[str, tuple[str, bool]]
    delete_before_replace: bool


class Core:
    """All kinds that have a row."""

    def __init__(
        self, rows: Rows, schema: Schema, clients: Clients, store: Store, addresses: AddressBook, ingress: str
    ) -> None:
        self.rows, self.clients, self.store = rows, clients, store
        self._schema, self._addresses, self._ingress = schema, addresses, ingress
        self._translators = {token: Translator(schema.kind(token), row, schema) for token, row in rows.items()}
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="references")
        self._account = ""

    def account(self) -> str:
        """The emulator's account number."""
        if not self._account:
            self._account = self.clients.call("sts", "us-east-1", "get_caller_identity", {})["Account"]
        return self._account

    def translator(self, token: str) -> Translator:
        if token not in self._translators:
            service = token.split(":")[1].split("/")[0] if token.count(":") == 2 else token
            raise Refused(
                f"the local provider has no row for {token}: add one to localcloud/provider/rows/{service}.py "
                "(docs/local-provider.md says how)"
            )
        return self._translators[token]

    # ---- check

    def check(
        self,
        settings: Settings,
        token: str,
        name: str,
        news: Inputs,
        olds: Inputs,
        seed: bytes = b"",
        proposed: str | None = None,
    ) -> tuple[Inputs, list[validate.Failure]]:
        """Inputs with names and defaults filled in, and every reason to refuse them."""
        translator = self.translator(token)
        inputs = self._named(translator.row, name, dict(news), olds, seed, proposed)
        for prop, particular in translator.row.props.items():
            if particular.default is not None and inputs.get(prop) is None:
                default = particular.default(inputs) if callable(particular.default) else particular.default
                if default is not None:
                    inputs[prop] = default
        failures = validate.failures(translator, self._schema, inputs)
        if not failures:
            failures = self._missing(settings, translator, inputs, olds, only_assigned=True)
        return inputs, failures

    @staticmethod
    def _named(row: Row, logical: str, inputs: Inputs, olds: Inputs, seed: bytes, proposed: str | None) -> Inputs:
        if not row.name or inputs.get(row.name):
            return inputs
        prefix = inputs.get(f"{row.name}Prefix") or inputs.get("namePrefix")
        old = olds.get(row.name)
        if old and (not prefix or str(old).startswith(prefix)):
            inputs[row.name] = old
        elif proposed:
            inputs[row.name] = proposed
        elif prefix != UNKNOWN:
            tail = f"{random.Random(seed or None).getrandbits(28):07x}"  # noqa: S311 - a name, not a secret
            head = (prefix or f"{logical}-")[: row.name_limit - len(tail)]
            inputs[row.name] = head + tail
        return inputs

    def _missing(
        self, settings: Settings, translator: Translator, inputs: Inputs, olds: Inputs, *, only_assigned: bool
    ) -> list[validate.Failure]:
        """References that point nowhere; only what changed is asked about, so an unchanged stack costs no API call."""
        row = translator.row
        if not differ.changed(olds, inputs, TAGS):
            return []
        fresh = {name: value for name, value in inputs.items() if not differ.same(olds.get(name), value)}
        if set(fresh) & {path.split(".")[0] for path in row.same_vpc}:
            fresh |= {name: inputs[name] for name in {p.split(".")[0] for p in row.same_vpc} if name in inputs}
        itself: dict[str, str | None] = {row.name: None} if row.name else {}
        region = self._region(row, settings, inputs)

        def call(service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return self.clients.call(service, region, operation, arguments)

        found = [
            reference
            for reference in references.named(fresh, itself | dict(row.references))
            if not only_assigned or references.assigned(reference[2])
        ]
        return references.missing(found, row.same_vpc, call, self._pool)

    def _refuse_missing(self, settings: Settings, translator: Translator, inputs: Inputs, olds: Inputs) -> None:
        failures = self._missing(settings, translator, inputs, olds, only_assigned=False)
        if failures:
            raise Refused(f"{translator.kind.token}: " + "; ".join(reason for _, reason in failures))

    # ---- diff

    def diff(self, token: str, olds: Inputs, news: Inputs, ignored: frozenset[str] = frozenset()) -> Difference:
        """What an update would change, and whether AWS can change it in place."""
        translator = self.translator(token)
        top = frozenset(re.split(r"[.\[]", path)[0] for path in ignored)
        changed = differ.changed(olds, news, top)
        replaces = [name for name in changed if not self._updatable(translator, name)]
        shown = {
            path: (kind, name in replaces)
            for name in changed
            for path, kind in differ.paths(olds.get(name), news.get(name), name)
        }
        row = translator.row
        same_name = row.name is not None and row.name in news and olds.get(row.name) == news[row.name]
        return Difference(changed, replaces, shown, bool(replaces) and (same_name or row.name is None))

    def _updatable(self, translator: Translator, name: str) -> bool:
        row, prop = translator.row, translator.prop(name)
        if prop.force or prop.identity or name in ("region", "namePrefix", row.name):
            return False
        if row.recorded or prop.knob or prop.set or prop.update or prop.unread or name in TAGS:
            return True
        if row.update and self._target(translator, name, row.update.operation):
            return True
        # What no API call takes is only remembered, and can be remembered anew.
        return not prop.encode and self._target(translator, name, row.create) is None

    @staticmethod
    def _target(translator: Translator, name: str, operation: str) -> bool:
        prop = translator.prop(name)
        if prop.encode:
            return operation == translator.row.create or prop.update
        try:
            return translator.target(name, operation) is not None
        except KeyError:  # a renamed member that this operation does not have
            return False

    # ---- create

    def create(self, settings: Settings, token: str, inputs: Inputs) -> tuple[str, Properties]:
        """Make the resource; its id and outputs."""
        translator = self.translator(token)
        row = translator.row
        self._refuse_missing(settings, translator, inputs, {})
        context = self._context(settings, row, "", inputs, {})
        context.environment.update(token=uuid.uuid4().hex, uuid=str(uuid.uuid4()))
        if row.recorded:
            resource_id = str(fill(row.id, context.environment))
            if self.store.find(token, resource_id) is not None:
                raise Refused(f"{token}: {resource_id!r} already exists")
            self.store.keep(token, resource_id, inputs)
            return resource_id, self.read(settings, token, resource_id, inputs)[1]
        tags = {**settings.default_tags, **(inputs.get("tags") or {})}
        operation = row.variant(inputs) if row.variant else row.create
        answer = self._call(context, operation, self._create_arguments(translator, context, inputs, tags, operation))
        context.environment["answer"] = answer
        resource_id = row.id(context) if callable(row.id) else str(fill(row.id, context.environment))
        self._locate(context, resource_id)
        try:
            if row.born:
                row.born(context)
            self._set(context, translator, inputs)
            if tags and row.tagging and not row.tagging.at_create:
                self._tag(context, row.tagging.tag, tags, tags)
            if row.after_create:
                row.after_create(context)
            self._remember(translator, context, resource_id, inputs)
            return resource_id, self.read(settings, token, resource_id, inputs)[1]
        except (ClientError, BotoCoreError, Refused) as error:
            raise PartlyCreated(resource_id, inputs, f"{token} {resource_id}: {error}") from error

    def _create_arguments(
        self, translator: Translator, context: Context, inputs: Inputs, tags: Mapping[str, str], operation: str
    ) -> dict[str, Any]:
        row = translator.row
        said = {name: value for name, value in inputs.items() if name not in TAGS and name != "region"}
        if operation != row.create:
            said = {name: value for name, value in said.items() if self._target(translator, name, operation)}
        arguments = merged([translator.arguments(said, operation), self._extra(row, context)])
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

    @staticmethod
    def _extra(row: Row, context: Context) -> dict[str, Any]:
        if callable(row.arguments):
            return row.arguments(context["in"])
        extra: dict[str, Any] = fill(row.arguments, context.environment)
        return extra

    def _set(
        self, context: Context, translator: Translator, values: Mapping[str, Any], olds: Inputs | None = None
    ) -> None:
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
                    self._call(context, call.operation, arguments)
                else:
                    joined.setdefault(call.operation, []).append(arguments)
        for operation, parts in joined.items():
            self._call(context, operation, _join(parts))

    def _tag(self, context: Context, call: Call, tags: Mapping[str, str], all_tags: Mapping[str, str]) -> None:
        if not tags:
            return
        context.environment.update(
            all_tags=[{"Key": key, "Value": value} for key, value in all_tags.items()],
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            tag_map=dict(tags),
            tag_keys=list(tags),
        )
        arguments = {name: value for name, value in call.arguments.items() if name != "kind"}
        self._call(context, call.operation, fill(arguments, context.environment))

    def _remember(self, translator: Translator, context: Context, resource_id: str, inputs: Inputs) -> None:
        """Keep what the emulator dropped: what the row says it drops, and whatever else does not come back."""
        row, element = translator.row, reading.element_of(translator.row, context)
        kept = {}
        for name, value in inputs.items():
            if reading.unread(translator, name) or (name in TAGS and row.tagging):
                continue
            if name in row.kept:
                kept[name] = value
            elif name in TAGS or translator.lost(name, value) or not translator.holds(name, value, element):
                kept[name] = value
                LOG.info("%s %s: the emulator did not hold %s; remembered", translator.kind.token, resource_id, name)
        if kept:
            self.store.keep(translator.kind.token, resource_id, kept)
        else:
            self.store.forget(translator.kind.token, resource_id)

    # ---- read

    def read(
        self, settings: Settings, token: str, resource_id: str, inputs: Inputs, state: Properties | None = None
    ) -> tuple[Inputs, Properties]:
        """The inputs that would make what is live, and the outputs. Gone when nothing is."""
        translator = self.translator(token)
        row = translator.row
        known = inputs or {name: value for name, value in (state or {}).items() if name in translator.kind.inputs}
        context = self._context(settings, row, resource_id, known, state or {})
        if row.recorded:
            found = self.store.find(token, resource_id)
            if found is None:
                raise Gone(resource_id)
            return found, reading.outputs_of(translator, context, found, {}, settings)
        element = reading.element_of(row, context)
        kept = self.store.kept(token, resource_id)
        live = reading.live_inputs(translator, inputs or reading.imported(translator, element), element, kept, settings)
        return live, reading.outputs_of(translator, context, live, element, settings)

    # ---- update

    def update(
        self, settings: Settings, token: str, resource_id: str, olds: Inputs, news: Inputs, outputs: Properties
    ) -> Properties:
        """Change what differs; the new outputs."""
        translator = self.translator(token)
        row = translator.row
        if row.recorded:
            self.store.keep(token, resource_id, news)
            return self.read(settings, token, resource_id, news, outputs)[1]
        self._refuse_missing(settings, translator, news, olds)
        context = self._context(settings, row, resource_id, news, outputs)
        changed = differ.changed(olds, news, frozenset())
        plain = [name for name in changed if name not in TAGS]
        context.environment["changed"] = plain
        if row.update and plain:
            self._update_call(translator, context, row.update, plain, olds, news)
        self._set(
            context,
            translator,
            {name: news[name] for name in plain if name in news},
            {name: olds[name] for name in plain if name in olds},
        )
        if "tags" in changed and row.tagging:
            self._retag(
                context, row.tagging, olds.get("tags") or {}, {**settings.default_tags, **(news.get("tags") or {})}
            )
        if row.after_update:
            tags = {**settings.default_tags, **(news.get("tags") or {})}
            context.environment["all_tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
            row.after_update(context)
        self._remember(translator, context, resource_id, news)
        return self.read(settings, token, resource_id, news, outputs)[1]

    def _update_call(
        self, translator: Translator, context: Context, call: Call, changed: list[str], olds: Inputs, news: Inputs
    ) -> None:
        row = translator.row
        takes = [name for name in changed if self._target(translator, name, call.operation)]
        if not takes:
            return
        names = [name for name in news if name not in TAGS and name != "region"] if row.whole else takes
        values = {name: news[name] for name in names if name in news}
        for name in takes:
            if name not in news and isinstance(olds.get(name), list):
                values[name] = []
        said = {n: v for n, v in values.items() if self._target(translator, n, call.operation)}
        context.environment["el"] = reading.element_of(row, context)
        arguments = merged([translator.arguments(said, call.operation), fill(call.arguments, context.environment)])
        if call.operation == row.create:
            arguments = merged([arguments, self._extra(row, context)])
        self._call(context, call.operation, row.prepare(arguments) if row.prepare else arguments)

    def _retag(self, context: Context, tagging: Tagging, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        self._tag(context, tagging.tag, {key: value for key, value in new.items() if old.get(key) != value}, new)
        self._tag(context, tagging.untag, {key: value for key, value in old.items() if key not in new}, new)

    # ---- delete

    def delete(self, settings: Settings, token: str, resource_id: str, inputs: Inputs, outputs: Properties) -> None:
        """Take the resource away; one that is gone already is fine."""
        translator = self.translator(token)
        row = translator.row
        if not row.recorded:
            context = self._context(settings, row, resource_id, inputs, outputs)
            there = not row.before_delete or _unless_gone("before the deletion", partial(row.before_delete, context))
            for call in row.delete if there else ():
                arguments = fill(call.arguments, context.environment)
                _unless_gone(call.operation, partial(context.call, call.operation, arguments))
            if row.after_delete:
                row.after_delete(context)
        self.store.forget(token, resource_id)

    # ---- common

    def _region(self, row: Row, settings: Settings, inputs: Inputs) -> str:
        fixed = fill(row.region, {"in": inputs}) if row.region else None
        return str(fixed or inputs.get("region") or settings.region)

    def _context(self, settings: Settings, row: Row, resource_id: str, inputs: Inputs, outputs: Properties) -> Context:
        region = self._region(row, settings, inputs)
        environment: dict[str, Any] = {
            "in": inputs,
            "out": outputs,
            "region": region,
            "account": self.account(),
            "ingress": self._ingress,
            "el": {},
        }
        context = Context(
            call=partial(self._raw, row.service, region),
            environment=environment,
            lease=self._addresses.lease,
            release=self._addresses.release,
            ingress=self._ingress,
        )
        if resource_id:
            self._locate(context, resource_id)
        return context

    def _raw(
        self, service: str, region: str, operation: str, arguments: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.clients.call(service, region, operation, arguments or {})

    @staticmethod
    def _locate(context: Context, resource_id: str) -> None:
        context.environment.update(
            id=resource_id, parts=resource_id.split("/"), colons=resource_id.split(":"), bars=resource_id.split("|")
        )

    @staticmethod
    def _call(context: Context, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = context.call(operation, arguments)
        except (ClientError, BotoCoreError) as error:
            raise Refused(told(operation, error)) from error
        return answer


def _unless_gone(words: str, act: Callable[[], Any]) -> bool:
    """Do something to a thing that may not be there any more; whether it was."""
    try:
        act()
    except Gone:
        return False
    except ClientError as error:
        if not is_gone(error):
            raise Refused(told(words, error)) from error
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
