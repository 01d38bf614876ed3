"""How a new version of a process takes over from the one before: the words of a manifest."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from model.vocabulary import Model


class Strategy(StrEnum):
    """ECS's deployment strategies: task by task; all at once between two sets of tasks; a part first; in equal steps."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    LINEAR = "linear"


#: Those that move requests in parts.
GRADUAL = frozenset({Strategy.CANARY, Strategy.LINEAR})

Minutes = Annotated[int, Field(ge=0, le=1440)]


class Deployment(Model):
    """How one process is deployed. An alarm that rings meanwhile brings the version before back, whichever way."""

    strategy: Annotated[Strategy, Field(strict=False)] = Strategy.ROLLING
    """`rolling`: task by task; `blue-green`: a whole second set, then all requests; `canary`: `percent` of them first;
    `linear`: `percent` more at each step"""
    bake_minutes: Minutes = 5
    """not `rolling`: how long the version before stays beside the new one after the last request has moved"""
    percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """`canary`: requests that move first; `linear`: at each step, 3 at least"""
    step_minutes: Minutes | None = None
    """`canary`: until the rest follows; `linear`: between two steps"""

    @property
    def shifts(self) -> bool:
        """Whether two sets of tasks stand side by side, between which requests move."""
        return self.strategy is not Strategy.ROLLING

    @model_validator(mode="after")
    def _whole(self) -> Self:
        gradual = self.strategy in GRADUAL
        for name in ("percent", "step_minutes"):
            if (getattr(self, name) is not None) != gradual:
                wanted = "needs" if gradual else "takes no"
                raise ValueError(f"{self.strategy} {wanted} {name}; accepted with: {', '.join(sorted(GRADUAL))}")
        if self.strategy is Strategy.LINEAR and self.percent is not None and self.percent < 3:
            raise ValueError(f"percent: {self.percent}: ECS takes steps of 3 to 50 percent")
        return self
