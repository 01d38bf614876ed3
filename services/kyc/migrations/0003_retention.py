"""How long what is known of a person is kept, as data with its law; what erases it, and nothing else may.

`erase_case`, `erase_item` and `forget_case` run with their owner's rights and refuse what is not due: by itself the service's
role may delete nothing of a person. All periods stand in `retention_rules`, which only a migration changes.
"""

from __future__ import annotations

from alembic import op

from services.common import tables
from services.common.grants import grant, revoke

revision = "0003"
down_revision = "0002"

_SCHEMA = """
    ALTER TABLE cases ADD closed_at timestamptz, ADD erased_at timestamptz;
    ALTER TABLE documents ADD swept BOOLEAN DEFAULT false NOT NULL;
    CREATE INDEX ix_documents_unswept ON documents (created_at) WHERE NOT swept;
    CREATE INDEX ix_cases_erasable ON cases (opened_at) WHERE erased_at IS NULL AND (level = 'none' OR closed_at IS NOT NULL);
    CREATE INDEX ix_cases_erased ON cases (erased_at) WHERE erased_at IS NOT NULL;
    CREATE INDEX ix_items_not_taken ON items (created_at) WHERE state IN ('rejected', 'resubmit');
    CREATE INDEX ix_cases_over ON cases (expires_at) WHERE level <> 'none';
    DROP INDEX ix_cases_expires_at;
    CREATE TABLE retention_rules (
        name TEXT NOT NULL,
        period INTERVAL NOT NULL,
        law TEXT NOT NULL,
        source TEXT NOT NULL,
        read_on DATE NOT NULL,
        CONSTRAINT pk_retention_rules PRIMARY KEY (name)
    );
    INSERT INTO retention_rules (name, period, law, source, read_on) VALUES
        ('verified', '5 years', 'Prevention of Money-Laundering Act, 2002, section 12(4), from the closing of the account on',
            'https://www.indiacode.nic.in/handle/123456789/1362', '2026-11-27'),
        ('unverified', '1 year', 'Digital Personal Data Protection Rules, 2025, rule 8(3), from the last processing on',
            'https://www.dpdpa.in/dpdpa_rules_2025/Rule_8.htm', '2026-11-27'),
        ('not_taken', '1 year', 'Digital Personal Data Protection Rules, 2025, rule 8(3), from the decision on',
            'https://www.dpdpa.in/dpdpa_rules_2025/Rule_8.htm', '2026-11-27'),
        ('logs', '1 year', 'Digital Personal Data Protection Rules, 2025, rule 8(3), from the erasure on',
            'https://www.dpdpa.in/dpdpa_rules_2025/Rule_8.htm', '2026-11-27');
"""

#: The last thing that happened to a person's case; which rule holds for it; when that lets it be erased (NULL: not yet known);
#: and what erases.
_FUNCTIONS = (
    """
    CREATE FUNCTION last_processed(player uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT max(at) FROM (
            SELECT opened_at AS at FROM cases WHERE player_id = player
            UNION ALL SELECT max(created_at) FROM items WHERE player_id = player
            UNION ALL SELECT max(created_at) FROM documents WHERE player_id = player
            UNION ALL SELECT max(at) FROM consents WHERE player_id = player
            UNION ALL SELECT max(at) FROM decisions WHERE player_id = player AND outcome <> 'erasure_refused'
        ) happened
    $$
    """,
    """
    CREATE FUNCTION retention_of(player uuid) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN EXISTS (SELECT FROM decisions WHERE player_id = player AND outcome = 'approve')
            THEN 'verified' ELSE 'unverified' END
    $$
    """,
    """
    CREATE FUNCTION erasable_at(player uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT CASE retention_of(player)
            WHEN 'unverified' THEN last_processed(player) + (SELECT period FROM retention_rules WHERE name = 'unverified')
            ELSE greatest(
                c.closed_at + (SELECT period FROM retention_rules WHERE name = 'verified'),
                CASE WHEN c.closed_at IS NOT NULL
                    THEN last_processed(player) + (SELECT period FROM retention_rules WHERE name = 'unverified') END
            ) END
        FROM cases c WHERE c.player_id = player AND c.erased_at IS NULL
    $$
    """,
    """
    CREATE FUNCTION erase_case(player uuid, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM cases WHERE player_id = player FOR UPDATE;
        IF coalesce(erasable_at(player) > moment, true) THEN
            RAISE EXCEPTION 'the case of % is not due to be erased', player USING ERRCODE = 'check_violation';
        END IF;
        DELETE FROM sealed_fields WHERE item_id IN (SELECT id FROM items WHERE player_id = player);
        DELETE FROM documents WHERE player_id = player;
        DELETE FROM reviews WHERE player_id = player;
        DELETE FROM items WHERE player_id = player;
        UPDATE cases SET state = 'erased', level = 'none', data_key = NULL, approved_at = NULL, expires_at = NULL,
            erased_at = moment WHERE player_id = player;
    END $$
    """,
    """
    CREATE FUNCTION erase_item(item uuid, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE decided timestamptz;
    BEGIN
        SELECT greatest(i.created_at, (SELECT max(at) FROM decisions WHERE item_id = item)) INTO decided FROM items i
            WHERE i.id = item AND i.state IN ('rejected', 'resubmit') FOR UPDATE;
        IF coalesce(decided + (SELECT period FROM retention_rules WHERE name = 'not_taken') > moment, true) THEN
            RAISE EXCEPTION 'the item % is not due to be erased', item USING ERRCODE = 'check_violation';
        END IF;
        DELETE FROM sealed_fields WHERE item_id = item;
        DELETE FROM documents WHERE item_id = item;
        DELETE FROM reviews WHERE item_id = item;
        DELETE FROM items WHERE id = item;
    END $$
    """,
    """
    CREATE FUNCTION forget_case(player uuid, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM cases WHERE player_id = player AND state = 'erased'
            AND erased_at + (SELECT period FROM retention_rules WHERE name = 'logs') <= moment FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the logs of % are not due to be erased', player USING ERRCODE = 'check_violation';
        END IF;
        DELETE FROM looks WHERE player_id = player;
        DELETE FROM decisions WHERE player_id = player;
        DELETE FROM consents WHERE player_id = player;
        DELETE FROM cases WHERE player_id = player;
    END $$
    """,
)

#: Those that run with their owner's rights.
_ERASE = ("erase_case", "erase_item", "forget_case")


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    for function in _FUNCTIONS:
        op.get_bind().exec_driver_sql(function)
    for name in _ERASE:
        op.execute(f"ALTER FUNCTION {name} SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp")
    revoke("retention_rules", "INSERT")
    grant("cases", "UPDATE", columns=["closed_at", "erased_at"])
    grant("documents", "UPDATE", columns=["swept"])
    tables.event_offsets()
