"""One of each thing that keeps data, and as many queues more as the setting says: work for a run that is cut off."""

import pulumi
import pulumi_aws as aws
import pulumi_random as random

aws.s3.Bucket("kept", bucket="kept")
aws.sqs.Queue("kept", name="kept")
password = random.RandomPassword("secret", length=20)
secret = aws.secretsmanager.Secret("kept", name="kept", recovery_window_in_days=0)
aws.secretsmanager.SecretVersion("kept", secret_id=secret.id, secret_string=password.result)
aws.rds.Instance(
    "kept",
    identifier="kept",
    engine="postgres",
    engine_version="17",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    storage_encrypted=True,
    db_name="kept",
    username="kept",
    password="a-password-of-a-test",
    skip_final_snapshot=True,
)
aws.elasticache.ReplicationGroup(
    "kept",
    replication_group_id="kept",
    description="kept",
    engine="valkey",
    node_type="cache.t4g.micro",
    num_cache_clusters=1,
)
for number in range(pulumi.Config().require_int("extras")):
    aws.sqs.Queue(f"extra-{number}", name=f"extra-{number}")
