"""Reads each of botocore's API models once in a process, however many sessions it makes, and unpacks and parses it once at all.

EC2's alone takes a quarter of a second, and emulator, provider and supervisor read those of twenty services.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

from localcloud.runtime.cache import kept


def read_once() -> None:
    """From now on all sessions of this process share what is read, as all clients of one session do."""
    original = JSONFileLoader.load_file

    @functools.cache
    def shared(path: str) -> Any:
        for ending in (".json", ".json.gz"):
            file = Path(path + ending)
            if file.is_file():
                info = file.stat()
                key = f"{file} {info.st_mtime_ns} {info.st_size}"
                return kept(key, lambda: _plain(original(JSONFileLoader(), path)))
        return None

    def load_file(_: JSONFileLoader, file_path: str) -> Any:
        return shared(file_path)

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010 (mypy refuses to assign to a method)


def _plain(value: Any) -> Any:
    """With dictionaries in place of botocore's ordered ones, which keep their order just as well."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
