"""The stack kind `environment`: the platform in one place, a module for each concern; program.py puts them together."""
