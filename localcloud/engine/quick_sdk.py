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


def install() -> None:
    """Put these in the SDK's places. Raises ImportError where there is no SDK."""
    import pulumi.log
    from pulumi.runtime import resource, stack
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

    setattr(resource, "_get_stack_trace", get_stack_trace)  # noqa: B010 (as any of the SDK's private names)


#: `Resource`, `CustomResource` or `ComponentResource`, and the class that the program calls.
_CONSTRUCTORS = 3
