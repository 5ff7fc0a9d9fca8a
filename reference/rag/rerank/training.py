"""Training data and training of the projection of token vectors, 384 to 128 dimensions.

The encoder stays frozen; only a linear map is learnt, by telling a heading's own section from others (InfoNCE over
MaxSim scores, negatives from the batch and from BM25). Torch is needed here and nowhere else in this package.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reference.rag.stop_words import STOP_WORDS
from reference.rag.types import Document

_NUMBERING = re.compile(r"^(chapter|appendix|part)?\s*([a-z]?\d*(\.\d+)*\.?)\s+(?=\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
FEWEST_WORDS = 30  # of a section
MOST_CHARS = 2000  # of a section: the encoder reads about 256 tokens


@dataclass(frozen=True)
class Pair:
    """A heading as the query, and the section under it, without that heading, as the passage that answers it."""

    query: str
    passage: str
    document_id: str
    split: str  # train, tune or held-out


def split_of(document_id: str, seed: int = 0) -> str:
    """train (70 %), tune (10 %) or held-out (20 %): by document, so that no page is on two sides."""
    number = int(hashlib.sha256(f"{seed}:{document_id}".encode()).hexdigest()[:8], 16) % 10
    return "train" if number < 7 else "tune" if number < 8 else "held-out"


def heading_pairs(documents: Iterable[Document], seed: int = 0) -> list[Pair]:
    """Pairs from the documents' own structure. Headings that several sections share are left out: no one is right."""
    found: list[Pair] = []
    for document in documents:
        for section in document.sections:
            heading = re.sub(r"\s*[¶#]\s*$", "", _NUMBERING.sub("", section.path[-1])).strip()
            words = _WORD.findall(heading)
            content = [word for word in words if word.lower() not in STOP_WORDS]
            if not (2 <= len(words) <= 15 and content) or len(section.text.split()) < FEWEST_WORDS:
                continue
            passage = " > ".join(section.path[:-1]) + "\n" + section.text[:MOST_CHARS]
            found.append(Pair(heading, passage, document.id, split_of(document.id, seed)))
    queries = Counter(pair.query.lower() for pair in found)
    passages = Counter(pair.passage for pair in found)
    return [pair for pair in found if queries[pair.query.lower()] == 1 and passages[pair.passage] == 1]


def words_of(text: str) -> list[str]:
    """Lower-case words for BM25."""
    return [word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]


def padded(rows: Sequence[Any]) -> tuple[Any, Any]:
    """Token vectors [t, d] each -> torch float32 [n, longest, d] and a bool mask [n, longest]."""
    import torch

    longest = max(len(row) for row in rows)
    values = torch.zeros(len(rows), longest, rows[0].shape[1])
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for number, row in enumerate(rows):
        values[number, : len(row)] = torch.from_numpy(row.astype("float32"))
        mask[number, : len(row)] = True
    return values, mask


def batch_scores(queries: Any, query_mask: Any, passages: Any, passage_mask: Any, projection: Any) -> Any:
    """MaxSim of every query with every passage, [q, p], differentiable in `projection` [384, d]."""
    import torch

    q = torch.nn.functional.normalize(queries @ projection, dim=-1)
    p = torch.nn.functional.normalize(passages @ projection, dim=-1)
    similarity = torch.einsum("qid,pjd->qpij", q, p)
    similarity = similarity.masked_fill(~passage_mask[None, :, None, :], -1.0)
    best = similarity.amax(dim=-1) * query_mask[:, None, :]
    return best.sum(-1) / query_mask.sum(-1)[:, None]


def train(
    queries: Sequence[Any],
    passages: Sequence[Any],
    positives: Sequence[int],
    negatives: Sequence[Sequence[int]],
    start: Any,
    score: Callable[[Any], float],
    *,
    epochs: int = 12,
    batch: int = 32,
    learning_rate: float = 1e-3,
    temperature: float = 0.05,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> tuple[Any, list[float]]:
    """The projection float32 [384, d] of the epoch with the best `score` (the start counts as one), and all scores.

    Args:
        queries: token vectors float [t, 384] per query.
        passages: the same per passage; `positives[i]` is the one that answers query i, `negatives[i]` hard ones.
        start: float [384, d], e.g. the PCA.
        score: of a projection on the tuning split; larger is better.
    """
    import numpy as np
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    projection = torch.nn.Parameter(torch.from_numpy(np.array(start, dtype=np.float32)))
    optimiser = torch.optim.Adam([projection], lr=learning_rate)
    best, history = np.array(start, dtype=np.float32), [score(np.array(start, dtype=np.float32))]
    for epoch in range(epochs):
        order, losses = rng.permutation(len(queries)), []
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            own = [positives[i] for i in chosen]
            hard = [int(rng.choice(negatives[i])) for i in chosen if len(negatives[i])]
            columns = list(dict.fromkeys(own + hard))
            target = torch.tensor([columns.index(position) for position in own])
            scores = batch_scores(
                *padded([queries[i] for i in chosen]), *padded([passages[i] for i in columns]), projection
            )
            loss = torch.nn.functional.cross_entropy(scores / temperature, target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        now = projection.detach().numpy().copy()
        history.append(score(now))
        say(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, tuning score {history[-1]:.4f}")
        if history[-1] >= max(history[:-1]):
            best = now
    return best, history
