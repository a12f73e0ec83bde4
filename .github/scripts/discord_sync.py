"""Tells a Discord webhook what a push brought: who, what, when, and with which trailers.

Run by `.github/workflows/discord_sync.yml`. Reads the push from the file that `GITHUB_EVENT_PATH`
names and sends one message to the URL in `WEBHOOK`. Needs nothing but Python's own library.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

# Discord's limits are 4,096 characters for a description and 6,000 for all of a message's embeds.
_DESCRIPTION, _SUBJECT, _AUTHOR, _TRAILER, _TRAILERS_MOST = 3900, 120, 60, 120, 8
_BODY, _BODY_LINES = 1000, 15
#: The workflow's job has five minutes; the checkout before this takes some of them.
_PATIENCE_S, _UNREACHABLE_S, _LONGEST_WAIT_S, _TIMEOUT_S = 200.0, 20.0, 60.0, 20.0
_TOO_MANY, _SERVER_ERROR = 429, 500
#: Where tests listen; to anybody else the secret would go in the clear.
_LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
_TRAILER_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:[ \t]+(\S.*)")
_GREEN, _ORANGE, _GREY = 0x2DA44E, 0xD4A72C, 0x6E7781
_ZERO_WIDTH_SPACE = "\u200b"
_NO_COMMIT = "0" * 40

Event = Mapping[str, Any]


def main() -> int:
    """Send the message; return the exit code. What it prints never holds the webhook's URL."""
    webhook = os.environ.get("WEBHOOK", "").strip()
    if not webhook:
        print("There is no WEBHOOK here, so there is nobody to tell.")
        return 0
    try:
        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        message = message_of(event)
    except (KeyError, OSError, ValueError, TypeError, AttributeError) as error:
        print(f"The push cannot be read: {type(error).__name__}.", file=sys.stderr)
        return 1
    problem = send(webhook, message)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def message_of(event: Event) -> dict[str, Any]:
    """Return the body of the one POST that tells of a push."""
    repository = event["repository"]
    name = repository.get("full_name") or os.environ.get("GITHUB_REPOSITORY") or "a repository"
    embed: dict[str, Any] = {
        "title": _cut(f"{_plain(name)}: {_what(event)}", 250),
        "description": "\n\n".join(_lines(event)),
        "color": _colour(event),
    }
    url = event.get("compare") or repository.get("html_url")
    if isinstance(url, str) and url.startswith("https://"):
        embed["url"] = url
    pusher = (event.get("pusher") or {}).get("name") or (event.get("sender") or {}).get("login")
    if pusher:
        embed["footer"] = {"text": _cut(f"pushed by {_plain(pusher)}", 200)}
    # No mention in it pings anybody, whatever the texts say.
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def send(webhook: str, message: Mapping[str, Any]) -> str:
    """POST `message`; return what went wrong in a sentence, nothing where it was taken.

    It is sent again, for as long as the job has time, where Discord has too much to do, fails or
    cannot be reached. A failing server may have taken it: twice is better than not at all.
    """
    if not webhook.startswith(("https://", *_LOOPBACK)):
        return "WEBHOOK is no https URL."
    data = json.dumps(message).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "discord_sync (mai, 1)"}
    began_s = time.monotonic()
    pause_s = 1.0
    while True:
        request = urllib.request.Request(webhook, data, headers, method="POST")  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310 - likewise
                return ""
        except urllib.error.HTTPError as error:
            with error:
                if error.code != _TOO_MANY and error.code < _SERVER_ERROR:
                    return f"Discord answers {error.code}; was the webhook deleted?"
                problem = f"Discord answers {error.code}, again and again."
                wait_s, patience_s = _wait_s(error, pause_s), _PATIENCE_S
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            problem = f"Discord cannot be reached: {type(reason).__name__}."
            wait_s, patience_s = pause_s, _UNREACHABLE_S
        if time.monotonic() + wait_s > began_s + patience_s:
            return problem
        time.sleep(wait_s)
        pause_s = min(pause_s * 2, _LONGEST_WAIT_S)


# --- what is said ----------------------------------------------------------------------------


def _what(event: Event) -> str:
    ref, count = str(event["ref"]), len(event.get("commits") or ())
    is_tag = ref.startswith("refs/tags/")
    name = _plain(ref.removeprefix("refs/tags/").removeprefix("refs/heads/"))
    kind = f"tag {name}" if is_tag else name
    if event.get("deleted") or event.get("after") == _NO_COMMIT:
        return f"{kind} deleted"
    if is_tag:
        return f"{kind} {'moved' if event.get('forced') else 'made'}"
    commits = f"{count} {'commit' if count == 1 else 'commits'}"
    if event.get("forced"):
        return f"{name} rewritten, {commits}"
    if event.get("created"):
        return f"{name} begun, {commits}"
    return f"{name}, {commits}"


