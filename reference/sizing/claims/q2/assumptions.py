"""Question 2: what the source fixes, and what it leaves open and has to be assumed to check it.

Every field says where its value comes from; change one with `dataclasses.replace` and the verdicts follow. A query is a
request; chunks, words and documents are plain numbers.
"""

# ruff: noqa: RUF009 - `given` returns a dataclass field, which is what ruff asks for

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.claims.recorded import recorded
from reference.sizing.hardware import accelerator
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import shape
from reference.sizing.traffic import AZURE_CHAT_OUTPUT, AZURE_CHAT_OUTPUT_MEDIAN
from reference.sizing.units import Q, Quantity, magnitude

_SOURCE = "the source's answer"
_DENSE = recorded("rag_vectors", "float32", "queries, ef=64")
_LEXICAL = recorded("rag_hybrid", "lexical, 1 at a time", "queries")
_HIT = recorded("rag_peers", "workbook, hybrid + rerank", "Success@5")
_GROWTH = 167_000 / 20_000  # the source's chunks over those of the lexical record


@checked_fields
@dataclass(frozen=True)
class Q2Assumptions(Described):
    """Inputs of every claim of question 2."""

    # -- given by the source: documents
    documents: int = given(10_000, _SOURCE)
    pages_per_document: float = given(10.0, _SOURCE)
    words_per_document: float = given(5000.0, _SOURCE)
    words_per_chunk: float = given(300.0, _SOURCE)
    stated_chunks: int = given(167_000, _SOURCE)
    chunk_tokens: int = given(512, _SOURCE)
    chunk_overlap: int = given(50, _SOURCE)
    updates_per_day: float = given(100.0, f"{_SOURCE}, documents")
    dimension: int = given(1536, _SOURCE)
    ingest_gpu: str = given("a10g", _SOURCE)
    freshness: Annotated[Quantity, "duration"] = given(Q(5, "min"), f"{_SOURCE}, delay of batch indexing")

    # -- given by the source: traffic and stages
    query_rate: Annotated[Quantity, "request_rate"] = given(Q(1000, "request/s"), f"{_SOURCE}; taken as the peak")
    latency_target: Annotated[Quantity, "latency"] = given(Q(2, "s"), _SOURCE)
    variations: int = given(3, f"{_SOURCE}, written by an LLM and searched beside the original")
    per_list: int = given(20, f"{_SOURCE}, passages of each search, by vectors and by words")
    candidates: int = given(20, f"{_SOURCE}, passages that are left after fusion and reranked")
    top_k: int = given(5, f"{_SOURCE}, passages that the LLM reads")
    stated_replicas: int = given(3, _SOURCE)
    stated_replica_rate: float = given(500.0, f"{_SOURCE}, searches/s of one replica")
    stated_lexical_nodes: int = given(3, _SOURCE)
    embed_time: Annotated[Quantity, "latency"] = given(Q(20, "ms"), _SOURCE)
    embed_concurrency: int = given(50, f"{_SOURCE}, on one GPU")
    stated_embedders: int = given(20, _SOURCE)
    rerank_time: Annotated[Quantity, "latency"] = given(Q(50, "ms"), _SOURCE)
    rerank_concurrency: int = given(20, f"{_SOURCE}, on one GPU")
    stated_rerankers: int = given(50, _SOURCE)
    rerank_batch: int = given(5, f"{_SOURCE}, queries in one call")
    stated_batched_rerankers: int = given(15, _SOURCE)
    llm_time: Annotated[Quantity, "latency"] = given(Q(1, "s"), _SOURCE)
    llm_concurrency: int = given(10, f"{_SOURCE}, on one instance")
    stated_llms: int = given(100, _SOURCE)
    stated_cached_llms: int = given(60, _SOURCE)
    stated_cache_share: Annotated[float, "fraction"] = given(0.4, _SOURCE)

    # -- left open: text
    words_per_page: float = given(500.0, "assumed: a single-spaced page of plain text")
    tokens_per_word: float = given(4 / 3, "common rule for English: a token is three quarters of a word")
    tokens_per_word_low: float = given(1.2, "assumed: plain prose")
    tokens_per_word_high: float = given(1.75, "assumed: manuals with code, names and paths")
    query_tokens: float = given(32.0, "assumed tokens of a query")

    # -- left open: vector store and lexical index
    hnsw_m: int = given(16, "default of hnswlib, faiss and Qdrant")
    payload_bytes_per_word: float = given(6.0, "five letters and a blank")
    payload_metadata_bytes: float = given(500.0, "assumed: title, path, source, tenant and ids of a chunk")
    store_overhead: float = given(1.5, "rule of Qdrant's capacity page: half as much again for segments and merges")
    node_memory: Annotated[Quantity, "storage"] = given(Q(32, "GB"), "assumed node of 8 cores")
    node_cores: int = given(8, "assumed node")
    node_price: Annotated[Quantity, "cost_rate"] = given(Q(0.40, "USD/h"), "assumed list price of 8 vCPU, 32 GB")
    search_time_384: Annotated[Quantity, "duration"] = given(
        Q(1 / _DENSE.value, "s"), f"one over {_DENSE.value:,.0f}/s; {_DENSE}"
    )
    search_overhead: Annotated[Quantity, "duration"] = given(
        Q(1, "ms"), "assumed core time to parse a request and send 20 payloads"
    )
    lexical_rate: float = given(
        _LEXICAL.value / math.sqrt(_GROWTH), "assumed searches/s of one thread: geometric mean of the two bounds"
    )
    lexical_rate_low: float = given(
        _LEXICAL.value / _GROWTH, f"{_LEXICAL}; if a search of 167,000 chunks takes longer in proportion"
    )
    lexical_rate_high: float = given(_LEXICAL.value, f"{_LEXICAL}; if 167,000 chunks make no search longer")
    lexical_time: Annotated[Quantity, "latency"] = given(Q(5, "ms"), "assumed with network")
    list_overlap: Annotated[float, "fraction"] = given(0.6, "assumed share of a list that the lists before it hold")
    list_overlap_low: Annotated[float, "fraction"] = given(0.2, "assumed: vectors and words find different passages")
    list_overlap_high: Annotated[float, "fraction"] = given(0.9, "assumed: nearly the same passages")
    dense_time: Annotated[Quantity, "latency"] = given(Q(5, "ms"), "assumed with network")

    # -- left open: encoders; parameters without the embedding table, which does no arithmetic
    embedder_parameters: float = given(8.5e7, "BERT-base: 12 layers x 12 x 768^2")
    embedder_low: float = given(1.06e7, "MiniLM-L6: 6 layers x 12 x 384^2")
    embedder_high: float = given(1.31e9, "layers of Qwen2-1.5B, whose width is the 1,536 dimensions of the source")
    reranker_parameters: float = given(1.06e7, "MiniLM-L6, the usual small cross-encoder")
    reranker_high: float = given(3.02e8, "BERT-large: 24 layers x 12 x 1024^2")
    encoder_gpu: str = given("a10g", "the only card that the source names")
    compute_efficiency: float = given(0.5, "assumed share of the dense peak, as in question 1")
    call_overhead: Annotated[Quantity, "duration"] = given(
        Q(2, "ms"), "assumed: tokenise, launch and copy, once per call"
    )
    parse_time: Annotated[Quantity, "duration"] = given(Q(0.1, "s"), "assumed time to parse one document")
    upsert_time: Annotated[Quantity, "duration"] = given(Q(0.1, "s"), "assumed time to write a document's chunks")
    ingest_share: Annotated[float, "fraction"] = given(
        0.01, "assumed: below one per cent of a card nobody notices indexing"
    )

    # -- left open: the LLM
    llm_model: str = given("llama-3.1-8b", "a small model, as the source wants for most queries")
    large_model: str = given("llama-3.1-70b", "same family, for the cascade")
    instruction_tokens: float = given(300.0, "assumed: instructions, the same in every request")
    output: Annotated[Quantity, "tokens_per_request"] = given(
        AZURE_CHAT_OUTPUT.value, "mean of Azure's 2023 chat trace"
    )
    output_low: Annotated[Quantity, "tokens_per_request"] = given(Q(60, "token/request"), "assumed: two sentences")
    expansion_prompt: Annotated[Quantity, "context_length"] = given(Q(120, "token/request"), "assumed")
    expansion_output: Annotated[Quantity, "tokens_per_request"] = given(
        Q(60, "token/request"), "assumed: three variations of 20 tokens"
    )
    bandwidth_efficiency: float = given(0.8, "as in question 1")
    generation_spread: float = given(
        math.sqrt(2 * math.log(AZURE_CHAT_OUTPUT.value / AZURE_CHAT_OUTPUT_MEDIAN.value)),
        "sigma of a lognormal with the mean and median output of Azure's 2023 chat trace",
    )
    generation_spread_low: float = given(0.25, "assumed: answers cut to nearly one length")
    stage_spread: float = given(0.3, "assumed sigma of the other stages' times, idle")

    # -- left open: caches, quality, operation
    distinct_queries: int = given(1_000_000_000, "assumed different wordings")
    distinct_intents: int = given(1_000_000, "assumed different questions behind them")
    match_share: Annotated[float, "fraction"] = given(
        0.6, "assumed share of paraphrases that a semantic cache accepts without wrong hits"
    )
    match_low: Annotated[float, "fraction"] = given(0.3, "assumed: a threshold that gives hardly any wrong hit")
    match_high: Annotated[float, "fraction"] = given(0.9, "assumed: a threshold that takes wrong hits into account")
    cache_ttl: Annotated[Quantity, "duration"] = given(Q(1, "h"), "assumed life of an entry")
    zipf_exponent: float = given(0.9, "assumed popularity of questions, rank^-0.9")
    zipf_low: float = given(0.6, "assumed flattest popularity")
    zipf_high: float = given(1.2, "assumed steepest popularity")
    precomputed_share: Annotated[float, "fraction"] = given(0.95, "what 'precomputed' has to mean for the peak")
    hit_at_5: Annotated[float, "fraction"] = given(_HIT.value, f"{_HIT}; pass the notebook's")
    candidate_recall: Annotated[float, "fraction"] = given(
        0.894,
        "assumed, for no recorded benchmark looks beyond the first ten: any of the 20 + 20 candidates in an early run, "
        "974 questions, 894 documents; pass the notebook's",
    )
    stated_relevance: Annotated[float, "fraction"] = given(0.9, _SOURCE)
    stated_cost_ratio: float = given(10.0, f"{_SOURCE}, large model over small")
    utilisation_ceiling: float = given(0.8, "assumed: queues grow without bound towards 1")
    spare: int = given(1, "assumed: one instance of each kind may fail (N+1)")
    average_share: Annotated[float, "fraction"] = given(0.5, "assumed mean over peak, for what is paid by use")
    hours_per_month: float = given(730.0, "365 days / 12")

    # -- what follows from them
    @property
    def chunks(self) -> float:
        """As the source counts them: words over words per chunk."""
        return self.documents * self.words_per_document / self.words_per_chunk

    @property
    def searches_per_query(self) -> int:
        """The user's own wording and its variations; each is embedded and searched."""
        return 1 + self.variations

    @property
    def rate(self) -> float:
        """Queries/s at the peak."""
        return magnitude(self.query_rate, "request/s")

    @property
    def search_rate(self) -> float:
        """Embeddings, and searches in each index, per second."""
        return self.rate * self.searches_per_query

    @property
    def prompt(self) -> Quantity:
        """Tokens that the LLM reads: instructions, question and the passages."""
        return Q(self.instruction_tokens + self.query_tokens + self.top_k * self.chunk_tokens, "token/request")

    @property
    def expansion_time(self) -> float:
        """Seconds of the call that writes the variations: the stated LLM time scaled by output; 0 without any."""
        if not self.variations:
            return 0.0
        return magnitude(self.llm_time, "s") * magnitude(self.expansion_output / self.output, "")

    def deployment(self, model: str, gpu: str, gpus: int = 1, dtype: str = "bf16") -> Deployment:
        return Deployment(
            shape(model), accelerator(gpu), gpus, weight_dtype=dtype,
            compute_efficiency=self.compute_efficiency, bandwidth_efficiency=self.bandwidth_efficiency,
        )  # fmt: skip


assumptions_of(2, Q2Assumptions)
