"""The tables of kyc: a case for each player, what was handed in, consents, reviews; decisions and looks, which never change."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.events.subscription import EventOffset
from services.common.job_runs import JobRun
from services.common.outbox import OutboxMessage

_NONE = text("'{}'")

_OPEN = text("state IN ('preparing', 'awaiting', 'answered')")


class Base(database.Base):
    """Base of kyc's models."""

    __abstract__ = True
    metadata = database.metadata()


class Case(Base):
    """A player's. `data_key` is the wrapped key of all that is known of them; without it nothing of that opens.

    `closed_at`: since when the player's account is closed; `erased_at`: since when nothing is known of them any more.
    `notice_at`: when it was decided to inform the player that they are going to be, `informed_at`: when that was done.
    `challenge`: gestures that were drawn for a selfie, until one is handed in with them.
    """

    __tablename__ = "cases"

    player_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    level: Mapped[str]
    data_key: Mapped[bytes | None]
    opened_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    notice_at: Mapped[datetime | None]
    informed_at: Mapped[datetime | None]
    challenge: Mapped[UUID | None]
    challenge_gestures: Mapped[list[str] | None] = mapped_column(ARRAY(Text()))
    challenge_until: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_cases_over", "expires_at", postgresql_where=text("level <> 'none'")),
        Index(
            "ix_cases_erasable",
            "opened_at",
            postgresql_where=text("erased_at IS NULL AND (level = 'none' OR closed_at IS NOT NULL)"),
        ),
        Index("ix_cases_erased", "erased_at", postgresql_where=text("erased_at IS NOT NULL")),
    )


class Item(Base):
    """Something that a player handed in. `digest` finds the same document of another player; `shown` is what anyone may see.

    `digest_by`: by which secret it is, `digest_kept`: it stays by that one, as another player is verified by the same document.
    `confirm_until`: how long a provider's answer is waited for; `confirmed_by`: the provider's reference of its answer.
    """

    __tablename__ = "items"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(ForeignKey("cases.player_id", name="fk_items_player_id"))
    kind: Mapped[str]
    state: Mapped[str]
    digest: Mapped[bytes]
    shown: Mapped[str]
    findings: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=_NONE)
    created_at: Mapped[datetime]
    digest_by: Mapped[bytes | None]
    digest_kept: Mapped[bool] = mapped_column(server_default=text("false"))
    confirm_until: Mapped[datetime | None]
    confirmed_by: Mapped[str | None]

    __table_args__ = (
        Index("ix_items_confirming", "confirm_until", postgresql_where=text("state = 'confirming'")),
        Index("ix_items_player_id", "player_id", "created_at"),
        Index("ix_items_digest", "kind", "digest"),
        Index("ix_items_not_taken", "created_at", postgresql_where=text("state IN ('rejected', 'resubmit')")),
        Index("uq_items_verified", "kind", "digest", unique=True, postgresql_where=text("state = 'verified'")),
    )


class SealedField(Base):
    """A value of an item, encrypted with the player's key."""

    __tablename__ = "sealed_fields"

    item_id: Mapped[UUID] = mapped_column(ForeignKey("items.id", name="fk_sealed_fields_item_id"))
    name: Mapped[str]
    sealed: Mapped[bytes]

    __table_args__ = (PrimaryKeyConstraint("item_id", "name"),)


class Document(Base):
    """A picture that a player sends: announced, sent to S3, handed in with an item, read. `sha256`: of the file announced.

    `place`: among the pictures of its item. `swept`: what its
    URL may have brought after it was read or given up is deleted, too.
    """

    __tablename__ = "documents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(ForeignKey("cases.player_id", name="fk_documents_player_id"))
    kind: Mapped[str]
    state: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes]
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("items.id", name="fk_documents_item_id"))
    masked: Mapped[bool]
    created_at: Mapped[datetime]
    place: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    swept: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        Index("ix_documents_item_id", "item_id"),
        Index("ix_documents_player_id", "player_id"),
        Index("uq_documents_awaited", "player_id", "sha256", unique=True, postgresql_where=text("state = 'awaited'")),
        Index("ix_documents_awaited", "created_at", postgresql_where=text("state = 'awaited'")),
        Index("ix_documents_unswept", "created_at", postgresql_where=text("NOT swept")),
    )


