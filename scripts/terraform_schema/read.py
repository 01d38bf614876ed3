"""Makes the tables official.jsonl and pulumi.jsonl of localcloud/provider/constraints from Terraform's AWS provider.

    go mod download github.com/hashicorp/terraform-provider-aws@VERSION      (an ordinary Go module)
    python -m scripts.terraform_schema.read DIRECTORY                        (prints what it could not map)

A line per kind, in Pulumi's names: {"kind", "terraform", "api": [service, call], "fields": {property: field}}. A field says
only what it has:
t(ype), req(uired), comp(uted), new (a change replaces), def(ault), n: [least, most elements], set (unordered), conf(licts
with), one (exactly one of), some (at least one of), with (required with), sens(itive), v (validators.py), f (nested fields).
Facts of the schema alone are kept, no code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud.provider import schema as pulumi_schema
from localcloud.provider.rows import ROWS
from scripts.terraform_schema import tokens, validators
from scripts.terraform_schema.go_trees import Call, Function, Package

ROOT = Path(__file__).parents[2]
OUT = ROOT / "localcloud" / "provider" / "constraints" / "official.jsonl"
_TYPES = {
    "TypeString": "string",
    "TypeInt": "integer",
    "TypeFloat": "number",
    "TypeBool": "boolean",
    "TypeList": "list",
    "TypeSet": "list",
    "TypeMap": "map",
    "TypeNullableBool": "boolean",
    "TypeNullableInt": "integer",
    "TypeNullableFloat": "number",
}
_PLAIN = {
    "StringAttribute": "string",
    "Int64Attribute": "integer",
    "Int32Attribute": "integer",
    "Float64Attribute": "number",
    "BoolAttribute": "boolean",
    "MapAttribute": "map",
    "ListAttribute": "list",
    "SetAttribute": "list",
    "ListNestedBlock": "list",
    "SetNestedBlock": "list",
    "SingleNestedBlock": "object",
    "ListNestedAttribute": "list",
    "SetNestedAttribute": "list",
    "SingleNestedAttribute": "object",
}
#: Attributes that pulumi_aws calls otherwise, at the top of a kind.
_RENAMED = {
    ("aws_cloudwatch_metric_alarm", "alarm_name"): "name",
    ("aws_lambda_function", "filename"): "code",
    ("aws_lambda_function", "function_name"): "name",
    ("aws_lambda_layer_version", "filename"): "code",
    ("aws_lambda_permission", "function_name"): "function",
    ("aws_cloudwatch_log_subscription_filter", "log_group_name"): "logGroup",
}
Field = dict[str, Any]


def fields(package: Package, made: Any) -> dict[str, Field]:
    """Every attribute of a schema.Resource, schema.Schema or a map of schemas."""
    found: dict[str, Field] = {}
    if not isinstance(made, dict):
        return found
    kind = made.get("", "")
    if kind.endswith("Resource"):
        inner = made.get("Schema") or made.get("SchemaFunc")
        if isinstance(inner, Function):
            inner = package.run(inner.body, {})
        elif isinstance(inner, Call) and inner.name in package.functions:
            inner = package.returned(inner.name, [])
        return fields(package, inner)
    if "Attributes" in made or "Blocks" in made or "NestedObject" in made:
        for part in ("Attributes", "Blocks"):
            found |= fields(package, made.get(part))
        return found | fields(package, made.get("NestedObject"))
    for name, value in made.items():
        if name and (field := _field(package, value)) is not None:
            found[name] = field
    return found


def _field(package: Package, value: Any) -> Field | None:
    if isinstance(value, Call):
        return _standard(value)
    if not isinstance(value, dict):
        return None
    kind = value.get("", "").split(".")[-1]
    return _framework(package, value, kind) if kind in _PLAIN else _sdk(package, value)


def _standard(call: Call) -> Field | None:
    match call.name:
        case "tftags.TagsSchema" | "tftags.TagsAttribute":
            return {"t": "map"}
        case "tftags.TagsSchemaForceNew" | "tftags.TagsAttributeForceNew":
            return {"t": "map", "new": 1}
        case _ if "ComputedOnly" in call.name or "TagsSchemaComputed" in call.name or "IDAttribute" in call.name:
            return {"t": "string", "comp": 1, "out": 1}
    return {}


def _sdk(package: Package, value: dict[str, Any]) -> Field:
    typ = value.get("Type")
    name = typ.name.split(".")[-1] if isinstance(typ, Call) else ""
    field: Field = {"t": _TYPES.get(name, "any")}
    if name == "TypeSet":
        field["set"] = 1
    _flags(field, value.get("Required"), value.get("Optional"), value.get("Computed"))
    if value.get("ForceNew") is True:
        field["new"] = 1
    if value.get("Sensitive") is True:
        field["sens"] = 1
    suppressed = value.get("DiffSuppressFunc")
    if isinstance(suppressed, Call) and suppressed.name.endswith("SuppressMissingOptionalConfigurationBlock"):
        field["comp"] = 1  # like a computed block: taking it away is no difference
    if isinstance(suppressed, Call) and suppressed.name.endswith("StringCaseInsensitive"):
        field["nocase"] = 1
    default = value.get("Default")
    if isinstance(default, (str, int, float, bool)):
        field["def"] = default
    least, most = value.get("MinItems"), value.get("MaxItems")
    if isinstance(least, int) or isinstance(most, int):
        field["n"] = [least if isinstance(least, int) else 0, most if isinstance(most, int) else None]
    for key, short in (
        ("ConflictsWith", "conf"),
        ("ExactlyOneOf", "one"),
        ("AtLeastOneOf", "some"),
        ("RequiredWith", "with"),
    ):
        names = value.get(key)
        if isinstance(names, list) and names and all(isinstance(item, str) for item in names):
            field[short] = names
    rule = validators.rule(package, value.get("ValidateFunc")) or validators.rule(
        package, value.get("ValidateDiagFunc")
    )
    if rule:
        field["v"] = rule
    element = value.get("Elem")
    if isinstance(element, dict):
        if element.get("", "").endswith("Resource"):
            field["f"] = fields(package, element)
        elif element.get("", "").endswith("Schema"):
            inner = _sdk(package, element)
            if inner.get("v"):
                field["e"] = inner["v"]
    return field


def _flags(field: Field, required: Any, optional: Any, computed: Any) -> None:
    if required is True:
        field["req"] = 1
    if computed is True:
        field["comp"] = 1
        if optional is not True and required is not True:
            field["out"] = 1


def _framework(package: Package, value: dict[str, Any], kind: str) -> Field:
    field: Field = {"t": _PLAIN[kind]}
    if kind.startswith("Set"):
        field["set"] = 1
    if not kind.endswith("Block"):
        _flags(field, value.get("Required"), value.get("Optional"), value.get("Computed"))
    if value.get("Sensitive") is True:
        field["sens"] = 1
    modifiers = value.get("PlanModifiers")
    for item in modifiers if isinstance(modifiers, list) else ():
        if isinstance(item, Call) and item.name.split(".")[-1].startswith("RequiresReplace"):
            field["new" if item.name.endswith("RequiresReplace") else "may"] = 1
    default = value.get("Default")
    if isinstance(default, Call) and default.name.split(".")[-1].startswith("Static"):
        static = default.args[0] if default.args else None
        if isinstance(static, (str, int, float, bool)):
            field["def"] = static
    custom = value.get("CustomType")
    rules = [validators.rule(package, _custom(package, custom))] if custom is not None else []
    known = value.get("Validators")
    for item in known if isinstance(known, list) else ():
        name = item.name.split(".")[-1] if isinstance(item, Call) else ""
        numbers = [arg for arg in item.args if isinstance(arg, int)] if isinstance(item, Call) else []
        paths = [arg for arg in item.args if isinstance(arg, Call)] if isinstance(item, Call) else []
        match name:
            case "IsRequired":
                field["req"] = 1
            case "SizeAtMost" if numbers:
                field["n"] = [field.get("n", [0])[0], numbers[0]]
            case "SizeAtLeast" if numbers:
                field["n"] = [numbers[0], field.get("n", [0, None])[1]]
            case "SizeBetween" if len(numbers) == 2:
                field["n"] = numbers
            case "ConflictsWith" | "ExactlyOneOf" | "AtLeastOneOf" | "AlsoRequires" if paths:
                short = {"ConflictsWith": "conf", "ExactlyOneOf": "one", "AtLeastOneOf": "some", "AlsoRequires": "with"}
                if others := [other for path in paths if (other := _path(path))]:
                    field[short[name]] = others
            case "ValueStringsAre" | "ValueInt64sAre":
                if inner := validators.together("all", [validators.rule(package, arg) for arg in item.args]):
                    field["e"] = inner
            case _:
                rules.append(validators.rule(package, item))
    rule = validators.together("all", rules)
    if rule:
        field["v"] = rule
    below: dict[str, Field] = {}
    for part in ("NestedObject", "Attributes", "Blocks"):
        below |= fields(package, value.get(part))
    if below:
        field["f"] = below
    return field


def _custom(package: Package, custom: Any) -> Any:
    """The validator that a custom attribute type stands for."""
    if isinstance(custom, Call) and custom.name.endswith("StringEnumType") and custom.types:
        return Call("enum.Validate", custom.types)
    name = custom.name if isinstance(custom, Call) else ""
    return {
        "fwtypes.ARNType": Call("verify.ValidARN"),
        "fwtypes.IAMPolicyType": Call("verify.ValidIAMPolicyJSON"),
        "fwtypes.OnceAWeekWindowType": Call("verify.ValidOnceAWeekWindowFormat"),
        "jsontypes.NormalizedType": Call("validation.StringIsJSON"),
        "timetypes.RFC3339Type": Call("validation.IsRFC3339Time"),
    }.get(name)


def _path(path: Call) -> str | None:
    """The last attribute name of path.MatchRoot("a") or path.MatchRelative().AtParent().AtName("a")."""
    names = [arg for arg in path.args if isinstance(arg, str)]
    return names[-1] if names else None


# ---- into Pulumi's names


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def pulumi_name(name: str, known: Mapping[str, Any]) -> str | None:
    """The property of pulumi_aws for a Terraform attribute."""
    plain = camel(name)
    lower = {prop.lower(): prop for prop in known}
    endings = [plain, f"{plain}s", f"{plain}es", plain[:-1] + "ies" if plain.endswith("y") else plain]
    endings += [plain[:-1] if plain.endswith("s") else plain, plain[:-2] + "ices" if plain.endswith("ix") else plain]
    return next((lower[item.lower()] for item in endings if item.lower() in lower), None)


def renamed(
    found: dict[str, Field],
    kind: Any,
    typ: Any,
    schemas: pulumi_schema.Schema,
    path: str,
    lost: list[str],
    of: str = "",
) -> dict[str, Field]:
    """The fields under Pulumi's names; those that pulumi_aws does not have are noted in `lost`."""
    known = kind.inputs if typ is None else schemas.fields(typ)
    names = {name: _RENAMED.get((of, name)) or pulumi_name(name, known) for name in found}
    names = {name: prop if prop in known else None for name, prop in names.items()}
    made: dict[str, Field] = {}
    for name, field in found.items():
        prop = names[name]
        if field.get("out"):
            continue
        if prop is None:
            if name not in ("id", "tags_all", "timeouts"):
                lost.append(f"{path}{name}")
            continue
        field = {key: value for key, value in field.items() if key not in ("f",)} | (
            {"f": renamed(field["f"], kind, _inner(known[prop]), schemas, f"{path}{name}.", lost)}
            if field.get("f")
            else {}
        )
        for short in ("conf", "one", "some", "with"):
            if short in field:
                others = [_other(item, names, path == "") for item in field[short]]
                field[short] = sorted({item for item in others if item and (item != prop or short in ("one", "some"))})
                if not field[short] or (any(item is None for item in others) and short in ("one", "some")):
                    del field[short]
        made[prop] = field
    return made


