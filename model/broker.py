"""Who may do what on the broker: each service its own user, its own keys, and no command that reaches further."""

from __future__ import annotations

#: What Celery's transport and the outbox's relay use.
COMMANDS = (
    "+@connection", "+@list", "+@sortedset", "+@hash", "+@set", "+@transaction", "+info", "+get", "+set", "+setnx",
    "+del", "+exists", "+expire", "+pexpire", "+watch", "+type", "+evalsha", "+eval", "+script|load",
)  # fmt: skip


def access_string(service: str) -> str:
    """The rights of the user of `service`, as an ElastiCache user has them; what services.common.broker needs and no more."""
    return " ".join(("on", f"~{service}:*", "resetchannels", f"&{service}:*", "-@all", *COMMANDS))
