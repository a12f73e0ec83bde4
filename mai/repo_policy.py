"""A repo's own `mai.toml`: it is read from the base commit and can only make things stricter."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mai.errors import SettingsError
from mai.globs import is_glob
from mai.proposal import Level
from mai.settings import sentence_of
from mai.text import one_line


class RepoPolicy(BaseModel):
    """A repo's `mai.toml`: an allow-list of keys that can only tighten.

    `leave_alone` holds globs, as in a `.gitignore`, of paths that no proposal may touch; `risk`
    raises levels per rule; `limits` lowers values (same names as in the user's settings) for every
    profile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    test_command: str | list[str] | None = None
    test_report: str | None = None
    leave_alone: tuple[str, ...] = ()
    risk: Mapping[str, Level] = Field(default_factory=dict)
    limits: Mapping[str, float] = Field(default_factory=dict)

    @field_validator("leave_alone")
    @classmethod
    def _are_globs(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        for glob in globs:
            if not is_glob(glob):
                raise ValueError(f"{one_line(glob, 40)!r} is no pattern that a path could match")
        return globs

    @field_validator("test_command")
    @classmethod
    def _check_command(cls, command: str | list[str] | None) -> str | list[str] | None:
        if isinstance(command, str):
            shlex.split(command)  # a ValueError says which quote is open
        return command

    @classmethod
    def read(cls, data: bytes | None) -> RepoPolicy:
        """Read `mai.toml` as the base commit has it, None where it has none.

        Raises:
            SettingsError: it is not TOML, has a key that is not on the list, or a bad value. A
                typo in a tightening must not loosen it in silence.
        """
        if data is None:
            return cls()
        try:
            return cls.model_validate(tomllib.loads(data.decode("utf-8")))
        except ValidationError as error:
            raise SettingsError("mai.toml: " + sentence_of(error)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"mai.toml cannot be read: {one_line(str(error))}.") from error
        except RecursionError as error:
            raise SettingsError(
                "mai.toml cannot be read: its values are nested too deep."
            ) from error
