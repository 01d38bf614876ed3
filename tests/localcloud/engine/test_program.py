"""Programs are started without needless work, and find the same types as ever."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from localcloud.engine import program
from localcloud.engine.lazy_sdk import Loader

#: Input and output types, nested ones, and a resource's, as Pulumi's serializer asks for them.
_TYPES = """
import sys
from localcloud.engine import lazy_sdk
if sys.argv[1] == "lazy":
    lazy_sdk.install()
import pulumi_aws
from pulumi import _types
classes = eval(sys.argv[2])
assert type(pulumi_aws.kms.__loader__).__name__ == ("Loader" if sys.argv[1] == "lazy" else "SourceFileLoader")
for each in classes:
    print(each.__module__, each.__qualname__, each.__doc__, sorted(vars(each)))
    print(sorted(_types._types_from_py_properties(each).items(), key=lambda item: item[0]))
    print(_types._py_to_pulumi_names_from_py_properties(each))
"""

#: Of services that are imported in a moment; and the large ones, which a fresh checkout compiles for half a minute.
_SMALL = """[
    pulumi_aws.kms.Key, pulumi_aws.kms.KeyArgs, pulumi_aws.sqs.Queue, pulumi_aws.lb.Listener, pulumi_aws.ecs.Service,
    pulumi_aws.lb.ListenerDefaultActionArgs, pulumi_aws.ecs.outputs.ServiceNetworkConfiguration,
    pulumi_aws.iam.GetPolicyDocumentResult, pulumi_aws.ProviderDefaultTagsArgs,
    pulumi_aws.s3.Bucket, pulumi_aws.s3.BucketLifecycleConfigurationRuleArgs, pulumi_aws.s3.outputs.BucketWebsite,
]"""
_LARGE = """[
    pulumi_aws.wafv2.WebAcl, pulumi_aws.wafv2.WebAclRuleStatementArgs, pulumi_aws.cloudfront.Distribution,
    pulumi_aws.rds.Instance, pulumi_aws.ec2.outputs.SecurityGroupIngress, pulumi_aws.cloudwatch.MetricAlarmMetricQueryArgs,
]"""

#: Everything that services of a package offer, by its name and kind.
_NAMES = """
import sys
from localcloud.engine import lazy_sdk
if sys.argv[1] == "lazy":
    lazy_sdk.install()
import importlib

def kind(value):
    module = isinstance(value, type(sys))
    return "module" if module else type(value).__name__, None if module else getattr(value, "__module__", "")

for service in ("", ".kms", ".sqs", ".lb", ".kms.outputs", ".kms.key", ".wafv2.get_web_acl"):
    module = importlib.import_module("pulumi_aws" + service)
    hasattr(module, "anything")  # Pulumi loads it then
    own = [name for name in dir(module) if not name.startswith("_")]
    own = own if service else [name for name in own if name.startswith(("get_", "Prov"))]
    print(service, [(name, *kind(getattr(module, name))) for name in own])
held = {}
exec("from pulumi_aws.kms import *", held)
print(sorted(held.keys() - {"__builtins__"}))
from pulumi_aws.kms import get_key, key
import pulumi_aws.kms.get_key as asked
print(type(get_key), type(key), type(asked), hasattr(pulumi_aws := sys.modules["pulumi_aws.kms"], "nothing"))
"""


def _load(source: Path) -> ModuleType:
    loader = Loader("generated", str(source))
    spec = importlib.util.spec_from_loader("generated", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _eager_and_lazy(program: str, *arguments: str) -> list[str]:
    return [
        subprocess.run(
            [sys.executable, "-c", program, way, *arguments], capture_output=True, text=True, check=True
        ).stdout
        for way in ("eager", "lazy")
    ]


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        pytest.param(_SMALL, "('abortIncompleteMultipartUpload', <class", id="small"),
        pytest.param(_LARGE, "('rateBasedStatement', <class", id="large", marks=pytest.mark.nightly),
    ],
)
def test_pulumi_finds_the_same_types_in_a_package_that_is_loaded_piece_by_piece(classes: str, found: str) -> None:
    eager, lazy = _eager_and_lazy(_TYPES, classes)
    assert found in eager
    assert lazy == eager


def test_tests_load_it_so_whatever_imported_it_first() -> None:
    import pulumi_aws

    assert isinstance(pulumi_aws.__loader__, Loader)


def test_a_package_that_is_loaded_piece_by_piece_offers_the_same_names() -> None:
    eager, lazy = _eager_and_lazy(_NAMES)
    assert "('get_key', 'function', 'pulumi_aws.kms.get_key')" in eager
    assert lazy == eager


def test_a_class_that_runs_code_of_a_neighbour_is_not_put_off(tmp_path: Path) -> None:
    package = tmp_path / "pulumi_aws"
    package.mkdir()
    (package / "__init__.py").write_text("from .late import *\nfrom .soon import *\nvalue = Soon.number\n")
    (package / "late.py").write_text("__all__ = ['Late']\nprint('late')\nclass Late: ...\n")
    (package / "soon.py").write_text("__all__ = ['Soon']\nclass Soon:\n    number = 7\n")
    (package / "_inputs.py").write_text(
        "__all__ = ['Base', 'Derived']\nclass Base:\n    number = 8\nclass Derived(Base):\n    other: 'Late'\n"
    )
    program = (
        "from localcloud.engine import lazy_sdk; import sys\n"
        f"lazy_sdk.install(); sys.path.insert(0, {str(tmp_path)!r})\n"
        "import pulumi_aws; from pulumi_aws import _inputs\n"
        "print(pulumi_aws.value, 'Base' in vars(_inputs), 'Derived' in vars(_inputs), _inputs.Derived.number)\n"
        "print(pulumi_aws.Late.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["7 True False 8", "late", "Late"]


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


@pytest.mark.parametrize(("end", "code", "said"), [("", 0, ""), ("sys.exit(3)", 3, ""), ("sys.exit('no')", 1, "no\n")])
def test_a_program_ends_as_it_would_by_itself(end: str, code: int, said: str, tmp_path: Path) -> None:
    """With its exit code, its threads waited for, its last words written and what it left to the end done."""
    launcher = tmp_path / "launcher"
    launcher.write_text(
        "import atexit, sys, threading, time\n"
        "atexit.register(print, 'at the end')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        f"print('main')\n{end}\n"
    )
    done = subprocess.run(
        [sys.executable, program.__file__, str(launcher)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, said)
    assert done.stdout.splitlines() == ["main", "thread", "at the end"]
