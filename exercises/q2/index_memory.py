"""Size it: the windows of a corpus, and what one replica of its vector index keeps in memory."""

from __future__ import annotations

from functools import cache
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.q2.token_windows import reference as windows
from reference.sizing.claims.q2.stages import vector_memory

SIZES = ((256, 32), (384, 48), (512, 50), (512, 64))


def draw(random: Random) -> dict[str, object]:
    size, overlap = random.choice(SIZES)
    words, ratio = random.choice([3000, 4500, 6000, 7500]), random.choice([1.3, 1.4, 1.6])
    return {
        "documents": random.choice([10_000, 25_000, 40_000, 120_000]),
        "words": words,
        "tokens": round(words * ratio),
        "size": size,
        "overlap": overlap,
        "dimension": random.choice([384, 768, 1024, 1536]),
        "m": random.choice([12, 16, 32]),
        "payload": random.choice([1800, 2300, 2700]),
    }


def prompt(p: Params) -> str:
    return f"""{p["documents"]:,} documents of {p["words"]:,} words, {p["tokens"]:,} tokens each, are cut one by one
into windows of {p["size"]} tokens; each repeats {p["overlap"]} of the one before, and the last window of a document may
be shorter. Each window becomes a vector of {p["dimension"]:,} float32 values.

The index is an HNSW graph with m = {p["m"]}: per vector 2 m + m / (m - 1) links of 4 bytes. Text and metadata of a
window, {p["payload"]:,} bytes, are kept in memory as well. All replicas hold everything.

- `chunks`: windows of the whole corpus (a whole number).
- `vectors_gb`: the vectors alone, in GB.
- `replica_gb`: what one replica keeps in memory, in GB."""


@cache
def _windows(tokens: int, size: int, overlap: int) -> int:
    """Windows of one document, as the fixed chunker cuts a text whose words have one token each."""
    return len(windows([1] * tokens, size, overlap))


def answers(p: Params) -> dict[str, float | str]:
    chunks = p["documents"] * _windows(p["tokens"], p["size"], p["overlap"])
    parts = vector_memory(chunks, p["dimension"], m=p["m"], payload_bytes=p["payload"])
    return {"chunks": chunks, "vectors_gb": parts["vectors"] / 1e9, "replica_gb": sum(parts.values()) / 1e9}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    step = p["size"] - p["overlap"]
    chunks = p["documents"] * _windows(p["tokens"], p["size"], p["overlap"])
    wrong = {
        "overlap_ignored": p["documents"] * _windows(p["tokens"], p["size"], 0),
        "words_for_tokens": p["documents"] * _windows(p["words"], p["size"], p["overlap"]),
        "one_long_text": (p["documents"] * p["tokens"] - p["overlap"]) / step,
    }
    parts = vector_memory(chunks, p["dimension"], m=p["m"], payload_bytes=p["payload"])
    vectors, graph, payload = (parts[name] / 1e9 for name in ("vectors", "graph", "payload"))
    return {
        "chunks": [Mistake(slip, value) for slip, value in wrong.items()],
        "vectors_gb": [
            Mistake("one_byte_per_value", vectors / 4),
            Mistake("words_for_tokens", vectors * wrong["words_for_tokens"] / chunks),
        ],
        "replica_gb": [
            Mistake("vectors_only", vectors),
            Mistake("graph_forgotten", vectors + payload),
            Mistake("payload_forgotten", vectors + graph),
        ],
    }


EXERCISE = Exercise(
    id="q2-index-memory",
    kind=Kind.SIZE,
    title="A corpus in memory",
    section="2.1",
    difficulty=1,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "The first window brings all of its tokens, each further one only those that it does not repeat.",
        "Count the windows of one document, whole ones, before you multiply.",
        "Three things are in memory per window: its vector, its links, its text.",
    ),
    asks=(
        Ask("chunks", "", "windows of the corpus", whole="up"),
        Ask("vectors_gb", "GB", "the vectors", tolerance=0.01),
        Ask("replica_gb", "GB", "memory of one replica", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
