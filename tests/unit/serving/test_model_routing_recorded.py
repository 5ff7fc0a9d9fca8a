"""What is shipped: recorded answers, small models, routers. They must fit each other."""

from __future__ import annotations

import dataclasses
import gzip
import math
from collections import Counter

import numpy as np
import pytest

from reference.rag.embedding.choice import default_query_embedder
from reference.serving.model_routing import recording as recordings
from reference.serving.model_routing.curves import area_over_random, curve, operate
from reference.serving.model_routing.evaluation import cross_fit, curves_of, fit, judged_of
from reference.serving.model_routing.extraction import ORDER, PRODUCT
from reference.serving.model_routing.questions import questions
from reference.serving.model_routing.recording import (
    FEW,
    HEADS,
    MANY,
    MODELS,
    SOME,
    STRONG,
    WEAK_LLM,
    shipped_recording,
)
from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.shipped import (
    save_scores,
    shipped_chooser,
    shipped_router,
    shipped_scores,
    shipped_small,
)
from reference.serving.model_routing.small_model import one_by_one
from reference.serving.model_routing.small_tasks import FINANCE, INTENT, LANGUAGE_MODEL, RULE, small_tasks


@pytest.fixture(scope="module")
def recorded():
    return shipped_recording()


@pytest.fixture(scope="module")
def some(recorded):
    """Every seventh question with its vector."""
    rows = list(range(0, len(recorded.rows), 7))
    return rows, one_by_one(default_query_embedder().embed, [recorded.rows[k].question.text for k in rows])


def test_the_recording_holds_the_questions_that_the_code_makes(recorded):
    assert [row.question for row in recorded.rows] == list(questions(20))
    assert Counter(row.question.split for row in recorded.rows).keys() == {"train", "calibration", "held-out"}


def test_the_recording_says_where_it_was_made(recorded):
    header = recorded.header
    assert header["machine"]["processor"]
    assert header["versions"]["vllm"]
    assert header["command"].startswith("python -m benchmarks")
    assert set(header["seconds_per_question"]) == {*MODELS, ORDER, PRODUCT}
    assert header["n"] == len(recorded.rows)


def test_recorded_correctness_follows_from_the_recorded_answers(recorded):
    for row in recorded.rows:
        for name in MODELS:
            assert row.outcomes[name].correct == (row.outcomes[name].answer == row.question.intent)


def test_more_labels_make_a_better_small_model_and_a_shorter_training_a_worse_adapter(recorded):
    quality = {name: recorded.correct(name).mean() for name in MODELS}
    assert quality[FEW] < quality[SOME] < quality[MANY]
    assert quality[WEAK_LLM] < quality[STRONG]


def test_shipped_small_models_give_the_recorded_answers(recorded, some):
    rows, vectors = some
    for name in HEADS:
        said = [label for label, _ in shipped_small(name, default_query_embedder().name).answer(vectors)]
        same = [answer == recorded.rows[k].outcomes[name].answer for k, answer in zip(rows, said, strict=True)]
        assert np.mean(same) > 0.99, name


@pytest.mark.parametrize("kind", ["router", "cascade"])
def test_shipped_routers_send_the_easier_questions_to_the_small_model(recorded, some, kind):
    rows, vectors = some
    router = shipped_router(kind, SOME, default_query_embedder().name)
    assert 0 < router.threshold < 1
    texts = [recorded.rows[k].question.text for k in rows]
    sent = router.scores(vectors, texts, shipped_small(SOME)) >= router.threshold
    right = recorded.correct(SOME)[rows]
    assert right[sent].mean() > right[~sent].mean() + 0.1


def test_the_shipped_chooser_answers_for_both_tiers_and_takes_another_threshold():
    embed = default_query_embedder().embed
    chooser = shipped_chooser(embed)
    easy, hard = (
        chooser.choose("please refund the lamp"),
        chooser.choose("forget a product, I see code 7 and nothing else"),
    )
    assert easy.tier == "small"
    assert hard.score < easy.score
    assert shipped_chooser(embed, threshold=math.inf).choose("please refund the lamp").tier == "strong"
    assert shipped_chooser(embed, threshold=0.0).version != chooser.version


