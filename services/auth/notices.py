"""Letters to players that another service asks for, by account: what they say stands here, and addresses stay here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import repository
from services.auth.contacts import Contacts, Kind
from services.auth.letters import Post


class Notice(StrEnum):
    """What may be written."""

    POINTS_CORRECTED = "points_corrected"
    IDENTITY_ERASED = "identity_erased"  #: soon; `about` is the day


#: Subject, then text; `{about}` is what it is about, a match for example.
_LETTERS = {
    Notice.POINTS_CORRECTED: (
        "Your points were corrected\n\nThe result of this match was corrected, and the points of your team with it: {about}. "
        "They may change again until the result is final; no prize is paid before. Every line behind your points is in the app."
    ),
    Notice.IDENTITY_ERASED: (
        "What we know of your identity will be erased\n\nNothing has happened with your identity check for a year, so what "
        "you handed in for it is erased on {about} or soon after. Whoever goes on with the check before that keeps it. "
        "You need do nothing."
    ),
}

#: Whoever names a match might put an address there that a mail program makes a link of.
_NOT_PLAIN = re.compile(r"[^\w '&,()-]+")


class NoticeService:
    """Hands such letters to the outbox."""

    def __init__(self, contacts: Contacts, post: Post) -> None:
        self._contacts, self._post = contacts, post

    async def write(
        self, session: AsyncSession, notice: Notice, key: UUID, about: str, accounts: Sequence[UUID]
    ) -> int:
        """Have a letter sent to each of `accounts` that has a verified address; again, with the same key, changes nothing.

        Returns to how many.
        """
        text = _LETTERS[notice].replace("{about}", " ".join(_NOT_PLAIN.sub(" ", about).split()))
        found = await repository.written_to(session, accounts)
        for account, sealed in found:
            contact = self._contacts.open(Kind.EMAIL, sealed, account)
            assert contact is not None
            await self._post.send_once(session, uuid5(key, str(account)), contact, text)
        return len(found)
