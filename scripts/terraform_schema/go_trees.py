"""Evaluates the syntax trees of dump.go as far as schemas need it: literals, constants, calls that return a schema, validators.

What it does not understand becomes None, and None constrains nothing: a wrong guess would refuse right programs.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
import botocore.loaders

Tree = Any

#: Packages of the provider whose AWS API has another name in botocore.
_SERVICES = {
    "elbv2": "elbv2",
    "configservice": "config",
    "appautoscaling": "application-autoscaling",
    "servicequotas": "service-quotas",
    "cognitoidp": "cognito-idp",
    "accessanalyzer": "accessanalyzer",
    "costoptimizationhub": "cost-optimization-hub",
    "cloudfrontkeyvaluestore": "cloudfront-keyvaluestore",
}


def camel(value: str) -> str:
    """How the AWS SDK for Go writes an enumeration's value in the name of its constant."""
    return re.sub(r"[^a-z0-9]", "", value.lower())


@functools.cache
def enumerations(service: str) -> Mapping[str, Sequence[str]]:
    """Every enumeration of an API by the name of its shape."""
    try:
        shapes = botocore.loaders.Loader().load_service_model(_SERVICES.get(service, service), "service-2")["shapes"]
    except botocore.exceptions.UnknownServiceError:  # the provider has packages of its own that no API stands behind
        return {}
    return {name[0].upper() + name[1:]: shape["enum"] for name, shape in shapes.items() if "enum" in shape}


@dataclass(frozen=True)
class Call:
    """A call or composite literal that was not reduced to a value: what is called, its type arguments and arguments."""

    name: str
    types: tuple[str, ...] = ()
    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Function:
    """A function literal."""

    body: Sequence[Tree]


