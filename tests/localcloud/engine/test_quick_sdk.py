"""The SDK's parts that are done with less work have the same outcome."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

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


#: Drawn values, lifted by the SDK and by what takes its place: value, known, secret and resources of each are the same.
_LIFTED = """
import asyncio, random, sys
import pulumi
from pulumi.output import Output, UNKNOWN, _OutputData
from pulumi.runtime import resource_cycle_breaker, rpc
from pulumi.runtime.settings import SETTINGS
from localcloud.engine import quick_sdk

class Text(str):
    pass

@pulumi.input_type
class Args:
    def __init__(self, one=None, two=None):
        self.one, self.two = one, two
    def __eq__(self, other):
        return type(other) is Args and (self.one, self.two) == (other.one, other.two)
    def __repr__(self):
        return f"Args({self.one!r}, {self.two!r})"

def output(draw, value):
    async def data():
        await asyncio.sleep(0)
        held = {draw.choice("abc")} if draw.random() < 0.5 else set()
        return _OutputData(held, value, draw.random() < 0.8, draw.random() < 0.3)
    return Output._from_data(data())

async def later(value):
    return value

def draw_value(draw, depth):
    kind = draw.randrange(14 if depth else 7)
    if kind < 7:
        return [None, True, 3, 1.5, "text", Text("more"), UNKNOWN][kind]
    inner = lambda: draw_value(draw, depth - 1)
    if kind == 7:
        return {draw.choice("xyz"): inner() for _ in range(draw.randrange(4))}
    if kind == 8:
        return [inner() for _ in range(draw.randrange(4))]
    if kind == 9:
        return tuple(inner() for _ in range(draw.randrange(3)))
    if kind == 10:
        return output(draw, inner())
    if kind == 11:
        return Args(inner(), inner())
    if kind == 12:
        return Output.secret(inner())
    return later(inner())

async def described(lifted):
    data = await lifted._data
    return repr(data.value).replace(repr(UNKNOWN), "UNKNOWN"), data.is_known, data.is_secret, sorted(data.resources)

async def lift(seed):
    made = []
    for number in range(60):
        values = []
        for way in range(4):  # the same four times: what is awaited can be awaited once
            values.append(draw_value(random.Random(seed * 1000 + number), 4))
        made.append(await described(Output.from_input(values[0])))
        made.append(await described(Output.all(values[1], 1, [2])))
        made.append(await described(Output.all(it=values[2], one={"two": 3})))
        made.append(rpc.contains_unknowns(values[3]))
        if asyncio.iscoroutine(values[3]):
            values[3].close()
    made.append(await described(Output.all()))
    try:
        Output.all(1, two=2)
    except ValueError as error:
        made.append(str(error))
    return made

async def failing():
    SETTINGS.outputs.clear()
    failed = output(random.Random(1), 1).apply(lambda _: 1 / 0)
    lifted = [Output.from_input(failed), Output.all(a=1, b=Output.from_input("x").apply(lambda _: 1 / 0))]
    await asyncio.gather(*[each._data for each in lifted], return_exceptions=True)
    await asyncio.sleep(0)
    return [type(each._data.exception()).__name__ for each in lifted], all(each._data in SETTINGS.outputs for each in lifted)

class Node:
    def __init__(self, name):
        self.name = name

def cycles(seed):
    draw = random.Random(seed)
    nodes = [Node(number) for number in range(12)]
    pairs = [(draw.randrange(12), draw.randrange(12)) for _ in range(60)]
    return [resource_cycle_breaker.declare_dependency(nodes[a], nodes[b]) for a, b in pairs]

seeds = [int(seed) for seed in sys.argv[1:]]
run = lambda: ([asyncio.run(lift(seed)) for seed in seeds], asyncio.run(failing()), [cycles(seed) for seed in seeds])
before = run()
quick_sdk.install()
after = run()
for seed, theirs, ours in zip(seeds, before[0], after[0]):
    for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
        assert one == other, (seed, number // 4, one, other)
assert before[1:] == after[1:], (before[1:], after[1:])
held = {"a": {"b": [1]}}
async def copied():
    value = (await Output.from_input(held)._data).value
    held["a"]["b"].append(2)
    return value
assert asyncio.run(copied()) == {"a": {"b": [1]}}
print(len(after[0]), "seeds", before[1])
"""


def test_what_is_lifted_is_what_the_sdk_lifts() -> None:
    seeds = [str(draw) for draw in random.SystemRandom().sample(range(10**6), 4)]
    done = subprocess.run([sys.executable, "-c", _LIFTED, *seeds], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (seeds, done.stderr)
    assert done.stdout.strip() == "4 seeds (['ZeroDivisionError', 'ZeroDivisionError'], True)"
