"""What an access token of a person says that they may do: pure, from the state of the account and of the session."""

from __future__ import annotations

from datetime import date

from services.auth.models import State
from services.auth.repository import Holder
from services.common.permissions import permissions_of
from services.common.tokens import PLAY, PLAYER, STAFF, TWO_FACTORS, VERIFIED

#: Nobody plays for money before this age (public knowledge of the Indian rules; the jurisdiction gate may ask for more).
ADULT_YEARS = 18


def scopes_of(holder: Holder, today: date) -> frozenset[str]:
    """The scopes of `holder`'s next access token; what is not said here is refused."""
    if holder.state in (State.FROZEN, State.CLOSED):
        return frozenset()
    if holder.roles:
        # Who works here does not play here; and holds their permissions only in a session of two factors.
        return frozenset({STAFF, *(permissions_of(holder.roles) if holder.acr == TWO_FACTORS else ())})
    found = {PLAYER}
    if holder.verified:
        found.add(VERIFIED)
        if holder.state == State.ACTIVE and not holder.excluded and is_adult(holder.birth_date, today):
            found.add(PLAY)
    return frozenset(found)


def is_adult(birth_date: date | None, today: date) -> bool:
    """Whether the eighteenth birthday has come; an unknown date is no. Of 29 February it is 1 March."""
    if birth_date is None:
        return False
    return (
        today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    ) >= ADULT_YEARS
