"""`mai models` as a process: with no server, one, both, and dead ones, right and quick."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mai.providers.catalog import PATIENCE_S, survey
from mai.settings import Settings
from tests.servers import lmstudio, ollama
from tests.servers.ollama import closed_port
from tests.servers.tiny_gguf import write_tiny_gguf

CODER = ollama.ServedModel("qwen2.5-coder:7b", 32_768)
HUGE = ollama.ServedModel("llama3.3:70b", 131_072, size_bytes=42_500_000_000)
EMBEDDER = ollama.ServedModel("nomic-embed-text:latest", 2_048, ("embedding",), 274_000_000)
STUDIO = lmstudio.ServedModel("mistral-7b", 32_768)


@contextmanager
def dead_server() -> Iterator[str]:
    """Accept connections, by the kernel's hand, and never answer one."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def mai(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAI_")}
    nobody = f"http://127.0.0.1:{closed_port()}"
    environment |= {
        "MAI_CONFIG_DIR": str(folder / "config"),
        "MEMORY_DB_PATH": str(folder / "data" / "mai.db"),
        "MODEL_CACHE_DIR": str(folder / "models"),
        "OLLAMA_ENDPOINT": nobody,
        "LMSTUDIO_ENDPOINT": nobody,
        "GPU_VRAM_AVAILABLE": "8",
        **variables,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "mai", "models", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stdout, ran.stderr


def listed(folder: Path, **variables: str) -> dict[str, Any]:
    code, out, _ = mai(folder, "--json", **variables)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    assert found["error"] is None
    return found


def answering(found: dict[str, Any]) -> dict[str, bool]:
    return {place["provider"]: place["answers"] for place in found["places"]}


def test_no_server(tmp_path: Path) -> None:
    found = listed(tmp_path)
    assert answering(found) == {"ollama": False, "lmstudio": False, "gguf": True}
    assert found["models"] == []
    assert found["use"] == []
    code, out, _ = mai(tmp_path)
    assert code == 0
    assert "I work on reflexes" in out
    assert "`ollama pull qwen2.5-coder:7b`" in out


def test_one_server(tmp_path: Path) -> None:
    with ollama.OllamaServer(CODER, HUGE, EMBEDDER) as server:
        found = listed(tmp_path, OLLAMA_ENDPOINT=server.url)
        code, out, _ = mai(tmp_path, OLLAMA_ENDPOINT=server.url)
    by_name = {model["name"]: model for model in found["models"]}
    assert by_name[CODER.name]["fits"]
    assert by_name[CODER.name]["runs_on"] == "gpu"
    assert by_name[CODER.name]["fitting_context"] >= 16_384
    assert by_name[CODER.name]["needed_bytes"] > CODER.size_bytes
    assert not by_name[HUGE.name]["fits"]
    assert not by_name[EMBEDDER.name]["can_chat"]
    assert found["use"] == [CODER.name]
    assert code == 0
    assert "▶ qwen2.5-coder:7b" in out
    assert "I think with qwen2.5-coder:7b, chosen by what fits." in out


def test_both_servers_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_tiny_gguf(tmp_path / "models" / "tiny.gguf")
    with ExitStack() as servers:
        one = servers.enter_context(ollama.OllamaServer(CODER))
        two = servers.enter_context(lmstudio.LMStudioServer(STUDIO))
        found = listed(tmp_path, OLLAMA_ENDPOINT=one.url, LMSTUDIO_ENDPOINT=two.url)
    assert answering(found) == {"ollama": True, "lmstudio": True, "gguf": True}
    names = {(model["provider"], model["name"]) for model in found["models"]}
    assert names == {("ollama", CODER.name), ("lmstudio", STUDIO.name), ("gguf", "tiny")}
    assert found["use"] == [CODER.name, "tiny"]


@pytest.mark.parametrize("which", ["OLLAMA_ENDPOINT", "LMSTUDIO_ENDPOINT", "both"])
def test_dead_servers_hold_nothing_up(tmp_path: Path, which: str) -> None:
    with ExitStack() as servers:
        other = servers.enter_context(ollama.OllamaServer(CODER))
        endpoints = {"OLLAMA_ENDPOINT": other.url}
        for name in ("OLLAMA_ENDPOINT", "LMSTUDIO_ENDPOINT"):
            if which in {name, "both"}:
                endpoints[name] = servers.enter_context(dead_server())
        found = listed(tmp_path, **endpoints)
    expected = {"ollama": which == "LMSTUDIO_ENDPOINT", "lmstudio": False, "gguf": True}
    assert answering(found) == expected
    silent = {place["provider"] for place in found["places"] if "does not answer" in place["note"]}
    named = {"OLLAMA_ENDPOINT": {"ollama"}, "LMSTUDIO_ENDPOINT": {"lmstudio"}}
    assert silent == named.get(which, {"ollama", "lmstudio"})
    # What holds it to a second is that no question waits longer than this.
    assert PATIENCE_S < 1


def test_what_answers_with_something_else_is_nobody(tmp_path: Path) -> None:
    with ollama.OllamaServer(CODER) as one, lmstudio.LMStudioServer(STUDIO) as two:
        found = listed(tmp_path, OLLAMA_ENDPOINT=two.url, LMSTUDIO_ENDPOINT=one.url)
    assert answering(found) == {"ollama": False, "lmstudio": False, "gguf": True}


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    where = f"http://mai:hunter2@127.0.0.1:{closed_port()}"
    for arguments in ((), ("--json",)):
        code, out, err = mai(tmp_path, *arguments, OLLAMA_ENDPOINT=where)
        assert code == 0
        assert "hunter2" not in out + err


def test_an_address_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    code, out, err = mai(tmp_path, OLLAMA_ENDPOINT="ftp://somewhere")
    assert (code, out) == (2, "")
    assert "not an http(s) URL" in err
    assert "Traceback" not in err


def test_use_writes_the_settings_and_keeps_the_rest_of_them(tmp_path: Path) -> None:
    config = tmp_path / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('# mine\nlog_level = "DEBUG"  # loud\n\n[limits.trusted]\ncpus = 2\n')
    with ollama.OllamaServer(CODER, HUGE) as server:
        code, out, err = mai(tmp_path, "use", HUGE.name, OLLAMA_ENDPOINT=server.url)
        assert code == 0
        assert f"I think with {HUGE.name} (ollama)" in out
        assert "larger than this machine's memory" in err
        assert listed(tmp_path, OLLAMA_ENDPOINT=server.url)["use"][0] == HUGE.name
        text = config.read_text()
        assert f'model = "{HUGE.name}"' in text
        assert '# mine\nlog_level = "DEBUG"  # loud\n' in text
        assert text.index("model =") < text.index("[limits.trusted]")
        assert config.stat().st_mode & 0o077 == 0
        code, _, _ = mai(tmp_path, "use", "auto", OLLAMA_ENDPOINT=server.url)
        assert code == 0
        assert listed(tmp_path, OLLAMA_ENDPOINT=server.url)["use"][0] == CODER.name
    assert "model" not in config.read_text()


def test_use_of_what_is_not_there_writes_nothing(tmp_path: Path) -> None:
    with ollama.OllamaServer(CODER, EMBEDDER) as server:
        for name in ("gone:1b", EMBEDDER.name):
            code, out, _ = mai(tmp_path, "use", name, "--json", OLLAMA_ENDPOINT=server.url)
            assert code == 2
            assert json.loads(out)["error"]["code"] == "model-not-found"
            assert CODER.name in json.loads(out)["error"]["message"]
    assert not (tmp_path / "config").exists()


def test_use_with_a_settings_file_that_is_none_leaves_it_alone(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("this is = = not toml")
    code, _, err = mai(tmp_path, "use", "auto")
    assert code == 2
    assert "cannot be read" in err
    assert (tmp_path / "config" / "config.toml").read_text() == "this is = = not toml"


def test_a_stronger_setting_is_pointed_out(tmp_path: Path) -> None:
    with ollama.OllamaServer(CODER) as server:
        endpoint = {"OLLAMA_ENDPOINT": server.url, "MAI_MODEL": "other"}
        code, _, err = mai(tmp_path, "use", CODER.name, **endpoint)
    assert code == 0
    assert "MAI_MODEL is also set in the environment" in err


def test_a_survey_reads_what_costs_memory() -> None:
    with ollama.OllamaServer(CODER) as server:
        asked = {"ollama_endpoint": server.url, "lmstudio_endpoint": "http://127.0.0.1:1"}
        (place,) = survey(Settings.model_validate(asked), "ollama")
    (model,) = place.models
    assert model.kv_bytes_per_token == 16 * 4 * 256 * 2
    assert model.context_length == CODER.context_length
