"""Other people's recorded correctness: CSV or JSON lines with a prompt and two columns of true and false.

RouteLLM publishes such files for GPT-4 and Mixtral 8x7B on MMLU and GSM8K, with columns named for the models (CITED:
github.com/lm-sys/RouteLLM at 0b64fda; totals there: MMLU 80.6 % and 68.1 %, GSM8K 85.7 % and 63.8 %). They are not
shipped here; give the path of yours.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.serving.model_routing.judged import Judged
from reference.serving.model_routing.sealed import RoutingError

_TRUE, _FALSE = {"true", "1", "1.0", "yes"}, {"false", "0", "0.0", "no"}


@dataclass(frozen=True)
class RecordedAnswers:
    """Prompts, and whether the strong and the weak model were right about each. All of one length, at least 1."""

    prompts: tuple[str, ...]
    strong_right: tuple[bool, ...]
    weak_right: tuple[bool, ...]

    def judged(self, strong_cost: float, weak_cost: float, choosing: float = 0.0) -> Judged:
        """For curves, at these costs per question; every prompt is a group of its own."""
        import numpy as np

        n = len(self.prompts)
        return Judged(
            np.array(self.strong_right), np.array(self.weak_right), np.full(n, float(strong_cost)),
            np.full(n, float(weak_cost)), tuple(str(k) for k in range(n)), choosing,
        )  # fmt: skip


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number of the row's end in the file, row)"""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".csv":
            reader = csv.DictReader(file)
            for row in reader:
                yield reader.line_num, row
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise RoutingError(f"{path}, line {number}: not JSON ({error})") from error
                if not isinstance(row, dict):
                    raise RoutingError(f"{path}, line {number}: must be a JSON object, got {type(row).__name__}")
                yield number, row


def _truth(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower() if value is not None else ""
    if said in _TRUE | _FALSE:
        return said in _TRUE
    raise RoutingError(f"{where}: must be true or false, got {str(value)[:40]!r}")


def read_recorded(
    path: Path | str,
    columns: Sequence[str] = ("strong_correct", "weak_correct"),
    prompt: str = "prompt",
) -> RecordedAnswers:
    """Reads a `.csv` file, or JSON lines from one with any other ending.

    Args:
        columns: names of the columns of the strong and the weak model, in that order; values true/false, 1/0, yes/no.
        prompt: name of the column with the question.

    Raises RoutingError that names file, line and column.
    """
    path = Path(path)
    if len(columns) != 2 or columns[0] == columns[1]:
        raise RoutingError(f"columns: two different names (strong, weak) are needed, got {list(columns)}")
    strong, weak = columns
    prompts, strong_right, weak_right = [], [], []
    try:
        for number, row in _rows(path):
            missing = [name for name in (prompt, strong, weak) if name not in row]
            if missing:
                there = ", ".join(str(name) for name in row)[:200]
                raise RoutingError(f"{path}, line {number}: no column {', '.join(missing)}; there are: {there}")
            text = row[prompt]
            if not isinstance(text, str) or not text.strip():
                raise RoutingError(f"{path}, line {number}, {prompt}: must be text that is not empty")
            prompts.append(text)
            strong_right.append(_truth(row[strong], f"{path}, line {number}, {strong}"))
            weak_right.append(_truth(row[weak], f"{path}, line {number}, {weak}"))
    except OSError as error:
        raise RoutingError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RoutingError(f"{path}: not text in UTF-8, or not CSV ({error})") from error
    if not prompts:
        raise RoutingError(f"{path}: no rows")
    return RecordedAnswers(tuple(prompts), tuple(strong_right), tuple(weak_right))
