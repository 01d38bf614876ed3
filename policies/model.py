"""What a control is: metadata as data, and a rule that answers for each resource or for the stack as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from policies.frameworks import references
from policies.lang import data
from policies.lang.aliases import canonical
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell, View, observing, redact, show


class Severity(StrEnum):
    """How bad a violation is, in Security Hub's words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Framework(StrEnum):
    """The frameworks that controls are taken from or mapped to."""

    FSBP = "AWS Foundational Security Best Practices 1.0.0"
    CIS5 = "CIS AWS Foundations Benchmark 5.0.0"
    CIS7 = "CIS AWS Foundations Benchmark 7.0.0"
    PCI = "PCI DSS 4.0.1"
    SOC2 = "SOC 2 (TSC 2017)"
    NIST = "NIST SP 800-53 Rev. 5"
    ISO27001 = "ISO/IEC 27001:2022"
    RBI = "RBI Cyber Security Framework for UCBs"
    CERTIN = "CERT-In Directions of 28 April 2022"
    TAGGING = "AWS Resource Tagging Standard 1.0.0"
    HOUSE = "Matchday baseline"


#: What `--framework` and the pack's configuration call them.
FRAMEWORK_KEYS: Mapping[str, Framework] = {framework.name.lower(): framework for framework in Framework}


class Status(StrEnum):
    """What a control can answer."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non-compliant"
    NOT_APPLICABLE = "not applicable"
    CANNOT_TELL = "cannot tell yet"
    #: It is another stack's to answer (an account's setting): neither right nor wrong, nor without meaning here.
    NOT_ASSESSED = "not assessed here"


@dataclass(frozen=True)
class Verdict:
    """A violation names the property (its path), its value as it may be printed, and the fix; the others a reason."""

    status: Status
    path: str = ""
    value: str = ""
    fix: str = ""
    reason: str = ""

    @property
    def message(self) -> str:
        """The answer as one sentence."""
        if self.status is Status.NON_COMPLIANT:
            return f"{self.path} is {self.value}: {self.fix}"
        return self.reason


def ok() -> Verdict:
    """Compliant."""
    return Verdict(Status.COMPLIANT)


def na(reason: str) -> Verdict:
    """Not applicable, because …"""
    return Verdict(Status.NOT_APPLICABLE, reason=reason)


def bad(path: str, value: object, fix: str) -> Verdict:
    """Non-compliant: the property, the value found there (any type; secrets are never quoted) and what to do.

    >>> bad("enableKeyRotation", False, "set it to true").message
    'enableKeyRotation is false: set it to true'
    """
    return Verdict(Status.NON_COMPLIANT, path, show(value), fix)


def _redacted(verdict: Verdict, secrets: frozenset[str]) -> Verdict:
    """The verdict without secrets: a control reads them like any value, and may have put one into its words."""
    if not secrets:
        return verdict
    return Verdict(
        verdict.status,
        path=redact(verdict.path, secrets),
        value=redact(verdict.value, secrets),
        fix=redact(verdict.fix, secrets),
        reason=redact(verdict.reason, secrets),
    )


#: A rule's function: over one resource; over one resource and the stack around it; over a stack.
OnResource = Callable[[Resource], Verdict]
OnRelated = Callable[[Resource, Stack], Verdict]
OnStack = Callable[[Stack], Verdict]


@dataclass(frozen=True)
class Each:
    """Judges each resource of some types by its own properties: runs before the resource is created."""

    types: tuple[str, ...]
    check: OnResource


@dataclass(frozen=True)
class Related:
    """Judges each resource of some types by its properties and those of others in the stack.

    `alone`: what the resource itself says can be a violation, whatever else the stack holds; the pack then stops it before it
    is made. Otherwise it is judged when the stack is complete.
    """

    types: tuple[str, ...]
    check: OnRelated
    alone: bool = False


@dataclass(frozen=True)
class Whole:
    """Judges the stack: for what must exist. `types` make it applicable: with none of them there is nothing to judge.

    `elsewhere`: why a stack with none of `types` is not the one to ask; then the answer is "not assessed here".
    """

    types: tuple[str, ...]
    check: OnStack
    elsewhere: str = ""


ControlRule = Each | Related | Whole


@dataclass(frozen=True)
class Finding:
    """One control's answer about one resource (None: about the stack)."""

    control: Control
    resource: Resource | None
    verdict: Verdict
    #: What the answer rests on: properties as they were found ("storageEncrypted=true"); "" when nobody observed.
    observed: str = ""


#: How many of the values that a control read stand in the evidence: the last ones decide.
_SHOWN = 4


def _observed(subject: Resource | None, reads: Sequence[tuple[View, str, Any]], stack: Stack, verdict: Verdict) -> str:
    """The values that an answer rests on, in short; none that is secret. Where none was read, what is there counts."""
    found: dict[str, str] = {}
    for view, path, value in reads:
        if not isinstance(view, Resource):
            continue
        place = path if view is subject else f"{view.name}.{path}"
        found.pop(place, None)
        found[place] = show(value)
    kept = [f"{place}={text}" for place, text in found.items()][-_SHOWN:]
    if not kept and verdict.status is Status.NON_COMPLIANT:
        kept = [f"{verdict.path}={verdict.value}"]
    elif not kept:
        kept = [f"type={subject.token}" if subject else "none found"]
    return redact(", ".join(kept), stack.secrets)


