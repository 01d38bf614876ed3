"""The report as OSCAL assessment results 1.1.2 (NIST): what governance tools import."""

from __future__ import annotations

import json
import uuid
from typing import Any

from policies.audit.report import Answer, ControlResult, Report, Result

VERSION = "1.1.2"
#: Ids follow from what is said, so that two audits of one state have the same.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://docs.aws.amazon.com/securityhub/latest/userguide/")
#: Properties of our own need a namespace.
_OWN = "https://matchday.example/ns/oscal"
_STATES = {
    Result.VIOLATION: ("not-satisfied", "fail"),
    Result.EXCEPTED: ("not-satisfied", "other"),
    Result.CANNOT_TELL: ("not-satisfied", "other"),
    Result.COMPLIANT: ("satisfied", "pass"),
}


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _OWN, "value": value}


def _props(**given: str) -> list[dict[str, str]]:
    return [_prop(name.replace("_", "-"), " ".join(value.split())) for name, value in given.items() if value.strip()]


def _observation(answer: Answer, time: str, subjects: str) -> dict[str, Any]:
    found = {
        "uuid": _id(subjects, answer.control.id, answer.urn or answer.name),
        "title": f"{answer.control.id} on {answer.name}",
        "description": answer.message or answer.control.title,
        "methods": ["TEST"],
        "types": ["control-objective"],
        "collected": time,
        "props": _props(
            result=answer.result.value,
            level=answer.level.value,
            observed=answer.observed,
            arn=answer.arn,
            region=answer.region,
            account=answer.account,
        ),
    }
    if answer.urn:
        found["subjects"] = [
            {
                "subject-uuid": _id(answer.urn),
                "type": "inventory-item",
                "title": answer.name,
                "props": _props(urn=answer.urn),
            }
        ]
    return found


def _finding(result: ControlResult, observations: list[dict[str, Any]]) -> dict[str, Any]:
    control = result.control
    state, reason = _STATES[result.result]
    return {
        "uuid": _id("finding", control.id),
        "title": f"{control.id}: {control.title}",
        "description": control.remediation,
        "props": _props(severity=control.severity.value, result=result.result.value),
        "links": [{"href": control.link, "rel": "reference"}],
        "target": {
            "type": "objective-id",
            "target-id": control.id.lower(),
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [{"observation-uuid": item["uuid"]} for item in observations],
    }


def document(report: Report) -> dict[str, Any]:
    """The assessment results."""
    time = report.time.isoformat()
    subjects = report.digests["subject.json"]
    observations: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    for result in report.results:
        if result.result not in _STATES:
            continue
        own = [_observation(answer, time, subjects) for answer in result.answers if answer.result in _STATES]
        observations += own
        findings.append(_finding(result, own))
    judged = [result for result in report.results if result.result in _STATES]
    title = f"Audit of {report.state.project}/{report.state.name}, judged as {report.environment}"
    return {
        "assessment-results": {
            "uuid": _id("results", subjects, time),
            "metadata": {
                "title": title,
                "last-modified": time,
                "version": report.versions["matchday"],
                "oscal-version": VERSION,
                "props": _props(
                    operator=report.provenance.operator,
                    commit=report.provenance.commit,
                    period=report.provenance.period,
                    selection=report.selection,
                ),
            },
            "import-ap": {"href": "#" + _id("plan")},
            "results": [
                {
                    "uuid": _id("result", subjects),
                    "title": title,
                    "description": f"{len(report.violations)} violations, {len(report.mandatory)} of them mandatory.",
                    "start": time,
                    "reviewed-controls": {
                        "control-selections": [
                            {"include-controls": [{"control-id": result.control.id.lower()} for result in judged]}
                            if judged
                            else {"description": "No control applied."}
                        ]
                    },
                    **({"observations": observations} if observations else {}),
                    **({"findings": findings} if findings else {}),
                }
            ],
            "back-matter": {
                "resources": [
                    {
                        "uuid": _id("plan"),
                        "title": "The controls and how they are decided (RULES.md of the repository)",
                        "rlinks": [{"href": "RULES.md"}],
                    },
                    *(
                        {
                            "uuid": _id("document", name, value),
                            "title": name,
                            "rlinks": [{"href": name, "hashes": [{"algorithm": "SHA-256", "value": value}]}],
                        }
                        for name, value in report.digests.items()
                    ),
                ]
            },
        }
    }


def render(report: Report) -> str:
    """The file's text."""
    return json.dumps(document(report), indent=1, ensure_ascii=False) + "\n"
