"""A day of traffic: when messages come over 24 hours and seven days, in which region, and all of it as a Workload."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.sizing.fleet.arrivals import RateProfile, arrival_times
from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.sessions import Sessions, history_tokens, turn_times
from reference.sizing.fleet.workload import Workload
from reference.sizing.traffic import diurnal_factor, trough_factor

HOUR_S, DAY_S = 3600.0, 86400.0
_CHUNK = 1 << 20


@dataclass(frozen=True)
class DayProfile:
    """Messages of each hour over the mean hour. hourly: 24 factors, mean 1; weekdays: 7 factors, mean 1.

    linear: the rate runs in straight lines between the middles of the hours (the mean stays 1, hours blend with their
    neighbours); False: it jumps at each full hour.
    """

    hourly: tuple[float, ...]
    linear: bool = True
    weekdays: tuple[float, ...] = (1.0,) * 7

    def __post_init__(self) -> None:
        for name, count in (("hourly", 24), ("weekdays", 7)):
            factors = getattr(self, name)
            if len(factors) != count or not all(math.isfinite(f) and f >= 0 for f in factors):
                raise ValueError(f"{name} must be {count} factors, none negative, got {factors}")
            if not math.isclose(sum(factors), count, rel_tol=1e-6):
                raise ValueError(f"{name} must have a mean of 1, got {sum(factors) / count:g}: use DayProfile.of")

    @classmethod
    def of(cls, hourly: Sequence[float], *, linear: bool = True, weekdays: Sequence[float] = (1.0,) * 7) -> DayProfile:
        """From any 24 numbers that are in proportion, e.g. requests per hour, and 7 for the days of a week."""
        for name, factors in (("hourly", hourly), ("weekdays", weekdays)):
            if not len(factors) or not math.isfinite(sum(factors)) or sum(factors) <= 0:
                raise ValueError(f"{name} must have a positive sum, got {list(factors)}")
        return cls(tuple(24 * f / sum(hourly) for f in hourly), linear, tuple(7 * f / sum(weekdays) for f in weekdays))

    @classmethod
    def flat(cls) -> DayProfile:
        """The same rate in every hour."""
        return cls((1.0,) * 24)

    @classmethod
    def diurnal(cls, share: float, hours: float, *, start: float = 9.0) -> DayProfile:
        """`share` of the day's messages evenly in `hours` hours from `start` o'clock (assumed), the rest evenly.

        The two levels are those of `traffic.diurnal_factor` and `trough_factor`; the rate jumps between them.
        """
        busy, quiet = diurnal_factor(share, hours), trough_factor(share, hours)
        if not 0 <= start < 24:
            raise ValueError(f"start must be an hour of the day, 0 to 24, got {start!r}")
        spans = [(start - 24, start - 24 + hours), (start, start + hours)]  # what runs past midnight comes back at 0:00
        of_hour = [sum(max(0.0, min(h + 1, end) - max(h, begin)) for begin, end in spans) for h in range(24)]
        return cls(tuple(part * busy + (1 - part) * quiet for part in of_hour), linear=False)

    @classmethod
    def smooth(cls, peak_to_mean: float, trough_to_mean: float, *, peak_hour: int = 15) -> DayProfile:
        """A curve with this peak and this trough 12 hours from it, e.g. of a published trace.

        trough + (peak - trough) ((1 + cos) / 2)^k with the k that makes the mean 1. peak_hour: assumed.
        """
        if not 0 <= trough_to_mean < 1 < peak_to_mean <= 24:
            raise ValueError(
                f"peak_to_mean must lie above 1 (24 at most) and trough_to_mean in [0, 1), got {peak_to_mean!r} and "
                f"{trough_to_mean!r}"
            )
        wave = (1 + np.cos((np.arange(24) - peak_hour) * 2 * np.pi / 24)) / 2
        wave[(peak_hour + 12) % 24] = 0.0  # cos(pi) leaves a rounding error that a small power would blow up
        target = (1 - trough_to_mean) / (peak_to_mean - trough_to_mean)
        if not 1 / 24 < target < 23 / 24:
            raise ValueError(
                f"peak_to_mean {peak_to_mean:g} and trough_to_mean {trough_to_mean:g}: no 24 hours have a mean of 1"
            )
        low, high = 1e-6, 1e4
        for _ in range(200):
            power = math.sqrt(low * high)
            low, high = (power, high) if (wave**power).mean() > target else (low, power)
        factors = trough_to_mean + (peak_to_mean - trough_to_mean) * wave**power
        return cls(tuple(float(f) for f in factors))

    def shifted(self, hours: float) -> DayProfile:
        """The same day `hours` later on the common clock, as a region further west has it."""
        if not math.isfinite(hours):
            raise ValueError(f"hours must be a number, got {hours!r}")
        whole = math.floor(hours)
        part = hours - whole
        moved = [
            (1 - part) * self.hourly[(h - whole) % 24] + part * self.hourly[(h - whole - 1) % 24] for h in range(24)
        ]
        return DayProfile(tuple(moved), self.linear, self.weekdays)

    @property
    def peak(self) -> float:
        """Busiest hour over the mean."""
        return max(self.hourly)

    @property
    def trough(self) -> float:
        """Quietest hour over the mean."""
        return min(self.hourly)

    def rates(self, messages: float, hours: float = 24.0, *, from_hour: float = 0.0, weekday: int = 0) -> RateProfile:
        """Messages/s for `hours` hours from `from_hour` (may be negative) of day `weekday`; `messages` a mean day."""
        if not (math.isfinite(messages) and messages >= 0):
            raise ValueError(f"messages must be finite and not negative, got {messages!r}")
        if not (math.isfinite(hours) and hours > 0):
            raise ValueError(f"hours must be positive, got {hours!r}")
        mean = messages / DAY_S
        first = math.floor(from_hour) - 1
        clock = np.arange(first, math.ceil(from_hour + hours) + 2)
        level = mean * np.asarray(self.hourly)[clock % 24]
        ends = np.array([from_hour, from_hour + hours])
        if self.linear:
            middles = clock + 0.5
            inside = (middles > ends[0]) & (middles < ends[1])
            hour = np.concatenate([ends[:1], middles[inside], ends[1:]])
            profile = RateProfile.linear((hour - from_hour) * HOUR_S, np.interp(hour, middles, level))
        else:
            inside = (clock > ends[0]) & (clock < ends[1])
            hour = np.concatenate([ends[:1], clock[inside], ends[1:]])
            profile = RateProfile.steps(
                (hour - from_hour) * HOUR_S, level[np.searchsorted(clock, hour[:-1], side="right") - 1]
            )
        if len(set(self.weekdays)) == 1:
            return profile
        days = np.arange(math.floor(from_hour / 24), math.ceil((from_hour + hours) / 24) + 1)
        return profile.times((days * 24 - from_hour) * HOUR_S, np.asarray(self.weekdays)[(days[:-1] + weekday) % 7])


def _regions(at: NDArray[np.float64], rates: Sequence[RateProfile], rng: np.random.Generator) -> NDArray[np.int16]:
    """Region of each arrival: one of them with the odds of the regions' rates at that time."""
    region = np.zeros(at.size, dtype=np.int16)
    if len(rates) == 1:
        return region
    for start in range(0, at.size, _CHUNK):
        when = at[start : start + _CHUNK]
        upto = np.cumsum([rate.at(when) for rate in rates], axis=0)
        drawn = rng.random(when.size) * upto[-1]
        region[start : start + _CHUNK] = (drawn >= upto[:-1]).sum(axis=0)
    return region


