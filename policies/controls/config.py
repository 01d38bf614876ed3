"""Controls on AWS Config."""

from __future__ import annotations

from policies.lang.resources import Resource, Stack
from policies.model import Control, Related, Severity, Verdict, bad, na, ok, refs
from policies.rules.baseline import exists

RECORDER = "aws:cfg/recorder:Recorder"
STATUS = "aws:cfg/recorderStatus:RecorderStatus"


def _service_linked(recorder: Resource) -> bool:
    group = recorder.view("recordingGroup")
    return "AWSServiceRoleForConfig" in recorder.text("roleArn") and group.flag("allSupported", True)


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
        title="AWS Config records all resources, by its service-linked role",
        severity=Severity.CRITICAL,
        frameworks=refs(fsbp="Config.1", cis5="3.3"),
        remediation="Add a cfg.Recorder of all supported types whose role is AWSServiceRoleForConfig.",
        rule=exists(RECORDER, "add one with the service-linked role and all supported types", _service_linked),
    ),
    Control(
        id="MD.Config.1",
        title="The Config recorder is switched on",
        severity=Severity.HIGH,
        frameworks=refs(house="Config-recorder-on"),
        remediation="Add a cfg.RecorderStatus with is_enabled=True for the recorder.",
        link="https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html",
        rule=Related((RECORDER,), _runs),
    ),
    Control(
        id="MD.Config.2",
        title="Global resources (IAM) are recorded in one Region",
        severity=Severity.MEDIUM,
        frameworks=refs(house="Config-global-types"),
        remediation="Set include_global_resource_types=True in the recording group of one Region's recorder.",
        link="https://docs.aws.amazon.com/config/latest/developerguide/select-resources.html",
        rule=Related((RECORDER,), _global_resources),
    ),
)
