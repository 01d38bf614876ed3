"""Loads generated SDKs (`pulumi_aws`) piece by piece: a module when a class of it is used, a class of types when it is.

Such a package has thousands of modules and classes, and importing one service runs all of its own: most of a program's start.
Nothing else changes: every name is found where it was (tests compare all of a service's, and their types).
Copied beside the CLI and run in the program's interpreter, so it stands alone: it needs only what the program has.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import importlib.util
import marshal
import re
import struct
import sys
import typing
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

#: The packages that are loaded so.
GENERATED = "pulumi_aws"

#: Changes with what is done to a module's source below.
_FORMAT = b"lazy-1"

#: In a module's names: name → the module from which a `from .module import *` would have brought it.
_ELSEWHERE = "__matchday_elsewhere__"

#: In a module's names: class → its compiled definition.
_CLASSES = "__matchday_classes__"

#: Modules that hold nothing but the types of arguments and results: classes that refer to each other in annotations.
_TYPES = ("_inputs", "outputs")

_ALL = re.compile(r"^__all__ = (\[.*?\])", re.DOTALL | re.MULTILINE)


class Loader(SourceFileLoader):
    """Loads a module with annotations that are not evaluated, and with what it gets from its neighbours left there.

    Pulumi asks for types with `typing.get_type_hints`, class by class, only where a class is used.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """The compiled module, kept beside Python's own for as long as the source stays as it is."""
        source = self.get_filename(fullname)
        info = Path(source).stat()
        stamp = importlib.util.MAGIC_NUMBER + _FORMAT + struct.pack("<qq", info.st_mtime_ns, info.st_size)
        kept = importlib.util.cache_from_source(source, optimization="lazy")
        with suppress(OSError):
            content = self.get_data(kept)
            if content.startswith(stamp):
                known: CodeType = marshal.loads(memoryview(content)[len(stamp) :])  # noqa: S302 (ours, as any .pyc is)
                return known
        code = _compile(_deferred(Path(source)), source)
        self.set_data(kept, stamp + marshal.dumps(code))  # whole or not at all, and not where one may not write
        return code

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if _ELSEWHERE in vars(module) or _CLASSES in vars(module):
            module.__class__ = _Lazy


class _Lazy(ModuleType):
    """A module some of whose names come when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        names = vars(self)
        if name == "__all__":
            return [each for each in dir(self) if not each.startswith("_")]
        if code := names.get(_CLASSES, {}).get(name):
            exec(marshal.loads(code), names)  # noqa: S102, S302 (the module's own source)
        elif place := names.get(_ELSEWHERE, {}).get(name):
            names[name] = getattr(importlib.import_module(place, names["__package__"]), name)
        elif (
            f".{name}" in names.get(_ELSEWHERE, {}).values()
        ):  # a submodule, which an import of its names would have left here
            return importlib.import_module(f".{name}", names["__package__"])
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return names[name]

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system puts a submodule here when it is loaded; a function of the same name goes before it.
        if not (isinstance(value, ModuleType) and vars(self).get(_ELSEWHERE, {}).get(name) == f".{name}"):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        names = vars(self)
        elsewhere = names.get(_ELSEWHERE, {})
        return sorted({*names, *names.get(_CLASSES, ()), *elsewhere, *(place[1:] for place in elsewhere.values())})


class _Names(dict[str, Any]):
    """The local names of an annotation, and after them those that its module has not loaded yet."""

    def __init__(self, known: dict[str, Any], module: ModuleType) -> None:
        super().__init__(known)
        self._module = module

    def __missing__(self, name: str) -> Any:
        if name in vars(self._module):
            return vars(self._module)[name]
        try:
            return getattr(self._module, name)
        except AttributeError:
            raise KeyError(name) from None


def get_type_hints(
    of: Any, globalns: dict[str, Any] | None = None, localns: dict[str, Any] | None = None
) -> dict[str, Any]:
    """`typing.get_type_hints`, which also finds the classes that a module has not loaded yet."""
    module = sys.modules.get((globalns or {}).get("__name__", ""))
    local = _Names(localns or {}, module) if isinstance(module, _Lazy) else localns
    return typing.get_type_hints(of, globalns=globalns, localns=local)


class Finder(MetaPathFinder):
    """Finds the modules of generated packages for the loader above."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's specification with our loader; None for any other module."""
        if fullname.partition(".")[0] != GENERATED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Load generated packages so from now on."""
    import pulumi._types

    setattr(pulumi._types, "get_type_hints", get_type_hints)  # noqa: B010 (it is typing's own, imported there)
    sys.meta_path.insert(0, Finder())


def _compile(tree: ast.Module, source: str) -> CodeType:
    flags = __future__.annotations.compiler_flag
    code: CodeType = compile(tree, source, "exec", flags=flags, dont_inherit=True)
    return code


def _deferred(source: Path) -> ast.Module:
    """The module, without the imports and classes that can wait; a table of these instead."""
    statements = ast.parse(source.read_bytes(), str(source)).body
    reads = _Reads()
    for statement in statements:
        reads.visit(statement)
    elsewhere: dict[str, Any] = {}
    classes: dict[str, Any] = {}
    left: list[ast.stmt] = []
    for statement in statements:
        offered = _offered(source, statement)
        if offered is not None and not reads.names.intersection(offered):
            assert isinstance(statement, ast.ImportFrom)
            elsewhere.update(dict.fromkeys(offered, f".{statement.module}"))
        elif isinstance(statement, ast.ClassDef) and source.stem in _TYPES and statement.name not in reads.names:
            classes[statement.name] = marshal.dumps(_compile(ast.Module([statement], []), str(source)))
        else:
            left.append(statement)
    for name, table in {_ELSEWHERE: elsewhere, _CLASSES: classes}.items():
        if table:
            value = ast.Dict(
                [ast.Constant(key) for key in table], [ast.Constant(content) for content in table.values()]
            )
            left.append(ast.Assign([ast.Name(name, ast.Store())], value))
    return ast.fix_missing_locations(ast.Module(left, []))


def _offered(source: Path, statement: ast.stmt) -> tuple[str, ...] | None:
    """What a `from .module import *` brings, as the module's `__all__` says; None for any other statement."""
    if not isinstance(statement, ast.ImportFrom) or statement.level != 1 or statement.names[0].name != "*":
        return None
    found = _ALL.search((source.parent / f"{statement.module}.py").read_text())
    return tuple(ast.literal_eval(found[1])) if found else None


class _Reads(ast.NodeVisitor):
    """Names that are read when a module's code runs, and not when its annotations are evaluated."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)

    def visit_arg(self, node: ast.arg) -> None:
        """Its annotation is not looked at."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *node.body):
            self.visit(part)
