"""The pack as the engine talks to it: Pulumi's Analyzer protocol, every resource read once and judged by all controls.

Not `pulumi_policy.PolicyPack`: that decodes every resource anew for every policy, seconds become minutes (docs/adr/0020).
"""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Mapping
from concurrent import futures
from datetime import UTC, date, datetime
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as wire
from pulumi.runtime.proto import analyzer_pb2_grpc, plugin_pb2
from pydantic import ValidationError

from policies import exceptions, levels
from policies.catalog import all_controls
from policies.judge import Judge, Judged, check_choice, lapsed
from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN, normalise
from policies.levels import Choice, Level
from policies.model import Control, Each, Related, Severity, Status

PACK = "matchday"
#: As in PulumiPolicy.yaml.
VERSION = "0.1.0"
#: The policy under which the pack speaks of itself (open answers, unused exceptions); its properties select controls.
SELF = "pack"

_LEVELS = {Level.MANDATORY: wire.MANDATORY, Level.ADVISORY: wire.ADVISORY, Level.DISABLED: wire.DISABLED}
_SEVERITIES = {
    Severity.LOW: wire.POLICY_SEVERITY_LOW,
    Severity.MEDIUM: wire.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH: wire.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL: wire.POLICY_SEVERITY_CRITICAL,
}
_SELECTION_SCHEMA: dict[str, Any] = {
    key: {"type": "array", "items": {"type": "string"}} for key in ("frameworks", "severities", "services", "controls")
}
_UNLIMITED = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