def _colour(event: Event) -> int:
    if event.get("deleted"):
        return _GREY
    return _ORANGE if event.get("forced") else _GREEN


def _lines(event: Event) -> Iterator[str]:
    """Yield a paragraph for each commit, the newest last. Where not all fit, the oldest are left.

    GitHub lists the oldest first.
    """
    commits = list(event.get("commits") or ())
    if event.get("forced"):
        before, after = str(event.get("before", ""))[:10], str(event.get("after", ""))[:10]
        yield f"`{before}` was replaced by `{after}`: what was there before may be gone."
    head = event.get("head_commit")
    if not commits and head and not event.get("deleted"):
        commits = [head]  # a tag, or a branch that begins at a commit that was there before
    room = _DESCRIPTION - 300
    told = [_commit(commit, has_body=True) for commit in commits]
    if sum(len(paragraph) + 2 for paragraph in told) > room:  # then rather all of the subjects
        told = [_commit(commit, has_body=False) for commit in commits]
    kept: list[str] = []
    for paragraph in reversed(told):
        room -= len(paragraph) + 2
        if room < 0:
            break
        kept.insert(0, paragraph)
    if len(kept) < len(told):
        yield f"{len(told) - len(kept)} earlier ones, and then:"
    yield from kept


def _commit(commit: Mapping[str, Any], *, has_body: bool) -> str:
    message = str(commit.get("message") or "")
    subject = _cut(_plain(message.partition("\n")[0]), _SUBJECT) or "(no message)"
    author = _cut(_plain((commit.get("author") or {}).get("name") or "somebody"), _AUTHOR)
    head = f"`{str(commit.get('id', ''))[:10]}` **{subject}**\n{_start(author)}{_when(commit)}"
    named = [f"{name}: {_cut(_plain(value), _TRAILER)}" for name, value in trailers(message)]
    if len(named) > _TRAILERS_MOST:
        named = [*named[:_TRAILERS_MOST], f"… and {len(named) - _TRAILERS_MOST} more"]
    body = _body(message) if has_body else []
    return "\n".join([head, *body, *(f"-# {line}" for line in named)])


def _body(message: str) -> list[str]:
    """Return the lines between a message's subject and its trailers, as many as fit."""
    paragraphs = _paragraphs(message)
    first = paragraphs[0].partition("\n")[2]
    rest = paragraphs[1:-1] if trailers(message) else paragraphs[1:]
    lines = [_plain(line) for part in (first, *rest) for line in part.splitlines()]
    lines = [_start(line) for line in lines if line]
    kept: list[str] = []
    for line in lines[:_BODY_LINES]:
        if sum(map(len, kept)) + len(line) > _BODY:
            break
        kept.append(line)
    return kept if len(kept) == len(lines) else [*kept, "…"]


def _start(line: str) -> str:
    """Return `line` without the marks that make a heading, a quote, a list or small print of it."""
    line = re.sub(r"^(\d+)\.", r"\1\\.", line)
    return "\\" + line if line[:1] in {"#", "-", ">", "+"} else line


def _paragraphs(message: str) -> list[str]:
    return re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip("\n"))


def trailers(message: str) -> list[tuple[str, str]]:
    """Return the trailers of a commit message: `Token: value` lines of its last paragraph.

    A message of one paragraph has none. Lines that begin with a blank continue the one before.
    """
    paragraphs = _paragraphs(message)
    if len(paragraphs) < 2:  # noqa: PLR2004 - a subject and something after it
        return []
    found: list[tuple[str, str]] = []
    for line in paragraphs[-1].splitlines():
        match = _TRAILER_LINE.fullmatch(line)
        if match:
            found.append((match[1], match[2]))
        elif line[:1] in {" ", "\t"} and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            return []  # the last paragraph is prose
    return found


def _when(commit: Mapping[str, Any]) -> str:
    try:
        at = datetime.fromisoformat(str(commit["timestamp"]))
    except (KeyError, ValueError):
        return ""
    return f", <t:{int(at.timestamp())}:f>"  # Discord shows it in the reader's own time zone


# --- making it safe --------------------------------------------------------------------------


def _plain(text: object) -> str:
    """Return `text` as one line that Discord shows as it stands: no tags, no Markdown, no links."""
    line = "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in str(text))
    line = " ".join(line.split())
    line = re.sub(r"([\\*~`|\[\]<>]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", line)
    line = re.sub(r"@(?=\S)", "@" + _ZERO_WIDTH_SPACE, line)
    return line.replace("://", ":" + _ZERO_WIDTH_SPACE + "//")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip("\\") + "…"


def _wait_s(error: urllib.error.HTTPError, default_s: float) -> float:
    try:
        wait_s = float(error.headers.get("Retry-After", default_s))
    except ValueError:  # a date
        wait_s = default_s
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


if __name__ == "__main__":
    sys.exit(main())
