"""Typed settings of each environment (Pulumi.<stack>.yaml beside them)."""
