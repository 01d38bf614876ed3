"""Sources: what turns a provider's files into normalised match events."""
