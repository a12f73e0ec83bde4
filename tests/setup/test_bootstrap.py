"""Engines of their own, each in a network namespace: the machine's engine is not touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import psutil
import pytest

from mai.sandbox.base_image import BASES, MADE_HERE, PUBLISHED
from mai.sandbox.bootstrap import ensure_base, ensure_engine

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="starts an engine of its own, for which it must be root",
)

# In namespaces of its own: `--bridge=none` removes the bridge it finds, and a killed engine leaves
# its data folder mounted.
_START = """
import sys
from pathlib import Path
from mai.errors import NoEngine
from mai.sandbox.bootstrap import EnginePlace, ensure_engine
top = Path(sys.argv[1])
place = EnginePlace(
    top / "s", top / "pid", top / "log",
    ("--data-root", f"{top}/data", "--exec-root", f"{top}/exec", "--bridge=none",
     "--iptables=false", *sys.argv[2:]),
    grace_s=4,
)
try:
    ensure_engine(print, place=place)
except NoEngine as error:
    sys.exit(str(error))
"""


def started(top: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["unshare", "--net", "--mount", sys.executable, "-c", _START, str(top), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def engine_process(top: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((top / "pid").read_text()))
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if process.name() == "dockerd" else None


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder for an engine; the engine ends with it."""
    # Not `tmp_path`: containerd's sockets are deep within, and a socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="mai-") as name:
        folder = Path(name)
        yield folder
        if process := engine_process(folder):
            process.terminate()
            process.wait(timeout=60)


def client_of(top: Path) -> docker.DockerClient:
    return docker.DockerClient(base_url=f"unix://{top}/s")


@needs_root
@pytest.mark.docker
def test_two_who_come_at_once_start_one_engine_that_outlives_both(top: Path) -> None:
    # Left by a killed engine, and the number is in use again: by this very process.
    (top / "pid").write_text(str(os.getpid()))
    both = [started(top), started(top)]
    outcomes = [ended(one) for one in both]
    assert [(code, err) for code, _, err in outcomes] == [(0, ""), (0, "")]
    said = "".join(out for _, out, _ in outcomes)
    assert said.count("Starting the container engine") == 1
    engine = engine_process(top)
    assert engine is not None
    client = client_of(top)
    assert client.ping()
    client.close()
    assert ended(started(top)) == (0, "", "")  # it answers: nothing is said or done
    assert engine_process(top) == engine


@needs_root
@pytest.mark.docker
def test_an_engine_that_was_killed_is_started_again(top: Path) -> None:
    assert ended(started(top))[0] == 0
    engine = engine_process(top)
    assert engine is not None
    engine.kill()
    engine.wait(timeout=30)
    assert (top / "pid").exists()
    assert ended(started(top))[0] == 0
    assert engine_process(top) not in {None, engine}


@needs_root
@pytest.mark.docker
def test_an_engine_that_dies_is_a_sentence_with_its_own_last_words(top: Path) -> None:
    code, _, err = ended(started(top, "--storage-driver=no-such-driver"))
    assert code == 1
    assert "did not start" in err
    assert "driver not supported" in err
    assert err.count("\n") == 1


def unprivileged() -> list[str]:
    """What makes a command run as nobody: root gives its rights up in a namespace of its own."""
    return ["unshare", "--user"] if os.geteuid() == 0 else []


def skip_where_nobody_can_be(stderr: str) -> None:
    if "unshare failed" in stderr:
        pytest.skip("this kernel has no user namespaces to be unprivileged in")
    if "unshare: failed to execute" in stderr:
        pytest.skip("without rights the folder of this checkout cannot be entered")


def test_without_root_the_sentence_says_what_to_do(public_folder: Path) -> None:
    command = [*unprivileged(), sys.executable, "-c", _START, str(public_folder)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    skip_where_nobody_can_be(answer.stderr)
    assert answer.returncode == 1
    assert answer.stderr == (
        "No container engine answers and this user may not start one; install one with "
        "`sudo apt-get install docker.io` or see docs.docker.com/engine/install.\n"
    )
    assert [path.name for path in public_folder.iterdir()] == ["pid.lock"]


def test_a_docker_host_that_is_silent_is_not_replaced_by_another_engine(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "mai.sandbox.bootstrap", "image"],
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 6
    assert answer.stderr == (
        f"DOCKER_HOST is unix://{tmp_path}/none and no engine answers there; "
        "start it, or unset DOCKER_HOST.\n"
    )


@pytest.mark.docker
def test_an_engine_that_answers_is_left_alone() -> None:
    said: list[str] = []
    ensure_engine(said.append)
    assert said == []


@pytest.mark.docker
def test_the_base_is_found_again_and_has_a_python() -> None:
    client = docker.from_env()
    try:
        first: list[str] = []
        name = ensure_base(client, first.append)
        assert name in BASES
        again: list[str] = []
        assert ensure_base(client, again.append) == name
        assert again == []
        output = client.containers.run(
            name,
            ["python3", "-c", "import sys; print(sys.version_info >= (3, 11))"],
            network_mode="none",
            remove=True,
        )
        assert output == b"True\n"
        if name == MADE_HERE:
            assert client.images.get(name).labels == {"mai.base": "1"}
    finally:
        client.close()


@pytest.fixture
def silent_registry() -> Iterator[str]:
    """An engine's API on loopback that has no image and never gets one: the pull just hangs."""
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b'{"message": "No such image"}'
            self.send_response(404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            release.wait()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    release.set()
    server.shutdown()
    server.server_close()
    thread.join()


_BASE = """
import sys
import docker
from mai.errors import NoEngine
from mai.sandbox import base_image
base_image._SILENCE_S = 0.5
client = docker.DockerClient(base_url=sys.argv[1], version="1.41")
try:
    base_image.ensure_base(client, print)
except NoEngine as error:
    sys.exit(str(error))
"""


def test_a_registry_that_never_answers_is_given_up(silent_registry: str) -> None:
    command = [*unprivileged(), sys.executable, "-c", _BASE, silent_registry]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    skip_where_nobody_can_be(answer.stderr)
    assert "The registry cannot be reached" in answer.stdout
    assert answer.stderr == (
        "No base image is here and none can be made without root on Debian; "
        f"run `docker pull {PUBLISHED}` where a registry can be reached.\n"
    )
