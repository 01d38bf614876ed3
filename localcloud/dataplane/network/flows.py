"""Which ports of which addresses each service's tasks may connect to, from what is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from localcloud.dataplane.model import DesiredState, Listener
from localcloud.dataplane.network.security_groups import Ports, leaves, reachable
from localcloud.runtime.addresses import AddressBook

#: By peer's address, the ports that may be connected to; an address that is missing is nobody's business here.
Flows = Mapping[str, Sequence[Ports]]

#: Where partners listen in truth; here they do so elsewhere.
_HTTPS = 443


def stores(desired: DesiredState, book: AddressBook) -> dict[str, Sequence[str]]:
    """The security groups of each data store, by its address."""
    rows = [("rds", one.identifier, one.groups) for one in desired.databases]
    rows += [("elasticache", one.identifier, one.groups) for one in desired.caches]
    return {book.lease(kind, name): groups for kind, name, groups in rows}


def flows(
    desired: DesiredState, peers: Mapping[str, Sequence[str]], tasks: Mapping[str, Iterable[str]], partners: str
) -> dict[str, Flows]:
    """Each service's flows, by its ARN. `peers`: security groups of what is no task, by address. `tasks`: addresses by service.

    A service whose tasks are in no security group is held to none.
    """
    known = dict(peers)
    for service in desired.services:
        known |= dict.fromkeys(tasks.get(service.arn, ()), service.groups)
    found: dict[str, Flows] = {}
    for service in desired.services:
        if service.groups:
            ports = {address: reachable(desired.groups, service.groups, groups) for address, groups in known.items()}
            outside = [(0, 65535)] if leaves(desired.groups, service.groups, _HTTPS) else []
            found[service.arn] = {**ports, partners: outside}
    return found


def dropped(desired: DesiredState) -> set[tuple[str, int]]:
    """Target groups (by ARN) with the ports that no load balancer which forwards to them may connect to.

    A load balancer or a service without security groups is held to none.
    """
    found: set[tuple[str, int]] = set()
    for service in desired.services:
        for target in service.targets:
            callers = [each for each in desired.listeners if target.target_group in each.forwarded()]
            place = (target.target_group, target.container_port)
            if (
                service.groups
                and callers
                and not any(_admitted(desired, each, service.groups, place[1]) for each in callers)
            ):
                found.add(place)
    return found


def _admitted(desired: DesiredState, listener: Listener, groups: Sequence[str], port: int) -> bool:
    ports = reachable(desired.groups, listener.groups, groups) if listener.groups else [(0, 65535)]
    return any(first <= port <= last for first, last in ports)
