"""The library that every service shares."""
