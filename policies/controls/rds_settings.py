"""Controls on settings of RDS beside the database: logs to CloudWatch, parameter groups, event subscriptions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from policies.controls.rds import CLUSTER, INSTANCE, engine, inherited
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell
from policies.model import Control, Each, Related, Severity, Verdict, Whole, bad, na, ok

PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
EVENTS = "aws:rds/eventSubscription:EventSubscription"

_MYSQL_LOGS = ("audit", "error", "general", "slowquery")

#: What each engine can publish, by prefix of its name (Security Hub's list for RDS.9).
LOGS: Mapping[str, Sequence[str]] = {
    "postgres": ("postgresql", "upgrade"),
    "mysql": _MYSQL_LOGS,
    "mariadb": _MYSQL_LOGS,
    "oracle": ("alert", "audit", "listener", "trace"),
    "sqlserver": ("agent", "error"),
}


def _publishes(database: Resource, wanted: Collection[str]) -> Verdict:
    path = "enabledCloudwatchLogsExports"
    texts, complete = database.known_texts(path)
    missing = sorted(set(wanted) - set(texts))
    if not missing:
        return ok()
    if not complete:
        raise CannotTell(path, "not known before deployment")
    return bad(path, texts or None, f"add {', '.join(missing)}")


def _all_logs(instance: Resource) -> Verdict:
    wanted = next((logs for prefix, logs in LOGS.items() if engine(instance).startswith(prefix)), None)
    return (
        na(f"no logs are known for {engine(instance) or 'the engine'}")
        if wanted is None
        else _publishes(instance, wanted)
    )


def _logs_of(type_: str, engines: tuple[str, ...], wanted: tuple[str, ...]) -> Each:
    def check(database: Resource) -> Verdict:
        if not engine(database).startswith(engines):
            return na(f"not a database of {engines[0]}")
        if type_ == CLUSTER and database.text("engineMode", "provisioned") == "serverless":
            return na("Aurora Serverless v1 publishes logs by itself")
        return _publishes(database, wanted)

    return Each((type_,), check)


def _parameter(group: Resource | None, name: str) -> str | None:
    """What a parameter group sets; None when it leaves the engine's default."""
    for item in group.each("parameters") if group else ():
        if item.text("name") == name:
            return item.text("value")
    return None


def _group(database: Resource, path: str, type_: str, stack: Stack) -> Resource | None:
    """The parameter group; None for AWS's default one. Raises `CannotTell` for one outside the stack."""
    inherited(database, path)
    if database.raw(path) is None:
        return None
    group = stack.target(database, path, type_)
    if group is None and not database.text(path).startswith("default."):
        raise CannotTell(path, "a parameter group outside this stack")
    return group


def _version(instance: Resource, group: Resource | None) -> tuple[int, ...]:
    """The engine's version as numbers: the instance's, else the group's family ("postgres16"), else the newest there is."""
    text = instance.text("engineVersion") or (group.text("family") if group else "")
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    return numbers or (9999,)


def _older_than(instance: Resource, since: tuple[int, ...]) -> bool:
    """Whether the engine is of a version from before it had a parameter."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", instance.text("engineVersion"))[:2])
    return bool(since and numbers) and numbers < since


def _forces_tls(engines: tuple[str, ...], name: str, on_since: tuple[int, ...], since: tuple[int, ...] = ()) -> Related:
    """The instance's parameter `name` is on; engines of version `on_since` and later have it on by default."""

    def check(instance: Resource, stack: Stack) -> Verdict:
        if not engine(instance).startswith(engines):
            return na(f"not a database of {engines[0]}")
        if _older_than(instance, since):
            return na(f"{engine(instance)} {instance.text('engineVersion')} has no parameter {name}")
        group = _group(instance, "parameterGroupName", PARAMETERS, stack)
        value = _parameter(group, name)
        on = value.lower() in ("1", "on", "true") if value is not None else _version(instance, group) >= on_since
        where = f"{group.name}.parameters" if group else "parameterGroupName"
        return ok() if on else bad(f"{where}.{name}", value, "set it to 1 in a parameter group of the instance")

    return Related((INSTANCE,), check)


def _audits(cluster: Resource, stack: Stack) -> Verdict:
    if engine(cluster) not in ("aurora-mysql", "aurora"):
        return na("not an Aurora MySQL cluster")
    group = _group(cluster, "dbClusterParameterGroupName", CLUSTER_PARAMETERS, stack)
    logging, events = (_parameter(group, name) for name in ("server_audit_logging", "server_audit_events"))
    if logging is None or logging.lower() not in ("1", "on"):
        return bad("server_audit_logging", logging, "set it to 1 in the cluster's parameter group")
    return (
        ok() if events else bad("server_audit_events", events, "name the events, such as CONNECT,QUERY_DDL,QUERY_DCL")
    )


