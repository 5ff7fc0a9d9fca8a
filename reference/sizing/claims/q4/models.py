"""Question 4, tier 2: what the models have to see, what one GPU does, how many that takes and what they cost."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_choices, over_range
from reference.sizing.cost import fleet_cost_rate, monthly_cost
from reference.sizing.hardware import accelerator
from reference.sizing.moderation_funnel import servers_for
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q4Assumptions


def gpus_needed(a: Q4Assumptions) -> dict[str, int]:
    """GPUs per kind at the source's own rates, for what tier 2 sees, with room and a spare; links go with the text."""
    text = a.rate * (a.text_share + a.link_share) * a.left_by_rules
    media = 1 - a.media_rules_share
    loads = {
        "text": (text, a.text_gpu_rate),
        "image": (a.rate * a.image_share * media, a.image_gpu_rate),
        "video": (a.rate * a.video_share * media, a.video_gpu_rate),
    }
    return {kind: servers_for(load, each, a.utilisation_ceiling, a.spare) for kind, (load, each) in loads.items()}


def classifications_per_second(a: Q4Assumptions, gflop: float) -> float:
    """Forward passes/s of one GPU at `gflop` GFLOP each: arithmetic over the peak that is reached."""
    return magnitude(accelerator(a.gpu).bf16_flops, "FLOP/s") * a.compute_efficiency / (gflop * 1e9)


def text_rate(a: Q4Assumptions, parameters: float) -> float:
    """Posts/s of one GPU: 2 FLOP per weight and token."""
    return classifications_per_second(a, 2 * parameters * a.post_tokens / 1e9)


@claim(
    "q4.models-5850", question=4, statement="Tier 2 handles 35 % of the posts, 5,850 a second.",
    stated=Q(5850, "post/s"),
)  # fmt: skip
def models_decide(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, Q(a.rate * a.models_share, "post/s"), f"{a.models_share:.0%} of {a.rate:,.0f}/s")


@claim(
    "q4.models-see-5850", question=4, implied=True, stated=Q(5850, "post/s"),
    statement="5,850 posts a second is the throughput that tier 2 needs.",
)  # fmt: skip
def models_see(a: Q4Assumptions, stated: Quantity) -> Outcome:
    seen = a.rate * a.left_by_rules
    return enough(
        stated, Q(seen, "post/s"),
        f"it sees all that the rules leave open, also what the LLM and people decide later: {a.left_by_rules:.0%} "
        f"of {a.rate:,.0f}/s = {seen:,.0f}/s",
    )  # fmt: skip


@claim(
    "q4.text-500-per-gpu", question=4, statement="One A10G classifies 500 texts a second.", stated=500,
)  # fmt: skip
def text_per_gpu(a: Q4Assumptions, stated: float) -> Outcome:
    return over_range(
        text_rate(a, a.text_model_high),
        lambda millions: text_rate(a, millions * 1e6) >= a.text_gpu_rate,
        variable="model size without its token table", unit="million parameters",
        low=a.text_model_low / 1e6, high=a.text_model_high / 1e6, search=(1, 1e5),
        reason=f"posts of {a.post_tokens:g} tokens at {a.compute_efficiency:.0%} of the peak: "
        f"{text_rate(a, a.text_model_low):,.0f}/s with the smallest model of these, "
        f"{text_rate(a, a.text_model_high):,.0f}/s with the largest",
    )  # fmt: skip


@claim(
    "q4.image-200-per-gpu", question=4, statement="One A10G classifies 200 images a second.", stated=200,
)  # fmt: skip
def image_per_gpu(a: Q4Assumptions, stated: float) -> Outcome:
    decoded = a.host_cores * a.jpeg_decodes_per_core_second
    return over_range(
        min(classifications_per_second(a, a.image_gflop), decoded),
        lambda gflop: min(classifications_per_second(a, gflop), decoded) >= a.image_gpu_rate,
        variable="arithmetic of one image", unit="GFLOP",
        low=a.image_gflop_low, high=a.image_gflop_high, search=(0.1, 1e4),
        reason=f"{classifications_per_second(a, a.image_gflop):,.0f}/s at {a.image_gflop:g} GFLOP; the "
        f"{a.host_cores} cores beside the card decode {decoded:,.0f} JPEGs/s",
    )  # fmt: skip


