"""Controls on AWS Config."""

from __future__ import annotations

from functools import partial

from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide
from policies.rules.baseline import in_account

RECORDER = "aws:cfg/recorder:Recorder"
STATUS = "aws:cfg/recorderStatus:RecorderStatus"


def _recording(stack: Stack) -> Verdict:
    """Some recorder is on, records everything (IAM too) and uses the service-linked role."""
    found = stack.of(RECORDER)
    if not found:
        return bad("Recorder", None, "add one with the service-linked role and all supported types")
    verdict = ok()
    for recorder in found:
        verdict = decide(
            partial(_linked_role, recorder),
            partial(_everything, recorder),
            partial(_runs, recorder, stack),
        )
        if verdict == ok():
            break
    if verdict == ok() and not any(_records_iam(recorder) for recorder in found):
        path = "recordingGroup.includeGlobalResourceTypes"
        return bad(path, found[0].raw(path), "set it to true in one Region: IAM must be recorded")
    return verdict


def _linked_role(recorder: Resource) -> Verdict:
    if "AWSServiceRoleForConfig" in recorder.text("roleArn"):
        return ok()
    return bad("roleArn", recorder.raw("roleArn"), "use the service-linked role AWSServiceRoleForConfig")


def _everything(recorder: Resource) -> Verdict:
    group = recorder.view("recordingGroup")
    strategy = next((item.text("useOnly") for item in group.each("recordingStrategies")), "")
    left_out = [kind for item in group.each("exclusionByResourceTypes") for kind in item.texts("resourceTypes")]
    if left_out:
        return bad("recordingGroup.exclusionByResourceTypes", left_out, "record every supported type")
    if strategy == "INCLUSION_BY_RESOURCE_TYPES" or not group.flag(
        "allSupported", strategy != "EXCLUSION_BY_RESOURCE_TYPES"
    ):
        return bad("recordingGroup.allSupported", group.raw("allSupported"), "record every supported type")
    return ok()


def _records_iam(recorder: Resource) -> bool:
    group = recorder.view("recordingGroup")
    return group.flag("includeGlobalResourceTypes") or any(
        kind.startswith("AWS::IAM::") for kind in group.texts("resourceTypes")
    )


def _runs(recorder: Resource, stack: Stack) -> Verdict:
    switches = stack.referrers(recorder, STATUS, "name")
    if not switches:
        return bad("RecorderStatus", None, "add a cfg.RecorderStatus with is_enabled=True")
    return (
        ok()
        if switches[0].flag("isEnabled")
        else bad("RecorderStatus.isEnabled", switches[0].raw("isEnabled"), "set it to true")
    )


def _global_resources(recorder: Resource, stack: Stack) -> Verdict:
    if not recorder.view("recordingGroup").flag("allSupported", True):
        return na("it records chosen types alone")
    if recorder.view("recordingGroup").flag("includeGlobalResourceTypes"):
        return ok()
    others = [other for other in stack.of(RECORDER) if other is not recorder]
    if any(other.view("recordingGroup").flag("includeGlobalResourceTypes") for other in others):
        return ok()
    value = recorder.show("recordingGroup.includeGlobalResourceTypes")
    return bad("recordingGroup.includeGlobalResourceTypes", value, "set it to true in one Region")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="Config.1",
        severity=Severity.CRITICAL,
        remediation="Add a cfg.Recorder of all supported types whose role is AWSServiceRoleForConfig.",
        rule=in_account(_recording),
    ),
    Control(
        id="MD.Config.1",
        title="The Config recorder is switched on",
        severity=Severity.HIGH,
        remediation="Add a cfg.RecorderStatus with is_enabled=True for the recorder.",
        link="https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html",
        rule=Related((RECORDER,), _runs),
    ),
    Control(
        id="MD.Config.2",
        title="Global resources (IAM) are recorded in one Region",
        severity=Severity.MEDIUM,
        remediation="Set include_global_resource_types=True in the recording group of one Region's recorder.",
        link="https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html",
        rule=Related((RECORDER,), _global_resources),
    ),
)
