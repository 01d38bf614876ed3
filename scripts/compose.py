"""compose.yaml, for people with Docker: written from the manifests by what writes the task definitions.

    python -m scripts.compose             writes compose.yaml
    python -m scripts.compose secrets     writes .env beside it, with a new value for each secret (0600, never over another)

Each process of each manifest is a service, with the command, variables, user and read-only tree of its task definition; its
database is made and migrated before, by containers of their own. PostgreSQL, Valkey, S3 and KMS (moto) and an ingress stand
where AWS's stand. Secrets are only named in the file; Compose reads them from .env.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components.compute.containers import (
    BOOTSTRAP_PROCESS,
    TEMPORARY,
    ContainerContext,
    Database,
    Dependencies,
    bootstrapping,
    definitions,
    variable,
)
from components.data.connections import MasterUser, PostgresConnection, RedisConnection, SecretReference
from environments import tiers
from model.catalog import Catalog, load_catalog
from model.clients import registry
from model.egress import EGRESS
from model.manifest import Process, ServiceManifest
from model.names import APP_PASSWORD, BOOTSTRAP, DATABASES, OWNER_PASSWORD, key_alias
from model.names import PROJECT as PROJECT_NAME
from model.vocabulary import Datastore, ProcessKind, Tier

PROJECT = Path(__file__).resolve().parents[1]
FILE, SECRETS = PROJECT / "compose.yaml", PROJECT / ".env"

#: The container that makes the services' databases.
_BOOTSTRAP = f"{DATABASES}-{BOOTSTRAP}"

#: Where the platform answers; and what stands where AWS stands, by AWS's ports. Region: of what is made in moto.
PORT, _REGION = 8080, "ap-south-1"
_AWS = "http://aws:5000"
_POSTGRES = f"postgres:{tiers.LAPTOP['postgres']['engine_version']}-bookworm"
_VALKEY, _MOTO, _CADDY = "valkey/valkey:8.1-bookworm", "motoserver/moto:5.1.15", "caddy:2.10"

#: moto draws the ids of keys; a name is known before, and KMS takes one wherever it takes a key.
_DATA_KEY = key_alias(PROJECT_NAME, "compose", "data")
_ACCOUNT = "123456789012"

_HEADING = """\
# Written by `python -m scripts.compose` from services/*/service.yaml; tests/scripts/test_compose.py holds it against them.
#   python -m scripts.images.build --out build/services && python -m scripts.images.build --out build/kyc --requirements kyc
#   python -m scripts.compose secrets && docker compose up     (docs/delivery.md, "Docker Compose")
"""


_SERVER = PostgresConnection(host="postgres", read_host="postgres", port=5432, tls=False)


class _Named(SecretReference):
    """A secret as Compose reads it: by the name of its line in .env."""

    @property
    def value_from(self) -> Any:
        return f"${{{self.arn}:?python -m scripts.compose secrets}}"


def _secret(service: str, name: str) -> _Named:
    return _Named(arn=f"{variable(service)}_{name}", key_arn="")


def _partners(service: ServiceManifest) -> dict[str, str]:
    """Nobody stands in for partners here: an address that does not exist, unless .env or the shell names one."""
    names = sorted({name for group in service.egress for name in EGRESS[group].endpoints})
    return {name: f"${{{name}:-http://partners.invalid}}" for name in names}


def _dependencies(catalog: Catalog, service: ServiceManifest, process: str) -> Dependencies:
    stores = [str(each) for each in service.datastores]
    issuer = catalog.token_issuer
    given = catalog.secrets_of(service, process)
    own = catalog.generated_for(service)
    owner = {name: service.name if name in own or issuer is None else issuer.name for name in given}
    web = service.processes[process].kind is ProcessKind.WEB
    return Dependencies(
        database=Database(
            server=_SERVER,
            reads_replica=service.reads_replica,
            owner_password=_secret(service.name, OWNER_PASSWORD),
            app_password=_secret(service.name, APP_PASSWORD),
        )
        if "postgres" in stores
        else None,
        broker=_redis("broker") if "broker" in stores else None,
        cache=_redis("cache") if "cache" in stores else None,
        calls={name: f"http://{name}:{catalog.services[name].port}" for name in service.calls},
        endpoints=_partners(service),
        buckets={name: f"{service.name}-{name}" for name in service.buckets},
        data_key=f"arn:aws:kms:{_REGION}:{_ACCOUNT}:{_DATA_KEY}" if service.data_key else None,
        secrets={name: _secret(owner[name], name) for name in given},
        variables={"CLIENTS": _literal(registry(catalog.clients))} if service.token_issuer and web else {},
    )


def _redis(name: str) -> RedisConnection:
    return RedisConnection(host=name, port=6379, tls=False, password=_secret(name, "PASSWORD"))


def _literal(text: str) -> str:
    """A text in which Compose replaces nothing."""
    return text.replace("$", "$$")


def _containers(catalog: Catalog, service: ServiceManifest) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name → Compose's service, for each container of the service's task definitions; those before a process once."""
    seen: set[str] = set()
    context = _context(service.name, service.image, service.drain_seconds)
    for name, process in service.processes.items():
        port = service.port if process.kind is ProcessKind.WEB else None
        found = definitions(context, _dependencies(catalog, service, name), name=name, process=process, port=port)
        for definition in found:
            if definition["name"] not in seen:
                seen.add(definition["name"])
                made = _container(service.name, process, definition, port, map(str, service.datastores))
                yield f"{service.name}-{definition['name']}", made


