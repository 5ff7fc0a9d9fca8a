"""Question 2, what its stages do: encoders by arithmetic, Little's law, instances with room to spare, vector memory.

Plain floats in SI units (seconds, per second, bytes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reference.sizing.hardware import accelerator
from reference.sizing.units import magnitude

from .assumptions import Q2Assumptions


def encoder_time(a: Q2Assumptions, parameters: float, tokens: float, gpu: str | None = None) -> float:
    """Seconds of arithmetic to encode `tokens` tokens: 2 FLOP per weight and token over the peak that is reached.

    Attention's part that grows with the square of the length is left out, which favours the source (it adds about a
    tenth for BERT-base at 512 tokens).
    """
    peak = magnitude(accelerator(gpu or a.encoder_gpu).bf16_flops, "FLOP/s") * a.compute_efficiency
    return 2 * parameters * tokens / peak


def embed_rate(a: Q2Assumptions, gpu: str | None = None) -> float:
    """Queries/s that one card embeds in full batches."""
    return 1 / encoder_time(a, a.embedder_parameters, a.query_tokens, gpu)


def pair_tokens(a: Q2Assumptions) -> float:
    """Tokens of one (query, passage) pair of a cross-encoder."""
    return a.query_tokens + a.chunk_tokens


def rerank_time(a: Q2Assumptions, queries: int = 1, parameters: float | None = None, gpu: str | None = None) -> float:
    """Seconds of one call of the cross-encoder that scores all candidates of `queries` queries."""
    weights = a.reranker_parameters if parameters is None else parameters
    work = encoder_time(a, weights, queries * a.candidates * pair_tokens(a), gpu)
    return magnitude(a.call_overhead, "s") + work


def rerank_rate(a: Q2Assumptions, parameters: float | None = None, gpu: str | None = None) -> float:
    """Queries/s that one card reranks in calls of the source's batch."""
    return a.rerank_batch / rerank_time(a, a.rerank_batch, parameters, gpu)


def by_littles_law(concurrency: float, seconds: float) -> float:
    """Throughput of a server that holds `concurrency` requests for `seconds` each: X = L / W."""
    return concurrency / seconds


def instances(a: Q2Assumptions, rate: float, each: float) -> int:
    """Instances for `rate` per second at `each` per second, below the utilisation ceiling, with spares."""
    return math.ceil(rate / (each * a.utilisation_ceiling) - 1e-9) + a.spare


def dense_rate(a: Q2Assumptions) -> float:
    """Searches/s of one node: measured core time at 384 dimensions, scaled by dimension, plus the server's part."""
    core = magnitude(a.search_time_384, "s") * a.dimension / 384 + magnitude(a.search_overhead, "s")
    return a.node_cores / core


def graph_bytes(m: int) -> float:
    """HNSW links of one vector: 2 m on the ground layer, m on each layer above, which 1 / (m - 1) of them reach."""
    if m < 2:
        raise ValueError(f"HNSW needs m of at least 2, got {m}")
    return 4 * (2 * m + m / (m - 1))


def vector_memory(
    vectors: float, dimension: int, *, bytes_per_value: float = 4.0, m: int = 16, payload_bytes: float = 0.0
) -> dict[str, float]:
    """Bytes in memory of `vectors` vectors: `vectors`, `graph`, `payload`.

    bytes_per_value: 4 for float32, 1 for int8, 1/8 for one bit. Raises ValueError for a negative or zero size.
    """
    if vectors < 0 or dimension < 1 or bytes_per_value <= 0 or payload_bytes < 0:
        raise ValueError("vectors and payload_bytes must not be negative, dimension and bytes_per_value be positive")
    return {
        "vectors": vectors * dimension * bytes_per_value,
        "graph": vectors * graph_bytes(m),
        "payload": vectors * payload_bytes,
    }


def store_memory(a: Q2Assumptions) -> dict[str, float]:
    """Bytes of one replica: vectors, graph, payload, and the store's head-room for segments (on vectors and graph)."""
    payload = a.words_per_chunk * a.payload_bytes_per_word + a.payload_metadata_bytes
    parts = vector_memory(a.chunks, a.dimension, m=a.hnsw_m, payload_bytes=payload)
    parts["segments"] = (a.store_overhead - 1) * (parts["vectors"] + parts["graph"])
    return parts


def lognormal_variance(mean: float, sigma: float) -> float:
    """Variance of a lognormal of this mean whose logarithm has the standard deviation `sigma`."""
    return mean**2 * math.expm1(sigma**2)


def sum_percentile(parts: Sequence[tuple[float, float]], z: float = 1.6448536269514722) -> float:
    """Percentile of a sum of independent lognormals given as (mean, sigma), by Fenton-Wilkinson: the lognormal with
    the sum's mean and variance; some 5 % high where one part is much wider than the rest. `z`: standard normal
    quantile, 1.645 for the 95th percentile."""
    mean = sum(part for part, _ in parts)
    variance = sum(lognormal_variance(part, sigma) for part, sigma in parts)
    sigma2 = math.log1p(variance / mean**2)
    return mean * math.exp(z * math.sqrt(sigma2) - sigma2 / 2)


def stage_times(a: Q2Assumptions) -> dict[str, tuple[float, float]]:
    """(mean seconds, sigma) of each stage of one query on idle servers, in order; parallel searches count once."""
    times = {
        "expand": (a.expansion_time, a.stage_spread),
        "embed": (magnitude(a.embed_time, "s"), a.stage_spread),
        "search": (max(magnitude(a.dense_time, "s"), magnitude(a.lexical_time, "s")), a.stage_spread),
        "rerank": (magnitude(a.rerank_time, "s"), a.stage_spread),
        "generate": (magnitude(a.llm_time, "s"), a.generation_spread),
    }
    return {name: pair for name, pair in times.items() if pair[0] > 0}
