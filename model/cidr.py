"""The one check of a VPC's address range."""

from __future__ import annotations

import ipaddress

#: Prefix lengths of a VPC. AWS takes /16 to /28. Of the subnet plan's eight zones each owns an eighth, a quarter of which is
#: public: a /25 in a /20, but in a /23 a /28, where a load balancer cannot grow (Elastic Load Balancing wants a /27 and eight
#: free addresses) and the private /27 holds 27 tasks and endpoints. A VPC's range cannot be changed afterwards.
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20

#: Ranges that the internet does not route (RFC 1918, RFC 6598): a VPC in any other would hide somebody's real addresses.
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))

ACCEPTED = f"a private IPv4 block from /{LARGEST_PREFIX} to /{SMALLEST_PREFIX} is accepted, such as 10.30.0.0/16"


def private_block(cidr: str) -> ipaddress.IPv4Network:
    """`cidr` as a network that a VPC can have. Raises ValueError: what is wrong, and ACCEPTED."""
    try:
        interface = ipaddress.IPv4Interface(cidr)
    except ValueError:
        raise ValueError(ACCEPTED) from None
    network = interface.network
    if interface.ip != network.network_address:
        raise ValueError(f"bits are set behind the prefix; did you mean {network}? {ACCEPTED}")
    if not any(network.subnet_of(each) for each in PRIVATE):
        raise ValueError(f"{ACCEPTED}; this one is routed on the internet")
    if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
        raise ValueError(f"{ACCEPTED}, not /{network.prefixlen}")
    return network
