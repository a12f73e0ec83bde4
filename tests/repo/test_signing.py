"""A landing is signed with the person's own key, by git, and by no program of the repository's."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mai.errors import RepoBusy
from mai.jobs import NewFile
from mai.repo import Repo, execute
from tests.gitrepo import GitRepo
from tests.repo.landings import is_clean, plan_of

CHANGE = {"src/a.py": NewFile(b"signed = True\n")}


@dataclass(frozen=True, slots=True)
class Home:
    """A home folder with a git configuration in which commits are signed."""

    path: Path

    def config(self, name: str, value: str) -> None:
        file = str(self.path / ".gitconfig")
        subprocess.run(["git", "config", "--file", file, name, value], check=True)

    def git(self, repo: GitRepo, *arguments: str) -> str:
        """Run git as the person would, with their configuration in force."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.path),
            "GNUPGHOME": str(self.path / "gnupg"),
        }
        ran = subprocess.run(
            ["git", *arguments], cwd=repo.root, env=environment, capture_output=True, check=True
        )
        return ran.stdout.decode().strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    path = tmp_path / "home"
    path.mkdir()
    for name in ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "GNUPGHOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(path))
    made = Home(path)
    made.config("user.name", "Ana Author")
    made.config("user.email", "person@example.invalid")
    made.config("commit.gpgsign", "true")
    return made


@pytest.fixture
def ssh(home: Home) -> Home:
    key = home.path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    (home.path / "allowed").write_text(f"person@example.invalid {public}")
    home.config("gpg.format", "ssh")
    home.config("user.signingkey", str(key.with_suffix(".pub")))
    home.config("gpg.ssh.allowedSignersFile", str(home.path / "allowed"))
    return home


@pytest.fixture
def gpg(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    # An agent's socket has at most 108 bytes of name: too few for a test's own folder.
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        (home.path / "gnupg").symlink_to(folder)
        monkeypatch.setenv("GNUPGHOME", folder)
        who = "Ana Author <person@example.invalid>"
        subprocess.run(
            ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", who,
             "ed25519", "sign"],
            check=True,
            capture_output=True,
        )  # fmt: skip
        home.config("user.signingkey", "person@example.invalid")
        yield home
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


@pytest.mark.host
@pytest.mark.parametrize("kind", ["ssh", "gpg"])
def test_lands_signed_by_the_person(
    kind: str, request: pytest.FixtureRequest, theirs: GitRepo, private_root: Path
) -> None:
    home: Home = request.getfixturevalue(kind)
    with Repo.open(theirs.root, private_root) as repo:
        signing = repo.signing()
        assert signing is not None
        assert "will be signed" in signing.sentence
        plan = plan_of(repo, CHANGE, signing=signing)
        landing = execute(repo, plan)
        assert execute(repo, plan) == landing
    assert home.git(theirs, "log", "-1", "--format=%G?") in {"G", "U"}
    assert (
        home.git(theirs, "log", "-1", "--format=%an|%cn|%at")
        == "Mai (scripted)|Ana Author|1714979289"
    )
    assert home.git(theirs, "log", "-1", "--format=%(trailers:key=Mai-Proposal)")
    assert is_clean(theirs)


@pytest.mark.host
def test_a_locked_key_lands_nothing(ssh: Home, theirs: GitRepo, private_root: Path) -> None:
    key = str(ssh.path / "key")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", key], check=True)
    before = theirs.head()
    with Repo.open(theirs.root, private_root) as repo:
        with pytest.raises(RepoBusy, match="could not sign") as caught:
            plan_of(repo, CHANGE, signing=repo.signing())
        assert "\n" not in str(caught.value)
    assert theirs.head() == before


def test_who_does_not_sign_is_not_asked(home: Home, theirs: GitRepo, private_root: Path) -> None:
    home.config("commit.gpgsign", "false")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.signing() is None


@pytest.mark.parametrize(
    "case",
    [
        ("gpg.format", "carrier-pigeon", "carrier-pigeon, which Mai does not know"),
        ("gpg.program", "/nowhere/gpg", "/nowhere/gpg is not installed"),
        ("gpg.format", "ssh", "user.signingkey is not set"),
    ],
)
def test_what_cannot_be_signed_is_said_before(
    home: Home, theirs: GitRepo, private_root: Path, case: tuple[str, str, str]
) -> None:
    name, value, words = case
    home.config(name, value)
    with Repo.open(theirs.root, private_root) as repo:
        signing = repo.signing()
    assert signing is not None
    assert "NOT be signed" in signing.sentence
    assert words in signing.problem


def test_a_missing_key_is_said_before(ssh: Home, theirs: GitRepo, private_root: Path) -> None:
    (ssh.path / "key.pub").unlink()
    with Repo.open(theirs.root, private_root) as repo:
        signing = repo.signing()
    assert signing is not None
    assert "key.pub is missing" in signing.problem


def test_no_program_of_the_repository_runs(
    ssh: Home, theirs: GitRepo, private_root: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch '{canary}'\n")
    script.chmod(0o755)
    for name in (
        "gpg.program",
        "gpg.ssh.program",
        "gpg.openpgp.program",
        "gpg.x509.program",
        "gpg.ssh.defaultKeyCommand",
    ):
        theirs.git("config", name, str(script))
    included = tmp_path / "included"
    included.write_text(f'[gpg "ssh"]\n\tprogram = {script}\n')
    theirs.git("config", "include.path", str(included))
    with Repo.open(theirs.root, private_root) as repo:
        for kind in ("ssh", "openpgp"):
            theirs.git("config", "gpg.format", kind)
            signing = repo.signing()
            assert signing is not None
            assert "names its own program" in signing.problem
    assert not canary.exists()
