"""Who may do what on the cache: each service its own user, its own keys, and no command that reaches further."""

from __future__ import annotations

#: What services do with keys of their own, and what a client of a cluster asks for to find them.
COMMANDS = (
    "+@connection", "+@string", "+@hash", "+@list", "+@set", "+@sortedset", "+@transaction", "+del", "+unlink", "+exists",
    "+expire", "+pexpire", "+ttl", "+pttl", "+type", "+rename", "+info", "+readonly", "+readwrite", "+cluster|slots",
    "+cluster|shards", "+cluster|nodes", "+eval", "+evalsha", "+script|load",
)  # fmt: skip


def access_string(service: str) -> str:
    """The rights of the user of `service`, as an ElastiCache user has them; its keys begin with its name and a colon."""
    return " ".join(("on", f"~{service}:*", "resetchannels", f"&{service}:*", "-@all", *COMMANDS))
