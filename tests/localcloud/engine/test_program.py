"""Programs are started without needless work, and find the same types as ever."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from localcloud.engine import program
from localcloud.engine.lazy_sdk import Loader

#: Input and output types, nested ones, and a resource's, as Pulumi's serializer asks for them.
_TYPES = """
import sys
from localcloud.engine.lazy_sdk import install
if sys.argv[1] == "deferred":
    install()
import pulumi_aws
from pulumi import _types
classes = [
    pulumi_aws.kms.Key, pulumi_aws.kms.KeyArgs, pulumi_aws.sqs.Queue, pulumi_aws.s3.Bucket,
    pulumi_aws.iam.GetPolicyDocumentResult, pulumi_aws.ProviderDefaultTagsArgs,
    pulumi_aws.s3.BucketLifecycleConfigurationRuleArgs, pulumi_aws.s3.outputs.BucketWebsite,
]
assert type(pulumi_aws.kms.__loader__).__name__ == ("Loader" if sys.argv[1] == "deferred" else "SourceFileLoader")
for each in classes:
    print(each.__name__, sorted(_types._types_from_py_properties(each).items(), key=lambda item: item[0]))
"""


def _load(source: Path) -> ModuleType:
    loader = Loader("generated", str(source))
    spec = importlib.util.spec_from_loader("generated", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_pulumi_finds_the_same_types_in_a_package_whose_annotations_are_not_evaluated() -> None:
    eager, deferred = (
        subprocess.run([sys.executable, "-c", _TYPES, way], capture_output=True, text=True, check=True).stdout
        for way in ("eager", "deferred")
    )
    assert "BucketLifecycleConfigurationRuleArgs [('abortIncompleteMultipartUpload', <class" in eager
    assert deferred == eager


def test_annotations_are_not_evaluated_and_the_compiled_module_is_kept_until_its_source_changes(tmp_path: Path) -> None:
    source = tmp_path / "generated.py"
    source.write_text("def made() -> absent.Class: ...\n")
    assert _load(source).made.__annotations__ == {"return": "absent.Class"}
    (kept,) = (tmp_path / "__pycache__").iterdir()
    before = kept.stat()
    _load(source)
    assert kept.stat().st_mtime_ns == before.st_mtime_ns

    source.write_text("def made() -> other.Class: ...\n")
    os.utime(source, ns=(1, 1))
    assert _load(source).made.__annotations__ == {"return": "other.Class"}


def test_a_kept_module_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    source = tmp_path / "generated.py"
    source.write_text("value = 1\n")
    _load(source)
    (kept,) = (tmp_path / "__pycache__").iterdir()
    kept.write_bytes(b"")
    assert _load(source).value == 1


def test_the_launcher_gets_its_own_arguments_and_no_debug_message_is_sent(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text(
        "import sys, pulumi\n"
        "class Engine:\n"
        "    def Log(self, request): print('sent', request.message)\n"
        "pulumi.log.get_engine = Engine\n"
        "pulumi.log.debug('quiet'); pulumi.log.info('heard')\n"
        "print(__name__, sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, program.__file__, str(launcher), "--stack", "local", "."],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["sent heard", "__main__ ['--stack', 'local', '.']"]
