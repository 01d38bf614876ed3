"""AWS's managed rule groups, as far as AWS says what they look for: limits as published, patterns by the examples it gives.

Source: AWS WAF Developer Guide, "AWS Managed Rules rule groups list". A rule that is not here has nothing published that one
could judge by (reputation lists, SQL injection, cross-site scripting), looks into bodies, or would hit this machine's own
addresses (Host_localhost_HEADER). What is here finds less than AWS's own do, never more than they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from localcloud.dataplane.model import Json

_PLAIN = [{"Priority": 0, "Type": "NONE"}]
_LOWER = [{"Priority": 0, "Type": "LOWERCASE"}]

_COOKIE = {"SingleHeader": {"Name": "cookie"}}
_AGENT = {"SingleHeader": {"Name": "user-agent"}}
_PATH: Json = {"UriPath": {}}
_QUERY: Json = {"QueryString": {}}


@dataclass(frozen=True, kw_only=True)
class ManagedRule:
    """A rule of a managed group: its name, the label that it puts on what it finds, and what it looks for."""

    name: str
    label: str
    statement: Json


def _larger(field: Json, size: int) -> Json:
    given = {"FieldToMatch": field, "ComparisonOperator": "GT", "Size": size, "TextTransformations": _PLAIN}
    return {"SizeConstraintStatement": given}


def _finds(field: Json, pattern: str) -> Json:
    return {"RegexMatchStatement": {"FieldToMatch": field, "RegexString": pattern, "TextTransformations": _LOWER}}


def _rules(prefix: str, table: Mapping[str, tuple[str, Json]]) -> Sequence[ManagedRule]:
    return [
        ManagedRule(name=name, label=f"awswaf:managed:aws:{prefix}:{label}", statement=statement)
        for name, (label, statement) in table.items()
    ]


_METADATA = r"169\.254\.169\.254"
_UPWARDS = r"(\.|%2e){2}(/|\\|%2f|%5c)(\.|%2e){2}(/|\\|%2f|%5c)"
_ADDRESS_URL = r"(^|=)(https?|ftps?|file)(:|%3a)(/|%2f){2}\d{1,3}(\.\d{1,3}){3}"
_JNDI = r"(\$|%24)(\{|%7b)jndi(:|%3a)"
_RUNTIME = r"java\.lang\.runtime"
_PROC = r"(/|%2f)proc(/|%2f)version"

#: By the group's name, its rules that can be judged.
GROUPS: Mapping[str, Sequence[ManagedRule]] = {
    "AWSManagedRulesCommonRuleSet": _rules(
        "core-rule-set",
        {
            # A header that is not there has no size, whatever the comparison.
            "NoUserAgent_HEADER": (
                "NoUserAgent_Header",
                {
                    "NotStatement": {
                        "Statement": {
                            "SizeConstraintStatement": {
                                "FieldToMatch": _AGENT,
                                "ComparisonOperator": "GT",
                                "Size": 0,
                                "TextTransformations": _PLAIN,
                            }
                        }
                    }
                },
            ),
            "UserAgent_BadBots_HEADER": ("BadBots_Header", _finds(_AGENT, r"nessus|nmap")),
            "SizeRestrictions_QUERYSTRING": ("SizeRestrictions_QueryString", _larger(_QUERY, 2048)),
            "SizeRestrictions_Cookie_HEADER": ("SizeRestrictions_Cookie_Header", _larger(_COOKIE, 10_240)),
            "SizeRestrictions_BODY": ("SizeRestrictions_Body", _larger({"Body": {}}, 8192)),
            "SizeRestrictions_URIPATH": ("SizeRestrictions_URIPath", _larger(_PATH, 1024)),
            "EC2MetaDataSSRF_COOKIE": ("EC2MetaDataSSRF_Cookie", _finds(_COOKIE, _METADATA)),
            "EC2MetaDataSSRF_URIPATH": ("EC2MetaDataSSRF_URIPath", _finds(_PATH, _METADATA)),
            "EC2MetaDataSSRF_QUERYARGUMENTS": ("EC2MetaDataSSRF_QueryArguments", _finds(_QUERY, _METADATA)),
            "GenericLFI_QUERYARGUMENTS": ("GenericLFI_QueryArguments", _finds(_QUERY, _UPWARDS)),
            "GenericLFI_URIPATH": ("GenericLFI_URIPath", _finds(_PATH, _UPWARDS)),
            "RestrictedExtensions_URIPATH": (
                "RestrictedExtensions_URIPath",
                _finds(_PATH, r"\.(log|ini)$"),
            ),
            "RestrictedExtensions_QUERYARGUMENTS": (
                "RestrictedExtensions_QueryArguments",
                _finds(_QUERY, r"=[^&]*\.(log|ini)(&|$)"),
            ),
            "GenericRFI_QUERYARGUMENTS": ("GenericRFI_QueryArguments", _finds(_QUERY, _ADDRESS_URL)),
        },
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": _rules(
        "known-bad-inputs",
        {
            "JavaDeserializationRCE_URIPATH": ("JavaDeserializationRCE_URIPath", _finds(_PATH, _RUNTIME)),
            "JavaDeserializationRCE_QUERYSTRING": ("JavaDeserializationRCE_QueryString", _finds(_QUERY, _RUNTIME)),
            "PROPFIND_METHOD": ("Propfind_Method", _finds({"Method": {}}, r"^propfind$")),
            "ExploitablePaths_URIPATH": ("ExploitablePaths_URIPath", _finds(_PATH, r"/web-inf(/|$)")),
            "Log4JRCE_URIPATH": ("Log4JRCE_URIPath", _finds(_PATH, _JNDI)),
            "Log4JRCE_QUERYSTRING": ("Log4JRCE_QueryString", _finds(_QUERY, _JNDI)),
            "Log4JRCE_HEADER": ("Log4JRCE_Header", _finds(_AGENT, _JNDI)),
        },
    ),
    "AWSManagedRulesLinuxRuleSet": _rules(
        "linux-os",
        {
            "LFI_URIPATH": ("LFI_URIPath", _finds(_PATH, _PROC)),
            "LFI_QUERYSTRING": ("LFI_QueryString", _finds(_QUERY, _PROC)),
        },
    ),
}
