"""`post` parses its items once, has its lookups from migration 0011, and is planned once in a session, not for each batch.

Its signature stays, so that the release before this one can use it, too. A player's limit that is exceeded by one paisa is told
from an exclusion.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

NEW_HOLDS = """
CREATE OR REPLACE FUNCTION post_new_holds(
    p_items jsonb, p_statuses text[], p_amounts bigint[], p_moment timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO holds (id, kind, player_id, amount, reference, expires_at, request_hash, created_by, created_at)
        SELECT i.id, i.kind, i.owner, p_amounts[i.k], i.reference, i.expires_at, decode(i.hash, 'hex'), i.by, p_moment
        FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
            op text, id uuid, kind text, owner uuid, reference text, expires_at timestamptz, hash text, by text
        )) WITH ORDINALITY AS i (op, id, kind, owner, reference, expires_at, hash, by, k)
        WHERE i.op = 'hold' AND p_statuses[i.k] = 'posted' ORDER BY i.reference, i.id;
END $$
"""

#: The transactions, keys, events and the message of a batch: what does not depend on the accounts' numbers.
WRITE = """
CREATE FUNCTION post_write(
    p_ids uuid[], p_ops text[], p_kinds text[], p_statuses text[], p_references text[], p_notes text[], p_by text[],
    p_hashes text[], p_reverses uuid[], p_holds uuid[], p_keys text[], p_bodies text[], p_requests text[],
    p_moment timestamptz, p_message uuid
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE request text; told jsonb;
BEGIN
    INSERT INTO transactions (id, kind, reference, note, created_by, created_at, request_hash, reverses, hold_id)
        SELECT i.id, i.kind, i.reference, coalesce(i.note, ''), i.by, p_moment, decode(i.hash, 'hex'), i.reverses, i.hold
        FROM unnest(p_ids, p_ops, p_kinds, p_statuses, p_references, p_notes, p_by, p_hashes, p_reverses, p_holds)
            AS i (id, op, kind, status, reference, note, by, hash, reverses, hold)
        WHERE i.op = 'move' AND i.status = 'posted' ORDER BY i.reference, i.id;
    IF array_remove(p_keys, NULL) <> '{}' THEN
        INSERT INTO idempotency_keys (caller, key, request_hash, status, body, created_at)
            SELECT i.by, i.key, decode(i.hash, 'hex'), 201, i.body, p_moment
            FROM unnest(p_by, p_keys, p_hashes, p_bodies, p_statuses) AS i (by, key, hash, body, status)
            WHERE i.key IS NOT NULL AND i.status = 'posted' ORDER BY i.by, i.key;
    END IF;
    SELECT jsonb_agg(i.id), min(i.request) INTO told, request
        FROM unnest(p_ids, p_ops, p_statuses, p_requests) AS i (id, op, status, request)
        WHERE i.op = 'move' AND i.status = 'posted';
    IF told IS NOT NULL THEN
        INSERT INTO outbox (id, task, payload, request_id)
            VALUES (p_message, 'wallet.notify', jsonb_build_object('transactions', told), coalesce(request, ''));
        INSERT INTO events (id, name, version, data, request_id)
            SELECT uuid7(), 'wallet.transaction-posted', 1, jsonb_build_object(
                'transaction', i.id, 'kind', i.kind, 'reference', i.reference, 'hold', i.hold,
                'reverses', i.reverses, 'posted_at', p_moment
            ), coalesce(i.request, '')
            FROM unnest(p_ids, p_ops, p_kinds, p_statuses, p_references, p_reverses, p_holds, p_requests)
                AS i (id, op, kind, status, reference, reverses, hold, request)
            WHERE i.op = 'move' AND i.status = 'posted';
    END IF;
END $$
"""

POST = """
CREATE OR REPLACE FUNCTION post(
    p_items jsonb, p_leg_item bigint[], p_leg_account uuid[], p_leg_amount bigint[], p_now timestamptz,
    p_dry boolean, p_message uuid, p_patience bigint,
    OUT statuses text[], OUT moments timestamptz[], OUT bodies text[],
    OUT entry_item bigint[], OUT entry_account uuid[], OUT entry_amount bigint[], OUT entry_after bigint[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    -- the items, by number
    ops text[]; ids uuid[]; kinds text[]; hashes text[]; holds_of uuid[]; chains bigint[]; views uuid[]; amounts bigint[];
    mosts boolean[]; finals boolean[]; thaws boolean[]; ends text[]; callers text[]; counted uuid[]; keys text[]; refs text[];
    undone uuid[]; notes text[]; requests text[]; keyed boolean; of_holds boolean; holding boolean;
    -- what is stored of them already
    old_hash text[]; old_at timestamptz[]; old_body text[]; old_key text[]; taken boolean[]; reversed boolean[];
    ended boolean[]; expiry timestamptz[]; hold_kind text[];
    -- the accounts, locked, by number
    acc uuid[]; bounded boolean[]; amt bigint[]; kept bigint[]; seq bigint[]; frozen boolean[]; moved boolean[];
    part_hold uuid[]; part_number bigint[]; part_account uuid[]; part_left bigint[];
    -- the legs in the order of items, sources first; of a source the amount is negative, its cap
    l_item bigint[]; l_acc bigint[]; l_amount bigint[]; l_part boolean[];
    -- the players whose play is limited, by number
    limited uuid[]; left_over bigint[]; barred boolean[];
    -- entries and parts that are made
    e_item bigint[] := '{}'; e_acc bigint[] := '{}'; e_amount bigint[] := '{}'; e_after bigint[] := '{}';
    e_seq bigint[] := '{}';
    h_item bigint[] := '{}'; h_acc bigint[] := '{}'; h_amount bigint[] := '{}';
    e bigint := 0; h bigint := 0; n bigint; i bigint; j bigint; k bigint; l bigint := 1; first_leg bigint; legs bigint;
    a bigint; want bigint; take bigint; have bigint; takes bigint[]; verdict text; chain bigint; chain_from bigint;
    chain_e bigint; chain_h bigint; moment timestamptz; newest timestamptz;
BEGIN
    n := jsonb_array_length(p_items);
    IF p_patience IS NOT NULL THEN
        PERFORM set_config('lock_timeout', p_patience::text, true);
    END IF;
    SELECT array_agg(i.op), array_agg(i.id), array_agg(i.kind), array_agg(i.hash), array_agg(i.hold), array_agg(i.chain),
        array_agg(i.view), array_agg(i.amount), array_agg(i.most), array_agg(i.final), array_agg(i.thaw), array_agg(i.state),
        array_agg(i.by), array_agg(i.player), array_agg(i.key), array_agg(i.reference), array_agg(i.reverses),
        array_agg(i.note), array_agg(i.request), bool_or(i.key IS NOT NULL), bool_or(i.hold IS NOT NULL),
        bool_or(i.op = 'hold')
    INTO ops, ids, kinds, hashes, holds_of, chains, views, amounts, mosts, finals, thaws, ends, callers, counted, keys, refs,
        undone, notes, requests, keyed, of_holds, holding
    FROM (
        SELECT * FROM ROWS FROM (jsonb_to_recordset(p_items) AS (
            op text, id uuid, kind text, hash text, hold uuid, chain bigint, view uuid, amount bigint, most boolean,
            final boolean, thaw boolean, state text, by text, player uuid, key text, reference text, reverses uuid, note text,
            request text
        )) WITH ORDINALITY AS g (op, id, kind, hash, hold, chain, view, amount, most, final, thaw, state, by, player, key,
            reference, reverses, note, request, k) ORDER BY k
    ) i;

    SELECT * INTO acc, bounded, amt, kept, seq, frozen, newest, part_hold, part_number, part_account, part_left
        FROM post_lock(p_leg_account, array_remove(holds_of, NULL));
    moved := array_fill(false, ARRAY[coalesce(cardinality(acc), 0)]);
    moment := greatest(p_now, newest);

    -- From here on nobody else changes what is read. Whoever sent the same before us has committed, or waits for us.
    SELECT array_agg(l.item), array_agg(l.number), array_agg(l.amount), array_agg(l.part) INTO l_item, l_acc, l_amount, l_part
    FROM (
        SELECT l.item, o.number, l.amount, l.part FROM (
            SELECT item, CASE WHEN amount < 0 THEN 1 ELSE 2 END AS side, k, account, amount, false AS part
            FROM unnest(p_leg_item, p_leg_account, p_leg_amount) WITH ORDINALITY AS given (item, account, amount, k)
            UNION ALL
            SELECT i.k, 0, p.number, p.account, -p.remaining, true
            FROM unnest(holds_of) WITH ORDINALITY AS i (hold, k)
            JOIN unnest(part_hold, part_number, part_account, part_left) AS p (hold, number, account, remaining) USING (hold)
        ) l LEFT JOIN unnest(acc) WITH ORDINALITY AS o (account, number) USING (account)
        ORDER BY l.item, l.side, l.k
    ) l;
    legs := coalesce(cardinality(l_item), 0);
    SELECT * INTO old_hash, old_at, ended, hold_kind, expiry, taken, reversed, old_key, old_body
        FROM post_known(ids, ops, holds_of, refs, undone, callers, keys);
    IF array_remove(counted, NULL) <> '{}' THEN
        SELECT array_agg(p.player), array_agg(p.amount), array_agg(p.barred) INTO limited, left_over, barred FROM (
            SELECT d.player, min(f.amount - f.used) FILTER (WHERE f.measure = 'loss') AS amount,
                bool_or(f.measure = 'play') AS barred
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
                IF barred[j] THEN
                    verdict := 'player_excluded';
                ELSIF left_over[j] < want THEN
                    verdict := 'limit_reached';
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
        IF holding THEN
            PERFORM post_new_holds(p_items, statuses, amounts, moment);
        END IF;
        PERFORM post_write(
            ids, ops, kinds, statuses, refs, notes, callers, hashes, undone, holds_of, keys, bodies, requests, moment, p_message
        );
        PERFORM post_entries(ids, acc, amt, kept, seq, moved, moment, e_item, e_acc, e_amount, e_after, e_seq);
        IF h > 0 OR of_holds THEN
            PERFORM post_holds(ids, ops, statuses, holds_of, ends, callers, finals, moment, h_item,
                (SELECT array_agg(acc[x] ORDER BY k) FROM unnest(h_acc) WITH ORDINALITY AS y (x, k)), h_amount);
        END IF;
        IF 'reversal' = ANY(kinds) THEN
            INSERT INTO receivables (transaction_id, account_id, amount, created_at)
                SELECT ids[y.item], acc[y.a], y.owed, moment
                FROM (
                    SELECT x.item, x.a, -x.cap - coalesce((SELECT -z.amount FROM unnest(e_item, e_acc, e_amount) AS z (item, a,
                        amount) WHERE z.item = x.item AND z.a = x.a), 0) AS owed
                    FROM unnest(l_item, l_acc, l_amount) AS x (item, a, cap)
                    WHERE x.cap < 0 AND kinds[x.item] = 'reversal' AND statuses[x.item] = 'posted' AND bounded[x.a]
                ) y WHERE y.owed > 0;
        END IF;
    END IF;

    entry_item := e_item; entry_amount := e_amount; entry_after := e_after;
    SELECT array_agg(acc[x.a] ORDER BY x.k) INTO entry_account FROM unnest(e_acc) WITH ORDINALITY AS x (a, k);
    IF 'replayed' = ANY(statuses) THEN
        SELECT entry_item || x.items, entry_account || x.accounts, entry_amount || x.amounts, entry_after || x.afters
        INTO entry_item, entry_account, entry_amount, entry_after
        FROM post_entries_of(ids, statuses, old_at) x;
    END IF;
END $$
"""


def upgrade() -> None:
    for function in (NEW_HOLDS, WRITE, POST):
        op.get_bind().exec_driver_sql(function)  # colons are its own
    op.execute("DROP FUNCTION post_write(jsonb, uuid[], text[], text[], text[], bigint[], timestamptz, uuid)")
