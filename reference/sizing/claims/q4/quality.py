"""Question 4, promises: error rates and the proof they need, both targets at the review share, latency by kind."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, not_above, over_choices, over_range
from reference.sizing.error_rates import (
    precision_at,
    prevalence_for_precision,
    rate_upper_bound,
    sample_for_bound,
)
from reference.sizing.moderation_funnel import clip_cost, fill_wait
from reference.sizing.throughput import closed_loop
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q4Assumptions
from .judge import tokens


@claim("q4.fpr-0.1", question=4, statement="Fewer than 0.1 % of the clean posts are removed.", stated=0.001)
def fpr_proven(a: Q4Assumptions, stated: float) -> Outcome:
    bound = rate_upper_bound(a.clean_test_errors, a.clean_test_posts)
    return not_above(
        a.fpr, bound,
        f"{a.clean_test_errors} errors in {a.clean_test_posts:,} clean posts leave up to {bound:.2%} possible (95 %, "
        f"exact); below {a.fpr:.1%} takes {sample_for_bound(a.fpr):,} without an error",
    )  # fmt: skip


@claim("q4.fnr-1", question=4, statement="Fewer than 1 % of the violating posts are missed.", stated=0.01)
def fnr_proven(a: Q4Assumptions, stated: float) -> Outcome:
    bound = rate_upper_bound(a.violating_test_errors, a.violating_test_posts)
    return not_above(
        a.fnr, bound,
        f"{a.violating_test_errors} missed of {a.violating_test_posts:,} leave up to {bound:.2%} possible (95 %, "
        f"exact); {sample_for_bound(a.fnr)} without a miss would do, and {a.violating_test_posts:,} allow "
        f"{_most_errors(a.violating_test_posts, a.fnr)} misses",
    )  # fmt: skip


def _most_errors(n: int, limit: float) -> int:
    errors = -1
    while errors + 1 <= n and rate_upper_bound(errors + 1, n) < limit:
        errors += 1
    return max(errors, 0)


@claim(
    "q4.precision-95", question=4, implied=True, stated=0.95,
    statement="At these rates 95 of 100 removed posts deserve it.",
)  # fmt: skip
def precision(a: Q4Assumptions, stated: float) -> Outcome:
    needed = prevalence_for_precision(stated, a.fpr, a.fnr)
    return over_range(
        precision_at(a.prevalence, a.fpr, a.fnr),
        lambda share: precision_at(share, a.fpr, a.fnr) >= stated,
        variable="share of posts that violate", low=a.prevalence_low, high=a.prevalence_high,
        reason=f"{precision_at(a.prevalence, a.fpr, a.fnr):.0%} at {a.prevalence:.1%} violating, "
        f"{precision_at(a.prevalence_low, a.fpr, a.fnr):.0%} at {a.prevalence_low:.2%}; it takes {needed:.1%}",
    )  # fmt: skip


@claim(
    "q4.both-targets", question=4, implied=True, stated=0.07,
    statement="Both error targets are met with 5 % for the LLM and 2 % for people.",
)  # fmt: skip
def both_targets(a: Q4Assumptions, stated: float) -> Outcome:
    room = a.judge_share + a.review_high
    people = a.rate * a.escalated_for_both_targets * a.review_seconds
    return not_above(
        room, a.escalated_for_both_targets,
        f"the band in which the models may not decide holds {a.escalated_for_both_targets:.1%} of the posts, room is "
        f"for {room:.0%}; {people:,.0f} reviewers would be busy with it",
    )  # fmt: skip


def _model_path(a: Q4Assumptions, share: float, per_core: float) -> float:
    """Seconds to a verdict of tier 2: network, filling a batch, and the batch on one core."""
    wait = fill_wait(a.rate * share * a.left_by_rules, a.model_batch, magnitude(a.batch_wait, "s"))
    return 2 * magnitude(a.network, "s") + wait + a.model_batch / per_core


@claim("q4.text-500-ms", question=4, statement="Text is decided within 500 ms.", stated=Q(500, "ms"))
def text_latency(a: Q4Assumptions, stated: Quantity) -> Outcome:
    replica = a.deployment(a.judge_gpu, "fp8")
    n_in, n_out = tokens(a, a.judge_batch)
    held = Q(a.policy_tokens, "token/request")
    call = magnitude(closed_loop(replica, 1, n_in, n_out, held).e2e, "s")
    model = _model_path(a, a.text_share, a.text_model_posts_per_core_second)
    paths = {
        "tier 1": magnitude(a.network, "s") + 1 / a.tier1_posts_per_core_second,
        f"tier 2, {a.model_batch} texts on one core": model,
        f"the LLM, {a.judge_batch} a call on an idle {replica.name}": model + call,
        f"a person ({a.review_seconds:g} s)": model + a.review_seconds,
    }
    limit = magnitude(a.text_limit, "s")
    return over_choices(
        Q(model, "s").to("ms"),
        {f"{name} ({show(Q(s, 's'))})": s <= limit for name, s in paths.items()},
        variable="tier that decides",
        reason=f"{show(a.network.to('ms'))} a hop, batches of {a.model_batch}, no line yet",
    )


@claim("q4.image-2-s", question=4, statement="Images are decided within 2 s.", stated=Q(2, "s"))
def image_latency(a: Q4Assumptions, stated: Quantity) -> Outcome:
    hashing = 1 / a.tier1_images_per_core_second
    model = _model_path(a, a.image_share, a.image_model_images_per_core_second) + hashing
    paths = {
        "hashes": magnitude(a.network, "s") + hashing,
        f"tier 2, {a.model_batch} images on one core": model,
        f"a person ({a.review_seconds:g} s)": model + a.review_seconds,
    }
    limit = magnitude(a.image_limit, "s")
    return over_choices(
        Q(model, "s"),
        {f"{name} ({show(Q(s, 's'))})": s <= limit for name, s in paths.items()},
        variable="tier that decides",
        reason=f"decoding and {a.hashes_per_image} hashes take {show(Q(hashing, 's').to('ms'))}, no line yet",
    )


@claim("q4.video-30-s", question=4, statement="Videos are decided within 30 s.", stated=Q(30, "s"))
def video_latency(a: Q4Assumptions, stated: Quantity) -> Outcome:
    limit = magnitude(a.video_limit, "s")

    def seconds(length: float) -> float:
        frames = a.frames_per_clip * length / a.clip_seconds
        cost = clip_cost(
            length, a.video_clips_per_core_second, a.measured_clip_seconds, frames, a.image_model_images_per_core_second
        )
        return 2 * magnitude(a.network, "s") + cost.total_s

    every = limit * a.video_full_clips_per_core_second * a.measured_clip_seconds
    return over_range(
        Q(seconds(a.clip_seconds), "s"), lambda length: seconds(length) <= limit,
        variable="length of the video", unit="s", low=a.clip_seconds_low, high=a.clip_seconds_high,
        reason=f"one core decodes keyframes and judges them; {show(Q(seconds(a.clip_seconds), 's'))} for "
        f"{a.clip_seconds:g} s of video, once the upload is complete. With every frame decoded one core spends the "
        f"whole limit at {every:,.0f} s of video",
    )  # fmt: skip
