"""What a container can reach: nothing but itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from mai.jobs import Job, Limits, RunResult, TestOutcome, TreeFile
from mai.proposal import Verdict
from mai.sandbox.trial import DockerSandbox

pytestmark = pytest.mark.docker
Trial = Callable[..., RunResult]


def test_ordinary_programs_work(trial: Trial) -> None:
    body = """\
import asyncio, multiprocessing, os, shutil, socket, sqlite3, subprocess, sys, tempfile, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
def double(n): return 2 * n
def test_threads():
    with ThreadPoolExecutor(4) as pool: assert list(pool.map(double, range(4))) == [0, 2, 4, 6]
def test_processes():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context) as pool: assert list(pool.map(double, [1, 2])) == [2, 4]
def test_fork():
    with multiprocessing.get_context("fork").Pool(2) as pool: assert pool.map(double, [1]) == [2]
def test_subprocess():
    assert subprocess.check_output(["sh", "-c", "echo $HOME"], text=True) == "/tmp/home\\n"
def test_asyncio():
    async def talk():
        async def serve(reader, writer):
            writer.write(await reader.read(5)); writer.close()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello"); assert await reader.read() == b"hello"
        writer.close(); server.close()
    asyncio.run(talk())
def test_unix_sockets(tmp_path):
    a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"; a.close(); b.close()
def test_sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("pragma journal_mode=wal"); db.execute("create table t (n)")
def test_files(tmp_path):
    (tmp_path / "a").write_text("x"); shutil.copytree(tmp_path, tmp_path.parent / "copy")
    os.mkfifo(tmp_path / "f"); os.symlink("a", tmp_path / "l"); os.chmod(tmp_path / "a", 0o600)
def test_scripts_of_the_repo_can_be_started():
    with open("/repo/run.sh", "w") as file: file.write("#!/bin/sh\\nexit 7\\n")
    os.chmod("/repo/run.sh", 0o755)
    assert subprocess.run(["/repo/run.sh"]).returncode == 7
def test_capture(capsys, capfd):
    pass
def test_capsys(capsys):
    print("x"); assert capsys.readouterr().out == "x\\n"
def test_capfd(capfd):
    os.system("echo x"); assert capfd.readouterr().out == "x\\n"
def test_input_is_empty():
    assert sys.stdin.read() == ""
def test_monkeypatch(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
""".replace("def test_capture(capsys, capfd):\n    pass\n", "")
    result = trial({"test_a.py": body})
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output


def test_nothing_of_the_hosts_environment_is_inside(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "made-up-secret")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    inside = json.loads(trial({}, command=("python3", "-c", script)).output)
    assert inside.pop("PATH")
    assert inside == {
        "HOME": "/tmp/home",  # noqa: S108 - the container's
        "USER": "nobody",
        "LOGNAME": "nobody",
        "SHELL": "/bin/sh",
        "TERM": "xterm-256color",
        "TMPDIR": "/tmp",  # noqa: S108 - the container's
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": "/repo:/repo/src",
        "MAI_IN_SANDBOX": "1",
    }


def test_status_tells_what_is_in_force_inside(sandbox: DockerSandbox) -> None:
    status = sandbox.status()
    assert status["uid"] == status["gid"] == 65534
    assert status["no_new_privileges"] is True
    assert set(status["capabilities"].values()) == {"0000000000000000"}
    assert status["seccomp"] == "filter"
    assert status["network_interfaces"] == ["lo"]
    assert status["root_is_read_only"] is True
    assert status["devices"] == ["full", "null", "random", "tty", "urandom", "zero"]
    assert {"mount", "unshare", "ptrace", "bpf", "keyctl", "setns"} <= set(status["refused_calls"])
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware"} & set(status["masked"])
    assert "/proc/sys" in status["read_only"]
    assert {"nosuid", "nodev"} <= set(status["folders"]["/tmp"])  # noqa: S108 - the container's
    assert status["core_bytes"] == 0
    assert status["runtime"]
    assert status["pool"]["size"] >= 1
    assert set(status["writable_mounts"]) == {"/repo", "/tmp", "/dev/shm"}  # noqa: S108 - the container's
    assert status["memory_bytes"] == (256 + 4) << 20  # and room for a small tree
    assert status["pids"] == 25
    assert status["image"] == sandbox.image
    assert sandbox.image.startswith("sha256:")
    assert "DISCORD_BOT_TOKEN" not in status["environment"]


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "sub/../../outside", "..", "a/../../b", "", "x\0y"]
)
def test_a_link_that_leaves_the_tree_is_not_in_the_container(
    sandbox: DockerSandbox, limits: Limits, target: str
) -> None:
    files = [TreeFile("link", 0o120000, os.fsencode(target))]
    result = sandbox.run(Job(files=files, limits=limits, command=("ls", "-A")))
    assert (result.output, result.left_out) == ("", ("link",))


def test_links_within_the_tree_are_kept(trial: Trial) -> None:
    tree = {
        "data/real.txt": "x",
        "deep/er/link.txt": "->../../data/real.txt",
        "folder": "->data",
        "test_a.py": "def test_x():\n"
        "    assert open('deep/er/link.txt').read() == open('folder/real.txt').read() == 'x'\n",
    }
    result = trial(tree)
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.PASSED}
    assert result.limit is Verdict.PASS
