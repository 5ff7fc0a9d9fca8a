"""Question 1 as a day to simulate: ten million messages, the corrected fleet, and what can happen to it.

The engine is the corrected design's cheapest large deployment. Lengths are those of the assumptions: prompts hold the
shared system prompt, the conversation so far (as much as a window of history lets in) and new text; the window is
chosen so that the mean prompt is the assumed one.
"""

from __future__ import annotations

import dataclasses
import functools
import math

from reference.sizing.cost import HOURS_PER_MONTH
from reference.sizing.engine_model.model import EngineModel
from reference.sizing.fleet import published
from reference.sizing.fleet.day import DayProfile, day_workload
from reference.sizing.fleet.design import Admission, Autoscaling, FleetDesign, Outage, Region, Retry, Routing
from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.sessions import Sessions
from reference.sizing.fleet.workload import Workload
from reference.sizing.throughput import MAX_NUM_SEQS
from reference.sizing.units import magnitude

from .assumptions import Q1Assumptions
from .design import Option, corrected_design_q1
from .scaling import cold_start

SPREAD = 0.3  # assumed headroom over the replicas that the sizing asks for, as the scaler's upper bound
AIM = 0.4  # assumed; the notebook shows what other aims cost
NEAR_FULL = 0.95  # assumed: a fleet as tight as a budget wants it, as a share of what its engines can do


@functools.lru_cache(maxsize=8)
def large_option(a: Q1Assumptions) -> Option:
    """The cheapest 70B deployment that meets both targets. Raises ValueError if none does."""
    best = corrected_design_q1(a).best_large
    if best is None:
        raise ValueError("no deployment of the large model meets both targets: relax ttft_target or tpot_target")
    return best


def day_engine(a: Q1Assumptions | None = None) -> EngineModel:
    """Engine model of one replica of the corrected design, from measurements of the same GPU where there are any."""
    from reference.sizing.engine_model.known import best_known_engine

    a = a or Q1Assumptions()
    return best_known_engine(
        large_option(a).deployment, context=round(magnitude(a.max_context, "token/request")), max_num_seqs=MAX_NUM_SEQS
    )


def conversations(a: Q1Assumptions) -> Sessions:
    """Conversations of the assumed number of turns, with the window of history that gives the assumed mean prompt."""
    turns = magnitude(a.messages_per_user, "message/user/day") / a.sessions_per_user
    each = _text(a).mean + _answers(a).mean
    room = magnitude(a.prompt, "token/request") - magnitude(a.shared_prefix, "token/request") - _text(a).mean

    def mean_history(window: float) -> float:
        # A message is turn k with odds (1 - 1/turns)^(k - 1) / turns in a geometric conversation of that mean.
        stay = 1 - 1 / turns
        return sum(min(window, k * each) * stay**k / turns for k in range(400))

    low, high = 0.0, float(magnitude(a.max_context, "token/request"))
    for _ in range(60):
        window = (low + high) / 2
        low, high = (window, high) if mean_history(window) < room else (low, window)
    return Sessions(turns_mean=turns, window=round(high))


def _text(a: Q1Assumptions) -> Lengths:
    """New text of a message: mean of the first prompts of a published conversation log, lognormal."""
    return Lengths.lognormal_from(mean=published.BURSTGPT_FIRST_PROMPT_MEAN.value, median=90)


def _answers(a: Q1Assumptions) -> Lengths:
    return Lengths.lognormal_from(
        mean=magnitude(a.output, "token/request"), median=magnitude(a.output_low, "token/request")
    )


def day_traffic(
    a: Q1Assumptions | None = None, *, share: float = 1.0, hours: float = 24.0, seed: int = 0, sessions: bool = True,
    regions: tuple[tuple[float, float], ...] = ((1.0, 0.0),), flash: tuple[float, float, float] | None = None,
) -> Workload:  # fmt: skip
    """The day's requests in order of arrival. share: of the users, for a slice that is quicker to simulate."""
    a = a or Q1Assumptions()
    messages = magnitude(a.daily_users, "user") * magnitude(a.messages_per_user, "message/user/day") * share
    return day_workload(
        messages, DayProfile.diurnal(a.busy_share, a.busy_hours), _text(a), _answers(a),
        sessions=conversations(a) if sessions else None, shared=round(magnitude(a.shared_prefix, "token/request")),
        regions=regions, burst=a.burst, flash=flash, seed=seed, hours=hours,
        max_model_len=round(magnitude(a.max_context, "token/request")),
    )  # fmt: skip


def day_design(
    a: Q1Assumptions | None = None, *, share: float = 1.0, engine: EngineModel | None = None,
    routing: Routing | None = None, retry: Retry | None = None, outages: tuple[Outage, ...] = (),
    scaling: Autoscaling | None = None, admission: Admission | None = None, aim: float = AIM,
) -> FleetDesign:  # fmt: skip
    """The corrected fleet over three zones of one region, scaled on requests in flight.

    aim: requests in flight per replica that the scaler holds, as a share of those that the sizing found. What holds on
    the mean leaves nothing for bursts while machines start, so it is well below the utilisation ceiling.
    """
    a = a or Q1Assumptions()
    option = large_option(a)
    sized = magnitude(option.fleet.total, "replica") * share
    if scaling is None:
        scaling = Autoscaling(
            least=max(3, math.ceil(sized * magnitude(a.trough, "rpm") * a.burst / magnitude(a.peak, "rpm"))),
            most=max(4, math.ceil(sized * (1 + SPREAD))),
            target_in_flight=max(1.0, aim * magnitude(option.capacity.concurrency, "request")),
            cold_start_s=magnitude(cold_start(a), "s"),
            warm_pool=max(1, round(a.warm_pool * share)),
        )
    price = magnitude(option.price, "USD/gpu/h") * option.deployment.gpus
    return FleetDesign(
        engine=engine or day_engine(a),
        regions=(Region("one", scaling, zones=3),),
        routing=routing or Routing("prefix-aware"),
        admission=admission or Admission(),
        retry=retry or Retry(),
        outages=outages,
        usd_per_replica_hour=price,
    )


