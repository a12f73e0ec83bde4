"""The script that tells a channel of a push, run as the workflow runs it, against a real server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / ".github" / "scripts" / "discord_sync.py"
SECRET = "/api/webhooks/123/abc-DEF_the-secret-part"


@dataclass(slots=True)
class Hook:
    """A webhook on loopback. `answers` are the statuses it gives, 204 when there are none left."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(made.answers.pop(0) if made.answers else 204)
            self.send_header("Retry-After", "0.01")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}{SECRET}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def commit(message: str = "Divide by the count", number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:040x}",
        "message": message,
        "timestamp": "2026-01-02T03:04:05+01:00",
        "author": {"name": "Ana Author", "email": "ana@example.org"},
        **more,
    }


def push(*commits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": "1" * 40,
        "after": "2" * 40,
        "compare": "https://github.com/ana/calc/compare/111...222",
        "created": False,
        "deleted": False,
        "forced": False,
        "commits": list(commits),
        "head_commit": commits[-1] if commits else None,
        "pusher": {"name": "ana"},
        "repository": {"full_name": "ana/calc", "html_url": "https://github.com/ana/calc"},
        **more,
    }


def run(
    tmp_path: Path, event: dict[str, Any] | str, webhook: str
) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT)],
        env={"GITHUB_EVENT_PATH": str(path), "WEBHOOK": webhook, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(tmp_path: Path, hook: Hook, event: dict[str, Any]) -> dict[str, Any]:
    """Run the script and return the one embed it sent."""
    ran = run(tmp_path, event, hook.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    (message,) = hook.got
    assert message["allowed_mentions"] == {"parse": []}
    (embed,) = message["embeds"]
    assert len(embed["title"]) <= 256
    assert len(embed["description"]) <= 4096
    return dict(embed)


def test_a_push_tells_who_what_when_and_the_trailers(tmp_path: Path, hook: Hook) -> None:
    message = (
        "Divide by the count\n\n`mean` was wrong.\n\n"
        "Mai-Risk: LOW\nMai-Digest: sha256:9c41\nApproved-by: discord:184 at 2026\n  continued\n"
    )
    embed = told(tmp_path, hook, push(commit(message)))
    assert embed["title"] == "ana/calc: main, 1 commit"
    assert embed["url"] == "https://github.com/ana/calc/compare/111...222"
    assert embed["footer"] == {"text": "pushed by ana"}
    assert embed["description"] == (
        "`0000000000` **Divide by the count**\nAna Author, <t:1767319445:f>\n"
        "\\`mean\\` was wrong.\n-# Mai-Risk: LOW\n"
        "-# Mai-Digest: sha256:9c41\n-# Approved-by: discord:184 at 2026 continued"
    )


def test_a_hundred_commits_are_one_message_that_fits(tmp_path: Path, hook: Hook) -> None:
    commits = [commit(f"Change number {n} " + "x" * 300, n) for n in range(100)]
    embed = told(tmp_path, hook, push(*commits))
    assert embed["title"] == "ana/calc: main, 100 commits"
    shown = embed["description"].count("**Change number")
    assert 10 < shown < 100
    assert embed["description"].startswith(f"{100 - shown} earlier ones, and then:\n\n")
    numbers = [int(n) for n in re.findall(r"Change number (\d+) ", embed["description"])]
    assert numbers == list(range(100 - shown, 100))


def test_quotes_newlines_and_mentions_stay_text(tmp_path: Path, hook: Hook) -> None:
    evil = (
        "\"Quotes\" 'and' `ticks` @everyone @here <@200> <@&5> [x](https://evil.example) ||y|| "
        "$(id) ${{ secrets.WEBHOOK }} \\ \u202e\x1b[31m"
    )
    author = {"name": "@everyone\nApproved-by: ana"}
    embed = told(tmp_path, hook, push(commit(evil, author=author), ref="refs/heads/@here"))
    text = embed["title"] + embed["description"]
    for forbidden in (
        "@everyone",
        "@here",
        "<@200",
        "<@&",
        "[x](",
        "||",
        "\u202e",
        "\x1b",
        "://evil",
    ):
        assert forbidden not in text
    assert "\"Quotes\" 'and'" in text
    assert len(embed["description"].splitlines()) == 2


def test_a_message_of_many_lines_keeps_them_and_none_becomes_markup(
    tmp_path: Path, hook: Hook
) -> None:
    message = (
        "Rename snake_case_names\r\nin one go\r\n\r\n# Not a heading\r\n> no quote\r\n"
        '-# not small\r\n- a "quoted" list\n\nThe last @everyone paragraph.\n' + "long line\n" * 40
    )
    embed = told(tmp_path, hook, push(commit(message)))
    lines = embed["description"].splitlines()
    assert lines[0] == "`0000000000` **Rename snake_case_names**"
    assert lines[2:7] == [
        "in one go",
        r"\# Not a heading",
        r"\> no quote",
        r"\-# not small",
        r'\- a "quoted" list',
    ]
    assert lines[7] == "The last @\u200beveryone paragraph."
    assert lines[-1] == "…"


@pytest.mark.host
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_push_needs_little_to_be_told_of(tmp_path: Path, hook: Hook, host: str) -> None:
    event = {"ref": "refs/heads/main", "repository": {}, "commits": [{"message": "Do it"}]}
    ran = run(tmp_path, event, hook.url.replace("127.0.0.1", host))
    assert (ran.returncode, len(hook.got)) == (0, 1)
    assert "**Do it**" in hook.got[0]["embeds"][0]["description"]


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"ref": "refs/tags/v1.0", "commits": [], "created": True}, "tag v1.0 made"),
        ({"ref": "refs/tags/v1.0", "commits": [], "forced": True}, "tag v1.0 moved"),
        ({"ref": "refs/heads/side/x", "created": True}, "side/x begun, 1 commit"),
        ({"forced": True}, "main rewritten, 1 commit"),
        ({"deleted": True, "after": "0" * 40, "commits": [], "head_commit": None}, "main deleted"),
    ],
)
def test_tags_new_branches_and_force_pushes_are_named(
    tmp_path: Path, hook: Hook, more: dict[str, Any], title: str
) -> None:
    embed = told(tmp_path, hook, push(commit(), **more))
    assert embed["title"] == f"ana/calc: {title}"
    if "forced" in more:
        assert "`1111111111` was replaced by `2222222222`" in embed["description"]
    if not more.get("deleted"):
        assert "**Divide by the count**" in embed["description"]


