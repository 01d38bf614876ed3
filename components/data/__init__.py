"""PostgreSQL, Redis and buckets."""
