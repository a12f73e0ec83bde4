from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.sandbox.debian import apt_mirrors

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://one.example/debian/ bookworm main non-free
deb http://security.example/debian-security bookworm-security main
deb https://vendor.example/apt vendor-bookworm main
deb https://vendor.example/linux bookworm stable
"""
DEB822 = """\
Types: deb deb-src
# URIs: http://commented.example/debian
URIs: http://two.example/debian
 http://three.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""


def configured(folder: Path, **files: str) -> list[str]:
    (folder / "sources.list.d").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "sources.list.d" / name.replace("_", ".")).write_text(text)
    return apt_mirrors(folder, "bookworm")


def test_both_formats_are_read_and_only_whole_archives_count(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(ONE_LINE)
    assert configured(tmp_path, debian_sources=DEB822) == [
        "http://one.example/debian/",
        "http://two.example/debian",
        "http://three.example/debian",
    ]


def test_a_mirror_under_another_name_comes_after_one_called_debian(tmp_path: Path) -> None:
    lines = (
        "deb http://proxy.example/repository/apt bookworm main\n"
        "deb http://mirror.example/debian trixie main\n"
    )
    assert configured(tmp_path, x_list=lines) == [
        "http://mirror.example/debian",
        "http://proxy.example/repository/apt",
    ]


def test_backup_files_and_folders_are_no_sources(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d" / "folder.list").mkdir(parents=True)
    assert configured(tmp_path, x_list_save=ONE_LINE) == []


def test_a_machine_without_apt_has_no_mirror(tmp_path: Path) -> None:
    assert apt_mirrors(tmp_path / "none", "bookworm") == []


@pytest.mark.parametrize("name", ["x.list", "x.sources"])
@given(text=st.text() | st.text(alphabet="deb \n:[]#URIsTypes-main/h"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_the_reader(tmp_path: Path, name: str, text: str) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert all(uri.startswith("http") for uri in apt_mirrors(tmp_path, "bookworm"))
