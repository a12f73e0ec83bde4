from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

TOP = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("PYTHON", "MAI_", "PIP_"))
    }
    answer = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def sources() -> list[str]:
    """Every file of the work tree that git does not ignore."""
    command = [
        "git",
        "-C",
        str(TOP),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(command, capture_output=True, check=True).stdout.split(b"\0")
    return [name for name in map(os.fsdecode, names) if (TOP / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy: two workers that build in the checkout would get into each other's way.
    source = folder / "source"
    for name in sources():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((TOP / name).read_bytes())
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*build, "--wheel-dir", folder, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_all_that_mai_needs_and_nothing_of_its_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    bundled = ("prompts/", "sandbox/", "Dockerfile.sandbox")
    assert found == {name for name in sources() if name.startswith("mai/")} | {
        f"mai/_bundled/{name}" for name in sources() if name.startswith(bundled)
    }
    assert {"mai/_bundled/Dockerfile.sandbox", "mai/_bundled/sandbox/harness.py"} <= found
    assert any(name.startswith("mai/_bundled/prompts/") for name in found)


def test_installed_mai_runs_from_anywhere_and_finds_what_it_carries(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    packages = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
        ).strip()
    )
    into = [*PIP, "--python", str(python), "install", "--no-deps", "--no-index"]
    run(*into, wheel, cwd=tmp_path)
    # The dependencies are this environment's; Mai's own checkout must not come along with them.
    # `addsitedir` would, by the editable install's .pth file, so the folder is named alone.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = (
        "import mai; from mai.resources import resource; print(mai.__file__, resource('prompts'))"
    )
    for path in run(python, "-c", script, cwd=elsewhere).split():
        assert path.startswith(str(packages))
    script = "from mai.settings_sources import is_checkout; print(is_checkout())"
    assert run(python, "-c", script, cwd=elsewhere) == "False\n"
    assert "Usage: mai" in run(environment / "bin" / "mai", "--help", cwd=elsewhere)
    version = run(environment / "bin" / "mai", "--version", cwd=elsewhere)
    assert version.strip().removeprefix("mai ") == wheel.name.split("-")[1]
    assert list(elsewhere.iterdir()) == []
