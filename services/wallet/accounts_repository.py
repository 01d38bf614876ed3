"""Which account is whose: looked up once in each process, since an account never changes; made where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.common.ids import uuid7
from services.common.postgres import Reads
from services.wallet.lookups import Lookups

#: Accounts that a process remembers; the oldest half is forgotten when there are more.
KEPT = 100_000


_FIND = """
    SELECT owner_id, bucket, id FROM accounts WHERE (owner_id, bucket) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))
        AND currency = 'INR'
"""

#: In one order for everyone: two that make the same accounts do not wait for each other in a ring.
_MAKE = """
    WITH made AS (
        INSERT INTO accounts (id, player_id, owner_id, bucket, created_at)
        SELECT id, CASE bucket WHEN 'deposit' THEN owner END, owner, bucket, now()
        FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS given (id, owner, bucket) ORDER BY owner, bucket
        ON CONFLICT DO NOTHING RETURNING id
    )
    INSERT INTO balances (account_id, bounded, amount, entries) SELECT id, true, 0, 0 FROM made
"""


async def _read(reads: Reads, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    owners, buckets = (list(column) for column in zip(*keys, strict=True))
    return {(owner, bucket): account for owner, bucket, account in await reads.fetch(_FIND, owners, buckets)}


async def _read_buckets(reads: Reads, accounts: Sequence[UUID]) -> dict[UUID, str]:
    return dict(await reads.fetch("SELECT id, bucket FROM accounts WHERE id = ANY($1::uuid[])", list(accounts)))


class AccountIndex:
    """The accounts of players and pots, by owner and bucket."""

    def __init__(self) -> None:
        # By the owner's number: a UUID is hashed and compared by Python's own code, and a batch looks up hundreds.
        self._known: dict[tuple[int, str], UUID] = {}
        self._buckets: dict[UUID, str] = {}
        self._lookups, self._lookups_of_buckets = Lookups(_read), Lookups(_read_buckets)

    async def find(self, reads: Reads, wanted: Sequence[tuple[UUID, str]]) -> list[UUID | None]:
        """For each of `wanted` (owner, bucket) the account, if there is one."""
        known = self._known
        found = [known.get((owner.int, bucket)) for owner, bucket in wanted]
        if None not in found:
            return found
        missing = [key for key, account in zip(wanted, found, strict=True) if account is None]
        read = await self._lookups.find(reads, missing)
        if len(self._known) > KEPT:
            self._known = dict(list(self._known.items())[KEPT // 2 :])
        self._known |= {(owner.int, bucket): account for (owner, bucket), account in read.items()}
        return [account or read.get(key) for key, account in zip(wanted, found, strict=True)]

    async def have(self, reads: Reads, wanted: Sequence[tuple[UUID, str]]) -> list[UUID]:
        """The account of each of `wanted`; those that are missing are made, with nothing in them.

        They are committed before money moves (`reads` commits each statement): rows that exist are locked in order.
        """
        found = await self.find(reads, wanted)
        missing = [key for key, account in zip(wanted, found, strict=True) if account is None]
        if missing:
            owners, buckets = (list(column) for column in zip(*missing, strict=True))
            await reads.fetch(_MAKE, [uuid7() for _ in missing], owners, buckets)
            found = await self.find(reads, wanted)
        there = [account for account in found if account is not None]
        assert len(there) == len(wanted), "an account that was just made is not there"
        return there

    async def buckets(self, reads: Reads, accounts: Iterable[UUID]) -> dict[UUID, str]:
        """The bucket of each account that there is, or what the house's is for."""
        wanted = list(dict.fromkeys(accounts))
        missing = [account for account in wanted if account not in self._buckets]
        if missing:
            rows = await self._lookups_of_buckets.find(reads, missing)
            if len(self._buckets) > KEPT:
                self._buckets = dict(list(self._buckets.items())[KEPT // 2 :])
            self._buckets |= rows
        return {account: self._buckets[account] for account in wanted if account in self._buckets}
