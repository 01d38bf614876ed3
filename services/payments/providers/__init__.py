"""Payment providers: one port, and an adapter for each of them over its HTTP API."""
