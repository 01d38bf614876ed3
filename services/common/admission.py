"""Admission: how many requests a process works on at once, how many wait for that, and the early refusal of the others.

A process can do a certain number of requests in a second. What comes above that has to be refused while refusing is still
cheap: work that is taken on and then not answered in time is paid for and worth nothing.

A request that waits for a batch with others gives its place back (`gather`): the batch has one for all of them, and
`services.common.gathering` says how many may wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.errors import Code, ServiceError
from services.common.gathering import Gathering
from services.common.middleware import QUIET_PATHS, problem_response

#: Requests worked on at once: at most RUNNING, since one Python thread does them, and no more than make each take SLOWER times
#: as long as it takes alone. By Little's law more of them would only wait, here or at the database, and none be done sooner.
#: What a request takes alone is known by route, since routes differ by a factor of a hundred.
RUNNING = 6
FEWEST = 2
SLOWER = 2.0

#: How often that is judged, and by how many requests at least.
ADJUST_SECONDS = 0.1
JUDGED = 8

#: A route's time alone is the mean of so many. Where an overload lasts, one place is all there is for one judgement so often,
#: to learn it anew: what the requests wait for may have become slower.
REMEMBERED = 16
LEARN_SECONDS = 5.0

#: A request that took much longer (it waited for a lock) counts as this many times the usual.
OUTLIER = 4

#: Requests that may wait: of a burst many, since these are soon done; after BURST_SECONDS one, since what waits then only makes
#: each answer later (the idea of CoDel, RFC 8289). The next burst is one only when nobody had to wait for CALM_SECONDS: a queue
#: that is empty for a moment is no end of an overload. Nobody waits above WAIT_SECONDS.
BURST = 16
BURST_SECONDS = 0.1
CALM_SECONDS = 1.0
WAITING = 1
WAIT_SECONDS = 0.25

#: No request takes longer, whatever it waits for: above the sum of the bounds of what it waits for one by one.
REQUEST_SECONDS = 12.0

RETRY_AFTER = {"Retry-After": "1"}

_LOG_EVERY_SECONDS = 1.0

_now = time.monotonic

log = logging.getLogger(__name__)


class Admission:
    """The places of one process."""

    def __init__(
        self,
        running: int = RUNNING,
        waiting: int = WAITING,
        burst: int = BURST,
        seconds: float = WAIT_SECONDS,
    ) -> None:
        self._waiting, self._burst, self._seconds = waiting, burst, seconds
        self._most = self._places = running
        self._inside = 0
        self._alone: dict[str, tuple[float, int]] = {}  # route → seconds that it takes alone, and of how many the mean
        self._took = self._would_take = (
            0.0  # seconds of those that ended since the last judgement, and what they take alone
        )
        self._ended = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        # Moments: the last judgement, the last with more than one inside, a burst's first wait, the newest wait or refusal.
        self._judged = self._shared = self._burst_began = self._pressed = float("-inf")
        self._learned = _now()
        self._shed = 0
        self._log_at: asyncio.TimerHandle | None = None
        self.gathering = Gathering()
        self._coming = 0  # let in by the protocol, and not here yet

    def full(self) -> bool:
        """Whether a request that comes now would be refused at once."""
        if self.gathering.full(self._coming):
            return True
        if self._inside < self._places:
            return False
        now = _now()
        calm = now - self._pressed > CALM_SECONDS
        burst = calm or now - self._burst_began < BURST_SECONDS
        return len(self._queue) >= (self._burst if burst else self._waiting)

    def let_in(self) -> None:
        """The protocol has let a whole request in, which comes in the event loop's next turn: until then it counts as here.

        While the thread is busy many arrive in one turn, and to refuse them here costs several times as much as there.
        """
        if not self._coming:
            asyncio.get_running_loop().call_soon(self._come)
        self._coming += 1

    def _come(self) -> None:
        self._coming = 0

    async def enter(self) -> bool:
        """Take a place, perhaps after a short wait; False if there is none. Whoever got one gives it back with `leave`."""
        if self._inside < self._places and not self.gathering.full():
            self.take()
            return True
        if self.full():
            return False
        now = _now()
        if now - self._pressed > CALM_SECONDS:
            self._burst_began = now
        self._pressed = now
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self._seconds):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                if isinstance(error, TimeoutError):
                    return True  # it was given at the last moment
                self.leave()
            elif place in self._queue:  # not if `leave` came by between the end of the wait and now
                self._queue.remove(place)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def take(self) -> None:
        """Take a place whether there is one or not: a batch's, since those that it does have given theirs back."""
        self._inside += 1
        if self._inside > 1:
            self._shared = _now()

    def leave(self) -> None:
        """Give the place back, and then to who has waited longest."""
        if self._inside > 1:
            self._shared = _now()
        self._inside -= 1
        while self._queue and self._inside < self._places:
            place = self._queue.popleft()
            if not place.done():
                self.take()
                place.set_result(None)

    def learn(self, route: str, began: float) -> None:
        """A request for `route` was granted that had its place since `began`: how long it took says how many there may be."""
        now = _now()
        took = now - began
        alone, of = self._alone.get(route, (0.0, 0))
        if of:
            took = min(took, OUTLIER * alone)
        if self._shared < began:
            of = min(of + 1, REMEMBERED)
            alone += (took - alone) / of
            self._alone[route], self._learned = (alone, of), now
        self._took += took
        self._would_take += alone
        self._ended += 1
        if self._ended >= JUDGED and now - self._judged >= ADJUST_SECONDS:
            self._judge(now)

    def _judge(self, now: float) -> None:
        """As many places as make a request take SLOWER times as long as alone; all, while nobody has to wait for one."""
        wanted = self._places + 1
        if self._pressed > self._judged:
            if now - self._learned > LEARN_SECONDS or not self._would_take:
                wanted = 1
            else:
                wanted = max(FEWEST, min(wanted, round(self._places * SLOWER * self._would_take / self._took)))
        self._places = min(self._most, wanted)
        self._judged, self._took, self._would_take, self._ended = now, 0.0, 0.0, 0

    def shed(self, number: int = 1) -> None:
        """Count refusals. They are logged together: a line for each would cost more than the refusal."""
        self._shed += number
        if self.gathering.full(self._coming):
            self.gathering.press()
        else:
            self._pressed = _now()
        if self._log_at is None:
            self._log_at = asyncio.get_running_loop().call_later(_LOG_EVERY_SECONDS, self._say)

    def _say(self) -> None:
        log.warning("requests shed", extra={"count": self._shed, "seconds": _LOG_EVERY_SECONDS})
        self._shed, self._log_at = 0, None


