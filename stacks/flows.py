"""Who may talk to whom in an environment, and which paths lead where, from the services' manifests; pure."""

from __future__ import annotations

from collections.abc import Mapping

from components.edge.routes import Route
from components.security.flows import INTERNET, INTERNET_IPV6, Flow
from model.catalog import Catalog
from model.names import DATABASES
from model.vocabulary import Datastore, Nat

#: Name of the load balancer's security group, of the interface endpoints', and of the bastion's.
LOAD_BALANCER, ENDPOINTS, BASTION = "load-balancer", "endpoints", "bastion"

#: Names of AWS's prefix lists: S3's, and the addresses from which CloudFront calls origins.
S3, CLOUDFRONT = "s3", "cloudfront"

#: Data store → the port it listens on.
DATASTORE_PORTS: Mapping[str, int] = {"postgres": 5432, "broker": 6379, "cache": 6379}


def groups(catalog: Catalog, *, bastion: bool = False) -> dict[str, str]:
    """The security groups of an environment: name → description."""
    return {
        LOAD_BALANCER: "The load balancer",
        **({BASTION: "The bastion"} if bastion else {}),
        **{store: f"The {store}" for store in DATASTORE_PORTS},
        DATABASES: "The task that makes databases",
        **{name: f"Tasks of the service {name}" for name in catalog.services},
    }


def routes(catalog: Catalog) -> list[Route]:
    """What the load balancer routes: every service that has paths."""
    return [
        Route(
            name=name,
            patterns=service.paths,
            internal=service.internal,
            port=service.port,
            drain_seconds=service.drain_seconds,
            slos=service.slos,
            shifts=service.web is not None and service.web.deployment.shifts,
        )
        for name, service in catalog.services.items()
        if service.paths
    ]


def nat(chosen: Nat, catalog: Catalog, *, interface_endpoints: bool) -> Nat:
    """How private subnets reach the internet: `chosen` if something may, else not at all: no gateway that nothing may use."""
    return chosen if has_egress(catalog) or not interface_endpoints else Nat.NONE


def has_egress(catalog: Catalog) -> bool:
    """Whether some service may leave; by IPv6 nothing else does."""
    return any(service.egress for service in catalog.services.values())


def flows(
    catalog: Catalog,
    *,
    behind_cdn: bool,
    interface_endpoints: bool,
    bastion: bool = False,
    dual_stack: bool = False,
) -> list[Flow]:
    """Every connection that an environment allows.

    A service reaches the internet where its manifest names an egress group, or where only NAT leads to AWS's own APIs.
    `dual_stack`: by IPv6, too, but there for its egress groups alone: AWS's APIs are asked by IPv4.

    `behind_cdn`: only CloudFront reaches the load balancer, by HTTPS. Its list counts as 55 of the 60 rules that a group
    may have, so there is room for one port of it.
    """
    players = Flow(INTERNET, LOAD_BALANCER, 80, "Requests from players")
    through_cdn = Flow(CLOUDFRONT, LOAD_BALANCER, 443, "Requests from players, through CloudFront")
    found = [through_cdn if behind_cdn else players]
    if dual_stack and not behind_cdn:
        found.append(Flow(INTERNET_IPV6, LOAD_BALANCER, 80, "Requests from players, by IPv6"))
    if bastion:
        found += _of_bastion(interface_endpoints)
    found += [
        Flow(
            DATABASES, Datastore.POSTGRES, DATASTORE_PORTS["postgres"], "Databases and roles of the services are made"
        ),
        *_to_aws(DATABASES, interface_endpoints),
    ]
    for name, service in catalog.services.items():
        if service.paths:
            found.append(Flow(LOAD_BALANCER, name, service.port, f"Requests to {name}"))
        found += [Flow(name, store, DATASTORE_PORTS[store], f"{name} uses the {store}") for store in service.datastores]
        found += [
            Flow(name, called, catalog.services[called].port, f"{name} calls {called}") for called in service.calls
        ]
        found += _to_aws(name, interface_endpoints)
        if interface_endpoints and service.egress:
            found.append(Flow(name, INTERNET, 443, f"{name} calls {', '.join(service.egress)}"))
        if dual_stack and service.egress:
            found.append(Flow(name, INTERNET_IPV6, 443, f"{name} calls {', '.join(service.egress)} by IPv6"))
    return found


def _to_aws(name: str, interface_endpoints: bool) -> list[Flow]:
    """The APIs of AWS, by endpoints or through NAT: a task's image, secrets and logs."""
    if not interface_endpoints:
        return [Flow(name, INTERNET, 443, f"APIs of AWS, through NAT, for {name}")]
    return [
        Flow(name, ENDPOINTS, 443, f"{name} reads secrets and writes logs"),
        Flow(name, S3, 443, f"Layers of the image and buckets of {name}"),
    ]


def _of_bastion(interface_endpoints: bool) -> list[Flow]:
    """People reach the data stores from it; nothing reaches it. Its agent calls Systems Manager, its packages are in S3."""
    found = [Flow(BASTION, store, port, f"People look into the {store}") for store, port in DATASTORE_PORTS.items()]
    if not interface_endpoints:
        return [*found, Flow(BASTION, INTERNET, 443, "APIs of AWS, through NAT, for the bastion")]
    return [
        *found,
        Flow(BASTION, ENDPOINTS, 443, "Sessions of the bastion, and their record"),
        Flow(BASTION, S3, 443, "Packages of the bastion"),
    ]
