"""The files of attributes that lie beside the file backend's own; an engine that is killed while it writes one leaves it torn.

The backend's library truncates and writes them in place (gocloud.dev/blob/fileblob, `setAttrs`), and then reads nothing beside
one that it cannot parse: "failed to load checkpoint: EOF". A file that has none is read as it is.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path


def remove_torn(backend: Path) -> list[Path]:
    """Remove those that are no JSON, and return them; nothing while an engine holds a lock, since it may be writing one."""
    own = backend / ".pulumi"
    if next((own / "locks").rglob("*.json"), None):
        return []
    torn = []
    for sidecar in own.rglob("*.attrs"):
        with suppress(OSError):
            try:
                json.loads(sidecar.read_bytes())
            except ValueError:
                sidecar.unlink()
                torn.append(sidecar)
    return torn
