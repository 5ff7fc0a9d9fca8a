"""Trains the projection of the late-interaction reranker and writes it only if it beats PCA on held-out documents.

    python scripts/train_reranker.py [--epochs 12] [--pairs 4000] [--output reference/rag/rerank/projection.safetensors]

Data: headings and sections of two permissively licensed manuals, fetched as Debian packages: python3.11-doc (PSF) and
postgresql-doc-15 (PostgreSQL licence). Split by document into train, tune and held-out; weights of the blend and the
epoch are chosen on tune; figures are of held-out. About ten minutes with one thread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from reference.rag.embedding.minilm import NAME, content_tokens
from reference.rag.embedding.projection import fit_pca
from reference.rag.embedding.quantisation import quantise
from reference.rag.embedding.sentence_encoder import batches
from reference.rag.parsing.entry import parse
from reference.rag.rerank.blend import blended_order, scaled
from reference.rag.rerank.maxsim import maxsim
from reference.rag.rerank.training import Pair, heading_pairs, train, words_of
from reference.rag.types import RagError
from reference.serving.models import cache_dir, sha256_of

PACKAGES = {"python3.11-doc": "PSF-2.0", "postgresql-doc-15": "PostgreSQL"}
DIMENSION = 128
CANDIDATES = 20
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # bounded: on documents of another kind the fused score must still count
ALONE = 1e6
SKIPPED = ("genindex", "search", "bookindex", "contents", "py-modindex", "copyright", "license")


def fetched(folder: Path) -> tuple[list[Any], dict[str, dict[str, str]]]:
    """Documents of the packages, and per package its version, sha256 and licence."""
    debs, documents, record = folder / "debs", [], {}
    debs.mkdir(parents=True, exist_ok=True)
    for package, licence in PACKAGES.items():
        if not list(debs.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=debs, check=True, stdout=sys.stderr)
        deb = max(debs.glob(f"{package}_*.deb"))
        tree = folder / "trees" / deb.stem
        if not tree.exists():
            tree.parent.mkdir(exist_ok=True)
            subprocess.run(["dpkg-deb", "-x", str(deb), str(tree)], check=True)
        record[package] = {"version": deb.stem.split("_")[1], "sha256": sha256_of(deb), "licence": licence}
        for path in sorted(tree.rglob("*.html")):
            if path.is_symlink() or path.stem.startswith(SKIPPED) or "_sources" in path.parts:
                continue
            try:
                documents.append(parse(path.read_bytes(), str(path.relative_to(tree)), collection=package))
            except RagError as error:
                print(error, file=sys.stderr)
    return documents, record


class States:
    """Frozen MiniLM: sentence vectors [n, 384] and content-token states, unit float16 [t, 384] each."""

    def __init__(self, threads: int) -> None:
        import torch

        from reference.rag.embedding.torch_minilm import TorchMiniLM

        torch.set_num_threads(threads)
        self._model = TorchMiniLM()

    def __call__(self, texts: list[str]) -> tuple[Any, list[Any]]:
        content, sentences, states = content_tokens(), np.empty((len(texts), 384), np.float32), [None] * len(texts)
        done = 0
        for rows, ids, mask in batches(self._model.tokenise(texts)):
            sentences[rows], found = self._model.run(ids, mask, tokens=True)
            found = np.asarray(found, dtype=np.float32)
            found /= np.linalg.norm(found, axis=-1, keepdims=True)
            for line, row in enumerate(rows):
                states[row] = found[line][(mask[line] > 0) & content[ids[line]]].astype(np.float16)
            done += len(rows)
            if done % 512 < 32:
                print(f"encoded {done} of {len(texts)}", file=sys.stderr, flush=True)
        return sentences, states


class Evaluation:
    """Reranking of the fused candidates of some queries over all passages."""

    def __init__(self, pairs: list[Pair], sentences: Any, query_sentences: Any, bm25: Any, chosen: list[int]) -> None:
        self.chosen = chosen
        self.candidates, self.fused = [], []
        for i in chosen:
            dense = np.argsort(-(sentences @ query_sentences[i]), kind="stable")[:CANDIDATES]
            lexical = np.argsort(-bm25.get_scores(words_of(pairs[i].query)), kind="stable")[:CANDIDATES]
            scores: dict[int, float] = {}
            for ranked in (dense, lexical):
                for rank, passage in enumerate(ranked, start=1):
                    scores[int(passage)] = scores.get(int(passage), 0.0) + 1 / (60 + rank)
            best = sorted(scores, key=lambda passage: (-scores[passage], passage))[:CANDIDATES]
            self.candidates.append(best)
            self.fused.append([scores[passage] for passage in best])

    def maxsims(self, queries: list[Any], passages: list[Any], projection: Any, int8: bool = False) -> list[Any]:
        """Per query the MaxSim of its candidates; `projection` None for the model's own 384 dimensions."""

        def put(rows: Any) -> Any:
            values = rows.astype(np.float32) if projection is None else rows.astype(np.float32) @ projection
            return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)

        needed = {passage for row in self.candidates for passage in row}
        stored = {passage: put(passages[passage]) for passage in needed}
        if int8:
            coded = {passage: quantise(rows) for passage, rows in stored.items()}
            return [
                maxsim(put(queries[i]), [coded[p][0] for p in row], [coded[p][1] for p in row])
                for i, row in zip(self.chosen, self.candidates, strict=True)
            ]
        return [
            maxsim(put(queries[i]), [stored[p] for p in row])
            for i, row in zip(self.chosen, self.candidates, strict=True)
        ]

    def ranks(self, sims: list[Any], weight: float) -> Any:
        """1-based rank of each query's own passage after blending; 0 where it is no candidate."""
        ranks = []
        for i, row, fused, sim in zip(self.chosen, self.candidates, self.fused, sims, strict=True):
            order = [row[position] for position in blended_order(fused, sim, weight)]
            ranks.append(order.index(i) + 1 if i in order else 0)
        return np.array(ranks)


