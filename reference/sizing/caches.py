"""Hit rate of an exact-match cache on a Zipf workload, and the memory of sessions kept for a while."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

from .bands import checked
from .units import Q, Quantity, magnitude

_EXACT_RANKS = 1000


def _zipf_ranks(distinct: int, exponent: float) -> Iterator[tuple[float, float]]:
    """(number of items, weight of each): the first thousand ranks one by one, the long tail in geometric steps."""
    for rank in range(1, min(distinct, _EXACT_RANKS) + 1):
        yield 1.0, rank**-exponent
    low = _EXACT_RANKS + 1
    while low <= distinct:
        high = min(distinct, max(low, math.floor(low * 1.02)))
        yield high - low + 1.0, ((low + high) / 2) ** -exponent
        low = high + 1


@checked
def zipf_hit_rate(distinct: int, exponent: float, requests_per_ttl: float) -> Annotated[Quantity, "fraction"]:
    """Share of requests answered by a cache whose entries live one TTL from the miss that made them.

    Independent requests over `distinct` texts with popularity rank^-exponent; `requests_per_ttl` of them arrive during
    one TTL. An entry asked for x times a TTL is hit x / (1 + x) of the time (renewal argument, hits do not
    extend the TTL). Memory is taken as unlimited.
    """
    if isinstance(distinct, bool) or not isinstance(distinct, int) or distinct < 1:
        raise ValueError(f"distinct must be a whole number of at least 1, got {distinct!r}")
    if exponent < 0 or requests_per_ttl < 0:
        raise ValueError(f"exponent and requests_per_ttl must not be negative, got {exponent} and {requests_per_ttl}")
    ranks = list(_zipf_ranks(distinct, exponent))
    total = sum(count * weight for count, weight in ranks)
    hits = 0.0
    for count, weight in ranks:
        share = weight / total
        asked = share * requests_per_ttl
        hits += count * share * asked / (1 + asked)
    return Q(hits, "")


@checked
def live_sessions(
    sessions_per_day: float,
    length: Annotated[Quantity, "duration"],
    ttl: Annotated[Quantity, "duration"],
    peak: float = 1,
) -> Annotated[Quantity, "sessions"]:
    """Sessions in the store at once: started at the peak rate, kept for their length plus the sliding TTL (Little)."""
    if sessions_per_day < 0 or peak < 1:
        raise ValueError(f"sessions_per_day must not be negative and peak at least 1, got {sessions_per_day}, {peak}")
    kept = magnitude(length, "s", "length") + magnitude(ttl, "s", "ttl")
    return Q(sessions_per_day / 86400 * peak * kept, "session")


@checked
def session_memory(
    sessions: Annotated[Quantity, "sessions"],
    tokens: Annotated[Quantity, "tokens"],
    bytes_per_token: float = 6.0,
    overhead_bytes: float = 1024.0,
) -> Annotated[Quantity, "storage"]:
    """Memory of the session store. 6 bytes a token: about 4 of text, the rest JSON; plus per-key overhead."""
    if bytes_per_token <= 0 or overhead_bytes < 0:
        raise ValueError("bytes_per_token must be positive and overhead_bytes not negative")
    return Q(
        magnitude(sessions, "session")
        * (magnitude(tokens, "token", "tokens") * bytes_per_token + overhead_bytes)
        / 1e9,
        "GB",
    )
