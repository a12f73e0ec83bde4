"""A container that waits on its standard input: how it is made, spoken to and removed.

A `Waiting` is what a pool can hold: started, pytest imported, nothing of any tree in it. It serves
one job and is removed.
"""

from __future__ import annotations

import socket
import ssl
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import docker
import psutil
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import LogConfig, Ulimit

from mai.errors import NoEngine, SandboxError, Undecided
from mai.jobs import Limits
from mai.resources import resource
from mai.text import one_line

OWNER, STARTED, HOST, SESSION = "mai.owner", "mai.started", "mai.host", "mai.session"
_USER = 65534
_HOSTNAME = "sandbox"
_SHARED_MEMORY_BYTES = 16 << 20
_SPARE_INODES = 16_384
#: More than the usual 1,024, which large suites pass, and few enough to try all of them.
_OPEN_FILES = 8192
_READY_S = 60
_END_S = 5
_KILLED = 137
#: The engine's frame (standard output, six bytes) around what a harness that waits has said.
_READY = b"\1\0\0\0\0\0\0\x06ready\n"
_SESSION = uuid.uuid4().hex[:12]


Stream = socket.socket | ssl.SSLSocket


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ended: what happened to it, in the past tense."""

    what: str
    was_out_of_memory: bool = False


@dataclass(slots=True)
class Waiting:
    """A started container and the open stream to its harness. Use once, then `remove`."""

    client: docker.DockerClient
    id: str
    stream: Stream
    #: What the SDK wraps around the stream; were it collected, the stream would be closed.
    wrapper: Any
    #: Whether its harness has said that it waits.
    is_ready: bool = False

    def await_ready(self, timeout_s: float = _READY_S) -> None:
        """Return once its harness waits for a job.

        Raises:
            SandboxError: it ended, said something else, or nothing in time.
        """
        self.stream.settimeout(timeout_s)
        said = b""
        try:
            while len(said) < len(_READY) and (data := self.stream.recv(len(_READY) - len(said))):
                said += data
        except OSError as error:
            raise SandboxError("A container did not get ready.") from error
        if said != _READY:
            raise SandboxError("A container ended before it was ready.")
        self.stream.settimeout(None)
        self.is_ready = True

    def is_alive(self) -> bool:
        """Whether one that is ready still waits: it has neither ended nor said anything more."""
        self.stream.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            self.stream.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            self.stream.settimeout(None)
        return False

    def kill(self) -> None:
        """Stop it at once; one that has ended already is as good.

        The stream ends as well: the engine will not kill a container that somebody paused.
        """
        with suppress(DockerException, requests.RequestException):
            self.client.api.kill(self.id)
        with suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)

    def remove(self) -> None:
        """Remove it and whatever it held.

        Raises:
            SandboxError: the engine would not.
        """
        self.disconnect()
        remove(self.client, self.id)

    def disconnect(self) -> None:
        """Close the stream. Before a removal: one that nobody reads blocks the engine's own kill.

        A container that loses its stream ends by itself.
        """
        with suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()
        # The SDK's wrapper keeps the socket open after `close` for as long as itself is.
        self.wrapper.close()

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used by the engine's account, 0 where it says none."""
        try:
            usage = self.client.api.stats(self.id, stream=False)["cpu_stats"]["cpu_usage"]
            return float(usage["total_usage"]) / 1e9
        except (DockerException, requests.RequestException, LookupError, TypeError, ValueError):
            return 0.0

    def ending(self) -> Ending:
        """Return how it ended by the engine's account, having waited a moment for its end."""
        api = self.client.api
        try:
            # An exception here only means that it goes on, which the next answer says better.
            with suppress(requests.RequestException):
                api.wait(self.id, timeout=_END_S)
            state = api.inspect_container(self.id)["State"]
            if state["Running"]:
                return Ending("was paused" if state["Paused"] else "was cut off")
            if state["OOMKilled"]:
                return Ending("ran out of memory", was_out_of_memory=True)
            code = int(state["ExitCode"])
        except NotFound:
            return Ending("was removed")
        except (DockerException, requests.RequestException, LookupError, TypeError, ValueError):
            return Ending("was lost with its engine")
        # The harness itself ends well only after its report, or when it has lost its owner.
        known = {0: "was cut off", _KILLED: "was killed"}
        return Ending(known.get(code, f"ended with exit code {code}"))


