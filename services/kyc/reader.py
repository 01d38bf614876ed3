"""`python -m services.kyc.reader ACT MEMORY CPU`: does one act on the file on standard input and ends; started by `sandbox`.

It bounds itself (MiB of address space, seconds of CPU) before it reads a byte. On standard output are
`{"refused": code or null}` with what else was found, and files (`packing`).
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from services.kyc import pictures
from services.kyc.packing import packed
from services.kyc.pictures import PictureError

#: The exit code of an act that cannot be done whatever the file, as what it needs is not installed.
FAILED = 3

_MiB = 1024 * 1024

#: The largest file that it may write: Python keeps what it compiled, where it may.
_WRITTEN = 4 * _MiB


class Act(StrEnum):
    """What can be done to a file."""

    CLEAN = "clean"  #: any file → a JPEG of ours
    FACES = (
        "faces"  #: a selfie's frames and a document, JPEGs of ours, packed → what is seen, and their faces side by side
    )
    READ = "read"  #: a JPEG of ours → what stands on the PAN card, and the picture without its number


Made = tuple[Mapping[str, Any], Mapping[str, bytes]]


def _clean(content: bytes) -> Made:
    return {}, {"picture": pictures.cleaned(content)}


def _load_ocr() -> Callable[[bytes], Made]:
    from services.kyc import ocr

    return ocr.read_card


def _load_faces() -> Callable[[bytes], Made]:
    from services.kyc import matching

    return matching.read_selfie


def _load_pictures() -> Callable[[bytes], Made]:
    pictures.load()
    return _clean


#: Act → what imports all that it needs, before the file is read: what fails then is not the file's fault.
_ACTS: Mapping[Act, Callable[[], Callable[[bytes], Made]]] = {
    Act.CLEAN: _load_pictures,
    Act.READ: _load_ocr,
    Act.FACES: _load_faces,
}


def bound(memory: int, cpu: int) -> None:
    """This process, for good: not even its owner raises a hard limit again."""
    for what, most in (
        (resource.RLIMIT_AS, memory * _MiB),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, _WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def main(arguments: list[str]) -> int:
    """The exit code."""
    act, memory, cpu = Act(arguments[0]), int(arguments[1]), int(arguments[2])
    bound(memory, cpu)
    refused: str | None = None
    values: Mapping[str, Any] = {}
    files: Mapping[str, bytes] = {}
    try:
        do = _ACTS[act]()
    except ImportError:
        return FAILED
    try:
        values, files = do(sys.stdin.buffer.read())
    except PictureError as error:
        refused = error.reason
    except MemoryError:
        refused = "too_costly"
    sys.stdout.buffer.write(packed({"refused": refused, **values}, files))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
