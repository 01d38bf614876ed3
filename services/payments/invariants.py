"""What must hold in payments' database at any moment, as queries whose rows are what is wrong (`matchday drill` asks them)."""

from __future__ import annotations

INVARIANTS = {
    "more_goes_back_than_came": """
        SELECT p.provider, p.id, p.amount, sum(r.amount)::bigint AS refunded FROM payments p
        JOIN refunds r ON r.provider = p.provider AND r.payment = p.id AND r.state NOT IN ('failed', 'declined')
        GROUP BY p.provider, p.id, p.amount HAVING sum(r.amount) > p.amount
    """,
    "credited_without_a_payment": """
        SELECT d.id FROM deposits d WHERE d.state = 'credited' AND NOT EXISTS (
            SELECT 1 FROM payments p WHERE p.deposit_id = d.id AND p.role = 'credit' AND p.amount = d.amount
        )
    """,
    "a_payment_of_anothers_attempt": """
        SELECT p.provider, p.id FROM payments p JOIN attempts a ON a.id = p.attempt_id WHERE a.deposit_id <> p.deposit_id
    """,
    "paid_out_of_nothing": "SELECT id FROM payouts WHERE state = 'processed' AND wallet NOT IN ('held', 'captured')",
}
