"""`post`: all that moves or holds money, a batch at a time, in one statement: the one writer of the ledger.

It locks the balances of the batch in the order of their ids, decides item after item in memory as if each came alone,
    and then writes
what was decided with one statement for each table. See `services.wallet.ledger` for what goes in and comes out.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

POST = """
CREATE OR REPLACE FUNCTION post(
    p_items jsonb, p_leg_item bigint[], p_leg_account uuid[], p_leg_amount bigint[], p_now timestamptz,
    p_dry boolean, p_message uuid, p_patience bigint,
    OUT statuses text[], OUT moments timestamptz[], OUT bodies text[],
    OUT entry_item bigint[], OUT entry_account uuid[], OUT entry_amount bigint[], OUT entry_after bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    -- the items, by number
    ops text[]; ids uuid[]; kinds text[]; hashes text[]; holds_of uuid[]; chains bigint[]; views uuid[]; amounts bigint[];
    mosts boolean[]; finals boolean[]; thaws boolean[]; ends text[]; callers text[]; counted uuid[]; keyed boolean;
    -- what is stored of them already
    old_hash text[]; old_at timestamptz[]; old_body text[]; old_key text[]; taken boolean[]; reversed boolean[];
    ended boolean[]; expiry timestamptz[]; hold_kind text[];
    -- the accounts, locked, by number
    acc uuid[]; bounded boolean[]; amt bigint[]; kept bigint[]; seq bigint[]; frozen boolean[]; moved boolean[];
    -- the legs in the order of items, sources first; of a source the amount is negative, its cap
    l_item bigint[]; l_acc bigint[]; l_amount bigint[]; l_part boolean[];
    -- the players whose play is limited, by number
    limited uuid[]; left_over bigint[];
    -- entries and parts that are made
    e_item bigint[] := '{}'; e_acc bigint[] := '{}'; e_amount bigint[] := '{}'; e_after bigint[] := '{}';
    e_seq bigint[] := '{}';
    h_item bigint[] := '{}'; h_acc bigint[] := '{}'; h_amount bigint[] := '{}';
    e bigint := 0; h bigint := 0; n bigint; i bigint; j bigint; k bigint; l bigint := 1; first_leg bigint; legs bigint;
    a bigint; want bigint; take bigint; have bigint; takes bigint[]; verdict text; chain bigint; chain_from bigint;
    chain_e bigint; chain_h bigint; moment timestamptz;
BEGIN
    n := jsonb_array_length(p_items);
    IF p_patience IS NOT NULL THEN
        PERFORM set_config('lock_timeout', p_patience::text, true);
    END IF;
    SELECT array_agg(i.op ORDER BY i.k), array_agg(i.id ORDER BY i.k), array_agg(i.kind ORDER BY i.k),
        array_agg(i.hash ORDER BY i.k), array_agg(i.hold ORDER BY i.k), array_agg(i.chain ORDER BY i.k),
        array_agg(i.view ORDER BY i.k), array_agg(i.amount ORDER BY i.k), array_agg(i.most ORDER BY i.k),
        array_agg(i.final ORDER BY i.k), array_agg(i.thaw ORDER BY i.k), array_agg(i.state ORDER BY i.k),
        array_agg(i.by ORDER BY i.k), array_agg(i.player ORDER BY i.k), bool_or(i.key IS NOT NULL)
    INTO ops, ids, kinds, hashes, holds_of, chains, views, amounts, mosts, finals, thaws, ends, callers, counted, keyed
    FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
        op text, id uuid, kind text, hash text, hold uuid, chain bigint, view uuid, amount bigint, most boolean,
        final boolean, thaw boolean, state text, by text, player uuid, key text
    )) WITH ORDINALITY AS i (op, id, kind, hash, hold, chain, view, amount, most, final, thaw, state, by, player, key, k);

    SELECT array_agg(b.account_id), array_agg(b.bounded), array_agg(b.amount), array_agg(b.held), array_agg(b.entries),
        array_agg(b.frozen),
        array_fill(false, ARRAY[count(*)::int]), greatest(p_now, max(b.newest_at))
    INTO acc, bounded, amt, kept, seq, frozen, moved, moment
    FROM (
        SELECT * FROM balances WHERE account_id IN (
            SELECT unnest(p_leg_account) UNION SELECT p.account_id FROM hold_parts p WHERE p.hold_id = ANY(holds_of)
        ) ORDER BY account_id FOR NO KEY UPDATE
    ) b;

    -- From here on nobody else changes what is read. Whoever sent the same before us has committed, or waits for us.
    SELECT array_agg(l.item ORDER BY l.item, l.side, l.k), array_agg(o.number ORDER BY l.item, l.side, l.k),
        array_agg(l.amount ORDER BY l.item, l.side, l.k), array_agg(l.part ORDER BY l.item, l.side, l.k)
    INTO l_item, l_acc, l_amount, l_part
    FROM (
        SELECT item, CASE WHEN amount < 0 THEN 1 ELSE 2 END AS side, k, account, amount, false AS part
        FROM unnest(p_leg_item, p_leg_account, p_leg_amount) WITH ORDINALITY AS given (item, account, amount, k)
        UNION ALL
        SELECT i.k, 0, p.number, p.account_id, -p.remaining, true
        FROM unnest(holds_of) WITH ORDINALITY AS i (hold, k) JOIN hold_parts p ON p.hold_id = i.hold WHERE p.remaining > 0
    ) l LEFT JOIN unnest(acc) WITH ORDINALITY AS o (account, number) USING (account);
    legs := coalesce(cardinality(l_item), 0);
    SELECT array_agg(encode(coalesce(t.request_hash, h.request_hash), 'hex') ORDER BY i.k),
        array_agg(coalesce(t.created_at, h.created_at) ORDER BY i.k),
        array_agg(x.hold_id IS NOT NULL ORDER BY i.k), array_agg(g.kind ORDER BY i.k), array_agg(g.expires_at ORDER BY i.k)
    INTO old_hash, old_at, ended, hold_kind, expiry
    FROM unnest(ids, holds_of) WITH ORDINALITY AS i (id, hold, k)
    LEFT JOIN transactions t ON t.id = i.id LEFT JOIN holds h ON h.id = i.id
    LEFT JOIN hold_ends x ON x.hold_id = i.hold LEFT JOIN holds g ON g.id = i.hold;
    SELECT array_agg(coalesce(i.again > 1 OR t.id IS NOT NULL OR h.id IS NOT NULL, false) ORDER BY i.k),
        array_agg(coalesce(i.twice > 1 OR r.id IS NOT NULL, false) ORDER BY i.k)
    INTO taken, reversed
    FROM (
        SELECT *, CASE WHEN reference IS NOT NULL THEN row_number() OVER (PARTITION BY reference ORDER BY k) END AS again,
            CASE WHEN reverses IS NOT NULL THEN row_number() OVER (PARTITION BY reverses ORDER BY k) END AS twice
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (op text, reference text, reverses uuid)) WITH ORDINALITY AS i (op,
            reference, reverses, k)
    ) i LEFT JOIN transactions t ON t.reference = i.reference AND i.op <> 'hold' LEFT
        JOIN holds h ON h.reference = i.reference AND i.op = 'hold'
    LEFT JOIN transactions r ON r.reverses = i.reverses;
    IF keyed THEN
        SELECT array_agg(encode(s.request_hash, 'hex') ORDER BY i.k), array_agg(s.body ORDER BY i.k) INTO old_key, old_body
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (by text, key text)) WITH ORDINALITY AS i (by, key, k)
        LEFT JOIN idempotency_keys s ON s.caller = i.by AND s.key = i.key;
    END IF;
    IF array_remove(counted, NULL) <> '{}' THEN
        SELECT array_agg(p.player), array_agg(p.amount) INTO limited, left_over FROM (
            SELECT d.player, min(f.amount - f.used - CASE f.measure WHEN 'play' THEN 1 ELSE 0 END) AS amount
            FROM (SELECT DISTINCT unnest(counted) AS player) d CROSS JOIN LATERAL limits_of(d.player, moment) f
            WHERE f.measure IN ('loss', 'play') GROUP BY d.player
        ) p;
    END IF;

    FOR i IN 1..n LOOP
        bodies[i] := NULL;
        moments[i] := moment;
        first_leg := l;
        WHILE l <= legs AND l_item[l] = i LOOP
            l := l + 1;
        END LOOP;
        IF chains[i] IS DISTINCT FROM chain THEN
            chain := chains[i]; chain_from := i; chain_e := e; chain_h := h;
        ELSIF chain IS NOT NULL AND chain_from = 0 THEN
            statuses[i] := 'linked_failed';
            CONTINUE;
        END IF;
        verdict := 'posted';
        takes := '{}';
        j := NULL;
        IF keyed AND old_key[i] IS NOT NULL THEN
            verdict := CASE WHEN old_key[i] = hashes[i] THEN 'replayed' ELSE 'key_reused' END;
            bodies[i] := old_body[i];
        ELSIF old_at[i] IS NOT NULL THEN
            verdict := CASE WHEN old_hash[i] IS NOT DISTINCT FROM hashes[i] THEN 'replayed' ELSE 'id_reused' END;
            moments[i] := old_at[i];
        ELSIF taken[i] THEN
            verdict := 'reference_taken';
        ELSIF reversed[i] THEN
            verdict := 'reversed_before';
        ELSIF holds_of[i] IS NOT NULL AND hold_kind[i] IS NULL THEN
            verdict := 'hold_unknown';
        ELSIF holds_of[i] IS NOT NULL AND ended[i] THEN
            verdict := 'hold_ended';
        ELSIF ops[i] = 'move' AND expiry[i] <= moment THEN
            verdict := 'hold_expired';
        ELSE
            want := coalesce(amounts[i], 0);
            FOR k IN first_leg..l - 1 LOOP
                IF l_acc[k] IS NULL THEN
                    verdict := 'account_unknown';
                ELSIF l_amount[k] > 0 THEN
                    want := want + l_amount[k];
                END IF;
            END LOOP;
            IF ops[i] = 'release' THEN
                want := 0;
            END IF;
            IF counted[i] IS NOT NULL AND verdict = 'posted' THEN
                j := array_position(limited, counted[i]);
                IF j IS NOT NULL AND left_over[j] < want THEN
                    verdict := CASE WHEN left_over[j] = -1 THEN 'player_excluded' ELSE 'limit_reached' END;
                END IF;
            END IF;
            have := want;
            IF verdict = 'posted' THEN
                FOR k IN first_leg..l - 1 LOOP
                    EXIT WHEN l_amount[k] > 0;
                    a := l_acc[k];
                    take := least(have, -l_amount[k]);
                    IF NOT l_part[k] AND bounded[a] THEN
                        take := least(take, amt[a] - kept[a]);
                    END IF;
                    IF take > 0 AND frozen[a] AND NOT coalesce(thaws[i], false) THEN
                        verdict := 'account_frozen';
                    END IF;
                    takes[k - first_leg + 1] := take;
                    have := have - take;
                END LOOP;
                IF verdict = 'posted' AND have > 0 THEN
                    IF coalesce(mosts[i], false) AND have < want THEN
                        want := want - have;
                    ELSE
                        verdict := CASE WHEN holds_of[i] IS NULL THEN 'insufficient_funds' ELSE 'hold_exceeded' END;
                    END IF;
                END IF;
            END IF;
            IF verdict = 'posted' THEN
                IF j IS NOT NULL THEN
                    left_over[j] := left_over[j] - want;
                END IF;
                FOR k IN first_leg..l - 1 LOOP
                    a := l_acc[k];
                    take := coalesce(takes[k - first_leg + 1], 0);
                    IF ops[i] = 'hold' THEN
                        IF take > 0 THEN
                            kept[a] := kept[a] + take;
                            moved[a] := true;
                            h := h + 1;
                            h_item[h] := i; h_acc[h] := a; h_amount[h] := take;
                        END IF;
                        CONTINUE;
                    END IF;
                    IF l_amount[k] > 0 THEN
                        take := -l_amount[k];
                    ELSIF l_part[k] THEN
                        -- What is captured is held no more, nor is the rest when this ends the hold.
                        have := CASE WHEN ops[i] = 'release' OR coalesce(finals[i], false) THEN -l_amount[k] ELSE take END;
                        kept[a] := kept[a] - have;
                        moved[a] := true;
                        h := h + 1;
                        h_item[h] := i; h_acc[h] := a; h_amount[h] := -have;
                    END IF;
                    IF take <> 0 THEN
                        amt[a] := amt[a] - take;
                        seq[a] := seq[a] + 1;
                        moved[a] := true;
                        e := e + 1;
                        e_item[e] := i; e_acc[e] := a; e_amount[e] := -take; e_after[e] := amt[a]; e_seq[e] := seq[a];
                        IF acc[a] = views[i] THEN
                            bodies[i] := format(
                                '{"transaction":"%s","kind":"%s","account":"%s","amount":%s,"balance":%s,"created_at":"%s"}',
                                ids[i], kinds[i],
                                acc[a], -take, amt[a], to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                            );
                        END IF;
                    END IF;
                END LOOP;
                amounts[i] := want;
            END IF;
        END IF;
        statuses[i] := verdict;
        IF chain IS NOT NULL AND verdict NOT IN ('posted', 'replayed') THEN
            -- All of the chain so far is as if it had never been.
            FOR k IN chain_from..i - 1 LOOP
                IF statuses[k] = 'posted' THEN
                    statuses[k] := 'linked_failed';
                    bodies[k] := NULL;
                    IF counted[k] IS NOT NULL AND array_position(limited, counted[k]) IS NOT NULL THEN
                        left_over[array_position(limited, counted[k])] := left_over[array_position(limited,
                            counted[k])] + amounts[k];
                    END IF;
                END IF;
            END LOOP;
            WHILE e > chain_e LOOP
                amt[e_acc[e]] := amt[e_acc[e]] - e_amount[e];
                seq[e_acc[e]] := seq[e_acc[e]] - 1;
                e := e - 1;
            END LOOP;
            WHILE h > chain_h LOOP
                kept[h_acc[h]] := kept[h_acc[h]] - h_amount[h];
                h := h - 1;
            END LOOP;
            chain_from := 0;
        END IF;
    END LOOP;
    e_item := e_item[1:e]; e_acc := e_acc[1:e]; e_amount := e_amount[1:e]; e_after := e_after[1:e]; e_seq := e_seq[1:e];
    h_item := h_item[1:h]; h_acc := h_acc[1:h]; h_amount := h_amount[1:h];

    IF NOT p_dry AND 'posted' = ANY(statuses) THEN
        PERFORM post_write(p_items, ids, ops, statuses, bodies, amounts, moment, p_message);
        INSERT INTO entries (account_id, sequence, transaction_id, amount, balance_after, created_at)
            SELECT acc[x.a], x.sequence, ids[x.item], x.amount, x.after, moment
            FROM unnest(e_item, e_acc, e_amount, e_after, e_seq) AS x (item, a, amount, after, sequence);
        UPDATE balances b SET amount = x.amount, held = x.held, entries = x.sequence, newest_at = moment
            FROM unnest(acc, amt, kept, seq, moved) AS x (account, amount, held, sequence, moved)
            WHERE b.account_id = x.account AND x.moved;
        IF h > 0 OR array_remove(holds_of, NULL) <> '{}' THEN
            PERFORM post_holds(ids, ops, statuses, holds_of, ends, callers, finals, moment, h_item,
                (SELECT array_agg(acc[x] ORDER BY k) FROM unnest(h_acc) WITH ORDINALITY AS y (x, k)), h_amount);
        END IF;
        INSERT INTO receivables (transaction_id, account_id, amount, created_at)
            SELECT ids[y.item], acc[y.a], y.owed, moment
            FROM (
                SELECT x.item, x.a, -x.cap - coalesce((SELECT -z.amount FROM unnest(e_item, e_acc, e_amount) AS z (item, a,
                    amount) WHERE z.item = x.item AND z.a = x.a), 0) AS owed
                FROM unnest(l_item, l_acc, l_amount) AS x (item, a, cap)
                WHERE x.cap < 0 AND kinds[x.item] = 'reversal' AND statuses[x.item] = 'posted' AND bounded[x.a]
            ) y WHERE y.owed > 0;
    END IF;

    SELECT array_agg(x.item), array_agg(x.account), array_agg(x.amount), array_agg(x.after)
    INTO entry_item, entry_account, entry_amount, entry_after
    FROM (
        SELECT z.item, acc[z.a] AS account, z.amount, z.after FROM unnest(e_item, e_acc, e_amount, e_after) AS z (item, a,
            amount, after)
        UNION ALL
        SELECT r.k, t.account_id, t.amount, t.balance_after
        FROM unnest(ids, statuses) WITH ORDINALITY AS r (id, status, k) JOIN entries t ON t.transaction_id = r.id
        WHERE r.status = 'replayed' AND old_at[r.k] IS NOT NULL
    ) x;
