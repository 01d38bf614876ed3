"""The documents that commands print with --json: keys, types, meaning. docs/commands.md is written from these types."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from cli.cost_documents import Cost, CostChange
from cli.exact import exact
from cli.operations_documents import Chaos, Drill, EventReport, Rollback, Scaled, Trace
from cli.plan_documents import Plan


@exact
class Task(TypedDict):
    """A task of an ECS service."""

    id: Annotated[str, "as ECS names it"]
    pid: Annotated[int | None, "its first process"]
    address: Annotated[str, "in this clone's network"]
    status: Annotated[str, "ECS's: PROVISIONING, PENDING, RUNNING, STOPPING, STOPPED"]
    health: Annotated[Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"], "ECS's; UNKNOWN is not checked yet"]
    serving: Annotated[bool, "whether requests reach it"]
    restarts: Annotated[int, "tasks that the service had to replace in this one's place"]
    definition: Annotated[str, "family and revision"]
    reason: Annotated[str, "why it is not healthy"]
    log: Annotated[str, "file"]


@exact
class Service(TypedDict):
    """An ECS service."""

    name: Annotated[str, "`<project>-<stack>-<service>-<process>`"]
    cluster: Annotated[str, "its ECS cluster"]
    desired: Annotated[int, "tasks wanted"]
    running: Annotated[int, "tasks that serve"]
    rollout: Annotated[Literal["IN_PROGRESS", "COMPLETED", "FAILED"], "ECS's"]
    reason: Annotated[str, "why the roll-out failed or takes long"]
    definition: Annotated[str, "family and revision that is deployed"]
    log: Annotated[str, "file of the last task that failed"]
    tasks: Annotated[list[Task], "its tasks"]


@exact
class DataStore(TypedDict):
    """PostgreSQL or Valkey."""

    kind: Annotated[Literal["rds", "elasticache"], "what it stands for"]
    name: Annotated[str, "its identifier"]
    address: Annotated[str, "host:port"]
    pid: Annotated[int | None, "its first process"]
    state: Annotated[Literal["ready", "stopped", "failed"], "now"]
    reason: Annotated[str, "why it failed"]
    log: Annotated[str, "file"]


@exact
class Server(TypedDict):
    """Ingress, emulator, provider, the processes that tasks are forked from."""

    name: Annotated[str, "which"]
    address: Annotated[str, "host:port or port"]
    pid: Annotated[int | None, "its first process"]


@exact
class Difference(TypedDict):
    """A property that is not as it was deployed."""

    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical"]
    urn: Annotated[str, "Pulumi's"]
    property: Annotated[str, "path; empty for a resource that was deleted"]
    expected: Annotated[Any, "as deployed"]
    found: Annotated[Any, "as it is"]


@exact
class Drift(TypedDict):
    """What was changed or deleted by hand since the last `up`."""

    checked: Annotated[str | None, "when (UTC); null until the first look after an `up`"]
    found: Annotated[list[Difference], "what differs; secrets are not compared"]


@exact
class Ringing(TypedDict):
    """An alarm in the state ALARM."""

    name: Annotated[str, "CloudWatch's"]
    since: Annotated[str, "when (UTC)"]
    description: Annotated[str, "as deployed; names the runbook"]
    reason: Annotated[str, "the data points that decided"]


@exact
class Alarms(TypedDict):
    """The deployed alarms, evaluated on what runs here."""

    evaluated: Annotated[int, "metric alarms and composite ones"]
    ringing: Annotated[list[Ringing], "those in the state ALARM"]
    not_evaluated: Annotated[dict[str, str], "by name, why the local cloud cannot"]


@exact
class ScaledService(TypedDict):
    """An ECS service whose number of tasks moves."""

    name: Annotated[str, "ECS's"]
    cluster: Annotated[str, "ECS's"]
    minimum: Annotated[int, "tasks, as policies and schedules have it now"]
    maximum: Annotated[int, "tasks, as policies and schedules have it now"]


@exact
class AutoScaling(TypedDict):
    """What scales the services that run here."""

    services: Annotated[list[ScaledService], "the scalable targets; none where `compute.scaling` is off"]
    not_evaluated: Annotated[dict[str, str], "policies and scheduled actions by name, why the local cloud cannot"]


@exact
class Cdn(TypedDict):
    """The CDN."""

    distribution: Annotated[str | None, "the distribution that is before the ingress"]
    not_evaluated: Annotated[list[str], "what of it has no effect on this machine, and why"]


@exact
class Firewall(TypedDict):
    """The web ACL of the load balancer, acting at the ingress."""

    held: Annotated[dict[str, list[str]], "by rule, the addresses above its rate"]
    not_evaluated: Annotated[
        dict[str, dict[str, str]], "by web ACL and rule, what the local cloud cannot judge and why"
    ]


@exact
class Supervisor(TypedDict):
    """The process that owns everything."""

    pid: Annotated[int, "its process"]
    network: Annotated[str, "this clone's part of the loopback range"]
    region: Annotated[str, "AWS's"]


@exact
class Status(TypedDict):
    """`status`."""

    url: Annotated[str, "where the platform answers"]
    services: Annotated[list[Service], "ECS services"]
    databases: Annotated[list[DataStore], "data stores"]
    servers: Annotated[list[Server], "what else runs"]
    problems: Annotated[list[str], "what the data plane cannot do, a sentence each"]
    drift: Annotated[Drift, "looked for every five minutes if anything was written since"]
    alarms: Annotated[Alarms, "as CloudWatch would have them; each is evaluated when its period ends"]
    scaling: Annotated[AutoScaling, "Application Auto Scaling, acting on what runs here"]
    firewall: Annotated[Firewall, "the web ACL's rules, acting on what is asked here"]
    cdn: Annotated[Cdn, "the CDN's behaviors, acting on what is asked here"]
    supervisor: Annotated[Supervisor, "the process that owns everything"]
    resources: Annotated[int, "in the engine's state"]


@exact
class Changes(TypedDict):
    """Counts of resources."""

    create: Annotated[int, ""]
    update: Annotated[int, ""]
    replace: Annotated[int, ""]
    delete: Annotated[int, ""]
    same: Annotated[int, ""]


@exact
class Up(Status):
    """`up`."""

    changes: Annotated[Changes, "resources"]
    seconds: Annotated[dict[str, float], "by phase, and `total`"]


@exact
class Usage(TypedDict):
    """One part of the platform with all that descends from it."""

    name: Annotated[str, "service and task, data store or server"]
    pid: Annotated[int, "its first process"]
    processes: Annotated[int, "how many"]
    mebibytes: Annotated[float, "PSS: what is shared counts once, in parts"]
    cpu_seconds: Annotated[float, "user and system, since it started"]
    up_seconds: Annotated[int, "since it started"]


@exact
class Ps(TypedDict):
    """`ps`."""

    processes: Annotated[list[Usage], "the parts"]
    mebibytes: Annotated[float, "in all"]


@exact
class Planned(TypedDict):
    """One resource of a plan that is not the same."""

    urn: Annotated[str, "Pulumi's"]
    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical"]
    operation: Annotated[str, "create, update, replace, delete"]
    changed: Annotated[list[str], "paths of properties"]


@exact
class Preview(TypedDict):
    """`preview`."""

    stack: Annotated[str, "its name"]
    changes: Annotated[Changes, "resources"]
    resources: Annotated[list[Planned], "those that are not the same"]
    seconds: Annotated[float, "of the engine's run"]


@exact
class Property(TypedDict):
    """A leaf that differs; paths reach into JSON texts such as policy documents."""

    path: Annotated[str, "such as `ingress[0].cidrBlocks[1]`"]
    before: Annotated[Any, "null where it was not there; `[secret]` for a secret"]
    after: Annotated[Any, "null where it goes; `[known after the change]` for what only AWS will know"]


@exact
class Changed(TypedDict):
    """One resource that the change touches; replacements and deletions come first."""

    urn: Annotated[str, "Pulumi's"]
    type: Annotated[str, "Pulumi's"]
    name: Annotated[str, "logical"]
    operation: Annotated[Literal["replace", "delete", "update", "create"], "what happens to it"]
    forced_by: Annotated[list[str], "properties that force a replacement"]
    properties: Annotated[list[Property], "what differs"]


@exact
class Violation(TypedDict):
    """A policy's finding."""

    control: Annotated[str, "id"]
    resource: Annotated[str, "logical name, or `stack`"]
    level: Annotated[str, "mandatory or advisory"]
    message: Annotated[str, "what is wrong"]


