"""Path patterns of an Application Load Balancer: whether two of them can match one path."""

from __future__ import annotations

import re
from functools import cache

#: What a pattern begins with, up to its first wildcard.
_PLAIN = re.compile(r"[^*?]*")


def overlap(one: str, other: str) -> bool:
    """Whether some path matches both ALB patterns (`*`: any characters, also none; `?`: exactly one).

    >>> overlap("/auth/*", "/auth/login"), overlap("/auth/*", "/wallet/*")
    (True, False)
    """
    # Most pairs differ there; the rest is looked at place by place.
    mine, theirs = _PLAIN.match(one), _PLAIN.match(other)
    assert mine and theirs
    both = min(mine.end(), theirs.end())
    if one[:both] != other[:both]:
        return False

    @cache
    def meet(i: int, j: int) -> bool:
        """Whether some text matches both one[i:] and other[j:]."""
        mine, theirs = one[i : i + 1], other[j : j + 1]
        if not mine and not theirs:
            return True
        # A star stands for nothing, or for whatever the other pattern's next character stands for.
        if mine == "*" and (meet(i + 1, j) or (theirs and meet(i, j + 1))):
            return True
        if theirs == "*" and (meet(i, j + 1) or (mine and meet(i + 1, j))):
            return True
        if not mine or not theirs or "*" in (mine, theirs):
            return False
        return (mine == theirs or "?" in (mine, theirs)) and meet(i + 1, j + 1)

    return meet(0, 0)
