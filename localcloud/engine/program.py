"""Starts a Python program as Pulumi's own launcher does, without what makes each run slow and changes nothing.

The language host runs this file in the program's interpreter, with the launcher's path and arguments. Like the host, it is
copied beside the CLI and so stands alone: it needs only `pulumi`, which the launcher needs, too.
"""

from __future__ import annotations
import __future__

import importlib.util
import marshal
import runpy
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

#: Generated packages: thousands of classes, of which a program uses some.
GENERATED = "pulumi_aws"


class DeferredAnnotations(SourceFileLoader):
    """Loads a module as if it began with `from __future__ import annotations`.

    Evaluating annotations is most of a generated package's import. As strings they cost nothing until Pulumi asks for the types
    of a class that is used (with `typing.get_type_hints`, which evaluates strings).
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """The compiled module, kept beside Python's own for as long as the source stays as it is."""
        source = self.get_filename(fullname)
        info = Path(source).stat()
        stamp = importlib.util.MAGIC_NUMBER + struct.pack("<qq", info.st_mtime_ns, info.st_size)
        kept = importlib.util.cache_from_source(source, optimization="annotations")
        with suppress(OSError):
            content = self.get_data(kept)
            if content.startswith(stamp):
                known: CodeType = marshal.loads(memoryview(content)[len(stamp) :])  # noqa: S302 (ours, as any .pyc is)
                return known
        flags = __future__.annotations.compiler_flag
        code: CodeType = compile(self.get_data(source), source, "exec", flags=flags, dont_inherit=True)
        self.set_data(kept, stamp + marshal.dumps(code))  # whole or not at all, and not where one may not write
        return code


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
            spec.loader = DeferredAnnotations(spec.loader.name, spec.loader.path)
        return spec


def main() -> None:
    """Run the launcher that the first argument names; the rest are its own."""
    del sys.argv[0]
    sys.meta_path.insert(0, Finder())
    try:
        import pulumi.log
    except ImportError:
        pass  # the launcher says what to do
    else:
        # Each is a call to the engine, several for a resource, and the engine shows none of them.
        pulumi.log.debug = lambda *_arguments, **_more: None
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
