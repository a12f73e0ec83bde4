"""A language model of random weights in half a megabyte: a real engine's real input for tests.

It speaks nonsense, but everything around the words is real: tokens, streaming, grammars, limits.
The layout is GGUF 3 as llama.cpp documents it; the architecture is llama, the vocabulary bytes.
"""

from __future__ import annotations

import random
import struct
from array import array
from pathlib import Path
from typing import Any

WIDTH, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 64, 2, 4, 2, 128
ALIGNMENT = 32
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }} {{ m['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_INT32 = 5
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_PRINTABLE = range(32, 127)


def write_tiny_gguf(path: Path, *, context_length: int = 4096, seed: int = 0) -> Path:
    """Write the model to `path` and return it."""
    tokens = _vocabulary()
    pairs = _metadata(context_length, tokens)
    tensors = _tensors(len(tokens), random.Random(seed))  # noqa: S311 - weights, not secrets
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(pairs))
    head += b"".join(_text(key) + value for key, value in pairs.items())
    offset = 0
    for name, (shape, data) in tensors.items():
        head += _text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", 0, offset)
        offset += len(_padded(data.tobytes()))
    body = b"".join(_padded(data.tobytes()) for _, data in tensors.values())
    path.write_bytes(_padded(head) + body)
    return path


def _vocabulary() -> list[tuple[str, int, float]]:
    """Return text, kind and score of each token."""
    tokens = [("<unk>", _UNKNOWN, 0.0), ("<s>", _CONTROL, 0.0), ("</s>", _CONTROL, 0.0)]
    tokens += [
        (f"<0x{byte:02X}>", _BYTE if byte in _PRINTABLE else _UNUSED, 0.0) for byte in range(256)
    ]
    signs = ["\u2581", *(chr(sign) for sign in range(33, 127))]
    tokens += [(sign, _NORMAL, -1.0) for sign in signs]
    return [*tokens, ("<|im_start|>", _CONTROL, 0.0), ("<|im_end|>", _CONTROL, 0.0)]


def _metadata(context_length: int, tokens: list[tuple[str, int, float]]) -> dict[str, bytes]:
    numbers = {
        "llama.context_length": context_length,
        "llama.embedding_length": WIDTH,
        "llama.block_count": LAYERS,
        "llama.feed_forward_length": FEED_FORWARD,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": len(tokens),
        "general.file_type": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    return {
        "general.architecture": _typed(_STRING, _text("llama")),
        "general.name": _typed(_STRING, _text("tiny random")),
        **{key: _typed(_UINT32, struct.pack("<I", value)) for key, value in numbers.items()},
        "llama.attention.layer_norm_rms_epsilon": _typed(_FLOAT32, struct.pack("<f", 1e-5)),
        "tokenizer.ggml.model": _typed(_STRING, _text("llama")),
        "tokenizer.ggml.tokens": _array(_STRING, [_text(text) for text, _, _ in tokens]),
        "tokenizer.ggml.scores": _array(
            _FLOAT32, [struct.pack("<f", score) for _, _, score in tokens]
        ),
        "tokenizer.ggml.token_type": _array(
            _INT32, [struct.pack("<i", kind) for _, kind, _ in tokens]
        ),
        "tokenizer.ggml.add_bos_token": _typed(_BOOL, b"\1"),
        "tokenizer.ggml.add_space_prefix": _typed(_BOOL, b"\0"),
        "tokenizer.chat_template": _typed(_STRING, _text(CHAT_TEMPLATE)),
    }


def _tensors(
    vocabulary: int, chance: random.Random
) -> dict[str, tuple[tuple[int, ...], array[float]]]:
    """Return shape (fastest dimension first) and values of each tensor."""

    def noise(inputs: int, outputs: int) -> tuple[tuple[int, ...], array[float]]:
        values = (chance.uniform(-0.09, 0.09) for _ in range(inputs * outputs))
        return (inputs, outputs), array("f", values)

    def ones() -> tuple[tuple[int, ...], array[float]]:
        return (WIDTH,), array("f", [1.0] * WIDTH)

    kv_width = WIDTH // HEADS * KV_HEADS
    tensors: dict[str, Any] = {
        "token_embd.weight": noise(WIDTH, vocabulary),
        "output_norm.weight": ones(),
        "output.weight": noise(WIDTH, vocabulary),
    }
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        tensors[f"{name}attn_norm.weight"] = ones()
        tensors[f"{name}attn_q.weight"] = noise(WIDTH, WIDTH)
        tensors[f"{name}attn_k.weight"] = noise(WIDTH, kv_width)
        tensors[f"{name}attn_v.weight"] = noise(WIDTH, kv_width)
        tensors[f"{name}attn_output.weight"] = noise(WIDTH, WIDTH)
        tensors[f"{name}ffn_norm.weight"] = ones()
        tensors[f"{name}ffn_gate.weight"] = noise(WIDTH, FEED_FORWARD)
        tensors[f"{name}ffn_up.weight"] = noise(WIDTH, FEED_FORWARD)
        tensors[f"{name}ffn_down.weight"] = noise(FEED_FORWARD, WIDTH)
    return tensors


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _typed(kind: int, value: bytes) -> bytes:
    return struct.pack("<I", kind) + value


def _array(kind: int, values: list[bytes]) -> bytes:
    return _typed(_ARRAY, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)