def full_error() -> ServiceError:
    """The refusal of a request for which there is no place. Nothing of it was done."""
    return ServiceError(Code.BUSY, "The service has more to do than it can; nothing was done.", headers=RETRY_AFTER)


class AdmittedRequest:
    """A request's place: given back at the end, or before that when it waits for a batch with others."""

    __slots__ = ("_admission", "_began", "_gathered")

    def __init__(self, admission: Admission) -> None:
        self._admission, self._began, self._gathered = admission, _now(), False

    def gather(self) -> None:
        """The request waits for a batch from now on."""
        if not self._gathered:
            self._gathered = True
            self._admission.gathering.enter()
            self._admission.leave()

    def end(self, route: str, granted: bool) -> None:
        """The request has ended; if it was granted, the time that it took says something. What was refused took another."""
        if self._gathered:
            self._admission.gathering.leave(self._began if granted else None)
            return
        if granted:
            self._admission.learn(route, self._began)
        self._admission.leave()


#: Where a request's place is kept, in the scope's "state".
_PLACE = "place"


def gather(scope: Scope) -> None:
    """The request of `scope` waits for a batch from now on, and holds no place meanwhile."""
    place: AdmittedRequest = scope["state"][_PLACE]
    place.gather()


class Admitted:
    """Lets a request in if there is a place, and ends it after REQUEST_SECONDS. Health checks need no place."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        if not await self._admission.enter():
            self._admission.shed()
            await problem_response(full_error())(scope, receive, send)
            return
        place, status, done = AdmittedRequest(self._admission), 0, False
        scope["state"][_PLACE] = place

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._app(scope, receive, sending)
            done = True
        except TimeoutError:
            if status:
                raise  # the answer has begun: the server must cut it off
            log.error("request took too long", extra={"seconds": REQUEST_SECONDS})
            await problem_response(busy_or_unknown(scope))(scope, receive, send)
        finally:
            place.end(getattr(scope.get("route"), "path", ""), done and 0 < status < 400)


def committing(scope: Scope, sent: bool) -> None:
    """Note whether this request's COMMIT is on its way: from then until the answer nobody knows whether it happened."""
    scope["state"]["committing"] = sent  # the dictionary is made by RequestContext


def busy_or_unknown(scope: Scope) -> ServiceError:
    """The answer to a request that was not finished: that nothing happened, if that is sure; else how to find out."""
    if scope["state"].get("committing") and scope["method"] not in ("GET", "HEAD"):
        return ServiceError(
            Code.OUTCOME_UNKNOWN,
            "The connection to the database broke while the change was being stored. Send the same request with the same "
            "Idempotency-Key again: it is done once, and answered with its result.",
            headers=RETRY_AFTER,
        )
    return ServiceError(Code.BUSY, "The database did not answer in time; nothing was done.", headers=RETRY_AFTER)
