"""The outbox: work for later, written in the request's transaction, so that it is done if and only if that commits.

The relay (in the worker process) hands batches of due messages to Celery, by id only: the payload stays in the database.
The consumer marks a message done in the transaction of its effect. So a message that is lost on the way (a crash between commit
and publishing, a broker that forgets) is published again, and one that arrives twice has one effect. All times are the
database's own: clocks of tasks that differ change nothing.
"""

from __future__ import annotations

from services.common.outbox.messages import (
    KEPT,
    MAX_ATTEMPTS,
    Message,
    OutboxMessage,
    enqueue,
    enqueue_later,
    forget,
    receive,
)

__all__ = ["KEPT", "MAX_ATTEMPTS", "Message", "OutboxMessage", "enqueue", "enqueue_later", "forget", "receive"]
