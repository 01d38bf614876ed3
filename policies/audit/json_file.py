"""The whole report as one JSON document: what other programs read (its format is described in docs/policies.md)."""

from __future__ import annotations

import json
from typing import Any

from policies.audit.owners import owner_of
from policies.audit.report import Report
from policies.audit.since import Since
from policies.model import Control


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
            "document": {"name": "subject.json", "sha256": report.digests["subject.json"]},
        },
        "provenance": {
            "operator": report.provenance.operator,
            "commit": report.provenance.commit,
            "dirty": report.provenance.dirty,
            "period": report.provenance.period,
            "selection": report.selection,
            "digests": report.digests,
        },
        "versions": report.versions,
        "summary": {
            "violations": len(report.violations),
            "mandatory": len(report.mandatory),
            "cannot_tell": report.untold_by_severity(),
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
                        "observed": answer.observed,
                        "arn": answer.arn,
                        "region": answer.region,
                        "account": answer.account,
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
                "approver": excuse.approver,
                "expires": excuse.expires.isoformat(),
                "source": excuse.source,
                "state": state,
            }
            for excuse, state in report.excuses
        ],
        "turned_off": [
            {"id": item.control.id, "severity": item.control.severity.value, "what": item.what, "why": item.why}
            for item in report.turned_off
        ],
        **({"since": _since(report.since)} if report.since else {}),
        "coverage": [row.document() for row in report.coverage],
        "out_of_scope": [{"id": row.id, "title": row.title, "check": row.where} for row in report.outside],
    }


def _since(since: Since) -> dict[str, Any]:
    return {
        "time": since.time,
        "sha256": since.sha256,
        "changes": [
            {"control": control_id, "resource": name, "before": before, "now": now}
            for control_id, name, before, now in since.changes
        ],
    }


def control(item: Control) -> dict[str, Any]:
    """A control's metadata."""
    return {
        "id": item.id,
        "title": item.title,
        "severity": item.severity.value,
        "service": item.service,
        "owner": owner_of(item.service),
        "frameworks": {framework.value: list(references) for framework, references in item.frameworks.items()},
        "remediation": item.remediation,
        "link": item.link,
    }


def render(report: Report) -> str:
    """The file's text."""
    return json.dumps(document(report), indent=1, ensure_ascii=False) + "\n"
