"""Bonuses with the terms that they were given under, and their ends; the minutes that players play, and limits of them.

`post` refuses stakes of a player whose limit of time is used up, as it does with a limit of losses. Its text is that of
migration 0012 but for these two lines.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

from services.common.grants import grant

revision = "0016"
down_revision = "0015"

TABLES = {
    "bonuses": """
        id uuid NOT NULL, player_id uuid NOT NULL, rule text NOT NULL, amount bigint NOT NULL, required bigint NOT NULL,
        expires_at timestamptz NOT NULL, forfeits boolean NOT NULL, given_at timestamptz NOT NULL,
        CONSTRAINT pk_bonuses PRIMARY KEY (id),
        CONSTRAINT fk_bonuses_id FOREIGN KEY (id) REFERENCES transactions (id),
        CONSTRAINT ck_bonuses_amount CHECK (amount > 0 AND required >= amount)
    """,
    # `amount` is what was left of it; `movement` took that away, if there was anything.
    "bonus_ends": """
        bonus_id uuid NOT NULL, state text NOT NULL, amount bigint NOT NULL, movement uuid, ended_at timestamptz NOT NULL,
        CONSTRAINT pk_bonus_ends PRIMARY KEY (bonus_id),
        CONSTRAINT fk_bonus_ends_bonus_id FOREIGN KEY (bonus_id) REFERENCES bonuses (id),
        CONSTRAINT fk_bonus_ends_movement FOREIGN KEY (movement) REFERENCES transactions (id),
        CONSTRAINT ck_bonus_ends_state CHECK (state IN ('released', 'expired', 'forfeited')),
        CONSTRAINT ck_bonus_ends_amount CHECK (amount >= 0 AND (amount > 0) = (movement IS NOT NULL))
    """,
}

LIMITS_OF = """
CREATE OR REPLACE FUNCTION limits_of(player uuid, at timestamptz)
RETURNS TABLE (measure text, days bigint, amount bigint, until timestamptz, used bigint) LANGUAGE sql STABLE AS $$
    WITH newest AS (
        SELECT DISTINCT ON (l.measure, l.days) l.* FROM player_limits l
        WHERE l.player_id = player AND l.effective_at <= at AND l.measure <> 'play'
        ORDER BY l.measure, l.days, l.created_at DESC, l.id DESC
    )
    SELECT n.measure, n.days, n.amount, NULL::timestamptz, CASE n.measure WHEN 'time' THEN {minutes} ELSE coalesce((
        SELECT sum(CASE WHEN n.measure = 'deposit' THEN e.amount ELSE -e.amount END)
        FROM accounts a JOIN entries e ON e.account_id = a.id JOIN transactions t ON t.id = e.transaction_id
        LEFT JOIN transactions o ON o.id = t.reverses
        WHERE a.owner_id = player AND e.created_at > at - n.days * interval '1 day'
            AND coalesce(o.kind, t.kind) = ANY(CASE n.measure
                WHEN 'deposit' THEN ARRAY['deposit', 'credit'] ELSE ARRAY['contest_entry', 'prize'] END)
    ), 0)::bigint END
    FROM newest n WHERE n.amount IS NOT NULL
    UNION ALL
    SELECT 'play', 30, 0, max(l.until), 0 FROM player_limits l
    WHERE l.player_id = player AND l.measure = 'play' AND l.effective_at <= at AND l.until > at HAVING count(*) > 0
$$
"""

MINUTES = """(
        SELECT count(*) FROM play_minutes m WHERE m.player_id = player AND m.minute > at - n.days * interval '1 day'
    )"""

#: What was, and what is.
LOSS = "min(f.amount - f.used) FILTER (WHERE f.measure = 'loss') AS amount"
LOSS_AND_TIME = """least(min(f.amount - f.used) FILTER (WHERE f.measure = 'loss'),
                    min(-1) FILTER (WHERE f.measure = 'time' AND f.used >= f.amount)) AS amount"""
MEASURES, ALL_MEASURES = "f.measure IN ('loss', 'play')", "f.measure IN ('loss', 'play', 'time')"
AS_OWNER = "ALTER FUNCTION post SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"


def _before() -> str:
    text: str = import_module("services.wallet.migrations.0012_post_once").POST
    return text


def post() -> str:
    """The function's text as it is from this migration on."""
    text = _before()
    assert text.count(LOSS) == text.count(MEASURES) == 1
    return text.replace(LOSS, LOSS_AND_TIME).replace(MEASURES, ALL_MEASURES)


def upgrade() -> None:
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"""
            CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.create_index("ix_bonuses_player_id", "bonuses", ["player_id"])
    op.execute("""
        CREATE TABLE play_minutes (
            player_id uuid NOT NULL, minute timestamptz NOT NULL,
            CONSTRAINT pk_play_minutes PRIMARY KEY (player_id, minute)
        )
    """)
    op.create_index("ix_play_minutes_minute", "play_minutes", ["minute"])
    grant("play_minutes", "DELETE")
    op.get_bind().exec_driver_sql(LIMITS_OF.format(minutes=MINUTES))
    op.get_bind().exec_driver_sql(post())
    op.execute(AS_OWNER)


def downgrade() -> None:
    """What was given and played is kept nowhere else: it goes only where there is none of it."""
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT 1 FROM bonuses) THEN
                RAISE EXCEPTION 'bonuses were given under terms: they cannot be forgotten';
            END IF;
        END $$
    """)
    op.get_bind().exec_driver_sql(_before())
    op.execute(AS_OWNER)
    op.get_bind().exec_driver_sql(LIMITS_OF.format(minutes="0"))
    for table in ("play_minutes", "bonus_ends", "bonuses"):
        op.execute(f"DROP TABLE {table}")
