"""The gateway beside LiteLLM's proxy: the rounds of `gateway_overhead`, paired."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.common import Result
from benchmarks.gateway_overhead import TOKENS, WORDS, all_targets, measure_hits, measure_misses
from benchmarks.peers.comparing import ROUNDS, Part, paired_ratio
from benchmarks.servers import litellm_version


def compare(quick: bool = False) -> Part:
    part = Part()
    notes: list[str] = []
    rounds, per_round, seconds, connections = (3, 10, 0.3, 8) if quick else (ROUNDS, 30, 1.0, 8)
    with tempfile.TemporaryDirectory(prefix="wb-peers-") as name, all_targets(Path(name), notes) as (stub, targets):
        others = [t for t in targets if t.name.startswith("LiteLLM")]
        if not others:
            part.leave_out("latency added to a miss; exact-cache hits per second", "LiteLLM", "; ".join(notes))
            return part
        scratch = Result("peers", "", {})
        misses = measure_misses(scratch, stub, targets, False, rounds, per_round)
        rates, cost = measure_hits(scratch, stub, targets[1:], rounds, seconds, connections)
    part.versions["litellm"] = litellm_version()
    base = misses["direct"]["total"]
    added = {t: [a - b for a, b in zip(misses[t]["total"], base, strict=True)] for t in misses if t != "direct"}
    for other in (o.name for o in others):
        rows = (
            ("added to a cache miss, p50", "ms", added, False),
            ("exact-cache hits on one core", "1/s", rates, True),
            ("CPU per exact-cache hit", "ms", cost, False),
        )
        for what, unit, found, more in rows:
            part.rows.append(paired_ratio(what, unit, other, found["gateway"], found[other], more_is_better=more))
    part.conditions = {
        "request": f"chat of {WORDS} words, max_tokens {TOKENS}, against a stub that answers at once",
        "sides": "gateway with keys, limits and guardrails on; LiteLLM with a master key and nothing else, one worker",
        "rounds": f"{rounds} of {per_round} misses, then {rounds} of {seconds:g} s of hits, targets in turns",
    }
    return part
