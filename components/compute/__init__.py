"""ECS cluster, services, their scaling and their IAM."""
