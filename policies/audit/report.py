"""The result of an audit as data: every answer of every control over one stack, with exceptions applied."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

from policies import exceptions
from policies.audit import subject_file
from policies.audit.outside import OUTSIDE, Outside
from policies.audit.provenance import Provenance, digest
from policies.audit.since import Since
from policies.audit.state import State
from policies.catalog import all_controls
from policies.exceptions import Excuse, Excuses
from policies.frameworks import Coverage, coverage
from policies.judge import Judge, TurnedOff, lapsed
from policies.lang.resources import Stack
from policies.levels import Choice, Level, Levels
from policies.model import FRAMEWORK_KEYS, Control, Framework, Severity, Status


class Result(StrEnum):
    """What became of one answer."""

    VIOLATION = "violation"
    EXCEPTED = "excepted"
    CANNOT_TELL = "cannot tell yet"
    COMPLIANT = "compliant"
    NOT_ASSESSED = "not assessed here"
    NOT_APPLICABLE = "not applicable"


#: Severities, the gravest first.
GRAVEST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)

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
    #: What the answer rests on ("storageEncrypted=true"), and where the resource is; "" where that is not known.
    observed: str = ""
    #: The resource's id where AWS gives its kind no ARN (an inline policy, an attachment).
    arn: str = ""
    #: Of the stack's own answers all of its Regions.
    region: str = ""
    account: str = ""


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
    provenance: Provenance = field(default_factory=Provenance)
    turned_off: tuple[TurnedOff, ...] = ()
    selection: str = "everything"
    since: Since | None = None
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

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the documents that lie beside the evidence, by name."""
        return {"subject.json": digest(subject_file.render(self.state).encode()), **self.provenance.digests}

    @cached_property
    def coverage(self) -> tuple[Coverage, ...]:
        """How much of each framework the pack covers, and how much no stack can tell."""
        return tuple(coverage(framework.name.lower()) for framework in self.frameworks)

    @property
    def untold(self) -> list[Answer]:
        """The answers that cannot be given yet, the gravest first."""
        open_ = [answer for answer in self.answers if answer.result is Result.CANNOT_TELL]
        return sorted(open_, key=lambda answer: GRAVEST.index(answer.control.severity))

    @property
    def unapproved(self) -> list[Answer]:
        """The violations that are accepted by an exception which names nobody who approved it."""
        return [a for a in self.answers if a.result is Result.EXCEPTED and a.excuse and not a.excuse.approver]

    def untold_by_severity(self) -> dict[str, int]:
        """How many answers cannot be told, by severity, the gravest first; without those that have none."""
        counts = Counter(answer.control.severity for answer in self.untold)
        return {severity.value: counts[severity] for severity in GRAVEST if counts[severity]}

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
    provenance: Provenance | None = None,
) -> Report:
    """Judge `state`. `environment` is the stack's name unless given; `frameworks` narrow the controls."""
    environment = environment or state.name
    keys = tuple(key for key, framework in FRAMEWORK_KEYS.items() if framework in frameworks)
    judge = Judge(
        all_controls() if controls is None else controls,
        levels,
        register,
        environment,
        now.date(),
        choice=Choice(frameworks=keys),
    )
    judge.excuses.read_relaxations(state.stack)
    accounts = _accounts(state.stack)
    regions = ", ".join(sorted({resource.region for resource in state.stack.resources} - {""}))
    results = tuple(_results(control, judge, state, accounts, regions) for control in judge.active)
    order = tuple(framework for framework in Framework if not frameworks or framework in frameworks)
    return Report(
        state,
        source,
        environment,
        now,
        {**_versions(), **(provenance.versions if provenance else {})},
        order,
        results,
        _register(judge.excuses, [result.control.id for result in results]),
        provenance or Provenance(),
        tuple(judge.turned_off()),
        judge.choice.words(),
    )


def _accounts(stack: Stack) -> str:
    """The account that the stack's ARNs name; "" when they name none or several."""
    arns = (resource.raw("arn") for resource in stack.resources)
    found = {arn.split(":")[4] for arn in arns if isinstance(arn, str) and arn.count(":") >= 5} - {"", "aws"}
    return found.pop() if len(found) == 1 else ""


def _results(control: Control, judge: Judge, state: State, account: str, regions: str) -> ControlResult:
    answers = []
    for judged in judge.evaluate(control, state.stack, observe=True):
        verdict, resource = judged.finding.verdict, judged.finding.resource
        result = Result.EXCEPTED if judged.accepted else _RESULTS[verdict.status]
        name = resource.name if resource else exceptions.WHOLE_STACK
        type_, urn = (resource.token, resource.urn) if resource else ("", "")
        arn = resource.raw("arn") if resource else None
        arn = arn if isinstance(arn, str) else ""
        own = arn.split(":")[4] if arn.count(":") >= 5 else ""
        answers.append(
            Answer(
                control,
                result,
                judged.level,
                name,
                type_,
                urn,
                verdict.message + lapsed(judged.excuse, judged.accepted),
                judged.excuse,
                judged.finding.observed,
                arn or (resource.id if resource else ""),
                resource.region if resource else regions,
                own or account,
            )
        )
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
