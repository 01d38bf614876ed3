"""What an account may cost, and who is told."""
