"""What a repo needs, read from its files, fetched as wheels, put where only its tests look."""

from __future__ import annotations

import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from mai import scratch
from mai.errors import SandboxError
from mai.jobs import Job, Limits, Prepared, RunResult, TestOutcome
from mai.proposal import Verdict
from mai.sandbox import wheels
from mai.sandbox.dependencies import read_dependencies
from mai.sandbox.repo_image import LABEL, applicable, platform_options
from mai.sandbox.trial import DockerSandbox
from mai.settings import load
from tests.sandboxes import files_of
from tests.wheelhouse import MODULE, NAME, make_wheel, only

Trial = Callable[..., RunResult]


def of(path: str, text: str) -> tuple[str, ...]:
    return read_dependencies({path: text.encode()}.get).requirements


# --- reading ----------------------------------------------------------------------------------


def test_names_and_specifiers_are_read_from_every_usual_place() -> None:
    files = {
        "pyproject.toml": """
[project]
name = "Sample.Project"
dependencies = ["A>=1", "sample_project[extra]"]
optional-dependencies = {test = ["b"], docs = ["sphinx"]}
[dependency-groups]
dev = ["c~=1.0", {include-group = "Typing"}]
typing = ["d", {include-group = "dev"}]
docs = ["mkdocs"]
""",
        "requirements.txt": (
            "e==1.0 --hash=sha256:00 # because\n\n# f\n g [h] > 1 ; python_version > '3'\n"
        ),
        "requirements/test.txt": "i \\\n ==2\n",
    }
    found = read_dependencies({name: text.encode() for name, text in files.items()}.get)
    assert found.requirements == (
        *("a>=1", "b", "c~=1.0", "d", "e==1.0", 'g[h]>1; python_version > "3"', "i==2"),
    )
    assert found.left_out == 0


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://127.0.0.1/${DISCORD_BOT_TOKEN}",
        "-i http://127.0.0.1/",
        "-r other.txt",
        "-c constraints.txt",
        "--find-links /etc",
        "a @ http://127.0.0.1/a.whl",
        "a @ file:///etc/passwd",
        "http://127.0.0.1/a.tar.gz",
        "git+https://example.com/a.git",
        "./a",
        "/etc/passwd",
        "${HOME}",
        "a==${HOME}",
        "a" * 400,
        "a b",
    ],
)
def test_what_is_no_name_with_specifiers_is_left_out(line: str) -> None:
    found = read_dependencies({"requirements.txt": f"{line}\nb\n".encode()}.get)
    assert found.requirements == ("b",)
    assert [(dropped.file, dropped.line) for dropped in found.dropped] == [("requirements.txt", 1)]
    assert found.dropped[0].why


@pytest.mark.parametrize(
    "text",
    ["", "[project", "project = 1", "[project]\ndependencies = 3\nname = 4", "a = " + "[" * 9999],
)
def test_a_manifest_that_makes_no_sense_names_nothing(text: str) -> None:
    assert not read_dependencies({"pyproject.toml": text.encode()}.get)


@given(st.binary(max_size=300), st.text(max_size=300))
def test_any_bytes_are_read_and_give_nothing_but_plain_requirements(data: bytes, text: str) -> None:
    found = read_dependencies(
        {"requirements.txt": data, "requirements-dev.txt": text.encode("utf-8", "replace")}.get
    )
    for requirement in found.requirements:
        parsed = Requirement(requirement)
        assert parsed.url is None
        assert not requirement.startswith("-")
        assert "\n" not in requirement
        assert "$" not in requirement


def test_markers_are_judged_by_the_containers_python_and_not_by_this_one() -> None:
    environment = {"python_version": "3.99", "sys_platform": "linux", "platform_machine": "m68k"}
    requirements = [
        'a>=1; python_version >= "3.99"',
        'b; python_version < "3.99"',
        'c; platform_machine == "m68k"',
        'd; extra == "docs"',
        "e",
        'f; extra == "test"',
        'g; python_version < "3" and extra == "test"',
        "h; 'dev' == extra",
    ]
    assert list(applicable(requirements, environment).values()) == ["a>=1", "c", "e", "f", "h"]


