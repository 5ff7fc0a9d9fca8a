"""Cases of known answer: a fleet made into a queue that theory solves, and how far the simulator lies from it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from reference.sizing import intervals
from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.queueing import erlang_c

from .design import FleetDesign
from .simulate import simulate
from .workload import Workload


def queue_engine(servers: int, step_s: float = 1e-5) -> EngineModel:
    """An engine that is a queue of `servers` equal servers: a step costs the same whatever is in it.

    An answer of k tokens then takes k steps. What is left of continuous batching is the grid: service starts at a step
    boundary, half a step late on average, so a step must be a tiny part of the service time.
    """
    limits = EngineLimits(servers, max(servers, 4096), 1 << 40, 1 << 30, prefix_caching=False)
    return EngineModel(f"{servers} servers", StepTime((1.0,), (step_s,)), limits, Derived("oracle.queue_engine"))


@dataclass(frozen=True)
class Checked:
    """A figure of the simulator beside the exact one. error: relative. half_width: 95 % interval of the run's own
    mean, relative to the exact value."""

    name: str
    simulated: float
    exact: float
    half_width: float

    @property
    def error(self) -> float:
        return self.simulated / self.exact - 1


def mean_in_parts(name: str, values: np.ndarray, exact: float) -> Checked:
    """Mean of a run with its own interval, by batch means."""
    mean, half_width = intervals.mean_in_parts(values)
    return Checked(name, mean, exact, half_width / exact)


def percentile_in_parts(name: str, values: np.ndarray, percent: float, exact: float) -> Checked:
    """Percentile of all values, with an interval from those of PARTS parts."""
    parts = np.array(
        [np.percentile(part, percent) for part in np.array_split(np.asarray(values, float), intervals.PARTS)]
    )
    half = intervals.T_95 * float(parts.std(ddof=1)) / math.sqrt(intervals.PARTS) / exact
    return Checked(name, float(np.percentile(values, percent)), exact, half)


@functools.cache
def validation_point(servers: int = 4, utilisation: float = 0.8, requests: int = 400_000) -> str:
    """Run the fleet's own event loop as M/M/c and say how far its mean wait lies from Erlang C. Once per process."""
    mean_tokens, step_s = 100_000, 1e-5
    random = np.random.default_rng(5)
    rate = utilisation * servers / (mean_tokens * step_s)
    tokens = random.geometric(1 / mean_tokens, requests)
    workload = Workload.of(np.cumsum(random.exponential(1 / rate, requests)), 1, tokens)
    run = simulate(workload, FleetDesign.one(queue_engine(servers, step_s)))
    wait = (run.e2e_s - tokens * step_s)[requests // 20 :]
    exact = erlang_c(utilisation * servers, servers) / (servers / (mean_tokens * step_s) - rate)
    found = mean_in_parts("mean wait", wait, exact)
    return (
        f"one replica of {servers} places with steps of equal cost, utilisation {utilisation:g}: mean wait "
        f"{found.error:+.1%} from Erlang C, the run itself knows it to {found.half_width:.1%} (n={requests:,})"
    )


def md1_wait_beyond(rho: float, services: float) -> float:
    """P(wait > `services` x the service time) in an M/D/1 queue at utilisation `rho`.

    Erlang's series for P(W <= t), with t in units of the service time and k counting whole ones in it:
    (1 - rho) sum over k of (-rho (t - k))^k / k! x exp(rho (t - k)). Its terms alternate, so it is summed in decimals.
    """
    with localcontext() as context:
        context.prec = 50 + int(services)
        return _md1_wait_beyond(Decimal(rho), Decimal(services))


def _md1_wait_beyond(load: Decimal, t: Decimal) -> float:
    total, factorial = Decimal(0), Decimal(1)
    for k in range(int(t) + 1):
        factorial *= max(k, 1)
        x = load * (t - k)
        total += (-x) ** k / factorial * x.exp() if k else x.exp()
    return float(1 - (1 - load) * total)


def md1_percentile(rho: float, percent: float) -> float:
    """Wait that `percent` of the requests do not exceed in M/D/1, in service times, by bisection; 0 if that many do
    not wait."""
    beyond = 1 - percent / 100
    low, high = 0.0, 1.0
    if md1_wait_beyond(rho, 0.0) <= beyond:
        return 0.0
    while md1_wait_beyond(rho, high) > beyond:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if md1_wait_beyond(rho, middle) > beyond else (low, middle)
    return high


def mmck_loss(offered: float, servers: int, places: int) -> float:
    """Share of the requests that an M/M/c queue with `places` in all (servers and line) turns away."""
    weight, total = 1.0, 1.0
    for n in range(1, places + 1):
        weight *= offered / min(n, servers)
        total += weight
    return weight / total


def mmc_wait(offered: float, servers: int, service_s: float, percent: float | None = None) -> float:
    """Mean wait of M/M/c, s, or the wait that `percent` of the requests do not exceed."""
    waits = erlang_c(offered, servers)
    drain = (servers - offered) / service_s
    if percent is None:
        return waits / drain
    return max(0.0, math.log(waits / (1 - percent / 100)) / drain)
