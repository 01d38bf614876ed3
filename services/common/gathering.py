"""How many requests of a process may wait for a batch that they share: they hold no place of `services.common.admission`.

A batch (`services.wallet.posting`) does many requests in one statement, so the more wait for it the cheaper is each, and a
bound on requests that run at once would only make batches small. What bounds these is time: by Little's law N requests that
are done at a rate X take N / X each, so as many may wait as are answered within SECONDS.
"""

from __future__ import annotations

import time

#: What a request that shares a batch may take on average where more come than can be done; p99 is about twice that.
SECONDS = 0.025

#: There may be so many while nobody was refused: a burst. And so many however slow they are: of smaller batches each request
#: would cost more, and none be done sooner.
MOST = 256
FEWEST = 32

#: How often that is judged, and by how many answers at least.
JUDGE_SECONDS = 0.1
JUDGED = 16

_now = time.monotonic


class Gathering:
    """Requests that wait for a batch, and how many of them there may be."""

    def __init__(self, most: int = MOST) -> None:
        self._limit = self._most = most
        self._inside = self._answered = 0
        self._took = 0.0  # seconds of those that were answered since the last judgement
        self._judged = float("-inf")
        self._pressed = False

    def full(self, coming: int = 0) -> bool:
        """Whether one more would have to wait too long, with so many that are on their way."""
        return self._inside + coming >= self._most

    def press(self) -> None:
        """One was refused."""
        self._pressed = True

    def enter(self) -> None:
        """One more waits. It is not refused any more: who asked `full` before has let it in."""
        self._inside += 1

    def leave(self, began: float | None) -> None:
        """One waits no more; `began`: when it came, if it was answered well."""
        self._inside -= 1
        if began is None:
            return
        now = _now()
        self._took += now - began
        self._answered += 1
        if self._answered >= JUDGED and now - self._judged >= JUDGE_SECONDS:
            wanted = 2 * self._most
            if self._pressed:
                wanted = round(self._most * SECONDS * self._answered / self._took)
            self._most = max(FEWEST, min(self._limit, wanted))
            self._judged, self._pressed, self._took, self._answered = now, False, 0.0, 0