class Package:
    """One Go package, with the shared constants beside it."""

    def __init__(self, name: str, trees: Mapping[str, Any]) -> None:
        self.name, self._trees = name, trees
        own = trees[name]
        self.values, self.functions, self.kinds, self.embeds = (
            own[key] for key in ("values", "functions", "kinds", "embeds")
        )

    # ---- expressions

    def value(self, tree: Tree, scope: Mapping[str, Any] | None = None) -> Any:
        """The value of an expression: plain Python, a Call, a dict (composite literal; its type under ""), or None."""
        scope = scope or {}
        if tree is None:
            return None
        if "lit" in tree:
            return _literal(tree)
        if "id" in tree:
            return self._named(tree["id"], scope)
        if "sel" in tree:
            return self._selected(tree, scope)
        if "un" in tree:
            inner = self.value(tree["x"], scope)
            if tree["un"] == "-" and isinstance(inner, (int, float)):
                return -inner
            return (not inner) if tree["un"] == "!" and isinstance(inner, bool) else inner
        if "bin" in tree:
            return _binary(tree["bin"], self.value(tree["x"], scope), self.value(tree["y"], scope))
        if "make" in tree:
            return self._composite(tree, scope)
        if "call" in tree:
            return self._call(tree, scope)
        if "func" in tree:
            return Function(tree["func"])
        return None

    def _named(self, name: str, scope: Mapping[str, Any]) -> Any:
        if name in scope:
            return scope[name]
        if name in ("true", "false"):
            return name == "true"
        if name in self.values:
            return self.value(self.values[name])
        return Call(name) if name in self.functions else None

    def _selected(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        package, name = (tree["of"] or {}).get("id"), tree["sel"]
        if package == "names":
            return self.value(self._trees["names"]["values"].get(name), {})
        if package in ("math",) and name.startswith("MaxInt"):
            return 2**31 - 1
        if package and "types" in package:
            return self.constant(name)
        return Call(f"{package}.{name}" if package else name)

    def constant(self, name: str) -> str | None:
        """The value of a constant of the SDK, such as ProtocolEnumHttp."""
        found = [
            value
            for shape, values in enumerations(self.name).items()
            if name.startswith(shape)
            for value in values
            if camel(value) == camel(name[len(shape) :])
        ]
        return found[0] if found else None

    def _composite(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        kind = tree["make"] or {}
        if "array" in kind:
            return [self.value(item, scope) for item in tree["elts"]]
        made: dict[str, Any] = {"": _dotted(kind)}
        for element in tree["elts"]:
            if not element or "key" not in element:
                continue
            key = element["key"]
            name = key["id"] if "id" in key and "map" not in kind else self.value(key, scope)
            inner = element["val"]
            if inner and "make" in inner and inner["make"] is None and "map" in kind:
                inner = {**inner, "make": kind["map"].get("star", kind["map"])}
            if isinstance(name, str):
                made[name] = self.value(inner, scope)
        return made

    def _call(self, tree: Tree, scope: Mapping[str, Any]) -> Any:
        types: tuple[str, ...] = ()
        function = tree["call"]
        if function and "index" in function:
            types = tuple(_dotted(item) for item in function["by"])
            function = function["index"]
        args = [self.value(item, scope) for item in tree["args"]]
        if tree["spread"] and args and isinstance(args[-1], list):
            args = [*args[:-1], *args[-1]]
        if function and "sel" in function and function["sel"] in ("Values", "ARN", "Duration"):
            of = function["of"]
            if of and "call" in of:  # awstypes.Protocol("").Values()
                return self.enumeration(_dotted(of["call"]))
        name = _dotted(function)
        if name in self.functions and name.count(".") == 0:
            return self.returned(name, args)
        return self._known(name, types, args)

    def enumeration(self, name: str) -> list[str] | None:
        """The values of an enumeration type: the SDK's, or the package's own with a Values method."""
        found = enumerations(self.name).get(name.split(".")[-1])
        if found:
            return list(found)
        method = f"{name}.Values"
        return self.returned(method, []) if method in self.functions else None

    def _known(self, name: str, types: tuple[str, ...], args: list[Any]) -> Any:
        match name.split(".")[-1]:
            case "Slice" | "EnumSlice" if name.startswith("enum."):
                return args[0] if len(args) == 1 and isinstance(args[0], list) else args
            case "Values" if name == "enum.Values" and types:
                return self.enumeration(types[0])
            case "append" if name == "append":
                base = args[0] if isinstance(args[0], list) else []
                return [*base, *args[1:]]
            case "MustCompile":
                return args[0] if args else None
            case "string" | "int" | "int64" | "float64" if len(args) == 1:
                return args[0]
            case "Join" if name == "strings.Join" and isinstance(args[0], list):
                return str(args[1]).join(map(str, args[0]))
        if name in ("maps.Clone", "lo.ToPtr", "aws.String", "aws.Int32", "awstypes", "enum.EnumValue") and args:
            return args[0]
        if name.startswith(("awstypes.", "types.")) and len(args) == 1:
            return args[0]
        return Call(name, types, tuple(args))

    # ---- functions

    def returned(self, name: str, args: Sequence[Any]) -> Any:
        """What a function of the package returns for these arguments."""
        function = self.functions[name]
        scope = dict(zip(function["params"], args, strict=False))
        found = self.run(function["body"], scope)
        return found if found is not None else Call(name, (), tuple(args))

    def run(self, body: Sequence[Tree], scope: dict[str, Any]) -> Any:
        """The value of the first `return` at the end of a straight body; assignments before it are followed."""
        for statement in body:
            if not statement:
                continue
            if "return" in statement:
                return self.value(statement["return"][0], scope) if statement["return"] else None
            if "block" in statement:
                self.run(statement["block"], scope)
            if "assign" in statement and len(statement["assign"]) == len(statement["to"]):
                for left, right in zip(statement["assign"], statement["to"], strict=True):
                    if left and "id" in left:
                        scope[left["id"]] = self.value(right, scope)
                    elif left and "sel" in left and left["sel"] == "Schema":
                        scope["response.Schema"] = self.value(right, scope)
        return None


def _dotted(tree: Tree) -> str:
    if not tree:
        return ""
    if "id" in tree:
        return str(tree["id"])
    if "sel" in tree:
        return f"{_dotted(tree['of'])}.{tree['sel']}"
    if "star" in tree:
        return _dotted(tree["star"])
    return _dotted(tree["index"]) if "index" in tree else ""


def _literal(tree: Tree) -> Any:
    text = tree["lit"]
    match tree["kind"]:
        case "INT":
            return int(text.replace("_", ""), 0)
        case "FLOAT":
            return float(text)
        case "STRING":
            return text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", _unescaped, text[1:-1])
    return None


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(found.group(1), found.group(1))


def _binary(operator: str, left: Any, right: Any) -> Any:
    if left is None or right is None or isinstance(left, Call) or isinstance(right, Call):
        return None
    match operator:
        case "+":
            return left + right if type(left) is type(right) or isinstance(left, (int, float)) else None
        case "-":
            return left - right
        case "*":
            return left * right
        case "<<":
            return left << right
    return None
