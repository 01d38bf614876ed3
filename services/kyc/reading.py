"""What the worker does with a picture: fetch it, compare it with what was announced, make one of ours of it, keep that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from services.kyc import pictures
from services.kyc.models import Document
from services.kyc.reader import Act
from services.kyc.sandbox import PoisonError, Sandbox
from services.kyc.store import Form, Store, kept_key, upload_key


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was handed in, as it was announced."""

    id: UUID
    player: UUID
    media_type: str
    sha256: bytes

    @classmethod
    def of(cls, document: Document) -> Self:
        """What a row says."""
        return cls(document.id, document.player_id, document.media_type, document.sha256)


async def keep(store: Store, sandbox: Sandbox, handed: Picture) -> None:
    """Keep a picture of the same pixels. What came is left where it is, so that this can be done again.

    Raises PoisonError, StoreError, SandboxError.
    """
    content = await store.read(upload_key(handed.player, handed.id))
    if content is None or hashlib.sha256(content).digest() != handed.sha256:
        raise PoisonError("not_as_announced")
    if pictures.media_type(content) != handed.media_type:
        raise PoisonError("not_as_announced")
    cleaned = (await sandbox.run(Act.CLEAN, content)).files["picture"]
    await store.put(kept_key(handed.player, handed.id, Form.WHOLE), cleaned)