def figures(ranks: Any) -> dict[str, float]:
    """hit@1, hit@5, MRR@10 and nDCG@10 (one relevant passage each)."""
    found = ranks > 0
    gains = np.where(found & (ranks <= 10), 1 / np.log2(np.maximum(ranks, 1) + 1), 0.0)
    return {
        "hit@1": float((ranks == 1).mean()),
        "hit@5": float((found & (ranks <= 5)).mean()),
        "mrr@10": float(np.where(found & (ranks <= 10), 1 / np.maximum(ranks, 1), 0.0).mean()),
        "ndcg@10": float(gains.mean()),
    }


def ndcg_per_query(ranks: Any) -> Any:
    return np.where((ranks > 0) & (ranks <= 10), 1 / np.log2(np.maximum(ranks, 1) + 1), 0.0)


def interval(one: Any, two: Any, seed: int) -> list[float]:
    """95 % paired bootstrap interval of the mean of one - two, 2,000 draws."""
    rng = np.random.default_rng(seed)
    difference = one - two
    means = [rng.choice(difference, len(difference)).mean() for _ in range(2000)]
    return [float(value) for value in np.quantile(means, [0.025, 0.975])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=4000, help="most heading-section pairs, drawn by seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--output", type=Path, default=Path("reference/rag/rerank/projection.safetensors"))
    options = parser.parse_args()

    work = cache_dir() / "reranker-training"
    documents, record = fetched(work)
    rng = np.random.default_rng(options.seed)
    pairs = heading_pairs(documents, options.seed)
    if len(pairs) > options.pairs:
        pairs = [pairs[i] for i in sorted(rng.choice(len(pairs), options.pairs, replace=False))]
    parts = {name: [i for i, pair in enumerate(pairs) if pair.split == name] for name in ("train", "tune", "held-out")}
    counts = {name: len(rows) for name, rows in parts.items()}
    print(f"{len(documents)} documents, {len(pairs)} pairs: {counts}", flush=True)

    encode = States(options.threads)
    query_sentences, queries = encode([pair.query for pair in pairs])
    sentences, passages = encode([pair.passage for pair in pairs])
    usable = [i for i in range(len(pairs)) if len(queries[i]) and len(passages[i])]
    parts = {name: [i for i in rows if i in set(usable)] for name, rows in parts.items()}

    from rank_bm25 import BM25Okapi

    bm25 = BM25Okapi([words_of(pair.passage) for pair in pairs])
    negatives = []
    for i in parts["train"]:
        ranked = np.argsort(-bm25.get_scores(words_of(pairs[i].query)), kind="stable")[:12]
        negatives.append([int(p) for p in ranked if p != i and pairs[p].split == "train"][:8])
    tune = Evaluation(pairs, sentences, query_sentences, bm25, parts["tune"])
    held = Evaluation(pairs, sentences, query_sentences, bm25, parts["held-out"])

    pca = fit_pca(np.concatenate([passages[i] for i in parts["train"]])[::4], DIMENSION).astype(np.float32)
    learnt, history = train(
        [queries[i] for i in parts["train"]],
        passages,
        parts["train"],
        negatives,
        pca,
        lambda matrix: figures(tune.ranks(tune.maxsims(queries, passages, matrix), ALONE))["ndcg@10"],
        epochs=options.epochs,
        temperature=options.temperature,
        learning_rate=options.learning_rate,
        seed=options.seed,
        say=lambda line: print(line, flush=True),
    )

    results: dict[str, Any] = {"fused, no rerank": figures(held.ranks([scaled(row) for row in held.fused], 0.0))}
    per_query, weights = {}, {}
    for name, matrix, int8 in (
        ("none-384", None, False),
        ("pca-128", pca, True),
        ("learned-128", learnt.astype(np.float16).astype(np.float32), True),
    ):
        tuned = tune.maxsims(queries, passages, matrix, int8)
        weights[name] = max(WEIGHTS, key=lambda w, t=tuned: figures(tune.ranks(t, w))["ndcg@10"])
        sims = held.maxsims(queries, passages, matrix, int8)
        results[f"{name}, alone"] = figures(held.ranks(sims, ALONE))
        results[f"{name}, blended"] = {**figures(held.ranks(sims, weights[name])), "weight": weights[name]}
        per_query[name] = (ndcg_per_query(held.ranks(sims, ALONE)), ndcg_per_query(held.ranks(sims, weights[name])))
    gain = {
        way: {
            "mean": float((per_query["learned-128"][n] - per_query["pca-128"][n]).mean()),
            "interval": interval(per_query["learned-128"][n], per_query["pca-128"][n], options.seed),
        }
        for n, way in enumerate(("alone", "blended"))
    }
    wins = gain["alone"]["interval"][0] > 0
    for name, row in results.items():
        print(f"{name:24} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    print(f"learned - pca, nDCG@10: {json.dumps(gain)}; {'learned' if wins else 'PCA'} is written")

    from safetensors.numpy import save_file

    chosen = "learned-128" if wins else "pca-128"
    matrix = (learnt if wins else pca).astype(np.float16)
    metadata = {
        "kind": chosen,
        "encoder": NAME,
        "data": json.dumps(record),
        "pairs": json.dumps({name: len(rows) for name, rows in parts.items()}),
        "seed": str(options.seed),
        "training": json.dumps({"epochs": options.epochs, "temperature": options.temperature,
                                "learning_rate": options.learning_rate, "tuning": history}),
        "held_out": json.dumps(results),
        "learned_minus_pca_ndcg10": json.dumps(gain),
        "blend_weight": repr(weights[chosen]),
    }  # fmt: skip
    save_file({"projection": np.ascontiguousarray(matrix)}, str(options.output), metadata)


if __name__ == "__main__":
    main()
