"""Type tokens that name one kind of resource: pulumi_aws keeps several for load balancers and buckets."""

from __future__ import annotations

from functools import lru_cache

#: Module names that pulumi_aws aliases onto another (`pulumi.Alias(type_=…)` in its classes; ALB's are the same API twice).
_MODULES = {
    "alb": "lb",
    "applicationloadbalancing": "lb",
    "elasticloadbalancingv2": "lb",
    "elasticloadbalancing": "elb",
}

#: Whole tokens that pulumi_aws renamed, and kinds with an old class of the same meaning.
_TOKENS = {
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws:s3/bucketObject:BucketObject",
    "aws:s3/BucketObject:BucketObject": "aws:s3/bucketObject:BucketObject",
    "aws:ses/confgurationSet:ConfgurationSet": "aws:ses/configurationSet:ConfigurationSet",
}


@lru_cache(maxsize=4096)
def canonical(token: str) -> str:
    """The one token under which controls know the kind that `token` names.

    >>> canonical("aws:alb/loadBalancer:LoadBalancer")
    'aws:lb/loadBalancer:LoadBalancer'
    >>> canonical("aws:s3/bucketVersioningV2:BucketVersioningV2")
    'aws:s3/bucketVersioning:BucketVersioning'
    """
    if token in _TOKENS:
        return _TOKENS[token]
    package, _, rest = token.partition(":")
    module, slash, kind = rest.partition("/")
    if package != "aws" or not slash:
        return token
    module = _MODULES.get(module, module)
    if module == "s3" and kind.startswith("bucket") and kind.endswith("V2"):
        file, _, name = kind.partition(":")
        kind = f"{file.removesuffix('V2')}:{name.removesuffix('V2')}"
    return f"{package}:{module}/{kind}"
