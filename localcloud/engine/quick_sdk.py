"""Parts of Pulumi's Python SDK that cost a large program much of its time, done with less work and the same outcome.

Copied beside the CLI and run in the program's interpreter, so it stands alone: it needs only `pulumi`, of the locked version.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path
from types import FrameType
from typing import Any

#: What neither is nor holds an Output: values of these very types. `_plain` looks into lists and dictionaries of them.
_SCALARS = frozenset({str, int, float, bool, type(None)})

#: No plain value: an Output, an object, or what holds one.
_MIXED: Any = object()


def install() -> None:
    """Put these in the SDK's places. Raises ImportError where there is no SDK."""
    _install_outputs()
    _install_runtime()


def _plain(value: Any) -> Any:
    """A copy of a value that is made of scalars, lists and dictionaries with texts as keys alone; else `_MIXED`."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        items = [_plain(each) for each in value]
        return _MIXED if any(each is _MIXED for each in items) else items
    if kind is dict and all(type(key) is str for key in value):
        entries = {key: _plain(each) for key, each in value.items()}
        return _MIXED if any(each is _MIXED for each in entries.values()) else entries
    return _MIXED


def _install_outputs() -> None:
    """The SDK makes an Output, with a future and often a task, of every number and text in what is lifted. A plain value is
    lifted as a whole, and a future that is done is not waited for."""
    from pulumi import Output
    from pulumi.output import Unknown, _OutputData
    from pulumi.runtime import rpc

    theirs, track = Output.from_input, Output._track

    def resolved(value: Any) -> Output[Any]:
        future: asyncio.Future[Any] = asyncio.Future()
        future.set_result(_OutputData(resources=set(), value=value, is_known=True, is_secret=False))
        return Output._from_data(future)

    def from_input(value: Any) -> Output[Any]:
        if isinstance(value, Output):

            async def run() -> _OutputData[Any]:
                data = await value._data
                copy = _plain(data.value) if data.is_known else _MIXED
                if copy is not _MIXED:
                    return _OutputData(resources=data.resources, value=copy, is_known=True, is_secret=data.is_secret)
                unwrapped = value.apply(from_input, True)
                unwrapped._untrack()  # as `value` below: what awaits it says how it failed
                return await unwrapped._data

            value._untrack()
            return Output._from_data(run())
        copy = _plain(value)
        if copy is not _MIXED:
            return resolved(copy)
        if type(value) is dict and all(type(key) is str for key in value):
            return all_of(**value)
        return theirs(value)

    def all_of(*listed: Any, **named: Any) -> Output[Any]:
        if listed and named:
            raise ValueError("Output.all() was supplied a mix of named and unnamed inputs")
        values: Any = {key: _plain(value) for key, value in (named.items() if named else enumerate(listed))}
        given: Any = named or listed
        waited = {key: Output.from_input(given[key]) for key, value in values.items() if value is _MIXED}

        def whole() -> Any:
            return values if named else list(values.values())

        if not waited:
            return resolved(whole())

        async def gather() -> _OutputData[Any]:
            found = await asyncio.gather(*[output._data for output in waited.values()])
            values.update({key: data.value for key, data in zip(waited, found, strict=True)})
            return _OutputData(
                resources=set().union(*[data.resources for data in found]),
                value=whole(),
                is_known=all(data.is_known for data in found),
                is_secret=any(data.is_secret for data in found),
            )

        return Output._from_data(gather())

    def track_what_is_open(self: Output[Any]) -> None:
        data = self._data
        if not data.done() or data.cancelled() or data.exception() is not None:
            track(self)

    def contains_unknowns(val: Any) -> bool:
        seen: set[int] = set()
        left = [val]
        while left:
            each = left.pop()
            if type(each) in _SCALARS:
                continue
            if isinstance(each, Unknown):
                return True
            if isinstance(each, dict | list) and id(each) not in seen:
                seen.add(id(each))
                left.extend(dict.values(each) if isinstance(each, dict) else each)
        return False

    for name, function in (
        ("from_input", staticmethod(from_input)),
        ("all", staticmethod(all_of)),
        ("_track", track_what_is_open),
    ):
        setattr(Output, name, function)
    rpc.contains_unknowns = contains_unknowns


def _install_runtime() -> None:
    import pulumi.log
    from pulumi.runtime import resource, resource_cycle_breaker, stack
    from pulumi.runtime.proto import source_pb2
    from pulumi.runtime.settings import SETTINGS, _get_rpc_manager

    # Each is a call to the engine, several for a resource, and the engine shows none of them.
    pulumi.log.debug = lambda *_arguments, **_more: None

    waits = stack.wait_for_rpcs

    async def wait_for_rpcs(await_all_outstanding_tasks: bool = True) -> None:
        """The SDK waits for outputs again and again for the first of all that are left, which takes time by their square."""
        while await_all_outstanding_tasks:
            await waits(False)
            with SETTINGS.lock:
                pending = [task for task in SETTINGS.outputs if not task.done()]
            if not pending:
                break
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.cancelled() or task.exception() for task in done) or not _get_rpc_manager().rpcs:
                break
        await waits(await_all_outstanding_tasks)

    stack.wait_for_rpcs = wait_for_rpcs

    @functools.cache
    def uri(file: str) -> str | None:
        try:
            return Path(file).as_uri()
        except ValueError:  # "<string>"
            return None

    def get_stack_trace() -> Any:
        """As the SDK's, which looks at every source file of the stack anew, for each resource."""
        stack: list[FrameType] = []
        frame: FrameType | None = sys._getframe(0)
        while frame is not None:
            stack.append(frame)
            frame = frame.f_back
        constructors = 0
        inside = 0  # of the SDK and the resource's class
        for each in stack:
            inside += 1
            constructors += each.f_code.co_name == "__init__"
            if constructors == _CONSTRUCTORS:
                break
        frames = []
        for each in stack[inside:]:
            place = uri(each.f_code.co_filename)
            position = source_pb2.SourcePosition(uri=place, line=each.f_lineno) if place else None
            frames.append(source_pb2.StackFrame(pc=position))
        return source_pb2.StackTrace(frames=frames)

    def reachable(from_resource: Any, to_resource: Any) -> bool:
        """As the SDK's, which hands each resource up through a generator for each that led to it."""
        seen: set[Any] = set()
        left = [from_resource]
        while left:
            each = left.pop()
            if each == to_resource:
                return True
            if each not in seen:
                seen.add(each)
                left.extend(getattr(each, resource_cycle_breaker._DEPENDENCIES_PROPERTY, ()))
        return False

    setattr(resource_cycle_breaker, "_reachable", reachable)  # noqa: B010 (as any of the SDK's private names)
    setattr(resource, "_get_stack_trace", get_stack_trace)  # noqa: B010


#: `Resource`, `CustomResource` or `ComponentResource`, and the class that the program calls.
_CONSTRUCTORS = 3
