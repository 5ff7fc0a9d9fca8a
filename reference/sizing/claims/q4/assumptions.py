"""Question 4: what the source fixes, and what it leaves open and has to be assumed to check it.

Every field says where its value comes from; change one with `dataclasses.replace` and the verdicts follow. Rates are
posts per second unless they say otherwise.
"""

# ruff: noqa: RUF009 - `given` returns a dataclass field, which is what ruff asks for

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reference.sizing.bands import checked_fields
from reference.sizing.claims.given import Described, given
from reference.sizing.claims.ledger import assumptions_of
from reference.sizing.claims.recorded import recorded
from reference.sizing.review_staffing import Shifts
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import shape
from reference.sizing.units import Q, Quantity

_SOURCE = "the source's answer"
_RULES = recorded("moderation_rules", "whole stage, 10,000 patterns", "posts")
_LINEAR = recorded("moderation_models", "tfidf", "batches of 256")
_BAND = recorded("moderation_models", "tfidf", "escalated for FPR 0.1 %, FNR 1 %")
_MINILM = recorded("moderation_models", "minilm", "batches of 256")
_DECODE = recorded("moderation_media", "720p", "decode")
_HASH = recorded("moderation_media", "720p", "PDQ, resized first")
_MEASURED = "one earlier run on a loaded EPYC core, to be replaced by a run of your own"
KINDS = ("text", "image", "video", "link")


