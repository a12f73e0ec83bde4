from __future__ import annotations

from pathlib import Path

import pytest

from mai.errors import SettingsError
from mai.proposal import Level
from mai.repo_policy import RepoPolicy
from mai.settings import Settings, explain, load
from mai.settings_sources import ENVIRONMENT_ONLY


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration directory, and none of the machine's own settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MAI_{name.upper()}", raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("MAI_CONFIG_DIR", str(folder))
    return folder


def source_of(name: str) -> str:
    return next(one.source for one in explain(load()) if one.name == name)


def test_the_stronger_source_wins(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().model is None
    assert source_of("model") == "default"
    (config / "config.toml").write_text('model = "from-toml"\n')
    assert load().model == "from-toml"
    (config / ".env").write_text("MAI_MODEL=from-dotenv\n")
    assert load().model == "from-dotenv"
    assert source_of("model") == str(config / ".env")
    monkeypatch.setenv("MAI_MODEL", "from-environment")
    assert load().model == "from-environment"
    assert source_of("model") == "environment"
    assert load(model="from-command-line").model == "from-command-line"


def test_fixed_names_have_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("GPU_VRAM_AVAILABLE", "7.5")
    settings = load()
    assert settings.ollama_endpoint == "http://127.0.0.1:1"
    assert settings.gpu_vram_available == 7.5


@pytest.mark.parametrize("name", sorted(ENVIRONMENT_ONLY))
def test_a_file_cannot_switch_on_what_only_the_environment_may(config: Path, name: str) -> None:
    value = "1" if name == "headless_approval" else "http://evil.example"
    (config / ".env").write_text(f"MAI_{name.upper()}={value}\n")
    (config / "config.toml").write_text(f'{name} = "{value}"\nMAI_{name.upper()} = "{value}"\n')
    assert not getattr(load(), name)


def test_a_repos_own_dotenv_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MAI_MODEL=evil\nMAI_HEADLESS_APPROVAL=1\n")
    monkeypatch.chdir(tmp_path)
    assert load().model is None
    assert not load().headless_approval


def test_a_secret_is_never_in_a_message_or_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "hush-hush")
    assert all("hush" not in f"{one}" for one in explain(load()))
    assert "hush" not in repr(load())
    monkeypatch.setenv("DISCORD_USER_ID", "hush-hush")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "hush" not in str(caught.value)
    assert "DISCORD_USER_ID" in str(caught.value)


@pytest.mark.parametrize("text", ["model = ", "expiry_hours = -1", "log_level = 'LOUD'", "\x00"])
def test_a_bad_settings_file_is_one_sentence(config: Path, text: str) -> None:
    (config / "config.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("DISCORD_USER_ID", "ana", "DISCORD_USER_ID cannot be used: it must be a whole number."),
        ("MAI_EXPIRY_HOURS", "soon", "expiry_hours cannot be used: it must be a number."),
        ("MAI_EXPIRY_HOURS", "-1", "expiry_hours cannot be used: it must be greater than 0."),
        ("MAI_AUTO_LAND_LOW", "x", "auto_land_low cannot be used: it must be true or false."),
    ],
)
def test_a_bad_value_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value) == f"The setting {told}"


def test_a_repos_policy_reads_what_is_on_its_list() -> None:
    policy = RepoPolicy.read(
        b'test_command = "make check"\nleave_alone = ["db/**"]\n[risk]\n"a" = "HIGH"'
    )
    assert policy.test_command == "make check"
    assert policy.leave_alone == ("db/**",)
    assert policy.risk == {"a": Level.HIGH}
    assert RepoPolicy.read(None) == RepoPolicy()


@pytest.mark.parametrize(
    "text",
    [
        *(b"auto_land_low = true", b"leave_alone = 3", b"= 1", b"\xff", b"headless_approval = 1"),
        *(b'leave_alone = [""]', b'leave_alone = ["db/**", "!"]', b'leave_alone = ["# all"]'),
    ],
)
def test_a_policy_with_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(SettingsError, match=r"mai\.toml"):
        RepoPolicy.read(text)


def test_a_policy_names_the_key_that_it_does_not_know() -> None:
    with pytest.raises(SettingsError, match=r"^mai\.toml: There is no setting tset_command\.$"):
        RepoPolicy.read(b"tset_command = 1")
