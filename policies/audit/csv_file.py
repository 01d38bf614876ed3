"""Every answer as one row of a table: what people sort and filter in a spreadsheet."""

from __future__ import annotations

import csv
import io

from policies.audit.owners import owner_of
from policies.audit.report import Answer, Report

_HEADINGS = (
    *(
        "control",
        "title",
        "severity",
        "service",
        "owner",
        "frameworks",
        "result",
        "level",
        "resource",
        "type",
        "urn",
        "arn",
    ),
    *("region", "account", "observed", "message", "remediation"),
    *("exception owner", "exception approver", "exception expires", "exception reason"),
)

#: A cell that begins with one of these is a formula to spreadsheet programs; a leading apostrophe makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _answer(answer: Answer) -> tuple[str, ...]:
    excuse = answer.excuse
    judged = (answer.result.value, answer.level.value, answer.name, answer.type, answer.urn)
    place = (answer.arn, answer.region, answer.account, answer.observed, answer.message)
    accepted = (excuse.owner, excuse.approver, excuse.expires.isoformat(), excuse.reason) if excuse else ("",) * 4
    return (*judged, *place, answer.control.remediation, *accepted)


def render(report: Report) -> str:
    """The file's text (RFC 4180, with headings)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEADINGS)
    for result in report.results:
        item = result.control
        frameworks = "; ".join(
            f"{framework.name}: {', '.join(references)}" for framework, references in item.frameworks.items()
        )
        fixed = (item.id, item.title, item.severity.value, item.service, owner_of(item.service), frameworks)
        empty = (result.result.value, *[""] * 9, item.remediation, *[""] * 4)
        rows = [_answer(answer) for answer in result.answers] or [empty]
        writer.writerows([_cell(text) for text in (*fixed, *row)] for row in rows)
    return out.getvalue()
