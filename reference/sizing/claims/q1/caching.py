"""Question 1, caching and sessions: exact hits, the KV prefix, what both save, and the session store."""

from __future__ import annotations

from reference.sizing.caches import live_sessions, session_memory, zipf_hit_rate
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, not_above, over_range
from reference.sizing.decoding import PrefixGain, prefix_gain
from reference.sizing.throughput import capacity
from reference.sizing.units import Q, Quantity, count, magnitude, show

from .assumptions import Q1Assumptions


def exact_hit_rate(a: Q1Assumptions, exponent: float) -> float:
    """Hits over all requests. Only the first turn of a session can hit: later ones carry a history of their own."""
    first_turns = a.sessions_per_user / magnitude(a.messages_per_user, "message/user/day")
    starts = magnitude(a.daily_users, "user") * a.sessions_per_user * magnitude(a.exact_ttl, "day")
    return min(first_turns, 1.0) * magnitude(zipf_hit_rate(a.distinct_texts, exponent, starts), "")


def _gain(a: Q1Assumptions, share: float) -> PrefixGain:
    in_flight = magnitude(capacity(a.instance, a.prompt, a.output).concurrency, "request")
    return prefix_gain(a.instance, a.prompt, a.output, share, batch=in_flight)


def _shared(a: Q1Assumptions) -> float:
    return min(magnitude(a.shared_prefix / a.prompt, ""), a.prefix_share_high)


@claim(
    "q1.exact-cache-15-percent",
    question=1,
    statement="An exact-match cache answers 15 % of the requests.",
    stated=0.15,
)
def exact_cache(a: Q1Assumptions, stated: float) -> Outcome:
    computed = exact_hit_rate(a, a.zipf_exponent)
    most = min(1.0, a.sessions_per_user / magnitude(a.messages_per_user, "message/user/day"))
    return over_range(
        computed,
        lambda exponent: exact_hit_rate(a, exponent) >= stated,
        variable="Zipf exponent of first questions",
        low=a.zipf_low,
        high=a.zipf_high,
        search=(0.0, 3.0),
        reason=f"only first turns can repeat, {most:.0%} of the messages, so 15 % asks for a hit on "
        f"{stated / most:.0%} of them; at exponent {a.zipf_exponent:g} over {a.distinct_texts:,} wordings it is "
        f"{computed:.1%}",
    )


@claim(
    "q1.prefix-cache-3x-ttft",
    question=1,
    statement="Caching the KV of the shared system prompt gives a 3x speed-up (of the time to the first token).",
    stated=3.0,
)
def prefix_ttft(a: Q1Assumptions, stated: float) -> Outcome:
    share = _shared(a)
    computed = _gain(a, share).ttft_ratio
    return over_range(
        computed,
        lambda hit: _gain(a, hit).ttft_ratio >= stated,
        variable="share of the prompt that is cached",
        low=share,
        high=a.prefix_share_high,
        search=(0.0, 1.0),
        reason=f"a system prompt of {count(a.shared_prefix, 'token/request')} tokens is {share:.0%} of a mean prompt "
        f"and makes the first token {computed:.2f}x faster",
    )


@claim(
    "q1.prefix-cache-3x-request",
    question=1,
    statement="The 3x speed-up from the KV-prefix cache is one of the whole request.",
    stated=3.0,
    implied=True,
)
def prefix_request(a: Q1Assumptions, stated: float) -> Outcome:
    share = _shared(a)
    gain = _gain(a, share)
    decode = magnitude((gain.e2e_cold - gain.ttft_cold) / gain.e2e_cold, "")
    return over_range(
        gain.e2e_ratio,
        lambda hit: _gain(a, hit).e2e_ratio >= stated,
        variable="share of the prompt that is cached",
        low=share,
        high=1.0,
        reason=f"decoding is {decode:.0%} of a request and no prefix cache shortens it: {gain.e2e_ratio:.2f}x at a "
        f"cached share of {share:.0%}",
    )


@claim(
    "q1.caching-saves-30-percent",
    question=1,
    statement="Caching lowers the total cost by 30 %.",
    stated=0.30,
)
def caching_saves(a: Q1Assumptions, stated: float) -> Outcome:
    cold = magnitude(capacity(a.instance, a.prompt, a.output).request_rate, "request/s")
    hits = exact_hit_rate(a, a.zipf_exponent)

    def saved(share: float) -> float:
        warm = magnitude(capacity(a.instance, a.prompt, a.output, cached=a.prompt * share).request_rate, "request/s")
        return 1 - (1 - hits) * cold / warm

    share = _shared(a)
    return over_range(
        saved(share),
        lambda hit: saved(hit) >= stated,
        variable="share of the prompt that is cached",
        low=0.0,
        high=a.prefix_share_high,
        reason=f"exact hits of {hits:.1%} and a cached share of {share:.0%} leave {1 - saved(share):.0%} of the "
        "GPU-time per message",
    )


@claim(
    "q1.sessions-fit-redis",
    question=1,
    statement="Sessions kept for 30 minutes fit in one Redis.",
    stated=Q(64, "GB"),
    implied=True,
)
def sessions_fit(a: Q1Assumptions, stated: Quantity) -> Outcome:
    starts = magnitude(a.daily_users, "user") * a.sessions_per_user
    alive = live_sessions(starts, a.session_length, a.session_ttl, a.diurnal * a.burst)
    memory = session_memory(alive, a.max_context * Q(1, "request"))
    return not_above(
        a.redis_node,
        memory,
        f"a TTL of {show(a.session_ttl)} keeps {count(alive, 'session')} sessions alive at the peak, {show(memory)} if "
        f"every one filled {count(a.max_context, 'token/request')} tokens, in a node of {show(a.redis_node)}",
    )
