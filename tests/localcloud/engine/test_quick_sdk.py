"""The SDK's parts that are done with less work have the same outcome."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import asyncio, sys
import pulumi
from pulumi.runtime import mocks, resource, stack
from pulumi.runtime.settings import SETTINGS
from localcloud.engine import quick_sdk

theirs = resource._get_stack_trace
quick_sdk.install()
ours = resource._get_stack_trace
traces = []

def both():
    traces.append(theirs() == ours())
    return ours()

resource._get_stack_trace = both

class Mocks(mocks.Mocks):
    def new_resource(self, args):
        return args.name + "-id", dict(args.inputs)
    def call(self, args):
        return {}

asyncio.set_event_loop(asyncio.new_event_loop())
mocks.set_mocks(Mocks(), project="p", stack="s")

class Kind(pulumi.CustomResource):
    def __init__(self, name, value, opts=None):
        super().__init__("aws:kms/key:Key", name, {"value": value}, opts)

seen = []

def program():
    first = Kind("first", "a")

    def late(_):
        seen.append("applied")
        Kind("second", first.id).id.apply(lambda made: seen.append(made))

    first.id.apply(late)
    if sys.argv[1] == "fails":
        first.id.apply(lambda _: 1 / 0)

try:
    asyncio.get_event_loop().run_until_complete(stack.run_pulumi_func(program))
except ZeroDivisionError as error:
    seen.append(str(error))
print(seen, traces, len(SETTINGS.outputs) == 0 or sys.argv[1])
"""


def _run(way: str) -> str:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, way], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_outputs_that_make_resources_and_outputs_are_waited_for_and_stack_traces_are_the_sdks() -> None:
    assert _run("ends") == "['applied', 'second-id'] [True, True, True] True"


def test_an_output_that_fails_fails_the_program() -> None:
    assert "division by zero" in _run("fails")
