"""The whole report as one JSON document: what other programs read (its format is described in docs/policies.md)."""

from __future__ import annotations

import json
from typing import Any

from policies.model import Control
from policies.audit.report import Report


def document(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "format": "matchday-audit/1",
        "time": report.time.isoformat(),
        "subject": {
            "stack": report.state.name,
            "project": report.state.project,
            "environment": report.environment,
            "source": report.source,
            "kind": report.state.kind,
            "sha256": report.state.sha256,
            "resources": len(report.state.stack.resources),
        },
        "versions": report.versions,
        "summary": {
            "violations": len(report.violations),
            "mandatory": len(report.mandatory),
            "controls": {result.value: count for result, count in sorted(report.summary().items())},
            "frameworks": {
                framework.value: {result.value: count for result, count in sorted(report.summary(framework).items())}
                for framework in report.frameworks
            },
        },
        "controls": [
            {
                **control(result.control),
                "result": result.result.value,
                "answers": [
                    {
                        "resource": answer.name,
                        "type": answer.type,
                        "urn": answer.urn,
                        "result": answer.result.value,
                        "level": answer.level.value,
                        "message": answer.message,
                        **({"exception": answer.excuse.source} if answer.excuse else {}),
                    }
                    for answer in result.answers
                ],
            }
            for result in report.results
        ],
        "exceptions": [
            {
                "controls": sorted(excuse.controls),
                "resource": excuse.resource,
                "reason": excuse.reason,
                "owner": excuse.owner,
                "expires": excuse.expires.isoformat(),
                "source": excuse.source,
                "state": state,
            }
            for excuse, state in report.excuses
        ],
        "out_of_scope": [{"id": row.id, "title": row.title, "check": row.where} for row in report.outside],
    }


def control(item: Control) -> dict[str, Any]:
    """A control's metadata."""
    return {
        "id": item.id,
        "title": item.title,
        "severity": item.severity.value,
        "service": item.service,
        "frameworks": {framework.value: list(references) for framework, references in item.frameworks.items()},
        "remediation": item.remediation,
        "link": item.link,
    }


def render(report: Report) -> str:
    """The file's text."""
    return json.dumps(document(report), indent=1, ensure_ascii=False) + "\n"