def day_workload(
    messages: float,
    profile: DayProfile,
    prompt: Lengths,
    output: Lengths,
    *,
    sessions: Sessions | None = None,
    shared: int = 0,
    regions: Sequence[tuple[float, float]] = ((1.0, 0.0),),
    burst: float = 1.0,
    burst_share: float = 0.1,
    burst_length_s: float = 60.0,
    cv: float = 1.0,
    flash: tuple[float, float, float] | None = None,
    seed: int = 0,
    hours: float = 24.0,
    weekday: int = 0,
    max_model_len: int | None = None,
) -> Workload:
    """`hours` hours from midnight of a service that gets `messages` messages on a mean day (expected; drawn anew).

    prompt: new text of a message; its whole prompt is shared + history + text. The prompts of a trace hold all three:
    use them with shared=0 and without sessions. sessions: conversations, whose starts then follow the profile; some
    began before midnight. shared: tokens of the system prompt. regions: (share of messages, hours that its day runs
    later). burst, burst_share, burst_length_s: rate in a burst over the rate at that hour, share of the time and mean
    seconds of bursts, which come to all regions at once (share and length assumed). cv: of the gaps, see
    `arrival_times`. flash: (factor, start s, duration s) of a flash crowd. max_model_len: prompts are cut so that
    prompt and answer fit, oldest history first, as a gateway's window does; a UserWarning says how many were.

    Raises ValueError that names the field.
    """
    if not regions or any(not (math.isfinite(share) and share > 0) for share, _ in regions):
        raise ValueError(f"regions must have positive shares, got {list(regions)}")
    if not math.isclose(sum(share for share, _ in regions), 1, abs_tol=1e-6):
        raise ValueError(f"shares of regions must sum to 1, got {sum(share for share, _ in regions):g}")
    if isinstance(shared, bool) or shared < 0:
        raise ValueError(f"shared must be a number of tokens, not negative, got {shared!r}")
    if max_model_len is not None and max_model_len < shared + 2:
        raise ValueError(
            f"max_model_len ({max_model_len}) must hold shared ({shared}), one token of text and one of answer"
        )
    rng = np.random.default_rng(seed)
    horizon_s = hours * HOUR_S
    early_h = 0.0 if sessions is None else min(sessions.reach_s / HOUR_S, 24.0)
    per_day = messages if sessions is None else messages / sessions.turns_mean
    by_region = [
        profile.shifted(shift).rates(per_day * share, hours + early_h, from_hour=-early_h, weekday=weekday)
        for share, shift in regions
    ]
    total = by_region[0]
    for more in by_region[1:]:
        total = total.plus(more)
    if flash is not None:
        factor, start_s, duration_s = flash
        if not 0 <= start_s < horizon_s:
            raise ValueError(f"flash must start within the {horizon_s:g} s of the workload, got {start_s!r}")
        total = total.with_flash_crowd(factor, early_h * HOUR_S + start_s, duration_s)
    if burst != 1:
        total = total.with_bursts(burst, burst_share, burst_length_s, rng)
    starts = arrival_times(total, rng, cv=cv)
    region = _regions(starts, by_region, rng)
    if sessions is None:
        text, answer = prompt.sample(rng, starts.size), output.sample(rng, starts.size)
        answer, text, _, cut = _fit(text, answer, np.zeros(1, np.int64), shared, max_model_len)
        text += shared
        made = Workload.of(
            starts, text, answer, shared=np.full(starts.size, shared, np.int32), region=region, horizon_s=horizon_s
        )
    else:
        starts -= early_h * HOUR_S
        made, cut = _conversations(starts, region, prompt, output, sessions, shared, max_model_len, horizon_s, rng)
    if cut:
        warnings.warn(
            f"{cut:,} of {made.requests:,} prompts ({cut / made.requests:.2%}) were cut to fit max_model_len = "
            f"{max_model_len:,}",
            stacklevel=2,
        )
    return made


