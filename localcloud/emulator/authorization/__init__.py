"""Whether a task's role may do what it asks of the emulator: IAM's decision, as far as a laptop can make it."""
