"""Tax withheld: computed and moved to what is owed to the state, one player at a time; a year's certificate."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from uuid import UUID, uuid5

from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.postgres import Reads, Transaction
from services.common.tokens import Caller
from services.wallet import ledger, movements, tax, tax_repository
from services.wallet.accounts_repository import AccountIndex
from services.wallet.errors import WalletCode
from services.wallet.kinds import KINDS
from services.wallet.ledger import SHARDS, Statements, digest, house
from services.wallet.refusals import done
from services.wallet.tax_schemas import CertificateView, DeductionView, WithholdRequest

#: Ids of what is deducted at a year's end: one for each player and year, whoever tries and how often.
_YEARS_ENDS = UUID("5f3a0c7e-8d14-5f0b-9a55-2f1d6f0e7c31")

#: Players whose year is closed in one batch.
PLAYERS_AT_ONCE = 100

log = logging.getLogger(__name__)


async def withhold(
    reads: Reads, transaction: Transaction, accounts: AccountIndex, clock: Clock, caller: Caller, asked: WithholdRequest
) -> DeductionView:
    """Withhold the tax on a withdrawal, or at the year's end; the payout is then of what is left.

    A payout that comes to nothing gives it back by a reversal of the movement. Raises ServiceError (id_reused,
    insufficient_funds, account_frozen).
    """
    buckets = [(asked.player, take.role.value) for take in KINDS["tds"].takes]
    known = await accounts.have(reads, buckets)
    await tax_repository.take_turn(transaction, asked.player)
    before = await tax_repository.found(transaction, asked.id)
    if before is not None:
        if (before["player_id"], before["amount"], before["occasion"]) != (asked.player, asked.amount, asked.occasion):
            raise ServiceError(WalletCode.ID_REUSED, "This id came with another request before; use a new one.")
        return DeductionView.model_validate(
            {name: before[name] for name in DeductionView.model_fields if name in before}
        )
    now = clock.now()
    # The end of a year is taken after it: what is asked for then is the year that has ended.
    year = tax.tax_year(now) - (asked.occasion == "year_end")
    bounds = tax.bounds(year)
    month = now.astimezone(tax.IST).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    figures = dict(await tax_repository.year_of(transaction, asked.player, year, bounds, month))
    closing = figures.pop("closing")
    state = tax.Year(**figures)
    if asked.occasion == "year_end":
        step = tax.at_years_end(state, closing, bounds[1].date())
    else:
        step = tax.at_withdrawal(state, asked.amount, now.astimezone(tax.IST).date())
    if step.tax:
        item = ledger.move(
            id=asked.id,
            kind="tds",
            by=caller.subject,
            hash=digest(caller.subject, asked),
            sources=movements.sources(KINDS["tds"].takes, step.tax, known),
            destinations=[(house("tds_payable", asked.id.int % SHARDS), step.tax)],
            note=step.section,
        )
        (outcome,) = await ledger.post(transaction, [item], now)
        done(outcome)
    values = asked.player, year, asked.occasion, asked.amount, step.net, step.tax, step.section, now
    await tax_repository.keep(transaction, asked.id, *values)
    return DeductionView(
        id=asked.id, year=year, occasion=asked.occasion, amount=asked.amount, net=step.net, tax=step.tax, section=step.section
    )  # fmt: skip


async def close_years(statements: Statements, clock: Clock, most: int) -> int:
    """Take the tax of the year that has ended from at most `most` players, in one batch; how many years were closed.

    The tax of a player who has less than that (it is held, or gone by now) stays open, is logged, and is tried again.
    """
    now = clock.now()
    year = tax.tax_year(now) - 1
    bounds = tax.bounds(year)
    players = await tax_repository.open_years(statements, year, bounds, most)
    items, steps = [], {}
    for player in sorted(players):
        await tax_repository.take_turn(statements, player)
        figures = dict(await tax_repository.year_of(statements, player, year, bounds, bounds[1]))
        closing = figures.pop("closing")
        step = tax.at_years_end(tax.Year(**figures), closing, (bounds[1] - timedelta(days=1)).date())
        deduction = uuid5(_YEARS_ENDS, f"{player} {year}")
        steps[deduction] = player, step
        if step.tax:
            takes = [take for take in KINDS["tds"].takes if take.role.value in players[player]]
            items.append(
                ledger.move(
                    id=deduction,
                    kind="tds",
                    by="wallet",
                    hash=hashlib.sha256(f"{player} {year}".encode()).digest(),
                    sources=movements.sources(takes, step.tax, [players[player][take.role.value] for take in takes]),
                    destinations=[(house("tds_payable", deduction.int % SHARDS), step.tax)],
                    note=step.section,
                )
            )
    outcomes = await ledger.post(statements, items, now) if items else []
    refused = {item.id for item, outcome in zip(items, outcomes, strict=True) if not outcome.status.done}
    for deduction, (player, step) in steps.items():
        if deduction not in refused:
            values = player, year, "year_end", 0, step.net, step.tax, step.section, now
            await tax_repository.keep(statements, deduction, *values)
    if refused:
        log.error("tax of a year's end cannot be taken", extra={"year": year, "players": len(refused)})
    return len(steps) - len(refused)


async def certificate(reads: Reads, clock: Clock, player: UUID, year: int) -> CertificateView:
    """What the certificate of a player's tax year says, as far as the wallet knows it."""
    figures = dict(await tax_repository.year_of(reads, player, year, tax.bounds(year), clock.now()))
    figures.pop("taxed_this_month")
    return CertificateView(
        player=player,
        year=year,
        **figures,
        deductions=[
            DeductionView.model_validate({name: row[name] for name in DeductionView.model_fields if name in row})
            for row in await tax_repository.of_year(reads, player, year)
        ],
    )
