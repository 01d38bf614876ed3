"""A supervisor's settings, and its intervals."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.state import StateDirectory


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image's repository and what stands for it here: a checkout and the interpreter of its environment.

    `preload` names modules that its Python processes share: they are imported once, without a task's environment, by a process
    from which `python -m module` is forked. They may start no thread and read no environment when they are imported.
    """

    repository: str
    root: Path
    python: Path
    preload: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`REPOSITORY=ROOT[:PYTHON[:MODULE,…]]`; PYTHON is ROOT/.venv/bin/python if it is left out."""
        repository, _, place = text.partition("=")
        root, _, rest = place.partition(":")
        python, _, modules = rest.partition(":")
        if not repository or not root:
            raise SupervisorError("--image", f"{text!r} is not REPOSITORY=ROOT[:PYTHON[:MODULE,…]]")
        if not Path(root).is_dir():
            raise SupervisorError("--image", f"{text!r}: {root} is not a directory")
        # Not resolved: the interpreter of a virtual environment is a link, and the link is what makes it one.
        interpreter = Path(python) if python else Path(root) / ".venv" / "bin" / "python"
        preload = tuple(filter(None, modules.split(",")))
        return cls(repository=repository, root=Path(root).resolve(), python=interpreter.absolute(), preload=preload)

    def __str__(self) -> str:
        return ":".join([f"{self.repository}={self.root}", str(self.python), *filter(None, [",".join(self.preload)])])


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds. Tests shorten them; the `--timing` of the command line is theirs."""

    poll: float = 1.0  #: between two looks at the emulator while something changes
    poll_idle: float = 3.0  #: the same when the last looks were all alike
    probe_first: float = 0.3  #: first health check after a start; grows by half up to the definition's interval
    check_most: float = 300.0  #: between two health checks, whatever a definition says; AWS takes no longer interval
    settle: float = 2.0  #: how long a task without any health check must run until it counts as serving
    backoff_first: float = 1.0  #: before the first replacement of a failed task; doubles
    backoff_last: float = 60.0  #: ECS waits up to five minutes
    pool_refresh: float = 0.3  #: how long the ingress may go on using an answer of the resolver
    log_flush: float = 2.0  #: between two batches to CloudWatch Logs
    watch: float = 10.0  #: between two evaluations of the alarms, each of which has its own period
    usage: float = 60.0  #: between two looks at what processes use, as ECS and RDS write their metrics
    definitions: float = 30.0  #: between two looks whether alarms were deployed
    scaling: float = 60.0  #: of a data point of target tracking, and between two looks at them
    drift: float = 300.0  #: between two looks whether what is live still is what was deployed
    drain_most: float = 30.0  #: a deregistration delay is cut to this, and ends early once no request is open


@dataclass(frozen=True, kw_only=True)
class Config:
    """The arguments of `python -m localcloud.dataplane`."""

    state: Path
    ingress_host: str = "127.0.0.1"
    ingress_port: int = 8080
    images: tuple[Image, ...] = ()
    emulator: str | None = None
    region: str = "ap-south-1"
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        if not ipaddress.ip_address(self.ingress_host).is_loopback:
            raise SupervisorError("--ingress", f"{self.ingress_host} is not a loopback address (127.0.0.0/8)")

    @property
    def places(self) -> StateDirectory:
        """Where everything in the state directory lies."""
        return StateDirectory(self.state)

    @property
    def ingress(self) -> str:
        """`host:port` of the ingress."""
        return f"{self.ingress_host}:{self.ingress_port}"

    def argv(self) -> list[str]:
        """The command line that makes this configuration again."""
        words = ["--state", str(self.state), "--ingress", self.ingress, "--region", self.region]
        words += [word for image in self.images for word in ("--image", str(image))]
        words += ["--emulator", self.emulator] if self.emulator else []
        changed = [
            f"{item.name}={getattr(self.timing, item.name):g}"
            for item in dataclasses.fields(Timing)
            if getattr(self.timing, item.name) != item.default
        ]
        return words + (["--timing", ",".join(changed)] if changed else [])


def parse_timing(text: str) -> Timing:
    """`name=seconds,…` over the defaults."""
    known = {item.name for item in dataclasses.fields(Timing)}
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, seconds = part.partition("=")
        if name not in known:
            raise SupervisorError("--timing", f"{name!r} is none of {', '.join(sorted(known))}")
        try:
            values[name] = float(seconds)
        except ValueError as error:
            raise SupervisorError("--timing", f"{part!r} is not NAME=SECONDS") from error
    return Timing(**values)