@checked_fields
@dataclass(frozen=True)
class Q4Assumptions(Described):
    """Inputs of every claim of question 4."""

    # -- given by the source: traffic and tiers
    posts_per_minute: float = given(1e6, f"{_SOURCE}; taken as the mean and as the rate to size for")
    text_share: Annotated[float, "fraction"] = given(0.72, _SOURCE)
    image_share: Annotated[float, "fraction"] = given(0.20, _SOURCE)
    video_share: Annotated[float, "fraction"] = given(0.05, _SOURCE)
    link_share: Annotated[float, "fraction"] = given(0.03, _SOURCE)
    rules_share: Annotated[float, "fraction"] = given(0.60, f"{_SOURCE}, posts that tier 1 handles")
    models_share: Annotated[float, "fraction"] = given(0.35, f"{_SOURCE}, posts that tier 2 handles")
    judge_share: Annotated[float, "fraction"] = given(0.05, f"{_SOURCE}, posts that the LLM handles")
    review_low: Annotated[float, "fraction"] = given(0.01, f"{_SOURCE}, posts that people review")
    review_high: Annotated[float, "fraction"] = given(0.02, f"{_SOURCE}, posts that people review")
    rules_instance_rate: float = given(2000.0, f"{_SOURCE}, posts/s of one CPU instance")
    stated_rules_instances: int = given(5, _SOURCE)
    text_gpu_rate: float = given(500.0, f"{_SOURCE}, posts/s of one GPU")
    image_gpu_rate: float = given(200.0, f"{_SOURCE}, images/s of one GPU")
    video_gpu_rate: float = given(50.0, f"{_SOURCE}, clips/s of one GPU")
    stated_text_gpus: int = given(8, _SOURCE)
    stated_image_gpus: int = given(7, _SOURCE)
    stated_video_gpus: int = given(10, _SOURCE)
    gpu: str = given("a10g", _SOURCE)
    judge_instance_rate: float = given(10.0, f"{_SOURCE}, requests/s of one LLM instance")
    stated_judges: int = given(84, _SOURCE)
    judge_batch: int = given(5, f"{_SOURCE}, posts in one call")
    stated_batched_judges: int = given(50, _SOURCE)
    stated_cache_share: Annotated[float, "fraction"] = given(0.4, _SOURCE)
    stated_cached_judges: int = given(30, _SOURCE)
    stated_judge_bill: Annotated[Quantity, "cost"] = given(Q(50_000, "USD"), _SOURCE)
    review_seconds: float = given(30.0, _SOURCE)
    stated_reviewers_low: int = given(100, _SOURCE)
    stated_reviewers: int = given(170, f"{_SOURCE}, upper end")
    stated_review_per_minute: float = given(334.0, f"{_SOURCE}, posts/minute for 170 reviewers")

    # -- given by the source: promises
    fpr: Annotated[float, "fraction"] = given(0.001, f"{_SOURCE}, share of clean posts removed")
    fnr: Annotated[float, "fraction"] = given(0.01, f"{_SOURCE}, share of violating posts missed")
    text_limit: Annotated[Quantity, "latency"] = given(Q(500, "ms"), _SOURCE)
    image_limit: Annotated[Quantity, "latency"] = given(Q(2, "s"), _SOURCE)
    video_limit: Annotated[Quantity, "latency"] = given(Q(30, "s"), _SOURCE)
    languages: int = given(50, _SOURCE)

    # -- measured stage costs
    tier1_posts_per_core_second: float = given(_RULES.value, str(_RULES))
    links_per_core_second: float = given(1200.0, f"{_MEASURED}: one URL through lists and a small model")
    jpeg_decodes_per_core_second: float = given(_DECODE.value, f"{_DECODE}: 1280 x 720, checks included")
    image_hashes_per_core_second: float = given(_HASH.value, f"{_HASH}: PDQ of 1280 x 720, resized first")
    hashes_per_image: int = given(
        2, "the picture, and what is inside its border; crops and mirrors are stored with the known picture"
    )
    text_model_posts_per_core_second: float = given(_MINILM.value, f"{_MINILM}: MiniLM int8")
    linear_model_posts_per_core_second: float = given(_LINEAR.value, f"{_LINEAR}: TF-IDF and logistic regression")
    image_model_images_per_core_second: float = given(43.5, f"{_MEASURED}: a 320-pixel detector, not shipped")
    video_clips_per_core_second: float = given(8.3, f"{_MEASURED}: keyframes of a 20 s clip, 720p")
    video_full_clips_per_core_second: float = given(1.5, f"{_MEASURED}: every frame of it decoded, one a second kept")
    measured_clip_seconds: float = given(20.0, f"{_MEASURED}: length of that clip")
    escalated_for_both_targets: Annotated[float, "fraction"] = given(
        _BAND.value, f"{_BAND}: TF-IDF and logistic regression, band that aims at both rates"
    )
    clean_test_posts: int = given(1246, "clean posts in the test split of the same data")
    clean_test_errors: int = given(0, "assumed: not one wrong removal, which favours the source")
    violating_test_posts: int = given(1500, "assumed held-out posts that violate")
    violating_test_errors: int = given(9, "assumed: 0.6 % missed")

    # -- left open: traffic
    prevalence: Annotated[float, "fraction"] = given(0.02, "assumed share of posts that violate")
    prevalence_low: Annotated[float, "fraction"] = given(0.0001, "one platform's claimed share of its chats")
    prevalence_high: Annotated[float, "fraction"] = given(0.05, "assumed: a forum under attack")
    media_rules_share: Annotated[float, "fraction"] = given(
        0.05, "assumed: images and videos whose hash is known; rules cannot judge other pixels"
    )
    media_rules_low: Annotated[float, "fraction"] = given(0.01, "assumed: hardly any re-posts")
    media_rules_high: Annotated[float, "fraction"] = given(0.7, "assumed: nearly everything was posted before")
    post_tokens: float = given(40.0, "assumed: a short post and its context")
    clip_seconds: float = given(20.0, "assumed mean length of a video")
    clip_seconds_low: float = given(6.0, "assumed short clip")
    clip_seconds_high: float = given(3600.0, "assumed: an hour")
    frames_per_clip: float = given(10.0, "assumed: one keyframe every two seconds")
    repeat_share: Annotated[float, "fraction"] = given(0.4, "assumed share of judged posts that repeat a judged one")
    repeat_low: Annotated[float, "fraction"] = given(0.1, "assumed: ordinary talk")
    repeat_high: Annotated[float, "fraction"] = given(0.8, "assumed: a spam campaign")
    match_share: Annotated[float, "fraction"] = given(0.7, "assumed share of repeats that the cache recognises")

    # -- left open: machines
    core_price: Annotated[Quantity, "cost_rate"] = given(Q(0.05, "USD/h"), "assumed list price of one vCPU with 4 GB")
    cores_low: float = given(1.0, "assumed smallest CPU instance")
    cores_high: float = given(8.0, "assumed larger CPU instance")
    host_cores: int = given(4, "vCPUs beside the GPU of a g5.xlarge")
    compute_efficiency: float = given(0.5, "assumed share of the dense peak, as in question 1")
    bandwidth_efficiency: float = given(0.8, "as in question 1")
    text_model_low: float = given(1.06e7, "MiniLM-L6 without its token table: 6 layers x 12 x 384^2")
    text_model_high: float = given(3.02e8, "XLM-R large without its token table: 24 layers x 12 x 1024^2")
    image_gflop_low: float = given(8.2, "ResNet-50 at 224 pixels, two operations per multiply-add")
    image_gflop: float = given(35.0, "ViT-B/16 at 224 pixels")
    image_gflop_high: float = given(382.0, "ViT-L/14 at 336 pixels")
    batch_wait: Annotated[Quantity, "latency"] = given(Q(20, "ms"), "assumed longest wait for a batch of a model")
    model_batch: int = given(32, "assumed posts in a batch of a model")
    network: Annotated[Quantity, "latency"] = given(Q(30, "ms"), "assumed: queue, network and log between the tiers")

    # -- left open: the LLM
    judge_model: str = given("llama-3.1-8b", "a small model, as the source wants")
    judge_gpu: str = given("l4", "assumed: a card of 24 GB with FP8")
    policy_tokens: float = given(400.0, "assumed: the policy's wording and the format, the same in every call")
    verdict_tokens: float = given(30.0, "assumed: category, score and reason for one post")
    verdict_tokens_low: float = given(3.0, "assumed: a label and nothing else")
    api_model: str = given("gpt-4o-mini", _SOURCE)

    # -- left open: people
    reading_per_s: float = given(5.3, "tokens/s: 238 words a minute (Brysbaert 2019, silent reading) x 4/3 tokens")
    look_seconds: float = given(5.0, "assumed: to take in one picture")
    verdict_seconds: float = given(15.0, "assumed: find the rule, choose the action, give the reason")
    context_posts: float = given(2.0, "assumed: posts around a case that a reviewer reads")
    context_low: float = given(0.0, "assumed: plain cases")
    context_high: float = given(5.0, "assumed: irony, quotation, a dispute")
    seat_ceiling: Annotated[float, "fraction"] = given(0.85, "assumed: above it the line grows fast")
    contract_hours: float = given(40.0, "assumed week")
    present_share: Annotated[float, "fraction"] = given(0.85, "assumed: leave, illness and training taken off")
    reviewing_share: Annotated[float, "fraction"] = given(0.8, "assumed: breaks and meetings taken off")
    exposure_hours: float = given(4.0, "assumed most hours a day with harmful content")
    reviewer_price: Annotated[Quantity, "cost_rate"] = given(Q(15, "USD/h"), "assumed cost of an hour on shift")
    language_exponent: float = given(1.0, "assumed: share of a language falls as 1/rank")
    language_wait: Annotated[Quantity, "latency"] = given(Q(60, "s"), "assumed mean wait that is acceptable")
    appeal_share: Annotated[float, "fraction"] = given(0.02, "assumed share of removals that are appealed")
    appeal_low: Annotated[float, "fraction"] = given(0.0005, "assumed: hardly anybody knows how")
    appeal_high: Annotated[float, "fraction"] = given(0.05, "assumed: one click")
    appeal_seconds: float = given(60.0, "assumed: twice a review, there is evidence to read")
    label_share: Annotated[float, "fraction"] = given(0.05, "assumed share of the reviewers' time for labels")
    label_low: Annotated[float, "fraction"] = given(0.01, "assumed least share of their time")
    label_high: Annotated[float, "fraction"] = given(0.5, "assumed most of their time")

    # -- rules of design
    utilisation_ceiling: float = given(0.7, "assumed: room for bursts, queues grow without bound towards 1")
    spare: int = given(1, "assumed: one instance of each kind may fail (N+1)")
    hours_per_month: float = given(730.0, "365 days / 12")

    # -- what follows from them
    @property
    def rate(self) -> float:
        """Posts/s."""
        return self.posts_per_minute / 60

    @property
    def kind_shares(self) -> dict[str, float]:
        return dict(
            zip(KINDS, (self.text_share, self.image_share, self.video_share, self.link_share), strict=True)
        )  # fmt: skip

    @property
    def left_by_rules(self) -> float:
        """Share of all posts that tier 2 sees if tier 1 decides its stated share."""
        return 1 - self.rules_share

    @property
    def tier1_images_per_core_second(self) -> float:
        """Images decoded and hashed by one core."""
        return 1 / (
            1 / self.jpeg_decodes_per_core_second + self.hashes_per_image / self.image_hashes_per_core_second
        )  # fmt: skip

    @property
    def shifts(self) -> Shifts:
        return Shifts(
            self.contract_hours, self.present_share, self.reviewing_share, exposure_hours=self.exposure_hours
        )  # fmt: skip

    def deployment(self, gpu: str, dtype: str = "bf16", model: str | None = None) -> Deployment:
        from reference.sizing.hardware import accelerator

        return Deployment(
            shape(model or self.judge_model), accelerator(gpu), 1, weight_dtype=dtype,
            compute_efficiency=self.compute_efficiency, bandwidth_efficiency=self.bandwidth_efficiency,
        )  # fmt: skip


assumptions_of(4, Q4Assumptions)
