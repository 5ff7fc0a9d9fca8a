"""Question 4, simulated: the corrected design's stages as a service, and the three events that it has to survive."""

from __future__ import annotations

import math

from reference.sizing.moderation_simulation import Burst, Outage, Service, Viral
from reference.sizing.pipeline import ServiceTime, Stage
from reference.sizing.units import magnitude

from .assumptions import Q4Assumptions
from .design import Plan, corrected_design_q4

SPREAD = 0.5  # assumed sigma of a lognormal: posts differ in length
MODEL_STAGES = ("text model", "image model", "video")
PATHS = {
    "text": ("rules", "text model", "LLM"),
    "link": ("rules", "links", "text model", "LLM"),
    "image": ("rules", "image hashes", "image model", "LLM"),
    "video": ("rules", "video", "LLM"),
}


def simulated_service(a: Q4Assumptions | None = None, plan: Plan | None = None, *, cache: bool = True) -> Service:
    """The corrected plan as a `Service`: its servers, mean times from its rates, lognormal around them.

    A core takes one post at a time; an LLM instance is as many servers as it has posts in flight would be too many
    slow ones, so it counts as one server of its measured capacity. deadlines: seconds in line after which "escalate"
    gives a post to people: what the source's limit of its kind leaves. cache: repeated posts take the first verdict.
    """
    a = a or Q4Assumptions()
    plan = plan or corrected_design_q4(a).plan("corrected")
    funnel = plan.funnel
    seen = funnel.seen
    # Of those that came so far: what the rules leave open of text and links, of images, of videos, and of all models.
    shares = {
        "rules": 1.0, "links": 1.0, "image hashes": 1.0,
        "text model": 1 - funnel.rules_decide["text"],
        "image model": 1 - funnel.rules_decide["image"],
        "video": 1 - funnel.rules_decide["video"],
        "LLM": seen["judge"] / seen["models"],
    }  # fmt: skip
    order = ("rules", "links", "image hashes", "text model", "image model", "video", "LLM")
    stages = []
    for name in order:
        stage = plan.need(name)
        seconds = 1 / stage.work.each
        stages.append(Stage(name, ServiceTime.lognormal(seconds, SPREAD), stage.servers, share=shares[name]))
    text, image, video = (magnitude(limit, "s") for limit in (a.text_limit, a.image_limit, a.video_limit))
    deadlines = {"text model": text / 2, "image model": image / 2, "video": video / 2, "LLM": video / 2}
    return Service(
        dict(funnel.kinds), tuple(stages), PATHS, "text model" if cache else "", deadlines
    )  # fmt: skip


def burst(at: float = 20.0) -> Burst:
    """Three times the posts for half a minute."""
    return Burst(at, 30.0, 3.0)


def outage(at: float = 20.0, share: float = 1.0) -> Outage:
    """Tier 2 stops for a minute."""
    return Outage(MODEL_STAGES, at, 60.0, share)


def viral(at: float = 20.0, factor: float = 1.0) -> Viral:
    """One text is shared as often as everything else together, for half a minute."""
    return Viral(at, 30.0, "text", factor)


def backlog_after_outage(rate: float, length: float) -> float:
    """Tasks in line when a stage that sees `rate` tasks/s comes back after `length` seconds: all that came."""
    return rate * length


def recovery_after_outage(length: float, utilisation: float) -> float:
    """Seconds until the line is gone: it shrinks at capacity minus load, so length x u / (1 - u). Fluid limit."""
    if not 0 < utilisation < 1:
        raise ValueError(f"utilisation must lie between 0 and 1, got {utilisation!r}")
    return length * utilisation / (1 - utilisation)


def backlog_after_burst(rate: float, length: float, factor: float, utilisation: float) -> float:
    """Tasks in line at the end of a burst: what came over what could be done, or 0 if it could be done. Fluid limit."""
    if not 0 < utilisation < 1:
        raise ValueError(f"utilisation must lie between 0 and 1, got {utilisation!r}")
    return max(0.0, rate * length * (factor - 1 / utilisation)) if math.isfinite(factor) else math.inf
