"""What one check of the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """`warn`: Mai works, something is missing. `fail`: a part of Mai cannot work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `mend` is the command that puts it right, empty where all is well."""

    name: str
    status: Status
    text: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the object that `mai doctor --json` lists."""
        return {
            "name": self.name,
            "status": self.status.value,
            "text": self.text,
            "mend": self.mend,
        }
