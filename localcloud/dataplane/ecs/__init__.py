"""The ECS scheduler and agent: services, tasks, containers, their logs, secrets and network names."""
