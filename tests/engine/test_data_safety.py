"""Data, keys and names survive what a plan may do by mistake: through the real engine and the local provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from localcloud.engine.run import EngineFailed
from tests.engine.engines import PROJECT, FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

NAME = "matchday/local/safety/KEK"

PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import pulumi
from components.data.bucket import Bucket, BucketArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
config = pulumi.Config()
GeneratedSecret("kek", GeneratedSecretArgs(
    secret_name={NAME!r}, description="Seals", key_arn="alias/aws/secretsmanager", length=config.require_int("length")))
Bucket("ledger", BucketArgs(account_id=config.require("account"), log_bucket="logs", statements=None, relaxed={{
    "kms": "this test has no key of its own"}}))
"""


def _leave_nothing(far_end: FarEnd) -> None:
    """The next tests ask for an empty emulator, and Pulumi does not destroy what is protected."""
    s3 = far_end.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for stored in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", ()):
            s3.delete_object(Bucket=bucket["Name"], Key=stored["Key"], VersionId=stored["VersionId"])
        s3.delete_bucket(Bucket=bucket["Name"])
    far_end.client("secretsmanager").delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def test_a_value_outlives_its_manifest_and_a_refresh_and_a_replacement_is_refused(
    far_end_of: Callable[[str], FarEnd],
) -> None:
    far_end = far_end_of(PROGRAM)
    secrets = far_end.client("secretsmanager")
    far_end.client("s3").create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    try:
        settings = {"matchday:length": "43", "matchday:account": "111122223333"}
        far_end.workspace.run(["up", "--yes", "--skip-preview"], "local", config=settings)
        first = secrets.get_secret_value(SecretId=NAME)["SecretString"]
        assert len(first) == 43
        # In AWS the label stays on this version until somebody moves it (PutSecretValue); moto drops it with the next value.
        assert secrets.get_secret_value(SecretId=NAME, VersionStage="FIRST")["SecretString"] == first

        secrets.put_secret_value(SecretId=NAME, SecretString="rotated by hand")
        settings["matchday:length"] = "64"
        done = far_end.workspace.run(["up", "--yes", "--skip-preview", "--refresh"], "local", config=settings)
        assert not done.resources
        assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == "rotated by hand"

        settings["matchday:account"] = "444455556666"  # a bucket's name ends with it: another one would be a new bucket
        with pytest.raises(EngineFailed, match=r"(?s)ledger: unable to replace .*marked for protection") as caught:
            far_end.workspace.run(["preview"], "local", config=settings)
        assert "Traceback" not in str(caught.value)
    finally:
        _leave_nothing(far_end)
