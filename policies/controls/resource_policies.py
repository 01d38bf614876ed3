"""One control for the resource-based policies of every service that has no control of its own for them."""

from __future__ import annotations

from collections.abc import Mapping

from policies.lang.everybody import is_everybody
from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, na, ok
from policies.rules.public import FIX, policy_is_private

#: Resource type → the property that holds its policy document. (tests/policies/test_policy_bearers.py enumerates pulumi_aws.)
DOCUMENTS: Mapping[str, str] = {
    "aws:acmpca/policy:Policy": "policy",
    "aws:amp/resourcePolicy:ResourcePolicy": "policyDocument",
    "aws:apigateway/domainName:DomainName": "policy",
    "aws:apigateway/restApi:RestApi": "policy",
    "aws:apigateway/restApiPolicy:RestApiPolicy": "policy",
    "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy": "policy",
    "aws:cloudsearch/domainServiceAccessPolicy:DomainServiceAccessPolicy": "accessPolicy",
    "aws:cloudwatch/logDeliveryDestinationPolicy:LogDeliveryDestinationPolicy": "deliveryDestinationPolicy",
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": "accessPolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:codeartifact/domainPermissions:DomainPermissions": "policyDocument",
    "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": "policyDocument",
    "aws:codebuild/resourcePolicy:ResourcePolicy": "policy",
    "aws:dsql/clusterPolicy:ClusterPolicy": "policy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:elasticsearch/domain:Domain": "accessPolicies",
    "aws:elasticsearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:glacier/vault:Vault": "accessPolicy",
    "aws:glacier/vaultLock:VaultLock": "policy",
    "aws:glue/resourcePolicy:ResourcePolicy": "policy",
    "aws:iot/policy:Policy": "policy",
    "aws:kinesis/resourcePolicy:ResourcePolicy": "policy",
    "aws:mediastore/containerPolicy:ContainerPolicy": "policy",
    "aws:msk/clusterPolicy:ClusterPolicy": "policy",
    "aws:networkfirewall/resourcePolicy:ResourcePolicy": "policy",
    "aws:oam/sinkPolicy:SinkPolicy": "policy",
    "aws:opensearch/domain:Domain": "accessPolicies",
    "aws:opensearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:opensearchingest/resourcePolicy:ResourcePolicy": "policy",
    "aws:organizations/resourcePolicy:ResourcePolicy": "content",
    "aws:pinpoint/smsvoicev2ResourcePolicy:Smsvoicev2ResourcePolicy": "policy",
    "aws:redshift/resourcePolicy:ResourcePolicy": "policy",
    "aws:redshiftserverless/resourcePolicy:ResourcePolicy": "policy",
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": "resourcePolicy",
    "aws:schemas/registryPolicy:RegistryPolicy": "policy",
    "aws:ses/identityPolicy:IdentityPolicy": "policy",
    "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": "policy",
    "aws:vpclattice/authPolicy:AuthPolicy": "policy",
    "aws:vpclattice/resourcePolicy:ResourcePolicy": "policy",
    "aws:xray/resourcePolicy:ResourcePolicy": "policyDocument",
}
#: Resource type → the property that names who is let in, without a document.
PRINCIPALS: Mapping[str, str] = {
    "aws:cloudwatch/eventPermission:EventPermission": "principal",
    "aws:ec2/vpcEndpointService:VpcEndpointService": "allowedPrincipals",
    "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple": "principalArn",
    "aws:signer/signingProfilePermission:SigningProfilePermission": "principal",
}


#: Domains that are in a VPC when they name subnets: security groups say who reaches them then, whatever the policy.
_DOMAINS = ("aws:elasticsearch/domain:Domain", "aws:opensearch/domain:Domain")


def _private(resource: Resource) -> Verdict:
    if resource.type in DOCUMENTS:
        path = DOCUMENTS[resource.type]
        if not resource.has(path):
            return na("it has no policy of its own")
        if resource.type in _DOMAINS and resource.has("vpcOptions.subnetIds"):
            return na("inside a VPC: its security groups say who reaches it")
        return policy_is_private(resource, path)
    path = PRINCIPALS[resource.type]
    if not resource.has(path):
        return na("it names no principal")
    open_to = next((principal for principal in resource.texts(path) if is_everybody(principal)), None)
    if open_to is None or _in_organisation(resource):
        return ok()
    return bad(path, open_to, FIX)


def _in_organisation(resource: Resource) -> bool:
    """Whether an event bus's permission is limited to an organisation, which it writes as a condition of its own."""
    key, value = resource.text("condition.key"), resource.text("condition.value")
    return key.lower() == "aws:principalorgid" and bool(value) and not is_everybody(value)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="MD.IAM.9",
        title="Resource-based policies do not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name principals in the policy, or narrow `*` by a condition whose values are fixed.",
        link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html",
        rule=Each((*DOCUMENTS, *PRINCIPALS), _private),
    ),
)
