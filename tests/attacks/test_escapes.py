"""Code that reaches out: for the kernel, the network, the host, the supervisor."""

from __future__ import annotations

import socket

import pytest

from mai.jobs import TestOutcome
from tests.sandboxes import Trial

pytestmark = pytest.mark.docker

#: x86-64 and aarch64 numbers of calls that no filter of ours lets through.
CALLS = """\
import ctypes, errno, platform, pytest
NUMBERS = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "ptrace": (101, 117), "bpf": (321, 280),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "fsopen": (430, 430), "open_tree": (428, 428), "move_mount": (429, 429),
    "mount_setattr": (442, 442), "swapon": (167, 224), "reboot": (169, 142),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "syslog": (103, 116),
    "acct": (163, 89), "quotactl": (179, 60), "sethostname": (170, 161),
    "kcmp": (312, 272), "memfd_create": (319, 279), "fanotify_init": (300, 262),
    "vmsplice": (278, 75), "shmget": (29, 194), "msgget": (68, 186),
}
libc = ctypes.CDLL(None, use_errno=True)
column = {"x86_64": 0, "aarch64": 1}[platform.machine()]

@pytest.mark.parametrize("name", NUMBERS)
def test_call(name):
    assert libc.syscall(NUMBERS[name][column], 0, 0, 0, 0, 0) == -1
    assert ctypes.get_errno() == errno.EPERM

@pytest.mark.parametrize("flag", [0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000,
                                  0x40000000, 0x00020000])
def test_clone_into_a_namespace(flag):
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    assert libc.syscall(number, flag | 17, 0, 0, 0, 0) == -1
    assert ctypes.get_errno() == errno.EPERM

def test_clone3_is_not_there():
    assert libc.syscall(435, 0, 0) == -1
    assert ctypes.get_errno() == errno.ENOSYS

def test_personality():
    assert libc.personality(ctypes.c_ulong(0xFFFFFFFF)) == 0
    assert libc.personality(0x0040000) == -1
    assert ctypes.get_errno() == errno.EPERM
"""


def test_system_calls_that_reach_out_are_refused(trial: Trial) -> None:
    result = trial({"test_a.py": CALLS})
    bad = [name for name, outcome in result.outcomes.items() if outcome is not TestOutcome.PASSED]
    assert bad == [], result.output
    assert len(result.outcomes) == 43 + 7 + 2


def test_there_is_no_network(trial: Trial) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(
            ("0.0.0.0", 0)  # noqa: S104 - the container must not reach this either
        ) as public,
    ):
        ports = (listener.getsockname()[1], public.getsockname()[1])
        body = f"""\
import os, socket, pytest
@pytest.mark.parametrize("port", {ports})
@pytest.mark.parametrize("host", ["127.0.0.1", "172.17.0.1", "169.254.169.254", "8.8.8.8", "::1"])
def test_tcp(host, port):
    with pytest.raises(OSError):
        socket.create_connection((host, port), timeout=2)
@pytest.mark.parametrize("name", ["example.com", "host.docker.internal", "metadata.google"])
def test_names(name):
    with pytest.raises(OSError):
        socket.getaddrinfo(name, 80)
def test_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, pytest.raises(OSError):
        s.sendto(b"x", ("8.8.8.8", 53))
STRANGE = [(2, 3), (10, 3), (17, 3), (17, 2), (38, 5), (40, 1), (29, 3), (31, 3)]
@pytest.mark.parametrize("family,kind", STRANGE)
def test_raw_and_strange_families(family, kind):
    with pytest.raises(OSError):
        socket.socket(family, kind)
@pytest.mark.parametrize("protocol", [*range(1, 23)])
def test_netlink_lists_interfaces_and_no_more(protocol):
    assert socket.if_nameindex() == [(1, "lo")]
    with pytest.raises(PermissionError):
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
def test_only_loopback():
    assert os.listdir("/sys/class/net") == ["lo"]
SOCKETS = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"]
@pytest.mark.parametrize("path", SOCKETS)
def test_engine(path):
    with socket.socket(socket.AF_UNIX) as s, pytest.raises(OSError):
        s.connect(path)
def test_abstract_sockets():
    assert not [line for line in open("/proc/net/unix").read().splitlines()[1:] if "@" in line]
"""
        result = trial({"test_a.py": body})
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output
    assert len(result.outcomes) == 10 + 3 + 1 + 8 + 22 + 1 + 3 + 1


