"""Runs Pulumi programs in this process against the provider's own RPCs: the engine's order of steps, without its start-up.

Programs are functions over the real SDK; every resource goes through Check, Diff, Create, Update, Delete and Read of the real
servicer, on protobuf messages. What is rebuilt here of the engine is its step logic: same, update, replacement (made first,
or deleted first together with the dependents that must be replaced too), deletion of what the program does not name any
more, refresh. Names of resources are unique in a program. tests/engine runs the same kinds of program through the real CLI.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import provider_pb2, resource_pb2
from pulumi.runtime.settings import configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from localcloud.provider import differ
from localcloud.provider.core import Core
from localcloud.provider.servicer import Servicer
from localcloud.provider.wire import UNKNOWN, dump, load

Program = Callable[[int], None]


class Refusal(Exception):
    """The provider (or the engine) refused: its words."""


class _Connection:
    """What the servicer wants to know of a gRPC call: whose it is, and how it is refused."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def code(self) -> None:
        return None

    def abort(self, _: grpc.StatusCode, words: str) -> None:
        raise Refusal(words)

    def set_trailing_metadata(self, _: Any) -> None:
        """How the engine is told of a half-made resource; what is half made is not kept here."""


def _call(peer: str) -> grpc.ServicerContext:
    return cast(grpc.ServicerContext, _Connection(peer))


@dataclass
class Held:
    """One resource in the state."""

    urn: str
    token: str
    id: str
    inputs: struct_pb2.Struct
    outputs: struct_pb2.Struct
    peer: str
    needs: set[str] = field(default_factory=set)
    by_property: dict[str, set[str]] = field(default_factory=dict)
    protect: bool = False
    external: bool = False
    retain: bool = False


@dataclass
class Plan:
    """What a run did, by logical name; `paths` are the differing paths of updates and replacements."""

    done: dict[str, set[str]] = field(default_factory=lambda: {"create": set(), "update": set(), "replace": set()})
    deleted: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    paths: dict[str, set[str]] = field(default_factory=dict)

    def note(self, operation: str, urn: str) -> None:
        self.done.setdefault(operation, set()).add(_name(urn))
        self.order.append(f"{operation} {_name(urn)}")

    @property
    def changes(self) -> dict[str, set[str]]:
        """Operations that are not "same", with the names that they touched."""
        found = {operation: names for operation, names in self.done.items() if names and operation != "same"}
        return found | ({"delete": set(self.deleted)} if self.deleted else {})


