"""`post` asks for the limits of players that have some: for a contest's entries it worked them out for each player.

Its text is that of migration 0016 but for that line.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

revision = "0017"
down_revision = "0016"

#: What was, and what is: whoever is limited has a row.
EACH = "FROM (SELECT DISTINCT unnest(counted) AS player) d CROSS JOIN LATERAL limits_of(d.player, moment) f"
LIMITED = """FROM (SELECT DISTINCT g.player_id AS player FROM player_limits g WHERE g.player_id = ANY(counted)) d
            CROSS JOIN LATERAL limits_of(d.player, moment) f"""


def upgrade() -> None:
    before = import_module("services.wallet.migrations.0016_bonuses_and_time")
    text = before.post()
    assert text.count(EACH) == 1
    op.get_bind().exec_driver_sql(text.replace(EACH, LIMITED))
    op.execute(before.AS_OWNER)


def downgrade() -> None:
    before = import_module("services.wallet.migrations.0016_bonuses_and_time")
    op.get_bind().exec_driver_sql(before.post())
    op.execute(before.AS_OWNER)
