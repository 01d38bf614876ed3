"""The `matchday` command: one thin module per subcommand, each calling one room."""
