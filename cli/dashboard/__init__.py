"""The console: one page on loopback that says how the local platform is, served by `matchday dashboard` (ADR 0170)."""
