"""The functions (invokes) of package `aws` that a program may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider import policy_document
from localcloud.provider.constraints.managed_policies import (
    CACHE_POLICIES,
    ORIGIN_REQUEST_POLICIES,
    RESPONSE_HEADERS_POLICIES,
)
from localcloud.provider.core import Core
from localcloud.provider.errors import Refused
from localcloud.provider.read import Settings

Answer = dict[str, Any]

#: AWS's account of load balancers per Region, for access-log bucket policies (Regions before August 2022).
_ELB_ACCOUNTS = {
    "us-east-1": "127311923021", "us-east-2": "033677994240", "us-west-1": "027434742980", "us-west-2": "797873946194",
    "ap-south-1": "718504428378", "ap-southeast-1": "114774131450", "ap-southeast-2": "783225319266",
    "ap-northeast-1": "582318560864", "eu-west-1": "156460612806", "eu-west-2": "652711504416", "eu-central-1": "054676820928",
}  # fmt: skip


def _identity(core: Core, settings: Settings, _: Answer) -> Answer:
    found = core.clients.call("sts", settings.region, "get_caller_identity", {})
    return {"accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"], "id": found["Account"]}


def _region(core: Core, settings: Settings, given: Answer) -> Answer:
    name = given.get("region") or given.get("name") or settings.region
    known = core.clients.call("ec2", settings.region, "describe_regions", {})["Regions"]
    if name not in {region["RegionName"] for region in known}:
        raise Refused(f"getRegion: there is no Region {name!r}")
    return {"id": name, "name": name, "region": name, "description": name, "endpoint": f"ec2.{name}.amazonaws.com"}


def _zones(core: Core, settings: Settings, given: Answer) -> Answer:
    region = given.get("region") or settings.region
    zones = core.clients.call("ec2", region, "describe_availability_zones", {})["AvailabilityZones"]
    excluded = {*(given.get("excludeNames") or ()), *(given.get("excludeZoneIds") or ())}
    chosen = [
        zone
        for zone in sorted(zones, key=lambda zone: str(zone["ZoneName"]))
        if not {zone["ZoneName"], zone["ZoneId"]} & excluded and given.get("state", zone["State"]) == zone["State"]
    ]
    return {
        **given,
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in chosen],
        "zoneIds": [zone["ZoneId"] for zone in chosen],
        "groupNames": sorted({zone.get("GroupName") or region for zone in chosen}),
    }


def _partition(_: Core, settings: Settings, __: Answer) -> Answer:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def _policy_document(_: Core, __: Settings, given: Answer) -> Answer:
    return policy_document.render(given)


def _service_account(_: Core, settings: Settings, given: Answer) -> Answer:
    region = given.get("region") or settings.region
    if region not in _ELB_ACCOUNTS:
        raise Refused(
            f"getServiceAccount: Region {region!r} has no account for load balancer logs: use the service principal "
            "logdelivery.elasticloadbalancing.amazonaws.com"
        )
    account = _ELB_ACCOUNTS[region]
    return {"id": account, "arn": f"arn:aws:iam::{account}:root", "region": region}


def _prefix_list(core: Core, settings: Settings, given: Answer) -> Answer:
    region = given.get("region") or settings.region
    arguments: Answer = {}
    if given.get("id") or given.get("prefixListId"):
        arguments["PrefixListIds"] = [given.get("id") or given["prefixListId"]]
    filters = [{"Name": item["name"], "Values": item["values"]} for item in given.get("filters") or ()]
    if filters:
        arguments["Filters"] = filters
    found = core.clients.call("ec2", region, "describe_managed_prefix_lists", arguments)["PrefixLists"]
    if given.get("name"):
        found = [item for item in found if item["PrefixListName"] == given["name"]]
    if len(found) != 1:
        raise Refused(f"getManagedPrefixList: {len(found)} prefix lists match {given}; exactly one must")
    item = found[0]
    entries = core.clients.call(
        "ec2", region, "get_managed_prefix_list_entries", {"PrefixListId": item["PrefixListId"]}
    )["Entries"]
    cidrs = [entry["Cidr"] for entry in entries]
    return {
        "id": item["PrefixListId"],
        "prefixListId": item["PrefixListId"],
        "arn": item["PrefixListArn"],
        "name": item["PrefixListName"],
        "addressFamily": item.get("AddressFamily", "IPv4"),
        "ownerId": item["OwnerId"],
        "version": item.get("Version", 1),
        "maxEntries": item.get("MaxEntries", len(cidrs)),
        "entries": [{"cidr": entry["Cidr"], "description": entry.get("Description", "")} for entry in entries],
        "cidrBlocks": cidrs,
        "tags": {},
        "region": region,
    }


def _managed(words: str, policies: Mapping[str, str], kind: str) -> Callable[[Core, Settings, Answer], Answer]:
    def look_up(core: Core, _: Settings, given: Answer) -> Answer:
        ids = {policy: name for name, policy in policies.items()}
        name = given.get("name") or ids.get(str(given.get("id")))
        if not isinstance(name, str) or name not in policies:
            raise Refused(
                f"{words}: {given.get('name') or given.get('id')!r} is none of CloudFront's managed policies: "
                + ", ".join(policies)
            )
        arn = f"arn:aws:cloudfront::aws:{kind}/{policies[name]}"
        return {"id": policies[name], "name": name, "arn": arn, "comment": "", "etag": "managed"}

    return look_up


FUNCTIONS: Mapping[str, Callable[[Core, Settings, Answer], Answer]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:elb/getServiceAccount:getServiceAccount": _service_account,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getPrefixList:getPrefixList": _prefix_list,
    "aws:cloudfront/getCachePolicy:getCachePolicy": _managed("getCachePolicy", CACHE_POLICIES, "cache-policy"),
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _managed(
        "getOriginRequestPolicy", ORIGIN_REQUEST_POLICIES, "origin-request-policy"
    ),
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _managed(
        "getResponseHeadersPolicy", RESPONSE_HEADERS_POLICIES, "response-headers-policy"
    ),
}


def invoke(core: Core, settings: Settings, token: str, arguments: Answer) -> Answer:
    """The answer of the function `token`."""
    if token not in FUNCTIONS:
        raise Refused(
            f"the local provider does not know the function {token}: add it to localcloud/provider/invokes.py"
        )
    try:
        return FUNCTIONS[token](core, settings, arguments)
    except ClientError as error:
        raise Refused(f"{token}: {error.response['Error'].get('Message')}") from error
