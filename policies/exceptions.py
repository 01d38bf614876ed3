"""The exception register: who accepted which violation, why, and until when; and what components relaxed with a reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from policies.lang import data
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell

REGISTER = Path(__file__).with_name("exceptions.yaml")

#: The resource pattern of a violation that is the stack's own (something that should exist and does not).
WHOLE_STACK = "stack"
_LONGEST = timedelta(days=366)

_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class RegisterError(ValueError):
    """The register cannot be read, or an entry is not complete."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    environments: tuple[_Name, ...] = Field(min_length=1)
    owner: _Name
    expires: date
    #: Who accepted it and when; an entry without stands in the evidence as one that nobody approved.
    approver: str = ""
    approved: date | None = None


class ExceptionRow(_Row):
    """One accepted violation: `resource` is a pattern (`*`, `?`) over logical names or URNs, or "stack"."""

    control: _Name
    resource: _Name
    reason: _Words


class RelaxationRow(_Row):
    """What a component's relaxed input excuses, in that component and below; the reason comes from the program."""

    component: _Name
    input: _Name
    controls: tuple[_Name, ...] = Field(min_length=1)


class Register(BaseModel):
    """The file as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exceptions: tuple[ExceptionRow, ...] = ()
    relaxations: tuple[RelaxationRow, ...] = ()


@dataclass(frozen=True)
class Excuse:
    """Why one violation is accepted, in one environment."""

    controls: frozenset[str]
    resource: str
    reason: str
    owner: str
    expires: date
    source: str
    #: Who accepted it; "" when the register does not say.
    approver: str = ""
    #: URN of the component that it is limited to; "" for an entry of the file.
    below: str = ""

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


def load(path: Path = REGISTER, known: Collection[str] = (), today: date | None = None) -> Register:
    """The register in `path`; `known` are the ids that an entry may name. Raises `RegisterError` naming the entry.

    No exception lasts longer than a year from its approval, or from `today` when it does not say when it was approved.
    """
    try:
        content = data.load(path) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RegisterError(f"{path}: cannot be read: {error}") from error
    try:
        register = Register.model_validate(content)
    except ValidationError as error:
        raise RegisterError("\n".join(_sentence(path, content, item) for item in error.errors())) from error
    named = [(f"exceptions.{i}", row.control) for i, row in enumerate(register.exceptions)]
    named += [(f"relaxations.{i}", name) for i, row in enumerate(register.relaxations) for name in row.controls]
    for place, control in named:
        if known and control not in known:
            raise RegisterError(f"{path}: {place}: there is no control {control!r}; RULES.md lists them")
    now = today or datetime.now(UTC).date()
    dated: list[tuple[str, str, _Row]] = [(f"exceptions.{i}", r.control, r) for i, r in enumerate(register.exceptions)]
    dated += [(f"relaxations.{i}", r.component, r) for i, r in enumerate(register.relaxations)]
    for place, about, row in dated:
        start = row.approved or now
        if row.expires > start + _LONGEST:
            raise RegisterError(
                f"{path}: {place}.expires ({about}): {row.expires} is more than a year after {start}; "
                "an exception lasts a year at most, then it is looked at again"
            )
    return register


def _sentence(path: Path, content: Any, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    row: Any = content
    for part in error["loc"][:2]:
        row = row[part] if isinstance(row, dict | list) and (isinstance(row, list) or part in row) else row
    about = (
        f" ({row.get('control') or row.get('component')})" if isinstance(row, dict) and len(error["loc"]) > 1 else ""
    )
    return f"{path}: {place}{about}: {error['msg'].lower()}"


@dataclass
class Excuses:
    """The register's entries that hold for one environment, with a record of which were used."""

    register: Register
    environment: str
    today: date
    entries: list[Excuse] = field(default_factory=list, init=False)
    used: set[Excuse] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        for row in self.register.exceptions:
            if self._here(row):
                entry = Excuse(
                    frozenset({row.control}),
                    row.resource,
                    row.reason,
                    row.owner,
                    row.expires,
                    f"{REGISTER.name}: {row.control}",
                    row.approver,
                )
                self.entries.append(entry)
        self._relaxable = [row for row in self.register.relaxations if self._here(row)]

    def _here(self, row: _Row) -> bool:
        return any(fnmatchcase(self.environment, pattern) for pattern in row.environments)

    def may_come_later(self, control: str, resource: Resource) -> bool:
        """Whether a component above `resource` might still say that it relaxed what `control` asks for. A resource is judged
        before its components are complete; its URN names their types."""
        kinds = resource.urn.rpartition("::")[0].rpartition("::")[2].split("$")
        return any(control in row.controls and row.component in kinds for row in self._relaxable)

    def read_relaxations(self, stack: Stack) -> None:
        """Add what the components of `stack` say that they relaxed (their output `relaxed`: name → reason)."""
        for row in self._relaxable:
            for component in stack.of(row.component):
                try:
                    reason = component.view("relaxed").text(row.input)
                except CannotTell:
                    continue
                if reason:
                    source = f"{component.name}: relaxed[{row.input!r}]"
                    controls = frozenset(row.controls)
                    below = f"{component.name} and below"
                    self.entries.append(
                        Excuse(controls, below, reason, row.owner, row.expires, source, row.approver, component.urn)
                    )

    def find(self, control: str, resource: Resource | None, stack: Stack | None = None) -> Excuse | None:
        """The entry that covers a violation of `control` by `resource` (None: by the stack); an expired one last."""
        found = [entry for entry in self.entries if control in entry.controls and _covers(entry, resource, stack)]
        self.used.update(found)
        return min(found, key=lambda entry: (entry.expired(self.today), entry.source), default=None)

    def unused(self, judged: Iterable[str]) -> list[Excuse]:
        """Entries of the file that excused nothing although their control was `judged`."""
        ids = set(judged)
        return [entry for entry in self.entries if not entry.below and entry not in self.used and entry.controls & ids]


def _covers(entry: Excuse, resource: Resource | None, stack: Stack | None) -> bool:
    if resource is None:
        return entry.resource == WHOLE_STACK
    if entry.below:
        return stack is not None and entry.below in _ancestors(resource, stack)
    return any(fnmatchcase(text, entry.resource) for text in (resource.name, resource.urn))


def _ancestors(resource: Resource, stack: Stack) -> Iterable[str]:
    urn, seen = resource.urn, set[str]()
    while urn and urn not in seen:
        seen.add(urn)
        above = stack.by_urn(urn)
        urn = above.parent if above else ""
    return seen
