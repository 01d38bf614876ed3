"""Auth's environment variables besides those of every service, and its policy in numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from services.common.settings import Settings

ACCESS_LIFE = timedelta(minutes=15)

#: A session ends when it was not refreshed for REFRESH_IDLE, and SESSION_LIFE after the log-in whatever happens.
REFRESH_IDLE = timedelta(days=30)
SESSION_LIFE = timedelta(days=180)

#: Within this time of a rotation, whoever presents the old refresh token gets the new one that is already there: parallel
#: requests and lost answers happen every day, and without this they would end sessions.
GRACE = timedelta(seconds=30)

#: How often one session may be refreshed: a client that goes on without waiting for its tokens to expire is broken or hostile.
ROTATIONS, ROTATION_WINDOW = 20, timedelta(minutes=1)

#: How long used refresh tokens are kept. One that comes again within this time ends its session; later it is not known.
USED_TOKENS_KEPT = timedelta(days=7)

#: How long ended sessions are kept, to be looked at.
SESSIONS_KEPT = timedelta(days=30)

#: How long a key signs. The next one is published for as long before it signs, so every cache knows it by then.
SIGNING_PERIOD = timedelta(days=7)

#: No key signs before it has been published for so long: others keep the keys that they fetched for 5 minutes.
PUBLISHED_FIRST = timedelta(minutes=10)

#: A retired key stays published until the last token it signed has expired, and some.
RETIRED_KEPT = ACCESS_LIFE + timedelta(minutes=30)


class KeySecrets(Settings):
    """What opens the signing keys: web processes sign, the worker rotates."""

    signing_kek: SecretStr


#: Guesses at names that have no account are kept so long; events of accounts for good.
GUESSES_KEPT = timedelta(days=30)

#: How long a person can change their mind about closing their account.
CLOSING_TIME = timedelta(days=30)

#: A first factor given within this time is enough to add a second one.
RECENT = timedelta(minutes=10)


class PublicSettings(Settings):
    """Where people reach the platform: passkeys are bound to that origin, and providers send people back there."""

    public_url: Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")]

    @property
    def origin(self) -> str:
        """The same as a browser has to name it for passkeys: their relying party is a name, never an address."""
        return self.public_url.replace("//127.0.0.1", "//localhost", 1)


class EmailSecrets(Settings):
    """What opens addresses and numbers: web processes, and the worker, which writes to them."""

    email_key: SecretStr
