"""The report as one HTML page that needs nothing else: what a person reads, prints and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from policies.audit.owners import owner_of
from policies.audit.report import Answer, ControlResult, Report, Result
from policies.model import Control

_CLASSES = {
    Result.VIOLATION: "bad",
    Result.EXCEPTED: "excepted",
    Result.CANNOT_TELL: "open",
    Result.COMPLIANT: "good",
    Result.NOT_ASSESSED: "na",
    Result.NOT_APPLICABLE: "na",
}


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return f"<p class=quiet>{escape(empty)}</p>"
    head = "".join(
        f"<th scope=col aria-sort=none><button type=button>{escape(heading)}</button></th>"
        if heading
        else "<th scope=col></th>"
        for heading in headings
    )
    return (
        "<div class=tabled><input type=search class=filter placeholder='Filter this table' aria-label='Filter this table'>"
        f"<div class=wide><table class=sortable><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _badge(result: Result) -> str:
    return f"<span class='badge {_CLASSES[result]}'>{result.value}</span>"


def _references(control: Control) -> str:
    return " · ".join(
        f"{escape(framework.name)} {escape(', '.join(references))}"
        for framework, references in control.frameworks.items()
    )


def _verdict(report: Report) -> str:
    """Violations first, then what could not be told and how grave that could be: no answer is no pass."""
    count, mandatory = len(report.violations), len(report.mandatory)
    counted = f"{count} violation{'' if count == 1 else 's'}"
    where = escape(report.environment)
    untold = report.untold_by_severity()
    rest = ""
    if untold:
        words = ", ".join(f"{number} of {severity} severity" for severity, number in untold.items())
        rest = f" {sum(untold.values())} answers cannot be given yet: {words}."
    unapproved = len(report.unapproved)
    if unapproved:
        rest += f" {unapproved} violations are accepted by exceptions that name no approver."
    if mandatory:
        return f"<p class='verdict bad'>{counted}, {mandatory} mandatory in {where}.{rest}</p>"
    if count:
        return f"<p class='verdict open'>{counted}, none mandatory in {where}.{rest}</p>"
    kind = "open" if untold or unapproved else "good"
    return f"<p class='verdict {kind}'>No violation without an exception.{rest}</p>"


def _facts(report: Report) -> str:
    subject = report.state
    made = report.provenance
    tree = {None: "", True: ", with changes that are not committed", False: ", clean"}[made.dirty]
    facts = {
        "Stack": f"{subject.project}/{subject.name}, judged as {report.environment}",
        "Source": f"{report.source} ({subject.kind}, {len(subject.stack.resources)} resources)",
        "SHA-256 of the source": subject.sha256,
        "Time": report.time.isoformat(timespec="seconds"),
        "Period": made.period,
        "Operator": made.operator,
        "Commit": f"{made.commit}{tree}" if made.commit else "",
        "Selection": report.selection,
        "Versions": ", ".join(f"{name} {number}" for name, number in report.versions.items()),
        **{f"SHA-256 of {name}": value for name, value in report.digests.items()},
    }
    facts = {key: value for key, value in facts.items() if value}
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items()) + "</dl>"


def _bar(counts: dict[Result, int]) -> str:
    total = sum(counts.values()) or 1
    parts = "".join(
        f"<i class={_CLASSES[result]} style='width:{100 * count / total:.2f}%' title='{count} {result.value}'></i>"
        for result, count in counts.items()
        if count
    )
    return f"<span class=bar>{parts}</span>"


def _frameworks(report: Report) -> str:
    rows = []
    for framework in report.frameworks:
        summary = report.summary(framework)
        counts = {result: summary[result] for result in Result}
        judged = sum(
            counts[result] for result in (Result.VIOLATION, Result.EXCEPTED, Result.CANNOT_TELL, Result.COMPLIANT)
        )
        share = f"{100 * counts[Result.COMPLIANT] / judged:.0f}%" if judged else "–"
        if sum(counts.values()):
            cells = [str(counts[result]) for result in Result]
            rows.append([escape(framework.value), str(sum(counts.values())), *cells, share, _bar(counts)])
    headings = ("Framework", "Controls", *(result.value.capitalize() for result in Result), "Compliant of judged", "")
    return _table(headings, rows, "No control of these frameworks.")


def _answer(answer: Answer) -> str:
    kind = f" <small>{escape(answer.type)}</small>" if answer.type else ""
    note = ""
    if answer.excuse:
        by = f"approved by {answer.excuse.approver}" if answer.excuse.approver else "approved by nobody named"
        accepted = f"Exception of {answer.excuse.owner}, {by}, until {answer.excuse.expires}: {answer.excuse.reason}"
        note = f"<br><small>{escape(accepted)}</small>"
    place = " · ".join(part for part in (answer.arn, answer.region, answer.account) if part)
    seen = f"<br><small>observed: {escape(answer.observed)}</small>" if answer.observed else ""
    where = f"<br><small>{escape(place)}</small>" if place else ""
    return f"<li>{_badge(answer.result)} <b>{escape(answer.name)}</b>{kind}<br>{escape(answer.message)}{note}{seen}{where}</li>"


def _card(result: ControlResult, which: Sequence[Result]) -> str:
    control = result.control
    answers = [answer for answer in result.answers if answer.result in which]
    return (
        f"<article><h3>{escape(control.id)} <span class='sev {control.severity.value}'>{control.severity.value}</span> "
        f"{escape(control.title)}</h3><p class=quiet>{_references(control)}</p><ul>{''.join(map(_answer, answers))}</ul>"
        f"<p>{escape(control.remediation)} <a href='{escape(control.link, quote=True)}'>Documentation</a></p></article>"
    )


def _cards(report: Report, which: Sequence[Result], empty: str) -> str:
    order = ["critical", "high", "medium", "low"]
    chosen = [result for result in report.results if any(answer.result in which for answer in result.answers)]
    chosen.sort(key=lambda result: order.index(result.control.severity.value))
    return "".join(_card(result, which) for result in chosen) or f"<p class=quiet>{escape(empty)}</p>"


def _exceptions(report: Report) -> str:
    rows = [
        [
            escape(", ".join(sorted(excuse.controls))),
            escape(excuse.resource),
            escape(excuse.reason),
            escape(excuse.owner),
            escape(excuse.approver or "nobody named"),
            str(excuse.expires),
            escape(excuse.source),
            f"<span class='badge {'good' if state.startswith('used') else 'open'}'>{escape(state)}</span>",
        ]
        for excuse, state in report.excuses
    ]
    return _table(
        ("Controls", "Resource", "Reason", "Owner", "Approver", "Last day", "From", "State"),
        rows,
        "There are none for this environment.",
    )


def _all(report: Report) -> str:
    items = []
    for result in report.results:
        counted = f"{len(result.answers)} answer{'' if len(result.answers) == 1 else 's'}"
        inside = f"<ul>{''.join(map(_answer, result.answers))}</ul>" if result.answers else ""
        control = result.control
        items.append(
            f"<details class=control><summary>{_badge(result.result)} <b>{escape(control.id)}</b> {escape(control.title)} "
            f"<small>{control.severity.value} · {owner_of(control.service)} · {counted} · {_references(control)}</small>"
            f"</summary>{inside}"
            f"<p>{escape(control.remediation)} <a href='{escape(control.link, quote=True)}'>Documentation</a></p></details>"
        )
    return "".join(items)


_LEGEND = (
    (Result.VIOLATION, "the property is not as the control wants it, and nobody accepted that"),
    (Result.EXCEPTED, "the same, accepted in the exception register until its last day"),
    (Result.CANNOT_TELL, "hangs on a value that only deployment gives, or that lies outside this stack"),
    (Result.COMPLIANT, "the property is as the control wants it; the value observed stands beside it"),
    (Result.NOT_ASSESSED, "another stack answers: a setting of the account, which this stack does not hold"),
    (Result.NOT_APPLICABLE, "the stack has no resource that the control is about"),
)


def _legend() -> str:
    items = "".join(f"<li>{_badge(result)} {escape(words)}</li>" for result, words in _LEGEND)
    what = "Percentages are of what was judged: the first four. Levels: mandatory, advisory."
    return f"<ul>{items}</ul><p class=quiet>{what}</p>"


def _turned_off(report: Report) -> str:
    rows = [
        [
            escape(item.control.id),
            escape(item.control.title),
            item.control.severity.value,
            escape(item.what),
            escape(item.why),
        ]
        for item in report.turned_off
    ]
    return _table(
        ("Control", "Title", "Severity", "State", "Why"), rows, "Every control counts as its environment says."
    )


def _coverage(report: Report) -> str:
    rows = [
        [
            f"{escape(row.name)}<br><small>{escape(row.source)}; read {escape(row.read)}</small>",
            str(len(row.covered)),
            str(len(row.not_assessable)),
            str(len(row.missing)),
            f"<small>{escape(', '.join(row.missing[:40]))}{' …' if len(row.missing) > 40 else ''}</small>",
        ]
        for row in report.coverage
    ]
    return _table(("Framework", "Covered", "Not assessable from IaC", "Missing", "Which are missing"), rows, "None.")


def _changes(report: Report) -> str:
    if report.since is None:
        return "<p class=quiet>No earlier run was named (--since).</p>"
    rows = [[escape(cell) for cell in change] for change in report.since.changes]
    return f"<p class=quiet>Since {escape(report.since.time)}</p>" + _table(
        ("Control", "Resource", "Before", "Now"), rows, "Nothing changed."
    )


def _sign_off() -> str:
    roles = ("Prepared by", "Reviewed by", "Accepted by (control owner)")
    rows = "".join(f"<tr><th scope=row>{role}</th><td></td><td></td><td></td></tr>" for role in roles)
    head = "<tr><th></th><th scope=col>Name</th><th scope=col>Date</th><th scope=col>Signature</th></tr>"
    return f"<table class=signoff><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _outside(report: Report) -> str:
    rows = [[f"<b>{escape(row.id)}</b>", escape(row.title), escape(row.where)] for row in report.outside]
    return _table(("Control", "What it asks", "Where to look instead"), rows, "There are none.")


def render(report: Report) -> str:
    """The file's text."""
    sections = (
        ("Summary by framework", _frameworks(report)),
        ("Violations", _cards(report, [Result.VIOLATION], "There are none.")),
        ("Excepted violations", _cards(report, [Result.EXCEPTED], "There are none.")),
        ("Turned off or changed", _turned_off(report)),
        ("Change since the earlier run", _changes(report)),
        ("Cannot be decided yet", _cards(report, [Result.CANNOT_TELL], "Every answer could be given.")),
        ("Exception register", _exceptions(report)),
        (
            "All controls",
            "<input id=find type=search placeholder='Filter: an id, a word, a result' aria-label=Filter>"
            + _all(report),
        ),
        ("Coverage of the frameworks", _coverage(report)),
        ("Out of scope", _outside(report)),
        ("Legend", _legend()),
        ("Sign-off", _sign_off()),
    )
    anchors = [(title, title.lower().replace(" ", "-")) for title, _ in sections]
    menu = "".join(f"<a href='#{anchor}'>{escape(title)}</a>" for title, anchor in anchors)
    body = "".join(
        f"<section id={anchor}><h2>{escape(title)}</h2>{content}</section>"
        for (title, anchor), (_, content) in zip(anchors, sections, strict=True)
    )
    style = files("policies.audit").joinpath("report.css").read_text(encoding="utf-8")
    script = files("policies.audit").joinpath("report.js").read_text(encoding="utf-8")
    title = f"Audit of {report.state.project}/{report.state.name}"
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><header><h1>{escape(title)}</h1>{_verdict(report)}"
        f"{_facts(report)}<nav>{menu}</nav></header><main>{body}</main><script>{script}</script></body></html>\n"
    )
