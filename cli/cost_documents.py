"""The documents of `cost`, and of the cost of a change (cli/documents.py has the rest)."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from cli.exact import exact


@exact
class Unestimated(TypedDict):
    """What a sum does not hold."""

    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical; empty for all of the type"]
    count: Annotated[int, "of such resources"]
    what: Annotated[str, "what it is billed by, or why no price is known"]


@exact
class CostDifference(TypedDict):
    """A resource whose cost changes, or what all of a type cost by their use."""

    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical; empty for the use of all of the type"]
    before: Annotated[float, "a month"]
    after: Annotated[float, "a month"]
    difference: Annotated[float, "below 0: saved"]


@exact
class CostChange(TypedDict):
    """What a change costs in a month, by list prices (docs/cost.md)."""

    currency: Annotated[str, "ISO 4217"]
    before: Annotated[float, "a month of the stack"]
    after: Annotated[float, "a month of the stack"]
    difference: Annotated[float, "below 0: saved"]
    resources: Annotated[list[CostDifference], "the greatest first"]
    unpriced: Annotated[list[Unestimated], "resources after the change of which no price is known"]


@exact
class CostLine(TypedDict):
    """An item that a resource, or the use of all resources of a type, is billed for."""

    urn: Annotated[str, "Pulumi's; empty for the use of all of the type"]
    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical; empty likewise"]
    service: Annotated[str, "whose bill it is on"]
    item: Annotated[str, "in the price table"]
    unit: Annotated[str, "what the price is for"]
    quantity: Annotated[float, "units a month"]
    price: Annotated[float, "of one unit"]
    region: Annotated[str, "whose price it is, or `global`"]
    monthly: Annotated[float, "to the cent"]


@exact
class PriceTable(TypedDict):
    """Where the prices are from."""

    date: Annotated[str, "when the table was read"]
    source: Annotated[str, "the table's file: each row names AWS's file and where it was read"]
    elsewhere: Annotated[
        dict[str, str], "items reckoned at another Region's price, as their own is not known → that Region"
    ]


@exact
class Cost(TypedDict):
    """`cost`."""

    stack: Annotated[str, "its name"]
    region: Annotated[str, "AWS's"]
    currency: Annotated[str, "ISO 4217"]
    monthly: Annotated[float, "the sum of all lines"]
    services: Annotated[dict[str, float], "by service, the dearest first"]
    resources: Annotated[list[CostLine], "the dearest first"]
    usage: Annotated[list[Unestimated], "billed by use, and no number for it is assumed"]
    unpriced: Annotated[list[Unestimated], "no price is known, or no rule for the type"]
    assumptions: Annotated[dict[str, int], "the settings' `usage`"]
    prices: Annotated[PriceTable, "where the prices are from"]
