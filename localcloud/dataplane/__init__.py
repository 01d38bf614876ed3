"""What RDS, ElastiCache, ALB and ECS agents do, on one machine."""
