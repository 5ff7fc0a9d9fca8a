"""Who was right about which question: made once with an engine, read by everything else, so that curves need no engine.

`recorded.jsonl.gz`: a header (machine, versions, command, date, seconds per question of every model), then one line per
question. `python -m benchmarks.model_routing --record` makes it anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.model_routing.extraction import TASKS
from reference.serving.model_routing.questions import Question, few_labels, many_labels, questions
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel, one_by_one, train

if TYPE_CHECKING:
    from reference.serving.engine.handle import Engine

FILE = Path(__file__).with_name("recorded.jsonl.gz")
COMMAND = "python -m benchmarks.model_routing --record"
STRONG, WEAK_LLM = "v1.1", "v0.9"
FEW, SOME, MANY = "head of 16 labels", "head of 64 labels", "head of 1,600 labels"
HEADS = (FEW, SOME, MANY)
MODELS = (STRONG, WEAK_LLM, *HEADS)


@dataclass(frozen=True)
class Outcome:
    """One model's answer to one question.

    Attributes:
        seconds: latency among 16 in flight for a language model; mean time of a question asked alone for a head.
        confidence: probability of the answer by the model itself; None for a language model.
    """

    correct: bool
    answer: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    confidence: float | None = None


@dataclass(frozen=True)
class Row:
    """A question and what every model said; `extracted`: task name -> the base model's answer, where it was asked."""

    question: Question
    outcomes: Mapping[str, Outcome]
    extracted: Mapping[str, str]


@dataclass(frozen=True)
class Recording:
    """`header`: machine, versions, command, date, and `seconds_per_question` by model (time of the whole run / n)."""

    header: Mapping[str, Any]
    rows: tuple[Row, ...]

    def of(self, split: str) -> Recording:
        """The rows of one split. Raises RoutingError for an unknown one."""
        found = tuple(row for row in self.rows if row.question.split == split)
        if not found:
            raise RoutingError(f"split: no questions in {split!r}; there are train, calibration, held-out")
        return replace(self, rows=found)

    def correct(self, model: str) -> Any:
        """bool [n]"""
        import numpy as np

        return np.array([row.outcomes[model].correct for row in self.rows])

    def texts(self) -> list[str]:
        return [row.question.text for row in self.rows]

    def templates(self) -> list[str]:
        return [row.question.template for row in self.rows]


def heads(embed: Embed, embedder: str, rows: Sequence[Question], vectors: Any) -> dict[str, SmallModel]:
    """The three small models, trained on their labels, their temperature from the calibration split of `rows`."""
    chosen = [k for k, one in enumerate(rows) if one.split == "calibration"]
    calibrate_on = (vectors[chosen], [rows[k].intent for k in chosen])
    made = {}
    for name, (texts, labels) in ((FEW, few_labels(2)), (SOME, few_labels(8)), (MANY, many_labels())):
        made[name] = train(one_by_one(embed, texts), labels, embedder, calibrate_on)
    return made


def record(engine: Engine, embed: Embed, embedder: str, say: Any = print, per_template: int = 20) -> Recording:
    """Asks every model every question. `engine` has LoRA switched on (adapter_engine); a few minutes on two cores.

    Raises RoutingError if more than 1 % of the requests to a language model failed.
    """
    from reference.serving.load import provenance
    from reference.serving.model_routing.extraction import ask_base
    from reference.serving.rollout.versions.engine import VllmAdapters
    from reference.serving.rollout.versions.predict import predict
    from reference.serving.rollout.versions.shipped import shipped
    from reference.serving.rollout.versions.task import Case, label

    asked = questions(per_template)
    cases = [Case(one.text, one.intent, one.group) for one in asked]
    outcomes: dict[str, list[Outcome]] = {}
    seconds: dict[str, float] = {}
    adapters = VllmAdapters(engine)
    for name in (STRONG, WEAK_LLM):
        version = shipped(name)
        adapters.load(version.served_as, version.path)
        predict(engine, version.served_as, cases[:16])  # the first requests of an adapter compile and load
        begun = time.perf_counter()
        said = predict(engine, version.served_as, cases)
        seconds[name] = (time.perf_counter() - begun) / len(cases)
        failed = [one.error for one in said if one.error]
        if len(failed) > 0.01 * len(said):
            raise RoutingError(f"{name}: {len(failed)} of {len(said)} requests failed, the first with {failed[0]}")
        outcomes[name] = [
            Outcome(
                one.correct, label(one.text), one.prompt_tokens, one.completion_tokens, round(one.latency_s or 0, 4)
            )
            for one in said
        ]
        say(f"{name}: {sum(o.correct for o in outcomes[name]) / len(said):.1%} right, {seconds[name]:.4f} s a question")
    adapters.close()
    extracted, extraction_s = ask_base(engine, asked, say)
    header = {
        "machine": provenance.machine(),
        "versions": provenance.versions(("vllm", "torch", "scikit-learn", "onnxruntime")),
        "command": COMMAND,
        "date": provenance.now(),
        "language_model": engine.model,
        "concurrency": 16,
        "seconds_per_question": {name: round(value, 6) for name, value in (seconds | extraction_s).items()},
        "templates": len({one.template for one in asked}),
    }
    rows = [
        Row(one, {name: outcomes[name][k] for name in (STRONG, WEAK_LLM)}, extracted[k]) for k, one in enumerate(asked)
    ]
    return with_heads(Recording(header, tuple(rows)), embed, embedder, say)[0]


