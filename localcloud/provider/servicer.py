"""The gRPC face of the provider: package `aws` by the core, package `random` beside it (protocol: docs/local-provider.md)."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from localcloud.provider import differ, invokes, random_kinds
from localcloud.provider.core import Core
from localcloud.provider.errors import Gone, PartlyCreated, Refused
from localcloud.provider.read import Settings
from localcloud.provider.wire import UNKNOWN, Properties, dump, load
from localcloud.runtime.aws import EndpointRefused

LOG = logging.getLogger("localcloud.provider")

Context = grpc.ServicerContext
_DIFF = provider_pb2.PropertyDiff
_KINDS = {
    ("ADD", False): _DIFF.ADD,
    ("ADD", True): _DIFF.ADD_REPLACE,
    ("DELETE", False): _DIFF.DELETE,
    ("DELETE", True): _DIFF.DELETE_REPLACE,
    ("UPDATE", False): _DIFF.UPDATE,
    ("UPDATE", True): _DIFF.UPDATE_REPLACE,
}
_KNOWN_TO_FAIL = (Refused, ClientError, BotoCoreError, EndpointRefused, ValueError)


@contextlib.contextmanager
def _refusals(context: Context) -> Iterator[None]:
    """What goes wrong becomes one sentence for the engine; only what nobody foresaw is logged with its traceback."""
    try:
        yield
    except _KNOWN_TO_FAIL as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except Exception as error:
        if context.code() is None:  # type: ignore[attr-defined]
            LOG.exception("the provider failed")
            context.abort(grpc.StatusCode.INTERNAL, f"the local provider failed: {type(error).__name__}: {error}")
        raise


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine; many calls at once. Configuration is by connection: requests never name their provider."""

    def __init__(self, core: Core, region: str, version: str) -> None:
        self._core, self._default, self._version = core, Settings(region), version
        self._settings: dict[str, Settings] = {}
        self._lock = threading.Lock()

    def _of(self, context: Context) -> Settings:
        return self._settings.get(context.peer(), self._default)

    # ---- start

    def Handshake(self, request: Any, context: Context) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
        )

    def Attach(self, request: Any, context: Context) -> Any:
        """Compulsory for PULUMI_DEBUG_PROVIDERS: unimplemented is fatal there."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: Context) -> Any:
        """Asked for by code generation only; programs bring their own classes."""
        content = {"name": "aws", "version": self._version, "resources": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(content))

    def CheckConfig(self, request: Any, context: Context) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Context) -> Any:
        changed = differ.changed(load(request.old_inputs), load(request.news), frozenset({"version"}))
        return provider_pb2.DiffResponse(
            changes=_some(changed), diffs=changed, replaces=[name for name in changed if name == "region"]
        )

    def Configure(self, request: Any, context: Context) -> Any:
        """Region and default tags; endpoints, profiles and credentials of the program are not looked at."""
        arguments = load(request.args)
        tags = arguments.get("defaultTags") or {}
        tags = json.loads(tags) if isinstance(tags, str) else tags
        settings = Settings(arguments.get("region") or self._default.region, tags.get("tags") or {})
        with self._lock:
            self._settings[context.peer()] = settings
        self._core.seen.begin()
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Cancel(self, request: Any, context: Context) -> Any:
        """Sent at the end of every run, so it ends nothing but the connection's settings."""
        with self._lock:
            self._settings.pop(context.peer(), None)
        self._core.seen.end()
        return empty_pb2.Empty()

    # ---- functions

    def Invoke(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            response = provider_pb2.InvokeResponse()
            answer = invokes.invoke(self._core, self._of(context), request.tok, load(request.args))
            getattr(response, "return").CopyFrom(dump(answer))
            return response

    # ---- resources

    def Check(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            news, olds = load(request.news), load(request.olds)
            if request.type in random_kinds.KINDS:
                return _checked(news, random_kinds.check(request.type, news))
            proposed = None
            if request.HasField("autonaming"):
                mode = request.autonaming.mode
                if mode != request.autonaming.DISABLE:
                    proposed = request.autonaming.proposed_name
            inputs, failures = self._core.check(
                self._of(context), request.type, request.name, news, olds, request.randomSeed, proposed
            )
            return _checked(inputs, failures, self._core.translator(request.type).secrets)

    def Diff(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            olds, news = load(request.old_inputs), load(request.news)
            if request.type in random_kinds.KINDS:
                changed = differ.changed(olds, news, frozenset(request.ignoreChanges))
                return provider_pb2.DiffResponse(changes=_some(changed), diffs=changed, replaces=changed)
            found = self._core.diff(request.type, olds, news, frozenset(request.ignoreChanges), load(request.olds))
            return provider_pb2.DiffResponse(
                changes=_some(found.changed),
                diffs=found.changed,
                replaces=found.replaces,
                deleteBeforeReplace=found.delete_before_replace,
                hasDetailedDiff=True,
                detailedDiff={
                    path: _DIFF(kind=_KINDS[kind, replaces], inputDiff=True)
                    for path, (kind, replaces) in found.paths.items()
                },
            )

    def Create(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            inputs, token = load(request.properties), request.type
            kind = random_kinds.KINDS.get(token)
            if kind:
                if request.preview:
                    return provider_pb2.CreateResponse(
                        properties=dump({**inputs, **dict.fromkeys(kind.outputs, UNKNOWN)})
                    )
                made, outputs = random_kinds.create(token, inputs)
                return provider_pb2.CreateResponse(id=made, properties=dump(outputs, kind.secret))
            translator = self._core.translator(token)
            if request.preview:
                unknown = dict.fromkeys(translator.kind.outputs, UNKNOWN)
                return provider_pb2.CreateResponse(properties=dump({**unknown, **inputs}))
            resource_id = ""
            self._core.store.note_made(request.urn)
            try:
                resource_id, outputs = self._core.create(self._of(context), token, inputs)
            except PartlyCreated as error:
                resource_id = error.id
                _partly(context, error, inputs)
                raise
            finally:
                if resource_id:
                    self._core.store.note_made(request.urn, resource_id)
                else:
                    self._core.store.note_deleted(request.urn, "")
            return provider_pb2.CreateResponse(
                id=resource_id, properties=dump({**inputs, **outputs}, translator.secrets)
            )

    def Read(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            if request.type in random_kinds.KINDS:
                return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
            secrets = self._core.translator(request.type).secrets
            known, state, ident = load(request.inputs), load(request.properties), request.id
            try:
                if not known and not state:  # an import
                    ident, state = self._core.importable(self._of(context), request.type, ident)
                inputs, outputs = self._core.read(self._of(context), request.type, ident, known, state)
            except Gone:
                return provider_pb2.ReadResponse(id="")
            return provider_pb2.ReadResponse(
                id=ident, properties=dump({**inputs, **outputs}, secrets), inputs=dump(inputs, secrets)
            )

    def Update(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            olds, news, outputs = load(request.old_inputs), load(request.news), load(request.olds)
            if request.preview:
                return provider_pb2.UpdateResponse(properties=dump({**outputs, **news}))
            secrets = self._core.translator(request.type).secrets
            made = self._core.update(self._of(context), request.type, request.id, olds, news, outputs)
            return provider_pb2.UpdateResponse(properties=dump({**news, **made}, secrets))

    def Delete(self, request: Any, context: Context) -> Any:
        with _refusals(context):
            if request.type not in random_kinds.KINDS:
                inputs, outputs = load(request.old_inputs), load(request.properties)
                self._core.delete(self._of(context), request.type, request.id, inputs, outputs)
                self._core.store.note_deleted(request.urn, request.id)
            return empty_pb2.Empty()


def _some(changed: list[str]) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE


def _checked(inputs: Properties, failures: list[tuple[str, str]], secrets: frozenset[str] = frozenset()) -> Any:
    """The engine prints a failing property's value beside the reason, so a secret's failure names no property."""
    listed = [
        provider_pb2.CheckFailure(property="" if name in secrets else name, reason=reason) for name, reason in failures
    ]
    return provider_pb2.CheckResponse(inputs=dump(inputs), failures=listed)


def _partly(context: Context, error: PartlyCreated, inputs: Properties) -> None:
    """Tell the engine that the resource exists although its creation failed."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id, properties=dump(error.properties), inputs=dump(inputs), reasons=[str(error)]
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def add_to(server: grpc.Server, servicer: Servicer) -> None:
    """Register the servicer."""
    register: Callable[[Any, grpc.Server], None] = provider_pb2_grpc.add_ResourceProviderServicer_to_server
    register(servicer, server)