def _conversations(
    starts: NDArray[np.float64],
    home: NDArray[np.int16],
    prompt: Lengths,
    output: Lengths,
    sessions: Sessions,
    shared: int,
    max_model_len: int | None,
    horizon_s: float,
    rng: np.random.Generator,
) -> tuple[Workload, int]:
    """Turns of the conversations that fall into [0, horizon), by time of arrival; and how many prompts were cut."""
    turns = sessions.turns(rng, starts.size)
    at = turn_times(starts, turns, sessions, rng)
    text, answer = prompt.sample(rng, at.size), output.sample(rng, at.size)
    whole = history_tokens(text, answer, turns)
    kept = np.flatnonzero((at >= 0) & (at < horizon_s))
    order = kept[np.argsort(at[kept], kind="stable")]
    del kept
    at, text, answer, whole = at[order], text[order], answer[order], whole[order]
    limit = whole if sessions.window is None else np.minimum(whole, sessions.window)
    answer, text, history, cut = _fit(text, answer, limit, shared, max_model_len)
    n_in = text
    n_in += shared
    n_in += history
    if not sessions.cut_keeps_prefix:
        history[history < whole] = 0
    del whole, limit
    session = np.repeat(np.arange(turns.size, dtype=np.int32), turns)[order]
    region = np.repeat(home, turns)[order]
    made = Workload.of(
        at, n_in, answer, session=session, shared=np.full(at.size, shared, np.int32), history=history, region=region,
        horizon_s=horizon_s,
    )  # fmt: skip
    return made, cut


def _fit(
    text: NDArray[np.int32], answer: NDArray[np.int32], history: NDArray[np.int64], shared: int, limit: int | None
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], int]:
    """(answer, text, history, prompts that were cut): within `limit` tokens in all, history goes first, then text."""
    if limit is None:
        return answer, text, history.astype(np.int32), 0
    asked = history + text
    np.minimum(answer, limit - shared - 1, out=answer)
    room = limit - shared - answer
    np.minimum(text, room, out=text)
    room -= text
    short = np.minimum(history, room).astype(np.int32)
    return answer, text, short, int((asked > short + text).sum())
