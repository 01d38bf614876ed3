"""One module per AWS service, each a table of pure controls."""
