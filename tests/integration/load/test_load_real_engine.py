"""Load on the real engine: its prefix cache stays out of the measurement, and the counts agree with its own."""

import pytest

from reference.serving.load import closed_loop

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROMPT, OUTPUT = 300, 8  # more than two cache blocks of 128 tokens


def test_random_prompts_never_hit_the_prefix_cache_and_token_counts_are_exact(engine, generator):
    where = (engine.base_url, engine.model, engine.api_key)
    before = engine.metrics()
    run = closed_loop(
        *where, concurrencies=[1, 2], prompt_tokens=PROMPT, output_tokens=OUTPUT, requests=2, generator=generator
    )
    after = engine.metrics()
    assert [(p.n, p.failed) for p in run.points] == [(2, 0), (2, 0)]
    assert {(p.prompt_tokens, p.output_tokens) for p in run.points} == {(PROMPT, OUTPUT)}
    asked = after["vllm:prefix_cache_queries_total"] - before["vllm:prefix_cache_queries_total"]
    assert asked >= PROMPT * (2 + 2 + 2 + 4)
    assert after["vllm:prefix_cache_hits_total"] == before["vllm:prefix_cache_hits_total"]
    assert run.conditions["server_version"]


def test_the_same_prompts_twice_do_hit_it(engine, generator):
    """The counter-check: with a seed the prompts repeat, and then the cache shows."""
    before = engine.metrics()["vllm:prefix_cache_hits_total"]
    for _ in range(2):
        closed_loop(
            engine.base_url, engine.model, engine.api_key, concurrencies=[1], prompt_tokens=PROMPT,
            output_tokens=OUTPUT, requests=1, seed=20_260_101, generator=generator,
        )  # fmt: skip
    assert engine.metrics()["vllm:prefix_cache_hits_total"] > before
