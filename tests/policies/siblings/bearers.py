"""Every kind of resource policy, open and closed in the same ways: siblings of the shared sets of group a."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, OK, TELL, Sibling, allow, case, policy


def _documents(kind: str, path: str, control: str, **props: Any) -> list[Sibling]:
    """One kind of resource policy: open, open behind IfExists, closed by account, and unknown."""
    name = kind.removeprefix("aws:").partition(":")[0]
    world = policy(allow("*", "*", principal={"AWS": "*"}))
    loose = policy(
        allow("*", "*", principal="*", condition={"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}})
    )
    closed = policy(allow("*", "*", principal="*", condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}))
    all_but = policy(
        {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "*", "Resource": "*"}
    )

    def put(value: Any) -> Resource:
        if "." not in path:
            return res(kind, "it", **{path: value}, **props)
        outer, _, inner = path.partition(".")
        return res(kind, "it", **{outer: {inner: value}}, **props)

    return [
        case(f"{name}-open", {control: BAD}, put(world)),
        case(f"{name}-if-exists", {control: BAD}, put(loose)),
        case(f"{name}-not-principal", {control: BAD}, put(all_but)),
        case(f"{name}-closed", {control: OK}, put(closed)),
        case(f"{name}-unknown", {control: TELL}, put(UNKNOWN)),
    ]


_KINDS = (
    ("aws:kms/keyPolicy:KeyPolicy", "policy", "KMS.5"),
    ("aws:kms/replicaKey:ReplicaKey", "policy", "KMS.5"),
    ("aws:kms/replicaExternalKey:ReplicaExternalKey", "policy", "KMS.5"),
    ("aws:kms/externalKey:ExternalKey", "policy", "KMS.5"),
    ("aws:kms/key:Key", "policy", "KMS.5"),
    ("aws:ecr/registryPolicy:RegistryPolicy", "policy", "MD.ECR.1"),
    ("aws:ecr/repositoryPolicy:RepositoryPolicy", "policy", "MD.ECR.1"),
    ("aws:ecrpublic/repositoryPolicy:RepositoryPolicy", "policy", "MD.ECR.1"),
    ("aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate", "repositoryPolicy", "MD.ECR.1"),
    ("aws:s3control/accessPointPolicy:AccessPointPolicy", "policy", "MD.S3.4"),
    ("aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy", "details.policy", "MD.S3.4"),
    ("aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy", "policy", "MD.S3.4"),
    ("aws:s3tables/tableBucketPolicy:TableBucketPolicy", "resourcePolicy", "MD.S3.4"),
    ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy", "MD.EventBridge.1"),
    ("aws:dynamodb/resourcePolicy:ResourcePolicy", "policy", "MD.IAM.9"),
    ("aws:kinesis/resourcePolicy:ResourcePolicy", "policy", "MD.IAM.9"),
    ("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "policyDocument", "MD.IAM.9"),
    ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", "accessPolicy", "MD.IAM.9"),
    ("aws:glue/resourcePolicy:ResourcePolicy", "policy", "MD.IAM.9"),
    ("aws:opensearch/domainPolicy:DomainPolicy", "accessPolicies", "MD.IAM.9"),
    ("aws:elasticsearch/domainPolicy:DomainPolicy", "accessPolicies", "MD.IAM.9"),
    ("aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy", "policy", "MD.IAM.9"),
    ("aws:codeartifact/domainPermissions:DomainPermissions", "policyDocument", "MD.IAM.9"),
    ("aws:apigateway/restApiPolicy:RestApiPolicy", "policy", "MD.IAM.9"),
    ("aws:backup/vaultPolicy:VaultPolicy", "policy", "MD.Backup.8"),
    ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy", "MD.SecretsManager.2"),
    ("aws:secretsmanager/secret:Secret", "policy", "MD.SecretsManager.2"),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy", "SQS.3"),
    ("aws:sns/topicPolicy:TopicPolicy", "policy", "SNS.4"),
    ("aws:iam/role:Role", "assumeRolePolicy", "MD.IAM.4"),
)

CASES: list[Sibling] = [sibling for kind, path, control in _KINDS for sibling in _documents(kind, path, control)]
