"""Following a child process from asyncio: its output line by line, and its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

#: A longer line comes in pieces.
_LONGEST_LINE = 2**18


async def exited(pid: int) -> None:
    """Wait for a child's end without reaping it."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    done = asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def pump(descriptor: int, write: Callable[[bytes], None]) -> None:
    """Give every line that comes out of a pipe to `write`, until the pipe's other end is closed; closes this end."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        while line := await _line(reader):
            write(line)
    finally:
        transport.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial + b"\n" if error.partial else b""
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed) + b"\n"
