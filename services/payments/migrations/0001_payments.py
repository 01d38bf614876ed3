"""Deposits, attempts, payments and refunds; payouts and instruments; prizes; webhooks; decisions; settlement reports.

Guaranteed by the database: a deposit has one payment that is credited; a provider's payment, dispute and line of a report are
there once; decisions, disputes' amounts and what reports say are never changed.
"""

from __future__ import annotations

from alembic import op

from services.common import tables
from services.common.grants import grant

revision = "0001"
down_revision = None

_SCHEMA = """
    CREATE TABLE decisions (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        activity TEXT NOT NULL,
        jurisdiction TEXT NOT NULL,
        amount BIGINT NOT NULL,
        allowed BOOLEAN NOT NULL,
        reason TEXT NOT NULL,
        version TEXT NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_decisions PRIMARY KEY (id)
    );
    CREATE INDEX ix_decisions_player_id_created_at ON decisions (player_id, created_at);
    CREATE TABLE deposits (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        amount BIGINT NOT NULL,
        jurisdiction TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        credited_at timestamptz,
        CONSTRAINT pk_deposits PRIMARY KEY (id),
        CONSTRAINT ck_deposits_amount CHECK (amount > 0)
    );
    CREATE INDEX ix_deposits_paid ON deposits (created_at) WHERE state = 'paid';
    CREATE INDEX ix_deposits_player_id_created_at ON deposits (player_id, created_at);
    CREATE TABLE disputes (
        provider TEXT NOT NULL,
        id TEXT NOT NULL,
        payment TEXT NOT NULL,
        amount BIGINT NOT NULL,
        status TEXT NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_disputes PRIMARY KEY (provider, id)
    );
    CREATE TABLE downtimes (
        provider TEXT NOT NULL,
        down BOOLEAN NOT NULL,
        asked_at timestamptz NOT NULL,
        CONSTRAINT pk_downtimes PRIMARY KEY (provider)
    );
    CREATE TABLE instruments (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        kind TEXT NOT NULL,
        shown TEXT NOT NULL,
        sealed BYTEA NOT NULL,
        digest BYTEA NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        verified_at timestamptz,
        verified_by TEXT,
        CONSTRAINT pk_instruments PRIMARY KEY (id),
        CONSTRAINT uq_instruments_player_id_digest UNIQUE (player_id, digest),
        CONSTRAINT ck_instruments_kind CHECK (kind IN ('vpa', 'bank'))
    );
    CREATE TABLE prizes (
        contest_id UUID NOT NULL,
        line TEXT NOT NULL,
        player_id UUID NOT NULL,
        amount BIGINT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_prizes PRIMARY KEY (contest_id, line),
        CONSTRAINT ck_prizes_amount CHECK (amount > 0)
    );
    CREATE INDEX ix_prizes_ordered ON prizes (created_at) WHERE state = 'ordered';
    CREATE TABLE reports (
        id UUID NOT NULL,
        provider TEXT NOT NULL,
        day DATE NOT NULL,
        lines BIGINT NOT NULL,
        fees BIGINT NOT NULL,
        taxes BIGINT NOT NULL,
        discrepancies JSONB NOT NULL,
        booked BOOLEAN DEFAULT false NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_reports PRIMARY KEY (id),
        CONSTRAINT uq_reports_provider_day UNIQUE (provider, day)
    );
    CREATE TABLE settled (
        provider TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        day DATE NOT NULL,
        amount BIGINT NOT NULL,
        fee BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        settlement TEXT NOT NULL,
        CONSTRAINT pk_settled PRIMARY KEY (provider, kind, id)
    );
    CREATE INDEX ix_settled_day ON settled (provider, day);
    CREATE TABLE webhooks (
        id UUID NOT NULL,
        provider TEXT NOT NULL,
        key TEXT NOT NULL,
        body TEXT NOT NULL,
        kind TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        received_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_webhooks PRIMARY KEY (id),
        CONSTRAINT uq_webhooks_provider_key UNIQUE (provider, key)
    );
    CREATE INDEX ix_webhooks_received_at ON webhooks (received_at);
    CREATE INDEX ix_webhooks_strange ON webhooks (received_at) WHERE state = 'strange';
    CREATE TABLE attempts (
        id UUID NOT NULL,
        deposit_id UUID NOT NULL,
        number BIGINT NOT NULL,
        provider TEXT NOT NULL,
        state TEXT NOT NULL,
        provider_order TEXT DEFAULT '' NOT NULL,
        checkout JSONB DEFAULT '{}' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        created_at timestamptz DEFAULT now() NOT NULL,
        expires_at timestamptz NOT NULL,
        next_look_at timestamptz,
        looks BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_attempts PRIMARY KEY (id),
        CONSTRAINT uq_attempts_deposit_id_number UNIQUE (deposit_id, number),
        CONSTRAINT fk_attempts_deposit_id FOREIGN KEY(deposit_id) REFERENCES deposits (id)
    );
    CREATE INDEX ix_attempts_next_look_at ON attempts (next_look_at) WHERE next_look_at IS NOT NULL;
    CREATE UNIQUE INDEX uq_attempts_provider_provider_order ON attempts (provider, provider_order) WHERE provider_order <> '';
    CREATE TABLE payouts (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        instrument_id UUID NOT NULL,
        amount BIGINT NOT NULL,
        jurisdiction TEXT NOT NULL,
        state TEXT NOT NULL,
        wallet TEXT DEFAULT '' NOT NULL,
        provider TEXT DEFAULT '' NOT NULL,
        provider_payout TEXT DEFAULT '' NOT NULL,
        utr TEXT DEFAULT '' NOT NULL,
        reason TEXT DEFAULT '' NOT NULL,
        decided_by TEXT,
        created_at timestamptz DEFAULT now() NOT NULL,
        next_look_at timestamptz,
        looks BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_payouts PRIMARY KEY (id),
        CONSTRAINT ck_payouts_amount CHECK (amount > 0),
        CONSTRAINT fk_payouts_instrument_id FOREIGN KEY(instrument_id) REFERENCES instruments (id)
    );
    CREATE INDEX ix_payouts_next_look_at ON payouts (next_look_at) WHERE next_look_at IS NOT NULL;
    CREATE INDEX ix_payouts_player_id_created_at ON payouts (player_id, created_at);
    CREATE INDEX ix_payouts_waiting ON payouts (created_at) WHERE state = 'waiting';
    CREATE TABLE payments (
        provider TEXT NOT NULL,
        id TEXT NOT NULL,
        attempt_id UUID NOT NULL,
        deposit_id UUID NOT NULL,
        amount BIGINT NOT NULL,
        role TEXT NOT NULL,
        fee BIGINT,
        tax BIGINT,
        frozen BOOLEAN DEFAULT false NOT NULL,
        settlement TEXT,
        created_at timestamptz DEFAULT now() NOT NULL,
        CONSTRAINT pk_payments PRIMARY KEY (provider, id),
        CONSTRAINT ck_payments_amount CHECK (amount > 0),
        CONSTRAINT ck_payments_role CHECK (role IN ('credit', 'surplus')),
        CONSTRAINT fk_payments_attempt_id FOREIGN KEY(attempt_id) REFERENCES attempts (id),
        CONSTRAINT fk_payments_deposit_id FOREIGN KEY(deposit_id) REFERENCES deposits (id)
    );
    CREATE INDEX ix_payments_created_at ON payments (created_at);
    CREATE INDEX ix_payments_deposit_id ON payments (deposit_id);
    CREATE UNIQUE INDEX uq_payments_credit ON payments (deposit_id) WHERE role = 'credit';
    CREATE TABLE refunds (
        id UUID NOT NULL,
        provider TEXT NOT NULL,
        payment TEXT NOT NULL,
        amount BIGINT NOT NULL,
        state TEXT NOT NULL,
        held BOOLEAN NOT NULL,
        provider_refund TEXT DEFAULT '' NOT NULL,
        reason TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        settlement TEXT,
        created_at timestamptz DEFAULT now() NOT NULL,
        settled_at timestamptz,
        next_look_at timestamptz,
        looks BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_refunds PRIMARY KEY (id),
        CONSTRAINT fk_refunds_payment FOREIGN KEY(provider, payment) REFERENCES payments (provider, id),
        CONSTRAINT ck_refunds_amount CHECK (amount > 0)
    );
    CREATE INDEX ix_refunds_next_look_at ON refunds (next_look_at) WHERE next_look_at IS NOT NULL;
    CREATE INDEX ix_refunds_payment ON refunds (provider, payment);
"""

#: What the service may change, by table; all else is only added to.
_CHANGED = {
    "deposits": ["state", "credited_at"],
    "attempts": ["state", "provider_order", "checkout", "reason", "next_look_at", "looks"],
    "payments": ["fee", "tax", "frozen", "settlement"],
    "refunds": ["state", "held", "provider_refund", "settlement", "settled_at", "next_look_at", "looks"],
    "instruments": ["verified_at", "verified_by"],
    "payouts": [
        "state", "wallet", "provider", "provider_payout", "utr", "reason", "decided_by", "next_look_at", "looks",
    ],
    "prizes": ["state", "reason"],
    "webhooks": ["state", "kind"],
    "disputes": ["status"],
    "downtimes": ["down", "asked_at"],
    "reports": ["lines", "fees", "taxes", "discrepancies", "booked", "created_at"],
}  # fmt: skip


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    for table, columns in _CHANGED.items():
        grant(table, "UPDATE", columns=columns)
    grant("webhooks", "DELETE")
    tables.outbox()
    tables.idempotency_keys()
    tables.job_runs()
