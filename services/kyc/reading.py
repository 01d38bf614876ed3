"""What the worker does with a picture: fetch it, compare it with what was announced, make one of ours of it, keep that."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from services.kyc import pictures
from services.kyc.cards import Card
from services.kyc.faces import Seen
from services.kyc.models import Document
from services.kyc.packing import packed
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


@dataclass(frozen=True, slots=True)
class Page:
    """What was made of a picture; `masked`: whether it is kept without its number, too."""

    card: Card
    masked: bool


async def compare(store: Store, sandbox: Sandbox, frames: Sequence[Picture], card: Picture | None) -> Seen:
    """Keep the faces of a selfie and of a card side by side, in the place of the first frame; what came is left where it is.

    Raises PoisonError, StoreError, SandboxError.
    """
    given = {str(at): await _cleaned(store, sandbox, frame) for at, frame in enumerate(frames)}
    if card is not None:
        kept = await store.read(kept_key(card.player, card.id, Form.WHOLE))
        given |= {} if kept is None else {"document": kept}
    found = await sandbox.run(Act.FACES, packed({}, given))
    await store.put(kept_key(frames[0].player, frames[0].id, Form.FACES), found.files["faces"])
    return Seen.of(found.values)


async def _cleaned(store: Store, sandbox: Sandbox, picture: Picture) -> bytes:
    """A picture of the same pixels. Raises PoisonError, StoreError, SandboxError."""
    content = await store.read(upload_key(picture.player, picture.id))
    if content is None or hashlib.sha256(content).digest() != picture.sha256:
        raise PoisonError("not_as_announced")
    if pictures.media_type(content) != picture.media_type:
        raise PoisonError("not_as_announced")
    return (await sandbox.run(Act.CLEAN, content)).files["picture"]


async def keep(store: Store, sandbox: Sandbox, picture: Picture) -> Page:
    """Keep a picture of the same pixels, and read it. What came is left where it is, so that this can be done again.

    A picture that cannot be read is kept all the same: a person looks at it. Raises PoisonError, StoreError, SandboxError.
    """
    cleaned = await _cleaned(store, sandbox, picture)
    await store.put(kept_key(picture.player, picture.id, Form.WHOLE), cleaned)
    try:
        found = await sandbox.run(Act.READ, cleaned)
        card = Card.of(found.values)
    except PoisonError:
        return Page(Card(), masked=False)
    masked = found.files.get("masked")
    if masked is not None:
        await store.put(kept_key(picture.player, picture.id, Form.MASKED), masked)
    return Page(card, masked is not None)