def _context(service: str, image: str, drain_seconds: int) -> ContainerContext:
    return ContainerContext(
        service=service, environment="compose", log_level="INFO", log_group="", region=_REGION,
        image=f"localhost/matchday/{image}:local", drain_seconds=drain_seconds, public_url=f"http://localhost:{PORT}",
    )  # fmt: skip


def _databases(catalog: Catalog) -> dict[str, Any]:
    """The task that makes the services' databases, as PostgreSQL's master."""
    passwords = {
        name: (_secret(name, OWNER_PASSWORD), _secret(name, APP_PASSWORD))
        for name, service in catalog.services.items()
        if Datastore.POSTGRES in service.datastores
    }
    given = bootstrapping(_SERVER, MasterUser(user="postgres", password=_secret("postgres", "PASSWORD")), passwords)
    (definition,) = definitions(
        _context(DATABASES, "services", 30), given, name=BOOTSTRAP, process=BOOTSTRAP_PROCESS, port=None
    )
    return _container(DATABASES, BOOTSTRAP_PROCESS, definition, None, ["postgres"])


def _container(
    service: str, process: Process, definition: Mapping[str, Any], port: int | None, datastores: Iterable[str]
) -> dict[str, Any]:
    own = definition["essential"]
    values = {each["name"]: each["value"] for each in definition["environment"]}
    values |= {each["name"]: each["valueFrom"] for each in definition["secrets"]}
    values |= {"AWS_ENDPOINT_URL": _AWS, "AWS_REGION": _REGION, "AWS_DEFAULT_REGION": _REGION}
    values |= {"AWS_ACCESS_KEY_ID": "compose", "AWS_SECRET_ACCESS_KEY": "compose"}
    waits = {
        f"{service}-{each['containerName']}": "service_completed_successfully"
        for each in definition.get("dependsOn", ())
    }
    if definition["name"] == "migrate":
        waits[_BOOTSTRAP] = "service_healthy"
    if not waits or own:
        stores = {
            "postgres": "service_healthy",
            "broker": "service_healthy",
            "cache-made": "service_completed_successfully",
        }
        named = {each.replace("cache", "cache-made") for each in datastores}
        waits |= {store: condition for store, condition in stores.items() if store in named}
        waits["aws-made"] = "service_completed_successfully"
    found: dict[str, Any] = {
        "image": definition["image"],
        "command": list(definition["command"]),
        "environment": dict(sorted(values.items())),
        "user": definition["user"],
        "read_only": definition["readonlyRootFilesystem"],
        "tmpfs": [f"{TEMPORARY}:mode=1777"],
        "cap_drop": definition["linuxParameters"]["capabilities"]["drop"],
        "init": True,
        "depends_on": {name: {"condition": condition} for name, condition in sorted(waits.items())},
        "restart": "unless-stopped" if own else "on-failure",
    }
    if own:
        health = definition["healthCheck"]
        found["healthcheck"] = {
            "test": health["command"],
            "interval": f"{health['interval']}s",
            "timeout": f"{health['timeout']}s",
            "retries": health["retries"],
            "start_period": f"{health['startPeriod']}s",
        }
        found["stop_grace_period"] = f"{definition['stopTimeout']}s"
        found["mem_limit"] = f"{process.memory}m"
    if port is not None:
        found["networks"] = {"default": {"aliases": [service]}}  # the name that Service Connect gives it
    return found


