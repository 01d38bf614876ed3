"""How hard the pack judges each control, by environment: `levels.yaml`."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.model import FRAMEWORK_KEYS, Control, Severity

LEVELS = Path(__file__).with_name("levels.yaml")


class Level(StrEnum):
    """Pulumi's enforcement levels (a control remediates nothing by itself)."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


class LevelsError(ValueError):
    """levels.yaml cannot be read or says something that there is not."""


class Choice(BaseModel):
    """A choice of controls; what is left empty does not narrow it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frameworks: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    services: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()

    def fits(self, control: Control) -> bool:
        """Whether `control` is among the chosen."""
        return (
            (not self.frameworks or any(FRAMEWORK_KEYS[key] in control.frameworks for key in self.frameworks))
            and (not self.severities or control.severity in self.severities)
            and (not self.services or control.service in self.services)
            and (not self.controls or control.id in self.controls)
        )

    def words(self) -> str:
        """The choice in words; "everything" when it does not narrow."""
        given = {name: value for name, value in self.model_dump(exclude={"level", "environments"}).items() if value}
        return "; ".join(f"{name}: {', '.join(map(str, value))}" for name, value in given.items()) or "everything"

    def model_post_init(self, context: object) -> None:
        """Refuse frameworks that there are not."""
        for key in self.frameworks:
            if key not in FRAMEWORK_KEYS:
                raise ValueError(f"framework {key!r}; accepted: {', '.join(FRAMEWORK_KEYS)}")


class LevelRule(Choice):
    """A level for the controls that fit, in some environments."""

    environments: tuple[str, ...] = ("*",)
    level: Level


class Levels(BaseModel):
    """The file as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environments: dict[str, Level] = Field(min_length=1)
    rules: tuple[LevelRule, ...] = ()

    def of(self, control: Control, environment: str) -> Level:
        """The level of `control` in `environment`; mandatory where the file says nothing."""
        for rule in self.rules:
            if any(fnmatchcase(environment, pattern) for pattern in rule.environments) and rule.fits(control):
                return rule.level
        for pattern, level in self.environments.items():
            if fnmatchcase(environment, pattern):
                return level
        return Level.MANDATORY

    def usual(self, environment: str) -> Level:
        """The level that an environment has before any rule narrows it."""
        return next(
            (level for pattern, level in self.environments.items() if fnmatchcase(environment, pattern)),
            Level.MANDATORY,
        )

    def names(self) -> tuple[str, ...]:
        """The environments that the file names by themselves."""
        return tuple(name for name in self.environments if not set(name) & set("*?["))


def load(path: Path = LEVELS) -> Levels:
    """The levels in `path`. Raises `LevelsError` that says where it is wrong."""
    try:
        return Levels.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LevelsError(f"{path}: cannot be read: {error}") from error
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise LevelsError(f"{path}: {'; '.join(problems)}") from error
