"""Debian's package tools: installing, and where this machine gets its packages from."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mai.errors import NoEngine
from mai.sandbox.privilege import Say, find, run
from mai.text import one_line


def proxy() -> dict[str, str]:
    """Return the proxy that apt uses, for debootstrap's own downloads."""
    apt_config = find("apt-config")
    if apt_config is None:
        return {}
    command = [apt_config, "shell", "http_proxy", "Acquire::http::Proxy"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    match = re.match(r"http_proxy='(.+)'", answer.stdout)
    return {"http_proxy": match[1]} if match and match[1] != "DIRECT" else {}


def apt_install(prefix: list[str], packages: list[str], say: Say) -> None:
    """Install Debian packages, telling which one is being set up.

    Raises:
        NoEngine: apt-get failed; the sentence carries its reason.
    """
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # Somebody else's apt run (unattended upgrades after boot) is waited for.
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=180", "-o", "Dpkg::Use-Pty=0"]
    say("Updating the package lists (apt-get update).")
    # One unreachable third-party list must not stop an install that does not need it.
    with contextlib.suppress(NoEngine):
        run(prefix, [*apt, "update"], environment=quiet)
    say(f"Installing {', '.join(packages)} (apt-get install).")

    def tell(line: str) -> None:
        if line.startswith(("Setting up", "Need to get")):
            say("  " + one_line(line, 100))

    command = [*apt, "install", "-y", "--no-install-recommends", *packages]
    run(prefix, command, environment=quiet, on_line=tell)


def apt_mirrors(folder: Path, suite: str) -> list[str]:
    """Return the URIs of Debian's main archive in the apt configuration `folder`, likeliest first.

    Both formats of sources.list(5) are read. A release needs a whole archive: security, update and
    third-party entries are not one. `…/debian` serves every release; another name counts where it
    is listed for `suite` itself.
    """
    found: list[str] = []
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file() or file.suffix not in {".list", ".sources"}:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        entries = _one_line_style(text) if file.suffix == ".list" else _deb822_style(text)
        for uris, suites, components in entries:
            if "main" not in components:
                continue
            whole = [uri for uri in uris if re.match(r"https?://.*/debian/?$", uri)]
            named = [uri for uri in uris if uri.startswith("http") and suite in suites]
            found += [uri for uri in uris if uri in whole or uri in named]
    return sorted(dict.fromkeys(found), key=lambda uri: not uri.rstrip("/").endswith("/debian"))


_Entry = tuple[list[str], list[str], list[str]]


def _one_line_style(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if match:
            yield [match[1]], [match[2]], match[3].split()


def _deb822_style(text: str) -> Iterator[_Entry]:
    uncommented = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", uncommented):
        unfolded = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {
            name.strip().lower(): value.split()
            for name, _, value in (line.partition(":") for line in unfolded.splitlines())
        }
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            yield (
                fields.get("uris", []),
                fields.get("suites", []),
                fields.get("components", []),
            )
