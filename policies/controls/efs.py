"""Controls on EFS file systems."""

from __future__ import annotations

from policies.model import Control, Severity
from policies.rules import is_true

FILE_SYSTEM = "aws:efs/fileSystem:FileSystem"

CONTROLS: tuple[Control, ...] = (
    Control(
        id="EFS.1",
        severity=Severity.MEDIUM,
        remediation="Set encrypted=True on the efs.FileSystem (EFS replaces the file system).",
        rule=is_true(FILE_SYSTEM, "encrypted"),
    ),
)
