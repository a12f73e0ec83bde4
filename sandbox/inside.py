"""Says, from where code under test stands, which isolation is in force. Prints one JSON object."""

from __future__ import annotations

import json
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _limit(*places: str) -> int | None:
    """Return the first number found among cgroup files, None where it is unlimited or hidden."""
    for place in places:
        try:
            text = (_CGROUP / place).read_text("ascii").split()[0]
        except (OSError, IndexError):
            continue
        return int(text) if text.lstrip("-").isdigit() else None
    return None


def _is_refused(place: str) -> bool:
    """Whether a file cannot be made at `place`."""
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return True
    os.close(descriptor)
    Path(place).unlink()
    return False


def _is_writable(folder: str) -> bool:
    return not _is_refused(f"{folder.rstrip('/')}/.probe")


def _names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def _mounts() -> dict[str, list[str]]:
    lines = (line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines())
    return {fields[1]: fields[3].split(",") for fields in lines}


def main() -> None:
    """Print what holds here."""
    status, mounts = _status(), _mounts()
    print(  # noqa: T201 - its output is its result
        json.dumps(
            {
                "uid": os.getuid(),
                "gid": os.getgid(),
                "groups": os.getgroups(),
                "no_new_privileges": status.get("NoNewPrivs", "").strip() == "1",
                "capabilities": {
                    name: status.get(name, "").strip() for name in ("CapEff", "CapPrm", "CapBnd")
                },
                "seccomp": {"0": "off", "1": "strict", "2": "filter"}.get(
                    status.get("Seccomp", "").strip(), "unknown"
                ),
                "network_interfaces": sorted(
                    path.name for path in Path("/sys/class/net").iterdir()
                ),
                "root_is_read_only": "ro" in mounts["/"] and _is_refused("/opt/mai/probe"),
                "writable_mounts": sorted(place for place in mounts if _is_writable(place)),
                "memory_bytes": _limit("memory.max", "memory/memory.limit_in_bytes"),
                "pids": _limit("pids.max", "pids/pids.max"),
                "cpu_quota_us": _limit("cpu.max", "cpu/cpu.cfs_quota_us"),
                "processes": sum(name.isdigit() for name in _names("/proc")),
                "environment": sorted(os.environ),
            }
        )
    )


if __name__ == "__main__":
    main()
