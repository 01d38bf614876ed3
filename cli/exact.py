"""What holds for every JSON document that a command prints."""

from __future__ import annotations

from pydantic import ConfigDict, with_config

#: A document of ours has no key that its type does not name, and no text where a number should be.
exact = with_config(ConfigDict(extra="forbid", strict=True))
