"""The report as SARIF 2.1.0: what code-scanning systems show beside a change."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any

from policies.audit.report import Answer, Report, Result
from policies.levels import Level
from policies.model import Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_KINDS = {
    Result.VIOLATION: "fail",
    Result.EXCEPTED: "fail",
    Result.CANNOT_TELL: "open",
    Result.COMPLIANT: "pass",
    Result.NOT_ASSESSED: "review",
    Result.NOT_APPLICABLE: "notApplicable",
}
#: GitHub's scale for sorting alerts: 0 to 10.
_SECURITY_SEVERITY = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}


def _result(answer: Answer, index: int) -> dict[str, Any]:
    failed = answer.result in (Result.VIOLATION, Result.EXCEPTED)
    level = ("error" if answer.level is Level.MANDATORY else "warning") if failed else "none"
    subject = answer.urn or answer.name
    found: dict[str, Any] = {
        "ruleId": answer.control.id,
        "ruleIndex": index,
        "kind": _KINDS[answer.result],
        "level": level,
        "message": {"text": f"{answer.name}: {answer.message or answer.control.title}"},
        "locations": [
            {
                # Every deployed resource comes from the program; code-scanning systems want a file to hang an alert on.
                "physicalLocation": {"artifactLocation": {"uri": "stacks/__main__.py"}, "region": {"startLine": 1}},
                "logicalLocations": [{"name": answer.name, "fullyQualifiedName": subject, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {
            "controlAndResource/v1": hashlib.sha256(f"{answer.control.id}\0{subject}".encode()).hexdigest()
        },
    }
    if answer.excuse and answer.result is Result.EXCEPTED:
        reason = f"{answer.excuse.reason} ({answer.excuse.owner}, until {answer.excuse.expires})"
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return found


def document(report: Report) -> dict[str, Any]:
    """The SARIF log."""
    rules = [
        {
            "id": item.control.id,
            "name": item.control.id.replace(".", ""),
            "shortDescription": {"text": item.control.title},
            "help": {
                "text": item.control.remediation,
                "markdown": f"{item.control.remediation} ([documentation]({item.control.link}))",
            },
            "helpUri": item.control.link,
            "defaultConfiguration": {"level": "error"},
            "properties": {
                "security-severity": _SECURITY_SEVERITY[item.control.severity],
                "tags": ["security", item.control.service, *(framework.name for framework in item.control.frameworks)],
            },
        }
        for item in report.results
    ]
    results = [_result(answer, index) for index, item in enumerate(report.results) for answer in item.answers]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "matchday",
                        "version": report.versions["matchday"],
                        "informationUri": "https://docs.aws.amazon.com/securityhub/latest/userguide/",
                        "rules": rules,
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "endTimeUtc": report.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    }
                ],
                "automationDetails": {"id": f"matchday-audit/{report.environment}/"},
                "properties": {"stateSha256": report.state.sha256, "stack": report.state.name, "source": report.source},
                "results": results,
            }
        ],
    }


def render(report: Report) -> str:
    """The file's text."""
    return json.dumps(document(report), indent=1, ensure_ascii=False) + "\n"
