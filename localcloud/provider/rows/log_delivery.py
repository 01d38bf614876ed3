"""Vended logs: delivery sources, destinations and the deliveries between them (CloudFront's standard logging v2)."""

from __future__ import annotations

from localcloud.provider.row import Call, Prop, Read, Row, Tagging


def _tagging(arn: str) -> Tagging:
    return Tagging(
        Call("tag_resource", {"resourceArn": arn, "tags": "$tag_map"}),
        Call("untag_resource", {"resourceArn": arn, "tagKeys": "$tag_keys"}),
        Read("list_tags_for_resource", {"resourceArn": arn}, "tags", into="tags"),
        path="tags",
        at_create="tags",
    )


def _arn(kind: str) -> str:
    return f"=arn:aws:logs:{{region}}:{{account}}:delivery{kind}:{{id}}"


ROWS: dict[str, Row] = {
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": Row(
        "logs",
        "put_delivery_source",
        "$in.name",
        reads=(Read("get_delivery_source", {"name": "$id"}, "deliverySource"),),
        delete=(Call("delete_delivery_source", {"name": "$id"}),),
        props={"resourceArn": Prop(live="resourceArns[0]"), "logType": Prop(force=True)},
        name="name",
        name_limit=60,
        outputs={"arn": _arn("-source")},
        tagging=_tagging(_arn("-source")),
    ),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": Row(
        "logs",
        "put_delivery_destination",
        "$in.name",
        reads=(Read("get_delivery_destination", {"name": "$id"}, "deliveryDestination"),),
        update=Call("put_delivery_destination"),
        whole=True,
        delete=(Call("delete_delivery_destination", {"name": "$id"}),),
        props={"outputFormat": Prop(force=True)},
        name="name",
        name_limit=60,
        outputs={"arn": _arn("-destination")},
        tagging=_tagging(_arn("-destination")),
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": Row(
        "logs",
        "create_delivery",
        "$answer.delivery.id",
        reads=(Read("get_delivery", {"id": "$id"}, "delivery"),),
        update=Call("update_delivery_configuration", {"id": "$id"}),
        delete=(Call("delete_delivery", {"id": "$id"}),),
        props={"s3DeliveryConfigurations": Prop(api="s3DeliveryConfiguration")},
        outputs={"arn": _arn("")},
        tagging=_tagging(_arn("")),
    ),
}
