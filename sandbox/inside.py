"""Says, from where code under test stands, which isolation is in force. Prints one JSON object."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_FLAGS = frozenset({"ro", "rw", "noexec", "nosuid", "nodev"})
#: Numbers on x86-64 and aarch64.
_REACHING_OUT = {
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_by_handle_at": (304, 265),
    "process_vm_readv": (310, 270),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "reboot": (169, 142),
}


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


@dataclass(frozen=True, slots=True)
class _Mount:
    kind: str
    options: tuple[str, ...]


def _mounts() -> dict[str, _Mount]:
    lines = (line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines())
    return {fields[1]: _Mount(fields[2], tuple(fields[3].split(","))) for fields in lines}


def _devices() -> list[str]:
    found = (path for path in Path("/dev").iterdir() if not path.is_symlink())
    return sorted(path.name for path in found if path.is_char_device() or path.is_block_device())


def _refused_calls() -> list[str]:
    """Return which of the calls that reach out of a container are refused, each really made."""
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if column is None:
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    refused = []
    for name, numbers in _REACHING_OUT.items():
        # Bad arguments on purpose: where a filter lets the call through, it fails for those.
        answer = libc.syscall(numbers[column], -1, -1, -1, -1, -1)
        if answer == -1 and ctypes.get_errno() == errno.EPERM:
            refused.append(name)
    return refused


def _size(place: str) -> int:
    status = os.statvfs(place)
    return status.f_frsize * status.f_blocks


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
                "seccomp_filters": int(status.get("Seccomp_filters", "0")),
                "refused_calls": _refused_calls(),
                "devices": _devices(),
                "masked": sorted(
                    place
                    for place, mount in mounts.items()
                    if place.startswith(("/proc/", "/sys/")) and mount.kind in {"tmpfs", "devtmpfs"}
                ),
                "read_only": sorted(
                    place for place, mount in mounts.items() if "ro" in mount.options
                ),
                "folders": {
                    place: [f"{_size(place) >> 20} MiB", *sorted(_FLAGS & set(mount.options))]
                    for place, mount in mounts.items()
                    if place in {"/repo", "/tmp", "/dev/shm"}  # noqa: S108 - the container's
                },
                "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                "core_bytes": resource.getrlimit(resource.RLIMIT_CORE)[1],
                "kernel": f"{platform.system()} {platform.release()}",
                "root_is_read_only": "ro" in mounts["/"].options and _is_refused("/opt/mai/probe"),
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
