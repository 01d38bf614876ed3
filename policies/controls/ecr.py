"""Controls on ECR: scanning, immutable tags, lifecycle, encryption, who may pull."""

from __future__ import annotations

from fnmatch import fnmatchcase

from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, ok
from policies.rules import has_referrer, is_false, is_one_of, never
from policies.rules.public import not_public

REPOSITORY = "aws:ecr/repository:Repository"
PUBLIC = "aws:ecrpublic/repository:Repository"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
#: Every kind of resource that carries a policy on images → where it stands.
POLICIES = {
    "aws:ecr/registryPolicy:RegistryPolicy": "policy",
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": "repositoryPolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ecrpublic/repositoryPolicy:RepositoryPolicy": "policy",
}

_GUIDE = "https://docs.aws.amazon.com/AmazonECR/latest/userguide"


def _scanned(repository: Resource, stack: Stack) -> Verdict:
    path = "imageScanningConfiguration.scanOnPush"
    if repository.flag(path):
        return ok()
    for registry in stack.of(SCANNING):
        for rule in registry.each("rules"):
            filters = [item.text("filter") for item in rule.each("repositoryFilters")]
            automatic = rule.text("scanFrequency") in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")
            if automatic and any(fnmatchcase(repository.text("name", repository.name), text) for text in filters):
                return ok()
    return bad(path, repository.raw(path), "set it to true, or cover the repository by a registry scanning rule")


def _own_key(repository: Resource) -> Verdict:
    for settings in repository.each("encryptionConfigurations"):
        if settings.text("encryptionType", "AES256") not in ("KMS", "KMS_DSSE"):
            return bad(settings.at("encryptionType"), settings.raw("encryptionType"), "set it to KMS with a kms_key")
        if not settings.has("kmsKey") or settings.show("kmsKey").endswith("alias/aws/ecr"):
            return bad(settings.at("kmsKey"), settings.raw("kmsKey"), "name a customer managed KMS key")
        return ok()
    return bad("encryptionConfigurations", None, "set encryption_type to KMS with a kms_key")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ECR.1",
        severity=Severity.HIGH,
        remediation="Set image_scanning_configuration.scan_on_push=True, or add an ecr.RegistryScanningConfiguration.",
        rule=Related((REPOSITORY,), _scanned),
    ),
    Control(
        id="ECR.2",
        severity=Severity.MEDIUM,
        remediation='Set image_tag_mutability="IMMUTABLE".',
        rule=is_one_of(REPOSITORY, "imageTagMutability", ("IMMUTABLE",), default="MUTABLE"),
    ),
    Control(
        id="ECR.3",
        severity=Severity.MEDIUM,
        remediation="Add an ecr.LifecyclePolicy for the repository.",
        rule=has_referrer(REPOSITORY, LIFECYCLE, "repository", "add an ecr.LifecyclePolicy for this repository"),
    ),
    Control(
        id="ECR.5",
        severity=Severity.MEDIUM,
        remediation='Set encryption_configurations with encryption_type="KMS" and a kms_key.',
        rule=Each((REPOSITORY,), _own_key),
    ),
    Control(
        id="MD.ECR.1",
        title="ECR repository and registry policies should not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name the accounts and roles in the policy's Principal.",
        link=f"{_GUIDE}/repository-policies.html",
        rule=not_public(POLICIES),
    ),
    Control(
        id="MD.ECR.2",
        title="Image repositories are not deleted with the images in them",
        severity=Severity.LOW,
        remediation="Leave force_delete at False.",
        link=f"{_GUIDE}/repository-delete.html",
        rule=is_false(REPOSITORY, "forceDelete"),
    ),
    Control(
        id="MD.ECR.3",
        title="Images are not published",
        severity=Severity.HIGH,
        remediation="Use ecr.Repository in place of ecrpublic.Repository.",
        link="https://docs.aws.amazon.com/AmazonECR/latest/public/what-is-ecr.html",
        rule=never(PUBLIC, REPOSITORY, "keep images in a private repository"),
    ),
)
