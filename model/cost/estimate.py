"""What a month of a stack costs, resource by resource, and what a change of it costs. Pure arithmetic on the price table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from model.cost import prices as table
from model.cost.kinds import FREE, KINDS, CannotTellError, Resource, Shared
from model.cost.prices import Prices
from model.cost.usage import Usage

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """One item of one resource, or (urn and name empty) of all resources of a kind together.

    monthly: US dollars, to the cent. region: whose price it is; it is not always the resource's.
    """

    urn: str
    type: str
    name: str
    service: str
    item: str
    unit: str
    quantity: Decimal
    price: Decimal
    region: str
    monthly: Decimal


@dataclass(frozen=True, slots=True)
class Left:
    """What the sum does not hold: `count` resources of a type (or one, by name), and why or what it is billed by."""

    type: str
    name: str
    count: int
    what: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month.

    usage: billed by use, and no number for it is in the assumptions. unpriced: no price, or no rule for the kind.
    elsewhere: items that are reckoned at another Region's price, as that of their own is not in the table → that Region.
    """

    lines: tuple[Line, ...]
    usage: tuple[Left, ...]
    unpriced: tuple[Left, ...]
    elsewhere: Mapping[str, str]

    @property
    def monthly(self) -> Decimal:
        """The sum of all lines."""
        return sum((line.monthly for line in self.lines), Decimal(0))

    def services(self) -> dict[str, Decimal]:
        """Service → its part, the dearest first."""
        found: dict[str, Decimal] = {}
        for line in self.lines:
            found[line.service] = found.get(line.service, Decimal(0)) + line.monthly
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def by_resource(self) -> dict[tuple[str, str, str], Decimal]:
        """(type, logical name, URN) → its month; with empty name and URN what a kind's use costs in all."""
        found: dict[tuple[str, str, str], Decimal] = {}
        for line in self.lines:
            key = (line.type, line.name, line.urn)
            found[key] = found.get(key, Decimal(0)) + line.monthly
        return found


def resources(documents: Iterable[Mapping[str, Any]]) -> list[Resource]:
    """The resources of AWS that are the stack's own, of a state or of a plan's steps (`newState`)."""
    return [
        Resource(
            document["urn"],
            document["type"],
            document["urn"].rsplit("::", 1)[1],
            document.get("inputs") or {},
            document.get("propertyDependencies") or {},
        )
        for document in documents
        if document.get("custom")
        and document["type"].startswith("aws:")
        and not (document.get("external") or document.get("delete"))
    ]


def estimate(found: Sequence[Resource], region: str, usage: Usage, prices: Prices | None = None) -> Estimate:
    """What `found` costs in a month. region: of resources that name none."""
    return _Sum(found, region, usage, prices or table.load()).result()


class _Sum:
    def __init__(self, found: Sequence[Resource], region: str, usage: Usage, prices: Prices) -> None:
        self.found, self.region, self.usage, self.prices = found, region, usage, prices
        self.known = {resource.urn: resource for resource in found}
        self.lines: list[Line] = []
        self.notes: Counter[tuple[str, str]] = Counter()
        self.unpriced: list[Left] = []
        self.elsewhere: dict[str, str] = {}

    def result(self) -> Estimate:
        for resource in self.found:
            self._one(resource)
        for kind, count in sorted(Counter(resource.type for resource in self.found).items()):
            for shared in KINDS[kind].shared if kind in KINDS else ():
                self._shared(kind, count, shared)
        notes = tuple(Left(kind, "", count, what) for (kind, what), count in sorted(self.notes.items()))
        ordered = sorted(self.lines, key=lambda line: (-line.monthly, line.type, line.name, line.item))
        return Estimate(tuple(ordered), notes, tuple(self.unpriced), dict(sorted(self.elsewhere.items())))

    def _one(self, resource: Resource) -> None:
        if resource.type in FREE:
            return
        kind = KINDS.get(resource.type)
        if kind is None:
            self.unpriced.append(Left(resource.type, resource.name, 1, "this kind of resource is not in the table"))
            return
        self.notes.update((resource.type, note) for note in kind.notes)
        if kind.each is None:
            return
        try:
            for use in list(kind.each(resource, self.usage, self.known)):
                if isinstance(use, str):
                    self.notes[resource.type, use] += 1
                else:
                    where = resource.inputs.get("region") or self.region
                    self._add(use.item, use.quantity, str(where), resource.type, resource.name, resource.urn)
        except CannotTellError as error:
            self.unpriced.append(Left(resource.type, resource.name, 1, str(error)))

    def _shared(self, kind: str, count: int, shared: Shared) -> None:
        number = getattr(self.usage, shared.usage)
        if number == 0:
            self.notes[kind, f"{shared.item}, by use (usage.{shared.usage} is 0)"] += count
            return
        times = {"once": 1, "hours": self.usage.hours, "each": count}[shared.times]
        self._add(shared.item, Decimal(number * times * shared.scale), self.region, kind, "", "")

    def _add(self, item: str, quantity: Decimal, region: str, kind: str, name: str, urn: str) -> None:
        price = self.prices.find(item, region)
        if price is None:
            self.unpriced.append(Left(kind, name, 1, f"{item}: no price in the table, of no Region"))
            return
        if price.region not in (region, table.GLOBAL):
            self.elsewhere[f"{item} in {region}"] = price.region
        monthly = (quantity * price.usd).quantize(CENT, ROUND_HALF_UP)
        self.lines.append(
            Line(urn, kind, name, price.service, item, price.unit, quantity, price.usd, price.region, monthly)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a resource (or, without a name, a kind's use) cost before and costs after, US dollars in a month."""

    type: str
    name: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """What is gained or, below zero, saved."""
        return self.after - self.before


def changes(before: Estimate, after: Estimate) -> list[Change]:
    """Where the two differ, the greatest difference first. A resource that is replaced is one, by its name."""
    was, now = (_named(each) for each in (before, after))
    found = [
        Change(*key, was.get(key, Decimal(0)), now.get(key, Decimal(0)))
        for key in sorted({*was, *now})
        if was.get(key, Decimal(0)) != now.get(key, Decimal(0))
    ]
    return sorted(found, key=lambda change: (-abs(change.difference), change.type, change.name))


def _named(each: Estimate) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    for (kind, name, _), monthly in each.by_resource().items():
        found[kind, name] = found.get((kind, name), Decimal(0)) + monthly
    return found
