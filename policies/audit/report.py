"""The result of an audit as data: every answer of every control over one stack, with exceptions applied."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from policies import exceptions
from policies.catalog import all_controls, select
from policies.exceptions import Excuse, Excuses
from policies.levels import Level, Levels
from policies.model import Control, Framework, Status
from policies.audit.outside import OUTSIDE, Outside
from policies.audit.state import State


class Result(StrEnum):
    """What became of one answer."""

    VIOLATION = "violation"
    EXCEPTED = "excepted"
    CANNOT_TELL = "cannot tell yet"
    COMPLIANT = "compliant"
    NOT_ASSESSED = "not assessed here"
    NOT_APPLICABLE = "not applicable"


_RESULTS = {
    Status.NON_COMPLIANT: Result.VIOLATION,
    Status.CANNOT_TELL: Result.CANNOT_TELL,
    Status.COMPLIANT: Result.COMPLIANT,
    Status.NOT_ASSESSED: Result.NOT_ASSESSED,
    Status.NOT_APPLICABLE: Result.NOT_APPLICABLE,
}


@dataclass(frozen=True)
class Answer:
    """One control's answer about one resource, or about the stack (`name` "stack", no type, no URN)."""

    control: Control
    result: Result
    level: Level
    name: str
    type: str
    urn: str
    message: str
    excuse: Excuse | None = None


@dataclass(frozen=True)
class ControlResult:
    """One control over the whole stack: the worst of its answers."""

    control: Control
    result: Result
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Report:
    """An audit. Everything but `time` follows from the state, the register, the levels and the versions."""

    state: State
    source: str
    environment: str
    time: datetime
    versions: dict[str, str]
    frameworks: tuple[Framework, ...]
    results: tuple[ControlResult, ...]
    excuses: tuple[tuple[Excuse, str], ...]
    outside: tuple[Outside, ...] = OUTSIDE

    @property
    def answers(self) -> list[Answer]:
        """All answers, in the order of the controls and of the resources' names."""
        return [answer for result in self.results for answer in result.answers]

    @property
    def violations(self) -> list[Answer]:
        """The violations that no exception covers."""
        return [answer for answer in self.answers if answer.result is Result.VIOLATION]

    @property
    def mandatory(self) -> list[Answer]:
        """Those violations that the levels make mandatory in this environment."""
        return [answer for answer in self.violations if answer.level is Level.MANDATORY]

    def summary(self, framework: Framework | None = None) -> Counter[Result]:
        """How many controls came to which result, of one framework or of all."""
        return Counter(r.result for r in self.results if framework is None or framework in r.control.frameworks)


def audit(
    state: State,
    *,
    source: str,
    levels: Levels,
    register: exceptions.Register,
    now: datetime,
    environment: str = "",
    frameworks: Collection[Framework] = (),
    controls: Sequence[Control] | None = None,
) -> Report:
    """Judge `state`. `environment` is the stack's name unless given; `frameworks` narrow the controls."""
    environment = environment or state.name
    excuses = Excuses(register, environment, now.date())
    excuses.read_relaxations(state.stack)
    chosen = select(all_controls() if controls is None else controls, frameworks=frameworks)
    results = []
    for control in chosen:
        level = levels.of(control, environment)
        if level is not Level.DISABLED:
            results.append(_judge(control, level, state, excuses, now.date()))
    order = tuple(framework for framework in Framework if not frameworks or framework in frameworks)
    judged = [result.control.id for result in results]
    return Report(state, source, environment, now, _versions(), order, tuple(results), _register(excuses, judged))


def _judge(control: Control, level: Level, state: State, excuses: Excuses, today: date) -> ControlResult:
    answers = []
    for finding in control.evaluate(state.stack):
        verdict, resource = finding.verdict, finding.resource
        result, message, excuse = _RESULTS[verdict.status], verdict.message, None
        if result is Result.VIOLATION:
            excuse = excuses.find(control.id, resource, state.stack)
            if excuse and not excuse.expired(today):
                result = Result.EXCEPTED
        name = resource.name if resource else exceptions.WHOLE_STACK
        type_, urn = (resource.token, resource.urn) if resource else ("", "")
        answers.append(Answer(control, result, level, name, type_, urn, message, excuse))
    answers.sort(key=lambda answer: (answer.name, answer.type, answer.urn))
    seen = {answer.result for answer in answers}
    worst = next((result for result in Result if result in seen), Result.NOT_APPLICABLE)
    return ControlResult(control, worst, tuple(answers))


def _register(excuses: Excuses, judged: Sequence[str]) -> tuple[tuple[Excuse, str], ...]:
    unused = excuses.unused(judged)
    rows = []
    for entry in excuses.entries:
        state = "expired" if entry.expired(excuses.today) else "used" if entry in excuses.used else ""
        rows.append((entry, state or ("excuses nothing" if entry in unused else "not needed here")))
    return tuple(sorted(rows, key=lambda row: (sorted(row[0].controls), row[0].resource, row[0].source)))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("matchday", "pulumi", "pulumi-aws"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
