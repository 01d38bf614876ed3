"""The supervisor that owns every process, its control API and the client of it."""