@exact
class Policies(TypedDict):
    """What the change does to the policies' results."""

    gained: Annotated[list[Violation], "violations that it brings"]
    lost: Annotated[list[Violation], "violations that it ends"]


@exact
class Against(TypedDict):
    """What was compared with: a commit or a file."""

    ref: NotRequired[Annotated[str, "as given; the commit for `base`"]]
    commit: NotRequired[Annotated[str, "full"]]
    state: NotRequired[Annotated[str, "the file of `--state`"]]


@exact
class Change(TypedDict):
    """`preview --against` and `--state`."""

    stack: Annotated[str, "its name"]
    against: Annotated[Against, "what was compared with"]
    changes: Annotated[Changes, "resources"]
    resources: Annotated[list[Changed], "those that are not the same"]
    policies: Annotated[Policies, "by the project's own levels and exceptions"]
    cost: Annotated[CostChange, "of a month, before and after"]
    seconds: Annotated[float, "of everything"]


@exact
class Step(TypedDict):
    """A step of a journey or of a seed."""

    service: Annotated[str, "whose"]
    name: Annotated[str, "which"]
    ok: Annotated[bool, "whether it did what it should"]
    seconds: Annotated[float, "it took"]
    detail: Annotated[str, "what was seen"]


@exact
class Seed(TypedDict):
    """`seed`."""

    ok: Annotated[bool, "all steps"]
    steps: Annotated[list[Step], "in order"]


