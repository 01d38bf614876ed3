"""What an environment's settings say of its tasks: when and how they run, and from which image."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from environments.forms import ImageDigest, ImageTag, Registry, TimeZone
from model.vocabulary import Model

#: A tag that names one build: a commit, or a version with a point in it. `current` or `main` would name another tomorrow.
_ONE_BUILD = re.compile(r"[0-9a-f]{7,40}|v?\d+(\.\d+)+([-_.][A-Za-z0-9_.-]+)?")


#: The target that no commit builds: the collector of traces, another's image.
COLLECTOR = "collector"


class WorkingHours(Model):
    """When an environment has tasks at all; its data stores always run."""

    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1, strict=False)
    ]
    """the days on which it is used"""
    begin: Annotated[time, Field(strict=False)]
    """when its tasks start, such as 08:00"""
    end: Annotated[time, Field(strict=False)]
    """when they stop, the same day"""
    timezone: TimeZone
    """whose clock that is"""

    @property
    def monthly(self) -> int:
        """Hours of AWS's average month (730), rounded."""
        minutes = (self.end.hour - self.begin.hour) * 60 + self.end.minute - self.begin.minute
        return round(minutes / 60 * len(set(self.days)) * 730 / 168)

    @model_validator(mode="after")
    def _a_day(self) -> Self:
        if self.end <= self.begin:
            raise ValueError(
                f"end: {self.end:%H:%M} is not after begin, {self.begin:%H:%M}; accepted: a later time of the day"
            )
        if len(set(self.days)) != len(self.days):
            raise ValueError("days: one is there twice")
        return self


class Compute(Model):
    """ECS on Fargate."""

    scaling: bool
    """whether target tracking changes the number of tasks; off: each process stays at its minimum"""
    hours: WorkingHours | None = None
    """when there are tasks at all; left out: always (an `up` out of hours starts none, and changes nothing of that)"""
    spot_percent: Annotated[int, Field(ge=0, le=100)]
    """share of the tasks above the first of each service that may run on Fargate Spot"""
    vcpu_quota: Annotated[int, Field(ge=1, le=100_000)]
    """vCPUs that the account may run on Fargate, and as many on Spot (6 in a new account); the plan must fit"""
    insights: Literal["disabled", "enabled", "enhanced"]
    """CloudWatch Container Insights"""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    """what the services log; of libraries INFO at least"""
    traces: Annotated[float, Field(ge=0, le=1)] | None = None
    """share of the traces that is kept besides those that failed or were slow; left out: none, and no collector in the tasks"""

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.hours is not None and not self.scaling:
            raise ValueError("hours: they are the work of scaling, which is off; accepted: scaling true, or no hours")
        return self


class Image(Model):
    """The images of the services: `<registry>/matchday/services`, by digest or by tag, one of the two."""

    registry: Registry | None = None
    """left out: the account's own ECR"""
    digest: ImageDigest | None = None
    """the image's digest, as `docker push` prints it: what was tested is what runs"""
    tag: ImageTag | None = None
    """a tag of one build instead: a commit or a version; ones that move, such as `current`, in the tier laptop alone"""
    targets: dict[Literal["kyc"], ImageDigest] = Field(default_factory=dict)
    """with `digest`: the digest of each other image, by its set of requirements; with a tag theirs is `<tag>-<set>`"""
    collector: ImageDigest | None = None
    """with `digest` and `compute.traces`: the digest of the copy of AWS's collector; with a tag its is `<tag>-collector`"""

    @property
    def pinned(self) -> bool:
        """Whether it names one build for ever."""
        return self.digest is not None or (self.tag is not None and _ONE_BUILD.fullmatch(self.tag) is not None)

    def suffix(self, target: str = "services") -> str:
        """What follows the repository's name in the reference of an image. Raises KeyError where `targets` lacks it."""
        if target == "services":
            return f":{self.tag}" if self.digest is None else f"@{self.digest}"
        others = {**{str(name): digest for name, digest in self.targets.items()}, COLLECTOR: self.collector}
        return f":{self.tag}-{target}" if self.digest is None else f"@{others[target]}"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.digest is None) == (self.tag is None):
            given = "neither is" if self.tag is None else "both are"
            raise ValueError(f"digest and tag: {given} given; accepted: one, digest: sha256:<64 hexadecimal digits>")
        return self
