"""The scoring engine: pure functions over rules documents and match events."""
