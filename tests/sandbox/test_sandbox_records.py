"""What comes out of a container, whole or in pieces, true or forged."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.sandbox.records import READY, Excerpt, Received, receive, seal

# The machine may be busy with other things; that is no fault of what is tested.
PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


TOKEN = bytes(range(16))


def frame(data: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def sealed(*records: tuple[bytes, bytes], token: bytes = TOKEN) -> bytes:
    """Return records as the harness writes them."""
    whole, last = b"", b""
    for kind, payload in records:
        last = seal(token, last, kind, payload)
        whole += token + kind + struct.pack(">I", len(payload)) + last + payload
    return whole


RESULT = (b"R", b"{}")


def received(data: bytes, piece: int = 1 << 16) -> Received:
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def send() -> None:
            for start in range(0, len(data), piece):
                theirs.sendall(data[start : start + piece])
            theirs.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        result = receive(ours, TOKEN)
        while ours.recv(1 << 16):
            pass
        sender.join()
        return result


@PATIENT
@given(
    st.lists(st.tuples(st.sampled_from([b"O", b"E"]), st.binary(max_size=50)), max_size=8),
    st.integers(1, 40),
    st.integers(1, 60),
)
def test_records_survive_every_way_of_cutting_them(
    pieces: list[tuple[bytes, bytes]], frame_size: int, read_size: int
) -> None:
    text = READY + sealed(*pieces, RESULT)
    frames = b"".join(
        frame(text[start : start + frame_size]) for start in range(0, len(text), frame_size)
    )
    result = received(frames, read_size)
    assert result.problem == ""
    assert result.result == b"{}"
    whole = b"".join(payload for _, payload in pieces)
    assert result.output.text() == whole.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am not ready\n" + sealed(RESULT),
        READY + sealed(RESULT, token=bytes(16)),
        READY + sealed((b"X", b"{}")),
        READY + sealed((b"O", b"x")) + b"x" + sealed((b"O", b"x"), RESULT)[38:],
        READY + sealed((b"O", b"x"), RESULT)[38:],
        READY + sealed(RESULT)[:-1] + b"]",
        READY + TOKEN + b"R" + struct.pack(">I", 0xFFFFFFFF),
        READY + TOKEN + b"O" + struct.pack(">I", 1 << 20),
    ],
    ids=[
        "no-harness",
        "wrong-token",
        "unknown-kind",
        "noise",
        "one-lost",
        "one-damaged",
        "huge",
        "huge-output",
    ],
)
def test_anything_else_on_standard_output_is_a_forgery(data: bytes) -> None:
    result = received(frame(data))
    assert result.problem
    assert result.result is None


@PATIENT
@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_a_result(data: bytes) -> None:
    assert received(data).result is None


def test_what_the_harness_says_on_its_error_stream_is_no_record() -> None:
    result = received(frame(READY) + frame(sealed(RESULT), stream=2))
    assert result.result is None
    assert result.trouble.text()


def test_a_report_that_breaks_off_is_no_result() -> None:
    assert received(frame(READY + sealed(RESULT)[:-1])).result is None


@PATIENT
@given(st.lists(st.binary(max_size=40_000), max_size=12))
def test_an_excerpt_is_bounded_and_keeps_both_ends(pieces: list[bytes]) -> None:
    excerpt = Excerpt()
    for piece in pieces:
        excerpt.add(piece)
    whole = b"".join(pieces)
    text = excerpt.text()
    if len(whole) <= 64 << 10:
        assert text == whole.decode("utf-8", "replace")
    else:
        assert f"{len(whole) - (64 << 10)} bytes left out" in text
        head, _, tail = text.partition("\n[…")
        assert whole.decode("utf-8", "replace").startswith(head[:-4])
        assert tail[-20:] == whole[-200:].decode("utf-8", "replace")[-20:]


@PATIENT
@given(st.integers(min_value=0), st.integers(0, 7))
def test_a_bit_turned_on_its_way_makes_no_other_result(place: int, bit: int) -> None:
    text = sealed((b"O", b"1 passed"), RESULT)
    damaged = bytearray(frame(READY) + frame(text[:50]) + frame(text[50:]))
    assert received(bytes(damaged)).result == RESULT[1]
    damaged[place % len(damaged)] ^= 1 << bit
    # Three bytes of each of the engine's frames mean nothing.
    assert received(bytes(damaged)).result in {None, RESULT[1]}
