"""The words that settings, manifests, components and stacks share: one type each."""

from __future__ import annotations

import ast
import inspect
import textwrap
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from model.validation import described


class Model(BaseModel):
    """The base of every document's model: frozen, no key that it does not know, no conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the text below each field as its description.

        pydantic's own way (`use_attribute_docstrings`) reads the sources whenever a program starts, for whoever prints tables.
        """
        found = handler(schema)
        fields = handler.resolve_ref_schema(found).get("properties", {})
        for name, text in _documented(cls).items():
            if name in fields:
                fields[name].setdefault("description", text)
        return found


def _documented(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field in the source of `model`, and of the models that it extends."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, Model) and kind is not Model:
            (block,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            for field, text in pairwise(getattr(block, "body", ())):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(written))):
                        found[name] = inspect.cleandoc(written)
    return found


class Tier(StrEnum):
    """How much an environment is worth: what its settings start from, and which overrides of the manifests it takes."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    LAPTOP = "laptop"


class Datastore(StrEnum):
    """What a service can keep its data in."""

    POSTGRES = "postgres"
    BROKER = "broker"
    CACHE = "cache"


class ProcessKind(StrEnum):
    """How a process runs: behind the load balancer, from the queue, or alone by the clock."""

    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


class Nat(StrEnum):
    """How private subnets reach the internet: not at all, through one zone's gateway, each through its own zone's, or through
    one that AWS keeps in every zone in use (regional availability mode)."""

    NONE = "none"
    SINGLE = "single"
    PER_ZONE = "per-zone"
    REGIONAL = "regional"


class DnsFirewallMode(StrEnum):
    """What becomes of a question for a name that no service's egress has: it is answered, counted, or not answered."""

    OFF = "off"
    ALERT = "alert"
    BLOCK = "block"


class FirewallMode(StrEnum):
    """What becomes of what a rule group of the firewall finds; off: it is not asked, and costs nothing."""

    OFF = "off"
    COUNT = "count"
    BLOCK = "block"


class Upgrade(StrEnum):
    """How PostgreSQL reaches another major version: not at all, standing still meanwhile, or as a copy that takes over."""

    NONE = "none"
    IN_PLACE = "in-place"
    BLUE_GREEN = "blue-green"


ServiceName = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$", "2 to 20 lower-case letters, digits and dashes, a letter first"
        )
    ),
]


class Scaling(Model):
    """How many tasks run, and what target tracking holds their number by."""

    minimum: Annotated[int, Field(ge=1, le=500)]
    """tasks that always run"""
    maximum: Annotated[int, Field(ge=1, le=500)]
    """tasks at most"""
    cpu: Annotated[int, Field(ge=10, le=90)] | None = None
    """percent of CPU that the tasks are held at"""
    memory: Annotated[int, Field(ge=10, le=90)] | None = None
    """percent of memory that the tasks are held at"""
    requests: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """requests per task and minute that the tasks are held at; web processes only"""
    backlog: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """messages that wait in the outbox, per task, that the tasks are held at; workers only"""

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.minimum < self.maximum and (self.cpu, self.memory, self.requests, self.backlog) == (None,) * 4:
            raise ValueError(
                "nothing to scale by between minimum and maximum; give cpu or memory (percent), requests (per minute) or "
                "backlog (messages)"
            )
        return self


class Slo(Model):
    """A service-level objective in percent of requests.

    Below 95 % no rate of failure would be worth a page by how fast it spends what the objective allows.
    """

    name: Literal["availability", "latency"]
    """`availability`: answered without 5xx; `latency`: answered in time"""
    objective: Annotated[float, Field(ge=95, lt=100, strict=False)]
    """percent of requests that are good"""
    milliseconds: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """`latency` only: within how long"""

    @model_validator(mode="after")
    def _threshold(self) -> Self:
        if (self.name == "latency") != (self.milliseconds is not None):
            wanted = "needs" if self.name == "latency" else "takes no"
            raise ValueError(f"the {self.name} objective {wanted} milliseconds")
        return self