class SmallEngine:
    """One stack over one provider."""

    def __init__(self, core: Core, region: str) -> None:
        self._servicer = Servicer(core, region, "0.0.0")
        self.state: dict[str, Held] = {}
        self._doomed: list[Held] = []
        self._lock = threading.Lock()
        self._seeds = 0

    # ---- the commands

    def up(self, program: Program, step: int = 1) -> Plan:
        """`pulumi up`: raises Refusal at the first refusal; what was made before it stays in the state."""
        plan = self._run(program, step, preview=False)
        for held in list(reversed(self._doomed)):
            self._delete(held, plan, replaced=True)
            self._doomed.remove(held)
        for urn in [urn for urn in reversed(list(self.state)) if urn not in self._seen]:
            self._delete(self.state[urn], plan)
            del self.state[urn]
        return plan

    def preview(self, program: Program, step: int = 1) -> Plan:
        """`pulumi preview`."""
        plan = self._run(program, step, preview=True)
        plan.deleted += [_name(urn) for urn in self.state if urn not in self._seen]
        return plan

    def refresh(self) -> Plan:
        """`pulumi refresh`: what is gone leaves the state, what drifted is taken over."""
        plan = Plan()
        for urn, held in list(self.state.items()):
            if held.external or not held.token.startswith(("aws:", "random:")):
                continue
            request = provider_pb2.ReadRequest(
                id=held.id, urn=urn, type=held.token, properties=held.outputs, inputs=held.inputs
            )
            found = self._servicer.Read(request, _call(held.peer))
            if not found.id:
                plan.deleted.append(_name(urn))
                del self.state[urn]
                continue
            if load(found.inputs) != load(held.inputs):
                plan.note("update", urn)
            held.inputs, held.outputs = found.inputs, found.properties
        return plan

    def destroy(self) -> Plan:
        """`pulumi destroy`."""
        plan = Plan()
        for held in list(reversed(self._doomed)):
            self._delete(held, plan)
            self._doomed.remove(held)
        for urn in reversed(list(self.state)):
            self._delete(self.state[urn], plan)
            del self.state[urn]
        return plan

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs in the state of one resource, in clear."""
        return load(self._named(name).outputs)

    def id(self, name: str) -> str:
        """The id in the state of one resource."""
        return self._named(name).id

    def _named(self, name: str) -> Held:
        return next(held for held in self.state.values() if _name(held.urn) == name)

    # ---- a run

    def _run(self, program: Program, step: int, *, preview: bool) -> Plan:
        self._plan, self._preview, self._seen = Plan(), preview, set[str]()
        self._refused: list[str] = []
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(
            lambda *_: None
        )  # a refusal also fails the outputs of the resource: told once is enough
        set_root_resource(None)  # type: ignore[arg-type]  # run_in_stack makes one, on this run's loop
        monitor = _Monitor(self)
        configure(
            mocks.MockSettings(
                monitor=monitor,
                monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
                engine=mocks.MockEngine(None), project="programs", stack="test", organization=None, dry_run=preview,
                # The SDK keeps outputs that are still awaited in one set for all runs: what a refused run left there would be
                # waited for in the next, on a loop that is closed (a RuntimeError), or that nobody runs (for ever).
                callbacks=None, outputs=set[Any](), lock=threading.Lock(),
            )
        )  # fmt: skip
        try:
            loop.run_until_complete(run_in_stack(functools.partial(program, step)))
        except Exception as error:
            if not self._refused:
                raise
            raise Refusal("; ".join(self._refused)) from error
        finally:
            with self._lock:
                monitor.over = True
            _end(loop)
            asyncio.set_event_loop(None)
        return self._plan

    def register(self, urn: str, request: Any, monitor: _Monitor) -> tuple[str, struct_pb2.Struct]:
        """One RegisterResource: its id and outputs."""
        with self._lock:
            if monitor.over:  # a thread of a run that a refusal has ended
                raise Refusal("the run is over")
            try:
                return self._register(urn, request)
            except Refusal as error:
                self._refused.append(f"{_name(urn)}: {error}")
                raise

    def _register(self, urn: str, request: Any) -> tuple[str, struct_pb2.Struct]:
        self._seen.add(urn)
        if request.type.startswith("pulumi:providers:"):
            return self._provider(urn, request)
        if not request.custom:
            return "", request.object
        peer = request.provider.rpartition("::")[0] or "default"
        old = self.state.get(urn)
        ignored = list(request.ignoreChanges)
        checked = self._check(request, urn, peer, old.inputs if old else None)
        new = Held(
            urn, request.type, "", checked, struct_pb2.Struct(), peer, set(request.dependencies),
            {name: set(found.urns) for name, found in request.propertyDependencies.items()}, request.protect,
            retain=request.retainOnDelete,
        )  # fmt: skip
        if request.importId and old is None:
            return self._import(new, request.importId)
        if old is None:
            return self._create(new, "create")
        found = self._diff(old, new, ignored)
        replaces = list(found.replaces) + [
            path
            for path in request.replaceOnChanges
            if any(_under(at, path) for at in found.diffs or found.detailedDiff)
        ]
        if found.changes != provider_pb2.DiffResponse.DIFF_SOME:
            self._plan.note("same", urn)
            old.inputs, old.needs, old.by_property, old.protect = new.inputs, new.needs, new.by_property, new.protect
            return old.id, old.outputs
        self._plan.paths[_name(urn)] = set(found.detailedDiff)
        if ignored:
            new.inputs = dump(_kept(load(old.inputs), load(new.inputs), ignored))
        if replaces:
            if old.protect:
                raise Refusal("resource cannot be replaced because it is protected")
            new.inputs = self._check(request, urn, peer, None)  # as the engine does: names of ours are made anew
            if ignored:
                new.inputs = dump(_kept(load(old.inputs), load(new.inputs), ignored))
            first = request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else found.deleteBeforeReplace
            return self._replace(old, new, delete_first=first)
        return self._update(old, new, ignored)

    def _check(self, request: Any, urn: str, peer: str, olds: struct_pb2.Struct | None) -> struct_pb2.Struct:
        self._seeds += 1
        asked = provider_pb2.CheckRequest(
            urn=urn, type=request.type, name=request.name, news=request.object, olds=olds,
            randomSeed=f"{urn} {self._seeds}".encode(),
        )  # fmt: skip
        checked = self._servicer.Check(asked, _call(peer))
        if checked.failures:
            raise Refusal("; ".join(f"{failure.property}: {failure.reason}" for failure in checked.failures))
        found: struct_pb2.Struct = checked.inputs
        return found

    def _diff(self, old: Held, new: Held, ignored: list[str]) -> Any:
        request = provider_pb2.DiffRequest(
            id=old.id, urn=old.urn, type=old.token, olds=old.outputs, news=new.inputs, old_inputs=old.inputs,
            ignoreChanges=ignored,
        )  # fmt: skip
        return self._servicer.Diff(request, _call(new.peer))

    def _create(self, new: Held, operation: str) -> tuple[str, struct_pb2.Struct]:
        request = provider_pb2.CreateRequest(
            urn=new.urn, type=new.token, properties=new.inputs, preview=self._preview, name=_name(new.urn)
        )
        made = self._servicer.Create(request, _call(new.peer))
        self._plan.note(operation, new.urn)
        new.id, new.outputs = made.id, made.properties
        if not self._preview:
            self.state[new.urn] = new
        return ("" if self._preview else new.id), new.outputs

    def _import(self, new: Held, given: str) -> tuple[str, struct_pb2.Struct]:
        read = self._servicer.Read(provider_pb2.ReadRequest(id=given, urn=new.urn, type=new.token), _call(new.peer))
        if not read.id:
            raise Refusal(f"resource {given!r} does not exist")
        new.id, new.outputs = read.id, read.properties
        found = self._diff(Held(new.urn, new.token, read.id, read.inputs, read.properties, new.peer), new, [])
        if found.changes == provider_pb2.DiffResponse.DIFF_SOME:
            raise Refusal(
                f"inputs to import do not match the existing resource: {', '.join(sorted(found.detailedDiff))}"
            )
        self._plan.note("import", new.urn)
        if not self._preview:
            self.state[new.urn] = new
        return new.id, new.outputs

    def _update(self, old: Held, new: Held, ignored: list[str]) -> tuple[str, struct_pb2.Struct]:
        request = provider_pb2.UpdateRequest(
            id=old.id, urn=old.urn, type=old.token, olds=old.outputs, news=new.inputs, old_inputs=old.inputs,
            preview=self._preview, ignoreChanges=ignored,
        )  # fmt: skip
        made = self._servicer.Update(request, _call(new.peer))
        self._plan.note("update", old.urn)
        new.id, new.outputs = old.id, made.properties
        if not self._preview:
            self.state[new.urn] = new
        return new.id, new.outputs

    def _replace(self, old: Held, new: Held, *, delete_first: bool) -> tuple[str, struct_pb2.Struct]:
        if self._preview:
            return self._create(new, "replace")
        if delete_first:
            for dependent in self._must_go_too(old):
                self._delete(dependent, self._plan)
                del self.state[dependent.urn]
            self._delete(old, self._plan, replaced=True)
            del self.state[old.urn]
            return self._create(new, "replace")
        made = self._create(new, "replace")
        self._doomed.append(old)
        return made

    def _must_go_too(self, old: Held) -> list[Held]:
        """Dependents of what is deleted first, last made first, that an unknown value in its place would replace."""
        found, gone = [], {old.urn}
        for held in list(self.state.values()):
            touched = [name for name, urns in held.by_property.items() if urns & gone]
            if not touched or held.urn == old.urn:
                continue
            unknown = load(held.inputs) | dict.fromkeys(touched, UNKNOWN)
            news = Held(held.urn, held.token, "", dump(unknown), held.outputs, held.peer)
            if self._diff(held, news, []).replaces:
                found.append(held)
                gone.add(held.urn)
        return list(reversed(found))

    def _delete(self, held: Held, plan: Plan, *, replaced: bool = False) -> None:
        if held.protect and not replaced:
            raise Refusal(f"{_name(held.urn)}: resource cannot be deleted because it is protected")
        if held.token.startswith(("aws:", "random:")) and not held.external and not held.retain:
            request = provider_pb2.DeleteRequest(
                id=held.id, urn=held.urn, type=held.token, properties=held.outputs, old_inputs=held.inputs
            )
            try:
                self._servicer.Delete(request, _call(held.peer))
            except Refusal as error:
                raise Refusal(f"{_name(held.urn)}: {error}") from error
        plan.order.append(f"delete {_name(held.urn)}")
        if not replaced:
            plan.deleted.append(_name(held.urn))

    def _provider(self, urn: str, request: Any) -> tuple[str, struct_pb2.Struct]:
        self._servicer.Configure(provider_pb2.ConfigureRequest(args=request.object), _call(f"{urn}"))
        held = Held(urn, request.type, "provider", request.object, request.object, urn)
        if not self._preview:
            self.state[urn] = held
        return "provider", request.object

    def invoke(self, request: Any) -> struct_pb2.Struct:
        """One function."""
        asked = provider_pb2.InvokeRequest(tok=request.tok, args=request.args)
        answer = self._servicer.Invoke(asked, _call(request.provider.rpartition("::")[0] or "default"))
        found: struct_pb2.Struct = getattr(answer, "return")
        return found


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Closes a loop when nothing of it goes on: what a refusal left would otherwise be waited for in the next run."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=10))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


class _Nobody(mocks.Mocks):
    """Asked by nobody: the monitor answers itself."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(args.typ)


