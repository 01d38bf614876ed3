"""Values and files as one stream, to and from the processes of `sandbox`: a line of JSON, then the files in its order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def packed(values: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The stream; `values` are JSON's, without the name `files`."""
    head = {**values, "files": {name: len(content) for name, content in files.items()}}
    return json.dumps(head).encode() + b"\n" + b"".join(files.values())


def unpacked(stream: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Values and files again. Raises ValueError."""
    head, _, rest = stream.partition(b"\n")
    values = json.loads(head)
    sizes = values.pop("files", None) if isinstance(values, dict) else None
    if not isinstance(sizes, dict):
        raise ValueError("no files are named")
    files = {}
    for name, size in sizes.items():
        files[name], rest = rest[:size], rest[size:]
    return values, files
