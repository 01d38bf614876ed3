"""`matchday audit`: judge a stack by all controls and write the evidence."""

from __future__ import annotations

import getpass
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console

if TYPE_CHECKING:
    from policies.audit.provenance import Provenance
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
    operator: Annotated[
        str, typer.Option("--operator", help="Who makes the audit; default git's user.name, else the login name.")
    ] = "",
    period: Annotated[str, typer.Option("--period", help="What time it is evidence for, such as 2026-Q4.")] = "",
    since: Annotated[
        Path | None, typer.Option("--since", help="Earlier evidence (a directory): say what changed since.")
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", help="Sign the digests with this Ed25519 private key (PEM): SHA256SUMS.sig, audit.pub."),
    ] = None,
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Audit nothing: say how much of each framework the pack covers, and what not."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The report as one JSON document on standard output, too.")
    ] = False,
) -> None:
    """Judge a stack by every control and write evidence: audit.json, .csv, .sarif, .oscal.json, .html and what they refer to.

    Exit code 0: nothing mandatory is violated. 1: there are mandatory violations. 2: it could not be read or judged.
    """
    from cli import judging
    from policies import exceptions, levels
    from policies.audit import evidence, report, signature
    from policies.audit import since as earlier
    from policies.audit.state import StateError
    from policies.model import FRAMEWORK_KEYS

    unknown = [name for name in framework or () if name not in FRAMEWORK_KEYS]
    if unknown:
        console.fail(
            f"there is no framework {unknown[0]!r}", f"Accepted: {', '.join(FRAMEWORK_KEYS)}", console.WRONG_CALL
        )
    if coverage:
        _coverage(framework or list(FRAMEWORK_KEYS), as_json)
        return
    if bool(stack) == (state is not None):
        console.fail(
            "what is to be audited?", "Name a stack, or a file with --state FILE; not both.", console.WRONG_CALL
        )
    try:
        evidence.check(out)
        signer = signature.signer(sign) if sign else None
        before = earlier.read(since) if since else None
        rules = judging.levels()
        _known_environment(environment, rules.names())
        subject, source = _subject(stack, state)
        now = datetime.now(UTC).replace(microsecond=0)
        found = report.audit(
            subject,
            source=source,
            levels=rules,
            register=judging.register(now.date()),
            now=now,
            environment=environment,
            frameworks=[FRAMEWORK_KEYS[name] for name in framework or ()],
            provenance=_provenance(operator, period),
        )
        if before is not None:
            answers = ((a.control.id, a.name, a.urn, a.result.value) for a in found.answers)
            found = replace(found, since=earlier.compare(before, answers))
        written = evidence.write(found, out, signer)
    except (
        StateError,
        exceptions.RegisterError,
        levels.LevelsError,
        evidence.EvidenceError,
        signature.SignatureError,
        earlier.SinceError,
    ) as error:
        console.fail(str(error), code=console.WRONG_CALL)
    if as_json:
        from policies.audit import json_file

        console.emit(json_file.document(found))
    else:
        _print(found, written)
    if found.mandatory:
        raise typer.Exit(console.NO)


def _coverage(names: list[str], as_json: bool) -> None:
    """Print for each framework what is covered, what no stack can tell, and what is missing."""
    from rich.table import Table

    from policies.frameworks import coverage

    rows = [coverage(name) for name in names]
    if as_json:
        console.emit({"frameworks": [row.document() for row in rows]})
        return
    table = Table("framework", "covered", "not assessable from IaC", "missing", "source", "read")
    for row in rows:
        counts = (str(len(part)) for part in (row.covered, row.not_assessable, row.missing))
        table.add_row(row.name, *counts, row.source, row.read)
    console.result.print(table)
    for row in rows:
        if row.missing:
            console.result.print(f"{row.name}, missing: {', '.join(row.missing)}", markup=False)


def _known_environment(environment: str, named: tuple[str, ...]) -> None:
    """Refuse an environment that neither environments/ nor the levels know: it would be judged by nobody's exceptions."""
    from cli import local

    known = sorted({*local.stacks(), *named})
    if environment and environment not in known:
        console.fail(f"there is no environment {environment!r}", f"Accepted: {', '.join(known)}", console.WRONG_CALL)


def _subject(stack: str, state: Path | None) -> tuple[State, str]:
    from policies.audit.state import parse, read

    if state is not None:
        return read(state), state.name
    from cli import stack_state

    try:
        content, kind = stack_state.read(stack)
    except typer.Exit as end:
        raise typer.Exit(console.WRONG_CALL) from end  # 1 is kept for "violations": it could not be asked
    return parse(content, f"{kind} of {stack}"), f"{kind} of {stack}"


def _provenance(operator: str, period: str) -> Provenance:
    from cli import judging
    from policies.audit.provenance import Provenance

    commit = _git("rev-parse", "HEAD")
    return Provenance(
        operator=operator or _git("config", "user.name") or getpass.getuser(),
        commit=commit,
        dirty=bool(_git("status", "--porcelain")) if commit else None,
        period=period,
        versions=_tools(),
        register_path=judging.register_path(),
        levels_path=judging.levels_path(),
    )


def _git(*arguments: str) -> str:
    """What git says in the project's repository; "" where there is none."""
    from cli import local

    try:
        done = subprocess.run(
            ["git", "-C", str(local.PROJECT), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _tools() -> dict[str, str]:
    """The engine's version, where this machine has one; the libraries' versions are the report's own."""
    from localcloud.engine.find import find

    engine = find()
    if engine is None:
        return {}
    return {"pulumi engine": engine.version}


def _print(found: Report, written: list[Path]) -> None:
    for answer in found.violations:
        console.result.print(
            f"{answer.level.value:<9} {answer.control.id:<18} {answer.name}: {answer.message}", markup=False
        )
    counts = ", ".join(f"{count} {result.value}" for result, count in sorted(found.summary().items()))
    if found.unapproved:
        console.result.print(f"accepted by exceptions without an approver: {len(found.unapproved)}", markup=False)
    untold = found.untold_by_severity()
    if untold:
        words = ", ".join(f"{count} {severity}" for severity, count in untold.items())
        console.result.print(f"cannot be decided yet: {words}", markup=False)
    if found.turned_off:
        console.result.print(f"turned off or changed: {len(found.turned_off)} controls", markup=False)
    console.result.print(
        f"{found.state.project}/{found.state.name}: {len(found.violations)} violations, {len(found.mandatory)} mandatory "
        f"(controls: {counts})",
        style="bold",
        markup=False,
    )
    for path in written:
        console.result.print(str(path), markup=False)