@exact
class Smoke(Seed):
    """`smoke`."""

    url: Annotated[str, "where"]
    seconds: Annotated[float, "in all"]


@exact
class Check(TypedDict):
    """Something that the platform needs."""

    name: Annotated[str, "what"]
    ok: Annotated[bool, "whether it is there"]
    found: Annotated[str, "what is there"]
    remedy: Annotated[str, "what to do about it"]


@exact
class Doctor(TypedDict):
    """`doctor`."""

    ok: Annotated[bool, "nothing is lacking"]
    checks: Annotated[list[Check], "what was looked at"]


@exact
class Rehearsal(TypedDict):
    """`rehearse`."""

    stack: Annotated[str, "its name"]
    created: Annotated[int, "resources that `up` made"]
    noop: Annotated[int, "changes that a preview just after it still sees: 0 when all is well"]
    refreshed: Annotated[int, "changes that a refresh sees: 0"]
    left: Annotated[int, "resources left in the state after destroy: 0"]
    kept: Annotated[list[str], "type and name of what destroy leaves in AWS because the program says so"]
    seconds: Annotated[dict[str, float], "`up`, `preview`, `refresh`, `destroy`"]


#: What is printed → its type. `audit` and `score` have formats of their own (docs/policies.md, docs/scoring.md).
DOCUMENTS: dict[str, Any] = {
    "up": Up, "status": Status, "ps": Ps, "preview": Preview, "preview --against": Change, "rehearse": Rehearsal, "plan": Plan,
    "cost": Cost, "scale": Scaled, "rollback": Rollback, "trace": Trace, "drill": Drill, "chaos": Chaos,
    "event-report": EventReport,
    "smoke": Smoke, "seed": Seed, "doctor": Doctor,
}  # fmt: skip


def check(name: str, document: Any) -> None:
    """Raise pydantic's ValidationError unless the document is of the type that the pages give."""
    TypeAdapter(DOCUMENTS[name]).validate_python(document)
