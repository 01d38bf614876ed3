"""The functions (invokes) of package `aws` that a program may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider import policy_document
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

#: Ids of CloudFront's managed policies, from its documentation: they are the same in every account.
_CACHE_POLICIES = {
    "Managed-CachingOptimized": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    "Managed-CachingOptimizedForUncompressedObjects": "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
    "Managed-CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "Managed-Amplify": "2e54312d-136d-493c-8eb9-b001f22f67d2",
    "UseOriginCacheControlHeaders": "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
    "UseOriginCacheControlHeaders-QueryStrings": "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
}
_ORIGIN_REQUEST_POLICIES = {
    "Managed-AllViewer": "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "Managed-AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "Managed-AllViewerAndCloudFrontHeaders-2022-06": "33f36d7e-f396-46d9-90e0-52428a34d9dc",
    "Managed-CORS-S3Origin": "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    "Managed-CORS-CustomOrigin": "59781a5b-3903-41f3-afcb-af62929ccde1",
    "Managed-UserAgentRefererHeaders": "acba4595-bd28-49b8-b9fe-13317c0390fa",
}
_RESPONSE_HEADERS_POLICIES = {
    "Managed-SimpleCORS": "60669652-455b-4ae9-85a4-c4c02393f86c",
    "Managed-CORS-With-Preflight": "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
    "Managed-SecurityHeadersPolicy": "67f7725c-6f97-4210-82d7-5512b31e9d03",
    "Managed-CORS-and-SecurityHeadersPolicy": "e61eb60c-9c35-4d20-a928-2b84e02af89c",
    "Managed-CORS-with-preflight-and-SecurityHeadersPolicy": "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
}


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
    "aws:cloudfront/getCachePolicy:getCachePolicy": _managed("getCachePolicy", _CACHE_POLICIES, "cache-policy"),
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _managed(
        "getOriginRequestPolicy", _ORIGIN_REQUEST_POLICIES, "origin-request-policy"
    ),
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _managed(
        "getResponseHeadersPolicy", _RESPONSE_HEADERS_POLICIES, "response-headers-policy"
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
