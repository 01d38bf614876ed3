"""Levels, exceptions and selection, applied once: the pack and the audit make the same judgement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from policies.exceptions import Excuse, Excuses, Register
from policies.lang.lifecycles import judged_on
from policies.lang.resources import Resource, Stack
from policies.levels import Choice, Level, Levels, LevelsError
from policies.model import Control, Finding, Status


@dataclass(frozen=True)
class Judged:
    """One control's answer with what the house makes of it: how hard it counts, and the exception that covers it."""

    finding: Finding
    level: Level
    #: The exception that names this violation, also one that has lapsed.
    excuse: Excuse | None
    #: Whether an exception that still holds accepts it.
    accepted: bool

    @property
    def violation(self) -> bool:
        """Whether it is a violation that nobody accepted."""
        return self.finding.verdict.status is Status.NON_COMPLIANT and not self.accepted


@dataclass(frozen=True)
class TurnedOff:
    """A control that does not count as the levels of this environment would have it, and why."""

    control: Control
    what: str
    why: str


class Judge:
    """One judgement of one environment on one day.

    `configured` are levels that whoever runs it set by control id; `choice` narrows the controls. `turned_off` shows both.
    """

    def __init__(
        self,
        controls: Sequence[Control],
        levels: Levels,
        register: Register,
        environment: str,
        today: date,
        *,
        choice: Choice | None = None,
        configured: Mapping[str, Level] | None = None,
    ) -> None:
        self.controls = tuple(controls)
        self.environment = environment
        self.today = today
        self.choice = choice or Choice()
        for choice in (self.choice, *levels.rules):
            check_choice(choice, self.controls)
        self.excuses = Excuses(register, environment, today)
        self._levels = levels
        self._configured = dict(configured or {})

    def level(self, control: Control) -> Level:
        """How hard a control counts here; disabled when it is not selected."""
        if not self.choice.fits(control):
            return Level.DISABLED
        return self._configured.get(control.id, self._levels.of(control, self.environment))

    @property
    def active(self) -> list[Control]:
        """The controls that are judged."""
        return [control for control in self.controls if self.level(control) is not Level.DISABLED]

    def evaluate(self, control: Control, stack: Stack, *, observe: bool = False) -> list[Judged]:
        """Every answer of a control over a stack."""
        with judged_on(self.today):
            return [self.judge(finding, stack) for finding in control.evaluate(stack, observe=observe)]

    def answer(self, control: Control, resource: Resource, stack: Stack | None = None) -> Judged:
        """The answer of a control about one resource."""
        with judged_on(self.today):
            return self.judge(Finding(control, resource, control.judge(resource, stack)), stack)

    def judge(self, finding: Finding, stack: Stack | None) -> Judged:
        """What the house makes of an answer."""
        excuse = None
        if finding.verdict.status is Status.NON_COMPLIANT:
            excuse = self.excuses.find(finding.control.id, finding.resource, stack)
        accepted = excuse is not None and not excuse.expired(self.today)
        return Judged(finding, self.level(finding.control), excuse, accepted)

    def turned_off(self) -> list[TurnedOff]:
        """Every control that counts other than the environment's level says: disabled, not selected, or changed."""
        found = []
        for control in self.controls:
            if not self.choice.fits(control):
                found.append(TurnedOff(control, "not selected", f"the selection is {self.choice.words()}"))
                continue
            usual, level = self._levels.usual(self.environment), self.level(control)
            if level is Level.DISABLED:
                found.append(TurnedOff(control, "disabled", self._why(control)))
            elif level is not usual:
                found.append(TurnedOff(control, f"{level.value} in place of {usual.value}", self._why(control)))
        return found

    def _why(self, control: Control) -> str:
        return "set by whoever ran it" if control.id in self._configured else "set by levels.yaml"


def lapsed(excuse: Excuse | None, accepted: bool) -> str:
    """What a message adds about an exception that no longer holds."""
    return f" (the exception of {excuse.owner} ended on {excuse.expires})" if excuse and not accepted else ""


def check_choice(choice: Choice, controls: Iterable[Control]) -> None:
    """Refuse a selection that names what there is not: a mistyped control would be judged by nobody. Raises `LevelsError`."""
    known = list(controls)
    ids, services = {control.id for control in known}, {control.service for control in known}
    for name in choice.controls:
        if name not in ids:
            raise LevelsError(f"there is no control {name!r}; RULES.md lists them")
    for name in choice.services:
        if name not in services:
            raise LevelsError(f"there is no service {name!r}; accepted: {', '.join(sorted(services))}")
