"""Auth over HTTP, for those who work here: each act needs a permission, and what changes something two factors just now."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.auth.errors import AuthCode
from services.auth.schemas import (
    AccountView,
    ContactRequest,
    ContactRolesRequest,
    Found,
    LettersRequest,
    LettersTaken,
    ReasonRequest,
    RolesRequest,
    SecurityEvents,
)
from services.auth.services import Auth
from services.auth.visitor import FromWhere
from services.common import callers
from services.common.callers import REFUSALS, STEP_UP_REFUSALS, may, needs
from services.common.database import Session
from services.common.errors import Code, responses
from services.common.permissions import Permission
from services.common.tokens import Caller

router = APIRouter(prefix="/auth/staff/accounts", tags=["staff"])
internal = APIRouter(prefix="/auth/internal", tags=["internal"], dependencies=[Depends(callers.inside)])

Reader = Annotated[Caller, Depends(may(Permission.READ_ACCOUNTS))]
EventReader = Annotated[Caller, Depends(may(Permission.READ_SECURITY_EVENTS))]
SessionEnder = Annotated[Caller, Depends(may(Permission.END_SESSIONS, step_up=True))]
Freezer = Annotated[Caller, Depends(may(Permission.FREEZE_ACCOUNTS, step_up=True))]
Granter = Annotated[Caller, Depends(may(Permission.GRANT_ROLES, step_up=True))]
Writer = Annotated[Caller, Depends(needs("auth:write-letters"))]
Operator = Annotated[Caller, Depends(needs("auth:employ"))]

READS = responses(Code.NOT_FOUND, *REFUSALS)
ACTS = responses(Code.NOT_FOUND, AuthCode.STATE_REFUSED, *STEP_UP_REFUSALS)


@router.post("/find", responses=READS)
async def find_account(body: ContactRequest, staff: Reader, auth: Auth, session: Session) -> Found:
    """The account of a contact."""
    return Found(id=await auth.staff.find(session, auth.contacts.digest(body.contact)))


@router.get("/{account}", responses=READS)
async def account(account: UUID, staff: Reader, auth: Auth, session: Session, visitor: FromWhere) -> AccountView:
    """An account, its contacts masked."""
    return await auth.staff.view(session, account, staff.subject, visitor)


@router.get("/{account}/events", responses=READS)
async def account_events(
    account: UUID,
    staff: EventReader,
    auth: Auth,
    session: Session,
    visitor: FromWhere,
    before: Annotated[UUID | None, Query()] = None,
) -> SecurityEvents:
    """What happened to an account, the newest first, without networks and devices."""
    return await auth.staff.events(session, account, before, staff.subject, visitor)


@router.post("/{account}/log-out", status_code=204, responses=ACTS)
async def log_out_account(
    account: UUID, body: ReasonRequest, staff: SessionEnder, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """End every session of an account."""
    await auth.staff.end_sessions(session, account, body.reason, staff.subject, visitor)


@router.post("/{account}/freeze", status_code=204, responses=ACTS)
async def freeze(
    account: UUID, body: ReasonRequest, staff: Freezer, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """Freeze an account: every session ends, and nobody logs in to it."""
    await auth.staff.freeze(session, account, body.reason, staff.subject, visitor)


@router.post("/{account}/unfreeze", status_code=204, responses=ACTS)
async def unfreeze(
    account: UUID, body: ReasonRequest, staff: Freezer, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """Undo that."""
    await auth.staff.unfreeze(session, account, body.reason, staff.subject, visitor)


@router.put("/{account}/roles", status_code=204, responses=ACTS)
async def set_roles(
    account: UUID, body: RolesRequest, staff: Granter, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """Give somebody all of these roles and no others."""
    await auth.staff.set_roles(session, account, body, staff.subject, visitor)


@internal.post("/roles", status_code=204, responses=responses(Code.NOT_FOUND, AuthCode.STATE_REFUSED, *REFUSALS))
async def operators_roles(
    body: ContactRolesRequest, client: Operator, auth: Auth, session: Session, visitor: FromWhere
) -> None:
    """The same by an operator's client, from inside of the platform: how the first admin comes to be one."""
    found = await auth.staff.find(session, auth.contacts.digest(body.contact))
    wanted = RolesRequest(roles=body.roles, reason=body.reason)
    await auth.staff.set_roles(session, found, wanted, client.subject, visitor)


@internal.post("/letters", responses=responses(Code.NOT_FOUND, *REFUSALS))
async def write_letters(body: LettersRequest, client: Writer, auth: Auth, session: Session) -> LettersTaken:
    """Write to players, each at most once for a `key`; needs the scope `auth:write-letters`. No verified address, no letter."""
    return LettersTaken(taken=await auth.notices.write(session, body.kind, body.key, body.about, body.accounts))
