"""Parts of a savings replay without models: an engine that repeats the nearest example, a word-count embedder."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "integration" / "gateway"))
from fake_engine import MODEL, FakeEngine, running_engine

from reference.serving.engine.handle import Engine
from reference.serving.gateway.seams import Choice, Similar
from reference.serving.savings import Parts, parts_for

WIDTH = 256


def embed(texts):
    """Unit vectors of hashed words: near are texts that share them."""
    found = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, text in zip(found, texts, strict=True):
        for word in text.lower().split():
            row[sum(map(ord, word)) % WIDTH] += 1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def pieces(body):
    """The last example's answer; a sentence of its own for a question without examples."""
    said = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
    return said[-1].split(" ")[:1] if said else ["answer", " to ", body["messages"][-1]["content"]]


def words(messages):
    return sum(len(m["content"].split()) for m in messages)


@dataclass
class Chooser:
    """Sends short messages to the small tier."""

    version: str = "short"

    def choose(self, text: str) -> Choice:
        return Choice("small" if len(text) < 40 else "strong", 0.5)


class Likeness:
    """Answers by shared words alone, without any guard: it makes false hits."""

    version = "words"

    def __init__(self, threshold: float = 0.75) -> None:
        self.threshold, self.kept = threshold, []

    def find(self, scope, question):
        vector = embed([question])[0]
        near = [(float(embed([q])[0] @ vector), q, a) for s, q, a in self.kept if s == scope]
        best = max(near, default=None)
        return Similar(best[2], best[1], best[0]) if best and best[0] >= self.threshold else None

    def keep(self, scope, question, answer, ttl_s):
        self.kept.append((scope, question, answer))


def engine_of(fake: FakeEngine) -> Engine:
    return Engine(fake.base_url, "none", MODEL, 4096, ours=False)


@contextmanager
def fake_parts(workers: int = 0) -> Iterator[tuple[Parts, FakeEngine, FakeEngine]]:
    """(parts, strong engine, small engine)."""
    with running_engine() as strong, running_engine() as small:
        strong.pieces = pieces
        strong.count_prompt = small.count_prompt = words
        small.pieces = lambda body: ["refund"]
        tier = SimpleNamespace(base_url=small.base_url, model="tiny-small", api_key="none")
        with parts_for(
            engine_of(strong), embed, small=tier, chooser=Chooser(), similar=Likeness, workers=workers
        ) as parts:
            yield parts, strong, small
