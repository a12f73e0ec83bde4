from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mai import doctor
from mai.settings import Settings, load
from mai.system.check import Check, Status
from mai.system.health import diagnose, worst


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(
        memory_db_path=tmp_path / "data" / "mai.db",
        log_dir=tmp_path / "logs",
        ollama_endpoint=closed_port(),
        lmstudio_endpoint=closed_port(),
    )


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, Any]], str]]:
    """Serve JSON bodies by path on loopback; a path with None answers rubbish."""
    servers: list[ThreadingHTTPServer] = []

    def start(bodies: dict[str, Any]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = bodies.get(self.path)
                data = b"\xff<html>" if body is None else json.dumps(body).encode()
                self.send_response(200 if self.path in bodies else 404)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def found(settings: Settings, repo_dir: Path) -> dict[str, Check]:
    return {check.name: check for check in doctor.diagnose(settings, repo_dir)}


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True
    )


def test_everything_is_looked_at_once_and_each_fault_has_its_mend(
    settings: Settings, tmp_path: Path
) -> None:
    checks = doctor.diagnose(settings, tmp_path)
    names = [check.name for check in checks]
    assert len(set(names)) == len(names) == 16
    for check in checks:
        assert check.text.endswith(".")
        assert (check.status is Status.OK) == (check.mend == ""), check
        assert "\n" not in check.text + check.mend
        assert set(json.loads(json.dumps(check.as_json()))) == {"name", "status", "text", "mend"}


@pytest.mark.host
def test_repository_states(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "a repo"
    folder.mkdir()
    assert "no git repository" in found(settings, folder)["repository"].text
    git(folder, "init", "-b", "main")
    check = found(settings, folder)["repository"]
    assert "no commits" in check.text
    subprocess.run(
        shlex.split(check.mend),
        check=True,
        env={
            **os.environ,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@b",
        },
        capture_output=True,
    )
    check = found(settings, folder)["repository"]
    assert (check.status, check.text) == (Status.OK, f"{folder}, on branch main.")
    git(folder, "checkout", "--detach")
    check = found(settings, folder)["repository"]
    assert "detached" in check.text
    subprocess.run(shlex.split(check.mend), check=True, capture_output=True)
    assert found(settings, folder)["repository"].status is Status.OK
    git(tmp_path, "init", "--bare", "bare.git")
    assert "bare" in found(settings, tmp_path / "bare.git")["repository"].text


@pytest.mark.host
def test_a_git_environment_of_the_shell_does_not_answer_for_another_repository(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-b", "other", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere" / ".git"))
    assert "no git repository" in found(settings, tmp_path)["repository"].text


@pytest.mark.host
def test_a_missing_identity_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    git(tmp_path, "init")
    # git reads the machine's own configuration too; the repository's empty value outweighs it.
    git(tmp_path, "config", "user.email", "")
    git(tmp_path, "config", "user.name", "Ann")
    check = found(settings, tmp_path)["identity"]
    assert check.status is Status.WARN
    assert check.mend == 'git config --global user.email "…"'
    git(tmp_path, "config", "user.email", "ann@example.org")
    assert found(settings, tmp_path)["identity"].text == "Commits are Ann <ann@example.org>."