def test_a_fork_without_the_secret_tells_nobody_and_fails_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, push(commit()), "")
    assert ran.returncode == 0
    assert "no WEBHOOK" in ran.stdout


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_or_failing_server_is_asked_again(tmp_path: Path, hook: Hook, status: int) -> None:
    hook.answers = [status, status]
    assert run(tmp_path, push(commit()), hook.url).returncode == 0
    assert len(hook.got) == 3


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_not_asked_again(tmp_path: Path, hook: Hook, status: int) -> None:
    hook.answers = [status, status]
    assert run(tmp_path, push(commit()), hook.url).returncode == 1
    assert len(hook.got) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Call __init__ once", r"Call \_\_init\_\_ once"),
        ("Rename a_b to _a", r"Rename a_b to \_a"),
        ("__all__", r"\_\_all\_\_"),
        ("*x* ~~y~~ a__b", r"\*x\* \~\~y\~\~ a\_\_b"),
    ],
)
def test_underscores_and_stars_are_no_markup(
    tmp_path: Path, hook: Hook, text: str, shown: str
) -> None:
    assert f"**{shown}**" in told(tmp_path, hook, push(commit(text)))["description"]


@pytest.mark.parametrize("name", ["# Ana", "> Ana", "-# Ana", "- Ana", "1. Ana"])
def test_an_author_makes_no_heading(tmp_path: Path, hook: Hook, name: str) -> None:
    embed = told(tmp_path, hook, push(commit(author={"name": name})))
    line = embed["description"].splitlines()[1]
    assert line.startswith("\\" if name[0] != "1" else r"1\.")


@pytest.mark.parametrize("status", [404, 401])
def test_the_secret_is_never_printed(tmp_path: Path, hook: Hook, status: int) -> None:
    hook.answers = [status]
    ran = run(tmp_path, push(commit()), hook.url)
    assert ran.returncode == 1
    assert str(status) in ran.stderr
    for url in ("ftp://x" + SECRET, "not a url" + SECRET):
        ran = run(tmp_path, push(commit()), url)
        assert ran.returncode == 1
        assert "Traceback" not in ran.stderr
        assert SECRET not in ran.stdout + ran.stderr


@pytest.mark.parametrize("event", ["", "{}", "[]", "null", '{"repository": 3, "ref": null}'])
def test_an_event_that_is_none_is_a_sentence(tmp_path: Path, hook: Hook, event: str) -> None:
    ran = run(tmp_path, event, hook.url)
    assert ran.returncode == 1
    assert ran.stderr.startswith("The push cannot be read")
    assert hook.got == []


def test_trailers_are_only_those_of_the_last_paragraph(tmp_path: Path, hook: Hook) -> None:
    prose = "Subject: x\n\nApproved-by: nobody\n\nThis ends in prose.\nMai-Risk: LOW"
    embed = told(tmp_path, hook, push(commit("Fix: it"), commit(prose)))
    assert "-# " not in embed["description"]


def test_the_workflow_runs_the_script_and_interpolates_nothing_of_the_push() -> None:
    text = (TOP / ".github" / "workflows" / "discord_sync.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["tell"]["steps"]
    (script,) = [step for step in steps if "run" in step]
    assert script["run"] == "python3 .github/scripts/discord_sync.py"
    assert script["env"] == {"WEBHOOK": "${{ secrets.WEBHOOK }}"}
    assert text.count("${{") == 1