def remove(client: docker.DockerClient, container_id: str) -> None:
    """Remove a container, running or not; one that is gone is as good.

    Raises:
        SandboxError: the engine would not.
    """
    try:
        client.api.remove_container(container_id, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code == requests.codes.conflict:
            return  # somebody else is removing it already
        raise SandboxError(f"A container stays behind: {one_line(str(error))}.") from error
    except (DockerException, requests.RequestException) as error:
        raise SandboxError(f"A container may stay behind: {one_line(str(error))}.") from error


def start_waiting(
    client: docker.DockerClient,
    image: str,
    limits: Limits,
    *,
    tree_bytes: int = 0,
    tree_inodes: int = 0,
    runtime: str = "",
) -> Waiting:
    """Start a container whose harness waits for a job.

    Args:
        client: the engine.
        image: the image's id.
        limits: what it may use, the tree not counted.
        tree_bytes: room for the tree on top of `limits`; a tmpfs is memory.
        tree_inodes: files and folders of the tree.
        runtime: what runs it, "" for the engine's own choice.

    Raises:
        NoEngine: the engine went away.
        Undecided: it would not make the container, or what it answered is no answer.
    """
    api = client.api
    container_id = ""
    try:
        container_id = api.create_container(
            image,
            command=[],
            user=f"{_USER}:{_USER}",
            hostname=_HOSTNAME,
            stdin_open=True,
            detach=False,
            working_dir="/opt/mai",
            entrypoint=["python3", "-s", "-m", "sandbox.harness"],
            environment={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            labels=owner_labels(),
            host_config=api.create_host_config(
                **_host_options(limits, tree_bytes, tree_inodes),
                runtime=runtime or None,
            ),
        )["Id"]
        # Attached before the start, so that nothing it says is lost or left unread.
        stream, wrapper = _attach(client, container_id)
        try:
            api.start(container_id)
        except BaseException:
            stream.close()
            wrapper.close()  # it keeps the socket open for as long as itself is
            raise
    except APIError as error:
        _clear_away(client, container_id)
        reason = one_line(str(error.explanation or error)).removesuffix(".")
        raise Undecided(f"The engine cannot start a container: {reason}.") from error
    except (DockerException, requests.RequestException, OSError) as error:
        _clear_away(client, container_id)
        raise NoEngine(f"The container engine failed: {one_line(str(error))}.") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        _clear_away(client, container_id)
        raise Undecided("The engine's answer to a new container makes no sense.") from error
    return Waiting(client, container_id, stream, wrapper)


def _clear_away(client: docker.DockerClient, container_id: str) -> None:
    if container_id:
        with suppress(SandboxError):
            remove(client, container_id)


def _host_options(limits: Limits, tree_bytes: int, tree_inodes: int) -> dict[str, Any]:
    memory = limits.memory_bytes + tree_bytes
    inodes = _SPARE_INODES + tree_inodes
    owned = f"uid={_USER},gid={_USER},mode=0700,nr_inodes={inodes},nosuid,nodev"
    return {
        # Its one interface is the loopback, which has the names and addresses that it has anywhere.
        "network_mode": "none",
        "extra_hosts": {_HOSTNAME: "127.0.0.1"},
        "sysctls": _sysctls(),
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", f"seccomp={_seccomp()}"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(limits.cpus * 1e9),
        "pids_limit": limits.pids,
        "ipc_mode": "private",
        "shm_size": _SHARED_MEMORY_BYTES,
        "tmpfs": {
            # Repos start scripts of their own, and tests those that they write to `tmp_path`. What
            # can be run from here can be run by any Python: nothing in here is setuid, and no
            # program gains a privilege.
            "/repo": f"{owned},exec,size={limits.disk_bytes + tree_bytes}",
            "/tmp": f"{owned},exec,size={limits.disk_bytes}",  # noqa: S108 - the container's
            # The engine's own would be one more place to write to, and its queues a way around.
            "/dev/mqueue": "ro,size=4k,nr_inodes=1,mode=0555,nosuid,nodev,noexec",
        },
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES),
        ],
        "log_config": LogConfig(type="none"),
        "restart_policy": {"Name": "no"},
        "devices": [],
    }


@cache
def _sysctls() -> dict[str, str]:
    """Return what gives the loopback its IPv6 address, where the kernel knows IPv6."""
    # A name that the kernel does not know would keep the container from starting.
    if not Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6").exists():
        return {}
    return {"net.ipv6.conf.lo.disable_ipv6": "0", "net.ipv6.conf.all.disable_ipv6": "0"}


@cache
def _seccomp() -> str:
    return (resource("sandbox") / "seccomp.json").read_text("utf-8")


def _attach(client: docker.DockerClient, container_id: str) -> tuple[Stream, Any]:
    options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    wrapped = client.api.attach_socket(container_id, params=options)
    # The SDK hands out a read-only file around the socket; both directions are needed here.
    stream: Stream = getattr(wrapped, "_sock", wrapped)
    stream.settimeout(None)
    return stream, wrapped


# --- whose it is -----------------------------------------------------------------------------


def owner_labels() -> dict[str, str]:
    """Return the labels that say which process on which machine a container belongs to."""
    process = psutil.Process()
    return {
        OWNER: str(process.pid),
        STARTED: f"{process.create_time():.2f}",
        HOST: host_name(),
        SESSION: _SESSION,
    }


@cache
def host_name() -> str:
    """Return what tells this machine, and this set of process numbers, from others.

    An engine may be shared between machines or with containers, where the same process number is
    somebody else.
    """
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        machine = f"{uuid.getnode():x}"
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{machine}:{socket.gethostname()}:{namespace}"
