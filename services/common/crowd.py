"""A crowd of players for seeds: who they are and what they have follows from a number, and several are served at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

#: How many are served at once: two busy cores have no use for more.
_AT_ONCE = 4


@dataclass(frozen=True)
class Crowd:
    """`size` players, drawn from `seed`. `progress` hears of each that a step is done with: what, how many, of how many."""

    size: int
    seed: int
    progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None

    @property
    def names(self) -> list[str]:
        """By which a walk keeps their tokens."""
        return [f"crowd-{self.seed}-{number:03}" for number in range(self.size)]

    def draw(self, *words: str) -> random.Random:
        """Numbers that are the same for the same words in every run."""
        return random.Random("/".join((str(self.seed), *words)))  # noqa: S311 - no secret comes of it

    def each(self, what: str, names: Sequence[str], do: Callable[[str], object]) -> None:
        """`do` for each of `names`, some at once. Raises what the first of them raises."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done, _ in enumerate(pool.map(do, names), start=1):
                self.progress(what, done, len(names))
