"""Cloud Map namespaces (ECS Service Connect uses them)."""

from __future__ import annotations

from localcloud.provider.row import Call, Context, Prop, Read, Row
from localcloud.provider.rows.tagging import by_arn


def _created(context: Context) -> str:
    """Creating a namespace answers with an operation, which knows the namespace."""
    operation = context.call("get_operation", {"OperationId": context["answer"]["OperationId"]})["Operation"]
    return str(operation["Targets"]["NAMESPACE"])


def _namespace(kind: str, **particular: Prop) -> Row:
    arn = "=arn:aws:servicediscovery:{region}:{account}:namespace/{id}"
    return Row(
        "servicediscovery",
        f"create_{kind}_namespace",
        _created,
        reads=(Read("get_namespace", {"Id": "$id"}, "Namespace"),),
        delete=(Call("delete_namespace", {"Id": "$id"}),),
        props={
            "description": Prop(
                api="Description",
                set=Call(f"update_{kind}_namespace", {"Id": "$id", "Namespace": {"Description": "$val"}}),
            ),
            **particular,
        },
        name="name",
        outputs={"httpName": "$el.Name", "hostedZone": "$el.Properties.DnsProperties.HostedZoneId"},
        tagging=by_arn(
            "ResourceARN",
            arn,
            read=Read("list_tags_for_resource", {"ResourceARN": arn}, "Tags", into="Tags", optional=True),
        ),
    )


ROWS: dict[str, Row] = {
    "aws:servicediscovery/httpNamespace:HttpNamespace": _namespace("http"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _namespace(
        "private_dns", vpc=Prop(unread=True, force=True)
    ),
}