def test_a_program_that_is_not_there_is_a_finding(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = found(settings, tmp_path)
    assert checks["git"] == Check(
        "git", Status.FAIL, "git is not installed.", "sudo apt-get install git"
    )


@pytest.mark.host
def test_an_old_git_is_a_finding(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 2.37.9\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check = found(settings, tmp_path)["git"]
    assert check.status is Status.FAIL
    assert "2.38" in check.text


def test_servers_that_answer_are_listed_with_their_models(
    tmp_path: Path, serve: Callable[[dict[str, Any]], str]
) -> None:
    models = [{"name": f"m{number}:7b"} for number in range(5)]
    ollama = serve({"/api/tags": {"models": models}})
    lm_studio = serve({"/v1/models": {"data": [{"id": "one\x1b[31m"}]}})
    secret = ollama.replace("//", "//ann:hunter2@")
    checks = found(load(ollama_endpoint=secret, lmstudio_endpoint=f"{lm_studio}/v1"), tmp_path)
    assert checks["ollama"].text == f"{ollama} has m0:7b, m1:7b, m2:7b and 2 more."
    assert checks["lm studio"].text == f"{lm_studio} has one."


@pytest.mark.parametrize("body", [None, [], {"models": 7}, {"models": [1, {"x": 2}]}, {}])
def test_servers_that_answer_rubbish_break_nothing(
    tmp_path: Path, serve: Callable[[dict[str, Any]], str], body: object
) -> None:
    url = serve({"/api/tags": body, "/v1/models": body})
    checks = found(load(ollama_endpoint=url, lmstudio_endpoint=url), tmp_path)
    assert checks["ollama"].status is Status.WARN


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "http://[::1", "http://x y/"])
def test_an_endpoint_that_is_no_url_is_a_finding(tmp_path: Path, url: str) -> None:
    check = found(load(ollama_endpoint=url), tmp_path)["ollama"]
    assert check.status is not Status.OK


def test_a_server_that_never_answers_is_given_up(settings: Settings, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        checks = found(load(ollama_endpoint=url, lmstudio_endpoint=url), tmp_path)
    assert checks["ollama"].text == f"Nothing answers at {url}."


def test_no_engine_is_a_finding(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    checks = found(settings, tmp_path)
    assert checks["engine"].status is checks["sandbox image"].status is Status.FAIL
    assert checks["engine"].mend == f"{sys.executable} -m mai.sandbox.bootstrap engine"


def test_an_engine_without_limits_is_a_finding(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[dict[str, Any]], str],
) -> None:
    info = {"ServerVersion": "1", "MemoryLimit": True, "SecurityOptions": []}
    url = serve({"/version": {"ApiVersion": "1.41"}, "/v1.41/info": info})
    monkeypatch.setenv("DOCKER_HOST", url.replace("http", "tcp"))
    check = found(settings, tmp_path)["engine"]
    assert check.status is Status.FAIL
    assert "swap limits, process limits, CPU limits, seccomp" in check.text


@pytest.mark.docker
def test_this_engine_answers_and_a_named_image_is_looked_for(tmp_path: Path) -> None:
    checks = found(load(sandbox_docker_image="mai-test/none:1"), tmp_path)
    assert checks["engine"].status is Status.OK
    assert checks["sandbox image"].mend == "docker pull mai-test/none:1"


def test_discord_half_set_up_is_a_finding(tmp_path: Path) -> None:
    token = SecretStr("t")
    assert found(load(), tmp_path)["discord"].status is Status.OK
    assert found(load(discord_bot_token=token), tmp_path)["discord"].mend.startswith(
        "export DISCORD_USER_ID"
    )
    both = load(discord_bot_token=token, discord_user_id=7, discord_api=closed_port())
    silent = found(both, tmp_path)["discord"]
    assert silent.text.startswith("Discord cannot be reached")
    assert silent.mend.startswith("curl http://127.0.0.1:")


def test_a_check_that_breaks_is_a_finding_without_secrets(tmp_path: Path) -> None:
    def breaks(_settings: Settings, _folder: Path) -> Check:
        raise RuntimeError("no luck\nwith hunter2hunter2")

    settings = load(discord_bot_token=SecretStr("hunter2hunter2"))
    assert diagnose(settings, tmp_path, [("odd", breaks)]) == [
        Check(
            "odd",
            Status.FAIL,
            "It could not be checked: RuntimeError: no luck with [hidden].",
            "",
        )
    ]


def test_worst() -> None:
    checks = [Check("a", Status.OK, ""), Check("b", Status.FAIL, ""), Check("c", Status.WARN, "")]
    assert worst(checks) is Status.FAIL
    assert worst([]) is Status.OK
