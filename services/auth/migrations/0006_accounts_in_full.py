"""Phones, verified contacts, states of an account, devices, second factors, flows, security events, exclusions, mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.common import tables
from services.common.grants import grant

revision = "0006"
down_revision = "0005"

_moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    _accounts()
    _sessions()
    _factors()
    op.create_table(
        "flows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("expires_at", _moment, nullable=False),
        sa.Column("used_at", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_flows_user_id"),
    )
    op.create_index("ix_flows_digest", "flows", ["digest"])
    op.create_index("ix_flows_user_id_kind", "flows", ["user_id", "kind"])
    op.create_index("ix_flows_expires_at", "flows", ["expires_at"])
    grant("flows", "UPDATE", columns=["attempts", "used_at"])
    grant("flows", "DELETE")
    _security_events()
    op.create_table(
        "exclusions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("begins_at", _moment, nullable=False),
        sa.Column("ends_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exclusions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_exclusions_user_id"),
        sa.CheckConstraint("kind IN ('time-out', 'self-exclusion')", name=op.f("ck_exclusions_kind")),
        sa.CheckConstraint("ends_at > begins_at", name=op.f("ck_exclusions_period")),
    )
    op.create_index("ix_exclusions_user_id_ends_at", "exclusions", ["user_id", "ends_at"])
    tables.outbox()


def _accounts() -> None:
    for column in ("email_digest", "email_sealed", "password_hash"):
        op.alter_column("users", column, nullable=True)
    for name, kind in (
        ("phone_digest", sa.LargeBinary()),
        ("phone_sealed", sa.LargeBinary()),
        ("email_verified_at", _moment),
        ("phone_verified_at", _moment),
        ("closes_at", _moment),
        ("birth_date", sa.Date()),
    ):
        op.add_column("users", sa.Column(name, kind))
    op.add_column("users", sa.Column("state", sa.Text(), nullable=False, server_default="active"))
    op.add_column("users", sa.Column("roles", ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.create_unique_constraint("uq_users_phone_digest", "users", ["phone_digest"])
    op.create_check_constraint("state", "users", "state IN ('active', 'frozen', 'closing', 'closed')")
    op.create_check_constraint(
        "contact", "users", "state = 'closed' OR email_digest IS NOT NULL OR phone_digest IS NOT NULL"
    )
    op.create_index("ix_users_closes_at", "users", ["closes_at"], postgresql_where=sa.text("closes_at IS NOT NULL"))
    changing = [
        "email_digest",
        "email_sealed",
        "phone_digest",
        "phone_sealed",
        "email_verified_at",
        "phone_verified_at",
    ]
    grant("users", "UPDATE", columns=[*changing, "closes_at", "birth_date", "state", "roles"])


def _sessions() -> None:
    op.add_column("sessions", sa.Column("agent", sa.Text(), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("network", sa.Text(), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("last_seen_at", _moment))
    op.add_column("sessions", sa.Column("amr", ARRAY(sa.Text()), nullable=False, server_default="{pwd}"))
    op.add_column("sessions", sa.Column("acr", sa.Text(), nullable=False, server_default="aal1"))
    op.add_column("sessions", sa.Column("authenticated_at", _moment))
    op.create_index(
        "ix_sessions_revoked_at", "sessions", ["revoked_at"], postgresql_where=sa.text("revoked_at IS NOT NULL")
    )
    grant("sessions", "UPDATE", columns=["last_seen_at", "amr", "acr", "authenticated_at"])


def _factors() -> None:
    op.create_table(
        "totp",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("confirmed_at", _moment),
        sa.Column("last_step", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_totp_user_id"),
    )
    grant("totp", "UPDATE", columns=["secret_sealed", "created_at", "confirmed_at", "last_step"])
    grant("totp", "DELETE")
    op.create_table(
        "passkeys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("last_used_at", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_passkeys_user_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    grant("passkeys", "UPDATE", columns=["sign_count", "last_used_at"])
    grant("passkeys", "DELETE")
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("used_at", _moment),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id"),
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    grant("recovery_codes", "UPDATE", columns=["used_at"])
    grant("recovery_codes", "DELETE")
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject_digest", name="pk_identities"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_identities_user_id"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    grant("identities", "DELETE")


def _security_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", _moment, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("detail", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_events"),
    )
    op.create_index("ix_security_events_user_id_id", "security_events", ["user_id", "id"])
    # Append-only, by a trigger besides the rights: only what concerns no account (guesses at unknown names) is ever deleted.
    op.execute("""
        CREATE FUNCTION security_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND OLD.user_id IS NULL THEN RETURN OLD; END IF;
            RAISE EXCEPTION 'security events are append-only';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER security_events_stay BEFORE UPDATE OR DELETE ON security_events
        FOR EACH ROW EXECUTE FUNCTION security_events_stay()
    """)
    grant("security_events", "DELETE")
