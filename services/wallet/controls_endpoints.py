"""Over HTTP: players' limits; freezes, adjustments, reports (staff); comparisons with providers and tax (from inside)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from services.common import callers
from services.common.callers import Player, may, needs
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.permissions import Permission
from services.common.postgres import InTransaction, Reading
from services.common.tokens import Caller
from services.wallet import controls, service, withholding
from services.wallet.controls_schemas import (
    AdjustmentRequest,
    AdjustmentView,
    DecisionRequest,
    DepositCheckRequest,
    DepositCheckView,
    ExclusionRequest,
    FreezeRequest,
    FreezeView,
    LiftRequest,
    LimitRequest,
    LimitsView,
    ReconcileRequest,
    ReconcileView,
)
from services.wallet.dependencies import Known
from services.wallet.errors import WalletCode
from services.wallet.schemas import Reconciliation
from services.wallet.tax_schemas import CertificateView, DeductionView, WithholdRequest

router = APIRouter(prefix="/wallet", tags=["limits"])
staff = APIRouter(prefix="/wallet/staff", tags=["staff"])
internal = APIRouter(prefix="/wallet/internal", tags=["controls"], dependencies=[Depends(callers.inside)])

Guard = Annotated[Caller, Depends(may(Permission.FREEZE_MONEY, step_up=True))]
Proposer = Annotated[Caller, Depends(may(Permission.PROPOSE_ADJUSTMENTS, step_up=True))]
Approver = Annotated[Caller, Depends(may(Permission.APPROVE_ADJUSTMENTS, step_up=True))]
Auditor = Annotated[Caller, Depends(may(Permission.AUDIT_WALLET))]
Settler = Annotated[Caller, Depends(needs("wallet:settle"))]
Taxer = Annotated[Caller, Depends(needs("wallet:tax"))]
Reader = Annotated[Caller, Depends(needs("wallet:read"))]

REFUSALS = (Code.NOT_FOUND, *callers.REFUSALS)
ACTS = callers.STEP_UP_REFUSALS


@router.get("/limits", responses=responses(*callers.REFUSALS))
async def read_limits(player: Player, reads: Reading, clock: Now) -> LimitsView:
    """The caller's limits, and how much of each is used."""
    return await controls.read_limits(reads, clock, player)


@router.put("/limits", responses=responses(*callers.REFUSALS))
async def set_limit(body: LimitRequest, player: Player, transaction: InTransaction, clock: Now) -> LimitsView:
    """Set a limit: lowered at once, raised or removed after seven days."""
    return await controls.set_limit(transaction, clock, player, body)


@router.post("/play-time", responses=responses(*callers.REFUSALS))
async def play(player: Player, transaction: InTransaction, clock: Now) -> LimitsView:
    """Count this minute as played: a client asks once a minute while its player plays. Asked again, it counts once."""
    return await controls.play(transaction, clock, player)


@router.post("/exclusions", responses=responses(*callers.REFUSALS))
async def exclude(body: ExclusionRequest, player: Player, transaction: InTransaction, clock: Now) -> LimitsView:
    """Do not play for so many days; it cannot be taken back."""
    return await controls.exclude(transaction, clock, player, body)


@internal.post("/limits/deposits", responses=responses(*REFUSALS))
async def may_deposit(body: DepositCheckRequest, caller: Reader, reads: Reading, clock: Now) -> DepositCheckView:
    """Whether a player may pay so much in, for who takes deposits, before it does; needs the scope `wallet:read`."""
    return await controls.may_deposit(reads, clock, body)


@internal.get("/limits/{player_id}", responses=responses(*REFUSALS))
async def read_limits_of(player_id: UUID, caller: Reader, reads: Reading, clock: Now) -> LimitsView:
    """A player's limits, for who takes deposits or counts time; needs the scope `wallet:read`."""
    return await controls.read_limits(reads, clock, player_id)


@staff.post("/freezes", responses=responses(WalletCode.ID_REUSED, *ACTS))
async def freeze(
    body: FreezeRequest, caller: Guard, reads: Reading, transaction: InTransaction, accounts: Known, clock: Now
) -> FreezeView:
    """Freeze what a player has; needs the permission `wallet:freeze`."""
    return await controls.freeze(reads, transaction, accounts, clock, caller, body)


@staff.post("/freezes/{freeze_id}/lift", responses=responses(WalletCode.FREEZE_UNKNOWN, *ACTS))
async def lift(
    freeze_id: UUID, body: LiftRequest, caller: Guard, transaction: InTransaction, clock: Now
) -> FreezeView:  # fmt: skip
    """End a freeze; needs the permission `wallet:freeze`."""
    return await controls.lift(transaction, clock, caller, freeze_id, body.reason)


@staff.post("/adjustments", responses=responses(WalletCode.ID_REUSED, *ACTS))
async def propose_adjustment(
    body: AdjustmentRequest, caller: Proposer, transaction: InTransaction, clock: Now
) -> AdjustmentView:
    """Propose a correction, with its reason; needs the permission `wallet:adjust`."""
    return await controls.propose(transaction, clock, caller, body)


@staff.post(
    "/adjustments/{adjustment_id}/decision",
    responses=responses(
        WalletCode.ADJUSTMENT_UNKNOWN, WalletCode.OWN_ADJUSTMENT, WalletCode.ADJUSTMENT_DECIDED,
        WalletCode.INSUFFICIENT_FUNDS, *ACTS,
    ),
)  # fmt: skip
async def decide_adjustment(
    adjustment_id: UUID, body: DecisionRequest, caller: Approver, reads: Reading, transaction: InTransaction,
    accounts: Known, clock: Now,
) -> AdjustmentView:  # fmt: skip
    """Approve a correction of somebody else's, or turn it down; needs the permission `wallet:approve`."""
    return await controls.decide(reads, transaction, accounts, clock, caller, adjustment_id, body)


@staff.get("/reconciliation", responses=responses(WalletCode.NOT_YET_RECONCILED, *callers.REFUSALS))
async def reconciliation(caller: Auditor, session: Session) -> Reconciliation:
    """The newest report of the reconciliation; needs the permission `wallet:audit`."""
    return await service.newest_reconciliation(session)


@internal.post("/payment-reconciliations", responses=responses(*REFUSALS))
async def reconcile_payments(
    body: ReconcileRequest, caller: Settler, transaction: InTransaction, clock: Now
) -> ReconcileView:
    """Compare a provider's records with ours; needs the scope `wallet:settle`."""
    return await controls.reconcile_payments(transaction, clock, body)


@internal.post(
    "/tax/withholdings",
    responses=responses(WalletCode.ID_REUSED, WalletCode.INSUFFICIENT_FUNDS, WalletCode.ACCOUNT_FROZEN, *REFUSALS),
)
async def withhold(
    body: WithholdRequest, caller: Taxer, reads: Reading, transaction: InTransaction, accounts: Known, clock: Now
) -> DeductionView:
    """Withhold India's tax on a withdrawal, or at a year's end; needs the scope `wallet:tax`."""
    return await withholding.withhold(reads, transaction, accounts, clock, caller, body)


@internal.get("/tax/{player_id}/{year}", responses=responses(*REFUSALS))
async def read_certificate(
    player_id: UUID, year: Annotated[int, Path(ge=2023, le=2100)], caller: Taxer, reads: Reading, clock: Now
) -> CertificateView:
    """What a player's certificate of a tax year says; needs the scope `wallet:tax`."""
    return await withholding.certificate(reads, clock, player_id, year)
