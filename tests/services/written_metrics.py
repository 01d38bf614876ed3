"""What a service wrote for CloudWatch, read as CloudWatch reads it."""

from __future__ import annotations

from collections import defaultdict

from localcloud.dataplane.watch.log_metrics import embedded, parsed


def written_metrics(text: str) -> dict[str, list[float]]:
    """By metric the values in what was printed, of whatever dimensions."""
    found: dict[str, list[float]] = defaultdict(list)
    for line in text.splitlines():
        for metric, value in embedded(parsed(line) or {}):
            found[metric.name].append(value)
    return dict(found)