def test_there_is_no_way_to_more_rights(trial: Trial) -> None:
    body = """\
import os, subprocess, pytest
def setuid_programs():
    for folder in ("/bin", "/usr/bin", "/sbin", "/usr/sbin"):
        for entry in os.scandir(folder):
            if entry.is_file() and entry.stat().st_mode & 0o6000: yield entry.path
def test_there_are_no_setuid_programs():
    assert list(setuid_programs()) == []
def test_own_setuid_bit_gives_nothing():
    with open("/repo/me", "w") as file: file.write("#!/bin/sh\\nid -u\\n")
    os.chmod("/repo/me", 0o6755)
    assert subprocess.run(["/repo/me"], capture_output=True).stdout.strip() == b"65534"
CALLS = [
    lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]),
    lambda: os.chown("/repo", 0, 0), lambda: os.mknod("/repo/d", 0o060600, 0x800),
    lambda: os.mknod("/repo/d", 0o020600, 0x101),
]
@pytest.mark.parametrize("call", CALLS)
def test_becoming_root(call):
    with pytest.raises(OSError): call()
OTHERS = [
    "/x", "/opt/mai/sandbox/harness.py", "/usr/bin/x", "/etc/passwd", "/dev/x", "/root/x",
    "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/x",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/pids.max",
    "/sys/fs/cgroup/memory.max", "/proc/1/oom_score_adj", "/var/tmp/x", "/run/x", "/dev/mqueue/x",
]
@pytest.mark.parametrize("path", OTHERS)
def test_writing(path):
    with pytest.raises(OSError): open(path, "w")
SECRETS = [
    "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun",
    "/proc/kcore", "/proc/keys", "/proc/timer_list", "/etc/shadow", "/sys/firmware/efi",
]
@pytest.mark.parametrize("path", SECRETS)
def test_reading(path):
    try:
        content = open(path, "rb").read(1)
    except OSError:
        return
    assert content == b""  # the engine puts an empty file in its place
def test_the_tree_and_two_scratch_folders_are_all_there_is_to_write_to():
    places = [line.split()[1] for line in open("/proc/self/mounts")]
    open_to_all = [place for place in places if os.access(place, os.W_OK) and os.path.isdir(place)]
    assert set(open_to_all) <= {"/repo", "/tmp", "/dev/shm"}
def test_what_runs_from_the_scratch_folder_gains_nothing():
    with open("/tmp/me", "w") as file: file.write("#!/bin/sh\\ngrep CapEff /proc/self/status\\n")
    os.chmod("/tmp/me", 0o4755)
    assert set(subprocess.check_output(["/tmp/me"], text=True).split()[1]) == {"0"}
def test_limits_cannot_be_raised():
    import resource
    with pytest.raises(ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
"""
    result = trial({"test_a.py": body})
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output


def test_the_supervisor_cannot_be_read_written_or_stopped(trial: Trial) -> None:
    body = """\
import os, signal, pytest
@pytest.mark.parametrize("path", ["mem", "environ", "fd/0", "fd/1", "maps", "root", "cwd/x"])
@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_files(path, mode):
    with pytest.raises(OSError):
        open(f"/proc/1/{path}", mode)
def test_fds():
    with pytest.raises(OSError):
        os.listdir("/proc/1/fd")
def test_signals():
    for number in range(1, 65):
        if number not in (32, 33): os.kill(1, number)
def test_kill_all():
    child = os.fork()
    if child == 0: signal.pause()
    os.kill(-1, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
def test_priorities():
    with pytest.raises(OSError):
        os.setpriority(os.PRIO_PROCESS, 1, 19)
    with pytest.raises(OSError):
        os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))
    with pytest.raises(OSError):
        os.sched_setaffinity(1, {0})
def test_ptrace():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.ptrace(16, 1, 0, 0) == -1
def test_limits_stay():
    import resource
    with pytest.raises(OSError):
        resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
"""
    result = trial({"test_a.py": body})
    assert len(result.outcomes) == 20
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output
