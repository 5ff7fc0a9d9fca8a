"""Question 1: what the source fixes, and what it leaves open and has to be assumed to check it.

Every field says where its value comes from; change one with `dataclasses.replace` and the verdicts follow.
"""

# ruff: noqa: RUF009 - `given` returns a dataclass field, which is what ruff asks for

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.hardware import Hardware, accelerator
from reference.sizing.memory import MemoryPlan
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import ModelShape, shape
from reference.sizing.traffic import (
    AZURE_CHAT_BURST,
    AZURE_CHAT_OUTPUT,
    AZURE_CHAT_OUTPUT_MEDIAN,
    AZURE_CHAT_PROMPT,
    AZURE_CHAT_PROMPT_MEDIAN,
    AZURE_CHAT_PROMPT_P99,
    AZURE_CODE_BURST,
    average_rate,
    diurnal_factor,
    messages_per_day,
    peak_rate,
    trough_factor,
)
from reference.sizing.units import Q, Quantity, magnitude

_SOURCE = "the source's answer"


@checked_fields
@dataclass(frozen=True)
class Q1Assumptions(Described):
    """Inputs of every claim of question 1."""

    # -- given by the source
    daily_users: Annotated[Quantity, "users"] = given(Q(1e6, "user"), _SOURCE)
    messages_per_user: Annotated[Quantity, "messages_per_user"] = given(Q(10, "message/user/day"), _SOURCE)
    ttft_target: Annotated[Quantity, "latency"] = given(Q(500, "ms"), _SOURCE)
    max_context: Annotated[Quantity, "context_length"] = given(Q(8192, "token/request"), _SOURCE)
    gpu: str = given("a100-80", _SOURCE)
    gpus_per_instance: int = given(2, _SOURCE)
    stated_instances: int = given(15, _SOURCE)
    stated_rate: Annotated[Quantity, "requests_per_second_per_replica"] = given(
        Q(500, "request/min/replica"), f"{_SOURCE}, throughput of one instance"
    )
    stated_price: Annotated[Quantity, "price_per_gpu_hour"] = given(Q(3.50, "USD/gpu/h"), _SOURCE)
    stated_discounted_cost: Annotated[Quantity, "cost"] = given(Q(50_000, "USD"), _SOURCE)
    stated_infrastructure: Annotated[Quantity, "cost"] = given(Q(10_000, "USD"), _SOURCE)
    budget: Annotated[Quantity, "cost"] = given(Q(100_000, "USD"), _SOURCE)
    session_ttl: Annotated[Quantity, "duration"] = given(Q(30, "min"), _SOURCE)
    max_instances: int = given(30, _SOURCE)
    min_instances: int = given(10, _SOURCE)
    warm_pool: int = given(3, _SOURCE)
    hours_per_month: float = given(730.0, "365 days / 12; the source counts 720")
    sizes_asked: tuple[float, ...] = given((7.0, 70.0, 175.0), f"{_SOURCE}, billions of parameters to choose from")
    phase_minutes: tuple[float, ...] = given(
        (2.0, 5.0, 15.0, 5.0, 3.0), f"{_SOURCE}: clarify, picture, parts, trade-offs, operations"
    )
    phase_points: tuple[int, ...] = given(
        (5, 9, 16, 4, 4), "counted: what the source's own answer to this question brings up in each phase"
    )

    # -- left open: the conversation
    point_seconds: float = given(30.0, "assumed: to say one point and hear what comes back")
    point_seconds_low: float = given(10.0, "assumed: one sentence")
    point_seconds_high: float = given(60.0, "assumed: a point that is discussed")

    # -- left open: the model
    model: str = given("llama-3.1-70b", "a 70B model with the 8K context that the source asks for")
    small_model: str = given("llama-3.1-8b", "same family, for a cascade")
    target_of_draft: str = given("llama-2-70b", "the 70B whose family has a 7B with the same vocabulary")
    draft_model: str = given("llama-2-7b", "the 7B of that family")
    acceptance: Annotated[float, "fraction"] = given(0.7, "assumed chance that a drafted token is accepted")
    draft_tokens: int = given(4, "assumed tokens drafted per step")

    # -- left open: demand
    requests_per_message: Annotated[Quantity, "requests_per_message"] = given(
        Q(1, "request/message"), "assumed: no query rewriting, summary or guard model counted"
    )
    prompt: Annotated[Quantity, "context_length"] = given(AZURE_CHAT_PROMPT.value, "mean of Azure's 2023 chat trace")
    output: Annotated[Quantity, "tokens_per_request"] = given(
        AZURE_CHAT_OUTPUT.value, "mean of Azure's 2023 chat trace"
    )
    prompt_low: Annotated[Quantity, "context_length"] = given(AZURE_CHAT_PROMPT_MEDIAN.value, "median of that trace")
    output_low: Annotated[Quantity, "tokens_per_request"] = given(
        AZURE_CHAT_OUTPUT_MEDIAN.value, "median of that trace"
    )
    prompt_high: Annotated[Quantity, "context_length"] = given(
        AZURE_CHAT_PROMPT_P99.value, "99th percentile of that trace"
    )
    busy_share: Annotated[float, "fraction"] = given(0.8, "assumed share of the day's messages in the busy hours")
    busy_hours: float = given(10.0, "assumed busy hours of a support desk")
    burst: Annotated[float, "peak_factor"] = given(AZURE_CHAT_BURST.value, "busiest minute over mean, that trace")
    burst_high: Annotated[float, "peak_factor"] = given(AZURE_CODE_BURST.value, "the same in Azure's code trace")
    sessions_per_user: float = given(2.0, "assumed sessions per user and day, five messages each")
    session_length: Annotated[Quantity, "duration"] = given(Q(10, "min"), "assumed time from first to last message")

    # -- left open: the engine
    gpu_memory_utilization: float = given(0.9, "vLLM's default for years")
    gpu_memory_utilization_high: float = given(0.92, "default of vLLM 0.32")
    compute_efficiency: float = given(0.5, "share of the dense peak; NIM 1.8.0 on 2 x H100 shows 0.46")
    bandwidth_efficiency: float = given(0.8, "as in vllm-sr-sim 0.1.0")
    tpot_target: Annotated[Quantity, "tpot"] = given(Q(100, "ms/token"), "assumed: 10 tokens/s, faster than reading")
    utilisation_ceiling: float = given(0.8, "assumed: queues grow without bound towards 1")
    spare: int = given(1, "assumed: one instance may fail (N+1)")

    # -- left open: caches
    shared_prefix: Annotated[Quantity, "context_length"] = given(
        Q(500, "token/request"), "assumed system prompt and policies, equal in every request"
    )
    prefix_share_high: Annotated[float, "fraction"] = given(
        0.95, "assumed best case: every turn finds its conversation still cached"
    )
    exact_ttl: Annotated[Quantity, "duration"] = given(Q(24, "h"), "assumed life of an exact-cache entry")
    distinct_texts: int = given(1_000_000, "assumed different wordings of first questions, after normalising")
    zipf_exponent: float = given(1.0, "assumed popularity rank^-1 of wordings")
    zipf_low: float = given(0.6, "assumed flattest popularity")
    zipf_high: float = given(1.2, "assumed steepest popularity")
    redis_node: Annotated[Quantity, "storage"] = given(Q(64, "GB"), "assumed memory of one Redis node")

    # -- left open: scaling
    provision: Annotated[Quantity, "duration"] = given(Q(120, "s"), "assumed time to get a GPU machine")
    image_pull: Annotated[Quantity, "duration"] = given(Q(60, "s"), "assumed: 10 GB image, cached layers")
    load_bandwidth: Annotated[Quantity, "link_bandwidth"] = given(Q(2, "GB/s"), "assumed: weights from network storage")
    warm_up: Annotated[Quantity, "duration"] = given(Q(60, "s"), "assumed: graph capture and profiling")
    region_shares: tuple[float, ...] = given((0.4, 0.3, 0.3), "assumed split over US-East, US-West, EU")

    # -- left open: money
    discount_low: Annotated[float, "fraction"] = given(0.2, "assumed smallest commitment discount")
    discount_high: Annotated[float, "fraction"] = given(0.6, "assumed spot or three-year discount")
    price_tolerance: Annotated[float, "fraction"] = given(0.1, "a stated price within 10 % counts as right")
    egress_price: Annotated[Quantity, "price_per_gigabyte"] = given(Q(0.09, "USD/GB"), "assumed list price")
    bytes_per_streamed_token: float = given(250.0, "assumed: one server-sent event per token")
    redis_cost: Annotated[Quantity, "cost"] = given(Q(1500, "USD"), "assumed month of Redis with a replica")
    qdrant_cost: Annotated[Quantity, "cost"] = given(Q(1500, "USD"), "assumed month of Qdrant with a replica")
    embedding_gpu: str = given("a10g", _SOURCE)
    embedding_parameters: float = given(1.1e8, "assumed: an encoder of BERT-base size")
    query_tokens: float = given(64.0, "assumed tokens of a query to embed")

    # -- what follows from them
    @property
    def device(self) -> Hardware:
        return accelerator(self.gpu)

    @property
    def shape(self) -> ModelShape:
        return shape(self.model)

    @property
    def instance(self) -> Deployment:
        """The source's instance: its model in 16 bits on its GPUs."""
        return self.deployment(self.model, self.gpu, self.gpus_per_instance, "bf16")

    def deployment(self, model: str, gpu: str, gpus: int, dtype: str) -> Deployment:
        return Deployment(
            shape(model), accelerator(gpu), gpus, weight_dtype=dtype,
            gpu_memory_utilization=self.gpu_memory_utilization, compute_efficiency=self.compute_efficiency,
            bandwidth_efficiency=self.bandwidth_efficiency,
        )  # fmt: skip

    @property
    def memory_plan(self) -> MemoryPlan:
        return self.instance.memory_plan(self.max_context)

    @property
    def average(self) -> Quantity:
        return average_rate(messages_per_day(self.daily_users, self.messages_per_user), self.requests_per_message)

    @property
    def diurnal(self) -> float:
        return diurnal_factor(self.busy_share, self.busy_hours)

    @property
    def busy(self) -> Quantity:
        """Mean rate of the busy hours."""
        return self.average * self.diurnal

    @property
    def peak(self) -> Quantity:
        """Busiest minute of the busy hours."""
        return peak_rate(self.average, self.diurnal, self.burst)

    @property
    def trough(self) -> Quantity:
        return self.average * trough_factor(self.busy_share, self.busy_hours)

    @property
    def stated_capacity(self) -> Quantity:
        """What the stated instances do at the stated rate each."""
        return (self.stated_instances * Q(1, "replica") * self.stated_rate).to("rpm")

    @property
    def tokens_per_request(self) -> float:
        return magnitude(self.prompt, "token/request") + magnitude(self.output, "token/request")


assumptions_of(1, Q1Assumptions)