END $$
"""

#: In order of time, as `services.common.ids.uuid7`: events are numbered in the order of their ids.
UUID7 = """
CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1), 'hex')::uuid
$$
"""

#: The transactions, holds, keys, events and the message of a batch: what does not depend on the accounts' numbers.
WRITE = """
CREATE OR REPLACE FUNCTION post_write(
    p_items jsonb, p_ids uuid[], p_ops text[], p_statuses text[], p_bodies text[], p_amounts bigint[],
        p_moment timestamptz, p_message uuid
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE request text; told jsonb;
BEGIN
    INSERT INTO holds (id, kind, player_id, amount, reference, expires_at, request_hash, created_by, created_at)
        SELECT i.id, i.kind, i.owner, p_amounts[i.k], i.reference, i.expires_at, decode(i.hash, 'hex'), i.by, p_moment
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
            op text, id uuid, kind text, owner uuid, reference text, expires_at timestamptz, hash text, by text
        )) WITH ORDINALITY AS i (op, id, kind, owner, reference, expires_at, hash, by, k)
        WHERE i.op = 'hold' AND p_statuses[i.k] = 'posted';
    INSERT INTO transactions (id, kind, reference, note, created_by, created_at, request_hash, reverses, hold_id)
        SELECT i.id, i.kind, i.reference, coalesce(i.note, ''), i.by, p_moment, decode(i.hash, 'hex'), i.reverses, i.hold
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
            op text, id uuid, kind text, reference text, note text, by text, hash text, reverses uuid, hold uuid
        )) WITH ORDINALITY AS i (op, id, kind, reference, note, by, hash, reverses, hold, k)
        WHERE i.op = 'move' AND p_statuses[i.k] = 'posted' ORDER BY i.reference, i.id;
    INSERT INTO idempotency_keys (caller, key, request_hash, status, body, created_at)
        SELECT i.by, i.key, decode(i.hash, 'hex'), 201, p_bodies[i.k], p_moment
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (by text, key text, hash text)) WITH ORDINALITY AS i (by, key, hash, k)
        WHERE i.key IS NOT NULL AND p_statuses[i.k] = 'posted' ORDER BY i.by, i.key;
    SELECT jsonb_agg(i.id ORDER BY i.k), min(i.request) INTO told, request
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (op text, id uuid, request text)) WITH ORDINALITY AS i (op, id,
            request, k)
        WHERE i.op = 'move' AND p_statuses[i.k] = 'posted';
    IF told IS NOT NULL THEN
        INSERT INTO outbox (id, task, payload, request_id)
            VALUES (p_message, 'wallet.notify', jsonb_build_object('transactions', told), coalesce(request, ''));
        INSERT INTO events (id, name, version, data, request_id)
            SELECT uuid7(), 'wallet.transaction-posted', 1, jsonb_build_object(
                'transaction', i.id, 'kind', i.kind, 'reference', i.reference, 'hold', i.hold,
                'reverses', i.reverses, 'posted_at', p_moment
            ), coalesce(i.request, '')
            FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
                op text, id uuid, kind text, reference text, hold uuid, reverses uuid, request text
            )) WITH ORDINALITY AS i (op, id, kind, reference, hold, reverses, request, k)
            WHERE i.op = 'move' AND p_statuses[i.k] = 'posted';
    END IF;
