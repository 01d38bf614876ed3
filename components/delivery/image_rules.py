"""Which images of a repository go, as the document that ECR takes; pure."""

from __future__ import annotations

from typing import Any

#: Days after which an image without a tag goes: what a push left behind that never ended.
UNTAGGED_DAYS = 14


def lifecycle(kept: int) -> dict[str, Any]:
    """The lifecycle policy that keeps the youngest `kept` images, 2 or more: the one that runs and one to go back to."""
    if kept < 2:
        raise ValueError(f"kept: {kept}; accepted: 2 and more, the image that runs and one to go back to")
    return {
        "rules": [
            _rule(
                1,
                f"images without a tag for {UNTAGGED_DAYS} days",
                {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": UNTAGGED_DAYS,
                },
            ),
            _rule(
                2,
                f"all but the youngest {kept}",
                {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": kept},
            ),
        ]
    }


def _rule(priority: int, description: str, selection: dict[str, Any]) -> dict[str, Any]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }
