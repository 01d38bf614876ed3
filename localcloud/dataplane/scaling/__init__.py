"""Application Auto Scaling: target tracking and scheduled actions of ECS services."""