@pytest.mark.slow
def test_training_on_a_part_of_the_recording_gives_a_router_that_is_judged_on_other_sentences(recorded, some):
    rows, vectors = some
    part = dataclasses.replace(recorded, rows=tuple(recorded.rows[k] for k in rows))
    found = fit(part, vectors, "minilm", "cascade", small=shipped_small(SOME))
    assert {part.rows[k].question.split for k in found.rows} == {"held-out"}
    assert found.judged.groups == tuple(part.rows[k].question.template for k in found.rows)
    every = cross_fit(part, vectors, "minilm", kind="cascade", small=shipped_small(SOME))
    assert sorted(every.rows) == list(range(len(rows)))
    texts = [part.rows[k].question.text for k in every.rows]
    named = curves_of(every.judged, every.scores, texts, "cascade")
    assert named["oracle"].quality.max() > named["cascade"].quality.max() > every.judged.strong_quality


def test_kept_scores_belong_to_the_recording_and_beat_a_coin(tmp_path, recorded):
    for weak in HEADS:
        kept = shipped_scores("cascade", weak)
        assert len(kept.judged) == len(recorded.rows)
        right = recorded.correct(weak)
        assert kept.scores[right].mean() > kept.scores[~right].mean() + 0.1
        assert area_over_random(curve("cascade", kept.scores, kept.judged), kept.judged) > 0.01
    other = dataclasses.replace(recorded, rows=recorded.rows[:-1])
    one = shipped_scores()
    save_scores({("cascade", SOME): one}, recorded, tmp_path)
    again = shipped_scores(folder=tmp_path)
    assert (again.to_small == one.to_small).all()
    with pytest.raises(RoutingError, match="weak"):
        shipped_scores("router", SOME, tmp_path)
    save_scores({("cascade", SOME): one}, other, tmp_path)
    with pytest.raises(RoutingError, match="another recording"):
        shipped_scores(folder=tmp_path)


def test_a_cascade_pays_for_the_small_model_and_a_router_for_its_choice(recorded):
    seconds = recorded.header["seconds_per_question"]
    nobody = np.zeros(len(recorded.rows), bool)
    for kind in ("router", "cascade"):
        share = judged_of(recorded, kind=kind).cost_share(nobody)
        assert share == pytest.approx(1 + seconds[SOME] / seconds[STRONG])


@pytest.mark.slow
def test_every_simple_task_is_done_by_a_language_model_and_by_something_smaller(recorded):
    found = {(one.task, one.by): one for one in small_tasks(recorded)}
    for task in (INTENT, FINANCE, ORDER, PRODUCT):
        assert (task, LANGUAGE_MODEL) in found
        smaller = [one for (name, by), one in found.items() if name == task and by != LANGUAGE_MODEL]
        for one in smaller:
            assert one.low <= one.quality <= one.high
            assert one.seconds_per_1000 < found[task, LANGUAGE_MODEL].seconds_per_1000 / 4
    assert found[ORDER, RULE].quality > 0.98


def test_quality_of_one_model_alone_has_an_interval_over_sentences(recorded):
    one = operate("", np.ones(len(recorded.rows), bool), judged_of(recorded))
    by_questions = 1.96 * math.sqrt(one.quality * (1 - one.quality) / one.n)
    assert one.quality_high - one.quality > 1.5 * by_questions


def test_a_written_recording_is_read_again_and_gives_the_same_bytes(tmp_path, recorded):
    part = dataclasses.replace(recorded, rows=recorded.rows[:30])
    recordings.write(part, tmp_path / "a.gz")
    again = recordings.read(tmp_path / "a.gz")
    assert again.rows == part.rows
    recordings.write(again, tmp_path / "b.gz")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_changed_or_damaged_recording_is_refused(tmp_path, recorded):
    path = tmp_path / "a.gz"
    recordings.write(dataclasses.replace(recorded, rows=recorded.rows[:5]), path)
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace("true", "false", 1).encode()))
    with pytest.raises(RoutingError, match="sha256"):
        recordings.read(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(RoutingError, match=r"cannot be read|damaged"):
        recordings.read(path)
    with pytest.raises(RoutingError, match="cannot be read"):
        recordings.read(tmp_path / "none.gz")
    with pytest.raises(RoutingError, match="split"):
        recorded.of("validation")
