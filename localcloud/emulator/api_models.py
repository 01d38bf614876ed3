"""Reads each of botocore's API models once, however many sessions moto makes: EC2's alone takes a quarter of a second."""

from __future__ import annotations

import functools
from typing import Any

from botocore.loaders import JSONFileLoader


def read_once() -> None:
    """From now on all sessions of this process share what is read, as all clients of one session do."""
    original = JSONFileLoader.load_file

    @functools.cache
    def shared(path: str) -> Any:
        return original(JSONFileLoader(), path)

    def load_file(_: JSONFileLoader, file_path: str) -> Any:
        return shared(file_path)

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010 (mypy refuses to assign to a method)