@claim(
    "q4.video-50-per-gpu", question=4, statement="One A10G samples the frames of 50 videos a second and judges them.",
    stated=50,
)  # fmt: skip
def video_per_gpu(a: Q4Assumptions, stated: float) -> Outcome:
    scale = a.measured_clip_seconds / a.clip_seconds
    model = a.image_gpu_rate / a.frames_per_clip
    key, full = (
        a.host_cores * each * scale for each in (a.video_clips_per_core_second, a.video_full_clips_per_core_second)
    )
    two = min(key, a.image_gpu_rate / 2)
    options = {
        f"keyframes, {a.frames_per_clip:g} judged ({min(key, model):.0f}/s)": min(key, model),
        f"keyframes, two judged ({two:.0f}/s)": two,
        f"one frame a second of all decoded ({min(full, a.image_gpu_rate / a.clip_seconds):.0f}/s)":
            min(full, a.image_gpu_rate / a.clip_seconds),
    }  # fmt: skip
    return over_choices(
        max(options.values()),
        {name: each >= a.video_gpu_rate for name, each in options.items()},
        variable="frames taken",
        reason=f"clips of {a.clip_seconds:g} s: at {a.image_gpu_rate:g} images/s a card judges 50 clips/s only with "
        f"{a.image_gpu_rate / a.video_gpu_rate:g} frames each, and {a.host_cores} cores decode the keyframes of "
        f"{key:.0f}/s, all frames of {full:.0f}/s",
    )


@claim("q4.text-8-gpus", question=4, statement="Eight GPUs classify the text of tier 2.", stated=Q(8, "gpu"))
def text_gpus(a: Q4Assumptions, stated: Quantity) -> Outcome:
    share = a.rate * a.text_share * a.models_share
    busy = share / (a.text_gpu_rate * a.stated_text_gpus)
    needed = gpus_needed(a)["text"]
    return enough(
        Q(a.stated_text_gpus, "gpu"), Q(needed, "gpu"),
        f"{a.models_share:.0%} of the text is {share:,.0f}/s, a utilisation of {busy:.0%}; with the links and all that "
        f"the rules leave open, below {a.utilisation_ceiling:.0%} and with {a.spare} spare, it takes {needed}",
    )  # fmt: skip


def _media_gpus(a: Q4Assumptions, kind: str, share: float, each: float, stated: int) -> Outcome:
    def fits(decided: float) -> bool:
        load = a.rate * share * (1 - decided)
        return servers_for(load, each, a.utilisation_ceiling, a.spare) <= stated

    own = a.rate * share * a.models_share / each
    return over_range(
        Q(gpus_needed(a)[kind], "gpu"), fits,
        variable="share that the rules decide", low=a.media_rules_low, high=a.media_rules_high, search=(0.0, 0.99),
        reason=f"{a.models_share:.0%} of them keep {own:.1f} cards busy, so the stated {stated} rest on the rules "
        f"deciding the other {1 - a.models_share:.0%}; rules see no pixels, only known hashes",
    )  # fmt: skip


@claim("q4.image-7-gpus", question=4, statement="Seven GPUs classify the images of tier 2.", stated=Q(7, "gpu"))
def image_gpus(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return _media_gpus(a, "image", a.image_share, a.image_gpu_rate, a.stated_image_gpus)


@claim("q4.video-10-gpus", question=4, statement="Ten GPUs classify the videos of tier 2.", stated=Q(10, "gpu"))
def video_gpus(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return _media_gpus(a, "video", a.video_share, a.video_gpu_rate, a.stated_video_gpus)


@claim("q4.models-25-gpus", question=4, statement="Tier 2 needs about 25 GPUs in all.", stated=Q(25, "gpu"))
def all_gpus(a: Q4Assumptions, stated: Quantity) -> Outcome:
    needed = gpus_needed(a)
    listed = ", ".join(f"{kind} {count}" for kind, count in needed.items())
    own = a.text_gpu_rate * a.stated_text_gpus + a.image_gpu_rate * a.stated_image_gpus
    own += a.video_gpu_rate * a.stated_video_gpus
    return enough(
        stated, Q(sum(needed.values()), "gpu"),
        f"the stated cards do {own:,.0f}/s when never idle, the stated load to the last post; at the same rates with "
        f"room, a spare and only {a.media_rules_share:.0%} of the media known by hash: {listed}",
    )  # fmt: skip


@claim(
    "q4.models-18000-usd", question=4, statement="25 A10G cost $18,000 a month.", stated=Q(18_000, "USD"),
)  # fmt: skip
def models_bill(a: Q4Assumptions, stated: Quantity) -> Outcome:
    gpus = a.stated_text_gpus + a.stated_image_gpus + a.stated_video_gpus
    price = accelerator(a.gpu).price()
    bill = monthly_cost(fleet_cost_rate(Q(gpus, "gpu"), price.usd_per_gpu_hour), a.hours_per_month)
    return close_to(
        stated, bill,
        f"{gpus} x {show(price.usd_per_gpu_hour)} ({price.provider} {price.item}, {price.as_of}) x "
        f"{a.hours_per_month:g} h",
    )  # fmt: skip
