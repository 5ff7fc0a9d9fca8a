"""The guards beside LLM Guard's scanners and Presidio, on this project's labelled sets (held-out half), text by text.

The scanners run in an environment of their own, made by `make bench` or named by WORKBOOK_GUARD_PEERS: LLM Guard pins
another transformers.
The sets were labelled by the authors of the guards, which flatters the guards; the record says so.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import rotate
from benchmarks.peers.comparing import ROUNDS, Part, paired_ratio, shares
from benchmarks.peers.own_environment import python_of

Ask = Callable[..., dict[str, Any]]
VARIABLE = "WORKBOOK_GUARD_PEERS"
MEND = f"no environment with llm-guard and presidio-analyzer: `make bench` makes one, or {VARIABLE} names its Python"
COMPARED = (
    ("secrets", "secrets", "LLM Guard Secrets"),
    ("pii", "presidio", "Presidio, pattern recognisers"),
    ("pii", "anonymize", "LLM Guard Anonymize"),
    ("injection", "prompt_injection", "LLM Guard PromptInjection"),
)
NAMES = {"secrets": "secrets", "pii": "personal data", "injection": "injection"}


@contextlib.contextmanager
def worker(python: str) -> Iterator[Ask]:
    """Asks the scanners of that Python. Raises RuntimeError if they end early."""
    script = Path(__file__).with_name("guard_scanners.py")
    process = subprocess.Popen(
        [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(scanner: str, texts: Sequence[str] = ()) -> dict[str, Any]:
        stdin.write(json.dumps({"scanner": scanner, "texts": list(texts)}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"the scanners in {python} ended with {process.wait()}")
        said: dict[str, Any] = json.loads(line)
        return said

    try:
        yield ask
    finally:
        stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def counts(flags: Sequence[bool], labels: Sequence[bool]) -> dict[str, tuple[int, int]]:
    """precision and recall as (hits, trials), by text."""
    hits = sum(flag and label for flag, label in zip(flags, labels, strict=True))
    return {"precision": (hits, sum(flags)), "recall": (hits, sum(labels))}


def compare(quick: bool = False) -> Part:
    from reference.serving.guardrails import Guardrails
    from reference.serving.guardrails.datasets import load
    from reference.serving.guardrails.evaluate import guard_predictor

    part, python = Part(), python_of(VARIABLE, "guards")
    guard, rounds = Guardrails.default(), 3 if quick else ROUNDS
    with worker(python or sys.executable) as ask:
        part.versions = ask("versions")["versions"]
        for kind, scanner, peer in COMPARED:
            examples = load(kind, "held-out")  # type: ignore[arg-type]
            predict = guard_predictor(kind, guard)  # type: ignore[arg-type]
            texts, labels = [e.text for e in examples], [e.positive for e in examples]
            first = ask(scanner, texts)
            if "missing" in first:
                reason = first["missing"] if python or "no module" not in first["missing"] else MEND
                part.leave_out(f"{NAMES[kind]}: precision, recall, time", peer, reason)
                continue
            mine = [bool(predict(e)) for e in examples]
            for metric, ours in counts(mine, labels).items():
                theirs = counts(first["flags"], labels)[metric]
                part.rows.append(shares(f"{NAMES[kind]}: {metric}", peer, ours, theirs, more_is_better=True))
            took: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _, side in rotate(("ours", "theirs"), rounds):
                if side == "theirs":
                    seconds = ask(scanner, texts)["seconds"]
                else:
                    begun = time.perf_counter()
                    for example in examples:
                        predict(example)
                    seconds = time.perf_counter() - begun
                took[side].append(1e3 * seconds / len(texts))
            part.rows.append(paired_ratio(f"{NAMES[kind]}: time per text", "ms", peer, took["ours"], took["theirs"]))
    part.conditions = {
        "set": "held-out half of the labelled sets, judged by text; labelled by the authors of the guards",
        "time": "the guards check for everything at once, a scanner of a peer for its own kind only",
        "rounds": f"{rounds} passes over the set, sides in turns, one core each",
        "Presidio": "spaCy's empty English pipeline, so words nearby do not raise a score; threshold as it comes (0)",
        "environment": "the peers' versions are those recorded, which may not be the ones that LLM Guard pins",
    }
    return part
