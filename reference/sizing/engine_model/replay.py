"""A load point simulated the way it was driven: the same requests, warm-up, cool-down and window of measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .model import EngineModel

if TYPE_CHECKING:
    from .record import LoadPoint

RATES = ("request_s", "output_tok_s")
LATENCIES = ("ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms", "tpot_p50_ms", "tpot_p90_ms", "tpot_p99_ms")
METRICS = RATES + LATENCIES


@dataclass(frozen=True)
class Load:
    """How a replica is driven: `concurrency` users in a closed loop, or an open one of `rate` requests/s or `arrivals`.

    The fields are those of `LoadPoint`, without what was measured. Raises ValueError that names the field.
    """

    n_in: int
    n_out: int
    requests: int
    concurrency: int | None = None
    rate: float | None = None
    arrivals: Sequence[float] | None = None
    output_spread: float = 0.0
    warmup: int = 0
    cooldown: int = 0
    percentile: Literal["linear", "higher"] = "linear"
    seed: int | None = None

    def __post_init__(self) -> None:
        if (self.concurrency is None) == (self.rate is None and self.arrivals is None):
            raise ValueError("exactly one of concurrency (closed loop) and rate or arrivals (open loop) must be given")
        for name, least in (("n_in", 1), ("n_out", 1), ("requests", 1), ("warmup", 0), ("cooldown", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, got {self.concurrency!r}")
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be a positive number of requests/s, got {self.rate!r}")
        if not 0 <= self.output_spread < 1:
            raise ValueError(f"output_spread must lie in [0, 1), got {self.output_spread!r}")
        if self.arrivals is not None and len(self.arrivals) != self.count:
            raise ValueError(f"arrivals must have one entry per request ({self.count}), got {len(self.arrivals)}")

    @classmethod
    def of(cls, point: LoadPoint) -> Load:
        """The load under which `point` was measured."""
        return cls(**{name: getattr(point, name) for name in cls.__dataclass_fields__})

    @property
    def count(self) -> int:
        """Requests sent in all: warm-up, measured, cool-down."""
        return self.warmup + self.requests + self.cooldown

    @property
    def offered(self) -> float | None:
        """Requests/s that arrive in an open loop, as they came where `arrivals` are known; None in a closed loop."""
        if self.arrivals is not None and len(self.arrivals) > 1:
            return (len(self.arrivals) - 1) / (self.arrivals[-1] - self.arrivals[0])
        return self.rate

    @property
    def label(self) -> str:
        """The load in words, for a table."""
        if self.concurrency is not None:
            return f"{self.concurrency} users"
        return f"{self.rate or self.offered or 0:.4g} requests/s"


def output_lengths(n_out: int, spread: float, count: int, seed: int) -> Any:
    """`count` answer lengths drawn uniformly from n_out x (1 +- spread), whole and at least 1 (int array)."""
    import numpy as np

    if spread == 0:
        return np.full(count, n_out, dtype=np.int32)
    low, high = max(1, round(n_out * (1 - spread))), max(1, round(n_out * (1 + spread)))
    return np.random.default_rng([seed, 1]).integers(low, high + 1, count).astype(np.int32)


def poisson_arrivals(rate: float, count: int, seed: int) -> Any:
    """Seconds of `count` arrivals, the last at count / rate: gaps are drawn and scaled, as vLLM's client does it."""
    import numpy as np

    times = np.cumsum(np.random.default_rng([seed, 2]).exponential(size=count))
    return times * (count / rate / times[-1])


def replay(model: EngineModel, load: Load, *, seed: int = 0) -> dict[str, float]:
    """What the model gives under `load`: METRICS, and `batch`, the most sequences that decoded at once.

    Arrivals and lengths that the load does not hold are drawn with its own seed, or else with `seed`.
    """
    import numpy as np

    from reference.sizing.fleet.engine import simulate_closed_loop, simulate_engine
    from reference.sizing.fleet.workload import Workload

    drawn = seed if load.seed is None else load.seed
    n_out = output_lengths(load.n_out, load.output_spread, load.count, drawn)
    n_in = np.full(load.count, load.n_in, dtype=np.int32)
    if load.concurrency is not None:
        run = simulate_closed_loop(model, load.concurrency, n_in, n_out, seed=seed)
    else:
        at = load.arrivals
        if at is None:
            assert load.rate is not None  # checked by Load
            at = poisson_arrivals(load.rate, load.count, drawn)
        run = simulate_engine(Workload.of(at, n_in, n_out), model, seed=seed)
    return measure(
        run.sent_s, run.ttft_s, run.e2e_s, n_out,
        closed=load.concurrency is not None, warmup=load.warmup, cooldown=load.cooldown, method=load.percentile,
    )  # fmt: skip


def measure(
    sent: Any, ttft: Any, e2e: Any, n_out: Any, *,
    closed: bool, warmup: int = 0, cooldown: int = 0, method: Literal["linear", "higher"] = "linear",
) -> dict[str, float]:  # fmt: skip
    """METRICS and `batch` of requests in order of sending: seconds sent, to the first token, to the end, and tokens.

    The window runs from the first measured request to the last measured end, or to the first cool-down arrival of an
    open loop. Tokens count when they are made, evenly between the first and the last of their request; requests of a
    closed loop count by their share within the window, those of an open loop by completion.
    """
    import numpy as np

    last = len(sent) - cooldown
    first_token, ended = sent + ttft, sent + e2e
    begin = sent[warmup]
    end = sent[last] if cooldown and not closed else ended[warmup:last].max()
    window = max(end - begin, 1e-12)

    def within(start: Any, stop: Any) -> Any:
        overlap = np.minimum(stop, end) - np.maximum(start, begin)
        return np.clip(overlap, 0, None) / np.maximum(stop - start, 1e-12)

    first_inside = (first_token > begin) & (first_token <= end)
    tokens = first_inside.sum() + (within(first_token, ended) * (n_out - 1)).sum()
    served = within(sent, ended).sum() if closed else ((ended > begin) & (ended <= end)).sum()
    found = {"request_s": float(served / window), "output_tok_s": float(tokens / window)}
    tpot = (ended - first_token) / np.maximum(n_out - 1, 1)
    for name, values in (("ttft", ttft[warmup:last]), ("tpot", tpot[warmup:last])):
        for percent, value in zip((50, 90, 99), np.percentile(values, (50, 90, 99), method=method), strict=True):
            found[f"{name}_p{percent}_ms"] = 1e3 * float(value)
    found["batch"] = float(most_at_once(first_token, ended))
    return found


def most_at_once(start: Any, stop: Any) -> int:
    """The most intervals [start, stop) that overlap."""
    import numpy as np

    times = np.concatenate([start, stop])
    change = np.concatenate([np.ones(len(start), dtype=int), -np.ones(len(stop), dtype=int)])
    order = np.lexsort((change, times))  # an end before a start at the same time
    return int(np.cumsum(change[order]).max())