class DigilockerFlow(Base):
    """A player's way to DigiLocker and back, in one session. `code` and `verifier` are sealed until they were used."""

    __tablename__ = "digilocker_flows"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(
        ForeignKey("cases.player_id", name="fk_digilocker_flows_player_id", ondelete="CASCADE")
    )
    session: Mapped[str]
    state: Mapped[str]
    token_digest: Mapped[bytes]
    redirect: Mapped[str]
    created_at: Mapped[datetime]
    until: Mapped[datetime]
    code: Mapped[bytes | None]
    verifier: Mapped[bytes | None]
    reason: Mapped[str | None]

    __table_args__ = (
        Index("ix_digilocker_flows_player_id", "player_id"),
        Index("ix_digilocker_flows_until", "until", postgresql_where=text("state IN ('open', 'answered')")),
    )


class Signing(Base):
    """An agreement on its way to be signed; `id` is also eSign's transaction, and the item's that it becomes.

    Everything of the document and the request is None until the worker made them; `response` is sealed until it was looked at.
    """

    __tablename__ = "signings"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(
        ForeignKey("cases.player_id", name="fk_signings_player_id", ondelete="CASCADE")
    )
    version: Mapped[str]
    state: Mapped[str]
    answer_to: Mapped[str]
    created_at: Mapped[datetime]
    until: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    digest: Mapped[bytes | None]
    place_start: Mapped[int | None]
    place_end: Mapped[int | None]
    request: Mapped[str | None]
    response: Mapped[bytes | None]
    responses: Mapped[int]
    reason: Mapped[str | None]

    __table_args__ = (
        Index("ix_signings_player_id", "player_id"),
        Index("uq_signings_open", "player_id", unique=True, postgresql_where=_OPEN),
        Index("ix_signings_until", "until", postgresql_where=_OPEN),
    )


class Consent(Base):
    """A player agreed to a text, or took that back. Append-only."""

    __tablename__ = "consents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(ForeignKey("cases.player_id", name="fk_consents_player_id"))
    purpose: Mapped[str]
    version: Mapped[str]
    given: Mapped[bool]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_consents_player_id", "player_id", "purpose", "at"),)


class Review(Base):
    """An item that waits for a person; `proposed_by` wants it approved against a failed check, and a second person decides.

    `checks`: who decided on the item before, where this is a second decision that was drawn (`quality`).
    """

    __tablename__ = "reviews"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("items.id", name="fk_reviews_item_id"))
    player_id: Mapped[UUID]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    proposed_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    checks: Mapped[str | None]

    __table_args__ = (
        Index("uq_reviews_open", "item_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("ix_reviews_queue", "due_at", postgresql_where=text("closed_at IS NULL")),
    )


class Decision(Base):
    """What was decided of a case, by whom (`system`, or a person's id), why, and what it led to. Append-only."""

    __tablename__ = "decisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    item_id: Mapped[UUID | None]
    actor: Mapped[str]
    outcome: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    state: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_decisions_player_id", "player_id", "at"),)


class Look(Base):
    """Someone of staff was shown what is sealed: who, which fields, whole or masked. Append-only."""

    __tablename__ = "looks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    item_id: Mapped[UUID]
    actor: Mapped[str]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    at: Mapped[datetime]

    __table_args__ = (Index("ix_looks_player_id", "player_id", "at"),)


class RetentionRule(Base):
    """How long something is kept, by which law, where that was read and when. Only migrations change it."""

    __tablename__ = "retention_rules"

    name: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[timedelta]
    law: Mapped[str]
    source: Mapped[str]
    read_on: Mapped[date]


METADATA = (Base.metadata, OutboxMessage.metadata, JobRun.metadata, EventOffset.metadata)