def _other(path: str, names: Mapping[str, str | None], top: bool) -> str | None:
    """A neighbour by its last plain name; None for one at another depth."""
    parts = [part for part in path.split(".") if not part.isdigit()]
    return names.get(parts[-1]) if (len(parts) == 1) or not top else None


def _inner(typ: Any) -> Any:
    return typ["list"] if isinstance(typ, dict) and "list" in typ else typ


def packages(source: Path, names: list[str]) -> Iterator[Package]:
    shared = [str(source / "names"), str(source / "internal" / "verify")]
    for name in names:
        directory = source / "internal" / "service" / name
        command = ["go", "run", str(Path(__file__).with_name("dump.go")), *shared, str(directory)]
        dumped = subprocess.run(command, check=True, capture_output=True)
        yield Package(name, json.loads(dumped.stdout))


def resource(package: Package, function: str) -> dict[str, Field]:
    """The schema of one resource, by the function that makes it."""
    if f := package.functions.get(function):
        scope: dict[str, Any] = {}
        made = package.run(f["body"], scope)
        if isinstance(made, dict) and made.get("", "").endswith("schema.Resource"):
            return fields(package, made)
        for value in (made, *scope.values()):
            if isinstance(value, dict) and value.get("") and (found := _method(package, value[""])):
                return found
            if isinstance(value, dict) and value.get("", "").endswith("schema.Resource"):
                return fields(package, value)
    return {}


