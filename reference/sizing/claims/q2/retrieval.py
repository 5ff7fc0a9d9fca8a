"""Question 2, search: requests in flight, the fan-out of query expansion, replicas, and what is left when one fails."""

from __future__ import annotations

from reference.sizing.caches import zipf_hit_rate
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_range, reaches
from reference.sizing.queueing import littles_law
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q2Assumptions
from .stages import dense_rate, instances, stage_times


@claim(
    "q2.in-flight",
    question=2,
    statement="1,000 queries a second that take 2 s each are 2,000 in flight.",
    stated=Q(2000, "request"),
)
def in_flight(a: Q2Assumptions, stated: Quantity) -> Outcome:
    computed = littles_law(a.query_rate, a.latency_target)
    means = sum(mean for mean, _ in stage_times(a).values())
    return close_to(
        stated,
        computed,
        f"Little's law at the limit; at the mean of the stages' own times, {show(Q(means, 's'))}, there are "
        f"{a.rate * means:,.0f}",
    )


@claim(
    "q2.replica-500",
    question=2,
    statement="One replica of the vector store does about 500 searches a second.",
    stated=500,
)
def replica_rate(a: Q2Assumptions, stated: float) -> Outcome:
    computed = dense_rate(a)
    return reaches(
        a.stated_replica_rate,
        computed,
        f"{a.node_cores} cores, each search {show(a.search_time_384.to('ms'))} at 384 dimensions scaled to "
        f"{a.dimension:,}, and {show(a.search_overhead.to('ms'))} in the server: {computed:,.0f}/s",
    )


@claim(
    "q2.three-replicas",
    question=2,
    statement="Three replicas at 500 are a capacity of 1,500 queries a second.",
    stated=1500,
)
def three_replicas(a: Q2Assumptions, stated: float) -> Outcome:
    computed = a.stated_replicas * a.stated_replica_rate
    return close_to(stated, computed, f"{a.stated_replicas} x {a.stated_replica_rate:g} = {computed:,.0f} searches/s")


@claim(
    "q2.searches-per-query",
    question=2,
    statement="A capacity of 1,500 is enough for 1,000 queries a second whose wording is varied three times.",
    stated=1500,
    implied=True,
)
def fan_out(a: Q2Assumptions, stated: float) -> Outcome:
    there = a.stated_replicas * a.stated_replica_rate
    return enough(
        there,
        a.search_rate,
        f"the question and its {a.variations} variations are {a.searches_per_query} searches: {a.search_rate:,.0f}/s "
        f"in each index ({a.rate * max(1, a.variations):,.0f}/s if the original were dropped) against {there:,.0f}/s",
    )


@claim(
    "q2.survives-a-replica",
    question=2,
    statement="With one replica down the others still carry the load.",
    stated=Q(3, "replica"),
    implied=True,
)
def survives(a: Q2Assumptions, stated: Quantity) -> Outcome:
    left = (a.stated_replicas - 1) * a.stated_replica_rate
    needed = instances(a, a.search_rate, a.stated_replica_rate)
    return enough(
        Q(a.stated_replicas, "replica"),
        Q(needed, "replica"),
        f"{a.stated_replicas - 1} replicas do {left:,.0f} searches/s for {a.rate:,.0f} queries/s, which are "
        f"{a.search_rate:,.0f} searches/s with the variations; "
        f"below {a.utilisation_ceiling:.0%} and with {a.spare} spare it takes {needed}",
    )


@claim(
    "q2.fused-20",
    question=2,
    statement="The 20 passages left after fusion are all that the searches of 20 each have found.",
    stated=20,
    implied=True,
)
def fused(a: Q2Assumptions, stated: float) -> Outcome:
    lists = 2 * a.searches_per_query

    def found(overlap: float) -> float:
        return a.per_list * (1 + (lists - 1) * (1 - overlap))

    return over_range(
        found(a.list_overlap),
        lambda overlap: found(overlap) <= a.candidates,
        variable="share of a list that the lists before it hold",
        low=a.list_overlap_low,
        high=a.list_overlap_high,
        search=(0.0, 1.0),
        reason=f"{a.searches_per_query} wordings in 2 indexes are {lists} lists of {a.per_list}, with an overlap of "
        f"{a.list_overlap:.0%} {found(a.list_overlap):.0f} different passages: fusion drops all but {a.candidates}, "
        "unread by the reranker",
    )


@claim(
    "q2.lexical-3-nodes",
    question=2,
    statement="A BM25 cluster of 3 nodes is more than enough, for there are only 10,000 documents.",
    stated=Q(3, "replica"),
)
def lexical(a: Q2Assumptions, stated: Quantity) -> Outcome:
    needed = instances(a, a.search_rate, a.lexical_rate * a.node_cores)
    return over_range(
        Q(needed, "replica"),
        lambda rate: instances(a, a.search_rate, rate * a.node_cores) <= a.stated_lexical_nodes,
        variable="searches/s of one core",
        low=a.lexical_rate_low,
        high=a.lexical_rate_high,
        search=(1.0, 1e5),
        reason=f"the number of documents decides the time of one search, the {a.search_rate:,.0f} searches/s decide "
        f"the nodes: {needed} of {a.node_cores} cores at {a.lexical_rate:g}/s each",
    )


@claim(
    "q2.precomputed-embeddings",
    question=2,
    statement="Query embeddings are computed ahead of time.",
    stated=0.95,
)
def precomputed(a: Q2Assumptions, stated: float) -> Outcome:
    per_day = a.rate * a.average_share * 86_400

    def share(exponent: float) -> float:
        return magnitude(zipf_hit_rate(a.distinct_queries, exponent, per_day), "")

    return over_range(
        share(a.zipf_exponent),
        lambda exponent: share(exponent) >= a.precomputed_share,
        variable="popularity exponent",
        low=a.zipf_low,
        high=a.zipf_high,
        search=(0.1, 3.0),
        reason=f"only a wording seen before has one: {share(a.zipf_exponent):.0%} of the queries if a day of them is "
        f"kept and wordings are {a.distinct_queries:,}; variations that an LLM has just written are never among them",
    )
