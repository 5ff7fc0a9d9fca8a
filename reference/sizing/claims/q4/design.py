"""Question 4 redesigned: servers, people and money of every stage: as stated, with room, and on measured rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reference.sizing.hardware import accelerator
from reference.sizing.moderation_funnel import Funnel, Need, Work, clip_cost, need, usd_per_million_posts
from reference.sizing.review_staffing import Shifts, Staffing, staffing
from reference.sizing.units import magnitude

from .assumptions import KINDS, Q4Assumptions
from .judge import posts_per_second


@dataclass(frozen=True)
class Plan:
    """One way to do it. reviewers: seats and payroll for what people see; usd_per_month: machines and people."""

    name: str
    funnel: Funnel
    needs: tuple[Need, ...]
    reviewers: Staffing
    usd_per_shift_hour: float

    def need(self, name: str) -> Need:
        """The stage called `name`. Raises KeyError that lists the known ones."""
        for stage in self.needs:
            if stage.work.name == name:
                return stage
        raise KeyError(f"no stage {name!r}; known: {', '.join(stage.work.name for stage in self.needs)}")

    @property
    def machines_usd(self) -> float:
        return sum(stage.usd_per_month for stage in self.needs)

    @property
    def people_usd(self) -> float:
        """A month of everybody on shift, day and night."""
        return self.reviewers.on_shift * self.usd_per_shift_hour * 730

    @property
    def usd_per_million(self) -> float:
        """Machines and people, per million posts."""
        return usd_per_million_posts(self.machines_usd + self.people_usd, self.funnel.rate)

    @property
    def machines_usd_per_million(self) -> float:
        return usd_per_million_posts(self.machines_usd, self.funnel.rate)

    def rows(self) -> list[dict[str, Any]]:
        """One row per stage, for a table; times in ms."""
        return [
            {
                "stage": n.work.name,
                "tier": n.work.tier,
                "machine": n.work.machine,
                "posts_per_s": n.work.posts,
                "each_per_s": n.work.each,
                "servers": n.servers,
                "utilisation": n.utilisation,
                "utilisation_when_one_fails": n.utilisation_when_one_fails,
                "fill_wait_ms": n.fill_wait * 1000,
                "mean_wait_ms": n.mean_wait * 1000,
                "latency_ms": n.latency_s * 1000,
                "usd_per_month": n.usd_per_month,
            }
            for n in self.needs
        ]

    def __str__(self) -> str:
        parts = ", ".join(f"{n.work.name} {n.servers}" for n in self.needs)
        return (
            f"{self.name}: {parts}; {self.reviewers.seats:,} reviewing; ${self.machines_usd:,.0f} machines, "
            f"${self.people_usd:,.0f} people a month, ${self.usd_per_million:,.2f} per million posts"
        )


@dataclass(frozen=True)
class Design:
    """`plans`: "stated" (the source's counts under the load they meet), "with-room" (its rates, the right loads, at
    most 70 %, a spare) and "corrected" (measured rates on CPU cores). affordable_review_share: of all posts, what the
    stated reviewers can see."""

    plans: tuple[Plan, ...]
    affordable_review_share: float

    def plan(self, name: str) -> Plan:
        """The plan called `name`. Raises KeyError that lists the known ones."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        raise KeyError(f"no plan {name!r}; known: {', '.join(plan.name for plan in self.plans)}")


def funnel_q4(a: Q4Assumptions, *, media_as_text: bool = False) -> Funnel:
    """Who sees what. The rules decide their stated share of text and links and only known hashes of the media.

    What the models leave open is the stated share of all posts for the LLM, spread over the kinds as tier 2 sees them;
    people get `review_low` of all posts. media_as_text: the source's reading, the rules decide 60 % of everything.
    """
    media = a.rules_share if media_as_text else a.media_rules_share
    rules = {"text": a.rules_share, "image": media, "video": media, "link": a.rules_share}
    open_share = sum(a.kind_shares[kind] * (1 - rules[kind]) for kind in KINDS)
    decide = 1 - a.judge_share / open_share if open_share else 1.0
    return Funnel(
        a.rate, a.kind_shares, rules, dict.fromkeys(KINDS, decide), 1 - min(1.0, a.review_low / a.judge_share)
    )  # fmt: skip


