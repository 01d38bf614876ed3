"""`matchday audit`: judge a stack by all controls and write the evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console

if TYPE_CHECKING:
    from policies.audit.report import Report
    from policies.audit.state import State


def audit(
    stack: Annotated[
        str, typer.Argument(help="The stack to audit: the state of `local`, else a preview of the stack.")
    ] = "",
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Audit this file instead: `pulumi stack export` or `pulumi preview --json`."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Directory for the evidence: new, empty, or with earlier evidence.")
    ] = Path("audit"),
    framework: Annotated[
        list[str] | None,
        typer.Option("--framework", help="Only this framework's controls (repeatable): fsbp, cis5, cis7, pci, …"),
    ] = None,
    environment: Annotated[
        str,
        typer.Option(
            "--environment", help="Judge by this environment's levels and exceptions; default the stack's name."
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="The report as one JSON document on standard output, too.")
    ] = False,
) -> None:
    """Judge a stack by every control and write audit.json, audit.csv, audit.sarif and audit.html.

    Exit code 0: nothing mandatory is violated. 1: there are mandatory violations. 2: it could not be read or judged.
    """
    from policies import exceptions, levels
    from policies.audit import evidence, report
    from policies.audit.state import StateError
    from policies.catalog import all_controls
    from policies.model import FRAMEWORK_KEYS

    unknown = [name for name in framework or () if name not in FRAMEWORK_KEYS]
    if unknown:
        console.fail(
            f"there is no framework {unknown[0]!r}", f"Accepted: {', '.join(FRAMEWORK_KEYS)}", console.WRONG_CALL
        )
    if bool(stack) == (state is not None):
        console.fail(
            "what is to be audited?", "Name a stack, or a file with --state FILE; not both.", console.WRONG_CALL
        )
    try:
        evidence.check(out)
        subject, source = _subject(stack, state)
        found = report.audit(
            subject,
            source=source,
            levels=levels.load(),
            register=exceptions.load(known={control.id for control in all_controls()}),
            now=datetime.now(UTC).replace(microsecond=0),
            environment=environment,
            frameworks=[FRAMEWORK_KEYS[name] for name in framework or ()],
        )
        written = evidence.write(found, out)
    except (StateError, exceptions.RegisterError, levels.LevelsError, evidence.EvidenceError) as error:
        console.fail(str(error), code=console.WRONG_CALL)
    if as_json:
        from policies.audit import json_file

        console.emit(json_file.document(found))
    else:
        _print(found, written)
    if found.mandatory:
        raise typer.Exit(1)


def _subject(stack: str, state: Path | None) -> tuple[State, str]:
    from policies.audit.state import parse, read

    if state is not None:
        return read(state), state.name
    from cli import stack_state

    content, kind = stack_state.read(stack)
    return parse(content, f"{kind} of {stack}"), f"{kind} of {stack}"


def _print(found: Report, written: list[Path]) -> None:
    for answer in found.violations:
        console.result.print(
            f"{answer.level.value:<9} {answer.control.id:<18} {answer.name}: {answer.message}", markup=False
        )
    counts = ", ".join(f"{count} {result.value}" for result, count in sorted(found.summary().items()))
    console.result.print(
        f"{found.state.project}/{found.state.name}: {len(found.violations)} violations, {len(found.mandatory)} mandatory "
        f"(controls: {counts})",
        style="bold",
        markup=False,
    )
    for path in written:
        console.result.print(str(path), markup=False)
