"""RDS instances and ElastiCache replication groups: PostgreSQL and Valkey servers."""
