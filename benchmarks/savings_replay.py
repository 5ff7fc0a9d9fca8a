"""Six ways to a smaller bill on one replayed workload: dollars, quality, false hits, each alone and all in sequence.

Tokens are the gateway's own usage export; prices are the list's, of models that stand in for the local ones; quality is
that of the local models on messages whose intent is known.
"""

from __future__ import annotations

import sys

from benchmarks.common import Result

MACHINE, RATE = "l4", "minilm on two cores"


def run(quick: bool = False) -> Result:
    """`quick`: 20 requests."""
    from reference.rag.embedding.choice import default_query_embedder
    from reference.serving.engine import shared_engine
    from reference.serving.models import default_model_dir
    from reference.serving.savings import (
        Pricing,
        as_records,
        ladder,
        local_parts,
        make_workload,
        repeated,
        rows,
        tuned_threshold,
    )
    from reference.sizing.hardware import accelerator
    from reference.sizing.self_hosting import Hosting, measured_rate
    from reference.sizing.units import magnitude

    embedder = default_query_embedder()
    workload = make_workload(8, 8, 4, 50) if quick else make_workload(140, 200, 100, 1000)
    price = accelerator(MACHINE).price()
    pricing = Pricing(Hosting(measured_rate(RATE).tokens_per_s, magnitude(price.usd_per_gpu_hour, "USD/GPU/hour")))
    threshold = tuned_threshold(embedder.embed)
    result = Result(
        "savings_replay",
        "What does each strategy save on the same requests, and what does it cost in quality?",
        {
            "workload": workload.counts() | {"seed": workload.seed},
            "FAQ repeats": {name: round(share, 3) for name, share in repeated(workload.of("faq")).items()},
            "engine": "SmolLM2-135M-Instruct, greedy; every distinct request is generated once and played again",
            "small tier": "head on MiniLM trained on 1,600 labels; the router's threshold is that of a weaker head",
            "semantic cache": f"Qdrant in process, MiniLM, wording guard, cosine from {threshold:g}",
            "prices": f"list: {pricing.strong}, {pricing.small}, {pricing.embedder} stand in for the local models",
            "own machines": f"{RATE} ({pricing.hosting.tokens_per_s:g} tokens/s), at the price of {MACHINE} "
            f"({price.provider} {price.item}), at least {pricing.hosting.replicas}",
            "volume": f"{pricing.requests_per_month:,.0f} requests a month in this mix",
            "quality": "share of right intents; its quartiles are the 95 % interval (Wilson); loss is paired",
            "engine seconds": "time that the engine is busy, by what each distinct request took when it was generated",
        },
    )

    def say(line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)

    with local_parts(
        shared_engine(progress=None), embedder.embed, embedder.name, threshold=threshold,
        model_dir=default_model_dir(),
    ) as parts:  # fmt: skip
        found = rows(ladder(workload, parts, pricing, say=say))
    result.rows += as_records(found)
    for row in found:
        said = f"{row['kind']}, {row['strategy']}: {row['verdict']}"
        result.conclusions.append(f"{said}; {row['reason']}" if row["reason"] else said)
    return result
