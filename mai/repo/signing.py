"""Signs a landing's commit with the person's own key, where the person signs commits.

Git does it, with the formats that it knows: OpenPGP, SSH and X.509. Whether to sign, in which
format and with which key is read from any configuration. A *program* is taken only from the
person's own, never from the repository's: it would be run on the host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mai.errors import GitError, RepoBusy
from mai.repo.git import Git
from mai.repo.place import Place, user_settings
from mai.repo.private import Private
from mai.repo.trees import CommitText
from mai.text import one_line

_NAMES = r"^(commit\.gpgsign|user\.signingkey|gpg\..*)$"
#: Where git's `gpg.<format>.program` points by default.
_PROGRAMS = {"openpgp": "gpg", "x509": "gpgsm", "ssh": "ssh-keygen"}
_TITLES = {"openpgp": "OpenPGP", "x509": "X.509", "ssh": "SSH"}
_ON = frozenset({"true", "yes", "on", "1"})
#: What key agents and their password dialogues need to find the person's session.
_SESSION = (
    "HOME",
    "USER",
    "LOGNAME",
    "GNUPGHOME",
    "GPG_TTY",
    "GPG_AGENT_INFO",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "TERM",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)
#: How the sentence about a commit that gets a signature begins.
SIGNED = "The commit will be signed"
_PATIENCE_S = 180.0  # a person may have to type a passphrase


@dataclass(frozen=True, slots=True)
class Signing:
    """How the person signs commits. `problem` says why Mai cannot do it, empty where it can.

    `settings` are git's own, `name=value`, to be given on a command line.
    """

    format: str
    settings: tuple[str, ...] = ()
    problem: str = ""

    @property
    def sentence(self) -> str:
        """What a person is told of the signature before they say yes."""
        if self.problem:
            return f"You sign commits here; this one will NOT be signed: {self.problem}."
        return f"{SIGNED} with your {_TITLES[self.format]} key."


def signing_of(place: Place) -> Signing | None:
    """Return how the person signs commits in the repository at `place`, None where they do not."""
    said = _settings(place)
    if said.get("commit.gpgsign", "").lower() not in _ON:
        return None
    kind = said.get("gpg.format", "openpgp").lower()
    if kind not in _PROGRAMS:
        return Signing(kind, problem=f"gpg.format is {one_line(kind)}, which Mai does not know")
    names = [f"gpg.{kind}.program", *(["gpg.program"] if kind == "openpgp" else [])]
    program = next((said[name] for name in names if said.get(name)), _PROGRAMS[kind])
    foreign = dict(_pairs(user_settings(place.git_dir, _NAMES)))
    if any(name in foreign and foreign[name] != said.get(name) for name in names):
        return Signing(kind, problem="the repository names its own program, which Mai does not run")
    key = said.get("user.signingkey", "")
    settings = {
        "gpg.format": kind,
        f"gpg.{kind}.program": program,
        "gpg.ssh.defaultkeycommand": said.get("gpg.ssh.defaultkeycommand", ""),
        "user.signingkey": key,
    }
    found = Signing(kind, tuple(f"{name}={value}" for name, value in settings.items() if value))
    return replace(found, problem=_problem(kind, program, key, said))


def sign(private: Private, text: CommitText, signing: Signing) -> bytes:
    """Return the bytes of the commit `text` with the person's signature in it.

    Raises:
        RepoBusy: the key is not to be had at the moment; asking again later may do.
        GitError: git wrote another commit than it was given.
    """
    session = {name: os.environ[name] for name in _SESSION if name in os.environ}
    git = Git(private.path, {**session, **_people(text)}, signing.settings)
    parents = [word for parent in text.parents for word in ("-p", parent)]
    message = text.raw().split(b"\n\n", 1)[1]
    try:
        commit = git.run(
            "commit-tree", "-S", *parents, "-F", "-", text.tree, data=message, timeout_s=_PATIENCE_S
        ).text
    except GitError as error:
        reason = str(error).removeprefix("git commit-tree failed: ").removesuffix(".")
        raise RepoBusy(f"Your key could not sign the commit: {reason}.") from error
    raw = private.git.run("cat-file", "commit", commit).output
    if _without_signature(raw) != text.raw():
        raise GitError("git made another commit than the one that was to be signed.")
    return raw


def _people(text: CommitText) -> Mapping[str, str]:
    """Return the variables from which git takes author, committer and both dates."""
    variables: dict[str, str] = {}
    header = text.raw().split(b"\n\n", 1)[0].decode("utf-8")
    for line in header.splitlines():
        role, _, rest = line.partition(" ")
        if role in {"author", "committer"}:
            who, _, date = rest.rpartition("> ")
            name, _, email = who.rpartition(" <")
            prefix = f"GIT_{role.upper()}"
            variables |= {f"{prefix}_NAME": name, f"{prefix}_EMAIL": email}
            variables[f"{prefix}_DATE"] = f"@{date}"
    return variables


def _without_signature(raw: bytes) -> bytes:
    header, _, message = raw.partition(b"\n\n")
    lines: list[bytes] = []
    is_signature = False
    for line in header.split(b"\n"):
        is_signature = line.startswith(b"gpgsig") or (is_signature and line.startswith(b" "))
        if not is_signature:
            lines.append(line)
    return b"\n".join(lines) + b"\n\n" + message


def _settings(place: Place) -> dict[str, str]:
    """Return the settings for signing; those that name a program are the person's own alone."""
    return {
        **dict(_pairs(user_settings(place.git_dir, _NAMES))),
        "gpg.program": "",
        "gpg.ssh.defaultkeycommand": "",
        **{f"gpg.{kind}.program": "" for kind in _PROGRAMS},
        **{
            name: value
            for name, value in _pairs(user_settings(place.git_dir, _NAMES, is_own=True))
            if name.endswith((".program", ".defaultkeycommand"))
        },
    }


def _pairs(said: str) -> list[tuple[str, str]]:
    items = (item.partition("\n") for item in said.split("\0")[:-1])
    return [(name, value if has_value else "true") for name, has_value, value in items]


def _problem(kind: str, program: str, key: str, said: Mapping[str, str]) -> str:
    """Return what will keep the key from signing, as far as the configuration and files show it.

    What depends on the moment, such as a locked key or an agent that is not running, is found out
    when the commit is signed. So every Mai on this machine says the same before a yes.
    """
    folders = [each for each in os.get_exec_path() if Path(each).is_absolute()]
    expanded = os.path.expanduser(program)  # noqa: PTH111 - a bare name must stay one
    if shutil.which(expanded, path=os.pathsep.join(folders)) is None:
        return f"{one_line(program)} is not installed"
    if kind != "ssh":
        return ""
    if not key:
        return "" if said.get("gpg.ssh.defaultkeycommand") else "user.signingkey is not set"
    is_literal = key.startswith(("key::", "ssh-", "ecdsa-", "sk-"))
    return "" if is_literal or Path(key).expanduser().is_file() else f"{one_line(key)} is missing"
