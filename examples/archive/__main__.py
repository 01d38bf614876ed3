"""The stack: keys, and an archive under them."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from archive import Archive, ArchiveArgs

from components.security.keys import Keys, KeysArgs

account = aws.get_caller_identity().account_id
keys = Keys("keys", KeysArgs(account_id=account, region=pulumi.Config("aws").require("region")))
archive = Archive("archive", ArchiveArgs(account_id=account, key_arn=keys.data, keep_days=3650))
pulumi.export("bucket", archive.documents.name)
