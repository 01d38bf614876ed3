"""Reusable Pulumi components; imports no other room: everything a component needs comes in through its arguments."""