def _valkey(name: str, *words: str) -> dict[str, Any]:
    """The password goes in by a file that the container writes for itself: a command line is everybody's to read."""
    start = f'umask 077; printf "requirepass %s\\n" "$$PASSWORD" > /tmp/conf; exec valkey-server /tmp/conf {" ".join(words)}'
    return {
        "image": _VALKEY,
        "command": ["sh", "-c", start],
        "environment": {"PASSWORD": _secret(name, "PASSWORD").value_from},
        "tmpfs": ["/tmp"],  # noqa: S108 - the container's own
        "healthcheck": {
            "test": ["CMD-SHELL", 'REDISCLI_AUTH="$$PASSWORD" valkey-cli ping | grep -q PONG'],
            "interval": "2s",
            "timeout": "3s",
            "retries": 30,
        },
        "volumes": [f"{name}:/data"],
        "restart": "unless-stopped",
    }


def _stores(catalog: Catalog) -> dict[str, Any]:
    buckets = [f"{service.name}-{name}" for service in catalog.services.values() for name in service.buckets]
    made = (
        "import boto3\n"
        "s3, kms = boto3.client('s3'), boto3.client('kms')\n"
        "held = {each['Name'] for each in s3.list_buckets()['Buckets']}\n"
        f"for name in {{*{buckets!r}}} - held:\n"
        f"    s3.create_bucket(Bucket=name, CreateBucketConfiguration={{'LocationConstraint': {_REGION!r}}})\n"
        f"if {_DATA_KEY!r} not in {{each['AliasName'] for each in kms.list_aliases()['Aliases']}}:\n"
        f"    kms.create_alias(AliasName={_DATA_KEY!r}, TargetKeyId=kms.create_key()['KeyMetadata']['KeyId'])\n"
    )
    ask = "valkey-cli -h cache cluster"
    slots = f'export REDISCLI_AUTH="$$PASSWORD"; {ask} info | grep -q cluster_state:ok || {ask} addslotsrange 0 16383'
    return {
        "postgres": {
            "image": _POSTGRES,
            "command": ["postgres", "-c", "max_connections=400"],
            "environment": {"POSTGRES_PASSWORD": _secret("postgres", "PASSWORD").value_from},
            "healthcheck": {"test": ["CMD", "pg_isready", "-U", "postgres"], "interval": "2s", "timeout": "3s", "retries": 30},
            "volumes": ["postgres:/var/lib/postgresql/data"],
            "restart": "unless-stopped",
        },
        "broker": _valkey("broker", "--appendonly", "yes", "--maxmemory-policy", "noeviction"),
        "cache": _valkey(
            "cache", "--cluster-enabled", "yes", "--cluster-announce-hostname", "cache",
            "--cluster-preferred-endpoint-type", "hostname",
        ),
        "cache-made": {
            "image": _VALKEY,
            "command": ["sh", "-c", slots],
            "environment": {"PASSWORD": _secret("cache", "PASSWORD").value_from},
            "depends_on": {"cache": {"condition": "service_healthy"}},
        },
        "aws": {
            "image": _MOTO,
            "healthcheck": {
                "test": ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://localhost:5000/moto-api/')"],
                "interval": "2s",
                "timeout": "3s",
                "retries": 30,
            },
        },
        "aws-made": {
            "image": "localhost/matchday/services:local",
            "command": ["python", "-c", made],
            "environment": {
                "AWS_ENDPOINT_URL": _AWS, "AWS_DEFAULT_REGION": _REGION, "AWS_ACCESS_KEY_ID": "compose",
                "AWS_SECRET_ACCESS_KEY": "compose",
            },
            "read_only": True,
            "depends_on": {"aws": {"condition": "service_healthy"}},
        },
    }  # fmt: skip


