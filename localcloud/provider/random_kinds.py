"""Package `random`: the kinds of pulumi_random, with results that are secret where pulumi_random's are."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from localcloud.provider.row import Inputs
from localcloud.provider.wire import Properties

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_ADJECTIVES = ("able", "brave", "calm", "eager", "fair", "glad", "keen", "lively", "mild", "neat", "proud", "quick")
_ANIMALS = ("badger", "crane", "dingo", "falcon", "gecko", "heron", "ibex", "jackal", "koala", "lynx", "otter", "wren")


class BadArguments(ValueError):
    """Arguments that no value can satisfy."""


def _text(inputs: Inputs) -> tuple[str, Properties]:
    """RandomString and RandomPassword: the minimum of each class first, the rest from all classes, then shuffled."""
    length = int(inputs["length"])
    classes = {
        "Lower": ("lower", string.ascii_lowercase),
        "Upper": ("upper", string.ascii_uppercase),
        "Numeric": ("numeric", string.digits),
        "Special": ("special", inputs.get("overrideSpecial") or _SPECIAL),
    }
    allowed = {name: letters for name, (flag, letters) in classes.items() if inputs.get(flag, True)}
    least = {name: int(inputs.get(f"min{name}") or 0) for name in classes}
    wrong = [name for name, count in least.items() if count and name not in allowed]
    if wrong or sum(least.values()) > length or not allowed:
        raise BadArguments(
            f"length {length} with at least {least} of the classes {', '.join(allowed) or 'none'} cannot be made"
        )
    chosen = [secrets.choice(allowed[name]) for name, count in least.items() for _ in range(count)]
    everything = "".join(allowed.values())
    chosen += [secrets.choice(everything) for _ in range(length - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    result = "".join(chosen)
    return result, {"result": result}


def _password(inputs: Inputs) -> tuple[str, Properties]:
    # bcryptHash needs a library that nothing else here uses; the state keeps the result, as pulumi_random's does.
    return "none", _text(inputs)[1]


def _id(inputs: Inputs) -> tuple[str, Properties]:
    content = secrets.token_bytes(int(inputs["byteLength"]))
    prefix = inputs.get("prefix") or ""
    url = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return url, {
        "b64Std": prefix + base64.b64encode(content).decode(),
        "b64Url": prefix + url,
        "hex": prefix + content.hex(),
        "dec": prefix + str(int.from_bytes(content)),
    }


def _bytes(inputs: Inputs) -> tuple[str, Properties]:
    content = secrets.token_bytes(int(inputs["length"]))
    return "none", {"base64": base64.b64encode(content).decode(), "hex": content.hex()}


def _integer(inputs: Inputs) -> tuple[str, Properties]:
    low, high = int(inputs["min"]), int(inputs["max"])
    if low > high:
        raise BadArguments(f"min {low} is more than max {high}")
    result = low + secrets.randbelow(high - low + 1)
    return str(result), {"result": result}


def _uuid(_: Inputs) -> tuple[str, Properties]:
    result = str(uuid.uuid4())
    return result, {"result": result}


def _pet(inputs: Inputs) -> tuple[str, Properties]:
    words = [secrets.choice(_ADJECTIVES) for _ in range(int(inputs.get("length") or 2) - 1)] + [
        secrets.choice(_ANIMALS)
    ]
    prefix = [inputs["prefix"]] if inputs.get("prefix") else []
    return (inputs.get("separator") or "-").join([*prefix, *words]), {}


@dataclass(frozen=True)
class Random:
    """One kind: how a value is made, what must be given, which outputs are secret, and outputs that are not inputs."""

    make: Callable[[Inputs], tuple[str, Properties]]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    outputs: tuple[str, ...]
    secret: tuple[str, ...] = ()


_CLASSES = (
    "lower", "upper", "numeric", "number", "special", "minLower", "minUpper", "minNumeric", "minSpecial", "overrideSpecial",
)  # fmt: skip

KINDS: Mapping[str, Random] = {
    "random:index/randomPassword:RandomPassword": Random(_password, ("length",), _CLASSES, ("result",), ("result",)),
    "random:index/randomString:RandomString": Random(_text, ("length",), _CLASSES, ("result",)),
    "random:index/randomId:RandomId": Random(_id, ("byteLength",), ("prefix",), ("b64Std", "b64Url", "hex", "dec")),
    "random:index/randomBytes:RandomBytes": Random(_bytes, ("length",), (), ("base64", "hex"), ("base64", "hex")),
    "random:index/randomInteger:RandomInteger": Random(_integer, ("min", "max"), ("seed",), ("result",)),
    "random:index/randomUuid:RandomUuid": Random(_uuid, (), (), ("result",)),
    "random:index/randomPet:RandomPet": Random(_pet, (), ("length", "prefix", "separator"), ()),
}


def check(token: str, inputs: Inputs) -> list[tuple[str, str]]:
    """(property, reason) for each thing wrong with the inputs."""
    kind = KINDS[token]
    known = {*kind.required, *kind.optional, "keepers"}
    missing = [(name, f"missing required property {name!r} of {token}") for name in kind.required if name not in inputs]
    unknown = [(name, f"unknown property {name!r} of {token}") for name in inputs if name not in known]
    return missing + unknown


def create(token: str, inputs: Inputs) -> tuple[str, Properties]:
    """Id and outputs of a new value."""
    made, outputs = KINDS[token].make(inputs)
    return made, {**inputs, **outputs, **({"id": made} if token.endswith("RandomPet") else {})}
