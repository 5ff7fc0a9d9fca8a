"""Question 4's judges as a fleet of engines: a burst that outlasts no scaler, and what to do with the posts meanwhile.

Calls hold several posts each, as in the corrected design; the engine is the design's card, from its roofline unless it
was measured.
"""

from __future__ import annotations

import math

import numpy as np

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.fleet.arrivals import RateProfile, arrival_times
from reference.sizing.fleet.design import Admission, Autoscaling, FleetDesign, Region
from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.run import FleetRun
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload
from reference.sizing.units import magnitude

from .assumptions import Q4Assumptions
from .design import corrected_design_q4

CONTEXT = 4096  # assumed longest call: policy, posts and verdicts
SPREAD = 0.5  # assumed sigma of a lognormal: posts differ in length
COLD_START_S = 240.0  # assumed: machine, image, weights, warm-up of a small model


def judge_engine(a: Q4Assumptions | None = None) -> EngineModel:
    """One replica of the judge on the design's card."""
    from reference.sizing.engine_model.known import best_known_engine

    a = a or Q4Assumptions()
    return best_known_engine(a.deployment(a.judge_gpu, "fp8"), context=CONTEXT, max_num_seqs=64)


def judge_traffic(
    a: Q4Assumptions | None = None, *, seconds: float = 900.0, burst: float = 3.0, start_s: float = 180.0,
    length_s: float = 120.0, seed: int = 0,
) -> Workload:  # fmt: skip
    """Calls to the judges: the posts that the models leave open, in calls of the design's batch, and one burst.

    burst: posts over the usual rate for `length_s` seconds from `start_s`, as when something happens in the world.
    """
    a = a or Q4Assumptions()
    random = np.random.default_rng(seed)
    posts = corrected_design_q4(a).plan("corrected").funnel.seen["judge"]
    rate = RateProfile.constant(posts / a.judge_batch, seconds).with_flash_crowd(burst, start_s, length_s)
    at = arrival_times(rate, random)
    text = Lengths.lognormal_from(
        mean=a.judge_batch * a.post_tokens, median=a.judge_batch * a.post_tokens / math.exp(SPREAD**2 / 2)
    ).cut(high=CONTEXT // 2)
    policy = round(a.policy_tokens)
    return Workload.of(
        at, policy + text.sample(random, at.size), round(a.judge_batch * a.verdict_tokens), shared=policy,
        horizon_s=seconds,
    )  # fmt: skip


def judge_designs(a: Q4Assumptions | None = None, engine: EngineModel | None = None) -> dict[str, FleetDesign]:
    """Three ways through the burst, all with the design's replicas: wait, scale, or give what cannot wait to people.

    The third sheds as soon as a replica has more calls in flight than it can be expected to answer within half of the
    deadline; what is shed goes to people, whom the burst does not find asleep either (see the reviewers' sizing).
    """
    a = a or Q4Assumptions()
    model = engine or judge_engine(a)
    need = corrected_design_q4(a).plan("corrected").need("LLM")
    price = need.work.usd_per_hour

    def design(scaling: Autoscaling, admission: Admission) -> FleetDesign:
        return FleetDesign(model, (Region("one", scaling),), admission=admission, usd_per_replica_hour=price)

    fixed = Autoscaling.fixed(need.servers)
    elastic = Autoscaling(
        need.servers, 4 * need.servers, target_in_flight=model.limits.max_num_seqs / 2, cold_start_s=COLD_START_S
    )
    return {
        "fixed fleet, calls wait": design(fixed, Admission()),
        "scaled on calls in flight": design(elastic, Admission()),
        "fixed fleet, sheds to people": design(fixed, Admission(in_flight_limit=model.limits.max_num_seqs)),
    }


def judge_days(a: Q4Assumptions | None = None, *, seconds: float = 900.0, seed: int = 0) -> dict[str, FleetRun]:
    """The same burst through each of `judge_designs`."""
    a = a or Q4Assumptions()
    traffic = judge_traffic(a, seconds=seconds, seed=seed)
    return {name: simulate(traffic, design, seed=seed) for name, design in judge_designs(a).items()}


def judged_in_time(run: FleetRun, deadline_s: float) -> float:
    """Share of the calls that were answered whole within the deadline; shed ones are not."""
    return float((run.e2e_s <= deadline_s).sum()) / max(1, run.e2e_s.size)


def deadline(a: Q4Assumptions) -> float:
    """Seconds that the source gives a video, the longest of its limits: what is judged is not needed sooner."""
    return magnitude(a.video_limit, "s")