def zone_lost(hour: float = 14.0, hours: float = 2.0, zone: int = 0) -> Outage:
    """A third of the fleet is gone in the busiest part of the day."""
    return Outage(hour * 3600, hours * 3600, "zone", zone)


def month_of(day_usd: float) -> float:
    """Dollars of a month of such days."""
    return day_usd / 24 * HOURS_PER_MONTH


def busy_hour(
    a: Q1Assumptions | None = None, *, share: float = 1.0, engine: EngineModel | None = None, load: float = 1.0,
    minutes: float = 60.0, seed: int = 0,
) -> tuple[Workload, FleetDesign]:  # fmt: skip
    """An hour at the busy hours' rate times `load`, and a fixed fleet that is NEAR_FULL under it.

    Full is the engine's saturation with the shared prompt cached; what the conversations' history saves is left over.
    """
    from reference.sizing.engine_model.predict import saturation

    a = a or Q1Assumptions()
    model = engine or day_engine(a)
    rate = magnitude(a.busy, "request/s") * share * load
    traffic = day_workload(
        rate * 86400, DayProfile.flat(), _text(a), _answers(a), sessions=conversations(a),
        shared=round(magnitude(a.shared_prefix, "token/request")), seed=seed, hours=minutes / 60,
        max_model_len=round(magnitude(a.max_context, "token/request")),
    )  # fmt: skip
    uncached = round(magnitude(a.prompt - a.shared_prefix, "token/request"))
    each = saturation(model, uncached, round(magnitude(a.output, "token/request")))
    replicas = max(3, math.ceil(rate / (NEAR_FULL * each)))
    return traffic, day_design(a, share=share, engine=model, scaling=Autoscaling.fixed(replicas))


PATIENCE_S = 5.0  # assumed: a user who sees nothing for so long asks again


def storm(
    a: Q1Assumptions | None = None, *, share: float = 1.0, engine: EngineModel | None = None, load: float = 1.2,
    seed: int = 0,
) -> tuple[Workload, FleetDesign, float]:  # fmt: skip
    """Twenty busy minutes in which one zone is gone for two, on a fixed fleet; and the clients' patience (s).

    load: assumed, the busy hours' rate times so much, a good day for the business. Replicas come back as fast as they
    do from a warm machine, so that what is seen afterwards is the clients' doing and not the machines'.
    """
    a = a or Q1Assumptions()
    traffic, design = busy_hour(a, share=share, engine=engine, load=load, minutes=20.0, seed=seed)
    region = design.regions[0]
    scaling = dataclasses.replace(region.scaling, cold_start_s=region.scaling.warm_start_s)
    return (
        traffic,
        dataclasses.replace(
            design, regions=(dataclasses.replace(region, scaling=scaling),), outages=(Outage(300.0, 120.0, "zone", 0),)
        ),
        PATIENCE_S,
    )


# Hours that a region's day runs later than the first one's (assumed from its longitude).
REGIONS = (("us-east", 0.0), ("us-west", 3.0), ("eu", -6.0))


def follow_the_sun(
    a: Q1Assumptions | None = None, *, share: float = 1.0, engine: EngineModel | None = None, spill: bool = True,
    lost: str | None = None, seed: int = 0,
) -> tuple[Workload, FleetDesign]:  # fmt: skip
    """The day in three regions whose busy hours follow each other, each with a fleet of its own share.

    spill: whether a region that is full, or gone, sends its requests to the others. lost: name of a region that is gone
    from 14 to 16 o'clock of the first one's day. A request from elsewhere pays 100 ms there and back (assumed).
    """
    a = a or Q1Assumptions()
    base = day_design(a, share=share, engine=engine)
    whole = base.regions[0].scaling
    traffic = day_traffic(
        a, share=share, seed=seed,
        regions=tuple((part, hours) for part, (_, hours) in zip(a.region_shares, REGIONS, strict=True)),
    )  # fmt: skip
    names = [name for name, _ in REGIONS]
    if lost is not None and lost not in names:
        raise ValueError(f"lost must be one of {', '.join(names)}, got {lost!r}")
    regions = []
    for part, name in zip(a.region_shares, names, strict=True):
        scaling = dataclasses.replace(
            whole, least=max(3, math.ceil(whole.least * part)), most=max(4, math.ceil(whole.most * part)), warm_pool=1
        )
        regions.append(
            Region(
                name, scaling, spill_to=tuple(n for n in names if n != name) if spill else (),
                spill_above=whole.target_in_flight if spill else math.inf,
            )
        )  # fmt: skip
    outages = () if lost is None else (Outage(14 * 3600.0, 2 * 3600.0, "region", names.index(lost)),)
    return traffic, dataclasses.replace(base, regions=tuple(regions), outages=outages)