@pytest.mark.parametrize(
    ("libc", "has", "has_not"),
    [
        (["glibc", "2.36"], "manylinux_2_36_x86_64", "manylinux_2_37_x86_64"),
        (["glibc", "2.17"], "manylinux2014_x86_64", "manylinux_2_28_x86_64"),
        (["", ""], "musllinux_1_2_x86_64", "manylinux2014_x86_64"),
    ],
)
def test_platforms_are_those_that_the_containers_library_runs(
    libc: list[str], has: str, has_not: str
) -> None:
    about = {"environment": {"python_version": "3.11"}, "machine": "x86_64", "libc": libc}
    options = platform_options(about)
    assert f"--platform={has}" in options
    assert f"--platform={has_not}" not in options
    assert {"--python-version=3.11", "--abi=cp311", "--abi=abi3"} <= set(options)


# --- fetching ---------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for all there is in the world."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, value in only(shelf).items():
        monkeypatch.setenv(name, value)
    return shelf


def test_a_source_distribution_is_refused_and_nothing_of_it_run(
    shelf: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "setup.py").write_text(
        f"from setuptools import setup\nopen({str(ran)!r}, 'w')\nsetup(name='{NAME}')\n"
    )
    with zipfile.ZipFile(shelf / f"{NAME}-1.0.zip", "w") as archive:
        archive.write(tmp_path / "setup.py", f"{NAME}-1.0/setup.py")
    with scratch.folder("test") as folder, pytest.raises(SandboxError, match="pip says"):
        wheels.download(folder, [NAME])
    assert not ran.exists()


@pytest.mark.host
def test_what_takes_too_long_is_stopped(shelf: Path) -> None:
    make_wheel(shelf)
    with scratch.folder("test") as folder, pytest.raises(SandboxError, match="longer than 0 s"):
        wheels.download(folder, [NAME], timeout_s=0)


def test_what_is_no_wheel_is_said(shelf: Path) -> None:
    make_wheel(shelf).write_bytes(b"not a zip archive")
    with scratch.folder("test") as folder, pytest.raises(SandboxError):
        wheels.download(folder, [NAME])


@pytest.mark.host
def test_pip_is_told_no_secret(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "made-up-secret")
    heard: list[bytes] = []

    def listen() -> None:
        talk, _ = listener.accept()
        listener.close()  # pip tries again, and is to be refused then
        with talk:
            heard.append(talk.recv(1 << 16))

    with socket.create_server(("127.0.0.1", 0)) as listener, scratch.folder("test") as folder:
        port = listener.getsockname()[1]
        line = f"--find-links http://127.0.0.1:{port}/${{DISCORD_BOT_TOKEN}}\n"
        assert of("requirements.txt", f"{line}{NAME}\n") == (NAME,)
        # Even where such a line got through, pip has nothing to put in the name's place.
        listed = folder / "requirements.txt"
        listed.write_text(f"{line}{NAME}\n")
        listener.settimeout(60)
        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(SandboxError):
            wheels.download(folder, ["--requirement", str(listed)])
        thread.join()
    assert len(heard) == 1
    assert b"made-up-secret" not in heard[0]


# --- in the sandbox ---------------------------------------------------------------------------


@pytest.fixture
def prepare(sandbox: DockerSandbox) -> Iterator[Callable[..., Prepared]]:
    made: set[str] = set()

    def prepare(text: str) -> Prepared:
        prepared = sandbox.prepare({"requirements.txt": text.encode()}.get)
        made.add(prepared.image)
        return prepared

    yield prepare
    assert sandbox.pool().wait_full(60)
    client = sandbox.pool()._client
    for image in made - {sandbox.image}:
        client.images.remove(image, force=True)


