"""Tables that moto reads late, or from where they were kept, are the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

_PROGRAM = """
import sys
from localcloud.emulator.__main__ import prepare_environment
prepare_environment()
if sys.argv[1] == "quick":
    from localcloud.emulator import tables
    tables.read_quickly()
from moto.core.utils import method_names_from_class
from moto.ec2.models import ec2_backends, instance_types, instances, spot_requests
from moto.ec2.responses import EC2Response
from moto.iam.models import iam_backends
table = instances.INSTANCE_TYPE_OFFERINGS
assert table is spot_requests.INSTANCE_TYPE_OFFERINGS is instance_types.INSTANCE_TYPE_OFFERINGS
assert bool(table) is (sys.argv[1] != "quick")
ec2 = ec2_backends["123456789012"]["ap-south-1"]
for location in ("region", "availability-zone"):
    offered = ec2.describe_instance_type_offerings(location)
    print(location, len(table[location]), sorted(str(sorted(each.items())) for each in offered)[::40])
policies = iam_backends["123456789012"]["aws"].managed_policies
drawn = ("id", "_id", "versions")
print(len(policies), [sorted((name, str(value)) for name, value in vars(policy).items() if name not in drawn)
      for policy in list(policies.values())[::300]])
print(len(list(policies.values())[7].versions), list(policies.values())[7].versions[0].document[:80])
"""


def test_offerings_and_managed_policies_are_what_moto_reads_itself() -> None:
    plain, quick, kept = (
        subprocess.run([sys.executable, "-c", _PROGRAM, way], capture_output=True, text=True, check=True).stdout
        for way in ("plain", "quick", "quick")
    )
    assert len(plain) > 2000
    assert quick == plain
    assert kept == plain
