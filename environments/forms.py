"""The texts that a setting may be: each a pattern, with what it accepts in words."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from model import regions
from model.pins import ISSUERS
from model.validation import described

InstanceClass = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^db\.[a-z0-9-]+\.[a-z0-9]+$", "an instance class of RDS, such as db.r7g.large")
    ),
]
NodeType = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^cache\.[a-z0-9-]+\.[a-z0-9]+$", "a node type of ElastiCache, such as cache.m7g.large")
    ),
]
CertificateArn = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$",
            "the ARN of a certificate in ACM: arn:aws:acm:<region>:<account>:certificate/<id>",
        )
    ),
]
DomainName = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
            "a domain name in lower case, such as play.example.com",
        )
    ),
]
ZoneId = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^Z[A-Z0-9]{5,31}$", "the id of a hosted zone in Route 53, such as Z0123456789ABCDEFGHIJ")
    ),
]
Email = Annotated[
    str,
    StringConstraints(pattern=described(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "an e-mail address, such as team@example.com")),
]
Region = Annotated[
    str,
    StringConstraints(pattern=described(r"^[a-z]{2}(-[a-z]+)+-\d$", "an AWS Region, such as ap-south-1")),
    AfterValidator(regions.known),
]
Registry = Annotated[
    str,
    StringConstraints(pattern=described(r"^[a-z0-9.-]+(:\d+)?$", "a registry's host name, with a port if it has one")),
]
ImageTag = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", "1 to 128 letters, digits, dots, dashes and underscores"
        )
    ),
]
ImageDigest = Annotated[
    str, StringConstraints(pattern=described(r"^sha256:[0-9a-f]{64}$", "sha256: and 64 hexadecimal digits"))
]
AccountNumber = Annotated[
    str, StringConstraints(pattern=described(r"^\d{12}$", "the number of an AWS account, 12 digits in quotes"))
]
StackName = Annotated[
    str,
    StringConstraints(
        pattern=described(
            r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$",
            "a stack's name: 2 to 40 lower-case letters, digits and dashes, a letter first",
        )
    ),
]
SlackId = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[CGT][A-Z0-9]{8,20}$", "an id of Slack, such as T07EA123LEP or C07EZ1ABC23")
    ),
]
TimeZone = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^(UTC|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+)$", "a name of the tz database, such as Asia/Kolkata")
    ),
]
EventName = Annotated[
    str,
    StringConstraints(
        pattern=described(r"^[a-z][a-z0-9-]{0,29}$", "1 to 30 lower-case letters, digits and dashes, a letter first")
    ),
]
PostgresVersion = Annotated[
    str, StringConstraints(pattern=described(r"^1[5-9]$", "a major version of PostgreSQL that RDS offers, 15 to 19"))
]
ValkeyVersion = Annotated[str, StringConstraints(pattern=described(r"^[789]\.\d$", "a version of Valkey, such as 8.1"))]
EndpointName = Annotated[
    str, StringConstraints(pattern=described(r"^[A-Z][A-Z0-9_]{0,39}_URL$", "a variable in capitals that ends in _URL"))
]
EndpointUrl = Annotated[
    str,
    StringConstraints(pattern=described(r"^https?://[a-z0-9.-]+(:\d+)?$", "http:// or https:// and a host, no path")),
]
IssuerName = Annotated[
    str, StringConstraints(pattern=described(rf"^({'|'.join(ISSUERS)})$", f"one of {', '.join(ISSUERS)}"))
]
Reason = Annotated[str, StringConstraints(min_length=15, max_length=300)]
