"""AWS's wildcards in names, ARNs and paths: `*` is any run of characters, `?` is one."""

from __future__ import annotations

import re

_SIGNS = {"*": ".*", "?": "."}


def expression(pattern: str) -> str:
    """A regular expression for a pattern, for the whole of a text."""
    return "".join(_SIGNS.get(sign) or re.escape(sign) for sign in pattern)
