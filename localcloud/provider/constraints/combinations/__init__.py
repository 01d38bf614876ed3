"""Combinations that no schema tells: properties that make each other impossible, and documents inside properties.

A module per part of AWS, a check per kind; each check sees a resource's inputs, known or not, and yields (property, reason).
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.provider.constraints.combinations import ecs, elasticache, lb, network, rds, rds_parameters, services
from localcloud.provider.constraints.combinations.given import Check

CHECKS: Mapping[str, tuple[Check, ...]] = {
    **ecs.CHECKS,
    **elasticache.CHECKS,
    **lb.CHECKS,
    **network.CHECKS,
    **rds.CHECKS,
    **rds_parameters.CHECKS,
    **services.CHECKS,
}
