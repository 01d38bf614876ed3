"""Cases of policies/controls/rds_settings.py."""

from __future__ import annotations

from typing import Any

from policies.controls.rds import CLUSTER, INSTANCE
from policies.controls.rds_settings import CLUSTER_PARAMETERS, EVENTS, LOGS, PARAMETERS
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.rds import GOOD

OTHER = [res("aws:sqs/queue:Queue")]
EXPORTS = "enabledCloudwatchLogsExports"


def database(kind: str, engine: str, *logs: str, **props: Any) -> list[Any]:
    return [res(kind, "db", **({"engine": engine, EXPORTS: list(logs)} | props))]


def logs(kind: str, engine: str, *wanted: str, na: Any = ()) -> Case:
    return Case(
        good=[database(kind, engine, *wanted), database(kind, engine, *wanted, "more")],
        bad=[
            Change({EXPORTS: ABSENT}),
            *(Change({EXPORTS: [log for log in wanted if log != left]}) for left in wanted),
        ],
        na=[OTHER, database(kind, "db2-se"), *na],
        unknown=[Change({EXPORTS: UNKNOWN}), Change({EXPORTS: [UNKNOWN]})],
    )


def tls(engine: str, parameter: str, old: str, new: str | None, on: str = "1", off: str = "0") -> Case:
    def set_to(value: str, **props: Any) -> list[Any]:
        group = res(
            PARAMETERS, "group", parameters=[{"name": "other", "value": "1"}, {"name": parameter, "value": value}]
        )
        return [res(INSTANCE, "db", **({"engine": engine, "parameterGroupName": "group"} | props)), group]

    plain = [res(INSTANCE, "db", engine=engine, engineVersion=old, parameterGroupName=f"default.{engine}{old}")]
    newest = [[res(INSTANCE, engine=engine, engineVersion=new)], [res(INSTANCE, engine=engine)]] if new else []
    return Case(
        good=[set_to(on), set_to("ON"), set_to("true"), *newest],
        bad=[
            Change({"parameters.1.value": off}, type=PARAMETERS),
            plain,
            [res(INSTANCE, engine=engine, engineVersion=old)],
            set_to(off, engineVersion=new or old),
        ],
        na=[OTHER, [res(INSTANCE, engine="db2-se")]],
        unknown=[
            Drop(PARAMETERS),
            Change({"parameters": UNKNOWN}, type=PARAMETERS),
            Change({"parameterGroupName": UNKNOWN}),
        ],
    )


def events(kind: str, source: str, *wanted: str) -> Case:
    def heard(**props: Any) -> list[Any]:
        return [
            res(kind),
            res(EVENTS, **({"sourceType": source, "eventCategories": list(wanted), "snsTopic": "topic"} | props)),
        ]

    return Case(
        good=[heard(), heard(eventCategories=None), [res(kind), res(EVENTS, snsTopic="topic")]],
        bad=[
            Drop(EVENTS),
            Change({"sourceType": "db-snapshot"}, type=EVENTS),
            Change({"enabled": False}, type=EVENTS),
            Change({"eventCategories": ["creation"]}, type=EVENTS),
            Change({"sourceIds": ["one"]}, type=EVENTS),
        ],
        na=[OTHER],
        unknown=[Change({"sourceType": UNKNOWN}, type=EVENTS)],
    )


AUDITED = [
    res(CLUSTER, engine="aurora-mysql", dbClusterParameterGroupName="audited"),
    res(
        CLUSTER_PARAMETERS,
        "audited",
        parameters=[
            {"name": "server_audit_logging", "value": "1"},
            {"name": "server_audit_events", "value": "CONNECT"},
        ],
    ),
]
HEARD = {"sourceType": "db-security-group", "eventCategories": ["configuration change", "failure"]}

CASES = {
    "RDS.9": Case(
        good=[GOOD, *(database(INSTANCE, engine, *wanted) for engine, wanted in LOGS.items())],
        bad=[Change({EXPORTS: ["upgrade"]}), Change({EXPORTS: ABSENT}), database(INSTANCE, "sqlserver-ee", "error")],
        na=[OTHER, database(INSTANCE, "db2-se"), database(INSTANCE, "")],
        unknown=[Change({EXPORTS: UNKNOWN}), Change({"engine": UNKNOWN})],
        also=frozenset({"RDS.36"}),
    ),
    "RDS.19": events(CLUSTER, "db-cluster", "maintenance", "failure"),
    "RDS.20": events(INSTANCE, "db-instance", "maintenance", "configuration change", "failure"),
    "RDS.21": events(PARAMETERS, "db-parameter-group", "configuration change"),
    "RDS.22": Case(
        good=[[res(EVENTS, **HEARD)]],
        bad=[Change({"eventCategories": ["failure"]}), Change({"enabled": False})],
        na=[OTHER, [res(EVENTS, sourceType="db-instance", eventCategories=["failure"])]],
        unknown=[Change({"eventCategories": UNKNOWN})],
    ),
    "RDS.34": logs(CLUSTER, "aurora-mysql", "audit", na=[database(CLUSTER, "aurora-mysql", engineMode="serverless")]),
    "RDS.36": logs(INSTANCE, "postgres", "postgresql"),
    "RDS.37": logs(CLUSTER, "aurora-postgresql", "postgresql"),
    "RDS.38": tls("postgres", "rds.force_ssl", "14.9", "17.2"),
    "RDS.39": tls("mysql", "require_secure_transport", "8.0.39", "8.4.3", on="ON", off="OFF"),
    "RDS.40": logs(INSTANCE, "sqlserver-se", "agent", "error"),
    "RDS.41": tls("sqlserver-se", "rds.force_ssl", "16.00", None),
    "RDS.42": logs(INSTANCE, "mariadb", "audit", "error"),
    "RDS.44": tls("mariadb", "require_secure_transport", "10.11.9", "11.8.3", on="ON", off="OFF"),
    "RDS.45": Case(
        good=[AUDITED],
        bad=[
            Change({"parameters.0.value": "0"}, type=CLUSTER_PARAMETERS),
            Change({"parameters.1.name": "other"}, type=CLUSTER_PARAMETERS),
            Change({"dbClusterParameterGroupName": ABSENT}),
            Change({"dbClusterParameterGroupName": "default.aurora-mysql8.0"}),
        ],
        na=[OTHER, [res(CLUSTER, engine="aurora-postgresql")]],
        unknown=[Drop(CLUSTER_PARAMETERS), Change({"parameters": UNKNOWN}, type=CLUSTER_PARAMETERS)],
    ),
}
