"""Runs what touches a player's file in a process of its own, one for each file: bounded memory and time, no secret, no state.

A file that makes a decoder eat memory, loop or crash ends that process, and is refused; a decoder that is taken over finds
neither the worker's credentials nor another player's file.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from services.kyc.packing import unpacked
from services.kyc.reader import FAILED, Act
from services.kyc.scanning import Scanner

#: Where the packages are that `-m` finds.
_ROOT = Path(__file__).parents[2]

#: The most that comes out: JPEGs of ours, and text.
_ANSWER_BYTES = 16 * 1024 * 1024

#: What of this process's environment the other one gets: nothing that opens anything.
_GIVEN = ("PATH", "LANG", "LD_LIBRARY_PATH")


class Limits(NamedTuple):
    """Of one act: address space in MiB, seconds of CPU, seconds."""

    memory: int
    cpu: int
    seconds: float


#: Memory: OCR takes 0.45 GB and 1.5 GB of addresses. Seconds are many times what it takes alone: the machine may be busy.
LIMITS: Mapping[Act, Limits] = {
    Act.CLEAN: Limits(768, 15, 60),
    Act.READ: Limits(2048, 60, 150),
    Act.FACES: Limits(1024, 40, 100),
}


class PoisonError(ValueError):
    """The file is refused; `reason` is a code: what the act says, or `too_costly` where it ended for its bounds."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SandboxError(RuntimeError):
    """The act cannot be done here and now, whatever the file."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an act made of a file: values, and files."""

    values: Mapping[str, Any]
    files: Mapping[str, bytes]


class Sandbox:
    """One act at a time: the task's memory is for one. What comes from outside passes the `scanner` first, if there is one."""

    def __init__(self, limits: Mapping[Act, Limits] = LIMITS, scanner: Scanner | None = None) -> None:
        self._limits, self._turn, self._scanner = limits, asyncio.Semaphore(1), scanner

    async def run(self, act: Act, content: bytes) -> Found:
        """Do `act` on `content`. Raises PoisonError, SandboxError, ScannerAwayError."""
        if act is Act.CLEAN and self._scanner is not None and await self._scanner.infected(content):
            raise PoisonError("infected")
        async with self._turn:
            return await _run(act, self._limits[act], content)


async def _run(act: Act, limits: Limits, content: bytes) -> Found:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.kyc.reader", act.value, str(limits.memory), str(limits.cpu), cwd=_ROOT,
        env={name: os.environ[name] for name in _GIVEN if name in os.environ},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(limits.seconds):
            answer = await _exchange(process.stdin, process.stdout, content)
            code = await process.wait()
    except TimeoutError:  # of a busy machine, perhaps: what the file itself may cost is CPU, which the process bounds
        raise SandboxError(f"{act}: no end within {limits.seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code == FAILED:
        raise SandboxError(f"{act} cannot be done here: is everything installed (requirements/kyc.txt)?")
    if code != 0:  # a signal, or Python's own 1
        raise PoisonError("too_costly")
    return _found(answer)


async def _exchange(to: asyncio.StreamWriter, out: asyncio.StreamReader, content: bytes) -> bytes:
    to.write(content)
    feeding = asyncio.ensure_future(_feed(to))
    parts: list[bytes] = []
    size = 0
    try:
        while part := await out.read(65536):
            size += len(part)
            if size > _ANSWER_BYTES:
                raise PoisonError("too_costly")
            parts.append(part)
    finally:
        feeding.cancel()
    return b"".join(parts)


async def _feed(to: asyncio.StreamWriter) -> None:
    try:
        await to.drain()
        to.close()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended; how is its exit code


def _found(answer: bytes) -> Found:
    """As `reader` writes it."""
    try:
        values, files = unpacked(answer)
        refused = values.pop("refused")
    except (ValueError, KeyError):
        raise PoisonError("too_costly") from None
    if refused is not None:
        raise PoisonError(str(refused))
    return Found(values, files)
