"""Prompts and the replay on the real engine, with the heads, the router and the Qdrant tier that the project ships."""

import pytest

from reference.rag.embedding.choice import default_query_embedder
from reference.serving.models import default_model_dir
from reference.serving.prompt_economy import Examples, Variant, measure
from reference.serving.rollout.versions.task import INTENTS, make, test_cases
from reference.serving.savings import Switches, local_parts, make_workload, replay

pytestmark = pytest.mark.engine
WORK = make_workload(8, 12, 4, 5, seed=2)


@pytest.fixture(scope="module")
def parts(engine):
    embedder = default_query_embedder()
    with local_parts(engine, embedder.embed, embedder.name, threshold=0.6, model_dir=default_model_dir()) as found:
        yield found


def test_near_examples_are_worth_more_than_none_and_a_bounded_answer_is_always_an_intent(engine):
    examples = Examples(make(400, seed=7, test=False), default_query_embedder().embed)
    cases = test_cases()[:32]
    with engine.client(timeout=300) as client:
        near = measure(Variant("near", examples=2), cases, client, engine.model, examples)
        none = measure(Variant("none", examples=0), cases, client, engine.model, examples)
    assert near.failed == none.failed == 0
    assert {reply.text for reply in near.replies + none.replies} <= set(INTENTS)
    assert near.interval[0] > none.quality
    assert near.mean("output") <= 4


def test_the_tape_says_what_the_engine_says_and_the_export_has_the_engines_own_tokens(engine, parts):
    first = replay(WORK, Switches(), parts)
    assert first.failed == 0
    said = [parts.tape.answers[digest]["usage"] for digest in parts.tape.asked]
    assert sum(row["input_tokens"] for row in first.usage) == sum(one["prompt_tokens"] for one in said)
    assert sum(row["output_tokens"] for row in first.usage) == sum(one["completion_tokens"] for one in said)
    recorded = parts.tape.recorded
    again = replay(WORK, Switches(), parts)
    assert parts.tape.recorded == recorded
    assert [one.text for one in again.answers] == [one.text for one in first.answers]
    assert first.engine_s > 0


def test_all_six_strategies_together_answer_everything_with_less_of_the_strong_tier(parts):
    before, after = replay(WORK, Switches(), parts), replay(WORK, Switches(*[True] * 6), parts)
    assert after.failed == 0
    assert after.false_hits == 0
    assert after.exact_hits + after.similar_hits > 0  # a wording that a similar one served is served so again
    strong = [sum(row["input_tokens"] for row in one.usage if row["tier"] == "strong") for one in (before, after)]
    assert strong[1] < 0.5 * strong[0]
    assert {one.text for one in after.answers if one.tier == "small"} <= set(INTENTS)
    assert {one.tier for one in after.answers if one.request.feature == "backlog"} == {"small"}
