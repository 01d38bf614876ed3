"""Hosted zones and records of Route 53 (recorded: nothing asks the emulator for names)."""

from __future__ import annotations

from localcloud.provider.row import Prop, Row

ROWS: dict[str, Row] = {
    "aws:route53/zone:Zone": Row(
        "route53",
        "create_hosted_zone",
        "=Z{token_id}",
        recorded=True,
        props={"comment": Prop(default="Managed by Pulumi"), "forceDestroy": Prop(default=False)},
        outputs={
            "arn": "=arn:aws:route53:::hostedzone/{id}",
            "zoneId": "$id",
            "primaryNameServer": "ns-0.awsdns-00.com",
            "nameServers": [
                "ns-0.awsdns-00.com",
                "ns-512.awsdns-00.net",
                "ns-1024.awsdns-00.org",
                "ns-1536.awsdns-00.co.uk",
            ],
        },
    ),
    "aws:route53/record:Record": Row(
        "route53",
        "change_resource_record_sets",
        "$join('_', [in.zoneId, in.name, in.type, in.setIdentifier][?@])",
        recorded=True,
        outputs={"fqdn": "$in.name"},
    ),
}
