"""Question 7, resources: throughput, utilisation, always-on machines, spot, batches."""

from __future__ import annotations

import math

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, over_choices, over_range
from reference.sizing.inference_modes import crossings

from .assumptions import Q7Assumptions


@claim("q7.async-throughput", question=7, stated=1.0,
       statement="Asynchronous inference has a higher throughput, as it can batch.")  # fmt: skip
def throughput(a: Q7Assumptions, stated: float) -> Outcome:
    against_live, against_one = a.full_tokens / a.live_tokens, a.full_tokens / a.one_at_a_time
    return over_choices(
        against_live,
        {
            f"an engine that runs one request at a time ({against_one:.0f} times)": against_one > 1.05 * stated,
            f"continuous batching, the first token of live calls held to 1 s at p99 ({against_live:.2f} times)":
                against_live > 1.05 * stated,
            "continuous batching with as many calls in flight (1 time)": 1.05 * stated < 1.0,
        },
        variable="what it is compared with",
        reason=f"a full queue gets {a.full_tokens:,.0f} tokens/s out of the engine, live calls {a.live_tokens:,.0f}, "
        f"one at a time {a.one_at_a_time:.0f}: the engine batches whatever is in flight, whoever sent it",
    )  # fmt: skip


@claim("q7.async-utilisation", question=7, stated=1.0,
       statement="Asynchronous inference uses its resources better.")  # fmt: skip
def utilisation(a: Q7Assumptions, stated: float) -> Outcome:
    peak = a.peak_over_mean * a.day_peak

    # A fleet that may let a job wait works a burst off later; one that answers at once holds the peak.
    def gain(deadline: float) -> float:
        return min(peak, peak / max(1.0 / a.fill, peak * a.busy_s / (a.busy_s + deadline)))

    computed = gain(a.deadline_high_s)
    return over_range(
        computed, lambda deadline: gain(deadline) > 1.05 * stated,
        variable="seconds that a job may wait", low=a.deadline_low_s, high=a.deadline_high_s * 6,
        reason=f"held for a peak of {peak:.1f} times the mean, a live fleet is used to {1 / peak:.0%}; a queue lets "
        f"{a.deadline_high_s:.0f} s of waiting save {1 - 1 / computed:.0%} of it when the peak lasts {a.busy_s:.0f} s",
    )  # fmt: skip


@claim("q7.always-on", question=7, stated=1.0,
       statement="Synchronous inference needs a GPU that is always on.")  # fmt: skip
