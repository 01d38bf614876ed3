"""The AWS emulator process: moto server with snapshots."""
