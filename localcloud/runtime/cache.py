"""Values that one process has worked out and the next need not, in whichever clone: kept in the user's cache directory."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from localcloud.runtime.state import cache_directory

#: Values that nobody has made anew for so long are of releases that are gone.
_STALE_SECONDS = 90 * 24 * 3600


def kept(key: str, make: Callable[[], Any]) -> Any:
    """What `make` returned for `key` in an earlier process, else what it returns now, kept for the next.

    Values are of JSON's types. `key` names all that the value depends on: a file's path, size and time.
    """
    name = hashlib.sha256(f"{sys.implementation.cache_tag} {key}".encode()).hexdigest()
    file = cache_directory() / "values" / name
    with suppress(OSError, ValueError, EOFError, TypeError):  # not there, or damaged
        return marshal.loads(file.read_bytes())  # noqa: S302 (ours, in the user's own folder, as a .pyc is)
    value = make()
    with suppress(OSError):  # a cache that cannot be written is none
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in file.parent.iterdir():
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                old.unlink(missing_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as output:
            output.write(marshal.dumps(value))
        Path(draft).replace(file)
    return value
