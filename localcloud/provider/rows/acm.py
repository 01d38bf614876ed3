"""Certificates of ACM; the emulator issues them after a second."""

from __future__ import annotations

from localcloud.provider.row import Call, Prop, Read, Row, Tagging

_ARN = {"CertificateArn": "$id"}

ROWS: dict[str, Row] = {
    "aws:acm/certificate:Certificate": Row(
        "acm",
        "request_certificate",
        "$answer.CertificateArn",
        reads=(Read("describe_certificate", _ARN, "Certificate"),),
        delete=(Call("delete_certificate", _ARN),),
        props={
            "keyAlgorithm": Prop(default="RSA_2048", force=True),
            "subjectAlternativeNames": Prop(
                force=True, default=lambda inputs: [inputs["domainName"]] if "domainName" in inputs else None
            ),
            "validationMethod": Prop(force=True, unread=True),
            "domainName": Prop(force=True),
        },
        outputs={
            "arn": "$id",
            "status": "$el.Status",
            "type": "$el.Type",
            "domainValidationOptions": "$el.DomainValidationOptions[].{domainName: DomainName, resourceRecordName: "
            "ResourceRecord.Name, resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value}",
        },
        tagging=Tagging(
            Call("add_tags_to_certificate", {**_ARN, "Tags": "$tags"}),
            Call("remove_tags_from_certificate", {**_ARN, "Tags": "$tags"}),
            Read("list_tags_for_certificate", _ARN, "Tags", into="Tags"),
            at_create="Tags",
        ),
        kept=frozenset({"keyAlgorithm"}),  # moto makes an RSA key, whatever it is asked for
    ),
}
