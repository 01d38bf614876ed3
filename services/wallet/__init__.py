"""Double-entry wallet."""
