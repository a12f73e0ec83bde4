"""Engines that do not answer or cannot isolate: nothing is run."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mai import scratch
from mai.errors import NoEngine, SandboxError
from mai.jobs import Job, Limits
from mai.sandbox import wheels
from mai.sandbox.engine import connect, lacking, runtime_of, unusable_host
from mai.sandbox.image import ensure_image
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

SOUND = {
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
    "OSType": "linux",
}


def test_an_engine_that_can_do_all_lacks_nothing() -> None:
    assert lacking(SOUND) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MemoryLimit": False}, "memory"),
        ({"SwapLimit": False}, "swap"),
        ({"PidsLimit": None}, "processes"),
        ({"CpuCfsQuota": False}, "processor"),
        ({"SecurityOptions": None}, "seccomp"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp"),
        ({"OSType": "windows"}, "Linux"),
    ],
)
def test_an_engine_that_cannot_isolate_is_refused(change: dict[str, object], words: str) -> None:
    assert words in " ".join(lacking({**SOUND, **change}))
    assert lacking({}) != []


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "nonsense", "tcp://127.0.0.1:1"])
def test_no_engine_is_one_sentence_and_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, host: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(NoEngine, match="DOCKER_HOST") as caught:
        DockerSandbox(load()).run(Job(files=(), limits=limits))
    assert "\n" not in str(caught.value)


def test_something_else_on_the_socket_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
        with pytest.raises(NoEngine):
            connect(load())


@pytest.mark.docker
def test_an_image_that_is_not_there_is_named_with_the_command_that_gets_it() -> None:
    settings = load(sandbox_docker_image="nowhere.invalid/none:1")
    with pytest.raises(NoEngine, match=r"docker pull nowhere\.invalid/none:1"):
        _ = DockerSandbox(settings).image


@pytest.mark.docker
def test_an_image_once_built_is_found_again_without_a_word() -> None:
    said: list[str] = []
    settings = load()
    engine = connect(settings)
    try:
        first = ensure_image(engine, settings, lambda _: None)
        assert ensure_image(engine, settings, said.append) == first
    finally:
        engine.close()
    assert said == []


@pytest.mark.docker
def test_an_image_of_the_users_own_gets_the_harness(limits: Limits) -> None:
    engine = connect(load())
    try:
        base = ensure_image(engine, load(), lambda _: None)
        name = "mai-test-own:latest"
        engine.client.api.tag(base, name)
        assert DockerSandbox(load(sandbox_docker_image=name)).image == base
        container = engine.client.api.create_container(base, ["true"])["Id"]
        own = engine.client.api.commit(
            container, "mai-test-own", "changed", changes="LABEL mai.image="
        )
        engine.client.api.remove_container(container)
        box = DockerSandbox(load(sandbox_docker_image="mai-test-own:changed"))
        try:
            assert box.image not in {base, own["Id"]}
            result = box.run(Job(files=(), limits=limits, command=("echo", "hi")))
            assert result.output == "hi\n"
        finally:
            box.close()
            engine.client.api.remove_image(result.image, force=True)
            for tag in ("latest", "changed"):
                engine.client.api.remove_image(f"mai-test-own:{tag}")
    finally:
        engine.close()


def test_a_build_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with scratch.folder("test") as folder, pytest.raises(SandboxError, match="pip says") as caught:
        wheels.download(folder, ["--no-deps", "pytest"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "more", "says"),
    [
        ("ssh://somebody@elsewhere", {}, "forward its socket"),
        ("tcp://192.0.2.1:2375", {}, "without encryption"),
        ("http://engine.example:2375", {}, "without encryption"),
        ("tcp://192.0.2.1:2376", {"DOCKER_TLS_VERIFY": "1"}, ""),
        ("tcp://127.0.0.1:2375", {}, ""),
        ("tcp://[::1]:2375", {}, ""),
        ("tcp://localhost:2375", {}, ""),
        ("unix:///run/user/1000/podman/podman.sock", {}, ""),
        ("", {}, ""),
    ],
)
def test_another_machine_is_used_only_where_nobody_can_listen_in(
    host: str, more: dict[str, str], says: str
) -> None:
    problem = unusable_host({"DOCKER_HOST": host, **more})
    assert says in problem
    assert bool(problem) is bool(says)


def test_an_engine_elsewhere_without_encryption_is_refused_before_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(NoEngine, match="encryption"):
        connect(load())


SOUND_GVISOR = {"path": "/usr/bin/runsc", "runtimeArgs": ["--platform=ptrace", "--network=none"]}
LOOSE_GVISOR = {"path": "/usr/bin/runsc", "runtimeArgs": ["--ignore-cgroups"]}


@pytest.mark.parametrize(
    ("runtimes", "wanted", "found"),
    [
        ({"runc": {"path": "runc"}}, None, ""),
        ({"runc": {"path": "runc"}}, "runc", "runc"),
        ({"runc": {}, "runsc": SOUND_GVISOR}, None, "runsc"),
        ({"runc": {}, "runsc": SOUND_GVISOR}, "runc", "runc"),
        ({"runc": {}, "runsc": LOOSE_GVISOR}, None, ""),
        ({"runsc": {"path": "runsc"}}, None, "runsc"),
        (None, None, ""),
    ],
)
def test_gvisor_is_taken_where_it_keeps_to_limits(
    runtimes: object, wanted: str | None, found: str
) -> None:
    assert runtime_of({"Runtimes": runtimes}, wanted) == found


@pytest.mark.parametrize(
    ("runtimes", "says"),
    [({"runsc": LOOSE_GVISOR}, "ignores limits"), ({"runc": {}}, "no runtime")],
)
def test_a_runtime_that_was_asked_for_and_is_not_sound_is_refused(
    runtimes: dict[str, object], says: str
) -> None:
    with pytest.raises(NoEngine, match=says):
        runtime_of({"Runtimes": runtimes}, "runsc")


@pytest.mark.docker
def test_a_named_runtime_is_used(limits: Limits) -> None:
    box = DockerSandbox(load(sandbox_runtime="runc"))
    try:
        result = box.run(Job(files=(), limits=limits, command=("echo", "hi")))
        assert result.output == "hi\n"
        assert box.status()["runtime"] == "runc"
    finally:
        box.close()


@pytest.mark.docker
def test_an_engine_behind_a_port_works_like_one_behind_a_socket(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forwarded() as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        box = DockerSandbox(load(sandbox_pool=1))
        try:
            box.keep_warm(may_wait=True)
            assert box.pool().wait_full(60)
            for _ in range(2):
                result = box.run(Job(files=(), limits=limits, command=("sh", "-c", "echo hi")))
                assert result.output == "hi\n"
        finally:
            box.close()


@contextmanager
def forwarded() -> Iterator[int]:
    """Pass connections to a port on loopback on to the engine's socket."""
    talks: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                talk, _ = listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect("/var/run/docker.sock")
                talks.extend((talk, engine))
                for ends in ((talk, engine), (engine, talk)):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, daemon=True)
        server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()
            for talk in talks:
                talk.close()
