"""Auth's queries about flows and second factors. What may happen once is one conditional UPDATE."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import Flow, Identity, Passkey, RecoveryCode, Totp

_FORGET_BATCH = 5000


async def use_flow(session: AsyncSession, kind: str, digest: bytes, now: datetime) -> Flow | None:
    """Finish a flow: of any number of presenters exactly one gets it. None for all others, and when it has expired."""
    used = (
        update(Flow)
        .where(Flow.kind == kind, Flow.digest == digest, Flow.used_at.is_(None), Flow.expires_at > now)
        .values(used_at=now)
        .returning(Flow)
    )
    return (await session.scalars(used)).one_or_none()


_TRY = text("""
    UPDATE flows SET attempts = attempts + 1 WHERE id = (
        SELECT id FROM flows WHERE user_id = :user AND kind = :kind ORDER BY id DESC LIMIT 1 FOR UPDATE
    ) AND used_at IS NULL AND expires_at > :now AND attempts < :most
    RETURNING id
""")


async def try_code(session: AsyncSession, user_id: UUID, kind: str, now: datetime, most: int) -> Flow | None:
    """Count an attempt at the newest flow of that kind; None where there is none that could be finished."""
    row = (await session.execute(_TRY, {"user": user_id, "kind": kind, "now": now, "most": most})).one_or_none()
    return await session.get(Flow, row.id, populate_existing=True) if row else None


async def use_newest(session: AsyncSession, flow_id: UUID, now: datetime) -> None:
    """A code was right: it is used."""
    await session.execute(update(Flow).where(Flow.id == flow_id).values(used_at=now))


async def void_flows(session: AsyncSession, user_id: UUID, kind: str, now: datetime) -> None:
    """Nothing of that kind that was begun for the person can be finished any more."""
    begun = (Flow.user_id == user_id, Flow.kind == kind, Flow.used_at.is_(None))
    await session.execute(update(Flow).where(*begun).values(used_at=now))


async def forget_flows(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of flows that expired before that moment; returns how many."""
    old = select(Flow.id).where(Flow.expires_at < before).limit(_FORGET_BATCH).with_for_update(skip_locked=True)
    return (await session.execute(delete(Flow).where(Flow.id.in_(old)))).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def totp_of(session: AsyncSession, user_id: UUID) -> Totp | None:
    """A person's authenticator app, confirmed or not."""
    return await session.get(Totp, user_id, populate_existing=True)


async def begin_totp(session: AsyncSession, row: Totp) -> bool:
    """Store a secret that is not confirmed yet, in the place of one that never was; False if there is a confirmed one."""
    values = {"secret_sealed": row.secret_sealed, "created_at": row.created_at, "last_step": 0}
    statement = (
        insert(Totp)
        .values(user_id=row.user_id, **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values, where=Totp.confirmed_at.is_(None))
        .returning(Totp.user_id)
    )
    return await session.scalar(statement) is not None


async def take_step(session: AsyncSession, user_id: UUID, step: int, *, confirm: datetime | None = None) -> bool:
    """Take a code's time step, which has to be later than every one before; whether it was. `confirm` the app at that time."""
    wanted = Totp.confirmed_at.is_(None) if confirm is not None else Totp.confirmed_at.is_not(None)
    values = {"last_step": step} | ({"confirmed_at": confirm} if confirm is not None else {})
    taken = update(Totp).where(Totp.user_id == user_id, Totp.last_step < step, wanted).values(**values)
    return await session.scalar(taken.returning(Totp.user_id)) is not None


async def remove_totp(session: AsyncSession, user_id: UUID) -> bool:
    """Forget a person's app; whether there was one."""
    gone = delete(Totp).where(Totp.user_id == user_id).returning(Totp.user_id)
    return await session.scalar(gone) is not None


async def replace_recovery_codes(session: AsyncSession, user_id: UUID, digests: Sequence[bytes], now: datetime) -> None:
    """Give a person new recovery codes; the old ones are good no more."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"digest": digest, "user_id": user_id, "created_at": now} for digest in digests]
    await session.execute(insert(RecoveryCode), rows)


async def use_recovery_code(session: AsyncSession, user_id: UUID, digest: bytes, now: datetime) -> bool:
    """Use a code, once; whether it was good."""
    good = (RecoveryCode.user_id == user_id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
    used = update(RecoveryCode).where(*good).values(used_at=now).returning(RecoveryCode.user_id)
    return await session.scalar(used) is not None


async def recovery_codes_left(session: AsyncSession, user_id: UUID) -> int:
    """How many codes a person has not used."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return int(await session.scalar(left) or 0)


async def remove_recovery_codes(session: AsyncSession, user_id: UUID) -> None:
    """Forget a person's codes."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


async def passkeys_of(session: AsyncSession, user_id: UUID) -> Sequence[Passkey]:
    """A person's passkeys, the oldest first."""
    return (await session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.created_at))).all()


async def passkey(session: AsyncSession, credential: bytes) -> Passkey | None:
    """The passkey of that id."""
    return await session.get(Passkey, credential, populate_existing=True)


async def add_passkey(session: AsyncSession, row: Passkey) -> bool:
    """Store a passkey; False if there is one of that id."""
    values = {column.key: getattr(row, column.key) for column in Passkey.__table__.columns}
    return (
        await session.scalar(insert(Passkey).values(**values).on_conflict_do_nothing().returning(Passkey.id))
        is not None
    )


async def use_passkey(session: AsyncSession, row: Passkey, sign_count: int, now: datetime) -> bool:
    """Note a passkey's use, unless somebody else has used it with that counter meanwhile; whether it was noted."""
    same = (Passkey.id == row.id, Passkey.sign_count == row.sign_count)
    used = update(Passkey).where(*same).values(sign_count=sign_count, last_used_at=now).returning(Passkey.id)
    return await session.scalar(used) is not None


async def remove_passkey(session: AsyncSession, user_id: UUID, credential: bytes) -> bool:
    """Forget a passkey of a person; whether there was one."""
    gone = delete(Passkey).where(Passkey.id == credential, Passkey.user_id == user_id).returning(Passkey.id)
    return await session.scalar(gone) is not None


async def factors_of(session: AsyncSession, user_id: UUID) -> frozenset[str]:
    """What second factors a person has: `totp`, `passkey`, and `recovery` where codes are left."""
    row = (await session.execute(_FACTORS, {"user": user_id})).one()
    return frozenset(name for name in ("totp", "passkey", "recovery") if getattr(row, name))


_FACTORS = text("""
    SELECT EXISTS (SELECT FROM totp WHERE user_id = :user AND confirmed_at IS NOT NULL) AS totp,
           EXISTS (SELECT FROM passkeys WHERE user_id = :user) AS passkey,
           EXISTS (SELECT FROM recovery_codes WHERE user_id = :user AND used_at IS NULL) AS recovery
""")


async def identity(session: AsyncSession, issuer: str, subject: bytes) -> Identity | None:
    """Whom a provider means by `subject`."""
    return await session.get(Identity, (issuer, subject), populate_existing=True)


async def add_identity(session: AsyncSession, row: Identity) -> bool:
    """Link a person with a provider's subject; False if that is linked already."""
    values = {column.key: getattr(row, column.key) for column in Identity.__table__.columns}
    statement = insert(Identity).values(**values).on_conflict_do_nothing().returning(Identity.user_id)
    return await session.scalar(statement) is not None