END $$
"""

#: Parts of new holds; what is left of parts; ends, of what was released and of what is used up.
HOLDS = """
CREATE OR REPLACE FUNCTION post_holds(
    p_ids uuid[], p_ops text[], p_statuses text[], p_holds uuid[], p_ends text[], p_by text[], p_finals boolean[],
        p_moment timestamptz,
    p_item bigint[], p_account uuid[], p_amount bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO hold_parts (hold_id, number, account_id, amount, remaining)
        SELECT p_ids[x.item], x.k, x.account, x.amount, x.amount
        FROM unnest(p_item, p_account, p_amount) WITH ORDINALITY AS x (item, account, amount, k) WHERE x.amount > 0;
    INSERT INTO hold_ends (hold_id, state, released, ended_by, ended_at)
        SELECT i.hold, CASE i.op WHEN 'release' THEN i.state ELSE 'captured' END, i.remaining - i.captured, i.by, p_moment
        FROM (
            SELECT i.*, (SELECT coalesce(sum(p.remaining), 0) FROM hold_parts p WHERE p.hold_id = i.hold) AS remaining,
                (SELECT coalesce(-sum(e.amount), 0) FROM entries e WHERE e.transaction_id = i.id AND e.amount < 0) AS captured
            FROM unnest(p_ids, p_ops, p_statuses, p_holds, p_ends, p_by, p_finals) AS i (id, op, status, hold, state, by, final)
            WHERE i.hold IS NOT NULL AND i.status = 'posted'
        ) i
        WHERE i.op = 'release' OR coalesce(i.final, false) OR i.remaining = i.captured;
    UPDATE hold_parts p SET remaining = p.remaining + x.amount
        FROM unnest(p_item, p_account, p_amount) AS x (item, account, amount)
        WHERE x.amount < 0 AND p.hold_id = p_holds[x.item] AND p.account_id = x.account;
END $$
"""


def upgrade() -> None:
    for function in (UUID7, WRITE, HOLDS, POST):
        op.get_bind().exec_driver_sql(function)  # colons are its own