@pytest.mark.docker
def test_what_a_repo_needs_is_in_its_image_and_nowhere_else(
    shelf: Path, sandbox: DockerSandbox, limits: Limits, prepare: Callable[..., Prepared]
) -> None:
    make_wheel(shelf)
    prepared = prepare(f"{NAME}==1.0\n")
    assert prepared.problem == ""
    assert prepared.image != sandbox.image
    body = f"""\
import os, subprocess, sys
import {MODULE}
def test_import(): assert {MODULE}.answer() == "1.0"
def test_started(): assert os.environ["STARTED"] == "yes"
def test_in_a_process():
    code = "import {MODULE}; print({MODULE}.answer())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1.0\\n"
def test_script():
    assert subprocess.check_output(["{MODULE}"], text=True) == "42\\n"
def test_it_cannot_be_changed():
    try: open({MODULE}.__file__, "a")
    except OSError: return
    assert 0
"""
    job = Job(files=files_of({"test_a.py": body}), limits=limits, image=prepared.image)
    result = sandbox.run(job)
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output
    assert result.image == prepared.image
    without = sandbox.run(Job(files=files_of({"test_a.py": body}), limits=limits))
    assert without.outcomes == {"test_a.py": TestOutcome.ERROR}


@pytest.mark.docker
def test_it_is_made_once_and_found_again(
    shelf: Path, sandbox: DockerSandbox, prepare: Callable[..., Prepared]
) -> None:
    wheel = make_wheel(shelf, version="1.1")
    first = prepare(f"{NAME}==1.1\n")
    wheel.unlink()
    assert prepare(f"# the same\n{NAME.upper()} == 1.1\n") == first
    labels = sandbox.pool()._client.images.get(first.image).labels
    assert labels[LABEL] == first.key


@pytest.mark.docker
def test_one_requirement_that_cannot_be_had_costs_none_of_the_others(
    shelf: Path, sandbox: DockerSandbox, limits: Limits, prepare: Callable[..., Prepared]
) -> None:
    make_wheel(shelf, version="1.2")
    prepared = prepare(f"{NAME}==1.2\nmai-has-no-such-package\n-e ../elsewhere\n")
    assert prepared.missing == ("mai-has-no-such-package",)
    assert "mai-has-no-such-package (requirements.txt:2)" in prepared.problem
    assert prepared.left_out == ("requirements.txt:3 `../elsewhere` (paths are not installed)",)
    body = f"import {MODULE}\ndef test_import(): assert {MODULE}.answer() == '1.2'\n"
    job = Job(files=files_of({"test_a.py": body}), limits=limits, image=prepared.image)
    assert sandbox.run(job).outcomes == {"test_a.py::test_import": TestOutcome.PASSED}
    assert prepare(f"mai-has-no-such-package\n{NAME}==1.2\n").missing == prepared.missing


@pytest.mark.docker
def test_what_cannot_be_had_is_said_and_the_plain_image_stands_in(
    shelf: Path, sandbox: DockerSandbox, prepare: Callable[..., Prepared]
) -> None:
    prepared = prepare(f"{NAME}==9.9\n")
    assert prepared.image == sandbox.image
    assert NAME in prepared.problem
    assert "requirements.txt:1" in prepared.problem
    assert prepared.missing == (f"{NAME}==9.9",)
    assert "\n" not in prepared.problem
    make_wheel(shelf, version="9.9")
    assert prepare(f"{NAME}==9.9\n") == prepared  # not tried again at once


@pytest.mark.docker
def test_a_package_that_starts_with_python_does_not_start_in_the_supervisor(
    shelf: Path, sandbox: DockerSandbox, limits: Limits, prepare: Callable[..., Prepared]
) -> None:
    wheel = make_wheel(shelf, version="2.0")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.pth", "import os; os.getpid() == 1 and os._exit(0)\n")
        archive.writestr("sitecustomize.py", "import os\nif os.getpid() == 1: os._exit(0)\n")
    prepared = prepare(f"{NAME}==2.0\n")
    assert prepared.problem == ""
    job = Job(
        files=files_of({"test_a.py": "def test_x(): assert 0\n"}),
        limits=limits,
        image=prepared.image,
    )
    result = sandbox.run(job)
    assert (result.limit, result.outcomes) == (
        Verdict.PASS,
        {"test_a.py::test_x": TestOutcome.FAILED},
    )


@pytest.mark.docker
def test_a_person_may_switch_it_off(shelf: Path) -> None:
    make_wheel(shelf)
    box = DockerSandbox(load(sandbox_dependencies=False))
    try:
        prepared = box.prepare({"requirements.txt": NAME.encode()}.get)
        assert prepared == Prepared(box.image)
    finally:
        box.close()
