"""What a small model is good for: 60 tasks, the plain prompt, Mai with it, and Mai without any.

`python -m bench.solve [--side plain --side mai --side search] [--only NAME] [--out FOLDER]`

The model is the GGUF file that `MODEL_CACHE_DIR` holds and `--model` names. Each task has hidden
tests that decide. Rows are printed as they come and kept in FOLDER/rows.jsonl: a run that is
started again goes on where it was stopped. Every prompt and reply is kept in FOLDER/talk.jsonl.
Code that a model wrote runs in the sandbox only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.solving import sides
from bench.solving.judge import Judge
from bench.solving.recorder import Recorder
from bench.solving.sides import Row
from bench.solving.tasks import Task, tasks
from mai.providers.gguf import GgufProvider
from mai.providers.gguf_engine import is_installed
from mai.settings import Settings, load

_SIDES = ("plain", "mai", "search")
_CONTEXT_TOKENS = 8_192


def main() -> int:
    """Run what was asked for and print what came of it."""
    asked = _arguments()
    settings = load()
    chosen = tasks(asked.only or ["*"])[asked.skip :: asked.every][: asked.limit]
    model = asked.model or _model(settings)
    wanted = [side for side in asked.side or _SIDES if side == "search" or model]
    if not model:
        print(f"no GGUF model in {settings.model_cache_dir}, or llama.cpp is not there")
    if not wanted or not chosen:
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = _rows(asked.out / "rows.jsonl")
    done = {(row.task, row.side) for row in rows}
    recorder = Recorder(asked.out / "talk.jsonl")
    provider = GgufProvider(settings.model_cache_dir, model, _CONTEXT_TOKENS) if model else None
    with Judge(settings) as judge, recorder.listening():
        bench = _Bench(judge, recorder, provider, rows, asked.even)
        for task in chosen:
            for side in wanted:
                if (task.name, side) in done:
                    continue
                row = bench.row(task, side)
                rows.append(row)
                with (asked.out / "rows.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
                print(_line(row), flush=True)
    names = {task.name for task in chosen}
    print(summary([row for row in rows if row.task in names]))
    return 0


@dataclass(slots=True)
class _Bench:
    """What every row needs."""

    judge: Judge
    recorder: Recorder
    provider: GgufProvider | None
    rows: list[Row]
    is_even: bool

    def row(self, task: Task, side: str) -> Row:
        """Have one side do one task."""
        if side == "plain":
            assert self.provider is not None
            spent = [row.written for row in self.rows if (row.task, row.side) == (task.name, "mai")]
            budget = sum(spent) if self.is_even else 0
            return sides.plain(task, self.provider, self.recorder, self.judge, budget)
        over = {"provider": "reflex", "reviewer": "none"}
        if side == "mai":
            assert self.provider is not None
            model = {"model": f"gguf/{self.provider.model}", "model_fallbacks": "none"}
            over |= {"provider": "gguf", **model}
        with tempfile.TemporaryDirectory() as folder:
            return sides.mai(task, side, Path(folder), self.recorder, self.judge, over=over)


def summary(rows: Sequence[Row]) -> str:
    """Return the sums, by side and by kind."""
    lines = [""]
    for side in _SIDES:
        mine = [row for row in rows if row.side == side]
        if not mine:
            continue
        solved = sum(row.is_solved for row in mine)
        read, written = sum(row.read for row in mine), sum(row.written for row in mine)
        model_s = sum(row.model_s for row in mine)
        first = [row.first_words_s for row in mine if row.first_words_s is not None]
        words = f"{statistics.median(first):.1f} s" if first else "-"
        speed = f"{written / model_s:.1f} written a second" if model_s else "no model"
        wall = statistics.median(row.seconds for row in mine)
        lines.append(
            f"{side:7} {solved} of {len(mine)} solved; tokens {read} read, {written} written, "
            f"{speed}; first words {words}, whole task {wall:.1f} s (medians)"
        )
        kinds = Counter(row.kind for row in mine)
        won = Counter(row.kind for row in mine if row.is_solved)
        lines.append("        " + ", ".join(f"{kind} {won[kind]}/{kinds[kind]}" for kind in kinds))
        lost = Counter(row.lost for row in mine if row.lost)
        lines.append("        lost at " + ", ".join(f"{at} {n}" for at, n in lost.most_common()))
    won_by = {
        side: {row.task for row in rows if row.side == side and row.is_solved} for side in _SIDES
    }
    behind = sorted(
        won_by["plain"] - won_by["mai"] & {row.task for row in rows if row.side == "mai"}
    )
    if any(row.side == "mai" for row in rows):
        lines.append(f"the plain prompt solves and Mai does not: {', '.join(behind) or 'nothing'}")
        lines.append(f"either way of Mai: {len(won_by['mai'] | won_by['search'])}")
    return "\n".join(lines)


def _line(row: Row) -> str:
    sign = "solved" if row.is_solved else f"lost at {row.lost}"
    cost = f"{row.asked} asked, {row.read}+{row.written} tokens" if row.asked else ""
    return f"{row.task:24} {row.side:7} {row.seconds:6.1f} s  {sign:32} {cost}  {row.told}".rstrip()


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _model(settings: Settings) -> str:
    """Return the name of the largest GGUF file there is, empty where none can be used."""
    folder = settings.model_cache_dir
    files = sorted(folder.glob("*.gguf"), key=lambda path: path.stat().st_size)
    return files[-1].stem if files and is_installed() else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--side", action="append", choices=_SIDES, help="all three unless told")
    parser.add_argument("--only", action="append", help="a kind, or a name with * and ? in it")
    parser.add_argument("--skip", type=int, default=0, help="leave the first so many out")
    parser.add_argument("--every", type=int, default=1, help="take every n-th of them")
    parser.add_argument("--limit", type=int, default=None, help="take no more than so many")
    parser.add_argument("--model", default="", help="the GGUF file's name without .gguf")
    parser.add_argument("--even", action="store_true", help="the plain prompt may use Mai's tokens")
    default = Path(tempfile.gettempdir()) / f"mai-solve-{time.strftime('%Y%m%d-%H%M%S')}"
    parser.add_argument("--out", type=Path, default=default, help="where rows and talk are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