def _covers(subscription: Resource, source: str, wanted: Collection[str]) -> bool:
    if not subscription.flag("enabled", True) or subscription.text("sourceType", source) != source:
        return False
    if subscription.has("sourceIds"):
        return False  # only some of them
    return not subscription.has("eventCategories") or set(wanted) <= set(subscription.texts("eventCategories"))


def _subscribed(types: tuple[str, ...], source: str, wanted: tuple[str, ...]) -> Whole:
    """Some subscription hears the events `wanted` from every resource of a source."""

    def check(stack: Stack) -> Verdict:
        if any(_covers(subscription, source, wanted) for subscription in stack.of(EVENTS)):
            return ok()
        return bad(
            "EventSubscription", None, f"subscribe to {', '.join(wanted)} with source_type {source!r} and no source_ids"
        )

    return Whole(types, check)


def _security_groups_heard(subscription: Resource) -> Verdict:
    source, wanted = "db-security-group", ("configuration change", "failure")
    if subscription.text("sourceType", source) != source:
        return na("subscribes to another source")
    if _covers(subscription, source, wanted):
        return ok()
    return bad(
        "eventCategories",
        subscription.raw("eventCategories"),
        f"include {' and '.join(wanted)}, enabled, without source_ids",
    )


#: (id, type, engines, log types).
_LOG_ROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("RDS.34", CLUSTER, ("aurora-mysql",), ("audit",)),
    ("RDS.36", INSTANCE, ("postgres",), ("postgresql",)),
    ("RDS.37", CLUSTER, ("aurora-postgresql",), ("postgresql",)),
    ("RDS.40", INSTANCE, ("sqlserver",), ("agent", "error")),
    ("RDS.42", INSTANCE, ("mariadb",), ("audit", "error")),
)

#: (id, engines, parameter, version from which it is on by default, version from which there is one).
_TLS_ROWS = (
    ("RDS.38", ("postgres",), "rds.force_ssl", (15,), ()),
    ("RDS.39", ("mysql",), "require_secure_transport", (8, 4), ()),
    ("RDS.41", ("sqlserver",), "rds.force_ssl", (9999, 1), ()),
    ("RDS.44", ("mariadb",), "require_secure_transport", (11, 8), (10, 5)),
)

#: (id, what makes it applicable, source, categories).
_EVENT_ROWS: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("RDS.19", (CLUSTER,), "db-cluster", ("maintenance", "failure")),
    ("RDS.20", (INSTANCE,), "db-instance", ("maintenance", "configuration change", "failure")),
    ("RDS.21", (PARAMETERS,), "db-parameter-group", ("configuration change",)),
)

CONTROLS: tuple[Control, ...] = (
    Control(
        id="RDS.9",
        severity=Severity.MEDIUM,
        remediation="Set enabled_cloudwatch_logs_exports to the engine's log types.",
        rule=Each((INSTANCE,), _all_logs),
    ),
    Control(
        id="RDS.22",
        severity=Severity.LOW,
        remediation="Include configuration change and failure in event_categories.",
        rule=Each((EVENTS,), _security_groups_heard),
    ),
    Control(
        id="RDS.45",
        severity=Severity.MEDIUM,
        remediation="Set server_audit_logging=1 and server_audit_events in the cluster's parameter group.",
        rule=Related((CLUSTER,), _audits),
    ),
    *(
        Control(
            id=control_id,
            severity=Severity.MEDIUM,
            remediation=f"Add {', '.join(wanted)} to enabled_cloudwatch_logs_exports.",
            rule=_logs_of(type_, engines, wanted),
        )
        for control_id, type_, engines, wanted in _LOG_ROWS
    ),
    *(
        Control(
            id=control_id,
            severity=Severity.MEDIUM,
            remediation=f"Set {name} to 1 in the instance's parameter group.",
            rule=_forces_tls(engines, name, on_since, since),
        )
        for control_id, engines, name, on_since, since in _TLS_ROWS
    ),
    *(
        Control(
            id=control_id,
            severity=Severity.LOW,
            remediation=f"Add an rds.EventSubscription with source_type={source!r} for {', '.join(wanted)}.",
            rule=_subscribed(types, source, wanted),
        )
        for control_id, types, source, wanted in _EVENT_ROWS
    ),
)
