"""The Pulumi engine on this machine: find or build the CLI, run it, read its event stream."""
