"""What is watched of a NAT gateway."""

from __future__ import annotations

import pulumi

from components.observability.signals import Severity, Signal, on


def nat_signals(letter: str, gateway_id: pulumi.Output[str]) -> list[Signal]:
    """Of the gateway that is named by `letter`: whether it has ports left, and whether it drops packets."""
    signal = on("AWS/NATGateway", {"NatGatewayId": gateway_id})
    return [
        signal(
            name=f"nat-{letter}-ports",
            summary=f"NAT gateway {letter} has no free port: new connections to the internet fail",
            metric="ErrorPortAllocation",
            statistic="Sum",
            threshold=0,
            periods=5,
            datapoints=2,
            severity=Severity.PAGE,
            runbook="nat-gateway",
        ),
        signal(
            name=f"nat-{letter}-drops",
            summary=f"NAT gateway {letter} drops packets",
            metric="PacketsDropCount",
            statistic="Sum",
            threshold=100,
            period=300,
            periods=3,
            severity=Severity.TICKET,
            runbook="nat-gateway",
        ),
    ]