def _method(package: Package, structure: str) -> dict[str, Field]:
    """The Schema method of a resource structure, or of what it embeds."""
    method = package.functions.get(f"{structure}.Schema")
    if method:
        scope: dict[str, Any] = {}
        package.run(method["body"], scope)
        made = scope.get("response.Schema")
        if not isinstance(made, dict):
            made = next(
                (v for v in scope.values() if isinstance(v, dict) and v.get("", "").endswith("schema.Schema")), None
            )
        return fields(package, made)
    for embedded in package.embeds.get(structure, ()):
        if embedded and "id" in embedded and (found := _method(package, embedded["id"])):
            return found
    return {}


def main(argv: list[str]) -> None:
    source = Path(argv[0])
    wanted = tokens.kinds(source)
    pulumi_schema.main(
        [str(pulumi_schema.TABLE), *sorted({*ROWS, *(token for found in wanted.values() for token in found)})]
    )
    schemas = pulumi_schema.Schema(pulumi_schema.TABLE.read_bytes())
    lines, missing = [], dict(wanted)
    for package in packages(source, tokens.packages()):
        for terraform, function in sorted(package.kinds.items()):
            for token in wanted.get(terraform, ()):
                lost: list[str] = []
                found = renamed(resource(package, function), schemas.kind(token), None, schemas, "", lost, terraform)
                missing.pop(terraform, None)
                if not found:
                    print(f"{terraform}: nothing read")  # noqa: T201
                    continue
                if lost:
                    print(f"{terraform}: not in pulumi_aws: {', '.join(lost)}")  # noqa: T201
                api = tokens.operation(token)
                lines.append({"kind": token, "terraform": terraform, "api": api, "fields": found})
    lines.sort(key=lambda line: line["kind"])
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    print(f"{len(lines)} kinds; not found: {', '.join(sorted(missing)) or 'none'}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
