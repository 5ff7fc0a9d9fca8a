"""What a shorter prompt saves and what it costs in right answers, through the gateway on the shared engine.

The task is question 3's (one of eight intents for a customer's message), the model SmolLM2-135M-Instruct without an
adapter. Greedy, every message once per variant, so that losses are paired.
"""

from __future__ import annotations

import sys

from benchmarks.common import Result

MESSAGES, MAX_LOSS, STAND_IN = 320, 0.05, "gpt-4"


def run(quick: bool = False) -> Result:
    """`quick`: 16 messages and three variants."""
    from reference.rag.embedding.choice import default_query_embedder
    from reference.serving.engine import shared_engine
    from reference.serving.gateway import engine_settings, run_in_thread
    from reference.serving.prompt_economy import VARIANTS, Examples, as_records, measure, table
    from reference.serving.redis_store import private_redis
    from reference.serving.rollout.versions.task import make, test_cases
    from reference.sizing.bill.prices import model_price

    cases = test_cases()[: 16 if quick else MESSAGES]
    variants = VARIANTS[:1] + VARIANTS[4:6] if quick else VARIANTS
    result = Result(
        "prompt_economy",
        "How many tokens can a prompt lose before its answers get worse?",
        {
            "model": "SmolLM2-135M-Instruct, greedy, through the gateway (guards and caches off)",
            "task": f"one of eight intents, {len(cases)} test messages of question 3, examples from 1,600 others",
            "quality": "share of right answers; its quartiles are the 95 % interval (Wilson)",
            "loss": "paired with the prompt as found; 'at most' is the upper end of the 95 % interval (Agresti, Min)",
            "price": f"list price of {STAND_IN} as a stand-in; no provider cache (prompts are below 1,024 tokens)",
            "max_loss": MAX_LOSS,
        },
    )
    examples = Examples(make(1600, seed=7, test=False), default_query_embedder().embed)
    engine = shared_engine(progress=None)
    with private_redis() as redis:
        settings = engine_settings(
            engine, redis_url=redis.url, guardrails=False, cache_enabled=False, default_rpm=10**6,
            default_tpm=6 * 10**7, log_level="ERROR",
        )  # fmt: skip
        found = []
        with run_in_thread(settings) as gateway, gateway.client(timeout=300) as client:
            for variant in variants:
                found.append(measure(variant, cases, client, engine.model, examples))
                one = found[-1]
                print(
                    f"  {variant.name}: {one.quality:.1%}, {one.mean('input'):.0f} tokens", file=sys.stderr, flush=True
                )
    rows = table(found, found[0], model_price(STAND_IN), MAX_LOSS)
    result.rows += as_records(rows)
    result.conclusions += [f"{row['variant']}: {row['reason']}" for row in rows[1:]]
    result.conclusions += [f"{row['variant']}: {row['failed']} requests failed" for row in rows if row["failed"]]
    return result