def always_on(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    return over_range(
        a.cold_start_s, lambda deadline: a.cold_start_s > deadline,
        variable="seconds that the caller can wait", low=a.deadline_low_s, high=a.deadline_high_s,
        reason=f"a cold start takes {a.cold_start_s:.0f} s, so whoever waits {a.sync_limit_s:g} s needs a warm one, or "
        "an API whose warm GPUs are shared, paid by the token",
    )  # fmt: skip


@claim("q7.moderate-traffic", question=7, stated=1.0,
       statement="Moderate traffic justifies resources that are always on.")  # fmt: skip
def moderate(a: Q7Assumptions, stated: float) -> Outcome:
    del stated
    request = (a.tokens_in * a.api_in + a.tokens_out * a.api_out) / 1e6
    share = crossings.always_on_from(a.usd_per_hour, a.live_per_s, request)
    return over_range(
        share, lambda rate: rate >= a.usd_per_hour / 3600 / request,
        variable="requests/s", low=a.rate_low, high=a.rate_high,
        reason=f"one GPU at ${a.usd_per_hour:.2f}/h that carries {a.live_per_s:.0f} requests/s is cheaper than "
        f"${1000 * request:.2f} per 1,000 by the token from a mean utilisation of {share:.0%} on",
    )  # fmt: skip


@claim("q7.scaled-saves", question=7, implied=True, stated=1.0,
       statement="A fleet that follows its queue is cheaper than one that is always on.")  # fmt: skip
def scaled(a: Q7Assumptions, stated: float) -> Outcome:
    ratio = crossings.scaled_from(a.day_peak, a.busy_s, a.cold_start_s, a.linger_s, fill=a.fill)
    return over_range(
        ratio, lambda peak: crossings.scaled_from(peak, a.busy_s, a.cold_start_s, a.linger_s, fill=a.fill) < stated,
        variable="peak over mean", low=1.0, high=a.day_peak * a.peak_over_mean,
        reason=f"at {a.day_peak:g} times the mean for {a.busy_s / 3600:.0f} h it costs {ratio:.0%} of always on, cold "
        f"starts and idle ends included",
    )  # fmt: skip


@claim("q7.spot", question=7, stated=1.0,
       statement="Asynchronous work can use spot instances to save cost.")  # fmt: skip
def spot(a: Q7Assumptions, stated: float) -> Outcome:
    # Without a checkpoint a try is lost whole: the expected time until one of length s survives is (e^(rs) - 1) / r.
    def cost(per_hour: float) -> float:
        lost = per_hour * a.job_long_s / 3600
        return a.spot_factor * math.expm1(lost) / lost

    typical = cost(a.interruptions_low)
    return over_range(
        typical, lambda per_hour: cost(per_hour) < stated,
        variable="interruptions per hour", low=a.interruptions_low, high=a.interruptions_high,
        reason=f"at {a.spot_factor:.0%} of the price and {a.interruptions_low:g} interruptions per hour a job of "
        f"{a.job_long_s / 60:.0f} min that is begun anew costs {typical:.0%} of on demand",
    )  # fmt: skip


@claim("q7.batch-discount", question=7, stated=1.0,
       statement="Asynchronous work can use the discounts of batch APIs.")  # fmt: skip
def batch_discount(a: Q7Assumptions, stated: float) -> Outcome:
    return over_range(
        a.batch_factor, lambda deadline: deadline >= a.batch_wait_high_s and a.batch_factor < stated,
        variable="seconds that the results may take", low=a.deadline_low_s, high=2 * a.batch_wait_high_s,
        reason=f"{1 - a.batch_factor:.0%} off, for results that are promised within {a.batch_wait_high_s / 3600:.0f} h",
    )  # fmt: skip


@claim("q7.batch-1000s", question=7, stated=1000.0,
       statement="From thousands of items on, batch processing is the mode to take.")  # fmt: skip
def thousands(a: Q7Assumptions, stated: float) -> Outcome:
    def crossing(setup: float) -> float:
        found = crossings.batch_wins_from(
            a.item_s, a.at_once, a.slots, setup_s=setup, round_trip_s=a.round_trip_s
        ).items  # fmt: skip
        return math.inf if found is None else float(found)

    computed = crossing(a.batch_setup_s)
    if math.isinf(computed):
        return Outcome(
            stated, "does-not-hold",
            f"a batch that gets {a.slots} slots is never done before {a.at_once} calls at once of the same engine",
        )  # fmt: skip
    return over_range(
        computed, lambda setup: crossing(setup) <= stated,
        variable="seconds of set-up and waiting of the batch", low=a.setup_low_s, high=a.batch_wait_high_s,
        reason=f"with {a.at_once} calls at once against {a.slots} slots a batch is done sooner from {computed:,.0f} "
        f"items on ({a.batch_setup_s:g} s set-up); one that waits a day from {crossing(a.batch_wait_high_s):,.0f} on",
    )  # fmt: skip


@claim("q7.calls-in-a-row", question=7, implied=True, stated=1000.0,
       statement="1,000 synchronous calls keep one client busy for more than 5 minutes.")  # fmt: skip
def in_a_row(a: Q7Assumptions, stated: float) -> Outcome:
    seconds = crossings.call_makespan(int(stated), a.item_s, a.at_once, round_trip_s=a.round_trip_s)
    return over_range(
        seconds, lambda at_once: crossings.call_makespan(
            int(stated), a.item_s, max(1, int(at_once)), round_trip_s=a.round_trip_s
        ) > 300.0,
        variable="calls at once", low=1.0, high=float(a.at_once),
        reason=f"{a.at_once} at once take {seconds:.0f} s; what a batch adds is that nobody has to stay and keep count",
    )  # fmt: skip


@claim("q7.poll-or-webhook", question=7, implied=True, stated=1.0,
       statement="Polling is as good as a webhook.")  # fmt: skip
def poll_or_webhook(a: Q7Assumptions, stated: float) -> Outcome:
    long = crossings.polling(a.job_long_s, a.poll_s)
    return over_range(
        long.polls, lambda job: crossings.polling(job, a.poll_s).wasted <= stated,
        variable="seconds of the job", low=a.job_short_s, high=a.job_long_s,
        reason=f"a job of {a.job_long_s:.0f} s polled every {a.poll_s:g} s is asked for {long.polls:,.0f} times, "
        f"all but one for nothing, and known {long.delay_s:g} s late on average",
    )  # fmt: skip


@claim("q7.complexity", question=7, stated=1.0,
       statement="The asynchronous mode is the more complex one to program.")  # fmt: skip
def complexity(a: Q7Assumptions, stated: float) -> Outcome:
    # Every exchange may fail or come twice, and needs its own retry: that is what is counted.
    def batch(items: float) -> float:
        done = crossings.batch_makespan(int(items), a.item_s, a.slots, setup_s=a.batch_setup_s)
        return 3 + crossings.polling(done, a.poll_s).polls  # upload, order, polls, fetch

    few = batch(stated)
    return over_range(
        few, lambda items: batch(items) > items, variable="items", low=stated, high=a.batch_items,
        reason=f"one item takes {few:.0f} exchanges as a batch polled every {a.poll_s:g} s and 1 as a call; each "
        "exchange needs its own retry, and with many items the calls are the larger number",
    )  # fmt: skip