@cache
def _titles() -> Mapping[str, str]:
    """Security Hub's titles by control."""
    path = Path(__file__).with_name("data") / "security_hub.yaml"
    found: Mapping[str, str] = data.load(path)["titles"]
    return found


_ID = re.compile(r"(MD\.)?[A-Z][A-Za-z0-9]*\.[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control: what auditors read, and the rule.

    - id: Security Hub's (`KMS.4`), or `MD.<Service>.<n>` for one that Security Hub does not have.
    - title: the state that is wanted, as a sentence without full stop ("KMS keys rotate every year"). Security Hub's controls
      have AWS's own, from data/security_hub.yaml.
    - remediation: what to change in the program, in pulumi_aws's words.
    - link: documentation; Security Hub's page of the control when left out.
    - frameworks: the requirements that it decides; from the data files of policies/frameworks/ when left out.
    """

    id: str
    severity: Severity
    remediation: str
    rule: ControlRule
    title: str = field(default="")
    link: str = field(default="")
    frameworks: Mapping[Framework, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"control id {self.id!r}: expected Security Hub's form (KMS.4) or MD.<Service>.<n>")
        own = self.id.startswith("MD.")
        if own is not bool(self.title):
            raise ValueError(
                f"control {self.id}: a title of its own goes with an id of its own (MD.…), and with no other"
            )
        if not own:
            object.__setattr__(self, "title", _titles().get(self.id, ""))
        if not self.frameworks:
            found = {FRAMEWORK_KEYS[key]: refs for key, refs in references(self.id).items()}
            ordered = {framework: found[framework] for framework in Framework if framework in found}
            object.__setattr__(self, "frameworks", ordered)
        missing = [name for name in ("title", "remediation", "frameworks") if not getattr(self, name)]
        if missing:
            raise ValueError(f"control {self.id}: {', '.join(missing)} missing")
        if not self.rule.types:
            raise ValueError(f"control {self.id}: its rule names no resource type")
        aliased = [kind for kind in self.rule.types if canonical(kind) != kind]
        if aliased:
            raise ValueError(f"control {self.id}: {aliased[0]} is an alias of {canonical(aliased[0])}; name that one")
        if not self.link:
            if own:
                raise ValueError(f"control {self.id}: a control that Security Hub does not have needs a link")
            service, _, number = self.id.lower().partition(".")
            page = (
                f"https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{service}-{number}"
            )
            object.__setattr__(self, "link", page)

    @property
    def service(self) -> str:
        """The AWS service that it is about, lower case ("kms"): what selection and reports group by."""
        return self.id.removeprefix("MD.").partition(".")[0].lower()

    def judge(self, resource: Resource, stack: Stack | None = None) -> Verdict:
        """The answer for one resource of the rule's types (`Related` needs the stack)."""
        try:
            if isinstance(self.rule, Each):
                return _redacted(self.rule.check(resource), resource.secrets)
            if isinstance(self.rule, Related) and stack is not None:
                return _redacted(self.rule.check(resource, stack), stack.secrets)
        except CannotTell as reason:
            return Verdict(Status.CANNOT_TELL, path=reason.path, reason=str(reason))
        raise TypeError(f"control {self.id} judges {type(self.rule).__name__}, not one resource by itself")

    def evaluate(self, stack: Stack, *, observe: bool = False) -> list[Finding]:
        """Every answer over a stack; an empty list when nothing in it is the control's business.

        `observe`: say on which values each answer rests.
        """
        if not observe:
            return self._evaluate(stack)
        if isinstance(self.rule, Whole):
            with observing() as reads:
                found = self._evaluate(stack)
            return [replace(finding, observed=_observed(None, reads, stack, finding.verdict)) for finding in found]
        found = []
        for resource in stack.of(*self.rule.types):
            with observing() as reads:
                verdict = self.judge(resource, stack)
            found.append(Finding(self, resource, verdict, _observed(resource, reads, stack, verdict)))
        return found

    def _evaluate(self, stack: Stack) -> list[Finding]:
        subjects = stack.of(*self.rule.types)
        if not isinstance(self.rule, Whole):
            return [Finding(self, resource, self.judge(resource, stack)) for resource in subjects]
        if not subjects:
            reason = self.rule.elsewhere
            return [Finding(self, None, Verdict(Status.NOT_ASSESSED, reason=reason))] if reason else []
        try:
            verdict = _redacted(self.rule.check(stack), stack.secrets)
        except CannotTell as reason:
            verdict = Verdict(Status.CANNOT_TELL, path=reason.path, reason=str(reason))
        return [Finding(self, None, verdict)]


def status_of(findings: Sequence[Finding]) -> Status:
    """One control's answer for a whole stack: the worst of its findings, "not applicable" when there is none."""
    seen = {finding.verdict.status for finding in findings}
    for status in (Status.NON_COMPLIANT, Status.CANNOT_TELL, Status.COMPLIANT, Status.NOT_ASSESSED):
        if status in seen:
            return status
    return Status.NOT_APPLICABLE
