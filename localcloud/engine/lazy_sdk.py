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
_FORMAT = b"lazy-2"

#: In a module's names: name → the module from which a `from .module import *` would have brought it.
_ELSEWHERE = "__matchday_elsewhere__"

#: In a module's names: class → its compiled definition.
_CLASSES = "__matchday_classes__"

#: Modules that hold nothing but the types of arguments and results: classes that refer to each other in annotations.
_TYPES = ("_inputs", "outputs")

_STAR = re.compile(r"^from \.(\w+) import \*$", re.MULTILINE)
_CLASS = re.compile(r"^(?:@.*\n)*class (\w+)\b.*\n(?:(?:[ \t].*)?\n)*", re.MULTILINE)
_ALL = re.compile(r"^__all__ = (\[.*?\])", re.DOTALL | re.MULTILINE)


class Loader(SourceFileLoader):
    """Loads a module with annotations that are not evaluated, and with what it gets from its neighbours left there.

    Pulumi asks for types with `typing.get_type_hints`, class by class, only where a class is used.
    """

    def __init__(self, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        #: What of the module can wait, by the names that it gets under.
        self._waiting: dict[str, dict[str, Any]] = {}

    def get_code(self, fullname: str) -> CodeType | None:
        """The compiled module, kept beside Python's own for as long as the source stays as it is."""
        source = self.get_filename(fullname)
        info = Path(source).stat()
        stamp = importlib.util.MAGIC_NUMBER + _FORMAT + struct.pack("<qq", info.st_mtime_ns, info.st_size)
        kept = importlib.util.cache_from_source(source, optimization="lazy")
        with suppress(OSError):
            content = self.get_data(kept)
            if content.startswith(stamp):
                # Ours, as any .pyc is.
                known, self._waiting = marshal.loads(memoryview(content)[len(stamp) :])  # noqa: S302
                assert isinstance(known, CodeType)
                return known
        code, self._waiting = _deferred(Path(source))
        self.set_data(kept, stamp + marshal.dumps((code, self._waiting)))  # whole or not at all, if one may write there
        return code

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if self._waiting:
            vars(module).update(self._waiting)
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
        if fullname == GENERATED:
            _find_types()
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Load generated packages so from now on: before the first import of one, whose services would else be loaded whole."""
    sys.meta_path.insert(0, Finder())
    if GENERATED in sys.modules:
        _find_types()


def _find_types() -> None:
    """Have Pulumi find the types of annotations also where they are not loaded. (To import Pulumi takes half a second.)"""
    import pulumi._types

    setattr(pulumi._types, "get_type_hints", get_type_hints)  # noqa: B010 (it is typing's own, imported there)


def _compile(text: str, source: Path) -> CodeType:
    flags = __future__.annotations.compiler_flag
    code: CodeType = compile(text, str(source), "exec", flags=flags, dont_inherit=True)
    return code


def _deferred(source: Path) -> tuple[CodeType, dict[str, dict[str, Any]]]:
    """The module without the imports and classes that can wait, and tables of these.

    It is cut as text: to have Python's own tree of each statement takes four times as long, half a minute for what we use.
    """
    text = source.read_bytes().decode("utf-8")
    classes = _classes(text, source) if source.stem in _TYPES else []
    imports = [(match.span(), match[1], _offered(source, match[1])) for match in _STAR.finditer(text)]
    wanted = [*classes, *imports]
    code = _compile(_without(text, wanted), source)
    # What the module's code needs when it runs stays in it, and so does what offers that.
    read = _reads(code).union(*(_reads(definition) - {name} for _, name, definition in classes))
    classes = [each for each in classes if each[1] not in read]
    imports = [each for each in imports if each[2] and not read.intersection(each[2])]
    found = [*classes, *imports]
    if len(found) < len(wanted):
        code = _compile(_without(text, found), source)
    waiting: dict[str, dict[str, Any]] = {
        _ELSEWHERE: {name: f".{module}" for _, module, offered in imports for name in offered},
        _CLASSES: {name: marshal.dumps(definition) for _, name, definition in classes},
    }
    return code, {name: table for name, table in waiting.items() if table}


def _classes(text: str, source: Path) -> list[tuple[tuple[int, int], str, CodeType]]:
    """Where each class is, its name and its compiled definition. What a cut in the wrong place leaves cannot be compiled."""
    found = []
    line, end = 0, 0
    for match in _CLASS.finditer(text):
        with suppress(SyntaxError):
            line, end = line + text.count("\n", end, match.start()), match.start()
            found.append((match.span(), match[1], _moved(_compile(match[0], source), line)))
    return found


def _moved(code: CodeType, lines: int) -> CodeType:
    """The code as if it stood so many lines below."""
    inner = tuple(_moved(each, lines) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_firstlineno=code.co_firstlineno + lines, co_consts=inner)


def _without(text: str, cut: Sequence[tuple[tuple[int, int], str, object]]) -> str:
    """The text with empty lines where these are."""
    parts, begin = [], 0
    for start, end in sorted(span for span, *_ in cut):
        parts += [text[begin:start], "\n" * text.count("\n", start, end)]
        begin = end
    return "".join([*parts, text[begin:]])


def _offered(source: Path, module: str) -> tuple[str, ...]:
    """What a `from .module import *` brings, as the module's `__all__` says; nothing, where it has none."""
    found = _ALL.search((source.parent / f"{module}.py").read_text())
    return tuple(ast.literal_eval(found[1])) if found else ()


def _reads(code: CodeType) -> frozenset[str]:
    """Names that the code may read when it runs, attributes among them. Annotations are not evaluated, so they are texts."""
    return frozenset(code.co_names).union(*(_reads(each) for each in code.co_consts if isinstance(each, CodeType)))