def plain(value: struct_pb2.Value) -> Any:
    """A protobuf value as plain Python, whole numbers as int."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "struct_value":
        return {key: plain(item) for key, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def _values(struct: struct_pb2.Struct) -> Mapping[str, Any]:
    return {key: normalise(plain(item)) for key, item in struct.fields.items()}


def _region(message: Any) -> str:
    value = _values(message.provider.properties).get("region") if message.HasField("provider") else None
    return value if isinstance(value, str) else ""


def resource(message: wire.AnalyzeRequest) -> Resource:
    """A resource as `Analyze` gets it: its inputs, before it is created."""
    values = _values(message.properties)
    return Resource(
        message.type, message.name, message.urn, values, parent=message.options.parent, provider_region=_region(message)
    )


def stack(message: wire.AnalyzeStackRequest, inputs: Mapping[str, Mapping[str, Any]]) -> Stack:
    """A stack as `AnalyzeStack` gets it: outputs, as far as they are known, and `inputs` (by URN) for what they do not say.

    In a preview, whatever AWS may choose is an unknown output. What the program did not set is then as AWS sets it by default,
    which is how controls read a property that is not there: such unknowns are left out. What the program did set stays unknown.
    """
    found = []
    for item in message.resources:
        given = inputs.get(item.urn, {})
        outputs = {key: value for key, value in _values(item.properties).items() if value is not None}
        values = {
            **given,
            **{key: value for key, value in outputs.items() if value is not UNKNOWN or item.urn not in inputs},
        }
        identity = values.get("id")
        found.append(
            Resource(
                item.type,
                item.name,
                item.urn,
                values,
                id=identity if isinstance(identity, str) else "",
                parent=item.parent or item.options.parent,
                dependencies=list(item.dependencies),
                property_dependencies={key: list(urns.urns) for key, urns in item.propertyDependencies.items()},
                provider_region=_region(item),
            )
        )
    return Stack(found)


def environment_of(urn: str) -> str:
    """The stack's name in a URN (`urn:pulumi:prod::matchday::…`); "" when there is none."""
    return urn.removeprefix("urn:pulumi:").partition("::")[0] if urn.startswith("urn:pulumi:") else ""


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """One run of the pack over one stack."""

    def __init__(self, today: date | None = None) -> None:
        self._controls = all_controls()
        self._levels = levels.load()
        self._register = exceptions.load(known={control.id for control in self._controls})
        self._today = today or datetime.now(UTC).date()
        self._environment = os.environ.get("PULUMI_STACK", "")
        self._configured: dict[str, Level] = {}
        self._choice = Choice()
        self._judge: Judge | None = None
        #: Answers that `Analyze` left to `AnalyzeStack`: (control, URN).
        self._later: set[tuple[str, str]] = set()
        #: Violations that `Analyze` has reported.
        self._reported: set[tuple[str, str]] = set()
        #: What `Analyze` saw, by URN.
        self._inputs: dict[str, Mapping[str, Any]] = {}
        self._by_type: dict[str, list[Control]] = defaultdict(list)
        for control in self._controls:
            rule = control.rule
            if isinstance(rule, Each) or (isinstance(rule, Related) and rule.alone):
                for kind in rule.types:
                    self._by_type[kind].append(control)

    # --- what the engine asks first -------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return wire.AnalyzerHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def ConfigureStack(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._environment = request.stack
        return wire.AnalyzerStackConfigureResponse()

    def GetAnalyzerInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        info = wire.AnalyzerInfo(
            name=PACK, displayName="Matchday controls", version=VERSION, supportsConfig=True, provider="aws"
        )
        own = wire.PolicyInfo(
            name=SELF,
            displayName="The pack itself",
            description="What cannot be decided yet and which exceptions excuse nothing; its configuration selects controls",
            enforcementLevel=wire.ADVISORY,
            policy_type=wire.POLICY_TYPE_STACK,
        )
        own.configSchema.properties.update(_SELECTION_SCHEMA)
        info.policies.append(own)
        for control in self._controls:
            first, references = next(iter(control.frameworks.items()))
            name, _, version = first.value.rpartition(" ")
            info.policies.append(
                wire.PolicyInfo(
                    name=control.id,
                    displayName=control.title,
                    description=control.title,
                    enforcementLevel=_LEVELS[self._announced(control)],
                    severity=_SEVERITIES[control.severity],
                    policy_type=self._policy_type(control),
                    framework=wire.PolicyComplianceFramework(
                        name=name, version=version, specification=", ".join(references)
                    ),
                    tags=[control.service],
                    remediation_steps=control.remediation,
                    url=control.link,
                )
            )
        return info

    @staticmethod
    def _policy_type(control: Control) -> Any:
        alone = isinstance(control.rule, Related) and control.rule.alone
        return wire.POLICY_TYPE_RESOURCE if isinstance(control.rule, Each) or alone else wire.POLICY_TYPE_STACK

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        names = {number: level for level, number in _LEVELS.items()}
        known = {control.id for control in self._controls}
        self._judge = None
        for name, config in request.policyConfig.items():
            if name not in (*known, SELF, "all"):
                self._refuse(context, f"there is no control {name!r}; RULES.md lists them")
            if config.enforcementLevel in names and name in known:
                self._configured[name] = names[config.enforcementLevel]
            if name == SELF and config.HasField("properties"):
                try:
                    self._choice = Choice.model_validate(json_format.MessageToDict(config.properties))
                    check_choice(self._choice, self._controls)
                except ValidationError as error:
                    problem = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
                    self._refuse(context, f"configuration of {SELF!r}: {problem}")
                except levels.LevelsError as error:
                    self._refuse(context, f"configuration of {SELF!r}: {error}")
        return empty_pb2.Empty()

    @staticmethod
    def _refuse(context: grpc.ServicerContext, problem: str) -> None:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"policy pack {PACK}: {problem}")

    # --- judging --------------------------------------------------------------------------------------------------------

    def Analyze(self, request: wire.AnalyzeRequest, context: grpc.ServicerContext) -> Any:
        """Before a resource is created: the controls that need nothing but its inputs."""
        subject = resource(request)
        self._inputs[subject.urn] = subject.values
        judge = self._judge_of(subject.urn)
        response = wire.AnalyzeResponse()
        for control in self._by_type.get(subject.type, ()):
            if judge.level(control) is Level.DISABLED:
                continue
            judged = judge.answer(control, subject, Stack([subject]))
            verdict = judged.finding.verdict
            waits = isinstance(control.rule, Related)  # only what is wrong by itself is said now
            relaxable = judged.violation and judge.excuses.may_come_later(control.id, subject)
            if verdict.status is Status.CANNOT_TELL or relaxable:
                self._later.add((control.id, subject.urn))
            elif judged.violation:
                self._report(response, judged)
                self._reported.add((control.id, subject.urn))
            elif verdict.status is Status.NOT_APPLICABLE and not waits:
                response.not_applicable.append(wire.PolicyNotApplicable(policy_name=control.id, reason=verdict.reason))
        return response

    def AnalyzeStack(self, request: wire.AnalyzeStackRequest, context: grpc.ServicerContext) -> Any:
        """After the run: the controls that need several resources, and what was left open before."""
        whole = stack(request, self._inputs)
        response = wire.AnalyzeResponse()
        judge = self._judge_of(whole.resources[0].urn if whole.resources else "")
        judge.excuses.read_relaxations(whole)
        open_answers: dict[str, list[str]] = defaultdict(list)
        active = judge.active
        for control in active:
            if isinstance(control.rule, Each):
                subjects = [r for r in whole.of(*control.rule.types) if (control.id, r.urn) in self._later]
                answers = [judge.answer(control, subject, whole) for subject in subjects]
            else:
                answers = judge.evaluate(control, whole)
            for judged in answers:
                subject = judged.finding.resource
                if judged.violation and not (subject and (control.id, subject.urn) in self._reported):
                    self._report(response, judged)
                elif judged.finding.verdict.status is Status.CANNOT_TELL:
                    open_answers[control.id].append(subject.name if subject else exceptions.WHOLE_STACK)
        about = [_open_message(open_answers)] if open_answers else []
        about += _turned_off_message(judge)
        unused = [
            f"{', '.join(sorted(entry.controls))} on {entry.resource!r}"
            for entry in judge.excuses.unused(control.id for control in active)
        ]
        if unused:
            about.append(f"exceptions that excuse nothing here, to be taken out: {'; '.join(unused)}")
        if about:
            self._speak(response, "\n".join(about))
        return response

    def Remediate(self, request: Any, context: grpc.ServicerContext) -> Any:
        return wire.RemediateResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    # --- helpers --------------------------------------------------------------------------------------------------------

    def _judge_of(self, urn: str) -> Judge:
        """The run's judge. `policy analyze` names no stack; the environment is then read from the URNs."""
        if self._judge is None:
            environment = self._environment or environment_of(urn)
            configured = {
                control.id: level
                for control in self._controls
                if (level := self._configured.get(control.id)) is not None
                and (self._environment or level is not self._announced(control))
                and level is not self._levels.of(control, environment)
            }
            self._judge = Judge(
                self._controls,
                self._levels,
                self._register,
                environment,
                self._today,
                choice=self._choice,
                configured=configured,
            )
        return self._judge

    def _announced(self, control: Control) -> Level:
        return self._levels.of(control, self._environment)

    def _report(self, response: Any, judged: Judged) -> None:
        control, subject, verdict = judged.finding.control, judged.finding.resource, judged.finding.verdict
        response.diagnostics.append(
            wire.AnalyzeDiagnostic(
                policyName=control.id,
                policyPackName=PACK,
                description=control.title,
                message=f"{control.title}\n{verdict.message}{lapsed(judged.excuse, judged.accepted)}",
                enforcementLevel=_LEVELS[judged.level],
                urn=subject.urn if subject else "",
                severity=_SEVERITIES[control.severity],
            )
        )

    def _speak(self, response: Any, message: str) -> None:
        response.diagnostics.append(
            wire.AnalyzeDiagnostic(
                policyName=SELF,
                policyPackName=PACK,
                description=message,
                message=message,
                enforcementLevel=wire.ADVISORY,
            )
        )


def _turned_off_message(judge: Judge) -> list[str]:
    """One line for each way in which controls are turned off, so that nobody overlooks it."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in judge.turned_off():
        kinds[item.what, item.why].append(item.control.id)
    lines = []
    for (what, why), names in kinds.items():
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        lines.append(f"{len(names)} controls {what} ({why}): {shown}")
    return lines


def _open_message(answers: Mapping[str, list[str]]) -> str:
    count = sum(len(names) for names in answers.values())
    lines = [f"cannot tell yet: {count} answers of {len(answers)} controls hang on values that only deployment gives."]
    for control, names in answers.items():
        shown = ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        lines.append(f"  {control}: {shown}")
    lines.append("Decide them after `pulumi up` with `pulumi policy analyze` or `matchday audit`.")
    return "\n".join(lines)


def serve() -> None:
    """Serve one engine on a free loopback port, the first line of standard output, until it ends us."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        analyzer = Analyzer()
    except (exceptions.RegisterError, levels.LevelsError) as error:
        raise SystemExit(f"policy pack {PACK}: {error}") from None
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=_UNLIMITED)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 (the plugin protocol)
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:  # the engine died without a word
            break
    server.stop(grace=0)
