from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mai.settings import Settings, load
from mai.system import logs
from mai.system.logfile import LogFile


@pytest.fixture(autouse=True)
def _silent_again() -> Iterator[None]:
    yield
    logs.reset()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(log_dir=tmp_path / "logs", log_level="INFO", discord_bot_token=SecretStr("tok-en"))


def lines(settings: Settings) -> list[dict[str, Any]]:
    text = (settings.logs / logs.FILE_NAME).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_one_json_object_with_time_level_room_and_process(settings: Settings) -> None:
    logs.configure(settings)
    logs.get("sandbox").info("ran", seconds=1.5, text="a\nb\x1b[31m")
    (line,) = lines(settings)
    assert line.pop("at").endswith("Z")
    assert isinstance(line.pop("pid"), int)
    assert line == {
        "event": "ran",
        "level": "info",
        "room": "sandbox",
        "seconds": 1.5,
        "text": "a\nb",
    }


def test_the_level_of_the_settings_holds(settings: Settings) -> None:
    logs.configure(settings)
    logs.get("x").debug("too fine")
    logs.get("x").info("kept")
    assert [line["event"] for line in lines(settings)] == ["kept"]


def test_warnings_are_said_on_stderr_in_one_line_and_nothing_on_stdout(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings)
    logs.get("x").info("quiet")
    logs.get("x").warning("beware\nof tok-en", path="/p")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "mai: beware of [hidden]\n"


def test_a_console_that_owns_the_screen_gets_nothing_on_stderr(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(settings, tells_stderr=False)
    logs.get("x").error("beware")
    assert capfd.readouterr() == ("", "")
    assert lines(settings)[0]["event"] == "beware"


def test_tracebacks_are_logged_without_the_secret_in_them(settings: Settings) -> None:
    logs.configure(settings, tells_stderr=False)
    try:
        int("tok-en")
    except ValueError:
        logs.get("x").exception("failed")
    text = lines(settings)[0]["exception"]
    assert "Traceback" in text
    assert "with base 10: '[hidden]'" in text


def test_what_libraries_log_arrives_from_warning_on_and_redacted(settings: Settings) -> None:
    logs.configure(settings, tells_stderr=False)
    logger = logging.getLogger("some.library")
    logger.info("too fine")
    logger.warning("login as %s", "tok-en")
    assert [(line["room"], line["event"]) for line in lines(settings)] == [
        ("some.library", "login as [hidden]")
    ]


_MALFORMED = """
import logging
from mai.settings import load
from mai.system import logs
logs.configure(load())
logging.getLogger("lib").warning("%s %s", "one")
logging.getLogger("lib").warning("after")
"""


def test_what_a_library_logs_rightly_or_wrongly_is_not_shown_and_stops_nothing(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "MAI_LOG_DIR": str(tmp_path)}
    command = [sys.executable, "-c", _MALFORMED]
    answer = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stderr == ""
    assert '"event": "after"' in (tmp_path / logs.FILE_NAME).read_text()


def test_configuring_twice_writes_each_line_once(settings: Settings) -> None:
    logs.configure(settings, tells_stderr=False)
    logs.configure(settings, tells_stderr=False)
    logging.getLogger("lib").warning("once")
    logs.get("x").info("one")
    assert [line["event"] for line in lines(settings)] == ["once", "one"]


def test_without_configuring_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    logs.reset()
    logs.get("x").critical("nobody hears", thing=object())
    assert capfd.readouterr() == ("", "")


def test_a_fault_is_recorded_even_before_the_log_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.reset()
    monkeypatch.setenv("MAI_LOG_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MAI_CONFIG_DIR", str(tmp_path / "config"))
    path = logs.record_fault(RuntimeError("boom"))
    assert path == tmp_path / "elsewhere" / "mai.jsonl"
    line = json.loads(path.read_text())
    assert "RuntimeError: boom" in line["exception"]
    assert "is_told" not in line
    assert capfd.readouterr() == ("", "")


def test_the_folder_and_the_file_are_their_owners_alone(settings: Settings) -> None:
    file = logs.configure(settings)
    logs.get("x").info("mine")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_files_turn_over_and_their_number_and_size_are_bounded(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "x.jsonl", max_bytes=1000, files_kept=3)
    for number in range(200):
        assert file.write(f"{number:>99}")
    file.close()
    kept = sorted(path.name for path in tmp_path.glob("x.jsonl*") if path.suffix != ".lock")
    assert kept == ["x.jsonl", "x.jsonl.1", "x.jsonl.2"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.glob("x.jsonl*"))
    text = "".join((tmp_path / name).read_text() for name in reversed(kept))
    numbers = [int(line) for line in text.split()]
    assert numbers == list(range(200 - len(numbers), 200))  # the newest, in order, no gap


def test_one_file_is_kept_where_only_one_may_be(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "x", max_bytes=10, files_kept=1)
    for _ in range(5):
        assert file.write("12345678")
    file.close()
    assert (tmp_path / "x").read_text() == "12345678\n"


def test_a_line_longer_than_a_file_is_written_whole(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "x", max_bytes=10)
    assert file.write("y" * 50)
    file.close()
    assert (tmp_path / "x").read_text() == "y" * 50 + "\n"


_WRITER = """
import sys
from pathlib import Path
from mai.system.logfile import LogFile
file = LogFile(Path(sys.argv[1]), max_bytes=20_000, files_kept=1000)
for number in range(1500):
    assert file.write(f"{sys.argv[2]} {number} " + "x" * 60)
"""


def test_two_processes_lose_no_line_and_mix_none(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    files = [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    found = [line.split() for file in files for line in file.read_text().splitlines()]
    assert all(len(parts) == 3 and parts[2] == "x" * 60 for parts in found)
    expected = sorted((name, number) for name in "ab" for number in range(1500))
    assert sorted((name, int(number)) for name, number, _ in found) == expected


def test_a_full_disk_stops_nothing() -> None:
    assert LogFile(Path("/dev/full")).write("lost") is False


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert LogFile(tmp_path / "file" / "x.jsonl").write("lost") is False


def test_a_file_removed_under_the_writer_is_made_again(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "x")
    file.write("one")
    (tmp_path / "x").unlink()
    file.write("two")
    file.close()
    assert (tmp_path / "x").read_text() == "two\n"
