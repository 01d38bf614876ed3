"""The kind `recovery`: what another Region keeps of the environments."""
