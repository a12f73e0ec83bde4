"""The strip that shows how busy the machine is and what stands ready."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from mai.system.resources import Sample

_BARS = "▁▂▃▄▅▆▇█"
_KEPT = 4
_GIB = 1024**3
_SANDBOX = {"ready": "✓ ready", "absent": "✗ absent", "no image": "▲ no image yet"}


class Machine(Widget):
    """Three lines: processors, memory, and what Mai needs around it."""

    DEFAULT_CSS = "Machine { height: 3; color: $muted; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cpu: deque[float] = deque(maxlen=_KEPT)
        self._gpu: deque[float] = deque(maxlen=_KEPT)
        self._sample: Sample | None = None
        self._facts = {"sandbox": "…", "discord": "off"}

    def measure(self, sample: Sample) -> None:
        """Take in a sample."""
        self._sample = sample
        self._cpu.append(sample.cpu_percent)
        if sample.gpu_percent is not None:
            self._gpu.append(sample.gpu_percent)
        self.refresh()

    def learn(self, facts: dict[str, str]) -> None:
        """Take in what was found out about the sandbox or a surface."""
        self._facts |= facts
        self.refresh()

    @property
    def summary(self) -> str:
        """All of it in a few words, for a narrow screen."""
        if self._sample is None:
            return f"sandbox {self._facts['sandbox']}"
        memory = f"mem {_amount(self._sample.memory_used_bytes, self._sample.memory_total_bytes)}"
        load = f"cpu {self._sample.cpu_percent:.0f} %"
        return f"{load} · {memory} · sandbox {self._facts['sandbox']}"

    def render(self) -> Content:
        """Draw the lines in two columns."""
        sample = self._sample
        half = self.size.width // 2 + 1
        if sample is None:
            lines = ["cpu", "mem"]
        else:
            lines = [
                f"cpu  {_bars(self._cpu)} {sample.cpu_percent:3.0f} %",
                f"mem  {_amount(sample.memory_used_bytes, sample.memory_total_bytes)}",
            ]
            if sample.gpu_percent is not None:
                lines[0] = (
                    _column(lines[0], half) + f"gpu {_bars(self._gpu)} {sample.gpu_percent:.0f} %"
                )
            if sample.vram_used_bytes is not None and sample.vram_total_bytes:
                vram = _amount(sample.vram_used_bytes, sample.vram_total_bytes)
                lines[1] = _column(lines[1], half) + f"vram {vram}"
        sandbox, discord = self._facts["sandbox"], self._facts["discord"]
        lines.append(f"sandbox {_SANDBOX.get(sandbox, sandbox)} · discord {discord}")
        return Content("\n").join(Content(line) for line in lines)


def _bars(values: deque[float]) -> str:
    signs = [_BARS[min(len(_BARS) - 1, int(value / 100 * len(_BARS)))] for value in values]
    return "".join(signs).rjust(_KEPT)


def _amount(used_bytes: int, total_bytes: int) -> str:
    return f"{used_bytes / _GIB:.1f}/{total_bytes / _GIB:.0f} GB"


def _column(text: str, width: int) -> str:
    return text + " " * max(1, width - cell_len(text))
