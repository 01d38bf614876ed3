"""Signals (what is watched and why), alarms, dashboards and log groups."""