class _Monitor(mocks.MockMonitor):
    """The SDK's face of the engine."""

    def __init__(self, engine: SmallEngine) -> None:
        super().__init__(_Nobody())
        self._engine = engine
        self.over = False

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        made, outputs = self._engine.register(urn, request, self)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made, object=outputs)

    def Invoke(self, request: Any) -> Any:
        answer = resource_pb2.ResourceInvokeResponse()
        getattr(answer, "return").CopyFrom(self._engine.invoke(request))
        return answer


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _under(changed: str, path: str) -> bool:
    return changed == path or changed.startswith((f"{path}.", f"{path}["))


def _kept(olds: dict[str, Any], news: dict[str, Any], ignored: list[str]) -> dict[str, Any]:
    """The engine resets ignored paths before it calls the provider."""
    for path in ignored:
        news = differ.kept(olds, news, path)
    return news


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """What happens inside is refused, in a sentence that has all these words."""
    try:
        yield
    except Refusal as refusal:
        missing = [word for word in words if word not in str(refusal)]
        assert not missing, f"{refusal} lacks {missing}"
    else:
        raise AssertionError(f"accepted, although AWS refuses it: {', '.join(words)}")


def judge(stack: SmallEngine, program: Callable[[int], Any], words: str, *, of: str = "", steady: bool = False) -> None:
    """`program` is refused in a sentence with `words` (`of`: and these), or accepted where there are none; then it is undone.

    `steady`: what was accepted is seen unchanged.
    """
    if words:
        with refused(of, words):
            stack.up(program)
    else:
        stack.up(program)
        if steady:
            assert stack.preview(program).changes == {}
    stack.destroy()


Options = pulumi.ResourceOptions
