"""Controls on Step Functions state machines."""

from __future__ import annotations

from policies.model import Control, Severity
from policies.rules import is_one_of, is_true

MACHINE = "aws:sfn/stateMachine:StateMachine"

CONTROLS: tuple[Control, ...] = (
    Control(
        id="StepFunctions.1",
        severity=Severity.MEDIUM,
        remediation="Set logging_configuration.level to ERROR or ALL on the sfn.StateMachine.",
        rule=is_one_of(MACHINE, "loggingConfiguration.level", {"ALL", "ERROR", "FATAL"}, default="OFF"),
    ),
    Control(
        id="MD.StepFunctions.1",
        title="State machines are traced",
        severity=Severity.LOW,
        remediation="Set tracing_configuration.enabled=True on the sfn.StateMachine.",
        link="https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html",
        rule=is_true(MACHINE, "tracingConfiguration.enabled"),
    ),
)
