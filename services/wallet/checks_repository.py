"""What must be true of the ledger, as queries that find where it is not: every stored number that can be recomputed, is.

A full look reads all entries. A recent one (RECENT) reads those since a moment, and proves of each account that moved that its
balance follows, step by step, from what it had then: what a full look has found right stays proven at the price of what moved.

Each query gives rows of what it found, as JSON; none is how it should be. They are of one statement each, so that each sees one
state of the ledger; the reconciliation runs them all in one snapshot.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

#: Kind of discrepancy → the query that finds it.
CHECKS = {
    "balance": """
        SELECT b.account_id AS account, b.amount AS balance, coalesce(e.amount, 0)::bigint AS sum_of_entries, b.entries,
            coalesce(e.entries, 0) AS entries_found
        FROM balances b LEFT JOIN (
            SELECT account_id, sum(amount) AS amount, count(*) AS entries, max(sequence) AS newest
            FROM entries GROUP BY account_id
        ) e ON e.account_id = b.account_id
        WHERE b.amount <> coalesce(e.amount, 0) OR b.entries <> coalesce(e.entries, 0) OR e.newest <> b.entries
        ORDER BY b.account_id
    """,
    "no_balance": """
        SELECT e.account_id AS account, sum(e.amount)::bigint AS sum_of_entries, count(*) AS entries_found FROM entries e
        WHERE NOT EXISTS (SELECT 1 FROM balances b WHERE b.account_id = e.account_id)
        GROUP BY e.account_id ORDER BY e.account_id
    """,
    "running_balance": """
        SELECT account_id AS account, sequence FROM (
            SELECT account_id, sequence, amount, balance_after,
                lag(balance_after, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY sequence) AS before
            FROM entries
        ) e WHERE before + amount <> balance_after ORDER BY account_id, sequence
    """,
    "order_of_time": """
        SELECT account_id AS account, sequence FROM (
            SELECT account_id, sequence, created_at, lag(created_at) OVER (PARTITION BY account_id ORDER BY sequence) AS before
            FROM entries
        ) e WHERE before > created_at ORDER BY account_id, sequence
    """,
    "transaction": """
        SELECT t.id AS transaction, coalesce(sum(e.amount), 0)::bigint AS sum, count(e.account_id) AS entries
        FROM transactions t LEFT JOIN entries e ON e.transaction_id = t.id
        GROUP BY t.id HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.account_id) < 2 ORDER BY t.id
    """,
    "total": "SELECT sum(amount)::bigint AS sum FROM entries HAVING sum(amount) <> 0",
    "currency": """
        SELECT e.transaction_id AS transaction FROM entries e JOIN accounts a ON a.id = e.account_id
        GROUP BY e.transaction_id HAVING min(a.currency) <> max(a.currency) ORDER BY e.transaction_id
    """,
    "below_zero": """
        SELECT account_id AS account, amount, held FROM balances WHERE (bounded AND amount < held) OR held < 0
    """,
    "held": """
        SELECT b.account_id AS account, b.held, coalesce(p.remaining, 0)::bigint AS sum_of_parts
        FROM balances b FULL JOIN (
            SELECT account_id, sum(remaining) AS remaining FROM hold_parts WHERE remaining > 0 GROUP BY account_id
        ) p ON p.account_id = b.account_id WHERE coalesce(b.held, 0) <> coalesce(p.remaining, 0)
    """,
    "hold": """
        SELECT h.id AS hold, h.amount, p.amount AS parts, p.remaining, coalesce(c.captured, 0)::bigint AS captured,
            coalesce(e.released, 0) AS released
        FROM holds h LEFT JOIN hold_ends e ON e.hold_id = h.id
        LEFT JOIN (
            SELECT hold_id, sum(amount)::bigint AS amount, sum(remaining)::bigint AS remaining FROM hold_parts GROUP BY hold_id
        ) p ON p.hold_id = h.id
        LEFT JOIN (
            SELECT t.hold_id, -sum(x.amount) AS captured FROM transactions t JOIN entries x ON x.transaction_id = t.id
            WHERE t.hold_id IS NOT NULL AND x.amount < 0 GROUP BY t.hold_id
        ) c ON c.hold_id = h.id
        WHERE p.amount IS DISTINCT FROM h.amount OR (e.hold_id IS NULL) <> (p.remaining > 0)
            OR h.amount <> p.remaining + coalesce(c.captured, 0) + coalesce(e.released, 0)
        ORDER BY h.id
    """,
    "receivable": """
        SELECT r.owed, -a.amount AS entered FROM
            (SELECT coalesce(sum(amount - recovered), 0)::bigint AS owed FROM receivables) r,
            (SELECT coalesce(sum(b.amount), 0)::bigint AS amount FROM balances b JOIN accounts a ON a.id = b.account_id
             WHERE a.bucket = 'receivable') a
        WHERE r.owed <> -a.amount
    """,
}


#: The same of what was entered since a moment.
RECENT = {
    "balance": """
        SELECT n.account_id AS account, b.amount AS balance, e.balance_after, b.entries, n.sequence AS newest
        FROM (
            SELECT account_id, max(sequence) AS sequence FROM entries WHERE created_at >= :since GROUP BY account_id
        ) n JOIN entries e ON e.account_id = n.account_id AND e.sequence = n.sequence
        LEFT JOIN balances b ON b.account_id = n.account_id
        WHERE b.amount IS DISTINCT FROM e.balance_after OR b.entries IS DISTINCT FROM n.sequence ORDER BY n.account_id
    """,
    "running_balance": """
        SELECT e.account_id AS account, e.sequence FROM entries e
        LEFT JOIN entries p ON p.account_id = e.account_id AND p.sequence = e.sequence - 1
        WHERE e.created_at >= :since AND (
            coalesce(p.balance_after, 0) + e.amount <> e.balance_after OR p.created_at > e.created_at
            OR (p.account_id IS NULL AND e.sequence > 1)
        ) ORDER BY e.account_id, e.sequence
    """,
    "transaction": """
        SELECT n.id AS transaction, sum(e.amount)::bigint AS sum, count(*) AS entries
        FROM (SELECT DISTINCT transaction_id AS id FROM entries WHERE created_at >= :since) n
        JOIN entries e ON e.transaction_id = n.id GROUP BY n.id HAVING sum(e.amount) <> 0 OR count(*) < 2 ORDER BY n.id
    """,
}


async def found(session: AsyncSession, limit: int, since: datetime | None = None) -> list[dict[str, Any]]:
    """At most `limit` discrepancies of each kind, of all entries or of those since a moment."""
    discrepancies = []
    for kind, query in (CHECKS if since is None else RECENT).items():
        statement = text(f"SELECT row_to_json(f)::text AS found FROM ({query}) f LIMIT :limit")  # noqa: S608 - ours
        values: dict[str, Any] = {"limit": limit}
        if since is not None:
            statement = statement.bindparams(bindparam("since", type_=DateTime(timezone=True)))
            values["since"] = since
        discrepancies += [{"kind": kind, **json.loads(row.found)} for row in await session.execute(statement, values)]
    return discrepancies


async def recent_totals(session: AsyncSession, since: datetime) -> tuple[int, int]:
    """How many accounts moved since a moment, and how many entries they have since then."""
    statement = text("SELECT count(DISTINCT account_id), count(*) FROM entries WHERE created_at >= :since")
    row = (
        await session.execute(statement.bindparams(bindparam("since", type_=DateTime(timezone=True))), {"since": since})
    ).one()
    return int(row[0]), int(row[1])
