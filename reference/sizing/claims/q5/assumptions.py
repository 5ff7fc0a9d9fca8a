"""Question 5: what the source fixes, and what it leaves open and has to be assumed to check it. Dollars a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.bill.prices import batch_factor
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.claims.recorded import recorded
from reference.sizing.self_hosting import LARGE_EMBEDDER, Hosting, for_model, measured_rate, scaled_to

_SOURCE = "the source's answer"
_LIST = "list price per million tokens, genai-prices 0.2.3 of 2026-11; a test holds it to the package"
_OLD = f"{_LIST}; deprecated since 2026-10-23 (litellm 1.109.1), so a historical scenario"
_PARAPHRASES = recorded("semantic_cache", "wording guard, chosen: 0.86", "hits, paraphrases, held-out")
_MINILM, _LLAMA = measured_rate("minilm on h100"), measured_rate("llama-3-8b on h100")
_LOW, _HIGH = (for_model(rate, LARGE_EMBEDDER, "e5-large") for rate in scaled_to(_MINILM, "a10g"))


@checked_fields
@dataclass(frozen=True)
class Q5Assumptions(Described):
    """Inputs of every claim of question 5. Prices in dollars per million tokens."""

    # -- given by the source: the bill
    total: float = given(500_000.0, _SOURCE)
    gpt4_row: float = given(350_000.0, _SOURCE)
    gpt35_row: float = given(80_000.0, _SOURCE)
    embedding_row: float = given(50_000.0, _SOURCE)
    infrastructure: float = given(20_000.0, _SOURCE)
    gpt4_requests: float = given(50e6, _SOURCE)
    gpt35_requests: float = given(200e6, _SOURCE)
    embeddings: float = given(500e6, _SOURCE)
    tokens_in: float = given(800.0, f"{_SOURCE}, of a GPT-4 request")
    tokens_out: float = given(400.0, f"{_SOURCE}, of a GPT-4 request")

    # -- given by the source: the strategies
    route_share: Annotated[float, "fraction"] = given(0.70, _SOURCE)
    need_share: Annotated[float, "fraction"] = given(0.10, f"{_SOURCE}, requests that truly need GPT-4")
    routing_saving: float = given(250_000.0, _SOURCE)
    exact_rate: Annotated[float, "fraction"] = given(0.20, _SOURCE)
    semantic_rate: Annotated[float, "fraction"] = given(0.15, f"{_SOURCE}, additional")
    caching_saving: float = given(30_000.0, _SOURCE)
    system_before: float = given(200.0, f"{_SOURCE}, tokens")
    system_after: float = given(50.0, f"{_SOURCE}, tokens")
    examples_before: float = given(5.0, _SOURCE)
    examples_after: float = given(2.0, _SOURCE)
    examples_none: float = given(0.0, f"{_SOURCE}, the other choice: zero-shot")
    prompts_saving: float = given(15_000.0, _SOURCE)
    batch_saving: float = given(10_000.0, _SOURCE)
    embedding_gpus: int = given(5, f"{_SOURCE}, A10G")
    embedding_cost: float = given(5_000.0, f"{_SOURCE}, after self-hosting")
    embedding_saving: float = given(45_000.0, _SOURCE)
    small_saving: float = given(10_000.0, _SOURCE)
    after_routing: float = given(100_000.0, f"{_SOURCE}, GPT-4's row after step A")
    after_caching: float = given(70_000.0, f"{_SOURCE}, after step B")
    after_prompts: float = given(55_000.0, f"{_SOURCE}, after step C")
    after_batch: float = given(45_000.0, f"{_SOURCE}, after step D")
    after_small: float = given(35_000.0, f"{_SOURCE}, after step F")
    total_saving: float = given(360_000.0, _SOURCE)
    new_cost: float = given(140_000.0, _SOURCE)
    weeks_routing: float = given(1.0, _SOURCE)
    weeks_embeddings: float = given(2.0, _SOURCE)
    weeks_caching: float = given(1.0, _SOURCE)
    weeks_batch: float = given(1.0, _SOURCE)
    weeks_small: float = given(2.0, _SOURCE)
    priority_routing: int = given(1, _SOURCE)
    priority_embeddings: int = given(2, _SOURCE)
    priority_caching: int = given(3, _SOURCE)
    priority_prompts: int = given(4, f"{_SOURCE}, ongoing")
    priority_batch: int = given(5, _SOURCE)
    priority_small: int = given(6, _SOURCE)

    # -- left open: prices
    gpt4_input: float = given(30.0, f"gpt-4, {_OLD}")
    gpt4_output: float = given(60.0, f"gpt-4, {_OLD}")
    mini_input: float = given(0.15, f"gpt-4o-mini, {_LIST}")
    mini_output: float = given(0.60, f"gpt-4o-mini, {_LIST}")
    gpt35_input: float = given(0.50, f"gpt-3.5-turbo, {_OLD}")
    gpt35_output: float = given(1.50, f"gpt-3.5-turbo, {_OLD}")
    ada_input: float = given(0.10, f"text-embedding-ada-002, {_LIST}")
    batch_price: Annotated[float, "fraction"] = given(
        batch_factor("openai"), "share of the list price in OpenAI's Batch API, batch_discounts.toml"
    )

    # -- left open: sizes
    gpt35_tokens_low: float = given(150.0, "assumed: tokens in and out of a short classification")
    gpt35_tokens_high: float = given(1_200.0, "assumed: as many as the stated GPT-4 request")
    gpt35_output_share: Annotated[float, "fraction"] = given(1 / 3, "as in the stated GPT-4 request")
    text_low: float = given(50.0, "assumed: tokens of a query or a short text")
    text_high: float = given(512.0, "assumed: the longest text that e5-large reads")
    text_tokens: float = given(256.0, "assumed: tokens of a passage")
    example_low: float = given(20.0, "assumed: tokens of a short example")
    example_high: float = given(150.0, "assumed: tokens of a long example")

    # -- left open: traffic and quality
    wordings_low: float = given(1e6, "assumed: different wordings, buttons and templates")
    wordings_high: float = given(1e10, "assumed: different wordings, open-ended text")
    requests_per_ttl: float = given(250e6 / 30, "requests of a day, the time an answer is kept")
    zipf_exponent: float = given(0.7, "assumed: how popularity falls with rank")
    paraphrases_low: Annotated[float, "fraction"] = given(
        0.05, "assumed: requests that reword an earlier one, open chat"
    )
    paraphrases_high: Annotated[float, "fraction"] = given(0.40, "assumed: the same, for customer support")
    paraphrase_recall: Annotated[float, "fraction"] = given(
        _PARAPHRASES.value,
        f"share of them that a cache finds whose guards let 1 % of look-alikes through: {_PARAPHRASES}",
    )
    false_hits: Annotated[float, "fraction"] = given(0.01, "assumed: share of semantic hits that answer wrongly")
    false_cost_low: float = given(0.0, "a false answer that nobody minds")
    false_cost_high: float = given(1.0, "assumed: dollars of a support contact for one false answer in five")
    weak_low: float = given(0.681 / 0.806, "Mixtral-8x7B over GPT-4, MMLU answers published with RouteLLM")
    weak_high: float = given(1.0, "a cheap model as good as the strong one on these tasks")
    quality_floor: Annotated[float, "fraction"] = given(0.95, "assumed: share of the strong model's quality to keep")
    route_low: Annotated[float, "fraction"] = given(0.30, "assumed: what random routing may send at that quality")
    route_high: Annotated[float, "fraction"] = given(0.80, "assumed: what a good router may send")
    prompt_cache_minimum: float = given(1024.0, "tokens; OpenAI Cookbook, Prompt Caching 201")
    waits_low: Annotated[float, "fraction"] = given(0.05, "assumed: requests that may wait a day, a chat product")
    waits_high: Annotated[float, "fraction"] = given(0.50, "assumed: the same, with nightly reports")
    simple_low: Annotated[float, "fraction"] = given(0.10, "assumed: simple tasks among GPT-3.5 calls, chat")
    simple_high: Annotated[float, "fraction"] = given(0.70, "assumed: the same, mostly extraction")
    embedding_moved: Annotated[float, "fraction"] = given(1.0, "share of the embeddings that step E takes off the API")

    # -- left open: GPUs and people
    embed_rate: float = given(
        _LOW.tokens_per_s, f"tokens/s of e5-large on an A10G, lower roof: {_LOW.evidence.summary()}"
    )
    embed_rate_high: float = given(_HIGH.tokens_per_s, "the same, upper roof")
    small_rate: float = given(_LLAMA.tokens_per_s, f"tokens/s: {_LLAMA.evidence.summary()}")
    utilisation: Annotated[float, "fraction"] = given(0.5, "assumed: mean over peak load, and a spare")
    a10g_price: float = given(1.006, "dollars an hour, AWS g5.xlarge on demand, 2026-09-06")
    h100_price: float = given(6.88, "dollars an hour, AWS p5.48xlarge / 8 on demand, 2026-09-06")
    replicas: int = given(2, "one may fail")
    hours: float = given(730.0, "a month")
    prompts_weeks_low: float = given(0.5, "assumed: engineer-weeks until shorter prompts pay, one prompt")
    prompts_weeks_high: float = given(8.0, "assumed: the same, many prompts with an evaluation each")
    day_cost: float = given(800.0, "assumed: dollars of an engineer's day")
    ops_days_high: float = given(4.0, "assumed: engineer-days a month to run a GPU service, at most")
    effort_high: float = given(4.0, "assumed: times the stated weeks, with evaluation, canary and monitoring")

    def gpt4_request(self) -> float:
        """Dollars of a stated request at the list price of GPT-4."""
        return (self.tokens_in * self.gpt4_input + self.tokens_out * self.gpt4_output) / 1e6

    def mini_request(self) -> float:
        return (self.tokens_in * self.mini_input + self.tokens_out * self.mini_output) / 1e6

    def gpt35_token(self) -> float:
        """Dollars of a token of GPT-3.5, input and output mixed."""
        return (self.gpt35_input * (1 - self.gpt35_output_share) + self.gpt35_output * self.gpt35_output_share) / 1e6

    def input_share(self) -> float:
        """Share of a GPT-4 request's price that its input makes."""
        return self.tokens_in * self.gpt4_input / 1e6 / self.gpt4_request()

    def embedding_fleet(self, rate: float) -> Hosting:
        return Hosting(rate, self.a10g_price, self.utilisation, self.replicas, hours=self.hours)

    def small_fleet(self, ops: float) -> Hosting:
        return Hosting(self.small_rate, self.h100_price, self.utilisation, self.replicas, ops, self.hours)


assumptions_of(5, Q5Assumptions)
