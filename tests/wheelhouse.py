"""Wheels made on the spot, and a pip for which they are all there is."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

#: This process's own: images made for it are removed by the tests that made them.
NAME = f"mai-sample-of-process-{os.getpid()}"
MODULE = NAME.replace("-", "_")


def only(shelf: Path) -> dict[str, str]:
    """Return the environment in which pip knows the wheels in `shelf` and no index."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_CONFIG_FILE": os.devnull}


def make_wheel(shelf: Path, version: str = "1.0") -> Path:
    """Make a package with a module, a script, and a file that runs with every Python."""
    shelf.mkdir(exist_ok=True)
    path = shelf / f"{MODULE}-{version}-py3-none-any.whl"
    info = f"{MODULE}-{version}.dist-info"
    files = {
        f"{MODULE}.py": f"def answer(): return {version!r}\ndef main(): print(42)\n",
        f"{MODULE}.pth": "import os; os.environ['STARTED'] = 'yes'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{MODULE}={MODULE}:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path
