"""What Route 53 refuses because of what else is in the zone; the tables that call it are in standing.py.

Sources: ChangeResourceRecordSets, DeleteHostedZone (API references), "Supported DNS record types" (CNAME).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

_RECORD, _ZONE = "aws:route53/record:Record", "aws:route53/zone:Zone"
#: Ids made of the numbers of AWS's documentation's accounts (111122223333 …), as examples of settings are: they stand for a
#: zone that this cloud cannot see, so that an environment can be rehearsed before there is one.
_EXAMPLE = re.compile(r"Z0(\d)\1{3}(\d)\2{3}(\d)\3{3}(\d)\4{3}[A-Z]*")


def record(context: Context) -> None:
    """ChangeResourceRecordSets: the zone is there; a CNAME stands alone at its name, and not at the zone's own."""
    inputs = context["in"]
    zone = str(inputs["zoneId"])
    held = context.recorded(_ZONE).get(zone)
    known = held is not None or context.exists("route53:get_hosted_zone", {"Id": zone})
    if not known and not _EXAMPLE.fullmatch(zone):
        raise Refused(f"NoSuchHostedZone: no hosted zone found with ID: {zone}")
    name, kind = _plain(inputs.get("name")), inputs.get("type")
    if kind == "CNAME" and held is not None and name in ("", _plain(held.get("name"))):
        raise Refused(
            f"InvalidChangeBatch: RRSet of type CNAME with DNS name {name}. is not permitted at apex in zone {name}."
        )
    for other in _of(context, zone):
        if _plain(other.get("name")) == name and "CNAME" in (kind, other.get("type")) and kind != other.get("type"):
            raise Refused(
                f"InvalidChangeBatch: RRSet of type {kind} with DNS name {name}. is not permitted because a conflicting RRSet "
                f"of type {other.get('type')} with the same DNS name already exists in the zone"
            )


def zone_gone(context: Context) -> None:
    """DeleteHostedZone: empty but for its own NS and SOA, or emptied with it (forceDestroy)."""
    if str(context["in"].get("forceDestroy")).lower() == "true":
        return
    apex = _plain(context["in"].get("name"))
    left = [
        f"{other.get('name')} {other.get('type')}"
        for other in _of(context, str(context["id"]))
        if not (other.get("type") in ("NS", "SOA") and _plain(other.get("name")) == apex)
    ]
    if left:
        raise Refused(
            "HostedZoneNotEmpty: the specified hosted zone contains non-required resource record sets and cannot be deleted: "
            f"{', '.join(left)}"
        )


def _of(context: Context, zone: str) -> Iterator[Mapping[str, Any]]:
    yield from (kept for kept in context.recorded(_RECORD, zone).values() if kept.get("zoneId") == zone)


def _plain(name: Any) -> str:
    return str(name or "").lower().rstrip(".")
