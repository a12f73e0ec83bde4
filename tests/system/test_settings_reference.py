from __future__ import annotations

import re
from pathlib import Path

import pytest

from mai.settings import Settings, load, variable_of
from mai.system.settings_reference import FILES, env_example, markdown

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_what_the_settings_say(name: str) -> None:
    assert (TOP / name).read_text(encoding="utf-8") == FILES[name](), (
        "run: python -m mai.system.settings_reference"
    )


def test_every_setting_stands_in_both_with_a_description() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert re.search(rf"^# {variable_of(name)}=", env_example(), re.MULTILINE), name
        assert f"| `{variable_of(name)}` |" in markdown()


def test_copying_the_example_as_it_is_changes_nothing(tmp_path: Path) -> None:
    before = load()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / ".env").write_text(env_example(), encoding="utf-8")
    assert load() == before


def test_every_default_in_the_example_can_be_read_back(tmp_path: Path) -> None:
    before = load()
    (tmp_path / "config").mkdir()
    lines = re.findall(r"^# ([A-Z_]+=.+)$", env_example(), re.MULTILINE)
    kept = [line for line in lines if "<user data directory>" not in line]
    assert len(kept) > 5
    (tmp_path / "config" / ".env").write_text("\n".join(kept), encoding="utf-8")
    assert load() == before
