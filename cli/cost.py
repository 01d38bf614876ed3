"""`matchday cost STACK`: what a month of the stack costs in AWS, from its plan and the dated price table. No AWS account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console, local

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cli.cost_documents import Cost, CostChange, Unestimated
    from model.cost.estimate import Estimate, Left
    from model.cost.usage import Usage

#: Items that a person is shown of a stack; --json has all.
_SHOWN = 25


def cost(
    stack: Annotated[str, typer.Argument(help="The stack: local, dev, prod, … (environments/Pulumi.<stack>.yaml).")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """What a month of a stack costs at AWS's list prices: by service and resource, with the assumptions.

    The stack is planned from nothing, on an isolated local cloud. What is billed by use and not assumed in the settings
    (`usage`) is listed, as is what has no price in the table; neither is counted as nothing silently (docs/cost.md).

    Exit code 0: estimated. 1: the program or a resource is refused. 2: it could not be asked.
    """
    from model.cost.estimate import estimate, resources

    local.require_stack(stack)
    local.require_readable(stack)
    region, usage = assumptions(stack)
    found = document(stack, region, usage, estimate(resources(_planned(stack)), region, usage))
    if as_json:
        console.emit(found)
    else:
        show(found)


def assumptions(stack: str) -> tuple[str, Usage]:
    """The stack's Region, and what its settings reckon a month with; defaults for a stack that is no environment."""
    import yaml

    from environments import settings
    from model.cost.usage import Usage
    from model.validation import DocumentError

    file = local.stack_files() / f"Pulumi.{stack}.yaml"
    config = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
    region = config.get("aws:region", local.REGION)
    if settings.KEY not in config:
        return str(region), Usage()
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    try:
        return str(region), settings.load(stack, texts, local.stack_files()).usage
    except DocumentError as error:
        console.fail("\n  ".join(error.sentences))


def difference(stack: str, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> CostChange:
    """What a change of the stack costs: the resources of two states, reckoned with the same settings and prices."""
    from model.cost.estimate import changes, estimate, resources

    region, usage = assumptions(stack)
    was, now = (estimate(resources(each), region, usage) for each in (before, after))
    return {
        "currency": "USD",
        "before": float(was.monthly),
        "after": float(now.monthly),
        "difference": float(now.monthly - was.monthly),
        "resources": [
            {
                "type": change.type,
                "name": change.name,
                "before": float(change.before),
                "after": float(change.after),
                "difference": float(change.difference),
            }
            for change in changes(was, now)
        ],
        "unpriced": _left(now.unpriced),
    }


def _planned(stack: str) -> list[Mapping[str, Any]]:
    """The resources that the program makes, as its plan from nothing has them."""
    from cli import against

    with local.isolated() as (workspace, _):
        plan = against.plan(workspace, stack)
    return [step["newState"] for step in plan["steps"] if step.get("newState")]


def document(stack: str, region: str, usage: Usage, found: Estimate) -> Cost:
    """What `--json` prints."""
    from model.cost import prices

    table = prices.load()
    return {
        "stack": stack,
        "region": region,
        "currency": table.currency,
        "monthly": float(found.monthly),
        "services": {service: float(monthly) for service, monthly in found.services().items()},
        "resources": [
            {
                "urn": line.urn,
                "type": line.type,
                "name": line.name,
                "service": line.service,
                "item": line.item,
                "unit": line.unit,
                "quantity": float(line.quantity),
                "price": float(line.price),
                "region": line.region,
                "monthly": float(line.monthly),
            }
            for line in found.lines
        ],
        "usage": _left(found.usage),
        "unpriced": _left(found.unpriced),
        "assumptions": usage.model_dump(exclude_none=True),
        "prices": {
            "date": table.read.isoformat(),
            "source": prices.FILE.relative_to(local.CHECKOUT).as_posix(),
            "elsewhere": dict(found.elsewhere),
        },
    }


def _left(entries: Iterable[Left]) -> list[Unestimated]:
    return [{"type": entry.type, "name": entry.name, "count": entry.count, "what": entry.what} for entry in entries]


def show(document: Cost) -> None:
    """The same for people."""
    stack, lines = document["stack"], document["resources"]
    console.table(
        [(service, f"{monthly:,.2f}") for service, monthly in document["services"].items()],
        ("service", "USD a month"),
    )
    console.result.print()
    console.table(
        [
            (
                line["name"] or f"all {line['type'].rsplit(':', 1)[1]}",
                line["item"],
                f"{line['quantity']:,.10g} {line['unit']}",
                f"{line['price']:.10g}"
                + ("" if line["region"] in (document["region"], "global") else f" ({line['region']})"),
                f"{line['monthly']:,.2f}",
            )
            for line in lines[:_SHOWN]
        ],
        ("resource", "item", "quantity", "price", "USD a month"),
    )
    if len(lines) > _SHOWN:
        rest = sum(line["monthly"] for line in lines[_SHOWN:])
        console.result.print(f"… and {len(lines) - _SHOWN} more, together {rest:,.2f} (--json has all)", markup=False)
    for title, entries in (
        ("billed by use, not estimated", document["usage"]),
        ("no price known", document["unpriced"]),
    ):
        if entries:
            console.result.print(f"\n{title}:", markup=False)
        for entry in entries:
            named = entry["name"] or f"{entry['count']} ×"
            console.result.print(f"  {named} {entry['type'].rsplit(':', 1)[1]}: {entry['what']}", markup=False)
    for item, region in document["prices"]["elsewhere"].items():
        console.result.print(
            f"no price of {item} is known: reckoned at that of {region}, which differs", style="yellow"
        )
    assumed = ", ".join(f"{name} {number}" for name, number in document["assumptions"].items())
    console.result.print(f"\nassumed (settings, `usage`): {assumed}", markup=False)
    console.result.print(
        f"{stack}: {document['monthly']:,.2f} {document['currency']} a month in {document['region']}, at list prices of "
        f"{document['prices']['date']} ({document['prices']['source']}), before taxes, free tiers and commitments",
        style="bold",
        markup=False,
    )


def print_difference(change: CostChange) -> None:
    """A change's cost for people: what it adds and saves, by resource and in all."""
    for entry in change["resources"]:
        named = entry["name"] or f"all {entry['type'].rsplit(':', 1)[1]}, by use"
        console.result.print(
            f"cost: {entry['difference']:+,.2f} {named} ({entry['type']}): {entry['before']:,.2f} → {entry['after']:,.2f}",
            markup=False,
        )
    for left in change["unpriced"]:
        console.result.print(f"cost: not known of {left['name']} ({left['type']}): {left['what']}", markup=False)
    console.result.print(
        f"cost: {change['difference']:+,.2f} {change['currency']} a month, {change['before']:,.2f} → {change['after']:,.2f}"
        " (estimate by list prices: docs/cost.md)",
        markup=False,
    )
