"""What stands where AWS stands on one machine: engine, provider, emulator and data plane."""