def _core_works(a: Q4Assumptions, funnel: Funnel) -> list[Work]:
    core = magnitude(a.core_price, "USD/h")
    wait = magnitude(a.batch_wait, "s")
    # Every text meets the linear model; the transformer takes part in the verdict (a stack), so the costs add up.
    text = 1 / (1 / a.text_model_posts_per_core_second + 1 / a.linear_model_posts_per_core_second)
    clip = clip_cost(
        a.clip_seconds, a.video_clips_per_core_second, a.measured_clip_seconds, a.frames_per_clip,
        a.image_model_images_per_core_second,
    )  # fmt: skip
    links = funnel.rules_see("link")

    def on_core(name: str, tier: int, posts: float, each: float, batch: int = 1) -> Work:
        return Work(name, tier, posts, each, "core", core, batch, wait if batch > 1 else 0.0)

    return [
        on_core("rules", 1, funnel.rate, a.tier1_posts_per_core_second),
        on_core("links", 1, links, a.links_per_core_second),
        on_core("image hashes", 1, funnel.rules_see("image"), a.tier1_images_per_core_second),
        on_core("text model", 2, funnel.models_see("text") + funnel.models_see("link"), text, a.model_batch),
        on_core("image model", 2, funnel.models_see("image"), a.image_model_images_per_core_second),
        on_core("video", 2, funnel.models_see("video"), clip.clips_per_second),
    ]


def _stated_works(a: Q4Assumptions, funnel: Funnel) -> list[Work]:
    gpu = magnitude(accelerator(a.gpu).price().usd_per_gpu_hour, "USD/gpu/h")
    # The source prices five CPU instances at less than $500 and thirty LLM instances at $50,000 a month.
    cpu = 500 / a.hours_per_month / a.stated_rules_instances
    llm = magnitude(a.stated_judge_bill, "USD") / a.hours_per_month / a.stated_cached_judges
    seen = funnel.models_see
    name = accelerator(a.gpu).name
    return [
        Work("rules", 1, funnel.rate, a.rules_instance_rate, "CPU instance", cpu),
        Work("text model", 2, seen("text") + seen("link"), a.text_gpu_rate, name, gpu),
        Work("image model", 2, seen("image"), a.image_gpu_rate, name, gpu),
        Work("video", 2, seen("video"), a.video_gpu_rate, name, gpu),
        Work("LLM", 3, funnel.seen["judge"], a.judge_instance_rate, "LLM instance", llm),
    ]


def corrected_design_q4(a: Q4Assumptions | None = None) -> Design:
    """The source's fleet under the load that it meets, the same rates with room, and measured rates on CPU cores."""
    a = a or Q4Assumptions()
    funnel = funnel_q4(a)
    hourly = magnitude(a.reviewer_price, "USD/h")
    stated_counts = {
        "rules": a.stated_rules_instances, "text model": a.stated_text_gpus, "image model": a.stated_image_gpus,
        "video": a.stated_video_gpus, "LLM": a.stated_cached_judges,
    }  # fmt: skip
    works = _stated_works(a, funnel)
    seats = a.stated_reviewers
    said = Staffing(
        funnel.seen["people"], a.review_seconds, seats, seats, seats,
        funnel.seen["people"] * a.review_seconds / seats, float("inf"),
    )  # fmt: skip
    people = staffing(funnel.seen["people"], a.review_seconds, a.shifts, a.seat_ceiling)
    replica = a.deployment(a.judge_gpu, "fp8")
    card = accelerator(a.judge_gpu)
    judge = Work(
        "LLM", 3, funnel.seen["judge"], posts_per_second(a, replica, a.judge_batch), card.name,
        magnitude(card.price().usd_per_gpu_hour, "USD/gpu/h"), a.judge_batch, 10 * magnitude(a.batch_wait, "s"),
    )  # fmt: skip
    room = (a.utilisation_ceiling, a.spare)
    plans = (
        Plan("stated", funnel, tuple(need(work, servers=stated_counts[work.name]) for work in works), said, hourly),
        Plan("with-room", funnel, tuple(need(work, *room) for work in works), people, hourly),
        Plan(
            "corrected", funnel, tuple(need(work, *room) for work in [*_core_works(a, funnel), judge]), people, hourly
        ),
    )
    return Design(plans, seats * a.seat_ceiling / a.review_seconds / a.rate)


def reviewers_by_share(a: Q4Assumptions, shares: tuple[float, ...]) -> list[tuple[float, Staffing]]:
    """Staffing if people see each of these shares of all posts."""
    shifts: Shifts = a.shifts
    return [(share, staffing(a.rate * share, a.review_seconds, shifts, a.seat_ceiling)) for share in shares]
