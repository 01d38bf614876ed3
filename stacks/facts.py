"""Typed facts: what one stack tells another, instead of output names spelt twice.

A kind's facts are a dataclass (`Facts`). The stack that has them exports `outputs()`; another reads them with `read`: by
a StackReference on AWS, or as stand-ins in a preview whose backend knows no other stack (`matchday preview`, a pull request).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import pulumi

from environments.source import FACTS_KEY

#: The value of FACTS_KEY that asks for stand-ins.
STAND_INS = "stand-ins"


class FactsError(ValueError):
    """Facts of another stack cannot be had as asked."""


def fact(stand_in: Any, *, parameter: bool = False) -> dict[str, Any]:
    """The metadata of a field of a kind's facts.

    - stand_in: a value in AWS's own format, for previews without the other stack's state.
    - parameter: whether the fact is an SSM parameter too.
    """
    return {"stand_in": stand_in, "parameter": parameter}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The base of a kind's facts; a field is ``name: pulumi.Input[…] = field(metadata=fact(…))``."""

    def outputs(self) -> dict[str, Any]:
        """Name → value, for `pulumi.export`."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def parameters(self) -> dict[str, Any]:
        """Those that are SSM parameters too."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.metadata["parameter"]}


F = TypeVar("F", bound=Facts)


def read(kind: type[F], stack: str, *, stand_ins: bool) -> F:
    """The facts of `stack`, each field an Output.

    With `stand_ins` the fields' own: in previews only, since what is deployed must rest on what is. Raises FactsError.
    """
    if stand_ins:
        if not pulumi.runtime.is_dry_run():
            raise FactsError(
                f"{FACTS_KEY}: {STAND_INS}: a preview may stand in for the stack {stack!r}, an update may not"
            )
        return kind(**{each.name: pulumi.Output.from_input(each.metadata["stand_in"]) for each in fields(kind)})
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
    # `require_output`: a fact that the other stack does not export stops the program, with its name.
    return kind(**{each.name: reference.require_output(each.name) for each in fields(kind)})
