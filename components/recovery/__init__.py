"""What brings data back: vaults of backups, the plan that fills them, tests that restore, copies in another Region."""