def with_heads(
    recording: Recording, embed: Embed, embedder: str, say: Any = print
) -> tuple[Recording, dict[str, SmallModel]]:
    """The recording with the answers of small models that are trained and asked now, and these models; no engine."""
    asked = [row.question for row in recording.rows]
    embed([asked[0].text])  # loads the model
    # Processor seconds, unlike those of the clock, do not grow with what else runs. All cores work for the
    # language model, so a head looks dearer here than it is by up to their number.
    begun = time.process_time()
    vectors = one_by_one(embed, [one.text for one in asked])
    embedding_s = (time.process_time() - begun) / len(asked)
    made = heads(embed, embedder, asked, vectors)
    seconds = {k: v for k, v in recording.header["seconds_per_question"].items() if k in (STRONG, WEAK_LLM, *TASKS)}
    said = [{name: row.outcomes[name] for name in (STRONG, WEAK_LLM)} for row in recording.rows]
    for name, model in made.items():
        begun = time.process_time()
        found = model.answer(vectors)
        seconds[name] = round(embedding_s + (time.process_time() - begun) / len(asked), 6)
        for mine, one, (answer, sure) in zip(said, asked, found, strict=True):
            mine[name] = Outcome(answer == one.intent, answer, 0, 0, seconds[name], round(sure, 4))
        right = sum(mine[name].correct for mine in said) / len(said)
        say(f"{name}: {right:.1%} right, {seconds[name]:.5f} s a question")
    header = {**recording.header, "embedder": embedder, "seconds_per_question": seconds}
    rows = (Row(row.question, mine, row.extracted) for row, mine in zip(recording.rows, said, strict=True))
    return Recording(header, tuple(rows)), made


def write(recording: Recording, path: Path = FILE) -> None:
    """One gzip file of JSON lines, complete or absent; the same recording gives the same bytes."""
    lines = []
    for row in recording.rows:
        said = {name: [v for v in asdict(one).values() if v is not None] for name, one in row.outcomes.items()}
        lines.append(json.dumps({"q": list(asdict(row.question).values()), "said": said, "extracted": row.extracted}))
    body = "\n".join(lines)
    header = {**recording.header, "n": len(lines), "sha256": hashlib.sha256(body.encode()).hexdigest()}
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(gzip.compress(f"{json.dumps(header)}\n{body}\n".encode(), mtime=0))
    os.replace(file.name, path)
    path.chmod(0o644)


def read(path: Path = FILE) -> Recording:
    """Raises RoutingError for a missing, damaged or changed file."""
    mend = f"take it from the repository, or run {COMMAND}"
    try:
        first, _, body = gzip.decompress(path.read_bytes()).decode().partition("\n")
        header, body = json.loads(first), body.rstrip("\n")
        if hashlib.sha256(body.encode()).hexdigest() != header["sha256"]:
            raise RoutingError(f"{path} does not have the sha256 that it names: refusing to use it; {mend}")
        rows = []
        for line in body.split("\n"):
            told = json.loads(line)
            said = {name: Outcome(*values) for name, values in told["said"].items()}
            rows.append(Row(Question(*told["q"]), said, told["extracted"]))
    except OSError as error:
        raise RoutingError(f"{path} cannot be read ({error.strerror or error}); {mend}") from error
    except (EOFError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RoutingError(f"{path} is damaged ({type(error).__name__}); {mend}") from error
    return Recording(header, tuple(rows))


@cache
def shipped_recording() -> Recording:
    """The one that comes with the project."""
    return read()
