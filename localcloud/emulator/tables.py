"""Tables of AWS's that moto reads as it starts, and most runs never look at."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import Any

from localcloud.runtime.cache import kept

_OFFERINGS = "instance_type_offerings"

#: The modules that read them: the first makes the table, the others took it from there.
_READERS = ("instance_types", "instances", "spot_requests")


def read_quickly() -> None:
    """Call this before anything imports moto's services."""
    _read_offerings_late()
    _keep_managed_policies()


def _keep_managed_policies() -> None:
    """IAM's managed policies, 1,300 documents, as they are needed, and not each time from the text that AWS publishes."""
    models: Any = importlib.import_module("moto.iam.models")

    def parsed() -> list[list[Any]]:
        policies = json.loads(models.aws_managed_policies_data)
        names = ("DefaultVersionId", "Path", "CreateDate", "UpdateDate")
        return [
            [name, json.dumps(policy.get("Document")), *(policy.get(each) for each in names)]
            for name, policy in policies.items()
        ]

    def _init_aws_policies(self: Any) -> list[Any]:
        if not models.load_iam_aws_managed_policies():
            return []
        return [
            models.AWSManagedPolicy(
                name,
                account_id=self.account_id,
                region=self.region_name,
                default_version_id=default,
                path=path,
                document=document,
                create_date=datetime.fromisoformat(created),
                update_date=datetime.fromisoformat(updated),
            )
            for name, document, default, path, created, updated in kept(
                f"managed policies of moto {version('moto')}", parsed
            )
        ]

    setattr(models.IAMBackend, "_init_aws_policies", _init_aws_policies)  # noqa: B010 (mypy refuses to assign to a method)


def _read_offerings_late() -> None:
    """EC2's instance type offerings, 200 files, are read when an instance is started: here nothing runs on any."""
    listdir: Callable[..., list[str]] = os.listdir

    def without_offerings(path: Any = ".") -> list[str]:
        return [] if str(path).endswith(_OFFERINGS) else listdir(path)

    setattr(os, "listdir", without_offerings)  # noqa: B010 (moto takes it as it is imported)
    try:
        modules: list[Any] = [importlib.import_module(f"moto.ec2.models.{name}") for name in _READERS]
    finally:
        setattr(os, "listdir", listdir)  # noqa: B010

    class Offerings(dict[str, dict[str, Any]]):
        """Location type → Region → offerings; read as moto reads them, a location type at a time."""

        def __missing__(self, location: str) -> dict[str, Any]:
            types = modules[0]
            found: dict[str, Any] = {}
            for name in listdir(types.root / types.offerings_path / location):
                offered = types.load_resource(f"ec2/{types.offerings_path}/{location}/{name}")
                found[name.split(".")[0]] = [{**offering, "LocationType": location} for offering in offered]
            self[location] = found
            return found

    offerings = Offerings()
    for module in modules:
        module.INSTANCE_TYPE_OFFERINGS = offerings
