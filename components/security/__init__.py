"""KMS keys, generated secrets and security groups."""
