"""The audit: what is judged (a state file), the report, and the evidence that is written from it."""