def _ingress(catalog: Catalog) -> str:
    """As the load balancer: internal paths are 404 before all, each path goes to its service, both marks are put on."""
    lines = ["{", "  admin off", "  auto_https off", "}", f":{PORT} {{"]
    for service in catalog.services.values():
        for number, path in enumerate(service.internal):
            lines += [
                f"  @{service.name}-internal-{number} path {path}",
                f"  respond @{service.name}-internal-{number} 404",
            ]
    for service in catalog.services.values():
        for number, path in enumerate(service.paths):
            lines += [
                f"  @{service.name}-{number} path {path}",
                f"  reverse_proxy @{service.name}-{number} {service.name}:{service.port} {{",
                '    header_up X-Amzn-Trace-Id "Root={http.request.uuid}"',
                f'    header_up X-Forwarded-Port "{PORT}"',
                "  }",
            ]
    return "\n".join([*lines, "  respond 404", "}", ""])


def document(catalog: Catalog) -> dict[str, Any]:
    """What compose.yaml holds."""
    services = _stores(catalog) | {_BOOTSTRAP: _databases(catalog)}
    for service in catalog.deployment_order:
        services |= dict(_containers(catalog, service))
    webs = {
        f"{service.name}-{name}"
        for service in catalog.services.values()
        for name, process in service.processes.items()
        if process.kind is ProcessKind.WEB
    }
    services["ingress"] = {
        "image": _CADDY,
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "configs": [{"source": "ingress", "target": "/etc/caddy/Caddyfile"}],
        "depends_on": {name: {"condition": "service_healthy"} for name in sorted(webs)},
        "restart": "unless-stopped",
    }
    return {
        "name": "matchday",
        "services": services,
        "configs": {"ingress": {"content": _literal(_ingress(catalog))}},
        "volumes": {"postgres": {}, "broker": {}, "cache": {}},
    }


def written(catalog: Catalog) -> str:
    """The file's text."""
    return _HEADING + yaml.safe_dump(document(catalog), sort_keys=False, width=1000, allow_unicode=True)


def secret_names(catalog: Catalog) -> dict[str, int]:
    """Each secret's name in .env, and its length."""
    found = {f"{store}_PASSWORD": 43 for store in ("POSTGRES", "BROKER", "CACHE")}
    for service in catalog.services.values():
        lengths = catalog.generated_for(service)
        if "postgres" in map(str, service.datastores):
            lengths |= {OWNER_PASSWORD: 43, APP_PASSWORD: 43}
        found |= {f"{variable(service.name)}_{name}": length for name, length in lengths.items()}
    return found


def main(words: list[str]) -> int:
    """The script."""
    catalog = load_catalog(PROJECT / "services", Tier.LAPTOP)
    if words == []:
        FILE.write_text(written(catalog))
        return 0
    if words != ["secrets"]:
        sys.stderr.write("error: usage: compose [secrets]\n")
        return 2
    try:
        with open(SECRETS, "x", opener=_private) as file:
            for name, length in secret_names(catalog).items():
                file.write(f"{name}={secrets.token_urlsafe(length)[:length]}\n")
    except FileExistsError:
        sys.stderr.write(f"error: {SECRETS} is there: its databases know its passwords; remove both, or neither\n")
        return 1
    return 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
